/* flights/probe.c - see probe.h. */
#include <config.h>

#include "flights/probe.h"

#include <inttypes.h>

#include "flights/flight_state_db.h"
#include "flights/plan.h"
#include "harness/arena.h"
#include "harness/buf.h"
#include "harness/fault.h"
#include "results/signature.h"

#define STEPS_MAX 10000

/* "real", "real-retest" and "real-bisect" all become "real-bisect". */
static const char *
intended(struct arena *arena, const char *of)
{
    return arena_printf(arena, "%.*s-bisect", (int)strcspn(of, "-"), of);
}

bool
probe_clone(struct plan *plan, struct arena *arena, int64_t flight,
            const char *job, const struct probe_revision *revisions,
            int revision_count, const char *candidate, struct fault *why)
{
    const char *jobs[] = { job, NULL };
    const char *was = plan->intended;
    int i;

    if (!plan_retest(plan, arena, flight, jobs, why))
        return false;
    plan->intended = intended(arena, was);
    plan->source = arena_printf(arena, "bisection of flight %" PRId64, flight);
    plan->tree_count = 0;
    for (i = 0; i < revision_count; i++)
        plan_set_tree(plan, arena, revisions[i].tree, revisions[i].url,
                      revisions[i].commit);
    return candidate == NULL || plan_set_candidate(plan, candidate, why);
}

static const struct flight_step_end *
step_named(const struct flight_step_end *steps, size_t count,
           const char *testid)
{
    size_t i;

    for (i = 0; i < count; i++)
        if (strcmp(steps[i].testid, testid) == 0)
            return &steps[i];
    return NULL;
}

static bool
find_step(struct db *db, int64_t flight, const char *job, const char *testid,
          struct arena *arena, const struct flight_step_end **out,
          struct fault *why)
{
    struct flight_step_end *steps = NULL;
    size_t count = 0;

    if (!flight_steps_ended(db, flight, job, 0, STEPS_MAX, arena, &steps,
                            &count, why))
        return false;
    *out = step_named(steps, count, testid);
    return true;
}

static bool
same_reason(const char *a, const char *b)
{
    struct buf x = BUF_INIT, y = BUF_INIT;
    bool same;

    signature_line(a, strlen(a), NULL, &x);
    signature_line(b, strlen(b), NULL, &y);
    same = strcmp(buf_text(&x), buf_text(&y)) == 0;
    buf_free(&x);
    buf_free(&y);
    return same;
}

static bool
is_infrastructure(enum lane lane)
{
    return lane == LANE_HOST || lane == LANE_HARNESS;
}

/* Of the whole job, when the step did not come about. */
static bool
judge_job(struct db *db, int64_t flight, const char *job,
          struct arena *arena, enum probe_end *end_out,
          const char **text_out, struct fault *why)
{
    struct flight_state state;
    size_t i;

    if (!flight_state_read(db, flight, arena, &state, why))
        return false;
    *end_out = PROBE_BROKEN;
    *text_out = "the step did not run";
    for (i = 0; i < state.job_count; i++)
        if (strcmp(state.jobs[i].job, job) == 0) {
            *text_out = arena_printf(arena, "job %s: %s",
                                     outcome_name(state.jobs[i].status),
                                     state.jobs[i].reason);
            if (state.jobs[i].status == OUTCOME_FAIL)
                *end_out = PROBE_OTHER;
        }
    return true;
}

bool
probe_judge(struct db *db, int64_t flight, const char *job,
            const char *testid, int64_t like, struct arena *arena,
            enum probe_end *end_out, const char **text_out,
            struct fault *why)
{
    const struct flight_step_end *step = NULL, *other = NULL;

    if (!find_step(db, flight, job, testid, arena, &step, why)
        || (like != 0
            && !find_step(db, like, job, testid, arena, &other, why)))
        return false;
    if (step == NULL || (step->status != OUTCOME_PASS
                         && step->status != OUTCOME_FAIL))
        return judge_job(db, flight, job, arena, end_out, text_out, why);
    *text_out = step->status == OUTCOME_PASS ? "pass"
        : arena_printf(arena, "fail: %s", step->reason);
    *end_out = step->status == OUTCOME_PASS ? PROBE_PASS
        : is_infrastructure(step->lane) ? PROBE_BROKEN
        : like != 0 && (other == NULL
                        || !same_reason(step->reason, other->reason))
        ? PROBE_OTHER : PROBE_FAIL;
    return true;
}
