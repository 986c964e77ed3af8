/* flights/checkup.c - see checkup.h. */
#include <config.h>

#include "flights/checkup.h"

#include <inttypes.h>
#include <string.h>

#include "harness/buf.h"
#include "hosts/health_db.h"
#include "hosts/site.h"

#define HOUR_MS INT64_C(3600000)

static const char *const causes[] = {
    [CHECKUP_NONE] = "none", [CHECKUP_NEW] = "new",
    [CHECKUP_SUSPECT] = "suspect", [CHECKUP_AGAIN] = "again",
    [CHECKUP_TIME] = "time", [CHECKUP_JOBS] = "jobs",
};
static const char *const verdicts[] = {
    [CHECKUP_VERDICT_NONE] = "none", [CHECKUP_GOOD] = "good",
    [CHECKUP_BAD] = "bad", [CHECKUP_VOID] = "void",
};

const char *
checkup_cause_name(enum checkup_cause cause)
{
    return causes[cause];
}

const char *
checkup_verdict_name(enum checkup_verdict verdict)
{
    return verdicts[verdict];
}

enum checkup_verdict
checkup_verdict_parse(const char *name)
{
    for (size_t i = CHECKUP_GOOD; i < ARRAY_LEN(verdicts); i++) {
        if (name != NULL && strcmp(verdicts[i], name) == 0)
            return (enum checkup_verdict)i;
    }
    return CHECKUP_VERDICT_NONE;
}

/* The last check was not good, and it is too early for another. */
static bool
must_rest(const struct site_checks *checks, const struct checkup_host *host)
{
    return host->last_ms >= 0 && host->last != CHECKUP_GOOD
        && host->last_ms < checks->again_ms
        && !(host->last == CHECKUP_BAD && host->bad_in_row == 1)
        && !(host->said_ms >= 0 && host->said_ms < host->last_ms);
}

enum checkup_cause
checkup_due(const struct site_checks *checks,
            const struct checkup_host *host, struct buf *why)
{
    bool suspect = strcmp(host->state, "suspect") == 0;

    if (host->open || (!suspect && strcmp(host->state, "good") != 0)
        || must_rest(checks, host))
        return CHECKUP_NONE;
    if (suspect && host->good_ms < 0 && host->bad_in_row == 0) {
        buf_adds(why, "no check has passed on it yet");
        return CHECKUP_NEW;
    }
    if (checks->after_failure && host->failed != NULL) {
        buf_adds(why, host->failed);
        return CHECKUP_SUSPECT;
    }
    if (suspect || (host->last_ms >= 0 && host->last != CHECKUP_GOOD)) {
        buf_adds(why, host->last == CHECKUP_BAD ? "its last check was bad"
                 : suspect ? "it is suspect"
                 : "its last check did not tell");
        return CHECKUP_AGAIN;
    }
    if (checks->every_ms > 0
        && (host->good_ms < 0 || host->good_ms >= checks->every_ms)) {
        if (host->good_ms < 0)
            buf_adds(why, "it was never checked");
        else
            buf_addf(why, "the last check was %" PRId64 " hours ago",
                     host->good_ms / HOUR_MS);
        return CHECKUP_TIME;
    }
    if (checks->jobs > 0 && host->jobs >= checks->jobs) {
        buf_addf(why, "%" PRId64 " jobs since the last check", host->jobs);
        return CHECKUP_JOBS;
    }
    return CHECKUP_NONE;
}

enum checkup_verdict
checkup_judge(enum outcome status, enum lane lane, bool proved,
              struct buf *why)
{
    if (status == OUTCOME_PASS) {
        buf_adds(why, "its check passed");
        return CHECKUP_GOOD;
    }
    if (status != OUTCOME_FAIL && status != OUTCOME_BROKEN
        && status != OUTCOME_TRUNCATED) {
        buf_addf(why, "its check ended %s", outcome_name(status));
        return CHECKUP_VOID;
    }
    if (lane == LANE_HARNESS || lane == LANE_TEST) {
        buf_addf(why, "its check was %s by the %s", outcome_name(status),
                 lane_name(lane));
        return CHECKUP_VOID;
    }
    if (lane != LANE_HOST && !proved) {
        buf_addf(why, "its check was %s, but its candidate has passed "
                 "nowhere", outcome_name(status));
        return CHECKUP_VOID;
    }
    buf_addf(why, "its check was %s", outcome_name(status));
    return CHECKUP_BAD;
}

const char *
checkup_state(const struct checkup_host *host, enum checkup_verdict verdict)
{
    bool suspect = strcmp(host->state, "suspect") == 0;

    if (!suspect && strcmp(host->state, "good") != 0)
        return NULL;            /* a person, or power, was faster */
    if (verdict == CHECKUP_GOOD)
        return suspect ? "good" : NULL;
    if (verdict != CHECKUP_BAD)
        return NULL;
    return host->bad_in_row + 1 >= HEALTH_RUNS ? "bad" : "suspect";
}
