/* flights/show_cmds.c - assay flight list|show, assay job show, assay logs. */
#include <config.h>

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#include "flights/flight_db.h"
#include "flights/flights_cmds.h"
#include "harness/arena.h"
#include "harness/buf.h"
#include "harness/clock.h"
#include "harness/db.h"
#include "harness/fault.h"
#include "harness/fs.h"
#include "harness/give_way_db.h"
#include "harness/home.h"
#include "harness/json.h"
#include "harness/signals.h"
#include "harness/table.h"
#include "results/evidence_db.h"
#include "results/overview_db.h"
#include "results/report.h"
#include "results/verdict.h"

#define FOLLOW_PAUSE_MS 200

/* "2026-11-23 05:16:48" in UTC, or "-". */
static const char *
time_text(struct arena *arena, int64_t ms)
{
    char iso[32];

    if (ms < 0)
        return "-";
    clock_iso(ms, iso);
    iso[10] = ' ';
    return arena_printf(arena, "%.19s", iso);
}

static const char *
span_text(struct arena *arena, int64_t from_ms, int64_t to_ms)
{
    char text[32];

    if (from_ms < 0 || to_ms < from_ms)
        return "-";
    clock_human(to_ms - from_ms, text);
    return arena_strdup(arena, text);
}

/* Lists ------------------------------------------------------------------- */

static const char *
counts_text(struct arena *arena, const int64_t counts[OUTCOME_COUNT])
{
    struct buf out = BUF_INIT;
    const char *text;

    for (int i = 0; i < OUTCOME_COUNT; i++)
        if (counts[i] > 0)
            buf_addf(&out, "%s%" PRId64 " %s", out.len > 0 ? ", " : "",
                     counts[i], outcome_name((enum outcome)i));
    text = arena_strdup(arena, buf_text(&out));
    buf_free(&out);
    return text;
}

static json_t *
list_json(const struct overview_flight *flights, size_t count)
{
    json_t *list = json_array();

    for (size_t i = 0; i < count; i++) {
        const struct overview_flight *f = &flights[i];
        json_t *one = json_object(), *jobs = json_object();

        json_put_int(one, "flight", f->flight);
        json_put_text(one, "branch", f->branch);
        json_put_text(one, "intended", f->intended);
        json_put_text(one, "blessing", f->blessing);
        json_put_text(one, "outcome", outcome_name(f->outcome));
        json_put_text(one, "candidates", f->candidates);
        json_put_int(one, "created_ms", f->created_ms);
        json_put_int(one, "started_ms", f->started_ms);
        json_put_int(one, "finished_ms", f->finished_ms);
        for (int word = 0; word < OUTCOME_COUNT; word++)
            if (f->jobs[word] > 0)
                json_put_int(jobs, outcome_name((enum outcome)word),
                             f->jobs[word]);
        json_object_set_new(one, "jobs", jobs);
        json_array_append_new(list, one);
    }
    return list;
}

static bool
list_table(struct arena *arena, const struct overview_flight *flights,
           size_t count, struct fault *why)
{
    static const char *const names[] = {
        ">FLIGHT", "BRANCH", "OUTCOME", "BLESSING", "STARTED", ">TIME",
        "CANDIDATE", "~JOBS", NULL
    };
    struct table *table = table_new(names);
    bool ok;

    for (size_t i = 0; i < count; i++) {
        const struct overview_flight *f = &flights[i];
        const char *cells[] = {
            arena_printf(arena, "%" PRId64, f->flight), f->branch,
            outcome_name(f->outcome), f->blessing,
            time_text(arena, f->started_ms),
            span_text(arena, f->started_ms, f->finished_ms),
            f->candidates[0] == '\0' ? NULL : f->candidates,
            counts_text(arena, f->jobs),
        };

        table_add(table, cells);
    }
    ok = table_print(table, stdout, why);
    table_free(table);
    return ok;
}

