/* hypervisor/source.c - see source.h.
 *
 * Whoever changes a mirror holds TREE.lock beside it. The refs are those of
 * the tree, one to one, and refs/assay/kept/COMMIT, by which git's own garbage
 * collection leaves what was tested alone. */
#include <config.h>

#include "hypervisor/source.h"

#include <errno.h>
#include <glob.h>
#include <limits.h>
#include <sys/stat.h>
#include <unistd.h>

#include "harness/arena.h"
#include "harness/buf.h"
#include "harness/fault.h"
#include "harness/fs.h"
#include "harness/git.h"
#include "harness/home.h"
#include "harness/mem.h"
#include "hypervisor/source_deb.h"

#define TREE_NAME_BYTES 60
#define KEPT "refs/assay/kept/"

static bool
check_name(const char *tree, struct fault *why)
{
    return name_is_safe(tree, TREE_NAME_BYTES)
        || fault_set(why, FAULT_USAGE, "'%s' is no name for a tree: letters, "
                     "digits, '.', '_' and '-'", tree);
}

/* Makes HOME/mirrors, too. */
static bool
mirror_path(struct arena *arena, const char *tree, const char *suffix,
            char **out, struct fault *why)
{
    const char *home;

    if (!check_name(tree, why) || !home_get(&home, why)
        || !fs_mkdirs(home_path(arena, "mirrors"), 0755, why))
        return false;
    *out = home_path(arena, "mirrors/%s%s", tree, suffix);
    return true;
}

static bool
lock(struct arena *arena, const char *tree, int *fd_out, struct fault *why)
{
    char *path;

    return mirror_path(arena, tree, ".lock", &path, why)
        && fs_lock(path, true, fd_out, why);
}

static bool
read_url(struct arena *arena, const char *dir, const char **url_out,
         struct fault *why)
{
    char *url = NULL;

    if (!git_line(dir, GIT_ARGS("config", "--get", "remote.origin.url"),
                  &url, why))
        return fault_context(why, "mirror %s", dir);
    *url_out = arena_strdup(arena, url);
    free(url);
    return true;
}

static bool
hint_trees(struct fault *why)
{
    struct arena arena = ARENA_INIT;
    struct fault unused = FAULT_INIT;
    struct buf names = BUF_INIT;
    struct source *list;
    size_t count = 0, i;

    if (source_list(&arena, &list, &count, &unused))
        for (i = 0; i < count; i++)
            buf_addf(&names, "%s%s", i > 0 ? ", " : "", list[i].tree);
    if (count > 0)
        fault_hint(why, "there are: %s; 'assay tree add' makes another",
                   buf_text(&names));
    else
        fault_hint(why, "make it: assay tree add NAME URL");
    buf_free(&names);
    arena_free(&arena);
    return false;
}

bool
source_find(struct arena *arena, const char *tree, struct source *out,
            struct fault *why)
{
    char *dir;

    if (!mirror_path(arena, tree, ".git", &dir, why))
        return false;
    if (!fs_exists(dir)) {
        fault_set(why, FAULT_NOT_FOUND, "there is no tree '%s'", tree);
        return hint_trees(why);
    }
    out->tree = arena_strdup(arena, tree);
    out->dir = dir;
    return read_url(arena, dir, &out->url, why);
}

bool
source_list(struct arena *arena, struct source **out, size_t *count_out,
            struct fault *why)
{
    const char *home, *base;
    glob_t found = { .gl_pathc = 0 };
    size_t i, count = 0;
    bool ok;

    *out = NULL;
    *count_out = 0;
    if (!home_get(&home, why))
        return false;
    (void)glob(home_path(arena, "mirrors/*.git"), 0, NULL, &found);
    *out = arena_alloc(arena, found.gl_pathc * sizeof(**out) + 1);
    for (ok = true, i = 0; ok && i < found.gl_pathc; i++) {
        struct source *source = &(*out)[count];

        base = strrchr(found.gl_pathv[i], '/') + 1;
        source->dir = arena_strdup(arena, found.gl_pathv[i]);
        source->tree = arena_printf(arena, "%.*s", (int)strlen(base) - 4,
                                    base);
        ok = read_url(arena, source->dir, &source->url, why);
        count += ok ? 1 : 0;
    }
    globfree(&found);
    *count_out = count;
    return ok;
}

/* With the lock. */
static bool
fetch_locked(const struct source *source, struct fault *why)
{
    if (source_deb_is(source->url))
        return source_deb_fetch(source, why)
            || fault_context(why, "tree %s", source->tree);
    return git_run(source->dir, GIT_ARGS("fetch", "-q", "--prune", "origin"),
                   GIT_REMOTE_LIMIT_MS, NULL, NULL, why)
        || fault_context(why, "tree %s, fetch %s", source->tree,
                         source->url);
}

bool
source_fetch(const struct source *source, struct fault *why)
{
    struct arena arena = ARENA_INIT;
    int fd = -1;
    bool ok = lock(&arena, source->tree, &fd, why)
        && fetch_locked(source, why);

    fd_close(&fd);
    arena_free(&arena);
    return ok;
}

/* The mirror exists when it is whole. */
static bool
make_mirror(struct arena *arena, const struct source *source,
            struct fault *why)
{
    const char *part = arena_printf(arena, "%s.part", source->dir);
    bool ok;

