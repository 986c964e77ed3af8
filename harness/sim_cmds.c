/* harness/sim_cmds.c - "assay sim": a trace of jobs, or the lab's own past,
 * against the planner, in virtual time. */
#include <config.h>

#include "harness/sim_cmds.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "harness/arena.h"
#include "harness/buf.h"
#include "harness/cmd.h"
#include "harness/db.h"
#include "harness/fault.h"
#include "harness/fs.h"
#include "harness/json.h"
#include "harness/plan_past_db.h"
#include "harness/pool_policy.h"
#include "harness/replay.h"
#include "harness/replay_db.h"
#include "harness/replay_policy.h"
#include "harness/sim.h"
#include "harness/swf.h"
#include "harness/table.h"

#define TRACE_BYTES (256 * 1024 * 1024)
#define POLICY_BYTES (1024 * 1024)
#define POLICIES_MAX 16

/* One row of the answer, as text and as JSON. */
struct figure {
    const char *key, *unit;
    double value;
};

#define FIGURES 11

static void
list_figures(const struct sim_result *result, struct figure *figures)
{
    const struct figure all[FIGURES] = {
        { "wait_mean", "s", result->wait_mean },
        { "wait_p99", "s", result->wait_p99 },
        { "wait_p999", "s", result->wait_p999 },
        { "wait_max", "s", result->wait_max },
        { "slowdown_mean", "", result->slowdown_mean },
        { "slowdown_p99", "", result->slowdown_p99 },
        { "utilisation", "", result->utilisation },
        { "makespan", "s", result->makespan },
        { "makespan_bound", "s", result->makespan_bound },
        { "makespan_ratio", "",
          result->makespan_bound > 0
          ? result->makespan / result->makespan_bound : 1 },
        { "plans", "", (double)result->plans },
    };

    memcpy(figures, all, sizeof all);
}

static bool
print_json(const struct sim_options *options, const struct swf *swf,
           const struct sim_result *result, struct fault *why)
{
    struct figure figures[FIGURES];
    json_t *root = json_object();
    bool ok;

    list_figures(result, figures);
    json_put_text(root, "policy", sim_policy_name(options->policy));
    json_put_text(root, "estimates", sim_estimates_name(options->estimates));
    json_put_int(root, "hosts", options->hosts);
    json_put_int(root, "patience_ms", options->patience_ms);
    json_put_int(root, "jobs", (int64_t)result->jobs);
    json_put_int(root, "jobs_skipped", (int64_t)swf->skipped);
    json_put_int(root, "jobs_too_big", (int64_t)result->too_big);
    for (size_t i = 0; i < FIGURES; i++)
        json_object_set_new(root, figures[i].key,
                            json_real(figures[i].value));
    ok = json_print(root, stdout, why);
    json_decref(root);
    return ok;
}

static void
print_text(const struct sim_options *options, const struct swf *swf,
           const struct sim_result *result)
{
    struct figure figures[FIGURES];

    list_figures(result, figures);
    printf("%-16s %s, estimates: %s, %d hosts\n", "policy",
           sim_policy_name(options->policy),
           sim_estimates_name(options->estimates), options->hosts);
    printf("%-16s %zu", "jobs", result->jobs);
    if (swf->skipped > 0)
        printf(", %zu skipped that never ran", swf->skipped);
    if (result->too_big > 0)
        printf(", %zu need more hosts", result->too_big);
    putchar('\n');
    for (size_t i = 0; i < FIGURES; i++)
        printf("%-16s %.*f%s%s\n", figures[i].key,
               figures[i].value < 10 ? 4 : 1, figures[i].value,
               figures[i].unit[0] != '\0' ? " " : "", figures[i].unit);
}

