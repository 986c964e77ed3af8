/* hosts/served_db.c - the SQL of what was served. */
#include <config.h>

#include "hosts/served_db.h"

#include "harness/db.h"
#include "harness/fault.h"
#include "harness/json.h"
#include "hosts/dhcp_log.h"

enum { COL_AT, COL_WAY, COL_VENDOR, COL_FILE, COL_COUNT };

static const struct query Q_ADD = {
    "served_add",
    "insert into assay.netboot_served (host, way, vendor, file)"
    " select p.host, $2::text, $3::text, $4::text"
    "  from assay.host_property p"
    "  where p.name = 'mac' and lower(p.value) = $1::text", 4, 0
};
static const struct query Q_LAST = {
    "served_last",
    "select to_char(at at time zone 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"'),"
    "  way, vendor, file"
    " from assay.netboot_served where host = $1::text"
    " order by served desc limit $2::int", 2, COL_COUNT
};

bool
served_db_add(struct db *db, const struct dhcp_served *served,
              struct fault *why)
{
    const char *params[] = { served->mac, served->way, served->vendor,
                             served->file };

    return db_run(db, &Q_ADD, params, NULL, why);
}

bool
served_db_last(struct db *db, const char *host, int count, json_t **list_out,
               struct fault *why)
{
    static const char *const names[] = { "at", "way", "vendor", "file" };
    char number[16];
    const char *params[] = { host, number };
    struct db_rows *rows = NULL;
    json_t *list = NULL;

    (void)snprintf(number, sizeof(number), "%d", count);
    if (!db_run(db, &Q_LAST, params, &rows, why))
        return false;
    list = json_array();
    for (int i = 0; i < db_rows_count(rows); i++) {
        json_t *one = json_object();

        for (int k = 0; k < COL_COUNT; k++)
            json_put_text(one, names[k], db_text(rows, i, k));
        must(json_array_append_new(list, one) == 0);
    }
    db_rows_free(rows);
    *list_out = list;
    return true;
}
