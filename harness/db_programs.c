/* harness/db_programs.c - where the PostgreSQL server's programs are. */
#include <config.h>

#include "harness/db_programs.h"

#include <dirent.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "harness/arena.h"
#include "harness/buf.h"
#include "harness/fault.h"
#include "harness/fs.h"
#include "harness/mem.h"
#include "harness/proc.h"

static bool
has_program(const char *dir, const char *name)
{
    char *path = xasprintf("%s/%s", dir, name);
    bool has = access(path, X_OK) == 0;

    free(path);
    return has;
}

/* The server's programs by PATH: Debian keeps them out, others put links to
 * some of them there. */
static char *
path_bindir(struct arena *arena)
{
    const char *path = getenv("PATH"), *colon;
    char real[PATH_MAX], *slash;
    size_t len;

    while (path != NULL && path[0] != '\0') {
        colon = strchr(path, ':');
        len = colon != NULL ? (size_t)(colon - path) : strlen(path);
        if (realpath(arena_printf(arena, "%.*s/postgres", (int)len, path),
                     real) != NULL) {
            slash = strrchr(real, '/');
            *slash = '\0';
            if (has_program(real, "postgres") && has_program(real, "initdb"))
                return arena_strdup(arena, real);
        }
        path = colon != NULL ? colon + 1 : NULL;
    }
    return NULL;
}

/* The newest of Debian's, or the one of 'major' if that is not 0. */
static char *
debian_bindir(struct arena *arena, int64_t major)
{
    static const char top[] = "/usr/lib/postgresql";
    int64_t best = 0, number;
    struct dirent *entry;
    char *dir, *found = NULL;
    DIR *stream = opendir(top);

    while (stream != NULL && (entry = readdir(stream)) != NULL) {
        if (!parse_int64(entry->d_name, 1, 1000, &number) || number <= best
            || (major != 0 && number != major))
            continue;
        dir = arena_printf(arena, "%s/%s/bin", top, entry->d_name);
        if (has_program(dir, "postgres") && has_program(dir, "initdb")) {
            found = dir;
            best = number;
        }
    }
    if (stream != NULL)
        closedir(stream);
    return found;
}

/* Major version of the data, 0 if there are none. */
static int64_t
data_major(struct arena *arena, const char *data)
{
    struct buf text = BUF_INIT;
    int64_t major = 0;

    if (data != NULL
        && fs_read_file(arena_printf(arena, "%s/PG_VERSION", data), 64, &text,
                        NULL)) {
        if (text.len > 0 && text.data[text.len - 1] == '\n')
            text.data[text.len - 1] = '\0';
        if (!parse_int64(buf_text(&text), 1, 1000, &major))
            major = 0;
    }
    buf_free(&text);
    return major;
}

static bool
bindir_is_major(const char *bindir, int64_t major)
{
    struct buf out = BUF_INIT;
    char *path = xasprintf("%s/postgres", bindir), want[64];
    const char *const argv[] = { path, "-V", NULL };
    bool ok;

    snprintf(want, sizeof(want), "postgres (PostgreSQL) %" PRId64, major);
    ok = proc_run(argv, NULL, 0, 10000, &out, NULL)
        && strncmp(buf_text(&out), want, strlen(want)) == 0
        && strchr("0123456789", buf_text(&out)[strlen(want)]) == NULL;
    buf_free(&out);
    free(path);
    return ok;
}

bool
db_programs_dir(struct arena *arena, const char *data, char **dir_out,
                struct fault *why)
{
    int64_t major = data_major(arena, data);
    char *dir = path_bindir(arena);

    if (dir != NULL && major != 0 && !bindir_is_major(dir, major))
        dir = NULL;
    if (dir == NULL)
        dir = debian_bindir(arena, major);
    if (dir == NULL && major == 0) {
        fault_set(why, FAULT_SYSTEM,
                  "the PostgreSQL server is not installed");
        fault_hint(why, "apt-get install postgresql, or set ASSAY_DB to the "
                   "conninfo of a server");
        return false;
    }
    if (dir == NULL) {
        fault_set(why, FAULT_SYSTEM, "the cluster %s is of PostgreSQL %"
                  PRId64 ", which is not installed", data, major);
        fault_hint(why, "apt-get install postgresql-%" PRId64 ", or keep "
                   "that directory elsewhere to begin a new one", major);
        return false;
    }
    *dir_out = dir;
    return true;
}

bool
db_programs_find(struct arena *arena, const char *data, const char *name,
                 char **path_out, struct fault *why)
{
    char *dir = NULL;

    if (data == NULL)           /* a newer pg_dump reads older servers */
        dir = debian_bindir(arena, 0);
    if ((dir == NULL || !has_program(dir, name))
        && !db_programs_dir(arena, data, &dir, why))
        return false;
    if (!has_program(dir, name))
        return fault_set(why, FAULT_SYSTEM, "there is no %s in %s", name,
                         dir);
    *path_out = arena_printf(arena, "%s/%s", dir, name);
    return true;
}