static bool
flight_list(struct cmd_call *call, struct fault *why)
{
    struct arena arena = ARENA_INIT;
    struct overview_flight *flights = NULL;
    struct db *db = NULL;
    size_t count = 0;
    bool ok;

    ok = db_open("assay", &db, why) &&
         overview_flights(db, (int)cmd_int(call, "limit"), &arena, &flights,
                          &count, why);
    if (ok && cmd_json(call)) {
        json_t *list = list_json(flights, count);

        ok = json_print(list, stdout, why);
        json_decref(list);
    } else if (ok && count > 0) {
        ok = list_table(&arena, flights, count, why);
    } else if (ok) {
        fprintf(stderr, "no flights yet: assay flight run FILE\n");
    }
    db_close(db);
    arena_free(&arena);
    return ok;
}

/* One flight, one job ----------------------------------------------------- */

static const char *
hosts_text(struct arena *arena, const struct evidence_job *job)
{
    struct buf out = BUF_INIT;
    const char *text;

    for (size_t i = 0; i < job->role_count; i++)
        if (job->roles[i].host[0] != '\0')
            buf_addf(&out, "%s%s", out.len > 0 ? "," : "",
                     job->roles[i].host);
    text = arena_strdup(arena, buf_text(&out));
    buf_free(&out);
    return text[0] == '\0' ? NULL : text;
}

static const char *
or_dash(const char *text)
{
    return text[0] == '\0' ? NULL : text;
}

static const char *
lane_text(enum lane lane)
{
    return lane == LANE_NONE ? NULL : lane_name(lane);
}

/* When it should start and end, of a job that is open. */
static const char *
expected_text(struct arena *arena, const struct evidence_job *job)
{
    struct buf out = BUF_INIT;
    const char *text;

    booking_words(&job->booking, &out);
    text = arena_strdup(arena, buf_text(&out));
    buf_free(&out);
    return text;
}

/* Why it is as it is, or what it waits for, and how long still. */
static const char *
reason_text(struct arena *arena, const struct evidence_job *job)
{
    bool open = !outcome_is_final(job->status);
    const char *text = open && job->reason[0] == '\0' ? job->waits_for
                                                      : job->reason;

    if (!job->booking.known)
        return or_dash(text);
    return arena_printf(arena, "%s%s%s", text, text[0] != '\0' ? "; " : "",
                        expected_text(arena, job));
}

static bool
jobs_table(struct arena *arena, const struct evidence *e, struct fault *why)
{
    static const char *const names[] = {
        "JOB", "STATUS", "LANE", ">TIME", "HOSTS", ">STEPS", "~REASON", NULL
    };
    struct table *table = table_new(names);
    bool ok;

    for (size_t i = 0; i < e->job_count; i++) {
        const struct evidence_job *job = &e->jobs[i];
        const char *cells[] = {
            job->name, outcome_name(job->status), lane_text(job->lane),
            span_text(arena, job->started_ms, job->finished_ms),
            hosts_text(arena, job),
            arena_printf(arena, "%zu", job->step_count),
            reason_text(arena, job),
        };

        table_add(table, cells);
    }
    ok = table_print(table, stdout, why);
    table_free(table);
    return ok;
}

static bool
steps_table(struct arena *arena, const struct evidence_job *job,
            struct fault *why)
{
    static const char *const names[] = {
        ">STEP", "TESTID", "STATUS", "LANE", ">TIME", ">LOG", "~REASON",
        NULL
    };
    struct table *table = table_new(names);
    bool ok;

    for (size_t i = 0; i < job->step_count; i++) {
        const struct evidence_step *step = &job->steps[i];
        const char *cells[] = {
            arena_printf(arena, "%d", step->number), step->testid,
            outcome_name(step->status), lane_text(step->lane),
            step->elapsed_ms < 0 ? "-"
                                 : span_text(arena, 0, step->elapsed_ms),
            step->log_bytes < 0 ? NULL
                                : arena_printf(arena, "%" PRId64,
                                               step->log_bytes),
            or_dash(step->reason[0] == '\0' &&
                    !outcome_is_final(step->status) ? step->progress
                                                    : step->reason),
        };

        table_add(table, cells);
    }
    ok = table_print(table, stdout, why);
    table_free(table);
    return ok;
}

