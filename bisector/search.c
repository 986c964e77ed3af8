/* bisector/search.c - what is known after the runs so far. The choice of the
 * next run is in search_next.c. */
#include <config.h>

#include "bisector/search.h"

#include <math.h>
#include <stdlib.h>

#include "bisector/search_private.h"
#include "harness/mem.h"

/* Bits that one more run must promise when what is left is a set. */
#define INFO_SETTLED 0.01

static const char *const result_names[] = {
    [SEARCH_RESULT_NONE] = "none",
    [SEARCH_PASS] = "good",
    [SEARCH_FAIL] = "bad",
    [SEARCH_CANNOT] = "cannot-tell",
};
static_assert(ARRAY_LEN(result_names) == SEARCH_RESULT_COUNT, "all named");

static const char *const verdict_names[] = {
    [SEARCH_VERDICT_NONE] = "none",
    [SEARCH_MORE] = "more",
    [SEARCH_CULPRIT] = "culprit",
    [SEARCH_SUSPECTS] = "suspects",
    [SEARCH_FLAKE] = "not-reproducible",
    [SEARCH_GOOD_FAILS] = "good-fails",
    [SEARCH_END_BLOCKED] = "bad-cannot-be-tested",
    [SEARCH_GAVE_UP] = "gave-up",
};
static_assert(ARRAY_LEN(verdict_names) == SEARCH_VERDICT_COUNT, "all named");

const char *
search_result_name(enum search_result result)
{
    return result_names[result];
}

const char *
search_verdict_name(enum search_verdict verdict)
{
    return verdict_names[verdict];
}

bool
search_test_same(const struct graph *graph, const struct search_test *a,
                 const struct search_test *b)
{
    size_t t;

    for (t = 0; t < graph->tree_count; t++)
        if (a->at[t] != b->at[t])
            return false;
    return true;
}

void
search_test_ends(const struct graph *graph, struct search_test *good_out,
                 struct search_test *bad_out)
{
    size_t t;

    *good_out = *bad_out = (struct search_test){ { 0 } };
    for (t = 0; t < graph->tree_count; t++) {
        bad_out->at[t] = graph_top(graph, t);
        good_out->at[t] = graph->trees[t].count == 0
            ? bad_out->at[t] : GRAPH_GOOD;
    }
}

/* The main line of each tree: first parents from its bad end. */
static void
lines_make(struct search *search)
{
    const struct graph *g = search->graph;
    uint32_t node, swap, *line;
    size_t t, i, k, n;

    search->since = xcalloc(g->count + 1, sizeof(*search->since));
    for (i = 0; i < g->count; i++) {
        search->since[i] = g->date[i];
        for (k = g->parent_at[i]; k < g->parent_at[i + 1]; k++)
            if (search->since[g->parents[k]] > search->since[i])
                search->since[i] = search->since[g->parents[k]];
    }
    for (t = 0; t < g->tree_count; t++) {
        line = xcalloc(g->trees[t].count + 1, sizeof(*line));
        n = 0;
        if (g->trees[t].count > 0) {
            node = g->trees[t].first + g->trees[t].count - 1;
            for (;;) {
                line[n++] = node;
                if (g->parent_at[node] == g->parent_at[node + 1])
                    break;
                node = g->parents[g->parent_at[node]];
            }
        }
        for (i = 0; i < n / 2; i++) {
            swap = line[i];
            line[i] = line[n - 1 - i];
            line[n - 1 - i] = swap;
        }
        search->line[t] = line;
        search->line_count[t] = n;
    }
}

/* Within, a run "fails" if it shows the commit that is searched for: for one
 * that mended something, by passing. */
static void
rates_init(struct search *search)
{
    const struct search_opts *opts = &search->opts;
    const struct posterior_past *past = &opts->past;
    const struct posterior_past mended = {
        .good_fails = past->bad_runs - past->bad_fails,
        .good_runs = past->bad_runs,
        .bad_fails = past->good_runs - past->good_fails,
        .bad_runs = past->good_runs,
    };

    if (opts->fixed)
        posterior_init(&search->posterior,
                       opts->flake_bad < 0 ? -1 : 1 - opts->flake_bad,
                       opts->flake_good < 0 ? -1 : 1 - opts->flake_good,
                       &mended);
    else
        posterior_init(&search->posterior, opts->flake_good,
                       opts->flake_bad, past);
}

