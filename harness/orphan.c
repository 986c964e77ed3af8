/* harness/orphan.c - processes that a step left behind; see the header. */
#include <config.h>

#include "harness/orphan.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>
#include "harness/buf.h"
#include "harness/fault.h"
#include "harness/fs.h"
#include "harness/proc.h"

#define NAMES_MAX 5
#define ENVIRON_MAX (8u << 20)

static struct {
    uv_signal_t sigchld;
    bool ready;
} watch;

static void
children_path(char path[static 64])
{
    (void)snprintf(path, 64, "/proc/self/task/%ld/children", (long)getpid());
}

/* Calls 'each' for each child of ours that proc does not watch. The kernel's
 * list changes under us: it is read whole first. */
typedef void child_fn(pid_t pid, void *arg);
static void
each_orphan(child_fn *each, void *arg)
{
    struct buf list = BUF_INIT;
    char path[64], piece[4096], *at, *end;
    ssize_t n;
    long pid;
    int fd;

    children_path(path);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    while (fd >= 0 && (n = read(fd, piece, sizeof(piece))) > 0)
        buf_add(&list, piece, (size_t)n);
    fd_close(&fd);
    at = list.data;
    while (at != NULL && *at != '\0') {
        pid = strtol(at, &end, 10);
        if (end == at)
            break;
        at = end + strspn(end, " ");
        if (pid > 1 && !proc_is_watched((pid_t)pid))
            each((pid_t)pid, arg);
    }
    buf_free(&list);
}

static void
reap_one(pid_t pid, void *arg UNUSED)
{
    (void)waitpid(pid, NULL, WNOHANG);
}

static void
on_sigchld(uv_signal_t *handle UNUSED, int number UNUSED)
{
    each_orphan(reap_one, NULL);
}

bool
orphan_watch_init(uv_loop_t *loop, struct fault *why)
{
    char path[64];
    int error;

    must(!watch.ready);
    children_path(path);
    if (!fs_exists(path))
        return fault_set(why, FAULT_SYSTEM, "%s does not exist: the kernel "
                         "lacks CONFIG_PROC_CHILDREN", path);
    if (prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0)
        return fault_errno(why, FAULT_SYSTEM, "become the reaper of orphans");
    error = uv_signal_init(loop, &watch.sigchld);
    if (error == 0)
        error = uv_signal_start(&watch.sigchld, on_sigchld, SIGCHLD);
    if (error != 0)
        return fault_set(why, FAULT_SYSTEM, "watch orphans: %s",
                         uv_strerror(error));
    uv_unref((uv_handle_t *)&watch.sigchld);
    watch.ready = true;
    return true;
}

void
orphan_watch_fini(void)
{
    if (!watch.ready)
        return;
    uv_close((uv_handle_t *)&watch.sigchld, NULL);
    watch.ready = false;
}

/* Whether it is one that we look for, by what it was started with; it may have
 * changed or wiped that. */
static bool
matches(pid_t pid, const struct orphan_match *match)
{
    struct buf text = BUF_INIT;
    struct fault ignored = FAULT_INIT;
    char path[64];
    size_t name_len = strcspn(match->mark, "=") + 1, at;
    static const char exempt[] = ORPHAN_EXEMPT_ENV "=";
    bool mine = getpgid(pid) == match->group, other = false, lab = false;

    (void)snprintf(path, sizeof(path), "/proc/%ld/environ", (long)pid);
    if (!fs_read_file(path, ENVIRON_MAX, &text, &ignored))
        buf_reset(&text);
    for (at = 0; at < text.len; at += strlen(text.data + at) + 1) {
        if (strcmp(text.data + at, match->mark) == 0)
            mine = true;
        else if (strncmp(text.data + at, match->mark, name_len) == 0)
            other = true;
        else if (strncmp(text.data + at, exempt, sizeof(exempt) - 1) == 0)
            lab = true;
    }
    buf_free(&text);
    return !lab && (mine || (match->all && !other));
}

struct search {
    const struct orphan_match *match;
    struct buf *names;
    bool kill;
    int count;
};

static void
add_name(struct search *search, pid_t pid)
{
    struct buf name = BUF_INIT;
    struct fault ignored = FAULT_INIT;
    char path[64];

    if (search->names == NULL || search->count > NAMES_MAX)
        return;
    if (search->count == NAMES_MAX) {
        buf_adds(search->names, ", ...");
        return;
    }
    (void)snprintf(path, sizeof(path), "/proc/%ld/comm", (long)pid);
    if (!fs_read_file(path, 64, &name, &ignored) || name.len == 0)
        buf_adds(&name, "?\n");
    if (search->count > 0)
        buf_adds(search->names, ", ");
    buf_add_escaped(search->names, name.data, name.len - 1);
    buf_addf(search->names, " (pid %ld)", (long)pid);
    buf_free(&name);
}

static void
look_at(pid_t pid, void *arg)
{
    struct search *search = arg;
    pid_t group;

    if (waitpid(pid, NULL, WNOHANG) != 0)
        return;                         /* it was a zombie: gone now */
    group = getpgid(pid);
    if (!matches(pid, search->match))
        return;
    add_name(search, pid);
    search->count++;
    if (!search->kill)
        return;
    /* The group of a watched leader is proc's to kill, and ours is ours. */
    if (group > 1 && group != getpgrp() && !proc_is_watched(group))
        (void)kill(-group, SIGKILL);
    (void)kill(pid, SIGKILL);
}

int
orphan_count(const struct orphan_match *match, struct buf *names)
{
    struct search search = {.match = match, .names = names};

    each_orphan(look_at, &search);
    return search.count;
}

void
orphan_kill(const struct orphan_match *match)
{
    struct search search = {.match = match, .kill = true};

    each_orphan(look_at, &search);
}
