/* results/decide_db.h - finds in the database what decide() is asked. Reads
 * only, and only rows that matter: neither steps nor jobs nor runvars of the
 * whole history. */
#ifndef RESULTS_DECIDE_DB_H
#define RESULTS_DECIDE_DB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "harness/attr.h"
#include "results/decide.h"

struct arena;
struct db;
struct evidence;
struct fault;

/* Which versions are compared. The version of a flight is the revision of each
 * tree that it names: as a tree of its own, or as the runvar
 * built_revision_TREE of one of its jobs or of a job that these need (but for
 * build-*-prev). One that names no tree has the names of its candidates, as
 * tree "candidate". A flight tested a version when it names all of its trees,
 * and no other revision of them. Only flights of the same branch count, and of
 * the baseline flight's, and of them the newest 1000 of each version. */
struct decide_request {
    int64_t baseline;           /* a flight whose version is the baseline; 0:
                                 * 'that' says it; when that is empty too, what
                                 * the gate's run compares, if the flight is of
                                 * one; else the last flight of the branch
                                 * before the judged one that passed and tested
                                 * another version */
    int64_t max_flight;         /* leaves out later flights; 0: none */
    const struct decide_version *this_version;  /* none: the flight's own */
    size_t this_count;
    const struct decide_version *that_version;  /* a revision of seven and */
    size_t that_count;                          /* more digits may be short */
    const char *const *blessings;   /* NULL-ended, the preferred one first;
                                     * NULL: what the flight is intended to be
                                     * worth, that "-retest", "-bisect" */
    const struct decide_allow *allow;   /* as for gated_allow() */
    size_t allow_count;
};

/* Judged with the others of its flight; names and statuses of 'evidence'. */
void decide_flight_of(const struct evidence *evidence, struct arena *arena,
                      struct decide_flight *out);

/* What to ask about the flight of 'evidence'. As of one moment: inside a
 * transaction, as of its begin. '*baseline_out' is the flight that stands for
 * the baseline, 0 when there is none. FAULT_NOT_FOUND when the baseline flight
 * is not there; FAULT_CONFLICT when it has no version to compare with, or a
 * short revision stands for several. 'arena' owns all of 'out'. */
MUST_CHECK bool decide_read(struct db *db, const struct evidence *evidence,
                            const struct decide_request *request,
                            struct arena *arena, struct decide_input *out,
                            int64_t *baseline_out, struct fault *why);

#endif
