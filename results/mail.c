/* results/mail.c - the report as a message, by GMime. */
#include <config.h>

#include "results/mail.h"

#include <inttypes.h>

#include <gmime/gmime.h>

#include "harness/arena.h"
#include "harness/buf.h"
#include "harness/fault.h"
#include "results/decide.h"
#include "results/evidence.h"
#include "results/plain.h"
#include "results/records.h"
#include "results/report.h"
#include "results/report_causes.h"
#include "results/verdict.h"

#define FROM "Assay <assay@localhost>"
#define HEADER_MAX 900          /* bytes of a header's value: one line */
#define LISTED_MAX 200          /* headers of a kind */

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

static void
header(GMimeMessage *message, const char *name, struct buf *value)
{
    if (value->len > HEADER_MAX) {
        value->len = HEADER_MAX;
        value->data[HEADER_MAX] = '\0';
    }
    g_mime_header_list_append(
        g_mime_object_get_header_list(GMIME_OBJECT(message)), name,
        buf_text(value), NULL);
    buf_reset(value);
}

static void
failure_headers(const struct report *report, GMimeMessage *message)
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
        header(message, "X-Assay-Failures", &value);
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
        header(message, "X-Assay-Failures", &value);
    }
    buf_free(&value);
}

static void
version_headers(const char *name, const struct decide_version *versions,
                size_t count, GMimeMessage *message)
{
    struct buf value = BUF_INIT;

    for (size_t i = 0; i < count && i < LISTED_MAX; i++) {
        add_word(&value, versions[i].tree);
        buf_addc(&value, '=');
        add_word(&value, versions[i].revision);
        header(message, name, &value);
    }
    buf_free(&value);
}

static void
cause_headers(const struct report *report, struct arena *arena,
              GMimeMessage *message)
{
    struct report_cause *causes;
    struct buf value = BUF_INIT;
    size_t count;

    report_causes(report, arena, &causes, &count);
    for (size_t i = 0; i < count && i < LISTED_MAX; i++) {
        buf_addf(&value, "%s:%s:%s", causes[i].signature[0] == '\0'
                 ? "unknown" : causes[i].signature, lane_name(causes[i].lane),
                 causes[i].blocks ? "blocks" : "free");
        header(message, "X-Assay-Cause", &value);
    }
    buf_free(&value);
}

static void
all_headers(const struct report *report, struct arena *arena,
            GMimeMessage *message)
{
    const struct evidence *evidence = report->evidence;
    struct buf value = BUF_INIT;

    buf_addf(&value, "%" PRId64, evidence->flight);
    header(message, "X-Assay-Flight", &value);
    add_word(&value, evidence->branch);
    header(message, "X-Assay-Branch", &value);
    buf_adds(&value, report->decision != NULL
             ? decide_result_name(report->decision->result)
             : outcome_name(report->verdict->outcome));
    header(message, "X-Assay-Verdict", &value);
    if (report->asked != NULL) {
        version_headers("X-Assay-Versions-This",
                        report->asked->this_version,
                        report->asked->this_count, message);
        version_headers("X-Assay-Versions-That",
                        report->asked->that_version,
                        report->asked->that_count, message);
    }
    failure_headers(report, message);
    cause_headers(report, arena, message);
    buf_adds(&value, "auto-generated");
    header(message, "Auto-Submitted", &value);
    buf_free(&value);
}

/* The message -------------------------------------------------------------- */

static bool
add_addresses(GMimeMessage *message, GMimeAddressType type, const char *text,
              struct fault *why)
{
    InternetAddressList *list = internet_address_list_parse(NULL, text);
    int count = list == NULL ? 0 : internet_address_list_length(list);
    bool ok = count > 0;

