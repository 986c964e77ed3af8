/* harness/step_run.c - runs one step; see the header.
 *
 *   start      directory, log, pipes, memory file, process
 *   (runs)     bytes flow from the two pipes
 *   on_hold    its first process has ended; what it left behind has a moment
 *              to end by itself, and is killed then
 *   on_proc_end    the group is dead; the pipes are read to their ends
 *   finish     attachments, verdict, done() */
#include <config.h>

#include "harness/step_run.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <jansson.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include "harness/buf.h"
#include "harness/clock.h"
#include "harness/fault.h"
#include "harness/fs.h"
#include "harness/json.h"
#include "harness/mem.h"
#include "harness/orphan.h"
#include "harness/proc.h"
#include "harness/step_log.h"
#include "harness/step_record.h"
#include "harness/step_result.h"
#include "harness/strv.h"

#define CHUNK_BYTES (256 * 1024)
#define ROUND_BYTES (1024 * 1024)       /* read in one turn of the loop */
#define SWEEP_MS 20
#define DRAIN_MS 2000           /* for killed processes to be gone */
#define DISK_FULL_BYTES (256 * 1024)

enum phase { PHASE_FAILED = 0, PHASE_RUNS, PHASE_LINGERS, PHASE_DRAINS,
             PHASE_CLOSING };

/* One of the two pipes from the step. */
struct stream {
    uv_poll_t poll;
    int fd;                     /* -1: at its end */
    bool armed;
};

struct step_run {
    uv_loop_t *loop;
    struct clock *clock;
    step_done_fn *done;
    void *owner;
    step_store_fn *store;
    step_progress_fn *progress;
    char *dir, *log_name, *mark;
    char **cases;
    json_t *fixed, *attaches;   /* attaches: {"PATH": "KIND"} */
    int64_t started_ms, ended_ms, deadline_ms;
    bool alone;

    enum phase phase;
    struct proc proc;
    pid_t group;
    uv_timer_t timer;
    struct stream out, records_in;
    int open_handles;
    int64_t phase_ms;           /* when the phase began */
    struct step_log log;
    struct step_records records;
    struct step_result result;
    struct step_facts facts;    /* its texts point into the bufs below */
    struct buf failed, blame, open, attach, disk, left, end, console;
    json_t *sign;               /* evidence of a console; NULL: none */
    char *chunk;
};

static int64_t
now(const struct step_run *run)
{
    return clock_mono_ms(run->clock);
}

/* --- Records ------------------------------------------------------------- */

static bool
take_set(struct step_run *run, const struct step_record *record,
         struct fault *why)
{
    if (json_object_get(run->fixed, record->name) != NULL)
        return fault_set(why, FAULT_DATA, "set %s: the flight has defined it",
                         record->name);
    json_put_text(run->result.sets, record->name, record->text);
    return true;
}

static void
take_case(struct step_run *run, const struct step_record *record)
{
    json_t *row = json_object();

    json_put_text(row, "id", record->name);
    json_put_text(row, "status", step_case_status_name(record->status));
    json_put_text(row, "note", record->text);
    must(json_array_append_new(run->result.cases, row) == 0);
    if (record->status != STEP_CASE_FAIL)
        return;
    if (run->facts.failed_count++ == 0) {
        buf_adds(&run->failed, record->name);
        if (record->text[0] != '\0')
            buf_addf(&run->failed, ": %s", record->text);
        run->facts.first_failed = buf_text(&run->failed);
    }
}

static void
take_metric(struct step_run *run, const struct step_record *record)
{
    json_t *row = json_object();

    json_put_text(row, "name", record->name);
    must(json_object_set_new(row, "value", json_real(record->value)) == 0);
    json_put_text(row, "unit", record->unit);
    json_put_text(row, "better", record->higher ? "higher" : "lower");
    must(json_array_append_new(run->result.metrics, row) == 0);
}

