/* tests/results/report-test.c - the report of a made-up flight, read from a
 * real database: text against a golden copy, the page for its structure and
 * for what must not be in it, JSON, and the command line.
 *
 * After a change that is meant: ASSAY_GOLDEN=update tests/results/report-test
 */
#include <config.h>

#include <unistd.h>

#include "harness/arena.h"
#include "harness/buf.h"
#include "harness/db.h"
#include "harness/fs.h"
#include "harness/home.h"
#include "harness/json.h"
#include "harness/pattern_scan.h"
#include "harness/proc.h"
#include "results/evidence.h"
#include "results/evidence_db.h"
#include "results/report.h"
#include "results/verdict.h"
#include "tests/tap.h"
#include "tests/pgfix.h"

#define REPORT(e, v) (&(struct report){ .evidence = (e), .verdict = (v) })

static struct pgfix fix;
static struct arena arena = ARENA_INIT;

static char *
source(const char *path)
{
    const char *top = getenv("ASSAY_TOP_SRCDIR");

    if (top == NULL)
        tap_bail("ASSAY_TOP_SRCDIR is not set");
    return arena_printf(&arena, "%s/tests/results/%s", top, path);
}

static void
put(const char *path, const char *data, size_t bytes)
{
    char *full = arena_printf(&arena, "%s/%s", fix.home, path);
    char *dir = arena_strdup(&arena, full);
    struct fault why = FAULT_INIT;

    *strrchr(dir, '/') = '\0';
    if (!fs_mkdirs(dir, 0755, &why)
        || !fs_write_file(full, 0644, data, bytes, &why))
        tap_bail("%s", why.text);
}

/* Logs and a console, with what a stranger would put in. */
static void
make_files(void)
{
    static const char STEP[] = "first\n<script>alert('x')</script>\x1b[31m\n"
        "\xff\xfe\0 no text\nlab-x86-2: Panic on CPU 0: FATAL TRAP\n";
    static const char BROKEN[] = "weights 256:512\nlab-x86-1: connection "
        "lost\nerror: lab-x86-1 lost its power: domain lab-x86-1 is shut off"
        "\n";
    struct buf console = BUF_INIT;

    put("flights/1/pair/1.log", STEP, sizeof STEP - 1);
    put("flights/1/credit2/4.log", BROKEN, sizeof BROKEN - 1);
    for (int i = 0; i < 40; i++)
        buf_adds(&console, "an older boot\r\n");
    buf_adds(&console, "\x1b[2JiPXE\r\n(XEN) Xen version 4.17.5\r\n"
             "(XEN) Xen call trace:\r\n(XEN)    [<ffff82d0402d7e19>] R "
             "mwait_idle_with_hints+0x99/0x1b0\r\n(XEN) \r\n"
             "(XEN) ****************\r\n(XEN) Panic on CPU 0:\r\n"
             "(XEN) FATAL TRAP: vec 13, #GP[0000]</pre><b>\r\n"
             "(XEN) ****************\r\n(XEN) \r\n(XEN) Manual reset required"
             "\r\n");
    put("consoles/lab-x86-2/000001.log", buf_text(&console), console.len);
    buf_free(&console);
    /* 2026-11-23 05:02:41 UTC, after 40 lines of 15 bytes. */
    put("consoles/lab-x86-2/000001.idx", "f 1795409000000 0 0\n"
        "t 1795409000000 0 0\nt 1795410161000 5 600\n", 63);
}

static void
is_golden(const char *got, const char *name)
{
    const char *update = getenv("ASSAY_GOLDEN");
    struct fault why = FAULT_INIT;
    struct buf want = BUF_INIT;
    const char *path = source(name);
    int line = 1;
    const char *a, *b;

    if (update != NULL && strcmp(update, "update") == 0
        && !fs_write_file(path, 0644, got, strlen(got), &why))
        tap_bail("%s", why.text);
    if (!fs_read_file(path, 1 << 20, &want, &why))
        tap_bail("%s", why.text);
    if (!ok(strcmp(buf_text(&want), got) == 0, "%s is as it was", name)) {
        for (a = buf_text(&want), b = got; *a == *b && *a != '\0'; a++, b++)
            line += *a == '\n';
        diag("line %d\nwanted ...%.200s\ngot    ...%.200s", line, a, b);
    }
    buf_free(&want);
}

