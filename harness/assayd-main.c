/* harness/assayd-main.c - the controller's program: options, wiring, loop. */
#include <config.h>

#include <signal.h>
#include <sys/utsname.h>
#include <unistd.h>
#include <uv.h>

#include "harness/arena.h"
#include "harness/assayd.h"
#include "harness/clock.h"
#include "harness/cmd.h"
#include "harness/db.h"
#include "harness/fault.h"
#include "harness/home.h"
#include "harness/log.h"
#include "harness/proc.h"
#include "harness/service.h"
#include "hosts/lab_ns.h"

#define JOBS_MAX 64
#define MINUTE_MS 60000
#define DUTY_WORDS_MAX 5

static const struct cmd_opt opts[] = {
    { "max-jobs", CMD_OPT_INT, "N", NULL, 1, 10000,
      "run at most so many jobs at a time (default: 64; with the virtual lab, "
      "one per processor)" },
    { "grace", CMD_OPT_DURATION, "TIME", "150s", 0, 3600000,
      "what a job gets to end when it is told to" },
    { "job-program", CMD_OPT_TEXT, "PATH", NULL, 0, 0,
      "run this in place of assay-job" },
    { "no-console", CMD_OPT_FLAG, NULL, NULL, 0, 0,
      "do not keep assay-console up" },
    { "no-web", CMD_OPT_FLAG, NULL, NULL, 0, 0, "do not keep assay-web up" },
    { "mend", CMD_OPT_FLAG, NULL, NULL, 0, 0,
      "only make the database reachable and migrate it" },
    { NULL, CMD_OPT_END, NULL, NULL, 0, 0, NULL }
};

struct main_state {
    uv_loop_t loop;
    uv_signal_t signals[3];
    struct assayd *assayd;
};

static void
on_signal(uv_signal_t *handle, int number)
{
    struct main_state *m = handle->data;

    if (number == SIGHUP)
        assayd_restart_children(m->assayd);
    else
        assayd_stop(m->assayd);
}

static void
on_stopped(void *owner)
{
    struct main_state *m = owner;

    for (size_t i = 0; i < ARRAY_LEN(m->signals); i++)
        uv_close((uv_handle_t *)&m->signals[i], NULL);
    proc_watch_fini(&m->loop);
}

static bool
watch_signals(struct main_state *m, struct fault *why)
{
    static const int numbers[] = { SIGTERM, SIGINT, SIGHUP };

    for (size_t i = 0; i < ARRAY_LEN(m->signals); i++) {
        int err = uv_signal_init(&m->loop, &m->signals[i]);

        m->signals[i].data = m;
        if (err == 0)
            err = uv_signal_start(&m->signals[i], on_signal, numbers[i]);
        if (err != 0)
            return fault_set(why, FAULT_SYSTEM, "watch signals: %s",
                             uv_strerror(err));
    }
    return true;
}

/* A daemon whose program is not there is missed, not fatal: a site without a
 * lab runs jobs on simulated hosts. */
static void
add_child(struct arena *arena, struct assayd_child_spec *children,
          size_t *count, const char *name, bool keeps_fds)
{
    const char **argv = arena_alloc(arena, 2 * sizeof *argv);
    struct fault why = FAULT_INIT;
    char *path = NULL;

    if (!home_program(arena, name, &path, &why)) {
        log_fault(LOG_LEVEL_WARN, &why, "goes on without %s", name);
        return;
    }
    argv[0] = path;
    children[(*count)++] = (struct assayd_child_spec){
        .name = name, .argv = argv, .keeps_fds = keeps_fds,
    };
}

#define DAY_MS (24 * 60 * 60 * 1000)

/* What the site does by itself, in the order of names. */
static const struct duty_row {
    const char *name;
    const char *words[DUTY_WORDS_MAX];  /* of "assay ..." */
    int64_t every_ms;
    const char *on;
    int64_t limit_ms;
} duty_rows[] = {
    { "bisect", { "bisect", "due" }, 10000, "flight", DAY_MS },
    { "check issues", { "issue", "check", "--quiet" }, 300000, "flight",
      300000 },
    { "clear idle hosts", { "host", "tend", "--only", "idle" }, 60000,
      "flight", 300000 },
    { "end leases", { "host", "tend", "--only", "leases" }, 60000, NULL,
      300000 },
    { "send mails", { "notify", "send", "--quiet" }, 60000, "notice", 600000 },
    { "tend hosts", { "host", "tend", "--only", "checks" }, 60000, "flight",
      300000 },
    { NULL, { NULL }, 0, NULL, 0 }
};