static void
take_progress(struct step_run *run, const struct step_record *record)
{
    free(run->result.progress);
    run->result.progress =
        xasprintf("%" PRId64 "/%" PRId64 "%s%s", record->done, record->total,
                  record->text[0] != '\0' ? " " : "", record->text);
    if (run->progress != NULL)
        run->progress(run->owner, run->result.progress);
}

static bool
on_record(void *owner, const struct step_record *record, struct fault *why)
{
    struct step_run *run = owner;

    switch (record->verb) {
    case STEP_VERB_CASE:
        take_case(run, record);
        break;
    case STEP_VERB_METRIC:
        take_metric(run, record);
        break;
    case STEP_VERB_SET:
        return take_set(run, record, why);
    case STEP_VERB_ATTACH:
        json_put_text(run->attaches, record->name, record->text);
        break;
    case STEP_VERB_PROGRESS:
        take_progress(run, record);
        break;
    case STEP_VERB_BLAME:
        /* The first one: closest to the cause. */
        if (run->facts.blame == LANE_NONE) {
            run->facts.blame = lane_parse(record->lane);
            buf_adds(&run->blame, record->text);
            run->facts.blame_text = buf_text(&run->blame);
        }
        break;
    case STEP_VERB_NONE:
    case STEP_VERB_COUNT:
    default:
        must_never("a record without a verb");
    }
    return true;
}

/* --- Pipes --------------------------------------------------------------- */

static void
on_handle_closed(uv_handle_t *handle)
{
    struct step_run *run = handle->data;

    must(run->open_handles > 0);
    if (--run->open_handles > 0)
        return;
    run->done(run->owner, &run->result);
    step_records_fini(&run->records);
    step_log_fini(&run->log);
    step_result_fini(&run->result);
    json_decref(run->fixed);
    json_decref(run->attaches);
    buf_free(&run->failed);
    buf_free(&run->blame);
    buf_free(&run->open);
    buf_free(&run->attach);
    buf_free(&run->disk);
    buf_free(&run->left);
    buf_free(&run->end);
    buf_free(&run->console);
    json_decref(run->sign);
    free(run->dir);
    free(run->log_name);
    free(run->mark);
    strv_free(run->cases);
    free(run->chunk);
    free(run);
}

static void
on_stream_closed(uv_handle_t *handle)
{
    on_handle_closed(handle);
}

static void
stream_end(struct step_run *run, struct stream *stream)
{
    if (stream->fd < 0)
        return;
    uv_close((uv_handle_t *)&stream->poll, on_stream_closed);
    fd_close(&stream->fd);
    if (stream == &run->records_in)
        step_records_end(&run->records);
}

/* Reads at most ROUND_BYTES of what is there. */
static void
stream_read(struct step_run *run, struct stream *stream)
{
    size_t total = 0;
    ssize_t n;

    while (stream->fd >= 0 && total < ROUND_BYTES) {
        n = read(stream->fd, run->chunk, CHUNK_BYTES);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && errno == EAGAIN)
            return;
        if (n <= 0) {
            stream_end(run, stream);
            return;
        }
        total += (size_t)n;
        if (stream == &run->out)
            step_log_write(&run->log, run->chunk, (size_t)n);
        else
            step_records_feed(&run->records, run->chunk, (size_t)n);
    }
}

static void drain(struct step_run *run);

static void
on_readable(uv_poll_t *poll, int status UNUSED, int events UNUSED)
{
    struct step_run *run = poll->data;

    stream_read(run, poll == &run->out.poll ? &run->out : &run->records_in);
    if (run->phase == PHASE_DRAINS)
        drain(run);
}

/* Gives the reading end to the loop; the child's end to 'child_out'. */
static bool
stream_open(struct step_run *run, struct stream *stream, int *child_out,
            struct fault *why)
{
    int fds[2] = {-1, -1}, error;

