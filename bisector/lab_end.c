/* bisector/lab_end.c - what a bisection in the lab ends with.
 *
 * When the search blames no commit because good fails too (or nothing but the
 * surroundings differ), these are components like any tree: the host, its
 * image, its firmware, the revision of the harness. Those that can be set as
 * they were are, one at a time; what is left over when all of them make no
 * difference is what cannot be set. Two rates are compared by Fisher's exact
 * test (R. A. Fisher, The Design of Experiments, 1935). */
#include <config.h>

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>

#include "bisector/account.h"
#include "bisector/culprit.h"
#include "bisector/lab_private.h"
#include "harness/buf.h"
#include "harness/db.h"
#include "harness/fault.h"
#include "harness/json.h"

#define RUNS_MOST 10            /* of one side of a comparison */
#define EXONERATED 2            /* failures with the old one */

/* How the cell did. */
struct side {
    int64_t fails, passes;
};

/* The chance that 'with' fails more often than 'without': one minus the chance
 * that so many of all failures fall to 'with' by luck. */
static double
surely_worse(const struct side *with, const struct side *without)
{
    int64_t fails = with->fails + without->fails;
    int64_t n = with->fails + with->passes, m = without->fails
        + without->passes, k;
    double luck = 0;

    if (n == 0 || m == 0)
        return 0;
    for (k = with->fails; k <= fails && k <= n; k++)
        if (fails - k <= m)
            luck += exp(lgamma((double)n + 1) - lgamma((double)k + 1)
                        - lgamma((double)(n - k) + 1)
                        + lgamma((double)m + 1)
                        - lgamma((double)(fails - k) + 1)
                        - lgamma((double)(m - fails + k) + 1)
                        - lgamma((double)(n + m) + 1)
                        + lgamma((double)fails + 1)
                        + lgamma((double)(n + m - fails) + 1));
    return luck >= 1 ? 0 : 1 - luck;
}

struct surroundings {
    struct lab *lab;
    struct bisection_surround then, now;
    const char *firmware;       /* now, of the host of then; "": unknown */
    const char *at;             /* what passed in the basis */
    struct side here;           /* it, as things are now */
    bool waits;                 /* for runs that are under way */
};

static void
count(struct surroundings *s, const struct bisection_run *run,
      struct side *side)
{
    if (strcmp(run->state, "ended") != 0)
        s->waits = true;
    else if (strcmp(run->result, "bad") == 0)
        side->fails++;
    else if (strcmp(run->result, "good") == 0)
        side->passes++;
}

/* Of the same revisions, however that is written. */
static bool
is_at(const struct bisection_run *run, const char *at)
{
    json_t *a = json_loads(run->at, 0, NULL), *b = json_loads(at, 0, NULL);
    bool same = json_equal(a, b) != 0;

    json_decref(a);
    json_decref(b);
    return same;
}

/* Runs about a component, or ("now") of what passed in the basis as things
 * are. */
static struct side
count_about(struct surroundings *s, const char *about)
{
    const struct lab *lab = s->lab;
    struct side side = { 0, 0 };
    size_t i;

    for (i = 0; i < lab->run_count; i++)
        if (strcmp(lab->runs[i].about, about) == 0
            || (strcmp(about, "now") == 0 && lab->search != NULL
                && lab->runs[i].about[0] == '\0'
                && is_at(&lab->runs[i], s->at)))
            count(s, &lab->runs[i], &side);
    return side;
}

/* The last flight that failed with what passed in the basis: what it ran with
 * is what is suspected. */
static bool
read_now(struct surroundings *s, struct fault *why)
{
    const struct lab *lab = s->lab;
    int64_t flight = lab->it.flight;
    struct bisection_surround seen;
    size_t i;

    for (i = 0; i < lab->run_count; i++) {
        const struct bisection_run *run = &lab->runs[i];

        if (run->flight == 0 || strcmp(run->result, "bad") != 0
            || !is_at(run, s->at))
            continue;
        if (run->about[0] == '\0' || strcmp(run->about, "now") == 0)
            flight = run->flight;
        if (strcmp(run->host, s->then.host) != 0)
            continue;
        if (!bisection_db_surround(lab->db, run->flight, lab->it.job,
                                   &s->lab->arena, &seen, why))
            return false;
        s->firmware = seen.firmware;
    }
    return bisection_db_surround(lab->db, flight, lab->it.job,
                                 &s->lab->arena, &s->now, why);
}

static bool
ask(struct surroundings *s, const char *about, const char *hosts,
    struct fault *why)
{
    struct bisection_run run = { .at = s->at, .about = about,
                                 .oracle = LAB_ORACLE, .hosts = hosts };
    int number;

    lab_say(s->lab, "testing what passed in flight %" PRId64 " %s%s",
            s->lab->it.basis, strcmp(about, "now") == 0 ? "as things are"
            : "with its old ", strcmp(about, "now") == 0 ? "" : about);
    s->waits = true;
    return bisection_db_run_add(s->lab->db, s->lab->it.bisection, &run,
                                &number, why);
}

