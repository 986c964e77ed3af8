/* harness/assayd.c - the controller: see assayd.h.
 *
 * Each round reads the picture of the open jobs and acts on it; nothing is
 * remembered between rounds that the database does not know, except the
 * processes that we started. A notification, the end of a runner and a timer
 * ask for a round. */
#include <config.h>

#include "harness/assayd.h"

#include <inttypes.h>

#include "harness/arena.h"
#include "harness/assayd_db.h"
#include "harness/assayd_plan.h"
#include "harness/clock.h"
#include "harness/db.h"
#include "harness/fault.h"
#include "harness/log.h"
#include "harness/mem.h"
#include "harness/outcome.h"
#include "harness/service.h"
#include "harness/task_db.h"

#define ROUND_DELAY_MS 10       /* notifications come in bursts */
#define BEAT_MS 2000            /* a round and the reaper at least so often */
#define MEND_LIMIT_MS 120000
#define MEND_PAUSE_MS 500
#define MEND_PAUSE_MAX_MS 10000
#define STOP_POLL_MS 100

enum session { SESSION_LOST = 0, SESSION_MENDING, SESSION_STANDBY,
               SESSION_LEADS };

struct assayd {
    uv_loop_t *loop;
    const struct assayd_spec *spec;
    assayd_stopped_fn *stopped;
    void *owner;

    struct db *db;
    enum session session;
    struct db_poll *poll;
    struct proc mend;
    int64_t mend_pause_ms;
    int64_t task;               /* ours as the leader; 0: none */
    bool reap;                  /* in the next round */

    uv_timer_t round_timer, beat_timer, mend_timer, stop_timer;
    bool round_asked;
    struct assayd_runners *runners;
    struct assayd_plan *plan;
    struct assayd_child children[ASSAYD_CHILDREN_MAX];
    size_t children_left;       /* not gone yet, while stopping */
    struct assayd_duties *duties;
    bool stopping, children_stopping, ended;
};

/* The poll handle of one database session: closed before it is freed. */
struct db_poll {
    uv_poll_t poll;
    struct assayd *assayd;      /* NULL: the session is over */
};

static void ask_round(struct assayd *a);
static void session_lost(struct assayd *a, const struct fault *why);
static void session_open(struct assayd *a);

/* Session ----------------------------------------------------------------- */

static void
poll_closed(uv_handle_t *handle)
{
    free(handle->data);
}

static void
poll_drop(struct assayd *a)
{
    if (a->poll == NULL)
        return;
    (void)uv_poll_stop(&a->poll->poll);
    a->poll->assayd = NULL;
    uv_close((uv_handle_t *)&a->poll->poll, poll_closed);
    a->poll = NULL;
}

/* Steps and boots are news for people, not for us. */
static void
drain(struct assayd *a)
{
    char channel[64], payload[256];

    while (a->db != NULL && db_notified(a->db, channel, payload)) {
        if (strcmp(payload, "step") != 0 && strcmp(payload, "boot") != 0)
            ask_round(a);
        assayd_duties_event(a->duties, payload);
    }
    if (a->db != NULL && !db_is_alive(a->db)) {
        struct fault why = FAULT_INIT;

        fault_set(&why, FAULT_LOST, "the server closed the connection");
        session_lost(a, &why);
    }
}

static void
db_readable(uv_poll_t *poll, int status UNUSED, int events UNUSED)
{
    struct db_poll *p = poll->data;

    if (p->assayd != NULL)
        drain(p->assayd);
}

static bool
poll_watch(struct assayd *a, struct fault *why)
{
    int fd = db_socket(a->db), err;

    must(a->poll == NULL);
    if (fd < 0)
        return fault_set(why, FAULT_LOST, "the connection is gone");
    a->poll = xcalloc(1, sizeof *a->poll);
    a->poll->assayd = a;
    a->poll->poll.data = a->poll;
    err = uv_poll_init(a->loop, &a->poll->poll, fd);
    if (err != 0) {
        free(a->poll);
        a->poll = NULL;
        return fault_set(why, FAULT_SYSTEM, "watch the database: %s",
                         uv_strerror(err));
    }
    err = uv_poll_start(&a->poll->poll, UV_READABLE | UV_DISCONNECT,
                        db_readable);
    if (err != 0) {
        poll_drop(a);
        return fault_set(why, FAULT_SYSTEM, "watch the database: %s",
                         uv_strerror(err));
    }
    return true;
}

