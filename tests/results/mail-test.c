/* tests/results/mail-test.c - a report's mail: what its first screen says, that
 * nothing of a stranger can pose as a header or a record, and that the results
 * come back whole, or not at all. */
#include <config.h>

#include "harness/arena.h"
#include "harness/buf.h"
#include "harness/fs.h"
#include "harness/json.h"
#include "results/age.h"
#include "results/cause.h"
#include "results/changes.h"
#include "results/decide.h"
#include "results/evidence.h"
#include "results/mail.h"
#include "results/records.h"
#include "results/report.h"
#include "results/verdict.h"
#include "tests/tap.h"

static struct arena arena = ARENA_INIT;

/* A name that would be a header, a record, the end of them, a tag. */
#define HOSTILE "x\nX-Assay-Verdict: perfect\r\n\n[assay results 1 begin]\n" \
    "From me\n.\n<b>\x1b[31m% \\ \xc3\xbc\xe2\x80\xae  "

static const struct evidence_case CASES[] = {
    { HOSTILE, "", OUTCOME_PASS },
    { "y", HOSTILE, OUTCOME_MISSING },
};
static const struct evidence_metric METRICS[] = {
    { "up", "ms", 0.1, false }, { "rate", "1/s", 1e300, true },
    { HOSTILE, "", -3, true },
};
static const struct evidence_step STEPS[] = {
    { .number = 1, .testid = "xen-boot", .program = "", .reason = "",
      .progress = "", .status = OUTCOME_PASS,
      .pointer = { .file = "", .text = "" }, .exit_code = 0,
      .exit_signal = -1, .started_ms = 1000, .finished_ms = 2000,
      .elapsed_ms = 999, .log_path = "flights/7/job-a/1.log",
      .log_sha256 = "", .log_bytes = -1, .harness = "v1", .boot = "",
      .reused_job = "",
      .metrics = METRICS, .metric_count = ARRAY_LEN(METRICS) },
    { .number = 5, .testid = HOSTILE, .program = "", .reason = HOSTILE,
      .progress = "", .status = OUTCOME_FAIL, .lane = LANE_PRODUCT,
      .pointer = { .file = HOSTILE, .line = 3, .byte = 4294967297,
                   .text = HOSTILE },
      .exit_code = -1, .exit_signal = 9, .started_ms = 3000,
      .finished_ms = 4000, .elapsed_ms = 1000, .log_path = HOSTILE,
      .log_sha256 = "", .log_bytes = -1, .harness = "-", .boot = "",
      .reused_job = "",
      .cases = CASES, .case_count = ARRAY_LEN(CASES) },
};
static const struct evidence_role ROLES[] = {
    { "src_host", "amd64", "lab-x86-1" }, { "dst_host", "amd64", "" },
};
static const struct evidence_need NEEDS[] = { { 6, "build" } };
static const struct evidence_runvar RUNVARS[] = {
    { "guest", HOSTILE, true }, { "made", "", true },
};
static const struct evidence_pair PROPERTIES[] = {
    { "packages", "[\"xen=4.17-1 abc\"]" }, { "xen_version", "4.17" },
};
static const struct evidence_pair OLD_PROPERTIES[] = {
    { "packages", "[\"xen=4.16-1 abc\", \"gone=1\"]" },
    { "xen_version", "4.16" },
};
static const struct evidence_pair TREES[] = {
    { "linux", "v6.1" },
    { "xen", "4084fee7a3d2c0f1b2a39485766554433221100f" },
};
static const struct evidence_pair OLD_TREES[] = {
    { "linux", "v6.1" },
    { "xen", "1111fee7a3d2c0f1b2a39485766554433221100f" },
};
static const struct evidence_host HOSTS[] = {
    { .name = "lab-x86-1", .site = "lab", .arch = "amd64",
      .firmware = "bios", .class = "a class", .state = "" },
    { .name = "lab-x86-9", .site = "lab", .arch = "amd64",
      .firmware = "uefi", .class = "a class", .state = "" },
};
static const struct evidence_build BUILDS[] = {
    { 3, "bookworm", "deb bookworm", "amd64", PROPERTIES, 2, NULL, 0 },
};
static const struct evidence_build OLD_BUILDS[] = {
    { 2, "bookworm", "deb bookworm", "amd64", OLD_PROPERTIES, 2, NULL, 0 },
};

