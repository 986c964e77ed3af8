/* tests/results/decide-test.c - every row of the decision, the search for
 * heisenbugs with its recursion, allow files, OSSTest's lines, and that a
 * decision can be made again from its JSON. */
#include <config.h>

#include "harness/fault.h"
#include "harness/json.h"
#include "results/decide.h"
#include "results/decide_json.h"
#include "tests/tap.h"
#include "tests/results/decide_world.h"

struct row {
    const char *name, *world, *answer;
};

static const struct row ROWS[] = {
    { "no failure is perfect",
      "20 T: j=pass a=pass b=skip\n10 B: j=pass a=pass b=pass\n",
      "perfect\n" },
    { "no failure is perfect also when the baseline was never tested",
      "20 T: j=pass a=pass\n", "perfect\n" },
    { "a flight without jobs is not perfect", "20 T:\n", "empty\n" },
    { "nor is one that skipped all", "20 T: j=skip a=skip\n", "empty\n" },
    { "nor one of which nothing ran",
      "20 T: j=starved a=starved\n10 B: j=pass a=pass\n",
      "empty\nj a | n/a | free nonblocking\n" },
    /* Row 1. */
    { "1: a job that failed without a step",
      "20 T: j=fail; k=pass a=pass\n10 B: j=fail; k=pass a=pass\n",
      "problems\nj <job status> |  | broken blocking\n" },
    { "1: a job that failed while all of its steps passed",
      "20 T: j=fail a=pass; k=pass a=pass\n10 B: j=pass a=pass\n",
      "problems\nj <job status> |  | broken blocking\n" },
    { "1: a broken job whose steps were only blocked",
      "20 T: j=broken a=pass b=blocked\n10 B: j=pass a=pass b=pass\n",
      "problems\nj <job status> |  | broken blocking\n"
      "j b | n/a | free nonblocking\n" },
    { "1: a job without any status",
      "20 T: j=none a=pass\n10 B: j=pass a=pass\n",
      "problems\nj <job status> |  | broken blocking\n" },
    /* Row 2. */
    { "2: blocked and starved, as job and as step",
      "20 T: a=blocked; b=starved; c=blocked s=blocked; d=starved s=starved;"
      " e=pass s=pass\n10 B: a=pass s=pass\n",
      "tolerable\na <job status> | n/a | free nonblocking\n"
      "b <job status> | n/a | free nonblocking\n"
      "c s | n/a | free nonblocking\nd s | n/a | free nonblocking\n" },
    /* Row 3. */
    { "3: running, queued and preparing block",
      "20 T: a=running s=pass t=running; b=queued; c=preparing\n"
      "10 B: a=running s=pass t=running\n",
      "problems\na t |  | unfinished blocking\n"
      "b <job status> |  | unfinished blocking\n"
      "c <job status> |  | unfinished blocking\n" },
    { "3: between two steps a job is not finished either",
      "20 T: a=running s=pass\n10 B: a=pass s=pass\n",
      "problems\na <job status> |  | unfinished blocking\n" },
    { "3: what has not ended is excused by nothing",
      "20 T: a=running t=running s=pass\n21 T: a=pass t=pass\nallow @@ @@\n",
      "problems\na t |  | unfinished blocking\n" },
    /* Row 4. */
    { "4: other statuses block, however the baseline was",
      "20 T: j=aborted a=aborted b=pass; k=truncated a=truncated;"
      " l=broken a=missing; m=fail a=none\n"
      "10 B: j=aborted a=aborted; k=truncated a=truncated; l=fail a=missing;"
      " m=fail a=none\n",
      "problems\nj a | [st=aborted!] | broken blocking\n"
      "k a | [st=truncated!] | broken blocking\n"
      "l a | [st=missing!] | broken blocking\n"
      "m a | [st=none!] | broken blocking\n" },
    { "4: a missing case follows from its step when that did not pass",
      "20 T: j=broken a=broken a/x=missing b=pass b/x=missing ab/x=missing\n"
      "10 B: j=broken a=broken b=pass\npassed j a\n",
      "problems\nj b/x | [st=missing!] | broken blocking\n"
      "j ab/x | [st=missing!] | broken blocking\n"
      "j a | like 10 | free nonblocking\nj a/x | n/a | free nonblocking\n" },
    /* Row 5. */
    { "5: what never passed does not block",
      "20 T: j=fail a=fail b=pass; k=broken a=broken\n"
      "10 B: j=fail a=fail b=pass; k=pass b=pass\n",
      "tolerable\nj a | never pass | free nonblocking\n"
      "k a | never pass | free nonblocking\n" },
    { "5: it passed in another version: row 6",
      "20 T: j=fail a=fail b=pass\n10 B: k=pass b=pass\npassed j a\n",
      "tolerable\nj a | baseline untested | free nonblocking\n" },
    { "5: another cell passed: still never",
      "20 T: j=fail a=fail b=pass\n10 B: j=fail a=fail\npassed j ab\n"
      "passed ja \npassed k a\n",
      "tolerable\nj a | never pass | free nonblocking\n" },
    /* Row 6, one by one. */
    { "6: baseline untested for one job",
      "20 T: j=fail a=fail b=pass\n10 B: k=pass a=pass\npassed j a\n",
      "tolerable\nj a | baseline untested | free nonblocking\n" },
    { "6: baseline untested at all: not tolerable",
      "20 T: j=fail a=fail b=pass\n5 : j=pass a=pass\npassed j a\n",
      "untested\nj a | baseline untested | free nonblocking\n" },
    { "6: blocked in N",
      "20 T: j=fail a=fail z=pass\n10 B: j=fail b=fail\npassed j a\n",
      "tolerable\nj a | blocked in 10 | free nonblocking\n" },
    { "6: a regression",
      "20 T: j=fail a=fail\n10 B: j=pass a=pass\n",
      "regressions\nj a | REGR. vs. 10 | regression blocking\n" },
    { "6: broken where it passed is no regression, but blocks",
      "20 T: j=broken a=broken\n10 B: j=pass a=pass\n",
      "problems\nj a | REGR. vs. 10 | broken blocking\n" },
    { "6: another status",
      "20 T: j=fail a=fail z=pass\n10 B: j=broken a=broken\npassed j a\n",
      "tolerable\nj a | broken in 10 | free nonblocking\n" },
    { "6: failed in N",
      "20 T: j=broken a=broken z=pass\n10 B: j=fail a=fail\npassed j a\n",
      "tolerable\nj a | failed in 10 | free nonblocking\n" },
    { "6: like N, for fail and for broken",
      "20 T: j=fail a=fail z=pass; k=broken a=broken\n"
      "10 B: j=fail a=fail; k=broken a=broken\npassed j a\npassed k a\n",
      "tolerable\nj a | like 10 | free nonblocking\n"
      "k a | like 10 | free nonblocking\n" },
    /* Row 6, priorities. */
    { "6: a pass outweighs a missing step and an untested job",
      "20 T: j=fail a=fail\n12 B: j=fail b=fail\n11 B: k=pass a=pass\n"
      "10 B: j=pass a=pass\n",
      "regressions\nj a | REGR. vs. 10 | regression blocking\n" },
    { "6: another status outweighs a pass",
      "20 T: j=fail a=fail z=pass\n12 B: j=pass a=pass\n"
      "10 B: j=aborted a=aborted\n",
      "tolerable\nj a | aborted in 10 | free nonblocking\n" },
    { "6: failed outweighs another status",
      "20 T: j=broken a=broken z=pass\n12 B: j=aborted a=aborted\n"
      "11 B: j=fail a=fail\n10 B: j=pass a=pass\n",
      "tolerable\nj a | failed in 11 | free nonblocking\n" },
    { "6: one like run excuses however many passed",
      "20 T: j=fail a=fail z=pass\n14 B: j=pass a=pass\n13 B: j=pass a=pass\n"
      "12 B: j=broken a=broken\n11 B: j=fail a=fail\n10 B: j=pass a=pass\n",
      "tolerable\nj a | like 11 | free nonblocking\n" },
    { "6: of equals, the newest of the best blessing",
      "20 T: j=fail a=fail\n12 BR: j=pass a=pass\n11 B: j=pass a=pass\n"
      "10 B: j=pass a=pass\n",
      "regressions\nj a | REGR. vs. 11 | regression blocking\n" },
    { "6: the flight itself is no baseline of itself",
      "20 TB: j=fail a=fail z=pass\npassed j a\n",
      "untested\nj a | baseline untested | free nonblocking\n" },
    { "6: a retest is called so",
      "20 T: j=fail a=fail\n12 BR: j=pass a=pass\n",
      "regressions\nj a | REGR. vs. 12-retest | regression blocking\n" },
    /* Builds. */
    { "build: a pass beats all",
      "20 T: build-x=fail a=fail\n12 B: build-x=fail a=fail\n"
      "10 B: build-x=pass a=pass\n",
      "regressions\nbuild-x a | REGR. vs. 10 | regression blocking\n" },
    { "build: blocks though the baseline failed likewise",
      "20 T: build-x=fail a=fail z=pass\n12 B: build-x=fail a=fail\n"
      "passed build-x a\n",
      "problems\nbuild-x a | like 12 | build blocking\n" },
    { "build: blocks though it never passed",
      "20 T: build-x=fail a=fail z=pass\n12 B: build-x=fail a=fail\n",
      "problems\nbuild-x a | never pass | build blocking\n" },
    { "build: blocks though the baseline is untested",
      "20 T: build-x=fail a=fail z=pass\npassed build-x a\n",
      "problems\nbuild-x a | baseline untested | build blocking\n" },
    { "build: no heisenbug",
      "20 T: build-x=fail a=fail\n21 T: build-x=pass a=pass\n"
      "10 B: build-x=pass a=pass\n",
      "regressions\nbuild-x a | REGR. vs. 10 | regression blocking\n" },
    { "build: one that was not run is judged elsewhere",
      "20 T: build-x=starved; j=pass a=pass\n10 B: build-x=pass a=pass\n",
      "tolerable\nbuild-x <job status> | n/a | free nonblocking\n" },
    { "build: allowed",
      "20 T: build-x=fail a=fail z=pass\n10 B: build-x=pass a=pass\n"
      "allow build-@@ a\n",
      "tolerable\nbuild-x a | REGR. vs. 10 | free allowable\n" },
    /* Row 7. */
    { "7: pass in M",
      "20 T: j=fail a=fail z=pass\n21 TR: j=pass a=pass\n"
      "10 B: j=pass a=pass\n",
      "tolerable\nj a | pass in 21-retest | free heisenbug\n" },
    { "7: of several, the newest of the best blessing",
      "20 T: j=fail a=fail z=pass\n24 TR: j=pass a=pass\n22 T: j=pass a=pass\n"
      "21 T: j=pass a=pass\n10 B: j=pass a=pass\n",
      "tolerable\nj a | pass in 22 | free heisenbug\n" },
    { "7: a pass of another version does not count",
      "20 T: j=fail a=fail\n21 : j=pass a=pass\n10 B: j=pass a=pass\n",
      "regressions\nj a | REGR. vs. 10 | regression blocking\n" },
    { "7: nor a failure of this one",
      "20 T: j=fail a=fail\n21 T: j=fail a=fail\n22 T: k=pass a=pass\n"
      "10 B: j=pass a=pass\n",
      "regressions\nj a | REGR. vs. 10 | regression blocking\n" },
    { "7: odd statuses and jobs without a step are excused too",
      "20 T: j=truncated a=truncated z=pass; k=broken\n"
      "21 T: j=pass a=pass; k=pass a=pass\n10 B: j=pass a=pass\n",
      "tolerable\nj a | pass in 21 | free heisenbug\n"
      "k <job status> | pass in 21 | free heisenbug\n" },
    { "7: a job without a step only by a job that passed whole",
      "20 T: j=pass a=pass; k=broken\n21 T: k=fail a=pass b=fail\n"
      "10 B: k=pass a=pass\n",
      "problems\nk <job status> |  | broken blocking\n" },
    /* The recursion. */
    { "7: the failures of M are judged: one that never passed",
      "20 T: j=fail a=fail z=pass\n21 T: j=fail a=pass n=fail\n"
      "10 B: j=pass a=pass\n",
      "tolerable\nj a | pass in 21 | free heisenbug\n"
      "j n | fail in 21 never pass | free nonblocking\n" },
    { "7: and one like the baseline, one blocked",
      "20 T: j=fail a=fail z=pass\n"
      "21 T: j=pass a=pass; k=fail b=fail c=blocked\n"
      "10 B: j=pass a=pass; k=fail b=fail\npassed k b\n",
      "tolerable\nj a | pass in 21 | free heisenbug\n"
      "k b | fail in 21 like 10 | free nonblocking\n"
      "k c | blocked in 21 n/a | free nonblocking\n" },
    { "7: two half-bad runs excuse each other",
      "20 T: j=fail a=fail b=pass\n21 T: j=fail a=pass b=fail\n"
      "10 B: j=pass a=pass b=pass\n",
      "tolerable\nj a | pass in 21 | free heisenbug\n"
      "j b | fail in 21 pass in 20 | free heisenbug\n" },
    { "7: but not when one failure of M has no excuse",
      "20 T: j=fail a=fail b=pass; k=blocked c=blocked\n"
      "21 T: j=fail a=pass b=fail; k=fail c=fail\n"
      "10 B: j=pass a=pass b=pass; k=pass c=pass\n",
      "regressions\nk c | fail in 21 REGR. vs. 10 | regression blocking\n"
      "j a | pass in 21 | free heisenbug\n"
      "j b | fail in 21 pass in 20 | free heisenbug\n"
      "k c | n/a | free nonblocking repeated\n" },
    { "7: three runs: the third is reached through the second",
      "20 T: j=fail a=fail b=blocked c=blocked\n"
      "21 T: j=fail a=pass b=fail c=blocked\n"
      "22 TR: j=fail b=pass c=fail\n"
      "10 B: j=pass a=pass b=pass c=pass\n",
      "regressions\n"
      "j c | fail in 22-retest REGR. vs. 10 | regression blocking\n"
      "j a | pass in 21 | free heisenbug\n"
      "j b | fail in 21 pass in 22-retest | free heisenbug\n"
      "j b | n/a | free nonblocking repeated\n"
      "j c | n/a | free nonblocking repeated\n"
      "j c | blocked in 21 n/a | free nonblocking repeated\n" },
    { "7: an unfinished M excuses nothing in the end",
      "20 T: j=fail a=fail z=pass\n21 T: j=running a=pass b=running\n"
      "10 B: j=pass a=pass\n",
      "problems\nj b | running in 21 | unfinished blocking\n"
      "j a | pass in 21 | free heisenbug\n" },
    { "7: a job of M without a step",
      "20 T: j=fail a=fail z=pass\n21 T: j=fail a=pass\n"
      "10 B: j=pass a=pass\n",
      "problems\nj <job status> | fail in 21 | broken blocking\n"
      "j a | pass in 21 | free heisenbug\n" },
    { "7: of one that is not needed nothing is judged",
      "20 T: j=pass a=pass z=pass; k=fail b=fail\n"
      "21 T: j=fail a=fail; k=fail b=fail\n10 B: j=pass a=pass; k=fail b=fail\n"
      "passed k b\n",
      "tolerable\nk b | like 10 | free nonblocking\n" },
    { "7: the flight is judged though it is no part of the history",
      "20 : j=fail a=fail z=pass\n21 T: j=fail a=pass z=fail\n"
      "10 B: j=pass a=pass z=pass\n",
      "regressions\nj z | fail in 21 REGR. vs. 10 | regression blocking\n"
      "j a | pass in 21 | free heisenbug\n" },
    /* Row 8. */
    { "8: allowed",
      "20 T: test-amd64-xl-rtds=fail a/x=fail z=pass\n"
      "10 B: test-amd64-xl-rtds=pass a/x=pass\n"
      "allow test-@@-rtds@@ a/@\n",
      "tolerable\ntest-amd64-xl-rtds a/x | REGR. vs. 10 | free allowable\n" },
    { "8: only what the pattern names",
      "20 T: j=fail a=fail b=fail\n10 B: j=pass a=pass b=pass\nallow j a\n",
      "regressions\nj b | REGR. vs. 10 | regression blocking\n"
      "j a | REGR. vs. 10 | free allowable\n" },
    { "8: what does not block needs no permission",
      "20 T: j=fail a=fail z=pass\n10 B: j=fail a=fail\npassed j a\n"
      "allow @@ @@\n",
      "tolerable\nj a | like 10 | free nonblocking\n" },
    { "8: a heisenbug comes before a permission",
      "20 T: j=fail a=fail z=pass\n21 T: j=pass a=pass\n10 B: j=pass a=pass\n"
      "allow @@ @@\n",
      "tolerable\nj a | pass in 21 | free heisenbug\n" },
    { "8: an untested baseline is none that a permission repairs",
      "20 T: j=fail a=fail z=pass\npassed j a\nallow @@ @@\n",
      "untested\nj a | baseline untested | free nonblocking\n" },
    { "8: a job as a whole",
      "20 T: j=broken; k=pass z=pass\n10 B: j=pass a=pass\nallow j @@\n",
      "tolerable\nj <job status> |  | free allowable\n" },
    /* The whole. */
    { "a regression among problems is a regression",
      "20 T: j=fail a=fail; k=broken a=broken\n"
      "10 B: j=pass a=pass; k=pass a=pass\n",
      "regressions\nj a | REGR. vs. 10 | regression blocking\n"
      "k a | REGR. vs. 10 | broken blocking\n" },
    { "short jobs come first, then by name; steps as they ran",
      "20 T: a@60=fail z=fail y=fail; b@0=fail z=fail; c@60=fail z=fail;"
      " d@7=fail z=fail\n"
      "10 B: a=pass y=pass z=pass; b=pass z=pass; c=pass z=pass;"
      " d=pass z=pass\n",
      "regressions\nb z | REGR. vs. 10 | regression blocking\n"
      "d z | REGR. vs. 10 | regression blocking\n"
      "a z | REGR. vs. 10 | regression blocking\n"
      "a y | REGR. vs. 10 | regression blocking\n"
      "c z | REGR. vs. 10 | regression blocking\n" },
};

