/* recipes/assay-job-main.c - assay-job: runs one job, owns its hosts as long
 * as it lives, dies alone. Options and wiring only. */
#include <config.h>

#include <inttypes.h>
#include <limits.h>
#include <signal.h>
#include <uv.h>
#include "harness/arena.h"
#include "harness/artefact.h"
#include "harness/buf.h"
#include "harness/clock.h"
#include "harness/cmd.h"
#include "harness/db.h"
#include "harness/fault.h"
#include "harness/home.h"
#include "harness/job_db.h"
#include "harness/job_exit.h"
#include "harness/job_guard.h"
#include "harness/job_plan.h"
#include "harness/job_run.h"
#include "harness/log.h"
#include "harness/mem.h"
#include "harness/orphan.h"
#include "harness/pattern.h"
#include "harness/pattern_scan.h"
#include "harness/proc.h"
#include "harness/task_db.h"
#include "recipes/job_socket.h"
#include "recipes/job_watch.h"
#include "recipes/recipe.h"
#include "recipes/recipe_plan.h"
#include "results/failure.h"

#define PROGRAM "assay-job"

/* The one job of this process. */
static struct {
    uv_loop_t *loop;
    uv_signal_t signals[3];
    struct job_guard guard;
    struct job_run *run;
    struct job_watch watch;     /* of its hosts' consoles */
    int64_t task;
    enum job_end end;
    struct db *db;              /* back from the run */
    char *waits_for;
} job;

static const int STOP_SIGNALS[] = {SIGTERM, SIGINT, SIGHUP};

/* Everything that one call of the program holds. */
struct setup {
    struct arena arena;
    struct db *db;
    struct job_row *row;
    struct recipe *recipe;
    struct job_plan plan;
    struct job_run_config config;
    char refkey[160];
    char recipes_dir[PATH_MAX];
    char setup[65];             /* see recipe_setup() */
    char *program;              /* "assay" */
    bool begun;                 /* the task exists */
};

static bool
reopen(struct db **db_out, bool *gone_out, struct fault *why)
{
    struct db *db = NULL;
    bool ok;

    ok = db_open(PROGRAM, &db, why) && db_listen(db, "assay", why);
    if (!ok)
        goto out;
    ok = task_resume(db, job.task, why);
    if (!ok) {
        *gone_out = why->kind == FAULT_LOST && db_is_alive(db);
        goto out;
    }
    *db_out = db;
    db = NULL;
out:
    db_close(db);
    return ok;
}

static bool
store(void *owner UNUSED, const char *path, char sha256_out[static 65],
      int64_t *bytes_out, struct fault *why)
{
    return artefact_put_file(path, sha256_out, bytes_out, why);
}

static void
on_console(const char *host, const struct pattern *pattern,
           const struct job_watch_words *words)
{
    char *text = xasprintf("%s: %s", host, words->text);

    job_run_condemn(job.run, host, &(struct step_sign){
        .text = text, .line = words->text, .file = words->file,
        .number = words->line, .byte = words->byte,
        .pattern = pattern->name, .lane = pattern->lane,
    });
    free(text);
}

static void
on_hosts(const char *const *hosts)
{
    job_watch_start(&job.watch, job.loop, hosts, on_console);
}

static void
on_hosts_left(void)
{
    job_watch_stop(&job.watch);
}

static void
on_signal(uv_signal_t *handle UNUSED, int number)
{
    char reason[64];

    (void)snprintf(reason, sizeof(reason), "stopped by SIG%s",
                   sigabbrev_np(number));
    log_info("%s", reason);
    job_run_abort(job.run, reason);
}

static void
on_done(void *owner UNUSED, enum job_end end, struct db *db)
{
    size_t i;

    job.end = end;
    job.db = db;
    job.waits_for = xstrdup(job_run_waits_for(job.run));
    for (i = 0; i < ARRAY_LEN(job.signals); i++)
        uv_close((uv_handle_t *)&job.signals[i], NULL);
    job_guard_dismiss(&job.guard);
}

