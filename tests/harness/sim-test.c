/* tests/harness/sim-test.c - traces are read, and replayed as the books say. */
#include <config.h>

#include "harness/sim.h"

#include "harness/arena.h"
#include "harness/buf.h"
#include "harness/fs.h"
#include "harness/swf.h"
#include "tests/harness/planlab.h"
#include "tests/tap.h"

static struct arena arena;

static void
read_trace(struct swf *swf)
{
    struct buf path = BUF_INIT, text = BUF_INIT;
    struct fault why = FAULT_INIT;

    buf_addf(&path, "%s/tests/harness/trace.swf",
             getenv("ASSAY_TOP_SRCDIR") != NULL ? getenv("ASSAY_TOP_SRCDIR")
                                                : "..");
    must(fs_read_file(buf_text(&path), 100000, &text, &why));
    ok_fault(swf_parse("t", buf_text(&text), text.len, &arena, swf, &why),
             &why, "a trace is read");
    buf_free(&path);
    buf_free(&text);
}

static void
parser(void)
{
    static const struct {
        const char *text, *want, *what;
    } bad[] = {
        { "", "t: no job in it ran", "nothing" },
        { "1 2 3\n", "t:1: 3 fields", "a short line" },
        { ";x\n1 0 0 a 4 -1 -1 4 2 -1 1 1 1 -1 -1 -1 -1 -1\n",
          "t:2: field 4", "a word for a number" },
        { "1 0 0 1 4 -1 -1 4 2 -1 1 1 1 -1 -1 -1 -1 -1 9\n", "t:1: more",
          "a field too many" },
        { "1 -1 0 1 4 -1 -1 4 2 -1 1 1 1 -1 -1 -1 -1 -1\n", "t:1: field 2",
          "time before time" },
        { "1 0 0 1 4 -1 -1 1000001 2 -1 1 1 1 -1 -1 -1 -1 -1\n", "t:1: more",
          "too many processors" },
        { "1 0 0 1e300 4 -1 -1 1 2 -1 1 1 1 -1 -1 -1 -1 -1\n",
          "t:1: field 4", "too long a run" },
    };
    struct fault why = FAULT_INIT;
    struct swf swf;

    read_trace(&swf);
    is_int((int64_t)swf.count, 7, "its jobs");
    is_int((int64_t)swf.skipped, 1, "without the one that never ran");
    is_int(swf.procs_max, 10, "its machine");
    is_int(swf.jobs[5].procs, 1, "field 5 where there is no field 8");
    is_int(swf.jobs[5].estimate_s, 300, "field 4 where there is no field 9");
    is_int(swf.jobs[5].user, -1, "nobody's job");
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        not_ok_fault(swf_parse("t", bad[i].text, strlen(bad[i].text), &arena,
                               &swf, &why), &why, FAULT_CONFIG, bad[i].want,
                     "%s", bad[i].what);
}

static struct sim_result
replay(const struct swf *swf, enum sim_policy policy,
       struct sim_job **jobs_out)
{
    struct sim_options options = { .hosts = 10, .policy = policy,
                                   .patience_ms = INT64_C(540000000) };
    struct sim_result result;

    sim_run(swf, &options, &arena, &result, jobs_out);
    return result;
}

/* Worked out by hand. Job 1 has 6 of 10 hosts until 100; job 2 needs 8. EASY
 * lets job 3 go before it, which is over in time, and job 4 at 92, on the 2
 * hosts that job 2 leaves over, but not job 5, which needs 3. */
