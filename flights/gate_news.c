/* flights/gate_news.c - see gate_news.h. */
#include <config.h>

#include "flights/gate_news.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "flights/gate_db.h"
#include "flights/gate_news_db.h"
#include "harness/arena.h"
#include "harness/buf.h"
#include "harness/fault.h"
#include "harness/home.h"
#include "harness/log.h"
#include "harness/message.h"
#include "harness/notice.h"
#include "harness/notice_rules.h"
#include "harness/pattern_scan.h"
#include "results/cause.h"
#include "results/decide_db.h"
#include "results/failure.h"
#include "results/mail.h"
#include "results/report.h"
#include "results/ruling.h"

/* Causes ------------------------------------------------------------------- */

static int
by_text(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static bool
is_in(const char *const *list, const char *text)
{
    for (size_t i = 0; list[i] != NULL; i++)
        if (strcmp(list[i], text) == 0)
            return true;
    return false;
}

static const char *
cause_of(const struct causes *causes, const char *job, const char *testid,
         struct arena *arena)
{
    const struct cause *cause = causes_find(causes, job, testid);

    if (cause != NULL)
        return causes->groups[cause->group].signature;
    return testid[0] == '\0' ? job
                             : arena_printf(arena, "%s %s", job, testid);
}

/* What is held against the revision, each cause once, sorted. */
static const char *const *
causes_of(const struct policy_answer *answer, const struct causes *causes,
          struct arena *arena)
{
    const char **list = arena_alloc(arena, (answer->reason_count + 1) *
                                               sizeof *list);
    size_t count = 0;

    for (size_t i = 0; i < answer->reason_count; i++) {
        const struct policy_reason *reason = &answer->reasons[i];
        const char *cause;

        if (reason->effect != POLICY_BLOCK ||
            reason->kind != POLICY_FAILED || reason->job[0] == '\0')
            continue;
        cause = cause_of(causes, reason->job, reason->testid, arena);
        if (!is_in(list, cause))
            list[count++] = cause;
    }
    qsort(list, count, sizeof *list, by_text);
    return list;
}

/* Notices ------------------------------------------------------------------ */

struct telling {
    struct db *db;
    const struct gate_run *run;
    const struct ruling_input *input;
    const struct ruling *ruling;
    struct arena *arena;
};

static const struct report_gate *
in_words(const struct telling *telling)
{
    const struct policy_answer *answer = &telling->ruling->answer;
    struct report_gate *out = arena_alloc(telling->arena, sizeof *out);
    struct buf text = BUF_INIT;

    ruling_text(telling->input, telling->ruling, &text);
    out->words = arena_strdup(telling->arena, buf_text(&text));
    out->answer = arena_printf(telling->arena, "%s: %s",
                               policy_verdict_name(answer->verdict),
                               answer->text);
    buf_free(&text);
    return out;
}

/* Where people find the page; a site without rules tells nobody anyway. */
static const char *
pages_url(struct arena *arena)
{
    struct notice_rules rules;
    struct fault minor = FAULT_INIT;

    if (notice_rules_load(arena, &rules, &minor))
        return rules.url;
    if (minor.kind != FAULT_NOT_FOUND)
        log_fault(LOG_LEVEL_WARN, &minor, "no link to the report");
    return NULL;
}

/* The report, as "assay report --format mail" makes it, of what the gate
 * decided upon, which may not be in the database yet. */
static bool
compose(const struct telling *telling, bool pushed, struct message *out,
        struct fault *why)
{
    const struct mail_options mail = { .pushed = pushed };
    const struct decide_request request = {
        .allow = telling->input->evidence.allow,
        .allow_count = telling->input->evidence.allow_count,
    };
    struct report_options options = {
        .links = REPORT_LINKS_NONE, .url = pages_url(telling->arena),
    };
    struct report report;
    bool ok;

    if (!home_get(&options.root, why) ||
        !report_read(telling->db, telling->input->about.flight, &request,
                     telling->arena, &report, why))
        return false;
    report.gate = in_words(telling);
    options.patterns = pattern_code_try();
    ok = mail_compose(&report, &options, &mail, telling->arena, out, why);
    pattern_code_free(options.patterns);
    return ok;
}

/* 'about' and 'cause' are the row's alone; people read the mail. */
static bool
make_notice(const struct telling *telling, const char *kind,
            const char *cause, struct gate_news *out, struct fault *why)
{
    struct arena *arena = telling->arena;
    struct notice *notice = arena_alloc(arena, sizeof *notice);
    const char *branch = telling->run->branch;
    int64_t flight = telling->input->about.flight;
    struct fault minor = FAULT_INIT;
    struct message message;

    if (!compose(telling, strcmp(kind, "recovery") == 0, &message, &minor)) {
        if (minor.kind == FAULT_LOST) {
            *why = minor;
            return false;
        }
        log_fault(LOG_LEVEL_WARN, &minor, "no report of flight %" PRId64
                  " for its mail", flight);
        message = (struct message){
            .subject = arena_printf(arena, "[%s test] %" PRId64 ": %s",
                                    branch, flight, kind),
            .body = arena_printf(arena, "%s\nThe report of the flight could "
                                 "not be made: %s\n",
                                 in_words(telling)->words, minor.text),
        };
    }
    *notice = (struct notice){
        .kind = kind, .branch = branch, .cause = cause,
        .about = arena_printf(arena, "branch %s", branch),
        .subject = message.subject, .body = message.body,
        .headers = message.headers,
    };
    out->notice = notice;
    return true;
}

/* A failure that nobody has looked at yet would be known by its test's name
 * now, by its signature the next time, and be told twice. */
static bool
read_known_causes(struct db *db, int64_t flight, struct arena *arena,
                  struct causes *out, struct fault *why)
{
    struct pattern_code *code = pattern_code_try();
    bool ok = failure_record(db, flight, NULL, code, NULL, why) &&
              causes_read(db, flight, arena, out, why);

    pattern_code_free(code);
    return ok;
}

bool
gate_news_decided(struct db *db, const struct gate_run *run,
                  const struct ruling_input *input,
                  const struct ruling *ruling, struct arena *arena,
                  struct gate_news *out, struct fault *why)
{
    const struct telling telling = { db, run, input, ruling, arena };
    static const char *const none[] = { NULL };
    const char *const *told = none, *text;
    struct causes causes;
    int64_t good = 0;
    bool fresh = false;

    *out = (struct gate_news){ .causes = none };
    if (run->purpose != POLICY_CANDIDATE)
        return true;
    if (!read_known_causes(db, input->about.flight, arena, &causes, why) ||
        !gate_news_db_told(db, run, arena, &good, &told, why))
        return false;
    out->causes = causes_of(&ruling->answer, &causes, arena);
    text = arena_printf(arena, "since run %" PRId64 ":", good);
    for (size_t i = 0; out->causes[i] != NULL; i++) {
        if (is_in(told, out->causes[i]))
            continue;
        text = arena_printf(arena, "%s %s", text, out->causes[i]);
        fresh = true;
    }
    return !fresh ||
           make_notice(&telling, told[0] == NULL ? "regression" : "cause",
                       text, out, why);
}

bool
gate_news_pushed(struct db *db, const struct gate_run *run,
                 const struct ruling_input *input,
                 const struct ruling *ruling, struct arena *arena,
                 struct gate_news *out, struct fault *why)
{
    const struct telling telling = { db, run, input, ruling, arena };
    static const char *const none[] = { NULL };
    const char *const *told = none, *const *own = none;
    int64_t good = 0;

    *out = (struct gate_news){ .causes = none };
    if (!gate_news_db_told(db, run, arena, &good, &told, why) ||
        !gate_news_db_causes(db, run->run, arena, &own, why))
        return false;
    /* Forced, it passes no more than before. */
    return told[0] == NULL || own[0] != NULL ||
           make_notice(&telling, "recovery",
                       arena_printf(arena, "since run %" PRId64, good), out,
                       why);
}

bool
gate_news_add(struct db *db, int64_t run, const struct gate_news *news,
              struct fault *why)
{
    for (size_t i = 0; news->causes[i] != NULL; i++)
        if (!gate_news_db_add(db, run, news->causes[i], why))
            return false;
    return news->notice == NULL || notice_add(db, news->notice, NULL, why);
}
