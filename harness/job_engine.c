/* harness/job_engine.c - the life of one job; see the header. */
#include <config.h>

#include "harness/job_engine.h"

#include <assert.h>
#include "harness/job_plan.h"
#include "harness/mem.h"

#define QUEUE_MAX 32

struct job_engine {
    const struct job_plan *plan;
    struct job_engine_config config;
    const struct job_engine_ops *ops;
    void *owner;
    enum job_state state;
    struct step_part *parts;    /* one a step of the plan */
    bool *running;              /* one a step of the plan */
    size_t running_count;
    size_t cursor;              /* first step that is not settled */
    const struct step_part *stopper;    /* why the body goes no further */
    int aborts;
    char *abort_reason;
    char *way_asked;            /* another job wants its hosts, or NULL */
    char *way_reason;           /* the same once it gives way */
    bool gave_way;
    char *hosts_text;
    char *prepared_text;        /* NULL: it is not */
    bool reused;                /* and the check agreed */
    bool asked, left;           /* whether it is left so */
    enum job_event queue[QUEUE_MAX];    /* events that came inside an action */
    size_t queued;
    bool busy;
};

static const char *const STATE_NAMES[] = {
    [JOB_STATE_NEW] = "new",             [JOB_STATE_BOOKING] = "booking",
    [JOB_STATE_WAITING] = "waiting",     [JOB_STATE_SETTLING] = "settling",
    [JOB_STATE_RUNNING] = "running",     [JOB_STATE_STOPPING] = "stopping",
    [JOB_STATE_FINISHING] = "finishing", [JOB_STATE_LOSING] = "losing",
    [JOB_STATE_ENDED] = "ended",
};
static_assert(ARRAY_LEN(STATE_NAMES) == JOB_STATE_COUNT, "a name for each");

static const char *const EVENT_NAMES[] = {
    [JOB_EVENT_START] = "start",     [JOB_EVENT_BOOKED] = "booked",
    [JOB_EVENT_BUSY] = "busy",       [JOB_EVENT_NEVER] = "never",
    [JOB_EVENT_WAKE] = "wake",       [JOB_EVENT_SETTLED] = "settled",
    [JOB_EVENT_BATCH_ENDED] = "batch-ended",
    [JOB_EVENT_ABORT] = "abort",     [JOB_EVENT_GIVE_WAY] = "give-way",
    [JOB_EVENT_LOST] = "lost",       [JOB_EVENT_FINISHED] = "finished",
};
static_assert(ARRAY_LEN(EVENT_NAMES) == JOB_EVENT_COUNT, "a name for each");

const char *
job_state_name(enum job_state state)
{
    return STATE_NAMES[state];
}

const char *
job_event_name(enum job_event event)
{
    return EVENT_NAMES[event];
}

static bool
is_final(const struct job_engine *engine, size_t step)
{
    return engine->plan->steps[step].finally;
}

/* Aborted, or on its way out for another job. */
static bool
is_stopped(const struct job_engine *engine)
{
    return engine->aborts > 0 || engine->way_reason != NULL;
}

static void
verdict_set(struct step_verdict *verdict, enum outcome status,
            enum lane lane, const char *text)
{
    *verdict = (struct step_verdict){.status = status, .lane = lane};
    (void)snprintf(verdict->reason, sizeof(verdict->reason), "%s", text);
}

static enum job_state
end_with(struct job_engine *engine, enum job_end end)
{
    engine->ops->wake_in(engine->owner, 0);
    engine->ops->ended(engine->owner, end);
    return JOB_STATE_ENDED;
}

static enum job_state
finish_with(struct job_engine *engine, const struct step_verdict *verdict,
            const char *testid)
{
    engine->ops->wake_in(engine->owner, 0);
    engine->ops->finish(engine->owner, verdict, testid);
    return JOB_STATE_FINISHING;
}

static enum job_state
finish_aborted(struct job_engine *engine)
{
    struct step_verdict verdict;

    verdict_set(&verdict, OUTCOME_ABORTED, LANE_UNKNOWN,
                engine->abort_reason);
    return finish_with(engine, &verdict, NULL);
}