static bool
session_try(struct assayd *a, struct fault *why)
{
    if (!db_open("assayd", &a->db, why))
        return false;
    if (!db_listen(a->db, "assay", why) || !poll_watch(a, why)) {
        db_close(a->db);
        a->db = NULL;
        return false;
    }
    a->session = SESSION_STANDBY;
    a->mend_pause_ms = MEND_PAUSE_MS;
    a->reap = true;
    ask_round(a);
    return true;
}

static void
mend_again(uv_timer_t *timer)
{
    session_open(timer->data);
}

static void
mend_later(struct assayd *a)
{
    a->session = SESSION_LOST;
    must(uv_timer_start(&a->mend_timer, mend_again,
                        (uint64_t)a->mend_pause_ms, 0) == 0);
    a->mend_pause_ms *= 2;
    if (a->mend_pause_ms > MEND_PAUSE_MAX_MS)
        a->mend_pause_ms = MEND_PAUSE_MAX_MS;
}

static void
mended(struct proc *proc UNUSED, void *owner, struct proc_status status)
{
    struct assayd *a = owner;
    struct fault why = FAULT_INIT;

    a->session = SESSION_LOST;
    if (a->stopping)
        return;
    if (!proc_status_ok(status)) {
        mend_later(a);
        return;
    }
    if (!session_try(a, &why)) {
        log_fault(LOG_LEVEL_WARN, &why, "cannot use the database");
        mend_later(a);
        return;
    }
    log_info("the database is back");
}

static void
session_open(struct assayd *a)
{
    struct proc_spec spec = PROC_SPEC_INIT;
    struct fault why = FAULT_INIT;

    if (a->stopping || a->session != SESSION_LOST ||
        !service_assayd_has_home())
        return;
    spec.argv = a->spec->mend_argv;
    spec.fds[1] = STDERR_FILENO;
    spec.fds[2] = STDERR_FILENO;
    a->session = SESSION_MENDING;
    if (!proc_spawn(&a->mend, a->loop, &spec, MEND_LIMIT_MS, 5000, mended, a,
                    &why)) {
        log_fault(LOG_LEVEL_ERROR, &why, "cannot mend the database");
        mend_later(a);
    }
}

static void
session_lost(struct assayd *a, const struct fault *why)
{
    if (a->db == NULL)
        return;
    log_fault(LOG_LEVEL_WARN, why, "lost the database");
    poll_drop(a);
    db_close(a->db);
    a->db = NULL;
    a->session = SESSION_LOST;
    assayd_duties_lead(a->duties, false);
    session_open(a);
}

/* Rounds ------------------------------------------------------------------ */

static bool
lead(struct assayd *a, struct fault *why)
{
    if (a->session == SESSION_LEADS)
        return true;
    /* A row whose process lives is not dead for a while: without this we
     * would stand by for ourselves after the server came back. */
    if (a->task != 0) {
        if (task_resume(a->db, a->task, why)) {
            if (!assayd_db_planner(a->db, a->task,
                                   a->spec->runners.jobs_max, why))
                return false;
            a->session = SESSION_LEADS;
            return true;
        }
        if (why->kind != FAULT_LOST || !db_is_alive(a->db))
            return false;
        *why = (struct fault)FAULT_INIT;
    }
    if (!task_begin(a->db, "controller", "planner", "assayd", &a->task,
                    why)) {
        a->task = 0;
        return why->kind == FAULT_CONFLICT;
    }
    if (!assayd_db_planner(a->db, a->task, a->spec->runners.jobs_max, why))
        return false;
    a->session = SESSION_LEADS;
    log_info("leads the queue (task %" PRId64 ")", a->task);
    return true;
}

