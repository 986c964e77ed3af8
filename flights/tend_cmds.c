/* flights/tend_cmds.c - "assay host tend": all that is due for hosts. Leases
 * that end, what checks have shown, which hosts are to be checked next.
 *
 * Each thing is one transaction that begins with a lock on its host and a look
 * whether it is still due: whoever is killed leaves nothing half done, and of
 * two at once each thing is done by one. */
#include <config.h>

#include "flights/tend_cmds.h"

#include <inttypes.h>
#include <stdio.h>

#include "flights/checkup.h"
#include "flights/checkup_db.h"
#include "flights/flight_db.h"
#include "flights/flight_yaml.h"
#include "flights/plan.h"
#include "harness/arena.h"
#include "harness/buf.h"
#include "harness/db.h"
#include "harness/fault.h"
#include "harness/home.h"
#include "harness/json.h"
#include "harness/log.h"
#include "harness/signals.h"
#include "hosts/health_db.h"
#include "hosts/idle.h"
#include "hosts/lease.h"
#include "hosts/site.h"

#define BRANCH "host-check"

struct tend {
    struct arena arena;
    struct db *db;
    json_t *done;               /* array of objects host, did, text, flight */
    bool quiet;                 /* say it at the end, as JSON */
    bool failed;                /* something was due and could not be done */
};

/* One line for people, one object for machines. */
static void
note(struct tend *tend, const char *host, const char *did, int64_t flight,
     const char *text)
{
    json_t *one = json_object();

    json_put_text(one, "host", host);
    json_put_text(one, "did", did);
    json_put_text(one, "text", text);
    if (flight != 0)
        json_put_int(one, "flight", flight);
    must(json_array_append_new(tend->done, one) == 0);
    if (tend->quiet)
        return;
    if (flight != 0)
        printf("%s: %s, flight %" PRId64 ": %s\n", host, did, flight, text);
    else
        printf("%s: %s: %s\n", host, did, text);
}

static void
note_lease(void *owner, const char *host, const char *did, const char *text)
{
    note(owner, host, did, 0, text);
}

/* Says why something that is due cannot be done, and goes on. */
static void
cannot(struct tend *tend, const char *host, struct fault *why)
{
    fault_context(why, "host %s", host);
    fault_print(why);
    tend->failed = true;
    *why = (struct fault)FAULT_INIT;
}

/* What checks have shown ------------------------------------------------- */

struct ending {
    struct tend *tend;
    const struct checkup_ended *ended;
    enum checkup_verdict verdict;
    struct buf text;
    bool mine;
    const char *state;          /* the new one; NULL: as before */
    struct health_done done;
};

static bool
end_tx(struct db *db, void *arg, struct fault *why)
{
    struct ending *e = arg;
    struct checkup_row *row = NULL;
    struct health_order order;
    size_t count = 0;

    e->state = NULL;
    e->done = (struct health_done){ .changed = false };
    /* What was before this check, seen under the lock. */
    if (!checkup_db_lock(db, e->ended->host, why)
        || !checkup_db_hosts(db, NULL, e->ended->host, &e->tend->arena, &row,
                             &count, why)
        || !checkup_db_end(db, e->ended->check, e->verdict, &e->mine, why))
        return false;
    if (!e->mine || count == 0)
        return true;
    e->state = checkup_state(&row->facts, e->verdict);
    if (e->state == NULL)
        return true;
    order = (struct health_order){
        .host = e->ended->host, .state = e->state, .who = HEALTH_BY_RULE,
        .why = buf_text(&e->text),
        .spare_last = strcmp(row->facts.state, "good") == 0,
    };
    return health_set(db, &order, &e->done, why);
}

static bool
end_check(struct tend *tend, const struct checkup_ended *ended,
          struct fault *why)
{
    struct ending e = { .tend = tend, .ended = ended, .text = BUF_INIT };
    bool ok;

