/* harness/job_run.c - runs one job: the engine with its hands. */
#include <config.h>

#include "harness/job_run.h"

#include <inttypes.h>
#include <jansson.h>
#include <unistd.h>
#include "harness/buf.h"
#include "harness/clock.h"
#include "harness/ctl_server.h"
#include "harness/db.h"
#include "harness/fault.h"
#include "harness/fs.h"
#include "harness/give_way_db.h"
#include "harness/job_db.h"
#include "harness/job_env.h"
#include "harness/job_plan.h"
#include "harness/job_share.h"
#include "harness/json.h"
#include "harness/log.h"
#include "harness/mem.h"
#include "harness/orphan.h"
#include "harness/outbox.h"
#include "harness/ssh_pool.h"
#include "harness/step_note.h"
#include "harness/step_result.h"
#include "harness/strv.h"
#include "harness/task_db.h"

#define PROGRESS_EVERY_MS 1000
/* Many jobs hear at once that a host is free: they ask one after another. */
#define FREED_SPREAD_MS 150
/* From a host's last words to the end of its steps, which may have heard them
 * too and have something to say. */
#define CONDEMNED_MS 1500

/* What is to happen when the outbox has settled. */
enum want { WANT_NONE = 0, WANT_BOOK, WANT_SETTLED, WANT_FINISHED };

struct active {                 /* one a step of the plan */
    struct job_run *owner;
    size_t index;
    int number;                 /* 0: not begun */
    struct step_run *step;      /* NULL: does not run */
    char *log_path;             /* below ASSAY_HOME */
    char *dir;
    int64_t progress_ms;
};

struct job_run {
    uv_loop_t *loop;
    struct clock *clock;
    const struct job_run_config *config;
    job_run_done_fn *done;
    void *owner;
    struct job_engine *engine;
    struct outbox *outbox;
    struct ssh_pool *pool;      /* once it has hosts */
    struct ctl_server *ctl;
    uv_timer_t alarm, condemned;
    struct active *active;
    struct job_env env;
    int last_number;
    size_t running;
    enum want want;
    struct job_share share;
    bool flight_aborted;        /* the flight's abort was seen */
    bool gives_way;             /* it was told */
    int asked;                  /* calls of job_run_abort() */
    enum job_end end;
    struct step_verdict verdict;        /* the job's, and the step it is of */
    char *decided_by;
    struct buf waits_for;
};

/* --- Notes for the outbox ------------------------------------------------ */

static char *
copy_or_null(const char *s)
{
    return s != NULL ? xstrdup(s) : NULL;
}

static struct step_note *
step_note(const struct active *active)
{
    const struct job_run *run = active->owner;
    const struct job_step *step = &run->config->plan->steps[active->index];
    const char *base = strrchr(step->program, '/');

    return step_note_new(&(struct job_step_row){
        .flight = run->config->row->flight,
        .job = run->config->row->job,
        .step = active->number,
        .program = base != NULL ? base + 1 : step->program,
        .testid = step->testid,
        .log_path = active->log_path,
    }, &run->share);
}

static bool
write_running(struct db *db, void *arg, struct fault *why)
{
    const struct job_run *run = arg;

    return job_db_running(db, run->config->row->flight,
                          run->config->row->job, run->config->task, why);
}

static bool
write_waits(struct db *db, void *arg, struct fault *why)
{
    const struct job_run *run = arg;

    return job_db_waits(db, run->config->row->flight, run->config->row->job,
                        buf_text(&run->waits_for), why);
}

static bool
write_give_way(struct db *db, void *arg, struct fault *why)
{
    const struct job_run *run = arg;

    return give_way_db_done(db, run->config->task, why);
}

static bool
write_finish(struct db *db, void *arg, struct fault *why)
{
    const struct job_run *run = arg;

    return job_db_finish(db, run->config->row->flight, run->config->row->job,
                         run->config->task, &run->verdict, run->decided_by,
                         run->share.prepare_ms, why);
}

/* --- Hosts --------------------------------------------------------------- */

static void
note_waits(struct job_run *run, const struct fault *why)
{
    const char *at = why->detail;
    size_t len;

    buf_reset(&run->waits_for);
    buf_adds(&run->waits_for, why->text);
    while (*at != '\0') {
        len = strcspn(at, "\n");
        if (len > 0)
            buf_addf(&run->waits_for, "; %.*s", (int)len, at);
        at += len + (at[len] == '\n');
    }
}

