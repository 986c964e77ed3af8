/* results/stats_cmds.c - assay stats: the statistics alone, on files with one
 * number a line, without a lab or a database. */
#include <config.h>

#include "results/stats_cmds.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <unistd.h>

#include "harness/arena.h"
#include "harness/buf.h"
#include "harness/cmd.h"
#include "harness/db.h"
#include "harness/fault.h"
#include "harness/fs.h"
#include "harness/json.h"
#include "harness/mem.h"
#include "results/plot.h"
#include "results/series.h"
#include "results/stats.h"

#define SERIES_BYTES (64u << 20)
#define EXIT_CHANGED 1
#define EXIT_MORE 3

struct numbers {
    double *values;
    size_t count, cap;
    int64_t *flights;           /* of each; NULL: they are lines of a file */
    char unit[64];
};

static bool
series_line(struct numbers *series, const char *file, int line, char *text,
            struct fault *why)
{
    size_t end;

    text += strspn(text, " \t");
    end = strcspn(text, "#\r");
    while (end > 0 && (text[end - 1] == ' ' || text[end - 1] == '\t'))
        end--;
    text[end] = '\0';
    if (end == 0)
        return true;
    series->values = xgrow(series->values, &series->cap, series->count,
                           sizeof(*series->values));
    if (!parse_double(text, &series->values[series->count]))
        return fault_set(why, FAULT_CONFIG, "%s:%d: '%.60s' is no number",
                         file, line, text);
    series->count++;
    return true;
}

/* One number a line; blank lines and what follows '#' do not count. "-" is
 * standard input. */
static bool
numbers_read(const char *file, struct numbers *series, struct fault *why)
{
    struct buf text = BUF_INIT;
    bool is_stdin = strcmp(file, "-") == 0;
    char *line, *rest;
    int number = 0;
    bool ok;

    ok = fs_read_file(is_stdin ? "/dev/stdin" : file, SERIES_BYTES, &text,
                      why);
    if (!ok && why->kind == FAULT_SYSTEM)
        why->kind = FAULT_USAGE;
    if (ok && text.len != strlen(buf_text(&text)))
        ok = fault_set(why, FAULT_CONFIG, "%s: holds zero bytes", file);
    for (rest = text.data; ok && (line = strsep(&rest, "\n")) != NULL;)
        ok = series_line(series, file, ++number, line, why);
    buf_free(&text);
    return ok;
}

static json_t *
number(double value)
{
    return isfinite(value) ? json_real(value) : json_null();
}

static json_t *
compare_json(const struct stats_comparison *cmp, const struct numbers *a,
             const struct numbers *b)
{
    return json_pack("{s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:I, s:I}",
                     "verdict", stats_verdict_name(cmp->verdict),
                     "median_a", number(cmp->median_a),
                     "median_b", number(cmp->median_b),
                     "shift", number(cmp->shift), "low", number(cmp->low),
                     "high", number(cmp->high), "z", number(cmp->z),
                     "margin", number(cmp->margin),
                     "count_a", (json_int_t)a->count,
                     "count_b", (json_int_t)b->count);
}

static bool
run_compare(struct cmd_call *call, struct fault *why)
{
    struct numbers a = { .values = NULL }, b = { .values = NULL };
    struct stats_comparison cmp;
    double margin = 0;
    json_t *json;
    bool few, ok;

    ok = cmd_text(call, "margin") == NULL
        || (parse_double(cmd_text(call, "margin"), &margin) && margin > 0)
        || fault_set(why, FAULT_USAGE, "--margin '%s' is no positive number",
                     cmd_text(call, "margin"));
    ok = ok && numbers_read(cmd_arg(call, 0), &a, why)
        && numbers_read(cmd_arg(call, 1), &b, why);
    if (!ok)
        goto out;
    stats_compare(a.values, a.count, b.values, b.count, margin, &cmp);
    few = a.count < 2 || b.count < 2;
    if (few)                    /* what is not known is not 0 */
        cmp.median_a = cmp.median_b = cmp.shift = cmp.low = cmp.high = cmp.z
            = cmp.margin = NAN;
    if (cmd_json(call)) {
        json = compare_json(&cmp, &a, &b);
        ok = json_print(json, stdout, why);
        json_decref(json);
    } else if (few) {
        printf("unknown: %zu and %zu values are too few\n", a.count, b.count);
    } else {
        printf("%s: median %g and %g, shift %g (%g to %g), %zu and %zu "
               "values\n", stats_verdict_name(cmp.verdict), cmp.median_a,
               cmp.median_b, cmp.shift, cmp.low, cmp.high, a.count, b.count);
    }
    cmd_exit_status(call, cmp.verdict == STATS_SAME ? 0
                    : cmp.verdict == STATS_DIFFERENT ? EXIT_CHANGED
                    : EXIT_MORE);
out:
    free(a.values);
    free(b.values);
    return ok;
}

/* "JOB/TESTID/NAME", which is no file: the last place's values. */
static bool
stored_read(struct cmd_call *call, const char *text, struct numbers *numbers,
            struct fault *why)
{
    const char *testid = strchr(text, '/'), *name = strrchr(text, '/');
    struct arena arena = ARENA_INIT;
    struct series_request request = {
        .branch = cmd_text(call, "branch"),
        .flights = (int)cmd_int(call, "flights"),
    };
    struct series *all = NULL, last;
    struct db *db = NULL;
    size_t count = 0;
    bool ok;

