/* bisector/history.c - the commits between good and bad, asked of git. */
#include <config.h>

#include "bisector/history.h"

#include <stdlib.h>
#include <string.h>

#include "bisector/graph.h"
#include "harness/buf.h"
#include "harness/fault.h"
#include "harness/fs.h"
#include "harness/git.h"
#include "harness/mem.h"
#include "harness/strv.h"

/* Where the commit of a name is: open addressing, at most half full. */
struct index {
    uint32_t *slots;            /* node + 1, 0: empty */
    size_t mask;
};

struct spec {
    char *name, *dir, *good, *bad;
};

static void
spec_fini(struct spec *spec)
{
    xfree_str(&spec->name);
    xfree_str(&spec->dir);
    xfree_str(&spec->good);
    xfree_str(&spec->bad);
}

/* The name says how the tree is called in ASSAY_TREE_NAME. */
#define NAME_CHARS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_" \
                   "0123456789"

static bool
spec_parse(const char *text, struct spec *spec, struct fault *why)
{
    size_t name = strspn(text, NAME_CHARS), len;
    const char *colon = strrchr(text, ':'), *dots, *dir = text, *base;

    if (name > 0 && text[name] == '=')
        dir = text + name + 1;
    dots = colon != NULL && colon > dir ? strstr(colon, "..") : NULL;
    if (dots == NULL || dots == colon + 1)
        return fault_set(why, FAULT_USAGE, "--tree '%s' is not "
                         "[NAME=]DIR:GOOD..BAD", text);
    spec->dir = xstrndup(dir, (size_t)(colon - dir));
    spec->good = xstrndup(colon + 1, (size_t)(dots - colon - 1));
    spec->bad = xstrdup(dots[2] != '\0' ? dots + 2 : "HEAD");
    if (dir != text) {
        spec->name = xstrndup(text, name);
        return true;
    }
    for (len = strlen(spec->dir); len > 1 && spec->dir[len - 1] == '/'; len--)
        continue;
    for (base = spec->dir + len; base > spec->dir && base[-1] != '/'; base--)
        continue;
    len = strspn(base, NAME_CHARS);
    spec->name = len > 0 ? xstrndup(base, len) : xstrdup("tree");
    return true;
}

static bool
resolve(const struct spec *spec, const char *rev, char **out,
        struct fault *why)
{
    char *commit = xasprintf("%s^{commit}", rev);
    bool ok;

    ok = git_line(spec->dir, GIT_ARGS("rev-parse", "--verify", "-q",
                                      "--end-of-options", commit), out, why);
    if (!ok && why->kind == FAULT_PEER) {
        fault_set(why, FAULT_NOT_FOUND, "no commit '%s' in %s", rev,
                  spec->dir);
        fault_detail(why, "", 0);
        fault_hint(why, "git -C %s log --oneline --all shows what there is; "
                   "git fetch gets what is new", spec->dir);
    }
    xfree_str(&commit);
    return ok;
}

static bool
is_shallow(const char *dir, bool *shallow_out, struct fault *why)
{
    char *text = NULL;
    bool ok = git_line(dir, GIT_ARGS("rev-parse", "--is-shallow-repository"),
                       &text, why);

    *shallow_out = ok && strcmp(text, "true") == 0;
    xfree_str(&text);
    return ok;
}

static bool
check_shallow(const struct spec *spec, struct fault *why)
{
    fault_set(why, FAULT_CONFIG, "%s is a shallow clone: its history is cut "
              "between '%s' and '%s'", spec->dir, spec->good, spec->bad);
    return fault_hint(why, "git -C %s fetch --unshallow", spec->dir);
}

/* That every suspect has 'good', or at least comes after it. */
static bool
check_ancestry(const struct spec *spec, const char *good, const char *bad,
               struct fault *why)
{
    struct buf base = BUF_INIT;
    bool shallow, ok;
    int code = 0;

    ok = git_run(spec->dir, GIT_ARGS("merge-base", "--is-ancestor", good,
                                     bad), 0, NULL, &code, why);
    if (!ok || code == 0)
        goto out;
    ok = is_shallow(spec->dir, &shallow, why)
        && (!shallow || check_shallow(spec, why))
        && git_run(spec->dir, GIT_ARGS("merge-base", good, bad), 0, &base,
                   &code, why);
    if (!ok)
        goto out;
    if (base.len == 0) {
        ok = fault_set(why, FAULT_CONFIG, "'%s' and '%s' of %s have no "
                       "common history", spec->good, spec->bad, spec->dir);
    } else {
        ok = fault_set(why, FAULT_CONFIG, "good '%s' is no ancestor of bad "
                       "'%s' in %s", spec->good, spec->bad, spec->dir);
        fault_hint(why, "if %.12s, which both have, is good too: %s:%.12s..%s",
                   buf_text(&base), spec->dir, buf_text(&base), spec->bad);
    }
out:
    buf_free(&base);
    return ok;
}

