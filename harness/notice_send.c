/* harness/notice_send.c - see notice_send.h. */
#include <config.h>

#include "harness/notice_send.h"

#include <inttypes.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "harness/arena.h"
#include "harness/buf.h"
#include "harness/clock.h"
#include "harness/db.h"
#include "harness/fault.h"
#include "harness/log.h"
#include "harness/message.h"
#include "harness/notice_point.h"
#include "harness/notice_rules.h"
#include "harness/notice_send_db.h"
#include "harness/proc.h"
#include "harness/signals.h"

/* Attempts are made 1, 4, 16, 64 minutes after each other, then every 6 hours:
 * a mail server may be away for more than a day. */
#define ATTEMPTS_MAX 10
#define WAIT_FIRST_MS 60000
#define WAIT_MAX_MS (6 * INT64_C(3600000))

/* sysexits(3): whose fault is not the mail system's does not pass. */
#define EX_FIRST_REFUSAL 64     /* EX_USAGE */
#define EX_LAST_REFUSAL 68      /* EX_NOHOST */

struct work {
    struct db *db;
    const struct notice_rules *rules;
    struct notice_counts *counts;
    int64_t built;              /* the notice that 'text' is of; 0: none */
    struct buf text;
};

/* Routes ------------------------------------------------------------------- */

/* Names of commits' people are anything; whoever cannot be written to is listed
 * as such. */
static size_t
read_people(const struct notice_row *row, struct arena *arena,
            struct message_person **out, struct notice_to *wrong,
            size_t *wrong_count)
{
    size_t count = 0, max = 0;

    while (row->people[max] != NULL)
        max++;
    *out = arena_alloc(arena, (max + 1) * sizeof **out);
    *wrong_count = 0;
    for (size_t i = 0; i < max; i++) {
        struct fault why = FAULT_INIT;

        if (message_person_parse(row->people[i], arena, &(*out)[count], &why))
            count++;
        else
            wrong[(*wrong_count)++] = (struct notice_to){
                "", row->people[i][0] == '\0' ? "?" : row->people[i],
                "it is no address of mail",
            };
    }
    return count;
}

static bool
tells_people(const struct notice_rules *rules, const struct notice_facts *facts,
             struct arena *arena)
{
    static const struct message_person probe = { "", "probe@invalid" };
    struct notice_facts with = *facts;
    struct message_person *list;
    size_t count;

    with.people = &probe;
    with.people_count = 1;
    notice_rules_match(rules, &with, arena, &list, &count);
    return count > 0 && list[count - 1].address == probe.address;
}

/* Who hears of one notice. */
static bool
route(struct work *w, const struct notice_row *row, struct arena *arena,
      struct fault *why)
{
    struct notice_facts facts = { .kind = row->kind, .branch = row->branch,
                                  .confidence = row->confidence };
    struct message_person *people, *list = NULL;
    struct notice_to *to, *wrong;
    size_t count = 0, wrong_count, max = 0;

    while (row->people[max] != NULL)
        max++;
    wrong = arena_alloc(arena, (max + 1) * sizeof *wrong);
    facts.people_count = read_people(row, arena, &people, wrong,
                                     &wrong_count);
    facts.people = people;
    if (row->age_ms <= w->rules->stale_ms)
        notice_rules_match(w->rules, &facts, arena, &list, &count);
    if (count == 0 || !tells_people(w->rules, &facts, arena))
        wrong_count = 0;
    to = arena_alloc(arena, (count + wrong_count + 1) * sizeof *to);
    for (size_t i = 0; i < count; i++)
        to[i] = (struct notice_to){ list[i].name, list[i].address, NULL };
    for (size_t i = 0; i < wrong_count; i++)
        to[count + i] = wrong[i];
    if (!notice_db_route(w->db, row->notice, to, count + wrong_count, why))
        return false;
    notice_point("a notice is routed");
    log_info("notice %" PRId64 ", %s of %s: %zu to tell%s", row->notice,
             row->kind, row->about, count,
             row->age_ms > w->rules->stale_ms ? ", it is too old" : "");
    w->counts->routed++;
    return true;
}