struct search *
search_new(const struct graph *graph, const struct search_opts *opts)
{
    struct search *search = xcalloc(1, sizeof(*search));
    size_t n = graph->count + 1;

    search->graph = graph;
    search->opts = *opts;
    rates_init(search);
    cannot_init(&search->cannot, graph->count);
    search->fails_with = xcalloc(n, sizeof(*search->fails_with));
    search->passes_with = xcalloc(n, sizeof(*search->passes_with));
    search->weight = xcalloc(n, sizeof(*search->weight));
    search->view_of = xcalloc(n, sizeof(*search->view_of));
    lines_make(search);
    return search;
}

void
search_free(struct search *search)
{
    size_t i;

    if (search == NULL)
        return;
    for (i = 0; i < search->point_count; i++) {
        free(search->points[i].has);
        free(search->points[i].above);
    }
    for (i = 0; i < search->graph->tree_count; i++)
        free(search->line[i]);
    free(search->points);
    free(search->fails_with);
    free(search->passes_with);
    free(search->weight);
    free(search->view_of);
    free(search->views);
    free(search->since);
    free(search);
}

struct search_point *
search_point_find(const struct search *search, const struct search_test *test)
{
    size_t i;

    for (i = 0; i < search->point_count; i++)
        if (search_test_same(search->graph, &search->points[i].test, test))
            return &search->points[i];
    return NULL;
}

static struct search_point *
point_get(struct search *search, const struct search_test *test)
{
    struct search_point *p = search_point_find(search, test);
    size_t words = graph_words(search->graph) + 1, t;

    if (p != NULL)
        return p;
    search->points = xgrow(search->points, &search->point_cap,
                           search->point_count, sizeof(*search->points));
    p = &search->points[search->point_count++];
    *p = (struct search_point){ .test = *test };
    p->has = xcalloc(words, sizeof(*p->has));
    p->above = xcalloc(words, sizeof(*p->above));
    for (t = 0; t < search->graph->tree_count; t++) {
        graph_add_ancestors(search->graph, t, test->at[t], p->has);
        graph_add_descendants(search->graph, t, test->at[t], p->above);
    }
    return p;
}

/* Commits up to a place in its tree. */
static double
place(const struct graph *graph, size_t tree, uint32_t node)
{
    const struct graph_tree *t = &graph->trees[tree];

    if (node == GRAPH_GOOD)
        return 0;
    return node == GRAPH_BAD ? t->count : (double)(node - t->first) + 1;
}

/* Is 'later' after 'earlier', or the same, in each tree? One of the two is a
 * point; 'set' is what it has or what has it, to look the other up in. */
static bool
is_after(const struct search *search, const struct search_test *later,
         const struct search_test *earlier, const uint64_t *set,
         const struct search_test *looked_up)
{
    size_t t;

    for (t = 0; t < search->graph->tree_count; t++)
        if (later->at[t] != earlier->at[t] && later->at[t] != GRAPH_BAD
            && earlier->at[t] != GRAPH_GOOD
            && (later->at[t] == GRAPH_GOOD || earlier->at[t] == GRAPH_BAD
                || !graph_bit(set, looked_up->at[t])))
            return false;
    return true;
}

/* Remembers in 'near' what was seen at 'seen', if nothing is nearer. */
static void
nearer(const struct search *search, const struct search_test *test,
       const struct search_test *seen, bool cannot, struct cannot_near *near)
{
    double distance = 0;
    size_t t;

    for (t = 0; t < search->graph->tree_count; t++)
        distance += fabs(place(search->graph, t, seen->at[t])
                         - place(search->graph, t, test->at[t]));
    if (near->known && near->distance <= distance)
        return;
    *near = (struct cannot_near){ .known = true, .cannot = cannot,
                                  .distance = fmax(distance, 1) };
}

static void
neighbours(const struct search *search, const struct search_test *test,
           struct cannot_near *below, struct cannot_near *above)
{
    const struct search_point *p;
    struct search_test good, bad;
    size_t i;

    *below = *above = (struct cannot_near){ .known = false };
    for (i = 0; i < search->point_count; i++) {
        p = &search->points[i];
        if (p->fails + p->passes + p->cannots == 0
            || search_test_same(search->graph, &p->test, test))
            continue;
        if (is_after(search, test, &p->test, p->above, test))
            nearer(search, test, &p->test, p->fails + p->passes == 0, below);
        else if (is_after(search, &p->test, test, p->has, test))
            nearer(search, test, &p->test, p->fails + p->passes == 0, above);
    }
    if (search->opts.trust_ends) {      /* they could tell, others say */
        search_test_ends(search->graph, &good, &bad);
        nearer(search, test, &good, false, below);
        nearer(search, test, &bad, false, above);
    }
}