static void
unrun(struct job_engine *engine, size_t step)
{
    const struct job_step *s = &engine->plan->steps[step];
    struct step_part *part = &engine->parts[step];
    const struct step_part *by = engine->stopper;
    char text[STEP_REASON_BYTES];

    if (s->checks) {
        /* Nothing to check is nothing to tell. */
        verdict_set(&part->verdict, OUTCOME_SKIP, LANE_NONE, "");
        return;
    }
    if (s->prepares && engine->reused && !is_stopped(engine)) {
        verdict_set(&part->verdict, OUTCOME_REUSED, LANE_NONE,
                    engine->prepared_text);
    } else if (s->powers_off && engine->left) {
        verdict_set(&part->verdict, OUTCOME_SKIP, LANE_NONE,
                    "left on, prepared, for the next job of the flight");
    } else if (s->skip_reason != NULL) {
        verdict_set(&part->verdict, OUTCOME_SKIP, LANE_NONE, s->skip_reason);
    } else if (is_stopped(engine)) {
        verdict_set(&part->verdict, OUTCOME_ABORTED, LANE_UNKNOWN,
                    engine->aborts > 0 ? engine->abort_reason
                                       : engine->way_reason);
    } else {
        (void)snprintf(text, sizeof(text), "not run: %.200s is %s",
                       by->testid, outcome_name(by->verdict.status));
        verdict_set(&part->verdict, OUTCOME_BLOCKED, by->verdict.lane, text);
    }
    engine->ops->unrun(engine->owner, step, &part->verdict);
}

/* Everything but the power-off has been done, and nothing went wrong. */
static bool
is_well_done(const struct job_engine *engine)
{
    bool passed = false;
    size_t i;

    for (i = 0; i < engine->plan->count; i++) {
        enum outcome status = engine->parts[i].verdict.status;

        if (engine->plan->steps[i].powers_off)
            continue;
        if (!outcome_is_good(status))
            return false;
        passed = passed || status == OUTCOME_PASS;
    }
    return passed && engine->aborts == 0;
}

static bool
leaves_prepared(struct job_engine *engine)
{
    if (!engine->asked) {
        engine->asked = true;
        engine->left = is_well_done(engine) &&
                       engine->ops->leave(engine->owner);
    }
    return engine->left;
}

static bool
is_to_run(struct job_engine *engine, size_t step)
{
    const struct job_step *s = &engine->plan->steps[step];

    if (s->skip_reason != NULL || (s->checks && engine->prepared_text == NULL)
        || (s->prepares && engine->reused)
        || (s->powers_off && leaves_prepared(engine)))
        return false;
    if (is_final(engine, step))
        return engine->aborts < 2;
    return !is_stopped(engine) && engine->stopper == NULL;
}

/* True if a step of the batch was started; it may have ended already. */
static bool
start_batch(struct job_engine *engine)
{
    const struct job_step *steps = engine->plan->steps;
    size_t first = engine->cursor, end = first, i;
    int64_t limit_ms;
    bool started = false;

    /* All are marked before one starts: it may end inside start(). */
    while (end < engine->plan->count &&
           steps[end].batch == steps[first].batch &&
           steps[end].finally == steps[first].finally) {
        engine->running[end] = is_to_run(engine, end);
        if (engine->running[end])
            engine->running_count++;
        end++;
    }
    engine->cursor = end;
    for (i = first; i < end; i++) {
        if (!engine->running[i]) {
            unrun(engine, i);
            continue;
        }
        started = true;
        limit_ms = steps[i].deadline_ms;
        if (is_stopped(engine) && limit_ms > engine->config.abort_limit_ms)
            limit_ms = engine->config.abort_limit_ms;
        engine->ops->start(engine->owner, i, limit_ms);
    }
    return started;
}

static void
stop_batch(struct job_engine *engine, bool aborted)
{
    size_t i;

    for (i = 0; i < engine->plan->count; i++)
        if (engine->running[i])
            engine->ops->stop(engine->owner, i, aborted);
}

/* Actions: each is a cell's content and gives the next state. */
typedef enum job_state action_fn(struct job_engine *engine);

