/* harness/step_verdict.c - the tables of outcomes; see the header. */
#include <config.h>

#include "harness/step_verdict.h"

#include <signal.h>
#include <stdarg.h>
#include "harness/buf.h"
#include "harness/clock.h"

typedef bool when_fn(const struct step_facts *facts);
typedef void reason_fn(const struct step_facts *facts, struct buf *reason);

static bool
is_aborted(const struct step_facts *facts)
{
    return facts->end == STEP_END_ABORT;
}

static bool
is_unstarted(const struct step_facts *facts)
{
    return facts->end == STEP_END_UNSTARTED;
}

static bool
is_unknown(const struct step_facts *facts)
{
    return facts->end == STEP_END_NONE;
}

static bool
saw_product_die(const struct step_facts *facts)
{
    return facts->console_text != NULL &&
           facts->console_lane == LANE_PRODUCT;
}

/* Its host died, of something else: no word about the product. */
static bool
saw_host_die(const struct step_facts *facts)
{
    return facts->console_text != NULL;
}

static bool
lost_to_disk(const struct step_facts *facts)
{
    return facts->disk_text != NULL;
}

static bool
is_garbled(const struct step_facts *facts)
{
    return facts->record_text != NULL;
}

static bool
is_late(const struct step_facts *facts)
{
    return facts->end == STEP_END_DEADLINE;
}

static bool
is_killed(const struct step_facts *facts)
{
    return facts->end == STEP_END_SIGNAL;
}

static bool
exited(const struct step_facts *facts, int code)
{
    return facts->end == STEP_END_EXIT && facts->code == code;
}

static bool
says_broken(const struct step_facts *facts)
{
    return exited(facts, STEP_EXIT_BROKEN);
}

static bool
is_outside_contract(const struct step_facts *facts)
{
    return facts->end == STEP_END_EXIT && facts->code != STEP_EXIT_PASS &&
           facts->code != STEP_EXIT_FAIL && facts->code != STEP_EXIT_SKIP;
}

/* From here on the exit status is 0, 1 or 77. */
static bool
has_failed(const struct step_facts *facts)
{
    return exited(facts, STEP_EXIT_FAIL) || facts->failed_count > 0;
}

static bool
failed_not_by_product(const struct step_facts *facts)
{
    return has_failed(facts) && facts->blame != LANE_NONE &&
           facts->blame != LANE_PRODUCT;
}

static bool
failed_counts_broken(const struct step_facts *facts)
{
    return has_failed(facts) && facts->fail_is_broken;
}

static bool
has_missing(const struct step_facts *facts)
{
    return exited(facts, STEP_EXIT_PASS) && facts->missing_count > 0;
}

static bool
is_open_ended(const struct step_facts *facts)
{
    return facts->open_text != NULL;
}

static bool
lacks_attachment(const struct step_facts *facts)
{
    return facts->attach_text != NULL;
}

static bool
says_skip(const struct step_facts *facts)
{
    return exited(facts, STEP_EXIT_SKIP);
}

static bool
says_pass(const struct step_facts *facts)
{
    return exited(facts, STEP_EXIT_PASS);
}

static bool
always(const struct step_facts *facts UNUSED)
{
    return true;
}

/* Reasons. What the step said of itself is the best one; after it what was
 * seen; after it the last line of the log. */
static void
add_said(const struct step_facts *facts, struct buf *reason)
{
    const char *said = facts->blame_text;

    if (said == NULL)
        said = facts->first_failed;
    if (said == NULL)
        said = facts->last_line;
    if (said == NULL)
        return;
    if (reason->len > 0)
        buf_adds(reason, ": ");
    buf_adds(reason, said);
}

static void
reason_end_text(const struct step_facts *facts, struct buf *reason)
{
    if (facts->end_text != NULL)
        buf_adds(reason, facts->end_text);
}

static void
reason_unknown(const struct step_facts *facts UNUSED, struct buf *reason)
{
    buf_adds(reason, "its end was not seen");
}

static void
reason_console(const struct step_facts *facts, struct buf *reason)
{
    buf_adds(reason, facts->console_text);
}

