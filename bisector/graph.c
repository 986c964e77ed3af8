/* bisector/graph.c - the commits between good and bad, as arrays. */
#include <config.h>

#include "bisector/graph.h"

#include <stdlib.h>
#include <string.h>

#include "harness/mem.h"

/* Commits swept together: a row of bits for each commit of the graph. */
#define ROW_WORDS 4
#define ROW_BITS (64 * ROW_WORDS)
struct row {
    uint64_t w[ROW_WORDS];
};

void
graph_init(struct graph *graph)
{
    *graph = (struct graph){ .count = 0 };
    graph->parent_at = xcalloc(1, sizeof(*graph->parent_at));
}

void
graph_fini(struct graph *graph)
{
    size_t i;

    for (i = 0; i < graph->tree_count; i++) {
        free(graph->trees[i].name);
        free(graph->trees[i].dir);
    }
    free(graph->parent_at);
    free(graph->parents);
    free(graph->date);
    free(graph->oid);
    free(graph->is_suspect);
    *graph = (struct graph){ .count = 0 };
}

struct graph_tree *
graph_tree_add(struct graph *graph, const char *name, const char *dir,
               const char *good, const char *bad)
{
    struct graph_tree *tree = &graph->trees[graph->tree_count];

    must(graph->tree_count < GRAPH_TREES_MAX);
    must(strlen(good) < sizeof(tree->good) && strlen(bad) < sizeof(tree->bad));
    graph->tree_count++;
    tree->name = xstrdup(name);
    tree->dir = xstrdup(dir);
    memcpy(tree->good, good, strlen(good) + 1);
    memcpy(tree->bad, bad, strlen(bad) + 1);
    tree->first = (uint32_t)graph->count;
    tree->count = 0;
    return tree;
}

static int
hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool
oid_parse(const char *hex, unsigned char out[static GRAPH_OID_BYTES],
          size_t *hex_bytes_out)
{
    size_t i, len = strspn(hex, "0123456789abcdef");

    if ((len != 40 && len != 64) || hex[len] != '\0')
        return false;
    memset(out, 0, GRAPH_OID_BYTES);
    for (i = 0; i < len / 2; i++)
        out[i] = (unsigned char)(hex_digit(hex[2 * i]) * 16
                                 + hex_digit(hex[2 * i + 1]));
    *hex_bytes_out = len;
    return true;
}

bool
graph_node_add(struct graph *graph, const char *hex, int64_t date,
               uint32_t *node_out)
{
    size_t n = graph->count, cap;

    must(graph->tree_count > 0 && n < GRAPH_BAD - 1);
    if (n == graph->cap) {
        cap = n < 512 ? 1024 : 2 * n;
        graph->parent_at = xrealloc(graph->parent_at,
                                    (cap + 1) * sizeof(*graph->parent_at));
        graph->date = xrealloc(graph->date, cap * sizeof(*graph->date));
        graph->oid = xrealloc(graph->oid, cap * sizeof(*graph->oid));
        graph->is_suspect = xrealloc(graph->is_suspect,
                                     cap * sizeof(*graph->is_suspect));
        graph->cap = cap;
    }
    if (!oid_parse(hex, graph->oid[n], &graph->hex_bytes))
        return false;
    graph->date[n] = date;
    graph->is_suspect[n] = true;
    graph->suspect_count++;
    graph->parent_at[n + 1] = graph->parent_count;
    graph->count++;
    graph->trees[graph->tree_count - 1].count++;
    *node_out = (uint32_t)n;
    return true;
}

void
graph_parent_add(struct graph *graph, uint32_t parent)
{
    must(graph->count > 0 && parent < graph->count - 1);
    graph->parents = xgrow(graph->parents, &graph->parent_cap,
                           graph->parent_count, sizeof(*graph->parents));
    graph->parents[graph->parent_count++] = parent;
    graph->parent_at[graph->count] = graph->parent_count;
}

