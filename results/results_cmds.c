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
#include "harness/html.h"
#include "harness/json.h"
#include "harness/pattern_scan.h"
#include "harness/turn_db.h"
#include "results/decide_db.h"
#include "results/decide_opts.h"
#include "results/evidence.h"
#include "results/mail.h"
#include "results/past.h"
#include "results/report.h"
#include "results/verdict.h"

#define MAIL_BYTES_MAX (64u << 20)

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

struct request {
    struct report_options options;
    struct mail_options mail;
};

static bool
add_json(json_t *json, struct buf *out)
{
    char *text = json_dumps(json, JSON_INDENT(2) | JSON_SORT_KEYS);

    must(text != NULL);
    buf_adds(out, text);
    buf_addc(out, '\n');
    free(text);
    json_decref(json);
    return true;
}

static bool
format_text(const struct report *report, const struct request *request,
            struct buf *out, struct fault *why UNUSED)
{
    report_text(report, &request->options, out);
    return true;
}

static bool
format_html(const struct report *report, const struct request *request,
            struct buf *out, struct fault *why UNUSED)
{
    report_html(report, &request->options, out);
    return true;
}

static bool
format_json(const struct report *report, const struct request *request UNUSED,
            struct buf *out, struct fault *why UNUSED)
{
    return add_json(report_json(report), out);
}

static bool
format_mail(const struct report *report, const struct request *request,
            struct buf *out, struct fault *why)
{
    return mail_build(report, &request->options, &request->mail, out, why);
}

static bool
format_junit(const struct report *report, const struct request *request,
             struct buf *out, struct fault *why UNUSED)
{
    report_junit(report, &request->options, out);
    return true;
}

static bool
format_tap(const struct report *report, const struct request *request UNUSED,
           struct buf *out, struct fault *why UNUSED)
{
    report_tap(report, out);
    return true;
}

static bool
format_kcidb(const struct report *report, const struct request *request,
             struct buf *out, struct fault *why UNUSED)
{
    return add_json(report_kcidb(report, &request->options), out);
}

