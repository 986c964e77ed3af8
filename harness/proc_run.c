/* harness/proc_run.c - running a program to its end, blocking.
 *
 * Only for command-line programs and short-lived helpers: nothing else of the
 * process goes on meanwhile. */
#include <config.h>

#include "harness/proc.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/pidfd.h>
#include <unistd.h>

#include "harness/buf.h"
#include "harness/clock.h"
#include "harness/fault.h"
#include "harness/fs.h"
#include "harness/signals.h"

#define GRACE_MS 2000
#define ERR_KEEP_BYTES 8192     /* the tail of stderr that a fault may show */
#define OUT_MAX_BYTES (256u << 20)
#define BLIND_MS 10             /* between looks where there are no pidfds */

struct run {
    const char *name;
    pid_t pid;
    int out, err, pidfd;        /* our ends */
    struct buf *out_buf;
    struct buf err_buf;
    bool overflow;
};

/* The whole input is known, so it is a file: a program that does not read it
 * can neither block us nor kill us by SIGPIPE. */
static bool
input_open(const char *input, size_t bytes, int *fd_out, struct fault *why)
{
    int fd = memfd_create("input", MFD_CLOEXEC);
    bool ok = fd >= 0;

    if (!ok)
        fault_errno(why, FAULT_SYSTEM, "memfd");
    ok = ok && fd_write_all(fd, input, bytes, why);
    if (ok && lseek(fd, 0, SEEK_SET) != 0)
        ok = fault_errno(why, FAULT_SYSTEM, "seek");
    if (ok) {
        *fd_out = fd;
        fd = -1;
    }
    fd_close(&fd);
    return ok;
}

static void
take(struct run *run, int *fd, struct buf *to, size_t keep)
{
    char chunk[16384];
    ssize_t n;

    while (*fd >= 0) {
        n = read(*fd, chunk, sizeof(chunk));
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && errno == EAGAIN)
            return;
        if (n <= 0) {
            fd_close(fd);
            return;
        }
        buf_add(to, chunk, (size_t)n);
        if (keep != 0 && to->len > 2 * keep)
            buf_drop(to, to->len - keep);
        if (keep == 0 && to->len > OUT_MAX_BYTES)
            run->overflow = true;
        if (run->overflow)
            return;
    }
}

static void
take_all(struct run *run)
{
    if (run->out >= 0)
        take(run, &run->out, run->out_buf, 0);
    if (run->err >= 0)
        take(run, &run->err, &run->err_buf, ERR_KEEP_BYTES);
}

static void
wait_once(struct run *run, int64_t until)
{
    struct pollfd fds[3];
    int64_t left = until - clock_mono_ms(clock_system());
    nfds_t n = 0;

    if (run->out >= 0)
        fds[n++] = (struct pollfd){ .fd = run->out, .events = POLLIN };
    if (run->err >= 0)
        fds[n++] = (struct pollfd){ .fd = run->err, .events = POLLIN };
    if (run->pidfd >= 0)
        fds[n++] = (struct pollfd){ .fd = run->pidfd, .events = POLLIN };
    else if (left > BLIND_MS)
        left = BLIND_MS;
    if (left > 60000)
        left = 60000;
    (void)poll(fds, n, left > 0 ? (int)left : 0);
    take_all(run);
}

/* Runs until the end, the limit, or a signal to us. */
static struct proc_status
supervise(struct run *run, int64_t limit_ms, struct fault *why)
{
    struct proc_status status = { PROC_END_NONE, 0 };
    int64_t start = clock_mono_ms(clock_system());
    int64_t until = limit_ms > 0 ? start + limit_ms : INT64_MAX;
    bool stopping = false;

    for (;;) {
        wait_once(run, until);
        if (proc_poll_end(run->pid, &status))
            break;
        if (!stopping
            && (signals_stop_asked() != 0 || run->overflow
                || clock_mono_ms(clock_system()) >= until)) {
            if (run->overflow)
                fault_set(why, FAULT_PEER, "%s: over %u bytes of output",
                          run->name, OUT_MAX_BYTES);
            else if (!signals_check(why))
                fault_context(why, "%s", run->name);
            else
                fault_set(why, FAULT_TIMEOUT, "%s: not done in %lld ms",
                          run->name, (long long)limit_ms);
            stopping = true;
            (void)kill(-run->pid, SIGTERM);
            (void)kill(-run->pid, SIGCONT);
            until = clock_mono_ms(clock_system()) + GRACE_MS;
        } else if (stopping && clock_mono_ms(clock_system()) >= until) {
            (void)kill(-run->pid, SIGKILL);
            until = INT64_MAX;
        }
    }
    if (stopping)
        status = (struct proc_status){ PROC_END_NONE, 0 };
    return status;
}

static bool
pipe_for(int *ours, int *theirs, struct fault *why)
{
    int fds[2];

    if (pipe2(fds, O_CLOEXEC) != 0)
        return fault_errno(why, FAULT_SYSTEM, "pipe");
    *ours = fds[0];
    *theirs = fds[1];
    return fd_set_nonblock(fds[0], why);
}

bool
proc_run_spec(const struct proc_spec *spec, const char *input,
              size_t input_bytes, int64_t limit_ms, struct buf *out,
              struct proc_status *status_out, struct fault *why)
{
    struct run run = { .name = spec->argv[0], .out = -1, .err = -1,
                       .pidfd = -1, .out_buf = out, .err_buf = BUF_INIT };
    int in = -1, out_theirs = -1, err_theirs = -1;
    struct proc_spec own = *spec;
    struct proc_status status = { PROC_END_NONE, 0 };
    struct fault local = FAULT_INIT;
    char text[64];
    bool ok = true;

    if (own.fds[0] < 0 && input != NULL)
        ok = input_open(input, input_bytes, &in, &local);
    if (ok && own.fds[1] < 0 && out != NULL)
        ok = pipe_for(&run.out, &out_theirs, &local);
    if (ok && own.fds[2] < 0)
        ok = pipe_for(&run.err, &err_theirs, &local);
    if (!ok) {
        fault_context(&local, "start %s", run.name);
        goto out;
    }
    if (in >= 0)
        own.fds[0] = in;
    if (out_theirs >= 0)
        own.fds[1] = out_theirs;
    if (err_theirs >= 0)
        own.fds[2] = err_theirs;
    ok = proc_start(&own, &run.pid, &local);
    if (!ok)
        goto out;
    fd_close(&out_theirs);
    fd_close(&err_theirs);
    run.pidfd = pidfd_open(run.pid, 0);
    status = supervise(&run, limit_ms, &local);
    take_all(&run);             /* what the pipes still held at the end */
    ok = proc_status_ok(status);
    if (!ok) {
        if (local.kind == FAULT_NONE) {
            proc_status_text(status, text);
            fault_set(&local, FAULT_PEER, "%s %s", run.name, text);
        }
        fault_detail(&local, buf_text(&run.err_buf), run.err_buf.len);
    }
out:
    if (status_out != NULL)
        *status_out = status;
    if (!ok && why != NULL)
        *why = local;
    fd_close(&run.pidfd);
    fd_close(&run.out);
    fd_close(&run.err);
    fd_close(&out_theirs);
    fd_close(&err_theirs);
    fd_close(&in);
    buf_free(&run.err_buf);
    return ok;
}

bool
proc_run(const char *const argv[], const char *input, size_t input_bytes,
         int64_t limit_ms, struct buf *out, struct fault *why)
{
    struct proc_spec spec = PROC_SPEC_INIT;

    spec.argv = argv;
    return proc_run_spec(&spec, input, input_bytes, limit_ms, out, NULL, why);
}
