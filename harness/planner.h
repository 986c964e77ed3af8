/* harness/planner.h - books every waiting job into the future: no I/O, no
 * clock, no opinion about what a host is for.
 *
 * planner_make() takes a picture (hosts, who holds them until when, what the
 * calendar says, who waits for what and for how long he will need it) and
 * returns a plan in which each waiting job has all its hosts and a start, or a
 * reason why it has none. It is made anew at each event, in milliseconds.
 *
 * Jobs are placed one after the other, each at the earliest time at which all
 * its hosts are free together: so nobody ever holds one host while he waits
 * for the other, and a job that fills a gap never moves one that was placed
 * before it (conservative backfilling: Mu'alem and Feitelson, IEEE TPDS 12(6),
 * 2001). Where machines are many and nobody tells them apart, bookings would
 * keep them idle far ahead of their time, as lengths are over-estimated: of the
 * jobs of one priority there only the first that waits has its place before
 * others may start, and those whose promise would break (selective reservation:
 * Srinivasan et al., JSSPP 2002); the rest are booked in what is left.
 *
 * The order is: priority; the flight with the highest claim; its longest job
 * first (LPT: Graham, 1969). With t waited, since the first of its jobs is
 * there, the claim is
 *
 *      (t + 30 min) / (longest job * width^0.3)  +  1250 (t / limit)^4
 *
 * the response ratio and an urgency that outgrows it (as in LXF&W: Chiang et
 * al., JSSPP 2002; WFP: Tang et al., Cluster 2009), where width is all its work
 * over its longest job, and the limit is 'patience_ms', times the root of the
 * part of the fitting hosts that the widest job leaves to others. Half an hour
 * is given to all, to tell the short from the long among those who just came.
 * Jobs of several roles, as many as there are hosts, claim 16 times as much:
 * hosts become free one by one, seldom together, and it takes little from the
 * others where such jobs are few (on the order of service in such queues:
 * Green, Management Science 27(1), 1981).
 *
 * An order alone would not keep a word, hence the promise: a booking may move
 * back only as long as its job has waited less than 'patience_ms' (cf.
 * slack-based backfilling: Talby and Feitelson, IPPS 1999), less the part of
 * the fitting hosts that it needs; of a job that can be passed, the booking
 * that it has when its patience is over is its promise. Jobs whose promise a
 * plan would break go first in the next attempt; when attempts run out, the
 * bookings of the last plan are kept and only moved forward. No promise holds
 * against a job to which others give way, unless one of higher priority waits
 * to which they do not.
 *
 * All times are in ms on one clock of the caller's choice, all lists are
 * borrowed, indices count from 0. */
#ifndef HARNESS_PLANNER_H
#define HARNESS_PLANNER_H

#include <stdbool.h>
#include <stdint.h>
#include "harness/attr.h"

struct arena;

#define PLANNER_NO_TIME INT64_MAX
#define PLANNER_PRIORITY_FIRST INT32_MIN        /* before any promise */
#define PLANNER_QUOTAS_MAX 2    /* that one job can be under */

/* A machine, or a number of machines that nobody tells apart. */
struct planner_host {
    const char *name;           /* for words only */
    int count;                  /* machines; 1 wherever it matters which */
    int class;                  /* equivalence class */
    int setup;                  /* what is installed on it; 0: unknown */
    int wear;                   /* jobs that have used that */
    const char *out;            /* why it is not given ("bad"), or NULL */
    bool retired;               /* and will never be again */
};

/* Hosts that fit a requirement, a bit a host: see planner_set_add(). */
struct planner_set {
    uint64_t *bits;
};

struct planner_role {
    int set;
    int count;                  /* different hosts, all of this set */
    int same_class;             /* > 0: of one class with these roles */
};

/* What one job says of one host. */
struct planner_lean {
    int host;
    int64_t run_ms;             /* there; 0: as anywhere */
    int64_t bias_ms;            /* < 0: worth waiting so much longer for; > 0:
                                 * another one is better that ends the job
                                 * less than that later */
};

struct planner_job {
    int64_t id;                 /* the older the lower: last tie-break */
    const char *name;           /* for words only */
    int flight;                 /* jobs that are finished together; any id */
    int account;                /* who is charged: index + 1; 0: nobody */
    int priority;               /* lower first */
    const struct planner_role *roles;
    int role_count;
    const struct planner_lean *leans;
    int lean_count;
    int64_t run_ms;             /* what to book */
    int64_t expect_ms;          /* what to order by; 0: run_ms */
    int64_t spread_ms;          /* one standard deviation of run_ms */
    int64_t prepare_ms;         /* before it, unless the setup is there */
    int setup;                  /* what it leaves behind; 0: nothing known */
    int setup_uses;             /* jobs that one preparation is good for; 0:
                                 * any number */
    int64_t reuse_bias_ms;      /* of a host with that setup, if its lean is
                                 * higher */
    int64_t queued_ms;          /* it waits since */
    int64_t not_before_ms;      /* 0: at once */
    const int *needs;           /* jobs of this list that have to end first; */
    int need_count;             /* no circles */
    int64_t deadline_ms;        /* to be over by then; 0: none */
    int64_t booked_ms;          /* start in the last plan; 0: in none */
    const int *booked_hosts;    /* a host a unit, as in its slot; or NULL */
    int quota[PLANNER_QUOTAS_MAX];      /* index + 1; 0: none */
    int diverse;                /* > 0: other hosts than those of this group */
    bool preempts;              /* preemptable holders give way to it */
    bool superseded;            /* nobody wants the result any more */
    bool check;                 /* of hosts: those that are out will do */
};