static bool
route_all(struct work *w, struct fault *why)
{
    struct notice_row *row = NULL;
    bool ok;

    do {
        struct arena arena = ARENA_INIT;

        ok = notice_db_unrouted(w->db, &arena, &row, why)
            && (row == NULL || route(w, row, &arena, why));
        arena_free(&arena);
    } while (ok && row != NULL && signals_stop_asked() == 0);
    return ok;
}

/* Mails -------------------------------------------------------------------- */

void
notice_message(const struct notice_rules *rules, const struct notice_row *row,
               struct arena *arena, struct message *out)
{
    struct message_person *to =
        arena_alloc(arena, (row->mail_count + 1) * sizeof *to);
    size_t count = 0;

    for (size_t i = 0; i < row->mail_count; i++) {
        const struct notice_mail *mail = &row->mails[i];
        struct message_person person;
        struct fault why = FAULT_INIT;

        if (message_person_parse(mail->address, arena, &person, &why))
            to[count++] = (struct message_person){ mail->name,
                                                   mail->address };
    }
    *out = (struct message){
        .from = rules->from, .to = to, .to_count = count,
        .subject = row->subject, .date_ms = row->created_ms,
        .id = arena_printf(arena, "assay-notice-%" PRId64 "@%s", row->notice,
                           strchr(rules->from.address, '@') + 1),
        .headers = row->headers, .body = row->body,
    };
}

/* The text is the same for all who get it. */
static bool
build(struct work *w, int64_t notice, struct fault *why)
{
    struct arena arena = ARENA_INIT;
    struct notice_row row;
    struct message message;
    bool ok;

    if (w->built == notice)
        return true;
    w->built = 0;
    buf_reset(&w->text);
    ok = notice_db_read(w->db, notice, &arena, &row, why);
    if (ok) {
        notice_message(w->rules, &row, &arena, &message);
        ok = message_make(&message, &w->text, why);
    }
    if (ok)
        w->built = notice;
    arena_free(&arena);
    return ok;
}

static enum notice_end
end_of(struct proc_status status, const struct fault *why)
{
    if (status.end == PROC_END_EXIT)
        return status.code >= EX_FIRST_REFUSAL
            && status.code <= EX_LAST_REFUSAL ? NOTICE_REFUSED
                                              : NOTICE_DEFERRED;
    /* It could not be started; or it was cut short, with the mail in its
     * hands. */
    return status.end == PROC_END_NONE && why->kind == FAULT_SYSTEM
        ? NOTICE_DEFERRED : NOTICE_UNSURE;
}

enum notice_end
notice_hand_over(const struct notice_rules *rules, const char *address,
                 const struct buf *text, struct fault *why)
{
    struct proc_spec spec = PROC_SPEC_INIT;
    struct arena arena = ARENA_INIT;
    struct proc_status status;
    sigset_t stops, before;
    const char **argv;
    size_t count = 0;
    bool ok;

    while (rules->sendmail[count] != NULL)
        count++;
    argv = arena_alloc(&arena, (count + 2) * sizeof *argv);
    memcpy(argv, rules->sendmail, count * sizeof *argv);
    argv[count] = address;
    spec.argv = argv;
    (void)sigemptyset(&stops);
    (void)sigaddset(&stops, SIGINT);
    (void)sigaddset(&stops, SIGTERM);
    (void)sigaddset(&stops, SIGHUP);
    (void)sigprocmask(SIG_BLOCK, &stops, &before);
    ok = proc_run_spec(&spec, buf_text(text), text->len, rules->limit_ms,
                       NULL, &status, why);
    (void)sigprocmask(SIG_SETMASK, &before, NULL);
    arena_free(&arena);
    return ok ? NOTICE_SENT : end_of(status, why);
}

static int64_t
wait_after(int attempts)
{
    int64_t wait = WAIT_FIRST_MS;

    for (int i = 1; i < attempts && wait < WAIT_MAX_MS; i++)
        wait *= 4;
    return wait < WAIT_MAX_MS ? wait : WAIT_MAX_MS;
}