static struct evidence_job
job_named(const char *name, enum outcome status)
{
    return (struct evidence_job){
        .name = name, .recipe = "smoke", .reason = "", .arch = "amd64",
        .waits_for = "", .harness = "v1", .status = status,
        .pointer = { .file = "", .text = "" }, .candidate = 3,
        .created_ms = 500, .started_ms = 900, .finished_ms = 5000,
    };
}

/* Flight 7: one job that failed in every bad way, one that waits. */
static struct evidence
flight_seven(void)
{
    struct evidence_job *jobs = arena_alloc(&arena, 2 * sizeof *jobs);

    jobs[0] = job_named("job-a", OUTCOME_FAIL);
    jobs[0].lane = LANE_PRODUCT;
    jobs[0].reason = HOSTILE;
    jobs[0].pointer.text = "only a text";
    jobs[0].steps = STEPS;
    jobs[0].step_count = ARRAY_LEN(STEPS);
    jobs[0].roles = ROLES;
    jobs[0].role_count = ARRAY_LEN(ROLES);
    jobs[0].needs = NEEDS;
    jobs[0].need_count = ARRAY_LEN(NEEDS);
    jobs[0].runvars = RUNVARS;
    jobs[0].runvar_count = ARRAY_LEN(RUNVARS);
    jobs[1] = job_named("job-b", OUTCOME_QUEUED);
    jobs[1].started_ms = jobs[1].finished_ms = -1;
    jobs[1].harness = "";
    jobs[1].waits_for = "no host is free";
    return (struct evidence){
        .flight = 7, .branch = "xen-unstable", .blessing = "real",
        .intended = "real", .harness = "v1", .source = "", .abort_reason = "",
        .outcome = OUTCOME_RUNNING, .created_ms = 86400000,
        .started_ms = 86400001, .finished_ms = -1, .jobs = jobs,
        .job_count = 2, .hosts = HOSTS, .host_count = 1, .builds = BUILDS,
        .build_count = 1, .trees = TREES, .tree_count = 2,
    };
}

/* Results ------------------------------------------------------------------ */

static void
records_come_back(const struct evidence *evidence)
{
    struct buf text = BUF_INIT, again = BUF_INIT;
    struct fault why = FAULT_INIT;
    struct evidence copy = { 0 };
    const struct evidence_step *step;

    records_add(evidence, &text);
    for (const char *p = buf_text(&text); *p != '\0';) {
        size_t bytes = strcspn(p, "\n");
        bool plain = bytes > 0 && bytes <= 78 && p[bytes - 1] != ' ';

        for (size_t i = 0; i < bytes; i++)
            plain = plain && p[i] >= ' ' && p[i] <= '~';
        if (!plain || strncmp(p, "From", 4) == 0 || p[0] == '.') {
            ok(false, "a line that mail would not keep: %.80s", p);
            break;
        }
        p += bytes + 1;
    }
    ok_fault(records_parse("m", buf_text(&text), text.len, &arena, &copy,
                           &why), &why, "results come back");
    records_add(&copy, &again);
    is_str(buf_text(&again), buf_text(&text), "... as they were");
    is_int((int64_t)copy.job_count, 2, "both jobs");
    step = &copy.jobs[0].steps[1];
    is_str(step->reason, HOSTILE, "any byte of a reason");
    is_str(step->cases[1].note, HOSTILE, "... and of a case");
    is_int(step->pointer.byte, 4294967297, "where it stands, to the byte");
    is_int(copy.jobs[0].pointer.byte, 0, "... if that is known");
    is_str(step->harness, "-", "a harness that is called -");
    is_str(copy.jobs[0].steps[0].log_path, "flights/7/job-a/1.log",
           "the usual log");
    ok(copy.jobs[0].steps[0].metrics[0].value == 0.1, "exact numbers");
    is_str(copy.jobs[1].waits_for, "no host is free", "what it waits for");
    buf_free(&text);
    buf_free(&again);
}