static bool
reap(struct assayd *a, struct fault *why)
{
    int dead_jobs = 0, freed = 0;

    if (!a->reap)
        return true;
    if (!task_reap(a->db, &dead_jobs, &freed, why))
        return false;
    a->reap = false;
    if (dead_jobs > 0 || freed > 0)
        log_info("reaped: %d jobs broken, %d hosts freed", dead_jobs, freed);
    return true;
}

static bool
finish_flights(struct assayd *a, struct arena *arena, struct fault *why)
{
    int64_t *flights = NULL;
    size_t count = 0;

    if (!assayd_db_ended_flights(a->db, arena, &flights, &count, why))
        return false;
    for (size_t i = 0; i < count; i++) {
        enum outcome outcome = OUTCOME_NONE;

        if (!assayd_db_finish(a->db, arena, flights[i], &outcome, why))
            return fault_context(why, "end flight %" PRId64, flights[i]);
        log_info("flight %" PRId64 ": %s", flights[i],
                 outcome_name(outcome));
    }
    return true;
}

static bool
settle_queued(struct assayd *a, const struct assayd_jobs *jobs,
              struct fault *why)
{
    bool abort = false, block = false;

    for (size_t i = 0; i < jobs->count; i++) {
        const struct assayd_job *job = &jobs->v[i];

        abort = abort || (job->queued && job->abort);
        block = block || (job->queued && !job->abort && job->blocked);
    }
    return (!abort || assayd_db_abort_queued(a->db, why)) &&
           (!block || assayd_db_block(a->db, why));
}

static bool
round_do(struct assayd *a, struct arena *arena, struct fault *why)
{
    struct assayd_jobs jobs = { .count = 0 };

    if (!lead(a, why))
        return false;
    assayd_duties_lead(a->duties, a->session == SESSION_LEADS);
    if (a->session != SESSION_LEADS)
        return true;
    return reap(a, why) && assayd_db_jobs(a->db, arena, &jobs, why) &&
           settle_queued(a, &jobs, why) &&
           assayd_runners_see(a->runners, a->db, &jobs, why) &&
           assayd_plan_start(a->plan, a->db, arena, &jobs, a->runners,
                             why) &&
           finish_flights(a, arena, why);
}

static void
round_fired(uv_timer_t *timer)
{
    struct assayd *a = timer->data;
    struct arena arena = ARENA_INIT;
    struct fault why = FAULT_INIT;

    a->round_asked = false;
    if (a->db == NULL || a->stopping)
        return;
    if (!round_do(a, &arena, &why)) {
        if (why.kind == FAULT_LOST || !db_is_alive(a->db))
            session_lost(a, &why);
        else
            log_fault(LOG_LEVEL_ERROR, &why, "round");
    }
    arena_free(&arena);
    drain(a);                   /* what came with our answers */
}

static void
ask_round(struct assayd *a)
{
    if (a->round_asked || a->stopping)
        return;
    a->round_asked = true;
    must(uv_timer_start(&a->round_timer, round_fired, ROUND_DELAY_MS, 0) ==
         0);
}

/* What would go on without a home would make another, with an empty
 * database. */
static bool
has_home(struct assayd *a)
{
    if (service_assayd_has_home())
        return true;
    log_error("our home is gone");
    assayd_stop(a);
    return false;
}

static void
beat_fired(uv_timer_t *timer)
{
    struct assayd *a = timer->data;

    if (!has_home(a))
        return;
    a->reap = true;
    ask_round(a);
}

static void
runner_gone(void *owner, bool abnormal)
{
    struct assayd *a = owner;

    a->reap = a->reap || abnormal;
    ask_round(a);
}

/* The end ----------------------------------------------------------------- */

static void
end(struct assayd *a)
{
    struct fault why = FAULT_INIT;

    if (a->ended)
        return;
    a->ended = true;
    if (a->db != NULL && a->task != 0 &&
        !task_end(a->db, a->task, "stopped", &why))
        log_fault(LOG_LEVEL_WARN, &why, "cannot end our task");
    poll_drop(a);
    db_close(a->db);
    a->db = NULL;
    for (size_t i = 0; i < a->spec->child_count; i++)
        assayd_child_fini(&a->children[i]);
    uv_close((uv_handle_t *)&a->round_timer, NULL);
    uv_close((uv_handle_t *)&a->beat_timer, NULL);
    uv_close((uv_handle_t *)&a->mend_timer, NULL);
    uv_close((uv_handle_t *)&a->stop_timer, NULL);
    assayd_duties_close(a->duties);
    a->stopped(a->owner);
}

