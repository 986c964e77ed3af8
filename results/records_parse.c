/* results/records_parse.c - the results of a flight from lines of a mail.
 *
 * Anyone may have written them: all is checked, and what a list must be sorted
 * by is. */
#include <config.h>

#include "results/records.h"

#include <inttypes.h>

#include "harness/arena.h"
#include "harness/buf.h"
#include "harness/fault.h"
#include "harness/fs.h"
#include "results/evidence.h"
#include "results/records_private.h"

#define FIELDS_MAX 11

struct reader {
    const char *name;
    struct arena *arena;
    int line;                   /* of the record, for messages */
    struct evidence *evidence;
    struct evidence_build *build, *builds;
    struct evidence_host *hosts;
    struct evidence_pair *trees;
    struct evidence_job *job, *jobs;
    struct evidence_step *step;
    struct evidence_pointer *pointer;   /* that "at" may set; NULL: none */
    struct evidence_pointer *at;        /* that "byte" may; NULL: none */
    const char *field[FIELDS_MAX];
    const char *text;           /* "" when there is none */
};

static bool
bad(const struct reader *reader, struct fault *why, const char *what)
{
    return fault_set(why, FAULT_DATA, "%s:%d: %s", reader->name, reader->line,
                     what);
}

/* One more element at the end of 'list', which has 'count'. */
static void *
more(struct reader *reader, const void *list, size_t count, size_t bytes)
{
    void *grown;

    if (count >= 4 && (count & (count - 1)) != 0)
        return (void *)(uintptr_t)list;
    if (count > 0 && count < 4)
        return (void *)(uintptr_t)list;
    grown = arena_alloc(reader->arena, (count < 4 ? 4 : count * 2) * bytes);
    if (count > 0)
        memcpy(grown, list, count * bytes);
    return grown;
}

/* Fields ------------------------------------------------------------------- */

static int
hex_value(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'A' && c <= 'F' ? c - 'A' + 10
        : -1;
}

static bool
unescape(struct reader *reader, const char *from, size_t bytes,
         const char **out, struct fault *why)
{
    char *to = arena_alloc(reader->arena, bytes + 1);

    *out = to;
    for (size_t i = 0; i < bytes; i++) {
        int high, low;

        if ((unsigned char)from[i] < 0x20 || (unsigned char)from[i] >= 0x7f)
            return bad(reader, why, "there is something else than plain "
                       "text");
        if (from[i] != '%') {
            *to++ = from[i];
            continue;
        }
        high = bytes - i > 2 ? hex_value(from[i + 1]) : -1;
        low = bytes - i > 2 ? hex_value(from[i + 2]) : -1;
        if (high < 0 || low < 0 || high + low == 0)
            return bad(reader, why, "a percent sign does not stand before "
                       "two hexadecimal digits");
        *to++ = (char)(high * 16 + low);
        i += 2;
    }
    /* As in the database, which all else is used to. */
    for (const char *p = *out; p < to;) {
        size_t span = utf8_span(p, (size_t)(to - p));

        if (span == 0)
            return bad(reader, why, "a text is not UTF-8");
        p += span;
    }
    return true;
}

static bool
split(struct reader *reader, const char *record, int fields, bool text,
      struct fault *why)
{
    const char *p = record + strcspn(record, " ");

    reader->text = "";
    for (int i = 0; i < fields; i++) {
        size_t bytes;

        if (*p != ' ')
            return bad(reader, why, "fields are missing");
        bytes = strcspn(++p, " ");
        if (bytes == 0)
            return bad(reader, why, "a field is empty");
        if (bytes == 1 && *p == '-')
            reader->field[i] = "";
        else if (bytes == 1 && *p == '=')
            reader->field[i] = NULL;
        else if (!unescape(reader, p, bytes, &reader->field[i], why))
            return false;
        p += bytes;
    }
    if (*p == ' ' && text && p[1] != '\0')
        return unescape(reader, p + 1, strlen(p + 1), &reader->text, why);
    return *p == '\0' || bad(reader, why, "there is more than belongs to it");
}

/* A field that may not be "as usual". */
static bool
take_text(struct reader *reader, int i, const char **out, struct fault *why)
{
    if (reader->field[i] == NULL)
        return bad(reader, why, "'=' does not mean anything here");
    *out = reader->field[i];
    return true;
}

static bool
take_name(struct reader *reader, int i, const char **out, struct fault *why)
{
    return take_text(reader, i, out, why)
        && ((*out)[0] != '\0' || bad(reader, why, "a name is empty"));
}