    stream->fd = -1;
    if (pipe2(fds, O_CLOEXEC) != 0)
        return fault_errno(why, FAULT_SYSTEM, "make a pipe for a step");
    *child_out = fds[1];
    (void)fcntl(fds[0], F_SETPIPE_SZ, CHUNK_BYTES);     /* fewer turns */
    if (!fd_set_nonblock(fds[0], why)) {
        fd_close(&fds[0]);
        return false;
    }
    error = uv_poll_init(run->loop, &stream->poll, fds[0]);
    if (error != 0) {
        fd_close(&fds[0]);
        return fault_set(why, FAULT_SYSTEM, "watch a step's pipe: %s",
                         uv_strerror(error));
    }
    stream->poll.data = run;
    stream->fd = fds[0];
    run->open_handles++;
    must(uv_poll_start(&stream->poll, UV_READABLE, on_readable) == 0);
    return true;
}

/* --- The end ------------------------------------------------------------- */

static void
attach_failed(struct step_run *run, const char *name,
              const struct fault *why)
{
    if (run->facts.attach_text != NULL)
        return;
    buf_addf(&run->attach, "cannot keep %s: %s", name, why->text);
    run->facts.attach_text = buf_text(&run->attach);
    json_put_text(run->result.evidence, "attach_failed", run->attach.data);
}

/* The step's word for a file: the path in its directory, or from '/'. */
static const char *
attach_name(const struct step_run *run, const char *path)
{
    size_t len = strlen(run->dir);

    if (strncmp(path, run->dir, len) == 0 && path[len] == '/')
        path += len;
    while (strncmp(path, "./", 2) == 0)
        path += 2;
    return path + strspn(path, "/");
}

static bool
attach_one(struct step_run *run, const char *path, char sha256[static 65],
           int64_t *bytes_out, struct fault *why)
{
    struct stat st;

    if (stat(path, &st) != 0)
        return fault_errno(why, FAULT_DATA, "attachment");
    /* A FIFO or a device would never end. */
    if (!S_ISREG(st.st_mode))
        return fault_set(why, FAULT_DATA, "not a regular file");
    if (run->store != NULL)
        return run->store(run->owner, path, sha256, bytes_out, why);
    return fs_sha256_file(path, sha256, bytes_out, why);
}

static void
attach_all(struct step_run *run)
{
    const char *path, *name;
    struct fault why;
    char *full, sha256[65];
    json_t *kind, *row;
    int64_t bytes;

    json_object_foreach(run->attaches, path, kind)
    {
        why = (struct fault)FAULT_INIT;
        name = attach_name(run, path);
        full = path[0] == '/' ? xstrdup(path)
                              : xasprintf("%s/%s", run->dir, path);
        if (!attach_one(run, full, sha256, &bytes, &why)) {
            attach_failed(run, path, &why);
        } else {
            row = json_object();
            json_put_text(row, "name", name);
            json_put_text(row, "kind", json_string_value(kind));
            json_put_text(row, "sha256", sha256);
            json_put_int(row, "bytes", bytes);
            must(json_array_append_new(run->result.attached, row) == 0);
        }
        free(full);
    }
}

static void
count_missing(struct step_run *run)
{
    size_t i;
    json_t *row;

    for (i = 0; run->cases != NULL && run->cases[i] != NULL; i++) {
        if (step_records_has_case(&run->records, run->cases[i]))
            continue;
        if (run->facts.missing_count++ == 0)
            run->facts.first_missing = run->cases[i];
        row = json_object();
        json_put_text(row, "id", run->cases[i]);
        json_put_text(row, "status",
                      step_case_status_name(STEP_CASE_MISSING));
        json_put_text(row, "note", "");
        must(json_array_append_new(run->result.cases, row) == 0);
    }
}

static void
look_at_disk(struct step_run *run)
{
    int64_t left;

    if (run->facts.disk_text != NULL)
        return;
    if (run->log.error != 0) {
        buf_addf(&run->disk, "%" PRId64 " bytes of the log were lost: %s",
                 run->log.dropped_bytes, strerror(run->log.error));
        run->facts.disk_text = buf_text(&run->disk);
        return;
    }
    /* A step that could not write its own files is no witness. */
    if (run->facts.end == STEP_END_EXIT &&
        (run->facts.code == STEP_EXIT_PASS ||
         run->facts.code == STEP_EXIT_SKIP))
        return;
    left = fs_free_bytes(run->dir);
    if (left < 0 || left >= DISK_FULL_BYTES)
        return;
    buf_addf(&run->disk, "the disk of %s is full", run->dir);
    run->facts.disk_text = buf_text(&run->disk);
}

