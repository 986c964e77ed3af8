/* hosts/boot_db.c - the SQL of boots; nothing here powers or serves. */
#include <config.h>

#include "hosts/boot_db.h"

#include <errno.h>
#include <inttypes.h>
#include <sys/random.h>

#include "harness/db.h"
#include "harness/fault.h"
#include "harness/json.h"
#include "harness/mem.h"

/* The sum reads boot_fetch only for the one row that is returned. */
#define BOOT_COLUMNS \
    "b.nonce, b.status, b.host, b.flight, b.job, b.candidate, " \
    "b.spec::text, b.reason, b.hostkey, b.address, " \
    "coalesce((select p.value from assay.host_property p " \
    "  where p.host = b.host and p.name = 'mac'), ''), " \
    "coalesce((select p.value from assay.host_property p " \
    "  where p.host = b.host and p.name = 'address'), ''), " \
    "(extract(epoch from b.power_at - b.armed_at) * 1000)::bigint, " \
    "(extract(epoch from b.powered_at - b.armed_at) * 1000)::bigint, " \
    "(extract(epoch from b.script_at - b.armed_at) * 1000)::bigint, " \
    "(extract(epoch from b.fetched_at - b.armed_at) * 1000)::bigint, " \
    "(extract(epoch from b.up_at - b.armed_at) * 1000)::bigint, " \
    "(extract(epoch from clock_timestamp() - b.armed_at) * 1000)::bigint, " \
    "(select count(*) from assay.boot_fetch f where f.nonce = b.nonce), " \
    "(select coalesce(sum(f.bytes), 0)::bigint from assay.boot_fetch f " \
    "  where f.nonce = b.nonce)"

enum {
    COL_NONCE, COL_STATUS, COL_HOST, COL_FLIGHT, COL_JOB, COL_CANDIDATE,
    COL_SPEC, COL_REASON, COL_HOSTKEY, COL_ADDRESS, COL_MAC, COL_LEASE,
    COL_POWER, COL_POWERED, COL_SCRIPT, COL_FETCHED, COL_UP, COL_AGE,
    COL_FETCH_COUNT, COL_FETCH_BYTES, COL_COUNT
};