double
search_can(const struct search *search, const struct search_test *test)
{
    const struct search_point *p = search_point_find(search, test);
    struct cannot_near below, above;

    if (p != NULL && p->fails + p->passes + p->cannots > 0)
        return p->fails + p->passes > 0 ? 1 : 0;
    if (!search->cannot_seen)
        return 1;
    neighbours(search, test, &below, &above);
    return 1 - cannot_chance(&search->cannot, &below, &above);
}

void
search_start(struct search *search, const struct search_test *test)
{
    point_get(search, test)->running++;
    search->next_known = false;
    search->running++;
}

void
search_cancel(struct search *search, const struct search_test *test)
{
    struct search_point *p = search_point_find(search, test);

    must(p != NULL && p->running > 0);
    p->running--;
    search->next_known = false;
    search->running--;
}

void
search_record(struct search *search, const struct search_test *test,
              enum search_result result)
{
    struct search_point *p = point_get(search, test);
    struct cannot_near below, above;
    uint32_t *counts = NULL;
    size_t i;

    must(result > SEARCH_RESULT_NONE && result < SEARCH_RESULT_COUNT);
    if (search->opts.fixed && result != SEARCH_CANNOT)
        result = result == SEARCH_PASS ? SEARCH_FAIL : SEARCH_PASS;
    if (p->running > 0)
        search_cancel(search, test);
    if (p->fails + p->passes + p->cannots == 0) {
        neighbours(search, test, &below, &above);
        cannot_observe(&search->cannot, &below, &above,
                       result == SEARCH_CANNOT);
    }
    search->runs++;
    search->fresh = search->next_known = false;
    if (result == SEARCH_CANNOT) {
        p->cannots++;
        search->cannot_seen = true;
    } else if (result == SEARCH_FAIL) {
        p->fails++;
        search->fails++;
        counts = search->fails_with;
    } else {
        p->passes++;
        search->passes++;
        counts = search->passes_with;
    }
    for (i = 0; counts != NULL && i < search->graph->count; i++)
        counts[i] += graph_bit(p->has, (uint32_t)i);
}

/* Index of the view of a commit with these counts; 'known' remembers. */
static uint32_t
view_index(struct search *search, uint32_t *known, uint32_t fails_with,
           uint32_t passes_with)
{
    uint32_t *slot = &known[(size_t)fails_with * (search->passes + 1)
                            + passes_with];

    if (*slot == 0) {
        search->views = xgrow(search->views, &search->view_cap,
                              search->view_count, sizeof(*search->views));
        posterior_culprit(&search->posterior, search->fails, search->passes,
                          fails_with, passes_with,
                          &search->views[search->view_count]);
        *slot = (uint32_t)++search->view_count;
    }
    return *slot - 1;
}

static double
plogp(double p)
{
    return p > 0 ? -p * log2(p) : 0;
}

void
search_update(struct search *search)
{
    const struct graph *g = search->graph;
    double share, best, sum = 0;
    uint32_t *known;
    size_t i;

    if (search->fresh)
        return;
    known = xcalloc(((size_t)search->fails + 1) * (search->passes + 1),
                    sizeof(*known));
    search->view_count = 0;
    posterior_flake(&search->posterior, search->fails, search->passes,
                    &search->none_view);
    posterior_culprit(&search->posterior, search->fails, search->passes,
                      search->fails, search->passes, &search->already_view);
    for (i = 0; i < g->count; i++)
        if (g->is_suspect[i])
            search->view_of[i] = view_index(search, known,
                                            search->fails_with[i],
                                            search->passes_with[i]);
    best = fmax(search->none_view.log_like, search->already_view.log_like);
    for (i = 0; i < search->view_count; i++)
        best = fmax(best, search->views[i].log_like);
    share = (1 - search->opts.none - search->opts.already)
        / (double)(g->suspect_count > 0 ? g->suspect_count : 1);
    for (i = 0; i < g->count; i++) {
        search->weight[i] = g->is_suspect[i]
            ? share * exp(search->views[search->view_of[i]].log_like - best)
            : 0;
        sum += search->weight[i];
    }
    search->none = search->opts.none
        * exp(search->none_view.log_like - best);
    search->already = search->opts.already
        * exp(search->already_view.log_like - best);
    sum += search->none + search->already;
    search->none /= sum;
    search->already /= sum;
    search->entropy = plogp(search->none) + plogp(search->already);
    for (i = 0; i < g->count; i++) {
        search->weight[i] /= sum;
        search->entropy += plogp(search->weight[i]);
    }
    search->fresh = true;
    free(known);
}

