/* harness/on_cmds.c - assay on|put|get: clients of a job's control socket. */
#include <config.h>

#include "harness/on_cmds.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>
#include "harness/arena.h"
#include "harness/buf.h"
#include "harness/ctl_client.h"
#include "harness/ctl_proto.h"
#include "harness/fault.h"
#include "harness/fs.h"
#include "harness/home.h"
#include "harness/job_guard.h"
#include "harness/mem.h"
#include "harness/proc.h"
#include "harness/signals.h"

#define STATUS_TRANSPORT 255
#define HOST_NAME_MAX_BYTES 100
#define COMMAND_MAX_BYTES (CTL_FRAME_MAX / 2)

/* Outside a job: a helper connects to a host that "assay boot" brought up. */
static bool
connect_alone(const char *host, const char *home, int *fd_out,
              struct fault *why)
{
    struct proc_spec spec = PROC_SPEC_INIT;
    struct arena arena = ARENA_INIT;
    char *dir = xasprintf("%s/run/ssh", home),
         *path = xasprintf("%s/%s", dir, host), *program = NULL;
    int pair[2] = {-1, -1};
    pid_t pid;
    bool ok;

    ok = name_is_safe(host, HOST_NAME_MAX_BYTES) && fs_exists(path);
    if (!ok) {
        fault_set(why, FAULT_CONFLICT, "not in a job, and host %s has not "
                  "been booted by hand", host);
        fault_hint(why, "name a running job: --job FLIGHT/JOB; or boot the "
                   "host: assay boot");
        goto out;
    }
    ok = home_program(&arena, "assay", &program, why);
    if (!ok)
        goto out;
    ok = socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) == 0;
    if (!ok) {
        fault_errno(why, FAULT_SYSTEM, "socketpair");
        goto out;
    }
    spec.argv = (const char *const[]){program, "ctl-serve", dir, NULL};
    spec.fds[0] = pair[1];
    spec.fds[2] = STDERR_FILENO;
    ok = proc_start(&spec, &pid, why);
    if (!ok)
        goto out;
    *fd_out = pair[0];
    pair[0] = -1;
out:
    fd_close(&pair[0]);
    fd_close(&pair[1]);
    arena_free(&arena);
    free(path);
    free(dir);
    return ok;
}

/* The socket of the job we are a step of, or of the one that --job names. */
static bool
connect_job(struct cmd_call *call, const char *host, int *fd_out,
            struct fault *why)
{
    const char *job = cmd_text(call, "job"), *path = getenv("ASSAY_CTL"),
               *home = NULL;
    char *made;
    bool ok;

    if (job == NULL && path != NULL && path[0] != '\0')
        return ctl_connect(path, fd_out, why);
    if (!home_get(&home, why))
        return false;
    if (job == NULL)
        return connect_alone(host, home, fd_out, why);
    made = xasprintf("%s/flights/%s/ctl", home, job);
    ok = ctl_connect(made, fd_out, why);
    if (!ok)
        fault_context(why, "job %s", job);
    free(made);
    return ok;
}

/* The transport failed: said here, since 255 must not read as a status that
 * the fault's kind would give. */
static bool
transport_failed(struct cmd_call *call, const struct fault *problem)
{
    fault_print(problem);
    cmd_exit_status(call, problem->kind == FAULT_CANCELLED ? 130
                                                           : STATUS_TRANSPORT);
    return true;
}

static bool
run(struct cmd_call *call, const struct ctl_job *job,
    struct ctl_result *result, struct fault *why)
{
    int fd = -1;

    signals_catch();
    (void)signal(SIGPIPE, SIG_IGN);
    *result = (struct ctl_result){.status = STATUS_TRANSPORT};
    if (strlen(job->command) > COMMAND_MAX_BYTES)
        return fault_set(why, FAULT_USAGE, "the command has over %d bytes",
                         COMMAND_MAX_BYTES);
    return connect_job(call, job->host, &fd, why) &&
           ctl_client_run(fd, job, result, why);
}

/* One argument is a line for the remote shell, several are an argument list:
 * each arrives as it is. */
static void
add_command(struct cmd_call *call, int first, struct buf *out)
{
    int i;

    if (cmd_argc(call) == first + 1) {
        buf_adds(out, cmd_arg(call, first));
        return;
    }
    for (i = first; i < cmd_argc(call); i++) {
        if (i > first)
            buf_addc(out, ' ');
        buf_add_shell(out, cmd_arg(call, i));
    }
}

