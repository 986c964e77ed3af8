/* tests/fuzz/mail-fuzz.c - any bytes as a mailed report: refused with a line,
 * or results that can be judged, reported in every format, and mailed again
 * without a change. */
#include <config.h>

#include "tests/fuzz/fuzz.h"

#include "harness/arena.h"
#include "harness/buf.h"
#include "harness/fault.h"
#include "harness/message.h"
#include "harness/message_mime.h"
#include "results/evidence.h"
#include "results/mail.h"
#include "results/records.h"
#include "results/records_private.h"
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

/* As mail_parse() and mail_build(), without a process each time. */
static bool
parse(const char *name, const void *data, size_t bytes, struct arena *arena,
      struct evidence *out, struct fault *why)
{
    struct buf text = BUF_INIT;
    bool found = message_mime_find(data, bytes, RECORDS_BEGIN, &text);
    bool ok = records_parse(name, found ? buf_text(&text) : data,
                            found ? text.len : bytes, arena, out, why);

    buf_free(&text);
    return ok;
}

static void
build(const struct report *report, const struct report_options *options,
      struct arena *arena, struct buf *out)
{
    static const struct mail_options to_all = { .to = "a@example.org" };
    struct fault why = FAULT_INIT;
    struct message message, copy;
    char *packed;

    must(mail_compose(report, options, &to_all, arena, &message, &why));
    packed = message_pack(&message);
    must(message_unpack(packed, strlen(packed), arena, &copy, &why));
    message_mime_build(&copy, out);
    free(packed);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    static const struct report_options options = { .url = "http://lab" };
    struct arena arena = ARENA_INIT;
    struct buf once = BUF_INIT, again = BUF_INIT, mail = BUF_INIT;
    struct fault why = FAULT_INIT;
    struct evidence evidence, copy;
    struct verdict verdict;
    struct report report = { .evidence = &evidence, .verdict = &verdict };

    if (!parse("mail", data, bytes, &arena, &evidence, &why)) {
        must(why.kind == FAULT_DATA && strncmp(why.text, "mail:", 5) == 0);
        goto out;
    }
    verdict_of(&evidence, NULL, &arena, &verdict);
    build(&report, &options, &arena, &mail);
    check_mail(buf_text(&mail));
    must(parse("again", buf_text(&mail), mail.len, &arena, &copy, &why));
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
