/* harness/proc.c - the only place that starts programs.
 *
 * uv_spawn() is not used: it reports a failed exec, but it cannot put a child
 * in its own process group without a new session, closes no stray descriptors,
 * and reaps the leader before its group could be killed by number. */
#include <config.h>

#include "harness/proc.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <poll.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness/buf.h"
#include "harness/clock.h"
#include "harness/fault.h"
#include "harness/fs.h"
#include "harness/mem.h"

#define FD_HIGH 64              /* sources wait here while 0..7 are filled */

extern char **environ;

/* What the child could not do, sent through the exec pipe. */
enum stage { STAGE_EXEC = 0, STAGE_FDS, STAGE_USER, STAGE_CHDIR,
             STAGE_PARENT, STAGE_COUNT };
struct report {
    int stage;
    int error;
};

void
proc_status_text(struct proc_status status, char out[static 64])
{
    const char *name;

    switch (status.end) {
    case PROC_END_EXIT:
        snprintf(out, 64, "exited with status %d", status.code);
        return;
    case PROC_END_SIGNAL:
        name = sigabbrev_np(status.code);
        if (name != NULL)
            snprintf(out, 64, "killed by SIG%s", name);
        else
            snprintf(out, 64, "killed by signal %d", status.code);
        return;
    case PROC_END_NONE:
    default:
        snprintf(out, 64, "has not ended");
        return;
    }
}

bool
proc_status_ok(struct proc_status status)
{
    return status.end == PROC_END_EXIT && status.code == 0;
}

static bool
same_name(const char *a, const char *b)
{
    size_t len = strcspn(a, "=");

    return strncmp(a, b, len + 1) == 0;
}

/* The inherited environment with 'adds' in front; the array is the caller's,
 * the strings are not. */
static const char **
merge_env(const char *const *adds, const char *const *own)
{
    size_t count = 0, n = 0, i;
    const char **env;
    char **e;

    for (e = environ; e != NULL && *e != NULL; e++)
        count++;
    for (i = 0; adds != NULL && adds[i] != NULL; i++)
        count++;
    for (i = 0; own[i] != NULL; i++)
        count++;
    env = xcalloc(count + 1, sizeof(*env));
    for (i = 0; adds != NULL && adds[i] != NULL; i++)
        env[n++] = adds[i];
    for (i = 0; own[i] != NULL; i++)
        env[n++] = own[i];
    for (e = environ; e != NULL && *e != NULL; e++)
        env[n++] = *e;
    /* The first of a name wins: take out the later ones. */
    for (i = 0, count = 0; i < n; i++) {
        size_t j;

        for (j = 0; j < count && !same_name(env[j], env[i]); j++)
            continue;
        if (j == count)
            env[count++] = env[i];
    }
    env[count] = NULL;
    return env;
}

/* Marks all above the child's own descriptors to be closed by the exec. */
static bool
close_rest(void)
{
    struct rlimit limit;
    rlim_t fd, end = 65536;

    if (close_range(PROC_FDS_MAX, ~0u, CLOSE_RANGE_CLOEXEC) == 0)
        return true;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < end)
        end = limit.rlim_cur;
    for (fd = PROC_FDS_MAX; fd < end; fd++)
        (void)fcntl((int)fd, F_SETFD, FD_CLOEXEC);
    return true;
}

static bool
place_fds(const struct proc_spec *spec)
{
    int high[PROC_FDS_MAX], i, null;

    for (i = 0; i < PROC_FDS_MAX; i++) {
        high[i] = -1;
        if (spec->fds[i] < 0)
            continue;
        high[i] = fcntl(spec->fds[i], F_DUPFD_CLOEXEC, FD_HIGH);
        if (high[i] < 0)
            return false;
    }
    null = open("/dev/null", O_RDWR | O_CLOEXEC);
    if (null < 0)
        return false;
    if (null < PROC_FDS_MAX) {
        int moved = fcntl(null, F_DUPFD_CLOEXEC, FD_HIGH);

        if (moved < 0)
            return false;
        null = moved;
    }
    for (i = 0; i < PROC_FDS_MAX; i++) {
        if (high[i] < 0 && i > 2)
            close(i);
        else if (dup2(high[i] >= 0 ? high[i] : null, i) < 0)
            return false;
    }
    return close_rest();
}

