/* harness/step_record.c - the parser of descriptor 3; see the header. */
#include <config.h>

#include "harness/step_record.h"

#include <ctype.h>
#include <inttypes.h>
#include <jansson.h>

#define RUNVAR_NAME_MAX 100     /* as the database's domain "name" */
#define UNIT_MAX 32
#define PROGRESS_MAX 1000000000

static const char *const VERB_NAMES[STEP_VERB_COUNT] = {
    [STEP_VERB_NONE] = "none",       [STEP_VERB_CASE] = "case",
    [STEP_VERB_METRIC] = "metric",   [STEP_VERB_SET] = "set",
    [STEP_VERB_ATTACH] = "attach",   [STEP_VERB_PROGRESS] = "progress",
    [STEP_VERB_BLAME] = "blame",
};

static const char *const CASE_NAMES[] = {
    [STEP_CASE_NONE] = "none", [STEP_CASE_PASS] = "pass",
    [STEP_CASE_FAIL] = "fail", [STEP_CASE_SKIP] = "skip",
    [STEP_CASE_MISSING] = "missing",
};

static const char *const LANES[] = {"host", "harness", "test", "product"};

const char *
step_verb_name(enum step_verb verb)
{
    must((size_t)verb < ARRAY_LEN(VERB_NAMES));
    return VERB_NAMES[verb];
}

const char *
step_case_status_name(enum step_case_status status)
{
    must((size_t)status < ARRAY_LEN(CASE_NAMES));
    return CASE_NAMES[status];
}

static bool
name_ok(const char *s, size_t max, const char *also)
{
    size_t i;

    for (i = 0; s[i] != '\0'; i++) {
        if (i >= max)
            return false;
        if (isalnum((unsigned char)s[i]))
            continue;
        if (i == 0 || strchr(also, s[i]) == NULL)
            return false;
    }
    return i > 0;
}

bool
step_case_id_is_valid(const char *id)
{
    return name_ok(id, STEP_RECORD_NAME_MAX, "._+-:/@=,");
}

bool
step_runvar_name_is_valid(const char *name)
{
    return name_ok(name, RUNVAR_NAME_MAX, "._+-");
}

static bool
is_utf8(const char *s, size_t bytes)
{
    size_t i, n;

    for (i = 0; i < bytes; i += n) {
        n = utf8_span(s + i, bytes - i);
        if (n == 0)
            return false;
    }
    return true;
}

/* The next word of *at, cut out in place; NULL at the end of the line. */
static char *
word(char **at)
{
    char *start = *at + strspn(*at, " \t"), *end;

    if (*start == '\0') {
        *at = start;
        return NULL;
    }
    end = start + strcspn(start, " \t");
    *at = end;
    if (*end != '\0') {
        *end = '\0';
        *at = end + 1;
    }
    return start;
}

/* What is left of the line, without blanks around it. */
static char *
rest(char **at)
{
    char *start = *at + strspn(*at, " \t");
    size_t len = strlen(start);

    while (len > 0 && (start[len - 1] == ' ' || start[len - 1] == '\t'))
        start[--len] = '\0';
    *at = start + len;
    return start;
}

static bool
bad(struct fault *why, const char *text)
{
    return fault_set(why, FAULT_DATA, "%s", text);
}

static bool
parse_case(struct step_record *record, char *at, struct fault *why)
{
    char *id = word(&at), *status = word(&at);
    size_t i;

    if (id == NULL || !step_case_id_is_valid(id))
        return bad(why, "case without a valid id");
    if (status == NULL)
        return fault_set(why, FAULT_DATA, "case %s without a result", id);
    for (i = STEP_CASE_PASS; i <= STEP_CASE_SKIP; i++)
        if (strcmp(status, CASE_NAMES[i]) == 0)
            record->status = (enum step_case_status)i;
    if (record->status == STEP_CASE_NONE)
        return fault_set(why, FAULT_DATA,
                         "case %s: result is not pass, fail or skip", id);
    record->name = id;
    record->text = rest(&at);
    return true;
}

static bool
parse_metric(struct step_record *record, char *at, struct fault *why)
{
    char *name = word(&at), *value = word(&at), *unit = word(&at),
         *better = word(&at);

    if (name == NULL || !step_case_id_is_valid(name))
        return bad(why, "metric without a valid name");
    if (value == NULL || !parse_double(value, &record->value))
        return fault_set(why, FAULT_DATA, "metric %s: not a finite number",
                         name);
    if (unit == NULL || strlen(unit) > UNIT_MAX)
        return fault_set(why, FAULT_DATA, "metric %s: no unit of at most %d "
                         "bytes", name, UNIT_MAX);
    if (better == NULL || (strcmp(better, "higher") != 0 &&
                           strcmp(better, "lower") != 0))
        return fault_set(why, FAULT_DATA,
                         "metric %s: say higher or lower is better", name);
    if (rest(&at)[0] != '\0')
        return fault_set(why, FAULT_DATA, "metric %s: more than four words",
                         name);
    record->name = name;
    record->unit = unit;
    record->higher = strcmp(better, "higher") == 0;
    return true;
}

static bool
parse_set(struct step_record *record, char *at, struct fault *why)
{
    char *name = word(&at);

    if (name == NULL || !step_runvar_name_is_valid(name))
        return bad(why, "set without a valid name");
    record->name = name;
    record->text = rest(&at);
    return true;
}

static bool
parse_attach(struct step_record *record, char *at, struct fault *why)
{
    char *path = word(&at), *kind = word(&at);

    if (path == NULL)
        return bad(why, "attach without a path");
    if (kind != NULL && !step_runvar_name_is_valid(kind))
        return bad(why, "attach: the kind is not a name");
    if (rest(&at)[0] != '\0')
        return bad(why, "attach: more than two words (a path has no blanks)");
    record->name = path;
    record->text = kind != NULL ? kind : "file";
    return true;
}