static void
make_evidence(struct step_run *run)
{
    json_t *evidence = run->result.evidence;
    struct buf last = BUF_INIT;
    int64_t line = 0;

    step_log_last_line(&run->log, &last, &line);
    if (last.len > 0) {
        /* "FAIL: text" and its like are the step's word for the reader. */
        run->facts.last_line = buf_text(&last);
        json_put_text(evidence, "file", run->log_name);
        if (line > 0)
            json_put_int(evidence, "line", line);
        json_put_text(evidence, "text", buf_text(&last));
    }
    if (run->records.broken) {
        json_put_text(evidence, "file", "descriptor 3");
        json_put_int(evidence, "line", run->records.line_number);
        json_put_text(evidence, "text", run->records.fault.text);
    }
    if (run->left.len > 0)
        json_put_text(evidence, "leftover", buf_text(&run->left));
    if (run->log.dropped_bytes > 0)
        json_put_int(evidence, "log_dropped_bytes", run->log.dropped_bytes);
    if (run->sign != NULL) {
        json_object_del(evidence, "line");      /* of the log */
        must(json_object_update(evidence, run->sign) == 0);
    }
    step_verdict_make(&run->facts, &run->result.verdict);
    if (run->result.verdict.status == OUTCOME_PASS ||
        run->result.verdict.status == OUTCOME_SKIP) {
        json_object_del(evidence, "file");
        json_object_del(evidence, "line");
        json_object_del(evidence, "text");
    }
    buf_free(&last);
}

static void
finish(struct step_run *run)
{
    struct step_result *result = &run->result;

    if (run->phase == PHASE_CLOSING)
        return;
    run->phase = PHASE_CLOSING;
    stream_end(run, &run->out);
    stream_end(run, &run->records_in);
    attach_all(run);
    if (run->facts.end != STEP_END_EXIT || run->facts.code != STEP_EXIT_SKIP)
        count_missing(run);
    if (run->records.broken)
        run->facts.record_text = run->records.fault.text;
    step_log_close(&run->log, result->log_sha256);
    look_at_disk(run);
    make_evidence(run);
    result->elapsed_ms = run->ended_ms - run->started_ms;
    result->log_bytes = run->log.bytes;
    result->log_dropped_bytes = run->log.dropped_bytes;
    uv_close((uv_handle_t *)&run->timer, on_handle_closed);
}

/* --- What it left behind ------------------------------------------------- */

static struct orphan_match
match(const struct step_run *run)
{
    return (struct orphan_match){.group = run->group, .mark = run->mark,
                                 .all = run->alone};
}

static void on_timer(uv_timer_t *timer);

static void
sweep_later(struct step_run *run)
{
    must(uv_timer_start(&run->timer, on_timer, SWEEP_MS, 0) == 0);
}

/* Names what is left for the record, and kills it. Read first: what was said
 * before counts, and a pipe that has ended can have no late writer. */
static void
kill_left(struct step_run *run)
{
    struct orphan_match left = match(run);

    stream_read(run, &run->records_in);
    if (orphan_count(&left, &run->left) == 0)
        return;
    if (run->records_in.fd >= 0 && run->facts.open_text == NULL) {
        buf_addf(&run->open, "%s had to be killed", buf_text(&run->left));
        run->facts.open_text = buf_text(&run->open);
    }
    orphan_kill(&left);
}

static void
linger(struct step_run *run)
{
    struct orphan_match left = match(run);

    if (orphan_count(&left, NULL) > 0) {
        if (!run->proc.stopping &&
            now(run) - run->phase_ms < STEP_LINGER_MS) {
            sweep_later(run);
            return;
        }
        kill_left(run);
    }
    proc_release(&run->proc);
}