/* The structure of a page -------------------------------------------------- */

/* Names whose end tag may be left out, and those that have none. */
static bool
is_void(const char *name)
{
    static const char *const NAMES[] = { "!DOCTYPE", "meta", "td", "th",
                                         "line", "circle" };

    for (size_t i = 0; i < ARRAY_LEN(NAMES); i++) {
        if (strcmp(NAMES[i], name) == 0)
            return true;
    }
    return false;
}

/* Every tag opened is closed in order, and only known ones occur. */
static void
is_well_formed(const char *page, const char *what)
{
    static const char *const KNOWN =
        " !DOCTYPE html head meta title style body p span main section h1 h2 "
        "h3 dl dt dd article b a pre i code div table thead tbody tr td th "
        "svg line circle details summary s footer ";
    const char *open[64], *p = page, *bad = NULL;
    size_t depth = 0;

    while (bad == NULL && (p = strchr(p, '<')) != NULL) {
        bool end = p[1] == '/';
        const char *start = p + 1 + end;
        size_t bytes = strcspn(start, " >/\n");
        char *name = arena_printf(&arena, "%.*s", (int)bytes, start);

        if (strstr(KNOWN, arena_printf(&arena, " %s ", name)) == NULL)
            bad = "an unknown tag";
        else if (end && (depth == 0 || strcmp(open[--depth], name) != 0)
                 && !is_void(name))
            bad = "an end without its begin";
        else if (!end && !is_void(name)) {
            if (depth == ARRAY_LEN(open))
                tap_bail("too deep");
            open[depth++] = name;
        }
        if (strcmp(name, "style") == 0 && !end)
            p = strstr(p, "</style>");
        else
            p = strchr(p, '>');
        if (p == NULL)
            bad = "an open tag";
        else if (*p == '>')
            p++;
        if (bad != NULL)
            diag("%s: %.100s", bad, start - 1 - end);
    }
    ok(bad == NULL && depth == 0, "%s is well formed", what);
    for (size_t i = 0; page[i] != '\0'; i++) {
        unsigned char c = (unsigned char)page[i];

        if (c < 0x20 && c != '\n') {
            bad = "control";
            diag("byte %zu is %02x", i, c);
        }
    }
    ok(bad == NULL, "... and has no control bytes");
    for (size_t i = 0, n; page[i] != '\0'; i += n) {
        n = utf8_span(page + i, strlen(page + i) < 8 ? strlen(page + i) : 8);
        if (n == 0) {
            bad = "utf8";
            n = 1;
        }
    }
    ok(bad == NULL, "... and is UTF-8");
}

