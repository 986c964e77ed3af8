/* hypervisor/artefact_db.c - what the database knows of artefacts. */
#include <config.h>

#include "hypervisor/artefact_db.h"

#include <inttypes.h>
#include <stdio.h>

#include "harness/db.h"
#include "harness/fault.h"

bool
artefact_db_add(struct db *db, const char *sha256, int64_t bytes,
                const char *kind, struct fault *why)
{
    static const struct query Q_ARTEFACT_ADD = {
        "artefact add",
        "insert into assay.artefact (sha256, bytes, kind)"
        " values ($1::text, $2::bigint, $3::text)"
        " on conflict (sha256) do nothing",
        3, 0,
    };
    char bytes_text[DB_INT_BYTES];
    const char *params[3] = { sha256, bytes_text, kind };

    db_int_text(bytes_text, bytes);
    return db_run(db, &Q_ARTEFACT_ADD, params, NULL, why);
}