    if (source_deb_is(source->url)) {
        struct source made = *source;

        made.dir = part;
        if (!fs_remove_tree(part, why)
            || !source_deb_init(part, source->url, why)
            || !source_deb_fetch(&made, why))
            return fault_context(why, "tree %s", source->tree);
        return rename(part, source->dir) == 0
            || fault_errno(why, FAULT_SYSTEM, "rename %s", part);
    }
    ok = fs_remove_tree(part, why)
        && git_run(NULL, GIT_ARGS("clone", "-q", "--bare", "--",
                                  source->url, part),
                   GIT_REMOTE_LIMIT_MS, NULL, NULL, why)
        && git_run(part, GIT_ARGS("config", "remote.origin.fetch",
                                  "+refs/heads/*:refs/heads/*"),
                   0, NULL, NULL, why)
        && git_run(part, GIT_ARGS("config", "--add", "remote.origin.fetch",
                                  "+refs/tags/*:refs/tags/*"),
                   0, NULL, NULL, why);
    if (!ok)
        return fault_context(why, "mirror %s", source->url);
    return rename(part, source->dir) == 0
        || fault_errno(why, FAULT_SYSTEM, "rename %s", part);
}

static const char *
absolute_url(struct arena *arena, const char *url)
{
    struct stat st;
    char *whole;
    const char *out = url;

    if (stat(url, &st) == 0 && S_ISDIR(st.st_mode)
        && (whole = realpath(url, NULL)) != NULL) {
        out = arena_strdup(arena, whole);
        free(whole);
    }
    return out;
}

bool
source_add(const char *tree, const char *url, struct fault *why)
{
    struct arena arena = ARENA_INIT;
    struct source source = { .tree = tree };
    const char *old;
    char *dir;
    int fd = -1;
    bool ok;

    ok = mirror_path(&arena, tree, ".git", &dir, why)
        && lock(&arena, tree, &fd, why);
    if (!ok)
        goto out;
    source.dir = dir;
    source.url = absolute_url(&arena, url);
    if (!fs_exists(dir)) {
        ok = make_mirror(&arena, &source, why);
        goto out;
    }
    ok = read_url(&arena, dir, &old, why);
    if (ok && strcmp(old, source.url) != 0) {
        ok = fault_set(why, FAULT_CONFLICT, "tree %s mirrors %s, not %s",
                       tree, old, source.url);
        fault_hint(why, "give the other one another name");
    }
    ok = ok && fetch_locked(&source, why);
out:
    fd_close(&fd);
    arena_free(&arena);
    return ok;
}

/* NULL when it is not there. */
static bool
look_up(struct arena *arena, const struct source *source,
        const char *revision, const char **commit_out, struct fault *why)
{
    const char *object = arena_printf(arena, "%s^{commit}", revision);
    struct buf text = BUF_INIT;
    int code = 0;
    bool ok;

    *commit_out = NULL;
    ok = git_run(source->dir, GIT_ARGS("rev-parse", "-q", "--verify", object),
                 0, &text, &code, why);
    if (ok && code == 0) {
        text.data[strcspn(text.data, "\n")] = '\0';
        *commit_out = arena_strdup(arena, text.data);
    }
    buf_free(&text);
    return ok;
}

static bool
keep(struct arena *arena, const struct source *source, const char *commit,
     struct fault *why)
{
    return git_run(source->dir,
                   GIT_ARGS("update-ref",
                            arena_printf(arena, KEPT "%s", commit), commit),
                   0, NULL, NULL, why);
}

bool
source_resolve(struct arena *arena, const struct source *source,
               const char *revision, const char **commit_out,
               struct fault *why)
{
    const char *commit = NULL;

    if (revision[0] == '\0' || revision[0] == '-')
        return fault_set(why, FAULT_USAGE, "'%s' is no revision", revision);
    if (git_is_revision(revision)
        && !look_up(arena, source, revision, &commit, why))
        return false;
    if (commit == NULL && (!source_fetch(source, why)
                           || !look_up(arena, source, revision, &commit,
                                       why)))
        return false;
    if (commit == NULL)
        return fault_set(why, FAULT_NOT_FOUND, "tree %s has no revision "
                         "'%s'", source->tree, revision);
    if (!keep(arena, source, commit, why))
        return false;
    *commit_out = commit;
    return true;
}

bool
source_remove(const struct source *source, const char *dir,
              struct fault *why)
{
    struct arena arena = ARENA_INIT;
    int fd = -1;
    bool ok;

    ok = fs_remove_tree(dir, why) && lock(&arena, source->tree, &fd, why)
        && git_run(source->dir, GIT_ARGS("worktree", "prune"), 0, NULL, NULL,
                   why);
    fd_close(&fd);
    arena_free(&arena);
    return ok;
}

bool
source_checkout(const struct source *source, const char *commit,
                const char *dir, struct fault *why)
{
    struct arena arena = ARENA_INIT;
    int fd = -1;
    bool ok;

    must(git_is_revision(commit) && dir[0] == '/');
    if (!source_remove(source, dir, why))
        return false;
    ok = lock(&arena, source->tree, &fd, why)
        && git_run(source->dir, GIT_ARGS("worktree", "add", "-q", "-f",
                                         "--detach", dir, commit),
                   0, NULL, NULL, why);
    if (!ok)
        fault_context(why, "tree %s, check out %.12s", source->tree, commit);
    fd_close(&fd);
    arena_free(&arena);
    return ok;
}
