/* hypervisor/source.h - git trees: one mirror a name, below ASSAY_HOME/mirrors,
 * and worktrees of it. A mirror keeps every revision that was ever asked for,
 * also when its tree is rewritten. */
#ifndef HYPERVISOR_SOURCE_H
#define HYPERVISOR_SOURCE_H

#include <stdbool.h>
#include <stddef.h>
#include "harness/attr.h"

struct arena;
struct fault;

struct source {
    const char *tree, *url;
    const char *dir;            /* of the mirror, absolute */
};

/* Mirrors 'url' as 'tree'; an old mirror of it is brought up to date. A
 * directory is named absolutely first. FAULT_CONFLICT when 'tree' mirrors
 * another place, FAULT_PEER when that cannot be read. */
MUST_CHECK bool source_add(const char *tree, const char *url,
                           struct fault *why);
/* FAULT_NOT_FOUND, with the trees that there are as a hint. */
MUST_CHECK bool source_find(struct arena *arena, const char *tree,
                            struct source *out, struct fault *why);
/* By name. */
MUST_CHECK bool source_list(struct arena *arena, struct source **out,
                            size_t *count_out, struct fault *why);
MUST_CHECK bool source_fetch(const struct source *source, struct fault *why);

/* The full name of the commit that 'revision' is, in the arena. The tree is
 * asked first, unless 'revision' is a full name that is there already.
 * FAULT_NOT_FOUND when it has no such commit. From here on it is kept. */
MUST_CHECK bool source_resolve(struct arena *arena,
                               const struct source *source,
                               const char *revision, const char **commit_out,
                               struct fault *why);

/* Makes the directory 'dir' a worktree of 'commit', a full name. What is there
 * is removed first. */
MUST_CHECK bool source_checkout(const struct source *source,
                                const char *commit, const char *dir,
                                struct fault *why);
/* Removes it; one that is not there is fine. */
MUST_CHECK bool source_remove(const struct source *source, const char *dir,
                              struct fault *why);

#endif