static bool
on_run(struct cmd_call *call, struct fault *why UNUSED)
{
    struct fault problem = FAULT_INIT;
    struct buf command = BUF_INIT;
    struct ctl_result result;
    struct ctl_job job;
    bool ok;

    add_command(call, 1, &command);
    job = (struct ctl_job){
        .host = cmd_arg(call, 0),
        .command = buf_text(&command),
        .in = cmd_flag(call, "no-input") ? -1 : STDIN_FILENO,
        .out = STDOUT_FILENO,
        .err = STDERR_FILENO,
    };
    ok = run(call, &job, &result, &problem);
    buf_free(&command);
    if (!ok)
        return transport_failed(call, &problem);
    cmd_exit_status(call, result.status);
    return true;
}

static const char *
base_name(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash != NULL ? slash + 1 : path;
}

/* Standard input has no size before its end: it is kept in a file first. */
static bool
open_local(const char *path, int *fd_out, struct stat *st, struct fault *why)
{
    static char chunk[65536];
    ssize_t n;
    bool ok;

    if (strcmp(path, "-") != 0) {
        *fd_out = open(path, O_RDONLY | O_CLOEXEC);
        if (*fd_out < 0)
            return fault_errno(why, FAULT_NOT_FOUND, "%s", path);
    } else {
        *fd_out = open("/tmp", O_RDWR | O_TMPFILE | O_CLOEXEC, 0600);
        if (*fd_out < 0)
            return fault_errno(why, FAULT_SYSTEM, "keep the input");
        for (;;) {
            n = read(STDIN_FILENO, chunk, sizeof(chunk));
            if (n < 0 && errno == EINTR)
                continue;
            if (n < 0)
                return fault_errno(why, FAULT_SYSTEM, "read the input");
            if (n == 0)
                break;
            if (!fd_write_all(*fd_out, chunk, (size_t)n, why))
                return false;
        }
        (void)lseek(*fd_out, 0, SEEK_SET);
    }
    ok = fstat(*fd_out, st) == 0 && S_ISREG(st->st_mode);
    return ok || fault_set(why, FAULT_USAGE, "%s is no regular file", path);
}

/* The far side counts: a connection that ends in the middle looks there like
 * the end of the file. */
static void
add_put(struct buf *out, const char *remote, const char *local,
        const struct stat *st)
{
    buf_adds(out, "r=");
    buf_add_shell(out, remote);
    buf_adds(out, "; [ ! -d \"$r\" ] || r=$r/");
    buf_add_shell(out, base_name(local));
    buf_addf(out,
             "; t=$r.put.$$; umask 077; "
             "if cat >\"$t\" && [ \"$(wc -c <\"$t\")\" -eq %" PRId64 " ] && "
             "chmod %o \"$t\" && mv -f \"$t\" \"$r\"; then exit 0; fi; "
             "rm -f \"$t\"; echo \"cannot put $r\" >&2; exit 1",
             (int64_t)st->st_size, (unsigned)st->st_mode & 0777u);
}

static bool
on_put(struct cmd_call *call, struct fault *why)
{
    const char *local = cmd_arg(call, 1);
    struct fault problem = FAULT_INIT;
    struct buf command = BUF_INIT;
    struct ctl_result result;
    struct ctl_job job;
    struct stat st;
    int fd = -1;
    bool ok;

    ok = open_local(local, &fd, &st, why);
    if (!ok)
        goto out;
    add_put(&command, cmd_arg(call, 2), local, &st);
    job = (struct ctl_job){.host = cmd_arg(call, 0),
                           .command = buf_text(&command), .in = fd,
                           .out = STDERR_FILENO, .err = STDERR_FILENO};
    if (!run(call, &job, &result, &problem))
        ok = transport_failed(call, &problem);
    else
        cmd_exit_status(call, result.status);
out:
    fd_close(&fd);
    buf_free(&command);
    return ok;
}