/* After the group is dead: no orphan, and both pipes at their ends. */
static void
drain(struct step_run *run)
{
    struct orphan_match left = match(run);

    stream_read(run, &run->out);
    stream_read(run, &run->records_in);
    if (orphan_count(&left, NULL) > 0)
        orphan_kill(&left);
    else if (run->out.fd < 0 && run->records_in.fd < 0) {
        finish(run);
        return;
    }
    if (now(run) - run->phase_ms < DRAIN_MS) {
        sweep_later(run);
        return;
    }
    if (run->records_in.fd >= 0 && run->facts.open_text == NULL)
        run->facts.open_text = "by a process that is out of reach";
    finish(run);
}

static void
on_timer(uv_timer_t *timer)
{
    struct step_run *run = timer->data;

    switch (run->phase) {
    case PHASE_FAILED:
        finish(run);
        break;
    case PHASE_LINGERS:
        linger(run);
        break;
    case PHASE_DRAINS:
        drain(run);
        break;
    case PHASE_RUNS:
    case PHASE_CLOSING:
    default:
        break;
    }
}

static bool
on_hold(struct proc *proc UNUSED, void *owner)
{
    struct step_run *run = owner;
    struct orphan_match left = match(run);

    run->ended_ms = now(run);
    if (orphan_count(&left, NULL) == 0)
        return false;
    run->phase = PHASE_LINGERS;
    run->phase_ms = run->ended_ms;
    sweep_later(run);
    return true;
}

static void
on_proc_end(struct proc *proc, void *owner, struct proc_status status)
{
    struct step_run *run = owner;
    struct step_facts *facts = &run->facts;

    facts->code = status.code;
    if (proc->timed_out)
        facts->end = STEP_END_DEADLINE;
    else if (proc->stopping)
        facts->end = run->end.len == 0 && facts->console_text != NULL
                         ? STEP_END_CONSOLE : STEP_END_ABORT;
    else if (status.end == PROC_END_EXIT)
        facts->end = STEP_END_EXIT;
    else if (status.end == PROC_END_SIGNAL)
        facts->end = STEP_END_SIGNAL;
    if (status.end == PROC_END_EXIT)
        run->result.exit_code = status.code;
    if (status.end == PROC_END_SIGNAL)
        run->result.exit_signal = status.code;
    if (facts->end == STEP_END_ABORT)
        facts->end_text = buf_text(&run->end);
    if (run->ended_ms == 0)
        run->ended_ms = now(run);
    run->phase = PHASE_DRAINS;
    run->phase_ms = now(run);
    drain(run);
}

/* --- The start ----------------------------------------------------------- */