static void
each_row(void)
{
    for (size_t i = 0; i < ARRAY_LEN(ROWS); i++) {
        struct arena arena = ARENA_INIT;
        struct decide_input input = world_input(&arena, ROWS[i].world);
        struct buf answer = BUF_INIT;
        struct decision decision;

        decide(&input, &arena, &decision);
        world_answer(&decision, &answer);
        is_str(buf_text(&answer), ROWS[i].answer, "%s", ROWS[i].name);
        buf_free(&answer);
        arena_free(&arena);
    }
}

/* What was judged, and how much of it counts. */
static void
counts(void)
{
    struct arena arena = ARENA_INIT;
    struct decide_input input = world_input(
        &arena, "20 T: j=fail a=fail b=fail; k=pass\n"
        "21 T: j=fail a=pass b=fail\n10 B: j=pass a=pass b=pass\n");
    struct decision decision;

    decide(&input, &arena, &decision);
    is_int((int64_t)decision.job_count, 2, "the jobs of the flight");
    is_int((int64_t)decision.flight_count, 2, "two flights were judged");
    is_int(decision.flights[0], 20, "the one asked for comes first");
    is_int(decision.flights[1], 21, "then the one that excused");
    is_int((int64_t)decision.blocker_count, 1, "a cell that blocks twice is "
           "one blocker");
    ok(decision.baseline_tested, "the baseline was tested");
    arena_free(&arena);
}