static const struct query Q_PARTS = {
    "boot_candidate_parts",
    "select c.candidate,"
    "  coalesce((select jsonb_object_agg(p.part, p.sha256)"
    "    from assay.candidate_part p"
    "    where p.candidate = c.candidate and p.arch = $2::text), '{}')::text"
    " from assay.candidate c where c.name = $1::text", 2, 2
};
static const struct query Q_CANDIDATES = {
    "boot_candidates",
    "select coalesce(string_agg(distinct c.name, ', '), '')"
    " from assay.candidate c join assay.candidate_part p"
    "   on p.candidate = c.candidate and p.arch = $1::text", 1, 1
};
static const struct query Q_ARTEFACT = {
    "boot_record_artefact",
    "insert into assay.artefact (sha256, bytes, kind)"
    " values ($1::text, $2::bigint, $3::text) on conflict do nothing", 3, 0
};
static const struct query Q_ARM = {
    "boot_arm",
    /* The insert reads the count, so that the update is over before the
     * unique index of open boots is asked. */
    "with old as ("
    "  update assay.boot set status = 'superseded',"
    "         reason = 'boot ' || $1::text || ' was armed'"
    "   where host = $2::text and status in ('armed', 'script-served')"
    "  returning 1), "
    "done as (select count(*) as n from old) "
    "insert into assay.boot (nonce, host, flight, job, candidate, spec) "
    "select $1::text, h.host, $3::bigint, $4::text, $5::bigint, $6::jsonb"
    "  from assay.host h, done where h.host = $2::text and done.n >= 0",
    6, 0
};
static const struct query Q_POWER = {
    "boot_record_power",
    "update assay.boot set power_at = coalesce(power_at, clock_timestamp())"
    " where nonce = $1::text", 1, 0
};
static const struct query Q_POWERED = {
    "boot_record_powered",
    "update assay.boot set powered_at ="
    " coalesce(powered_at, clock_timestamp()) where nonce = $1::text", 1, 0
};
static const struct query Q_TAKE_SCRIPT = {
    "boot_take_script",
    "with b as ("
    "  update assay.boot set status = 'script-served',"
    "         script_at = clock_timestamp()"
    "   where status = 'armed' and host = (select p.host"
    "         from assay.host_property p where p.name = 'mac'"
    "          and lower(p.value) = lower($1::text) order by 1 limit 1)"
    "  returning *) "
    "select " BOOT_COLUMNS " from b", 1, COL_COUNT
};
static const struct query Q_FETCH = {
    "boot_record_fetch",
    "with b as ("
    "  update assay.boot set fetched_at = clock_timestamp()"
    "   where nonce = $1::text and status = 'script-served'"
    "     and $5::int = 200 and $3::text <> 'script') "
    "insert into assay.boot_fetch (nonce, peer, path, bytes, status) "
    "values ($1::text, $2::text, $3::text, $4::bigint, $5::int)", 5, 0
};
static const struct query Q_UP = {
    "boot_record_up",
    "with b as ("
    "  update assay.boot set status = 'up', up_at = clock_timestamp(),"
    "         hostkey = $2::text, address = $3::text"
    "   where nonce = $1::text and status = 'script-served' returning 1) "
    "select (select count(*) from b)::int,"
    "  (select count(*) from assay.boot o where o.nonce = $1::text"
    "     and o.status = 'up' and o.hostkey = $2::text)::int", 3, 2
};
static const struct query Q_UP_CONSOLE = {
    "boot_record_up_console",
    "with b as ("
    "  update assay.boot set status = 'up', up_at = clock_timestamp(),"
    "         reason = 'its console said: ' || $2::text"
    "   where nonce = $1::text and status = 'script-served'"
    "     and spec->>'confirm' = 'console' returning 1) "
    "select (select count(*) from b)::int,"
    "  (select count(*) from assay.boot o where o.nonce = $1::text"
    "     and o.status = 'up')::int", 2, 2
};
static const struct query Q_PROPERTY = {
    "boot_candidate_property",
    "select value from assay.candidate_property where candidate = $1::bigint"
    " and arch = $2::text and name = $3::text", 3, 1
};
static const struct query Q_FAIL = {
    "boot_fail",
    "update assay.boot set status = 'failed', reason = $2::text"
    " where nonce = $1::text and status in ('armed', 'script-served')", 2, 0
};
static const struct query Q_GET = {
    "boot_get",
    "select " BOOT_COLUMNS " from assay.boot b where b.nonce = $1::text",
    1, COL_COUNT
};
static const struct query Q_LAST = {
    "boot_last",
    "select " BOOT_COLUMNS " from assay.boot b where b.host = $1::text"
    " order by b.armed_at desc, b.nonce limit 1", 1, COL_COUNT
};
static const struct query Q_LAST_BY_MAC = {
    "boot_last_by_mac",
    "select " BOOT_COLUMNS " from assay.boot b where b.host ="
    " (select p.host from assay.host_property p where p.name = 'mac'"
    "     and lower(p.value) = lower($1::text) order by 1 limit 1)"
    " order by b.armed_at desc, b.nonce limit 1", 1, COL_COUNT
};

static const struct {
    enum boot_status status;
    const char *name;
} STATUS_NAMES[] = {
    { BOOT_NONE, "none" },
    { BOOT_ARMED, "armed" },
    { BOOT_SCRIPT_SERVED, "script-served" },
    { BOOT_UP, "up" },
    { BOOT_FAILED, "failed" },
    { BOOT_SUPERSEDED, "superseded" },
};

const char *
boot_status_name(enum boot_status status)
{
    for (size_t i = 0; i < ARRAY_LEN(STATUS_NAMES); i++) {
        if (STATUS_NAMES[i].status == status)
            return STATUS_NAMES[i].name;
    }
    return "none";
}

static enum boot_status
boot_status_parse(const char *name)
{
    for (size_t i = 0; i < ARRAY_LEN(STATUS_NAMES); i++) {
        if (name != NULL && strcmp(STATUS_NAMES[i].name, name) == 0)
            return STATUS_NAMES[i].status;
    }
    return BOOT_NONE;
}

static bool
say_candidates(struct db *db, const char *arch, struct fault *why)
{
    const char *params[] = { arch };
    struct db_rows *rows = NULL;
    struct fault first = *why;

    if (!db_run(db, &Q_CANDIDATES, params, &rows, why))
        return false;
    *why = first;
    if (db_text(rows, 0, 0)[0] == '\0')
        fault_hint(why, "assay candidate add --deb SUITE");
    else
        fault_hint(why, "for %s there are: %s", arch, db_text(rows, 0, 0));
    db_rows_free(rows);
    return false;
}