static void
child_gone(struct assayd_child *child UNUSED, void *owner)
{
    struct assayd *a = owner;

    must(a->children_left > 0);
    a->children_left--;
    if (a->children_left == 0)
        end(a);
}

/* Jobs first: they need the console and the web to end well. */
static void
stop_poll(uv_timer_t *timer)
{
    struct assayd *a = timer->data;

    if (assayd_runners_count(a->runners) > 0) {
        assayd_runners_stop(a->runners);    /* grace of the adopted */
        return;
    }
    if (assayd_duties_run(a->duties) || a->children_stopping ||
        proc_is_active(&a->mend))
        return;
    a->children_stopping = true;
    a->children_left = a->spec->child_count;
    if (a->children_left == 0)
        end(a);
    for (size_t i = 0; i < a->spec->child_count; i++)
        assayd_child_stop(&a->children[i]);
}

void
assayd_stop(struct assayd *a)
{
    if (a->ended)
        return;
    if (a->stopping) {
        log_warn("told to stop again: killing the jobs that still run");
        assayd_runners_kill(a->runners);
        return;
    }
    log_info("stops");
    a->stopping = true;
    (void)uv_timer_stop(&a->beat_timer);
    (void)uv_timer_stop(&a->round_timer);
    (void)uv_timer_stop(&a->mend_timer);
    proc_stop(&a->mend);
    assayd_runners_stop(a->runners);
    assayd_duties_stop(a->duties);
    must(uv_timer_start(&a->stop_timer, stop_poll, 0, STOP_POLL_MS) == 0);
}

void
assayd_restart_children(struct assayd *a)
{
    if (a->stopping)
        return;
    for (size_t i = 0; i < a->spec->child_count; i++)
        if (!a->children[i].spec->keeps_fds)
            assayd_child_restart(&a->children[i]);
}

/* The beginning ----------------------------------------------------------- */

struct assayd *
assayd_new(uv_loop_t *loop, const struct assayd_spec *spec,
           assayd_stopped_fn *stopped, void *owner, struct fault *why)
{
    struct assayd *a = xcalloc(1, sizeof *a);

    must(spec->child_count <= ASSAYD_CHILDREN_MAX);
    a->loop = loop;
    a->spec = spec;
    a->stopped = stopped;
    a->owner = owner;
    a->mend_pause_ms = MEND_PAUSE_MS;
    must(uv_timer_init(loop, &a->round_timer) == 0);
    must(uv_timer_init(loop, &a->beat_timer) == 0);
    must(uv_timer_init(loop, &a->mend_timer) == 0);
    must(uv_timer_init(loop, &a->stop_timer) == 0);
    a->round_timer.data = a->beat_timer.data = a;
    a->mend_timer.data = a->stop_timer.data = a;
    if (!session_try(a, why)) {
        free(a);
        return NULL;
    }
    a->duties = assayd_duties_new(loop, spec->duties, spec->duty_count);
    a->runners = assayd_runners_new(loop, spec->clock, &spec->runners,
                                    runner_gone, a);
    a->plan = assayd_plan_new(spec->clock, spec->runners.jobs_max);
    for (size_t i = 0; i < spec->child_count; i++)
        assayd_child_init(&a->children[i], loop, spec->clock,
                          &spec->children[i], child_gone, a);
    for (size_t i = 0; i < spec->child_count; i++)
        assayd_child_start(&a->children[i]);
    must(uv_timer_start(&a->beat_timer, beat_fired, BEAT_MS, BEAT_MS) == 0);
    return a;
}

void
assayd_free(struct assayd *a)
{
    if (a == NULL)
        return;
    assayd_runners_free(a->runners);
    assayd_plan_free(a->plan);
    assayd_duties_free(a->duties);
    free(a);
}