static bool
run_loop(const struct job_run_config *config, const char *program,
         struct db *db, struct fault *why)
{
    size_t i;

    job.loop = uv_default_loop();
    if (!proc_watch_init(job.loop, why) ||
        !orphan_watch_init(job.loop, why) ||
        !job_guard_start(&job.guard, job.loop, program, why))
        return false;
    for (i = 0; i < ARRAY_LEN(job.signals); i++) {
        must(uv_signal_init(job.loop, &job.signals[i]) == 0);
        must(uv_signal_start(&job.signals[i], on_signal, STOP_SIGNALS[i]) ==
             0);
    }
    /* A full disk or a limit on files is an error to tell, no death. */
    (void)signal(SIGXFSZ, SIG_IGN);
    (void)signal(SIGPIPE, SIG_IGN);
    job.run = job_run_start(job.loop, clock_system(), config, db, on_done,
                            NULL);
    (void)uv_run(job.loop, UV_RUN_DEFAULT);
    orphan_watch_fini();
    proc_watch_fini(job.loop);
    (void)uv_run(job.loop, UV_RUN_DEFAULT);
    return true;
}

/* The task and the job are ours after this; *mine_out is false when somebody
 * else has the job or it is not to be run. */
static bool
take_job(struct setup *setup, int64_t flight, const char *name,
         bool *mine_out, struct fault *why)
{
    *mine_out = false;
    if (!db_open(PROGRAM, &setup->db, why) ||
        !db_listen(setup->db, "assay", why))
        return false;
    (void)snprintf(setup->refkey, sizeof(setup->refkey), "%" PRId64 "/%s",
                   flight, name);
    if (!task_begin(setup->db, "job", setup->refkey, "", &job.task, why)) {
        if (why->kind != FAULT_CONFLICT)
            return false;
        log_info("another runner has it: %s", why->text);
        return true;
    }
    setup->begun = true;
    if (!job_db_claim(setup->db, flight, name, job.task, mine_out, why))
        return false;
    if (!*mine_out)
        log_info("it is not queued, or its flight stops");
    return job_db_load(setup->db, flight, name, &setup->row, why);
}

/* A job whose recipe cannot be read is broken, and says why. */
static bool
refuse_job(struct setup *setup, const struct fault *problem,
           struct fault *why)
{
    struct step_verdict verdict = {.status = OUTCOME_BROKEN,
                                   .lane = LANE_TEST};

    log_fault(LOG_LEVEL_ERROR, problem, "the job cannot be run");
    (void)snprintf(verdict.reason, sizeof(verdict.reason), "%.390s",
                   problem->text);
    return job_db_finish(setup->db, setup->row->flight, setup->row->job,
                         job.task, &verdict, NULL, -1, why);
}

static bool
load_recipe(struct setup *setup, struct fault *why)
{
    size_t i;

    if (!recipe_load(setup->row->recipe, &setup->recipe, why))
        return false;
    for (i = 0; setup->recipe->roles[i] != NULL; i++) {
        size_t k = 0;

        while (k < setup->row->role_count &&
               strcmp(setup->row->roles[k].role,
                      setup->recipe->roles[i]) != 0)
            k++;
        if (k == setup->row->role_count)
            return fault_set(why, FAULT_CONFIG,
                             "recipe %s wants a role %s, which the job does "
                             "not have", setup->recipe->name,
                             setup->recipe->roles[i]);
    }
    recipe_plan(setup->recipe, setup->row->arch, setup->row->runvars,
                &setup->plan);
    return true;
}

/* What the flight knows of the job's preparation has to be what the recipe says
 * now. */
static bool
find_setup(struct setup *setup, const char **setup_out, struct fault *why)
{
    const struct job_row *row = setup->row;

    *setup_out = NULL;
    if (row->setup == NULL || setup->recipe->check == NULL)
        return true;
    if (!recipe_setup(setup->recipe, row->arch,
                      row->candidate != NULL ? row->candidate : "",
                      row->fixed, setup->setup, why))
        return false;
    if (strcmp(row->setup, setup->setup) == 0)
        *setup_out = setup->setup;
    else
        log_info("the recipe's preparation has changed: nothing is shared");
    return true;
}

