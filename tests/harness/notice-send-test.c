/* tests/harness/notice-send-test.c - notices on their way: a sendmail program
 * that takes, defers, refuses, hangs and dies; two senders at once; a sender
 * that is killed at each point. No mail goes twice, none is lost unseen. */
#include <config.h>

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness/arena.h"
#include "harness/buf.h"
#include "harness/db.h"
#include "harness/fault.h"
#include "harness/fs.h"
#include "harness/message.h"
#include "harness/notice.h"
#include "harness/notice_point.h"
#include "harness/notice_rules.h"
#include "harness/notice_send.h"
#include "harness/proc.h"
#include "tests/tap.h"

#include "tests/pgfix.h"

#define LIMIT_MS 60000

static struct arena arena = ARENA_INIT;
static const char *dir;
static struct notice_rules rules;
static struct db *db;
static int kill_at, point;      /* kill_at 0: never */
static char last_point[64];

/* In place of the sender's own. */
void
notice_point(const char *name)
{
    point++;
    snprintf(last_point, sizeof last_point, "%s", name);
    if (point == kill_at)
        (void)kill(getpid(), SIGKILL);
}

/* The fake ----------------------------------------------------------------- */

static void
put(const char *name, const char *text, mode_t mode)
{
    struct fault why = FAULT_INIT;

    if (!fs_write_file(arena_printf(&arena, "%s/%s", dir, name), mode, text,
                       strlen(text), &why))
        tap_bail("%s", why.text);
}

/* What the sendmail program does from now on, in sh. */
static void
behave(const char *what)
{
    put("behaviour", what, 0644);
}

#define TAKE "mv \"$d/in.$$\" \"$d/$id.$to.$$\"; " \
    "echo \"$id $to\" >>\"$d/taken\"\n"

static void
make_fake(void)
{
    struct fault why = FAULT_INIT;
    const char *text;

    put("sendmail", arena_printf(
            &arena, "#!/bin/sh\nd=%s\nfor to; do :; done\n"
            "cat >\"$d/in.$$\"\n"
            "id=$(sed -n 's/^Message-Id: <assay-notice-\\([0-9]*\\)@.*/\\1/p' "
            "<\"$d/in.$$\")\n. \"$d/behaviour\"\n", dir), 0755);
    text = arena_printf(
        &arena, "from: Lab <lab@example.org>\nlimit: 5s\n"
        "sendmail: [%s/sendmail, -oi]\nrules:\n"
        "  - {on: [regression], to: [a@example.org, \"B <b@example.org>\"]}\n"
        "  - {on: [host], to: [a@example.org]}\n"
        "  - {on: [culprit], people: true}\n", dir);
    if (!notice_rules_parse("r", text, strlen(text), &arena, &rules, &why))
        tap_bail("%s", why.text);
}

/* How often notice 'n' was taken for 'to'. */
static int
taken(int64_t n, const char *to)
{
    const char *path = arena_printf(&arena, "%s/taken", dir);
    const char *line = arena_printf(&arena, "%" PRId64 " %s\n", n, to);
    struct buf text = BUF_INIT;
    struct fault why = FAULT_INIT;
    int count = 0;

    if (fs_exists(path) && !fs_read_file(path, 1 << 20, &text, &why))
        tap_bail("%s", why.text);
    for (const char *p = buf_text(&text); *p != '\0'; p++) {
        count += (p == buf_text(&text) || p[-1] == '\n')
            && strncmp(p, line, strlen(line)) == 0;
    }
    buf_free(&text);
    return count;
}

/* Notices ------------------------------------------------------------------ */

static int64_t
add(struct notice notice)
{
    static int causes;
    struct fault why = FAULT_INIT;

    notice.about = "branch xen";
    notice.cause = arena_printf(&arena, "cause %d", ++causes);
    if (notice.body == NULL)
        notice.body = "The body.\n";
    if (notice.subject == NULL)
        notice.subject = "a subject";
    if (!notice_add(db, &notice, NULL, &why))
        tap_bail("%s", why.text);
    return pgfix_int("select max(notice) from assay.notice");
}