static void
the_page(const struct evidence *evidence, const struct verdict *verdict)
{
    struct pattern_code *code = pattern_code_try();
    const struct report_options files = {
        .patterns = code,
        .root = fix.home, .links = REPORT_LINKS_FILES, .base = "../../",
    };
    struct buf page = BUF_INIT, again = BUF_INIT;
    const char *text, *verdict_at, *trouble_at, *gaps_at, *grid_at;

    report_html(REPORT(evidence, verdict), &files, &page);
    report_html(REPORT(evidence, verdict), &files, &again);
    text = buf_text(&page);
    is_well_formed(text, "the page");
    ok(strcmp(text, buf_text(&again)) == 0, "the same again is the same");
    verdict_at = strstr(text, "<h1>flight 1: <span>fail</span></h1>");
    trouble_at = strstr(text, "What went wrong");
    gaps_at = strstr(text, "What was not covered");
    grid_at = strstr(text, "Jobs and steps");
    ok(verdict_at != NULL && trouble_at > verdict_at && gaps_at > trouble_at
       && grid_at > gaps_at, "verdict, trouble, coverage, grid: in this "
       "order");
    has_str(text, "class=\"mark\"><i>47</i>(XEN) Panic on CPU 0:</span>",
            "the console's line that matters, marked and numbered");
    has_str(text, "hypervisor panic, from <a href=\"../../consoles/"
            "lab-x86-2/000001.log#:~:text=%28%58%45%4E%29%20%50%61%6E%69%63",
            "... and where it stands, to the text");
    has_str(text, "consoles/lab-x86-2/000001.log:47</a> <span class=\"soft\">"
            "byte 757</span>", "... by line and byte");
    has_str(text, "fault: product", "whose fault");
    has_str(text, "fault: host", "... and of the other");
    has_str(text, "Xen does not implement migration on arm64",
            "what arm64 lacks");
    has_str(text, "expected, but not reported", "missing cases");
    has_str(text, "no host has architecture armhf", "what was starved");
    has_str(text, "../../flights/1/credit2/4.log", "each log is linked");
    has_str(text, "firmware</span>", "the phases of a boot");
    has_str(text, "boot, not finished, lab-x86-2", "... an open one");
    has_str(text, "<b>1205</b> ms", "a measurement");
    has_str(text, "1180 to 1260", "... its range");
    has_str(text, "xen_buildid", "versions");
    has_str(text, "href=\"../../artefacts/aa/aaaa", "what was kept");
    has_str(text, "Content-Security-Policy", "the page forbids scripts");
    ok(strstr(text, "<script") == NULL, "no script comes in");
    ok(strstr(text, "</pre><b>") == NULL, "no tag of a console comes in");
    has_str(text, "&lt;script&gt;alert(1)&lt;/script&gt;", "... but escaped");
    has_str(text, "\\x07\\u202eevil", "... and so is what cannot be seen");
    ok(strstr(text, "http://") == NULL && strstr(text, "https://") == NULL,
       "nothing is fetched from elsewhere");
    buf_free(&page);
    pattern_code_free(code);
    buf_free(&again);
}

static void
other_shapes(const struct evidence *whole)
{
    const struct report_options none = { .root = NULL };
    struct evidence evidence = *whole;
    struct verdict verdict;
    struct buf page = BUF_INIT;

    evidence.job_count = evidence.host_count = evidence.build_count = 0;
    evidence.started_ms = evidence.finished_ms = -1;
    verdict_of(&evidence, NULL, &arena, &verdict);
    report_html(REPORT(&evidence, &verdict), &none, &page);
    is_well_formed(buf_text(&page), "the page of an empty flight");
    has_str(buf_text(&page), "not started", "... not started");
    buf_reset(&page);
    report_text(REPORT(&evidence, &verdict), &none, &page);
    has_str(buf_text(&page), "flight 1: broken\n", "... as text");
    buf_reset(&page);
    evidence = *whole;
    verdict_of(&evidence, NULL, &arena, &verdict);
    report_html(REPORT(&evidence, &verdict), &none, &page);
    is_well_formed(buf_text(&page), "the page without any file");
    has_str(buf_text(&page), "lab-x86-2: Panic on CPU 0",
            "... still has the line that the database knows");
    buf_free(&page);
}

static void
the_json(const struct evidence *evidence, const struct verdict *verdict)
{
    json_t *json = report_json(REPORT(evidence, verdict));
    const json_t *jobs = json_object_get(json, "jobs");
    const json_t *job = json_array_get(jobs, 6);
    const json_t *step;

    is_int((int64_t)json_array_size(jobs), 7, "all jobs");
    is_str(json_text(json_object_get(json, "verdict"), "outcome"), "fail",
           "the verdict");
    is_str(json_text(job, "job"), "smoke-armhf", "in order");
    job = json_array_get(jobs, 4);
    is_str(json_text(job, "job"), "smoke-amd64", "the smoke job");
    step = json_array_get(json_object_get(job, "steps"), 0);
    is_str(json_text(step, "testid"), "xen-boot", "its first step");
    is_str(json_text(step, "started_at"), "2026-11-23T05:00:02.200Z",
           "... its time");
    is_int(json_int(step, "elapsed_ms", -1), 21300, "... how long");
    is_str(json_text(step, "log_path"), "flights/1/smoke-amd64/1.log",
           "... its log");
    is_int((int64_t)strlen(json_text(step, "log_sha256")), 64,
           "... with its hash");
    is_str(json_text(json_array_get(
               json_object_get(json_array_get(json_object_get(job, "boots"),
                                              0), "phases"), 1), "phase"),
           "firmware", "... and the phases of its boot");
    json_decref(json);
}