static bool
ask_now(struct surroundings *s, struct fault *why)
{
    return ask(s, "now", s->now.hosts, why);
}

static bool
differ(const char *a, const char *b)
{
    return a[0] != '\0' && b[0] != '\0' && strcmp(a, b) != 0;
}

/* One that can be set as it was. '*end_out' when it is the culprit. */
static bool
try_component(struct surroundings *s, const char *name, const char *hosts,
              const char *then, const char *now, struct bisection_end *end,
              bool *found_out, struct fault *why)
{
    struct side old = count_about(s, name);
    double chance = surely_worse(&s->here, &old);

    *found_out = false;
    if (old.fails >= EXONERATED || s->waits
        || old.fails + old.passes >= RUNS_MOST)
        return true;
    if (chance >= s->lab->setup.opts.confidence) {
        *end = (struct bisection_end){
            .verdict = "component", .component = name, .culprit = now,
            .chance = chance,
            .reason = arena_printf(&s->lab->arena, "the %s is to blame: "
                                   "what passed with %s fails with %s", name,
                                   then, now),
        };
        *found_out = true;
        return true;
    }
    return old.passes <= s->here.fails + s->here.passes
        ? ask(s, name, hosts, why) : ask_now(s, why);
}

/* Something that nobody can set back. */
struct fixture {
    const char *name, *then, *now;
};
#define FIXTURES_MOST 3

/* What one source says differently; what only one of the two knows (a line of
 * the console that was lost) says nothing. '*old_out': what it said then, for
 * bisection_db_past(). */
static bool
firmware_differs(struct surroundings *s, struct fixture *out,
                 const char **old_out)
{
    struct arena *arena = &s->lab->arena;
    json_t *then = json_loads(s->then.firmware, 0, NULL), *old;
    json_t *now = json_loads(s->firmware, 0, NULL);
    const json_t *value;
    const char *source;
    bool found = false;
    char *text;

    json_object_foreach(then, source, value) {
        const char *was = json_string_value(value);
        const char *is = json_text(now, source);

        if (found || was == NULL || is == NULL || strcmp(was, is) == 0)
            continue;
        found = true;
        *out = (struct fixture){ "firmware", arena_strdup(arena, was),
                                 arena_strdup(arena, is) };
        old = json_object();
        json_put_text(old, source, was);
        text = json_dumps(old, JSON_COMPACT);
        must(text != NULL);
        *old_out = arena_strdup(arena, text);
        free(text);
        json_decref(old);
    }
    json_decref(then);
    json_decref(now);
    return found;
}

/* A host that is not to be used any more is one of them. */
static size_t
list_fixtures(struct surroundings *s, struct fixture *list,
              const char **harness_out, const char **firmware_out)
{
    size_t count = 0;

    if (differ(s->then.host, s->now.host)
        && strcmp(s->then.hosts, "[]") == 0)
        list[count++] = (struct fixture){ "host", s->then.host,
                                          s->now.host };
    if (differ(s->then.harness, s->now.harness)) {
        *harness_out = s->then.harness;
        list[count++] = (struct fixture){ "harness", s->then.harness,
                                          s->now.harness };
    }
    count += firmware_differs(s, &list[count], firmware_out);
    return count;
}

static void
blame_fixtures(struct surroundings *s, const struct fixture *list,
               size_t count, struct bisection_end *end)
{
    struct buf text = BUF_INIT;
    size_t i;

    end->verdict = "component";
    if (count == 1) {
        end->component = list->name;
        end->culprit = list->now;
        buf_addf(&text, "the %s is to blame: what passed with %s fails with "
                 "%s", list->name, list->then, list->now);
    } else {
        for (i = 0; i < count; i++)
            buf_addf(&text, "%sthe %s", i == 0 ? "" : " or ", list[i].name);
        buf_adds(&text, " is to blame: all of these have changed since it "
                 "passed");
    }
    end->reason = arena_strdup(&s->lab->arena, buf_text(&text));
    buf_free(&text);
}

/* It passed with them as they were, and fails with them as they are. */
static bool
try_rest(struct surroundings *s, struct bisection_end *end, bool *found_out,
         struct fault *why)
{
    struct fixture list[FIXTURES_MOST];
    const char *harness = NULL, *firmware = NULL;
    size_t count = list_fixtures(s, list, &harness, &firmware);
    struct side old = { 0, 0 };
    int64_t runs = 0;
    double chance;

    *found_out = false;
    if (!bisection_db_past(s->lab->db, s->lab->it.basis, s->lab->it.job,
                           s->lab->it.testid, harness, firmware, &old.fails,
                           &runs, why))
        return false;
    old.passes = runs - old.fails;
    chance = surely_worse(&s->here, &old);
    if (s->waits || count == 0)
        return true;
    if (chance < s->lab->setup.opts.confidence)
        return s->here.fails + s->here.passes >= RUNS_MOST
            || ask_now(s, why);
    *found_out = true;
    end->chance = chance;
    blame_fixtures(s, list, count, end);
    return true;
}

