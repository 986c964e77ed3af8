/* flights/probe.c - see probe.h. The candidate is made in probe_build.c. */
#include <config.h>

#include "flights/probe.h"

#include <inttypes.h>

#include "flights/flight_state_db.h"
#include "flights/probe_build.h"
#include "flights/probe_db.h"
#include "harness/arena.h"
#include "harness/buf.h"
#include "harness/fault.h"
#include "harness/fs.h"
#include "results/failure.h"
#include "results/signature.h"

/* After what a branch waits for. */
#define PROBE_PRIORITY 10

/* "real", "real-retest" and "real-bisect" all become "real-bisect". */
static const char *
intended(struct arena *arena, const char *of)
{
    return arena_printf(arena, "%.*s-bisect", (int)strcspn(of, "-"), of);
}

static void
hash_plan(const struct plan *plan, char out[static 65])
{
    struct buf text = BUF_INIT;
    size_t i;

    plan_dump(plan, &text);
    for (i = 0; i < plan->tree_count; i++)
        buf_addf(&text, "%s=%s\n", plan->trees[i].tree,
                 plan->trees[i].revision);
    sha256_hex(buf_text(&text), text.len, out);
    buf_free(&text);
}

static const char *
url_of(const struct plan *plan, const char *tree, struct arena *arena)
{
    const char *name = arena_printf(arena, "tree_%s", tree);
    size_t i;

    for (i = 0; i < plan->jobs[0].runvar_count; i++)
        if (strcmp(plan->jobs[0].runvars[i].name, name) == 0)
            return plan->jobs[0].runvars[i].value;
    return "";
}

/* Of the revisions that the plan has, those that the order sets. */
static void
set_trees(struct plan *plan, const struct probe_order *order,
          struct arena *arena)
{
    const struct plan_tree *old = plan->trees;
    size_t count = plan->tree_count, i, k;

    plan->tree_count = 0;
    for (i = 0; i < count; i++) {
        const char *revision = old[i].revision;

        for (k = 0; k < order->tree_count; k++)
            if (strcmp(order->trees[k].tree, old[i].tree) == 0)
                revision = order->trees[k].commit;
        plan_set_tree(plan, arena, old[i].tree,
                      url_of(plan, old[i].tree, arena), revision);
    }
}

static void
set_hosts(struct plan_job *job, const char *const *hosts,
          struct arena *arena)
{
    struct plan_role *roles = arena_alloc(arena, job->role_count
                                          * sizeof(*roles) + 1);
    size_t i;

    for (i = 0; i < job->role_count; i++) {
        roles[i] = job->roles[i];
        if (*hosts != NULL)
            roles[i].preset = *hosts++;
    }
    job->roles = roles;
}

/* The plan of 'flight', read back, as one of its job alone. */
static bool
read_plan(struct db *db, int64_t flight, const char *job,
          struct arena *arena, struct plan *plan, struct fault *why)
{
    const char *jobs[] = { job, NULL };
    const char *was;

    if (!flight_plan_read(db, flight, arena, plan, why))
        return false;
    was = plan->intended;
    if (!plan_retest(plan, arena, flight, jobs, why))
        return false;
    plan->intended = intended(arena, was);
    plan->source = arena_printf(arena, "bisection of flight %" PRId64, flight);
    plan->priority += PROBE_PRIORITY;
    return true;
}

bool
probe_make(struct db *db, const struct probe_order *order,
           struct arena *arena, struct probe *out, struct fault *why)
{
    struct probe_candidate made = { .build = 0 };
    struct plan *plan = &out->plan;

    *out = (struct probe){ .build = 0 };
    if (!read_plan(db, order->flight, order->job, arena, plan, why))
        return false;
    if (order->source != NULL)
        plan->source = order->source;
    if (order->tree_count > 0) {
        set_trees(plan, order, arena);
        if (!probe_candidate(db, order, plan, arena, &made, why))
            return false;
    }
    out->failed = made.failed;
    out->build = made.build;
    if (made.name != NULL && !plan_set_candidate(plan, made.name, why))
        return false;
    if (order->hosts != NULL)
        set_hosts(&plan->jobs[0], order->hosts, arena);
    hash_plan(plan, out->definition);
    return true;
}