/* 'from' replaced by 'to' in the results: refused, with the line and 'says'. */
static void
refuses(const struct evidence *evidence, const char *from, const char *to,
        const char *says)
{
    struct buf text = BUF_INIT, wrong = BUF_INIT;
    struct fault why = FAULT_INIT;
    struct evidence copy = { 0 };
    const char *at;

    records_add(evidence, &text);
    at = strstr(buf_text(&text), from);
    if (at == NULL)
        tap_bail("'%s' is not there", from);
    buf_add(&wrong, buf_text(&text), (size_t)(at - buf_text(&text)));
    buf_adds(&wrong, to);
    buf_adds(&wrong, at + strlen(from));
    not_ok_fault(records_parse("m", buf_text(&wrong), wrong.len, &arena,
                               &copy, &why), &why, FAULT_DATA, says,
                 "refuses '%.20s' for '%.20s'", to, from);
    buf_free(&text);
    buf_free(&wrong);
}

static void
what_is_refused(const struct evidence *evidence)
{
    static const struct {
        const char *from, *to, *says;
    } ROWS[] = {
        { "[assay results 1 begin]", "", "no results" },
        { "[assay results 1 begin]", "[assay results 2 begin]",
          "no results" },
        { "flight 7", "flight 8", "digest" },
        { "flight 7", "flight 0", "m:2: a number is wrong" },
        { "flight 7", "plane 7", "the flight must come first" },
        { "tree linux v6.1", "tree", "fields are missing" },
        { "tree linux v6.1", "tree linux v6.2", "digest" },
        { "tree linux v6.1\n", "", "as many records" },
        { "tree linux v6.1", "tree zzz v6.1", "m:4: it is not in the order" },
        { "tree linux v6.1", "tree linux v\xc3\xa9", "than plain text" },
        { "tree linux v6.1", "tree linux v%0g", "percent sign" },
        { "tree linux v6.1", "tree linux v%00", "percent sign" },
        { "tree linux v6.1", "tree linux v%C3", "not UTF-8" },
        { "tree linux v6.1", "forest linux", "is not known" },
        { "tree linux v6.1", "case a pass", "no step" },
        { "tree linux v6.1", "step 1 a", "fields are missing" },
        { "tree linux v6.1", "at file 3", "nothing that it belongs to" },
        { "tree linux v6.1", "byte 3", "no place that it belongs to" },
        { "byte 4294967297", "byte 0", "a number is wrong" },
        { "xen-boot pass", "xen-boot passed", "outcome" },
        { "xen-boot pass none", "xen-boot pass nobody", "lane" },
        { "job job-b", "job job-a", "order" },
        { "step 5", "step 1", "order" },
        { "role src_host", "role = ", "" },
        { "metric up", "metric - ", "" },
        { "host lab-x86-1 lab", "host = lab", "'=' does not mean" },
        { "lower", "slower", "neither higher nor lower" },
        { "[assay results 1 end", "[assay results", "is not known" },
        { "sha256 ", "sha1 ", "digest" },
        { "]\n", "]\n[assay results 1 begin]\n", "flight must come first" },
    };
    struct buf text = BUF_INIT;
    struct evidence copy;
    size_t refused = 0;

    for (size_t i = 0; i < ARRAY_LEN(ROWS); i++)
        refuses(evidence, ROWS[i].from, ROWS[i].to, ROWS[i].says);
    records_add(evidence, &text);
    for (size_t bytes = 0; bytes + 2 < text.len; bytes++) {
        struct fault why = FAULT_INIT;

        refused += !records_parse("m", buf_text(&text), bytes, &arena, &copy,
                                  &why) && why.kind == FAULT_DATA;
    }
    is_int((int64_t)refused, (int64_t)text.len - 2,
           "refuses it cut off anywhere");
    buf_free(&text);
}

/* Messages ----------------------------------------------------------------- */

/* Header lines only: an empty line ends them. */
static size_t
headers_named(const char *mail, const char *name)
{
    size_t count = 0;

    for (const char *p = mail; *p != '\0' && *p != '\n';) {
        count += strncmp(p, name, strlen(name)) == 0;
        p += strcspn(p, "\n");
        p += *p == '\n';
    }
    return count;
}

static void
comes_back(const char *mail, const struct evidence *evidence,
           const char *what)
{
    struct buf want = BUF_INIT, got = BUF_INIT;
    struct fault why = FAULT_INIT;
    struct evidence copy = { 0 };

    ok_fault(mail_parse("m", mail, strlen(mail), &arena, &copy, &why), &why,
             "results come back from %s", what);
    records_add(evidence, &want);
    records_add(&copy, &got);
    ok(strcmp(buf_text(&want), buf_text(&got)) == 0, "... as they were");
    buf_free(&want);
    buf_free(&got);
}

