/* tests/harness/planner-random-test.c - plans obey the rules, and are good. */
#include <config.h>

#include "harness/planner.h"

#include "harness/arena.h"
#include "tests/harness/planlab.h"
#include "tests/tap.h"

/* An independent opinion: could job 'j' have started at 'at', with only those
 * before it in the plan's order? Only for jobs of one host. */
static bool
could_start(const struct planner_in *in, const struct planner_plan *plan,
            int rank, int64_t at)
{
    int j = plan->order[rank];
    const struct planner_job *job = &in->jobs[j];

    for (int h = 0; h < in->host_count; h++) {
        bool free = planner_set_has(in->sets[job->roles[0].set].bits, h);

        for (int i = 0; i < rank && free; i++) {
            const struct planner_slot *slot = &plan->slots[plan->order[i]];

            for (int u = 0; u < slot->host_count && free; u++)
                free = slot->hosts[u] != h || slot->end_ms <= at
                    || slot->start_ms >= at + job->run_ms;
        }
        if (free)
            return true;
    }
    return false;
}

static void
random_cases(void)
{
    int broken = 0, idle = 0, placed = 0, reused = 0, worn = 0;

    for (uint64_t seed = 1; seed <= 10000 && broken == 0 && idle == 0;
         seed++) {
        struct arena scratch = ARENA_INIT;
        uint64_t rnd = seed;
        struct planlab_spec spec = {
            .hosts = 1 + planlab_below(&rnd, 8), .classes = 2, .sets = 4,
            .jobs = 1 + planlab_below(&rnd, 16), .pair_percent = 30,
            .extras = seed % 2 == 0,
        };
        struct planner_in in;
        struct planner_plan plan;
        const char *wrong;

        planlab_make(&spec, seed, &scratch, &in);
        in.policy.patience_ms = 3600000;
        in.policy.rounds = seed % 5 == 0 ? 3 : 0;
        planner_make(&in, &scratch, &plan);
        wrong = planlab_check(&in, &plan, &scratch);
        if (wrong != NULL) {
            diag("seed %d: %s", (int)seed, wrong);
            broken++;
        }
        for (int j = 0; j < in.job_count; j++) {
            reused += plan.slots[j].reuses;
            worn += plan.slots[j].worn;
        }
        for (int i = 0; i < in.job_count && !spec.extras; i++) {
            const struct planner_slot *slot = &plan.slots[plan.order[i]];

            if (slot->verdict != PLANNER_LATER
                || in.jobs[plan.order[i]].role_count > 1)
                continue;
            placed++;
            for (int k = -1; k < i; k++) {
                int64_t at = k < 0 ? in.now_ms
                                   : plan.slots[plan.order[k]].end_ms;

                if (at >= in.now_ms && at < slot->start_ms
                    && could_start(&in, &plan, i, at))
                    idle++;
            }
        }
        arena_free(&scratch);
    }
    is_int(broken, 0, "10,000 random plans break no rule: nobody half "
           "served, nobody twice");
    ok(reused > 500 && worn > 100, "%d go on from what another left, %d find "
       "it worn out", reused, worn);
    ok(idle == 0 && placed > 1000, "no job waits while a host would do");
}

/* Replans while the world turns: what was promised stays true. */
static void
kept_promises(void)
{
    int broken = 0, kept = 0, waits = 0;

    for (uint64_t seed = 1; seed <= 40; seed++) {
        struct arena scratch = ARENA_INIT;
        struct planlab_spec spec = { .hosts = 4, .classes = 1, .sets = 3,
                                     .jobs = 40, .pair_percent = 30 };
        struct planner_in in;
        struct planner_plan plan;
        struct planner_job jobs[40];

        planlab_make(&spec, seed, &scratch, &in);
        memcpy(jobs, in.jobs, sizeof jobs);
        in.jobs = jobs;
        for (int n = 4; n <= 40; n++) {
            in.job_count = n;   /* one more arrives, nobody has started */
            jobs[n - 1].flight = n;
            jobs[n - 1].queued_ms = in.now_ms;
            planner_make(&in, &scratch, &plan);
            must(planlab_check(&in, &plan, &scratch) == NULL);
            kept += plan.kept;
            for (int j = 0; j < n; j++) {
                if (plan.slots[j].verdict > PLANNER_LATER)
                    continue;
                waits++;
                broken += jobs[j].booked_ms > 0
                    && plan.slots[j].start_ms > jobs[j].booked_ms;
                jobs[j].booked_ms = plan.slots[j].start_ms;
                jobs[j].booked_hosts = plan.slots[j].hosts;
            }
        }
        arena_free(&scratch);
    }
    is_int(broken, 0, "no booking moves back while its patience is over");
    ok(waits > 10000, "of %d, with %d plans kept", waits, kept);
}

