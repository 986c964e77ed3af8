/* tests/harness/step-record-test.c - what a step may say on descriptor 3. */
#include <config.h>

#include "tests/tap.h"

#include "harness/buf.h"
#include "harness/mem.h"
#include "harness/step_record.h"

static struct buf seen;

/* One line a record, in a form that shows every field. */
static bool
on_record(void *owner, const struct step_record *r, struct fault *why)
{
    (void)owner;
    buf_addf(&seen, "%" PRId64 " %s [%s]", r->line, step_verb_name(r->verb),
             r->name);
    if (r->verb == STEP_VERB_CASE)
        buf_addf(&seen, " %s", step_case_status_name(r->status));
    if (r->verb == STEP_VERB_METRIC)
        buf_addf(&seen, " %g %s %s", r->value, r->unit,
                 r->higher ? "higher" : "lower");
    if (r->verb == STEP_VERB_PROGRESS)
        buf_addf(&seen, " %" PRId64 "/%" PRId64, r->done, r->total);
    if (r->verb == STEP_VERB_BLAME)
        buf_addf(&seen, " %s", r->lane);
    buf_addf(&seen, " [%s]\n", r->text);
    if (r->verb == STEP_VERB_SET && strcmp(r->name, "refused") == 0)
        return fault_set(why, FAULT_DATA, "set refused: no");
    return true;
}

static void
feed(struct step_records *records, const char *data, size_t bytes,
     size_t piece)
{
    size_t at, n;

    buf_reset(&seen);
    step_records_init(records, on_record, NULL);
    for (at = 0; at < bytes; at += n) {
        n = bytes - at < piece ? bytes - at : piece;
        step_records_feed(records, data + at, n);
    }
    step_records_end(records);
}

static const struct {
    const char *line, *seen;
} GOOD[] = {
    {"case a pass\n", "1 case [a] pass []\n"},
    {"case a/b.c:d fail it  broke \n",
     "1 case [a/b.c:d] fail [it  broke]\n"},
    {" case\ta\tskip\tx\n", "1 case [a] skip [x]\n"},
    {"case a pass caf\xc3\xa9\n", "1 case [a] pass [caf\xc3\xa9]\n"},
    {"metric boot 1.5 s lower\n", "1 metric [boot] 1.5 s lower []\n"},
    {"metric iops 1e6 1/s higher\n",
     "1 metric [iops] 1e+06 1/s higher []\n"},
    {"metric neg -3 x lower\nmetric neg -4 x lower\n",
     "1 metric [neg] -3 x lower []\n2 metric [neg] -4 x lower []\n"},
    {"set a b c\n", "1 set [a] [b c]\n"},
    {"set a\n", "1 set [a] []\n"},
    {"attach x/y.log\n", "1 attach [x/y.log] [file]\n"},
    {"attach /var/log/x log\n", "1 attach [/var/log/x] [log]\n"},
    {"progress 0/0\n", "1 progress [] 0/0 []\n"},
    {"progress 3/10 installing\n", "1 progress [] 3/10 [installing]\n"},
    {"blame host no answer\n", "1 blame [] host [no answer]\n"},
    {"", ""},
};