/* Commits that no test which may yet be run can tell from 'top': every such
 * test has both or neither. Marks them in 'cell' (a byte each). */
static void
cell_of(const struct search *search, uint32_t top, bool *cell)
{
    const struct graph *g = search->graph;
    size_t t = graph_tree_of(g, top), i, k, words = graph_words(g) + 1;
    size_t first = g->trees[t].first, end = first + g->trees[t].count;
    uint64_t *above = xcalloc(words, sizeof(*above)), all = 0;
    uint64_t *least = xcalloc(g->count + 1, sizeof(*least));
    bool *able = xcalloc(g->count + 1, sizeof(*able));
    bool *older = xcalloc(g->count + 1, sizeof(*older));
    bool *without = xcalloc(g->count + 1, sizeof(*without));
    struct search_test test, good, bad;
    size_t other;

    search_test_ends(search->graph, &good, &bad);
    graph_add_descendants(g, t, top, above);
    for (i = first; i < end; i++) {
        /* Alone in its tree, other trees at either end: if neither way can
         * be tested, we take it that none can. */
        test = good;
        test.at[t] = (uint32_t)i;
        able[i] = g->is_suspect[i]
            && search_can(search, &test) >= SEARCH_CAN_LEAST;
        for (other = 0; other < g->tree_count; other++)
            if (other != t)
                test.at[other] = bad.at[other];
        able[i] = able[i] || (g->is_suspect[i]
            && search_can(search, &test) >= SEARCH_CAN_LEAST);
    }
    /* The oldest tests that have 'top': the others that have it have them. */
    for (i = first; i < end; i++) {
        for (k = g->parent_at[i]; k < g->parent_at[i + 1]; k++)
            older[i] = older[i] || older[g->parents[k]];
        if (!older[i] && able[i] && graph_bit(above, (uint32_t)i)) {
            older[i] = true;
            if (all != UINT64_MAX) {
                least[i] = all + 1;
                all = all * 2 + 1;
            }
        }
    }
    for (i = end; i-- > first;) {
        if (able[i] && !graph_bit(above, (uint32_t)i))
            without[i] = true;
        for (k = g->parent_at[i]; k < g->parent_at[i + 1]; k++) {
            without[g->parents[k]] |= without[i];
            least[g->parents[k]] |= least[i];
        }
        cell[i] = g->is_suspect[i] && !without[i] && least[i] == all;
    }
    free(without);
    free(older);
    free(able);
    free(least);
    free(above);
}

static int
by_chance(const void *a, const void *b)
{
    const struct search_suspect *x = a, *y = b;

    if (x->chance != y->chance)
        return x->chance < y->chance ? 1 : -1;
    return x->node > y->node ? 1 : x->node < y->node ? -1 : 0;
}

static bool
ends_known(const struct search *search)
{
    struct search_test good, bad;
    const struct search_point *p, *q;

    if (search->opts.trust_ends)
        return true;
    search_test_ends(search->graph, &good, &bad);
    p = search_point_find(search, &good);
    q = search_point_find(search, &bad);
    return p != NULL && p->fails + p->passes + p->cannots > 0 && q != NULL
        && q->fails + q->passes + q->cannots > 0;
}

static bool
bad_is_blocked(const struct search *search)
{
    struct search_test good, bad;
    const struct search_point *p;

    search_test_ends(search->graph, &good, &bad);
    p = search_point_find(search, &bad);
    return p != NULL && p->cannots > 0 && p->fails + p->passes == 0;
}

/* As many runs as there may be? */
static bool
is_spent(const struct search *search)
{
    return search->opts.max_runs > 0
        && search->runs >= search->opts.max_runs;
}

/* Cuts the sorted suspects to those that nothing can tell apart, or else to
 * the fewest that are as likely as was asked. Returns their chance. */
static double
cut(const struct search *search, struct search_answer *out)
{
    bool *cell = xcalloc(search->graph->count + 1, sizeof(*cell));
    double chance = 0, enough;
    size_t i, n = 0;

    if (search->cannot_seen && out->live_count > 1) {
        cell_of(search, out->suspects[0].node, cell);
        for (i = 0; i < out->live_count; i++)
            if (cell[out->suspects[i].node])
                chance += out->suspects[i].chance;
    }
    if (chance >= search->opts.confidence) {
        for (i = 0; i < out->live_count; i++)
            if (cell[out->suspects[i].node])
                out->suspects[n++] = out->suspects[i];
        out->verdict = SEARCH_SUSPECTS;
    } else {
        /* Of what falls to commits: nobody's share is told apart. */
        enough = search->opts.confidence
            * (1 - search->none - search->already);
        for (chance = 0; n < out->live_count && chance < enough; n++)
            chance += out->suspects[n].chance;
    }
    out->suspect_count = n;
    free(cell);
    return chance;
}