static void
may_push(void)
{
    for (int i = 0; i < DECIDE_RESULT_COUNT + 1; i++)
        ok(decide_result_may_push((enum decide_result)i)
           == (i == DECIDE_RESULT_PERFECT || i == DECIDE_RESULT_TOLERABLE),
           "%s: pushed or not", decide_result_name((enum decide_result)i));
}

/* OSSTest's lines ---------------------------------------------------------- */

static void
is_lines(const char *world, const char *lines, const char *name)
{
    static const struct decide_version THIS[] = { { "xen", "abc" } };
    static const struct decide_version THAT[] = { { "xen", "0 1\n" } };
    struct arena arena = ARENA_INIT;
    struct decide_input input = world_input(&arena, world);
    struct buf got = BUF_INIT;
    struct decision decision;

    input.this_version = THIS;
    input.that_version = THAT;
    input.this_count = input.that_count = 1;
    decide(&input, &arena, &decision);
    decide_lines(&input, &decision, &got);
    is_str(buf_text(&got), lines, "%s", name);
    buf_free(&got);
    arena_free(&arena);
}

static void
machine_lines(void)
{
    is_lines("20 T: j=pass a=pass\n10 B: j=pass a=pass\n",
             "flight 20\nperfect\ntolerable\nversion this xen abc\n"
             "version that xen 0\\x201\\x0a\nnblockers 0\nnjobs 1\n",
             "lines of a perfect flight");
    is_lines("20 T: j=fail a=fail b=fail c=blocked d=fail e=fail z=pass; "
             "k=starved\n21 T: j=pass d=pass\n"
             "10 B: j=fail a=fail d=pass e=pass\npassed j a\nallow j e\n",
             "flight 20\ntolerable\n"
             "never-passed j b fail\nblocked j c\nblocked k <job-status>\n"
             "version this xen abc\nversion that xen 0\\x201\\x0a\n"
             "nblockers 0\nnjobs 2\n",
             "lines of a tolerable flight: what is excused has none");
    is_lines("20 T: j=fail a=fail b=broken c=aborted d=running; k=broken;"
             " l=running\n10 B: j=pass a=pass b=pass\n",
             "flight 20\nregression j a 10\nbroken-step j b\n"
             "broken j c aborted\nrunning j d\nbroken-job k broken\n"
             "running l <job-status>\nversion this xen abc\n"
             "version that xen 0\\x201\\x0a\nnblockers 6\nnjobs 3\n",
             "lines of each blocker");
    is_lines("20 T: build=fail a=fail z=pass\n10 B: build=fail a=fail\n"
             "passed build a\n",
             "flight 20\nbroken build a fail\nversion this xen abc\n"
             "version that xen 0\\x201\\x0a\nnblockers 1\nnjobs 1\n",
             "a build that blocks without a regression");
    is_lines("20 T: j=fail a=fail z=pass\npassed j a\n",
             "flight 20\nuntested\nversion this xen abc\n"
             "version that xen 0\\x201\\x0a\nnblockers 0\nnjobs 1\n",
             "an untested baseline is not tolerable");
}

