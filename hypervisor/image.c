/* hypervisor/image.c - gathers the files of an image. */
#include <config.h>

#include "hypervisor/image.h"

#include <errno.h>
#include <fnmatch.h>

#include "harness/buf.h"
#include "harness/fault.h"
#include "harness/fs.h"
#include "harness/mem.h"
#include "harness/yaml.h"
#include "hypervisor/debfile.h"
#include "hypervisor/elf.h"
#include "hypervisor/manifest.h"
#include "hypervisor/modules.h"
#include "hypervisor/tree.h"

#define OWN_FILE_MAX ((size_t)64 << 20)

struct gather {
    const struct manifest *manifest;
    const char *manifest_file, *own_dir;
    const struct image_package *packages;
    size_t package_count;
    struct tree *image;
    struct tree *libraries;     /* all that libraries_from has; NULL: unread */
    struct tree *library_names; /* links: "libc.so.6" to its path */
    struct fault *why;
};

/* Files of packages ------------------------------------------------------ */

struct selection {
    const struct manifest_files *row;
    size_t hits;
};

static bool
matches_any(char *const *patterns, unsigned int count, const char *path)
{
    unsigned int i;

    for (i = 0; i < count; i++)
        if (fnmatch(patterns[i], path, 0) == 0)
            return true;
    return false;
}

static enum debfile_want
is_selected(void *owner, const char *path)
{
    struct selection *selection = owner;
    const struct manifest_files *row = selection->row;
    bool hit = matches_any(row->include, row->include_count, path)
        && !matches_any(row->exclude, row->exclude_count, path);

    selection->hits += hit ? 1 : 0;
    return hit ? DEBFILE_TAKE : DEBFILE_SKIP;
}

static bool
add_files(struct gather *g, unsigned int i)
{
    struct selection selection = { .row = &g->manifest->files[i] };
    char at[32];
    size_t p;

    for (p = 0; p < g->package_count; p++)
        if (fnmatch(selection.row->package, g->packages[p].name, 0) == 0
            && !debfile_read(g->packages[p].file, is_selected, &selection,
                             g->image, g->why))
            return false;
    snprintf(at, sizeof(at), "files/%u", i);
    if (selection.hits == 0 && !selection.row->optional)
        return yaml_fault(g->why, g->manifest_file, at,
                          "no file of package '%s' matches",
                          selection.row->package);
    return true;
}

/* Own files, and what is written in the manifest itself -------------------- */

static bool
add_own(struct gather *g, unsigned int i)
{
    const struct manifest_own *row = &g->manifest->own[i];
    struct buf data = BUF_INIT;
    struct fault cause = FAULT_INIT;
    char *file = xasprintf("%s/%s", g->own_dir, row->source);
    char at[32];
    bool ok;

    ok = fs_read_file(file, OWN_FILE_MAX, &data, &cause);
    snprintf(at, sizeof(at), "own/%u/source", i);
    if (ok)
        tree_copy_file(g->image, row->path, manifest_mode(row->mode, 0644),
                       buf_text(&data), data.len);
    else
        yaml_fault(g->why, g->manifest_file, at, "%s", cause.text);
    buf_free(&data);
    free(file);
    return ok;
}

struct links {
    struct gather *g;
    const struct manifest_link *row;
    struct tree *made;          /* apart: a tree does not change while walked */
};

static void
link_one(void *owner, const struct tree_node *node)
{
    struct links *links = owner;
    const char *base = strrchr(node->path, '/');
    char *path, *target;

    if (node->type == TREE_DIR
        || fnmatch(links->row->glob, node->path, 0) != 0)
        return;
    path = xasprintf("%s%s", links->row->path,
                     base == NULL ? node->path : base + 1);
    target = xasprintf("/%s", node->path);
    if (tree_find(links->g->image, path) == NULL)
        tree_put_link(links->made, path, target);
    free(target);
    free(path);
}

static void
copy_link(void *owner, const struct tree_node *node)
{
    tree_put_link(owner, node->path, node->target);
}

static bool
add_link(struct gather *g, unsigned int i)
{
    struct links links = { .g = g, .row = &g->manifest->links[i] };
    char at[32];
    bool ok;

    if (links.row->target != NULL) {
        tree_put_link(g->image, links.row->path, links.row->target);
        return true;
    }
    links.made = tree_new();
    tree_each(g->image, link_one, &links);
    ok = tree_count(links.made) > 0;
    snprintf(at, sizeof(at), "links/%u/glob", i);
    if (ok)
        tree_each(links.made, copy_link, g->image);
    else
        yaml_fault(g->why, g->manifest_file, at, "'%s' matches nothing",
                   links.row->glob);
    tree_free(links.made);
    return ok;
}

