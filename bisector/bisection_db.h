/* bisector/bisection_db.h - bisections in the lab, their runs, and what they
 * ask of the history. */
#ifndef BISECTOR_BISECTION_DB_H
#define BISECTOR_BISECTION_DB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "harness/attr.h"

struct arena;
struct db;
struct fault;

/* Texts are never NULL, "" when absent; moments are -1 then. */
struct bisection {
    int64_t bisection, flight, basis;
    const char *branch, *job, *testid, *signature, *definition;
    const char *setup;          /* JSON: the first line of a journal */
    const char *recipe, *author;
    const char *people;         /* JSON: a list of addresses */
    int parallel;
    const char *state;          /* "running", "stopped", "ended" */
    const char *reason, *verdict, *component, *culprit;
    double chance;
    int64_t begun_ms, ended_ms;
    int64_t runs, running, host_ms;     /* sums of its runs */
};

/* A new one, of everything up to 'parallel'. FAULT_CONFLICT when this failure
 * is looked into already. */
MUST_CHECK bool bisection_db_begin(struct db *db, const struct bisection *it,
                                   int64_t *bisection_out,
                                   struct fault *why);
/* FAULT_NOT_FOUND. */
MUST_CHECK bool bisection_db_read(struct db *db, int64_t bisection,
                                  struct arena *arena, struct bisection *out,
                                  struct fault *why);
/* Those that are not at their end, or the last 'limit' of all, newest first. */
MUST_CHECK bool bisection_db_list(struct db *db, bool open, int limit,
                                  struct arena *arena, struct bisection **out,
                                  size_t *count_out, struct fault *why);
/* The process keeps it for itself as long as this connection lives. */
MUST_CHECK bool bisection_db_lock(struct db *db, int64_t bisection,
                                  bool *got_out, struct fault *why);

/* Between "running" and "stopped"; FAULT_CONFLICT when it is at its end. */
MUST_CHECK bool bisection_db_set_state(struct db *db, int64_t bisection,
                                       const char *state, const char *reason,
                                       struct fault *why);
/* The bad end and what else the first line of a journal has; 'reason' says
 * why. */
MUST_CHECK bool bisection_db_set_setup(struct db *db, int64_t bisection,
                                       int64_t flight, const char *setup,
                                       const char *reason,
                                       struct fault *why);
struct bisection_end {
    const char *reason, *verdict;
    const char *component, *culprit;    /* NULL: nobody is blamed */
    double chance;              /* of the culprit */
};
/* FAULT_CONFLICT when it was at its end. */
MUST_CHECK bool bisection_db_end(struct db *db, int64_t bisection,
                                 const struct bisection_end *end,
                                 struct fault *why);

/* Runs --------------------------------------------------------------------- */

struct bisection_run {
    int number;
    const char *at;             /* JSON: {"TREE": COMMIT} */
    const char *about;          /* "": commits; else a component */
    const char *oracle;
    const char *hosts;          /* JSON: wanted; [] for any */
    const char *state, *definition, *result, *reason, *output, *host;
    int64_t build, flight, host_ms;     /* 0: none */
    int64_t begun_ms, ended_ms;
    bool flight_ended, flight_unstarted;
};
MUST_CHECK bool bisection_db_runs(struct db *db, int64_t bisection,
                                  struct arena *arena,
                                  struct bisection_run **out,
                                  size_t *count_out, struct fault *why);
/* The next number; of 'run' at, about, oracle and hosts are used. */
MUST_CHECK bool bisection_db_run_add(struct db *db, int64_t bisection,
                                     const struct bisection_run *run,
                                     int *number_out, struct fault *why);
/* It is under way in 'flight', made by 'oracle'; 'build' 0: none. */
MUST_CHECK bool bisection_db_run_fly(struct db *db, int64_t bisection,
                                     int number, const char *oracle,
                                     const char *definition, int64_t build,
                                     int64_t flight, struct fault *why);
/* 'output' may be ""; host and host time are those of its flight, if that was
 * its own. */
MUST_CHECK bool bisection_db_run_end(struct db *db, int64_t bisection,
                                     int number, const char *job,
                                     const char *result, const char *reason,
                                     const char *output, struct fault *why);

/* A flight of this very job that another bisection made, and that this one
 * has not used; 0: none. */
MUST_CHECK bool bisection_db_same(struct db *db, int64_t bisection,
                                  const char *definition, int64_t *flight_out,
                                  struct fault *why);
