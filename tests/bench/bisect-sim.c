/* tests/bench/bisect-sim.c - searches over made histories with a made culprit,
 * by the thousand: how many runs, and how often right.
 *
 * One line for each: the figures, each with its limit in parentheses, and with
 * "MISSED" where it is not met; then the rival's. Not a part of the product. */
#include <config.h>

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "bisector/graph.h"
#include "bisector/history.h"
#include "bisector/search.h"
#include "harness/buf.h"
#include "harness/fault.h"
#include "harness/mem.h"
#include "tests/bench/bisect_made.h"

#define RUNS_MOST 2000
#define ACCEPTED_ERROR .05

static const char *const usage =
    "usage: bisect-sim clean N SEEDS line|merges|DIR:GOOD..BAD\n"
    "       bisect-sim osstest N SEEDS merges|DIR:GOOD..BAD\n"
    "       bisect-sim verify N SEEDS [CONFIDENCE]\n"
    "       bisect-sim flaky N SEEDS BAD GOOD known|learned\n"
    "       bisect-sim calibration N SEEDS known|learned [NONE]\n"
    "       bisect-sim none N SEEDS known|learned|history [GOOD]\n"
    "       bisect-sim broken N SEEDS SHARE outside|inside\n"
    "       bisect-sim foreign N SEEDS\n"
    "       bisect-sim parallel N SEEDS K\n"
    "       bisect-sim trees N SEEDS TREES\n"
    "       bisect-sim next DIR:GOOD..BAD LIMIT_SECONDS\n";

struct bench {
    struct graph graph;
    size_t n;
    int seeds, argc;
    char **argv;                /* what follows SEEDS */
};

/* What is true in one search. */
struct truth {
    uint32_t culprit;           /* GRAPH_BAD: none */
    uint64_t *above;            /* what has it */
    double bad, good;           /* rates */
    uint32_t broken_from, broken_to;
    double foreign;             /* share of commits that fail otherwise */
    uint64_t salt;
};

/* What came out of many. */
struct sums {
    double runs, worst, right, answers, rival, rival_worst, rival_right;
    int count;
};

static void
figure(const char *name, double value, double limit)
{
    printf(" %s %.2f (%.2f)%s", name, value, limit,
           value > limit + 1e-9 ? " MISSED" : "");
}

static void
figure_least(const char *name, double value, double limit)
{
    printf(" %s %.3f (%.3f)%s", name, value, limit,
           value < limit - 1e-9 ? " MISSED" : "");
}

static const char *
word(const struct bench *bench, int i)
{
    return i < bench->argc ? bench->argv[i] : "";
}

static double
number(const struct bench *bench, int i, double missing)
{
    double value = missing;

    if (i < bench->argc && !parse_double(bench->argv[i], &value)) {
        fprintf(stderr, "bisect-sim: '%s' is no number\n", bench->argv[i]);
        exit(2);
    }
    return value;
}

static void
history_read(struct bench *bench, const char *spec)
{
    struct history_opts opts = { .first_parent = false };
    struct fault why = FAULT_INIT;

    graph_init(&bench->graph);
    if (!history_tree_add(&bench->graph, spec, &opts, &why)) {
        fault_print(&why);
        exit(1);
    }
}

/* Tests that never err, and known to. */
static struct search_opts
clean_opts(void)
{
    struct search_opts opts = SEARCH_OPTS_INIT;

    opts.trust_ends = true;
    opts.none = opts.already = 1e-6;
    opts.flake_bad = 1;
    opts.flake_good = 0;
    return opts;
}

static void
truth_begin(const struct graph *g, struct truth *truth)
{
    if (truth->culprit == GRAPH_BAD)
        return;
    truth->above = xcalloc(graph_words(g) + 1, sizeof(*truth->above));
    graph_add_descendants(g, graph_tree_of(g, truth->culprit),
                          truth->culprit, truth->above);
}

/* Whether a commit fails in another way: always the same for one commit. */
static bool
is_foreign(const struct truth *truth, uint32_t node)
{
    uint64_t x = (node + truth->salt) * 0x9e3779b97f4a7c15u;

    x = (x ^ x >> 31) * 0x94d049bb133111ebu;
    return (double)(x >> 11) / 9007199254740992.0 < truth->foreign;
}