static bool
take_int(struct reader *reader, int i, int64_t min, int64_t max,
         int64_t *out, struct fault *why)
{
    return reader->field[i] != NULL
        && parse_int64(reader->field[i], min, max, out)
        ? true : bad(reader, why, "a number is wrong");
}

/* Or "-" for -1. */
static bool
take_count(struct reader *reader, int i, int64_t max, int64_t *out,
           struct fault *why)
{
    if (reader->field[i] != NULL && reader->field[i][0] == '\0') {
        *out = -1;
        return true;
    }
    return take_int(reader, i, 0, max, out, why);
}

static bool
take_time(struct reader *reader, int i, int64_t *out, struct fault *why)
{
    return take_count(reader, i, INT64_C(253402300799999), out, why);
}

static bool
take_outcome(struct reader *reader, int i, enum outcome *out,
             struct fault *why)
{
    const char *word = reader->field[i];

    *out = outcome_parse(word);
    return *out != OUTCOME_NONE
        || (word != NULL && strcmp(word, "none") == 0)
        || bad(reader, why, "the outcome is no word that is known");
}

static bool
take_lane(struct reader *reader, int i, enum lane *out, struct fault *why)
{
    const char *word = reader->field[i];

    *out = lane_parse(word);
    return *out != LANE_NONE || (word != NULL && strcmp(word, "none") == 0)
        || bad(reader, why, "the lane is no word that is known");
}

/* Records ------------------------------------------------------------------ */

static bool
read_flight(struct reader *reader, struct fault *why)
{
    struct evidence *evidence = reader->evidence;

    if (evidence->flight != 0)
        return bad(reader, why, "a second flight");
    evidence->abort_reason = reader->text;
    return take_int(reader, 0, 1, INT64_MAX, &evidence->flight, why)
        && take_outcome(reader, 1, &evidence->outcome, why)
        && take_name(reader, 2, &evidence->branch, why)
        && take_text(reader, 3, &evidence->blessing, why)
        && take_text(reader, 4, &evidence->intended, why)
        && take_text(reader, 5, &evidence->harness, why)
        && take_text(reader, 6, &evidence->source, why)
        && take_time(reader, 7, &evidence->created_ms, why)
        && take_time(reader, 8, &evidence->started_ms, why)
        && take_time(reader, 9, &evidence->finished_ms, why);
}

static bool
read_pair(struct reader *reader, const struct evidence_pair **list,
          size_t *count, struct fault *why)
{
    struct evidence_pair *pairs = more(reader, *list, *count, sizeof *pairs);
    struct evidence_pair *pair = &pairs[*count];

    *list = pairs;
    pair->value = reader->text;
    if (!take_name(reader, 0, &pair->name, why))
        return false;
    if (*count > 0 && strcmp(pairs[*count - 1].name, pair->name) >= 0)
        return bad(reader, why, "it is not in the order of names");
    ++*count;
    return true;
}

static bool
read_tree(struct reader *reader, struct fault *why)
{
    return read_pair(reader, &reader->evidence->trees,
                     &reader->evidence->tree_count, why);
}

static bool
read_build(struct reader *reader, struct fault *why)
{
    struct evidence *evidence = reader->evidence;

    reader->builds = more(reader, reader->builds, evidence->build_count,
                          sizeof *reader->builds);
    reader->build = &reader->builds[evidence->build_count++];
    evidence->builds = reader->builds;
    *reader->build = (struct evidence_build){ .source = reader->text };
    return take_int(reader, 0, 1, INT64_MAX, &reader->build->candidate, why)
        && take_name(reader, 1, &reader->build->name, why)
        && take_name(reader, 2, &reader->build->arch, why);
}

static bool
read_property(struct reader *reader, struct fault *why)
{
    return reader->build == NULL
        ? bad(reader, why, "there is no build that it belongs to")
        : read_pair(reader, &reader->build->properties,
                    &reader->build->property_count, why);
}

static bool
read_part(struct reader *reader, struct fault *why)
{
    return reader->build == NULL
        ? bad(reader, why, "there is no build that it belongs to")
        : read_pair(reader, &reader->build->parts,
                    &reader->build->part_count, why);
}

static bool
read_host(struct reader *reader, struct fault *why)
{
    struct evidence *evidence = reader->evidence;
    struct evidence_host *host;

    reader->hosts = more(reader, reader->hosts, evidence->host_count,
                         sizeof *reader->hosts);
    host = &reader->hosts[evidence->host_count++];
    evidence->hosts = reader->hosts;
    *host = (struct evidence_host){ .name = "" };
    return take_name(reader, 0, &host->name, why)
        && take_text(reader, 1, &host->site, why)
        && take_text(reader, 2, &host->arch, why)
        && take_text(reader, 3, &host->firmware, why)
        && take_text(reader, 4, &host->class, why)
        && take_text(reader, 5, &host->state, why);
}

