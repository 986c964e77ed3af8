/* harness/db_open.c - finds the database, makes it ready, connects. */
#include <config.h>

#include "harness/db.h"

#include <string.h>

#include <libpq-fe.h>

#include "harness/buf.h"
#include "harness/clock.h"
#include "harness/db_cluster.h"
#include "harness/db_migrate.h"
#include "harness/fault.h"
#include "harness/log.h"
#include "harness/signals.h"

#define SETTLE_LIMIT_MS 15000
#define SETTLE_POLL_MS 20

static const char *
foreign(void)
{
    const char *env = getenv("ASSAY_DB");

    return env != NULL && env[0] != '\0' ? env : NULL;
}

bool
db_conninfo(struct buf *conninfo, struct fault *why)
{
    if (foreign() == NULL)
        return db_cluster_conninfo(conninfo, why);
    buf_adds(conninfo, foreign());
    return true;
}

bool
db_is_private(void)
{
    return foreign() == NULL;
}

static void
add_word(struct buf *conninfo, const char *name, const char *value)
{
    buf_addf(conninfo, "%s%s='", conninfo->len > 0 ? " " : "", name);
    for (; *value != '\0'; value++) {
        if (*value == '\'' || *value == '\\')
            buf_addc(conninfo, '\\');
        buf_addc(conninfo, *value);
    }
    buf_addc(conninfo, '\'');
}

bool
db_public_conninfo(struct buf *conninfo, struct buf *password,
                   struct fault *why)
{
    struct buf whole = BUF_INIT;
    PQconninfoOption *options = NULL, *option;
    char *error = NULL;
    bool ok;

    ok = db_conninfo(&whole, why);
    if (!ok)
        goto out;
    options = PQconninfoParse(buf_text(&whole), &error);
    ok = options != NULL
        || fault_set(why, FAULT_CONFIG, "ASSAY_DB: %.*s",
                     error != NULL ? (int)strcspn(error, "\n") : 9,
                     error != NULL ? error : "malformed");
    for (option = options; ok && option->keyword != NULL; option++) {
        if (option->val == NULL)
            continue;
        if (strcmp(option->keyword, "password") == 0)
            buf_adds(password, option->val);
        else
            add_word(conninfo, option->keyword, option->val);
    }
out:
    PQconninfoFree(options);
    PQfreemem(error);
    buf_free(&whole);
    return ok;
}

static bool
may_prepare(const char *program)
{
    return strcmp(program, "assay") == 0 || strcmp(program, "assayd") == 0;
}

bool
db_start(const char *program, struct fault *why)
{
    return !db_is_private() || !may_prepare(program)
        || db_cluster_ensure(why);
}

/* A server that is just dying, or recovering from the death of one of its
 * own, refuses for a moment; then it is started again, or serves. */
static bool
connect_private(const char *conninfo, const char *program,
                struct db **db_out, struct fault *why)
{
    int64_t deadline_ms = clock_mono_ms(clock_system()) + SETTLE_LIMIT_MS;
    struct fault refused = FAULT_INIT;

    while (db_cluster_ensure(why)) {
        if (db_connect(conninfo, program, db_out, &refused))
            return true;
        if (refused.kind != FAULT_LOST
            || clock_mono_ms(clock_system()) > deadline_ms) {
            if (why != NULL)
                *why = refused;
            return false;
        }
        signals_pause_ms(SETTLE_POLL_MS);
        if (!signals_check(why))
            return false;
    }
    return false;
}

bool
db_open(const char *program, struct db **db_out, struct fault *why)
{
    struct buf conninfo = BUF_INIT;
    struct db *db = NULL;
    int current = 0, applied = 0;
    bool ok;

    ok = db_conninfo(&conninfo, why);
    if (ok && foreign() == NULL && may_prepare(program))
        ok = connect_private(buf_text(&conninfo), program, &db, why);
    else if (ok)
        ok = db_connect(buf_text(&conninfo), program, &db, why);
    if (!ok && foreign() == NULL && !may_prepare(program) && why != NULL)
        fault_hint(why, "assayd starts the private database server; so does "
                   "'assay db migrate'");
    ok = ok && db_schema_current(db, &current, why);
    if (ok && current < db_schema_wanted() && may_prepare(program)) {
        ok = db_migrate(db, &applied, why)
            && db_schema_current(db, &current, why);
        if (ok && applied > 0)
            log_info("the database's schema is now %d", current);
    }
    ok = ok && db_schema_check(current, why);
    if (!ok) {
        db_close(db);
        goto out;
    }
    *db_out = db;
out:
    buf_free(&conninfo);
    return ok;
}
