/* results/mail.c - the report as a message. */
#include <config.h>

#include "results/mail.h"

#include <inttypes.h>
#include <string.h>

#include "harness/arena.h"
#include "harness/buf.h"
#include "harness/fault.h"
#include "harness/message.h"
#include "harness/plain.h"
#include "results/decide.h"
#include "results/evidence.h"
#include "results/records.h"
#include "results/report.h"
#include "results/report_causes.h"
#include "results/verdict.h"

#define FROM "Assay <assay@localhost>"
#define LISTED_MAX 200          /* headers of a kind */
#define KINDS_MAX 10            /* of headers, at most */

/* "all pass", "ALL FAIL", "FAIL", "trouble: broken/fail/pass": OSSTest's
 * words for how the jobs went. */
static void
add_outcome(const struct verdict *verdict, struct buf *out)
{
    static const enum outcome PLAIN[] = { OUTCOME_PASS, OUTCOME_FAIL,
                                          OUTCOME_BLOCKED };
    bool odd = false, any = false, first = true;

    for (int i = 0; i < OUTCOME_COUNT; i++) {
        bool plain = false;

        for (size_t j = 0; j < ARRAY_LEN(PLAIN); j++)
            plain = plain || (enum outcome)i == PLAIN[j];
        odd = odd || (!plain && verdict->jobs[i] > 0);
        any = any || (i != OUTCOME_PASS && verdict->jobs[i] > 0);
    }
    if (odd) {
        buf_adds(out, "trouble: ");
        for (int i = 0; i < OUTCOME_COUNT; i++) {
            if (verdict->jobs[i] == 0)
                continue;
            buf_addf(out, "%s%s", first ? "" : "/",
                     outcome_name((enum outcome)i));
            first = false;
        }
    } else if (any) {
        buf_adds(out, verdict->jobs[OUTCOME_PASS] == 0 ? "ALL FAIL" : "FAIL");
    } else {
        buf_adds(out, verdict->jobs[OUTCOME_PASS] == 0 ? "nothing tested"
                                                       : "all pass");
    }
}

void
mail_subject(const struct report *report, bool pushed, struct buf *out)
{
    const char *branch = report->evidence->branch;

    buf_addc(out, '[');
    plain_add(out, branch, strlen(branch), 100);
    buf_addf(out, " test] %" PRId64 ": ", report->evidence->flight);
    if (report->decision != NULL
        && report->decision->result == DECIDE_RESULT_REGRESSIONS)
        buf_adds(out, "regressions - ");
    else if (report->decision != NULL
             && decide_result_may_push(report->decision->result))
        buf_adds(out, "tolerable ");
    add_outcome(report->verdict, out);
    if (pushed)
        buf_adds(out, " - PUSHED");
}

/* Headers ------------------------------------------------------------------ */

/* One word of a header: what could end it, or the header, is %XX. */
static void
add_word(struct buf *out, const char *text)
{
    for (const char *p = text; *p != '\0'; p++) {
        unsigned char c = (unsigned char)*p;

        if (c <= 0x20 || c >= 0x7f || strchr("%:=", c) != NULL)
            buf_addf(out, "%%%02X", c);
        else
            buf_addc(out, *p);
    }
}

/* The headers of a message, ended by one without a name. */
struct headers {
    struct arena *arena;
    struct message_header list[KINDS_MAX * LISTED_MAX + 1];
    size_t count;
};

/* Takes the text of 'value'. */
static void
header(struct headers *headers, const char *name, struct buf *value)
{
    must(headers->count + 1 < ARRAY_LEN(headers->list));
    headers->list[headers->count++] = (struct message_header){
        name, arena_strdup(headers->arena, buf_text(value)),
    };
    buf_reset(value);
}

static void
failure_headers(const struct report *report, struct headers *headers)
{
    const struct decision *decision = report->decision;
    const struct verdict *verdict = report->verdict;
    struct buf value = BUF_INIT;

    for (size_t i = 0; decision != NULL && i < decision->failure_count
         && i < LISTED_MAX; i++) {
        const struct decide_failure *failure = &decision->failures[i];

        if (failure->repeated)
            continue;
        add_word(&value, report->evidence->branch);
        buf_addc(&value, ':');
        add_word(&value, failure->job);
        buf_addc(&value, ':');
        add_word(&value, decide_testid_text(failure->testid));
        buf_addf(&value, ":%s:%s", outcome_name(failure->status),
                 decide_category_name(failure->category));
        header(headers, "X-Assay-Failures", &value);
    }
    for (size_t i = 0; decision == NULL && i < verdict->trouble_count
         && i < LISTED_MAX; i++) {
        const struct verdict_trouble *trouble = &verdict->troubles[i];

        add_word(&value, report->evidence->branch);
        buf_addc(&value, ':');
        add_word(&value, trouble->job->name);
        buf_addc(&value, ':');
        add_word(&value, trouble->step == NULL ? decide_testid_text("")
                 : trouble->step->testid);
        buf_addf(&value, ":%s:%s", outcome_name(trouble->status),
                 trouble->status == OUTCOME_FAIL ? "fail" : "broken");
        header(headers, "X-Assay-Failures", &value);
    }
    buf_free(&value);
}

