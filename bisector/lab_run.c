/* bisector/lab_run.c - the tests of a bisection in the lab: flights are made,
 * and judged. */
#include <config.h>

#include "bisector/lab_private.h"

#include <inttypes.h>

#include "flights/flight_db.h"
#include "flights/probe.h"
#include "flights/retest_db.h"
#include "harness/buf.h"
#include "harness/db.h"
#include "harness/fault.h"
#include "harness/json.h"
#include "harness/pattern_scan.h"

#define TREES_MAX 32
#define HOSTS_MAX 32

/* Making ------------------------------------------------------------------- */

struct making {
    struct lab *lab;
    const struct bisection_run *run;
    struct probe probe;
    int64_t flight;
};

/* Both or none: no flight is made that nobody knows of. */
static bool
create(struct db *db, void *arg, struct fault *why)
{
    struct making *m = arg;

    return flight_db_create(db, &m->probe.plan, &m->flight, why)
        && bisection_db_run_fly(db, m->lab->it.bisection, m->run->number,
                                LAB_ORACLE, m->probe.definition,
                                m->probe.build, m->flight, why);
}

static bool
end_run(struct lab *lab, int number, const char *result, const char *reason,
        const char *output, struct fault *why)
{
    return bisection_db_run_end(lab->db, lab->it.bisection, number,
                                lab->it.job, result, reason, output, why);
}

/* A flight of another bisection that tests the same is ours too, once. */
static bool
fly(struct making *m, struct fault *why)
{
    const struct bisection *it = &m->lab->it;
    struct db *db = m->lab->db;
    int64_t other = 0;

    if (m->probe.failed != NULL) {
        lab_say(m->lab, "run %d: cannot tell: %s", m->run->number,
                m->probe.failed);
        return end_run(m->lab, m->run->number, "cannot-tell",
                       m->probe.failed, "", why);
    }
    if (m->run->about[0] == '\0'
        && !bisection_db_same(db, it->bisection, m->probe.definition, &other,
                              why))
        return false;
    if (other != 0) {
        lab_say(m->lab, "run %d: flight %" PRId64 ", which another one made",
                m->run->number, other);
        return bisection_db_run_fly(db, it->bisection, m->run->number,
                                    LAB_ORACLE_SHARED, m->probe.definition,
                                    m->probe.build, other, why);
    }
    if (!db_transact(db, create, m, why)
        || !flight_db_start(db, m->flight, why))
        return false;
    lab_say(m->lab, "run %d: flight %" PRId64 " at %s", m->run->number,
            m->flight, m->run->at);
    return true;
}

static size_t
take_hosts(struct lab *lab, const json_t *list, const char **hosts)
{
    const json_t *host;
    size_t i, count = 0;

    json_array_foreach(list, i, host)
        if (count < HOSTS_MAX - 1)
            hosts[count++] = arena_strdup(&lab->arena,
                                          json_string_value(host));
    hosts[count] = NULL;
    return count;
}

static size_t
take_trees(struct lab *lab, const json_t *at, struct probe_revision *trees)
{
    const json_t *commit;
    const char *tree;
    size_t count = 0;

    json_object_foreach((json_t *)(uintptr_t)at, tree, commit)
        if (count < TREES_MAX)
            trees[count++] = (struct probe_revision){
                arena_strdup(&lab->arena, tree),
                arena_strdup(&lab->arena, json_string_value(commit)) };
    return count;
}

/* About the image: the very candidate of the basis, with all that is in it. */
static bool
make(struct lab *lab, const struct bisection_run *run, struct fault *why)
{
    struct making m = { .lab = lab, .run = run };
    struct probe_revision trees[TREES_MAX];
    const char *hosts[HOSTS_MAX];
    struct probe_order order = {
        .flight = lab->it.flight, .job = lab->it.job, .trees = trees,
        .recipe = lab->it.recipe[0] == '\0' ? NULL : lab->it.recipe,
        .source = arena_printf(&lab->arena, "bisection %" PRId64 ", run %d",
                               lab->it.bisection, run->number),
    };
    json_t *at = NULL, *list = NULL;
    bool ok;

    ok = json_parse(run->at, strlen(run->at), &at, why)
        && json_parse(run->hosts, strlen(run->hosts), &list, why);
    if (ok && take_hosts(lab, list, hosts) > 0)
        order.hosts = hosts;
    if (ok && strcmp(run->about, "image") == 0)
        order.flight = lab->it.basis;
    else if (ok && lab->search != NULL)
        order.tree_count = take_trees(lab, at, trees);
    ok = ok && probe_make(lab->db, &order, &lab->arena, &m.probe, why)
        && fly(&m, why);
    json_decref(at);
    json_decref(list);
    return ok;
}

