/* tests/fuzz/step-record-fuzz.c - any bytes as what a step says. */
#include <config.h>

#include "tests/fuzz/fuzz.h"

#include <math.h>
#include "harness/fault.h"
#include "harness/step_record.h"

struct seen {
    int64_t count, line;
};

static bool
on_record(void *owner, const struct step_record *record,
          struct fault *why UNUSED)
{
    struct seen *seen = owner;

    must(record->verb > STEP_VERB_NONE && record->verb < STEP_VERB_COUNT);
    must(record->line > seen->line);
    must(strlen(record->name) <= STEP_RECORD_LINE_MAX);
    must(strlen(record->text) <= STEP_RECORD_LINE_MAX);
    must(record->verb != STEP_VERB_CASE ||
         (record->status >= STEP_CASE_PASS &&
          record->status <= STEP_CASE_SKIP));
    must(record->verb != STEP_VERB_METRIC || isfinite(record->value));
    must(record->done <= record->total);
    must(record->verb != STEP_VERB_BLAME || record->lane != NULL);
    seen->line = record->line;
    seen->count++;
    return true;
}

static void
feed(const uint8_t *data, size_t bytes, size_t piece, struct seen *seen,
     struct fault *fault)
{
    struct step_records records;
    size_t at, n;

    step_records_init(&records, on_record, seen);
    for (at = 0; at < bytes; at += n) {
        n = bytes - at < piece ? bytes - at : piece;
        step_records_feed(&records, data + at, n);
    }
    step_records_end(&records);
    must(!records.broken || records.fault.kind == FAULT_DATA);
    /* Bytes that do not end in a newline cannot be whole. */
    must(bytes == 0 || data[bytes - 1] == '\n' || records.broken);
    *fault = records.fault;
    step_records_fini(&records);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    struct seen whole = {0, 0}, pieces = {0, 0};
    struct fault a, b;

    /* How the bytes arrive changes nothing. */
    feed(data, bytes, bytes > 0 ? bytes : 1, &whole, &a);
    feed(data, bytes, 7, &pieces, &b);
    must(whole.count == pieces.count && whole.line == pieces.line);
    must(a.kind == b.kind && strcmp(a.text, b.text) == 0);
    return 0;
}
