/* harness/plan_cmds.c - "assay plan": the queue with times and places, why a
 * job waits, what would change; and hosts that jobs shall not get for a
 * while. Plans are made on the spot, of what the database says now. */
#include <config.h>

#include "harness/plan_cmds.h"

#include <inttypes.h>
#include <pwd.h>
#include <stdio.h>
#include <unistd.h>

#include "harness/arena.h"
#include "harness/buf.h"
#include "harness/clock.h"
#include "harness/db.h"
#include "harness/fault.h"
#include "harness/host_match.h"
#include "harness/json.h"
#include "harness/plan_db.h"
#include "harness/plan_make.h"
#include "harness/plan_page.h"
#include "harness/plan_text.h"
#include "harness/planner_why.h"
#include "harness/table.h"
#include "harness/window_db.h"

#define SHORTEST_MS 60000       /* of a lease, or a blockage */

static bool
load(struct arena *arena, struct plan_facts *facts, struct fault *why)
{
    struct db *db = NULL;
    bool ok = db_open("assay", &db, why)
        && plan_db_load(db, arena, NULL, facts, why);

    db_close(db);
    return ok;
}

static bool
run_plan(struct cmd_call *call, struct fault *why)
{
    struct arena arena = ARENA_INIT;
    struct plan_facts facts;
    struct plan_made made;
    struct buf html = BUF_INIT;
    json_t *root;
    bool ok = load(&arena, &facts, why);

    if (!ok)
        goto out;
    plan_make(&facts, &arena, &made);
    if (cmd_json(call)) {
        root = plan_text_json(&facts, &made);
        ok = json_print(root, stdout, why);
        json_decref(root);
    } else if (cmd_flag(call, "html")) {
        plan_page_html(&facts, &made, &html);
        ok = fwrite(html.data, 1, html.len, stdout) == html.len
            || fault_errno(why, FAULT_SYSTEM, "write");
    } else {
        ok = plan_text_table(&facts, &made, why);
    }
out:
    buf_free(&html);
    arena_free(&arena);
    return ok;
}

/* The index of a waiting job among the waits; -1 with 'why' if none. */
static int
find_wait(const struct plan_facts *facts, const char *flight_text,
          const char *job, struct fault *why)
{
    int64_t flight;
    int w;

    if (!parse_int64(flight_text, 1, INT64_MAX, &flight)) {
        fault_set(why, FAULT_USAGE, "'%s' is not the number of a flight",
                  flight_text);
        return -1;
    }
    w = plan_wait_index(facts, flight, job);
    if (w >= 0)
        return w;
    fault_set(why, FAULT_NOT_FOUND, "job %" PRId64 ".%s does not wait for "
              "hosts", flight, job);
    fault_hint(why, "assay plan lists those that do");
    return -1;
}

static bool
run_why(struct cmd_call *call, struct fault *why)
{
    struct arena arena = ARENA_INIT;
    struct plan_facts facts;
    struct plan_made made;
    struct planner_why reasons;
    struct buf text = BUF_INIT;
    json_t *root;
    int j = -1;
    bool ok = load(&arena, &facts, why);

    if (ok) {
        j = find_wait(&facts, cmd_arg(call, 0), cmd_arg(call, 1), why);
        ok = j >= 0;
    }
    if (!ok)
        goto out;
    plan_make(&facts, &arena, &made);
    planner_explain(&made.in, &made.plan, j, &arena, &reasons);
    if (cmd_json(call)) {
        root = plan_text_why_json(&facts, &made, j, &reasons);
        ok = json_print(root, stdout, why);
        json_decref(root);
    } else {
        plan_text_why(&facts, &made, j, &reasons, &text);
        fputs(buf_text(&text), stdout);
    }
out:
    buf_free(&text);
    arena_free(&arena);
    return ok;
}

/* What if ------------------------------------------------------------------ */

static int
find_host(const struct plan_facts *facts, const char *name,
          struct fault *why)
{
    for (int h = 0; h < facts->host_count; h++)
        if (strcmp(facts->hosts[h].name, name) == 0)
            return h;
    fault_set(why, FAULT_NOT_FOUND, "there is no host '%s'", name);
    fault_hint(why, "assay host list");
    return -1;
}