static void
print_head(struct arena *arena, const struct evidence *e)
{
    printf("flight %" PRId64 ": %s\n", e->flight, outcome_name(e->outcome));
    printf("branch %s, %s (intended %s), made %s, %s by %s\n", e->branch,
           e->blessing, e->intended, time_text(arena, e->created_ms),
           e->source[0] == '\0' ? "?" : e->source, e->harness);
    if (e->started_ms >= 0)
        printf("ran from %s for %s\n", time_text(arena, e->started_ms),
               span_text(arena, e->started_ms, e->finished_ms));
    if (e->abort_reason[0] != '\0')
        printf("aborted: %s\n", e->abort_reason);
    for (size_t i = 0; i < e->build_count; i++)
        printf("candidate %s for %s, from %s\n", e->builds[i].name,
               e->builds[i].arch, e->builds[i].source);
}

static bool
show_text(struct arena *arena, const struct evidence *e, struct fault *why)
{
    print_head(arena, e);
    putchar('\n');
    if (!jobs_table(arena, e, why))
        return false;
    for (size_t i = 0; i < e->job_count; i++) {
        if (e->jobs[i].step_count == 0)
            continue;
        printf("\n%s\n", e->jobs[i].name);
        if (!steps_table(arena, &e->jobs[i], why))
            return false;
    }
    return true;
}

static void
print_pairs(const struct evidence_job *job)
{
    for (size_t i = 0; i < job->role_count; i++)
        printf("%s: %s (%s)\n", job->roles[i].role,
               job->roles[i].host[0] == '\0' ? "no host yet"
                                             : job->roles[i].host,
               job->roles[i].arch);
    for (size_t i = 0; i < job->runvar_count; i++)
        printf("%s%s=%s\n", job->runvars[i].result ? "~" : "",
               job->runvars[i].name, job->runvars[i].value);
}

/* How often the job was told to give its hosts to another, and what became of
 * that. */
struct ways {
    struct give_way *list;
    size_t count;
};

static void
print_ways(struct arena *arena, const struct ways *ways)
{
    for (size_t i = 0; i < ways->count; i++) {
        const struct give_way *way = &ways->list[i];

        if (way->gave_ms < 0)
            printf("gives way to flight %" PRId64 " job %s since %s\n",
                   way->for_flight, way->for_job,
                   time_text(arena, way->asked_ms));
        else
            printf("gave way to flight %" PRId64 " job %s at %s, after %d "
                   "steps on %s, begun %s\n", way->for_flight, way->for_job,
                   time_text(arena, way->gave_ms), way->step_count,
                   way->hosts, time_text(arena, way->started_ms));
    }
}

static json_t *
ways_json(const struct ways *ways)
{
    json_t *list = json_array();

    for (size_t i = 0; i < ways->count; i++) {
        const struct give_way *way = &ways->list[i];
        json_t *one = json_object();

        json_put_int(one, "for_flight", way->for_flight);
        json_put_text(one, "for_job", way->for_job);
        json_put_int(one, "asked_ms", way->asked_ms);
        if (way->gave_ms >= 0) {
            json_put_int(one, "started_ms", way->started_ms);
            json_put_int(one, "gave_ms", way->gave_ms);
            json_put_text(one, "hosts", way->hosts);
            json_object_set_new(one, "steps",
                                json_loads(way->steps, 0, NULL));
        }
        json_array_append_new(list, one);
    }
    return list;
}

