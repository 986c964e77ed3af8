/* results/report_kcidb.c - the report as a submission to KCIDB, by version 5.3
 * of its schema (kcidb-io).
 *
 * A flight is one checkout, what was built for one architecture is a build of
 * it, and each step, each case of a step and each measurement is a test. Its
 * ids are ORIGIN:FLIGHT/JOB/..., which no other flight of the lab has. A known
 * issue is an issue, and each failure of its signatures an incident of it. */
#include <config.h>

#include "results/report.h"

#include <assert.h>
#include <inttypes.h>

#include "harness/arena.h"
#include "harness/buf.h"
#include "harness/clock.h"
#include "harness/json.h"
#include "harness/plain.h"
#include "results/cause.h"
#include "results/evidence.h"
#include "results/measure.h"
#include "results/report_parts.h"
#include "results/verdict.h"

#define EXCERPT_BYTES 16000     /* the schema allows 16384 characters */
#define TEXT_BYTES 2000
#define ADDRESS_BYTES "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ" \
    "0123456789-._~:/?#[]@!$&'()*+,;=%"

struct submission {
    const struct evidence *evidence;
    const struct verdict *verdict;
    const struct report_options *options;
    const char *origin;
    struct arena arena;
    json_t *builds, *tests, *issues, *incidents;
};

/* KCIDB's words: FAIL the tested code is faulty; ERROR the test broke; MISS it
 * did not run, for the harness's fault; DONE it ended and judged nothing; SKIP
 * not applicable. What has not ended has no status. */
static const char *
status_word(enum outcome outcome, enum lane lane)
{
    bool ours = lane == LANE_HOST || lane == LANE_HARNESS;

    switch (outcome) {
    case OUTCOME_PASS:
        return "PASS";
    case OUTCOME_FAIL:
        return ours ? "MISS" : lane == LANE_TEST ? "ERROR" : "FAIL";
    case OUTCOME_BROKEN:
    case OUTCOME_TRUNCATED:
    case OUTCOME_NONE:
        return ours ? "MISS" : "ERROR";
    case OUTCOME_BLOCKED:
    case OUTCOME_STARVED:
    case OUTCOME_ABORTED:
    case OUTCOME_MISSING:
        return "MISS";
    case OUTCOME_SKIP:
    case OUTCOME_REUSED:       /* the step it stands for is told */
        return "SKIP";
    case OUTCOME_QUEUED:
    case OUTCOME_PREPARING:
    case OUTCOME_RUNNING:
    case OUTCOME_COUNT:
        break;
    }
    return NULL;
}

static void
put(json_t *object, const char *key, const char *text)
{
    struct buf plain = BUF_INIT;

    plain_add(&plain, text, strlen(text), TEXT_BYTES);
    if (plain.len > 0)
        json_put_text(object, key, buf_text(&plain));
    buf_free(&plain);
}

static void
put_start(json_t *object, int64_t wall_ms)
{
    char iso[32];

    if (wall_ms < 0)
        return;
    clock_iso(wall_ms, iso);
    json_put_text(object, "start_time", iso);
}

static void
put_duration(json_t *object, int64_t ms)
{
    if (ms >= 0)
        json_object_set_new(object, "duration",
                            json_real((double)ms / 1000));
}

/* The kernel's names, which KCIDB's other submitters use. */
static const char *
arch_word(const char *arch)
{
    static const char *const WORDS[][2] = {
        { "amd64", "x86_64" }, { "arm64", "arm64" }, { "armhf", "arm" },
    };

    for (size_t i = 0; i < ARRAY_LEN(WORDS); i++) {
        if (strcmp(WORDS[i][0], arch) == 0)
            return WORDS[i][1];
    }
    return "";
}

static const char *
checkout_id(struct submission *sub)
{
    return arena_printf(&sub->arena, "%s:%" PRId64, sub->origin,
                        sub->evidence->flight);
}

/* Jobs without a candidate test something too: a build without a name. */
static const char *
build_id(struct submission *sub, const struct evidence_build *build,
         const char *arch)
{
    return arena_printf(&sub->arena, "%s:%" PRId64 "/build/%s/%s",
                        sub->origin, sub->evidence->flight,
                        build == NULL ? "-" : build->name, arch);
}