static enum job_state
act_book(struct job_engine *engine)
{
    engine->ops->wake_in(engine->owner, 0);
    engine->ops->book(engine->owner);
    return JOB_STATE_BOOKING;
}

static enum job_state
act_settle(struct job_engine *engine)
{
    engine->ops->wake_in(engine->owner, 0);
    engine->ops->settle(engine->owner);
    return JOB_STATE_SETTLING;
}

static enum job_state
act_booked(struct job_engine *engine)
{
    if (engine->aborts > 0)
        return finish_aborted(engine);
    return act_settle(engine);
}

static enum job_state
act_busy(struct job_engine *engine)
{
    if (engine->aborts > 0)
        return finish_aborted(engine);
    if (engine->config.no_wait)
        return end_with(engine, JOB_END_NO_HOSTS);
    engine->ops->wake_in(engine->owner, engine->config.retry_ms);
    return JOB_STATE_WAITING;
}

static enum job_state
act_never(struct job_engine *engine)
{
    struct step_verdict verdict;

    if (engine->aborts > 0)
        return finish_aborted(engine);
    verdict_set(&verdict, OUTCOME_STARVED, LANE_HARNESS,
                engine->hosts_text != NULL ? engine->hosts_text
                                           : "no hosts could ever do");
    return finish_with(engine, &verdict, NULL);
}

/* Whether giving way has cut the job short: a step that had failed by then,
 * or the last one that came to its end after all, has decided already. */
static bool
is_cut(const struct job_engine *engine)
{
    if (engine->way_reason == NULL || engine->aborts > 0)
        return false;
    if (engine->stopper != NULL)
        return engine->stopper->verdict.status == OUTCOME_ABORTED;
    for (size_t i = 0; i < engine->plan->count; i++)
        if (!is_final(engine, i)
            && engine->parts[i].verdict.status == OUTCOME_ABORTED)
            return true;
    return false;
}

static enum job_state
act_next(struct job_engine *engine)
{
    const struct step_part *by;
    struct step_verdict verdict;

    while (engine->cursor < engine->plan->count)
        if (start_batch(engine))
            return JOB_STATE_RUNNING;
    if (is_cut(engine)) {
        engine->ops->wake_in(engine->owner, 0);
        engine->gave_way = true;
        engine->ops->give_way(engine->owner);
        return JOB_STATE_FINISHING;
    }
    (void)leaves_prepared(engine);
    by = step_verdict_job(engine->parts, engine->plan->count, &verdict);
    return finish_with(engine, &verdict, by != NULL ? by->testid : NULL);
}

static enum job_state
act_abort_waiting(struct job_engine *engine)
{
    return finish_aborted(engine);
}

static enum job_state
act_abort_noted(struct job_engine *engine)
{
    return engine->state;       /* counted already; next() looks at it */
}

static enum job_state
act_abort_running(struct job_engine *engine)
{
    /* A final step that runs already gets the short limit from now on. */
    if (is_final(engine, engine->cursor - 1) && engine->aborts == 1) {
        engine->ops->wake_in(engine->owner, engine->config.abort_limit_ms);
        return JOB_STATE_RUNNING;
    }
    stop_batch(engine, true);
    return JOB_STATE_STOPPING;
}

/* Before the first step and between two. */
static enum job_state
act_give_way_noted(struct job_engine *engine)
{
    size_t next = engine->cursor;

    if (is_stopped(engine) || engine->stopper != NULL
        || next == engine->plan->count || is_final(engine, next))
        return engine->state;
    engine->way_reason = xstrdup(engine->way_asked);
    return engine->state;
}

static enum job_state
act_give_way(struct job_engine *engine)
{
    if (is_stopped(engine) || engine->stopper != NULL
        || is_final(engine, engine->cursor - 1))
        return engine->state;
    engine->way_reason = xstrdup(engine->way_asked);
    stop_batch(engine, true);
    return JOB_STATE_STOPPING;
}

static enum job_state
act_limit(struct job_engine *engine)
{
    if (engine->aborts == 0)
        return JOB_STATE_RUNNING;       /* an alarm of earlier times */
    stop_batch(engine, true);
    return JOB_STATE_STOPPING;
}

