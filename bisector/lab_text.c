/* bisector/lab_text.c - see lab_text.h; and the mail to those whom the answer
 * concerns. */
#include <config.h>

#include "bisector/lab_text.h"

#include <inttypes.h>
#include <stdlib.h>

#include "bisector/account.h"
#include "bisector/culprit.h"
#include "bisector/lab_private.h"
#include "harness/buf.h"
#include "harness/clock.h"
#include "harness/fault.h"
#include "harness/json.h"
#include "harness/mem.h"
#include "harness/notice.h"
#include "harness/proc.h"
#include "harness/strv.h"

#define HOUR_MS (60 * 60 * 1000.0)
#define SHOWN 12                /* digits of a commit */

/* Text --------------------------------------------------------------------- */

/* What the search knows, with its runs; 'tell' is one of culprit.h's. */
static bool
with_culprit(struct lab *lab, bool (*tell)(const struct culprit *culprit,
                                           void *out),
             void *out, struct fault *why)
{
    struct account account = { .runs = NULL };
    struct search_answer answer;
    struct culprit culprit = {
        .graph = &lab->setup.graph, .search = lab->search, .answer = &answer,
        .account = &account, .journal = lab->journal.path,
    };
    bool ok;

    search_answer(lab->search, &answer);
    ok = account_read(&lab->journal, &lab->setup.graph, &account, why)
        && tell(&culprit, out);
    account_fini(&account);
    search_answer_fini(&answer);
    return ok;
}

static bool
tell_text(const struct culprit *culprit, void *out)
{
    culprit_text(culprit, out);
    return true;
}

/* "xen=0123456789ab", or without the name when there is but one tree. */
static void
add_at(const struct bisection_run *run, struct buf *out)
{
    json_t *at = json_loads(run->at, 0, NULL), *commit;
    const char *tree, *gap = "";

    json_object_foreach(at, tree, commit) {
        const char *hex = json_string_value(commit);

        buf_adds(out, gap);
        if (json_object_size(at) > 1)
            buf_addf(out, "%s=", tree);
        buf_add_escaped(out, hex, strnlen(hex, SHOWN));
        gap = " ";
    }
    json_decref(at);
}

static void
add_run(const struct bisection_run *run, struct buf *out)
{
    bool ended = strcmp(run->state, "ended") == 0;

    buf_addf(out, "  %3d  %-11s ", run->number, !ended ? run->state
             : strcmp(run->result, "nothing") == 0 ? "broke" : run->result);
    add_at(run, out);
    if (run->about[0] != '\0')
        buf_addf(out, " with the old %s",
                 strcmp(run->about, "now") == 0 ? "tuple" : run->about);
    if (run->flight != 0)
        buf_addf(out, "  flight %" PRId64, run->flight);
    if (run->host[0] != '\0')
        buf_addf(out, " on %s", run->host);
    if (strcmp(run->oracle, LAB_ORACLE) != 0)
        buf_addf(out, " (%s)", run->oracle);
    if (ended && strcmp(run->result, "good") != 0) {
        buf_adds(out, "  ");
        buf_add_escaped(out, run->reason, strlen(run->reason));
    }
    buf_addc(out, '\n');
}

static void
add_head(const struct lab *lab, struct buf *out)
{
    const struct bisection *it = &lab->it;

    buf_addf(out, "bisection %" PRId64 ": ", it->bisection);
    buf_add_escaped(out, it->job, strlen(it->job));
    buf_addc(out, ' ');
    buf_add_escaped(out, it->testid, strlen(it->testid));
    buf_adds(out, " of branch ");
    buf_add_escaped(out, it->branch, strlen(it->branch));
    buf_addf(out, ", bad in flight %" PRId64 ", good in flight %" PRId64
             ": %s\n", it->flight, it->basis, it->state);
}

/* What no search says: of a commit it does, in its own words. */
static void
add_answer(const struct bisection *it, struct buf *out)
{
    bool component = strcmp(it->verdict, "component") == 0;

    if (component && it->culprit[0] != '\0')
        buf_addf(out, "culprit: %s %s\n", it->component, it->culprit);
    if (it->reason[0] != '\0') {
        buf_adds(out, "  ");
        buf_add_escaped(out, it->reason, strlen(it->reason));
        buf_addc(out, '\n');
    }
    if (component)
        buf_addf(out, "  confidence %.4f\n", it->chance);
}

static bool
is_of_commits(const struct lab *lab)
{
    return lab->search != NULL && strcmp(lab->it.verdict, "component") != 0
        && strcmp(lab->it.verdict, "fixed") != 0;
}

bool
lab_text(struct lab *lab, struct buf *out, struct fault *why)
{
    size_t i;

    add_head(lab, out);
    if (strcmp(lab->it.state, "ended") != 0 || !is_of_commits(lab))
        add_answer(&lab->it, out);
    if (is_of_commits(lab) && !with_culprit(lab, tell_text, out, why))
        return false;
    buf_addf(out, "  %.2f host-hours in %zu run%s:\n",
             (double)lab->it.host_ms / HOUR_MS, lab->run_count,
             lab->run_count == 1 ? "" : "s");
    for (i = 0; i < lab->run_count; i++)
        add_run(&lab->runs[i], out);
    return true;
}

/* JSON --------------------------------------------------------------------- */

