/* harness/service_cmds.c - see service_cmds.h. */
#include <config.h>

#include "harness/service_cmds.h"

#include <stdio.h>

#include "harness/arena.h"
#include "harness/fault.h"
#include "harness/home.h"
#include "harness/json.h"
#include "harness/service.h"
#include "harness/signals.h"

static bool
service_start(struct cmd_call *call UNUSED, struct fault *why)
{
    bool started = false, running = false;
    pid_t pid = 0;

    signals_catch();
    if (!service_ensure_assayd(&started, why) ||
        !service_assayd_find(&running, &pid, why))
        return false;
    printf("assayd %s (pid %ld)\n", started ? "started" : "runs already",
           (long)pid);
    return true;
}

static bool
service_stop(struct cmd_call *call, struct fault *why)
{
    bool stopped = false;

    signals_catch();
    if (!service_stop_assayd(cmd_int(call, "limit"), &stopped, why))
        return false;
    puts(stopped ? "assayd stopped" : "assayd does not run");
    return true;
}

static bool
service_status(struct cmd_call *call, struct fault *why)
{
    struct arena arena = ARENA_INIT;
    bool running = false, ok;
    pid_t pid = 0;

    if (!service_assayd_find(&running, &pid, why))
        return false;
    if (cmd_json(call)) {
        json_t *root = json_object();

        json_object_set_new(root, "running", json_boolean(running));
        if (running)
            json_put_int(root, "pid", pid);
        json_put_text(root, "log", home_path(&arena, "run/assayd.log"));
        ok = json_print(root, stdout, why);
        json_decref(root);
    } else {
        if (running)
            printf("assayd runs (pid %ld), log %s\n", (long)pid,
                   home_path(&arena, "run/assayd.log"));
        else
            puts("assayd does not run");
        ok = true;
    }
    cmd_exit_status(call, running ? 0 : 1);
    arena_free(&arena);
    return ok;
}

static const struct cmd_opt stop_opts[] = {
    { "limit", CMD_OPT_DURATION, "TIME", "180s", 1000, 3600000,
      "how long to wait for it" },
    { NULL, CMD_OPT_END, NULL, NULL, 0, 0, NULL }
};

const struct cmd service_cmds[] = {
    { "service start", "", 0, 0, CMD_WRITES, NULL, service_start,
      "start assayd in the background, unless it runs", NULL },
    { "service stop", "", 0, 0, CMD_WRITES, stop_opts, service_stop,
      "stop assayd; jobs that run are aborted", NULL },
    { "service status", "", 0, 0, CMD_READS, NULL, service_status,
      "say whether assayd runs; exit 0 if so, else 1", NULL },
    { NULL, NULL, 0, 0, CMD_READS, NULL, NULL, NULL, NULL }
};