static struct notice_counts
send_now(bool now)
{
    struct notice_counts counts = { .busy = false };
    struct fault why = FAULT_INIT;
    struct db *own = pgfix_open("assay");

    if (!notice_send(own, &rules, now, LIMIT_MS, &counts, &why))
        tap_bail("%s", why.text);
    db_close(own);
    return counts;
}

static int64_t
mails(int64_t n, const char *state)
{
    return pgfix_int(arena_printf(
        &arena, "select count(*) from assay.notice_mail where notice = %"
        PRId64 " and state = '%s'", n, state));
}

/* Tests -------------------------------------------------------------------- */

static void
test_hostile(void)
{
    static const char *const people[] = {
        "Ann \"Q\", \n Bcc: x@y <ann@example.org>", "bob", "-x@y", NULL,
    };
    static const struct message_header headers[] = {
        { "X-Assay-Flight", "7\nBcc: h@example.org" },
        { "X-Bad\nBcc", "i@example.org" }, { NULL, NULL },
    };
    struct buf text = BUF_INIT;
    struct fault why = FAULT_INIT;
    const char *at, *body;
    const char *const argv[] = { "/bin/sh", "-c", arena_printf(
        &arena, "cat %s/*.ann@example.org.*", dir), NULL };
    int64_t n;

    behave(TAKE);
    n = add((struct notice){ .kind = "culprit", .confidence = 0.99,
                             .subject = "a\r\nBcc: s@example.org\n\nbody \xff"
                                        "\xe2\x80\xae",
                             .body = "The body.\n\x1b[31mred\x07 \xe2\x80\xae"
                                     "evil\n\nBcc: t@example.org",
                             .people = people, .headers = headers });
    is_int(send_now(false).sent, 1, "one of its people is told");
    is_int(mails(n, "failed"), 2, "those without an address are listed");
    is_int(taken(n, "ann@example.org"), 1, "once");
    if (!proc_run(argv, NULL, 0, 5000, &text, &why))
        tap_bail("%s", why.text);
    at = strstr(buf_text(&text), "\nBcc:");
    body = strstr(buf_text(&text), "\n\n");
    ok(at != NULL && body != NULL && at > body
       && strncmp(buf_text(&text), "Bcc:", 4) != 0,
       "nothing of a stranger became a header");
    has_str(buf_text(&text), "\nX-Assay-Flight: 7 Bcc: h@example.org\n",
            "it stays in its line");
    has_str(buf_text(&text), "From: Lab <lab@example.org>\nTo: ", "from whom");
    has_str(buf_text(&text), "\n\nThe body.\nred\\x07 \\u202eevil\n\nBcc: t@",
            "and what, as harmless text");
    ok(strchr(buf_text(&text), 0x1b) == NULL
       && strstr(buf_text(&text), "\xe2\x80\xae") == NULL,
       "which does nothing to a terminal");
    buf_free(&text);
}

static void
test_ends(void)
{
    struct notice_counts counts;
    int64_t n;

    behave("exit 75\n");
    n = add((struct notice){ .kind = "regression" });
    counts = send_now(false);
    ok(counts.deferred == 2 && counts.sent == 0, "deferred");
    is_int(mails(n, "waiting"), 2, "it waits");
    behave(TAKE);
    is_int(send_now(false).sent, 0, "not at once again");
    counts = send_now(true);
    ok(counts.sent == 2 && taken(n, "a@example.org") == 1
       && taken(n, "b@example.org") == 1, "but when it is due");
    is_int(send_now(true).sent, 0, "and once");
    behave("echo 'no such user' >&2; exit 67\n");
    n = add((struct notice){ .kind = "host" });
    is_int(send_now(false).failed, 1, "refused");
    is_int(send_now(true).failed, 0, "is not tried again");
    behave("kill -KILL $$\n");
    n = add((struct notice){ .kind = "host" });
    is_int(send_now(false).unsure, 1, "it died");
    is_int(send_now(true).sent, 0, "what may have gone is not sent again");
    behave("exit 75\n");
    n = add((struct notice){ .kind = "host" });
    for (int i = 0; i < 9; i++)
        counts = send_now(true);
    is_int(counts.deferred, 1, "nine times deferred");
    is_int(send_now(true).failed, 1, "the tenth time it is given up");
    is_int(mails(n, "failed"), 1, "and listed as failed");
}

