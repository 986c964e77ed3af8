/* bisector/search_next.c - the choice of the next runs: those from which most
 * is learned for their cost.
 *
 * What a run at c teaches about the culprit X is the mutual information
 *     I(X; run) = h(P(fail)) - sum over x of w(x) h(P(fail | x)),
 * and P(fail | x) depends on x only by whether c has x and by the counts of x.
 * So two sums over the ancestors of every c give it exactly, rates unknown or
 * not. Runs under way split the commits into cells; one more run is judged by
 * what it tells within each. */
#include <config.h>

#include "bisector/search.h"

#include <math.h>
#include <stdlib.h>

#include "bisector/search_private.h"
#include "harness/mem.h"

/* Bits, of what is accepted not to be known: a run that promises less is not
 * worth it. */
#define INFO_WORTH .01
#define WEIGHT_LEAST 1e-9       /* of all: what a class must have to count */
#define OTHERS_MAX 63           /* bits of a cell's mask, less one */
#define SWAP_ROUNDS 2           /* second thoughts about a joint choice */
#define SWAP_LIVE_MAX 20000     /* not worth their time on long histories */
#define SPLIT_SHARE 0.9         /* of what it tells: trees out of step */

/* Commits of one cell with the same counts. */
struct kind {
    uint64_t cell;
    uint32_t view;
    double weight;              /* of all its commits */
};

struct choice {
    struct search *search;
    struct search_test *tests;  /* to choose from */
    double *can, *cost, *info;
    size_t test_count;
    uint32_t *kind_of;          /* of each commit; GRAPH_NO_CLASS */
    uint32_t *class_of;
    struct kind *kinds;
    size_t kind_count, kind_cap;
    double *a, *b;              /* sums of each commit */
    const uint64_t *others[OTHERS_MAX];
    size_t other_count;
};

static double
cost_of(const struct search *search, const struct search_test *test)
{
    double cost = 0;
    size_t t, n = 0;

    for (t = 0; search->opts.cost != NULL && t < search->graph->tree_count;
         t++)
        if (test->at[t] < search->graph->count) {
            cost += search->opts.cost[test->at[t]];
            n++;
        }
    return n > 0 && cost > 0 ? cost : 1;
}

static void
test_add(struct choice *choice, const struct search_test *test, double share)
{
    double can = search_can(choice->search, test);

    if (can < SEARCH_CAN_LEAST)
        return;
    choice->can[choice->test_count] = can * share;
    choice->cost[choice->test_count] = cost_of(choice->search, test);
    choice->tests[choice->test_count++] = *test;
}

/* Where the main line of 'tree' was at 'date'. */
static uint32_t
line_at(const struct search *search, size_t tree, int64_t date)
{
    size_t low = 0, high = search->line_count[tree], mid;

    while (low < high) {
        mid = (low + high) / 2;
        if (search->since[search->line[tree][mid]] <= date)
            low = mid + 1;
        else
            high = mid;
    }
    if (low == 0)
        return search->graph->trees[tree].count > 0 ? GRAPH_GOOD : GRAPH_BAD;
    if (low == search->line_count[tree])
        return graph_top(search->graph, tree);
    return search->line[tree][low - 1];
}

/* The bracket so far: the largest test that passed, the smallest that failed,
 * in commits. */
static double
size_of(const struct search *search, const struct search_test *test)
{
    const struct graph_tree *tree;
    double size = 0;
    size_t t;

    for (t = 0; t < search->graph->tree_count; t++) {
        tree = &search->graph->trees[t];
        if (test->at[t] == GRAPH_BAD)
            size += tree->count;
        else if (test->at[t] != GRAPH_GOOD)
            size += test->at[t] - tree->first + 1;
    }
    return size;
}

static void
bracket(const struct search *search, struct search_test *low,
        struct search_test *high)
{
    const struct search_point *p;
    size_t i;

    search_test_ends(search->graph, low, high);
    for (i = 0; i < search->point_count; i++) {
        p = &search->points[i];
        if (p->passes > p->fails
            && size_of(search, &p->test) > size_of(search, low))
            *low = p->test;
        if (p->fails > p->passes
            && size_of(search, &p->test) < size_of(search, high))
            *high = p->test;
    }
}

