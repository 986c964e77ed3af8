/* results/failure.c - see failure.h. */
#include <config.h>

#include "results/failure.h"

#include "harness/arena.h"
#include "harness/buf.h"
#include "harness/db.h"
#include "harness/fault.h"
#include "harness/fs.h"
#include "harness/home.h"
#include "harness/mem.h"
#include "harness/pattern.h"
#include "harness/pattern_scan.h"
#include "harness/plain.h"
#include "results/console_slice.h"
#include "results/evidence_db.h"
#include "results/excerpt.h"
#include "results/failure_db.h"
#include "results/logfile.h"
#include "results/signature.h"

#define CONSOLE_BYTES (1u << 20)
#define LOG_BYTES (1u << 20)
#define TEXT_BYTES 300

/* The strongest sign found so far, and the bytes that it stands in. */
struct crash {
    const struct pattern *pattern;      /* NULL: none */
    const char *data, *file;
    size_t bytes, at;
    int64_t first;              /* number of the first line; 0: unknown */
    int64_t base;               /* of 'data' in the file */
};

struct taking {
    struct db *db;
    struct pattern_code *code;
    const char *root;
    const struct evidence *evidence;
    struct arena arena;
    int count;
};

static void
consider(struct taking *taking, const char *file, const char *data,
         size_t bytes, int64_t first, int64_t base, struct crash *crash)
{
    const struct pattern *pattern;
    size_t at = 0;

    pattern = excerpt_sign(taking->code, data, bytes, &at);
    if (pattern == NULL || pattern->weight < EXCERPT_STRONG
        || (crash->pattern != NULL
            && crash->pattern->weight >= pattern->weight))
        return;
    *crash = (struct crash){ .pattern = pattern, .data = data,
                             .bytes = bytes, .at = at, .file = file,
                             .first = first, .base = base };
}

static void
look_at_consoles(struct taking *taking, const struct evidence_job *job,
                 const struct evidence_step *step, struct crash *crash)
{
    struct console_slice slice;

    for (size_t i = 0; i < job->role_count && step->started_ms >= 0; i++) {
        struct fault none = FAULT_INIT;

        if (job->roles[i].host[0] != '\0'
            && console_slice_read(taking->root, job->roles[i].host,
                                  step->started_ms, step->finished_ms < 0
                                  ? INT64_MAX : step->finished_ms,
                                  CONSOLE_BYTES, &taking->arena, &slice,
                                  &none)
            && slice.bytes > 0)
            consider(taking, slice.file, slice.data, slice.bytes, slice.line,
                     slice.offset, crash);
    }
}

/* The end of the step's log. */
static void
look_at_log(struct taking *taking, const struct evidence_step *step,
            struct crash *crash)
{
    struct fault none = FAULT_INIT;
    int64_t bytes = 0, from;
    char *data;
    int fd = -1;

    if (step->log_path[0] == '\0'
        || !logfile_open(taking->root, step->log_path, &fd, &bytes, &none))
        return;
    from = bytes > (int64_t)LOG_BYTES ? bytes - (int64_t)LOG_BYTES : 0;
    data = arena_alloc(&taking->arena, (size_t)(bytes - from) + 1);
    if (logfile_read_at(fd, data, (size_t)(bytes - from), from, &none))
        consider(taking, step->log_path, data, (size_t)(bytes - from),
                 from == 0 ? 1 : 0, from, crash);
    fd_close(&fd);
}

static const char *const *
names_of(struct taking *taking, const struct evidence_job *job)
{
    const char **names = arena_alloc(&taking->arena,
                                     (job->role_count + 1) * sizeof *names);
    size_t count = 0;

    for (size_t i = 0; i < job->role_count; i++)
        if (job->roles[i].host[0] != '\0')
            names[count++] = job->roles[i].host;
    return names;
}

static int64_t
line_number(const struct crash *crash)
{
    int64_t line = crash->first;

    for (size_t i = 0; line > 0 && i < crash->at; i++)
        line += crash->data[i] == '\n';
    return line;
}

static const char *
plain(struct taking *taking, const char *text, size_t bytes)
{
    struct buf out = BUF_INIT;
    const char *copy;

    plain_add(&out, text, bytes, TEXT_BYTES);
    copy = arena_strdup(&taking->arena, buf_text(&out));
    buf_free(&out);
    return copy;
}