static uint64_t
oid_hash(const unsigned char *oid)
{
    uint64_t h;

    memcpy(&h, oid, sizeof(h)); /* it is a hash already */
    return h;
}

static void
index_add(struct index *index, const struct graph *graph, uint32_t node)
{
    size_t i = oid_hash(graph->oid[node]) & index->mask;

    while (index->slots[i] != 0)
        i = (i + 1) & index->mask;
    index->slots[i] = node + 1;
}

static bool
index_find(const struct index *index, const struct graph *graph,
           const char *hex, uint32_t *node_out)
{
    unsigned char oid[GRAPH_OID_BYTES] = { 0 };
    size_t i, n = strlen(hex);
    char pair[3] = { 0 };

    if (n != graph->hex_bytes || n > 2 * sizeof(oid))
        return false;
    for (i = 0; i < n / 2; i++) {
        memcpy(pair, hex + 2 * i, 2);
        oid[i] = (unsigned char)strtoul(pair, NULL, 16);
    }
    for (i = oid_hash(oid) & index->mask; index->slots[i] != 0;
         i = (i + 1) & index->mask)
        if (memcmp(graph->oid[index->slots[i] - 1], oid, sizeof(oid)) == 0) {
            *node_out = index->slots[i] - 1;
            return true;
        }
    return false;
}

/* "DATE COMMIT [PARENT...]". Parents outside of the range are left out. */
static bool
node_line(struct graph *graph, struct index *index, char *line,
          struct fault *why)
{
    const char *date = strsep(&line, " "), *hex = strsep(&line, " "), *word;
    uint32_t node, parent;
    int64_t when;

    if (hex == NULL || !parse_int64(date, INT64_MIN, INT64_MAX, &when)
        || !graph_node_add(graph, hex, when, &node))
        return fault_set(why, FAULT_PEER, "git rev-list said '%s %s'", date,
                         hex != NULL ? hex : "");
    while ((word = strsep(&line, " ")) != NULL)
        if (index_find(index, graph, word, &parent) && parent != node)
            graph_parent_add(graph, parent);
    index_add(index, graph, node);
    return true;
}

static bool
rev_list(const struct spec *spec, const char *good, const char *bad,
         const struct history_opts *opts, bool parents, struct buf *out,
         struct fault *why)
{
    char **args = NULL, *not_good = xasprintf("^%s", good);
    size_t i;
    bool ok;

    strv_add(&args, "rev-list");
    if (parents) {
        strv_add(&args, "--topo-order");
        strv_add(&args, "--reverse");
        strv_add(&args, "--parents");
        strv_add(&args, "--timestamp");
    }
    if (opts->first_parent)
        strv_add(&args, "--first-parent");
    strv_add(&args, bad);
    strv_add(&args, not_good);
    strv_add(&args, "--");
    for (i = 0; opts->paths != NULL && opts->paths[i] != NULL; i++)
        strv_add(&args, opts->paths[i]);
    ok = git_run(spec->dir, strv_const(args), 0, out, NULL, why);
    if (!ok)
        fault_context(why, "history of %s", spec->dir);
    strv_free(args);
    xfree_str(&not_good);
    return ok;
}

/* With paths, git keeps merges that change none of them only because others
 * hang on them: they have no weight, and are no candidates. */
static bool
mark_suspects(struct graph *graph, const struct index *index,
              const struct spec *spec, const char *good, const char *bad,
              const struct history_opts *opts, struct fault *why)
{
    const struct graph_tree *tree = &graph->trees[graph->tree_count - 1];
    struct buf text = BUF_INIT;
    char *rest, *line;
    uint32_t node, i;
    bool ok;

    if (opts->paths == NULL || opts->paths[0] == NULL)
        return true;
    ok = rev_list(spec, good, bad, opts, false, &text, why);
    for (i = tree->first; ok && i < tree->first + tree->count; i++)
        graph_set_suspect(graph, i, false);
    rest = text.data;
    while (ok && (line = strsep(&rest, "\n")) != NULL)
        if (index_find(index, graph, line, &node))
            graph_set_suspect(graph, node, true);
    buf_free(&text);
    return ok;
}

