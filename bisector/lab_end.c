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

#include "bisector/account.h"
#include "bisector/culprit.h"
#include "bisector/lab_private.h"
#include "harness/buf.h"
#include "harness/db.h"
#include "harness/fault.h"

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
                && strcmp(lab->runs[i].at, s->at) == 0))
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
    size_t i;

    for (i = 0; i < lab->run_count; i++)
        if (lab->runs[i].flight != 0 && strcmp(lab->runs[i].result, "bad") == 0
            && strcmp(lab->runs[i].at, s->at) == 0)
            flight = lab->runs[i].flight;
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

/* Those that nobody can set back: they passed then, and fail now. */
static bool
try_rest(struct surroundings *s, struct bisection_end *end, bool *found_out,
         struct fault *why)
{
    bool harness = differ(s->then.harness, s->now.harness);
    bool firmware = differ(s->then.firmware, s->now.firmware);
    struct side old = { 0, 0 };
    int64_t runs = 0;
    double chance;

    *found_out = false;
    if (!bisection_db_past(s->lab->db, s->lab->it.basis, s->lab->it.job,
                           s->lab->it.testid,
                           harness ? s->then.harness : NULL, &old.fails,
                           &runs, why))
        return false;
    old.passes = runs - old.fails;
    chance = surely_worse(&s->here, &old);
    if (s->waits || (!harness && !firmware))
        return true;
    if (chance < s->lab->setup.opts.confidence)
        return s->here.fails + s->here.passes >= RUNS_MOST
            || ask_now(s, why);
    *found_out = true;
    end->verdict = "component";
    end->chance = chance;
    if (harness && firmware) {
        end->reason = "the harness or the firmware is to blame: both have "
            "changed since it passed";
        return true;
    }
    end->component = harness ? "harness" : "firmware";
    end->culprit = harness ? s->now.harness : s->now.firmware;
    end->reason = arena_printf(&s->lab->arena, "the %s is to blame: what "
                               "passed with %s fails with %s",
                               end->component, harness ? s->then.harness
                               : s->then.firmware, end->culprit);
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
    struct surroundings s = { .lab = lab };
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
