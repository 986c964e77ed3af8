/* flights/plan.h - a flight before it is in the database: all jobs expanded
 * and checked against their recipes. Everything is owned by one arena. */
#ifndef FLIGHTS_PLAN_H
#define FLIGHTS_PLAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "harness/attr.h"

struct arena;
struct buf;
struct fault;

#define PLAN_JOBS_MAX 2000      /* of one flight */

struct plan_role {
    const char *role;
    const char *arch;
    const char **flags;         /* NULL-terminated, sorted, each once */
    const char **wants;         /* the same of properties: "NAME>=VALUE" */
    const char *preset;         /* a host by name, or NULL */
    int same_class;             /* > 0: one class with the same number */
};

struct plan_runvar {
    const char *name, *value;
    bool result;                /* a step set it; dumped as "~name" */
};

struct plan_need {
    int64_t flight;             /* 0: this one */
    const char *job;
};

struct plan_job {
    const char *job;
    const char *recipe;         /* a name, or the absolute path of a file */
    const char *arch;
    const char *candidate;      /* by name; NULL: none */
    const char *diverse;        /* NULL: any host will do */
    const char *setup;          /* see plan_share(); NULL: it starts fresh */
    int setup_uses;
    bool preemptable;           /* it gives way: see assay-pool(5) */
    const struct plan_role *roles;      /* in the order of the recipe */
    size_t role_count;
    const struct plan_runvar *runvars;  /* by name */
    size_t runvar_count;
    const struct plan_need *needs;      /* by flight and name */
    size_t need_count;
    int line;                   /* in the file: where the job begins */
    int candidate_line;         /* where its candidate was named */
    int needs_line;
};

struct plan_tree {
    const char *tree, *revision;
};

struct plan {
    const char *file;           /* as given, for messages */
    const char *source;         /* absolute, for the record */
    const char *definition;     /* the file, verbatim */
    const char *flight, *branch, *intended;
    int64_t priority;           /* lower first */
    int64_t deadline_ms;        /* from when it is made; 0: none */
    bool supersede;             /* a newer one makes its jobs expire */
    bool reuse;                 /* its jobs may share prepared hosts */
    struct plan_job *jobs;      /* in the order of the file */
    size_t job_count;
    const struct plan_tree *trees;      /* what it tests, if that is known */
    size_t tree_count;
};

/* NULL when there is none. */
const struct plan_job *plan_job_named(const struct plan *plan,
                                      const char *name);

/* Keeps these jobs and all that they need. FAULT_USAGE for a name that is not
 * in the plan. */
MUST_CHECK bool plan_select(struct plan *plan, struct arena *arena,
                            const char *const *names, struct fault *why);
/* "JOB:NAME=VALUE"; JOB "." is every job. FAULT_USAGE. */
MUST_CHECK bool plan_set_runvar(struct plan *plan, struct arena *arena,
                                const char *text, struct fault *why);
/* 'name' for every job that has a candidate. FAULT_CONFIG if none has: the
 * flight would not test it. */
MUST_CHECK bool plan_set_candidate(struct plan *plan, const char *name,
                                   struct fault *why);

/* Says that 'tree', which is at 'url', is tested at 'revision': for the flight,
 * and in every job's runvars tree_TREE and revision_TREE. */
void plan_set_tree(struct plan *plan, struct arena *arena, const char *tree,
                   const char *url, const char *revision);
/* Takes from the plan each job build-* that 'done', the plan of 'flight', has
 * exactly so and that is one of 'passed' (NULL-ended): who needs it needs that
 * of the other flight then. Returns how many. */
size_t plan_reuse_builds(struct plan *plan, struct arena *arena,
                         const struct plan *done, int64_t flight,
                         const char *const *passed);

/* Finds which jobs of a flight that wants it may share a prepared host, when
 * all else of it is settled. Others start fresh: so do the flights of
 * bisections and retests, which never ask: they are there to tell causes apart,
 * and what another job has left would be one more. */
MUST_CHECK bool plan_share(struct plan *plan, struct arena *arena,
                           struct fault *why);

/* Makes the plan of 'flight', read back, one that runs 'jobs' (NULL-ended) once
 * more: all else that they need is what that flight has. FAULT_USAGE for a name
 * that is not in it. */
MUST_CHECK bool plan_retest(struct plan *plan, struct arena *arena,
                            int64_t flight, const char *const *jobs,
                            struct fault *why);

/* The table of jobs and runvars that people compare with diff(1): one line a
 * value, sorted by job and name, what is not a runvar under ":name". */
void plan_dump(const struct plan *plan, struct buf *out);

#endif