    e.verdict = checkup_judge(ended->status, ended->lane, ended->proved,
                              &e.text);
    buf_addf(&e.text, " (flight %" PRId64 ")", ended->flight);
    if (e.verdict != CHECKUP_GOOD && ended->reason[0] != '\0')
        buf_addf(&e.text, ": %s", ended->reason);
    ok = db_transact(tend->db, end_tx, &e, why);
    if (ok && e.mine) {
        if (e.state != NULL && !e.done.changed)
            buf_adds(&e.text, "; it stays in use, the last good one of its "
                     "class");
        else if (e.state != NULL && e.done.last_of_class
                 && strcmp(e.state, "good") != 0)
            buf_adds(&e.text, "; no good host of its class is left");
        note(tend, ended->host, e.done.changed ? e.state
             : checkup_verdict_name(e.verdict), 0, buf_text(&e.text));
    }
    buf_free(&e.text);
    return ok;
}

static bool
end_checks(struct tend *tend, struct fault *why)
{
    struct checkup_ended *list = NULL;
    size_t count = 0;
    bool ok;

    ok = checkup_db_ended(tend->db, &tend->arena, &list, &count, why);
    for (size_t i = 0; ok && i < count; i++)
        ok = end_check(tend, &list[i], why);
    return ok;
}

/* A host that is out of use is checked no more: its flight would wait. */
static bool
abort_vain(struct tend *tend, struct fault *why)
{
    struct checkup_ended *list = NULL;
    size_t count = 0;
    bool ok;

    ok = checkup_db_vain(tend->db, &tend->arena, &list, &count, why);
    for (size_t i = 0; ok && i < count; i++) {
        const char *state = list[i].reason;

        ok = flight_db_abort(tend->db, list[i].flight,
                             arena_printf(&tend->arena, "the host is %s",
                                          state), why);
        if (ok)
            note(tend, list[i].host, "check ends", 0,
                 arena_printf(&tend->arena, "its state is %s", state));
        else
            ok = why->kind == FAULT_CONFLICT;   /* it has just ended */
    }
    return ok;
}

/* Which are due --------------------------------------------------------- */

struct beginning {
    const struct checkup_row *row;
    const struct plan *plan;
    enum checkup_cause cause;
    const char *reason;
    bool mine;
    int64_t flight;
};

static bool
begin_tx(struct db *db, void *arg, struct fault *why)
{
    struct beginning *b = arg;
    const char *host = b->row->facts.host;

    return checkup_db_lock(db, host, why)
        && checkup_db_is_last(db, host, b->row->last_check, &b->mine, why)
        && (!b->mine
            || (flight_db_create(db, b->plan, &b->flight, why)
                && flight_db_start(db, b->flight, why)
                && checkup_db_begin(db, host, b->flight, b->cause, b->reason,
                                    why)));
}

/* A flight of one job, on this host. */
static bool
make_plan(struct tend *tend, const struct site *site, const char *candidate,
          const struct checkup_host *host, struct plan *plan,
          struct fault *why)
{
    const struct site_checks *checks = site->checks;
    struct buf text = BUF_INIT;
    bool ok;

    buf_addf(&text, "flight: " BRANCH "\nintended: play\ncandidate: %s\n"
             "priority: %" PRId64 "\njobs:\n  - job: check-%s\n"
             "    recipe: %s\n    hosts: { host: { host: %s, arch: %s } }\n",
             candidate, checks->priority, host->host, checks->recipe,
             host->host, host->arch);
    ok = flight_yaml_parse(arena_printf(&tend->arena, "the flight made by %s",
                                        site->source), site->source,
                           buf_text(&text), text.len, &tend->arena, plan, why)
        && flight_db_check(tend->db, plan, why);
    buf_free(&text);
    return ok;
}

static bool
begin_check(struct tend *tend, const struct site *site,
            const char *candidate, const struct checkup_row *row,
            struct fault *why)
{
    struct beginning b = { .row = row };
    struct buf reason = BUF_INIT;
    struct plan plan;
    bool ok = true;

    b.cause = checkup_due(site->checks, &row->facts, &reason);
    if (b.cause == CHECKUP_NONE)
        goto out;
    if (candidate == NULL)
        ok = fault_set(why, FAULT_CONFLICT, "a check is due (%s), but the "
                       "gate of branch %s has let no candidate through yet",
                       buf_text(&reason), site->checks->branch);
    ok = ok && make_plan(tend, site, candidate, &row->facts, &plan, why);
    if (!ok) {
        ok = why->kind == FAULT_CONFIG || why->kind == FAULT_NOT_FOUND
            || why->kind == FAULT_CONFLICT;
        if (ok)
            cannot(tend, row->facts.host, why);
        goto out;
    }
    b.plan = &plan;
    b.reason = buf_text(&reason);
    ok = db_transact(tend->db, begin_tx, &b, why);
    if (ok && b.mine)
        note(tend, row->facts.host, "is checked", b.flight, b.reason);
out:
    buf_free(&reason);
    return ok;
}