bool
lab_fly(struct lab *lab, struct fault *why)
{
    size_t i;

    for (i = 0; i < lab->run_count; i++) {
        const struct bisection_run *run = &lab->runs[i];

        if (strcmp(run->oracle, LAB_ORACLE) != 0)
            continue;
        if (strcmp(run->state, "chosen") == 0 && !make(lab, run, why))
            return false;
        /* Made by somebody who died before handing it over. */
        if (strcmp(run->state, "running") == 0 && run->flight_unstarted
            && !flight_db_start(lab->db, run->flight, why))
            return false;
    }
    return true;
}

/* Judging ------------------------------------------------------------------ */

static int
tried(const struct lab *lab, const struct bisection_run *run)
{
    int count = 0;
    size_t i;

    for (i = 0; i < lab->run_count; i++)
        count += strcmp(lab->runs[i].result, "nothing") == 0
            && strcmp(lab->runs[i].reason, BISECTION_ABANDONED) != 0
            && strcmp(lab->runs[i].at, run->at) == 0
            && strcmp(lab->runs[i].about, run->about) == 0;
    return count;
}

/* The host may be to blame for what broke: another one then, if there is any
 * and the run is not about the host. */
static bool
try_again(struct lab *lab, const struct bisection_run *run,
          struct fault *why)
{
    struct bisection_run again = { .at = run->at, .about = run->about,
                                   .oracle = LAB_ORACLE,
                                   .hosts = run->hosts };
    struct bisection_surround on;
    const char *const *others = NULL;
    int number;

    if (!bisection_db_surround(lab->db, run->flight, lab->it.job, &lab->arena,
                               &on, why))
        return false;
    if (strcmp(run->about, "host") != 0 && on.host[0] != '\0'
        && strchr(on.host, ' ') == NULL) {
        if (!retest_db_siblings(lab->db, on.host, &lab->arena, &others, why))
            return false;
        again.hosts = others[0] == NULL ? "[]"
            : arena_printf(&lab->arena, "[\"%s\"]", others[0]);
    }
    return bisection_db_run_add(lab->db, lab->it.bisection, &again, &number,
                                why);
}

static bool
broke(struct lab *lab, const struct bisection_run *run,
      const struct probe_answer *answer, struct fault *why)
{
    int times = tried(lab, run) + 1;

    if (times >= LAB_TRIES)
        return end_run(lab, run->number, "cannot-tell",
                       arena_printf(&lab->arena, "broke %d times, the last: "
                                    "%s", times, answer->text),
                       answer->output, why);
    return end_run(lab, run->number, "nothing", answer->text, answer->output,
                   why)
        && (strcmp(run->oracle, LAB_ORACLE) != 0
            || try_again(lab, run, why));
}

static bool
judge(struct lab *lab, const struct bisection_run *run,
      struct pattern_code *code, struct fault *why)
{
    struct probe_answer answer = { .end = PROBE_NONE };
    const char *result;

    if (!probe_judge(lab->db, run->flight, lab->it.job, lab->it.testid,
                     lab->it.flight, code, &lab->arena, &answer, why))
        return false;
    result = answer.end == PROBE_PASS ? "good"
        : answer.end == PROBE_FAIL ? "bad" : "cannot-tell";
    lab_say(lab, "run %d: %s: %s", run->number,
            answer.end == PROBE_BROKEN ? "broke" : result, answer.text);
    if (answer.end == PROBE_BROKEN)
        return broke(lab, run, &answer, why);
    return end_run(lab, run->number, result, answer.text, answer.output,
                   why);
}

bool
lab_take(struct lab *lab, bool *taken_out, struct fault *why)
{
    struct pattern_code *code = NULL;
    bool ok = true;
    size_t i;

    *taken_out = false;
    for (i = 0; ok && i < lab->run_count; i++) {
        const struct bisection_run *run = &lab->runs[i];

        if (strcmp(run->state, "running") != 0 || !run->flight_ended)
            continue;
        if (code == NULL)
            code = pattern_code_try();
        ok = judge(lab, run, code, why);
        *taken_out = true;
    }
    pattern_code_free(code);
    return ok;
}

bool
lab_abandon(struct db *db, int64_t bisection, struct fault *why)
{
    struct arena arena = ARENA_INIT;
    int64_t *flights = NULL;
    size_t count = 0, i;
    bool ok;

    ok = bisection_db_alone(db, bisection, &arena, &flights, &count, why);
    for (i = 0; ok && i < count; i++) {
        ok = flight_db_abort(db, flights[i],
                             "the bisection was stopped", why);
        /* It has ended by itself. */
        ok = ok || why->kind == FAULT_CONFLICT;
    }
    arena_free(&arena);
    return ok && bisection_db_abandon(db, bisection, why);
}
