/* harness/pidfile.c - see pidfile.h. */
#include <config.h>

#include "harness/pidfile.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <unistd.h>

#include "harness/arena.h"
#include "harness/buf.h"
#include "harness/fault.h"
#include "harness/fs.h"
#include "harness/home.h"
#include "harness/proc.h"

#define FILE_BYTES_MAX 100

bool
pidfile_write(const char *name, pid_t pid, struct fault *why)
{
    struct arena arena = ARENA_INIT;
    char *path = home_path(&arena, "run/pids/%s", name), text[64];
    int fd = -1, len;
    bool ok;

    ok = fs_mkdirs(home_path(&arena, "run/pids"), 0755, why);
    if (!ok)
        goto out;
    /* Not synced: it says nothing after a restart of the machine. */
    fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    ok = fd >= 0;
    if (!ok) {
        fault_errno(why, FAULT_SYSTEM, "write %s", path);
        goto out;
    }
    len = snprintf(text, sizeof text, "%ld %" PRIu64 "\n", (long)pid,
                   proc_start_time(pid));
    ok = fd_write_all(fd, text, (size_t)len, why);
out:
    fd_close(&fd);
    arena_free(&arena);
    return ok;
}

void
pidfile_remove(const char *name)
{
    struct arena arena = ARENA_INIT;

    (void)unlink(home_path(&arena, "run/pids/%s", name));
    arena_free(&arena);
}

pid_t
pidfile_alive(const char *name)
{
    struct arena arena = ARENA_INIT;
    struct buf text = BUF_INIT;
    int64_t pid = 0, start = 0;
    char *space, *end;
    bool alive = false;

    if (fs_read_file(home_path(&arena, "run/pids/%s", name), FILE_BYTES_MAX,
                     &text, NULL)) {
        char *line = arena_strdup(&arena, buf_text(&text));

        space = strchr(line, ' ');
        end = strchr(line, '\n');
        if (space != NULL && end != NULL && space < end) {
            *space = *end = '\0';
            alive = parse_int64(line, 1, INT32_MAX, &pid) &&
                    parse_int64(space + 1, 1, INT64_MAX, &start) &&
                    proc_start_time((pid_t)pid) == (uint64_t)start;
        }
    }
    buf_free(&text);
    arena_free(&arena);
    return alive ? (pid_t)pid : 0;
}

bool
pidfile_each(pidfile_fn *each, void *owner, struct fault *why)
{
    struct arena arena = ARENA_INIT;
    char *path = home_path(&arena, "run/pids");
    struct dirent *entry;
    DIR *dir = opendir(path);
    bool ok = dir != NULL || errno == ENOENT;

    if (!ok)
        fault_errno(why, FAULT_SYSTEM, "read %s", path);
    while (dir != NULL && (entry = readdir(dir)) != NULL) {
        pid_t pid;

        if (entry->d_name[0] == '.')
            continue;
        pid = pidfile_alive(entry->d_name);
        if (pid != 0)
            each(owner, entry->d_name, pid);
        else
            pidfile_remove(entry->d_name);
    }
    if (dir != NULL)
        closedir(dir);
    arena_free(&arena);
    return ok;
}