/* How many of the sorted suspects hold half of what falls to commits. */
static size_t
half(const struct search *search, const struct search_answer *out)
{
    double chance = 0, enough = .5 * (1 - search->none - search->already);
    size_t n = 0;

    while (n < out->live_count && chance < enough)
        chance += out->suspects[n++].chance;
    return n;
}

void
search_answer(struct search *search, struct search_answer *out)
{
    const struct graph *g = search->graph;
    const struct posterior_view *view;
    struct search_test test;
    double top = 0, rate;
    bool flake;
    size_t i;

    search_update(search);
    *out = (struct search_answer){ .verdict = SEARCH_MORE,
        .fixed = search->opts.fixed,
        .none = search->none, .already = search->already,
        .entropy = search->entropy, .runs = search->runs };
    out->suspects = xcalloc(g->count + 1, sizeof(*out->suspects));
    for (i = 0; i < g->count; i++)
        top = fmax(top, search->weight[i]);
    for (i = 0; i < g->count; i++)
        if (search->weight[i] > 0
            && search->weight[i] >= top * SEARCH_LIVE_LEAST)
            out->suspects[out->live_count++] = (struct search_suspect){
                (uint32_t)i, search->weight[i] };
    qsort(out->suspects, out->live_count, sizeof(*out->suspects), by_chance);
    if (out->live_count > 0) {
        view = &search->views[search->view_of[out->suspects[0].node]];
        out->rate_bad = view->with;
        out->rate_good = view->without;
        out->half_count = half(search, out);
        out->chance = cut(search, out);
    }
    if (bad_is_blocked(search)) {
        out->verdict = SEARCH_END_BLOCKED;
    } else if (search->none + search->already >= search->opts.confidence) {
        /* All runs fail alike: now and then, or mostly. */
        flake = search->none >= search->already;
        view = flake ? &search->none_view : &search->already_view;
        out->verdict = flake ? SEARCH_FLAKE : SEARCH_GOOD_FAILS;
        out->chance = search->none + search->already;
        out->rate_bad = out->rate_good = flake ? view->without : view->with;
    } else if (!ends_known(search)) {
        out->verdict = is_spent(search) ? SEARCH_GAVE_UP : SEARCH_MORE;
    } else if (top >= search->opts.confidence) {
        out->verdict = SEARCH_CULPRIT;
    } else if (out->verdict == SEARCH_SUSPECTS) {
        /* Likely enough, but perhaps not yet the smallest set. */
        if (!is_spent(search)
            && (search->running > 0 || (search_next(search, 1, &test) > 0
                && search->best_info >= INFO_SETTLED)))
            out->verdict = SEARCH_MORE;
    } else {
        if (is_spent(search))
            out->verdict = SEARCH_GAVE_UP;
        else if (search_next(search, 1, &test) == 0 && search->running == 0)
            out->verdict = SEARCH_SUSPECTS;
    }
    if (search->opts.fixed) {
        rate = out->rate_bad;
        out->rate_bad = 1 - out->rate_good;
        out->rate_good = 1 - rate;
    }
    out->runs_left = out->verdict != SEARCH_MORE ? 0
        : ceil(search->entropy
               / (search->best_info > 0 ? search->best_info : 1));
}

void
search_answer_fini(struct search_answer *answer)
{
    free(answer->suspects);
    *answer = (struct search_answer){ .verdict = SEARCH_VERDICT_NONE };
}

size_t
search_seen_count(const struct search *search)
{
    return search->point_count;
}

void
search_seen_get(const struct search *search, size_t i, struct search_seen *out)
{
    const struct search_point *p = &search->points[i];

    must(i < search->point_count);
    *out = (struct search_seen){ .test = p->test,
        .fails = search->opts.fixed ? p->passes : p->fails,
        .passes = search->opts.fixed ? p->fails : p->passes,
        .cannots = p->cannots, .running = p->running };
}

double
search_chance(struct search *search, uint32_t node)
{
    search_update(search);
    return search->weight[node];
}
