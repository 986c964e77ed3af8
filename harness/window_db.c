/* harness/window_db.c - see window_db.h. */
#include <config.h>

#include "harness/window_db.h"

#include <inttypes.h>
#include <stdio.h>

#include "harness/arena.h"
#include "harness/db.h"
#include "harness/db_value.h"
#include "harness/fault.h"


static const struct query Q_LOCK = { "window-lock",
    "select host from assay.host where host = $1::text for no key update",
    1, 1 };

static const struct query Q_TAKEN = { "window-taken",
    "select w.who, to_char(w.until_at, 'YYYY-MM-DD HH24:MI')"
    " from assay.host_window w where w.host = $1::text and w.kind = 'lease'"
    " and w.ended_at is null and w.until_at > clock_timestamp()"
    " and w.until_at > to_timestamp($2::double precision / 1000)"
    " and w.from_at < to_timestamp($3::double precision / 1000)"
    " order by w.until_at desc limit 1", 3, 2 };

static const struct query Q_ADD = { "window-add",
    "insert into assay.host_window (host, kind, from_at, until_at, who, why,"
    " mail) values ($1::text, $2::text,"
    " to_timestamp($3::double precision / 1000),"
    " to_timestamp($4::double precision / 1000), $5::text, $6::text,"
    " $7::text)", 7, 0 };

static const struct query Q_EXTEND = { "window-extend",
    "update assay.host_window"
    " set until_at = to_timestamp($3::double precision / 1000),"
    "  mail = coalesce($4::text, mail)"
    " where host = $1::text and who = $2::text and kind = 'lease'"
    "  and ended_at is null and until_at > clock_timestamp()", 4, 0 };

static const struct query Q_END = { "window-end",
    "update assay.host_window set ended_at = clock_timestamp()"
    " where host = $1::text and kind = $2::text and ended_at is null"
    "  and until_at > clock_timestamp()", 2, 0 };

static const struct query Q_LEASES = { "window-leases",
    "select w.host_window, w.host, h.site, w.who, w.why, w.mail,"
    " (extract(epoch from w.from_at) * 1000)::bigint,"
    " (extract(epoch from w.until_at) * 1000)::bigint,"
    " (extract(epoch from w.until_at - clock_timestamp()) * 1000)::bigint,"
    " to_char(w.until_at, 'YYYY-MM-DD HH24:MI') || ' UTC'"
    " from assay.host_window w join assay.host h on h.host = w.host"
    " where w.kind = 'lease' and w.ended_at is null"
    "  and w.from_at <= clock_timestamp() order by w.host_window", 0, 10 };

static const struct query Q_OVER = { "window-over",
    "update assay.host_window set ended_at = clock_timestamp()"
    " where host_window = $1::bigint and ended_at is null"
    "  and until_at <= clock_timestamp()", 1, 0 };

/* With the host's row locked: of two who want it, the second sees the first. */
static bool
refuse_taken(struct db *db, const struct window_new *window, const char *from,
             const char *until, struct fault *why)
{
    const char *params[] = { window->host, from, until };
    struct db_rows *rows = NULL;
    bool ok;

    if (!db_run(db, &Q_TAKEN, params, &rows, why))
        return false;
    ok = db_rows_count(rows) == 0
        || fault_set(why, FAULT_CONFLICT, "%s has leased %s until %s UTC",
                     db_text(rows, 0, 0), window->host, db_text(rows, 0, 1));
    db_rows_free(rows);
    return ok;
}

static bool
add_tx(struct db *db, void *arg, struct fault *why)
{
    const struct window_new *window = arg;
    char from[DB_INT_BYTES], until[DB_INT_BYTES];
    const char *params[] = { window->host, window->kind, from, until,
                             window->who, window->why, window->mail };
    struct db_rows *rows = NULL;
    bool ok;

    db_int_text(from, window->from_ms);
    db_int_text(until, window->until_ms);
    if (!db_run(db, &Q_LOCK, params, &rows, why))
        return false;
    ok = db_rows_count(rows) == 1
        || fault_set(why, FAULT_NOT_FOUND, "there is no host '%s'",
                     window->host);
    if (!ok)
        fault_hint(why, "assay host list");
    db_rows_free(rows);
    return ok
        && (strcmp(window->kind, "lease") != 0
            || refuse_taken(db, window, from, until, why))
        && db_run(db, &Q_ADD, params, NULL, why);
}

bool
window_db_add(struct db *db, const struct window_new *window,
              struct fault *why)
{
    struct window_new copy = *window;

    return db_transact(db, add_tx, &copy, why);
}

/* Runs a command: how many rows it changed. */
static bool
change(struct db *db, const struct query *query, const char *const *params,
       int64_t *count_out, struct fault *why)
{
    return db_value_changed(db, query, params, count_out, why);
}

bool
window_db_extend(struct db *db, const char *host, const char *who,
                 const char *mail, int64_t until_ms, bool *found_out,
                 struct fault *why)
{
    char until[DB_INT_BYTES];
    const char *params[] = { host, who, until, mail };
    int64_t count = 0;
    bool ok;

    db_int_text(until, until_ms);
    ok = change(db, &Q_EXTEND, params, &count, why);
    *found_out = count > 0;
    return ok;
}

bool
window_db_end(struct db *db, const char *host, const char *kind,
              int64_t *count_out, struct fault *why)
{
    const char *params[] = { host, kind };

    return change(db, &Q_END, params, count_out, why);
}

bool
window_db_leases(struct db *db, struct arena *arena,
                 struct window_lease **out, size_t *count_out,
                 struct fault *why)
{
    struct db_rows *rows = NULL;
    struct window_lease *list;
    int count;

    if (!db_run(db, &Q_LEASES, NULL, &rows, why))
        return false;
    count = db_rows_count(rows);
    list = arena_alloc(arena, ((size_t)count + 1) * sizeof *list);
    for (int i = 0; i < count; i++)
        list[i] = (struct window_lease){
            .id = db_int(rows, i, 0, 0),
            .host = db_copy(arena, rows, i, 1),
            .site = db_copy(arena, rows, i, 2),
            .who = db_copy(arena, rows, i, 3),
            .why = db_copy(arena, rows, i, 4),
            .mail = db_copy(arena, rows, i, 5),
            .from_ms = db_int(rows, i, 6, 0),
            .until_ms = db_int(rows, i, 7, 0),
            .left_ms = db_int(rows, i, 8, 0),
            .until = db_copy(arena, rows, i, 9),
        };
    db_rows_free(rows);
    *out = list;
    *count_out = (size_t)count;
    return true;
}

bool
window_db_over(struct db *db, int64_t id, bool *mine_out, struct fault *why)
{
    char number[DB_INT_BYTES];
    const char *params[] = { number };
    int64_t count = 0;
    bool ok;

    db_int_text(number, id);
    ok = change(db, &Q_OVER, params, &count, why);
    *mine_out = count > 0;
    return ok;
}