/* Adds 'count' hosts that are like this one, and good. */
static bool
add_hosts(struct plan_facts *facts, struct arena *arena, const char *like,
          int count, struct fault *why)
{
    int host = find_host(facts, like, why);
    struct match_host *hosts;
    int64_t *trouble_ms;

    if (host < 0)
        return false;
    hosts = arena_alloc(arena, (size_t)(facts->host_count + count)
                               * sizeof *hosts);
    memcpy(hosts, facts->hosts, (size_t)facts->host_count * sizeof *hosts);
    trouble_ms = arena_alloc(arena, (size_t)(facts->host_count + count)
                                    * sizeof *trouble_ms);
    memcpy(trouble_ms, facts->trouble_ms,
           (size_t)facts->host_count * sizeof *trouble_ms);
    for (int i = 0; i < count; i++) {
        struct match_host *more = &hosts[facts->host_count++];

        *more = hosts[host];
        more->name = arena_printf(arena, "%s+%d", like, i + 1);
        more->obstacle = NULL;
        more->never = false;
    }
    facts->hosts = hosts;
    facts->trouble_ms = trouble_ms;
    return true;
}

static bool
close_host(struct plan_facts *facts, struct arena *arena, const char *name,
           int64_t for_ms, struct fault *why)
{
    int host = find_host(facts, name, why);
    struct plan_window *windows;

    if (host < 0)
        return false;
    windows = arena_alloc(arena, (size_t)(facts->window_count + 1)
                                 * sizeof *windows);
    memcpy(windows, facts->windows, (size_t)facts->window_count
                                    * sizeof *windows);
    windows[facts->window_count++] = (struct plan_window){
        .host = host, .from_ms = facts->now_ms,
        .until_ms = facts->now_ms + for_ms, .kind = "lease", .who = "you",
        .why = "what if",
    };
    facts->windows = windows;
    return true;
}

static bool
change_priority(struct plan_facts *facts, const char *flight_text,
                int priority, struct fault *why)
{
    int64_t flight;
    bool found = false;

    if (!parse_int64(flight_text, 1, INT64_MAX, &flight))
        return fault_set(why, FAULT_USAGE,
                         "'%s' is not the number of a flight", flight_text);
    for (int w = 0; w < facts->wait_count; w++)
        if (facts->waits[w].flight == flight) {
            facts->waits[w].priority = priority;
            found = true;
        }
    return found || fault_set(why, FAULT_NOT_FOUND, "no job of flight %"
                              PRId64 " waits for hosts", flight);
}

static bool
change(struct cmd_call *call, struct plan_facts *facts, struct arena *arena,
       struct fault *why)
{
    const char *flight = cmd_text(call, "flight");
    const char *like = cmd_text(call, "like");
    const char *lease = cmd_text(call, "lease");
    int64_t priority = 0;

    if (flight == NULL && like == NULL && lease == NULL)
        return fault_set(why, FAULT_USAGE, "what if what? say --flight, "
                         "--like or --lease");
    if (flight != NULL
        && (cmd_text(call, "priority") == NULL
            || !parse_int64(cmd_text(call, "priority"), -1000000, 1000000,
                            &priority)))
        return fault_set(why, FAULT_USAGE, "--flight wants --priority N");
    return (flight == NULL
            || change_priority(facts, flight, (int)priority, why))
        && (like == NULL || add_hosts(facts, arena, like,
                                      (int)cmd_int(call, "hosts"), why))
        && (lease == NULL || close_host(facts, arena, lease,
                                        cmd_int(call, "for"), why));
}

static void
put_time(json_t *row, const char *key, const struct planner_slot *slot)
{
    if (slot->verdict == PLANNER_NOW || slot->verdict == PLANNER_LATER)
        json_put_int(row, key, slot->start_ms);
    else
        json_put_text(row, key, NULL);
}

static void
slot_words(const struct planner_slot *slot, int64_t now_ms,
           char out[static 60])
{
    char start[24], end[24];

    if (slot->verdict != PLANNER_NOW && slot->verdict != PLANNER_LATER) {
        snprintf(out, 60, "%s", planner_verdict_name(slot->verdict));
        return;
    }
    plan_text_time(slot->start_ms, now_ms, start);
    plan_text_time(slot->end_ms, now_ms, end);
    snprintf(out, 60, "%s to %s", start, end);
}

/* Both plans side by side: only what differs by a minute or more. */
static bool
print_changes(struct cmd_call *call, const struct plan_facts *facts,
              const struct plan_made *before, const struct plan_made *after,
              struct fault *why)
{
    static const char *const names[] = { "JOB", "NOW PLANNED", "THEN",
                                         NULL };
    struct table *table = table_new(names);
    json_t *list = json_array();
    bool ok;

