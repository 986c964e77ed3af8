/* results/results_cmds.c - assay report. */
#include <config.h>

#include "results/results_cmds.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "harness/arena.h"
#include "harness/buf.h"
#include "harness/cmd.h"
#include "harness/db.h"
#include "harness/fault.h"
#include "harness/fs.h"
#include "harness/home.h"
#include "harness/json.h"
#include "results/evidence_db.h"
#include "results/report.h"
#include "results/verdict.h"

/* The absolute directory of 'file', which need not exist yet. */
static bool
directory_of(struct arena *arena, const char *file, const char **out,
             struct fault *why)
{
    const char *slash = strrchr(file, '/');
    const char *dir = slash == NULL ? "."
        : slash == file ? "/"
        : arena_printf(arena, "%.*s", (int)(slash - file), file);
    char *real = realpath(dir, NULL);

    if (real == NULL)
        return fault_errno(why, FAULT_USAGE, "directory of '%s'", file);
    *out = arena_strdup(arena, real);
    free(real);
    return true;
}

/* What stands before a path below ASSAY_HOME in links of a page at 'file': a
 * relative one if the page is below it too, so that both can be moved. */
static bool
links_base(struct arena *arena, const char *root, const char *file,
           const char **out, struct fault *why)
{
    const char *dir = NULL, *rest, *base = "";
    size_t bytes = strlen(root);

    if (!directory_of(arena, file, &dir, why))
        return false;
    if (strncmp(dir, root, bytes) != 0
        || (dir[bytes] != '/' && dir[bytes] != '\0')) {
        *out = arena_printf(arena, "%s/", root);
        return true;
    }
    for (rest = dir + bytes; *rest != '\0'; rest++) {
        if (*rest == '/' && rest[1] != '\0')
            base = arena_printf(arena, "%s../", base);
    }
    *out = base;
    return true;
}

static bool
make_report(struct db *db, int64_t flight, const char *format,
            const char *file, struct buf *out, enum outcome *outcome_out,
            struct fault *why)
{
    struct report_options options = { .links = REPORT_LINKS_FILES };
    struct arena arena = ARENA_INIT;
    struct evidence evidence;
    struct verdict verdict;
    char *real = NULL;
    bool ok;

    ok = home_get(&options.root, why)
        && evidence_read(db, flight, &arena, &evidence, why);
    if (!ok)
        goto out;
    real = realpath(options.root, NULL);
    if (real != NULL)
        options.root = real;
    options.base = arena_printf(&arena, "%s/", options.root);
    ok = file == NULL
        || links_base(&arena, options.root, file, &options.base, why);
    if (!ok)
        goto out;
    verdict_of(&evidence, &arena, &verdict);
    *outcome_out = verdict.outcome;
    if (strcmp(format, "json") == 0) {
        json_t *json = report_json(&evidence, &verdict);
        char *text = json_dumps(json, JSON_INDENT(2) | JSON_SORT_KEYS);

        buf_adds(out, text == NULL ? "" : text);
        buf_addc(out, '\n');
        free(text);
        json_decref(json);
    } else if (strcmp(format, "html") == 0) {
        report_html(&evidence, &verdict, &options, out);
    } else {
        report_text(&evidence, &verdict, &options, out);
    }
out:
    free(real);
    arena_free(&arena);
    return ok;
}

static bool
run_report(struct cmd_call *call, struct fault *why)
{
    const char *format = cmd_text(call, "format");
    const char *file = cmd_text(call, "output");
    enum outcome outcome = OUTCOME_NONE;
    struct buf out = BUF_INIT;
    struct db *db = NULL;
    int64_t flight;
    bool ok;

    ok = parse_int64(cmd_arg(call, 0), 1, INT64_MAX, &flight);
    if (!ok) {
        fault_set(why, FAULT_USAGE, "'%s' is no number of a flight",
                  cmd_arg(call, 0));
        goto out;
    }
    if (cmd_json(call))
        format = "json";
    ok = strcmp(format, "text") == 0 || strcmp(format, "html") == 0
        || strcmp(format, "json") == 0;
    if (!ok) {
        fault_set(why, FAULT_USAGE, "there is no format '%s' (text, html, "
                  "json)", format);
        goto out;
    }
    ok = db_open("assay", &db, why)
        && make_report(db, flight, format, file, &out, &outcome, why);
    if (!ok)
        goto out;
    if (file != NULL)
        ok = fs_write_file(file, 0644, out.data, out.len, why);
    else if (fwrite(out.data, 1, out.len, stdout) != out.len
             || fflush(stdout) != 0)
        ok = fault_errno(why, FAULT_SYSTEM, "write the report");
out:
    db_close(db);
    buf_free(&out);
    return ok;
}

static const struct cmd_opt report_opts[] = {
    { "format", CMD_OPT_TEXT, "FORMAT", "text", 0, 0,
      "text, html (one page that needs nothing else) or json" },
    { "output", CMD_OPT_TEXT, "FILE", NULL, 0, 0,
      "write there instead of standard output" },
    { 0 },
};

const struct cmd results_cmds[] = {
    { "report", "FLIGHT", 1, 1, CMD_READS, report_opts, run_report,
      "show what a flight found, and what it did not cover",
      "The verdict comes first, then what went wrong, with the lines of the "
      "console or log that matter and whose fault it is, then what was not "
      "covered, then every step with its time.\n\n"
      "A report can be made at any time, also while the flight runs." },
    { 0 },
};