static json_t *
checkout(struct submission *sub)
{
    const struct evidence *evidence = sub->evidence;
    json_t *object = json_object(), *trees = json_object();
    json_t *misc = json_object();
    const char *revision = NULL;

    json_put_text(object, "id", checkout_id(sub));
    json_put_text(object, "origin", sub->origin);
    put(object, "tree_name", evidence->branch);
    put(object, "comment", sub->verdict->tested);
    put_start(object, evidence->created_ms);
    for (size_t i = 0; i < evidence->tree_count; i++) {
        const struct evidence_pair *tree = &evidence->trees[i];

        json_put_text(trees, tree->name, tree->value);
        if (i == 0 || strcmp(tree->name, "xen") == 0)
            revision = tree->value;
    }
    if (revision != NULL && strlen(revision) == 40
        && strspn(revision, "0123456789abcdef") == 40)
        json_put_text(object, "git_commit_hash", revision);
    json_object_set_new(object, "valid", json_true());
    json_put_int(misc, "flight", evidence->flight);
    json_put_text(misc, "intended", evidence->intended);
    json_put_text(misc, "harness", evidence->harness);
    json_object_set_new(misc, "trees", trees);
    json_object_set_new(object, "misc", misc);
    return object;
}

static void
add_build(struct submission *sub, const struct evidence_build *build,
          const char *arch)
{
    const char *id = build_id(sub, build, arch);
    json_t *object, *misc, *old;
    size_t i;

    json_array_foreach(sub->builds, i, old) {
        if (strcmp(json_text(old, "id"), id) == 0)
            return;
    }
    object = json_object();
    json_put_text(object, "id", id);
    json_put_text(object, "origin", sub->origin);
    json_put_text(object, "checkout_id", checkout_id(sub));
    json_put_text(object, "architecture", arch_word(arch));
    if (build != NULL) {
        misc = json_object();
        put(object, "comment", arena_printf(&sub->arena, "%s, from %s",
                                            build->name, build->source));
        for (size_t j = 0; j < build->property_count; j++)
            put(misc, build->properties[j].name, build->properties[j].value);
        json_object_set_new(object, "misc", misc);
    }
    json_array_append_new(sub->builds, object);
}

/* Dot-separated words of [A-Za-z0-9_-]. */
static const char *
path_text(struct submission *sub, const char *recipe, const char *rest)
{
    const char *whole = arena_printf(&sub->arena, "xen.%s.%s", recipe, rest);
    struct buf path = BUF_INIT;
    const char *copy;

    for (const char *p = whole; *p != '\0'; p++) {
        char c = *p == '/' || *p == ':' ? '.' : *p;
        bool word = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')
            || (c >= '0' && c <= '9') || c == '_' || c == '-';

        if (word)
            buf_addc(&path, c);
        else if (c != '.')
            buf_addc(&path, '_');
        else if (path.len > 0 && path.data[path.len - 1] != '.')
            buf_addc(&path, '.');
    }
    while (path.len > 0 && path.data[path.len - 1] == '.')
        path.data[--path.len] = '\0';
    copy = arena_strdup(&sub->arena, buf_text(&path));
    buf_free(&path);
    return copy;
}

static json_t *
new_test(struct submission *sub, const struct evidence_job *job,
         const char *name, const char *path, const char *status)
{
    json_t *object = json_object(), *environment = json_object();

    json_put_text(object, "id",
                  arena_printf(&sub->arena, "%s:%" PRId64 "/%s/%s",
                               sub->origin, sub->evidence->flight, job->name,
                               name));
    json_put_text(object, "origin", sub->origin);
    json_put_text(object, "build_id",
                  build_id(sub, evidence_build_of(sub->evidence, job),
                           job->arch));
    json_put_text(object, "path", path_text(sub, job->recipe, path));
    if (status != NULL)
        json_put_text(object, "status", status);
    put(environment, "comment", report_hosts_text(job, &sub->arena));
    json_object_set_new(object, "environment", environment);
    json_array_append_new(sub->tests, object);
    return object;
}

static void
put_misc(struct submission *sub, json_t *test, const struct evidence_job *job,
         enum outcome status, enum lane lane)
{
    json_t *misc = json_object();

    json_put_int(misc, "flight", sub->evidence->flight);
    json_put_text(misc, "job", job->name);
    json_put_text(misc, "outcome", outcome_name(status));
    if (lane != LANE_NONE)
        json_put_text(misc, "fault", lane_name(lane));
    json_object_set_new(test, "misc", misc);
}

static void
put_excerpt(struct submission *sub, json_t *test,
            const struct verdict_trouble *trouble)
{
    struct report_lines lines;
    struct buf text = BUF_INIT;

    report_lines_of(trouble, sub->options, &sub->arena, &lines);
    for (int i = 0; i < lines.excerpt.count; i++) {
        const char *line = lines.excerpt.lines[i].text;

        if (text.len + strlen(line) + 1 > EXCERPT_BYTES)
            break;
        buf_addf(&text, "%s\n", line);
    }
    if (text.len > 0)
        json_put_text(test, "log_excerpt", buf_text(&text));
    buf_free(&text);
}