static bool
allocate(struct job_run *run, struct db *db, struct fault *why)
{
    const struct job_row *row = run->config->row;
    struct task_role *roles = xcalloc(row->role_count + 1, sizeof(*roles));
    char **hosts = xcalloc(row->role_count + 1, sizeof(*hosts));
    size_t i;
    bool ok;

    for (i = 0; i < row->role_count; i++)
        roles[i] = (struct task_role){
            .role = row->roles[i].role,
            .arch = row->roles[i].arch,
            .host = run->config->planned != NULL ? run->config->planned[i]
                                                 : row->roles[i].preset,
            .flags = strv_const(row->roles[i].flags),
            .wants = strv_const(row->roles[i].wants),
            .same_class = row->roles[i].same_class,
        };
    ok = row->role_count == 0 ||
         task_allocate(db, run->config->task, row->flight, row->job, roles,
                       (int)row->role_count, hosts, why);
    if (ok)
        job_env_set_hosts(&run->env, row, hosts);
    for (i = 0; i < row->role_count; i++)
        free(hosts[i]);
    free(hosts);
    free(roles);
    return ok;
}

static const char *
resolve_host(void *owner, const char *name, struct fault *why)
{
    const struct job_run *run = owner;
    const char *host = job_env_host(&run->env, name);
    size_t i;

    for (i = 0; host == NULL && run->env.hosts[i] != NULL; i++)
        if (strcmp(run->env.hosts[i], name) == 0)
            host = run->env.hosts[i];
    if (host == NULL)
        fault_set(why, FAULT_NOT_FOUND, "the job has no host or role %s "
                  "(it has %s)", name, run->env.hosts_text);
    return host;
}

/* The way to the hosts. Without it steps cannot reach them, and say so. */
static void
open_ctl(struct job_run *run)
{
    struct fault why = FAULT_INIT;
    char *dir = xasprintf("%s/ssh", run->env.jobdir);

    /* What another run of this job left there speaks of other boots. */
    if (!fs_remove_tree(dir, &why) || !fs_mkdirs(dir, 0755, &why))
        log_fault(LOG_LEVEL_ERROR, &why, "no directory for ssh");
    run->pool = ssh_pool_new(run->loop, dir, run->config->make_socket, NULL);
    run->ctl = ctl_server_new(run->loop, run->env.ctl, run->pool,
                              resolve_host, run, &why);
    if (run->ctl == NULL)
        log_fault(LOG_LEVEL_ERROR, &why, "no control socket");
    free(dir);
}

static void
share(struct job_run *run, struct db *db)
{
    char *text = job_share_take(&run->share, db);

    run->env.prepared = run->share.prepared;
    if (text != NULL)
        job_engine_set_prepared(run->engine, text);
    free(text);
}

static void
book_now(struct job_run *run)
{
    struct db *db = outbox_db(run->outbox);
    struct fault why = FAULT_INIT;

    if (allocate(run, db, &why)) {
        if (run->env.hosts_text[0] != '\0')
            log_info("hosts: %s", run->env.hosts_text);
        open_ctl(run);
        share(run, db);
        if (run->config->hosts_booked != NULL)
            run->config->hosts_booked(strv_const(run->env.hosts));
        outbox_add(run->outbox, write_running, run, NULL);
        job_engine_event(run->engine, JOB_EVENT_BOOKED);
        return;
    }
    if (!db_is_alive(db)) {
        run->want = WANT_BOOK;          /* again, when it is back */
        outbox_check(run->outbox);
        outbox_settle(run->outbox);
        return;
    }
    /* A planned host that does not do any more: another plan may. */
    if (why.kind == FAULT_CONFLICT || why.kind == FAULT_TIMEOUT ||
        (why.kind == FAULT_NOT_FOUND && run->config->planned != NULL)) {
        note_waits(run, &why);
        log_info("no hosts now: %s", buf_text(&run->waits_for));
        if (!run->config->no_wait)
            outbox_add(run->outbox, write_waits, run, NULL);
        job_engine_event(run->engine, JOB_EVENT_BUSY);
        return;
    }
    if (why.kind == FAULT_NOT_FOUND) {
        note_waits(run, &why);
        job_engine_set_hosts_text(run->engine, buf_text(&run->waits_for));
        job_engine_event(run->engine, JOB_EVENT_NEVER);
        return;
    }
    log_fault(LOG_LEVEL_ERROR, &why, "cannot allocate hosts");
    job_engine_event(run->engine, JOB_EVENT_LOST);
}

