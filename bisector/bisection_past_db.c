/* bisector/bisection_past_db.c - what a bisection asks of the history of its
 * branch; see bisection_db.h. */
#include <config.h>


#include "bisector/bisection_db.h"
#include "harness/arena.h"
#include "harness/db.h"
#include "harness/db_value.h"

/* Flights of a branch that the history of a cell is taken from. */
#define HISTORY "200"
/* What ended so many flights ago is not looked at any more. */
#define LOOK_BACK "10000"
/* Jobs 'f'.job in which cell 't' had the outcome 's'. */
#define CELL_IS(f, j, t, s) \
    "(exists (select from assay.step s where s.flight = " f \
    "  and s.job = " j " and s.testid = " t " and s.status = '" s "')" \
    " or exists (select from assay.step_case k join assay.step s" \
    "  on s.flight = k.flight and s.job = k.job and s.step = k.step" \
    "  where k.flight = " f " and k.job = " j \
    "  and s.testid || '/' || k.id = " t " and k.status = '" s "'))"

/* How job 'f'.'j' booted ("as"), and what firmware and loaders said of
 * themselves, by source; null when it did not boot. */
#define FIRMWARE(f, j) \
    "(select jsonb_object_agg(x.source, x.said) from (select w.source," \
    "   string_agg(distinct w.said, '; ') as said" \
    "  from assay.boot_firmware w where w.flight = " f " and w.job = " j \
    "  group by w.source union all" \
    " select 'as', string_agg(distinct b.spec->>'firmware', ' ')" \
    "  from assay.boot b where b.flight = " f " and b.job = " j \
    "  having count(*) > 0) x)"

bool
bisection_db_trees(struct db *db, int64_t good, int64_t bad, const char *job,
                   struct arena *arena, struct bisection_tree **out,
                   int *count_out, struct fault *why)
{
    static const struct query Q_BISECTION_TREES = {
        "bisection-trees",
        "select b.tree, g.revision, b.revision, (select v.value"
        "  from assay.runvar v where v.flight = b.flight"
        "  and v.job = $3::text and v.name = 'tree_' || b.tree)"
        " from assay.flight_tree b"
        " join assay.flight_tree g on g.tree = b.tree"
        "  and g.flight = $1::bigint and g.revision <> b.revision"
        " where b.flight = $2::bigint order by b.tree collate \"C\"", 3, 4
    };
    char from[DB_INT_BYTES], to[DB_INT_BYTES];
    const char *params[] = { db_int_text(from, good), db_int_text(to, bad),
                             job };
    struct db_rows *rows = NULL;

    if (!db_run(db, &Q_BISECTION_TREES, params, &rows, why))
        return false;
    *count_out = db_rows_count(rows);
    *out = arena_alloc(arena, (size_t)*count_out * sizeof(**out) + 1);
    for (int i = 0; i < *count_out; i++)
        (*out)[i] = (struct bisection_tree){
            db_copy_text(arena, rows, i, 0), db_copy_text(arena, rows, i, 1),
            db_copy_text(arena, rows, i, 2), db_copy_text(arena, rows, i, 3),
        };
    db_rows_free(rows);
    return true;
}

bool
bisection_db_flight_trees(struct db *db, int64_t flight, struct arena *arena,
                          const char **out, struct fault *why)
{
    static const struct query Q_BISECTION_FLIGHT_TREES = {
        "bisection-flight-trees",
        "select coalesce(jsonb_object_agg(tree, revision), '{}')::text"
        " from assay.flight_tree where flight = $1::bigint", 1, 1
    };
    char number[DB_INT_BYTES];
    const char *params[] = { db_int_text(number, flight) };
    struct db_rows *rows = NULL;

    if (!db_run(db, &Q_BISECTION_FLIGHT_TREES, params, &rows, why))
        return false;
    *out = db_copy_text(arena, rows, 0, 0);
    db_rows_free(rows);
    return true;
}

bool
bisection_db_basis(struct db *db, int64_t flight, const char *job,
                   const char *testid, int64_t *basis_out, struct fault *why)
{
    static const struct query Q_BISECTION_BASIS = {
        "bisection-basis",
        "select max(f.flight) from assay.flight f"
        " join assay.flight b on b.flight = $1::bigint"
        "  and b.branch = f.branch and b.intended = f.intended"
        " where f.flight < $1::bigint and f.finished_at is not null and "
        CELL_IS("f.flight", "$2::text", "$3::text", "pass"), 3, 1
    };
    char number[DB_INT_BYTES];
    const char *params[] = { db_int_text(number, flight), job, testid };

    return db_value_int(db, &Q_BISECTION_BASIS, params, 0, basis_out, why);
}