static enum search_result
run(const struct graph *g, const struct truth *truth,
    const struct search_test *test)
{
    bool has = false;
    uint32_t at;
    size_t t;

    for (t = 0; t < g->tree_count; t++) {
        at = test->at[t];
        if (at == GRAPH_GOOD)
            continue;
        if (at != GRAPH_BAD && ((at >= truth->broken_from
                                 && at < truth->broken_to)
                                || is_foreign(truth, at)))
            return SEARCH_CANNOT;
        has = has || (truth->above != NULL && (at == GRAPH_BAD
            ? truth->culprit >= g->trees[t].first
              && truth->culprit < g->trees[t].first + g->trees[t].count
            : graph_bit(truth->above, at)));
    }
    return made_uniform() < (has ? truth->bad : truth->good)
        ? SEARCH_FAIL : SEARCH_PASS;
}

/* Rounds of at most 'parallel' runs at once. */
static int
search_all(const struct graph *g, const struct search_opts *opts,
           const struct truth *truth, size_t parallel,
           struct search_answer *answer)
{
    struct search *search = search_new(g, opts);
    struct search_test tests[64];
    size_t n, i;
    int rounds;

    for (rounds = 0; rounds < RUNS_MOST; rounds++) {
        search_answer(search, answer);
        if (answer->verdict != SEARCH_MORE)
            break;
        n = search_next(search, parallel, tests);
        for (i = 0; i < n; i++)
            search_start(search, &tests[i]);
        for (i = 0; i < n; i++)
            search_record(search, &tests[i], run(g, truth, &tests[i]));
        search_answer_fini(answer);
    }
    search_free(search);
    return rounds;
}

static bool
is_right(const struct truth *truth, const struct search_answer *answer)
{
    if (truth->culprit == GRAPH_BAD)
        return answer->verdict == SEARCH_FLAKE;
    return answer->verdict == SEARCH_CULPRIT
        && answer->suspects[0].node == truth->culprit;
}

/* One search; 'answer_out' (or NULL) has to be released. */
static void
one(const struct bench *bench, const struct search_opts *opts,
    struct truth *truth, size_t parallel, struct sums *sums,
    struct search_answer *answer_out)
{
    struct search_answer answer;
    int runs;

    truth_begin(&bench->graph, truth);
    runs = search_all(&bench->graph, opts, truth, parallel, &answer);
    sums->runs += runs;
    sums->worst = fmax(sums->worst, runs);
    sums->right += is_right(truth, &answer);
    sums->answers += answer.verdict == SEARCH_CULPRIT;
    sums->count++;
    free(truth->above);
    truth->above = NULL;
    if (answer_out != NULL)
        *answer_out = answer;
    else
        search_answer_fini(&answer);
}

static uint32_t
any_commit(const struct graph *g)
{
    uint32_t node;

    do
        node = (uint32_t)made_below(g->count);
    while (!g->is_suspect[node]);
    return node;
}

static double
mean(const struct sums *sums)
{
    return sums->runs / sums->count;
}

static double
entropy(double p)
{
    return p <= 0 || p >= 1 ? 0 : -p * log2(p) - (1 - p) * log2(1 - p);
}

/* Of the channel whose inputs are "has it" and "has it not". */
static double
capacity(double bad, double good)
{
    double best = 0, p, info;

    for (p = .001; p < 1; p += .001) {
        info = entropy(p * bad + (1 - p) * good) - p * entropy(bad)
            - (1 - p) * entropy(good);
        best = fmax(best, info);
    }
    return best;
}

static double
bound(size_t n, double bad, double good)
{
    return ((1 - ACCEPTED_ERROR) * log2((double)n) - entropy(ACCEPTED_ERROR))
        / capacity(bad, good);
}

/* A made line, or one with merges, or a real range. */
static void
history_make(struct bench *bench)
{
    const char *what = word(bench, 0);

    if (strchr(what, ':') != NULL) {
        history_read(bench, what);
        bench->n = bench->graph.suspect_count;
    } else {
        made_history(&bench->graph, bench->n, 1, strcmp(what, "line") != 0);
    }
}