/* Every commit of one tree: the others where they were at its date (as
 * OSSTest goes back), or where they are known to pass or to fail, so that in
 * the end any commit can be told from its parents. */
static void
tests_along(struct choice *choice, size_t tree,
            const struct search_test *low, const struct search_test *high)
{
    const struct search *search = choice->search;
    const struct graph *g = search->graph;
    struct search_test test = { { 0 } };
    uint32_t node;
    size_t t;

    for (node = g->trees[tree].first;
         node < g->trees[tree].first + g->trees[tree].count; node++) {
        if (!g->is_suspect[node])
            continue;
        for (t = 0; t < g->tree_count; t++)
            test.at[t] = t == tree ? node
                : line_at(search, t, search->since[node]);
        test_add(choice, &test, 1);
        if (g->tree_count == 1)
            continue;
        test = *low;
        test.at[tree] = node;
        test_add(choice, &test, SPLIT_SHARE);
        test = *high;
        test.at[tree] = node;
        test_add(choice, &test, SPLIT_SHARE);
    }
}

static void
tests_list(struct choice *choice)
{
    const struct search *search = choice->search;
    struct search_test low, high, good, bad;
    size_t t, most = 3 * search->graph->count + 2;

    choice->tests = xcalloc(most, sizeof(*choice->tests));
    choice->can = xcalloc(most, sizeof(*choice->can));
    choice->cost = xcalloc(most, sizeof(*choice->cost));
    choice->info = xcalloc(most, sizeof(*choice->info));
    bracket(search, &low, &high);
    search_test_ends(search->graph, &good, &bad);
    test_add(choice, &good, 1);
    test_add(choice, &bad, 1);
    for (t = 0; t < search->graph->tree_count; t++)
        tests_along(choice, t, &low, &high);
}

/* Sorts the commits by cell and counts. */
static void
kinds_make(struct choice *choice)
{
    const struct search *search = choice->search;
    const struct graph *g = search->graph;
    uint64_t cell;
    size_t i, k, o, last = 0;

    choice->kind_count = 0;
    for (i = 0; i < g->count; i++) {
        choice->kind_of[i] = GRAPH_NO_CLASS;
        if (search->weight[i] <= 0)
            continue;
        cell = 0;
        for (o = 0; o < choice->other_count; o++)
            cell |= (uint64_t)graph_bit(choice->others[o], (uint32_t)i) << o;
        if (last < choice->kind_count
            && choice->kinds[last].cell == cell
            && choice->kinds[last].view == search->view_of[i])
            k = last;
        else
            for (k = 0; k < choice->kind_count; k++)
                if (choice->kinds[k].cell == cell
                    && choice->kinds[k].view == search->view_of[i])
                    break;
        if (k == choice->kind_count) {
            choice->kinds = xgrow(choice->kinds, &choice->kind_cap, k,
                                  sizeof(*choice->kinds));
            choice->kinds[choice->kind_count++] = (struct kind){
                cell, search->view_of[i], 0 };
        }
        choice->kinds[k].weight += search->weight[i];
        choice->kind_of[i] = (uint32_t)k;
        last = k;
    }
}

static double
sum_at(const struct graph *g, size_t tree, uint32_t node, const double *sums,
       const double *whole)
{
    (void)g;
    if (node == GRAPH_GOOD)
        return 0;
    return node == GRAPH_BAD ? whole[tree] : sums[node];
}