bool
boot_candidate_parts(struct db *db, const char *candidate, const char *arch,
                     int64_t *id_out, json_t **parts_out, struct fault *why)
{
    const char *params[] = { candidate, arch };
    struct db_rows *rows = NULL;
    json_t *parts = NULL;
    bool ok;

    ok = db_run(db, &Q_PARTS, params, &rows, why);
    if (!ok)
        goto out;
    if (db_rows_count(rows) == 0) {
        fault_set(why, FAULT_NOT_FOUND, "there is no candidate '%s'",
                  candidate);
        ok = say_candidates(db, arch, why);
        goto out;
    }
    ok = json_parse(db_text(rows, 0, 1), strlen(db_text(rows, 0, 1)), &parts,
                    why);
    if (ok && json_object_size(parts) == 0) {
        fault_set(why, FAULT_NOT_FOUND, "candidate %s has nothing for %s",
                  candidate, arch);
        ok = say_candidates(db, arch, why);
    }
    if (ok) {
        *id_out = db_int(rows, 0, 0, 0);
        *parts_out = parts;
        parts = NULL;
    }
out:
    json_decref(parts);
    db_rows_free(rows);
    return ok;
}

bool
boot_candidate_property(struct db *db, int64_t candidate, const char *arch,
                        const char *name, char **value_out,
                        struct fault *why)
{
    char number[DB_INT_BYTES];
    const char *params[] = { number, arch, name };
    struct db_rows *rows = NULL;

    db_int_text(number, candidate);
    if (!db_run(db, &Q_PROPERTY, params, &rows, why))
        return false;
    *value_out = db_rows_count(rows) == 0 ? NULL
        : xstrdup(db_text(rows, 0, 0));
    db_rows_free(rows);
    return true;
}

bool
boot_record_artefact(struct db *db, const char *sha256, int64_t bytes,
                     const char *kind, struct fault *why)
{
    char text[DB_INT_BYTES];
    const char *params[] = { sha256, text, kind };

    db_int_text(text, bytes);
    return db_run(db, &Q_ARTEFACT, params, NULL, why);
}

bool
boot_nonce_make(char nonce_out[static BOOT_NONCE_BYTES], struct fault *why)
{
    unsigned char raw[(BOOT_NONCE_BYTES - 1) / 2];

    if (getrandom(raw, sizeof raw, 0) != (ssize_t)sizeof raw)
        return fault_errno(why, FAULT_SYSTEM, "make a nonce");
    for (size_t i = 0; i < sizeof raw; i++)
        (void)snprintf(nonce_out + 2 * i, 3, "%02x", raw[i]);
    return true;
}

bool
boot_nonce_is_valid(const char *nonce)
{
    return nonce != NULL && strlen(nonce) == BOOT_NONCE_BYTES - 1
        && strspn(nonce, "0123456789abcdef") == BOOT_NONCE_BYTES - 1;
}

bool
boot_arm(struct db *db, const char *nonce, const struct boot_order *order,
         struct fault *why)
{
    char flight[DB_INT_BYTES], candidate[DB_INT_BYTES];
    const char *params[6];
    struct db_rows *rows = NULL;
    bool ok;

    must(boot_nonce_is_valid(nonce));
    db_int_text(flight, order->flight);
    db_int_text(candidate, order->candidate);
    params[0] = nonce;
    params[1] = order->host;
    params[2] = order->flight > 0 ? flight : NULL;
    params[3] = order->job;
    params[4] = order->candidate > 0 ? candidate : NULL;
    params[5] = order->spec;
    ok = db_run(db, &Q_ARM, params, &rows, why);
    if (ok && db_rows_affected(rows) != 1) {
        ok = fault_set(why, FAULT_NOT_FOUND, "no host %s in the database",
                       order->host);
    }
    db_rows_free(rows);
    return ok;
}

/* A statement about one boot, which must exist. */
static bool
boot_touch(struct db *db, const struct query *query, const char *nonce,
           struct fault *why)
{
    const char *params[] = { nonce };
    struct db_rows *rows = NULL;
    bool ok;

    ok = db_run(db, query, params, &rows, why);
    if (ok && db_rows_affected(rows) != 1)
        ok = fault_set(why, FAULT_NOT_FOUND, "no boot %s", nonce);
    db_rows_free(rows);
    return ok;
}

bool
boot_record_power(struct db *db, const char *nonce, struct fault *why)
{
    return boot_touch(db, &Q_POWER, nonce, why);
}

bool
boot_record_powered(struct db *db, const char *nonce, struct fault *why)
{
    return boot_touch(db, &Q_POWERED, nonce, why);
}

static char *
boot_dup(const struct db_rows *rows, int col)
{
    const char *text = db_text(rows, 0, col);

    return xstrdup(text == NULL ? "" : text);
}

