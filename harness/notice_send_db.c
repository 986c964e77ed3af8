/* harness/notice_send_db.c - see notice_send_db.h. */
#include <config.h>

#include "harness/notice_send_db.h"

#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "harness/arena.h"
#include "harness/db.h"
#include "harness/db_value.h"
#include "harness/fault.h"
#include "harness/json.h"
#include "harness/mem.h"
#include "harness/message.h"

#define MS(column) "(extract(epoch from " column ") * 1000)::bigint"

/* The sender --------------------------------------------------------------- */

/* Beside the class of tasks' locks (task_db.c). */
static const struct query Q_LOCK = { "notice-lock",
    "select pg_try_advisory_lock(16724, 1)", 0, 1 };

bool
notice_db_lock(struct db *db, bool *got_out, struct fault *why)
{
    return db_value_bool(db, &Q_LOCK, NULL, got_out, why);
}

#define MAIL_COLUMNS \
    "m.notice, m.name, m.address, m.state, m.reason, m.attempts, " \
    MS("m.next_at") ", " MS("m.begun_at") ", " MS("m.ended_at")
#define MAIL_COLUMN_COUNT 9

static void
read_mail(struct arena *arena, const struct db_rows *rows, int i,
          struct notice_mail *out)
{
    *out = (struct notice_mail){
        .notice = db_int(rows, i, 0, 0),
        .name = db_copy_text(arena, rows, i, 1),
        .address = db_copy_text(arena, rows, i, 2),
        .state = db_copy_text(arena, rows, i, 3),
        .reason = db_copy_text(arena, rows, i, 4),
        .attempts = (int)db_int(rows, i, 5, 0),
        .next_ms = db_int(rows, i, 6, -1),
        .begun_ms = db_int(rows, i, 7, -1),
        .ended_ms = db_int(rows, i, 8, -1),
    };
}

static bool
read_mails(struct db *db, const struct query *query,
           const char *const params[], struct arena *arena,
           struct notice_mail **out, size_t *count_out, struct fault *why)
{
    struct db_rows *rows = NULL;
    int count;

    if (!db_run(db, query, params, &rows, why))
        return false;
    count = db_rows_count(rows);
    *out = arena_alloc(arena, (size_t)count * sizeof **out + 1);
    *count_out = (size_t)count;
    for (int i = 0; i < count; i++)
        read_mail(arena, rows, i, &(*out)[i]);
    db_rows_free(rows);
    return true;
}

static const struct query Q_ORPHANS = { "notice-orphans",
    "update assay.notice_mail m set state = 'unsure',"
    " ended_at = clock_timestamp(), reason = 'the sender died while it was"
    " handed over: it may have gone, or not'"
    " where m.state = 'sending' returning " MAIL_COLUMNS,
    0, MAIL_COLUMN_COUNT };

bool
notice_db_orphans(struct db *db, struct arena *arena,
                  struct notice_mail **out, size_t *count_out,
                  struct fault *why)
{
    return read_mails(db, &Q_ORPHANS, NULL, arena, out, count_out, why);
}

/* Notices ------------------------------------------------------------------ */

#define ROW_COLUMNS \
    "n.notice, n.kind, n.about, n.cause, n.branch, n.subject, n.people::text," \
    " n.confidence, " MS("n.created_at") ", " \
    MS("clock_timestamp() - n.created_at") \
    ", r.notice is not null, n.body, n.headers::text"
#define ROW_COLUMN_COUNT 13
#define ROW_TABLES \
    " from assay.notice n left join assay.notice_routed r" \
    " on r.notice = n.notice"

static const struct query Q_UNROUTED = { "notice-unrouted",
    "select " ROW_COLUMNS ROW_TABLES " where r.notice is null"
    " order by n.notice limit 1", 0, ROW_COLUMN_COUNT };

static const struct query Q_READ = { "notice-read",
    "select " ROW_COLUMNS ROW_TABLES " where n.notice = $1::bigint",
    1, ROW_COLUMN_COUNT };

/* (A list has no use for what is long.) */
static const struct query Q_LIST = { "notice-list",
    "select n.notice, n.kind, n.about, n.cause, n.branch, n.subject,"
    " n.people::text, n.confidence, " MS("n.created_at") ", "
    MS("clock_timestamp() - n.created_at") ", r.notice is not null, '', '[]'"
    ROW_TABLES " order by n.notice desc limit $1::int", 1, ROW_COLUMN_COUNT };

static const struct query Q_MAILS = { "notice-mails",
    "select " MAIL_COLUMNS " from assay.notice_mail m"
    " where m.notice >= $1::bigint and m.notice <= $2::bigint"
    " order by m.notice desc, m.address",
    2, MAIL_COLUMN_COUNT };

/* The row's JSON is what notice_add() made. */
static const char *const *
read_people(struct arena *arena, const char *text)
{
    json_t *list = json_loads(text, 0, NULL);
    const char **out =
        arena_alloc(arena, (json_array_size(list) + 1) * sizeof *out);

    for (size_t i = 0; i < json_array_size(list); i++) {
        const char *one = json_text(json_array_get(list, i), "address");

        out[i] = arena_strdup(arena, one == NULL ? "" : one);
    }
    json_decref(list);
    return out;
}

