/* harness/notify_cmds.c - "assay notify": what was noticed, who hears of it,
 * and the sending. */
#include <config.h>

#include "harness/notify_cmds.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <jansson.h>

#include "harness/arena.h"
#include "harness/buf.h"
#include "harness/clock.h"
#include "harness/db.h"
#include "harness/fault.h"
#include "harness/json.h"
#include "harness/message.h"
#include "harness/notice.h"
#include "harness/notice_rules.h"
#include "harness/notice_send.h"
#include "harness/notice_send_db.h"
#include "harness/signals.h"
#include "harness/table.h"

#define DAY_MS INT64_C(86400000)

/* "2026-11-23 05:16", or "-". */
static const char *
when(struct arena *arena, int64_t ms)
{
    char text[32];

    if (ms < 0)
        return NULL;
    clock_iso(ms, text);
    return arena_printf(arena, "%.10s %.5s", text, text + 11);
}

/* Rules -------------------------------------------------------------------- */

static const char *
people_text(struct arena *arena, const struct notice_rule *rule)
{
    const char *text = "";

    for (size_t i = 0; i < rule->to_count; i++)
        text = arena_printf(arena, "%s%s%s", text, i == 0 ? "" : ", ",
                            rule->to[i].address);
    return rule->people
        ? arena_printf(arena, "%s%sthe people of it", text,
                       text[0] == '\0' ? "" : ", ")
        : text;
}

static const char *
kinds_text(struct arena *arena, const struct notice_rule *rule)
{
    const char *text = "";

    for (size_t i = 0; rule->on[i] != NULL; i++)
        text = arena_printf(arena, "%s%s%s", text, i == 0 ? "" : ", ",
                            rule->on[i]);
    return text;
}

static const char *
confidence_text(struct arena *arena, double confidence)
{
    return confidence > 0 ? arena_printf(arena, "%.6g", confidence) : NULL;
}

static json_t *
texts_json(const char *const *list)
{
    json_t *json = json_array();

    for (size_t i = 0; list[i] != NULL; i++) {
        json_t *one = json_string(list[i]);

        must(one != NULL && json_array_append_new(json, one) == 0);
    }
    return json;
}

static json_t *
rules_json(const struct notice_rules *rules)
{
    json_t *json = json_object(), *list = json_array();

    for (size_t i = 0; i < rules->count; i++) {
        const struct notice_rule *rule = &rules->rules[i];
        json_t *one = json_object(), *to = json_array();

        for (size_t k = 0; k < rule->to_count; k++)
            must(json_array_append_new(to, json_string(rule->to[k].address))
                 == 0);
        json_put_int(one, "line", rule->line);
        json_put_text(one, "branch", rule->branch);
        must(json_object_set_new(one, "on", texts_json(rule->on)) == 0
             && json_object_set_new(one, "to", to) == 0
             && json_object_set_new(one, "people",
                                    json_boolean(rule->people)) == 0
             && json_object_set_new(one, "confidence",
                                    json_real(rule->confidence)) == 0
             && json_array_append_new(list, one) == 0);
    }
    json_put_text(json, "file", rules->file);
    json_put_text(json, "from", rules->from.address);
    json_put_text(json, "url", rules->url);
    json_put_int(json, "limit_ms", rules->limit_ms);
    json_put_int(json, "stale_ms", rules->stale_ms);
    must(json_object_set_new(json, "sendmail", texts_json(rules->sendmail))
         == 0 && json_object_set_new(json, "rules", list) == 0);
    return json;
}

static bool
rules_table(const struct notice_rules *rules, struct arena *arena,
            struct fault *why)
{
    static const char *const names[] = { ">LINE", "ON", "BRANCH",
                                         ">CONFIDENCE", "TO", NULL };
    struct table *table = table_new(names);
    bool ok;

    for (size_t i = 0; i < rules->count; i++) {
        const struct notice_rule *rule = &rules->rules[i];
        const char *cells[] = {
            arena_printf(arena, "%d", rule->line), kinds_text(arena, rule),
            rule->branch, confidence_text(arena, rule->confidence),
            people_text(arena, rule),
        };

        table_add(table, cells);
    }
    ok = table_print(table, stdout, why);
    table_free(table);
    return ok;
}

static bool
run_rules(struct cmd_call *call, struct fault *why)
{
    struct arena arena = ARENA_INIT;
    struct notice_rules rules;
    bool ok = notice_rules_load(&arena, &rules, why);

    if (ok && cmd_json(call)) {
        json_t *json = rules_json(&rules);

        ok = json_print(json, stdout, why);
        json_decref(json);
    } else if (ok) {
        ok = rules_table(&rules, &arena, why);
    }
    arena_free(&arena);
    return ok;
}