void
graph_set_suspect(struct graph *graph, uint32_t node, bool suspect)
{
    must(node < graph->count);
    if (suspect == graph->is_suspect[node])
        return;
    graph->is_suspect[node] = suspect;
    if (suspect)
        graph->suspect_count++;
    else
        graph->suspect_count--;
}

void
graph_hex(const struct graph *graph, size_t tree, uint32_t node,
          char out[static GRAPH_HEX_BYTES])
{
    const struct graph_tree *t = &graph->trees[tree];
    const char *end = node == GRAPH_GOOD ? t->good : t->bad;
    size_t i;

    if (node == GRAPH_GOOD || node == GRAPH_BAD) {
        memcpy(out, end, strlen(end) + 1);
        return;
    }
    must(node < graph->count);
    for (i = 0; i < graph->hex_bytes / 2; i++) {
        out[2 * i] = "0123456789abcdef"[graph->oid[node][i] >> 4];
        out[2 * i + 1] = "0123456789abcdef"[graph->oid[node][i] & 15];
    }
    out[graph->hex_bytes] = '\0';
}

bool
graph_find(const struct graph *graph, size_t tree, const char *hex,
           uint32_t *node_out)
{
    const struct graph_tree *t = &graph->trees[tree];
    unsigned char oid[GRAPH_OID_BYTES];
    size_t hex_bytes;
    uint32_t i;

    if (!oid_parse(hex, oid, &hex_bytes))
        return false;
    for (i = t->first; i < t->first + t->count; i++)
        if (memcmp(graph->oid[i], oid, sizeof(oid)) == 0) {
            *node_out = i;
            return true;
        }
    *node_out = strcmp(hex, t->bad) == 0 ? GRAPH_BAD : GRAPH_GOOD;
    return strcmp(hex, t->bad) == 0 || strcmp(hex, t->good) == 0;
}

size_t
graph_tree_of(const struct graph *graph, uint32_t node)
{
    size_t i = 0;

    while (node >= graph->trees[i].first + graph->trees[i].count)
        i++;
    must(i < graph->tree_count);
    return i;
}

uint32_t
graph_top(const struct graph *graph, size_t tree)
{
    const struct graph_tree *t = &graph->trees[tree];
    char hex[GRAPH_HEX_BYTES];

    if (t->count == 0)
        return GRAPH_BAD;
    graph_hex(graph, tree, t->first + t->count - 1, hex);
    return strcmp(hex, t->bad) == 0 ? t->first + t->count - 1 : GRAPH_BAD;
}

size_t
graph_words(const struct graph *graph)
{
    return (graph->count + 63) / 64;
}

static void
set_bit(uint64_t *set, size_t node)
{
    set[node / 64] |= (uint64_t)1 << (node % 64);
}

void
graph_add_ancestors(const struct graph *graph, size_t tree, uint32_t node,
                    uint64_t *set)
{
    const struct graph_tree *t = &graph->trees[tree];
    uint64_t *seen;
    size_t i, k;

    if (node == GRAPH_GOOD)
        return;
    if (node == GRAPH_BAD) {
        for (i = t->first; i < t->first + t->count; i++)
            set_bit(set, i);
        return;
    }
    /* A set of its own, since 'set' may hold what has no ancestors in it. */
    seen = xcalloc(node / 64 + 1, sizeof(*seen));
    set_bit(seen, node);
    for (i = (size_t)node + 1; i-- > t->first;) {
        if (!graph_bit(seen, (uint32_t)i))
            continue;
        set_bit(set, i);
        for (k = graph->parent_at[i]; k < graph->parent_at[i + 1]; k++)
            set_bit(seen, graph->parents[k]);
    }
    free(seen);
}

