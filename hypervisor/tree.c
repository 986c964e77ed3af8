/* hypervisor/tree.c - a tree of files in memory, sorted by path. */
#include <config.h>

#include "hypervisor/tree.h"

#include <search.h>

#include "harness/buf.h"
#include "harness/mem.h"

struct tree {
    void *root;                 /* of struct tree_node *, by tsearch(3) */
    size_t count;
};

struct tree *
tree_new(void)
{
    return xcalloc(1, sizeof(struct tree));
}

static int
by_path(const void *a, const void *b)
{
    const struct tree_node *x = a, *y = b;

    return strcmp(x->path, y->path);
}

static void
node_empty(struct tree_node *node)
{
    free(node->target);
    free(node->data);
    node->target = NULL;
    node->data = NULL;
    node->bytes = 0;
}

static void
node_free(void *arg)
{
    struct tree_node *node = arg;

    node_empty(node);
    free(node->path);
    free(node);
}

void
tree_free(struct tree *tree)
{
    if (tree == NULL)
        return;
    tdestroy(tree->root, node_free);
    free(tree);
}

/* The node at 'path', emptied or new. */
static struct tree_node *
slot(struct tree *tree, const char *path, enum tree_type type, mode_t mode)
{
    struct tree_node *node = xcalloc(1, sizeof(*node)), **found;

    node->path = xstrdup(path);
    found = tsearch(node, &tree->root, by_path);
    must(found != NULL);
    if (*found != node) {
        node_free(node);
        node = *found;
        node_empty(node);
    } else {
        tree->count++;
    }
    node->type = type;
    node->mode = mode & 07777;
    return node;
}

void
tree_put_file(struct tree *tree, const char *path, mode_t mode, void *data,
              size_t bytes)
{
    struct tree_node *node = slot(tree, path, TREE_FILE, mode);

    node->data = data;
    node->bytes = bytes;
}

void
tree_copy_file(struct tree *tree, const char *path, mode_t mode,
               const void *data, size_t bytes)
{
    void *copy = xmalloc(bytes == 0 ? 1 : bytes);

    if (bytes > 0)
        memcpy(copy, data, bytes);
    tree_put_file(tree, path, mode, copy, bytes);
}

void
tree_put_link(struct tree *tree, const char *path, const char *target)
{
    char *copy = xstrdup(target);       /* may be the old node's own */

    slot(tree, path, TREE_LINK, 0777)->target = copy;
}

void
tree_put_dir(struct tree *tree, const char *path, mode_t mode)
{
    slot(tree, path, TREE_DIR, mode);
}

const struct tree_node *
tree_find(const struct tree *tree, const char *path)
{
    char *copy = xstrdup(path);
    struct tree_node key = { .path = copy };
    void *found = tfind(&key, &tree->root, by_path);

    free(copy);
    return found == NULL ? NULL : *(struct tree_node *const *)found;
}

const struct tree_node *
tree_follow(const struct tree *tree, const char *path)
{
    const struct tree_node *node = tree_find(tree, path);
    char *next;
    int hops;

    for (hops = 0; node != NULL && node->type == TREE_LINK; hops++) {
        if (hops == 16)
            return NULL;
        next = tree_link_target(node->path, node->target);
        node = tree_find(tree, next);
        free(next);
    }
    return node;
}

size_t
tree_count(const struct tree *tree)
{
    return tree->count;
}

struct each {
    tree_fn *fn;
    void *owner;
};

static void
visit(const void *found, VISIT order, void *arg)
{
    struct each *each = arg;

    if (order == postorder || order == leaf)
        each->fn(each->owner, *(struct tree_node *const *)found);
}

void
tree_each(const struct tree *tree, tree_fn *fn, void *owner)
{
    struct each each = { .fn = fn, .owner = owner };

    twalk_r(tree->root, visit, &each);
}

static bool
is_merged(const char *part, size_t len)
{
    static const char *const merged[] = { "bin", "sbin", "lib", "lib32",
                                          "lib64", "libx32" };
    size_t i;

    for (i = 0; i < ARRAY_LEN(merged); i++)
        if (strlen(merged[i]) == len && strncmp(part, merged[i], len) == 0)
            return true;
    return false;
}

char *
tree_normal(const char *path)
{
    struct buf out = BUF_INIT;
    const char *part, *slash;
    size_t len;

    buf_adds(&out, "");
    for (part = path; *part != '\0'; part += len) {
        while (*part == '/')
            part++;
        slash = strchr(part, '/');
        len = slash == NULL ? strlen(part) : (size_t)(slash - part);
        if (len == 0 || (len == 1 && part[0] == '.'))
            continue;
        if (len == 2 && strncmp(part, "..", 2) == 0) {
            while (out.len > 0 && out.data[out.len - 1] != '/')
                out.len--;
            if (out.len > 0)
                out.len--;
            continue;
        }
        if (out.len > 0)
            buf_addc(&out, '/');
        else if (is_merged(part, len))
            buf_adds(&out, "usr/");
        buf_add(&out, part, len);
    }
    buf_addc(&out, '\0');
    return buf_take(&out);
}

char *
tree_link_target(const char *path, const char *target)
{
    const char *slash = strrchr(path, '/');
    char *whole, *normal;

    if (target[0] == '/' || slash == NULL)
        return tree_normal(target);
    whole = xasprintf("%.*s/%s", (int)(slash - path), path, target);
    normal = tree_normal(whole);
    free(whole);
    return normal;
}