/* A file in memory that nobody can change, read from its start. */
static bool
runvars_open(const json_t *runvars, int *fd_out, struct fault *why)
{
    char *text = json_dumps(runvars, JSON_SORT_KEYS | JSON_COMPACT);
    int fd = memfd_create("runvars", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    bool ok = fd >= 0;

    must(text != NULL);
    if (!ok) {
        fault_errno(why, FAULT_SYSTEM, "make the runvars of a step");
        goto out;
    }
    ok = fd_write_all(fd, text, strlen(text), why) &&
         fd_write_all(fd, "\n", 1, why);
    if (!ok)
        goto out;
    must(lseek(fd, 0, SEEK_SET) == 0);
    (void)fcntl(fd, F_ADD_SEALS,
                F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE);
    *fd_out = fd;
    fd = -1;
out:
    fd_close(&fd);
    free(text);
    return ok;
}

/* False: our own trouble. A program that cannot be executed is the test's, and
 * is told apart by facts.end. */
static bool
start(struct step_run *run, const struct step_spec *spec, struct fault *why)
{
    struct proc_spec proc = PROC_SPEC_INIT;
    int out = -1, records = -1, runvars = -1;
    bool ok;

    ok = fs_mkdirs(spec->dir, 0755, why) &&
         step_log_open(&run->log, spec->log_path, spec->log_max_bytes, why) &&
         stream_open(run, &run->out, &out, why) &&
         stream_open(run, &run->records_in, &records, why) &&
         runvars_open(spec->runvars, &runvars, why);
    if (!ok)
        goto out;
    proc.argv = spec->argv;
    proc.env_add = spec->env_add;
    proc.cwd = spec->dir;
    proc.fds[1] = out;
    proc.fds[2] = out;
    proc.fds[3] = records;
    proc.fds[4] = runvars;
    proc.die_with_parent = true;
    ok = proc_spawn(&run->proc, run->loop, &proc, spec->deadline_ms,
                    spec->grace_ms, on_proc_end, run, why);
    if (!ok) {
        run->facts.end = STEP_END_UNSTARTED;
        goto out;
    }
    run->proc.hold = on_hold;
    run->group = run->proc.pid;
    run->phase = PHASE_RUNS;
out:
    fd_close(&out);
    fd_close(&records);
    fd_close(&runvars);
    return ok;
}

struct step_run *
step_run_start(uv_loop_t *loop, struct clock *clock,
               const struct step_spec *spec, step_done_fn *done, void *owner)
{
    struct step_run *run = xcalloc(1, sizeof(*run));
    struct fault why = FAULT_INIT;

    run->loop = loop;
    run->clock = clock;
    run->done = done;
    run->owner = owner;
    run->store = spec->store;
    run->progress = spec->progress;
    run->dir = xstrdup(spec->dir);
    run->log_name = xstrdup(spec->log_name != NULL ? spec->log_name
                                                   : spec->log_path);
    run->mark = xstrdup(spec->mark);
    run->cases = strv_copy(spec->cases);
    run->fixed = json_deep_copy(spec->fixed);
    run->attaches = json_object();
    run->alone = spec->alone;
    run->out.fd = run->records_in.fd = -1;
    run->log = (struct step_log)STEP_LOG_INIT;
    run->facts.deadline_ms = spec->deadline_ms;
    run->facts.fail_is_broken = spec->fail_is_broken;
    run->chunk = xmalloc(CHUNK_BYTES);
    step_records_init(&run->records, on_record, run);
    step_result_init(&run->result);
    must(uv_timer_init(loop, &run->timer) == 0);
    run->timer.data = run;
    run->open_handles = 1;
    run->started_ms = now(run);
    uv_update_time(loop);
    if (start(run, spec, &why))
        return run;
    run->ended_ms = run->started_ms;
    if (run->facts.end == STEP_END_UNSTARTED) {
        buf_adds(&run->end, why.text);
        run->facts.end_text = buf_text(&run->end);
    } else {
        buf_adds(&run->disk, why.text);
        run->facts.disk_text = buf_text(&run->disk);
    }
    must(uv_timer_start(&run->timer, on_timer, 0, 0) == 0);
    return run;
}

void
step_run_stop(struct step_run *run, const char *reason)
{
    if (run->end.len == 0 && run->phase != PHASE_FAILED)
        buf_adds(&run->end, reason);
    if (run->phase == PHASE_RUNS)
        proc_stop(&run->proc);
}

void
step_run_condemn(struct step_run *run, const struct step_sign *sign)
{
    if (run->facts.console_text != NULL)
        return;
    buf_adds(&run->console, sign->text);
    run->facts.console_text = buf_text(&run->console);
    run->facts.console_lane = sign->lane;
    run->sign = json_object();
    json_put_text(run->sign, "file", sign->file);
    if (sign->number > 0) {
        json_put_int(run->sign, "line", sign->number);
        json_put_int(run->sign, "byte", sign->byte);
    }
    json_put_text(run->sign, "text", sign->line);
    json_put_text(run->sign, "pattern", sign->pattern);
}

void
step_run_end(struct step_run *run)
{
    if (run->facts.console_text != NULL && run->phase == PHASE_RUNS)
        proc_stop(&run->proc);
}

void
step_run_kill(struct step_run *run, const char *reason)
{
    run->proc.grace_ms = 0;
    step_run_stop(run, reason);
}