/* An absolute URL of a step's log; the schema wants no other kind. */
static void
put_log_url(struct submission *sub, json_t *test,
            const struct evidence_job *job, const struct evidence_step *step)
{
    if (sub->options->url != NULL && step->log_path[0] != '\0')
        json_put_text(test, "log_url",
                      arena_printf(&sub->arena, "%s/log/%" PRId64 "/%s/%d",
                                   sub->options->url, sub->evidence->flight,
                                   job->name, step->number));
}

static void
add_step(struct submission *sub, const struct evidence_job *job,
         const struct evidence_step *step,
         const struct verdict_trouble *trouble)
{
    json_t *test = new_test(sub, job, step->testid, step->testid,
                            status_word(step->status, step->lane));

    put(test, "comment", step->reason);
    if (!evidence_is_unrun(step)) {
        put_start(test, step->started_ms);
        put_duration(test, report_step_ms(step));
        put_log_url(sub, test, job, step);
    }
    if (trouble != NULL && trouble->step == step)
        put_excerpt(sub, test, trouble);
    put_misc(sub, test, job, step->status, step->lane);
    for (size_t i = 0; i < step->case_count; i++) {
        const struct evidence_case *item = &step->cases[i];

        const char *name = arena_printf(&sub->arena, "%s:%s", step->testid,
                                        item->id);

        test = new_test(sub, job, name, name,
                        status_word(item->status, step->lane));
        put(test, "comment", item->note);
        put_misc(sub, test, job, item->status, LANE_NONE);
    }
}

/* A job of which nothing else would tell, or whose steps do not tell all. */
static void
add_job(struct submission *sub, size_t index)
{
    const struct evidence_job *job = &sub->evidence->jobs[index];
    const struct verdict_trouble *trouble
        = report_trouble_of(sub->evidence, sub->verdict, index);
    enum outcome status = sub->verdict->job_status[index];
    enum lane lane = trouble == NULL ? job->lane : trouble->lane;
    bool told = job->step_count > 0 && status == OUTCOME_PASS;
    json_t *test;

    add_build(sub, evidence_build_of(sub->evidence, job), job->arch);
    for (size_t i = 0; i < job->step_count; i++) {
        add_step(sub, job, &job->steps[i], trouble);
        told = told || job->steps[i].status == status;
    }
    if (told)
        return;
    test = new_test(sub, job, "(job)", "job", status_word(status, lane));
    put(test, "comment", trouble == NULL ? job->reason : trouble->reason);
    put_misc(sub, test, job, status, lane);
}

static void
add_measures(struct submission *sub)
{
    struct measure *measures;
    size_t count;

    measure_all(sub->evidence, &sub->arena, &measures, &count);
    for (size_t i = 0; i < count; i++) {
        const struct measure *measure = &measures[i];
        json_t *number = json_object(), *misc = json_object();
        const char *path = arena_printf(&sub->arena, "%s:metric:%s",
                                        measure->step->testid,
                                        measure->name);
        json_t *test = new_test(sub, measure->job,
                                arena_printf(&sub->arena, "%s:%s", path,
                                             measure->unit), path, "DONE");

        json_object_set_new(number, "value", json_real(measure->median));
        put(number, "unit", measure->unit);
        json_object_set_new(test, "number", number);
        json_put_int(misc, "repeats", (int64_t)measure->count);
        json_put_text(misc, "better",
                      measure->higher_is_better ? "higher" : "lower");
        json_object_set_new(test, "misc", misc);
    }
}

/* Known issues ------------------------------------------------------------- */

static const char *
issue_id(struct submission *sub, const struct cause_issue *issue)
{
    return arena_printf(&sub->arena, "%s:issue/%" PRId64, sub->origin,
                        issue->issue);
}

/* The schema wants an address; other references are for people. */
static bool
is_address(const char *text)
{
    return (strncmp(text, "https://", 8) == 0
            || strncmp(text, "http://", 7) == 0)
        && strspn(text, ADDRESS_BYTES) == strlen(text);
}

static void
put_culprit(json_t *object, enum lane lane)
{
    json_t *culprit;

    if (lane == LANE_NONE || lane == LANE_UNKNOWN)
        return;
    culprit = json_object();
    json_object_set_new(culprit, "code", json_boolean(lane == LANE_PRODUCT));
    json_object_set_new(culprit, "tool", json_boolean(lane == LANE_TEST));
    json_object_set_new(culprit, "harness", json_boolean(
        lane == LANE_HOST || lane == LANE_HARNESS));
    json_object_set_new(object, "culprit", culprit);
}