static bool
read_job(struct reader *reader, struct fault *why)
{
    struct evidence *evidence = reader->evidence;
    struct evidence_job *job;

    reader->jobs = more(reader, reader->jobs, evidence->job_count,
                        sizeof *reader->jobs);
    reader->job = job = &reader->jobs[evidence->job_count++];
    reader->step = NULL;
    evidence->jobs = reader->jobs;
    *job = (struct evidence_job){
        .reason = reader->text, .waits_for = "",
        .pointer = { .file = "", .text = "" },
    };
    reader->pointer = &job->pointer;
    reader->at = NULL;
    if (reader->field[6] == NULL)
        reader->field[6] = evidence->harness;
    if (!take_name(reader, 0, &job->name, why)
        || !take_text(reader, 1, &job->recipe, why)
        || !take_text(reader, 2, &job->arch, why)
        || !take_outcome(reader, 3, &job->status, why)
        || !take_lane(reader, 4, &job->lane, why)
        || !take_int(reader, 5, 0, INT64_MAX, &job->candidate, why)
        || !take_text(reader, 6, &job->harness, why)
        || !take_time(reader, 7, &job->created_ms, why)
        || !take_time(reader, 8, &job->started_ms, why)
        || !take_time(reader, 9, &job->finished_ms, why))
        return false;
    if (evidence->job_count > 1 && strcmp(job[-1].name, job->name) >= 0)
        return bad(reader, why, "it is not in the order of names");
    return true;
}

static bool
read_waits(struct reader *reader, struct fault *why)
{
    if (reader->job == NULL || reader->step != NULL)
        return bad(reader, why, "there is no job that it belongs to");
    reader->job->waits_for = reader->text;
    return true;
}

static bool
read_at(struct reader *reader, struct fault *why)
{
    struct evidence_pointer *pointer = reader->pointer;

    if (pointer == NULL)
        return bad(reader, why, "there is nothing that it belongs to");
    reader->pointer = NULL;
    reader->at = pointer;
    pointer->text = reader->text;
    return take_text(reader, 0, &pointer->file, why)
        && take_int(reader, 1, 0, INT64_MAX, &pointer->line, why);
}

static bool
read_byte(struct reader *reader, struct fault *why)
{
    struct evidence_pointer *at = reader->at;

    if (at == NULL)
        return bad(reader, why, "there is no place that it belongs to");
    reader->at = NULL;
    return take_int(reader, 0, 1, INT64_MAX, &at->byte, why);
}

static bool
read_role(struct reader *reader, struct fault *why)
{
    struct evidence_job *job = reader->job;
    struct evidence_role *roles;

    if (job == NULL || reader->step != NULL)
        return bad(reader, why, "there is no job that it belongs to");
    roles = more(reader, job->roles, job->role_count, sizeof *roles);
    job->roles = roles;
    roles += job->role_count++;
    return take_name(reader, 0, &roles->role, why)
        && take_text(reader, 1, &roles->arch, why)
        && take_text(reader, 2, &roles->host, why);
}

static bool
read_need(struct reader *reader, struct fault *why)
{
    struct evidence_job *job = reader->job;
    struct evidence_need *needs;

    if (job == NULL || reader->step != NULL)
        return bad(reader, why, "there is no job that it belongs to");
    needs = more(reader, job->needs, job->need_count, sizeof *needs);
    job->needs = needs;
    needs += job->need_count++;
    return take_int(reader, 0, 1, INT64_MAX, &needs->flight, why)
        && take_name(reader, 1, &needs->job, why);
}

static bool
read_runvar(struct reader *reader, struct fault *why)
{
    struct evidence_job *job = reader->job;
    struct evidence_runvar *list, *runvar;

    if (job == NULL || reader->step != NULL)
        return bad(reader, why, "there is no job that it belongs to");
    list = more(reader, job->runvars, job->runvar_count, sizeof *list);
    job->runvars = list;
    runvar = list + job->runvar_count++;
    runvar->value = reader->text;
    runvar->result = true;
    if (!take_name(reader, 0, &runvar->name, why))
        return false;
    if (runvar > list && strcmp(runvar[-1].name, runvar->name) >= 0)
        return bad(reader, why, "it is not in the order of names");
    return true;
}

