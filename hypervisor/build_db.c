/* hypervisor/build_db.c - see build_db.h. */
#include <config.h>

#include "hypervisor/build_db.h"

#include <inttypes.h>
#include <stdio.h>

#include "harness/arena.h"
#include "harness/db.h"
#include "harness/fault.h"
#include "harness/home.h"
#include "harness/json.h"
#include "hypervisor/artefact_db.h"

void
build_fini(struct build *build)
{
    json_decref(build->inputs);
    build->inputs = NULL;
}

#define BUILD_COLUMNS \
    "b.build, b.key, b.recipe, b.arch, b.inputs::text, b.status, b.step," \
    " b.reason, b.log, a.bytes, b.elapsed_ms, b.node," \
    " to_char(b.created_at, 'YYYY-MM-DD HH24:MI:SS')" \
    " from assay.build b join assay.artefact a on a.sha256 = b.log"
#define BUILD_COLS 13

static bool
read_row(struct arena *arena, const struct db_rows *rows, int row,
         struct build *out, struct fault *why)
{
    const char *inputs = db_text(rows, row, 4);

    *out = (struct build){
        .build = db_int(rows, row, 0, 0), .key = db_copy(arena, rows, row, 1),
        .recipe = db_copy(arena, rows, row, 2),
        .arch = db_copy(arena, rows, row, 3),
        .pass = strcmp(db_text(rows, row, 5), "pass") == 0,
        .step = db_copy(arena, rows, row, 6),
        .reason = db_copy(arena, rows, row, 7),
        .log = db_copy(arena, rows, row, 8),
        .log_bytes = db_int(rows, row, 9, 0),
        .elapsed_ms = db_int(rows, row, 10, 0),
        .node = db_copy(arena, rows, row, 11),
        .created_at = db_copy(arena, rows, row, 12),
    };
    return json_parse(inputs, strlen(inputs), &out->inputs, why);
}

static bool
read_parts(struct db *db, struct arena *arena, struct build *build,
           struct fault *why)
{
    static const struct query Q_BUILD_PARTS = {
        "build-parts",
        "select p.part, p.sha256, a.bytes from assay.build_part p"
        " join assay.artefact a using (sha256)"
        " where p.build = $1::bigint order by 1",
        1, 3
    };
    char number[DB_INT_BYTES];
    const char *params[] = { number };
    struct build_part *parts;
    struct db_rows *rows = NULL;

    db_int_text(number, build->build);
    if (!db_run(db, &Q_BUILD_PARTS, params, &rows, why))
        return false;
    build->part_count = (size_t)db_rows_count(rows);
    parts = arena_alloc(arena, build->part_count * sizeof(*parts) + 1);
    for (int i = 0; i < db_rows_count(rows); i++)
        parts[i] = (struct build_part){
            db_copy(arena, rows, i, 0), db_copy(arena, rows, i, 1),
            db_int(rows, i, 2, 0)
        };
    build->parts = parts;
    db_rows_free(rows);
    return true;
}

static bool
read_one(struct db *db, const struct query *query, const char *param,
         struct arena *arena, struct build *out, bool *found_out,
         struct fault *why)
{
    const char *params[] = { param };
    struct db_rows *rows = NULL;
    bool ok;

    ok = db_run(db, query, params, &rows, why);
    *found_out = ok && db_rows_count(rows) > 0;
    if (*found_out) {
        ok = read_row(arena, rows, 0, out, why);
        if (ok && !read_parts(db, arena, out, why)) {
            build_fini(out);
            ok = false;
        }
    }
    db_rows_free(rows);
    return ok;
}

bool
build_db_find(struct db *db, const char *key, struct arena *arena,
              struct build *out, bool *found_out, struct fault *why)
{
    static const struct query Q_BUILD_FIND = {
        "build-find",
        "select " BUILD_COLUMNS " where b.key = $1::text"
        " order by b.build desc limit 1",
        1, BUILD_COLS
    };