static NORETURN void
child_main(const struct proc_spec *spec, const char **env,
           const struct passwd *user, pid_t parent, int report_fd)
{
    struct report report = { .stage = STAGE_FDS };
    struct sigaction dfl;
    sigset_t none;
    int i, fd;
    ssize_t ignored;

    memset(&dfl, 0, sizeof(dfl));
    dfl.sa_handler = SIG_DFL;
    for (i = 1; i < NSIG; i++)
        (void)sigaction(i, &dfl, NULL);
    if (spec->new_session)
        (void)setsid();
    else
        (void)setpgid(0, 0);
    fd = fcntl(report_fd, F_DUPFD_CLOEXEC, FD_HIGH);
    if (fd < 0)
        _exit(127);
    if (!place_fds(spec))
        goto failed;
    report.stage = STAGE_USER;
    if (user != NULL
        && (initgroups(user->pw_name, user->pw_gid) != 0
            || setgid(user->pw_gid) != 0 || setuid(user->pw_uid) != 0))
        goto failed;
    report.stage = STAGE_CHDIR;
    if (spec->cwd != NULL && chdir(spec->cwd) != 0)
        goto failed;
    report.stage = STAGE_PARENT;
    if (spec->die_with_parent) {        /* setuid() would have undone it */
        errno = ESRCH;
        if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || getppid() != parent)
            goto failed;
    }
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    report.stage = STAGE_EXEC;
    memcpy(&environ, &env, sizeof(environ));    /* execvp() looks here */
    {
        char **argv;

        memcpy(&argv, &spec->argv, sizeof(argv));
        execvp(argv[0], argv);
    }
failed:
    report.error = errno;
    ignored = write(fd, &report, sizeof(report));
    (void)ignored;
    _exit(127);
}

static bool
start_failed(const struct proc_spec *spec, struct report report,
             struct fault *why)
{
    errno = report.error;
    switch (report.stage) {
    case STAGE_CHDIR:
        return fault_errno(why, FAULT_SYSTEM, "start %s in %s",
                           spec->argv[0], spec->cwd);
    case STAGE_USER:
        return fault_errno(why, FAULT_SYSTEM, "start %s as user %s",
                           spec->argv[0], spec->run_as);
    default:
        fault_errno(why, FAULT_SYSTEM, "start %s", spec->argv[0]);
        /* EACCES also comes of a directory in PATH that we may not read. */
        if (report.stage == STAGE_EXEC
            && (report.error == ENOENT || report.error == EACCES)
            && strchr(spec->argv[0], '/') == NULL)
            fault_hint(why, "'assay doctor' says what is not installed");
        return false;
    }
}

bool
proc_start(const struct proc_spec *spec, pid_t *pid_out, struct fault *why)
{
    char own_home[PATH_MAX], own_user[128], own_logname[128];
    const char *own[4] = { NULL, NULL, NULL, NULL };
    int pipe_fds[2] = { -1, -1 };
    const struct passwd *user = NULL;
    const char **env = NULL;
    struct report report = { STAGE_EXEC, 0 };
    sigset_t all, old;
    pid_t pid, parent = getpid();
    ssize_t n;
    bool ok;

    must(spec->argv != NULL && spec->argv[0] != NULL);
    if (spec->run_as != NULL && geteuid() == 0) {
        user = getpwnam(spec->run_as);
        if (user == NULL)
            return fault_set(why, FAULT_SYSTEM,
                             "start %s: there is no user %s", spec->argv[0],
                             spec->run_as);
        snprintf(own_home, sizeof(own_home), "HOME=%s", user->pw_dir);
        snprintf(own_user, sizeof(own_user), "USER=%s", user->pw_name);
        snprintf(own_logname, sizeof(own_logname), "LOGNAME=%s",
                 user->pw_name);
        own[0] = own_home;
        own[1] = own_user;
        own[2] = own_logname;
    }
    if (pipe2(pipe_fds, O_CLOEXEC) != 0)
        return fault_errno(why, FAULT_SYSTEM, "start %s", spec->argv[0]);
    env = merge_env(spec->env_add, own);
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, &old);   /* no handler runs in the child */
    pid = fork();
    if (pid == 0)
        child_main(spec, env, user, parent, pipe_fds[1]);
    ok = pid > 0;
    if (!ok)
        fault_errno(why, FAULT_SYSTEM, "start %s: fork", spec->argv[0]);
    sigprocmask(SIG_SETMASK, &old, NULL);
    fd_close(&pipe_fds[1]);
    if (!ok)
        goto out;
    if (!spec->new_session)
        (void)setpgid(pid, pid);        /* whoever is first, it is done */
    do
        n = read(pipe_fds[0], &report, sizeof(report));
    while (n < 0 && errno == EINTR);
    ok = n == 0;                        /* closed by a successful exec */
    if (!ok) {
        while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
            continue;
        start_failed(spec, report, why);
        goto out;
    }
    *pid_out = pid;
