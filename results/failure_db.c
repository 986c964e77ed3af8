/* results/failure_db.c - see failure_db.h. */
#include <config.h>

#include "results/failure_db.h"

#include <inttypes.h>

#include "harness/db.h"
#include "harness/pattern.h"
#include "results/signature.h"

static const struct query Q_KNOWN = {
    "failure_known",
    "select 1 from assay.failure where flight = $1::bigint"
    " and job = $2::text and testid = $3::text", 3, 1
};
static const struct query Q_ADD = {
    "failure_add",
    "with s as (insert into assay.signature"
    "  (signature, title, body, component, pattern)"
    "  values ($4::text, $5::text, $6::text, $7::text, $8::text)"
    "  on conflict (signature) do update set signature = excluded.signature"
    "  returning signature)"
    " insert into assay.failure"
    "  (flight, job, testid, signature, lane, file, line, text, line_byte)"
    " select $1::bigint, $2::text, $3::text, s.signature, $9::assay.lane,"
    "  $10::text, nullif($11::bigint, 0), $12::text,"
    "  nullif($13::bigint, -1) from s"
    " on conflict (flight, job, testid) do nothing", 13, 0
};

bool
failure_db_known(struct db *db, const struct failure_row *row,
                 bool *known_out, struct fault *why)
{
    char flight[DB_INT_BYTES];
    const char *params[] = { flight, row->job, row->testid };
    struct db_rows *rows = NULL;
    bool ok;

    db_int_text(flight, row->flight);
    ok = db_run(db, &Q_KNOWN, params, &rows, why);
    if (ok)
        *known_out = db_rows_count(rows) > 0;
    db_rows_free(rows);
    return ok;
}

bool
failure_db_add(struct db *db, const struct failure_row *row,
               const struct signature *signature,
               const struct pattern *pattern, struct fault *why)
{
    char flight[DB_INT_BYTES], line[DB_INT_BYTES], byte[DB_INT_BYTES];
    const char *params[] = {
        flight, row->job, row->testid, signature->id, signature->title,
        signature->body, pattern == NULL ? "" : pattern->component,
        pattern == NULL ? "" : pattern->name,
        lane_name(row->lane == LANE_NONE ? LANE_UNKNOWN : row->lane),
        row->file, line, row->text, byte,
    };

    db_int_text(flight, row->flight);
    db_int_text(line, row->line);
    db_int_text(byte, row->byte);
    return db_run(db, &Q_ADD, params, NULL, why);
}
