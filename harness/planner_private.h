/* harness/planner_private.h - what the parts of the planner share while one
 * plan is made. */
#ifndef HARNESS_PLANNER_PRIVATE_H
#define HARNESS_PLANNER_PRIVATE_H

#include <stdbool.h>
#include <stdint.h>
#include "harness/attr.h"
#include "harness/planner.h"
#include "harness/planner_time.h"

struct arena;

/* Hosts that jobs which want other hosts than each other have by now. */
struct planner_group {
    int id;
    uint64_t *bits;
};

/* What is left on a host from 'from_ms' on, until something else is booked. */
struct planner_left {
    int setup, wear;            /* 0: nothing known; jobs that have used it */
    int by;                     /* the job that prepared it, + 1; 0: none */
    int64_t from_ms;
    bool counted_on;            /* a booking goes on from what a holder, or
                                 * whoever was before, leaves */
};

/* A place that was found; its hosts are in work->unit_host. */
struct planner_spot {
    int64_t start_ms, length_ms;
    int64_t cost_ms;            /* its end, and what leans add */
    bool reuses;
    bool for_runner;            /* it waits for one of the runners */
};

/* What is known of a job before it is placed. */
struct planner_known {
    int units;                  /* hosts it needs */
    int choice;                 /* hosts that its narrowest role may take */
    double length;              /* expected */
    double part;                /* of the hosts that fit, which it has to
                                 * have free together */
    double flight_claim;        /* of its flight, with its fair share */
    double rank;                /* in its flight, this round: highest first */
    bool passable;              /* see may_be_passed() */
    bool wide;                  /* needs hosts that are free together */
    double favour;              /* so many times smaller it seems */
    bool promoted;              /* goes first, or its promise breaks */
    int64_t due_ms;             /* by when it has to start, if promoted */
    int64_t latest_ms;          /* the start it was promised */
};

struct planner_work {
    const struct planner_in *in;
    struct arena *arena;
    struct planner_time *base, *hosts;  /* before any booking, and now */
    struct planner_time *base_quotas, *quotas;
    struct planner_time base_runners, runners;
    struct planner_left *base_left, *left;
    double *sds;                /* spread of a host's tail */
    int *ranked;                /* hosts, the least wanted first */
    struct planner_group *groups;
    int group_count;
    struct planner_known *known;
    int meek_priority;          /* the best of who makes nobody give way */
    int *order;
    int *passed;                /* scratch: jobs without a place so far */
    int *by_flight;             /* jobs, those of a flight together */
    struct planner_slot *slots;
    bool *placed;               /* in this attempt */
    int **slot_hosts;           /* room for the hosts of each slot */
    int *stopped;               /* for which job a hold gives way, + 1 */
    int64_t *holders;           /* scratch of planner_preempt() */
    bool keeping;               /* bookings come and go: nobody counts on what
                                 * is left */
    /* Scratch of one search, per host: */
    int *cand, cand_count;      /* those that some role may take */
    int64_t *found;             /* when it could */
    int *least;                 /* machines free for the job */
    int *used;                  /* of them taken by it */
    bool *seen;
    int64_t *lean_run, *lean_bias;      /* 0 outside a search */
    /* per unit: */
    int *unit_role, *unit_host, *unit_spare;
    int *class_of;              /* per role */
};

/* qsort() has no argument for the comparison's context. */
struct planner_key {
    int rank;                   /* before promises: see
                                 * planner_rank() */
    bool promoted;
    int64_t due_ms;
    int priority;
    double first;
    int64_t second;
    double third;
    int64_t id;
    int j;
};

int planner_compare_doubles(double a, double b);
/* Of two struct planner_key. */
int planner_compare_keys(const void *left, const void *right);
/* A promise is one among equals: it keeps hosts neither from who is about to
 * take them, nor from a job for which even those go that are at work, if none
 * of the others is more important. */
int planner_rank(const struct planner_work *work,
                 const struct planner_job *job);
/* Puts all jobs in work->order, by 'keys', of which there is one a job. */
void planner_sort(struct planner_work *work, struct planner_key *keys);
/* Machines of a set that are not out. */
int planner_set_size(const struct planner_in *in, int set);
/* Fills work->known and work->by_flight. */
void planner_know_jobs(struct planner_work *work);
/* Jobs that need hosts together go before others of their size: not more of
 * them than there are hosts. */
void planner_favour_wide(struct planner_work *work, struct planner_key *keys);

/* The beginning of an attempt: only holds and the calendar. */
void planner_fit_reset(struct planner_work *work);
/* Finds the first place for job 'j', books it, fills its slot. */
void planner_fit_place(struct planner_work *work, int j);
/* Books job 'j' if it can start at once; false changes nothing. */
MUST_CHECK bool planner_fit_now(struct planner_work *work, int j);
/* Books job 'j' at this time on these hosts if they are free then. */
MUST_CHECK bool planner_fit_again(struct planner_work *work, int j,
                                  int64_t start_ms, const int *hosts);
/* Takes its booking away. */
void planner_fit_undo(struct planner_work *work, int j);
/* The first place from 'from_ms' on; false if there is none. */
MUST_CHECK bool planner_fit_search(struct planner_work *work,
                                   const struct planner_job *job, int units,
                                   int64_t from_ms,
                                   struct planner_spot *spot);
/* Whether job 'j' may start as soon as preemptable holders have given way:
 * marks those that have to, as few as do. False changes nothing. */
MUST_CHECK bool planner_preempt(struct planner_work *work, int j, int units,
                                struct planner_spot *spot);
/* Hosts taken by a diversity group; made when it is new. */
uint64_t *planner_group(struct planner_work *work, int id);

#endif
