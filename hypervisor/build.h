/* hypervisor/build.h - builds parts of a candidate from git.
 *
 * A build is named by its inputs: recipe, revision of each tree, kconfig,
 * architecture, and the versions of the tools. Equal inputs are built once on
 * this home, whether that passed or failed; who comes meanwhile waits. Works
 * in worktrees of its own, which are always fresh. */
#ifndef HYPERVISOR_BUILD_H
#define HYPERVISOR_BUILD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "harness/attr.h"
#include "hypervisor/build_db.h"
#include "hypervisor/source.h"

struct arena;
struct buf;
struct build_recipe;
struct db;
struct fault;

/* One line, now and then. */
typedef void build_progress_fn(void *owner, const char *text);

struct build_tree {
    struct source source;
    const char *commit;         /* a full name */
};
struct build_order {
    const struct build_recipe *recipe;
    const char *arch;           /* NULL: this machine's */
    const char *const *kconfig; /* build_recipe_kconfig(); NULL: none */
    const struct build_tree *trees;     /* as the recipe names them */
    const char *root;           /* suite of a clean root, or NULL */
    int jobs;                   /* of make; 0: as many as processors */
    bool again;                 /* also what has been built */
    build_progress_fn *progress;        /* or NULL */
    void *owner;
};

/* "amd64", "arm64", or NULL: not one that is known. */
const char *build_machine_arch(void);

/* A build that fails is a result: true, and out->pass is false. False is for
 * what says nothing of the inputs: a tool that is missing, a full disk, out of
 * memory or time (FAULT_TIMEOUT), FAULT_CANCELLED. '*reused_out': nothing was
 * built. The caller calls build_fini() on success. */
MUST_CHECK bool build_run(struct db *db, const struct build_order *order,
                          struct arena *arena, struct build *out,
                          bool *reused_out, struct fault *why);
/* Only looks; order->again does not matter. */
MUST_CHECK bool build_find(struct db *db, const struct build_order *order,
                           struct arena *arena, struct build *out,
                           bool *found_out, struct fault *why);

/* The line of a log that says first what is wrong, trimmed; the last line when
 * none does. Appends. */
void build_first_error(const char *log, size_t bytes, struct buf *out);

#endif