/* Allow files -------------------------------------------------------------- */

static void
patterns(void)
{
    static const struct {
        const char *pattern, *text;
        bool matches;
    } ROWS_OF[] = {
        { "", "", true }, { "", "a", false }, { "a", "", false },
        { "abc", "abc", true }, { "abc", "abcd", false },
        { "abcd", "abc", false }, { "@", "", true }, { "@", "word", true },
        { "@", "two-words", false }, { "@", "a b", false },
        { "@", "a/b", false }, { "@", "x(10)", false },
        { "@", "a_b:c=d\x1f", true }, { "@@", "a-b/c(d) e.f", true },
        { "test-@-xl", "test-amd64-xl", true },
        { "test-@-xl", "test-amd64-amd64-xl", false },
        { "test-@@-xl", "test-amd64-amd64-xl", true },
        { "test-@@-rtds@@", "test-amd64-xl-rtds", true },
        { "@-@", "a-b", true }, { "@-@", "a-b-c", false },
        { "@@a@@a@@a@@", "bababab", true }, { "@@a@@a@@a@@", "babab", false },
        { "@@@", "a-b", true }, { "@@@x", "a-bx", true },
        { "a@b", "ab", true }, { "a@b", "axb", true },
        { "a@b", "a.b", false }, { "a@b", "axbxb", true },
        { "@@@@@@@@@@@@@@@@@@@@@@@@b", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
          false },
    };

    for (size_t i = 0; i < ARRAY_LEN(ROWS_OF); i++)
        ok(decide_pattern_matches(ROWS_OF[i].pattern, ROWS_OF[i].text)
           == ROWS_OF[i].matches, "'%s' %s '%s'", ROWS_OF[i].pattern,
           ROWS_OF[i].matches ? "matches" : "does not match",
           ROWS_OF[i].text);
}