/* Clean tests, one tree, beside git's rule. */
static void
bench_clean(struct bench *bench)
{
    struct search_opts opts = clean_opts();
    struct truth truth = { .bad = 1, .good = 0 };
    struct sums sums = { 0 };
    double bits, git;
    int i;

    history_make(bench);
    bits = log2((double)bench->n);
    for (i = 0; i < bench->seeds; i++) {
        made_seed((uint64_t)i);
        truth.culprit = any_commit(&bench->graph);
        one(bench, &opts, &truth, 1, &sums, NULL);
        git = rival_git(&bench->graph, truth.culprit);
        sums.rival += git;
        sums.rival_worst = fmax(sums.rival_worst, git);
    }
    printf("clean %s n=%zu:", word(bench, 0), bench->n);
    figure("mean", mean(&sums), bits + .15);
    figure("worst", sums.worst, ceil(bits) + 1);
    figure_least("right", sums.right / sums.count, 1);
    printf("; git: mean %.2f, worst %.0f\n", sums.rival / sums.count,
           sums.rival_worst);
}

/* Many merges, beside OSSTest's rule in the reading that favours it. */
static void
bench_osstest(struct bench *bench)
{
    struct search_opts opts = clean_opts();
    struct truth truth = { .bad = 1, .good = 0 };
    struct sums sums = { 0 };
    double by_length = 0, by_steps = 0;
    int i;

    history_make(bench);
    for (i = 0; i < bench->seeds; i++) {
        made_seed((uint64_t)i);
        truth.culprit = any_commit(&bench->graph);
        one(bench, &opts, &truth, 1, &sums, NULL);
        by_length += rival_osstest(&bench->graph, truth.culprit, false);
        by_steps += rival_osstest(&bench->graph, truth.culprit, true);
        sums.rival += rival_git(&bench->graph, truth.culprit);
    }
    printf("merges %s n=%zu: mean %.2f,", word(bench, 0), bench->n,
           mean(&sums));
    figure("of OSSTest's rule", sums.runs / fmin(by_length, by_steps), .45);
    printf("; OSSTest: mean %.2f (or %.2f, read otherwise), git: %.2f\n",
           by_length / sums.count, by_steps / sums.count,
           sums.rival / sums.count);
}

/* git_bayesect's own calibration program: means with unknown rates. */
static double
git_bayesect(size_t n, double bad, double good)
{
    static const struct {
        double bad, good, at_128, at_1024;
    } published[] = {
        { .8, .2, 59.5, 71.9 }, { .5, 0, 55.1, 78 }, { .3, 0, 95.6, 117.2 },
        { 1, 0, 15.6, 19 },
    };
    size_t i;

    for (i = 0; i < ARRAY_LEN(published); i++)
        if (fabs(published[i].bad - bad) < 1e-9
            && fabs(published[i].good - good) < 1e-9)
            return n == 128 ? published[i].at_128
                : n == 1024 ? published[i].at_1024 : INFINITY;
    return INFINITY;
}

static void
bench_flaky(struct bench *bench)
{
    struct search_opts opts = clean_opts();
    struct truth truth = { .bad = number(bench, 0, .8),
                           .good = number(bench, 1, .2) };
    bool learned = strcmp(word(bench, 2), "learned") == 0;
    double least = bound(bench->n, truth.bad, truth.good), rival;
    struct sums sums = { 0 };
    int i;

    made_history(&bench->graph, bench->n, 1, false);
    opts.flake_bad = learned ? -1 : truth.bad;
    opts.flake_good = learned ? -1 : truth.good;
    for (i = 0; i < bench->seeds; i++) {
        made_seed((uint64_t)i);
        truth.culprit = any_commit(&bench->graph);
        one(bench, &opts, &truth, 1, &sums, NULL);
    }
    rival = git_bayesect(bench->n, truth.bad, truth.good);
    printf("rates %g/%g %s n=%zu:", truth.bad, truth.good,
           learned ? "learned" : "known", bench->n);
    if (!learned)
        figure("mean", mean(&sums), 1.25 * least);
    else if (isfinite(rival))
        figure("mean", mean(&sums), rival);
    else
        printf(" mean %.2f", mean(&sums));
    if (learned)                /* bench_calibration() has the limit */
        printf(" right %.3f", sums.right / sums.count);
    else
        figure_least("right", sums.right / sums.count, .95);
    printf("; bound %.2f, ratio %.2f", least, mean(&sums) / least);
    if (learned && isfinite(rival))
        printf("; git_bayesect: %.1f", rival);
    putchar('\n');
}