/* '*found_out': a component is to blame, as 'end' says. Neither that nor
 * s->waits: none is. */
static bool
look_around(struct surroundings *s, struct bisection_end *end,
            bool *found_out, struct fault *why)
{
    struct search_test good, bad;

    if (s->lab->search != NULL)
        search_test_ends(&s->lab->setup.graph, &good, &bad);
    if (!lab_at(s->lab, s->lab->search != NULL ? &good : NULL, &s->at, why)
        || !bisection_db_surround(s->lab->db, s->lab->it.basis,
                                  s->lab->it.job, &s->lab->arena, &s->then,
                                  why)
        || !read_now(s, why))
        return false;
    s->here = count_about(s, "now");
    if (s->waits)
        return true;
    if (s->here.fails + s->here.passes == 0)
        return ask_now(s, why);
    if (s->here.fails == 0)
        return true;            /* it passes now: nobody is to blame */
    if (differ(s->then.host, s->now.host)
        && strcmp(s->then.hosts, "[]") != 0
        && (!try_component(s, "host", s->then.hosts, s->then.host,
                           s->now.host, end, found_out, why)
            || *found_out || s->waits))
        return *found_out || s->waits;
    if (differ(s->then.image, s->now.image)
        && (!try_component(s, "image", s->now.hosts, s->then.image,
                           s->now.image, end, found_out, why)
            || *found_out || s->waits))
        return *found_out || s->waits;
    return try_rest(s, end, found_out, why);
}

/* Ends --------------------------------------------------------------------- */

struct ending {
    struct lab *lab;
    struct bisection_end end;
};

static bool
write_end(struct db *db, void *arg, struct fault *why)
{
    struct ending *e = arg;

    return bisection_db_end(db, e->lab->it.bisection, &e->end, why)
        && lab_abandon(db, e->lab->it.bisection, why)
        && (e->end.culprit == NULL || lab_notice(e->lab, &e->end, why));
}

static bool
finish(struct lab *lab, const struct bisection_end *end, bool *over_out,
       struct fault *why)
{
    struct ending e = { lab, *end };

    if (!db_transact(lab->db, write_end, &e, why))
        return false;
    lab_say(lab, "%s", end->reason);
    *over_out = true;
    return true;
}

/* As the search has it. */
static void
fill_end(struct lab *lab, const struct search_answer *answer,
         struct bisection_end *end)
{
    const struct graph *graph = &lab->setup.graph;
    struct account account = { .runs = NULL };
    struct culprit culprit = { .graph = graph, .search = lab->search,
                               .answer = answer, .account = &account };
    struct fault ignored = FAULT_INIT;
    char hex[GRAPH_HEX_BYTES];
    struct buf text = BUF_INIT;
    size_t tree;

    (void)!account_read(&lab->journal, graph, &account, &ignored);
    culprit_headline(&culprit, &text);
    end->verdict = search_verdict_name(answer->verdict);
    end->reason = arena_strdup(&lab->arena, buf_text(&text));
    end->chance = answer->chance;
    if (answer->verdict == SEARCH_CULPRIT) {
        tree = graph_tree_of(graph, answer->suspects[0].node);
        graph_hex(graph, tree, answer->suspects[0].node, hex);
        end->component = arena_strdup(&lab->arena, graph->trees[tree].name);
        end->culprit = arena_strdup(&lab->arena, hex);
    }
    buf_free(&text);
    account_fini(&account);
}

bool
lab_conclude(struct lab *lab, bool *over_out, struct fault *why)
{
    enum search_verdict verdict = SEARCH_GOOD_FAILS;
    struct search_answer answer;
    struct surroundings s = { .lab = lab, .firmware = "" };
    struct bisection_end end = { .chance = 0 };
    bool found = false, ok = true;

    if (lab->search != NULL) {
        search_answer(lab->search, &answer);
        verdict = answer.verdict;
        fill_end(lab, &answer, &end);
        search_answer_fini(&answer);
    }
    if (verdict == SEARCH_GOOD_FAILS)
        ok = look_around(&s, &end, &found, why);
    if (!ok || s.waits)
        return ok && lab_reload(lab, why);
    if (!found && lab->search == NULL)
        end = s.here.fails == 0
            ? (struct bisection_end){
                .verdict = search_verdict_name(SEARCH_FLAKE),
                .reason = "not reproducible: nothing differs but the "
                          "surroundings, and it passes now" }
            : (struct bisection_end){
                .verdict = search_verdict_name(SEARCH_GOOD_FAILS),
                .reason = "nothing that is known differs from when it "
                          "passed, and it fails" };
    return finish(lab, &end, over_out, why);
}
