/* hypervisor/tree.h - a tree of files in memory, sorted by path: the content of
 * packages, and of an image that is being made.
 *
 * Paths have no leading slash, and /bin, /sbin and /lib* are in usr/, wherever
 * a package has them: callers use tree_normal() on what comes from outside. */
#ifndef HYPERVISOR_TREE_H
#define HYPERVISOR_TREE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include "harness/attr.h"

struct tree;                    /* opaque: tree.c */

enum tree_type { TREE_NONE = 0, TREE_FILE, TREE_LINK, TREE_DIR };

/* Owned by the tree; valid until tree_free() or until it is put again. */
struct tree_node {
    char *path;
    enum tree_type type;
    mode_t mode;                /* permission bits */
    char *target;               /* of a link */
    void *data;                 /* of a file */
    size_t bytes;
};

MUST_CHECK struct tree *tree_new(void);
void tree_free(struct tree *tree);      /* ignores NULL */

/* Each replaces what was at 'path'. Strings are copied; 'data' is malloc'ed
 * and becomes the tree's. */
void tree_put_file(struct tree *tree, const char *path, mode_t mode,
                   void *data, size_t bytes);
void tree_put_link(struct tree *tree, const char *path, const char *target);
void tree_put_dir(struct tree *tree, const char *path, mode_t mode);
/* As tree_put_file(), copying the data. */
void tree_copy_file(struct tree *tree, const char *path, mode_t mode,
                    const void *data, size_t bytes);

/* NULL if there is none. */
const struct tree_node *tree_find(const struct tree *tree, const char *path);
/* As tree_find(), but follows links inside the tree, at most 16. */
const struct tree_node *tree_follow(const struct tree *tree,
                                    const char *path);
size_t tree_count(const struct tree *tree);

/* In order of path, so that a directory comes before what is in it. */
typedef void tree_fn(void *owner, const struct tree_node *node);
void tree_each(const struct tree *tree, tree_fn *fn, void *owner);

/* "./bin/x", "/bin/x", "bin//x" and "usr/lib/../bin/x" are "usr/bin/x";
 * malloc'ed. A ".." at the top stays there. */
MUST_CHECK char *tree_normal(const char *path);
/* Where a link at 'path' leads, normalised; malloc'ed. */
MUST_CHECK char *tree_link_target(const char *path, const char *target);

#endif