    return read_one(db, &Q_BUILD_FIND, key, arena, out, found_out, why);
}

bool
build_db_get(struct db *db, int64_t build, struct arena *arena,
             struct build *out, struct fault *why)
{
    static const struct query Q_BUILD_GET = {
        "build-get",
        "select " BUILD_COLUMNS " where b.build = $1::bigint",
        1, BUILD_COLS
    };
    char number[DB_INT_BYTES];
    bool found;

    db_int_text(number, build);
    if (!read_one(db, &Q_BUILD_GET, number, arena, out, &found, why))
        return false;
    if (!found) {
        fault_set(why, FAULT_NOT_FOUND, "there is no build %s", number);
        fault_hint(why, "'assay build list' shows the latest");
    }
    return found;
}

bool
build_db_list(struct db *db, int limit, struct arena *arena,
              struct build **out, size_t *count_out, struct fault *why)
{
    static const struct query Q_BUILD_LIST = {
        "build-list",
        "select " BUILD_COLUMNS " order by b.build desc limit $1::int",
        1, BUILD_COLS
    };
    char number[DB_INT_BYTES];
    const char *params[] = { number };
    struct db_rows *rows = NULL;
    size_t count = 0;
    bool ok;

    snprintf(number, sizeof(number), "%d", limit);
    ok = db_run(db, &Q_BUILD_LIST, params, &rows, why);
    if (!ok)
        return false;
    *out = arena_alloc(arena, (size_t)db_rows_count(rows) * sizeof(**out) + 1);
    for (int i = 0; ok && i < db_rows_count(rows); i++) {
        ok = read_row(arena, rows, i, &(*out)[count], why);
        count += ok ? 1 : 0;
    }
    *count_out = count;
    db_rows_free(rows);
    return ok;
}

static bool
save_tx(struct db *db, void *arg, struct fault *why)
{
    static const struct query Q_BUILD_ADD = {
        "build-add",
        "insert into assay.build (key, recipe, arch, inputs, status, step,"
        " reason, log, elapsed_ms, harness, node)"
        " values ($1::text, $2::text, $3::text, $4::jsonb, $5::text,"
        " $6::text, $7::text, $8::text, $9::bigint, $10::text, $11::text)"
        " returning build",
        11, 1
    };
    static const struct query Q_BUILD_PART_ADD = {
        "build-part-add",
        "insert into assay.build_part (build, part, sha256)"
        " values ($1::bigint, $2::text, $3::text)",
        3, 0
    };
    struct build *b = arg;
    char elapsed[DB_INT_BYTES], number[DB_INT_BYTES];
    char *inputs = json_dumps(b->inputs, JSON_COMPACT | JSON_SORT_KEYS);
    const char *params[] = {
        b->key, b->recipe, b->arch, inputs, b->pass ? "pass" : "fail",
        b->step, b->reason, b->log, elapsed, harness_revision(), b->node,
    };
    struct db_rows *rows = NULL;
    bool ok;

    must(inputs != NULL);
    db_int_text(elapsed, b->elapsed_ms);
    ok = artefact_db_add(db, b->log, b->log_bytes, "log", why)
        && db_run(db, &Q_BUILD_ADD, params, &rows, why);
    if (ok)
        b->build = db_int(rows, 0, 0, 0);
    db_rows_free(rows);
    db_int_text(number, b->build);
    for (size_t i = 0; ok && i < b->part_count; i++) {
        const struct build_part *part = &b->parts[i];
        const char *part_params[] = { number, part->part, part->sha256 };

        ok = artefact_db_add(db, part->sha256, part->bytes, part->part, why)
            && db_run(db, &Q_BUILD_PART_ADD, part_params, NULL, why);
    }
    free(inputs);
    return ok;
}

bool
build_db_save(struct db *db, struct build *build, struct fault *why)
{
    return db_transact(db, save_tx, build, why);
}
