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
struct fault;

/* Which versions are compared. The version of a flight is the revision of each
 * tree that it names: as a tree of its own, or as the runvar
 * built_revision_TREE of one of its jobs or of a job that these need (but for
 * build-*-prev). One that names no tree has the names of its candidates, as
 * tree "candidate". A flight tested a version when it names all of its trees,
 * and no other revision of them. */
struct decide_request {
    int64_t flight;
    int64_t baseline;           /* a flight whose version is the baseline; 0:
                                 * 'that' says it; when that is empty too, the
                                 * version of the last flight of the branch
                                 * before this one that passed whole */
    const struct decide_version *this_version;  /* none: the flight's own */
    size_t this_count;
    const struct decide_version *that_version;
    size_t that_count;
    const char *const *blessings;   /* NULL-ended, the preferred one first;
                                     * NULL: real real-retest real-bisect */
    const struct decide_allow *allow;
    size_t allow_count;
};

/* As of one moment. FAULT_NOT_FOUND when a flight of the request is not there,
 * FAULT_CONFLICT when the baseline flight has no version to compare with.
 * 'arena' owns all of 'out'. */
MUST_CHECK bool decide_read(struct db *db,
                            const struct decide_request *request,
                            struct arena *arena, struct decide_input *out,
                            struct fault *why);

#endif
