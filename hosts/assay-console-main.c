/* hosts/assay-console-main.c - all serial consoles of a site in one process:
 * options, wiring, loop. */
#include <config.h>

#include <malloc.h>
#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>
#include <uv.h>

#include "harness/arena.h"
#include "harness/clock.h"
#include "harness/cmd.h"
#include "harness/fault.h"
#include "harness/fdstore.h"
#include "harness/fs.h"
#include "harness/home.h"
#include "harness/json.h"
#include "harness/log.h"
#include "harness/mem.h"
#include "harness/proc.h"
#include "harness/service.h"
#include "hosts/console_ctl.h"
#include "hosts/console_flight.h"
#include "hosts/console_list.h"
#include "hosts/console_log.h"
#include "hosts/console_port.h"
#include "hosts/console_site.h"

#define TAKE_LIMIT_MS 10000

/* What the store gave, until the shared memory is there. */
struct kept {
    char *name;
    int fd;
};

struct program {
    uv_loop_t loop;
    uv_signal_t term, interrupt, hangup;
    struct console_env env;
    struct console_site *site;
    struct console_ctl *ctl;
    struct kept *kept;
    size_t kept_count, kept_cap;
};

static void
on_kept(void *owner, const char *name, int fd)
{
    struct program *program = owner;

    program->kept = xgrow(program->kept, &program->kept_cap,
                          program->kept_count, sizeof(*program->kept));
    program->kept[program->kept_count++] =
        (struct kept){ .name = xstrdup(name), .fd = fd };
}

static bool
open_flight(struct program *program, struct fault *why)
{
    int fd = -1;

    for (size_t i = 0; i < program->kept_count; i++)
        if (strcmp(program->kept[i].name, CONSOLE_FLIGHT_NAME) == 0) {
            fd = program->kept[i].fd;
            program->kept[i].fd = -1;
        }
    if (console_flight_open(program->env.store, fd, &program->env.flight, why))
        return true;
    if (fd < 0)
        return false;
    log_fault(LOG_LEVEL_WARN, why, "the kept state cannot be used");
    return console_flight_open(program->env.store, -1, &program->env.flight,
                              why);
}

static void
adopt_all(struct program *program)
{
    for (size_t i = 0; i < program->kept_count; i++) {
        if (program->kept[i].fd >= 0)
            console_site_adopt(program->site, program->kept[i].name,
                               program->kept[i].fd);
        free(program->kept[i].name);
    }
    free(program->kept);
    program->kept = NULL;
    program->kept_count = 0;
}

/* The consoles' sockets stay in the store, for the next one. */
static void
on_stop(uv_signal_t *handle, int number UNUSED)
{
    struct program *program = handle->data;

    log_info("asked to stop");
    console_ctl_free(program->ctl);
    console_site_free(program->site);
    program->ctl = NULL;
    program->site = NULL;
    fdstore_client_free(program->env.store);
    program->env.store = NULL;
    uv_close((uv_handle_t *)&program->term, NULL);
    uv_close((uv_handle_t *)&program->interrupt, NULL);
    uv_close((uv_handle_t *)&program->hangup, NULL);
}

static void
on_hangup(uv_signal_t *handle, int number UNUSED)
{
    struct program *program = handle->data;

    console_site_reload(program->site);
}

static void
watch_signal(struct program *program, uv_signal_t *handle, uv_signal_cb call,
             int number)
{
    must(uv_signal_init(&program->loop, handle) == 0);
    handle->data = program;
    must(uv_signal_start(handle, call, number) == 0);
}

static void
prepare_process(void)
{
    struct rlimit limit;

    (void)signal(SIGPIPE, SIG_IGN);
    (void)signal(SIGXFSZ, SIG_IGN);     /* a write fails instead */
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &limit);
    }
    /* One thread needs one heap; big answers go back to the system. */
    (void)mallopt(M_ARENA_MAX, 1);
    (void)mallopt(M_MMAP_THRESHOLD, 128 << 10);
}

