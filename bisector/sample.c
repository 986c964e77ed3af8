/* bisector/sample.c - measurements instead of verdicts. */
#include <config.h>

#include "bisector/sample.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "harness/buf.h"
#include "harness/mem.h"
#include "results/stats.h"

#define GOOD_LEAST 3            /* before anything is compared with it */

void
samples_init(struct samples *samples, const struct graph *graph,
             bool lower_is_worse)
{
    *samples = (struct samples){ .graph = graph,
                                 .lower_is_worse = lower_is_worse };
}

void
samples_fini(struct samples *samples)
{
    size_t i;

    for (i = 0; i < samples->count; i++)
        free(samples->list[i].values);
    free(samples->list);
    *samples = (struct samples){ .graph = NULL };
}

static struct sample *
find(const struct samples *samples, const struct search_test *at)
{
    size_t i;

    for (i = 0; i < samples->count; i++)
        if (search_test_same(samples->graph, &samples->list[i].at, at))
            return &samples->list[i];
    return NULL;
}

void
samples_add(struct samples *samples, const struct search_test *at,
            double value)
{
    struct sample *sample = find(samples, at);

    if (sample == NULL) {
        samples->list = xgrow(samples->list, &samples->cap, samples->count,
                              sizeof(*samples->list));
        sample = &samples->list[samples->count++];
        *sample = (struct sample){ .at = *at };
    }
    sample->values = xgrow(sample->values, &sample->cap, sample->count,
                           sizeof(*sample->values));
    sample->values[sample->count++] = value;
}

/* Half of what lies between the ends: a smaller shift is not the one that is
 * looked for. 0 as long as the ends are not known. */
static double
margin_of(const struct sample *good, const struct sample *bad)
{
    struct stats_comparison cmp;

    if (good == NULL || bad == NULL)
        return 0;
    stats_compare(good->values, good->count, bad->values, bad->count, 0,
                  &cmp);
    return cmp.verdict == STATS_DIFFERENT ? fabs(cmp.shift) / 2 : 0;
}

enum search_result
samples_judge(const struct samples *samples, const struct search_test *at,
              struct search_test *next_out)
{
    struct search_test good_end = { { 0 } }, bad_end = { { 0 } };
    const struct sample *good, *own = find(samples, at);
    struct stats_comparison cmp;
    bool is_worse;

    search_test_ends(samples->graph, &good_end, &bad_end);
    good = find(samples, &good_end);
    *next_out = *at;
    if (own == NULL)
        return SEARCH_RESULT_NONE;
    if (search_test_same(samples->graph, at, &good_end))
        return own->count >= GOOD_LEAST ? SEARCH_PASS : SEARCH_RESULT_NONE;
    if (good == NULL || good->count < own->count) {
        *next_out = good_end;
        return SEARCH_RESULT_NONE;
    }
    stats_compare(good->values, good->count, own->values, own->count,
                  search_test_same(samples->graph, at, &bad_end) ? 0
                  : margin_of(good, find(samples, &bad_end)), &cmp);
    if (cmp.verdict == STATS_UNKNOWN || cmp.verdict == STATS_NONE) {
        if (own->count < STATS_CAP)
            return SEARCH_RESULT_NONE;
        return SEARCH_CANNOT;
    }
    is_worse = samples->lower_is_worse ? cmp.shift < 0 : cmp.shift > 0;
    return cmp.verdict == STATS_DIFFERENT && is_worse ? SEARCH_FAIL
                                                      : SEARCH_PASS;
}

void
samples_judged(struct samples *samples, const struct search_test *at)
{
    struct search_test good = { { 0 } }, bad = { { 0 } };
    struct sample *sample = find(samples, at);

    search_test_ends(samples->graph, &good, &bad);
    if (sample != NULL && !search_test_same(samples->graph, at, &good)
        && !search_test_same(samples->graph, at, &bad))
        sample->count = 0;
}

double
samples_median(const struct samples *samples, const struct search_test *at)
{
    const struct sample *sample = find(samples, at);
    double *copy, median;

    if (sample == NULL || sample->count == 0)
        return NAN;
    copy = xmalloc(sample->count * sizeof(*copy));
    memcpy(copy, sample->values, sample->count * sizeof(*copy));
    median = stats_median(copy, sample->count);
    free(copy);
    return median;
}

/* "NAME VALUE" and its like, in a line that is cut up in 'words'. */
static bool
line_parse(char *words, const char *name, double *value_out)
{
    size_t len = strlen(name), end;
    char *at = words + strspn(words, " \t");

    if (strncmp(at, "metric", 6) == 0 && (at[6] == ' ' || at[6] == '\t'))
        at += 6 + strspn(at + 6, " \t");
    if (strncmp(at, name, len) != 0 || at[len] == '\0'
        || strchr(" \t:=", at[len]) == NULL)
        return false;
    at += len + strspn(at + len, " \t:=");
    end = strcspn(at, " \t\r");
    at[end] = '\0';
    return parse_double(at, value_out);
}

bool
sample_parse(const char *text, const char *name, double *value_out)
{
    char *copy = xstrdup(text), *rest = copy, *line;
    bool found = false;

    while ((line = strsep(&rest, "\n")) != NULL)
        if (line_parse(line, name, value_out))
            found = true;
    free(copy);
    return found;
}
