/* results/mail_text.c - what a person reads of a report's mail.
 *
 * The first screen is for the one who decides: may this be released, what was
 * not covered, what are the causes, whose are they, since when. All that is
 * long comes after. */
#include <config.h>

#include "results/mail.h"

#include <inttypes.h>

#include "harness/arena.h"
#include "harness/buf.h"
#include "harness/plain.h"
#include "results/age.h"
#include "results/cause.h"
#include "results/changes.h"
#include "results/decide.h"
#include "results/evidence.h"
#include "results/report.h"
#include "results/report_causes.h"
#include "results/report_changes.h"
#include "results/report_parts.h"
#include "results/report_words.h"
#include "results/verdict.h"

#define ITEM_MAX 400            /* bytes of outside text in one item */
#define CAUSES_SHOWN 8
#define FAILURES_SHOWN 200
#define GAPS_SHOWN 60
#define PEOPLE_SHOWN 300        /* commits, whose authors are listed */
#define PEOPLE_MAX 8000

struct letter {
    const struct report *report;
    const struct report_options *options;
    struct arena arena;
    struct buf *out;
};

static void
fact_max(struct letter *letter, const char *name, const char *value,
         size_t max)
{
    if (value[0] == '\0')
        return;
    buf_addf(letter->out, "%-11s", name);
    plain_wrap(letter->out, value, max, 11, 11);
}

static void
fact(struct letter *letter, const char *name, const char *value)
{
    fact_max(letter, name, value, ITEM_MAX);
}

/* Verdict ------------------------------------------------------------------ */

static void
part_head(struct letter *letter)
{
    const struct evidence *evidence = letter->report->evidence;
    const struct verdict *verdict = letter->report->verdict;
    struct buf *out = letter->out;

    plain_wrap(out, arena_printf(&letter->arena, "flight %" PRId64
                                 " %s %s [%s]", evidence->flight,
                                 evidence->branch, evidence->blessing,
                                 evidence->intended), ITEM_MAX, 0, 0);
    if (letter->options->url != NULL)
        buf_addf(out, "%s/flight/%" PRId64 "\n", letter->options->url,
                 evidence->flight);
    buf_addc(out, '\n');
    if (letter->report->decision != NULL) {
        buf_addf(out, "%s\n",
                 decide_result_text(letter->report->decision->result));
        plain_wrap(out, words_advice(letter->report, &letter->arena),
                   ITEM_MAX, 0, 0);
        plain_wrap(out, verdict->summary, ITEM_MAX, 0, 0);
    } else {
        plain_wrap(out, verdict->headline, ITEM_MAX, 0, 0);
        plain_wrap(out, verdict->summary, ITEM_MAX, 0, 0);
    }
    buf_addc(out, '\n');
}

static void
part_facts(struct letter *letter)
{
    const struct report *report = letter->report;
    const struct evidence *evidence = report->evidence;

    fact(letter, "Tested", report->verdict->tested);
    for (size_t i = 0; i < evidence->tree_count; i++)
        fact(letter, i == 0 ? "Revisions" : "",
             arena_printf(&letter->arena, "%s %s", evidence->trees[i].name,
                          evidence->trees[i].value));
    fact(letter, "Against", words_against(report, &letter->arena));
    if (report->gate != NULL)
        fact(letter, "Gate", report->gate->answer);
    fact(letter, "Coverage", words_coverage(report, &letter->arena));
    if (report->age == NULL)
        return;
    fact(letter, "Last good", words_good(report->age, &letter->arena));
    fact(letter, "Failing", words_since(report->age, &report->age->failing,
                                        &letter->arena));
    fact(letter, "Same", words_since(report->age, &report->age->same,
                                     &letter->arena));
}

/* Causes ------------------------------------------------------------------- */

