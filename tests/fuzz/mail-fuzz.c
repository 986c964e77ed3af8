/* tests/fuzz/mail-fuzz.c - any bytes as a mailed report: refused with a line,
 * or results that can be judged, reported in every format, and mailed again
 * without a change. */
#include <config.h>

#include "tests/fuzz/fuzz.h"

#include "harness/arena.h"
#include "harness/buf.h"
#include "harness/fault.h"
#include "results/evidence.h"
#include "results/mail.h"
#include "results/records.h"
#include "results/report.h"
#include "results/verdict.h"

/* No line of the mail is longer than mail allows, and none of a stranger's
 * begins in the first column as if it were the harness's. */
static void
check_mail(const char *text)
{
    for (const char *p = text; *p != '\0';) {
        size_t bytes = strcspn(p, "\n");

        must(bytes <= 998);
        p += bytes + (p[bytes] == '\n');
    }
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    static const struct report_options options = { .url = "http://lab" };
    static const struct mail_options to_all = { .to = "a@example.org" };
    struct arena arena = ARENA_INIT;
    struct buf once = BUF_INIT, again = BUF_INIT, mail = BUF_INIT;
    struct fault why = FAULT_INIT;
    struct evidence evidence, copy;
    struct verdict verdict;
    struct report report = { .evidence = &evidence, .verdict = &verdict };

    if (!mail_parse("mail", data, bytes, &arena, &evidence, &why)) {
        must(why.kind == FAULT_DATA && strncmp(why.text, "mail:", 5) == 0);
        goto out;
    }
    verdict_of(&evidence, NULL, &arena, &verdict);
    must(mail_build(&report, &options, &to_all, &mail, &why));
    check_mail(buf_text(&mail));
    must(mail_parse("again", buf_text(&mail), mail.len, &arena, &copy, &why));
    records_add(&evidence, &once);
    records_add(&copy, &again);
    must(once.len == again.len
         && memcmp(once.data, again.data, once.len) == 0);
    report_text(&report, &options, &mail);
    report_html(&report, &options, &mail);
    report_junit(&report, &options, &mail);
    report_tap(&report, &mail);
    json_decref(report_kcidb(&report, &options));
    json_decref(report_json(&report));
out:
    buf_free(&once);
    buf_free(&again);
    buf_free(&mail);
    arena_free(&arena);
    return 0;
}
