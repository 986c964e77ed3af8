/* hosts/health_db.c - see health_db.h. */
#include <config.h>

#include "hosts/health_db.h"

#include <stdio.h>

#include "harness/buf.h"
#include "harness/db.h"
#include "harness/fault.h"
#include "harness/json.h"
#include "harness/log.h"
#include "harness/notice.h"

#define RESULT_COLUMNS 6
#define DRIFT "it is not what it was: "

/* The row of the host is locked, and the others of its class are looked at
 * then, so that two that are judged together are not both spared of being the
 * last. A spared host is told of once. */
static const struct query Q_SET = {
    "health_set",
    "with old as ("
    "  select host, state, class from assay.host where host = $1::text"
    "  for update), "
    "peers as ("
    "  select count(*) as n from ("
    "    select 1 from assay.host h, old"
    "     where h.class = old.class and h.host <> old.host"
    "       and h.state = 'good' for update of h) as locked), "
    "new as ("
    "  update assay.host h set state = $2::text, updated_at = now()"
    "   from old, peers"
    "   where h.host = old.host and (not $5::boolean or peers.n > 0)"
    "  returning h.state), "
    "noted as ("
    "  insert into assay.host_health"
    "    (host, was, state, who, why, last_of_class)"
    "  select old.host, old.state,"
    "    coalesce((select state from new), old.state),"
    "    $3::text, $4::text, peers.n = 0"
    "   from old, peers"
    "   where exists (select from new) or $4::text is distinct from ("
    "     select x.why from assay.host_health x where x.host = old.host"
    "      order by x.health desc limit 1)"
    "  returning health) "
    "select exists (select from new), peers.n = 0,"
    "  (select health from noted), old.state, old.class,"
    "  (select p.value from assay.host_property p"
    "    where p.host = old.host and p.name = 'mail')"
    " from old, peers",
    5, RESULT_COLUMNS
};

/* Jobs with one host, that ended since it was last called good, from the
 * newest back to the first that did not break. */
static const struct query Q_JUDGE = {
    "health_judge",
    "with run as ("
    "  select r.host, j.flight, j.job, j.candidate,"
    "    j.status in ('broken', 'truncated')"
    "      and j.lane in ('host', 'unknown')"
    "      and not exists (select from assay.step s"
    "        where s.flight = j.flight and s.job = j.job"
    "          and s.status = 'pass') as broke,"
    "    row_number() over (partition by r.host"
    "      order by j.finished_at desc, j.flight desc, j.job desc) as n"
    "  from assay.job_role r"
    "  join assay.job j on j.flight = r.flight and j.job = r.job"
    "  join assay.host h on h.host = r.host"
    "   and h.state in ('good', 'suspect')"
    "   and ($3::text is null or h.site = $3::text)"
    "  where j.finished_at > coalesce((select max(x.at)"
    "      from assay.host_health x"
    "      where x.host = r.host and x.state = 'good' and x.was <> 'good'),"
    "      '-infinity')"
    "    and j.status in ('pass', 'fail', 'broken', 'truncated')"
    "    and not exists (select from assay.job_role o"
    "      where o.flight = r.flight and o.job = r.job"
    "        and o.host <> r.host)), "
    "first_whole as ("
    "  select host, min(n) as n from run where not broke group by host), "
    "streak as ("
    "  select run.* from run left join first_whole f on f.host = run.host"
    "   where run.broke and run.n < coalesce(f.n, 9223372036854775807)), "
    "reliable as ("
    "  select distinct s.host, s.candidate from streak s"
    "   where exists (select from assay.job j"
    "     join assay.job_role o on o.flight = j.flight and o.job = j.job"
    "     where j.candidate = s.candidate and j.status = 'pass'"
    "       and o.host is not null and o.host <> s.host)) "
    "select s.host, h.class, count(distinct (s.flight, s.job)),"
    "  (select count(*) from reliable r where r.host = s.host)"
    " from streak s join assay.host h on h.host = s.host"
    " group by s.host, h.class"
    " having count(distinct (s.flight, s.job)) >= $1::int"
    "  and (select count(*) from reliable r where r.host = s.host)"
    "      >= $2::int"
    " order by s.host", 3, 4
};
static const struct query Q_HISTORY = {
    "health_history",
    "select host, to_char(at at time zone 'UTC',"
    "  'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"'), was, state, who, why,"
    "  last_of_class"
    " from assay.host_health where $1::text is null or host = $1::text"
    " order by health desc limit $2::int", 2, 7
};
static const struct query Q_STATE = {
    "health_state",
    "select h.state, coalesce((select x.why from assay.host_health x"
    "   where x.host = h.host order by x.health desc limit 1), '')"
    " from assay.host h where h.host = $1::text", 1, 2
};