/* List and show ------------------------------------------------------------ */

static json_t *
mail_json(const struct notice_mail *mail)
{
    json_t *json = json_object();

    json_put_text(json, "name", mail->name);
    json_put_text(json, "address", mail->address);
    json_put_text(json, "state", mail->state);
    json_put_text(json, "reason", mail->reason);
    json_put_int(json, "attempts", mail->attempts);
    json_put_time(json, "begun", mail->begun_ms);
    json_put_time(json, "ended", mail->ended_ms);
    json_put_time(json, "next", strcmp(mail->state, "waiting") == 0
                  ? mail->next_ms : -1);
    return json;
}

static json_t *
notice_json(const struct notice_row *row)
{
    json_t *json = json_object(), *mails = json_array();

    for (size_t i = 0; i < row->mail_count; i++)
        must(json_array_append_new(mails, mail_json(&row->mails[i])) == 0);
    json_put_int(json, "notice", row->notice);
    json_put_text(json, "kind", row->kind);
    json_put_text(json, "about", row->about);
    json_put_text(json, "cause", row->cause);
    json_put_text(json, "branch", row->branch);
    json_put_text(json, "subject", row->subject);
    json_put_time(json, "at", row->created_ms);
    must(json_object_set_new(json, "confidence", row->confidence > 0
                             ? json_real(row->confidence) : json_null()) == 0
         && json_object_set_new(json, "people", texts_json(row->people)) == 0
         && json_object_set_new(json, "routed", json_boolean(row->routed))
             == 0
         && json_object_set_new(json, "mails", mails) == 0);
    return json;
}

/* One line an address. */
static void
add_lines(struct table *table, struct arena *arena,
          const struct notice_row *row)
{
    const char *cells[] = {
        arena_printf(arena, "%" PRId64, row->notice),
        when(arena, row->created_ms), row->kind, row->subject,
        row->routed ? "nobody" : "-", row->routed ? "-" : "new", NULL, NULL,
    };

    if (row->mail_count == 0)
        table_add(table, cells);
    for (size_t i = 0; i < row->mail_count; i++) {
        const struct notice_mail *mail = &row->mails[i];

        cells[4] = mail->address;
        cells[5] = mail->state;
        cells[6] = when(arena, mail->ended_ms);
        cells[7] = mail->reason[0] == '\0' ? NULL : mail->reason;
        table_add(table, cells);
    }
}

static bool
list_table(const struct notice_row *rows, size_t count, struct arena *arena,
           struct fault *why)
{
    static const char *const names[] = {
        ">NOTICE", "AT", "KIND", "~SUBJECT", "TO", "STATE", "ENDED",
        "~REASON", NULL
    };
    struct table *table = table_new(names);
    bool ok;

    for (size_t i = 0; i < count; i++)
        add_lines(table, arena, &rows[i]);
    ok = table_print(table, stdout, why);
    table_free(table);
    return ok;
}

static bool
run_list(struct cmd_call *call, struct fault *why)
{
    struct arena arena = ARENA_INIT;
    struct notice_row *rows = NULL;
    struct db *db = NULL;
    size_t count = 0;
    bool ok = db_open("assay", &db, why)
        && notice_db_list(db, (int)cmd_int(call, "limit"), &arena, &rows,
                          &count, why);

    if (ok && cmd_json(call)) {
        json_t *json = json_array();

        for (size_t i = 0; i < count; i++)
            must(json_array_append_new(json, notice_json(&rows[i])) == 0);
        ok = json_print(json, stdout, why);
        json_decref(json);
    } else if (ok) {
        ok = list_table(rows, count, &arena, why);
    }
    db_close(db);
    arena_free(&arena);
    return ok;
}