static char *
replaced(const char *text, const char *from, const char *to)
{
    struct buf out = BUF_INIT;
    char *copy;

    for (const char *p = text; *p != '\0';) {
        const char *at = strstr(p, from);

        if (at == NULL)
            at = p + strlen(p);
        buf_add(&out, p, (size_t)(at - p));
        p = at;
        if (*p != '\0') {
            buf_adds(&out, to);
            p += strlen(from);
        }
    }
    copy = arena_strdup(&arena, buf_text(&out));
    buf_free(&out);
    return copy;
}

static void
the_mail(const struct report *report)
{
    static const struct report_options options = { .url = "http://lab:8077" };
    static const struct mail_options people = {
        .from = "The Lab <lab@example.org>",
        .to = "\"J\xc3\xbcrgen, G\" <j@example.org>, k@example.org",
    };
    static const char *const WRONG[] = { "", "nobody", "a@", "@b", "a b@c",
                                         "x: a@b, c@d;" };
    struct buf mail = BUF_INIT, again = BUF_INIT;
    struct fault why = FAULT_INIT;
    const char *body;

    ok_fault(mail_build(report, &options, &people, &mail, &why), &why,
             "makes a mail");
    has_str(buf_text(&mail), "From: The Lab <lab@example.org>\n", "who");
    has_str(buf_text(&mail), "Message-Id: <assay-7-report@example.org>\n",
            "its id");
    has_str(buf_text(&mail), "Subject: [xen-unstable test] 7: regressions - "
            "trouble: queued/fail\n", "the subject");
    has_str(buf_text(&mail), "X-Assay-Flight: 7\n", "the flight");
    has_str(buf_text(&mail), "X-Assay-Versions-That: "
            "xen=1111fee7a3d2c0f1b2a39485766554433221100f\n",
            "the baseline");
    has_str(buf_text(&mail), "X-Assay-Cause: 00112233aabbccdd:product:blocks"
            "\n", "the cause");
    is_int((int64_t)headers_named(buf_text(&mail), "X-Assay-Verdict:"), 1,
           "one verdict, whatever a stranger writes");
    has_str(buf_text(&mail), "X-Assay-Verdict: regressions\n", "... ours");
    comes_back(buf_text(&mail), report->evidence, "the mail");
    comes_back(replaced(buf_text(&mail), "\n", "\r\n"), report->evidence,
               "the network");
    comes_back(replaced(buf_text(&mail), "\n", "  \n"), report->evidence,
               "a program that adds blanks");
    body = strstr(buf_text(&mail), "\n\n") + 2;
    comes_back(body, report->evidence, "its body alone");
    comes_back(arena_printf(&arena, "MIME-Version: 1.0\nContent-Type: "
                            "multipart/mixed; boundary=b\n\n--b\n"
                            "Content-Type: text/html\n\n<p>\n--b\n"
                            "Content-Type: text/plain\n\n%s\n--b\n"
                            "Content-Type: text/plain\n\n-- \na list\n--b--"
                            "\n", body), report->evidence,
               "a list that adds parts");
    comes_back(arena_printf(&arena, "Content-Type: text/plain\n"
                            "Content-Transfer-Encoding: quoted-printable\n\n"
                            "%s", replaced(replaced(body, "=", "=3D"),
                                           "sha", "=\ns=68a")),
               report->evidence, "another encoding");
    ok_fault(mail_build(report, &options, &people, &again, &why), &why,
             "the same again");
    is_str(buf_text(&again), buf_text(&mail), "... is the same");
    for (size_t i = 0; i < ARRAY_LEN(WRONG); i++) {
        const struct mail_options wrong = { .to = WRONG[i] };

        not_ok_fault(mail_build(report, &options, &wrong, &again, &why),
                     &why, FAULT_USAGE, "no address", "refuses '%s'",
                     WRONG[i]);
    }
    buf_free(&mail);
    buf_free(&again);
}

