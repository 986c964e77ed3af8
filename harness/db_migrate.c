/* harness/db_migrate.c - numbered forward-only schema files. */
#include <config.h>

#include "harness/db_migrate.h"

#include <inttypes.h>
#include <stdio.h>

#include "harness/db.h"
#include "harness/fault.h"
#include "harness/fs.h"
#include "harness/home.h"

/* A schema change of a grown table takes its time. */
#define MIGRATE_LIMIT_MS 1800000

static const struct query Q_EXISTS = { "look for a schema",
    "select to_regclass('assay.migration') is not null", 0, 1 };
static const struct query Q_APPLIED = { "read the schema's history",
    "select number, name, sha256 from assay.migration order by number",
    0, 3 };
/* Its key: any number that no task has. */
static const struct query Q_LOCK = { "lock the schema",
    "select pg_advisory_xact_lock(16723, 0) is null", 0, 1 };
static const struct query Q_RECORD = { "record a migration",
    "insert into assay.migration (number, name, sha256, harness)"
    " values ($1::int, $2::text, $3::text, $4::text)", 4, 0 };

int
db_schema_wanted(void)
{
    return db_schema_list()->count;
}

static bool
check_applied(const struct db_rows *rows, const struct schema_list *list,
              struct fault *why)
{
    const struct schema_file *file;
    char hex[SHA256_HEX_BYTES];
    int64_t number;
    int i;

    for (i = 0; i < db_rows_count(rows); i++) {
        number = db_int(rows, i, 0, 0);
        if (number != i + 1)
            return fault_set(why, FAULT_DATA, "the database's schema has no "
                             "migration %d, but has %" PRId64, i + 1, number);
        if (i >= list->count)
            continue;           /* newer than we are */
        file = &list->files[i];
        sha256_hex(file->text, strlen(file->text), hex);
        if (strcmp(hex, db_text(rows, i, 2)) == 0)
            continue;
        fault_set(why, FAULT_CONFLICT, "the database was made with another "
                  "text of %s than this program has", file->name);
        fault_hint(why, "a schema file must not change once it is in use; "
                   "take the program of that time, or another database");
        return false;
    }
    return true;
}

static bool
current_of(struct db *db, const struct schema_list *list, int *number_out,
           struct fault *why)
{
    struct db_rows *rows = NULL;
    bool ok, exists;

    ok = db_run(db, &Q_EXISTS, NULL, &rows, why);
    if (!ok)
        return false;
    exists = db_bool(rows, 0, 0);
    db_rows_free(rows);
    rows = NULL;
    if (!exists) {
        *number_out = 0;
        return true;
    }
    ok = db_run(db, &Q_APPLIED, NULL, &rows, why)
        && check_applied(rows, list, why);
    if (ok)
        *number_out = db_rows_count(rows);
    db_rows_free(rows);
    return ok;
}

bool
db_schema_current(struct db *db, int *number_out, struct fault *why)
{
    return current_of(db, db_schema_list(), number_out, why);
}

bool
db_schema_check(int current, struct fault *why)
{
    int wanted = db_schema_wanted();

    if (current == wanted || current == wanted + 1)
        return true;
    if (current > wanted) {
        fault_set(why, FAULT_CONFLICT, "the database has schema %d, which is "
                  "too new for this program (%d)", current, wanted);
        fault_hint(why, "install the version of Assay that the others who "
                   "use this database have");
    } else {
        fault_set(why, FAULT_CONFLICT, "the database has schema %d, this "
                  "program needs %d", current, wanted);
        fault_hint(why, "assay db migrate");
    }
    return false;
}

struct step {
    const struct schema_list *list;
    int applied;                /* files applied by the last transaction */
    bool done;
};

/* One file. The lock is taken first, so that of two migrators the second
 * sees what the first one did. */
static bool
apply_next(struct db *db, void *arg, struct fault *why)
{
    struct step *step = arg;
    const struct schema_file *file;
    char number[16], hex[SHA256_HEX_BYTES];
    const char *params[4];
    int current = 0;

    step->applied = 0;
    if (!db_run(db, &Q_LOCK, NULL, NULL, why)
        || !current_of(db, step->list, &current, why))
        return false;
    step->done = current >= step->list->count;
    if (step->done)
        return true;
    file = &step->list->files[current];
    must(file->number == current + 1);
    if (!db_script(db, file->name, file->text, why))
        return false;
    if (!db_in_transaction(db))
        return fault_set(why, FAULT_DATA,
                         "%s ends its own transaction", file->name);
    snprintf(number, sizeof(number), "%d", file->number);
    sha256_hex(file->text, strlen(file->text), hex);
    params[0] = number;
    params[1] = file->name;
    params[2] = hex;
    params[3] = harness_revision();
    if (!db_run(db, &Q_RECORD, params, NULL, why))
        return false;
    step->applied = 1;
    return true;
}

bool
db_migrate_list(struct db *db, const struct schema_list *list,
                int *applied_out, struct fault *why)
{
    struct step step = { .list = list };
    bool ok;

    *applied_out = 0;
    ok = db_set_limit(db, MIGRATE_LIMIT_MS, why);
    while (ok && !step.done) {
        ok = db_transact(db, apply_next, &step, why)
            || fault_context(why, "migrate the database");
        if (ok)
            *applied_out += step.applied;
    }
    if (db_is_alive(db) && !db_set_limit(db, DB_LIMIT_MS, ok ? why : NULL))
        ok = false;
    return ok;
}

bool
db_migrate(struct db *db, int *applied_out, struct fault *why)
{
    return db_migrate_list(db, db_schema_list(), applied_out, why);
}