/* What became of an attempt: into the log, the counts and the row. */
static bool
record(struct work *w, const struct notice_mail *mail, enum notice_end end,
       const struct fault *said, struct fault *why)
{
    struct notice_counts *counts = w->counts;
    const char *state = "unsure";
    int64_t wait = 0;

    if (end == NOTICE_DEFERRED && mail->attempts >= ATTEMPTS_MAX)
        end = NOTICE_REFUSED;
    if (end == NOTICE_SENT) {
        state = "sent";
        counts->sent++;
        log_info("notice %" PRId64 ": sent to %s", mail->notice,
                 mail->address);
    } else if (end == NOTICE_DEFERRED) {
        state = "waiting";
        wait = wait_after(mail->attempts);
        counts->deferred++;
        log_fault(LOG_LEVEL_WARN, said, "notice %" PRId64 " to %s, attempt "
                  "%d, again in %" PRId64 " s", mail->notice, mail->address,
                  mail->attempts, wait / 1000);
    } else if (end == NOTICE_REFUSED) {
        state = "failed";
        counts->failed++;
        log_fault(LOG_LEVEL_ERROR, said, "notice %" PRId64 " to %s was given "
                  "up after %d attempts", mail->notice, mail->address,
                  mail->attempts);
    } else {
        counts->unsure++;
        log_fault(LOG_LEVEL_ERROR, said, "notice %" PRId64 " to %s may have "
                  "gone, or not; 'assay notify send --again %" PRId64 "' "
                  "sends it again", mail->notice, mail->address,
                  mail->notice);
    }
    return notice_db_done(w->db, mail, state,
                          end == NOTICE_SENT ? "" : said->text, wait, why);
}

static bool
send_one(struct work *w, struct notice_mail *mail, struct fault *why)
{
    struct fault said = FAULT_INIT;
    enum notice_end end;

    if (!build(w, mail->notice, why))
        return false;
    notice_point("before a mail is claimed");
    if (!notice_db_claim(w->db, mail, why))
        return false;
    notice_point("a mail is claimed");
    end = notice_hand_over(w->rules, mail->address, &w->text, &said);
    notice_point("a mail is handed over");
    if (!record(w, mail, end, &said, why))
        return false;
    notice_point("its end is recorded");
    return true;
}

static bool
send_all(struct work *w, bool now, int64_t limit_ms, struct fault *why)
{
    struct clock *clock = clock_system();
    int64_t until_ms = clock_mono_ms(clock) + limit_ms, since_us = 0;
    bool found = true;
    bool ok = notice_db_now(w->db, &since_us, why);

    while (ok && found && signals_stop_asked() == 0
           && clock_mono_ms(clock) < until_ms) {
        struct arena arena = ARENA_INIT;
        struct notice_mail mail;

        ok = notice_db_next(w->db, since_us, now, &arena, &mail, &found, why)
            && (!found || send_one(w, &mail, why));
        arena_free(&arena);
    }
    return ok;
}

static bool
tell_orphans(struct work *w, struct fault *why)
{
    struct arena arena = ARENA_INIT;
    struct notice_mail *list = NULL;
    size_t count = 0;
    bool ok = notice_db_orphans(w->db, &arena, &list, &count, why);

    for (size_t i = 0; ok && i < count; i++) {
        w->counts->unsure++;
        log_error("notice %" PRId64 " to %s: %s; 'assay notify send --again "
                  "%" PRId64 "' sends it again", list[i].notice,
                  list[i].address, list[i].reason, list[i].notice);
    }
    arena_free(&arena);
    return ok;
}

bool
notice_send(struct db *db, const struct notice_rules *rules, bool now,
            int64_t limit_ms, struct notice_counts *out, struct fault *why)
{
    struct work w = { .db = db, .rules = rules, .counts = out,
                      .text = BUF_INIT };
    bool got = false, ok;

    *out = (struct notice_counts){ .busy = false };
    if (access(rules->sendmail[0], X_OK) != 0) {
        fault_errno(why, FAULT_SYSTEM, "the sendmail program %s",
                    rules->sendmail[0]);
        return fault_hint(why, "%s names it: nothing is sent, and nothing is "
                          "lost, until it is there", rules->file);
    }
    if (!notice_db_lock(db, &got, why))
        return false;
    out->busy = !got;
    if (!got)
        return true;
    ok = tell_orphans(&w, why) && route_all(&w, why)
        && send_all(&w, now, limit_ms, why);
    buf_free(&w.text);
    return ok;
}