static void
allow_files(void)
{
    static const char ALL[] = "# comment\n\ntest-@@-rtds@@\n"
        "build-@@ logs-capture@@  # why\n\ttest-a   guest-stop\n";
    static const char MORE[] = "!build-@@ logs-capture@@\nx";
    static const struct {
        const char *text, *fault;
    } BAD[] = {
        { "a b\na b c\n", "f:2: a line is a pattern" },
        { "!\n", "f:1: a line is a pattern" },
        { "!a b\n", "f:1: no earlier line allows 'a b'" },
        { "a\n!a b\n", "f:2: no earlier line allows 'a b'" },
        { "a\nb\xff\n", "f:2: byte 0xff is no text" },
        { "a\x01", "f:1: byte 0x01 is no text" },
    };
    struct arena arena = ARENA_INIT;
    struct fault why = FAULT_INIT;
    const struct decide_allow *list = NULL;
    size_t count = 0;

    ok_fault(decide_allow_parse(ALL, strlen(ALL), "allow.all", &arena, &list,
                                &count, &why), &why, "an allow file");
    is_int((int64_t)count, 3, "three lines");
    is_str(list[0].testid, "@@", "a missing testid means all");
    is_str(list[1].job, "build-@@", "a pattern of jobs");
    is_str(list[1].testid, "logs-capture@@", "a pattern of testids");
    is_str(list[2].source, "allow.all:5", "it says where it stands");
    ok_fault(decide_allow_parse(MORE, strlen(MORE), "allow.b", &arena, &list,
                                &count, &why), &why, "a second file");
    is_int((int64_t)count, 3, "one removed, one added");
    is_str(list[1].job, "test-a", "it is gone");
    is_str(list[2].job, "x", "a last line without newline");
    for (size_t i = 0; i < ARRAY_LEN(BAD); i++) {
        not_ok_fault(decide_allow_parse(BAD[i].text, strlen(BAD[i].text),
                                        "f", &arena, &list, &count, &why),
                     &why, FAULT_CONFIG, BAD[i].fault, "refused");
        is_int((int64_t)count, 3, "and nothing changed");
    }
    arena_free(&arena);
}