static bool
read_step(struct reader *reader, struct fault *why)
{
    struct evidence_job *job = reader->job;
    struct evidence_step *steps, *step;
    int64_t number, code, killed;
    char *log;

    if (job == NULL)
        return bad(reader, why, "there is no job that it belongs to");
    steps = more(reader, job->steps, job->step_count, sizeof *steps);
    job->steps = steps;
    reader->step = step = steps + job->step_count++;
    *step = (struct evidence_step){
        .program = "", .progress = "", .log_sha256 = "", .boot = "",
        .reused_job = "",
        .log_bytes = -1, .reason = reader->text,
        .pointer = { .file = "", .text = "" },
    };
    reader->pointer = &step->pointer;
    reader->at = NULL;
    if (!take_int(reader, 0, 1, 1000000, &number, why)
        || !take_name(reader, 1, &step->testid, why)
        || !take_outcome(reader, 2, &step->status, why)
        || !take_lane(reader, 3, &step->lane, why)
        || !take_count(reader, 4, 255, &code, why)
        || !take_count(reader, 5, 255, &killed, why)
        || !take_time(reader, 6, &step->started_ms, why)
        || !take_time(reader, 7, &step->finished_ms, why)
        || !take_time(reader, 8, &step->elapsed_ms, why))
        return false;
    step->number = (int)number;
    step->exit_code = (int)code;
    step->exit_signal = (int)killed;
    if (step > steps && step[-1].number >= step->number)
        return bad(reader, why, "it is not in the order of numbers");
    if (reader->field[9] == NULL) {
        log = arena_alloc(reader->arena, RECORDS_LOG_BYTES);
        records_usual_log(reader->evidence->flight, job->name, step->number,
                          log);
        reader->field[9] = log;
    }
    if (reader->field[10] == NULL)
        reader->field[10] = job->harness;
    step->log_path = reader->field[9];
    step->harness = reader->field[10];
    return true;
}

static bool
read_case(struct reader *reader, struct fault *why)
{
    struct evidence_step *step = reader->step;
    struct evidence_case *list, *item;

    if (step == NULL)
        return bad(reader, why, "there is no step that it belongs to");
    list = more(reader, step->cases, step->case_count, sizeof *list);
    step->cases = list;
    item = list + step->case_count++;
    item->note = reader->text;
    if (!take_name(reader, 0, &item->id, why)
        || !take_outcome(reader, 1, &item->status, why))
        return false;
    if (item > list && strcmp(item[-1].id, item->id) >= 0)
        return bad(reader, why, "it is not in the order of names");
    return true;
}

static bool
read_metric(struct reader *reader, struct fault *why)
{
    struct evidence_step *step = reader->step;
    struct evidence_metric *list, *metric;
    const char *better = "";

    if (step == NULL)
        return bad(reader, why, "there is no step that it belongs to");
    list = more(reader, step->metrics, step->metric_count, sizeof *list);
    step->metrics = list;
    metric = list + step->metric_count++;
    if (!take_name(reader, 0, &metric->name, why)
        || !take_text(reader, 2, &metric->unit, why)
        || !take_text(reader, 3, &better, why))
        return false;
    if (reader->field[1] == NULL
        || !parse_double(reader->field[1], &metric->value))
        return bad(reader, why, "the value is no number");
    metric->higher_is_better = strcmp(better, "higher") == 0;
    return metric->higher_is_better || strcmp(better, "lower") == 0
        || bad(reader, why, "what is better is neither higher nor lower");
}

static const struct record {
    const char *word;
    int fields;
    bool text;
    bool (*read)(struct reader *reader, struct fault *why);
} RECORDS[] = {
    { "flight", 10, true, read_flight },
    { "tree", 1, true, read_tree },
    { "build", 3, true, read_build },
    { "property", 1, true, read_property },
    { "part", 1, true, read_part },
    { "host", 6, false, read_host },
    { "job", 10, true, read_job },
    { "at", 2, true, read_at },
    { "byte", 1, false, read_byte },
    { "waits", 0, true, read_waits },
    { "role", 3, false, read_role },
    { "need", 2, false, read_need },
    { "runvar", 1, true, read_runvar },
    { "step", 11, true, read_step },
    { "case", 2, true, read_case },
    { "metric", 4, false, read_metric },
};

static bool
read_record(struct reader *reader, const char *record, struct fault *why)
{
    size_t bytes = strcspn(record, " ");

    if (reader->evidence->flight == 0 && strncmp(record, "flight ", 7) != 0)
        return bad(reader, why, "the flight must come first");
    for (size_t i = 0; i < ARRAY_LEN(RECORDS); i++) {
        const struct record *known = &RECORDS[i];

        if (strlen(known->word) == bytes
            && memcmp(known->word, record, bytes) == 0)
            return split(reader, record, known->fields, known->text, why)
                && known->read(reader, why);
    }
    return bad(reader, why, "this kind of record is not known");
}

