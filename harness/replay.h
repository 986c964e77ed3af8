/* harness/replay.h - the lab's own past in virtual time: its jobs come as they
 * came and take as long as they took; a policy says when and where they run.
 * No I/O: replay_db.h reads a past, replay_policy.h a policy.
 *
 * What was not a job of that time (people, boots, jobs of flights made before
 * or after, leases, blockages) has its hosts when it had them. */
#ifndef HARNESS_REPLAY_H
#define HARNESS_REPLAY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "harness/attr.h"
#include "harness/host_match.h"
#include "harness/planner.h"
#include "harness/sim.h"
#include "harness/task_db.h"

struct arena;
struct fault;

/* A job that came to its end; times in ms since the Unix epoch. */
struct replay_job {
    int64_t flight;
    const char *name, *recipe, *branch;
    int priority;
    int64_t queued_ms, start_ms, end_ms;
    const struct task_role *roles;
    const int *hosts;           /* a host a role, that it had */
    int role_count;             /* 0: it needed no host */
    const char *diverse;        /* NULL: any host would do */
    const int *needs;           /* of these jobs, those that ended first */
    int need_count;
};

/* Somebody else had the host. */
struct replay_busy {
    int host;
    int64_t from_ms, until_ms;
};

/* How long jobs of that name and recipe had taken before. */
struct replay_length {
    const char *name, *recipe;
    double count, mean_ms, variance_ms2;
};

struct replay_past {
    int64_t from_ms, to_ms;     /* flights made then */
    struct match_host *hosts;
    int host_count;
    struct replay_job *jobs;    /* by queued_ms */
    int job_count;
    struct replay_busy *busy;
    int busy_count;
    struct replay_length *lengths;
    int length_count;
    int64_t open, never_ran;    /* jobs of that time that are left out */
};

struct replay_branch {
    const char *pattern;        /* fnmatch(3); the first that matches */
    bool has_priority;
    int priority;               /* instead of the flight's */
    double share;               /* 0: not charged */
    int hosts_max, percent_max; /* 0: no limit */
    int as;                     /* the branch of this index has the account
                                 * and the quota: itself, or one before it */
};

struct replay_more {
    const char *like;
    int count;
};

struct replay_policy {
    const char *name;
    struct planner_policy planner;
    bool exact;                 /* lengths are known beforehand */
    int64_t starvation_ms;      /* so much waiting is worth a priority, or 0 */
    int64_t fair_ms;            /* use counts so long; 0: for ever */
    bool charges_all;           /* branches that are not listed too, each by
                                 * itself */
    const struct replay_branch *branches;
    int branch_count;
    const char *const *without; /* hosts, NULL-terminated */
    const struct replay_more *more;
    int more_count;
};

/* FAULT_CONFIG if the policy speaks of a host that the past does not have. */
MUST_CHECK bool replay_check(const struct replay_past *past,
                             const struct replay_policy *policy,
                             struct fault *why);
/* What happened: in the figures, jobs that needed hosts. */
void replay_recorded(const struct replay_past *past, struct arena *arena,
                     struct sim_result *out);
/* What would have happened. 'jobs_out' (or NULL): one a job of the past, in the
 * arena; start_ms is -1 for what no host would have done, which
 * result->too_big counts. */
void replay_run(const struct replay_past *past,
                const struct replay_policy *policy, struct arena *arena,
                struct sim_result *out, struct sim_job **jobs_out);

#endif