static struct boot *
boot_from_row(const struct db_rows *rows)
{
    struct boot *boot;

    if (db_rows_count(rows) == 0)
        return NULL;
    boot = xcalloc(1, sizeof *boot);
    (void)snprintf(boot->nonce, sizeof boot->nonce, "%s",
                   db_text(rows, 0, COL_NONCE));
    boot->status = boot_status_parse(db_text(rows, 0, COL_STATUS));
    boot->host = boot_dup(rows, COL_HOST);
    boot->flight = db_int(rows, 0, COL_FLIGHT, 0);
    boot->job = boot_dup(rows, COL_JOB);
    boot->candidate = db_int(rows, 0, COL_CANDIDATE, 0);
    boot->spec = boot_dup(rows, COL_SPEC);
    boot->reason = boot_dup(rows, COL_REASON);
    boot->hostkey = boot_dup(rows, COL_HOSTKEY);
    boot->address = boot_dup(rows, COL_ADDRESS);
    boot->mac = boot_dup(rows, COL_MAC);
    boot->lease = boot_dup(rows, COL_LEASE);
    boot->power_ms = db_int(rows, 0, COL_POWER, -1);
    boot->powered_ms = db_int(rows, 0, COL_POWERED, -1);
    boot->script_ms = db_int(rows, 0, COL_SCRIPT, -1);
    boot->fetched_ms = db_int(rows, 0, COL_FETCHED, -1);
    boot->up_ms = db_int(rows, 0, COL_UP, -1);
    boot->age_ms = db_int(rows, 0, COL_AGE, 0);
    boot->fetch_count = db_int(rows, 0, COL_FETCH_COUNT, 0);
    boot->fetch_bytes = db_int(rows, 0, COL_FETCH_BYTES, 0);
    return boot;
}

static bool
boot_query(struct db *db, const struct query *query, const char *key,
           struct boot **boot_out, struct fault *why)
{
    const char *params[] = { key };
    struct db_rows *rows = NULL;
    bool ok;

    ok = db_run(db, query, params, &rows, why);
    if (ok)
        *boot_out = boot_from_row(rows);
    db_rows_free(rows);
    return ok;
}

bool
boot_take_script(struct db *db, const char *mac, struct boot **boot_out,
                 struct fault *why)
{
    return boot_query(db, &Q_TAKE_SCRIPT, mac, boot_out, why);
}

bool
boot_record_fetch(struct db *db, const char *nonce, const char *peer,
                  const char *path, int64_t bytes, int status,
                  struct fault *why)
{
    char bytes_text[DB_INT_BYTES], status_text[DB_INT_BYTES];
    const char *params[] = { nonce, peer, path, bytes_text, status_text };

    db_int_text(bytes_text, bytes);
    (void)snprintf(status_text, sizeof status_text, "%d", status);
    return db_run(db, &Q_FETCH, params, NULL, why);
}

static bool
record_up(struct db *db, const struct query *query,
          const char *const params[], enum boot_call *call_out,
          struct fault *why)
{
    struct db_rows *rows = NULL;
    bool ok;

    ok = db_run(db, query, params, &rows, why);
    if (ok && db_int(rows, 0, 0, 0) == 1)
        *call_out = BOOT_CALL_UP;
    else if (ok && db_int(rows, 0, 1, 0) == 1)
        *call_out = BOOT_CALL_AGAIN;
    else if (ok)
        *call_out = BOOT_CALL_REFUSED;
    db_rows_free(rows);
    return ok;
}

bool
boot_record_up(struct db *db, const char *nonce, const char *hostkey,
               const char *address, enum boot_call *call_out,
               struct fault *why)
{
    const char *params[] = { nonce, hostkey, address };

    return record_up(db, &Q_UP, params, call_out, why);
}

bool
boot_record_up_console(struct db *db, const char *nonce, const char *line,
                       enum boot_call *call_out, struct fault *why)
{
    const char *params[] = { nonce, line };

    return record_up(db, &Q_UP_CONSOLE, params, call_out, why);
}

bool
boot_fail(struct db *db, const char *nonce, const char *reason,
          struct fault *why)
{
    const char *params[] = { nonce, reason };

    return db_run(db, &Q_FAIL, params, NULL, why);
}

bool
boot_get(struct db *db, const char *nonce, struct boot **boot_out,
         struct fault *why)
{
    return boot_query(db, &Q_GET, nonce, boot_out, why);
}

bool
boot_last(struct db *db, const char *host, struct boot **boot_out,
          struct fault *why)
{
    return boot_query(db, &Q_LAST, host, boot_out, why);
}

bool
boot_last_by_mac(struct db *db, const char *mac, struct boot **boot_out,
                 struct fault *why)
{
    return boot_query(db, &Q_LAST_BY_MAC, mac, boot_out, why);
}

void
boot_free(struct boot *boot)
{
    if (boot == NULL)
        return;
    free(boot->host);
    free(boot->job);
    free(boot->spec);
    free(boot->reason);
    free(boot->hostkey);
    free(boot->address);
    free(boot->mac);
    free(boot->lease);
    free(boot);
}
