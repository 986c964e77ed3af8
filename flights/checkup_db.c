/* flights/checkup_db.c - see checkup_db.h. */
#include <config.h>

#include "flights/checkup_db.h"

#include <inttypes.h>
#include <stdio.h>

#include "harness/arena.h"
#include "harness/db.h"
#include "harness/db_value.h"
#include "harness/fault.h"
#include "hosts/health_db.h"

#define AGO(what) "(extract(epoch from clock_timestamp() - " what ") * 1000)" \
    "::bigint"

/* What broke counts from the last check on, or from the last time that a
 * person called the host good, and for a day. */
static const struct query Q_HOSTS = {
    "checkup-hosts",
    "select h.host, h.site, h.arch, h.state,"
    " exists (select from assay.host_check c where c.host = h.host"
    "  and c.ended_at is null),"
    " l.verdict, " AGO("l.ended_at") ", " AGO("g.ended_at") ", "
    AGO("p.at") ","
    " (select count(*) from assay.host_check c where c.host = h.host"
    "  and c.verdict = 'bad'"
    "  and c.ended_at > coalesce(greatest(g.ended_at, p.at), '-infinity')),"
    " (select count(*) from assay.job_role r join assay.job j"
    "   on j.flight = r.flight and j.job = r.job"
    "  where r.host = h.host and j.finished_at > coalesce(n.begun_at,"
    "   '-infinity')"
    "  and not exists (select from assay.host_check c"
    "   where c.flight = j.flight)),"
    " (select 'job ' || j.job || ' of flight ' || j.flight || ' was '"
    "   || j.status || coalesce(': ' || j.reason, '')"
    "  from assay.job_role r join assay.job j"
    "   on j.flight = r.flight and j.job = r.job"
    "  where r.host = h.host and j.status in ('fail', 'broken', 'truncated')"
    "  and (j.lane = 'host' or (j.lane = 'unknown' and j.status <> 'fail'))"
    "  and j.finished_at > greatest(n.begun_at, p.at,"
    "   clock_timestamp() - interval '1 day')"
    "  and not exists (select from assay.host_check c"
    "   where c.flight = j.flight)"
    "  order by j.finished_at desc limit 1),"
    " coalesce(n.host_check, 0)"
    " from assay.host h"
    " left join lateral (select c.host_check, c.begun_at"
    "  from assay.host_check c where c.host = h.host"
    "  order by c.host_check desc limit 1) n on true"
    " left join lateral (select c.verdict, c.ended_at"
    "  from assay.host_check c where c.host = h.host"
    "  and c.ended_at is not null order by c.host_check desc limit 1) l"
    "  on true"
    " left join lateral (select c.ended_at"
    "  from assay.host_check c where c.host = h.host"
    "  and c.verdict = 'good' order by c.host_check desc limit 1) g on true"
    " left join lateral (select x.at from assay.host_health x"
    "  where x.host = h.host and x.who <> '" HEALTH_BY_RULE "'"
    "  order by x.health desc limit 1) p on true"
    " where ($1::text is null or h.site = $1::text)"
    "  and ($2::text is null or h.host = $2::text) order by h.host",
    2, 13
};

static const struct query Q_SITES = {
    "checkup-sites",
    "select distinct site from assay.host order by site", 0, 1
};

static const struct query Q_ENDED = {
    "checkup-ended",
    "select c.host_check, c.flight, c.host, coalesce(j.status, 'aborted'),"
    " j.lane, coalesce(j.reason, ''),"
    " exists (select from assay.job o where o.candidate = j.candidate"
    "  and o.status = 'pass')"
    " from assay.host_check c join assay.flight f on f.flight = c.flight"
    " left join assay.job j on j.flight = c.flight"
    " where c.ended_at is null and f.finished_at is not null"
    " order by c.host_check",
    0, 7
};

static const struct query Q_VAIN = {
    "checkup-vain",
    "select c.host_check, c.flight, c.host, null, null, h.state, false"
    " from assay.host_check c join assay.flight f on f.flight = c.flight"
    " join assay.host h on h.host = c.host"
    " where c.ended_at is null and f.finished_at is null"
    "  and f.abort_reason is null and h.state not in ('good', 'suspect')"
    " order by c.host_check",
    0, 7
};

static const struct query Q_PUSHED = {
    "checkup-pushed",
    "select c.name from assay.gate_run r"
    " join assay.candidate c on c.candidate = r.candidate"
    " where r.branch = $1::text and r.state = 'pushed'"
    " order by r.run desc limit 1",
    1, 1
};

static const struct query Q_LOCK = {
    "checkup-lock",
    "select host from assay.host where host = $1::text for no key update",
    1, 1
};

static const struct query Q_LAST = {
    "checkup-last",
    "select coalesce(max(host_check), 0) from assay.host_check"
    " where host = $1::text",
    1, 1
};

static const struct query Q_BEGIN = {
    "checkup-begin",
    "insert into assay.host_check (host, flight, cause, why)"
    " values ($1::text, $2::bigint, $3::text, $4::text)",
    4, 0
};

static const struct query Q_END = {
    "checkup-end",
    "update assay.host_check set ended_at = clock_timestamp(),"
    " verdict = $2::text"
    " where host_check = $1::bigint and ended_at is null",
    2, 0
};