static bool
job_text(struct arena *arena, const struct evidence *e,
         const struct evidence_job *job, const struct ways *ways,
         struct fault *why)
{
    printf("flight %" PRId64 " job %s: %s%s%s\n", e->flight, job->name,
           outcome_name(job->status), job->reason[0] == '\0' ? "" : ": ",
           job->reason);
    printf("recipe %s, %s, took %s\n", job->recipe, job->arch,
           span_text(arena, job->started_ms, job->finished_ms));
    if (job->waits_for[0] != '\0')
        printf("waits for %s\n", job->waits_for);
    if (job->booking.known)
        printf("expected: %s\n", expected_text(arena, job));
    print_ways(arena, ways);
    if (job->pointer.file[0] != '\0')
        printf("evidence: %s:%" PRId64 ": %s\n", job->pointer.file,
               job->pointer.line, job->pointer.text);
    print_pairs(job);
    putchar('\n');
    return steps_table(arena, job, why);
}

static const struct evidence_job *
job_named(const struct evidence *e, const char *name)
{
    for (size_t i = 0; i < e->job_count; i++)
        if (strcmp(e->jobs[i].name, name) == 0)
            return &e->jobs[i];
    return NULL;
}

/* The report's JSON, which has everything; with 'job' only that one. */
static bool
print_json(struct arena *arena, const struct evidence *e, const char *job,
           const struct ways *ways, struct fault *why)
{
    struct verdict verdict;
    json_t *root, *jobs, *one, *chosen;
    size_t i;
    bool ok;

    verdict_of(e, NULL, arena, &verdict);
    root = report_json(&(struct report){ .evidence = e,
                                           .verdict = &verdict });
    chosen = root;
    jobs = json_object_get(root, "jobs");
    json_array_foreach(jobs, i, one) {
        const char *name = json_text(one, "job");

        if (job != NULL && name != NULL && strcmp(name, job) == 0)
            chosen = one;
    }
    if (job != NULL)
        json_object_set_new(chosen, "gave_way", ways_json(ways));
    ok = json_print(chosen, stdout, why);
    json_decref(root);
    return ok;
}

static bool
show(struct cmd_call *call, const char *job, struct fault *why)
{
    struct arena arena = ARENA_INIT;
    struct evidence e;
    const struct evidence_job *one = NULL;
    struct ways ways = { 0 };
    struct db *db = NULL;
    int64_t flight = 0;
    bool ok;

    ok = cmd_number(call, 0, "a flight", &flight, why) &&
         db_open("assay", &db, why) &&
         evidence_read(db, flight, &arena, &e, why);
    if (!ok)
        goto out;
    if (job != NULL) {
        one = job_named(&e, job);
        ok = one != NULL;
        if (ok && !give_way_db_list(db, flight, job, &arena, &ways.list,
                                    &ways.count, why)) {
            ok = false;
            goto out;
        }
    }
    if (!ok)
        fault_set(why, FAULT_NOT_FOUND, "flight %" PRId64 " has no job '%s'",
                  flight, job);
    else if (cmd_json(call))
        ok = print_json(&arena, &e, job, &ways, why);
    else if (one != NULL)
        ok = job_text(&arena, &e, one, &ways, why);
    else
        ok = show_text(&arena, &e, why);
out:
    db_close(db);
    arena_free(&arena);
    return ok;
}

static bool
flight_show(struct cmd_call *call, struct fault *why)
{
    return show(call, NULL, why);
}

static bool
job_show(struct cmd_call *call, struct fault *why)
{
    return show(call, cmd_arg(call, 1), why);
}

/* Logs -------------------------------------------------------------------- */

struct log {
    struct db *db;
    int64_t flight;
    const char *job;
    int step;                   /* 0: the runner's own log */
    const char *path;           /* absolute */
};

static bool
log_find(struct cmd_call *call, struct arena *arena, struct log *log,
         struct fault *why)
{
    const char *step = cmd_arg(call, 2), *home, *rel = NULL;