/* JSON --------------------------------------------------------------------- */

static char *
dump(json_t *json)
{
    char *text = json_dumps(json, JSON_SORT_KEYS | JSON_COMPACT);

    json_decref(json);
    return text;
}

static void
again_from_json(void)
{
    for (size_t i = 0; i < ARRAY_LEN(ROWS); i++) {
        struct arena arena = ARENA_INIT;
        struct fault why = FAULT_INIT;
        struct decide_input input = world_input(&arena, ROWS[i].world), copy;
        char *text = dump(decide_input_json(&input)), *text_again;
        struct buf answer = BUF_INIT;
        struct decision decision;
        json_t *json = NULL;

        if (!json_parse(text, strlen(text), &json, &why)
            || !decide_input_parse(json, &arena, &copy, &why))
            tap_bail("%s: %s", ROWS[i].name, why.text);
        json_decref(json);
        decide(&copy, &arena, &decision);
        world_answer(&decision, &answer);
        is_str(buf_text(&answer), ROWS[i].answer, "from JSON: %s",
               ROWS[i].name);
        text_again = dump(decide_input_json(&copy));
        is_str(text_again, text, "and the same JSON");
        buf_free(&answer);
        arena_free(&arena);
        free(text);
        free(text_again);
    }
}

/* 'what' stands once in a good input; 'with' makes it bad. */
static void
refuse(const char *good, const char *what, const char *with,
       const char *fault)
{
    struct arena arena = ARENA_INIT;
    struct fault why = FAULT_INIT;
    const char *at = strstr(good, what);
    struct decide_input input;
    struct buf text = BUF_INIT;
    json_t *json = NULL;

    if (at == NULL)
        tap_bail("'%s' is not in the test's JSON", what);
    buf_add(&text, good, (size_t)(at - good));
    buf_adds(&text, with);
    buf_adds(&text, at + strlen(what));
    if (!json_parse(buf_text(&text), text.len, &json, &why))
        tap_bail("the test's JSON: %s", why.text);
    not_ok_fault(decide_input_parse(json, &arena, &input, &why), &why,
                 FAULT_DATA, fault, "refused: %s", with);
    json_decref(json);
    buf_free(&text);
    arena_free(&arena);
}