    for (int i = 0; i < count && ok; i++) {
        InternetAddress *one = internet_address_list_get_address(list, i);
        const char *address = INTERNET_ADDRESS_IS_MAILBOX(one)
            ? internet_address_mailbox_get_addr(INTERNET_ADDRESS_MAILBOX(one))
            : NULL;
        const char *at = address == NULL ? NULL : strrchr(address, '@');

        ok = at != NULL && at > address && at[1] != '\0'
            && strpbrk(address, " \t\r\n<>\"") == NULL;
        if (ok)
            g_mime_message_add_mailbox(message, type,
                                       internet_address_get_name(one),
                                       address);
    }
    if (list != NULL)
        g_object_unref(list);
    return ok || fault_set(why, FAULT_USAGE, "'%s' is no address of mail",
                           text);
}

static void
set_id(const struct report *report, const char *from, GMimeMessage *message)
{
    const char *at = strrchr(from, '@');
    size_t bytes = at == NULL ? 0 : strcspn(at + 1, "> \t");
    char *id = g_strdup_printf("assay-%" PRId64 "-report@%.*s",
                               report->evidence->flight,
                               at == NULL ? 9 : (int)bytes,
                               at == NULL ? "localhost" : at + 1);

    g_mime_message_set_message_id(message, id);
    g_free(id);
}

static void
set_date(const struct report *report, GMimeMessage *message)
{
    const struct evidence *evidence = report->evidence;
    int64_t ms = evidence->finished_ms >= 0 ? evidence->finished_ms
        : evidence->started_ms >= 0 ? evidence->started_ms
        : evidence->created_ms;
    GDateTime *date = g_date_time_new_from_unix_utc(ms / 1000);

    if (date == NULL)
        return;
    g_mime_message_set_date(message, date);
    g_date_time_unref(date);
}

static void
set_body(const struct report *report, const struct report_options *options,
         GMimeMessage *message)
{
    GMimeTextPart *part = g_mime_text_part_new_with_subtype("plain");
    struct buf body = BUF_INIT;
    GMimeContentEncoding encoding;
    GMimeDataWrapper *content;
    GMimeStream *stream;

    mail_text(report, options, &body);
    buf_adds(&body, "\nFor programs (assay report parse):\n\n");
    records_add(report->evidence, &body);
    g_mime_text_part_set_charset(part, "utf-8");
    /* (g_mime_text_part_set_text() would choose another character set.) */
    stream = g_mime_stream_mem_new_with_buffer(buf_text(&body), body.len);
    content = g_mime_data_wrapper_new_with_stream(
        stream, GMIME_CONTENT_ENCODING_DEFAULT);
    g_mime_part_set_content(GMIME_PART(part), content);
    g_object_unref(content);
    g_object_unref(stream);
    encoding = g_mime_part_get_best_content_encoding(
        GMIME_PART(part), GMIME_ENCODING_CONSTRAINT_8BIT);
    if (encoding == GMIME_CONTENT_ENCODING_DEFAULT)
        encoding = GMIME_CONTENT_ENCODING_8BIT;
    g_mime_part_set_content_encoding(GMIME_PART(part), encoding);
    g_mime_message_set_mime_part(message, GMIME_OBJECT(part));
    g_object_unref(part);
    buf_free(&body);
}

bool
mail_build(const struct report *report, const struct report_options *options,
           const struct mail_options *mail, struct buf *out,
           struct fault *why)
{
    const char *from = mail->from == NULL ? FROM : mail->from;
    struct arena arena = ARENA_INIT;
    struct buf subject = BUF_INIT;
    GMimeMessage *message;
    char *text;
    bool ok;

    g_mime_init();
    message = g_mime_message_new(FALSE);
    ok = add_addresses(message, GMIME_ADDRESS_TYPE_FROM, from, why)
        && (mail->to == NULL
            || add_addresses(message, GMIME_ADDRESS_TYPE_TO, mail->to, why));
    if (!ok)
        goto out;
    mail_subject(report, mail->pushed, &subject);
    g_mime_message_set_subject(message, buf_text(&subject), "utf-8");
    set_id(report, from, message);
    set_date(report, message);
    all_headers(report, &arena, message);
    set_body(report, options, message);
    text = g_mime_object_to_string(GMIME_OBJECT(message), NULL);
    buf_adds(out, text);
    g_free(text);
out:
    g_object_unref(message);
    buf_free(&subject);
    arena_free(&arena);
    return ok;
}