static void
the_command(void)
{
    char *program, *file = arena_printf(&arena, "%s/out.html", fix.home);
    struct fault why = FAULT_INIT;
    struct buf out = BUF_INIT;
    json_t *json = NULL;

    if (!home_program(&arena, "assay", &program, &why))
        tap_bail("%s", why.text);
    const char *text[] = { program, "report", "1", NULL };
    const char *html[] = { program, "report", "1", "--format", "html",
                           "--output", file, NULL };
    const char *machine[] = { program, "report", "1", "--json", NULL };
    const char *none[] = { program, "report", "99", NULL };
    const char *wrong[] = { program, "report", "1", "--format", "pdf", NULL };

    ok_fault(proc_run(text, NULL, 0, 30000, &out, &why), &why,
             "assay report 1");
    is_golden(buf_text(&out), "golden/sample.txt");
    buf_reset(&out);
    ok_fault(proc_run(html, NULL, 0, 30000, &out, &why), &why, "... as HTML");
    is_str(buf_text(&out), "", "... into a file");
    ok_fault(fs_read_file(file, 1 << 22, &out, &why), &why, "... that is "
             "there");
    has_str(buf_text(&out), "href=\"flights/1/pair/1.log\"",
            "... with links from where it is");
    buf_reset(&out);
    ok_fault(proc_run(machine, NULL, 0, 30000, &out, &why), &why,
             "... as JSON");
    ok_fault(json_parse(buf_text(&out), out.len, &json, &why), &why,
             "... which it is");
    json_decref(json);
    not_ok_fault(proc_run(none, NULL, 0, 30000, &out, &why), &why,
                 FAULT_PEER, "status 2", "no such flight");
    has_str(why.detail, "there is no flight 99", "... says so");
    not_ok_fault(proc_run(wrong, NULL, 0, 30000, &out, &why), &why,
                 FAULT_PEER, "status 2", "no such format");
    buf_free(&out);
}

int
main(void)
{
    struct fault why = FAULT_INIT;
    struct buf sql = BUF_INIT;
    struct evidence evidence;
    struct verdict verdict;
    const char *path = NULL;
    struct db *db;

    pgfix_start(&fix);
    db = pgfix_open("assay");
    if (!fs_read_file(source("sample.sql"), 1 << 20, &sql, &why))
        tap_bail("%s", why.text);
    pgfix_script(buf_text(&sql));
    buf_free(&sql);
    make_files();
    ok_fault(evidence_read(db, 1, &arena, &evidence, &why), &why,
             "reads the flight");
    is_int((int64_t)evidence.job_count, 7, "... its jobs");
    is_int((int64_t)evidence.jobs[4].step_count, 16, "... their steps");
    is_int((int64_t)evidence.jobs[3].steps[3].metric_count, 20,
           "... measurements");
    not_ok_fault(evidence_read(db, 2, &arena, &evidence, &why), &why,
                 FAULT_NOT_FOUND, "no flight 2", "there is no second");
    if (!evidence_read(db, 1, &arena, &evidence, &why))
        tap_bail("%s", why.text);
    verdict_of(&evidence, NULL, &arena, &verdict);
    is_str(verdict.headline, "flight 1: fail", "the verdict");
    is_str(verdict.tested, "bookworm (Xen 4.17.5 amd64, arm64)",
           "what was tested");
    is_int((int64_t)verdict.trouble_count, 2, "two jobs in trouble");
    the_page(&evidence, &verdict);
    other_shapes(&evidence);
    the_json(&evidence, &verdict);
    ok_fault(report_publish(db, 1, &arena, &path, &why), &why, "publishes");
    is_str(path, arena_printf(&arena, "%s/flights/1/report.html", fix.home),
           "... where people look");
    ok(path != NULL && fs_exists(path), "... and it is there");
    the_command();
    db_close(db);
    arena_free(&arena);
    return pgfix_done(&fix);
}