static const double rate_pairs[][2] = {
    { .8, .2 }, { .5, 0 }, { .3, 0 }, { .5, .02 }, { 1, 0 },
};

/* Of the answers that are said to be right with .95. NONE of the searches have
 * no culprit: then the answers that say so are looked at, too. */
static void
bench_calibration(struct bench *bench)
{
    bool learned = strcmp(word(bench, 0), "learned") == 0;
    double none = number(bench, 1, 0), nobody = 0, nobody_right = 0, before;
    struct search_opts opts = SEARCH_OPTS_INIT;
    struct truth truth = { .bad = 1 };
    struct search_answer answer;
    struct sums sums = { 0 };
    const double *rates;
    int i;

    if (none <= 0)
        opts = clean_opts();
    made_history(&bench->graph, bench->n, 1, false);
    for (i = 0; i < bench->seeds; i++) {
        made_seed((uint64_t)i);
        rates = rate_pairs[made_below(ARRAY_LEN(rate_pairs))];
        truth.bad = rates[0];
        truth.good = rates[1];
        opts.flake_bad = learned ? -1 : truth.bad;
        opts.flake_good = learned ? -1 : truth.good;
        truth.culprit = any_commit(&bench->graph);
        if (none > 0 && made_uniform() < none)
            truth.culprit = GRAPH_BAD;
        before = sums.right;
        one(bench, &opts, &truth, 1, &sums, &answer);
        if (answer.verdict == SEARCH_FLAKE) {
            nobody++;
            nobody_right += sums.right - before;
        }
        search_answer_fini(&answer);
    }
    printf("calibration, rates %s, n=%zu, %g without culprit, %d searches:",
           learned ? "learned" : "known", bench->n, none, bench->seeds);
    figure_least("right of answers at .95",
                 (sums.right - nobody_right) / sums.answers, .95);
    if (none > 0)
        figure_least("of those that nobody is to blame",
                     nobody_right / nobody, .95);
    printf("; mean %.2f\n", mean(&sums));
}

/* What a lab knows of a test that it begins to bisect, at least: it passed ten
 * times, then failed. */
static const struct posterior_past lab_past = {
    .good_runs = 10, .bad_fails = 1, .bad_runs = 1,
};

/* One run a revision, and whatever comes of it is blamed. */
static uint32_t
single_runs(const struct bench *bench, const struct truth *truth, int *runs)
{
    uint32_t low = 0, high = (uint32_t)bench->n - 1;
    struct search_test mid = { { 0 } };

    for (; low < high; ++*runs) {
        mid.at[0] = (low + high) / 2;
        if (run(&bench->graph, truth, &mid) == SEARCH_FAIL)
            high = mid.at[0];
        else
            low = mid.at[0] + 1;
    }
    return high;
}

/* Two of five searches have no culprit: the failure was a flake of 'good', or
 * comes no more. A single-run bisect blames somebody in each. */
static void
bench_none(struct bench *bench)
{
    bool known = strcmp(word(bench, 0), "known") == 0;
    struct search_opts opts = SEARCH_OPTS_INIT;
    struct truth truth = { .bad = 1, .good = number(bench, 1, 0) };
    struct sums nobody = { 0 }, somebody = { 0 };
    int i, rival = 0, rival_right = 0;
    double right, runs;
    bool is_somebody;

    made_history(&bench->graph, bench->n, 1, false);
    if (known) {
        opts.flake_bad = 1;
        opts.flake_good = truth.good;
    } else if (strcmp(word(bench, 0), "history") == 0) {
        opts.past = lab_past;
    }
    for (i = 0; i < bench->seeds; i++) {
        made_seed((uint64_t)i);
        truth.culprit = any_commit(&bench->graph);
        is_somebody = made_uniform() >= .4;
        if (!is_somebody)
            truth.culprit = GRAPH_BAD;
        one(bench, &opts, &truth, 1, is_somebody ? &somebody : &nobody,
            NULL);
        truth_begin(&bench->graph, &truth);
        rival_right += single_runs(bench, &truth, &rival) == truth.culprit;
        free(truth.above);
        truth.above = NULL;
    }
    right = nobody.right + somebody.right;
    runs = nobody.runs + somebody.runs;
    printf("40 %% without culprit, rates 1/%g %s, n=%zu:", truth.good,
           word(bench, 0), bench->n);
    figure_least("right", right / bench->seeds, .98);
    figure("of a single-run bisect", runs / rival, 1.3);
    printf(" (mean %.2f with culprit, %.2f without); single runs: mean %.2f, "
           "right %.3f\n", mean(&somebody), mean(&nobody),
           (double)rival / bench->seeds,
           (double)rival_right / bench->seeds);
}