static bool
read_options(struct cmd_call *call, struct sim_options *options,
             struct fault *why)
{
    options->hosts = (int)cmd_int(call, "hosts");
    options->patience_ms = cmd_int(call, "patience");
    options->policy = cmd_list(call, "policy", 0) == NULL ? SIM_ASSAY
        : sim_policy_parse(cmd_list(call, "policy", 0));
    options->estimates = sim_estimates_parse(cmd_text(call, "estimates"));
    if (cmd_list(call, "policy", 0) != NULL
        && cmd_list(call, "policy", 1) != NULL)
        return fault_set(why, FAULT_USAGE, "a trace is for one policy");
    if (options->policy == SIM_POLICY_COUNT)
        return fault_set(why, FAULT_USAGE, "no policy %s: assay, easy, fcfs",
                         cmd_list(call, "policy", 0));
    if (options->estimates == SIM_ESTIMATES_COUNT)
        return fault_set(why, FAULT_USAGE,
                         "no estimates %s: user, history, exact",
                         cmd_text(call, "estimates"));
    return true;
}

static bool
run_trace(struct cmd_call *call, struct fault *why)
{
    struct sim_options options;
    struct sim_result result;
    struct arena arena = ARENA_INIT;
    struct buf text = BUF_INIT;
    const char *file;
    struct swf swf;
    bool ok;

    ok = read_options(call, &options, why);
    if (!ok)
        goto out;
    file = cmd_text(call, "trace");
    ok = fs_read_file(strcmp(file, "-") == 0 ? "/dev/stdin" : file,
                      TRACE_BYTES, &text, why);
    if (!ok && why->kind == FAULT_SYSTEM)
        why->kind = FAULT_USAGE;
    if (!ok)
        goto out;
    ok = swf_parse(file, buf_text(&text), text.len, &arena, &swf, why);
    if (!ok)
        goto out;
    if (options.hosts == 0)
        options.hosts = swf.procs_max;
    if (options.hosts == 0) {
        ok = fault_set(why, FAULT_USAGE, "the trace does not say how many "
                       "hosts there are: say --hosts N");
        goto out;
    }
    sim_run(&swf, &options, &arena, &result, NULL);
    if (cmd_json(call))
        ok = print_json(&options, &swf, &result, why);
    else
        print_text(&options, &swf, &result);
out:
    buf_free(&text);
    arena_free(&arena);
    return ok;
}

/* Replays ------------------------------------------------------------------ */

/* One column of the answer. */
struct column {
    const char *policy;
    struct replay_result result;
};

#define COUNTS 4

static void
list_counts(const struct replay_result *result, struct figure *counts)
{
    const struct figure all[COUNTS] = {
        { "jobs_without_hosts", "", (double)result->sim.too_big },
        { "reused", "", (double)result->reused },
        { "gave_way", "", (double)result->gave },
        { "same_hosts", "", (double)result->same_hosts },
    };

    memcpy(counts, all, sizeof all);
}

/* "2026-12-01" or "2026-12-01T09:30:00Z", in UTC. */
static bool
read_moment(const char *text, int64_t *out_ms)
{
    static const char *const forms[] = { "%Y-%m-%d", "%Y-%m-%dT%H:%M:%SZ" };

    for (size_t i = 0; i < ARRAY_LEN(forms); i++) {
        struct tm tm = { 0 };
        const char *end = strptime(text, forms[i], &tm);
        int day = tm.tm_mday;
        time_t when;

        if (end == NULL || *end != '\0')
            continue;
        when = timegm(&tm);
        *out_ms = (int64_t)when * 1000;
        return tm.tm_mday == day;       /* else: the 31st of February */
    }
    return false;
}

static bool
read_range(const char *text, int64_t *from_ms, int64_t *to_ms,
           struct fault *why)
{
    const char *dots = strstr(text, "..");
    char from[40];

    if (dots != NULL && (size_t)(dots - text) < sizeof from) {
        memcpy(from, text, (size_t)(dots - text));
        from[dots - text] = '\0';
        if (read_moment(from, from_ms) && read_moment(dots + 2, to_ms)
            && *from_ms < *to_ms)
            return true;
    }
    return fault_set(why, FAULT_USAGE, "--replay %s: not FROM..TO, moments "
                     "like 2026-12-01 or 2026-12-01T09:30:00Z", text);
}

/* Of a pool: assay-pool(5); else it is an assay-sim-policy(5). */
static bool
is_of_pool(const char *text)
{
    return strncmp(text, "pool:", 5) == 0 || strstr(text, "\npool:") != NULL;
}

