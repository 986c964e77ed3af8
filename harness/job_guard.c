/* harness/job_guard.c - cleans up after an assay-job that was killed. */
#include <config.h>

#include "harness/job_guard.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <unistd.h>
#include "harness/buf.h"
#include "harness/fault.h"
#include "harness/fs.h"
#include "harness/job_env.h"

#define ROUNDS_MAX 200
#define ROUND_MS 20
#define ENVIRON_MAX (8u << 20)

static void
on_gone(struct proc *proc UNUSED, void *owner,
        struct proc_status status UNUSED)
{
    struct job_guard *guard = owner;

    fd_close(&guard->fd);
}

bool
job_guard_start(struct job_guard *guard, uv_loop_t *loop, const char *program,
                struct fault *why)
{
    struct proc_spec spec = PROC_SPEC_INIT;
    int fds[2] = {-1, -1};
    char pid[24];
    bool ok;

    (void)snprintf(pid, sizeof(pid), "%ld", (long)getpid());
    guard->fd = -1;
    if (pipe2(fds, O_CLOEXEC) != 0)
        return fault_errno(why, FAULT_SYSTEM, "make a pipe");
    spec.argv = (const char *const[]){program, "job-guard", pid, NULL};
    spec.fds[0] = fds[0];
    spec.fds[2] = STDERR_FILENO;
    spec.new_session = true;
    ok = proc_spawn(&guard->proc, loop, &spec, 0, 0, on_gone, guard, why);
    fd_close(&fds[0]);
    if (ok)
        guard->fd = fds[1];
    else
        fd_close(&fds[1]);
    return ok;
}

void
job_guard_dismiss(struct job_guard *guard)
{
    ssize_t ignored;

    if (guard->fd < 0)
        return;
    ignored = write(guard->fd, "q", 1);
    (void)ignored;
    fd_close(&guard->fd);
}

/* The mark is "NAME=PID.STEP". */
static bool
is_marked(const char *pid, const char *mark)
{
    struct fault ignored = FAULT_INIT;
    struct buf text = BUF_INIT;
    char path[300];
    bool marked = false;
    size_t at;

    (void)snprintf(path, sizeof(path), "/proc/%s/environ", pid);
    if (fs_read_file(path, ENVIRON_MAX, &text, &ignored))
        for (at = 0; at < text.len && !marked;
             at += strlen(text.data + at) + 1)
            marked = strncmp(text.data + at, mark, strlen(mark)) == 0;
    buf_free(&text);
    return marked;
}

static int
kill_marked(const char *mark)
{
    struct dirent *entry;
    int count = 0;
    int64_t pid;
    DIR *dir;

    dir = opendir("/proc");
    while (dir != NULL && (entry = readdir(dir)) != NULL) {
        if (!parse_int64(entry->d_name, 2, INT32_MAX, &pid) ||
            pid == getpid() || !is_marked(entry->d_name, mark))
            continue;
        (void)kill((pid_t)pid, SIGKILL);
        count++;
    }
    if (dir != NULL)
        (void)closedir(dir);
    return count;
}

void
job_guard_watch(int fd, pid_t job)
{
    char mark[64], byte;
    ssize_t n;
    int i;

    (void)snprintf(mark, sizeof(mark), "%s=%ld.", JOB_ENV_MARK, (long)job);
    do
        n = read(fd, &byte, 1);
    while (n < 0 && errno == EINTR);
    if (n == 1)
        return;                 /* dismissed */
    /* The killed are gone a moment later, and may have had children. */
    for (i = 0; i < ROUNDS_MAX && kill_marked(mark) > 0; i++)
        (void)poll(NULL, 0, ROUND_MS);
}
