/* bisector/graph.h - the commits between good and bad, as arrays. No I/O.
 *
 * One graph holds the candidates of one or several trees, tree after tree.
 * Within a tree every parent has a smaller index than its children. A commit
 * that is no suspect (git's path limits leave it in for its parents' sake)
 * joins others, but is never tested or blamed. */
#ifndef BISECTOR_GRAPH_H
#define BISECTOR_GRAPH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "harness/attr.h"

#define GRAPH_TREES_MAX 8
#define GRAPH_OID_BYTES 32      /* SHA-256; SHA-1 uses 20 of them */
#define GRAPH_HEX_BYTES 65
/* In place of a commit's index: the ends of a tree. */
#define GRAPH_GOOD UINT32_MAX
#define GRAPH_BAD (UINT32_MAX - 1)
#define GRAPH_NO_CLASS UINT32_MAX

struct graph_tree {
    char *name, *dir;
    char good[GRAPH_HEX_BYTES], bad[GRAPH_HEX_BYTES];
    uint32_t first, count;      /* its commits in the graph */
};

struct graph {
    size_t count, cap;          /* commits */
    size_t suspect_count;
    size_t tree_count;
    struct graph_tree trees[GRAPH_TREES_MAX];
    size_t *parent_at;          /* count + 1 places in 'parents' */
    uint32_t *parents;
    size_t parent_count, parent_cap;
    int64_t *date;              /* commit date, seconds since 1970 */
    unsigned char (*oid)[GRAPH_OID_BYTES];
    bool *is_suspect;
    size_t hex_bytes;           /* of a name: 40 or 64; 0 without commits */
};

void graph_init(struct graph *graph);
void graph_fini(struct graph *graph);

/* Begins a tree, to which the commits added next belong. Copies. */
struct graph_tree *graph_tree_add(struct graph *graph, const char *name,
                                  const char *dir, const char *good,
                                  const char *bad);
/* Adds a commit to the last tree; its parents follow by
 * graph_parent_add(). False if 'hex' is no object name. */
MUST_CHECK bool graph_node_add(struct graph *graph, const char *hex,
                               int64_t date, uint32_t *node_out);
/* To the last commit. 'parent' is older than it. */
void graph_parent_add(struct graph *graph, uint32_t parent);
void graph_set_suspect(struct graph *graph, uint32_t node, bool suspect);

/* Name of a commit, or of an end of 'tree'. */
void graph_hex(const struct graph *graph, size_t tree, uint32_t node,
               char out[static GRAPH_HEX_BYTES]);
/* The reverse; GRAPH_GOOD and GRAPH_BAD for the ends. */
MUST_CHECK bool graph_find(const struct graph *graph, size_t tree,
                           const char *hex, uint32_t *node_out);
size_t graph_tree_of(const struct graph *graph, uint32_t node);
/* What to test for the bad end: its commit if that is a suspect. */
uint32_t graph_top(const struct graph *graph, size_t tree);

/* Bits are numbered by commit: 'words' is count / 64, rounded up. */
size_t graph_words(const struct graph *graph);
static inline bool
graph_bit(const uint64_t *set, uint32_t node)
{
    return (set[node / 64] >> (node % 64) & 1) != 0;
}
/* Adds 'node' (or an end) and all it has, or all that have it. */
void graph_add_ancestors(const struct graph *graph, size_t tree,
                         uint32_t node, uint64_t *set);
void graph_add_descendants(const struct graph *graph, size_t tree,
                           uint32_t node, uint64_t *set);

/* Two values that all commits of a class share. */
struct graph_class {
    double a, b;
};
/* For every commit the sums of 'a' and of 'b' over itself and its ancestors
 * in its tree. class_of[i] is GRAPH_NO_CLASS for what counts nothing. Takes
 * one pass over the edges for each 256 commits of a class. The outputs have
 * 'count' elements. */
void graph_sums(const struct graph *graph, const uint32_t *class_of,
                const struct graph_class *classes, size_t class_count,
                double *a_out, double *b_out);

#endif