static void
part_causes(struct letter *letter)
{
    struct buf *out = letter->out;
    struct report_cause *causes;
    size_t count, lanes[LANE_COUNT] = { 0 };
    struct buf text = BUF_INIT;

    report_causes(letter->report, &letter->arena, &causes, &count);
    if (count == 0)
        return;
    for (size_t i = 0; i < count; i++)
        lanes[causes[i].lane]++;
    buf_addf(&text, "%zu:", count);
    for (int i = LANE_NONE + 1, first = 1; i < LANE_COUNT; i++) {
        if (lanes[i] == 0)
            continue;
        buf_addf(&text, "%s %zu %s", first ? "" : ",", lanes[i],
                 lane_name((enum lane)i));
        first = 0;
    }
    fact(letter, "Causes", buf_text(&text));
    buf_free(&text);
    for (size_t i = 0; i < count && i < CAUSES_SHOWN; i++) {
        const struct report_cause *cause = &causes[i];

        buf_addf(out, "\n  %zu. ", i + 1);
        plain_wrap(out, arena_printf(&letter->arena, "[%s%s] %s",
                                     lane_name(cause->lane),
                                     cause->blocks ? ", blocks" : "",
                                     cause->title), ITEM_MAX, 5, 5);
        buf_adds(out, "     ");
        plain_wrap(out, cause->where, ITEM_MAX, 5, 5);
        if (cause->history[0] != '\0') {
            buf_adds(out, "     ");
            plain_wrap(out, cause->history, ITEM_MAX, 5, 5);
        }
        if (cause->split[0] != '\0') {
            buf_adds(out, "     ");
            plain_wrap(out, cause->split, ITEM_MAX, 5, 5);
        }
    }
    if (count > CAUSES_SHOWN)
        buf_addf(out, "\n  ... and %zu more\n", count - CAUSES_SHOWN);
}

/* What changed, and who did it --------------------------------------------- */

/* Names that nobody has been listed under yet are added. */
static void
add_people(const struct change *change, struct buf *names)
{
    struct buf name = BUF_INIT;

    for (size_t i = 0; i < change->commit_count; i++) {
        const char *who = change->commits[i].author, *p = buf_text(names);
        bool known = false;

        buf_reset(&name);
        plain_add(&name, who, strlen(who), ITEM_MAX);
        while (*p != '\0' && !known) {
            size_t bytes = strcspn(p, "\n");

            known = name.len == bytes
                && memcmp(p, buf_text(&name), bytes) == 0;
            p += bytes + (p[bytes] == '\n');
        }
        if (!known)
            buf_addf(names, "%s\n", buf_text(&name));
    }
    buf_free(&name);
}

static void
part_people(struct letter *letter)
{
    const struct changes *changes = letter->report->changes;
    struct buf names = BUF_INIT, line = BUF_INIT;
    size_t total = 0;

    for (size_t i = 0; changes != NULL && i < changes->count; i++) {
        total += changes->list[i].commit_total;
        add_people(&changes->list[i], &names);
    }
    for (const char *p = buf_text(&names); *p != '\0';) {
        size_t bytes = strcspn(p, "\n");

        buf_addf(&line, "%s%.*s", line.len == 0 ? "" : ", ", (int)bytes, p);
        p += bytes + 1;
    }
    if (total > PEOPLE_SHOWN)
        fact(letter, "People",
             arena_printf(&letter->arena, "%zu commits are under test; not "
                          "listing who made them", total));
    else
        fact_max(letter, "People", buf_text(&line), PEOPLE_MAX);
    buf_free(&names);
    buf_free(&line);
}

/* Each failure ------------------------------------------------------------- */

static const char *const CATEGORIES[DECIDE_CATEGORY_COUNT] = {
    [DECIDE_CATEGORY_NONE] = "Not judged:",
    [DECIDE_CATEGORY_BLOCKING] = "Tests that did not succeed and are "
        "blocking:",
    [DECIDE_CATEGORY_HEISENBUG] = "Tests that pass now and then with this "
        "version:",
    [DECIDE_CATEGORY_ALLOWABLE] = "Failures that are allowed:",
    [DECIDE_CATEGORY_NONBLOCKING] = "Tests that did not succeed, but are not "
        "blocking:",
};