/* What is printed before the text. */
static void
show_head(const struct notice_row *row, struct arena *arena, struct buf *out)
{
    buf_addf(out, "Notice      %" PRId64 " of %s UTC\n", row->notice,
             when(arena, row->created_ms));
    buf_addf(out, "Kind        %s\n", row->kind);
    buf_adds(out, "About       ");
    buf_add_escaped(out, row->about, strlen(row->about));
    buf_adds(out, "\nCause       ");
    buf_add_escaped(out, row->cause, strlen(row->cause));
    buf_addc(out, '\n');
    if (row->confidence > 0)
        buf_addf(out, "Confidence  %.6g\n", row->confidence);
    for (size_t i = 0; row->people[i] != NULL; i++) {
        buf_adds(out, i == 0 ? "People      " : "            ");
        buf_add_escaped(out, row->people[i], strlen(row->people[i]));
        buf_addc(out, '\n');
    }
    for (size_t i = 0; i < row->mail_count; i++) {
        const struct notice_mail *mail = &row->mails[i];

        buf_adds(out, i == 0 ? "To          " : "            ");
        buf_add_escaped(out, mail->address, strlen(mail->address));
        buf_addf(out, ": %s", mail->state);
        if (mail->ended_ms >= 0)
            buf_addf(out, " at %s UTC", when(arena, mail->ended_ms));
        buf_addf(out, "%s", mail->reason[0] == '\0' ? "" : ", ");
        buf_add_escaped(out, mail->reason, strlen(mail->reason));
        buf_addc(out, '\n');
    }
    if (row->mail_count == 0)
        buf_addf(out, "To          %s\n", row->routed ? "nobody"
                 : "not looked at by the rules yet");
    buf_adds(out, "Subject     ");
    buf_add_escaped(out, row->subject, strlen(row->subject));
    buf_adds(out, "\n\n");
}

/* Of the body, what could steer a terminal is shown as \xNN. */
static void
show_body(const char *body, struct buf *out)
{
    for (const char *p = body; *p != '\0';) {
        size_t bytes = strcspn(p, "\n");

        buf_add_escaped(out, p, bytes);
        buf_addc(out, '\n');
        p += bytes + (p[bytes] == '\n');
    }
}

static bool
show(struct cmd_call *call, const struct notice_row *row, struct arena *arena,
     struct buf *out, struct fault *why)
{
    struct notice_rules rules;
    struct message message;

    if (cmd_json(call)) {
        json_t *json = notice_json(row);
        bool ok;

        json_put_text(json, "body", row->body);
        ok = json_print(json, stdout, why);
        json_decref(json);
        return ok;
    }
    if (!cmd_flag(call, "mail")) {
        show_head(row, arena, out);
        show_body(row->body, out);
        return true;
    }
    if (!notice_rules_load(arena, &rules, why))
        return false;
    notice_message(&rules, row, arena, &message);
    return message_make(&message, out, why);
}

static bool
run_show(struct cmd_call *call, struct fault *why)
{
    struct arena arena = ARENA_INIT;
    struct buf out = BUF_INIT;
    struct notice_row row;
    struct db *db = NULL;
    int64_t notice = 0;
    bool ok = cmd_number(call, 0, "a notice", &notice, why)
        && db_open("assay", &db, why)
        && notice_db_read(db, notice, &arena, &row, why)
        && show(call, &row, &arena, &out, why);

    if (ok && (fwrite(buf_text(&out), 1, out.len, stdout) != out.len
               || fflush(stdout) != 0))
        ok = fault_errno(why, FAULT_SYSTEM, "write");
    db_close(db);
    buf_free(&out);
    arena_free(&arena);
    return ok;
}

/* Send --------------------------------------------------------------------- */

static bool
tell_counts(struct cmd_call *call, const struct notice_counts *counts,
            struct fault *why)
{
    bool ok = true;

    if (cmd_json(call)) {
        json_t *json = json_object();

        json_put_int(json, "routed", counts->routed);
        json_put_int(json, "sent", counts->sent);
        json_put_int(json, "deferred", counts->deferred);
        json_put_int(json, "failed", counts->failed);
        json_put_int(json, "unsure", counts->unsure);
        must(json_object_set_new(json, "busy", json_boolean(counts->busy))
             == 0);
        ok = json_print(json, stdout, why);
        json_decref(json);
    } else if (counts->busy && !cmd_flag(call, "quiet")) {
        fputs("another one is sending\n", stderr);
    } else if (!cmd_flag(call, "quiet")) {
        printf("%d sent, %d deferred, %d failed, %d unsure\n", counts->sent,
               counts->deferred, counts->failed, counts->unsure);
    }
    if (counts->deferred + counts->failed + counts->unsure > 0)
        cmd_exit_status(call, 1);
    return ok;
}

static bool
ask_again(struct cmd_call *call, struct db *db, struct fault *why)
{
    const char *text = cmd_text(call, "again");
    int64_t count = 0;

    if (text == NULL)
        return true;
    if (!notice_db_again(db, cmd_int(call, "again"), &count, why))
        return false;
    return count > 0
        || fault_set(why, FAULT_CONFLICT, "of notice %s no mail is failed or "
                     "unsure", text);
}

