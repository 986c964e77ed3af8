/* tests/bisector/sample-test.c - measurements: what is read from an output,
 * whose number is wanted next, and what a revision's numbers say. */
#include <config.h>

#include <math.h>

#include "bisector/graph.h"
#include "bisector/sample.h"
#include "harness/mem.h"
#include "tests/tap.h"

#define N 16

static void
line_of_commits(struct graph *g)
{
    char hex[GRAPH_HEX_BYTES];
    uint32_t node = 0, i;

    graph_init(g);
    snprintf(hex, sizeof(hex), "%040x", 0xffffffffu);
    graph_tree_add(g, "t", "", hex, "end");
    for (i = 0; i < N; i++) {
        snprintf(hex, sizeof(hex), "%040x", i + 1);
        must(graph_node_add(g, hex, i, &node));
        if (i > 0)
            graph_parent_add(g, i - 1);
    }
    graph_hex(g, 0, node, g->trees[0].bad);
}

static void
test_parse(void)
{
    static const struct {
        const char *text;
        double value;           /* NAN: none */
    } cases[] = {
        { "latency 12.5\n", 12.5 }, { "latency: 3", 3 }, { "latency=7\r\n", 7 },
        { "metric latency 9 ms lower\n", 9 }, { "  latency\t4 s\n", 4 },
        { "latency 1\nlatency 2\n", 2 }, { "latency = -1e3", -1000 },
        { "", NAN }, { "latency", NAN }, { "latency \n5\n", NAN },
        { "latency2 5\n", NAN }, { "the latency 5\n", NAN },
        { "latency nan\n", NAN }, { "latency inf\n", NAN },
        { "latency 5ms\n", NAN }, { "metriclatency 5\n", NAN },
    };
    double value;
    bool found;
    size_t i;

    for (i = 0; i < ARRAY_LEN(cases); i++) {
        value = NAN;
        found = sample_parse(cases[i].text, "latency", &value);
        ok(isnan(cases[i].value) ? !found
           : found && fabs(value - cases[i].value) < 1e-12,
           "number %zu of an output", i + 1);
    }
}

/* Measures until the revision is judged. Returns how many numbers it took. */
static int
measure(struct samples *samples, uint32_t node, double shift_from,
        enum search_result *result_out)
{
    struct search_test at = { { node } }, next = at;
    double noise;
    int n = 0;

    do {
        noise = (double)(++n * 5 % 7);
        samples_add(samples, &next, 100 + noise
                    + (next.at[0] != GRAPH_GOOD
                       && next.at[0] >= shift_from ? 20 : 0));
        *result_out = samples_judge(samples, &at, &next);
    } while (*result_out == SEARCH_RESULT_NONE && n < 1000);
    samples_judged(samples, &at);
    return n;
}

static void
test_judge(bool lower_is_worse)
{
    struct samples samples;
    enum search_result result;
    struct graph g;
    int n;

    line_of_commits(&g);
    samples_init(&samples, &g, lower_is_worse);
    n = measure(&samples, N - 1, 8, &result);
    is_int(result, lower_is_worse ? SEARCH_PASS : SEARCH_FAIL,
           "the bad end is %s", lower_is_worse ? "better" : "worse");
    ok(n >= 8, "which takes numbers of both ends");
    measure(&samples, GRAPH_GOOD, 8, &result);
    is_int(result, SEARCH_PASS, "the good end is good");
    if (!lower_is_worse) {
        measure(&samples, 3, 8, &result);
        is_int(result, SEARCH_PASS, "as good as the good end");
        measure(&samples, 9, 8, &result);
        is_int(result, SEARCH_FAIL, "as bad as the bad end");
        ok(isnan(samples_median(&samples,
                                &(struct search_test){ { 9 } })),
           "a revision that was judged begins anew");
        ok(!isnan(samples_median(&samples, &(struct search_test){ { N - 1 } })),
           "an end does not");
    }
    samples_fini(&samples);
    graph_fini(&g);
}

int
main(void)
{
    test_parse();
    test_judge(false);
    test_judge(true);
    return tap_done();
}