static void
reason_disk(const struct step_facts *facts, struct buf *reason)
{
    buf_adds(reason, facts->disk_text);
}

static void
reason_records(const struct step_facts *facts, struct buf *reason)
{
    buf_adds(reason, facts->record_text);
}

static void
reason_late(const struct step_facts *facts, struct buf *reason)
{
    char limit[32];

    clock_human(facts->deadline_ms, limit);
    buf_addf(reason, "did not end within %s", limit);
    add_said(facts, reason);
}

static void
reason_killed(const struct step_facts *facts, struct buf *reason)
{
    const char *name = sigabbrev_np(facts->code);

    if (name != NULL)
        buf_addf(reason, "killed by SIG%s", name);
    else
        buf_addf(reason, "killed by signal %d", facts->code);
    add_said(facts, reason);
}

static void
reason_status(const struct step_facts *facts, struct buf *reason)
{
    buf_addf(reason, "exited with status %d", facts->code);
    add_said(facts, reason);
}

static void
reason_said(const struct step_facts *facts, struct buf *reason)
{
    if (facts->failed_count > 1 && facts->blame_text == NULL)
        buf_addf(reason, "%d cases failed", facts->failed_count);
    add_said(facts, reason);
    if (facts->attach_text != NULL)
        buf_addf(reason, "; %s", facts->attach_text);
}

static void
reason_missing(const struct step_facts *facts, struct buf *reason)
{
    buf_addf(reason, "%d expected case%s did not report: %s",
             facts->missing_count, facts->missing_count == 1 ? "" : "s",
             facts->first_missing);
    if (facts->missing_count > 1)
        buf_adds(reason, ", ...");
}

static void
reason_open(const struct step_facts *facts, struct buf *reason)
{
    buf_addf(reason, "descriptor 3 was still open: %s", facts->open_text);
}

static void
reason_attach(const struct step_facts *facts, struct buf *reason)
{
    buf_adds(reason, facts->attach_text);
}

static void
reason_none(const struct step_facts *facts UNUSED, struct buf *reason UNUSED)
{
}

/* 'firm': the lane is ours to say; else the step's blame goes first. */
static const struct {
    when_fn *when;
    enum outcome status;
    enum lane lane;
    bool firm;
    reason_fn *reason;
} STEP_RULES[] = {
    {is_aborted, OUTCOME_ABORTED, LANE_UNKNOWN, true, reason_end_text},
    {is_unstarted, OUTCOME_BROKEN, LANE_TEST, true, reason_end_text},
    {is_unknown, OUTCOME_BROKEN, LANE_HARNESS, true, reason_unknown},
    {saw_product_die, OUTCOME_FAIL, LANE_PRODUCT, true, reason_console},
    {saw_host_die, OUTCOME_BROKEN, LANE_HOST, true, reason_console},
    {lost_to_disk, OUTCOME_BROKEN, LANE_HARNESS, true, reason_disk},
    {is_garbled, OUTCOME_BROKEN, LANE_TEST, true, reason_records},
    {is_late, OUTCOME_BROKEN, LANE_UNKNOWN, false, reason_late},
    {is_killed, OUTCOME_BROKEN, LANE_TEST, false, reason_killed},
    {says_broken, OUTCOME_BROKEN, LANE_UNKNOWN, false, reason_said},
    {is_outside_contract, OUTCOME_BROKEN, LANE_TEST, false, reason_status},
    {failed_not_by_product, OUTCOME_BROKEN, LANE_UNKNOWN, false,
     reason_said},
    {failed_counts_broken, OUTCOME_BROKEN, LANE_UNKNOWN, false, reason_said},
    {has_failed, OUTCOME_FAIL, LANE_PRODUCT, true, reason_said},
    {has_missing, OUTCOME_BROKEN, LANE_TEST, true, reason_missing},
    {is_open_ended, OUTCOME_BROKEN, LANE_TEST, true, reason_open},
    {lacks_attachment, OUTCOME_BROKEN, LANE_TEST, true, reason_attach},
    {says_skip, OUTCOME_SKIP, LANE_NONE, true, reason_said},
    {says_pass, OUTCOME_PASS, LANE_NONE, true, reason_none},
    {always, OUTCOME_BROKEN, LANE_HARNESS, true, reason_unknown},
};