static void
refusals(void)
{
    struct arena arena = ARENA_INIT;
    struct decide_input input = world_input(
        &arena, "20 T: j=fail a=fail b=pass\n11 B: j=pass a=pass\n"
        "10 B: j=pass a=pass\nallow x y\npassed p q\n");
    char *good = dump(decide_input_json(&input));

    refuse(good, "\"format\":1", "\"format\":2", "'format' is 2");
    refuse(good, "decision-input", "flight", "this is a 'flight'");
    refuse(good, "\"branch\":\"b\",", "", "'branch' is missing");
    refuse(good, "\"branch\":\"b\"", "\"branch\":7", "'branch' is a number");
    refuse(good, "\"branch\"", "\"x\":1,\"branch\"", "no member 'x'");
    refuse(good, "\"flight\":20", "\"flight\":0", "flight: 'flight' is 0");
    refuse(good, "\"flight\":11", "\"flight\":10", "flight 10 occurs twice");
    refuse(good, "\"testid\":\"b\"", "\"testid\":\"a\"",
           "flight: job 1: 'a' occurs twice");
    refuse(good, "\"testid\":\"b\"", "\"testid\":\"\"",
           "flight: job 1: step 2: 'testid' is empty");
    refuse(good, "\"status\":\"fail\"", "\"status\":\"passed\"",
           "no status 'passed'");
    refuse(good, "\"lane\":\"unknown\"", "\"lane\":\"weather\"",
           "no lane 'weather'");
    refuse(good, "\"this\":true", "\"this\":1", "'this' is a number");
    refuse(good, "{\"job\":\"x\",\"source\":\"allow.test:1\",\"testid\":\"y\"}",
           "[]", "allow 1: a list stands where an object must");
    free(good);
    arena_free(&arena);
}

int
main(void)
{
    each_row();
    counts();
    may_push();
    machine_lines();
    patterns();
    allow_files();
    again_from_json();
    refusals();
    return tap_done();
}