static void
by_hand(void)
{
    static const int64_t fcfs[] = { 0, 100, 150, 150, 150, 150, -1 };
    static const int64_t easy[] = { 0, 100, 2, 92, 150, 150, -1 };
    struct sim_job *jobs;
    struct sim_result result;
    struct swf swf;

    read_trace(&swf);
    result = replay(&swf, SIM_FCFS, &jobs);
    for (size_t i = 0; i < swf.count; i++)
        is_int(jobs[i].start_ms, fcfs[i] < 0 ? -1 : fcfs[i] * 1000,
               "fcfs starts job %d", (int)swf.jobs[i].id);
    is_int((int64_t)result.too_big, 1, "one is too big for the machine");
    ok(result.makespan == 450 && result.makespan_bound == 306,
       "the makespan and its bound");
    ok(result.wait_max == 148 && result.slowdown_mean > 4.22
       && result.slowdown_mean < 4.23, "waits and slowdown (%.3f)",
       result.slowdown_mean);
    result = replay(&swf, SIM_EASY, &jobs);
    for (size_t i = 0; i < swf.count; i++)
        is_int(jobs[i].start_ms, easy[i] < 0 ? -1 : easy[i] * 1000,
               "easy starts job %d", (int)swf.jobs[i].id);
}

/* Never more hosts than there are, nobody before he came, all served. */
static const char *
check(const struct swf *swf, const struct sim_job *jobs, int hosts)
{
    for (size_t i = 0; i < swf->count; i++) {
        int used = 0;

        if (jobs[i].start_ms < jobs[i].submit_ms)
            return "started before it came";
        if (jobs[i].end_ms - jobs[i].start_ms != swf->jobs[i].run_s * 1000)
            return "did not run its time";
        for (size_t k = 0; k < swf->count; k++)
            if (jobs[k].start_ms <= jobs[i].start_ms
                && jobs[i].start_ms < jobs[k].end_ms)
                used += jobs[k].hosts;
        if (used > hosts)
            return "on hosts that there are not";
    }
    return NULL;
}

static void
random_traces(void)
{
    const char *wrong = NULL;
    double easy = 0, assay = 0;

    for (uint64_t seed = 1; seed <= 60 && wrong == NULL; seed++) {
        struct swf_job jobs[150];
        struct swf swf = { .jobs = jobs, .count = ARRAY_LEN(jobs) };
        uint64_t rnd = seed;
        int64_t at = 0;

        for (size_t i = 0; i < swf.count; i++) {
            int run = 1 + planlab_below(&rnd, 500)
                * (1 + planlab_below(&rnd, 4) / 3 * 9);

            jobs[i] = (struct swf_job){
                .id = (int64_t)i, .submit_s = at += planlab_below(&rnd, 400),
                .run_s = run, .estimate_s = run * (1 + planlab_below(&rnd,
                                                                     5)),
                .procs = 1 + planlab_below(&rnd, 10)
                    / (1 + planlab_below(&rnd, 3)),
                .user = planlab_below(&rnd, 6),
            };
        }
        for (int p = 0; p < SIM_POLICY_COUNT && wrong == NULL; p++) {
            struct sim_job *ran;
            struct sim_result result = replay(&swf, (enum sim_policy)p,
                                              &ran);

            wrong = check(&swf, ran, 10);
            easy += p == SIM_EASY ? result.slowdown_mean : 0;
            assay += p == SIM_ASSAY ? result.slowdown_mean : 0;
        }
    }
    ok(wrong == NULL, "60 random traces, three policies: %s",
       wrong != NULL ? wrong : "no rule broken");
    ok(assay < 0.8 * easy, "bounded slowdown %.2f of EASY's", assay / easy);
}

static void
names(void)
{
    for (int p = 0; p < SIM_POLICY_COUNT; p++)
        ok(sim_policy_parse(sim_policy_name((enum sim_policy)p))
           == (enum sim_policy)p, "policy %s",
           sim_policy_name((enum sim_policy)p));
    ok(sim_policy_parse("eas") == SIM_POLICY_COUNT
       && sim_estimates_parse("") == SIM_ESTIMATES_COUNT, "no other names");
}

int
main(void)
{
    parser();
    by_hand();
    random_traces();
    names();
    arena_free(&arena);
    return tap_done();
}