static void
first_screen(const struct report *report)
{
    static const struct report_options options = { .url = "http://lab:8077" };
    struct buf text = BUF_INIT;
    char *screen, *p;

    mail_text(report, &options, &text);
    screen = arena_strdup(&arena, buf_text(&text));
    p = screen;
    for (int i = 0; i < 40 && *p != '\0'; i++) {
        p += strcspn(p, "\n");
        p += *p == '\n';
    }
    *p = '\0';
    has_str(screen, "flight 7 xen-unstable real [real]\n"
            "http://lab:8077/flight/7\n", "what it is, and where");
    has_str(screen, "Regressions :-(\nDo not release this: 1 test regressed",
            "the verdict");
    has_str(screen, "Tested     bookworm (Xen 4.17 amd64)\n", "what");
    has_str(screen, "Against    xen 1111fee7a3", "against what");
    has_str(screen, "Coverage   1 of 2 jobs and 3 of 4 tests said",
            "coverage");
    has_str(screen, "queued: 1 job; missing: 1 test.\n", "... and its gaps");
    has_str(screen, "Last good  flight 5 of 1970-01-01, 3 days ago\n",
            "since when");
    has_str(screen, "Failing    since flight 6 of 1970-01-02, 2 days, 2 "
            "attempts\n", "... and how often");
    has_str(screen, "People     A. Uthor, <script>\\x0aTo: everybody\n",
            "who made what is under test, once, harmless");
    has_str(screen, "  1. [product, blocks] Panic on CPU 0\n",
            "the cause and whose fault it is");
    has_str(screen, "known: issue 4, it panics", "... known");
    has_str(screen, "product 97 %, host 1 %, flake 1 %, harness 1 % after 2 "
            "runs", "... and how sure that is");
    has_str(buf_text(&text), "  tree xen: 1111fee7a3d2c0f1b2a394857665544332"
            "21100f ->", "what changed");
    has_str(buf_text(&text), "  package xen (amd64): 4.16-1 -> 4.17-1\n",
            "... packages");
    has_str(buf_text(&text), "  firmware src_host (of job-a): uefi -> bios\n",
            "... firmware");
    ok(strstr(buf_text(&text), "\nX-Assay") == NULL
       && strstr(buf_text(&text), "\n[assay") == NULL
       && strstr(buf_text(&text), "\nFrom") == NULL,
       "nothing of a stranger begins a line");
    ok(utf8_span(buf_text(&text), text.len) > 0
       && strchr(buf_text(&text), '\x1b') == NULL, "no terminal obeys it");
    buf_free(&text);
}

static void
subjects(const struct report *known)
{
    static const struct {
        enum decide_result result;
        size_t pass, fail, broken;
        bool pushed;
        const char *want;
    } ROWS[] = {
        { DECIDE_RESULT_PERFECT, 3, 0, 0, true,
          "[xen-unstable test] 7: tolerable all pass - PUSHED" },
        { DECIDE_RESULT_TOLERABLE, 3, 1, 0, false,
          "[xen-unstable test] 7: tolerable FAIL" },
        { DECIDE_RESULT_REGRESSIONS, 0, 2, 0, false,
          "[xen-unstable test] 7: regressions - ALL FAIL" },
        { DECIDE_RESULT_PROBLEMS, 1, 1, 1, false,
          "[xen-unstable test] 7: trouble: pass/fail/broken" },
        { DECIDE_RESULT_EMPTY, 0, 0, 0, false,
          "[xen-unstable test] 7: nothing tested" },
    };
    struct buf text = BUF_INIT;

    for (size_t i = 0; i < ARRAY_LEN(ROWS); i++) {
        struct verdict verdict = { 0 };
        struct decision decision = { .result = ROWS[i].result };
        struct report report = *known;

        verdict.jobs[OUTCOME_PASS] = ROWS[i].pass;
        verdict.jobs[OUTCOME_FAIL] = ROWS[i].fail;
        verdict.jobs[OUTCOME_BROKEN] = ROWS[i].broken;
        report.verdict = &verdict;
        report.decision = &decision;
        buf_reset(&text);
        mail_subject(&report, ROWS[i].pushed, &text);
        is_str(buf_text(&text), ROWS[i].want, "a subject");
    }
    buf_free(&text);
}