static void
test_slow(void)
{
    struct notice_rules quick = rules;
    struct notice_counts counts;
    struct fault why = FAULT_INIT;
    struct db *own = pgfix_open("assay");

    quick.limit_ms = 100;
    behave("sleep 30\n");
    (void)add((struct notice){ .kind = "host" });
    if (!notice_send(own, &quick, false, LIMIT_MS, &counts, &why))
        tap_bail("%s", why.text);
    is_int(counts.unsure, 1, "who does not answer may have taken it");
    quick.sendmail = (const char *const[]){ "/nonexistent/sendmail", NULL };
    not_ok_fault(notice_send(own, &quick, false, LIMIT_MS, &counts, &why),
                 &why, FAULT_SYSTEM, "/nonexistent/sendmail",
                 "without the program nothing is begun");
    db_close(own);
}

static void
test_nobody(void)
{
    int64_t n;

    behave(TAKE);
    n = add((struct notice){ .kind = "lease" });
    is_int(send_now(false).routed, 1, "no rule has a word on it");
    is_int(pgfix_int(arena_printf(&arena, "select count(*) from"
                                  " assay.notice_mail where notice = %"
                                  PRId64, n)), 0, "nobody is told");
    n = add((struct notice){ .kind = "host" });
    pgfix_script(arena_printf(
        &arena, "set session_replication_role = replica; update assay.notice"
        " set created_at = now() - interval '4 days' where notice = %" PRId64,
        n));
    is_int(send_now(false).sent, 0, "what is old is no news");
}

/* A sender in a process of its own, killed at its k-th point. */
static pid_t
fork_sender(int k)
{
    pid_t pid = fork();

    if (pid != 0)
        return pid;
    kill_at = k;
    point = 0;
    (void)send_now(true);
    _exit(k != 0 && point >= k ? 1 : 0);
}

static void
test_two(void)
{
    pid_t one, two;
    int64_t n;

    behave("sleep 0.2\n" TAKE);
    n = add((struct notice){ .kind = "regression" });
    one = fork_sender(0);
    two = fork_sender(0);
    (void)waitpid(one, NULL, 0);
    (void)waitpid(two, NULL, 0);
    (void)send_now(true);
    ok(taken(n, "a@example.org") == 1 && taken(n, "b@example.org") == 1,
       "two at once: each mail goes once");
    is_int(mails(n, "sent"), 2, "and is known to have gone");
}

/* kill -9 at each point, then a sender that is let live. */
static void
test_killed(void)
{
    bool over = false;
    int lost = 0, k;

    behave(TAKE);
    for (k = 1; !over; k++) {
        int64_t n = add((struct notice){ .kind = "regression" });
        int status = 0;

        (void)waitpid(fork_sender(k), &status, 0);
        over = !WIFSIGNALED(status);
        (void)waitpid(fork_sender(0), &status, 0);
        if (mails(n, "sent") + mails(n, "unsure") != 2
            || mails(n, "unsure") > 1
            || taken(n, "a@example.org") > 1
            || taken(n, "b@example.org") > 1
            || taken(n, "a@example.org") + taken(n, "b@example.org")
                < mails(n, "sent")) {
            ok(false, "killed at point %d", k);
            return;
        }
        lost += taken(n, "a@example.org") + taken(n, "b@example.org") < 2;
    }
    ok(k > 9, "killed at %d points: none went twice", k - 2);
    is_int(lost, 2, "and only between the claim and the handing over, of the "
           "two, it did not go, and is unsure");
}

int
main(void)
{
    struct pgfix fix;

    pgfix_start(&fix);
    dir = fix.home;
    db = pgfix_open("assay");
    make_fake();
    test_hostile();
    test_ends();
    test_slow();
    test_nobody();
    test_two();
    test_killed();
    db_close(db);
    arena_free(&arena);
    return pgfix_done(&fix);
}