/* "ROLE=HOST,ROLE=HOST", exactly the job's roles, in the order of their
 * positions. */
static bool
read_planned(struct setup *setup, const char *text, struct fault *why)
{
    const struct job_row *row = setup->row;
    const char **planned;
    char *rest, *pair;
    size_t count = 0;

    if (text == NULL)
        return true;
    planned = arena_alloc(&setup->arena, (row->role_count + 1)
                                         * sizeof(*planned));
    rest = arena_strdup(&setup->arena, text);
    while ((pair = strsep(&rest, ",")) != NULL) {
        char *host = strchr(pair, '=');

        if (host == NULL || count == row->role_count ||
            strncmp(row->roles[count].role, pair, (size_t)(host - pair))
                != 0 ||
            row->roles[count].role[host - pair] != '\0')
            return fault_set(why, FAULT_USAGE, "--hosts %s does not name a "
                             "host for each role of the job", text);
        planned[count++] = host + 1;
    }
    if (count != row->role_count)
        return fault_set(why, FAULT_USAGE, "--hosts %s: the job has %zu "
                         "roles", text, row->role_count);
    setup->config.planned = planned;
    return true;
}

static char *
parent(struct arena *arena, const char *path)
{
    const char *slash = strrchr(path, '/');

    must(slash != NULL);
    return arena_printf(arena, "%.*s", (int)(slash - path), path);
}

static bool
find_places(struct setup *setup, struct job_run_config *config,
            struct fault *why)
{
    char *recipes = NULL;

    if (!home_get(&config->home, why) ||
        !home_program(&setup->arena, "assay", &setup->program, why) ||
        !home_data(&setup->arena, "recipes", &recipes, why))
        return false;
    config->program_dir = parent(&setup->arena, setup->program);
    config->recipes_dir = realpath(recipes, setup->recipes_dir) != NULL
                              ? setup->recipes_dir : recipes;
    config->recipe_dir = parent(&setup->arena, setup->recipe->path);
    config->recipe = setup->recipe->name;
    return true;
}

/* What went wrong, for those who look for causes. They can do it again: trouble
 * here is no trouble of the job. */
static void
keep_failures(struct setup *setup)
{
    struct pattern_code *code = pattern_code_try();
    struct fault why = FAULT_INIT;

    if (!failure_record(job.db, setup->row->flight, setup->row->job, code,
                        NULL, &why))
        log_fault(LOG_LEVEL_WARN, &why, "cannot keep what failed");
    pattern_code_free(code);
}

/* What is left to say to the database when the run is over. */
static bool
close_job(struct setup *setup, int *status_out, struct fault *why)
{
    bool ok = true;

    if (job.end == JOB_END_LOST || job.db == NULL) {
        *status_out = 75;
        return true;
    }
    if (job.end == JOB_END_NO_HOSTS)
        ok = job_db_requeue(job.db, setup->row->flight, setup->row->job,
                            job.task, job.waits_for, why);
    else if (job.end == JOB_END_DONE)
        keep_failures(setup);
    if (ok)
        ok = task_end(job.db, job.task, job.end == JOB_END_GAVE_WAY
                      ? "the job gave way" : "the job ended", why);
    *status_out = job.end == JOB_END_NO_HOSTS ? JOB_EXIT_NO_HOSTS
        : job.end == JOB_END_GAVE_WAY ? JOB_EXIT_GAVE_WAY : JOB_EXIT_DONE;
    return ok;
}

static bool
run_job(struct setup *setup, struct cmd_call *call, int *status_out,
        struct fault *why)
{
    struct job_run_config *config = &setup->config;
    struct fault problem = FAULT_INIT;
    struct db *db = setup->db;