static bool
parse_progress(struct step_record *record, char *at, struct fault *why)
{
    char *of = word(&at), *slash;
    bool ok;

    slash = of != NULL ? strchr(of, '/') : NULL;
    if (slash == NULL)
        return bad(why, "progress without N/M");
    *slash = '\0';
    ok = parse_int64(of, 0, PROGRESS_MAX, &record->done) &&
         parse_int64(slash + 1, 0, PROGRESS_MAX, &record->total) &&
         record->done <= record->total;
    if (!ok)
        return bad(why, "progress: N/M are not two numbers with N <= M");
    record->text = rest(&at);
    return true;
}

static bool
parse_blame(struct step_record *record, char *at, struct fault *why)
{
    char *lane = word(&at);
    size_t i;

    for (i = 0; lane != NULL && i < ARRAY_LEN(LANES); i++)
        if (strcmp(lane, LANES[i]) == 0)
            record->lane = LANES[i];
    if (record->lane == NULL)
        return bad(why, "blame: not host, harness, test or product");
    record->text = rest(&at);
    if (record->text[0] == '\0')
        return fault_set(why, FAULT_DATA, "blame %s without a text", lane);
    return true;
}

typedef bool verb_fn(struct step_record *record, char *at, struct fault *why);
static verb_fn *const VERBS[STEP_VERB_COUNT] = {
    [STEP_VERB_CASE] = parse_case,
    [STEP_VERB_METRIC] = parse_metric,
    [STEP_VERB_SET] = parse_set,
    [STEP_VERB_ATTACH] = parse_attach,
    [STEP_VERB_PROGRESS] = parse_progress,
    [STEP_VERB_BLAME] = parse_blame,
};

static bool
case_remember(struct step_records *records, const char *id,
              struct fault *why)
{
    if (json_object_get(records->cases, id) != NULL)
        return fault_set(why, FAULT_DATA, "case %s is reported twice", id);
    must(json_object_set_new(records->cases, id, json_true()) == 0);
    return true;
}

static bool
parse_line(struct step_records *records, char *line, size_t bytes,
           struct fault *why)
{
    struct step_record record = {.line = records->line_number, .name = "",
                                 .text = "", .unit = ""};
    char *at = line, *verb;
    size_t i;

    if (memchr(line, '\0', bytes) != NULL)
        return bad(why, "a NUL byte");
    for (i = 0; i < bytes; i++)
        if (((unsigned char)line[i] < 0x20 && line[i] != '\t') ||
            line[i] == 0x7f)
            return fault_set(why, FAULT_DATA, "control byte 0x%02x",
                             (unsigned)(unsigned char)line[i]);
    if (!is_utf8(line, bytes))
        return bad(why, "not UTF-8");
    verb = word(&at);
    if (verb == NULL)
        return bad(why, "an empty line");
    for (i = STEP_VERB_CASE; i < STEP_VERB_COUNT; i++)
        if (strcmp(verb, VERB_NAMES[i]) == 0)
            record.verb = (enum step_verb)i;
    if (record.verb == STEP_VERB_NONE)
        return fault_set(why, FAULT_DATA, "unknown verb \"%.40s\"", verb);
    if (++records->count > STEP_RECORD_COUNT_MAX)
        return fault_set(why, FAULT_DATA, "more than %d records",
                         STEP_RECORD_COUNT_MAX);
    if (!VERBS[record.verb](&record, at, why))
        return false;
    if (record.verb == STEP_VERB_CASE &&
        !case_remember(records, record.name, why))
        return false;
    return records->each == NULL ||
           records->each(records->owner, &record, why);
}

static void
refuse(struct step_records *records)
{
    records->broken = true;
    fault_context(&records->fault, "record line %" PRId64,
                  records->line_number);
    buf_free(&records->line);
}

static void
take_line(struct step_records *records, char *line, size_t bytes)
{
    records->line_number++;
    if (!parse_line(records, line, bytes, &records->fault))
        refuse(records);
}

void
step_records_init(struct step_records *records, step_record_fn *each,
                  void *owner)
{
    *records = (struct step_records){.each = each, .owner = owner,
                                     .line = BUF_INIT, .fault = FAULT_INIT,
                                     .cases = json_object()};
    must(records->cases != NULL);
}

void
step_records_fini(struct step_records *records)
{
    json_decref(records->cases);
    records->cases = NULL;
    buf_free(&records->line);
}

void
step_records_feed(struct step_records *records, const void *data,
                  size_t bytes)
{
    const char *at = data, *newline;
    size_t piece;

    while (bytes > 0 && !records->broken) {
        newline = memchr(at, '\n', bytes);
        piece = newline != NULL ? (size_t)(newline - at) : bytes;
        if (records->line.len + piece > STEP_RECORD_LINE_MAX) {
            records->line_number++;
            fault_set(&records->fault, FAULT_DATA, "longer than %d bytes",
                      STEP_RECORD_LINE_MAX);
            refuse(records);
            return;
        }
        buf_add(&records->line, at, piece);
        at += piece;
        bytes -= piece;
        if (newline != NULL) {
            at++;
            bytes--;
            buf_add(&records->line, "", 0);     /* even if empty: a string */
            take_line(records, records->line.data, records->line.len);
            buf_reset(&records->line);
        }
    }
}

void
step_records_end(struct step_records *records)
{
    if (records->broken || records->line.len == 0)
        return;
    records->line_number++;
    fault_set(&records->fault, FAULT_DATA, "cut short, no newline");
    refuse(records);
}

bool
step_records_has_case(const struct step_records *records, const char *id)
{
    return json_object_get(records->cases, id) != NULL;
}