static void
version_headers(const char *name, const struct decide_version *versions,
                size_t count, struct headers *headers)
{
    struct buf value = BUF_INIT;

    for (size_t i = 0; i < count && i < LISTED_MAX; i++) {
        add_word(&value, versions[i].tree);
        buf_addc(&value, '=');
        add_word(&value, versions[i].revision);
        header(headers, name, &value);
    }
    buf_free(&value);
}

static void
cause_headers(const struct report *report, struct headers *headers)
{
    struct report_cause *causes;
    struct buf value = BUF_INIT;
    size_t count;

    report_causes(report, headers->arena, &causes, &count);
    for (size_t i = 0; i < count && i < LISTED_MAX; i++) {
        buf_addf(&value, "%s:%s:%s", causes[i].signature[0] == '\0'
                 ? "unknown" : causes[i].signature, lane_name(causes[i].lane),
                 causes[i].blocks ? "blocks" : "free");
        header(headers, "X-Assay-Cause", &value);
    }
    buf_free(&value);
}

static void
all_headers(const struct report *report, struct headers *headers)
{
    const struct evidence *evidence = report->evidence;
    struct buf value = BUF_INIT;

    buf_addf(&value, "%" PRId64, evidence->flight);
    header(headers, "X-Assay-Flight", &value);
    add_word(&value, evidence->branch);
    header(headers, "X-Assay-Branch", &value);
    buf_adds(&value, report->decision != NULL
             ? decide_result_name(report->decision->result)
             : outcome_name(report->verdict->outcome));
    header(headers, "X-Assay-Verdict", &value);
    if (report->asked != NULL) {
        version_headers("X-Assay-Versions-This",
                        report->asked->this_version,
                        report->asked->this_count, headers);
        version_headers("X-Assay-Versions-That",
                        report->asked->that_version,
                        report->asked->that_count, headers);
    }
    failure_headers(report, headers);
    cause_headers(report, headers);
    buf_adds(&value, "auto-generated");
    header(headers, "Auto-Submitted", &value);
    buf_free(&value);
}

/* The message -------------------------------------------------------------- */

static bool
set_people(const struct mail_options *mail, struct arena *arena,
           struct message *out, struct fault *why)
{
    struct message_person *to = NULL;

    if (!message_person_parse(mail->from == NULL ? FROM : mail->from, arena,
                              &out->from, why)
        || (mail->to != NULL
            && !message_people_parse(mail->to, arena, &to, &out->to_count,
                                     why)))
        return false;
    out->to = to;
    return true;
}

static int64_t
date_of(const struct evidence *evidence)
{
    return evidence->finished_ms >= 0 ? evidence->finished_ms
        : evidence->started_ms >= 0 ? evidence->started_ms
        : evidence->created_ms;
}

bool
mail_compose(const struct report *report, const struct report_options *options,
             const struct mail_options *mail, struct arena *arena,
             struct message *out, struct fault *why)
{
    struct headers *headers = arena_alloc(arena, sizeof *headers);
    struct buf subject = BUF_INIT, body = BUF_INIT;

    *out = (struct message){ .to = NULL };
    if (!set_people(mail, arena, out, why))
        return false;
    headers->arena = arena;
    all_headers(report, headers);
    mail_subject(report, mail->pushed, &subject);
    mail_text(report, options, &body);
    buf_adds(&body, "\nFor programs (assay report parse):\n\n");
    records_add(report->evidence, &body);
    out->subject = arena_strdup(arena, buf_text(&subject));
    out->id = arena_printf(arena, "assay-%" PRId64 "-report@%s",
                           report->evidence->flight,
                           strchr(out->from.address, '@') + 1);
    out->date_ms = date_of(report->evidence);
    out->headers = headers->list;
    out->body = arena_strdup(arena, buf_text(&body));
    buf_free(&subject);
    buf_free(&body);
    return true;
}

bool
mail_build(const struct report *report, const struct report_options *options,
           const struct mail_options *mail, struct buf *out,
           struct fault *why)
{
    struct arena arena = ARENA_INIT;
    struct message message;
    bool ok;

    ok = mail_compose(report, options, mail, &arena, &message, why)
        && message_make(&message, out, why);
    arena_free(&arena);
    return ok;
}