/* Whoever looks after hosts hears what was written down. */
static bool
tell(struct db *db, const struct health_order *order,
     const struct db_rows *rows, struct fault *why)
{
    bool changed = db_bool(rows, 0, 0), last = db_bool(rows, 0, 1);
    const char *was = db_text(rows, 0, 3), *mail = db_text(rows, 0, 5);
    const char *people[] = { mail, NULL };
    struct buf about = BUF_INIT, subject = BUF_INIT, body = BUF_INIT;
    bool ok;

    if (db_text(rows, 0, 2) == NULL
        || (changed && strcmp(was, order->state) == 0))
        return true;
    buf_addf(&about, "host %s", order->host);
    if (changed)
        buf_addf(&subject, "host %s is %s, was %s", order->host,
                 order->state, was);
    else
        buf_addf(&subject, "host %s stays %s", order->host, was);
    buf_addf(&body, "%s: %s\n", order->who, order->why);
    if (last && !changed)
        buf_addf(&body, "It should be %s, but it is the last good host of "
                 "class %s.\n", order->state, db_text(rows, 0, 4));
    else if (last && strcmp(order->state, "good") != 0)
        buf_addf(&body, "No good host of class %s is left.\n",
                 db_text(rows, 0, 4));
    {
        const struct notice notice = {
            .kind = "host", .about = buf_text(&about),
            .cause = db_text(rows, 0, 2), .subject = buf_text(&subject),
            .body = buf_text(&body), .people = mail == NULL ? NULL : people,
        };

        ok = notice_add(db, &notice, NULL, why);
    }
    buf_free(&about);
    buf_free(&subject);
    buf_free(&body);
    return ok;
}

struct setting {
    const struct health_order *order;
    struct health_done done;
};

static bool
set_tx(struct db *db, void *arg, struct fault *why)
{
    struct setting *setting = arg;
    const struct health_order *order = setting->order;
    const char *params[] = { order->host, order->state, order->who,
                             order->why,
                             order->spare_last ? "true" : "false" };
    struct db_rows *rows = NULL;
    bool ok;

    ok = db_run(db, &Q_SET, params, &rows, why);
    if (ok && db_rows_count(rows) == 0)
        ok = fault_set(why, FAULT_NOT_FOUND, "no host '%s'", order->host);
    if (ok) {
        setting->done.changed = db_bool(rows, 0, 0);
        setting->done.last_of_class = db_bool(rows, 0, 1);
        ok = tell(db, order, rows, why);
    }
    db_rows_free(rows);
    return ok;
}

bool
health_set(struct db *db, const struct health_order *order,
           struct health_done *done_out, struct fault *why)
{
    struct setting setting = { .order = order };
    bool ok = db_transact(db, set_tx, &setting, why);

    if (ok && done_out != NULL)
        *done_out = setting.done;
    return ok;
}

/* Takes the host out of use if it is in use, and says so in the log. */
static bool
take_out(struct db *db, const struct health_order *order, struct fault *why)
{
    const struct log_fields fields = { .host = order->host };
    const char *params[] = { order->host };
    struct health_done done = { .changed = false };
    struct db_rows *rows = NULL;
    const char *state;
    bool ok, used = false;

    ok = db_run(db, &Q_STATE, params, &rows, why);
    if (ok && db_rows_count(rows) == 1) {
        state = db_text(rows, 0, 0);
        used = strcmp(state, "good") == 0 || strcmp(state, "suspect") == 0;
    }
    db_rows_free(rows);
    if (!ok || !used)
        return ok;
    ok = health_set(db, order, &done, why);
    if (ok)
        log_with(LOG_LEVEL_WARN, &fields, "%s: %s%s", done.changed
                     ? "quarantined, state bad" : "it stays in use",
                 order->why, done.last_of_class
                     ? "; it is the last good host of its class" : "");
    return ok;
}

void
health_power_failed(struct db *db, const char *host, const json_t *config,
                    const struct fault *failed)
{
    const struct health_order order = {
        .host = host, .state = "bad", .who = HEALTH_BY_RULE,
        .why = failed->text,
    };
    const char *driver = json_text(config, "driver");
    struct fault why = FAULT_INIT;

    if ((failed->kind != FAULT_PEER && failed->kind != FAULT_TIMEOUT)
        || driver == NULL || strcmp(driver, "manual") == 0
        || strcmp(driver, "libvirt") == 0)
        return;
    if (!take_out(db, &order, &why))
        log_fault(LOG_LEVEL_WARN, &why, "take the host out of use");
}