static const struct message_header *
read_headers(struct arena *arena, const char *text)
{
    json_t *list = json_loads(text, 0, NULL);
    struct message_header *out =
        arena_alloc(arena, (json_array_size(list) + 1) * sizeof *out);

    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *one = json_array_get(list, i);
        const char *name = json_text(one, "name");
        const char *value = json_text(one, "value");

        out[i].name = arena_strdup(arena, name == NULL ? "" : name);
        out[i].value = arena_strdup(arena, value == NULL ? "" : value);
    }
    json_decref(list);
    return out;
}

static void
read_row(struct arena *arena, const struct db_rows *rows, int i,
         struct notice_row *out)
{
    *out = (struct notice_row){
        .notice = db_int(rows, i, 0, 0),
        .kind = db_copy_text(arena, rows, i, 1),
        .about = db_copy_text(arena, rows, i, 2),
        .cause = db_copy_text(arena, rows, i, 3),
        .branch = db_text(rows, i, 4) == NULL ? NULL
                                              : db_copy_text(arena, rows, i, 4),
        .subject = db_copy_text(arena, rows, i, 5),
        .people = read_people(arena, db_text(rows, i, 6)),
        .confidence = db_double(rows, i, 7, 0),
        .created_ms = db_int(rows, i, 8, -1),
        .age_ms = db_int(rows, i, 9, 0),
        .routed = db_bool(rows, i, 10),
        .body = db_copy_text(arena, rows, i, 11),
        .headers = read_headers(arena, db_text(rows, i, 12)),
    };
}

static bool
read_rows(struct db *db, const struct query *query,
          const char *const params[], struct arena *arena,
          struct notice_row **out, size_t *count_out, struct fault *why)
{
    struct db_rows *rows = NULL;
    int count;

    if (!db_run(db, query, params, &rows, why))
        return false;
    count = db_rows_count(rows);
    *out = arena_alloc(arena, (size_t)count * sizeof **out + 1);
    *count_out = (size_t)count;
    for (int i = 0; i < count; i++)
        read_row(arena, rows, i, &(*out)[i]);
    db_rows_free(rows);
    return true;
}

bool
notice_db_unrouted(struct db *db, struct arena *arena,
                   struct notice_row **out, struct fault *why)
{
    size_t count = 0;

    if (!read_rows(db, &Q_UNROUTED, NULL, arena, out, &count, why))
        return false;
    if (count == 0)
        *out = NULL;
    return true;
}

/* To each of these (newest first) its mails. */
static bool
add_mails(struct db *db, struct arena *arena, struct notice_row *rows,
          size_t count, struct fault *why)
{
    char first[DB_INT_BYTES], last[DB_INT_BYTES];
    struct notice_mail *mails = NULL;
    size_t mail_count = 0, k = 0;

    if (count == 0)
        return true;
    const char *params[] = { db_int_text(first, rows[count - 1].notice),
                             db_int_text(last, rows[0].notice) };
    if (!read_mails(db, &Q_MAILS, params, arena, &mails, &mail_count, why))
        return false;
    for (size_t i = 0; i < count; i++) {
        while (k < mail_count && mails[k].notice > rows[i].notice)
            k++;
        rows[i].mails = &mails[k];
        while (k < mail_count && mails[k].notice == rows[i].notice) {
            rows[i].mail_count++;
            k++;
        }
    }
    return true;
}

bool
notice_db_read(struct db *db, int64_t notice, struct arena *arena,
               struct notice_row *out, struct fault *why)
{
    char number[DB_INT_BYTES];
    const char *params[] = { db_int_text(number, notice) };
    struct notice_row *list = NULL;
    size_t count = 0;

    if (!read_rows(db, &Q_READ, params, arena, &list, &count, why)
        || !add_mails(db, arena, list, count, why))
        return false;
    if (count == 0)
        return fault_set(why, FAULT_NOT_FOUND, "there is no notice %s",
                         number);
    *out = list[0];
    return true;
}

bool
notice_db_list(struct db *db, int limit, struct arena *arena,
               struct notice_row **out, size_t *count_out, struct fault *why)
{
    char number[DB_INT_BYTES];
    const char *params[] = { db_int_text(number, limit) };

    return read_rows(db, &Q_LIST, params, arena, out, count_out, why)
        && add_mails(db, arena, *out, *count_out, why);
}

/* Routes ------------------------------------------------------------------- */

static const struct query Q_ROUTED = { "notice-routed",
    "insert into assay.notice_routed (notice) values ($1::bigint)", 1, 0 };

static const struct query Q_TO = { "notice-to",
    "insert into assay.notice_mail (notice, name, address, state, reason)"
    " values ($1::bigint, $2::text, $3::text,"
    " case when $4::text is null then 'waiting' else 'failed' end,"
    " coalesce($4::text, ''))", 4, 0 };