    if (!load_recipe(setup, &problem)) {
        *status_out = JOB_EXIT_DONE;
        return refuse_job(setup, &problem, why) &&
               task_end(setup->db, job.task, "the job ended", why);
    }
    if (!read_planned(setup, cmd_text(call, "hosts"), why))
        return false;
    *config = (struct job_run_config){
        .row = setup->row,
        .planned = config->planned,
        .plan = &setup->plan,
        .task = job.task,
        .no_wait = cmd_flag(call, "no-wait"),
        .grace_ms = cmd_int(call, "grace"),
        .abort_limit_ms = cmd_int(call, "abort-limit"),
        .lost_limit_ms = cmd_int(call, "lost-limit"),
        .log_max_bytes = cmd_int(call, "log-max-mb") << 20,
        .store = store,
        .make_socket = job_socket_make,
        .hosts_booked = on_hosts,
        .hosts_left = on_hosts_left,
        .reopen = reopen,
    };
    if (!find_places(setup, config, why) ||
        !find_setup(setup, &config->setup, why))
        return false;
    setup->db = NULL;
    if (!run_loop(config, setup->program, db, why))
        return false;
    return close_job(setup, status_out, why);
}

static bool
main_cmd(struct cmd_call *call, struct fault *why)
{
    struct setup setup = {.arena = ARENA_INIT};
    const char *name = cmd_arg(call, 1);
    int status = JOB_EXIT_TAKEN;
    int64_t flight;
    bool ok, mine = false;

    if (!cmd_number(call, 0, "a flight", &flight, why))
        return false;
    log_init(PROGRAM);
    log_set_context(&(struct log_fields){.flight = cmd_arg(call, 0),
                                         .job = name});
    ok = take_job(&setup, flight, name, &mine, why);
    if (ok && mine)
        ok = run_job(&setup, call, &status, why);
    else if (ok && setup.begun)
        ok = task_end(setup.db, job.task, "not to be run", why);
    if (ok)
        cmd_exit_status(call, status);
    db_close(setup.db);
    db_close(job.db);
    free(job.waits_for);
    job_plan_fini(&setup.plan);
    recipe_free(setup.recipe);
    job_row_free(setup.row);
    arena_free(&setup.arena);
    return ok;
}

static const struct cmd_opt OPTS[] = {
    {"abort-limit", CMD_OPT_DURATION, "TIME", "60s", 0, 0,
     "limit of each final step after an abort"},
    {"grace", CMD_OPT_DURATION, "TIME", "10s", 0, 0,
     "from TERM to KILL of a step that is stopped"},
    {"hosts", CMD_OPT_TEXT, "ROLE=HOST,...", NULL, 0, 0,
     "take these hosts, as the plan says, or none"},
    {"log-max-mb", CMD_OPT_INT, "MB", "4096", 0, 1 << 20,
     "what the log of one step may take of the disk; 0: no limit"},
    {"lost-limit", CMD_OPT_DURATION, "TIME", "60s", 0, 0,
     "how long to go on without the database"},
    {"no-wait", CMD_OPT_FLAG, NULL, NULL, 0, 0,
     "exit with 3 when there are no hosts now; the job is queued again"},
    {NULL, CMD_OPT_END, NULL, NULL, 0, 0, NULL},
};

static const struct cmd TABLE[] = {
    {"", "FLIGHT JOB", 2, 2, CMD_WRITES, OPTS, main_cmd,
     "run one job",
     "assayd starts it for each job that may run. It holds the job's hosts as "
     "long as it\nlives. TERM, INT and HUP abort the job: the step that runs "
     "is stopped, the final\nsteps get a short limit; the second one stops "
     "these too.\n\n"
     "Exit status: 0 the job has its final status, 3 no hosts now, 4 somebody "
     "else has\nthe job or it is not queued, 5 it gave way to another job and "
     "is queued again,\n75 the database was lost."},
    {NULL, NULL, 0, 0, CMD_READS, NULL, NULL, NULL, NULL},
};

int
main(int argc, char **argv)
{
    static const struct cmd *const tables[] = {TABLE, NULL};
    static const struct cmd_program program = {
        .name = PROGRAM,
        .help = "Runs one job of a flight.",
        .tables = tables,
    };

    return cmd_main(&program, argc, argv);
}