out:
    fd_close(&pipe_fds[0]);
    free(env);
    return ok;
}

bool
proc_replace(const char *const argv[], struct fault *why)
{
    char **args;

    memcpy(&args, &argv, sizeof(args));
    execvp(args[0], args);
    return fault_errno(why, FAULT_SYSTEM, "start %s", argv[0]);
}

bool
proc_poll_end(pid_t pid, struct proc_status *status_out)
{
    siginfo_t info;
    int wstatus = 0;

    memset(&info, 0, sizeof(info));
    /* The zombie keeps the group's number ours until the group is dead. */
    if (waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG | WNOWAIT) != 0) {
        if (errno != ECHILD)
            return false;
        /* Somebody else reaped it: that is no verdict. */
        *status_out = (struct proc_status){ PROC_END_NONE, 0 };
        return true;
    }
    if (info.si_pid != pid)
        return false;
    (void)kill(-pid, SIGKILL);
    while (waitpid(pid, &wstatus, 0) < 0 && errno == EINTR)
        continue;
    if (WIFEXITED(wstatus))
        *status_out = (struct proc_status){ PROC_END_EXIT,
                                            WEXITSTATUS(wstatus) };
    else if (WIFSIGNALED(wstatus))
        *status_out = (struct proc_status){ PROC_END_SIGNAL,
                                            WTERMSIG(wstatus) };
    else
        *status_out = (struct proc_status){ PROC_END_NONE, 0 };
    return true;
}

/* SIGCHLD belongs to the process, so its watcher does too. */
static struct {
    uv_signal_t sigchld;
    struct proc *head;
    bool ready;
} watch;

static void
on_timer_closed(uv_handle_t *handle)
{
    struct proc *proc = handle->data;
    struct proc_status status = proc->status;

    proc->pid = 0;
    proc->done(proc, proc->owner, status);
}

/* True while the owner wants the group of an ended leader to stand. */
static bool
is_held(struct proc *proc)
{
    siginfo_t info;

    if (proc->held || proc->released || proc->hold == NULL)
        return proc->held;
    memset(&info, 0, sizeof(info));
    if (waitid(P_PID, (id_t)proc->pid, &info, WEXITED | WNOHANG | WNOWAIT)
        != 0 || info.si_pid != proc->pid)
        return false;
    proc->released = true;              /* asked once */
    proc->held = proc->hold(proc, proc->owner);
    if (proc->held)
        uv_timer_stop(&proc->timer);
    return proc->held;
}

static void
reap_ended(void)
{
    struct proc **link = &watch.head, *proc;

    while ((proc = *link) != NULL) {
        if (is_held(proc) || !proc_poll_end(proc->pid, &proc->status)) {
            link = &proc->next;
            continue;
        }
        *link = proc->next;
        proc->next = NULL;
        proc->ended = true;
        uv_timer_stop(&proc->timer);
        uv_close((uv_handle_t *)&proc->timer, on_timer_closed);
    }
    if (watch.head == NULL)
        uv_unref((uv_handle_t *)&watch.sigchld);
}

static void
on_sigchld(uv_signal_t *handle UNUSED, int number UNUSED)
{
    reap_ended();
}

bool
proc_watch_init(uv_loop_t *loop, struct fault *why)
{
    int error;

    must(!watch.ready);
    error = uv_signal_init(loop, &watch.sigchld);
    if (error == 0)
        error = uv_signal_start(&watch.sigchld, on_sigchld, SIGCHLD);
    if (error != 0)
        return fault_set(why, FAULT_SYSTEM, "watch children: %s",
                         uv_strerror(error));
    uv_unref((uv_handle_t *)&watch.sigchld);
    watch.ready = true;
    return true;
}

void
proc_watch_fini(uv_loop_t *loop UNUSED)
{
    if (!watch.ready)
        return;
    must(watch.head == NULL);
    uv_close((uv_handle_t *)&watch.sigchld, NULL);
    watch.ready = false;
}

static void
on_timer(uv_timer_t *timer)
{
    struct proc *proc = timer->data;

    if (!proc->stopping) {
        proc->timed_out = true;
        proc_stop(proc);
        return;
    }
    (void)kill(-proc->pid, SIGKILL);
}