bool
checkup_db_hosts(struct db *db, const char *site, const char *host,
                 struct arena *arena, struct checkup_row **out,
                 size_t *count_out, struct fault *why)
{
    const char *params[] = { site, host };
    struct db_rows *rows = NULL;
    struct checkup_row *list;
    int count;

    if (!db_run(db, &Q_HOSTS, params, &rows, why))
        return false;
    count = db_rows_count(rows);
    list = arena_alloc(arena, ((size_t)count + 1) * sizeof *list);
    for (int i = 0; i < count; i++)
        list[i] = (struct checkup_row){
            .facts = {
                .host = db_copy(arena, rows, i, 0),
                .arch = db_copy(arena, rows, i, 2),
                .state = db_copy(arena, rows, i, 3),
                .open = db_bool(rows, i, 4),
                .last = checkup_verdict_parse(db_text(rows, i, 5)),
                .last_ms = db_int(rows, i, 6, -1),
                .good_ms = db_int(rows, i, 7, -1),
                .said_ms = db_int(rows, i, 8, -1),
                .bad_in_row = (int)db_int(rows, i, 9, 0),
                .jobs = db_int(rows, i, 10, 0),
                .failed = db_copy(arena, rows, i, 11),
            },
            .site = db_copy(arena, rows, i, 1),
            .last_check = db_int(rows, i, 12, 0),
        };
    db_rows_free(rows);
    *out = list;
    *count_out = (size_t)count;
    return true;
}

bool
checkup_db_sites(struct db *db, struct arena *arena, const char ***out,
                 struct fault *why)
{
    struct db_rows *rows = NULL;
    const char **list;
    int count;

    if (!db_run(db, &Q_SITES, NULL, &rows, why))
        return false;
    count = db_rows_count(rows);
    list = arena_alloc(arena, ((size_t)count + 1) * sizeof *list);
    for (int i = 0; i < count; i++)
        list[i] = db_copy(arena, rows, i, 0);
    db_rows_free(rows);
    *out = list;
    return true;
}

static bool
read_ended(struct db *db, const struct query *query, struct arena *arena,
           struct checkup_ended **out, size_t *count_out, struct fault *why)
{
    struct db_rows *rows = NULL;
    struct checkup_ended *list;
    int count;

    if (!db_run(db, query, NULL, &rows, why))
        return false;
    count = db_rows_count(rows);
    list = arena_alloc(arena, ((size_t)count + 1) * sizeof *list);
    for (int i = 0; i < count; i++)
        list[i] = (struct checkup_ended){
            .check = db_int(rows, i, 0, 0),
            .flight = db_int(rows, i, 1, 0),
            .host = db_copy(arena, rows, i, 2),
            .status = outcome_parse(db_text(rows, i, 3)),
            .lane = lane_parse(db_text(rows, i, 4)),
            .reason = db_copy(arena, rows, i, 5),
            .proved = db_bool(rows, i, 6),
        };
    db_rows_free(rows);
    *out = list;
    *count_out = (size_t)count;
    return true;
}

bool
checkup_db_ended(struct db *db, struct arena *arena,
                 struct checkup_ended **out, size_t *count_out,
                 struct fault *why)
{
    return read_ended(db, &Q_ENDED, arena, out, count_out, why);
}

bool
checkup_db_vain(struct db *db, struct arena *arena,
                struct checkup_ended **out, size_t *count_out,
                struct fault *why)
{
    return read_ended(db, &Q_VAIN, arena, out, count_out, why);
}

bool
checkup_db_pushed(struct db *db, const char *branch, struct arena *arena,
                  const char **candidate_out, struct fault *why)
{
    const char *params[] = { branch };
    struct db_rows *rows = NULL;

    if (!db_run(db, &Q_PUSHED, params, &rows, why))
        return false;
    *candidate_out = db_rows_count(rows) == 0 ? NULL
                                              : db_copy(arena, rows, 0, 0);
    db_rows_free(rows);
    return true;
}

bool
checkup_db_lock(struct db *db, const char *host, struct fault *why)
{
    const char *params[] = { host };

    return db_run(db, &Q_LOCK, params, NULL, why);
}

bool
checkup_db_is_last(struct db *db, const char *host, int64_t check,
                   bool *last_out, struct fault *why)
{
    const char *params[] = { host };
    int64_t last;

    if (!db_value_int(db, &Q_LAST, params, 0, &last, why))
        return false;
    *last_out = last == check;
    return true;
}

bool
checkup_db_begin(struct db *db, const char *host, int64_t flight,
                 enum checkup_cause cause, const char *reason,
                 struct fault *why)
{
    char number[DB_INT_BYTES];
    const char *params[] = { host, number, checkup_cause_name(cause),
                             reason };

    db_int_text(number, flight);
    return db_run(db, &Q_BEGIN, params, NULL, why);
}

bool
checkup_db_end(struct db *db, int64_t check, enum checkup_verdict verdict,
               bool *mine_out, struct fault *why)
{
    char number[DB_INT_BYTES];
    const char *params[] = { number, checkup_verdict_name(verdict) };
    int64_t changed;

    db_int_text(number, check);
    if (!db_value_changed(db, &Q_END, params, &changed, why))
        return false;
    *mine_out = changed == 1;
    return true;
}
