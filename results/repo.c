/* results/repo.c - see repo.h. */
#include <config.h>

#include "results/repo.h"

#include <glob.h>
#include <inttypes.h>
#include <stdint.h>

#include "harness/arena.h"
#include "harness/buf.h"
#include "harness/fault.h"
#include "harness/fs.h"
#include "harness/git.h"

#define GIT_LIMIT_MS 20000

/* Has it a commit of this name, and which? NULL when not. */
static bool
commit_in(const char *path, const char *revision, struct arena *arena,
          const char **commit_out, struct fault *why)
{
    const char *name = arena_printf(arena, "%s^{commit}", revision);
    struct buf out = BUF_INIT;
    int code = 0;
    bool ok = git_run(path, GIT_ARGS("rev-parse", "--verify", "-q",
                                     "--end-of-options", name),
                      GIT_LIMIT_MS, &out, &code, why);

    *commit_out = NULL;
    if (ok && code == 0 && out.len > 0) {
        out.data[--out.len] = '\0';
        if (git_is_revision(buf_text(&out)))
            *commit_out = arena_strdup(arena, buf_text(&out));
    }
    buf_free(&out);
    return ok;
}

static bool
has_all(const char *path, const char *const *commits, size_t count,
        struct arena *arena, bool *all_out, struct fault *why)
{
    const char *commit = "";

    for (size_t i = 0; i < count && commit != NULL; i++)
        if (!commit_in(path, commits[i], arena, &commit, why))
            return false;
    *all_out = commit != NULL;
    return true;
}

/* Where to look, the best place first; NULL at the end. The gate names its
 * clones after addresses, so any of them may be the tree's. */
static const char *const *
places(const char *root, const char *tree, struct arena *arena)
{
    const char *own = arena_printf(arena, "%s/mirrors/%s.git", root, tree);
    glob_t found = { 0 };
    const char **list;
    size_t count = 0;

    (void)glob(arena_printf(arena, "%s/trees/*.git", root), 0, NULL, &found);
    list = arena_alloc(arena, (found.gl_pathc + 2) * sizeof *list);
    if (fs_exists(own))
        list[count++] = own;
    for (size_t i = 0; i < found.gl_pathc; i++)
        list[count++] = arena_strdup(arena, found.gl_pathv[i]);
    list[count] = NULL;
    globfree(&found);
    return list;
}

static bool
no_place(const char *tree, const char *const *list, const char *commit,
         struct fault *why)
{
    if (list[0] == NULL)
        fault_set(why, FAULT_NOT_FOUND, "no clone of the tree %s is here",
                  tree);
    else
        fault_set(why, FAULT_NOT_FOUND, "no clone of the tree %s here has "
                  "%.12s", tree, commit);
    return fault_hint(why, "assay tree add %s URL", tree);
}

bool
repo_find(const char *root, const char *tree, const char *const *commits,
          size_t count, struct arena *arena, const char **path_out,
          struct fault *why)
{
    const char *const *list;
    bool all = false;

    if (!name_is_safe(tree, 100))
        return fault_set(why, FAULT_NOT_FOUND, "'%s' is no name of a tree",
                         tree);
    list = places(root, tree, arena);
    for (size_t i = 0; list[i] != NULL && !all; i++) {
        if (!has_all(list[i], commits, count, arena, &all, why))
            return false;
        *path_out = list[i];
    }
    return all || no_place(tree, list, count > 0 ? commits[count - 1] : "",
                           why);
}

bool
repo_resolve(const char *root, const char *tree, const char *revision,
             struct arena *arena, const char **commit_out, struct fault *why)
{
    const char *path;

    if (strlen(revision) < 7
        || strspn(revision, "0123456789abcdef") != strlen(revision))
        return fault_set(why, FAULT_USAGE, "'%s' is no commit: seven or more "
                         "hexadecimal digits", revision);
    return repo_find(root, tree, &revision, 1, arena, &path, why)
        && commit_in(path, revision, arena, commit_out, why);
}

bool
repo_contains(const char *path, const char *commit, const char *revision,
              bool *contains_out, struct fault *why)
{
    int code = 0;

    if (!git_run(path, GIT_ARGS("merge-base", "--is-ancestor",
                                "--end-of-options", commit, revision),
                 GIT_LIMIT_MS, NULL, &code, why))
        return false;
    *contains_out = code == 0;
    return code == 0 || code == 1
        || fault_set(why, FAULT_SYSTEM, "git cannot tell whether %.12s is in "
                     "%.12s", commit, revision);
}