static const struct format {
    const char *name;
    bool (*make)(const struct report *report, const struct request *request,
                 struct buf *out, struct fault *why);
} FORMATS[] = {
    { "text", format_text },
    { "html", format_html },
    { "json", format_json },
    { "mail", format_mail },
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
            buf_free(&names);
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
request_take(struct cmd_call *call, struct request *request,
             struct fault *why)
{
    const char *url = cmd_text(call, "url");
    const char *origin = cmd_text(call, "origin");

    if (url != NULL && !pages_url_is_good(url))
        return fault_set(why, FAULT_USAGE, "'%s' is no address like "
                         "http://lab:8077", url);
    if (origin[0] == '\0' || strspn(origin, "abcdefghijklmnopqrstuvwxyz"
                                    "0123456789_") != strlen(origin))
        return fault_set(why, FAULT_USAGE, "'%s' is no origin: only a-z, "
                         "0-9 and _ may be in it", origin);
    request->options.url = url;
    request->options.origin = origin;
    request->mail.from = cmd_text(call, "from");
    request->mail.to = cmd_text(call, "to");
    return true;
}

static bool
make_report(struct db *db, int64_t flight, const struct format *format,
            const struct decide_request *asked, struct request *request,
            const char *file, struct buf *out, struct fault *why)
{
    struct report_options *options = &request->options;
    struct arena arena = ARENA_INIT;
    struct report report;
    char *real = NULL;
    bool ok;

    ok = home_get(&options->root, why)
        && report_read(db, flight, asked, &arena, &report, why);
    if (!ok)
        goto out;
    real = realpath(options->root, NULL);
    if (real != NULL)
        options->root = real;
    options->base = arena_printf(&arena, "%s/", options->root);
    options->patterns = pattern_code_try();
    ok = (file == NULL
          || links_base(&arena, options->root, file, &options->base, why))
        && format->make(&report, request, out, why);
out:
    pattern_code_free(options->patterns);
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
    struct request request = { .options.links = REPORT_LINKS_FILES };
    const char *file = cmd_text(call, "output");
    struct arena arena = ARENA_INIT;
    struct decide_request asked;
    const struct format *format;
    struct buf out = BUF_INIT;
    struct db *db = NULL;
    int64_t flight;
    bool ok;

    ok = cmd_number(call, 0, "a flight", &flight, why)
        && format_find(call, &format, why)
        && request_take(call, &request, why)
        && decide_opts_take(call, &arena, &asked, why)
        && turn_db_open("assay", &db, why)
        && make_report(db, flight, format, &asked, &request, file, &out, why)
        && put_out(file, &out, why);
    db_close(db);
    buf_free(&out);
    arena_free(&arena);
    return ok;
}

static bool
read_input(const char *path, struct buf *out, struct fault *why)
{
    char chunk[65536];
    size_t bytes;

    if (strcmp(path, "-") != 0)
        return fs_read_file(path, MAIL_BYTES_MAX, out, why);
    while ((bytes = fread(chunk, 1, sizeof chunk, stdin)) > 0) {
        buf_add(out, chunk, bytes);
        if (out->len > MAIL_BYTES_MAX)
            return fault_set(why, FAULT_DATA, "standard input is longer than "
                             "%u bytes", MAIL_BYTES_MAX);
    }
    return ferror(stdin) == 0
        || fault_errno(why, FAULT_SYSTEM, "read standard input");
}

static bool
run_parse(struct cmd_call *call, struct fault *why)
{
    struct request request = { .options.links = REPORT_LINKS_NONE };
    const char *path = cmd_arg(call, 0);
    struct buf mail = BUF_INIT, out = BUF_INIT;
    struct arena arena = ARENA_INIT;
    const struct format *format;
    struct evidence evidence;
    struct verdict verdict;
    bool ok;

    ok = format_find(call, &format, why)
        && request_take(call, &request, why) && read_input(path, &mail, why)
        && mail_parse(strcmp(path, "-") == 0 ? "standard input" : path,
                      buf_text(&mail), mail.len, &arena, &evidence, why);
    if (ok) {
        verdict_of(&evidence, NULL, &arena, &verdict);
        ok = format->make(&(struct report){ .evidence = &evidence,
                                            .verdict = &verdict },
                          &request, &out, why)
            && put_out(cmd_text(call, "output"), &out, why);
    }
    buf_free(&mail);
    buf_free(&out);
    arena_free(&arena);
    return ok;
}

/* The past ----------------------------------------------------------------- */

typedef bool past_fn(struct db *db, struct cmd_call *call, int limit,
                     struct arena *arena, struct past *out,
                     struct fault *why);

static void
past_make(const char *format, const struct past *past, struct buf *out)
{
    struct buf title = BUF_INIT;

    if (strcmp(format, "json") == 0) {
        (void)add_json(past_json(past), out);
    } else if (strcmp(format, "html") == 0) {
        buf_addf(&title, "%s %s", past->is_host ? "host" : "job", past->name);
        html_begin(out, buf_text(&title));
        buf_addf(out, "<p class=\"top\"><span>Assay, %s history</span></p>\n"
                 "<main>\n", past->is_host ? "host" : "job");
        past_html(past, REPORT_LINKS_NONE, out);
        buf_adds(out, "</main>\n");
        html_end(out);
    } else {
        past_text(past, out);
    }
    buf_free(&title);
}

static bool
run_past(struct cmd_call *call, past_fn *read, struct fault *why)
{
    const char *format = cmd_json(call) ? "json" : cmd_text(call, "format");
    struct arena arena = ARENA_INIT;
    struct buf out = BUF_INIT;
    struct db *db = NULL;
    struct past past;
    bool ok;

    ok = strcmp(format, "text") == 0 || strcmp(format, "html") == 0
        || strcmp(format, "json") == 0;
    if (!ok) {
        fault_set(why, FAULT_USAGE, "there is no format '%s' (text, html, "
                  "json)", format);
        goto out;
    }
    ok = db_open("assay", &db, why)
        && read(db, call, (int)cmd_int(call, "runs"), &arena, &past, why);
    if (ok) {
        past_make(format, &past, &out);
        ok = put_out(cmd_text(call, "output"), &out, why);
    }
out:
    db_close(db);
    buf_free(&out);
    arena_free(&arena);
    return ok;
}

static bool
read_job(struct db *db, struct cmd_call *call, int limit,
         struct arena *arena, struct past *out, struct fault *why)
{
    const char *branch = cmd_text(call, "branch");

    return past_read_job(db, cmd_arg(call, 0), branch == NULL ? "" : branch,
                         limit, arena, out, why);
}

static bool
run_job(struct cmd_call *call, struct fault *why)
{
    return run_past(call, read_job, why);
}

static bool
read_host(struct db *db, struct cmd_call *call, int limit,
          struct arena *arena, struct past *out, struct fault *why)
{
    return past_read_host(db, cmd_arg(call, 0), limit, arena, out, why);
}

static bool
run_host(struct cmd_call *call, struct fault *why)
{
    return run_past(call, read_host, why);
}

#define OUT_OPTS \
    { "from", CMD_OPT_TEXT, "ADDRESS", NULL, 0, 0, \
      "mail: who sends it" }, \
    { "origin", CMD_OPT_TEXT, "NAME", "assay", 0, 0, \
      "kcidb: the name of this lab, of a-z, 0-9 and _" }, \
    { "output", CMD_OPT_TEXT, "FILE", NULL, 0, 0, \
      "write there instead of standard output" }, \
    { "to", CMD_OPT_TEXT, "ADDRESSES", NULL, 0, 0, \
      "mail: who gets it" }, \
    { "url", CMD_OPT_TEXT, "URL", NULL, 0, 0, \
      "where others reach assay-web, for links in what is sent out" }

static const struct cmd_opt report_opts[] = {
    { "format", CMD_OPT_TEXT, "FORMAT", "text", 0, 0,
      "text, html (one page that needs nothing else), json, mail, junit, tap "
      "or kcidb" },
    DECIDE_OPTS,
    OUT_OPTS,
    { 0 },
};

static const struct cmd_opt parse_opts[] = {
    { "format", CMD_OPT_TEXT, "FORMAT", "json", 0, 0,
      "as for assay report" },
    OUT_OPTS,
    { 0 },
};

#define PAST_OPTS \
    { "format", CMD_OPT_TEXT, "FORMAT", "text", 0, 0, \
      "text, html or json" }, \
    { "output", CMD_OPT_TEXT, "FILE", NULL, 0, 0, \
      "write there instead of standard output" }, \
    { "runs", CMD_OPT_INT, "N", "100", 1, PAST_RUNS_MAX, \
      "the last N runs" }

static const struct cmd_opt job_opts[] = {
    { "branch", CMD_OPT_TEXT, "BRANCH", NULL, 0, 0,
      "only flights of this branch" },
    PAST_OPTS,
    { 0 },
};

static const struct cmd_opt host_opts[] = {
    PAST_OPTS,
    { 0 },
};

const struct cmd results_cmds[] = {
    { "report", "FLIGHT", 1, 1, CMD_READS, report_opts, run_report,
      "show what a flight found, and what it did not cover",
      "The verdict comes first, then what went wrong, with the lines of the "
      "console or log that matter and whose fault it is, then what was not "
      "covered, then every step with its time. --baseline, --this, --that, "
      "--allow, --blessing and --max-flight are those of assay verdict.\n\n"
      "A report can be made at any time, also while the flight runs." },
    { "report host", "HOST", 1, 1, CMD_READS, host_opts, run_host,
      "show how a host did lately",
      "Its runs and boots as strips, how often jobs passed on it, and when it "
      "did not do its part. assay-web shows the same at /host/HOST." },
    { "report job", "JOB", 1, 1, CMD_READS, job_opts, run_job,
      "show how a job did lately",
      "Each of its tests as a strip of runs with its pass rate, and its "
      "measurements over time. assay-web shows the same at /job/JOB." },
    { "report parse", "FILE", 1, 1, CMD_READS, parse_opts, run_parse,
      "read the results back from a mailed report",
      "FILE is a mail of --format mail, as it was sent or as an archive keeps "
      "it; - is standard input. What was changed or broke off is refused, "
      "with the line." },
    { 0 },
};