    request.job = arena_printf(&arena, "%.*s", (int)(testid - text), text);
    request.testid = arena_printf(&arena, "%.*s", (int)(name - testid - 1),
                                  testid + 1);
    request.name = name + 1;
    ok = db_open("assay", &db, why)
        && series_read(db, &request, &arena, &all, &count, why)
        && (count > 0 || fault_set(why, FAULT_NOT_FOUND, "'%s' is neither a "
                                   "file nor a series of measurements",
                                   text));
    if (ok) {
        series_of_last_place(&all[0], &arena, &last);
        numbers->flights = xcalloc(last.count + 1, sizeof(int64_t));
        for (size_t i = 0; i < last.count; i++) {
            numbers->values = xgrow(numbers->values, &numbers->cap,
                                    numbers->count,
                                    sizeof(*numbers->values));
            numbers->flights[numbers->count] = last.points[i].flight;
            numbers->values[numbers->count++] = last.points[i].value;
        }
        (void)snprintf(numbers->unit, sizeof(numbers->unit), "%s",
                       last.unit);
    }
    db_close(db);
    arena_free(&arena);
    return ok;
}

static bool
numbers_get(struct cmd_call *call, struct numbers *numbers,
            struct fault *why)
{
    const char *arg = cmd_arg(call, 0), *slash = strchr(arg, '/');

    if (strcmp(arg, "-") != 0 && slash != NULL && slash != arg
        && strchr(slash + 1, '/') != NULL && !fs_exists(arg))
        return stored_read(call, arg, numbers, why);
    return numbers_read(arg, numbers, why);
}

static bool
write_plot(const char *file, const char *title, const struct numbers *numbers,
           const struct stats_changes *changes, struct fault *why)
{
    size_t *at = xcalloc(changes->count + 1, sizeof(*at));
    struct plot plot = {
        .values = numbers->values, .count = numbers->count, .changes = at,
        .change_count = changes->count, .title = title,
        .unit = numbers->unit,
    };
    struct buf out = BUF_INIT;
    bool ok;

    for (size_t i = 0; i < changes->count; i++)
        at[i] = changes->list[i].at;
    plot_svg(&plot, &out);
    ok = fs_write_file(file, 0644, out.data, out.len, why);
    buf_free(&out);
    free(at);
    return ok;
}

static bool
run_changepoint(struct cmd_call *call, struct fault *why)
{
    struct numbers series = { .values = NULL };
    struct stats_changes changes = { .list = NULL };
    const struct stats_change *c;
    json_t *json, *list;
    size_t i;
    bool ok;

    ok = numbers_get(call, &series, why);
    if (!ok)
        goto out;
    stats_changepoints(series.values, series.count, &changes);
    if (cmd_text(call, "plot") != NULL)
        ok = write_plot(cmd_text(call, "plot"), cmd_arg(call, 0), &series,
                        &changes, why);
    if (!ok)
        goto out;
    if (cmd_json(call)) {
        list = json_array();
        for (i = 0; i < changes.count; i++) {
            c = &changes.list[i];
            json_array_append_new(list, json_pack(
                "{s:I, s:o, s:o, s:o, s:o*}", "at", (json_int_t)c->at + 1,
                "before", number(c->before), "after", number(c->after),
                "z", number(c->z), "flight", series.flights == NULL ? NULL
                : json_integer(series.flights[c->at])));
        }
        json = json_pack("{s:I, s:o, s:o}", "count",
                         (json_int_t)series.count, "noise",
                         number(changes.noise), "changes", list);
        ok = json_print(json, stdout, why);
        json_decref(json);
    } else {
        for (i = 0; i < changes.count; i++) {
            c = &changes.list[i];
            if (series.flights != NULL)
                printf("flight %" PRId64 ", ", series.flights[c->at]);
            printf("%zu: %g to %g (z %.1f)\n", c->at + 1, c->before,
                   c->after, c->z);
        }
        if (changes.count == 0)
            printf("no change in %zu values\n", series.count);
    }
    cmd_exit_status(call, changes.count > 0 ? EXIT_CHANGED : 0);
out:
    stats_changes_fini(&changes);
    free(series.values);
    free(series.flights);
    return ok;
}

static const struct cmd_opt changepoint_opts[] = {
    { .name = "branch", .type = CMD_OPT_TEXT, .arg = "BRANCH",
      .help = "of a series: flights of this branch alone" },
    { .name = "flights", .type = CMD_OPT_INT, .arg = "N", .dflt = "2000",
      .min = 1, .max = 100000, .help = "of a series: the last N flights" },
    { .name = "plot", .type = CMD_OPT_TEXT, .arg = "FILE",
      .help = "write a picture of it there (SVG)" },
    { .name = NULL },
};
static const struct cmd_opt compare_opts[] = {
    { .name = "margin", .type = CMD_OPT_TEXT, .arg = "SHIFT",
      .help = "the least shift that matters (default: the spread between "
              "quartiles)" },
    { .name = NULL },
};

const struct cmd stats_cmds[] = {
    { .path = "stats changepoint", .args = "FILE|SERIES", .args_min = 1,
      .args_max = 1, .opts = changepoint_opts, .run = run_changepoint,
      .help = "find where a series of numbers changed",
      .text = "FILE has one number a line, oldest first; '-' is standard "
              "input. Each change is\nprinted with the line on which the new "
              "level begins. SERIES is JOB/TESTID/NAME: the\nmeasurement NAME "
              "of that test, one number a flight, on the class of hosts and\n"
              "with the harness of the last one.\n\nExit status 0: no change, "
              "1: there are some." },
    { .path = "stats compare", .args = "A B", .args_min = 2, .args_max = 2,
      .opts = compare_opts, .run = run_compare,
      .help = "say if two samples are the same, different, or too few",
      .text = "A and B have one number a line. May be asked again after each "
              "further pair of\nvalues: over all those looks at most 1 in 100 "
              "equal pairs is called different.\nExit status 0: same, 1: "
              "different, 3: more values are needed." },
    { .path = NULL },
};
