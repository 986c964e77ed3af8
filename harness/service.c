/* harness/service.c - find, start and stop assayd: see service.h.
 *
 * The lock is a record lock (fcntl): asking who has it does not disturb it,
 * gives the pid, and a dead process never holds it. Starters queue on a lock of
 * their own until the one they started serves. */
#include <config.h>

#include "harness/service.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include "harness/arena.h"
#include "harness/buf.h"
#include "harness/clock.h"
#include "harness/fault.h"
#include "harness/fs.h"
#include "harness/home.h"
#include "harness/pidfile.h"
#include "harness/proc.h"
#include "harness/signals.h"

#define START_LIMIT_MS 90000    /* a new cluster on a slow disk included */
#define LOG_KEEP_BYTES (16 << 20)
#define TAIL_BYTES 1000

void
service_ready(void)
{
    const char *text = getenv(SERVICE_READY_ENV);
    int64_t fd;

    if (text == NULL || !parse_int64(text, 3, 1023, &fd))
        return;
    /* Whoever asked may be gone; then nobody waits for the answer. */
    if (write((int)fd, "ready\n", 6) < 0)
        errno = 0;
    (void)close((int)fd);
    (void)unsetenv(SERVICE_READY_ENV);
}

bool
service_await_ready(int fd, int64_t limit_ms, struct fault *why)
{
    struct clock *clock = clock_system();
    int64_t until = clock_mono_ms(clock) + limit_ms;

    for (;;) {
        struct pollfd p = { .fd = fd, .events = POLLIN };
        int64_t left = until - clock_mono_ms(clock);
        char c;

        if (!signals_check(why))
            return false;
        if (left <= 0)
            return fault_set(why, FAULT_TIMEOUT,
                             "not ready after %lld s",
                             (long long)(limit_ms / 1000));
        if (poll(&p, 1, left > 1000 ? 1000 : (int)left) < 0) {
            if (errno == EINTR)
                continue;
            return fault_errno(why, FAULT_SYSTEM, "wait for a ready line");
        }
        if (p.revents == 0)
            continue;
        if (read(fd, &c, 1) == 1)
            return true;
        return fault_set(why, FAULT_SYSTEM, "ended before it was ready");
    }
}

static bool
run_path(struct arena *arena, const char *name, char **path_out,
         struct fault *why)
{
    const char *home;

    if (!home_get(&home, why))
        return false;
    if (!fs_mkdirs(home_path(arena, "run"), 0711, why))
        return false;
    *path_out = home_path(arena, "run/%s", name);
    return true;
}

bool
service_assayd_find(bool *running_out, pid_t *pid_out, struct fault *why)
{
    struct arena arena = ARENA_INIT;
    struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
    char *path = NULL;
    int fd = -1;
    bool ok;

    ok = run_path(&arena, "assayd.lock", &path, why);
    if (!ok)
        goto out;
    fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    ok = fd >= 0 && fcntl(fd, F_GETLK, &lock) == 0;
    if (!ok) {
        fault_errno(why, FAULT_SYSTEM, "look at %s", path);
        goto out;
    }
    *running_out = lock.l_type != F_UNLCK;
    *pid_out = *running_out ? lock.l_pid : 0;
out:
    fd_close(&fd);
    arena_free(&arena);
    return ok;
}

static int claimed = -1;        /* held until the process ends */

bool
service_assayd_claim(struct fault *why)
{
    struct arena arena = ARENA_INIT;
    struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
    char *path = NULL;
    int fd = -1;
    bool ok;

    ok = run_path(&arena, "assayd.lock", &path, why);
    if (!ok)
        goto out;
    fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    ok = fd >= 0;
    if (!ok) {
        fault_errno(why, FAULT_SYSTEM, "open %s", path);
        goto out;
    }
    ok = fcntl(fd, F_SETLK, &lock) == 0;
    if (!ok && (errno == EAGAIN || errno == EACCES)) {
        struct flock who = { .l_type = F_WRLCK, .l_whence = SEEK_SET };

        (void)fcntl(fd, F_GETLK, &who);
        fault_set(why, FAULT_CONFLICT, "assayd already runs here (pid %ld)",
                  (long)who.l_pid);
        goto out;
    }
    if (!ok) {
        fault_errno(why, FAULT_SYSTEM, "lock %s", path);
        goto out;
    }
    claimed = fd;
    fd = -1;
out:
    fd_close(&fd);
    arena_free(&arena);
    return ok;
}

bool
service_assayd_has_home(void)
{
    struct stat st;

    return fstat(claimed, &st) != 0 || st.st_nlink > 0;
}

/* The log of a detached assayd, one old one kept. */
static bool
open_log(const char *path, int *fd_out, off_t *size_out, struct fault *why)
{
    struct arena arena = ARENA_INIT;
    struct stat st;
    bool ok = true;

    if (stat(path, &st) == 0 && st.st_size > LOG_KEEP_BYTES &&
        rename(path, arena_printf(&arena, "%s.1", path)) != 0)
        ok = fault_errno(why, FAULT_SYSTEM, "rename %s", path);
    if (!ok)
        goto out;
    *fd_out = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
    ok = *fd_out >= 0 && fstat(*fd_out, &st) == 0;
    if (!ok) {
        fault_errno(why, FAULT_SYSTEM, "open %s", path);
        goto out;
    }
    *size_out = st.st_size;
out:
    arena_free(&arena);
    return ok;
}