/* Is it the smallest set: what the stretch hides, and the commit that ends
 * it? */
static bool
is_exact_set(const struct truth *truth, const struct search_answer *answer)
{
    size_t i;

    if (answer->verdict != SEARCH_SUSPECTS
        || answer->suspect_count
           != (size_t)(truth->broken_to - truth->broken_from) + 1)
        return false;
    for (i = 0; i < answer->suspect_count; i++)
        if (answer->suspects[i].node < truth->broken_from
            || answer->suspects[i].node > truth->broken_to)
            return false;
    return true;
}

static void
bench_broken(struct bench *bench)
{
    bool inside = strcmp(word(bench, 1), "inside") == 0, within;
    double share = number(bench, 0, .25), bits = log2((double)bench->n);
    struct search_opts opts = clean_opts();
    struct truth truth = { .bad = 1, .good = 0 };
    struct search_answer answer;
    struct sums sums = { 0 };
    double exact = 0;
    uint32_t size;
    int i;

    made_history(&bench->graph, bench->n, 1, false);
    size = (uint32_t)(share * (double)bench->n);
    for (i = 0; i < bench->seeds; i++) {
        made_seed((uint64_t)i);
        truth.broken_from = (uint32_t)made_below(bench->n - size - 1);
        truth.broken_to = truth.broken_from + size;
        do {
            truth.culprit = any_commit(&bench->graph);
            /* The commit that mends it cannot be told from those within. */
            within = truth.culprit >= truth.broken_from
                && truth.culprit <= truth.broken_to;
        } while (inside != within);
        one(bench, &opts, &truth, 1, &sums, &answer);
        exact += is_exact_set(&truth, &answer);
        search_answer_fini(&answer);
    }
    printf("%.0f %% broken, culprit %s, n=%zu:", 100 * share,
           inside ? "inside" : "outside", bench->n);
    if (inside) {
        printf(" mean %.2f", mean(&sums));
        figure("worst", sums.worst, 25);
        figure_least("exact set", exact / sums.count, 1);
    } else {
        figure("mean", mean(&sums), ceil(bits) + 3);
        figure("worst", sums.worst, ceil(bits) + 8);
        figure_least("right", sums.right / sums.count, 1);
    }
    putchar('\n');
}

/* One commit in ten fails in another way, which is "cannot tell". */
static void
bench_foreign(struct bench *bench)
{
    struct truth truth = { .bad = 1, .good = 0, .foreign = .1 };
    struct search_opts opts = SEARCH_OPTS_INIT;
    double wrong = 0, hidden = 0;
    struct search_answer answer;
    struct sums sums = { 0 };
    size_t k;
    int i;

    made_history(&bench->graph, bench->n, 1, true);
    for (i = 0; i < bench->seeds; i++) {
        made_seed((uint64_t)i);
        truth.salt = (uint64_t)i * 1000003;
        truth.culprit = any_commit(&bench->graph);
        /* With a bad end that fails otherwise nobody would have asked. */
        while (is_foreign(&truth, graph_top(&bench->graph, 0)))
            truth.salt++;
        one(bench, &opts, &truth, 1, &sums, &answer);
        wrong += answer.verdict == SEARCH_CULPRIT
            && answer.suspects[0].node != truth.culprit;
        for (k = 0; k < answer.suspect_count; k++)
            if (answer.suspects[k].node == truth.culprit)
                break;
        wrong += answer.verdict == SEARCH_SUSPECTS
            && k == answer.suspect_count;
        hidden += answer.verdict == SEARCH_SUSPECTS;
        search_answer_fini(&answer);
    }
    printf("foreign failure on 10 %% of n=%zu, %d searches:", bench->n,
           sums.count);
    figure("wrong blame", wrong, 0);
    printf("; mean %.2f, culprit named %.3f, a set with it %.3f\n",
           mean(&sums), sums.right / sums.count, hidden / sums.count);
}