static void
failure_line(struct letter *letter, const char *job, int number,
             const char *testid, const char *status, const char *summary)
{
    struct buf *out = letter->out;

    buf_addc(out, ' ');
    plain_cell(out, job, ITEM_MAX, 24);
    plain_cell(out, number == 0 ? ""
                    : arena_printf(&letter->arena, "%2d", number), ITEM_MAX, 2);
    plain_cell(out, testid, ITEM_MAX, 24);
    plain_cell(out, status, ITEM_MAX, 7);
    plain_cell(out, summary, ITEM_MAX, 0);
    plain_end(out);
}

static int
step_number(const struct evidence *evidence, const char *job,
            const char *testid)
{
    for (size_t i = 0; i < evidence->job_count; i++) {
        if (strcmp(evidence->jobs[i].name, job) != 0)
            continue;
        for (size_t j = 0; j < evidence->jobs[i].step_count; j++) {
            if (strcmp(evidence->jobs[i].steps[j].testid, testid) == 0)
                return evidence->jobs[i].steps[j].number;
        }
    }
    return 0;
}

static void
part_decided(struct letter *letter)
{
    const struct decision *decision = letter->report->decision;
    enum decide_category last = DECIDE_CATEGORY_COUNT;
    size_t shown = 0;

    for (size_t i = 0; i < decision->failure_count; i++) {
        const struct decide_failure *failure = &decision->failures[i];

        if (failure->repeated)
            continue;
        if (shown++ >= FAILURES_SHOWN)
            continue;
        if (failure->category != last)
            buf_addf(letter->out, "\n%s\n", CATEGORIES[failure->category]);
        last = failure->category;
        failure_line(letter, failure->job,
                     step_number(letter->report->evidence, failure->job,
                                 failure->testid),
                     decide_testid_text(failure->testid),
                     outcome_name(failure->status),
                     failure->allow == NULL ? failure->summary
                     : arena_printf(&letter->arena, "%s, allowed by %s",
                                    failure->summary,
                                    failure->allow->source));
    }
    if (shown > FAILURES_SHOWN)
        buf_addf(letter->out, " ... and %zu more\n", shown - FAILURES_SHOWN);
}

static void
part_troubles(struct letter *letter)
{
    const struct verdict *verdict = letter->report->verdict;

    if (verdict->trouble_count == 0)
        return;
    buf_adds(letter->out, "\nJobs that did not pass:\n");
    for (size_t i = 0; i < verdict->trouble_count && i < FAILURES_SHOWN;
         i++) {
        const struct verdict_trouble *trouble = &verdict->troubles[i];

        failure_line(letter, trouble->job->name,
                     trouble->step == NULL ? 0 : trouble->step->number,
                     trouble->step == NULL ? "<job status>"
                     : trouble->step->testid, outcome_name(trouble->status),
                     lane_name(trouble->lane));
    }
    if (verdict->trouble_count > FAILURES_SHOWN)
        buf_addf(letter->out, " ... and %zu more\n",
                 verdict->trouble_count - FAILURES_SHOWN);
}

/* Each reason, and who or what took it on. */
static void
part_gate(struct letter *letter)
{
    const struct report_gate *gate = letter->report->gate;

    if (gate == NULL || gate->words[0] == '\0')
        return;
    buf_adds(letter->out, "\nWhat the gate decided:\n");
    for (const char *p = gate->words; *p != '\0';) {
        size_t bytes = strcspn(p, "\n"), blanks = strspn(p, " ");

        buf_addf(letter->out, "  %*s", (int)blanks, "");
        plain_wrap(letter->out, arena_printf(&letter->arena, "%.*s",
                                             (int)(bytes - blanks),
                                             p + blanks),
                   ITEM_MAX, 2 + (int)blanks, 4 + (int)blanks);
        p += bytes + (p[bytes] == '\n');
    }
}

