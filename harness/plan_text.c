/* harness/plan_text.c - see plan_text.h. */
#include <config.h>

#include "harness/plan_text.h"

#include <inttypes.h>
#include <stdio.h>
#include <time.h>

#include "harness/buf.h"
#include "harness/clock.h"
#include "harness/host_match.h"
#include "harness/json.h"
#include "harness/plan_db.h"
#include "harness/plan_make.h"
#include "harness/planner_why.h"
#include "harness/table.h"
#include "harness/task_db.h"

/* Normal: 8 of 10 ends are within so many standard deviations. */
#define RANGE_SDS 1.28

void
plan_text_time(int64_t at_ms, int64_t now_ms, char out[static 24])
{
    time_t at = (time_t)(at_ms / 1000), now = (time_t)(now_ms / 1000);
    struct tm tm, today;

    gmtime_r(&at, &tm);
    gmtime_r(&now, &today);
    strftime(out, 24, tm.tm_yday == today.tm_yday
             && tm.tm_year == today.tm_year ? "%H:%M" : "%m-%d %H:%M", &tm);
}

void
plan_text_hosts(const struct plan_facts *facts, const struct plan_made *made,
                int j, struct buf *out)
{
    const struct planner_slot *slot = &made->plan.slots[j];

    for (int u = 0; u < slot->host_count; u++)
        buf_addf(out, "%s%s", u > 0 ? " " : "",
                 facts->hosts[slot->hosts[u]].name);
}

static bool
has_place(const struct planner_slot *slot)
{
    return slot->verdict == PLANNER_NOW || slot->verdict == PLANNER_LATER;
}

static int64_t
range_ms(const struct planner_slot *slot)
{
    return (int64_t)(RANGE_SDS * (double)slot->end_sd_ms);
}

/* What the job need not do there, in ms; 0: it starts fresh. */
static int64_t
saved_ms(const struct plan_made *made, int j)
{
    return made->plan.slots[j].reuses ? made->in.jobs[j].prepare_ms : 0;
}

/* "; prepared by job a, saves 20s, use 2 of 3", or that nothing is left of what
 * was prepared, or nothing. */
static void
add_saved(const struct plan_facts *facts, const struct plan_made *made,
          int j, struct buf *out)
{
    const struct planner_slot *slot = &made->plan.slots[j];
    const char *by = NULL;
    char text[32];

    if (slot->worn)
        buf_addf(out, "; what is there is worn out by %d jobs: prepared anew",
                 made->in.jobs[j].setup_uses);
    if (!slot->reuses)
        return;
    if (slot->prepared_by > 0)
        by = facts->waits[slot->prepared_by - 1].job;
    for (int i = 0; i < facts->prepared_count && by == NULL; i++)
        if (facts->prepared[i].host == slot->hosts[0]
            && facts->prepared[i].flight == facts->waits[j].flight)
            by = facts->prepared[i].job;
    clock_human(saved_ms(made, j), text);
    buf_addf(out, "; %s%s, saves %s, use %d of %d",
             by != NULL ? "prepared by job " : "prepared by then",
             by != NULL ? by : "", text, slot->use,
             made->in.jobs[j].setup_uses);
}

static const char *
no_place(enum planner_verdict verdict)
{
    return verdict == PLANNER_STUCK ? "hosts that would do are out"
        : verdict == PLANNER_EXPIRED ? "superseded"
        : "no hosts would ever do";
}

/* For which waiting job a holder gives way in this plan; -1: for none. */
static int
stops_for(const struct plan_made *made, int hold)
{
    for (int i = 0; i < made->plan.stop_count; i++)
        if (made->plan.stop[i] == made->in.holds[hold].job)
            return made->plan.stop_for[i];
    return -1;
}

/* "gives way to flight 7 job x": it is told to, or about to be told. */
static void
add_way(const struct plan_facts *facts, const struct plan_made *made,
        int hold, struct buf *out)
{
    int j = stops_for(made, hold);

    if (facts->holds[hold].gives_to != NULL)
        buf_addf(out, "gives way to %s", facts->holds[hold].gives_to);
    else if (j >= 0)
        buf_addf(out, "gives way to flight %" PRId64 " job %s",
                 facts->waits[j].flight, facts->waits[j].job);
}

/* The holders that give way to job 'j', each once: the next after 'from', or
 * -1. */
static int
next_stop(const struct plan_made *made, int j, int from)
{
    for (int i = from + 1; i < made->plan.stop_count; i++)
        if (made->plan.stop_for[i] == j)
            return i;
    return -1;
}