/* --- Steps --------------------------------------------------------------- */

/* "guest-start/pv" as a name of a file. */
static char *
file_name(int number, const char *testid)
{
    char *name = xasprintf("%02d.%s", number, testid), *at;

    for (at = name; *at != '\0'; at++)
        if (*at == '/')
            *at = '.';
    return name;
}

static void
on_progress(void *owner, const char *text)
{
    struct active *active = owner;
    struct job_run *run = active->owner;
    int64_t now = clock_mono_ms(run->clock);
    struct step_note *note;

    if (now - active->progress_ms < PROGRESS_EVERY_MS ||
        outbox_db(run->outbox) == NULL)
        return;                 /* the last one is in the result */
    active->progress_ms = now;
    note = step_note(active);
    note->text = xstrdup(text);
    outbox_add(run->outbox, step_note_progress, note, step_note_free);
}

static bool
store(void *owner, const char *path, char sha256[static 65],
      int64_t *bytes_out, struct fault *why)
{
    struct active *active = owner;
    const struct job_run_config *config = active->owner->config;

    if (config->store == NULL)
        return fault_set(why, FAULT_SYSTEM, "nothing keeps attachments here");
    return config->store(active->owner->owner, path, sha256, bytes_out, why);
}

/* A check that does not agree is a step of its own, and no more than says so;
 * another has no row. */
static void
refuse_prepared(struct active *active, struct step_result *result)
{
    struct job_run *run = active->owner;
    char *text;

    if (result->verdict.status != OUTCOME_ABORTED) {
        text = xasprintf("prepared anew: %.300s", result->verdict.reason);
        result->verdict = (struct step_verdict){.status = OUTCOME_SKIP};
        (void)snprintf(result->verdict.reason,
                       sizeof(result->verdict.reason), "%s", text);
        free(text);
    }
    active->number = ++run->last_number;
    outbox_add(run->outbox, job_share_refuse, &run->share, NULL);
    outbox_add(run->outbox, step_note_begin, step_note(active), step_note_free);
}

static void
keep_result(struct active *active, struct step_result *result)
{
    struct job_run *run = active->owner;
    const struct job_step *step = &run->config->plan->steps[active->index];
    enum outcome status = result->verdict.status;
    int64_t elapsed_ms = result->elapsed_ms;
    struct step_note *note;

    if (step->checks && status == OUTCOME_PASS) {
        job_share_agree(&run->share, active->log_path, result);
        return;
    }
    if (step->checks)
        refuse_prepared(active, result);
    note = step_note(active);
    step_result_move(&note->result, result);
    note->host = copy_or_null(job_env_host(&run->env, step->role));
    outbox_add(run->outbox, step_note_end, note, step_note_free);
    if (step->prepares &&
        job_share_step_ended(&run->share, status, elapsed_ms))
        outbox_add(run->outbox, job_share_write, &run->share, NULL);
}

static void
on_step_done(void *owner, struct step_result *result)
{
    struct active *active = owner;
    struct job_run *run = active->owner;
    const struct job_step *step = &run->config->plan->steps[active->index];
    struct log_fields fields = {.step = step->testid};
    struct step_verdict verdict = result->verdict;
    struct fault why = FAULT_INIT;
    char elapsed[32];

    active->step = NULL;
    run->running--;
    clock_human(result->elapsed_ms, elapsed);
    log_with(LOG_LEVEL_INFO, &fields, "%s after %s%s%s",
             outcome_name(verdict.status), elapsed,
             verdict.reason[0] != '\0' ? ": " : "", verdict.reason);
    must(json_object_update(run->env.runvars, result->sets) == 0);
    keep_result(active, result);
    /* What a step that went wrong left in its directory may tell why. */
    if ((verdict.status == OUTCOME_PASS || verdict.status == OUTCOME_SKIP) &&
        !fs_remove_tree(active->dir, &why))
        log_fault(LOG_LEVEL_WARN, &why, "cannot clean up after a step");
    job_engine_step_ended(run->engine, active->index, &verdict);
}