bool
proc_spawn(struct proc *proc, uv_loop_t *loop, const struct proc_spec *spec,
           int64_t limit_ms, int64_t grace_ms, proc_exit_fn *done,
           void *owner, struct fault *why)
{
    must(watch.ready && watch.sigchld.loop == loop);
    must(!proc_is_active(proc));
    memset(proc, 0, sizeof(*proc));
    if (!proc_start(spec, &proc->pid, why))
        return false;
    proc->loop = loop;
    proc->done = done;
    proc->owner = owner;
    proc->grace_ms = grace_ms;
    must(uv_timer_init(loop, &proc->timer) == 0);
    proc->timer.data = proc;
    if (limit_ms > 0) {
        uv_update_time(loop);
        must(uv_timer_start(&proc->timer, on_timer, (uint64_t)limit_ms, 0)
             == 0);
    }
    if (watch.head == NULL)
        uv_ref((uv_handle_t *)&watch.sigchld);
    proc->next = watch.head;
    watch.head = proc;
    return true;
}

void
proc_stop(struct proc *proc)
{
    if (!proc_is_active(proc) || proc->stopping || proc->ended || proc->held)
        return;
    proc->stopping = true;
    (void)kill(-proc->pid, SIGTERM);
    (void)kill(-proc->pid, SIGCONT);    /* a stopped one must see the TERM */
    uv_update_time(proc->loop);
    must(uv_timer_start(&proc->timer, on_timer,
                        (uint64_t)(proc->grace_ms > 0 ? proc->grace_ms : 0),
                        0) == 0);
}

bool
proc_is_active(const struct proc *proc)
{
    return proc->pid != 0;
}

void
proc_release(struct proc *proc)
{
    must(proc->held);
    proc->held = false;
    reap_ended();
}

bool
proc_is_watched(pid_t pid)
{
    const struct proc *proc = watch.head;

    while (proc != NULL && proc->pid != pid)
        proc = proc->next;
    return proc != NULL;
}

/* Field 'want' (from 3) of /proc/PID/stat; the name in field 2 may hold
 * anything, so counting starts after its last parenthesis. */
static bool
stat_field(const char *pid, int want, char out[static 32])
{
    char path[64], text[1024], *p;
    ssize_t n;
    int fd;

    if (snprintf(path, sizeof(path), "/proc/%s/stat", pid)
        >= (int)sizeof(path))
        return false;
    fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    n = read(fd, text, sizeof(text) - 1);
    close(fd);
    if (n <= 0)
        return false;
    text[n] = '\0';
    p = strrchr(text, ')');
    for (; p != NULL && want > 2; want--)
        p = strchr(p + 1, ' ');
    if (p == NULL)
        return false;
    snprintf(out, 32, "%.*s", (int)strcspn(p + 1, " \n"), p + 1);
    return true;
}

uint64_t
proc_start_time(pid_t pid)
{
    char name[24], state[32], ticks[32];
    int64_t n;

    snprintf(name, sizeof(name), "%ld", (long)pid);
    if (pid <= 0 || !stat_field(name, 3, state) || state[0] == 'Z'
        || state[0] == 'X' || !stat_field(name, 22, ticks)
        || !parse_int64(ticks, 0, INT64_MAX, &n))
        return 0;
    return n > 0 ? (uint64_t)n : 1;
}

/* A zombie whose parent does not reap it stays in its group: it is dead. */
static bool
group_has_life(pid_t group)
{
    char text[32];
    struct dirent *entry;
    int64_t pgrp;
    bool life = false;
    DIR *dir;

    if (kill(-group, 0) != 0)
        return false;
    dir = opendir("/proc");
    if (dir == NULL)
        return false;
    while (!life && (entry = readdir(dir)) != NULL) {
        if (entry->d_name[0] < '0' || entry->d_name[0] > '9')
            continue;
        life = stat_field(entry->d_name, 5, text)
            && parse_int64(text, 0, INT_MAX, &pgrp) && pgrp == group
            && stat_field(entry->d_name, 3, text) && text[0] != 'Z'
            && text[0] != 'X';
    }
    closedir(dir);
    return life;
}

void
proc_kill_group(pid_t pid)
{
    int64_t until = clock_mono_ms(clock_system()) + 5000;

    must(pid > 1);
    while (kill(-pid, SIGKILL) == 0 && group_has_life(pid)) {
        if (clock_mono_ms(clock_system()) > until)
            return;             /* stuck in the kernel: nobody can do more */
        poll(NULL, 0, 2);
    }
}