static bool
run_send(struct cmd_call *call, struct fault *why)
{
    struct arena arena = ARENA_INIT;
    struct notice_counts counts = { .busy = false };
    struct notice_rules rules;
    struct db *db = NULL;
    bool ok;

    signals_catch();
    ok = notice_rules_load(&arena, &rules, why);
    /* A site that tells nobody anything is as it should be. */
    if (!ok && why->kind == FAULT_NOT_FOUND && cmd_flag(call, "quiet")) {
        arena_free(&arena);
        return true;
    }
    ok = ok && db_open("assay", &db, why) && ask_again(call, db, why)
        && notice_send(db, &rules, cmd_flag(call, "now"),
                       cmd_int(call, "limit"), &counts, why)
        && tell_counts(call, &counts, why);
    db_close(db);
    arena_free(&arena);
    return ok && signals_check(why);
}

/* Test --------------------------------------------------------------------- */

static bool
run_test(struct cmd_call *call, struct fault *why)
{
    static const struct message_header headers[] = {
        { "Auto-Submitted", "auto-generated" }, { NULL, NULL },
    };
    struct arena arena = ARENA_INIT;
    struct notice_rules rules;
    struct message_person to;
    struct message message;
    struct buf text = BUF_INIT;
    const char *address = cmd_arg(call, 0);
    bool ok = notice_rules_load(&arena, &rules, why)
        && (address == NULL
            || message_person_parse(address, &arena, &to, why));

    if (!ok)
        goto out;
    message = (struct message){
        .from = rules.from, .to = &to, .to_count = address != NULL,
        .subject = "[assay] a test of mail",
        .id = arena_printf(&arena, "assay-test-%" PRId64 "@%s",
                           clock_wall_ms(clock_system()),
                           strchr(rules.from.address, '@') + 1),
        .date_ms = clock_wall_ms(clock_system()), .headers = headers,
        .body = "Somebody asked Assay to send this: \"assay notify test\".\n"
                "There is nothing to do.\n",
    };
    ok = message_make(&message, &text, why);
    if (ok && address == NULL)
        ok = fwrite(buf_text(&text), 1, text.len, stdout) == text.len
            || fault_errno(why, FAULT_SYSTEM, "write");
    else if (ok)
        ok = notice_hand_over(&rules, to.address, &text, why) == NOTICE_SENT
            || fault_context(why, "mail to %s", to.address);
    if (ok && address != NULL)
        printf("%s took it for %s\n", rules.sendmail[0], to.address);
out:
    buf_free(&text);
    arena_free(&arena);
    return ok;
}

static const struct cmd_opt list_opts[] = {
    { "limit", CMD_OPT_INT, "N", "30", 1, 100000, "the last N notices" },
    { 0 },
};

static const struct cmd_opt send_opts[] = {
    { "again", CMD_OPT_INT, "NOTICE", NULL, 1, INT64_MAX,
      "also what of this notice failed for good, or may have gone" },
    { "limit", CMD_OPT_DURATION, "TIME", "4m", 1, DAY_MS,
      "begin no mail after so long" },
    { "now", CMD_OPT_FLAG, NULL, NULL, 0, 0,
      "also what waits for a later attempt" },
    { "quiet", CMD_OPT_FLAG, NULL, NULL, 0, 0,
      "say only what went wrong; no rules are no fault" },
    { 0 },
};

static const struct cmd_opt show_opts[] = {
    { "mail", CMD_OPT_FLAG, NULL, NULL, 0, 0, "as it is sent" },
    { 0 },
};

const struct cmd notify_cmds[] = {
    { "notify list", "", 0, 0, CMD_READS, list_opts, run_list,
      "list what was noticed, who was told, and what went wrong",
      "A line for each address. \"new\" is what the rules have not looked at "
      "yet, \"nobody\" what they have no word on." },
    { "notify rules", "", 0, 0, CMD_READS, NULL, run_rules,
      "check the rules, and show them",
      "They are in ASSAY_HOME/notify.yaml; assay-notify(5) describes them." },
    { "notify send", "", 0, 0, CMD_WRITES, send_opts, run_send,
      "send what waits",
      "assayd does this by itself. Each notice goes to each address at most "
      "once: if the sender dies while it hands a mail over, nobody can know "
      "whether it went; it is \"unsure\" then, and only --again sends it. "
      "What the sendmail program did not take is tried again for a day and a "
      "half. Exit status 1 when a mail did not go." },
    { "notify show", "NOTICE", 1, 1, CMD_READS, show_opts, run_show,
      "show one notice, and to whom it went", NULL },
    { "notify test", "[ADDRESS]", 0, 1, CMD_WRITES, NULL, run_test,
      "send a sample to an address, or print it",
      "By the sendmail program of the rules, at once." },
    { .path = NULL },
};