/* What lies there from another time (another database used this home) is no
 * evidence of this step. */
static void
make_room(const char *log, const char *dir)
{
    struct fault why = FAULT_INIT;

    (void)unlink(log);
    if (!fs_remove_tree(dir, &why))
        log_fault(LOG_LEVEL_WARN, &why, "cannot clean up before a step");
}

static void
start_step(struct job_run *run, struct active *active, int64_t limit_ms)
{
    const struct job_run_config *config = run->config;
    const struct job_step *step = &config->plan->steps[active->index];
    struct log_fields fields = {.step = step->testid};
    char *name, *log, **env, **argv;
    size_t i;

    /* A check has a number, and a row, only if there is something to say. */
    if (!step->checks)
        active->number = ++run->last_number;
    name = file_name(active->number, step->testid);
    active->log_path = xasprintf("flights/%" PRId64 "/%s/%s.log",
                                 config->row->flight, config->row->job, name);
    active->dir = xasprintf("%s/work/%s", run->env.jobdir, name);
    log = xasprintf("%s/%s", config->home, active->log_path);
    make_room(log, active->dir);
    if (!step->checks)
        outbox_add(run->outbox, step_note_begin, step_note(active),
                   step_note_free);
    env = job_env_step(&run->env, step, active->number, limit_ms);
    argv = xcalloc(1, sizeof(*argv));
    strv_add(&argv, step->program);
    for (i = 0; step->args != NULL && step->args[i] != NULL; i++)
        strv_add(&argv, step->args[i]);
    log_with(LOG_LEVEL_INFO, &fields, "starts");
    active->step = step_run_start(
        run->loop, run->clock,
        &(struct step_spec){
            .argv = strv_const(argv),
            .env_add = strv_const(env),
            .mark = env[0],
            .dir = active->dir,
            .log_path = log,
            .log_name = active->log_path,
            .cases = strv_const(step->cases),
            .runvars = run->env.runvars,
            .fixed = config->row->fixed,
            .deadline_ms = limit_ms,
            .grace_ms = config->grace_ms,
            .log_max_bytes = config->log_max_bytes,
            .alone = run->running == 0,
            .fail_is_broken = step->fail_is_broken,
            .store = store,
            .progress = on_progress,
        },
        on_step_done, active);
    run->running++;
    strv_free(env);
    strv_free(argv);
    free(name);
    free(log);
}

/* --- What the engine asks for -------------------------------------------- */

static void
op_book(void *owner)
{
    struct job_run *run = owner;

    run->want = WANT_BOOK;
    outbox_settle(run->outbox);
}

static void
op_settle(void *owner)
{
    struct job_run *run = owner;

    /* No step runs: whoever is left belongs to none. */
    orphan_kill(&(struct orphan_match){.mark = JOB_ENV_MARK "=",
                                       .all = true});
    run->want = WANT_SETTLED;
    outbox_settle(run->outbox);
}

static void
op_start(void *owner, size_t step, int64_t limit_ms)
{
    struct job_run *run = owner;

    start_step(run, &run->active[step], limit_ms);
}

static void
op_stop(void *owner, size_t step, bool aborted)
{
    struct job_run *run = owner;

    if (run->active[step].step == NULL)
        return;
    if (aborted)
        step_run_stop(run->active[step].step, "the job was aborted");
    else
        step_run_kill(run->active[step].step, "the job was lost");
}

static void
op_unrun(void *owner, size_t step, const struct step_verdict *verdict)
{
    struct job_run *run = owner;
    struct active *active = &run->active[step];
    struct step_note *note;

    active->number = ++run->last_number;
    note = step_note(active);
    note->verdict = *verdict;
    outbox_add(run->outbox, verdict->status == OUTCOME_REUSED
               ? step_note_reused : step_note_unrun, note, step_note_free);
}

/* The outbox has settled: the answer is that of the moment. */
static bool
op_leave(void *owner)
{
    struct job_run *run = owner;
    struct db *db = outbox_db(run->outbox);

    return db != NULL && job_share_leave(&run->share, db);
}

