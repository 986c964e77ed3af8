/* harness/plan_db.h - what a plan is made of, read from the database. */
#ifndef HARNESS_PLAN_DB_H
#define HARNESS_PLAN_DB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "harness/attr.h"

struct arena;
struct db;
struct fault;
struct match_host;
struct plan_length;             /* harness/plan_past_db.h */
struct plan_past;
struct task_role;

/* What the last plan said of an open job: see booking_db.h. */
struct plan_booking {
    int64_t flight;
    const char *job, *verdict;
    const char *hosts;          /* joined with commas, a host a role */
    int64_t start_ms, end_ms;   /* 0: none */
    int64_t start_sd_ms, end_sd_ms;
    bool ordered;               /* a runner was told to take the hosts */
    int64_t ordered_ms;         /* when */
};

/* A job that waits for hosts. */
struct plan_wait {
    int64_t flight;
    const char *job, *recipe, *branch;
    const struct plan_booking *booking;         /* NULL: none */
    const int *booked_hosts;    /* a host a role; NULL: none, or they have
                                 * gone */
    bool ordered;               /* its runner is about to take these */
    int priority;
    int64_t queued_ms;
    const struct task_role *roles;
    int role_count;
    const char *diverse;        /* NULL: any host will do */
    const char *setup;          /* it may find prepared; NULL: nothing */
    int setup_uses;             /* jobs that use one of these */
    const struct plan_length *exact;    /* known beforehand, as in a replay;
                                         * NULL: the past says */
    const int *fitted;          /* a host a role that fits it whatever became
                                 * of the host since; NULL: none */
    int64_t deadline_ms;        /* 0: none */
    int64_t superseded_by;      /* the flight that made it useless; 0 */
    int gave;                   /* so often it gave way, */
    const char *gave_to;        /* at last to this one: "flight 7 job x" */
    int *needs, need_count;     /* of these waits, those that end first */
    int64_t needs_until_ms;     /* and when those that run are over; 0 */
};

/* Somebody has a host. */
struct plan_hold {
    int host;
    int64_t flight;             /* 0: not a job */
    const char *job, *recipe, *branch, *who;
    const char *setup;          /* that it may leave; NULL: nothing */
    int wear;                   /* jobs that have used it then */
    const struct plan_length *exact;    /* as a wait's */
    int64_t begun_ms;
    int priority;               /* of its flight */
    bool preemptable;           /* it says so */
    int gave;                   /* so often it gave way before */
    const char *gives_to;       /* it is told to: "flight 7 job x"; or NULL */
    int64_t asked_ms;           /* since then */
};

/* A job at work, with hosts or without. */
struct plan_run {
    int64_t flight;
    const char *job, *recipe;
    int64_t begun_ms;
};

/* What a host has prepared, for jobs of that flight. */
struct plan_prepared {
    int host;
    int64_t flight;
    const char *setup, *job;    /* and who did it */
    int64_t took_ms;
    int wear;                   /* jobs that have used it */
};

struct plan_window {
    int64_t id;
    int host;
    int64_t from_ms, until_ms;
    const char *kind, *who, *why;
};

/* A host that a job which is to be diverse has or had. */
struct plan_had {
    int64_t flight;
    const char *word, *job;
    int host;
};

struct plan_facts {
    int64_t now_ms;             /* of the server, since the Unix epoch */
    struct match_host *hosts;   /* obstacle: its state */
    int64_t *trouble_ms;        /* of each: what a job that ends so much later
                                 * elsewhere is still better off by; 10
                                 * minutes a fresh mark, an hour at most */
    int host_count;
    struct plan_wait *waits;
    int wait_count;
    struct plan_had *had;
    int had_count;
    struct plan_hold *holds;
    int hold_count;
    struct plan_prepared *prepared;
    int prepared_count;
    struct plan_run *runs;
    int run_count;
    int jobs_max;               /* that the controller runs; 0: unknown */
    struct plan_window *windows;
    int window_count;
    struct plan_booking *bookings;      /* by flight and job */
    int booking_count;
    const struct plan_past *past;
};

/* All in 'arena'. With 'past' NULL history is read too. */
MUST_CHECK bool plan_db_load(struct db *db, struct arena *arena,
                             const struct plan_past *past,
                             struct plan_facts *out, struct fault *why);
/* The index of the job that waits; -1 if it does not. */
int plan_wait_index(const struct plan_facts *facts, int64_t flight,
                    const char *job);
/* The job at index 'wait' of the facts needs that one, which is not over: it
 * waits, or runs. In 'arena'; 'needs' are the most that this job may have. */
void plan_wait_need(struct plan_facts *facts, int wait, int64_t flight,
                    const char *job, int needs, struct arena *arena);
/* NULL if the last plan did not have it. */
const struct plan_booking *plan_booking_find(const struct plan_facts *facts,
                                             int64_t flight,
                                             const char *job);

/* FAULT_NOT_FOUND for a flight that is not there or has ended; the server
 * refuses a raise by one who is no admin. */
MUST_CHECK bool plan_db_priority(struct db *db, int64_t flight, int priority,
                                 struct fault *why);

#endif