    if (!cmd_number(call, 0, "a flight", &log->flight, why) ||
        !home_get(&home, why) ||
        !db_open("assay", &log->db, why))
        return false;
    log->job = cmd_arg(call, 1);
    if (strcmp(step, "runner") == 0) {
        log->path = home_path(arena, "flights/%" PRId64 "/%s/assay-job.log",
                              log->flight, log->job);
        return true;
    }
    if (!flight_db_find_step(log->db, log->flight, log->job, step,
                             &log->step, why) ||
        !overview_log_path(log->db, log->flight, log->job, log->step, arena,
                           &rel, why))
        return false;
    if (rel[0] == '\0')
        return fault_set(why, FAULT_NOT_FOUND, "step %s of job %s of flight "
                         "%" PRId64 " has no log", step, log->job,
                         log->flight);
    log->path = rel[0] == '/' ? rel : home_path(arena, "%s", rel);
    return true;
}

/* Copies what is there now. */
static bool
log_copy(int fd, const char *path, struct fault *why)
{
    char data[65536];

    for (;;) {
        ssize_t n = read(fd, data, sizeof data);

        if (n == 0)
            return true;
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return fault_errno(why, FAULT_SYSTEM, "read %s", path);
        if (!fd_write_all(STDOUT_FILENO, data, (size_t)n, why))
            return false;
    }
}

/* Whether the step ended is asked before the copy: what is written until then
 * is in it. */
static bool
log_print(const struct log *log, bool follow, struct fault *why)
{
    bool ok, ended = !follow || log->step == 0;
    int fd = open(log->path, O_RDONLY | O_CLOEXEC);

    ok = fd >= 0;
    if (!ok)
        fault_errno(why, FAULT_NOT_FOUND, "open %s", log->path);
    while (ok) {
        if (!ended)
            ok = flight_db_step_ended(log->db, log->flight, log->job,
                                      log->step, &ended, why);
        ok = ok && log_copy(fd, log->path, why);
        if (!ok || ended)
            break;
        signals_pause_ms(FOLLOW_PAUSE_MS);
        ok = signals_check(why);
    }
    fd_close(&fd);
    return ok;
}

static bool
logs(struct cmd_call *call, struct fault *why)
{
    struct arena arena = ARENA_INIT;
    struct log log = { .db = NULL };
    bool ok;

    signals_catch();
    ok = log_find(call, &arena, &log, why);
    if (ok && cmd_flag(call, "path"))
        puts(log.path);
    else if (ok)
        ok = log_print(&log, cmd_flag(call, "follow"), why);
    db_close(log.db);
    arena_free(&arena);
    return ok;
}

/* Tables ------------------------------------------------------------------ */

static const struct cmd_opt list_opts[] = {
    { "limit", CMD_OPT_INT, "N", "20", 1, 100000, "show at most so many" },
    { NULL, CMD_OPT_END, NULL, NULL, 0, 0, NULL }
};

static const struct cmd_opt logs_opts[] = {
    { "follow", CMD_OPT_FLAG, NULL, NULL, 0, 0,
      "go on until the step has ended" },
    { "path", CMD_OPT_FLAG, NULL, NULL, 0, 0,
      "print the path of the file only" },
    { NULL, CMD_OPT_END, NULL, NULL, 0, 0, NULL }
};

const struct cmd flights_show_cmds[] = {
    { "flight list", "", 0, 0, CMD_READS, list_opts, flight_list,
      "list the latest flights", NULL },
    { "flight show", "FLIGHT", 1, 1, CMD_READS, NULL, flight_show,
      "show a flight: its jobs, and every step",
      "With --json everything that is recorded: times, log paths, sizes and "
      "hashes, lanes, cases, measurements, boots." },
    { "job show", "FLIGHT JOB", 2, 2, CMD_READS, NULL, job_show,
      "show one job: hosts, runvars, steps", NULL },
    { "logs", "FLIGHT JOB STEP|TESTID", 3, 3, CMD_READS, logs_opts, logs,
      "print the log of a step",
      "The step 'runner' is the log of the job's assay-job itself." },
    { NULL, NULL, 0, 0, CMD_READS, NULL, NULL, NULL, NULL }
};
