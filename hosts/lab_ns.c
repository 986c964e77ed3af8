/* hosts/lab_ns.c - making, finding and entering the lab's namespaces. */
#include <config.h>

#include "hosts/lab_ns.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "harness/arena.h"
#include "harness/buf.h"
#include "harness/fault.h"
#include "harness/fs.h"
#include "harness/home.h"
#include "harness/json.h"
#include "harness/proc.h"

#define RECORD_MAX_BYTES 4096
#define CMDLINE_MAX_BYTES 4096
#define SOCKET_LIMIT_MS 10000
#define KEEPER_WORDS "lab\0keeper"

static bool
is_keeper(pid_t pid)
{
    struct arena arena = ARENA_INIT;
    struct buf cmdline = BUF_INIT;
    bool yes;

    yes = fs_read_file(arena_printf(&arena, "/proc/%ld/cmdline", (long)pid),
                       CMDLINE_MAX_BYTES, &cmdline, NULL)
        && memmem(cmdline.data, cmdline.len, KEEPER_WORDS,
                  sizeof(KEEPER_WORDS) - 1) != NULL;
    buf_free(&cmdline);
    arena_free(&arena);
    return yes;
}

bool
lab_is_up(pid_t *keeper_out)
{
    struct arena arena = ARENA_INIT;
    struct buf text = BUF_INIT;
    json_t *record = NULL;
    const char *home;
    int64_t pid = 0, start = 0;
    bool up;

    up = home_get(&home, NULL)
        && fs_read_file(home_path(&arena, "lab/keeper.json"),
                        RECORD_MAX_BYTES, &text, NULL)
        && json_parse(buf_text(&text), text.len, &record, NULL);
    if (up) {
        pid = json_int(record, "pid", 0);
        start = json_int(record, "start", 0);
        up = pid > 0 && start > 0
            && proc_start_time((pid_t)pid) == (uint64_t)start
            && is_keeper((pid_t)pid);
    }
    if (up && keeper_out != NULL)
        *keeper_out = (pid_t)pid;
    json_decref(record);
    buf_free(&text);
    arena_free(&arena);
    return up;
}

bool
lab_ns_publish(struct fault *why)
{
    struct arena arena = ARENA_INIT;
    const char *text;
    bool ok;

    text = arena_printf(&arena, "{ \"pid\": %ld, \"start\": %llu }\n",
                        (long)getpid(),
                        (unsigned long long)proc_start_time(getpid()));
    ok = fs_write_file(home_path(&arena, "lab/keeper.json"), 0644, text,
                       strlen(text), why);
    arena_free(&arena);
    return ok;
}

void
lab_ns_withdraw(void)
{
    struct arena arena = ARENA_INIT;

    (void)unlink(home_path(&arena, "lab/keeper.json"));
    arena_free(&arena);
}

static bool
write_proc(const char *path, const char *text, struct fault *why)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    bool ok = fd >= 0;

    if (!ok)
        fault_errno(why, FAULT_SYSTEM, "open %s", path);
    ok = ok && fd_write_all(fd, text, strlen(text), why);
    fd_close(&fd);
    return ok;
}

bool
lab_ns_make(struct fault *why)
{
    struct arena arena = ARENA_INIT;
    uid_t uid = geteuid();
    gid_t gid = getegid();
    int flags = CLONE_NEWNET | (uid == 0 ? 0 : CLONE_NEWUSER);
    bool ok = true;

    if (unshare(flags) != 0) {
        ok = fault_errno(why, FAULT_SYSTEM, "make a network namespace");
        fault_hint(why, uid == 0
                   ? "this container may not make namespaces: it needs "
                     "CAP_SYS_ADMIN"
                   : "ordinary users may not make namespaces here: as root, "
                     "sysctl kernel.unprivileged_userns_clone=1 "
                     "kernel.apparmor_restrict_unprivileged_userns=0 (those "
                     "that there are), or run Assay as root");
    }
    if (ok && uid != 0) {
        ok = write_proc("/proc/self/setgroups", "deny", why)
            && write_proc("/proc/self/uid_map",
                          arena_printf(&arena, "%u %u 1", uid, uid), why)
            && write_proc("/proc/self/gid_map",
                          arena_printf(&arena, "%u %u 1", gid, gid), why);
        if (!ok)
            fault_context(why, "map this user into its namespace");
        /* Others of this user enter through our /proc entries. */
        ok = ok && prctl(PR_SET_DUMPABLE, 1, 0, 0, 0) == 0;
    }
    arena_free(&arena);
    return ok;
}