/* A commit at which a shallow clone was cut has parents that we cannot see. */
static bool
check_cut(const struct graph *graph, const struct index *index,
          const struct spec *spec, struct fault *why)
{
    char *rel = NULL, *path = NULL, *rest, *line;
    struct buf text = BUF_INIT;
    bool shallow, ok;
    uint32_t node;

    ok = is_shallow(spec->dir, &shallow, why);
    if (!ok || !shallow)
        return ok;
    ok = git_line(spec->dir, GIT_ARGS("rev-parse", "--git-path", "shallow"),
                  &rel, why);
    if (!ok)
        goto out;
    path = rel[0] == '/' ? xstrdup(rel)
        : xasprintf("%s/%s", spec->dir, rel);
    ok = fs_read_file(path, 64u << 20, &text, why);
    rest = text.data;
    while (ok && (line = strsep(&rest, "\n")) != NULL)
        if (index_find(index, graph, line, &node))
            ok = check_shallow(spec, why);
out:
    buf_free(&text);
    xfree_str(&path);
    xfree_str(&rel);
    return ok;
}

static bool
load(struct graph *graph, const struct spec *spec, const char *good,
     const char *bad, const struct history_opts *opts, struct fault *why)
{
    struct index index = { .slots = NULL };
    struct buf text = BUF_INIT;
    char *rest, *line;
    size_t lines = 0, i;
    bool ok;

    graph_tree_add(graph, spec->name, spec->dir, good, bad);
    ok = rev_list(spec, good, bad, opts, true, &text, why);
    for (i = 0; i < text.len; i++)
        lines += text.data[i] == '\n';
    for (index.mask = 64; index.mask < 2 * lines; index.mask *= 2)
        continue;
    index.slots = xcalloc(index.mask, sizeof(*index.slots));
    index.mask--;
    rest = text.data;
    while (ok && (line = strsep(&rest, "\n")) != NULL)
        if (line[0] != '\0')
            ok = node_line(graph, &index, line, why);
    ok = ok && mark_suspects(graph, &index, spec, good, bad, opts, why)
        && check_cut(graph, &index, spec, why);
    free(index.slots);
    buf_free(&text);
    return ok;
}

static bool
check_name(const struct graph *graph, const struct spec *spec,
           struct fault *why)
{
    size_t i;

    if (graph->tree_count == GRAPH_TREES_MAX)
        return fault_set(why, FAULT_USAGE, "more than %d trees",
                         GRAPH_TREES_MAX);
    for (i = 0; i < graph->tree_count; i++)
        if (strcmp(graph->trees[i].name, spec->name) == 0)
            return fault_set(why, FAULT_USAGE, "two trees are called '%s': "
                             "give one of them another NAME=", spec->name);
    return true;
}

/* A journal is read from anywhere. */
static void
absolute_dir(struct spec *spec)
{
    char *path = realpath(spec->dir, NULL);

    if (path == NULL)
        return;                 /* git will say what it thinks of it */
    free(spec->dir);
    spec->dir = path;
}

bool
history_tree_add(struct graph *graph, const char *text,
                 const struct history_opts *opts, struct fault *why)
{
    struct spec spec = { .name = NULL };
    char *good = NULL, *bad = NULL, *git_dir = NULL;
    bool ok;

    ok = spec_parse(text, &spec, why) && check_name(graph, &spec, why);
    if (!ok)
        goto out;
    if (!fs_exists(spec.dir)) {
        ok = fault_set(why, FAULT_NOT_FOUND, "there is no %s", spec.dir);
        goto out;
    }
    absolute_dir(&spec);
    ok = git_line(spec.dir, GIT_ARGS("rev-parse", "--git-dir"), &git_dir, why);
    if (!ok && why->kind == FAULT_PEER) {
        why->kind = FAULT_CONFIG;
        fault_context(why, "%s is no git repository", spec.dir);
    }
    ok = ok && resolve(&spec, spec.good, &good, why)
        && resolve(&spec, spec.bad, &bad, why)
        && check_ancestry(&spec, good, bad, why)
        && load(graph, &spec, good, bad, opts, why);
out:
    xfree_str(&git_dir);
    xfree_str(&good);
    xfree_str(&bad);
    spec_fini(&spec);
    return ok;
}