static void
add_issue(struct submission *sub, const struct cause_issue *issue)
{
    const char *id = issue_id(sub, issue);
    json_t *object, *misc, *old;
    size_t i;

    json_array_foreach(sub->issues, i, old) {
        if (strcmp(json_text(old, "id"), id) == 0)
            return;
    }
    object = json_object();
    misc = json_object();
    json_put_text(object, "id", id);
    json_put_int(object, "version", issue->changed_s);
    json_put_text(object, "origin", sub->origin);
    if (is_address(issue->reference))
        put(object, "report_url", issue->reference);
    put(object, "report_subject", issue->title);
    put_culprit(object, issue->lane);
    json_put_int(misc, "issue", issue->issue);
    json_put_text(misc, "state", issue->regressed ? "regressed"
                  : issue->closed ? "closed" : "open");
    put(misc, "owner", issue->owner);
    put(misc, "reference", issue->reference);
    json_object_set_new(object, "misc", misc);
    json_array_append_new(sub->issues, object);
}

static const struct evidence_job *
job_named(const struct evidence *evidence, const char *name)
{
    for (size_t i = 0; i < evidence->job_count; i++) {
        if (strcmp(evidence->jobs[i].name, name) == 0)
            return &evidence->jobs[i];
    }
    return NULL;
}

/* An incident is of a test; of the build when nothing was run that is one. */
static void
put_occurrence(struct submission *sub, json_t *incident,
               const struct cause *cause, const struct evidence_job *job)
{
    const char *name = cause->testid[0] == '\0' ? "(job)" : cause->testid;
    const char *id = arena_printf(&sub->arena, "%s:%" PRId64 "/%s/%s",
                                  sub->origin, sub->evidence->flight,
                                  cause->job, name);
    json_t *test;
    size_t i;

    json_array_foreach(sub->tests, i, test) {
        if (strcmp(json_text(test, "id"), id) == 0) {
            json_put_text(incident, "test_id", id);
            return;
        }
    }
    json_put_text(incident, "build_id",
                  build_id(sub, evidence_build_of(sub->evidence, job),
                           job->arch));
}

static void
add_incident(struct submission *sub, const struct cause *cause,
             const struct cause_group *group)
{
    const struct evidence_job *job = job_named(sub->evidence, cause->job);
    json_t *object, *misc;

    if (job == NULL)
        return;
    add_issue(sub, group->issue);
    object = json_object();
    misc = json_object();
    json_put_text(object, "id",
                  arena_printf(&sub->arena, "%s:%" PRId64 "/%s/%s/issue/%"
                               PRId64, sub->origin, sub->evidence->flight,
                               cause->job, cause->testid,
                               group->issue->issue));
    json_put_text(object, "origin", sub->origin);
    json_put_text(object, "issue_id", issue_id(sub, group->issue));
    json_put_int(object, "issue_version", group->issue->changed_s);
    put_occurrence(sub, object, cause, job);
    json_object_set_new(object, "present", json_true());
    put(object, "comment", group->title);
    json_put_text(misc, "signature", group->signature);
    put(misc, "file", cause->pointer.file);
    if (cause->pointer.line > 0)
        json_put_int(misc, "line", cause->pointer.line);
    if (evidence_byte(&cause->pointer) >= 0)
        json_put_int(misc, "byte", evidence_byte(&cause->pointer));
    json_object_set_new(object, "misc", misc);
    json_array_append_new(sub->incidents, object);
}

static void
add_incidents(struct submission *sub, const struct causes *causes)
{
    for (size_t i = 0; causes != NULL && i < causes->count; i++) {
        const struct cause_group *group
            = &causes->groups[causes->list[i].group];

        if (group->issue != NULL)
            add_incident(sub, &causes->list[i], group);
    }
}

json_t *
report_kcidb(const struct report *report,
             const struct report_options *options)
{
    const struct evidence *evidence = report->evidence;
    struct submission sub = {
        .evidence = evidence, .verdict = report->verdict, .options = options,
        .origin = options->origin == NULL ? "assay" : options->origin,
        .arena = ARENA_INIT, .builds = json_array(), .tests = json_array(),
        .issues = json_array(), .incidents = json_array(),
    };
    json_t *root = json_object(), *version = json_object();
    json_t *checkouts = json_array();

    json_put_int(version, "major", 5);
    json_put_int(version, "minor", 3);
    json_object_set_new(root, "version", version);
    json_array_append_new(checkouts, checkout(&sub));
    for (size_t i = 0; i < evidence->job_count; i++)
        add_job(&sub, i);
    add_measures(&sub);
    add_incidents(&sub, report->causes);
    json_object_set_new(root, "checkouts", checkouts);
    json_object_set_new(root, "builds", sub.builds);
    json_object_set_new(root, "tests", sub.tests);
    json_object_set_new(root, "issues", sub.issues);
    json_object_set_new(root, "incidents", sub.incidents);
    arena_free(&sub.arena);
    return root;
}