static enum job_state
act_lost(struct job_engine *engine)
{
    return end_with(engine, JOB_END_LOST);
}

static enum job_state
act_lost_running(struct job_engine *engine)
{
    engine->ops->wake_in(engine->owner, 0);
    stop_batch(engine, false);
    return JOB_STATE_LOSING;
}

static enum job_state
act_done(struct job_engine *engine)
{
    return end_with(engine, engine->gave_way ? JOB_END_GAVE_WAY
                                             : JOB_END_DONE);
}

static enum job_state
ignore(struct job_engine *engine)
{
    return engine->state;
}

/* NULL: cannot happen. Notifications, alarms, aborts and losses come at any
 * time; answers only when they were asked for. */
static action_fn *const TABLE[JOB_STATE_COUNT][JOB_EVENT_COUNT] = {
    [JOB_STATE_NEW] = {
        [JOB_EVENT_START] = act_book,
        [JOB_EVENT_WAKE] = ignore,
        [JOB_EVENT_ABORT] = act_abort_noted,
        [JOB_EVENT_GIVE_WAY] = ignore,
        [JOB_EVENT_LOST] = act_lost,
    },
    [JOB_STATE_BOOKING] = {
        [JOB_EVENT_BOOKED] = act_booked,
        [JOB_EVENT_BUSY] = act_busy,
        [JOB_EVENT_NEVER] = act_never,
        [JOB_EVENT_WAKE] = ignore,
        [JOB_EVENT_ABORT] = act_abort_noted,
        [JOB_EVENT_GIVE_WAY] = ignore,
        [JOB_EVENT_LOST] = act_lost,
    },
    [JOB_STATE_WAITING] = {
        [JOB_EVENT_WAKE] = act_book,
        [JOB_EVENT_ABORT] = act_abort_waiting,
        [JOB_EVENT_GIVE_WAY] = ignore,
        [JOB_EVENT_LOST] = act_lost,
    },
    [JOB_STATE_SETTLING] = {
        [JOB_EVENT_SETTLED] = act_next,
        [JOB_EVENT_WAKE] = ignore,
        [JOB_EVENT_ABORT] = act_abort_noted,
        [JOB_EVENT_GIVE_WAY] = act_give_way_noted,
        [JOB_EVENT_LOST] = act_lost,
    },
    [JOB_STATE_RUNNING] = {
        [JOB_EVENT_BATCH_ENDED] = act_settle,
        [JOB_EVENT_WAKE] = act_limit,
        [JOB_EVENT_ABORT] = act_abort_running,
        [JOB_EVENT_GIVE_WAY] = act_give_way,
        [JOB_EVENT_LOST] = act_lost_running,
    },
    [JOB_STATE_STOPPING] = {
        [JOB_EVENT_BATCH_ENDED] = act_settle,
        [JOB_EVENT_WAKE] = ignore,
        [JOB_EVENT_ABORT] = act_abort_noted,
        [JOB_EVENT_GIVE_WAY] = ignore,
        [JOB_EVENT_LOST] = act_lost_running,
    },
    [JOB_STATE_FINISHING] = {
        [JOB_EVENT_WAKE] = ignore,
        [JOB_EVENT_ABORT] = ignore,
        [JOB_EVENT_GIVE_WAY] = ignore,
        [JOB_EVENT_LOST] = act_lost,
        [JOB_EVENT_FINISHED] = act_done,
    },
    [JOB_STATE_LOSING] = {
        [JOB_EVENT_BATCH_ENDED] = act_lost,
        [JOB_EVENT_WAKE] = ignore,
        [JOB_EVENT_ABORT] = ignore,
        [JOB_EVENT_GIVE_WAY] = ignore,
        [JOB_EVENT_LOST] = ignore,
        /* An answer to what was asked before the loss. */
        [JOB_EVENT_SETTLED] = ignore,
        [JOB_EVENT_FINISHED] = ignore,
    },
    [JOB_STATE_ENDED] = {
        [JOB_EVENT_WAKE] = ignore,
        [JOB_EVENT_ABORT] = ignore,
        [JOB_EVENT_GIVE_WAY] = ignore,
        [JOB_EVENT_LOST] = ignore,
        [JOB_EVENT_SETTLED] = ignore,
        [JOB_EVENT_FINISHED] = ignore,
    },
};