/* Of each cause the lines that matter, once. */
static void
part_lines(struct letter *letter)
{
    struct buf *out = letter->out;
    struct report_cause *causes;
    size_t count;

    report_causes(letter->report, &letter->arena, &causes, &count);
    for (size_t i = 0; i < count && i < CAUSES_SHOWN; i++) {
        struct report_lines lines;

        if (causes[i].trouble == NULL)
            continue;
        report_lines_of(causes[i].trouble, letter->options, &letter->arena,
                        &lines);
        if (lines.excerpt.count == 0)
            continue;
        buf_addc(out, '\n');
        plain_wrap(out, arena_printf(
            &letter->arena, "Cause %zu, %s, %s%s:", i + 1,
            causes[i].trouble->job->name,
            lines.file[0] == '\0' ? "the evidence" : lines.file,
            lines.file[0] == '\0' ? ""
            : report_place_text(&lines.excerpt, &letter->arena)), ITEM_MAX,
            0, 0);
        for (int j = 0; j < lines.excerpt.count; j++) {
            const struct excerpt_line *line = &lines.excerpt.lines[j];

            buf_addf(out, "  %c ", line->marked ? '>' : ' ');
            if (line->number > 0)
                buf_addf(out, "%6" PRId64 " ", line->number);
            plain_add(out, line->text, strlen(line->text), ITEM_MAX);
            buf_addc(out, '\n');
        }
    }
}

static void
part_gaps(struct letter *letter)
{
    const struct verdict *verdict = letter->report->verdict;

    buf_adds(letter->out, "\nWhat was not covered:\n");
    if (verdict->coverage.gap_count == 0)
        buf_adds(letter->out, "  nothing was left out\n");
    for (size_t i = 0; i < verdict->coverage.gap_count && i < GAPS_SHOWN; i++) {
        const struct coverage_gap *gap = &verdict->coverage.gaps[i];

        buf_adds(letter->out, "  ");
        plain_wrap(letter->out,
                   arena_printf(&letter->arena, "%s %s%s%s%s%s", gap->job,
                                gap->what, gap->what[0] == '\0' ? "" : " ",
                                outcome_name(gap->kind),
                                gap->why[0] == '\0' ? "" : ": ", gap->why),
                   ITEM_MAX, 2, 4);
    }
    if (verdict->coverage.gap_count > GAPS_SHOWN)
        buf_addf(letter->out, "  ... and %zu more\n",
                 verdict->coverage.gap_count - GAPS_SHOWN);
}

static void
part_jobs(struct letter *letter)
{
    const struct evidence *evidence = letter->report->evidence;

    buf_adds(letter->out, "\nJobs:\n");
    for (size_t i = 0; i < evidence->job_count; i++) {
        const struct evidence_job *job = &evidence->jobs[i];
        enum outcome status = letter->report->verdict->job_status[i];

        buf_addc(letter->out, ' ');
        plain_cell(letter->out, job->name, ITEM_MAX, 44);
        plain_cell(letter->out, outcome_name(status), ITEM_MAX, 9);
        plain_cell(letter->out, report_hosts_text(job, &letter->arena),
                   ITEM_MAX, 0);
        plain_end(letter->out);
    }
}

void
mail_text(const struct report *report, const struct report_options *options,
          struct buf *out)
{
    struct letter letter = { report, options, ARENA_INIT, out };

    part_head(&letter);
    part_facts(&letter);
    part_people(&letter);
    part_causes(&letter);
    if (report->decision != NULL)
        part_decided(&letter);
    else
        part_troubles(&letter);
    part_gate(&letter);
    part_lines(&letter);
    part_gaps(&letter);
    report_changes_text(letter.report->changes, &letter.arena, letter.out);
    part_jobs(&letter);
    arena_free(&letter.arena);
}