/* Lines -------------------------------------------------------------------- */

/* The line at '*at', without its end, which may be the network's, and without
 * blanks before that. */
static bool
next_line(const char *text, size_t bytes, size_t *at, const char **line_out,
          size_t *bytes_out)
{
    const char *start = text + *at, *nl;
    size_t left = bytes - *at, length;

    if (left == 0)
        return false;
    nl = memchr(start, '\n', left);
    length = nl == NULL ? left : (size_t)(nl - start);
    *at += nl == NULL ? left : length + 1;
    while (length > 0 && strchr(" \t\r", start[length - 1]) != NULL
           && start[length - 1] != '\0')
        length--;
    *line_out = start;
    *bytes_out = length;
    return true;
}

static bool
is_line(const char *line, size_t bytes, const char *text, bool whole)
{
    size_t want = strlen(text);

    return (whole ? bytes == want : bytes > want)
        && memcmp(line, text, want) == 0;
}

/* "[... end COUNT" and, in the next line, "sha256 DIGEST]". */
static bool
check_end(const struct reader *reader, const char *line, size_t bytes,
          const char *last, size_t last_bytes, size_t count,
          const struct buf *all, struct fault *why)
{
    char digest[SHA256_HEX_BYTES], want[SHA256_HEX_BYTES + 16], number[24];

    (void)snprintf(number, sizeof number, "%zu", count);
    if (!is_line(line + strlen(RECORDS_END), bytes - strlen(RECORDS_END),
                 number, true))
        return bad(reader, why, "it does not have as many records as it "
                   "says");
    sha256_hex(buf_text(all), all->len, digest);
    (void)snprintf(want, sizeof want, "sha256 %s]", digest);
    return is_line(last, last_bytes, want, true)
        || bad(reader, why, "the records are not as they were written: "
               "their digest is another");
}

static bool
read_block(struct reader *reader, const char *text, size_t bytes, size_t *at,
           int *number, struct fault *why)
{
    struct buf record = BUF_INIT, all = BUF_INIT;
    const char *line, *last = "";
    size_t length, last_bytes = 0, count = 0;
    bool go_on = false, ended = false, ok = true;

    while (ok && !ended && next_line(text, bytes, at, &line, &length)) {
        size_t skip = 0;

        ++*number;
        if (!go_on) {
            reader->line = *number;
            buf_reset(&record);
        }
        if (!go_on && is_line(line, length, RECORDS_END, false)) {
            ended = true;
            if (next_line(text, bytes, at, &last, &last_bytes))
                ++*number;
            ok = check_end(reader, line, length, last, last_bytes, count,
                           &all, why);
            break;
        }
        while (go_on && skip < length && line[skip] == ' ')
            skip++;
        go_on = length > 0 && line[length - 1] == '\\';
        buf_add(&record, line + skip, length - skip - (go_on ? 1 : 0));
        if (go_on)
            continue;
        ok = memchr(buf_text(&record), '\0', record.len) == NULL
            || bad(reader, why, "there is a NUL");
        ok = ok && read_record(reader, buf_text(&record), why);
        buf_add(&all, buf_text(&record), record.len);
        buf_addc(&all, '\n');
        count++;
    }
    if (ok && !ended)
        ok = bad(reader, why, "the results break off here");
    buf_free(&record);
    buf_free(&all);
    return ok;
}

bool
records_parse(const char *name, const char *text, size_t bytes,
              struct arena *arena, struct evidence *out, struct fault *why)
{
    struct reader reader = { .name = name, .arena = arena, .evidence = out };
    const char *line;
    size_t at = 0, length;
    int number = 0, found = 0;

    *out = (struct evidence){
        .branch = "", .blessing = "", .intended = "", .harness = "",
        .source = "", .abort_reason = "",
    };
    while (next_line(text, bytes, &at, &line, &length)) {
        reader.line = ++number;
        if (!is_line(line, length, RECORDS_BEGIN, true))
            continue;
        if (++found > 1)
            return bad(&reader, why, "results begin a second time");
        if (!read_block(&reader, text, bytes, &at, &number, why))
            return false;
    }
    if (found == 0)
        return fault_set(why, FAULT_DATA, "%s: there are no results in it",
                         name);
    reader.line = number;
    return out->flight != 0 || bad(&reader, why, "there is no flight in it");
}