/* Adds to each test what it tells within one cell. */
static void
cell_info(struct choice *choice, uint64_t cell, bool has_already)
{
    const struct search *search = choice->search;
    const struct graph *g = search->graph;
    struct graph_class *classes = xcalloc(choice->kind_count + 1,
                                          sizeof(*classes));
    double whole_a[GRAPH_TREES_MAX] = { 0 }, whole_b[GRAPH_TREES_MAX] = { 0 };
    double weight = 0, fail = 0, noise = 0, a, b, p, w;
    const struct posterior_view *view;
    size_t i, k, t;

    for (k = 0; k < choice->kind_count; k++) {
        if (choice->kinds[k].cell != cell)
            continue;
        view = &search->views[choice->kinds[k].view];
        w = choice->kinds[k].weight;
        weight += w;
        fail += w * view->without;
        noise += w * posterior_entropy(view->without);
    }
    if (cell == 0) {            /* nobody to blame: like a cell's commit that
                                 * no test has */
        weight += search->none;
        fail += search->none * search->none_view.without;
        noise += search->none * posterior_entropy(search->none_view.without);
    }
    if (has_already) {          /* and one that every test has */
        weight += search->already;
        fail += search->already * search->already_view.with;
        noise += search->already
            * posterior_entropy(search->already_view.with);
    }
    if (weight <= 0)
        goto out;
    for (i = 0; i < g->count; i++) {
        k = choice->kind_of[i];
        choice->class_of[i] = GRAPH_NO_CLASS;
        if (k == GRAPH_NO_CLASS || choice->kinds[k].cell != cell
            || choice->kinds[k].weight < WEIGHT_LEAST)
            continue;
        choice->class_of[i] = (uint32_t)k;
        view = &search->views[search->view_of[i]];
        classes[k].a = search->weight[i] * (view->with - view->without);
        classes[k].b = search->weight[i] * (posterior_entropy(view->with)
            - posterior_entropy(view->without));
        t = g->tree_count == 1 ? 0 : graph_tree_of(g, (uint32_t)i);
        whole_a[t] += classes[k].a;
        whole_b[t] += classes[k].b;
    }
    graph_sums(g, choice->class_of, classes, choice->kind_count, choice->a,
               choice->b);
    for (i = 0; i < choice->test_count; i++) {
        a = b = 0;
        for (t = 0; t < g->tree_count; t++) {
            a += sum_at(g, t, choice->tests[i].at[t], choice->a, whole_a);
            b += sum_at(g, t, choice->tests[i].at[t], choice->b, whole_b);
        }
        p = fmin(fmax((fail + a) / weight, 0), 1);
        choice->info[i] += fmax(weight * posterior_entropy(p) - noise - b, 0);
    }
out:
    free(classes);
}

static uint64_t
mix(uint64_t x)
{
    x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
    x = (x ^ x >> 27) * 0x94d049bb133111ebu;
    return x ^ x >> 31;
}

/* The best test beside the others; false if none tells anything. */
static bool
best(struct choice *choice, struct search_test *out, double *info_out)
{
    const struct search *search = choice->search;
    double least = INFO_WORTH * (1 - search->opts.confidence);
    uint64_t all = 0, tie, tie_best = 0;
    double value, value_best = 0;
    bool found = false;
    size_t i, k, m;

    for (i = 0; i < choice->other_count; i++)
        all |= (uint64_t)1 << i;
    kinds_make(choice);
    for (i = 0; i < choice->test_count; i++)
        choice->info[i] = 0;
    /* The two virtual commits make cells 0 and "all" exist. */
    cell_info(choice, 0, all == 0);
    if (all != 0)
        cell_info(choice, all, true);
    for (k = 0; k < choice->kind_count; k++) {
        for (m = 0; m < k; m++)
            if (choice->kinds[m].cell == choice->kinds[k].cell)
                break;
        if (m == k && choice->kinds[k].cell != 0
            && choice->kinds[k].cell != all)
            cell_info(choice, choice->kinds[k].cell, false);
    }
    for (i = 0; i < choice->test_count; i++) {
        value = choice->info[i] * choice->can[i] / choice->cost[i];
        if (choice->info[i] * choice->can[i] < least
            || value < value_best * (1 - 1e-9))
            continue;
        tie = mix(search->opts.seed * 0x9e3779b97f4a7c15u + i);
        if (found && value <= value_best * (1 + 1e-9) && tie <= tie_best)
            continue;
        found = true;
        value_best = value;
        tie_best = tie;
        *out = choice->tests[i];
        *info_out = choice->info[i] * choice->can[i];
    }
    return found;
}