static void
add_held(const struct plan_facts *facts, const struct plan_made *made,
         plan_text_row_fn *row, void *owner)
{
    struct buf remark = BUF_INIT;
    char from[24], until[24];

    for (int i = 0; i < made->in.hold_count; i++) {
        const struct planner_hold *hold = &made->in.holds[i];
        const char *cells[] = {
            hold->who, "has it",
            facts->hosts[hold->host].name, from, until, NULL,
        };

        buf_reset(&remark);
        add_way(facts, made, i, &remark);
        cells[5] = buf_text(&remark);
        plan_text_time(facts->holds[i].begun_ms, facts->now_ms, from);
        plan_text_time(hold->until_ms, facts->now_ms, until);
        row(owner, cells);
    }
    buf_free(&remark);
}

void
plan_text_rows(const struct plan_facts *facts, const struct plan_made *made,
               plan_text_row_fn *row, void *owner)
{
    struct buf hosts = BUF_INIT, who = BUF_INIT, remark = BUF_INIT;

    add_held(facts, made, row, owner);
    for (int i = 0; i < facts->window_count; i++) {
        const struct plan_window *window = &facts->windows[i];
        char from[24], until[24];
        const char *cells[] = { window->who, window->kind,
                                facts->hosts[window->host].name, from, until,
                                window->why };

        plan_text_time(window->from_ms, facts->now_ms, from);
        plan_text_time(window->until_ms, facts->now_ms, until);
        row(owner, cells);
    }
    for (int i = 0; i < made->in.job_count; i++) {
        int j = made->plan.order[i];
        const struct planner_slot *slot = &made->plan.slots[j];
        const struct plan_wait *wait = &facts->waits[j];
        char start[24] = "-", end[24] = "-", late[24];
        const char *cells[] = { NULL, planner_verdict_name(slot->verdict),
                                NULL, start, end, NULL };

        buf_reset(&hosts);
        buf_reset(&who);
        buf_reset(&remark);
        buf_addf(&who, "job %" PRId64 ".%s", wait->flight, wait->job);
        plan_text_hosts(facts, made, j, &hosts);
        if (has_place(slot)) {
            plan_text_time(slot->start_ms, facts->now_ms, start);
            plan_text_time(slot->end_ms, facts->now_ms, end);
            plan_text_time(slot->end_ms + range_ms(slot), facts->now_ms,
                           late);
            buf_addf(&remark, "9 of 10: by %s", late);
            add_saved(facts, made, j, &remark);
            if (slot->for_runner)
                buf_adds(&remark, "; waits for a runner");
            for (int k = next_stop(made, j, -1); k >= 0;
                 k = next_stop(made, j, k))
                buf_addf(&remark, "; %s gives way",
                         made->in.holds[made->plan.stop[k]].who);
        } else {
            buf_adds(&remark, no_place(slot->verdict));
        }
        cells[0] = buf_text(&who);
        cells[2] = buf_text(&hosts);
        cells[5] = buf_text(&remark);
        row(owner, cells);
    }
    buf_free(&hosts);
    buf_free(&who);
    buf_free(&remark);
}

static void
table_row(void *owner, const char *const *cells)
{
    table_add(owner, cells);
}

bool
plan_text_table(const struct plan_facts *facts, const struct plan_made *made,
                struct fault *why)
{
    static const char *const names[] = { "WHO", "STATE", "HOSTS", "START",
                                         "END", "~REMARK", NULL };
    struct table *table = table_new(names);
    bool ok;

    plan_text_rows(facts, made, table_row, table);
    ok = table_print(table, stdout, why);
    table_free(table);
    return ok;
}

static json_t *
slot_json(const struct plan_facts *facts, const struct plan_made *made, int j)
{
    const struct planner_slot *slot = &made->plan.slots[j];
    const struct plan_wait *wait = &facts->waits[j];
    json_t *row = json_object(), *hosts = json_array();
    json_t *ways = json_array();

    json_put_int(row, "flight", wait->flight);
    json_put_text(row, "job", wait->job);
    json_put_text(row, "verdict", planner_verdict_name(slot->verdict));
    if (has_place(slot)) {
        json_put_int(row, "start_ms", slot->start_ms);
        json_put_int(row, "end_ms", slot->end_ms);
        json_put_int(row, "end_sd_ms", slot->end_sd_ms);
        json_put_int(row, "start_sd_ms", slot->start_sd_ms);
        json_object_set_new(row, "reuses", json_boolean(slot->reuses));
        json_put_int(row, "saves_ms", saved_ms(made, j));
        json_put_int(row, "use", slot->use);
        json_object_set_new(row, "worn", json_boolean(slot->worn));
    } else {
        json_put_text(row, "reason", no_place(slot->verdict));
    }
    for (int u = 0; u < slot->host_count; u++)
        json_array_append_new(hosts,
            json_string(facts->hosts[slot->hosts[u]].name));
    for (int k = next_stop(made, j, -1); k >= 0; k = next_stop(made, j, k))
        json_array_append_new(ways, json_string(
            made->in.holds[made->plan.stop[k]].who));
    json_object_set_new(row, "hosts", hosts);
    json_object_set_new(row, "give_way", ways);
    json_object_set_new(row, "for_runner", json_boolean(slot->for_runner));
    json_put_int(row, "gave_way", wait->gave);
    return row;
}