static size_t
add_duties(struct arena *arena,
           struct assayd_duty_spec duties[static ARRAY_LEN(duty_rows)])
{
    struct fault why = FAULT_INIT;
    char *assay = NULL;
    size_t count = 0;

    if (!home_program(arena, "assay", &assay, &why)) {
        log_fault(LOG_LEVEL_WARN, &why, "does nothing by itself");
        return 0;
    }
    for (const struct duty_row *row = duty_rows; row->name != NULL; row++) {
        const char **argv =
            arena_alloc(arena, (DUTY_WORDS_MAX + 2) * sizeof *argv);

        argv[0] = assay;
        for (size_t i = 0; i < DUTY_WORDS_MAX; i++)
            argv[i + 1] = row->words[i];
        duties[count++] = (struct assayd_duty_spec){
            .name = row->name, .argv = argv, .every_ms = row->every_ms,
            .on = row->on, .limit_ms = row->limit_ms,
        };
    }
    return count;
}

/* The machines of the virtual lab share this one's processors. */
static int
jobs_max(const struct cmd_call *call)
{
    long processors = sysconf(_SC_NPROCESSORS_ONLN);

    if (cmd_text(call, "max-jobs") != NULL)
        return (int)cmd_int(call, "max-jobs");
    if (!lab_is_up(NULL))
        return JOBS_MAX;
    return processors > 1 && processors < JOBS_MAX ? (int)processors : 1;
}

static bool
serve(struct cmd_call *call, struct arena *arena, struct fault *why)
{
    static struct main_state m;     /* handles outlive this frame */
    struct assayd_child_spec children[ASSAYD_CHILDREN_MAX];
    struct assayd_duty_spec duties[ARRAY_LEN(duty_rows)];
    const char *mend[] = { NULL, "--mend", NULL };
    struct assayd_spec spec = { .clock = clock_system(),
                                .children = children, .duties = duties,
                                .mend_argv = mend };
    const char *home;
    char *program = NULL;
    struct utsname uts;

    if (!home_get(&home, why) || !service_assayd_claim(why) ||
        !home_program(arena, "assayd", &program, why))
        return false;
    mend[0] = program;
    spec.runners.program = cmd_text(call, "job-program");
    if (spec.runners.program == NULL) {
        if (!home_program(arena, "assay-job", &program, why))
            return false;
        spec.runners.program = program;
    }
    if (uname(&uts) != 0)
        return fault_errno(why, FAULT_SYSTEM, "name this machine");
    spec.runners.node = uts.nodename;
    spec.runners.jobs_max = jobs_max(call);
    spec.runners.grace_ms = cmd_int(call, "grace");
    if (!cmd_flag(call, "no-console"))
        add_child(arena, children, &spec.child_count, "assay-console", true);
    if (!cmd_flag(call, "no-web"))
        add_child(arena, children, &spec.child_count, "assay-web", false);
    spec.duty_count = add_duties(arena, duties);
    if (uv_loop_init(&m.loop) != 0)
        return fault_set(why, FAULT_SYSTEM, "make a loop");
    if (!proc_watch_init(&m.loop, why) || !watch_signals(&m, why))
        return false;
    m.assayd = assayd_new(&m.loop, &spec, on_stopped, &m, why);
    if (m.assayd == NULL)
        return false;
    log_info("%s serves in %s", harness_revision(), home);
    service_ready();
    (void)uv_run(&m.loop, UV_RUN_DEFAULT);
    assayd_free(m.assayd);
    (void)uv_loop_close(&m.loop);
    log_info("has stopped");
    return true;
}

static bool
run(struct cmd_call *call, struct fault *why)
{
    struct arena arena = ARENA_INIT;
    struct db *db = NULL;
    bool ok;

    log_init("assayd");
    if (cmd_flag(call, "mend")) {
        ok = db_open("assayd", &db, why);
        db_close(db);
        return ok;
    }
    (void)signal(SIGPIPE, SIG_IGN);
    ok = serve(call, &arena, why);
    arena_free(&arena);
    return ok;
}

static const struct cmd rows[] = {
    { "", "", 0, 0, CMD_WRITES, opts, run,
      "the controller: starts jobs, ends flights, keeps the daemons up",
      "It takes the queue of its database if no other assayd has it, starts "
      "an assay-job\nfor each job that may run, and finishes flights. It is "
      "started by whatever needs\nit, and stopped by 'assay service stop'." },
    { NULL, NULL, 0, 0, CMD_READS, NULL, NULL, NULL, NULL }
};

int
main(int argc, char **argv)
{
    static const struct cmd *const tables[] = { rows, NULL };
    static const struct cmd_program program = {
        .name = "assayd",
        .help = "The controller of an Assay site.",
        .tables = tables,
    };

    return cmd_main(&program, argc, argv);
}