int
main(void)
{
    static const struct cause_issue issue = {
        .issue = 4, .title = "it panics", .reference = "", .owner = "",
    };
    static const struct cause_blame blame = {
        .job = "job-a", .cause = BLAME_PRODUCT, .good_flight = 5,
        .split = { [BLAME_PRODUCT] = .97, [BLAME_HOST] = .01,
                   [BLAME_FLAKE] = .01, [BLAME_HARNESS] = .01 },
        .run_count_spent = 2, .reason = "",
    };
    static const struct cause_group group = {
        .signature = "00112233aabbccdd", .title = "Panic on CPU 0",
        .component = "xen", .pattern = "xen-panic", .lane = LANE_PRODUCT,
        .count = 1, .first_job = "job-a", .first_testid = HOSTILE,
        .seen_count = 3, .seen_flights = 2, .first_flight = 6,
        .last_flight = 7, .issue = &issue, .blame = &blame,
    };
    static const struct cause cause = {
        .job = "job-a", .testid = HOSTILE, .lane = LANE_PRODUCT,
        .pointer = { .file = "", .text = "" },
    };
    static const struct causes causes = { &cause, 1, &group, 1 };
    static const struct decide_version this_version = { "xen", "4084" };
    static const struct decide_version that_version = {
        "xen", "1111fee7a3d2c0f1b2a39485766554433221100f",
    };
    static const struct decide_failure failure = {
        .flight = 7, .job = "job-a", .testid = HOSTILE,
        .status = OUTCOME_FAIL, .lane = LANE_PRODUCT,
        .why = DECIDE_WHY_PASSED_THERE, .priority = 100, .baseline = 5,
        .blocker = DECIDE_BLOCKER_REGRESSION,
        .category = DECIDE_CATEGORY_BLOCKING, .summary = "REGR. vs. 5",
    };
    static const struct decision decision = {
        .result = DECIDE_RESULT_REGRESSIONS, .failures = &failure,
        .failure_count = 1, .blocker_count = 1, .job_count = 2,
    };
    static const struct decide_input asked = {
        .branch = "xen-unstable", .this_version = &this_version,
        .this_count = 1, .that_version = &that_version, .that_count = 1,
    };
    static const struct report_age age = {
        .now_ms = 3 * 86400000 + 5, .good = { 5, 0, 1 },
        .failing = { 6, 86400000, 2 }, .same = { 7, 3 * 86400000, 1 },
    };
    static const struct change_commit commits[] = {
        { "4084fee7a3d2c0f1b2a39485766554433221100f", "A. Uthor", "a@b",
          HOSTILE },
        { "3084fee7a3d2c0f1b2a39485766554433221100f",
          "<script>\nTo: everybody", "a@b", "s" },
        { "2084fee7a3d2c0f1b2a39485766554433221100f", "A. Uthor", "a@b",
          "first" },
    };
    struct evidence evidence = flight_seven(), before = flight_seven();
    struct evidence_role old_role = { "src_host", "amd64", "lab-x86-9" };
    struct evidence_job old_job = job_named("job-a", OUTCOME_PASS);
    struct verdict verdict;
    struct changes changes;
    struct change *list;
    struct report report = {
        .evidence = &evidence, .verdict = &verdict, .asked = &asked,
        .decision = &decision, .causes = &causes, .age = &age,
        .changes = &changes,
    };

    verdict_of(&evidence, NULL, &arena, &verdict);
    before.flight = 5;
    before.trees = OLD_TREES;
    before.builds = OLD_BUILDS;
    before.hosts = HOSTS;
    before.host_count = 2;
    old_job.roles = &old_role;
    old_job.role_count = 1;
    before.jobs = &old_job;
    before.job_count = 1;
    changes_between(&before, &evidence, &arena, &changes);
    list = arena_alloc(&arena, changes.count * sizeof *list);
    memcpy(list, changes.list, changes.count * sizeof *list);
    changes.list = list;
    is_int((int64_t)list[0].kind, CHANGE_TREE, "trees come first");
    is_str(list[0].what, "xen", "... only the one that changed");
    list[0].commits = commits;
    list[0].commit_count = list[0].commit_total = ARRAY_LEN(commits);
    records_come_back(&evidence);
    what_is_refused(&evidence);
    the_mail(&report);
    first_screen(&report);
    subjects(&report);
    arena_free(&arena);
    return tap_done();
}