json_t *
plan_text_json(const struct plan_facts *facts, const struct plan_made *made)
{
    json_t *root = json_object(), *jobs = json_array();
    json_t *held = json_array(), *windows = json_array(), *row;
    struct buf way = BUF_INIT;

    json_put_int(root, "now_ms", facts->now_ms);
    json_put_int(root, "end_ms", made->plan.end_ms);
    for (int i = 0; i < made->in.job_count; i++)
        json_array_append_new(jobs, slot_json(facts, made,
                                              made->plan.order[i]));
    for (int i = 0; i < made->in.hold_count; i++) {
        row = json_object();
        json_put_text(row, "host",
                      facts->hosts[made->in.holds[i].host].name);
        json_put_text(row, "who", made->in.holds[i].who);
        json_put_int(row, "until_ms", made->in.holds[i].until_ms);
        buf_reset(&way);
        add_way(facts, made, i, &way);
        if (way.len > 0)
            json_put_text(row, "gives_way", buf_text(&way));
        json_array_append_new(held, row);
    }
    for (int i = 0; i < facts->window_count; i++) {
        const struct plan_window *window = &facts->windows[i];

        row = json_object();
        json_put_text(row, "host", facts->hosts[window->host].name);
        json_put_text(row, "kind", window->kind);
        json_put_text(row, "who", window->who);
        json_put_text(row, "why", window->why);
        json_put_int(row, "from_ms", window->from_ms);
        json_put_int(row, "until_ms", window->until_ms);
        json_array_append_new(windows, row);
    }
    json_object_set_new(root, "jobs", jobs);
    json_object_set_new(root, "held", held);
    json_object_set_new(root, "windows", windows);
    buf_free(&way);
    return root;
}

/* Why ---------------------------------------------------------------------- */

static void
add_unfit(const struct match_host *host, const struct plan_wait *wait,
          struct buf *out)
{
    struct buf lines = BUF_INIT;
    const char *text;

    host_match_explain(host, 1, wait->roles, wait->role_count, 1, &lines);
    text = strstr(buf_text(&lines), ": ");
    buf_addf(out, "%.*s", text != NULL ? (int)strcspn(text + 2, "\n") : 0,
             text != NULL ? text + 2 : "");
    buf_free(&lines);
}

/* What keeps the job from the host, in words. */
static void
add_obstacle(const struct plan_facts *facts, const struct plan_made *made,
             int j, int h, const struct planner_why_host *line,
             struct buf *out)
{
    const struct planner_slot *slot = &made->plan.slots[j];
    char until[24];
    bool chosen = false;

    for (int u = 0; u < slot->host_count; u++)
        chosen = chosen || slot->hosts[u] == h;
    plan_text_time(line->until_ms, facts->now_ms, until);
    switch (line->obstacle) {
    case PLANNER_UNFIT:
        add_unfit(&facts->hosts[h], &facts->waits[j], out);
        break;
    case PLANNER_OUT:
        buf_adds(out, facts->hosts[h].obstacle);
        break;
    case PLANNER_HELD:
        buf_addf(out, "%s has it", made->in.holds[line->which].who);
        if (facts->holds[line->which].gives_to != NULL
            || stops_for(made, line->which) >= 0) {
            buf_adds(out, ", ");
            add_way(facts, made, line->which, out);
        } else {
            buf_addf(out, ", until about %s", until);
        }
        break;
    case PLANNER_CLOSED:
        buf_addf(out, "%s of %s until %s: %s",
                 facts->windows[line->which].kind,
                 facts->windows[line->which].who, until,
                 facts->windows[line->which].why);
        break;
    case PLANNER_BOOKED:
        buf_addf(out, "job %" PRId64 ".%s goes first, until about %s",
                 facts->waits[line->which].flight,
                 facts->waits[line->which].job, until);
        break;
    case PLANNER_FREE:
    default:
        buf_adds(out, chosen ? "free" : slot->verdict == PLANNER_NOW
                 ? "free, another suits better"
                 : "free, but there is no second one, or the job needs "
                   "something else first");
        break;
    }
    if (chosen)
        buf_adds(out, slot->verdict == PLANNER_NOW ? ": chosen"
                 : ": booked for this job");
}