    for (int j = 0; j < before->in.job_count; j++) {
        const struct planner_slot *old = &before->plan.slots[j];
        const struct planner_slot *new = &after->plan.slots[j];
        const struct plan_wait *wait = &facts->waits[j];
        char job[160], from[60], to[60];
        const char *cells[] = { job, from, to };
        json_t *row;

        if (old->verdict == new->verdict
            && old->start_ms / 60000 == new->start_ms / 60000)
            continue;
        snprintf(job, sizeof job, "%" PRId64 ".%s", wait->flight, wait->job);
        slot_words(old, facts->now_ms, from);
        slot_words(new, facts->now_ms, to);
        table_add(table, cells);
        row = json_object();
        json_put_text(row, "job", job);
        put_time(row, "start_before_ms", old);
        put_time(row, "start_after_ms", new);
        json_array_append_new(list, row);
    }
    if (cmd_json(call)) {
        ok = json_print(list, stdout, why);
    } else if (json_array_size(list) == 0) {
        ok = puts("nothing would change") >= 0;
    } else {
        ok = table_print(table, stdout, why);
    }
    table_free(table);
    json_decref(list);
    return ok;
}

static bool
run_what_if(struct cmd_call *call, struct fault *why)
{
    struct arena arena = ARENA_INIT;
    struct plan_facts facts;
    struct plan_made before, after;
    bool ok = load(&arena, &facts, why);

    if (ok) {
        plan_make(&facts, &arena, &before);
        ok = change(call, &facts, &arena, why);
    }
    if (ok) {
        plan_make(&facts, &arena, &after);
        ok = print_changes(call, &facts, &before, &after, why);
    }
    arena_free(&arena);
    return ok;
}

/* Hosts that jobs do not get ----------------------------------------------- */

static const char *
caller(struct cmd_call *call)
{
    const struct passwd *pw = getpwuid(getuid());

    return cmd_text(call, "who") != NULL ? cmd_text(call, "who")
        : pw != NULL ? pw->pw_name : "unknown";
}

/* Who has the host now, and until when, for whoever wants it next. */
static void
tell_holder(const struct plan_facts *facts, const char *host)
{
    struct arena arena = ARENA_INIT;
    struct plan_made made;
    char until[24];

    plan_make(facts, &arena, &made);
    for (int i = 0; i < made.in.hold_count; i++) {
        const struct planner_hold *hold = &made.in.holds[i];

        if (strcmp(facts->hosts[hold->host].name, host) != 0)
            continue;
        plan_text_time(hold->until_ms, facts->now_ms, until);
        printf("%s has it still, until about %s\n", hold->who, until);
    }
    arena_free(&arena);
}

static bool
close_for(struct cmd_call *call, const char *kind, struct fault *why)
{
    const char *host = cmd_arg(call, 0), *who = caller(call);
    struct arena arena = ARENA_INIT;
    struct plan_facts facts;
    struct db *db = NULL;
    bool lease = strcmp(kind, "lease") == 0, extended = false, ok;
    const char *mail = lease ? cmd_text(call, "mail") : NULL;
    int64_t from, until;
    char text[24];

    if (cmd_text(call, "for") == NULL || cmd_text(call, "why") == NULL)
        return fault_set(why, FAULT_USAGE, "say --for TIME and --why TEXT");
    if (cmd_int(call, "for") < SHORTEST_MS)
        return fault_set(why, FAULT_USAGE, "--for: less than a minute is no "
                         "%s: say how long, as 90m, 2h or 3d", kind);
    if (mail != NULL && (strchr(mail, '@') == NULL
                         || strpbrk(mail, "\r\n") != NULL))
        return fault_set(why, FAULT_USAGE, "'%s' is no address for mail",
                         mail);
    ok = db_open("assay", &db, why)
        && plan_db_load(db, &arena, NULL, &facts, why)
        && find_host(&facts, host, why) >= 0;
    if (!ok)
        goto out;
    from = facts.now_ms + (lease ? 0 : cmd_int(call, "in"));
    until = from + cmd_int(call, "for");
    if (lease)
        ok = window_db_extend(db, host, who, mail, until, &extended, why);
    if (ok && !extended) {
        const struct window_new window = {
            .host = host, .kind = kind, .who = who, .mail = mail,
            .why = cmd_text(call, "why"), .from_ms = from, .until_ms = until,
        };

        ok = window_db_add(db, &window, why);
    }
    if (!ok)
        goto out;
    plan_text_time(until, facts.now_ms, text);
    printf("%s: %s %s until %s UTC\n", host, kind,
           extended ? "extended" : "noted", text);
    tell_holder(&facts, host);
out:
    db_close(db);
    arena_free(&arena);
    return ok;
}