bool
health_drifted(struct db *db, const char *host, const char *text,
               struct fault *why)
{
    struct buf reason = BUF_INIT;
    struct health_order order = {
        .host = host, .state = "bad", .who = HEALTH_BY_RULE,
        .spare_last = true,
    };
    bool ok;

    buf_addf(&reason, "%s%s", DRIFT, text);
    order.why = buf_text(&reason);
    ok = take_out(db, &order, why);
    buf_free(&reason);
    return ok;
}

bool
health_drift_accepted(struct db *db, const char *host, const char *who,
                      struct fault *why)
{
    const struct health_order order = {
        .host = host, .state = "good", .who = who,
        .why = "what it has become was accepted",
    };
    const char *params[] = { host };
    struct db_rows *rows = NULL;
    bool ok, drifted;

    ok = db_run(db, &Q_STATE, params, &rows, why);
    drifted = ok && db_rows_count(rows) == 1
        && strcmp(db_text(rows, 0, 0), "bad") == 0
        && strncmp(db_text(rows, 0, 1), DRIFT, sizeof(DRIFT) - 1) == 0;
    db_rows_free(rows);
    return ok && (!drifted || health_set(db, &order, NULL, why));
}

/* One host that the rule is about; adds what was done to 'list'. */
static bool
judge_one(struct db *db, const struct db_rows *rows, int row, json_t *list,
          struct fault *why)
{
    int64_t runs = db_int(rows, row, 2, 0), tried = db_int(rows, row, 3, 0);
    struct health_done done = { .changed = false };
    struct health_order order = {
        .host = db_text(rows, row, 0), .state = "bad",
        .who = HEALTH_BY_RULE, .spare_last = true,
    };
    json_t *one = json_object();
    char text[200];
    bool ok;

    (void)snprintf(text, sizeof(text), "%lld jobs in a row broke on it, with "
                   "%lld candidates that passed elsewhere", (long long)runs,
                   (long long)tried);
    order.why = text;
    ok = health_set(db, &order, &done, why);
    json_put_text(one, "host", order.host);
    json_put_text(one, "class", db_text(rows, row, 1));
    json_put_int(one, "runs", runs);
    json_put_int(one, "candidates", tried);
    must(json_object_set_new(one, "quarantined",
                             json_boolean(done.changed)) == 0
         && json_object_set_new(one, "last_of_class",
                                json_boolean(done.last_of_class)) == 0
         && json_array_append_new(list, one) == 0);
    return ok;
}

bool
health_judge(struct db *db, const char *site, json_t **list_out,
             struct fault *why)
{
    char least_runs[16], least_candidates[16];
    const char *params[] = { least_runs, least_candidates, site };
    struct db_rows *rows = NULL;
    json_t *list = json_array();
    bool ok;

    (void)snprintf(least_runs, sizeof(least_runs), "%d", HEALTH_RUNS);
    (void)snprintf(least_candidates, sizeof(least_candidates), "%d",
                   HEALTH_CANDIDATES);
    ok = db_run(db, &Q_JUDGE, params, &rows, why);
    for (int i = 0; ok && i < db_rows_count(rows); i++)
        ok = judge_one(db, rows, i, list, why);
    db_rows_free(rows);
    if (ok)
        *list_out = list;
    else
        json_decref(list);
    return ok;
}

bool
health_history(struct db *db, const char *host, int count, json_t **list_out,
               struct fault *why)
{
    static const char *const names[] = { "host", "at", "was", "state", "who",
                                         "why" };
    char number[16];
    const char *params[] = { host, number };
    struct db_rows *rows = NULL;
    json_t *list;

    (void)snprintf(number, sizeof(number), "%d", count);
    if (!db_run(db, &Q_HISTORY, params, &rows, why))
        return false;
    list = json_array();
    for (int i = 0; i < db_rows_count(rows); i++) {
        json_t *one = json_object();

        for (size_t k = 0; k < ARRAY_LEN(names); k++)
            json_put_text(one, names[k], db_text(rows, i, (int)k));
        must(json_object_set_new(one, "last_of_class",
                                 json_boolean(db_bool(rows, i, 6))) == 0
             && json_array_append_new(list, one) == 0);
    }
    db_rows_free(rows);
    *list_out = list;
    return true;
}
