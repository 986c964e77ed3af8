/* harness/outcome.c - words of outcomes and lanes, and their combination. */
#include <config.h>

#include "harness/outcome.h"

#include <assert.h>

static const struct {
    const char *name;
    bool final;
} OUTCOMES[] = {
    [OUTCOME_NONE] = { "none", false },
    [OUTCOME_QUEUED] = { "queued", false },
    [OUTCOME_PREPARING] = { "preparing", false },
    [OUTCOME_RUNNING] = { "running", false },
    [OUTCOME_PASS] = { "pass", true },
    [OUTCOME_FAIL] = { "fail", true },
    [OUTCOME_BROKEN] = { "broken", true },
    [OUTCOME_BLOCKED] = { "blocked", true },
    [OUTCOME_SKIP] = { "skip", true },
    [OUTCOME_STARVED] = { "starved", true },
    [OUTCOME_TRUNCATED] = { "truncated", true },
    [OUTCOME_ABORTED] = { "aborted", true },
    [OUTCOME_MISSING] = { "missing", true },
    [OUTCOME_REUSED] = { "reused", true },
};
static_assert(ARRAY_LEN(OUTCOMES) == OUTCOME_COUNT, "a name for each");

static const char *const LANES[] = {
    [LANE_NONE] = "none",     [LANE_PRODUCT] = "product",
    [LANE_TEST] = "test",     [LANE_HOST] = "host",
    [LANE_HARNESS] = "harness", [LANE_UNKNOWN] = "unknown",
};
static_assert(ARRAY_LEN(LANES) == LANE_COUNT, "a name for each");

const char *
outcome_name(enum outcome outcome)
{
    if ((unsigned)outcome >= OUTCOME_COUNT)
        outcome = OUTCOME_NONE;
    return OUTCOMES[outcome].name;
}

enum outcome
outcome_parse(const char *word)
{
    for (int i = OUTCOME_NONE + 1; word != NULL && i < OUTCOME_COUNT; i++) {
        if (strcmp(OUTCOMES[i].name, word) == 0)
            return (enum outcome)i;
    }
    return OUTCOME_NONE;
}

const char *
lane_name(enum lane lane)
{
    if ((unsigned)lane >= LANE_COUNT)
        lane = LANE_NONE;
    return LANES[lane];
}

enum lane
lane_parse(const char *word)
{
    for (int i = LANE_NONE + 1; word != NULL && i < LANE_COUNT; i++) {
        if (strcmp(LANES[i], word) == 0)
            return (enum lane)i;
    }
    return LANE_NONE;
}

bool
outcome_is_final(enum outcome outcome)
{
    return (unsigned)outcome < OUTCOME_COUNT && OUTCOMES[outcome].final;
}

bool
outcome_is_good(enum outcome outcome)
{
    return outcome == OUTCOME_PASS || outcome == OUTCOME_SKIP
        || outcome == OUTCOME_REUSED;
}

enum outcome
outcome_combine(const enum outcome *parts, size_t count)
{
    /* From the strongest word to the weakest; pass is near the end, so that
     * it needs the absence of all that stands before it. */
    static const struct {
        enum outcome part, whole;
    } ORDER[] = {
        { OUTCOME_PREPARING, OUTCOME_RUNNING },
        { OUTCOME_RUNNING, OUTCOME_RUNNING },
        { OUTCOME_QUEUED, OUTCOME_QUEUED },
        { OUTCOME_FAIL, OUTCOME_FAIL },
        { OUTCOME_ABORTED, OUTCOME_ABORTED },
        { OUTCOME_BROKEN, OUTCOME_BROKEN },
        { OUTCOME_MISSING, OUTCOME_BROKEN },
        { OUTCOME_NONE, OUTCOME_BROKEN },
        { OUTCOME_TRUNCATED, OUTCOME_TRUNCATED },
        { OUTCOME_BLOCKED, OUTCOME_BLOCKED },
        { OUTCOME_STARVED, OUTCOME_STARVED },
        { OUTCOME_PASS, OUTCOME_PASS },
        { OUTCOME_SKIP, OUTCOME_SKIP },
        { OUTCOME_REUSED, OUTCOME_SKIP },
    };
    static_assert(ARRAY_LEN(ORDER) == OUTCOME_COUNT, "each word has a place");
    bool seen[OUTCOME_COUNT] = { false };
    bool begun = false;

    for (size_t i = 0; i < count; i++) {
        enum outcome part = parts[i];

        if ((unsigned)part >= OUTCOME_COUNT)
            part = OUTCOME_NONE;
        seen[part] = true;
        begun = begun || part != OUTCOME_QUEUED;
    }
    for (size_t i = 0; i < ARRAY_LEN(ORDER); i++) {
        if (!seen[ORDER[i].part])
            continue;
        if (ORDER[i].whole == OUTCOME_QUEUED && begun)
            return OUTCOME_RUNNING;
        return ORDER[i].whole;
    }
    return OUTCOME_BROKEN;
}