/* The shortest schedule, by trying them all (branch and bound): jobs in the
 * order of their starts, each on each set of hosts. */
struct exact {
    const struct planner_in *in;
    int64_t tails[8], best;
    int64_t bound;
};

static void
exact_search(struct exact *x, unsigned done, int64_t end)
{
    const struct planner_in *in = x->in;
    int64_t rest = 0, used = 0;

    if (end >= x->best || x->best == x->bound)
        return;
    if (done + 1 == 1U << in->job_count) {
        x->best = end;
        return;
    }
    for (int j = 0; j < in->job_count; j++)
        if ((done >> j & 1) == 0)
            rest += in->jobs[j].run_ms * in->jobs[j].role_count;
    for (int h = 0; h < in->host_count; h++)
        used += x->tails[h];
    if ((used + rest + in->host_count - 1) / in->host_count >= x->best)
        return;
    for (int j = 0; j < in->job_count; j++) {
        const struct planner_job *job = &in->jobs[j];

        for (int a = 0; a < in->host_count && (done >> j & 1) == 0; a++) {
            if (!planner_set_has(in->sets[job->roles[0].set].bits, a))
                continue;
            for (int b = job->role_count > 1 ? a + 1 : a;
                 b < in->host_count; b++) {
                int64_t ta = x->tails[a], tb = x->tails[b], at;

                if (b != a
                    && (!planner_set_has(in->sets[job->roles[1].set].bits, b)
                        || in->hosts[a].class != in->hosts[b].class))
                    continue;
                at = (ta > tb ? ta : tb) + job->run_ms;
                x->tails[a] = x->tails[b] = at;
                exact_search(x, done | 1U << j, at > end ? at : end);
                x->tails[a] = ta;
                x->tails[b] = tb;
                if (job->role_count == 1)
                    break;
            }
        }
    }
}

static void
against_optimum(void)
{
    double sum = 0, worst = 0;
    int cases = 0;

    for (uint64_t seed = 1; cases < 200; seed++) {
        struct arena scratch = ARENA_INIT;
        struct planlab_spec spec = { .hosts = 3, .classes = 1, .sets = 3,
                                     .jobs = 6, .pair_percent = 25 };
        struct planner_in in;
        struct planner_plan plan;
        struct exact exact = { .best = INT64_MAX };
        bool all = true;
        double ratio;

        planlab_make(&spec, seed, &scratch, &in);
        in.policy.rounds = 64;
        planner_make(&in, &scratch, &plan);
        for (int j = 0; j < in.job_count; j++)
            all = all && plan.slots[j].verdict <= PLANNER_LATER;
        if (all) {
            exact.in = &in;
            exact.bound = planlab_bound(&in);
            exact_search(&exact, 0, 0);
            ratio = (double)(plan.end_ms - in.now_ms) / (double)exact.best;
            must(ratio > 0.999999);
            sum += ratio;
            worst = ratio > worst ? ratio : worst;
            cases++;
        }
        arena_free(&scratch);
    }
    ok(sum / cases <= 1.02, "%d tiny cases: %.4f of the optimum, worst %.3f",
       cases, sum / cases, worst);
}

static void
osstest_lab(void)
{
    double sum = 0;

    for (uint64_t seed = 1; seed <= 20; seed++) {
        struct arena scratch = ARENA_INIT;
        struct planner_in in;
        struct planner_plan plan;

        planlab_osstest(seed, &scratch, &in);
        in.policy.rounds = 16;
        planner_make(&in, &scratch, &plan);
        must(planlab_check(&in, &plan, &scratch) == NULL);
        sum += (double)(plan.end_ms - in.now_ms)
            / (double)planlab_bound(&in) / 20;
        arena_free(&scratch);
    }
    ok(sum <= 1.10, "a flight of 150 jobs on 36 hosts: %.4f of the bound",
       sum);
}

int
main(void)
{
    random_cases();
    kept_promises();
    against_optimum();
    osstest_lab();
    return tap_done();
}