static void
on_alarm(uv_timer_t *timer)
{
    struct job_run *run = timer->data;

    job_engine_event(run->engine, JOB_EVENT_WAKE);
}

static void
op_wake_in(void *owner, int64_t ms)
{
    struct job_run *run = owner;

    if (ms <= 0) {
        (void)uv_timer_stop(&run->alarm);
        return;
    }
    uv_update_time(run->loop);
    must(uv_timer_start(&run->alarm, on_alarm, (uint64_t)ms, 0) == 0);
}

static void
op_finish(void *owner, const struct step_verdict *verdict, const char *testid)
{
    struct job_run *run = owner;

    log_info("job %s%s%s", outcome_name(verdict->status),
             verdict->reason[0] != '\0' ? ": " : "", verdict->reason);
    run->verdict = *verdict;
    run->decided_by = copy_or_null(testid);
    outbox_add(run->outbox, write_finish, run, NULL);
    run->want = WANT_FINISHED;
    outbox_settle(run->outbox);
}

static void
op_give_way(void *owner)
{
    struct job_run *run = owner;

    outbox_add(run->outbox, write_give_way, run, NULL);
    run->want = WANT_FINISHED;
    outbox_settle(run->outbox);
}

static void
on_all_closed(uv_handle_t *handle)
{
    struct job_run *run = handle->data;
    struct db *db = outbox_take_db(run->outbox);
    size_t i;

    outbox_free(run->outbox);
    run->done(run->owner, run->end, db);
    for (i = 0; i < run->config->plan->count; i++) {
        free(run->active[i].log_path);
        free(run->active[i].dir);
    }
    free(run->active);
    job_share_fini(&run->share);
    job_env_fini(&run->env);
    job_engine_free(run->engine);
    buf_free(&run->waits_for);
    free(run->decided_by);
    free(run);
}

static void
on_alarm_closed(uv_handle_t *handle)
{
    struct job_run *run = handle->data;

    uv_close((uv_handle_t *)&run->condemned, on_all_closed);
}

static void
op_ended(void *owner, enum job_end end)
{
    struct job_run *run = owner;

    run->end = end;
    ctl_server_free(run->ctl);
    ssh_pool_free(run->pool);
    run->ctl = NULL;
    run->pool = NULL;
    if (run->config->hosts_left != NULL)
        run->config->hosts_left();
    uv_close((uv_handle_t *)&run->alarm, on_alarm_closed);
}

static const struct job_engine_ops ENGINE_OPS = {
    .book = op_book, .settle = op_settle, .start = op_start,
    .stop = op_stop, .unrun = op_unrun, .leave = op_leave,
    .wake_in = op_wake_in, .finish = op_finish, .give_way = op_give_way,
    .ended = op_ended,
};

/* --- What the outbox tells ----------------------------------------------- */

static void
look_for_abort(struct job_run *run, struct db *db)
{
    struct fault why = FAULT_INIT;
    char *reason = NULL, *text;

    if (run->flight_aborted || db == NULL)
        return;
    if (!job_db_abort_reason(db, run->config->row->flight, &reason, &why)
        || reason == NULL)
        return;                 /* the next notification tells again */
    run->flight_aborted = true;
    text = xasprintf("flight aborted: %s", reason);
    if (run->asked == 0)
        job_engine_abort(run->engine, text);
    free(text);
    free(reason);
}

/* Once told, a job is told until its end. */
static void
look_for_way(struct job_run *run, struct db *db)
{
    struct fault why = FAULT_INIT;
    char *reason = NULL;

    if (run->gives_way || db == NULL
        || !give_way_db_reason(db, run->config->task, &reason, &why)
        || reason == NULL)
        return;                 /* the next notification tells again */
    run->gives_way = true;
    log_info("another job wants the hosts: %s", reason);
    job_engine_give_way(run->engine, reason);
    free(reason);
}

static enum outbox_open
on_open(void *owner, struct db **db_out, struct fault *why)
{
    struct job_run *run = owner;
    bool gone = false;

    if (run->config->reopen(db_out, &gone, why)) {
        /* What was said meanwhile was not heard. */
        look_for_abort(run, *db_out);
        look_for_way(run, *db_out);
        return OUTBOX_OPENED;
    }
    return gone ? OUTBOX_OPEN_GONE : OUTBOX_OPEN_RETRY;
}