char
job_engine_cell(enum job_state state, enum job_event event)
{
    action_fn *action = TABLE[state][event];

    return action == NULL ? 'x' : action == ignore ? 'i' : 'a';
}

struct job_engine *
job_engine_new(const struct job_plan *plan,
               const struct job_engine_config *config,
               const struct job_engine_ops *ops, void *owner)
{
    struct job_engine *engine = xcalloc(1, sizeof(*engine));
    size_t i;

    engine->plan = plan;
    engine->config = *config;
    engine->ops = ops;
    engine->owner = owner;
    engine->parts = xcalloc(plan->count + 1, sizeof(*engine->parts));
    engine->running = xcalloc(plan->count + 1, sizeof(*engine->running));
    for (i = 0; i < plan->count; i++) {
        engine->parts[i].testid = plan->steps[i].testid;
        engine->parts[i].finally = plan->steps[i].finally;
    }
    return engine;
}

void
job_engine_free(struct job_engine *engine)
{
    if (engine == NULL)
        return;
    free(engine->parts);
    free(engine->running);
    free(engine->abort_reason);
    free(engine->way_asked);
    free(engine->way_reason);
    free(engine->hosts_text);
    free(engine->prepared_text);
    free(engine);
}

void
job_engine_event(struct job_engine *engine, enum job_event event)
{
    action_fn *action;
    enum job_state next;

    must(engine->queued < QUEUE_MAX);
    engine->queue[engine->queued++] = event;
    if (engine->busy)
        return;
    engine->busy = true;
    while (engine->queued > 0) {
        event = engine->queue[0];
        engine->queued--;
        memmove(engine->queue, engine->queue + 1,
                engine->queued * sizeof(engine->queue[0]));
        action = TABLE[engine->state][event];
        must(action != NULL);
        /* The state is set after the action, whose own events wait. */
        next = action(engine);
        engine->state = next;
    }
    engine->busy = false;
}

void
job_engine_abort(struct job_engine *engine, const char *reason)
{
    engine->aborts++;
    if (engine->abort_reason == NULL)
        engine->abort_reason = xstrdup(reason);
    job_engine_event(engine, JOB_EVENT_ABORT);
}

void
job_engine_give_way(struct job_engine *engine, const char *reason)
{
    if (engine->way_asked != NULL)
        return;
    engine->way_asked = xstrdup(reason);
    job_engine_event(engine, JOB_EVENT_GIVE_WAY);
}

void
job_engine_set_hosts_text(struct job_engine *engine, const char *text)
{
    free(engine->hosts_text);
    engine->hosts_text = xstrdup(text);
}

void
job_engine_set_prepared(struct job_engine *engine, const char *text)
{
    free(engine->prepared_text);
    engine->prepared_text = xstrdup(text);
}

void
job_engine_step_ended(struct job_engine *engine, size_t step,
                      const struct step_verdict *verdict)
{
    struct step_part *part = &engine->parts[step];

    must(step < engine->plan->count && engine->running[step]);
    engine->running[step] = false;
    engine->running_count--;
    part->verdict = *verdict;
    if (engine->plan->steps[step].checks &&
        verdict->status != OUTCOME_ABORTED) {
        /* It is no test: neither its pass nor anything else counts. */
        engine->reused = verdict->status == OUTCOME_PASS;
        part->verdict.status = OUTCOME_SKIP;
        part->verdict.lane = LANE_NONE;
    } else if (!outcome_is_good(verdict->status) &&
               !engine->plan->steps[step].finally &&
               !engine->plan->steps[step].go_on &&
               engine->stopper == NULL) {
        engine->stopper = part;
    }
    if (engine->running_count == 0)
        job_engine_event(engine, JOB_EVENT_BATCH_ENDED);
}

enum job_state
job_engine_state(const struct job_engine *engine)
{
    return engine->state;
}