/* Every one breaks the step, names its line, and ends the reading. */
static const struct {
    const char *data;
    size_t bytes;               /* 0: strlen */
    const char *why;
} BAD[] = {
    {"\n", 0, "line 1: an empty line"},
    {"case a pass\n   \n", 0, "line 2: an empty line"},
    {"PASS\n", 0, "line 1: unknown verb \"PASS\""},
    {"none a\n", 0, "line 1: unknown verb"},
    {"case\n", 0, "line 1: case without a valid id"},
    {"case -a pass\n", 0, "case without a valid id"},
    {"case a\n", 0, "case a without a result"},
    {"case a passed\n", 0, "result is not pass, fail or skip"},
    {"case a missing\n", 0, "result is not pass, fail or skip"},
    {"case a none\n", 0, "result is not pass, fail or skip"},
    {"case a pass\ncase b pass\ncase a pass\n", 0,
     "line 3: case a is reported twice"},
    {"metric\n", 0, "metric without a valid name"},
    {"metric a\n", 0, "not a finite number"},
    {"metric a x s lower\n", 0, "not a finite number"},
    {"metric a nan s lower\n", 0, "not a finite number"},
    {"metric a inf s lower\n", 0, "not a finite number"},
    {"metric a 1e999 s lower\n", 0, "not a finite number"},
    {"metric a 1,5 s lower\n", 0, "not a finite number"},
    {"metric a 1\n", 0, "no unit"},
    {"metric a 1 s\n", 0, "higher or lower"},
    {"metric a 1 s better\n", 0, "higher or lower"},
    {"metric a 1 s lower x\n", 0, "more than four words"},
    {"set\n", 0, "set without a valid name"},
    {"set a=b\n", 0, "set without a valid name"},
    {"set refused x\n", 0, "line 1: set refused: no"},
    {"attach\n", 0, "attach without a path"},
    {"attach a b c\n", 0, "more than two words"},
    {"attach a !\n", 0, "the kind is not a name"},
    {"progress\n", 0, "without N/M"},
    {"progress 5\n", 0, "without N/M"},
    {"progress 5/3\n", 0, "N <= M"},
    {"progress -1/3\n", 0, "N <= M"},
    {"progress 1/99999999999\n", 0, "N <= M"},
    {"blame\n", 0, "not host, harness, test or product"},
    {"blame me x\n", 0, "not host, harness, test or product"},
    {"blame unknown x\n", 0, "not host, harness, test or product"},
    {"blame host\n", 0, "blame host without a text"},
    {"case a pass", 0, "line 1: cut short"},
    {"case a pass\ncase b", 0, "line 2: cut short"},
    {"case a\0pass\n", 12, "a NUL byte"},
    {"\0\n", 2, "a NUL byte"},
    {"case a pass \x01\n", 0, "control byte 0x01"},
    {"case a pass\r\n", 0, "control byte 0x0d"},
    {"case a pass \x1b[31m\n", 0, "control byte 0x1b"},
    {"case a pass \xff\n", 0, "not UTF-8"},
    {"case a pass \xc0\xaf\n", 0, "not UTF-8"},
    {"case a pass \xed\xa0\x80\n", 0, "not UTF-8"},
    {"case a pass \xe2\x82\n", 0, "not UTF-8"},
};

static void
test_tables(void)
{
    struct step_records r;
    size_t i, piece, bytes;

    for (i = 0; i < ARRAY_LEN(GOOD); i++)
        for (piece = 1; piece < 100; piece += 98) {
            feed(&r, GOOD[i].line, strlen(GOOD[i].line), piece);
            is_str(buf_text(&seen), GOOD[i].seen, "good %zu in pieces of %zu",
                   i, piece);
            ok(!r.broken, "and not broken: %s", r.fault.text);
            step_records_fini(&r);
        }
    for (i = 0; i < ARRAY_LEN(BAD); i++) {
        bytes = BAD[i].bytes > 0 ? BAD[i].bytes : strlen(BAD[i].data);
        feed(&r, BAD[i].data, bytes, 3);
        ok(r.broken, "bad %zu is broken", i);
        has_str(r.fault.text, BAD[i].why, "and says why");
        has_str(r.fault.text, "record line ", "and where");
        step_records_fini(&r);
    }
}

static void
test_limits(void)
{
    struct step_records r;
    struct buf text = BUF_INIT;
    int i;

    buf_adds(&text, "set a ");
    while (text.len < STEP_RECORD_LINE_MAX)
        buf_addc(&text, 'x');
    buf_addc(&text, '\n');
    feed(&r, text.data, text.len, 1000);
    ok(!r.broken, "the longest line");
    step_records_fini(&r);
    text.data[text.len - 1] = 'x';
    buf_addc(&text, '\n');
    feed(&r, text.data, text.len, 1000);
    ok(r.broken, "one byte more is broken");
    has_str(r.fault.text, "record line 1: longer than", "and says so");
    step_records_fini(&r);

    /* No newline at all, for ever: the memory stays small. */
    step_records_init(&r, NULL, NULL);
    for (i = 0; i < 10000; i++)
        step_records_feed(&r, text.data, 1000);
    ok(r.broken && r.line.cap <= 2 * STEP_RECORD_LINE_MAX,
       "an endless line costs nothing");
    step_records_fini(&r);

    step_records_init(&r, NULL, NULL);
    for (i = 0; i <= STEP_RECORD_COUNT_MAX && !r.broken; i++) {
        buf_reset(&text);
        buf_addf(&text, "case c%d pass\n", i);
        step_records_feed(&r, text.data, text.len);
    }
    is_int(i, STEP_RECORD_COUNT_MAX + 1, "so many records are too many");
    ok(r.broken, "and broken");
    ok(step_records_has_case(&r, "c77") && !step_records_has_case(&r, "x"),
       "cases are remembered");
    step_records_fini(&r);
    buf_free(&text);
}

static void
test_stops(void)
{
    struct step_records r;

    feed(&r, "case a pass\nwhat\ncase b pass\n", 28, 100);
    is_str(buf_text(&seen), "1 case [a] pass []\n",
           "what was said before counts, after it nothing");
    step_records_fini(&r);
}

int
main(void)
{
    test_tables();
    test_limits();
    test_stops();
    buf_free(&seen);
    return tap_done();
}
