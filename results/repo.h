/* results/repo.h - commits of the trees that are tested, in whatever clone is
 * at hand: the mirrors of assay tree (ASSAY_HOME/mirrors/TREE.git) and the
 * gate's clones (ASSAY_HOME/trees/...). Reads only; asks no network. */
#ifndef RESULTS_REPO_H
#define RESULTS_REPO_H

#include <stdbool.h>
#include <stddef.h>
#include "harness/attr.h"

struct arena;
struct fault;

/* A clone below 'root' that has each of the 'count' commits: the tree's own
 * mirror first. FAULT_NOT_FOUND says which clone or commit there is not. */
MUST_CHECK bool repo_find(const char *root, const char *tree,
                          const char *const *commits, size_t count,
                          struct arena *arena, const char **path_out,
                          struct fault *why);
/* The whole name of the commit that 'revision', perhaps a short one, is. */
MUST_CHECK bool repo_resolve(const char *root, const char *tree,
                             const char *revision, struct arena *arena,
                             const char **commit_out, struct fault *why);
/* Whether 'revision' contains 'commit': is it, or was made after it. */
MUST_CHECK bool repo_contains(const char *path, const char *commit,
                              const char *revision, bool *contains_out,
                              struct fault *why);

#endif