bool
lab_keep_capabilities(struct fault *why)
{
    struct __user_cap_header_struct header = {
        .version = _LINUX_CAPABILITY_VERSION_3,
    };
    struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3];

    if (geteuid() == 0)
        return true;            /* root keeps them anyway */
    if (syscall(SYS_capget, &header, data) != 0)
        return fault_errno(why, FAULT_SYSTEM, "read own capabilities");
    for (size_t i = 0; i < ARRAY_LEN(data); i++)
        data[i].inheritable = data[i].permitted;
    if (syscall(SYS_capset, &header, data) != 0)
        return fault_errno(why, FAULT_SYSTEM, "keep own capabilities");
    for (unsigned long cap = 0; cap < 32 * ARRAY_LEN(data); cap++) {
        if ((data[cap / 32].permitted & (1u << (cap % 32))) == 0)
            continue;
        if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, cap, 0, 0) != 0)
            return fault_errno(why, FAULT_SYSTEM, "keep capability %lu",
                               cap);
    }
    return true;
}

static bool
same_file(const char *a, const char *b)
{
    struct stat sa, sb;

    return stat(a, &sa) == 0 && stat(b, &sb) == 0 && sa.st_dev == sb.st_dev
        && sa.st_ino == sb.st_ino;
}

static bool
enter_one(const char *path, int type, struct fault *why)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    bool ok = fd >= 0 && setns(fd, type) == 0;

    if (!ok)
        fault_errno(why, FAULT_SYSTEM, "enter the lab's namespace %s", path);
    fd_close(&fd);
    return ok;
}

bool
lab_enter(struct fault *why)
{
    struct arena arena = ARENA_INIT;
    const char *home, *user, *net;
    pid_t keeper = 0;
    bool ok;

    ok = home_get(&home, why);
    if (!ok)
        return false;
    if (!lab_is_up(&keeper)) {
        fault_set(why, FAULT_CONFLICT, "no lab is up in %s", home);
        fault_hint(why, "assay lab up");
        return false;
    }
    user = arena_printf(&arena, "/proc/%ld/ns/user", (long)keeper);
    net = arena_printf(&arena, "/proc/%ld/ns/net", (long)keeper);
    if (!same_file(user, "/proc/self/ns/user"))
        ok = enter_one(user, CLONE_NEWUSER, why);
    if (ok && !same_file(net, "/proc/self/ns/net"))
        ok = enter_one(net, CLONE_NEWNET, why);
    arena_free(&arena);
    return ok;
}

/* The helper sends one descriptor on its standard input, a socket. */
static bool
receive_fd(int from, int *fd_out, struct fault *why)
{
    union {
        char bytes[CMSG_SPACE(sizeof(int))];
        struct cmsghdr align;
    } control;
    char byte;
    struct iovec iov = { .iov_base = &byte, .iov_len = 1 };
    struct msghdr message = {
        .msg_iov = &iov, .msg_iovlen = 1,
        .msg_control = control.bytes,
        .msg_controllen = sizeof(control.bytes),
    };
    struct cmsghdr *header;
    ssize_t n;

    do {
        n = recvmsg(from, &message, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
    } while (n < 0 && errno == EINTR);
    header = n == 1 ? CMSG_FIRSTHDR(&message) : NULL;
    if (header == NULL || header->cmsg_type != SCM_RIGHTS
        || header->cmsg_len != CMSG_LEN(sizeof(int)))
        return fault_set(why, FAULT_SYSTEM, "no socket came from the lab");
    memcpy(fd_out, CMSG_DATA(header), sizeof(int));
    return true;
}

bool
lab_socket(int *fd_out, struct fault *why)
{
    struct arena arena = ARENA_INIT;
    struct proc_spec spec = PROC_SPEC_INIT;
    int pair[2] = { -1, -1 };
    char *program = NULL;
    bool ok;

    ok = home_program(&arena, "assay", &program, why);
    if (ok && socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0)
        ok = fault_errno(why, FAULT_SYSTEM, "socketpair");
    if (ok) {
        const char *argv[] = { program, "lab", "socket", NULL };

        spec.argv = argv;
        spec.fds[0] = pair[1];
        ok = proc_run_spec(&spec, NULL, 0, SOCKET_LIMIT_MS, NULL, NULL, why)
            && receive_fd(pair[0], fd_out, why);
        if (!ok)
            fault_context(why, "take a socket of the lab's network");
    }
    fd_close(&pair[0]);
    fd_close(&pair[1]);
    arena_free(&arena);
    return ok;
}
