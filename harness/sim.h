/* harness/sim.h - a queue in virtual time: jobs of a trace arrive at a number
 * of equal hosts, a policy starts them.
 *
 * EASY and FCFS are here to be compared with. EASY is Lifka's (JSSPP 1995):
 * first come, first served; one reservation, for the head of the queue; others
 * may start if they do not delay it. */
#ifndef HARNESS_SIM_H
#define HARNESS_SIM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "harness/attr.h"

struct arena;
struct buf;
struct swf;

enum sim_policy {
    SIM_ASSAY = 0,              /* harness/planner.h */
    SIM_EASY,
    SIM_FCFS,
    SIM_POLICY_COUNT
};

/* What the policy believes of a job's length. The machine ends a job at its
 * user's estimate, so bookings always use that, or the truth; history only
 * orders. */
enum sim_estimates {
    SIM_USER = 0,
    SIM_HISTORY,                /* the user's last two jobs: Tsafrir, Etsion
                                 * and Feitelson, IEEE TPDS 18(6), 2007 */
    SIM_EXACT,
    SIM_ESTIMATES_COUNT
};

struct sim_options {
    int hosts;
    enum sim_policy policy;
    enum sim_estimates estimates;
    int64_t patience_ms;        /* see struct planner_policy */
};

struct sim_job {
    int64_t submit_ms, start_ms, end_ms;
    int hosts;
};

/* Seconds; the wait is from submission to start. */
struct sim_result {
    size_t jobs, too_big;       /* that ran; that need more hosts */
    double wait_mean, wait_p99, wait_p999, wait_max;
    double slowdown_mean;       /* bounded, 10 s */
    double slowdown_p99;
    double utilisation;         /* of the hosts, first submission to end */
    double makespan, makespan_bound;
    size_t plans;               /* times the policy was asked */
};

/* Runs the trace. 'jobs_out' may be NULL; else a job of the trace each, in
 * the arena; one that was too big has start_ms -1. */
void sim_run(const struct swf *swf, const struct sim_options *options,
             struct arena *arena, struct sim_result *result_out,
             struct sim_job **jobs_out);

/* The figures of jobs that ran (those with start_ms < 0 are too_big); sorted by
 * submission. Scratch in 'arena'. */
void sim_sum_up(const struct sim_job *jobs, size_t count, int hosts,
                struct arena *arena, struct sim_result *result_out);

const char *sim_policy_name(enum sim_policy policy);
/* SIM_POLICY_COUNT, SIM_ESTIMATES_COUNT for an unknown name. */
enum sim_policy sim_policy_parse(const char *name);
const char *sim_estimates_name(enum sim_estimates estimates);
enum sim_estimates sim_estimates_parse(const char *name);

#endif
