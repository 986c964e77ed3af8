/* tests/hosts/console-holder.c - stands in for assayd: holds the descriptor
 * store of the program that it starts, and starts it again when it dies.
 *
 *   console-holder PROGRAM ARGS...
 *
 * Prints "PID NUMBER" at each start. TERM or the end of standard input ends
 * both. */
#include <config.h>

#include <stdio.h>
#include <unistd.h>
#include <uv.h>

#include "harness/fault.h"
#include "harness/fdstore.h"
#include "harness/fs.h"
#include "harness/log.h"
#include "harness/proc.h"
#include "harness/service.h"

struct holder {
    uv_loop_t loop;
    uv_signal_t term;
    struct fdstore *store;
    struct proc proc;
    const char *const *argv;
    bool ending;
};

static void start(struct holder *holder);

static void
on_end(struct proc *proc UNUSED, void *owner, struct proc_status status)
{
    struct holder *holder = owner;
    char text[64];

    proc_status_text(status, text);
    printf("ended %s, held %zu\n", text, fdstore_count(holder->store));
    fflush(stdout);
    if (!holder->ending) {
        start(holder);
        return;
    }
    fdstore_free(holder->store);
    proc_watch_fini(&holder->loop);
    uv_close((uv_handle_t *)&holder->term, NULL);
}

static void
start(struct holder *holder)
{
    static const char *const env[] = { SERVICE_STORE_ENV "=4", NULL };
    struct proc_spec spec = PROC_SPEC_INIT;
    struct fault why = FAULT_INIT;
    int fd = -1;

    spec.argv = holder->argv;
    spec.env_add = env;
    spec.fds[1] = STDOUT_FILENO;
    spec.fds[2] = STDERR_FILENO;
    spec.die_with_parent = true;
    if (!fdstore_serve(holder->store, &fd, &why)) {
        fault_print(&why);
        _exit(1);
    }
    spec.fds[4] = fd;
    if (!proc_spawn(&holder->proc, &holder->loop, &spec, 0, 2000, on_end,
                    holder, &why)) {
        fault_print(&why);
        _exit(1);
    }
    fd_close(&fd);
    printf("pid %d\n", (int)holder->proc.pid);
    fflush(stdout);
}

static void
on_term(uv_signal_t *handle, int number UNUSED)
{
    struct holder *holder = handle->data;

    holder->ending = true;
    proc_stop(&holder->proc);
}

int
main(int argc, char **argv)
{
    struct holder holder = { .argv = (const char *const *)argv + 1 };
    struct fault why = FAULT_INIT;

    if (argc < 2) {
        fprintf(stderr, "usage: console-holder PROGRAM ARGS...\n");
        return 2;
    }
    log_init("console-holder");
    must(uv_loop_init(&holder.loop) == 0);
    if (!proc_watch_init(&holder.loop, &why)) {
        fault_print(&why);
        return 1;
    }
    holder.store = fdstore_new(&holder.loop);
    must(uv_signal_init(&holder.loop, &holder.term) == 0);
    holder.term.data = &holder;
    must(uv_signal_start(&holder.term, on_term, SIGTERM) == 0);
    start(&holder);
    (void)uv_run(&holder.loop, UV_RUN_DEFAULT);
    must(uv_loop_close(&holder.loop) == 0);
    return 0;
}