static bool
keep_crash(struct taking *taking, const struct evidence_job *job,
           const struct crash *crash, struct failure_row *row,
           struct fault *why)
{
    const char *line = crash->data + crash->at;
    const char *end = memchr(line, '\n', crash->bytes - crash->at);
    struct signature signature;
    bool ok;

    row->file = crash->file;
    row->line = line_number(crash);
    row->byte = crash->base + (int64_t)crash->at;
    row->text = plain(taking, line, end == NULL ? crash->bytes - crash->at
                      : (size_t)(end - line));
    /* Who says nothing of the lane is told by the pattern. */
    if (row->lane == LANE_NONE || row->lane == LANE_UNKNOWN)
        row->lane = crash->pattern->lane;
    signature_of_crash(crash->pattern, crash->data, crash->bytes, crash->at,
                       names_of(taking, job), &signature);
    ok = failure_db_add(taking->db, row, &signature, crash->pattern, why);
    signature_fini(&signature);
    return ok;
}

static bool
keep_line(struct taking *taking, const struct evidence_job *job,
          const char *reason, const struct evidence_pointer *pointer,
          struct failure_row *row, struct fault *why)
{
    const char *line = reason[0] != '\0' ? reason : pointer->text;
    const struct pattern *pattern = NULL;
    struct signature signature;
    bool ok;

    if (taking->code != NULL)
        pattern = pattern_code_line(taking->code, line, strlen(line));
    if (pattern != NULL && pattern->lane == LANE_NONE)
        pattern = NULL;
    row->file = pointer->file;
    row->line = pointer->line;
    row->byte = evidence_byte(pointer);
    row->text = plain(taking, line, strlen(line));
    signature_of_line(pattern, line, row->testid, names_of(taking, job),
                      &signature);
    ok = failure_db_add(taking->db, row, &signature, pattern, why);
    signature_fini(&signature);
    return ok;
}

static bool
is_failure(enum outcome status)
{
    return status == OUTCOME_FAIL || status == OUTCOME_BROKEN
        || status == OUTCOME_TRUNCATED;
}

static bool
take_step(struct taking *taking, const struct evidence_job *job,
          const struct evidence_step *step, struct fault *why)
{
    struct failure_row row = {
        .flight = taking->evidence->flight, .job = job->name,
        .testid = step->testid, .lane = step->lane, .file = "", .text = "",
        .byte = -1,
    };
    struct crash crash = { .pattern = NULL };
    bool known = false;

    if (!failure_db_known(taking->db, &row, &known, why))
        return false;
    if (known)
        return true;
    if (taking->code != NULL) {
        look_at_consoles(taking, job, step, &crash);
        if (crash.pattern == NULL)
            look_at_log(taking, step, &crash);
    }
    taking->count++;
    return crash.pattern != NULL
        ? keep_crash(taking, job, &crash, &row, why)
        : keep_line(taking, job, step->reason, &step->pointer, &row, why);
}

static bool
take_job(struct taking *taking, const struct evidence_job *job,
         struct fault *why)
{
    struct failure_row row = {
        .flight = taking->evidence->flight, .job = job->name, .testid = "",
        .lane = job->lane, .file = "", .text = "", .byte = -1,
    };
    bool spoken = false, known = false;

    for (size_t i = 0; i < job->step_count; i++) {
        if (!is_failure(job->steps[i].status)
            || evidence_is_unrun(&job->steps[i]))
            continue;
        spoken = true;
        if (!take_step(taking, job, &job->steps[i], why))
            return false;
    }
    if (spoken || !is_failure(job->status))
        return true;
    if (!failure_db_known(taking->db, &row, &known, why))
        return false;
    if (known)
        return true;
    taking->count++;
    return keep_line(taking, job, job->reason, &job->pointer, &row, why);
}

bool
failure_record(struct db *db, int64_t flight, const char *job,
               struct pattern_code *code, int *count_out, struct fault *why)
{
    struct taking taking = { .db = db, .code = code, .arena = ARENA_INIT };
    struct evidence evidence;
    bool ok;

    ok = home_get(&taking.root, why)
        && evidence_read(db, flight, &taking.arena, &evidence, why);
    taking.evidence = &evidence;
    for (size_t i = 0; ok && i < evidence.job_count; i++)
        if (job == NULL || strcmp(evidence.jobs[i].name, job) == 0)
            ok = take_job(&taking, &evidence.jobs[i], why);
    if (ok && count_out != NULL)
        *count_out = taking.count;
    arena_free(&taking.arena);
    return ok;
}
