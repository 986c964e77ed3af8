/* results/report_causes.c - the failures of a flight, grouped by cause. */
#include <config.h>

#include "results/report_causes.h"

#include <inttypes.h>

#include "harness/arena.h"
#include "harness/buf.h"
#include "results/cause.h"
#include "results/decide.h"
#include "results/report.h"
#include "results/verdict.h"

#define NAMED 6                 /* tests of a cause that are named */

/* Whether the decision holds that a cell is in the way. */
static bool
cell_blocks(const struct decision *decision, int64_t flight, const char *job,
            const char *testid)
{
    for (size_t i = 0; decision != NULL && i < decision->failure_count; i++) {
        const struct decide_failure *failure = &decision->failures[i];

        if (failure->flight == flight
            && failure->category == DECIDE_CATEGORY_BLOCKING
            && strcmp(failure->job, job) == 0
            && (strcmp(failure->testid, testid) == 0
                || failure->testid[0] == '\0' || testid[0] == '\0'))
            return true;
    }
    return false;
}

static const struct verdict_trouble *
trouble_named(const struct verdict *verdict, const char *job)
{
    for (size_t i = 0; i < verdict->trouble_count; i++) {
        if (strcmp(verdict->troubles[i].job->name, job) == 0)
            return &verdict->troubles[i];
    }
    return NULL;
}

/* Whose fault, as the counterfactual sees it. */
static const char *
split_text(const struct cause_blame *blame, struct arena *arena)
{
    struct buf text = BUF_INIT;
    const char *copy;

    if (blame == NULL)
        return "";
    for (int i = BLAME_NONE + 1; i < BLAME_CAUSE_COUNT; i++)
        buf_addf(&text, "%s%s %.0f %%", i == BLAME_NONE + 1 ? "" : ", ",
                 blame_cause_name((enum blame_cause)i),
                 blame->split[i] * 100);
    buf_addf(&text, " after %d run%s", blame->run_count_spent,
             blame->run_count_spent == 1 ? "" : "s");
    if (blame->open)
        buf_adds(&text, ", more to come");
    copy = arena_strdup(arena, buf_text(&text));
    buf_free(&text);
    return copy;
}

static const char *
history_text(const struct cause_group *group, int64_t flight,
             struct arena *arena)
{
    struct buf text = BUF_INIT;
    const char *copy;

    if (group->issue != NULL) {
        buf_addf(&text, "known: issue %" PRId64 ", %s", group->issue->issue,
                 group->issue->title);
        if (group->issue->reference[0] != '\0')
            buf_addf(&text, " (%s)", group->issue->reference);
        if (group->issue->regressed)
            buf_adds(&text, ", a REGRESSION: it was fixed on this branch");
        else if (group->issue->closed)
            buf_adds(&text, ", CLOSED and yet it is here");
        buf_adds(&text, "; ");
    }
    if (group->first_flight == flight)
        buf_adds(&text, "first seen in this flight");
    else
        buf_addf(&text, "seen %" PRId64 " times in %" PRId64 " flights since "
                 "flight %" PRId64, group->seen_count, group->seen_flights,
                 group->first_flight);
    copy = arena_strdup(arena, buf_text(&text));
    buf_free(&text);
    return copy;
}

/* By signature ------------------------------------------------------------- */

static void
group_fill(const struct report *report, size_t index, struct arena *arena,
           struct report_cause *out)
{
    const struct causes *causes = report->causes;
    const struct cause_group *group = &causes->groups[index];
    int64_t flight = report->evidence->flight;
    struct buf where = BUF_INIT;
    size_t named = 0;

    *out = (struct report_cause){
        .lane = group->lane, .signature = group->signature,
        .title = group->title, .split = split_text(group->blame, arena),
        .history = history_text(group, flight, arena),
        .trouble = trouble_named(report->verdict, group->first_job),
    };
    buf_addf(&where, "%zu test%s:", group->count,
             group->count == 1 ? "" : "s");
    for (size_t i = 0; i < causes->count; i++) {
        const struct cause *cause = &causes->list[i];

        if (cause->group != index)
            continue;
        out->blocks = out->blocks
            || cell_blocks(report->decision, flight, cause->job,
                           cause->testid);
        if (named++ < NAMED)
            buf_addf(&where, "%s %s%s%s", named == 1 ? "" : ",", cause->job,
                     cause->testid[0] == '\0' ? "" : " ", cause->testid);
    }
    if (named > NAMED)
        buf_addf(&where, " and %zu more", named - NAMED);
    out->where = arena_strdup(arena, buf_text(&where));
    buf_free(&where);
}

/* Without signatures ------------------------------------------------------- */

static bool
same_reason(const struct verdict_trouble *a, const struct verdict_trouble *b)
{
    return a->lane == b->lane && strcmp(a->reason, b->reason) == 0;
}

static void
trouble_fill(const struct report *report, size_t index, struct arena *arena,
             struct report_cause *out)
{
    const struct verdict *verdict = report->verdict;
    const struct verdict_trouble *first = &verdict->troubles[index];
    struct buf where = BUF_INIT;
    size_t named = 0;

    *out = (struct report_cause){
        .lane = first->lane, .signature = "", .title = first->reason,
        .history = "", .split = "", .trouble = first,
    };
    for (size_t i = index; i < verdict->trouble_count; i++) {
        const struct verdict_trouble *trouble = &verdict->troubles[i];
        const char *testid = trouble->step == NULL ? ""
            : trouble->step->testid;

        if (!same_reason(trouble, first))
            continue;
        out->blocks = out->blocks
            || cell_blocks(report->decision, report->evidence->flight,
                           trouble->job->name, testid);
        if (named++ < NAMED)
            buf_addf(&where, "%s%s%s%s", named == 1 ? "" : ", ",
                     trouble->job->name, testid[0] == '\0' ? "" : " ",
                     testid);
    }
    if (named > NAMED)
        buf_addf(&where, " and %zu more", named - NAMED);
    out->where = arena_strdup(arena, buf_text(&where));
    buf_free(&where);
}

/* What blocks first; else as it was. */
static void
sort_blocking(struct report_cause *causes, size_t count)
{
    size_t place = 0;

    for (size_t i = 0; i < count; i++) {
        struct report_cause cause = causes[i];

        if (!cause.blocks)
            continue;
        memmove(&causes[place + 1], &causes[place],
                (i - place) * sizeof *causes);
        causes[place++] = cause;
    }
}

void
report_causes(const struct report *report, struct arena *arena,
              struct report_cause **out, size_t *count_out)
{
    const struct verdict *verdict = report->verdict;
    size_t groups = report->causes == NULL ? 0 : report->causes->group_count;
    struct report_cause *list;
    size_t count = 0;

    list = arena_alloc(arena, (groups + verdict->trouble_count)
                              * sizeof *list + 1);
    for (size_t i = 0; i < groups; i++)
        group_fill(report, i, arena, &list[count++]);
    /* A trouble that no signature was taken of is a cause of its own. */
    for (size_t i = 0; i < verdict->trouble_count; i++) {
        const struct verdict_trouble *trouble = &verdict->troubles[i];
        bool known = false;

        for (size_t j = 0; groups > 0 && j < report->causes->count; j++)
            known = known || strcmp(report->causes->list[j].job,
                                    trouble->job->name) == 0;
        for (size_t j = 0; j < i && !known; j++)
            known = same_reason(&verdict->troubles[j], trouble);
        if (!known)
            trouble_fill(report, i, arena, &list[count++]);
    }
    sort_blocking(list, count);
    *out = list;
    *count_out = count;
}
