/* harness/sim_cmds.c - "assay sim": a trace of jobs against the planner, in
 * virtual time. */
#include <config.h>

#include "harness/sim_cmds.h"

#include <stdio.h>

#include "harness/arena.h"
#include "harness/buf.h"
#include "harness/cmd.h"
#include "harness/fault.h"
#include "harness/fs.h"
#include "harness/json.h"
#include "harness/sim.h"
#include "harness/swf.h"

#define TRACE_BYTES (256 * 1024 * 1024)

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
    options->policy = sim_policy_parse(cmd_text(call, "policy"));
    options->estimates = sim_estimates_parse(cmd_text(call, "estimates"));
    if (cmd_text(call, "trace") == NULL)
        return fault_set(why, FAULT_USAGE, "which trace? say --trace FILE");
    if (options->policy == SIM_POLICY_COUNT)
        return fault_set(why, FAULT_USAGE, "no policy %s: assay, easy, fcfs",
                         cmd_text(call, "policy"));
    if (options->estimates == SIM_ESTIMATES_COUNT)
        return fault_set(why, FAULT_USAGE,
                         "no estimates %s: user, history, exact",
                         cmd_text(call, "estimates"));
    return true;
}

static bool
run_sim(struct cmd_call *call, struct fault *why)
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

static const struct cmd_opt sim_opts[] = {
    { .name = "trace", .type = CMD_OPT_TEXT, .arg = "FILE",
      .help = "in the Standard Workload Format; - is standard input" },
    { .name = "hosts", .type = CMD_OPT_INT, .arg = "N", .min = 0,
      .max = 1000000, .help = "how many there are (default: as the trace "
                              "says)" },
    { .name = "policy", .type = CMD_OPT_TEXT, .arg = "NAME",
      .dflt = "assay", .help = "assay, easy or fcfs" },
    { .name = "estimates", .type = CMD_OPT_TEXT, .arg = "KIND",
      .dflt = "user", .help = "what is believed of a job's length: user, "
                              "history or exact" },
    { .name = "patience", .type = CMD_OPT_DURATION, .arg = "TIME",
      .dflt = "72h", .help = "how long a booking may still be moved back" },
    { .name = NULL },
};

const struct cmd sim_cmds[] = {
    { .path = "sim", .args = "", .args_min = 0, .args_max = 0,
      .opts = sim_opts, .run = run_sim,
      .help = "replay a trace of jobs against the planner, in virtual time",
      .text = "Each processor of the trace is a host. A job is known when it "
              "is submitted, with\nits estimate (field 9), needs its "
              "processors (field 8, else 5) all at once, and\nruns for its "
              "true time (field 4), at most its estimate. Times are in "
              "seconds;\nslowdown is bounded at 10 s. 'easy' (EASY "
              "backfilling) and 'fcfs' are there to\nbe compared with." },
    { .path = NULL },
};