static bool
run_lease(struct cmd_call *call, struct fault *why)
{
    return close_for(call, "lease", why);
}

static bool
run_block(struct cmd_call *call, struct fault *why)
{
    return close_for(call, "blockage", why);
}

static bool
open_again(struct cmd_call *call, const char *kind, struct fault *why)
{
    struct db *db = NULL;
    int64_t count = 0;
    bool ok = db_open("assay", &db, why)
        && window_db_end(db, cmd_arg(call, 0), kind, &count, why);

    if (ok && count == 0)
        ok = fault_set(why, FAULT_NOT_FOUND, "there is no %s of %s", kind,
                       cmd_arg(call, 0));
    db_close(db);
    return ok;
}

static bool
run_return(struct cmd_call *call, struct fault *why)
{
    return open_again(call, "lease", why);
}

static bool
run_unblock(struct cmd_call *call, struct fault *why)
{
    return open_again(call, "blockage", why);
}

#define OPT(...) { .name = __VA_ARGS__ }

static const struct cmd_opt plan_opts[] = {
    OPT("html", .type = CMD_OPT_FLAG,
        .help = "a chart with a row a host, as one page"),
    OPT(NULL),
};
static const struct cmd_opt what_if_opts[] = {
    OPT("flight", .type = CMD_OPT_TEXT, .arg = "FLIGHT",
        .help = "had another priority: see --priority"),
    OPT("priority", .type = CMD_OPT_TEXT, .arg = "N",
        .help = "lower goes first; 0 is usual"),
    OPT("like", .type = CMD_OPT_TEXT, .arg = "HOST",
        .help = "there were more hosts like this one"),
    OPT("hosts", .type = CMD_OPT_INT, .arg = "N", .dflt = "1", .min = 1,
        .max = 1000, .help = "so many more"),
    OPT("lease", .type = CMD_OPT_TEXT, .arg = "HOST",
        .help = "somebody leased this host"),
    OPT("for", .type = CMD_OPT_DURATION, .arg = "TIME", .dflt = "2h",
        .help = "for so long"),
    OPT(NULL),
};
static const struct cmd_opt lease_opts[] = {
    OPT("for", .type = CMD_OPT_DURATION, .arg = "TIME",
        .help = "how long: 90m, 2h, 3d"),
    OPT("mail", .type = CMD_OPT_TEXT, .arg = "ADDRESS",
        .help = "write there before the end, and at it"),
    OPT("why", .type = CMD_OPT_TEXT, .arg = "TEXT",
        .help = "what for, for others to read"),
    OPT("who", .type = CMD_OPT_TEXT, .arg = "NAME",
        .help = "for whom (default: you)"),
    OPT(NULL),
};
static const struct cmd_opt block_opts[] = {
    OPT("in", .type = CMD_OPT_DURATION, .arg = "TIME", .dflt = "0",
        .help = "it begins so much later (default: now)"),
    OPT("for", .type = CMD_OPT_DURATION, .arg = "TIME",
        .help = "how long: 90m, 2h, 3d"),
    OPT("why", .type = CMD_OPT_TEXT, .arg = "TEXT",
        .help = "what for, for others to read"),
    OPT("who", .type = CMD_OPT_TEXT, .arg = "NAME",
        .help = "for whom (default: you)"),
    OPT(NULL),
};
const struct cmd plan_cmds[] = {
    { "host block", "HOST", 1, 1, CMD_WRITES, block_opts, run_block,
      "keep jobs off a host for a while, from now or later", NULL },
    { "host lease", "HOST", 1, 1, CMD_WRITES, lease_opts, run_lease,
      "have a host for yourself; it returns by itself",
      "Jobs get it no more until the end of the lease. Whoever has it now "
      "keeps it to\nhis end, which is told. A second lease by the same "
      "person moves the end; one by\nanother is refused." },
    { "host return", "HOST", 1, 1, CMD_WRITES, NULL, run_return,
      "end a lease before its time", NULL },
    { "host unblock", "HOST", 1, 1, CMD_WRITES, NULL, run_unblock,
      "end a blockage", NULL },
    { "plan", "", 0, 0, CMD_READS, plan_opts, run_plan,
      "when and where each waiting job will likely run", NULL },
    { "plan what-if", "", 0, 0, CMD_READS, what_if_opts, run_what_if,
      "which jobs would start at other times, if",
      "Nothing is changed. Several conditions may be given at once." },
    { "plan why", "FLIGHT JOB", 2, 2, CMD_READS, NULL, run_why,
      "why a job waits: a line a host, and whom it waits for", NULL },
    { .path = NULL },
};