static void
on_settled(void *owner)
{
    struct job_run *run = owner;
    enum want want = run->want;

    run->want = WANT_NONE;
    if (want == WANT_BOOK)
        book_now(run);
    else if (want == WANT_SETTLED)
        job_engine_event(run->engine, JOB_EVENT_SETTLED);
    else if (want == WANT_FINISHED)
        job_engine_event(run->engine, JOB_EVENT_FINISHED);
}

static void
on_lost(void *owner, const struct fault *why)
{
    struct job_run *run = owner;

    log_fault(LOG_LEVEL_ERROR, why, "the job is lost, all steps are killed");
    job_engine_event(run->engine, JOB_EVENT_LOST);
}

static void
on_notified(void *owner, const char *payload)
{
    struct job_run *run = owner;

    if (strcmp(payload, "give-way") == 0) {
        look_for_way(run, outbox_db(run->outbox));
        return;
    }
    if (strcmp(payload, "flight") == 0) {
        look_for_abort(run, outbox_db(run->outbox));
        return;
    }
    if ((strcmp(payload, "allocation") == 0 ||
         strcmp(payload, "host") == 0) &&
        job_engine_state(run->engine) == JOB_STATE_WAITING)
        op_wake_in(run, 1 + random() % FREED_SPREAD_MS);
}

static const struct outbox_ops OUTBOX_OPS = {
    .open = on_open, .settled = on_settled, .lost = on_lost,
    .notified = on_notified,
};

struct job_run *
job_run_start(uv_loop_t *loop, struct clock *clock,
              const struct job_run_config *config, struct db *db,
              job_run_done_fn *done, void *owner)
{
    const struct job_engine_config engine = {
        .no_wait = config->no_wait,
        .retry_ms = JOB_RETRY_MS,
        .abort_limit_ms = config->abort_limit_ms,
    };
    struct job_run *run = xcalloc(1, sizeof(*run));
    size_t i;

    run->loop = loop;
    run->clock = clock;
    run->config = config;
    run->done = done;
    run->owner = owner;
    job_env_init(&run->env, config);
    job_share_init(&run->share, config, &run->env);
    run->last_number = config->row->last_step;
    run->active = xcalloc(config->plan->count + 1, sizeof(*run->active));
    for (i = 0; i < config->plan->count; i++)
        run->active[i] = (struct active){.owner = run, .index = i};
    must(uv_timer_init(loop, &run->alarm) == 0);
    run->alarm.data = run;
    must(uv_timer_init(loop, &run->condemned) == 0);
    run->condemned.data = run;
    run->engine = job_engine_new(config->plan, &engine, &ENGINE_OPS, run);
    run->outbox = outbox_new(loop, clock, db, config->lost_limit_ms,
                             &OUTBOX_OPS, run);
    job_engine_event(run->engine, JOB_EVENT_START);
    return run;
}

void
job_run_abort(struct job_run *run, const char *reason)
{
    if (++run->asked > 1 || !run->flight_aborted)
        job_engine_abort(run->engine, reason);
}

static void
on_condemned(uv_timer_t *timer)
{
    struct job_run *run = timer->data;

    for (size_t i = 0; i < run->config->plan->count; i++)
        if (run->active[i].step != NULL)
            step_run_end(run->active[i].step);
}

void
job_run_condemn(struct job_run *run, const char *host,
                const struct step_sign *sign)
{
    const struct job_plan *plan = run->config->plan;
    struct log_fields fields = {.host = host};

    log_with(LOG_LEVEL_INFO, &fields, "console: %s", sign->line);
    for (size_t i = 0; i < plan->count; i++) {
        const struct job_step *step = &plan->steps[i];
        const char *own = job_env_host(&run->env, step->role);

        if (run->active[i].step == NULL || step->finally ||
            (step->role != NULL && own != NULL && strcmp(own, host) != 0))
            continue;
        step_run_condemn(run->active[i].step, sign);
        uv_update_time(run->loop);
        must(uv_timer_start(&run->condemned, on_condemned, CONDEMNED_MS, 0)
             == 0);
    }
}

const char *
job_run_waits_for(const struct job_run *run)
{
    return buf_text(&run->waits_for);
}