static bool
open_target(const char *path, const char *remote, char **final_out,
            char **part_out, int *fd_out, struct fault *why)
{
    struct stat st;

    if (strcmp(path, "-") == 0) {
        *fd_out = dup(STDOUT_FILENO);
        return *fd_out >= 0 ||
               fault_errno(why, FAULT_SYSTEM, "standard output");
    }
    *final_out = stat(path, &st) == 0 && S_ISDIR(st.st_mode)
                     ? xasprintf("%s/%s", path, base_name(remote))
                     : xstrdup(path);
    *part_out = xasprintf("%s.get.%ld", *final_out, (long)getpid());
    *fd_out = open(*part_out, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC,
                   0666);
    return *fd_out >= 0 || fault_errno(why, FAULT_SYSTEM, "%s", *part_out);
}

static bool
on_get(struct cmd_call *call, struct fault *why)
{
    const char *remote = cmd_arg(call, 1);
    char *final = NULL, *part = NULL;
    struct fault problem = FAULT_INIT;
    struct buf command = BUF_INIT;
    struct ctl_result result;
    struct ctl_job job;
    int fd = -1;
    bool ok;

    ok = open_target(cmd_arg(call, 2), remote, &final, &part, &fd, why);
    if (!ok)
        goto out;
    buf_adds(&command, "cat <");
    buf_add_shell(&command, remote);
    job = (struct ctl_job){.host = cmd_arg(call, 0),
                           .command = buf_text(&command), .in = -1,
                           .out = fd, .err = STDERR_FILENO};
    if (!run(call, &job, &result, &problem)) {
        ok = transport_failed(call, &problem);
        goto out;
    }
    cmd_exit_status(call, result.status);
    if (result.status == 0 && part != NULL) {
        ok = rename(part, final) == 0;
        if (!ok) {
            fault_errno(why, FAULT_SYSTEM, "%s", final);
            goto out;
        }
        xfree_str(&part);       /* it is the file now */
    }
out:
    if (part != NULL)
        (void)unlink(part);
    fd_close(&fd);
    buf_free(&command);
    free(final);
    free(part);
    return ok;
}

static bool
on_guard(struct cmd_call *call, struct fault *why)
{
    int64_t pid;

    if (!parse_int64(cmd_arg(call, 0), 2, INT32_MAX, &pid))
        return fault_set(why, FAULT_USAGE, "PID is no number of a process");
    job_guard_watch(STDIN_FILENO, (pid_t)pid);
    return true;
}

#define JOB_OPT \
    {"job", CMD_OPT_TEXT, "FLIGHT/JOB", NULL, 0, 0, \
     "a running job, when not called by a step of it"}

static const struct cmd_opt ON_OPTS[] = {
    JOB_OPT,
    {"no-input", CMD_OPT_FLAG, NULL, NULL, 0, 0,
     "leave standard input alone (in loops)"},
    {NULL, CMD_OPT_END, NULL, NULL, 0, 0, NULL},
};

static const struct cmd_opt COPY_OPTS[] = {
    JOB_OPT,
    {NULL, CMD_OPT_END, NULL, NULL, 0, 0, NULL},
};

#define ON_TEXT \
    "HOST is a host of the job, or a role. A single COMMAND is a line for " \
    "the remote\nshell; with arguments each one arrives as it is. Standard " \
    "input " \
    "is sent, output\nand errors come back as they are. Through the " \
    "connection that the job keeps\nopen; a client that is killed takes the " \
    "remote command with it.\n\n" \
    "Exit status: that of the command, 128 + N when signal N ended it, 255 " \
    "when the\nconnection failed."

const struct cmd on_cmds[] = {
    {"get", "HOST REMOTE LOCAL", 3, 3, CMD_WRITES, COPY_OPTS, on_get,
     "copy a file from a host of the job",
     "LOCAL may be a directory, or - for standard output. It changes only "
     "when all has\narrived."},
    {"job-guard", "PID", 1, 1, CMD_HIDDEN, NULL, on_guard,
     "kill what an assay-job that died left behind", NULL},
    {"on", "HOST -- COMMAND [ARG...]", 2, -1, CMD_WRITES, ON_OPTS, on_run,
     "run a command on a host of the job", ON_TEXT},
    {"put", "HOST LOCAL REMOTE", 3, 3, CMD_WRITES, COPY_OPTS, on_put,
     "copy a file to a host of the job",
     "LOCAL may be - for standard input, REMOTE a directory. REMOTE "
     "changes only when\nall has arrived. The mode is kept."},
    {NULL, NULL, 0, 0, CMD_READS, NULL, NULL, NULL, NULL},
};