/* What assayd said since 'from', as the detail of the fault. */
static void
add_tail(const char *path, off_t from, struct fault *why)
{
    char tail[TAIL_BYTES];
    struct stat st;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n;

    if (fd < 0)
        return;
    if (fstat(fd, &st) == 0 && st.st_size - from > TAIL_BYTES)
        from = st.st_size - TAIL_BYTES;
    n = pread(fd, tail, sizeof tail, from);
    if (n > 0)
        fault_detail(why, tail, (size_t)n);
    fd_close(&fd);
}

static bool
start_assayd(struct arena *arena, struct fault *why)
{
    struct proc_spec spec = PROC_SPEC_INIT;
    char *program = NULL, *log = NULL;
    const char *argv[2] = { NULL, NULL };
    static const char *const env[] = { SERVICE_READY_ENV "=3", NULL };
    int log_fd = -1, ready[2] = { -1, -1 };
    off_t log_from = 0;
    pid_t pid;
    bool ok;

    ok = home_program(arena, "assayd", &program, why) &&
         run_path(arena, "assayd.log", &log, why) &&
         open_log(log, &log_fd, &log_from, why);
    if (!ok)
        goto out;
    ok = pipe2(ready, O_CLOEXEC) == 0;
    if (!ok) {
        fault_errno(why, FAULT_SYSTEM, "make a pipe");
        goto out;
    }
    argv[0] = program;
    spec.argv = argv;
    spec.env_add = env;
    spec.fds[1] = log_fd;
    spec.fds[2] = log_fd;
    spec.fds[SERVICE_READY_FD] = ready[1];
    spec.new_session = true;
    ok = proc_start(&spec, &pid, why);
    if (!ok)
        goto out;
    fd_close(&ready[1]);        /* so that its death is an end of file */
    ok = service_await_ready(ready[0], START_LIMIT_MS, why);
    if (!ok) {
        fault_context(why, "assayd");
        add_tail(log, log_from, why);
        fault_hint(why, "its log is %s", log);
    }
out:
    fd_close(&ready[0]);
    fd_close(&ready[1]);
    fd_close(&log_fd);
    return ok;
}

bool
service_ensure_assayd(bool *started_out, struct fault *why)
{
    struct arena arena = ARENA_INIT;
    char *path = NULL;
    int lock = -1;
    bool running = false, ok;
    pid_t pid;

    ok = run_path(&arena, "assayd.start.lock", &path, why) &&
         fs_lock(path, true, &lock, why) &&
         service_assayd_find(&running, &pid, why);
    if (!ok)
        goto out;
    if (!running)
        ok = start_assayd(&arena, why);
    if (ok && started_out != NULL)
        *started_out = !running;
out:
    fd_close(&lock);
    arena_free(&arena);
    return ok;
}

/* What assayds that were killed have left, if any: TERM to each once, and
 * after the limit KILL. */
struct leftovers {
    int count;
    bool tell, kill;
};

static void
end_leftover(void *owner, const char *name UNUSED, pid_t pid)
{
    struct leftovers *left = owner;

    left->count++;
    if (left->kill)
        proc_kill_group(pid);
    else if (left->tell)
        (void)kill(pid, SIGTERM);
}

static bool
end_leftovers(int64_t until_ms, bool *stopped_out, struct fault *why)
{
    struct clock *clock = clock_system();
    struct leftovers left = { .tell = true };

    for (;;) {
        left.count = 0;
        left.kill = clock_mono_ms(clock) > until_ms;
        if (!pidfile_each(end_leftover, &left, why))
            return false;
        if (left.count == 0)
            return true;
        *stopped_out = true;
        left.tell = false;
        if (!signals_check(why))
            return false;
        signals_pause_ms(20);
    }
}

bool
service_stop_assayd(int64_t limit_ms, bool *stopped_out, struct fault *why)
{
    struct clock *clock = clock_system();
    int64_t until = clock_mono_ms(clock) + limit_ms;
    bool running = false;
    pid_t pid = 0, asked = 0;

    *stopped_out = false;
    for (;;) {
        if (!service_assayd_find(&running, &pid, why))
            return false;
        if (!running)
            return end_leftovers(until, stopped_out, why);
        if (pid != asked && kill(pid, SIGTERM) != 0 && errno != ESRCH)
            return fault_errno(why, FAULT_SYSTEM, "stop assayd (pid %ld)",
                               (long)pid);
        asked = pid;
        *stopped_out = true;
        if (clock_mono_ms(clock) > until)
            return fault_set(why, FAULT_TIMEOUT,
                             "assayd (pid %ld) still runs after %lld s",
                             (long)pid, (long long)(limit_ms / 1000));
        if (!signals_check(why))
            return false;
        signals_pause_ms(20);
    }
}
