/* harness/db_status_db.c - how the database is, for people. */
#include <config.h>

#include "harness/db_status_db.h"

#include <stdio.h>

#include "harness/db.h"
#include "harness/db_migrate.h"

static const struct query Q_SERVER = { "look at the server",
    "select split_part(current_setting('server_version'), ' ', 1),"
    "  pg_database_size(current_database()),"
    "  (select count(*) from pg_stat_activity"
    "   where datname = current_database())", 0, 3 };
static const struct query Q_TASKS = { "count tasks",
    "select count(*) filter (where l.task is not null),"
    "  count(*) filter (where l.task is null),"
    "  (select count(*) from assay.allocation where ended_at is null)"
    " from assay.task t left join assay.task_lock l on l.task = t.task"
    " where t.ended_at is null", 0, 3 };

bool
db_status_get(struct db *db, struct db_status *out, struct fault *why)
{
    struct db_rows *rows = NULL;

    *out = (struct db_status){ .schema = 0 };
    if (!db_run(db, &Q_SERVER, NULL, &rows, why))
        return false;
    snprintf(out->version, sizeof(out->version), "%s", db_text(rows, 0, 0));
    out->bytes = db_int(rows, 0, 1, 0);
    out->sessions = (int)db_int(rows, 0, 2, 0);
    db_rows_free(rows);
    if (!db_schema_current(db, &out->schema, why))
        return false;
    if (out->schema == 0)
        return true;
    if (!db_run(db, &Q_TASKS, NULL, &rows, why))
        return false;
    out->tasks_live = (int)db_int(rows, 0, 0, 0);
    out->tasks_lost = (int)db_int(rows, 0, 1, 0);
    out->hosts_held = (int)db_int(rows, 0, 2, 0);
    db_rows_free(rows);
    return true;
}
