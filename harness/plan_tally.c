/* harness/plan_tally.c - see plan_tally.h. */
#include <config.h>

#include "harness/plan_tally.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "harness/arena.h"
#include "harness/mem.h"
#include "harness/plan_past_db.h"

#define LISTED ((char)31)       /* between the parts of a key */
#define REMEMBERED_MS (INT64_C(90) * 86400000)

/* Runs of one key so far (Welford, Technometrics 4(3), 1962). */
struct length {
    char *key;
    double count, mean, squares;
    double prepared, prepare_mean;
    int64_t last_ms;
};

/* A job of a branch on a host. */
struct last {
    char *key;
    struct plan_last last;
};

struct use {
    const char *branch;
    int64_t begun_ms, end_ms;
};

struct plan_tally {
    struct length *lengths;     /* by key */
    struct last *lasts;         /* by key, then host */
    struct use *uses;           /* by end */
    size_t length_count, length_cap, last_count, last_cap;
    size_t use_count, use_cap;
    size_t first_use;           /* that is remembered */
};

struct plan_tally *
plan_tally_new(void)
{
    return xcalloc(1, sizeof(struct plan_tally));
}

void
plan_tally_free(struct plan_tally *tally)
{
    if (tally == NULL)
        return;
    for (size_t i = 0; i < tally->length_count; i++)
        free(tally->lengths[i].key);
    for (size_t i = 0; i < tally->last_count; i++)
        free(tally->lasts[i].key);
    free(tally->lengths);
    free(tally->lasts);
    free(tally->uses);
    free(tally);
}

static struct length *
length_at(struct plan_tally *tally, char kind, const char *name,
          const char *place)
{
    char *key = xasprintf("%c%s%c%s", kind, name, LISTED, place);
    size_t low = 0, high = tally->length_count;

    while (low < high) {
        size_t mid = (low + high) / 2;
        int order = strcmp(tally->lengths[mid].key, key);

        if (order == 0) {
            free(key);
            return &tally->lengths[mid];
        }
        if (order < 0)
            low = mid + 1;
        else
            high = mid;
    }
    tally->lengths = xgrow(tally->lengths, &tally->length_cap,
                           tally->length_count, sizeof *tally->lengths);
    memmove(&tally->lengths[low + 1], &tally->lengths[low],
            (tally->length_count++ - low) * sizeof *tally->lengths);
    tally->lengths[low] = (struct length){ .key = key };
    return &tally->lengths[low];
}

static void
add_length(struct plan_tally *tally, char kind, const char *name,
           const char *place, const struct plan_told *told)
{
    struct length *length = length_at(tally, kind, name, place);
    double run = (double)told->run_ms, delta = run - length->mean;

    length->mean += delta / ++length->count;
    length->squares += delta * (run - length->mean);
    if (told->prepare_ms > 0)
        length->prepare_mean += ((double)told->prepare_ms
                                 - length->prepare_mean)
            / ++length->prepared;
    length->last_ms = told->end_ms;
}

/* The first that is not before it. */
static size_t
last_at(const struct plan_tally *tally, const char *key, const char *host)
{
    size_t low = 0, high = tally->last_count;

    while (low < high) {
        size_t mid = (low + high) / 2;
        int order = strcmp(tally->lasts[mid].key, key);

        if (order == 0)
            order = strcmp(tally->lasts[mid].last.host, host);
        if (order < 0)
            low = mid + 1;
        else
            high = mid;
    }
    return low;
}

static bool
is_of(const struct plan_tally *tally, size_t at, const char *key)
{
    return at < tally->last_count && strcmp(tally->lasts[at].key, key) == 0;
}

/* The last run of all decides whether a job goes back to where it failed; of
 * one on two hosts, both. */
static void
add_last(struct plan_tally *tally, const struct plan_told *told)
{
    char *key = xasprintf("%s%c%s", told->job, LISTED, told->branch);
    size_t at;

    for (at = last_at(tally, key, ""); is_of(tally, at, key); at++)
        if (tally->lasts[at].last.at_ms < told->end_ms)
            tally->lasts[at].last.failed = false;
    at = last_at(tally, key, told->host);
    if (is_of(tally, at, key)
        && strcmp(tally->lasts[at].last.host, told->host) == 0) {
        free(key);
    } else {
        tally->lasts = xgrow(tally->lasts, &tally->last_cap,
                             tally->last_count, sizeof *tally->lasts);
        memmove(&tally->lasts[at + 1], &tally->lasts[at],
                (tally->last_count++ - at) * sizeof *tally->lasts);
        tally->lasts[at] = (struct last){
            key, { key, told->host, told->class, 0, false },
        };
    }
    tally->lasts[at].last.at_ms = told->end_ms;
    if (told->status == OUTCOME_FAIL)
        tally->lasts[at].last.failed = true;
}

void
plan_tally_add(struct plan_tally *tally, const struct plan_told *told)
{
    tally->uses = xgrow(tally->uses, &tally->use_cap, tally->use_count,
                        sizeof *tally->uses);
    tally->uses[tally->use_count++] = (struct use){
        told->branch, told->begun_ms, told->end_ms,
    };
    if (told->status != OUTCOME_PASS && told->status != OUTCOME_FAIL)
        return;
    add_length(tally, 'h', told->job, told->host, told);
    add_length(tally, 'c', told->job, told->class, told);
    add_length(tally, 'j', told->job, "", told);
    add_length(tally, 'r', told->recipe, "", told);
    add_last(tally, told);
}

#define ROOM(count, type) arena_alloc(arena, ((size_t)(count) + 1) \
                                             * sizeof(type))

static void
list_uses(struct plan_tally *tally, int64_t from_ms, int more,
          struct arena *arena, struct plan_past *past)
{
    while (tally->first_use < tally->use_count
           && tally->uses[tally->first_use].end_ms <= from_ms)
        tally->first_use++;
    past->uses = ROOM(tally->use_count - tally->first_use + (size_t)more,
                      struct plan_use);
    past->use_count = 0;
    for (size_t i = tally->first_use; i < tally->use_count; i++) {
        const struct use *use = &tally->uses[i];
        double took = (double)(use->end_ms - (use->begun_ms > from_ms
                                              ? use->begun_ms : from_ms));
        int k = 0;

        while (k < past->use_count
               && strcmp(past->uses[k].branch, use->branch) != 0)
            k++;
        if (k == past->use_count)
            past->uses[past->use_count++].branch = use->branch;
        past->uses[k].host_ms += took;
    }
}

void
plan_tally_past(struct plan_tally *tally, int64_t now_ms, int more,
                struct arena *arena, struct plan_past *past)
{
    past->lengths = ROOM(tally->length_count, struct plan_length);
    past->length_count = (int)tally->length_count;
    for (size_t i = 0; i < tally->length_count; i++) {
        const struct length *length = &tally->lengths[i];

        past->lengths[i] = (struct plan_length){
            .key = length->key, .mean_ms = llround(length->mean),
            .sd_ms = llround(length->count > 1
                             ? sqrt(length->squares / (length->count - 1))
                             : length->mean / 4),
            .last_ms = length->last_ms,
            .prepare_ms = llround(length->prepare_mean),
        };
    }
    past->lasts = ROOM(tally->last_count, struct plan_last);
    past->last_count = 0;
    for (size_t i = 0; i < tally->last_count; i++)
        if (tally->lasts[i].last.at_ms > now_ms - REMEMBERED_MS)
            past->lasts[past->last_count++] = tally->lasts[i].last;
    list_uses(tally, now_ms - past->policy.fair_ms, more, arena, past);
}