static uint64_t *
has_of(const struct search *search, const struct search_test *test)
{
    uint64_t *has = xcalloc(graph_words(search->graph) + 1, sizeof(*has));
    size_t t;

    for (t = 0; t < search->graph->tree_count; t++)
        graph_add_ancestors(search->graph, t, test->at[t], has);
    return has;
}

/* Seen to pass, and never to fail. */
static bool
only_passes(const struct search *search, const struct search_test *test)
{
    const struct search_point *p = search_point_find(search, test);

    return p != NULL && p->passes > 0 && p->fails == 0;
}

/* The ends come first: at bad it must fail, at good it must not. As long as
 * bad only passes, good would pass too, whether there is a culprit or not. */
static size_t
ends_first(const struct search *search, size_t want, struct search_test *out)
{
    struct search_test ends[2];         /* bad, good */
    const struct search_point *p;
    size_t i, n = 0;

    if (search->opts.trust_ends)
        return 0;
    search_test_ends(search->graph, &ends[1], &ends[0]);
    for (i = 0; i < ARRAY_LEN(ends) && n < want; i++) {
        if (i == 1 && only_passes(search, &ends[0]))
            break;
        p = search_point_find(search, &ends[i]);
        if (p == NULL || p->fails + p->passes + p->cannots + p->running == 0)
            out[n++] = ends[i];
    }
    return n;
}

static size_t
live_count(const struct search *search)
{
    size_t i, n = 0;

    for (i = 0; i < search->graph->count; i++)
        n += search->weight[i] > WEIGHT_LEAST;
    return n;
}

/* Picks one after the other, then thinks each over again beside the rest. */
static size_t
joint(struct choice *choice, size_t want, struct search_test *out)
{
    size_t others = choice->other_count, n, i, k, round, rounds = SWAP_ROUNDS;
    uint64_t *has[OTHERS_MAX] = { NULL }, *swapped;
    bool found = true;
    double info;

    for (n = 0; n < want && choice->other_count < OTHERS_MAX; n++) {
        found = best(choice, &out[n], &info);
        if (!found)
            break;
        if (n == 0 && others == 0)
            choice->search->best_info = info;
        has[n] = has_of(choice->search, &out[n]);
        choice->others[choice->other_count++] = has[n];
    }
    if (n < 2 || live_count(choice->search) > SWAP_LIVE_MAX)
        rounds = 0;
    for (round = 0; round < rounds; round++)
        for (i = 0; i < n; i++) {
            /* The last takes the place of the one that is reconsidered. */
            choice->others[others + i] = has[n - 1];
            choice->other_count--;
            if (best(choice, &out[i], &info)) {
                swapped = has_of(choice->search, &out[i]);
                free(has[i]);
                has[i] = swapped;
            }
            for (k = 0; k < n; k++)
                choice->others[others + k] = has[k];
            choice->other_count++;
        }
    for (i = 0; i < n; i++)
        free(has[i]);
    return n;
}

size_t
search_next(struct search *search, size_t want, struct search_test *out)
{
    size_t count = search->graph->count + 1, n, i;
    struct choice choice = { .search = search };

    if (want == 1 && search->next_known) {
        *out = search->next;
        return search->next_count;
    }
    n = ends_first(search, want, out);
    if (n == want || (n > 0 && want == 1))
        return n;
    search_update(search);
    tests_list(&choice);
    choice.kind_of = xcalloc(count, sizeof(*choice.kind_of));
    choice.class_of = xcalloc(count, sizeof(*choice.class_of));
    choice.a = xcalloc(count, sizeof(*choice.a));
    choice.b = xcalloc(count, sizeof(*choice.b));
    for (i = 0; i < search->point_count; i++)
        if (search->points[i].running > 0
            && choice.other_count < OTHERS_MAX - 1)
            choice.others[choice.other_count++] = search->points[i].has;
    n += joint(&choice, want - n, out + n);
    if (want == 1) {
        search->next_known = true;
        search->next_count = n;
        if (n > 0)
            search->next = *out;
    }
    free(choice.b);
    free(choice.a);
    free(choice.class_of);
    free(choice.kind_of);
    free(choice.kinds);
    free(choice.info);
    free(choice.cost);
    free(choice.can);
    free(choice.tests);
    return n;
}