static bool
add_rows(struct gather *g)
{
    const struct manifest *m = g->manifest;
    unsigned int i;

    for (i = 0; i < m->files_count; i++)
        if (!add_files(g, i))
            return false;
    for (i = 0; i < m->own_count; i++)
        if (!add_own(g, i))
            return false;
    for (i = 0; i < m->texts_count; i++)
        tree_copy_file(g->image, m->texts[i].path,
                       manifest_mode(m->texts[i].mode, 0644),
                       m->texts[i].text, strlen(m->texts[i].text));
    for (i = 0; i < m->links_count; i++)
        if (!add_link(g, i))
            return false;
    for (i = 0; i < m->directories_count; i++)
        tree_put_dir(g->image, m->directories[i].path,
                     manifest_mode(m->directories[i].mode, 0755));
    return true;
}

static bool
add_modules(struct gather *g)
{
    const struct manifest_modules *modules = g->manifest->modules;
    const char *file = NULL;
    size_t p;

    if (modules == NULL)
        return true;
    for (p = 0; p < g->package_count; p++) {
        if (fnmatch(modules->package, g->packages[p].name, 0) != 0)
            continue;
        if (file != NULL)
            return yaml_fault(g->why, g->manifest_file, "modules/package",
                              "more than one package is called '%s'",
                              modules->package);
        file = g->packages[p].file;
    }
    if (file == NULL)
        return yaml_fault(g->why, g->manifest_file, "modules/package",
                          "no package is called '%s'", modules->package);
    return modules_add(modules, file, g->image, g->why);
}

/* Shared libraries --------------------------------------------------------- */

/* Only what the dynamic linker finds without being told. */
static bool
is_library(const char *path)
{
    const char *rest, *slash;

    if (strncmp(path, "usr/lib", 7) != 0)
        return false;
    rest = strchr(path + 7, '/');
    if (rest == NULL || rest - path > 9)        /* usr/lib, usr/lib64 */
        return false;
    rest++;
    slash = strchr(rest, '/');
    if (slash != NULL && (strchr(slash + 1, '/') != NULL
                          || strstr(rest, "-linux-gnu") == NULL
                          || strstr(rest, "-linux-gnu") > slash))
        return false;
    return strstr(slash == NULL ? rest : slash, ".so") != NULL;
}

static enum debfile_want
want_library(void *owner UNUSED, const char *path)
{
    return is_library(path) ? DEBFILE_TAKE : DEBFILE_SKIP;
}

static void
add_library_name(void *owner, const struct tree_node *node)
{
    struct gather *g = owner;
    const char *base = strrchr(node->path, '/');

    if (base != NULL && tree_find(g->library_names, base + 1) == NULL)
        tree_put_link(g->library_names, base + 1, node->path);
}

static bool
read_libraries(struct gather *g)
{
    const struct manifest *m = g->manifest;
    size_t p;

    if (g->libraries != NULL)
        return true;
    g->libraries = tree_new();
    g->library_names = tree_new();
    for (p = 0; p < g->package_count; p++)
        if (matches_any(m->libraries_from, m->libraries_from_count,
                        g->packages[p].name)
            && !debfile_read(g->packages[p].file, want_library, NULL,
                             g->libraries, g->why))
            return false;
    tree_each(g->libraries, add_library_name, g);
    return true;
}

/* What is still to be looked at: files of the image, and the names that they
 * ask for. */
struct closure {
    struct gather *g;
    struct tree *todo;          /* links: a name, or path of an interpreter,
                                 * to the first file that wanted it */
    const char *asker;
    bool sound;
    struct tree *done;
};

static void
add_need(void *owner, const char *name, bool interpreter)
{
    struct closure *closure = owner;
    char *key = interpreter ? tree_normal(name) : xstrdup(name);

    if (tree_find(closure->done, key) == NULL) {
        tree_put_link(closure->done, key, closure->asker);
        tree_put_link(closure->todo, key, closure->asker);
    }
    free(key);
}