/* Somebody has it now. */
struct planner_hold {
    int host;
    int count;                  /* machines */
    int64_t job;                /* an id: all with one stop together */
    const char *who;            /* "flight 12 job smoke" */
    int64_t until_ms;           /* estimated: see planner_overdue() */
    int64_t lost_ms;            /* of work, should it be made to give way */
    int64_t spread_ms;          /* of that estimate */
    int setup;                  /* what he leaves behind */
    int wear;                   /* jobs that have used it then */
    int quota[PLANNER_QUOTAS_MAX];
    int diverse;
    bool preemptable;
};

/* A job at work takes one of the runners, whatever hosts it holds. */
struct planner_run {
    int64_t job;                /* as in its holds */
    int64_t until_ms;
};

/* Nobody gets it then: blockage, lease, maintenance. */
struct planner_window {
    int host;
    int64_t from_ms, until_ms;
    const char *why;
};

/* At most so many hosts at once; the lower of the two, 0: no limit. */
struct planner_quota {
    const char *name;
    int hosts_max;
    int percent_max;            /* of all hosts that are not out */
};

/* Fair share: the flights of who had more than his part lately claim less, at
 * most 4 times; of who had less, at most 4 times more. */
struct planner_account {
    double share;               /* of the lab, any unit */
    double used;                /* lately, any unit */
};

enum planner_order {
    PLANNER_ORDER_ASSAY = 0,    /* as above */
    PLANNER_ORDER_FCFS,         /* by queued_ms */
    PLANNER_ORDER_COUNT
};

struct planner_policy {
    enum planner_order order;
    int64_t patience_ms;        /* 0: each booking is a promise */
    int64_t yield_ms;           /* what a holder needs to give way; it is not */
    int64_t gain_ms;            /* asked to for a start that is no more than
                                 * this sooner */
    int rounds;                 /* other orders to try, for the makespan */
    uint64_t seed;              /* of those */
};

struct planner_in {
    int64_t now_ms;
    struct planner_policy policy;
    const struct planner_host *hosts;
    int host_count;
    const struct planner_set *sets;
    int set_count;
    const struct planner_job *jobs;
    int job_count;
    const struct planner_hold *holds;
    int hold_count;
    const struct planner_window *windows;
    int window_count;
    const struct planner_quota *quotas;
    int quota_count;
    const struct planner_account *accounts;
    int account_count;
    const struct planner_run *runs;
    int run_count;
    int runners_max;            /* jobs at a time; 0: any number */
};

enum planner_verdict {
    PLANNER_NONE = 0,
    PLANNER_NOW,                /* may start at once */
    PLANNER_LATER,              /* booked */
    PLANNER_STUCK,              /* hosts that would do are out: no start */
    PLANNER_NEVER,              /* no hosts would ever do */
    PLANNER_EXPIRED,            /* superseded */
    PLANNER_VERDICT_COUNT
};

/* The place of one job. */
struct planner_slot {
    enum planner_verdict verdict;
    int64_t start_ms, end_ms;   /* preparation included */
    int64_t start_sd_ms, end_sd_ms;     /* standard deviations */
    const int *hosts;           /* a host a unit of its roles, in order */
    int host_count;
    bool reuses;                /* finds its setup installed, */
    int use;                    /* so many have used it, this one included, */
    int prepared_by;            /* and this job, index + 1, has prepared it;
                                 * 0: it is there, or a holder leaves it */
    bool worn;                  /* would find it, but it is worn out */
    bool for_runner;            /* its hosts are free before a runner is */
    bool late;                  /* after its deadline */
    bool preempting;            /* holders in plan->stop give way to it */
};

struct planner_plan {
    struct planner_slot *slots; /* one a job, in the order of in->jobs */
    int *order;                 /* jobs as they were placed */
    const int64_t *stop;        /* ids of holders that have to give way, */
    const int *stop_for;        /* and the jobs they do it for */
    int stop_count;
    int attempts;               /* orders that were tried */
    bool kept;                  /* the last plan's bookings, moved forward */
    int64_t end_ms;             /* of the last booking; now if there is none */
};

/* Makes the plan; all of it lives in 'arena'. Never fails: what cannot be
 * placed says so. */
void planner_make(const struct planner_in *in, struct arena *arena,
                  struct planner_plan *plan_out);

/* Bits of a set; all clear. */
MUST_CHECK uint64_t *planner_set_new(struct arena *arena, int host_count);
void planner_set_add(uint64_t *bits, int host);
bool planner_set_has(const uint64_t *bits, int host);

/* When a holder that began at 'begun_ms' and was to need 'planned_ms' will be
 * done: on time, or, overdue, begun + sofar^2 / planned + 1 s: the error is
 * squared, as OSSTest does it. Always after 'now_ms'. */
int64_t planner_overdue(int64_t begun_ms, int64_t planned_ms, int64_t now_ms);

const char *planner_verdict_name(enum planner_verdict verdict);

#endif