struct route {
    int64_t notice;
    const struct notice_to *to;
    size_t count;
};

static bool
route_tx(struct db *db, void *arg, struct fault *why)
{
    const struct route *route = arg;
    char number[DB_INT_BYTES];
    const char *params[] = { db_int_text(number, route->notice), NULL, NULL,
                             NULL };

    if (!db_run(db, &Q_ROUTED, params, NULL, why))
        return false;
    for (size_t i = 0; i < route->count; i++) {
        params[1] = route->to[i].name;
        params[2] = route->to[i].address;
        params[3] = route->to[i].wrong;
        if (!db_run(db, &Q_TO, params, NULL, why))
            return false;
    }
    return true;
}

bool
notice_db_route(struct db *db, int64_t notice, const struct notice_to *to,
                size_t count, struct fault *why)
{
    struct route route = { .notice = notice, .to = to, .count = count };

    return db_transact(db, route_tx, &route, why);
}

/* Mails -------------------------------------------------------------------- */

static const struct query Q_NOW = { "notice-now",
    "select (extract(epoch from clock_timestamp()) * 1000000)::bigint", 0, 1 };

bool
notice_db_now(struct db *db, int64_t *now_us_out, struct fault *why)
{
    return db_value_int(db, &Q_NOW, NULL, 0, now_us_out, why);
}

static const struct query Q_NEXT = { "notice-next",
    "select " MAIL_COLUMNS " from assay.notice_mail m"
    " where m.state = 'waiting'"
    " and ($2::boolean or m.next_at <= clock_timestamp())"
    " and (m.begun_at is null or (extract(epoch from m.begun_at) * 1000000)"
    "  < $1::bigint)"
    " order by m.next_at, m.notice, m.address limit 1",
    2, MAIL_COLUMN_COUNT };

bool
notice_db_next(struct db *db, int64_t since_us, bool now, struct arena *arena,
               struct notice_mail *out, bool *found_out, struct fault *why)
{
    char since[DB_INT_BYTES];
    const char *params[] = { db_int_text(since, since_us),
                             now ? "true" : "false" };
    struct notice_mail *list = NULL;
    size_t count = 0;

    if (!read_mails(db, &Q_NEXT, params, arena, &list, &count, why))
        return false;
    *found_out = count > 0;
    if (count > 0)
        *out = list[0];
    return true;
}

static const struct query Q_CLAIM = { "notice-claim",
    "update assay.notice_mail set state = 'sending',"
    " attempts = attempts + 1, begun_at = clock_timestamp(), ended_at = null"
    " where notice = $1::bigint and address = $2::text"
    " and state = 'waiting' and attempts = $3::int", 3, 0 };

/* One row, or FAULT_CONFLICT. */
static bool
change(struct db *db, const struct query *query, const char *const params[],
       struct fault *why)
{
    int64_t changed;

    if (!db_value_changed(db, query, params, &changed, why))
        return false;
    return changed == 1
        || fault_set(why, FAULT_CONFLICT, "the mail of notice %s to %s was "
                     "moved on by another process", params[0], params[1]);
}

bool
notice_db_claim(struct db *db, struct notice_mail *mail, struct fault *why)
{
    char number[DB_INT_BYTES], attempts[DB_INT_BYTES];
    const char *params[] = { db_int_text(number, mail->notice), mail->address,
                             db_int_text(attempts, mail->attempts) };

    if (!change(db, &Q_CLAIM, params, why))
        return false;
    mail->attempts++;
    return true;
}

/* Also of one that was called unsure meanwhile, because our lock was lost: now
 * it is sure. */
static const struct query Q_DONE = { "notice-done",
    "update assay.notice_mail set state = $4::text, reason = $5::text,"
    " ended_at = clock_timestamp(),"
    " next_at = clock_timestamp() + $6::bigint * interval '1 millisecond'"
    " where notice = $1::bigint and address = $2::text"
    " and state in ('sending', 'unsure') and attempts = $3::int", 6, 0 };

bool
notice_db_done(struct db *db, const struct notice_mail *mail,
               const char *state, const char *reason, int64_t wait_ms,
               struct fault *why)
{
    char number[DB_INT_BYTES], attempts[DB_INT_BYTES];
    char wait[DB_INT_BYTES];
    const char *params[] = {
        db_int_text(number, mail->notice), mail->address,
        db_int_text(attempts, mail->attempts), state, reason,
        db_int_text(wait, wait_ms),
    };

    return change(db, &Q_DONE, params, why);
}

static const struct query Q_AGAIN = { "notice-again",
    "update assay.notice_mail set state = 'waiting', attempts = 0,"
    " next_at = clock_timestamp()"
    " where notice = $1::bigint and (state = 'unsure'"
    "  or (state = 'failed' and attempts > 0))", 1, 0 };

bool
notice_db_again(struct db *db, int64_t notice, int64_t *count_out,
                struct fault *why)
{
    char number[DB_INT_BYTES];
    const char *params[] = { db_int_text(number, notice) };

    return db_value_changed(db, &Q_AGAIN, params, count_out, why);
}