static void
bench_parallel(struct bench *bench)
{
    size_t parallel = (size_t)number(bench, 0, 3);
    struct search_opts opts = clean_opts();
    struct truth truth = { .bad = 1, .good = 0 };
    struct sums sums = { 0 };
    int i;

    made_history(&bench->graph, bench->n, 1, false);
    for (i = 0; i < bench->seeds; i++) {
        made_seed((uint64_t)i);
        truth.culprit = any_commit(&bench->graph);
        one(bench, &opts, &truth, parallel, &sums, NULL);
    }
    printf("K=%zu at once, n=%zu: rounds: mean %.2f,", parallel, bench->n,
           mean(&sums));
    figure("worst", sums.worst, ceil(log2((double)bench->n)
                                     / log2((double)parallel + 1) - 1e-9)
           + 1);
    figure_least("right", sums.right / sums.count, 1);
    putchar('\n');
}

static void
bench_trees(struct bench *bench)
{
    size_t trees = (size_t)number(bench, 0, 3);
    struct search_opts opts = clean_opts();
    struct truth truth = { .bad = 1, .good = 0 };
    struct sums sums = { 0 };
    int i;

    made_history(&bench->graph, bench->n, trees, false);
    for (i = 0; i < bench->seeds; i++) {
        made_seed((uint64_t)i);
        truth.culprit = any_commit(&bench->graph);
        one(bench, &opts, &truth, 1, &sums, NULL);
    }
    printf("%zu trees of %zu in all: mean %.2f,", trees, bench->n,
           mean(&sums));
    figure("worst", sums.worst, ceil(log2((double)bench->n)) + 2);
    figure_least("right", sums.right / sums.count, 1);
    putchar('\n');
}

/* What git's rule, the two ends and OSSTest's repetitions say of a flaky
 * failure: each end twice, one run a commit, then the last pass and the first
 * failure three times each. */
static int
osstest_verified(const struct bench *bench, const struct truth *truth,
                 uint32_t *blamed_out)
{
    struct search_test bad = { { graph_top(&bench->graph, 0) } };
    struct search_test good = { { GRAPH_GOOD } };
    uint32_t high;
    int runs, i;

    *blamed_out = GRAPH_BAD;
    for (i = 0, runs = 0; i < 2; i++) {
        runs += 2;
        if (run(&bench->graph, truth, &good) != SEARCH_PASS
            || run(&bench->graph, truth, &bad) != SEARCH_FAIL)
            return runs;        /* "not reproducible" */
    }
    high = single_runs(bench, truth, &runs);
    bad.at[0] = high;
    good.at[0] = high > 0 ? high - 1 : GRAPH_GOOD;
    for (i = 0; i < 3; i++) {
        runs += 2;
        if (run(&bench->graph, truth, &good) != SEARCH_PASS
            || run(&bench->graph, truth, &bad) != SEARCH_FAIL)
            return runs;
    }
    *blamed_out = high;
    return runs;
}

/* What a rule said of many failures of one kind. */
struct blames {
    double wrong, right, runs;
    int count;
};

static void
blames_add(struct blames *blames, bool blamed, bool right, int runs)
{
    blames->wrong += blamed && !right;
    blames->right += right;
    blames->runs += runs;
    blames->count++;
}

static double
share(double part, const struct blames *blames)
{
    return part / blames->count;
}

/* As sure as OSSTest's ten runs? Of the failures of three labs in five, which
 * are always there, no more are blamed on the wrong commit. Of those that come
 * now and then OSSTest answers few; ours are wrong as rarely as was asked. */
