/* harness/replay.h - the lab's own past in virtual time: its jobs come as they
 * came and take as long as they took; a policy says when and where they run.
 * At each event the plan is made as assayd makes it, by plan_make.h. No I/O:
 * replay_db.h reads a past, replay_policy.h a policy.
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
#include "harness/outcome.h"
#include "harness/planner.h"
#include "harness/pool_policy.h"
#include "harness/sim.h"
#include "harness/task_db.h"

struct arena;
struct plan_tally;
struct fault;

/* A job that came to its end; times in ms since the Unix epoch. */
struct replay_job {
    int64_t flight;
    const char *name, *recipe, *branch;
    int priority;
    int64_t queued_ms, deadline_ms;     /* 0: no deadline */
    int64_t start_ms, end_ms;   /* the attempt that came to its end */
    enum outcome status;
    const struct task_role *roles;
    const int *hosts;           /* a host a role, that it had */
    int role_count;             /* 0: it needed no host */
    const char *diverse;        /* NULL: any host would do */
    const char *setup;          /* that it may find prepared; NULL: none */
    int setup_uses;             /* by so many jobs */
    int64_t prepare_ms;         /* what it took to prepare; 0: it had not to */
    int64_t setup_ms;           /* what it takes who has to */
    bool reused;                /* it had not to */
    bool spoiled;               /* what it leaves is of no use */
    bool preemptable;
    int gave;                   /* so often it gave way before */
    const int *needs;           /* of these jobs, those that ended first */
    int need_count;
};

/* Somebody else had a host. */
struct replay_other {
    int host;                   /* -1: one that no job here could have */
    const char *name, *class;   /* of the host */
    int64_t from_ms, until_ms;
    const char *job;            /* NULL: not a job's; else as in plan_tally.h */
    const char *recipe, *branch;
    int64_t run_ms, prepare_ms;
    enum outcome status;
};

struct replay_past {
    int64_t from_ms, to_ms;     /* flights made then */
    struct match_host *hosts;
    int host_count;
    struct replay_job *jobs;    /* by queued_ms */
    int job_count;
    struct replay_other *others;        /* by until_ms; those of 90 days */
    int other_count;            /* before too */
    int64_t open, never_ran;    /* jobs of that time that are left out */
};

struct replay_priority {
    bool given;
    int priority;               /* instead of the flight's */
};

struct replay_more {
    const char *like;
    int count;
};

struct replay_policy {
    const char *name;
    struct pool_policy pool;
    enum planner_order order;
    int rounds;                 /* see struct planner_policy */
    bool exact;                 /* lengths are known beforehand */
    const struct replay_priority *priorities;   /* of the pool's groups; NULL */
    const char *const *without; /* hosts, NULL-terminated */
    const struct replay_more *more;
    int more_count;
};

/* What became of a job. */
struct replay_place {
    int64_t start_ms, end_ms;   /* of its last attempt; -1: no host would do */
    const char *const *hosts;   /* a host a role */
    bool reused;                /* it went on from what another had prepared */
    int gave;                   /* so often it gave way */
};

/* In the figures: jobs that needed hosts; without_hosts is sim.too_big. */
struct replay_result {
    struct sim_result sim;
    int64_t reused, gave;       /* jobs; times that one gave way */
    int64_t same_hosts;         /* jobs on the hosts that they had */
    struct replay_place *places;        /* one a job of the past */
};

/* FAULT_CONFIG if the policy speaks of a host that the past does not have. */
MUST_CHECK bool replay_check(const struct replay_past *past,
                             const struct replay_policy *policy,
                             struct fault *why);
/* Tells the tally of what was, if it was a job's. */
void replay_tell(const struct replay_other *other, struct plan_tally *tally);
/* What happened. All results are in 'arena', with which 'past' has to live. */
void replay_recorded(const struct replay_past *past, struct arena *arena,
                     struct replay_result *out);
/* What would have happened. */
void replay_run(const struct replay_past *past,
                const struct replay_policy *policy, struct arena *arena,
                struct replay_result *out);

#endif
