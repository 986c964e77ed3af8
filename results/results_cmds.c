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
#include "harness/pattern_scan.h"
#include "results/report.h"
#include "results/verdict_db.h"

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

/* Formats ------------------------------------------------------------------ */

struct source {
    const struct evidence *evidence;
    const struct verdict *verdict;
    const struct report_options *options;
};

static void
add_json(json_t *json, struct buf *out)
{
    char *text = json_dumps(json, JSON_INDENT(2) | JSON_SORT_KEYS);

    must(text != NULL);
    buf_adds(out, text);
    buf_addc(out, '\n');
    free(text);
    json_decref(json);
}

static void
format_text(const struct source *source, struct buf *out)
{
    report_text(source->evidence, source->verdict, source->options, out);
}

static void
format_html(const struct source *source, struct buf *out)
{
    report_html(source->evidence, source->verdict, source->options, out);
}

static void
format_json(const struct source *source, struct buf *out)
{
    add_json(report_json(source->evidence, source->verdict), out);
}

static void
format_junit(const struct source *source, struct buf *out)
{
    report_junit(source->evidence, source->verdict, source->options, out);
}

static void
format_tap(const struct source *source, struct buf *out)
{
    report_tap(source->evidence, source->verdict, out);
}

static void
format_kcidb(const struct source *source, struct buf *out)
{
    add_json(report_kcidb(source->evidence, source->verdict,
                          source->options), out);
}

static const struct format {
    const char *name;
    void (*make)(const struct source *source, struct buf *out);
} FORMATS[] = {
    { "text", format_text },
    { "html", format_html },
    { "json", format_json },
    { "junit", format_junit },
    { "tap", format_tap },
    { "kcidb", format_kcidb },
};

static bool
format_find(struct cmd_call *call, const struct format **out,
            struct fault *why)
{
    const char *name = cmd_json(call) ? "json" : cmd_text(call, "format");
    struct buf names = BUF_INIT;

    for (size_t i = 0; i < ARRAY_LEN(FORMATS); i++) {
        if (strcmp(FORMATS[i].name, name) == 0) {
            *out = &FORMATS[i];
            return true;
        }
        buf_addf(&names, "%s%s", i == 0 ? "" : ", ", FORMATS[i].name);
    }
    fault_set(why, FAULT_USAGE, "there is no format '%s' (%s)", name,
              buf_text(&names));
    buf_free(&names);
    return false;
}

/* What the options say of the lab, for those who read elsewhere. */
static bool
options_outside(struct cmd_call *call, struct report_options *options,
                struct fault *why)
{
    static const char *const FIRST[] = { "http://", "https://" };
    const char *url = cmd_text(call, "url");
    const char *origin = cmd_text(call, "origin");
    bool known = url == NULL;

    for (size_t i = 0; i < ARRAY_LEN(FIRST) && !known; i++)
        known = strncmp(url, FIRST[i], strlen(FIRST[i])) == 0
            && url[strlen(FIRST[i])] != '\0'
            && strpbrk(url, " \t\r\n\"<>") == NULL
            && url[strlen(url) - 1] != '/';
    if (!known)
        return fault_set(why, FAULT_USAGE, "'%s' is no address like "
                         "http://lab:8077", url);
    if (origin[0] == '\0' || strspn(origin, "abcdefghijklmnopqrstuvwxyz"
                                    "0123456789_") != strlen(origin))
        return fault_set(why, FAULT_USAGE, "'%s' is no origin: only a-z, "
                         "0-9 and _ may be in it", origin);
    options->url = url;
    options->origin = origin;
    return true;
}

static bool
make_report(struct db *db, int64_t flight, const struct format *format,
            struct report_options *options, const char *file,
            struct buf *out, struct fault *why)
{
    struct arena arena = ARENA_INIT;
    struct evidence evidence;
    struct verdict verdict;
    struct source source = { &evidence, &verdict, options };
    char *real = NULL;
    bool ok;

    ok = home_get(&options->root, why)
        && verdict_read(db, flight, NULL, &arena, &evidence, &verdict, why);
    if (!ok)
        goto out;
    real = realpath(options->root, NULL);
    if (real != NULL)
        options->root = real;
    options->base = arena_printf(&arena, "%s/", options->root);
    ok = file == NULL
        || links_base(&arena, options->root, file, &options->base, why);
    if (!ok)
        goto out;
    options->patterns = pattern_code_try();
    format->make(&source, out);
    pattern_code_free(options->patterns);
    options->patterns = NULL;
out:
    free(real);
    arena_free(&arena);
    return ok;
}

/* To the file that --output names, else to standard output. */
static bool
put_out(const char *file, const struct buf *out, struct fault *why)
{
    if (file != NULL)
        return fs_write_file(file, 0644, out->data, out->len, why);
    if (fwrite(out->data, 1, out->len, stdout) != out->len
        || fflush(stdout) != 0)
        return fault_errno(why, FAULT_SYSTEM, "write the report");
    return true;
}

static bool
run_report(struct cmd_call *call, struct fault *why)
{
    struct report_options options = { .links = REPORT_LINKS_FILES };
    const char *file = cmd_text(call, "output");
    const struct format *format;
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
    ok = format_find(call, &format, why)
        && options_outside(call, &options, why)
        && db_open("assay", &db, why)
        && make_report(db, flight, format, &options, file, &out, why)
        && put_out(file, &out, why);
out:
    db_close(db);
    buf_free(&out);
    return ok;
}

static const struct cmd_opt report_opts[] = {
    { "format", CMD_OPT_TEXT, "FORMAT", "text", 0, 0,
      "text, html (one page that needs nothing else), json, junit, tap or "
      "kcidb" },
    { "origin", CMD_OPT_TEXT, "NAME", "assay", 0, 0,
      "kcidb: the name of this lab, of a-z, 0-9 and _" },
    { "output", CMD_OPT_TEXT, "FILE", NULL, 0, 0,
      "write there instead of standard output" },
    { "url", CMD_OPT_TEXT, "URL", NULL, 0, 0,
      "where others reach assay-web, for links in what is sent out" },
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