static bool
read_pool(const char *file, const char *text, struct arena *arena,
          struct replay_policy *policy, struct fault *why)
{
    const char *slash = strrchr(file, '/');
    struct pool_policy pool;

    if (!pool_policy_parse(file, text, arena, &pool, why))
        return false;
    replay_policy_of_pool(slash != NULL ? slash + 1 : file, &pool, policy);
    return true;
}

static bool
read_policy(const char *file, struct arena *arena,
            struct replay_policy *policy, struct fault *why)
{
    struct buf text = BUF_INIT;
    bool ok = fs_read_file(file, POLICY_BYTES, &text, why);

    if (!ok && why->kind == FAULT_SYSTEM)
        why->kind = FAULT_USAGE;
    if (ok && is_of_pool(buf_text(&text)))
        ok = read_pool(file, buf_text(&text), arena, policy, why);
    else
        ok = ok && replay_policy_parse(file, buf_text(&text), text.len,
                                       arena, policy, why);
    buf_free(&text);
    return ok;
}

static bool
read_policies(struct cmd_call *call, struct arena *arena,
              struct replay_policy *policies, int *count_out,
              struct fault *why)
{
    const char *file;
    int count = 0;

    while ((file = cmd_list(call, "policy", count)) != NULL) {
        if (count == POLICIES_MAX)
            return fault_set(why, FAULT_USAGE, "more than %d policies",
                             POLICIES_MAX);
        if (!read_policy(file, arena, &policies[count++], why))
            return false;
    }
    *count_out = count;
    return true;
}

/* How the lab's queue is served now. */
static bool
policy_in_force(struct db *db, struct arena *arena,
                struct replay_policy *out, struct fault *why)
{
    struct pool_policy pool;
    const char *text;

    if (!plan_past_db_policy(db, arena, &text, why))
        return false;
    pool_policy_default(&pool);
    if (text[0] != '\0'
        && !pool_policy_parse("the policy in force", text, arena, &pool,
                              why))
        return false;
    replay_policy_of_pool("in-force", &pool, out);
    return true;
}

static bool
load_past(int64_t from_ms, int64_t to_ms, struct arena *arena,
          struct replay_past *past, struct replay_policy *policies,
          int *count, struct fault *why)
{
    struct db *db = NULL;
    bool ok = db_open("assay", &db, why)
        && replay_db_load(db, from_ms, to_ms, arena, past, why)
        && (*count > 0
            || policy_in_force(db, arena, &policies[(*count)++], why));

    db_close(db);
    if (ok && past->job_count == 0)
        return fault_set(why, FAULT_NOT_FOUND, "no job of a flight made "
                         "then is over");
    return ok;
}

static json_t *
place_json(const struct replay_job *job, const struct replay_place *place)
{
    json_t *root = json_object(), *hosts = json_array();

    json_put_int(root, "flight", job->flight);
    json_put_text(root, "job", job->name);
    if (place->start_ms >= 0) {
        json_put_int(root, "start_ms", place->start_ms);
        json_put_int(root, "end_ms", place->end_ms);
        for (int k = 0; k < job->role_count; k++)
            json_array_append_new(hosts, json_string(place->hosts[k]));
    }
    json_object_set_new(root, "hosts", hosts);
    json_object_set_new(root, "reused", json_boolean(place->reused));
    json_put_int(root, "gave_way", place->gave);
    return root;
}

static json_t *
column_json(const struct replay_past *past, const struct column *column,
            bool with_jobs)
{
    json_t *run = json_object(), *jobs = json_array();
    struct figure figures[FIGURES], counts[COUNTS];

    list_figures(&column->result.sim, figures);
    list_counts(&column->result, counts);
    json_put_text(run, "policy", column->policy);
    json_put_int(run, "jobs", (int64_t)column->result.sim.jobs);
    for (size_t i = 0; i < COUNTS; i++)
        json_put_int(run, counts[i].key, (int64_t)counts[i].value);
    for (size_t i = 0; i < FIGURES; i++)
        json_object_set_new(run, figures[i].key,
                            json_real(figures[i].value));
    for (int j = 0; j < past->job_count && with_jobs; j++)
        json_array_append_new(jobs, place_json(
            &past->jobs[j], &column->result.places[j]));
    if (with_jobs)
        json_object_set(run, "places", jobs);
    json_decref(jobs);
    return run;
}

