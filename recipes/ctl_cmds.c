/* recipes/ctl_cmds.c - assay ctl-serve: what a job does for its clients, for
 * one client that is in no job: it connects to a host that has come up, runs
 * one command, and ends. */
#include <config.h>

#include "recipes/ctl_cmds.h"

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>
#include <uv.h>
#include "harness/buf.h"
#include "harness/ctl_server.h"
#include "harness/fault.h"
#include "harness/fs.h"
#include "harness/ssh_pool.h"
#include "recipes/job_socket.h"

#define LOOK_MS 20
#define HOST_NAME_MAX_BYTES 100

struct serve {
    struct ssh_pool *pool;
    struct ctl_server *server;
    uv_timer_t timer;
};

static const char *
resolve(void *owner UNUSED, const char *name, struct fault *why)
{
    if (name_is_safe(name, HOST_NAME_MAX_BYTES))
        return name;
    fault_set(why, FAULT_USAGE, "\"%s\" is no name of a host", name);
    return NULL;
}

/* The client has gone, and what was to be killed at the far side is. */
static void
on_look(uv_timer_t *timer)
{
    struct serve *serve = timer->data;

    if (ctl_server_load(serve->server) > 0 || ssh_pool_load(serve->pool) > 0)
        return;
    ctl_server_free(serve->server);
    ssh_pool_free(serve->pool);
    uv_close((uv_handle_t *)timer, NULL);
}

static bool
ctl_serve(struct cmd_call *call, struct fault *why)
{
    uv_loop_t *loop = uv_default_loop();
    struct serve serve;
    int fd;

    (void)signal(SIGPIPE, SIG_IGN);
    fd = fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3);
    if (fd < 0)
        return fault_errno(why, FAULT_USAGE, "standard input");
    if (!fd_set_nonblock(fd, why))
        return false;
    serve.pool = ssh_pool_new(loop, cmd_arg(call, 0), job_socket_make, NULL);
    serve.server = ctl_server_new_bare(loop, serve.pool, resolve, NULL);
    ctl_server_adopt(serve.server, fd);
    must(uv_timer_init(loop, &serve.timer) == 0);
    serve.timer.data = &serve;
    must(uv_timer_start(&serve.timer, on_look, LOOK_MS, LOOK_MS) == 0);
    (void)uv_run(loop, UV_RUN_DEFAULT);
    return true;
}

const struct cmd ctl_cmds[] = {
    {"ctl-serve", "DIR", 1, 1, CMD_HIDDEN, NULL, ctl_serve,
     "serve the one client on standard input, with the hosts in DIR", NULL},
    {NULL, NULL, 0, 0, CMD_READS, NULL, NULL, NULL, NULL},
};