static bool
serve(struct program *program, const char *config, const char *socket,
      struct fault *why)
{
    must(uv_loop_init(&program->loop) == 0);
    if (!proc_watch_init(&program->loop, why) ||
        !fdstore_client_open(&program->env.store, why) ||
        !fdstore_client_take(program->env.store, TAKE_LIMIT_MS, on_kept,
                             program, why) ||
        !open_flight(program, why) ||
        !fdstore_client_start(program->env.store, &program->loop, why) ||
        !console_site_new(&program->loop, &program->env, config,
                          &program->site, why))
        return false;
    adopt_all(program);
    console_site_start(program->site);
    if (!console_ctl_new(&program->loop, program->site, socket,
                         &program->ctl, why))
        return false;
    watch_signal(program, &program->term, on_stop, SIGTERM);
    watch_signal(program, &program->interrupt, on_stop, SIGINT);
    watch_signal(program, &program->hangup, on_hangup, SIGHUP);
    console_site_reload(program->site);
    service_ready();
    /* Until the last helper has ended too. */
    (void)uv_run(&program->loop, UV_RUN_DEFAULT);
    proc_watch_fini(&program->loop);
    (void)uv_run(&program->loop, UV_RUN_DEFAULT);
    must(uv_loop_close(&program->loop) == 0);
    console_flight_close(program->env.flight);
    (void)unlink(socket);
    return true;
}

static bool
print_list(struct fault *why)
{
    const char *site = getenv("ASSAY_SITE");
    json_t *list = NULL;
    bool ok;

    ok = console_list_database(site != NULL ? site : "lab", &list, why) &&
         json_print(list, stdout, why);
    json_decref(list);
    return ok;
}

static bool
run(struct cmd_call *call, struct fault *why)
{
    struct program program = { .kept = NULL };
    struct arena arena = ARENA_INIT;
    const char *home;
    int lock = -1;
    bool ok;

    if (cmd_flag(call, "list"))
        return print_list(why);
    prepare_process();
    program.env.clock = clock_system();
    program.env.log_file_bytes = cmd_int(call, "file-bytes");
    ok = home_get(&home, why) &&
         fs_mkdirs(home_path(&arena, "run"), 0711, why) &&
         fs_lock(home_path(&arena, "run/console.lock"),
                 cmd_flag(call, "standby"), &lock, why);
    if (!ok) {
        if (why->kind == FAULT_CONFLICT)
            fault_hint(why, "another assay-console serves %s; with "
                       "--standby this one waits for its end", home);
        goto out;
    }
    program.env.logs_dir = home_path(&arena, "consoles");
    ok = serve(&program, cmd_text(call, "config"),
               home_path(&arena, "run/console.sock"), why);
out:
    fd_close(&lock);
    arena_free(&arena);
    return ok;
}

static const struct cmd_opt options[] = {
    { .name = "config", .type = CMD_OPT_TEXT, .arg = "FILE",
      .help = "list of consoles, instead of the database's hosts" },
    { .name = "file-bytes", .type = CMD_OPT_INT, .arg = "N",
      .dflt = "67108864", .min = 4096, .max = INT64_C(1) << 40,
      .help = "size at which a log goes on in the next file" },
    { .name = "list", .type = CMD_OPT_FLAG,
      .help = "print the list of consoles that the database has, and end" },
    { .name = "standby", .type = CMD_OPT_FLAG,
      .help = "wait until no other assay-console serves this ASSAY_HOME" },
    { .type = CMD_OPT_END },
};

static const struct cmd commands[] = {
    { .path = "", .args = "", .access = CMD_WRITES, .opts = options,
      .run = run, .help = "capture every serial console of a site",
      .text = "Serves $ASSAY_HOME/run/console.sock; writes "
              "$ASSAY_HOME/consoles/HOST." },
    { .path = NULL },
};

static const struct cmd *const tables[] = { commands, NULL };

int
main(int argc, char **argv)
{
    static const struct cmd_program program = {
        .name = "assay-console",
        .help = "Captures every serial console of its site, in one process.",
        .tables = tables,
    };

    log_init("assay-console");
    return cmd_main(&program, argc, argv);
}