static bool
print_replay_json(const struct replay_past *past,
                  const struct column *columns, int count, bool with_jobs,
                  struct fault *why)
{
    json_t *root = json_object(), *runs = json_array();
    bool ok;

    json_put_int(root, "from_ms", past->from_ms);
    json_put_int(root, "to_ms", past->to_ms);
    json_put_int(root, "hosts", past->host_count);
    json_put_int(root, "jobs_open", past->open);
    json_put_int(root, "jobs_never_ran", past->never_ran);
    for (int c = 0; c < count; c++)
        json_array_append_new(runs, column_json(past, &columns[c],
                                                with_jobs));
    json_object_set_new(root, "runs", runs);
    ok = json_print(root, stdout, why);
    json_decref(root);
    return ok;
}

/* "11-23 09:30:00 x1,x2", and how it came to that. */
static const char *
place_text(const struct replay_job *job, const struct replay_place *place,
           struct arena *arena)
{
    time_t at = (time_t)(place->start_ms / 1000);
    struct buf out = BUF_INIT;
    const char *text;
    char when[32];
    struct tm tm;

    if (place->start_ms < 0)
        return "no hosts";
    must(gmtime_r(&at, &tm) != NULL
         && strftime(when, sizeof when, "%m-%d %H:%M:%S", &tm) > 0);
    buf_addf(&out, "%s", when);
    for (int k = 0; k < job->role_count; k++)
        buf_addf(&out, "%c%s", k == 0 ? ' ' : ',', place->hosts[k]);
    if (place->reused)
        buf_addf(&out, " reused");
    if (place->gave > 0)
        buf_addf(&out, " gave way %d", place->gave);
    text = arena_strdup(arena, buf_text(&out));
    buf_free(&out);
    return text;
}

static bool
print_places(const struct replay_past *past, const struct column *columns,
             int count, struct arena *arena, struct fault *why)
{
    const char *names[POLICIES_MAX + 3] = { "job" };
    const char *cells[POLICIES_MAX + 2];
    struct table *table;
    bool ok;

    for (int c = 0; c < count; c++)
        names[c + 1] = columns[c].policy;
    table = table_new(names);
    for (int j = 0; j < past->job_count; j++) {
        cells[0] = arena_printf(arena, "%lld.%s",
                                (long long)past->jobs[j].flight,
                                past->jobs[j].name);
        for (int c = 0; c < count; c++)
            cells[c + 1] = place_text(&past->jobs[j],
                                      &columns[c].result.places[j], arena);
        table_add(table, cells);
    }
    ok = table_print(table, stdout, why);
    table_free(table);
    return ok;
}

static const char *
figure_text(const struct figure *figure, int digits, struct arena *arena)
{
    return arena_printf(arena, "%.*f%s%s", digits, figure->value,
                        figure->unit[0] != '\0' ? " " : "", figure->unit);
}

static bool
print_replay_text(const struct replay_past *past,
                  const struct column *columns, int count,
                  struct arena *arena, struct fault *why)
{
    const char *names[POLICIES_MAX + 3] = { "figure" };
    const char *cells[POLICIES_MAX + 2];
    struct figure figures[FIGURES], counts[COUNTS];
    struct table *table;
    bool ok;

    printf("%d hosts, %d jobs", past->host_count, past->job_count);
    if (past->open > 0)
        printf(", without %lld that are not over", (long long)past->open);
    if (past->never_ran > 0)
        printf(", without %lld that never had hosts",
               (long long)past->never_ran);
    putchar('\n');
    for (int c = 0; c < count; c++)
        names[c + 1] = arena_printf(arena, ">%s", columns[c].policy);
    table = table_new(names);
    for (size_t i = 0; i < FIGURES + COUNTS; i++) {
        for (int c = 0; c < count; c++) {
            list_figures(&columns[c].result.sim, figures);
            list_counts(&columns[c].result, counts);
            cells[0] = i < FIGURES ? figures[i].key
                                   : counts[i - FIGURES].key;
            cells[c + 1] = i < FIGURES
                ? figure_text(&figures[i], figures[i].value < 10 ? 4 : 1,
                              arena)
                : figure_text(&counts[i - FIGURES], 0, arena);
        }
        table_add(table, cells);
    }
    ok = table_print(table, stdout, why);
    table_free(table);
    return ok;
}