bool
bisection_db_past(struct db *db, int64_t basis, const char *job,
                  const char *testid, const char *harness,
                  const char *firmware, int64_t *fails_out,
                  int64_t *runs_out, struct fault *why)
{
    static const struct query Q_BISECTION_PAST = {
        "bisection-past",
        "with f as (select f.flight from assay.flight f"
        "  join assay.flight b on b.flight = $1::bigint"
        "   and f.branch = b.branch where f.flight <= $1::bigint"
        "  and f.finished_at is not null"
        "  and ($4::text is null or exists (select from assay.job j"
        "   where j.flight = f.flight and j.job = $2::text"
        "   and coalesce(j.harness, f.harness) = $4::text))"
        "  and ($5::text is null or "
        FIRMWARE("f.flight", "$2::text") " @> $5::jsonb)"
        "  order by f.flight desc limit "
        HISTORY "), was as (select "
        CELL_IS("f.flight", "$2::text", "$3::text", "fail") " as bad, "
        CELL_IS("f.flight", "$2::text", "$3::text", "pass") " as good"
        "  from f) select count(*) filter (where bad),"
        " count(*) filter (where good or bad) from was", 5, 2
    };
    char number[DB_INT_BYTES];
    const char *params[] = { db_int_text(number, basis), job, testid, harness,
                             firmware };
    struct db_rows *rows = NULL;

    if (!db_run(db, &Q_BISECTION_PAST, params, &rows, why))
        return false;
    *fails_out = db_int(rows, 0, 0, 0);
    *runs_out = db_int(rows, 0, 1, 0);
    db_rows_free(rows);
    return true;
}

/* What was stopped by people, or could not be told, may be tried again. */
bool
bisection_db_known(struct db *db, int64_t flight, const char *job,
                   const char *testid, const char *signature,
                   int64_t *bisection_out, bool *open_out, struct fault *why)
{
    static const struct query Q_BISECTION_KNOWN = {
        "bisection-known",
        "select x.bisection, x.ended_at is null from assay.bisection x"
        " join assay.flight f on f.flight = $1::bigint"
        "  and x.branch = f.branch"
        " where x.job = $2::text and x.testid = $3::text"
        " and coalesce(x.signature, '') = $4::text and (x.ended_at is null"
        "  or (x.verdict in ('culprit', 'suspects', 'component')"
        "   and not exists (select from assay.flight p"
        "    where p.branch = f.branch and p.flight > x.flight"
        "    and p.intended = f.intended and "
        CELL_IS("p.flight", "$2::text", "$3::text", "pass") ")))"
        " order by x.bisection desc limit 1", 4, 2
    };
    char number[DB_INT_BYTES];
    const char *params[] = { db_int_text(number, flight), job, testid,
                             signature };
    struct db_rows *rows = NULL;
    bool found;

    if (!db_run(db, &Q_BISECTION_KNOWN, params, &rows, why))
        return false;
    found = db_rows_count(rows) > 0;
    *bisection_out = found ? db_int(rows, 0, 0, 0) : 0;
    *open_out = found && db_bool(rows, 0, 1);
    db_rows_free(rows);
    return true;
}

bool
bisection_db_open_of(struct db *db, int64_t flight, const char *job,
                     const char *testid, int64_t *bisection_out,
                     struct fault *why)
{
    static const struct query Q_BISECTION_OPEN_OF = {
        "bisection-open-of",
        "select max(x.bisection) from assay.bisection x"
        " join assay.flight f on f.flight = $1::bigint"
        "  and x.branch = f.branch"
        " where x.job = $2::text and x.testid = $3::text"
        " and x.ended_at is null and coalesce(x.signature, '') ="
        "  coalesce((select l.signature from assay.failure l"
        "   where l.flight = $1::bigint and l.job = $2::text"
        "   and l.testid = $3::text), '')", 3, 1
    };
    char number[DB_INT_BYTES];
    const char *params[] = { db_int_text(number, flight), job, testid };

    return db_value_int(db, &Q_BISECTION_OPEN_OF, params, 0, bisection_out,
                        why);
}

/* Retests and bisections are answers, not questions; who plays wants no
 * answer; what came from another database was that one's to ask. */
bool
bisection_db_unseen(struct db *db, struct arena *arena, int64_t **out,
                    size_t *count_out, struct fault *why)
{
    static const struct query Q_BISECTION_UNSEEN = {
        "bisection-unseen",
        "select f.flight from assay.flight f"
        " where f.flight > coalesce((select max(m.flight)"
        "  from assay.bisection_look m), 0) - " LOOK_BACK
        " and f.finished_at is not null and position('-' in f.intended) = 0"
        " and f.intended <> 'play'"
        " and not exists (select from assay.bisection_look l"
        "  where l.flight = f.flight)"
        " and not exists (select from assay.flight_origin o"
        "  where o.flight = f.flight)"
        " and not exists (select from assay.gate_run g"
        "  where g.finished_at is null"
        "  and (g.flight = f.flight or g.smoke_flight = f.flight))"
        " order by f.flight", 0, 1
    };

    return db_value_list(db, &Q_BISECTION_UNSEEN, NULL, arena, out, count_out,
                         why);
}