json_t *
lab_row_json(const struct bisection *it)
{
    json_t *json = json_object();

    json_put_int(json, "bisection", it->bisection);
    json_put_int(json, "flight", it->flight);
    json_put_int(json, "basis", it->basis);
    json_put_text(json, "branch", it->branch);
    json_put_text(json, "job", it->job);
    json_put_text(json, "testid", it->testid);
    json_put_text(json, "signature", it->signature);
    json_put_text(json, "author", it->author);
    json_object_set_new(json, "people", json_loads(it->people, 0, NULL));
    json_put_text(json, "state", it->state);
    json_put_text(json, "reason", it->reason);
    json_put_some(json, "verdict", it->verdict);
    json_put_some(json, "component", it->component);
    json_put_some(json, "culprit", it->culprit);
    if (it->verdict[0] != '\0')
        json_object_set_new(json, "chance", json_real(it->chance));
    json_put_int(json, "runs", it->runs);
    json_put_int(json, "running", it->running);
    json_put_int(json, "host_ms", it->host_ms);
    json_put_int(json, "begun_ms", it->begun_ms);
    if (it->ended_ms >= 0)
        json_put_int(json, "ended_ms", it->ended_ms);
    return json;
}

static json_t *
run_json(const struct bisection_run *run)
{
    json_t *json = json_object();

    json_put_int(json, "number", run->number);
    json_object_set_new(json, "at", json_loads(run->at, 0, NULL));
    json_put_text(json, "state", run->state);
    json_put_text(json, "oracle", run->oracle);
    if (run->about[0] != '\0')
        json_put_text(json, "about", run->about);
    if (run->result[0] != '\0')
        json_put_text(json, "result", run->result);
    json_put_text(json, "reason", run->reason);
    json_put_text(json, "output", run->output);
    json_put_text(json, "host", run->host);
    if (run->flight != 0)
        json_put_int(json, "flight", run->flight);
    if (run->build != 0)
        json_put_int(json, "build", run->build);
    json_put_int(json, "host_ms", run->host_ms);
    return json;
}

static bool
tell_json(const struct culprit *culprit, void *out)
{
    json_object_set_new(out, "search", culprit_json(culprit));
    return true;
}

bool
lab_json(struct lab *lab, json_t **out, struct fault *why)
{
    json_t *json = lab_row_json(&lab->it), *runs = json_array();
    size_t i;

    for (i = 0; i < lab->run_count; i++)
        json_array_append_new(runs, run_json(&lab->runs[i]));
    json_object_set_new(json, "trials", runs);
    if (lab->search != NULL && !with_culprit(lab, tell_json, json, why)) {
        json_decref(json);
        return false;
    }
    *out = json;
    return true;
}

/* Mail --------------------------------------------------------------------- */

/* What git says of a commit of a tree of this search; "" when it does not. */
static void
ask_git(const struct lab *lab, const struct bisection_end *end,
        const char *pretty, struct buf *out)
{
    const struct graph *graph = &lab->setup.graph;
    struct fault ignored = FAULT_INIT;
    size_t t;

    for (t = 0; t < graph->tree_count; t++) {
        const char *argv[] = { "git", "-C", graph->trees[t].dir, "show", "-s",
                               "--no-show-signature", "--no-color", pretty,
                               end->culprit, NULL };

        if (strcmp(graph->trees[t].name, end->component) == 0)
            (void)!proc_run(argv, NULL, 0, 0, out, &ignored);
    }
}

/* Author and committer, and whom the bisection was asked for. */
static char **
people_of(const struct lab *lab, const struct bisection_end *end)
{
    json_t *asked = json_loads(lab->it.people, 0, NULL), *address;
    struct buf text = BUF_INIT;
    char **people = NULL, *rest, *line;
    size_t i;

    ask_git(lab, end, "--pretty=%an <%ae>%n%cn <%ce>", &text);
    for (rest = text.data; (line = strsep(&rest, "\n")) != NULL;)
        if (line[0] != '\0' && !strv_has(people, line))
            strv_add(&people, line);
    json_array_foreach(asked, i, address)
        if (!strv_has(people, json_string_value(address)))
            strv_add(&people, json_string_value(address));
    json_decref(asked);
    buf_free(&text);
    return people;
}

static void
add_subject(const struct lab *lab, const struct bisection_end *end,
            struct buf *out)
{
    struct buf text = BUF_INIT;

    buf_addf(out, "[%s bisection] %s %s: ", lab->it.branch, lab->it.job,
             lab->it.testid);
    if (strcmp(end->verdict, "component") == 0) {
        buf_addf(out, "%s %s", end->component, end->culprit);
    } else {
        ask_git(lab, end, "--pretty=%s", &text);
        buf_addf(out, "%.12s %.*s", end->culprit,
                 (int)strcspn(buf_text(&text), "\n"), buf_text(&text));
    }
    buf_free(&text);
}

bool
lab_notice(struct lab *lab, const struct bisection_end *end,
           struct fault *why)
{
    char **people = people_of(lab, end);
    struct buf subject = BUF_INIT, body = BUF_INIT;
    struct notice notice = {
        .kind = "culprit", .branch = lab->it.branch,
        .about = arena_printf(&lab->arena, "branch %s", lab->it.branch),
        .cause = arena_printf(&lab->arena, "%s %s", end->component,
                              end->culprit),
        .people = strv_const(people), .confidence = end->chance,
    };
    bool ok;

    /* As it is going to be. */
    lab->it.state = "ended";
    lab->it.reason = end->reason;
    lab->it.verdict = end->verdict;
    lab->it.component = end->component;
    lab->it.culprit = end->culprit;
    lab->it.chance = end->chance;
    add_subject(lab, end, &subject);
    ok = lab_text(lab, &body, why);
    notice.subject = buf_text(&subject);
    notice.body = buf_text(&body);
    ok = ok && notice_add(lab->db, &notice, NULL, why);
    buf_free(&subject);
    buf_free(&body);
    strv_free(people);
    return ok;
}