static void
bench_verify(struct bench *bench)
{
    struct search_opts opts = SEARCH_OPTS_INIT;
    struct truth truth = { .bad = 1, .good = 0 };
    struct blames ours[2] = { { 0 } }, theirs[2] = { { 0 } };
    struct sums sums = { 0 };
    struct search_answer answer;
    uint32_t blamed;
    int i, rare, runs;
    double before;

    opts.confidence = number(bench, 0, opts.confidence);
    made_history(&bench->graph, bench->n, 1, false);
    for (i = 0; i < bench->seeds; i++) {
        made_seed((uint64_t)i);
        truth.culprit = any_commit(&bench->graph);
        truth.bad = i % 5 < 3 ? 1 : i % 5 == 3 ? .8 : .5;
        rare = truth.bad < 1;
        before = sums.runs;
        one(bench, &opts, &truth, 1, &sums, &answer);
        blames_add(&ours[rare], answer.verdict == SEARCH_CULPRIT,
                   is_right(&truth, &answer), (int)(sums.runs - before));
        search_answer_fini(&answer);
        truth_begin(&bench->graph, &truth);
        runs = osstest_verified(bench, &truth, &blamed);
        blames_add(&theirs[rare], blamed != GRAPH_BAD,
                   blamed == truth.culprit, runs);
        free(truth.above);
        truth.above = NULL;
    }
    printf("verification at %g, n=%zu: always there:", opts.confidence,
           bench->n);
    figure("runs beyond log2 n", share(ours->runs, ours)
           - log2((double)bench->n), 6);
    figure("wrong", share(ours->wrong, ours), share(theirs->wrong, theirs));
    printf(" right %.3f; OSSTest's ten: %.2f, right %.3f; now and then:",
           share(ours->right, ours), share(theirs->runs, theirs)
           - log2((double)bench->n), share(theirs->right, theirs));
    figure("wrong", share(ours[1].wrong, &ours[1]), 1 - opts.confidence);
    printf(" right %.3f; OSSTest's ten: wrong %.3f, right %.3f\n",
           share(ours[1].right, &ours[1]), share(theirs[1].wrong, &theirs[1]),
           share(theirs[1].right, &theirs[1]));
}

static double
processor_seconds(void)
{
    struct rusage used;

    must(getrusage(RUSAGE_SELF, &used) == 0);
    return (double)(used.ru_utime.tv_sec + used.ru_stime.tv_sec)
        + (double)(used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1e6;
}

/* The first choice on a real history, once it is read; in seconds of a
 * processor, since there may be others on it. */
static void
bench_next(struct bench *bench, const char *spec, double limit)
{
    struct search_opts opts = clean_opts();
    struct search_test test;
    struct search *search;
    struct rusage used;
    double read;

    history_read(bench, spec);
    search = search_new(&bench->graph, &opts);
    read = processor_seconds();
    must(search_next(search, 1, &test) == 1);
    printf("next choice, %zu commits:", bench->graph.count);
    figure("seconds", processor_seconds() - read, limit);
    must(getrusage(RUSAGE_SELF, &used) == 0);
    printf("; reading took %.2f s beside git's; %ld MB\n", read,
           used.ru_maxrss / 1024);
    search_free(search);
}

static const struct {
    const char *name;
    void (*run)(struct bench *bench);
} benches[] = {
    { "broken", bench_broken }, { "calibration", bench_calibration },
    { "clean", bench_clean }, { "flaky", bench_flaky },
    { "foreign", bench_foreign }, { "none", bench_none },
    { "osstest", bench_osstest }, { "parallel", bench_parallel },
    { "trees", bench_trees }, { "verify", bench_verify },
};

int
main(int argc, char **argv)
{
    struct bench bench = { .n = 0 };
    int64_t n = 0, seeds = 0;
    double limit;
    size_t i;

    if (argc == 4 && strcmp(argv[1], "next") == 0
        && parse_double(argv[3], &limit)) {
        bench_next(&bench, argv[2], limit);
        graph_fini(&bench.graph);
        return 0;
    }
    if (argc < 4 || !parse_int64(argv[2], 0, 1000000, &n)
        || !parse_int64(argv[3], 1, 1000000, &seeds)) {
        fputs(usage, stderr);
        return 2;
    }
    bench.n = (size_t)n;
    bench.seeds = (int)seeds;
    bench.argc = argc - 4;
    bench.argv = argv + 4;
    for (i = 0; i < ARRAY_LEN(benches); i++)
        if (strcmp(argv[1], benches[i].name) == 0) {
            benches[i].run(&bench);
            graph_fini(&bench.graph);
            return 0;
        }
    fputs(usage, stderr);
    return 2;
}