static void
look_at(void *owner, const struct tree_node *node)
{
    struct closure *closure = owner;
    size_t len = strlen(node->path);

    if (node->type != TREE_FILE || !elf_is(node->data, node->bytes)
        || (len > 3 && strcmp(node->path + len - 3, ".ko") == 0))
        return;
    closure->asker = node->path;
    if (closure->sound
        && !elf_needed(node->data, node->bytes, add_need, closure))
        closure->sound = fault_set(closure->g->why, FAULT_DATA,
                                   "%s of the image is a damaged ELF file",
                                   node->path);
}

/* A library under the name by which it is asked for, content and all: the
 * links that packages use for versions are of no use here. */
static bool
add_library(struct closure *closure, const struct tree_node *wish)
{
    struct gather *g = closure->g;
    bool is_path = strchr(wish->path, '/') != NULL;
    const struct tree_node *name, *node;
    const char *path = wish->path;

    if (!is_path) {
        name = tree_find(g->library_names, wish->path);
        path = name == NULL ? "" : name->target;
    }
    if (tree_find(g->image, path) != NULL)
        return true;
    node = tree_follow(g->libraries, path);
    if (node == NULL || node->type != TREE_FILE)
        return fault_set(g->why, FAULT_DATA,
                         "%s needs %s, which none of the packages has",
                         wish->target, wish->path);
    tree_copy_file(g->image, path, 0755, node->data, node->bytes);
    look_at(closure, tree_find(g->image, path));
    return closure->sound;
}

struct round {
    struct closure *closure;
    bool ok;
};

static void
add_wish(void *owner, const struct tree_node *wish)
{
    struct round *round = owner;

    round->ok = round->ok && add_library(round->closure, wish);
}

static bool
add_libraries(struct gather *g)
{
    struct closure closure = { .g = g, .todo = tree_new(), .sound = true,
                               .done = tree_new() };
    const struct manifest *m = g->manifest;
    struct round round = { .closure = &closure };
    struct tree *wishes;
    unsigned int i;

    tree_each(g->image, look_at, &closure);
    closure.asker = "the manifest";
    for (i = 0; i < m->libraries_count; i++)
        add_need(&closure, m->libraries[i], false);
    round.ok = closure.sound && (tree_count(closure.todo) == 0
                                 || read_libraries(g));
    while (round.ok && tree_count(closure.todo) > 0) {
        wishes = closure.todo;
        closure.todo = tree_new();
        tree_each(wishes, add_wish, &round);
        tree_free(wishes);
    }
    tree_free(closure.todo);
    tree_free(closure.done);
    return round.ok;
}

/* The rest ----------------------------------------------------------------- */

static void
collect_parents(void *owner, const struct tree_node *node)
{
    struct tree *dirs = owner;
    char *path = xstrdup(node->path), *slash;

    while ((slash = strrchr(path, '/')) != NULL) {
        *slash = '\0';
        if (tree_find(dirs, path) != NULL)
            break;
        tree_put_dir(dirs, path, 0755);
    }
    free(path);
}

static void
put_missing_dir(void *owner, const struct tree_node *node)
{
    if (tree_find(owner, node->path) == NULL)
        tree_put_dir(owner, node->path, node->mode);
}

bool
image_gather(const struct manifest *manifest, const char *manifest_file,
             const char *own_dir, const struct image_package *packages,
             size_t package_count, struct tree **tree_out, struct fault *why)
{
    struct gather g = { .manifest = manifest, .manifest_file = manifest_file,
                        .own_dir = own_dir, .packages = packages,
                        .package_count = package_count, .image = tree_new(),
                        .why = why };
    bool ok;

    ok = add_rows(&g) && add_libraries(&g) && add_modules(&g);
    if (ok) {
        image_add_skeleton(g.image);
        *tree_out = g.image;
        g.image = NULL;
    }
    tree_free(g.image);
    tree_free(g.libraries);
    tree_free(g.library_names);
    return ok;
}

void
image_add_skeleton(struct tree *image)
{
    static const char *const merged[] = { "bin", "sbin", "lib", "lib64" };
    struct tree *dirs = tree_new();
    char *usr;
    size_t i;

    tree_each(image, collect_parents, dirs);
    tree_each(dirs, put_missing_dir, image);
    tree_free(dirs);
    for (i = 0; i < ARRAY_LEN(merged); i++) {
        usr = xasprintf("usr/%s", merged[i]);
        if (tree_find(image, usr) != NULL)
            tree_put_link(image, merged[i], usr);
        free(usr);
    }
}
