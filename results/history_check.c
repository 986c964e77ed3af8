/* results/history_check.c - see history_check.h. */
#include <config.h>

#include "results/history_check.h"

#include <inttypes.h>

#include "harness/buf.h"
#include "harness/fault.h"
#include "harness/json.h"
#include "harness/json_take.h"
#include "harness/mem.h"
#include "harness/outcome.h"

#define NAME_MAX_BYTES 100
#define FIRMWARE_MAX_BYTES 800

/* Rows of a table of members. */
#define NEED(member, type) \
    { #member, JSON_TAKE_##type, false, offsetof(struct words, member), 0, 0 }
#define MAY(member, type) \
    { #member, JSON_TAKE_##type, true, offsetof(struct words, member), 0, 0 }
#define NEED_INT(member, low, high) \
    { #member, JSON_TAKE_INT, false, offsetof(struct words, member), \
      low, high }
#define MAY_INT(member, low, high) \
    { #member, JSON_TAKE_INT, true, offsetof(struct words, member), \
      low, high }
#define END { .type = JSON_TAKE_END }

/* Values ------------------------------------------------------------------- */

/* As the domain of the database. */
static bool
check_name(const char *what, const char *name, struct fault *why)
{
    static const char LETTERS[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
        "abcdefghijklmnopqrstuvwxyz0123456789._+-";
    size_t bytes = strlen(name);

    return (bytes > 0 && bytes <= NAME_MAX_BYTES
            && strspn(name, LETTERS) == bytes && strchr("._+-", name[0])
                                                 == NULL)
        || fault_set(why, FAULT_DATA, "%s '%s' is no name", what, name);
}

static int
digits(const char *text, int count)
{
    int value = 0;

    for (int i = 0; i < count; i++) {
        if (text[i] < '0' || text[i] > '9')
            return -1;
        value = value * 10 + text[i] - '0';
    }
    return value;
}

/* "2026-11-23T08:09:10.123456Z": of one length, so that text compares as
 * time. NULL is no time and good. */
static bool
check_time(const char *what, const char *text, struct fault *why)
{
    static const char SHAPE[] = "0000-00-00T00:00:00.000000Z";
    static const int DAYS[] = { 0, 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30,
                                31 };
    int year, month, day;
    bool good, leap;

    if (text == NULL)
        return true;
    good = strlen(text) == sizeof SHAPE - 1;
    for (size_t i = 0; good && i < sizeof SHAPE - 1; i++)
        good = SHAPE[i] == '0' ? text[i] >= '0' && text[i] <= '9'
                               : text[i] == SHAPE[i];
    if (good) {
        year = digits(text, 4);
        month = digits(text + 5, 2);
        day = digits(text + 8, 2);
        leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
        good = year >= 1970 && month >= 1 && month <= 12 && day >= 1
            && day <= DAYS[month] + (month == 2 && leap)
            && digits(text + 11, 2) < 24 && digits(text + 14, 2) < 60
            && digits(text + 17, 2) < 60;
    }
    return good
        || fault_set(why, FAULT_DATA, "'%s' is '%s', not a time like "
                     "2026-11-23T08:09:10.123456Z", what, text);
}

/* A path below some ASSAY_HOME. */
static bool
check_path(const char *what, const char *path, struct fault *why)
{
    bool good = path == NULL || (path[0] != '\0' && path[0] != '/');

    for (const char *p = path; good && p != NULL; p = strchr(p, '/')) {
        p += *p == '/';
        good = strcmp(p, "..") != 0 && strncmp(p, "../", 3) != 0;
    }
    return good || fault_set(why, FAULT_DATA, "'%s' is '%s', which leads "
                             "elsewhere", what, path);
}

static bool
check_sha256(const char *what, const char *text, struct fault *why)
{
    return text == NULL
        || (strlen(text) == 64 && strspn(text, "0123456789abcdef") == 64)
        || fault_set(why, FAULT_DATA, "'%s' is no SHA-256 in hexadecimal",
                     what);
}

static bool
check_ended(const char *status, const char *lane, const char *started_at,
            const char *finished_at, struct fault *why)
{
    enum outcome outcome = outcome_parse(status);

    if (!outcome_is_final(outcome))
        return fault_set(why, FAULT_DATA, "status '%s' is none that anything "
                         "ends with", status);
    if (lane != NULL && lane_parse(lane) == LANE_NONE)
        return fault_set(why, FAULT_DATA, "there is no lane '%s'", lane);
    if (lane == NULL && (outcome == OUTCOME_FAIL || outcome == OUTCOME_BROKEN
                         || outcome == OUTCOME_TRUNCATED))
        return fault_set(why, FAULT_DATA, "'lane' is missing: it is %s",
                         status);
    return check_time("started_at", started_at, why)
        && check_time("finished_at", finished_at, why);
}

/* Fractions have more than one spelling. */
static bool
has_fraction(const json_t *value)
{
    json_t *inside = (json_t *)(uintptr_t)value, *item;
    const char *key;
    size_t i;

    json_object_foreach(inside, key, item)
        if (has_fraction(item))
            return true;
    json_array_foreach(inside, i, item)
        if (has_fraction(item))
            return true;
    return json_is_real(value);
}

/* A file, a line and its text are what reports read; more may be there. */
static bool
check_evidence(const json_t *evidence, struct fault *why)
{
    const json_t *file = json_object_get(evidence, "file");
    const json_t *line = json_object_get(evidence, "line");
    const json_t *text = json_object_get(evidence, "text");

    if (evidence == NULL)
        return true;
    if ((file != NULL && !json_is_string(file))
        || (text != NULL && !json_is_string(text))
        || (line != NULL && !json_is_integer(line)))
        return fault_set(why, FAULT_DATA, "'evidence' has a 'file', 'line' "
                         "or 'text' of a wrong type");
    if (has_fraction(evidence))
        return fault_set(why, FAULT_DATA, "'evidence' has a number that is no "
                         "integer");
    return check_path("file", json_string_value(file), why);
}

/* Lists -------------------------------------------------------------------- */

typedef bool element_fn(json_t *element, const json_t *last,
                        struct fault *why);

/* Checks each element; drops the list from 'record' when it is empty. */
static bool
check_list(json_t *record, const char *key, element_fn *element,
           struct fault *why)
{
    json_t *list = json_object_get(record, key), *item, *last = NULL;
    size_t i;

    json_array_foreach(list, i, item) {
        if (!element(item, last, why))
            return fault_context(why, "%s %zu", key, i + 1);
        last = item;
    }
    if (list != NULL && json_array_size(list) == 0)
        json_object_del(record, key);
    return true;
}

/* In the order of their bytes, each once. */
static bool
check_order(const json_t *element, const json_t *last, const char *key,
            struct fault *why)
{
    const char *name = json_text(element, key), *before = json_text(last, key);

    return before == NULL || strcmp(before, name) < 0
        || fault_set(why, FAULT_DATA, strcmp(before, name) == 0
                     ? "%s '%s' occurs twice" : "%s '%s' is out of order",
                     key, name);
}

static bool
check_tree(json_t *tree, const json_t *last, struct fault *why)
{
    struct words {
        const char *tree, *revision;
    } words;
    static const struct json_member MEMBERS[] = {
        NEED(tree, NAME), NEED(revision, NAME), END,
    };

    return json_take(tree, MEMBERS, &words, why)
        && check_order(tree, last, "tree", why);
}

static bool
check_need(json_t *need, const json_t *last UNUSED, struct fault *why)
{
    struct words {
        const char *job, *origin;
        int64_t flight;
    } words = { .origin = NULL };
    static const struct json_member MEMBERS[] = {
        NEED(job, NAME), MAY(origin, NAME), MAY_INT(flight, 1, INT64_MAX),
        END,
    };

    if (!json_take(need, MEMBERS, &words, why)
        || !check_name("job", words.job, why))
        return false;
    if ((words.origin == NULL) != (words.flight == 0))
        return fault_set(why, FAULT_DATA, "'flight' and 'origin' come "
                         "together");
    return words.origin == NULL || check_name("origin", words.origin, why);
}

static bool
check_flag(json_t *flag, const json_t *last UNUSED, struct fault *why)
{
    return json_is_string(flag)
        || fault_set(why, FAULT_DATA, "a flag is a text");
}

static bool
check_role(json_t *role, const json_t *last UNUSED, struct fault *why)
{
    struct words {
        const char *role, *arch, *preset, *host;
        int64_t same_class;
        const json_t *flags;
    } words;
    static const struct json_member MEMBERS[] = {
        NEED(role, NAME), NEED(arch, TEXT), MAY(preset, TEXT),
        MAY(host, TEXT), NEED_INT(same_class, INT32_MIN, INT32_MAX),
        MAY(flags, LIST), END,
    };

    return json_take(role, MEMBERS, &words, why)
        && check_list(role, "flags", check_flag, why);
}

static bool
check_firmware(json_t *row, const json_t *last UNUSED, struct fault *why)
{
    struct words {
        const char *boot, *host, *source, *said;
    } words = { .source = "" };
    static const struct json_member MEMBERS[] = {
        NEED(boot, NAME), NEED(host, NAME), NEED(source, NAME),
        NEED(said, NAME), END,
    };

    return json_take(row, MEMBERS, &words, why)
        && (strcmp(words.source, "console") == 0
            || strcmp(words.source, "smbios") == 0
            || fault_set(why, FAULT_DATA, "'source' is '%s', neither console "
                         "nor smbios", words.source))
        && (strlen(words.said) <= FIRMWARE_MAX_BYTES
            || fault_set(why, FAULT_DATA, "'said' is longer than %d bytes",
                         FIRMWARE_MAX_BYTES));
}

static bool
check_runvar(json_t *runvar, const json_t *last, struct fault *why)
{
    struct words {
        const char *name, *value;
        bool result, synth;
    } words;
    static const struct json_member MEMBERS[] = {
        NEED(name, NAME), NEED(value, TEXT), NEED(result, FLAG),
        NEED(synth, FLAG), END,
    };

    return json_take(runvar, MEMBERS, &words, why)
        && check_order(runvar, last, "name", why);
}

static bool
check_case(json_t *item, const json_t *last, struct fault *why)
{
    struct words {
        const char *id, *status, *note, *at;
    } words = { .status = "" };
    static const struct json_member MEMBERS[] = {
        NEED(id, NAME), NEED(status, NAME), NEED(note, TEXT), NEED(at, NAME),
        END,
    };
    enum outcome status;

    if (!json_take(item, MEMBERS, &words, why)
        || !check_time("at", words.at, why)
        || !check_order(item, last, "id", why))
        return false;
    status = outcome_parse(words.status);
    return status == OUTCOME_PASS || status == OUTCOME_FAIL
        || status == OUTCOME_SKIP || status == OUTCOME_MISSING
        || fault_set(why, FAULT_DATA, "status '%s' is none of a case",
                     words.status);
}

static bool
check_measurement(json_t *item, const json_t *last UNUSED, struct fault *why)
{
    struct words {
        const char *name, *unit, *better, *at;
        double value;
    } words = { .value = 0 };
    static const struct json_member MEMBERS[] = {
        NEED(name, NAME), NEED(unit, TEXT), NEED(better, NAME),
        NEED(at, NAME), NEED(value, REAL), END,
    };

    if (!json_take(item, MEMBERS, &words, why)
        || !check_time("at", words.at, why))
        return false;
    if (strcmp(words.better, "higher") != 0
        && strcmp(words.better, "lower") != 0)
        return fault_set(why, FAULT_DATA, "'better' is '%s', not higher or "
                         "lower", words.better);
    /* 5 and 5.0 are the same. */
    must(json_object_set_new(item, "value", json_real(words.value)) == 0);
    return true;
}

static bool
check_attachment(json_t *item, const json_t *last, struct fault *why)
{
    struct words {
        const char *name, *kind, *sha256;
        int64_t bytes;
    } words = { .sha256 = NULL };
    static const struct json_member MEMBERS[] = {
        NEED(name, NAME), NEED(kind, TEXT), NEED(sha256, NAME),
        NEED_INT(bytes, 0, INT64_MAX), END,
    };

    return json_take(item, MEMBERS, &words, why)
        && check_sha256("sha256", words.sha256, why)
        && check_order(item, last, "name", why);
}

/* Records ------------------------------------------------------------------ */

bool
history_check_flight(json_t *flight, struct fault *why)
{
    struct words {
        const char *origin, *branch, *intended, *blessing, *outcome;
        const char *harness, *definition, *source, *abort_reason;
        const char *created_at, *started_at, *finished_at;
        int64_t flight, priority;
        const json_t *trees;
    } words = { .started_at = NULL };
    static const struct json_member MEMBERS[] = {
        NEED_INT(flight, 1, INT64_MAX), NEED(origin, NAME),
        NEED(branch, NAME), NEED(intended, NAME), NEED(blessing, NAME),
        NEED(outcome, NAME), NEED(harness, TEXT), NEED(definition, TEXT),
        NEED(source, TEXT), NEED_INT(priority, INT32_MIN, INT32_MAX),
        NEED(created_at, NAME), MAY(started_at, NAME),
        NEED(finished_at, NAME), MAY(abort_reason, TEXT), MAY(trees, LIST),
        END,
    };

    if (!json_take(flight, MEMBERS, &words, why)
        || !check_name("origin", words.origin, why)
        || !check_time("created_at", words.created_at, why)
        || !check_time("started_at", words.started_at, why)
        || !check_time("finished_at", words.finished_at, why)
        || !check_list(flight, "trees", check_tree, why))
        return false;
    return outcome_is_final(outcome_parse(words.outcome))
        || fault_set(why, FAULT_DATA, "outcome '%s' is none that a flight "
                     "ends with", words.outcome);
}

bool
history_check_job(json_t *job, const json_t *last, struct fault *why)
{
    struct words {
        const char *job, *recipe, *status, *lane, *reason, *arch, *candidate;
        const char *harness, *created_at, *started_at, *finished_at;
        const json_t *evidence, *needs, *roles, *runvars, *firmware;
    } words = { .lane = NULL };
    static const struct json_member MEMBERS[] = {
        NEED(job, NAME), NEED(recipe, TEXT), NEED(status, NAME),
        MAY(lane, NAME), MAY(reason, TEXT), MAY(evidence, MAP),
        NEED(arch, TEXT), MAY(candidate, NAME), MAY(harness, TEXT),
        NEED(created_at, NAME), MAY(started_at, NAME),
        NEED(finished_at, NAME), MAY(needs, LIST), MAY(roles, LIST),
        MAY(runvars, LIST), MAY(firmware, LIST), END,
    };

    if (!json_take(job, MEMBERS, &words, why)
        || !check_name("job", words.job, why)
        || (words.candidate != NULL
            && !check_name("candidate", words.candidate, why))
        || !check_ended(words.status, words.lane, words.started_at,
                        words.finished_at, why)
        || !check_time("created_at", words.created_at, why)
        || !check_evidence(words.evidence, why)
        || !check_list(job, "needs", check_need, why)
        || !check_list(job, "roles", check_role, why)
        || !check_list(job, "runvars", check_runvar, why)
        || !check_list(job, "firmware", check_firmware, why)
        || !check_order(job, last, "job", why))
        return false;
    return words.started_at != NULL || strcmp(words.status, "pass") != 0
        || fault_set(why, FAULT_DATA, "it passed without having started");
}

bool
history_check_step(json_t *step, const json_t *last, struct fault *why)
{
    struct words {
        const char *testid, *program, *status, *lane, *reason, *progress;
        const char *started_at, *finished_at, *log_path, *log_sha256;
        const char *harness, *boot, *reused_job;
        int64_t step, exit_code, exit_signal, elapsed_ms, log_bytes;
        int64_t reused_step;
        const json_t *evidence, *cases, *measurements, *attachments;
    } words = { .exit_code = -1 };
    static const struct json_member MEMBERS[] = {
        NEED_INT(step, 1, INT32_MAX), NEED(testid, NAME),
        NEED(program, TEXT), NEED(status, NAME), MAY(lane, NAME),
        MAY(reason, TEXT), MAY(evidence, MAP),
        MAY_INT(exit_code, INT32_MIN, INT32_MAX),
        MAY_INT(exit_signal, INT32_MIN, INT32_MAX), MAY(progress, TEXT),
        NEED(started_at, NAME), NEED(finished_at, NAME),
        MAY_INT(elapsed_ms, 0, INT64_MAX), MAY(log_path, TEXT),
        MAY_INT(log_bytes, 0, INT64_MAX), MAY(log_sha256, NAME),
        NEED(harness, TEXT), MAY(boot, TEXT), MAY(reused_job, NAME),
        MAY_INT(reused_step, 1, INT32_MAX), MAY(cases, LIST),
        MAY(measurements, LIST), MAY(attachments, LIST), END,
    };

    if (!json_take(step, MEMBERS, &words, why)
        || !check_ended(words.status, words.lane, words.started_at,
                        words.finished_at, why)
        || !check_evidence(words.evidence, why)
        || !check_path("log_path", words.log_path, why)
        || !check_sha256("log_sha256", words.log_sha256, why)
        || !check_list(step, "cases", check_case, why)
        || !check_list(step, "measurements", check_measurement, why)
        || !check_list(step, "attachments", check_attachment, why))
        return false;
    if (last != NULL && json_int(last, "step", 0) >= words.step)
        return fault_set(why, FAULT_DATA, "step %" PRId64 " is out of order",
                         words.step);
    if ((strcmp(words.status, "reused") == 0) != (words.reused_job != NULL)
        || (words.reused_job != NULL) != (words.reused_step != 0))
        return fault_set(why, FAULT_DATA, "reused_job and reused_step belong "
                         "to a step that is reused");
    return strcmp(words.status, "pass") != 0
        || (words.exit_code == 0
            && json_object_get(step, "exit_signal") == NULL)
        || fault_set(why, FAULT_DATA, "it passed without exit status 0");
}

/* The whole ---------------------------------------------------------------- */

static bool
check_testids(const json_t *job, struct fault *why)
{
    json_t *seen = json_object(), *step;
    bool ok = true;
    size_t i;

    json_array_foreach(json_object_get(job, "steps"), i, step) {
        const char *testid = json_text(step, "testid");

        ok = json_object_get(seen, testid) == NULL
            || fault_set(why, FAULT_DATA, "testid '%s' of job '%s' occurs "
                         "twice", testid, json_text(job, "job"));
        if (!ok)
            break;
        must(json_object_set_new(seen, testid, json_true()) == 0);
    }
    json_decref(seen);
    return ok;
}

/* Needs within the flight; those in others are the database's matter. */
static bool
check_needs(const json_t *flight, const json_t *job, struct fault *why)
{
    json_t *need, *other;
    size_t i, j;

    json_array_foreach(json_object_get(job, "needs"), i, need) {
        const char *name = json_text(need, "job");
        bool there = json_object_get(need, "flight") != NULL;

        json_array_foreach(json_object_get(flight, "jobs"), j, other)
            there = there || strcmp(json_text(other, "job"), name) == 0;
        if (!there)
            return fault_set(why, FAULT_DATA, "job '%s' needs job '%s', "
                             "which the flight does not have",
                             json_text(job, "job"), name);
    }
    return true;
}

bool
history_check_whole(const json_t *flight, struct fault *why)
{
    const json_t *jobs = json_object_get(flight, "jobs");
    size_t count = json_array_size(jobs), i;
    enum outcome *parts = xcalloc(count + 1, sizeof *parts);
    bool ok = true;
    json_t *job;

    json_array_foreach(jobs, i, job) {
        parts[i] = outcome_parse(json_text(job, "status"));
        ok = ok && check_testids(job, why) && check_needs(flight, job, why);
    }
    if (ok && strcmp(json_text(flight, "outcome"), "pass") == 0
        && outcome_combine(parts, count) != OUTCOME_PASS)
        ok = fault_set(why, FAULT_DATA, "flight %" PRId64 " says pass, but "
                       "its jobs amount to %s", json_int(flight, "flight", 0),
                       outcome_name(outcome_combine(parts, count)));
    free(parts);
    return ok;
}