void
graph_add_descendants(const struct graph *graph, size_t tree, uint32_t node,
                      uint64_t *set)
{
    const struct graph_tree *t = &graph->trees[tree];
    size_t i, k, first = node == GRAPH_GOOD ? t->first : node;
    uint64_t *seen;

    if (node == GRAPH_BAD)
        return;
    seen = xcalloc(graph_words(graph) + 1, sizeof(*seen));
    for (i = first; i < t->first + t->count; i++) {
        if (i == first || node == GRAPH_GOOD)
            set_bit(seen, i);
        for (k = graph->parent_at[i]; k < graph->parent_at[i + 1]; k++)
            if (graph_bit(seen, graph->parents[k]))
                set_bit(seen, i);
        if (graph_bit(seen, (uint32_t)i))
            set_bit(set, i);
    }
    free(seen);
}

/* Without the instruction, which not every amd64 has. */
static inline uint64_t
bits_by_byte(uint64_t x)
{
    x -= x >> 1 & 0x5555555555555555u;
    x = (x & 0x3333333333333333u) + (x >> 2 & 0x3333333333333333u);
    return (x + (x >> 4)) & 0x0f0f0f0f0f0f0f0fu;
}

static inline unsigned int
row_count(const struct row *row)
{
    uint64_t sum = 0, pairs;
    int i;

    for (i = 0; i < ROW_WORDS; i++)
        sum += bits_by_byte(row->w[i]);         /* bytes of at most 32 */
    pairs = (sum & 0x00ff00ff00ff00ffu) + (sum >> 8 & 0x00ff00ff00ff00ffu);
    return (unsigned int)(pairs * 0x0001000100010001u >> 48);
}

/* Adds one row of at most ROW_BITS commits of one class to the sums. What
 * is older than the first of them has none of them. */
static void
sweep(const struct graph *graph, const uint32_t *members, size_t n,
      size_t end, const struct graph_class *value, struct row *rows,
      double *a_out, double *b_out)
{
    size_t start = members[0], i, k, next = 0, p;
    struct row row;
    double bits;
    int w;

    for (i = start; i < end; i++) {
        row = (struct row){ .w = { 0 } };
        for (k = graph->parent_at[i]; k < graph->parent_at[i + 1]; k++) {
            p = graph->parents[k];
            if (p >= start)
                for (w = 0; w < ROW_WORDS; w++)
                    row.w[w] |= rows[p].w[w];
        }
        if (next < n && members[next] == i) {
            row.w[next / 64] |= (uint64_t)1 << (next % 64);
            next++;
        }
        rows[i] = row;
        bits = row_count(&row);
        a_out[i] += bits * value->a;
        b_out[i] += bits * value->b;
    }
}

void
graph_sums(const struct graph *graph, const uint32_t *class_of,
           const struct graph_class *classes, size_t class_count,
           double *a_out, double *b_out)
{
    size_t *at = xcalloc(class_count + 1, sizeof(*at)), i, k, n, t = 0, end;
    uint32_t *members = xcalloc(graph->count + 1, sizeof(*members));
    struct row *rows = xmalloc((graph->count + 1) * sizeof(*rows));

    /* Sorted by class; within one, still in the order of the graph. */
    for (i = 0; i < graph->count; i++)
        if (class_of[i] != GRAPH_NO_CLASS)
            at[class_of[i] + 1]++;
    for (k = 0; k < class_count; k++)
        at[k + 1] += at[k];
    for (i = 0; i < graph->count; i++)
        if (class_of[i] != GRAPH_NO_CLASS)
            members[at[class_of[i]]++] = (uint32_t)i;
    for (i = 0; i < graph->count; i++)
        a_out[i] = b_out[i] = 0;
    for (k = 0, i = 0; k < class_count; k++)
        for (; i < at[k]; i += n) {
            t = graph_tree_of(graph, members[i]);
            end = graph->trees[t].first + graph->trees[t].count;
            for (n = 1; n < ROW_BITS && i + n < at[k]
                 && members[i + n] < end; n++)
                continue;
            sweep(graph, members + i, n, end, &classes[k], rows, a_out,
                  b_out);
        }
    free(rows);
    free(members);
    free(at);
}
