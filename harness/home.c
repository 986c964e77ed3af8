/* harness/home.c - where this Assay keeps its state, and finds its files. */
#include <config.h>

#include "harness/home.h"

#include <errno.h>
#include <limits.h>
#include <pwd.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "harness/arena.h"
#include "harness/buf.h"
#include "harness/fault.h"
#include "harness/fs.h"
#include "harness/mem.h"
#include "harness/revision.h"

static char *
home_wanted(struct fault *why)
{
    const char *home = getenv("ASSAY_HOME");
    const char *data = getenv("XDG_DATA_HOME");
    const char *own = getenv("HOME");
    char *cwd, *path;

    if (home != NULL && home[0] == '/')
        return xstrdup(home);
    if (home != NULL && home[0] != '\0') {
        cwd = getcwd(NULL, 0);
        if (cwd == NULL) {
            fault_errno(why, FAULT_SYSTEM, "find the current directory");
            return NULL;
        }
        path = xasprintf("%s/%s", cwd, home);
        free(cwd);
        return path;
    }
    if (geteuid() == 0)
        return xstrdup("/var/lib/assay");
    if (data != NULL && data[0] == '/')
        return xasprintf("%s/assay", data);
    if (own != NULL && own[0] == '/')
        return xasprintf("%s/.local/share/assay", own);
    fault_set(why, FAULT_CONFIG, "neither ASSAY_HOME nor HOME is set");
    return NULL;
}

/* Parents get 0755: the cluster's own user must be able to pass. */
static bool
home_make(const char *path, struct fault *why)
{
    char *parent, *slash;
    bool ok = true;

    if (fs_exists(path))
        return fs_mkdirs(path, 0711, why);      /* says if it is no directory */
    parent = xstrdup(path);
    slash = strrchr(parent, '/');
    if (slash != NULL && slash != parent) {
        *slash = '\0';
        ok = fs_mkdirs(parent, 0755, why);
    }
    free(parent);
    return ok && fs_mkdirs(path, 0711, why);
}

bool
home_get(const char **path_out, struct fault *why)
{
    static char *known;         /* borrowed for ever by all callers */
    char *path;
    size_t len;

    if (known == NULL) {
        path = home_wanted(why);
        if (path == NULL)
            return false;
        len = strlen(path);
        while (len > 1 && path[len - 1] == '/')
            path[--len] = '\0';
        if (len > HOME_BYTES_MAX) {
            fault_set(why, FAULT_CONFIG, "the home '%s' is %zu bytes long, "
                      "which is too long for the Unix sockets in it (at most "
                      "%d)", path, len, HOME_BYTES_MAX);
            fault_hint(why, "set ASSAY_HOME to a shorter path");
            free(path);
            return false;
        }
        if (!home_make(path, why)) {
            fault_context(why, "home");
            free(path);
            return false;
        }
        known = path;
    }
    *path_out = known;
    return true;
}

char *
home_path(struct arena *arena, const char *fmt, ...)
{
    struct buf path = BUF_INIT;
    const char *home = NULL;
    va_list ap;
    char *out;

    must(home_get(&home, NULL));
    buf_addf(&path, "%s/", home);
    va_start(ap, fmt);
    buf_addv(&path, fmt, ap);
    va_end(ap);
    out = arena_strdup(arena, buf_text(&path));
    buf_free(&path);
    return out;
}

/* Directory of the running program, and whether that is the build tree. */
static char *
program_dir(struct arena *arena, bool *built_out)
{
    char exe[PATH_MAX], build[PATH_MAX], *slash;
    ssize_t n = readlink("/proc/self/exe", exe, sizeof(exe) - 1);
    size_t len;

    *built_out = false;
    if (n <= 0)
        return NULL;
    exe[n] = '\0';
    if (realpath(ASSAY_BUILDDIR, build) != NULL) {
        len = strlen(build);
        *built_out = strncmp(exe, build, len) == 0 && exe[len] == '/';
    }
    slash = strrchr(exe, '/');
    if (slash == NULL)
        return NULL;
    *slash = '\0';
    return arena_strdup(arena, exe);
}

static bool
try_dir(struct arena *arena, const char *dir, const char *rel, int mode,
        struct buf *tried, char **path_out)
{
    char *path;

    if (dir == NULL || dir[0] == '\0')
        return false;
    path = arena_printf(arena, "%s/%s", dir, rel);
    if (access(path, mode) == 0) {
        *path_out = path;
        return true;
    }
    buf_addf(tried, "%s\n", path);
    return false;
}

bool
home_data(struct arena *arena, const char *rel, char **path_out,
          struct fault *why)
{
    struct buf tried = BUF_INIT;
    bool built, ok;

    (void)program_dir(arena, &built);
    ok = try_dir(arena, getenv("ASSAY_DATA"), rel, R_OK, &tried, path_out)
        || (built
            && (try_dir(arena, ASSAY_SRCDIR, rel, R_OK, &tried, path_out)
                || try_dir(arena, ASSAY_BUILDDIR, rel, R_OK, &tried,
                           path_out)))
        || try_dir(arena, ASSAY_DATADIR, rel, R_OK, &tried, path_out);
    if (!ok) {
        fault_set(why, FAULT_NOT_FOUND, "there is no data file '%s'", rel);
        fault_detail(why, buf_text(&tried), tried.len);
        fault_hint(why, "ASSAY_DATA names another place to look");
    }
    buf_free(&tried);
    return ok;
}

bool
home_program(struct arena *arena, const char *name, char **path_out,
             struct fault *why)
{
    struct buf tried = BUF_INIT;
    bool built, ok;
    char *dir;

    dir = program_dir(arena, &built);
    ok = try_dir(arena, dir, name, X_OK, &tried, path_out)
        || (built
            && try_dir(arena, ASSAY_BUILDDIR, name, X_OK, &tried, path_out))
        || try_dir(arena, ASSAY_BINDIR, name, X_OK, &tried, path_out)
        || try_dir(arena, ASSAY_SBINDIR, name, X_OK, &tried, path_out)
        || try_dir(arena, ASSAY_LIBEXECDIR, name, X_OK, &tried, path_out);
    if (!ok) {
        fault_set(why, FAULT_SYSTEM, "there is no program '%s'", name);
        fault_detail(why, buf_text(&tried), tried.len);
        fault_hint(why, "the installation is not whole: build it again");
    }
    buf_free(&tried);
    return ok;
}

const char *
home_cluster_user(void)
{
    static char name[64];       /* borrowed for ever */
    const struct passwd *pw;

    if (geteuid() == 0)
        return "postgres";
    if (name[0] == '\0') {
        pw = getpwuid(geteuid());
        snprintf(name, sizeof(name), "%s", pw != NULL ? pw->pw_name : "");
    }
    return name;
}

const char *
harness_revision(void)
{
    return HARNESS_REVISION;
}
