/* hosts/lab_cmds.c - "assay lab up|status|down|exec", and what they start. */
#include <config.h>

#include "hosts/lab_cmds.h"

#include <inttypes.h>
#include <sys/socket.h>
#include <unistd.h>

#include "harness/fault.h"
#include "harness/fs.h"
#include "harness/json.h"
#include "harness/log.h"
#include "harness/table.h"
#include "hosts/lab.h"
#include "hosts/lab_keeper.h"
#include "hosts/lab_ns.h"

static bool
run_up(struct cmd_call *call, struct fault *why)
{
    struct lab_options options = {
        .files = cmd_argv(call),
        .file_count = (size_t)cmd_argc(call),
        .no_assayd = cmd_flag(call, "no-assayd"),
    };

    return lab_up(&options, why);
}

static bool
run_down(struct cmd_call *call, struct fault *why)
{
    return lab_down(cmd_flag(call, "all"), why);
}

static bool
print_status(const json_t *status, struct fault *why)
{
    static const char *const names[] = { "HOST", "ARCH", "FIRMWARE",
                                         "ADDRESS", "POWER", NULL };
    const json_t *hosts = json_object_get(status, "hosts");
    const json_t *processes = json_object_get(status, "processes");
    struct table *table;
    bool up = json_flag(status, "up", false), ok = true;

    printf("lab in %s: %s\n", json_text(status, "home"), up ? "up" : "down");
    if (up)
        printf("keeper %" PRId64 ", %s, assayd %s\n",
               json_int(status, "keeper", 0),
               json_text(status, "accelerator"),
               json_flag(status, "assayd", false) ? "runs"
                                                  : "does not run");
    else if (json_array_size(processes) > 0)
        printf("%zu processes are left of a crash: assay lab down ends "
               "them\n", json_array_size(processes));
    if (json_array_size(hosts) == 0)
        return true;
    table = table_new(names);
    for (size_t i = 0; i < json_array_size(hosts); i++) {
        const json_t *host = json_array_get(hosts, i);
        const char *const cells[] = {
            json_text(host, "host"), json_text(host, "arch"),
            json_text(host, "firmware"), json_text(host, "address"),
            json_text(host, "power"),
        };

        table_add(table, cells);
    }
    ok = table_print(table, stdout, why);
    table_free(table);
    return ok;
}

static bool
run_status(struct cmd_call *call, struct fault *why)
{
    json_t *status = NULL;
    bool ok;

    ok = lab_status(&status, why)
        && (cmd_json(call) ? json_print(status, stdout, why)
                           : print_status(status, why));
    if (ok && !json_flag(status, "up", false))
        cmd_exit_status(call, 1);
    json_decref(status);
    return ok;
}

static bool
run_exec(struct cmd_call *call, struct fault *why)
{
    const char *const *argv = cmd_argv(call);

    if (!lab_enter(why) || !lab_keep_capabilities(why))
        return false;
    (void)execvp(argv[0], (char *const *)(uintptr_t)argv);
    return fault_errno(why, FAULT_SYSTEM, "run %s", argv[0]);
}

static bool
run_keeper(struct cmd_call *call UNUSED, struct fault *why)
{
    log_init("assay-lab");
    return lab_keeper_run(why);
}

/* Sends a fresh socket of the lab's network over standard input. */
static bool
run_socket(struct cmd_call *call UNUSED, struct fault *why)
{
    union {
        char bytes[CMSG_SPACE(sizeof(int))];
        struct cmsghdr align;
    } control = { .bytes = { 0 } };
    char byte = 's';
    struct iovec iov = { .iov_base = &byte, .iov_len = 1 };
    struct msghdr message = {
        .msg_iov = &iov, .msg_iovlen = 1,
        .msg_control = control.bytes,
        .msg_controllen = sizeof(control.bytes),
    };
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    int fd = -1;
    bool ok;

    ok = lab_enter(why);
    if (!ok)
        return false;
    fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ok = fd >= 0 || fault_errno(why, FAULT_SYSTEM, "make a socket");
    if (ok) {
        header->cmsg_level = SOL_SOCKET;
        header->cmsg_type = SCM_RIGHTS;
        header->cmsg_len = CMSG_LEN(sizeof(fd));
        memcpy(CMSG_DATA(header), &fd, sizeof(fd));
        ok = sendmsg(STDIN_FILENO, &message, MSG_NOSIGNAL) == 1
            || fault_errno(why, FAULT_SYSTEM, "hand a socket over");
    }
    fd_close(&fd);
    return ok;
}

static const struct cmd_opt up_opts[] = {
    { "no-assayd", CMD_OPT_FLAG, NULL, NULL, 0, 0,
      "do not start assayd: nobody serves netboot or consoles" },
    { .name = NULL },
};
static const struct cmd_opt down_opts[] = {
    { "all", CMD_OPT_FLAG, NULL, NULL, 0, 0,
      "stop the private database cluster too" },
    { .name = NULL },
};

const struct cmd lab_cmds[] = {
    { "lab down", "", 0, 0, CMD_WRITES, down_opts, run_down,
      "stop the virtual lab",
      "Ends assayd and its jobs, the machines, and the network. No process "
      "and no\ninterface is left, and no file outside ASSAY_HOME. What a "
      "crash left is ended too." },
    { "lab exec", "COMMAND [ARG...]", 1, -1, CMD_WRITES, NULL, run_exec,
      "run a command inside the lab's network",
      "For instance: assay lab exec -- ping 10.77.0.11" },
    { "lab keeper", "HOME", 1, 1, CMD_HIDDEN, NULL, run_keeper,
      "hold the lab's network; started by lab up", NULL },
    { "lab socket", "", 0, 0, CMD_HIDDEN, NULL, run_socket,
      "hand over a socket of the lab's network", NULL },
    { "lab status", "", 0, 0, CMD_READS, NULL, run_status,
      "say what the virtual lab is", "Exits 1 when it is down." },
    { "lab up", "[FILE...]", 0, -1, CMD_WRITES, up_opts, run_up,
      "start the virtual lab",
      "Machines under libvirt on a bridge in a network namespace of their "
      "own, defined\nby host files; without FILE, by those that come with "
      "Assay. It may be repeated.\nWhat a crash left is ended first. A "
      "failure, or Ctrl-C, undoes all." },
    { .path = NULL },
};