static bool
judge(struct tend *tend, const char *site, struct fault *why)
{
    json_t *list = NULL, *one;
    size_t i;

    if (!health_judge(tend->db, site, &list, why))
        return false;
    json_array_foreach(list, i, one) {
        if (json_flag(one, "quarantined", false))
            note(tend, json_text(one, "host"), "bad", 0,
                 "jobs in a row broke on it: see 'assay host health'");
    }
    json_decref(list);
    return true;
}

static bool
tend_site(struct tend *tend, const char *name, struct fault *why)
{
    const char *candidate;
    struct checkup_row *rows = NULL;
    struct site site;
    size_t count = 0;
    bool ok;

    if (!site_load(name, &tend->arena, &site, why)) {
        cannot(tend, name, why);
        return true;
    }
    if (site.checks == NULL)
        return true;
    candidate = site.checks->candidate;
    ok = judge(tend, name, why)
        && (candidate != NULL
            || checkup_db_pushed(tend->db, site.checks->branch, &tend->arena,
                                 &candidate, why))
        && checkup_db_hosts(tend->db, name, NULL, &tend->arena, &rows,
                            &count, why);
    for (size_t i = 0; ok && i < count; i++)
        ok = begin_check(tend, &site, candidate, &rows[i], why);
    return ok;
}

static bool
tend_checks(struct tend *tend, struct fault *why)
{
    const char **sites = NULL;
    bool ok;

    ok = end_checks(tend, why) && abort_vain(tend, why)
        && checkup_db_sites(tend->db, &tend->arena, &sites, why);
    for (size_t i = 0; ok && sites[i] != NULL; i++)
        ok = tend_site(tend, sites[i], why);
    return ok;
}

static bool
run_tend(struct cmd_call *call, struct fault *why)
{
    struct tend tend = { .arena = ARENA_INIT, .quiet = cmd_json(call) };
    const char *only = cmd_text(call, "only");
    bool checks = only == NULL || strcmp(only, "checks") == 0;
    bool idle = only == NULL || strcmp(only, "idle") == 0;
    bool leases = only == NULL || strcmp(only, "leases") == 0;
    bool ok;

    if (!checks && !idle && !leases)
        return fault_set(why, FAULT_USAGE, "--only '%s' is none of checks, "
                         "idle, leases", only);
    tend.done = json_array();
    log_init("assay");
    signals_catch();
    /* By this name it starts no server that somebody has just stopped. Leases
     * come last: a power controller may keep them waiting. */
    ok = db_open("assay-tend", &tend.db, why)
        && (!checks || tend_checks(&tend, why))
        && (!idle || idle_tend(tend.db, &tend.arena, note_lease, &tend, why))
        && (!leases || lease_tend(tend.db, &tend.arena, note_lease, &tend,
                                  why));
    if (ok && tend.quiet)
        ok = json_print(tend.done, stdout, why);
    if (ok && tend.failed)
        cmd_exit_status(call, 1);
    json_decref(tend.done);
    db_close(tend.db);
    arena_free(&tend.arena);
    return ok;
}

static const struct cmd_opt tend_opts[] = {
    { "only", CMD_OPT_TEXT, "WHAT", NULL, 0, 0, "checks, idle or leases" },
    { .name = NULL },
};

const struct cmd tend_cmds[] = {
    { "host tend", "", 0, 0, CMD_WRITES, tend_opts, run_tend,
      "do what is due for hosts",
      "Writes to people whose lease ends and takes the host back. "
      "Switches off what a job has left prepared and no job comes for. "
      "Reads what checks of hosts have shown, takes hosts on which jobs break "
      "out of use,\nand has hosts checked that are new, that are suspect or "
      "whose turn it is, as the\nfiles of their sites say: see assay-site(5). "
      "assayd does this by itself. Exits 1\nwhen a check is due that cannot "
      "be made." },
    { .path = NULL },
};
