/* tests/results/blame-test.c - whose fault: what each picture of the four
 * cells means, and that the judge keeps to its budget and to its odds. */
#include <config.h>

#include <math.h>

#include "results/blame.h"
#include "tests/tap.h"

static const struct blame_budget BUDGET = BLAME_BUDGET_INIT;

static struct blame_facts
panic(void)
{
    return (struct blame_facts){
        .lane = LANE_PRODUCT, .certain = true, .other_version = true,
        .sibling = true, .flake_runs = 50, .cost_ms = 60000,
    };
}

static void
is_cause(const struct blame_facts *facts, enum blame_cause want,
         const char *what)
{
    struct blame_judgement out;

    blame_judge(facts, &BUDGET, &out);
    is_str(blame_cause_name(out.cause), blame_cause_name(want), "%s", what);
}

/* Six runs of each cell: p(ass) or f(ail). Nobody pays for more. */
static struct blame_facts
picture(const char *cells)
{
    struct blame_facts facts = panic();

    facts.certain = false;
    facts.runs = 6 * BLAME_CELL_COUNT;
    for (int i = 0; i < BLAME_CELL_COUNT; i++) {
        if (cells[i] == 'p')
            facts.cells[i].pass = 6;
        else
            facts.cells[i].fail = 6;
    }
    return facts;
}

static void
test_pictures(void)
{
    static const struct {
        const char *cells;
        enum blame_cause cause;
        const char *what;
    } ROWS[] = {
        { "ffpp", BLAME_PRODUCT, "new fails on both hosts, good on none" },
        { "fpfp", BLAME_HOST, "both versions fail on this host alone" },
        { "ffff", BLAME_HARNESS, "everything fails everywhere" },
        { "pppp", BLAME_FLAKE, "it does not happen again" },
        { "fppp", BLAME_PRODUCT, "the new version on this host alone" },
    };
    struct blame_facts facts;

    for (size_t i = 0; i < ARRAY_LEN(ROWS); i++) {
        facts = picture(ROWS[i].cells);
        is_cause(&facts, ROWS[i].cause, ROWS[i].what);
    }
}

/* A judgement is never better than what it was told. */
static void
test_split(void)
{
    struct blame_facts facts;
    struct blame_judgement out;
    double sum;
    bool sane = true;

    for (int lane = 0; lane < LANE_COUNT; lane++)
        for (int bits = 0; bits < 256; bits++) {
            facts = panic();
            facts.lane = (enum lane)lane;
            facts.certain = bits & 1;
            facts.seen_before = bits & 2;
            for (int c = 0; c < BLAME_CELL_COUNT; c++) {
                facts.cells[c].pass = bits >> 2 & 7;
                facts.cells[c].fail = bits >> (3 + c) & 3;
                facts.cells[c].broken = bits >> 5 & 1;
                facts.cells[c].other = bits >> 6 & 1;
            }
            blame_judge(&facts, &BUDGET, &out);
            sum = 0;
            for (int k = 0; k < BLAME_CAUSE_COUNT; k++) {
                sum += out.split[k];
                sane = sane && out.split[k] >= 0;
            }
            sane = sane && fabs(sum - 1) < 1e-9 && out.split[BLAME_NONE] == 0
                && (out.cause != BLAME_PRODUCT
                    || out.split[BLAME_PRODUCT] > 0.9);
        }
    ok(sane, "a split is a distribution, and convicts only the likely");
}

static void
test_more_failures_are_worse(void)
{
    struct blame_facts facts = panic();
    struct blame_judgement before, after;

    blame_judge(&facts, &BUDGET, &before);
    ok(before.end == BLAME_END_NONE, "a panic alone does not decide");
    facts.cells[BLAME_NEW_SIBLING].fail = 1;
    blame_judge(&facts, &BUDGET, &after);
    ok(after.split[BLAME_PRODUCT] > before.split[BLAME_PRODUCT],
       "the sibling panics too: worse for the product");
    facts.cells[BLAME_NEW_SIBLING].fail = 0;
    facts.cells[BLAME_NEW_SIBLING].pass = 1;
    blame_judge(&facts, &BUDGET, &after);
    ok(after.split[BLAME_PRODUCT] < before.split[BLAME_PRODUCT],
       "it does not: better");
    facts = panic();
    facts.flake_fails = 10;
    facts.seen_before = true;
    blame_judge(&facts, &BUDGET, &after);
    ok(after.split[BLAME_PRODUCT] < before.split[BLAME_PRODUCT],
       "the good version did it too: better");
}

static void
test_limits(void)
{
    struct blame_facts facts = panic();
    struct blame_judgement out;
    struct blame_budget budget = BUDGET;

    facts.sibling = false;
    blame_judge(&facts, &budget, &out);
    ok(out.end == BLAME_END_NONE && out.next != BLAME_NEW_SIBLING
       && out.next != BLAME_GOOD_SIBLING, "no sibling, no run there");
    facts.other_version = false;
    blame_judge(&facts, &budget, &out);
    ok(out.end == BLAME_END_NONE && out.next == BLAME_NEW_SAME,
       "no good version: only the same again");
    facts = panic();
    facts.runs = budget.runs;
    blame_judge(&facts, &budget, &out);
    is_int(out.end, BLAME_END_BUDGET, "no run beyond the budget");
    is_int(out.cause, BLAME_NONE, "and then it is open, which blocks");
    budget.host_ms = 100000;
    facts.runs = 0;
    facts.host_ms = 50000;
    blame_judge(&facts, &budget, &out);
    is_int(out.end, BLAME_END_BUDGET, "nor beyond the hosts' time");
}

static void
test_words(void)
{
    for (int i = 0; i < BLAME_CELL_COUNT; i++)
        is_int(blame_cell_parse(blame_cell_name((enum blame_cell)i)), i,
               "%s", blame_cell_name((enum blame_cell)i));
    is_int(blame_cell_parse("no-such"), BLAME_CELL_COUNT, "no such cell");
    is_int(blame_cause_parse("open"), BLAME_NONE, "open is no cause");
    is_int(blame_cause_parse("flake"), BLAME_FLAKE, "flake is");
}

int
main(void)
{
    test_pictures();
    test_split();
    test_more_failures_are_worse();
    test_limits();
    test_words();
    return tap_done();
}