/* Flights of its runs under way that are no other's. */
MUST_CHECK bool bisection_db_alone(struct db *db, int64_t bisection,
                                   struct arena *arena, int64_t **out,
                                   size_t *count_out, struct fault *why);
/* Its runs that have not ended teach nothing any more, and say so. */
#define BISECTION_ABANDONED "not waited for"
MUST_CHECK bool bisection_db_abandon(struct db *db, int64_t bisection,
                                     struct fault *why);
/* What others have learned of the job: ended flights that tested it for another
 * bisection, or on its branch since the basis; at and flight are set. */
MUST_CHECK bool bisection_db_others(struct db *db,
                                    const struct bisection *it,
                                    struct arena *arena,
                                    struct bisection_run **out,
                                    size_t *count_out, struct fault *why);

/* History ------------------------------------------------------------------ */

struct bisection_tree {
    const char *tree, *good, *bad;
    const char *url;            /* "": nobody knows */
};
/* Trees of both, in the arena, by name; of those that differ. */
MUST_CHECK bool bisection_db_trees(struct db *db, int64_t good, int64_t bad,
                                   const char *job, struct arena *arena,
                                   struct bisection_tree **out,
                                   int *count_out, struct fault *why);
/* All of a flight, as JSON: {"TREE": REVISION}. */
MUST_CHECK bool bisection_db_flight_trees(struct db *db, int64_t flight,
                                          struct arena *arena,
                                          const char **out,
                                          struct fault *why);
/* The last flight of the same branch before 'flight' in which the cell passed,
 * 0 when there is none. */
MUST_CHECK bool bisection_db_basis(struct db *db, int64_t flight,
                                   const char *job, const char *testid,
                                   int64_t *basis_out, struct fault *why);
/* How often the cell failed, so or otherwise, of the runs of the branch up to
 * the basis; 'harness' NULL: with any revision of it; 'firmware' NULL, or the
 * part of bisection_surround.firmware that they booted with. */
MUST_CHECK bool bisection_db_past(struct db *db, int64_t basis,
                                  const char *job, const char *testid,
                                  const char *harness, const char *firmware,
                                  int64_t *fails_out, int64_t *runs_out,
                                  struct fault *why);
/* Whether there is a bisection of this failure that is open, or that was ended
 * by an answer and the cell has not passed on the branch since; 0: no. */
MUST_CHECK bool bisection_db_known(struct db *db, int64_t flight,
                                   const char *job, const char *testid,
                                   const char *signature,
                                   int64_t *bisection_out, bool *open_out,
                                   struct fault *why);
/* The open bisection of a cell that failed in 'flight'; 0: there is none. */
MUST_CHECK bool bisection_db_open_of(struct db *db, int64_t flight,
                                     const char *job, const char *testid,
                                     int64_t *bisection_out,
                                     struct fault *why);
/* Flights that have ended, with no run of the gate open, that nobody has looked
 * at; the oldest first. */
MUST_CHECK bool bisection_db_unseen(struct db *db, struct arena *arena,
                                    int64_t **out, size_t *count_out,
                                    struct fault *why);
MUST_CHECK bool bisection_db_seen(struct db *db, int64_t flight,
                                  struct fault *why);
/* What was found to be the cause of a failing job, "" or "open" when nobody
 * knows. */
MUST_CHECK bool bisection_db_cause(struct db *db, int64_t flight,
                                   const char *job, struct arena *arena,
                                   const char **cause_out,
                                   struct fault *why);
/* How many jobs like this one the hosts of its class can run at once. */
MUST_CHECK bool bisection_db_room(struct db *db, int64_t flight,
                                  const char *job, int *count_out,
                                  struct fault *why);

/* What a job ran with, beside the revisions of its trees. */
struct bisection_surround {
    const char *host;           /* hosts by role, ' ' between */
    const char *hosts;          /* the same as JSON; [] when one of them is
                                 * not to be used now */
    const char *image;          /* hash of what was not built for it */
    const char *firmware;       /* JSON: {SOURCE: what it said}, {"as":
                                 * "uefi"}; "" when it did not boot */
    const char *harness;
};
MUST_CHECK bool bisection_db_surround(struct db *db, int64_t flight,
                                      const char *job, struct arena *arena,
                                      struct bisection_surround *out,
                                      struct fault *why);

#endif