bool
bisection_db_seen(struct db *db, int64_t flight, struct fault *why)
{
    static const struct query Q_BISECTION_SEEN = {
        "bisection-seen",
        "insert into assay.bisection_look (flight) values ($1::bigint)"
        " on conflict do nothing", 1, 0
    };
    char number[DB_INT_BYTES];
    const char *params[] = { db_int_text(number, flight) };

    return db_run(db, &Q_BISECTION_SEEN, params, NULL, why);
}

bool
bisection_db_cause(struct db *db, int64_t flight, const char *job,
                   struct arena *arena, const char **cause_out,
                   struct fault *why)
{
    static const struct query Q_BISECTION_CAUSE = {
        "bisection-cause",
        "select max(cause) from assay.blame"
        " where flight = $1::bigint and job = $2::text", 2, 1
    };
    char number[DB_INT_BYTES];
    const char *params[] = { db_int_text(number, flight), job };
    struct db_rows *rows = NULL;

    if (!db_run(db, &Q_BISECTION_CAUSE, params, &rows, why))
        return false;
    *cause_out = db_copy_text(arena, rows, 0, 0);
    db_rows_free(rows);
    return true;
}

bool
bisection_db_room(struct db *db, int64_t flight, const char *job,
                  int *count_out, struct fault *why)
{
    static const struct query Q_BISECTION_ROOM = {
        "bisection-room",
        "select (select count(*) from assay.host h where h.state = 'good'"
        "  and (h.class, h.arch, h.site) in (select o.class, o.arch, o.site"
        "   from assay.job_role r join assay.host o on o.host = r.host"
        "   where r.flight = $1::bigint and r.job = $2::text))"
        " / greatest((select count(*) from assay.job_role r"
        "  where r.flight = $1::bigint and r.job = $2::text), 1)", 2, 1
    };
    char number[DB_INT_BYTES];
    const char *params[] = { db_int_text(number, flight), job };
    struct db_rows *rows = NULL;

    if (!db_run(db, &Q_BISECTION_ROOM, params, &rows, why))
        return false;
    *count_out = (int)db_int(rows, 0, 0, 0);
    db_rows_free(rows);
    return true;
}

/* The image: all parts of the candidate that were not built for it. */
bool
bisection_db_surround(struct db *db, int64_t flight, const char *job,
                      struct arena *arena, struct bisection_surround *out,
                      struct fault *why)
{
    static const struct query Q_BISECTION_SURROUND = {
        "bisection-surround",
        "select (select string_agg(r.host, ' ' order by r.position)"
        "  from assay.job_role r where r.flight = j.flight"
        "  and r.job = j.job and r.host is not null),"
        " (select json_agg(r.host order by r.position)::text"
        "  from assay.job_role r join assay.host h on h.host = r.host"
        "  where r.flight = j.flight and r.job = j.job"
        "  having bool_and(h.state = 'good')),"
        " (select substr(encode(sha256(convert_to(string_agg(p.part || '='"
        "   || p.sha256, ' ' order by p.part), 'UTF8')), 'hex'), 1, 12)"
        "  from assay.candidate_part p where p.candidate = j.candidate"
        "  and p.arch = j.arch and not exists (select"
        "   from assay.candidate_property q where q.candidate = p.candidate"
        "   and q.arch = p.arch and q.name = 'built_parts'"
        "   and p.part = any (string_to_array(replace(q.value, ',', ' '),"
        "    ' ')))),"
        FIRMWARE("j.flight", "j.job") "::text,"
        " coalesce(j.harness, f.harness)"
        " from assay.job j join assay.flight f on f.flight = j.flight"
        " where j.flight = $1::bigint and j.job = $2::text", 2, 5
    };
    char number[DB_INT_BYTES];
    const char *params[] = { db_int_text(number, flight), job };
    struct db_rows *rows = NULL;

    *out = (struct bisection_surround){ "", "[]", "", "", "" };
    if (!db_run(db, &Q_BISECTION_SURROUND, params, &rows, why))
        return false;
    if (db_rows_count(rows) > 0) {
        out->host = db_copy_text(arena, rows, 0, 0);
        if (db_text(rows, 0, 1) != NULL)
            out->hosts = db_copy_text(arena, rows, 0, 1);
        out->image = db_copy_text(arena, rows, 0, 2);
        out->firmware = db_copy_text(arena, rows, 0, 3);
        out->harness = db_copy_text(arena, rows, 0, 4);
    }
    db_rows_free(rows);
    return true;
}
