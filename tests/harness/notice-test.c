/* tests/harness/notice-test.c - the outbox of notices. */
#include <config.h>

#include <stdlib.h>
#include <string.h>

#include "harness/db.h"
#include "harness/fault.h"
#include "harness/message.h"
#include "harness/notice.h"
#include "tests/tap.h"

#include "tests/pgfix.h"

static const struct notice plain = {
    .kind = "regression", .about = "branch xen-unstable",
    .cause = "0123456789abcdef", .branch = "xen-unstable",
    .subject = "[xen-unstable test] 12: regressions - FAIL",
    .body = "first line\n",
};

static bool
add(struct db *db, const struct notice *notice, bool *fresh)
{
    struct fault why = FAULT_INIT;

    if (!notice_add(db, notice, fresh, &why))
        tap_bail("add: %s", why.text);
    return true;
}

static void
test_once(struct db *db)
{
    struct notice other = plain;
    bool fresh = false;

    ok(add(db, &plain, &fresh) && fresh, "a notice is added");
    ok(add(db, &plain, &fresh) && !fresh, "and not a second time");
    other.body = "told otherwise";
    ok(add(db, &other, &fresh) && !fresh, "whatever it says");
    other.cause = "fedcba9876543210";
    ok(add(db, &other, &fresh) && fresh, "another cause is another notice");
    other.kind = "cause";
    ok(add(db, &other, &fresh) && fresh, "so is another kind");
    other.about = "branch xen-unstable\ncause";
    other.cause = "";
    ok(add(db, &other, &fresh) && fresh, "and what it is about");
    ok(pgfix_int("select count(*) from assay.notice") == 4,
       "four stand there");
}

static bool
then_fail(struct db *db, void *arg, struct fault *why)
{
    return notice_add(db, arg, NULL, why) &&
           fault_set(why, FAULT_DATA, "something else went wrong");
}

static void
test_transaction(struct db *db)
{
    struct notice notice = plain;
    struct fault why = FAULT_INIT;
    bool fresh = false;

    notice.about = "branch linux";
    ok(!db_transact(db, then_fail, &notice, &why), "a transaction fails");
    ok(add(db, &notice, &fresh) && fresh, "and so did its notice");
}

static void
test_culprit(struct db *db)
{
    static const char *const people[] = { "\xff <a@example.org>", "b@c.d",
                                          NULL };
    static const struct message_header headers[] = {
        { "X-Assay-Flight", "12" }, { "X-Assay-Odd", "a\nBcc: b\xff" },
        { NULL, NULL },
    };
    struct notice notice = plain;
    struct fault why = FAULT_INIT;
    bool fresh = false;

    notice.kind = "culprit";
    notice.people = people;
    notice.headers = headers;
    ok(!notice_add(db, &notice, &fresh, &why) && why.kind == FAULT_DATA,
       "no culprit without confidence");
    notice.confidence = 1.01;
    ok(!notice_add(db, &notice, &fresh, &why), "nor with more than there is");
    notice.confidence = 0.97;
    ok(add(db, &notice, &fresh) && fresh, "a culprit");
    ok(pgfix_int("select count(*) from assay.notice where kind = 'culprit'"
                 " and confidence = 0.97 and people->1->>'address' = 'b@c.d'"
                 " and headers->1->>'value' like E'a\\nBcc: b%'") == 1,
       "with people and headers");
    notice.kind = "recovery";
    ok(!notice_add(db, &notice, &fresh, &why),
       "confidence is of culprits only");
}

int
main(void)
{
    struct pgfix fix;
    struct db *db;

    pgfix_start(&fix);
    db = pgfix_open("assay");
    test_once(db);
    test_transaction(db);
    test_culprit(db);
    db_close(db);
    return pgfix_done(&fix);
}