/* One line for people: no control bytes, cut on a character. */
static void
set_reason(struct step_verdict *verdict, const char *text)
{
    struct buf clean = BUF_INIT;
    size_t len;

    buf_add_escaped(&clean, text, strlen(text));
    len = clean.len;
    if (len >= sizeof(verdict->reason)) {
        len = sizeof(verdict->reason) - 4;
        while (len > 0 && ((unsigned char)clean.data[len] & 0xc0) == 0x80)
            len--;
        memcpy(verdict->reason, clean.data, len);
        memcpy(verdict->reason + len, "...", 4);
    } else {
        memcpy(verdict->reason, buf_text(&clean), len + 1);
    }
    buf_free(&clean);
}

void
step_verdict_make(const struct step_facts *facts,
                  struct step_verdict *verdict_out)
{
    struct buf reason = BUF_INIT;
    size_t i = 0;

    while (!STEP_RULES[i].when(facts))
        i++;
    *verdict_out = (struct step_verdict){.status = STEP_RULES[i].status,
                                         .lane = STEP_RULES[i].lane};
    if (!STEP_RULES[i].firm && facts->blame != LANE_NONE)
        verdict_out->lane = facts->blame;
    STEP_RULES[i].reason(facts, &reason);
    set_reason(verdict_out, buf_text(&reason));
    buf_free(&reason);
}

/* From the strongest to the weakest. A step that never ended, or ended with a
 * word that no step can have, makes the job broken. */
static const enum outcome JOB_ORDER[] = {
    OUTCOME_FAIL, OUTCOME_ABORTED, OUTCOME_BROKEN, OUTCOME_BLOCKED,
    OUTCOME_PASS, OUTCOME_SKIP, OUTCOME_REUSED,
};

static enum outcome
part_status(const struct step_part *part)
{
    size_t i;

    for (i = 0; i < ARRAY_LEN(JOB_ORDER); i++)
        if (part->verdict.status == JOB_ORDER[i])
            return JOB_ORDER[i];
    return OUTCOME_BROKEN;
}

/* The first part with the strongest status among the body or the final
 * steps; NULL when there is none. */
static const struct step_part *
strongest(const struct step_part *parts, size_t count, bool finally)
{
    size_t i, k;

    for (k = 0; k < ARRAY_LEN(JOB_ORDER); k++)
        for (i = 0; i < count; i++)
            if (parts[i].finally == finally &&
                part_status(&parts[i]) == JOB_ORDER[k])
                return &parts[i];
    return NULL;
}

static bool
is_good(const struct step_part *part)
{
    return outcome_is_good(part_status(part));
}

const struct step_part *
step_verdict_job(const struct step_part *parts, size_t count,
                 struct step_verdict *verdict_out)
{
    const struct step_part *body = strongest(parts, count, false),
                           *last = strongest(parts, count, true),
                           *decides = body;
    struct buf reason = BUF_INIT;

    *verdict_out = (struct step_verdict){.status = OUTCOME_BROKEN,
                                         .lane = LANE_HARNESS};
    if (body == NULL) {
        set_reason(verdict_out, "no step was run");
        return NULL;
    }
    if (is_good(body) && last != NULL && !is_good(last))
        decides = last;
    verdict_out->status = part_status(decides);
    verdict_out->lane = decides->verdict.lane;
    if (verdict_out->status == OUTCOME_PASS) {
        verdict_out->lane = LANE_NONE;
        return NULL;
    }
    if (verdict_out->status != OUTCOME_SKIP &&
        verdict_out->lane == LANE_NONE)
        verdict_out->lane = LANE_HARNESS;
    buf_adds(&reason, decides->testid);
    if (decides->verdict.status == OUTCOME_NONE)
        buf_adds(&reason, ": its end was not seen");
    else if (decides->verdict.reason[0] != '\0')
        buf_addf(&reason, ": %s", decides->verdict.reason);
    set_reason(verdict_out, buf_text(&reason));
    buf_free(&reason);
    return decides;
}