void
plan_text_why(const struct plan_facts *facts, const struct plan_made *made,
              int j, const struct planner_why *why, struct buf *out)
{
    const struct planner_slot *slot = &made->plan.slots[j];
    const struct plan_wait *wait = &facts->waits[j];
    char start[24], end[24], late[24];

    buf_addf(out, "job %" PRId64 ".%s: ", wait->flight, wait->job);
    if (has_place(slot)) {
        plan_text_time(slot->start_ms, facts->now_ms, start);
        plan_text_time(slot->end_ms, facts->now_ms, end);
        plan_text_time(slot->end_ms + range_ms(slot), facts->now_ms, late);
        buf_addf(out, "%s %s on ", slot->verdict == PLANNER_NOW
                 ? "may start now," : "starts about", start);
        plan_text_hosts(facts, made, j, out);
        buf_addf(out, ", ends about %s (9 of 10: by %s)", end, late);
        add_saved(facts, made, j, out);
        buf_addc(out, '\n');
    } else {
        buf_addf(out, "%s\n", no_place(slot->verdict));
    }
    for (int h = 0; h < facts->host_count; h++) {
        buf_addf(out, "  %s: ", facts->hosts[h].name);
        add_obstacle(facts, made, j, h, &why->hosts[h], out);
        buf_addc(out, '\n');
    }
    if (slot->verdict != PLANNER_LATER)
        return;
    buf_adds(out, "waits for:\n");
    if (slot->for_runner)
        buf_addf(out, "  one of %d runners\n", made->in.runners_max);
    for (int i = 0; i < made->in.jobs[j].need_count; i++) {
        const struct plan_wait *need
            = &facts->waits[made->in.jobs[j].needs[i]];

        buf_addf(out, "  job %" PRId64 ".%s, which it needs\n",
                 need->flight, need->job);
    }
    for (int i = 0; i < why->hold_count; i++) {
        int hold = why->holds[i];

        buf_addf(out, "  %s on %s", made->in.holds[hold].who,
                 facts->hosts[made->in.holds[hold].host].name);
        buf_adds(out, stops_for(made, hold) == j ? ", which gives way\n"
                                                 : "\n");
    }
    for (int i = 0; i < why->window_count; i++)
        buf_addf(out, "  %s of %s\n", facts->windows[why->windows[i]].kind,
                 facts->hosts[facts->windows[why->windows[i]].host].name);
    for (int i = 0; i < why->job_count; i++) {
        const struct plan_wait *other
            = &facts->waits[why->jobs[i]];

        buf_addf(out, "  job %" PRId64 ".%s, which goes first\n",
                 other->flight, other->job);
    }
}

json_t *
plan_text_why_json(const struct plan_facts *facts,
                   const struct plan_made *made, int j,
                   const struct planner_why *why)
{
    json_t *root = slot_json(facts, made, j), *hosts = json_array();
    json_t *waits = json_array(), *row;
    struct buf text = BUF_INIT;

    for (int h = 0; h < facts->host_count; h++) {
        buf_reset(&text);
        add_obstacle(facts, made, j, h, &why->hosts[h], &text);
        row = json_object();
        json_put_text(row, "host", facts->hosts[h].name);
        json_put_text(row, "text", buf_text(&text));
        if (why->hosts[h].until_ms != 0)
            json_put_int(row, "until_ms", why->hosts[h].until_ms);
        json_array_append_new(hosts, row);
    }
    for (int i = 0; i < why->hold_count; i++)
        json_array_append_new(waits, json_string(
            made->in.holds[why->holds[i]].who));
    for (int i = 0; i < why->job_count; i++) {
        const struct plan_wait *other
            = &facts->waits[why->jobs[i]];

        buf_reset(&text);
        buf_addf(&text, "job %" PRId64 ".%s", other->flight, other->job);
        json_array_append_new(waits, json_string(buf_text(&text)));
    }
    json_object_set_new(root, "host_lines", hosts);
    json_object_set_new(root, "waits_for", waits);
    buf_free(&text);
    return root;
}