static bool
run_replay(struct cmd_call *call, struct fault *why)
{
    struct arena arena = ARENA_INIT;
    struct replay_policy policies[POLICIES_MAX];
    struct column columns[POLICIES_MAX + 1] = { { .policy = "recorded" } };
    struct replay_past past;
    int64_t from_ms, to_ms;
    int count = 0;
    bool ok, jobs = cmd_flag(call, "jobs");

    ok = read_range(cmd_text(call, "replay"), &from_ms, &to_ms, why)
        && read_policies(call, &arena, policies, &count, why)
        && load_past(from_ms, to_ms, &arena, &past, policies, &count,
                     why);
    for (int i = 0; i < count && ok; i++)
        ok = replay_check(&past, &policies[i], why);
    if (!ok)
        goto out;
    replay_recorded(&past, &arena, &columns[0].result);
    for (int i = 0; i < count; i++) {
        columns[i + 1].policy = policies[i].name;
        replay_run(&past, &policies[i], &arena, &columns[i + 1].result);
    }
    if (cmd_json(call))
        ok = print_replay_json(&past, columns, count + 1, jobs, why);
    else
        ok = print_replay_text(&past, columns, count + 1, &arena, why)
            && (!jobs || print_places(&past, columns, count + 1, &arena,
                                      why));
out:
    arena_free(&arena);
    return ok;
}

static bool
run_sim(struct cmd_call *call, struct fault *why)
{
    bool trace = cmd_text(call, "trace") != NULL;

    if (trace == (cmd_text(call, "replay") != NULL))
        return fault_set(why, FAULT_USAGE, "which jobs? say --trace FILE or "
                         "--replay FROM..TO");
    return trace ? run_trace(call, why) : run_replay(call, why);
}

static const struct cmd_opt sim_opts[] = {
    { .name = "trace", .type = CMD_OPT_TEXT, .arg = "FILE",
      .help = "in the Standard Workload Format; - is standard input" },
    { .name = "replay", .type = CMD_OPT_TEXT, .arg = "FROM..TO",
      .help = "jobs of the lab's own flights that were made then (UTC)" },
    { .name = "jobs", .type = CMD_OPT_FLAG,
      .help = "of a replay: each job's start and hosts too" },
    { .name = "hosts", .type = CMD_OPT_INT, .arg = "N", .min = 0,
      .max = 1000000, .help = "how many there are (default: as the trace "
                              "says)" },
    { .name = "policy", .type = CMD_OPT_LIST, .arg = "POLICY",
      .help = "of a trace: assay, easy or fcfs; of a replay: a file, once or "
              "more (default: the policy in force)" },
    { .name = "estimates", .type = CMD_OPT_TEXT, .arg = "KIND",
      .dflt = "user", .help = "what is believed of a job's length: user, "
                              "history or exact" },
    { .name = "patience", .type = CMD_OPT_DURATION, .arg = "TIME",
      .dflt = "150h", .help = "how long a booking may still be moved back" },
    { .name = NULL },
};

const struct cmd sim_cmds[] = {
    { .path = "sim", .args = "", .args_min = 0, .args_max = 0,
      .opts = sim_opts, .run = run_sim,
      .help = "replay a trace, or the lab's own past, against the planner, "
              "in virtual time",
      .text = "Each processor of the trace is a host. A job is known when it "
              "is submitted, with\nits estimate (field 9), needs its "
              "processors (field 8, else 5) all at once, and\nruns for its "
              "true time (field 4), at most its estimate. Times are in "
              "seconds;\nslowdown is bounded at 10 s. 'easy' (EASY "
              "backfilling) and 'fcfs' are there to\nbe compared with.\n\n"
              "--replay takes the jobs from the database, with the roles and "
              "the times that were\nrecorded, and prints the figures of what "
              "happened beside those of each policy." },
    { .path = NULL },
};