bool
probe_check(struct db *db, const struct probe_order *order,
            struct arena *arena, struct fault *why)
{
    struct plan plan;

    return read_plan(db, order->flight, order->job, arena, &plan, why)
        && probe_candidate_check(db, order, &plan, arena, why);
}

bool
probe_definition(struct db *db, int64_t flight, const char *job,
                 char out[static 65], struct fault *why)
{
    struct arena arena = ARENA_INIT;
    struct plan plan;
    size_t i, count;
    bool ok;

    ok = read_plan(db, flight, job, &arena, &plan, why)
        && (plan.jobs[0].candidate == NULL
            || plan_set_candidate(&plan, "any", why));
    if (ok) {
        const struct plan_tree *trees = plan.trees;

        count = plan.tree_count;
        plan.tree_count = 0;
        for (i = 0; i < count; i++)
            plan_set_tree(&plan, &arena, trees[i].tree,
                          url_of(&plan, trees[i].tree, &arena), "any");
        hash_plan(&plan, out);
    }
    arena_free(&arena);
    return ok;
}

/* Judging ------------------------------------------------------------------ */

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
same_failure(const struct probe_cell *a, const struct probe_cell *b)
{
    if (a->signature[0] != '\0' && b->signature[0] != '\0')
        return strcmp(a->signature, b->signature) == 0;
    return same_reason(a->reason, b->reason);
}

static bool
is_infrastructure(enum lane lane)
{
    return lane == LANE_HOST || lane == LANE_HARNESS;
}

/* Of the whole job, when the cell did not come about: one that did all it has
 * to do would do no more the next time. */
static void
judge_job(const struct probe_cell *cell, struct arena *arena,
          struct probe_answer *out)
{
    if (cell->job_status == OUTCOME_PASS) {
        out->end = PROBE_OTHER;
        out->text = "the job passed without it";
        return;
    }
    out->end = cell->job_status == OUTCOME_FAIL ? PROBE_OTHER : PROBE_BROKEN;
    out->text = arena_printf(arena, "%s%s: %s",
                             out->end == PROBE_OTHER
                             ? PROBE_OTHER_TEXT ": the job " : "the job ",
                             outcome_name(cell->job_status),
                             cell->job_reason[0] != '\0' ? cell->job_reason
                             : "the step did not run");
}

bool
probe_judge(struct db *db, int64_t flight, const char *job,
            const char *testid, int64_t like, struct pattern_code *code,
            struct arena *arena, struct probe_answer *out, struct fault *why)
{
    struct probe_cell cell = { .known = false }, other = { .known = false };

    if (!failure_record(db, flight, job, code, NULL, why)
        || !probe_db_cell(db, flight, job, testid, arena, &cell, why)
        || (like != 0
            && (!failure_record(db, like, job, code, NULL, why)
                || !probe_db_cell(db, like, job, testid, arena, &other,
                                  why))))
        return false;
    *out = (struct probe_answer){ .output = cell.output };
    if (!cell.known || (cell.status != OUTCOME_PASS
                        && cell.status != OUTCOME_FAIL)) {
        judge_job(&cell, arena, out);
        return true;
    }
    out->text = cell.status == OUTCOME_PASS ? "pass"
        : arena_printf(arena, "fail: %s", cell.reason);
    out->end = cell.status == OUTCOME_PASS ? PROBE_PASS
        : is_infrastructure(cell.lane) ? PROBE_BROKEN
        : like != 0 && (!other.known || !same_failure(&cell, &other))
        ? PROBE_OTHER : PROBE_FAIL;
    if (out->end == PROBE_OTHER)
        out->text = arena_printf(arena, PROBE_OTHER_TEXT ": %s", cell.reason);
    return true;
}
