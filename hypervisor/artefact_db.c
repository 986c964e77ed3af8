/* hypervisor/artefact_db.c - what the database knows of artefacts. */
#include <config.h>

#include "hypervisor/artefact_db.h"

#include <inttypes.h>
#include <stdio.h>

#include "harness/db.h"
#include "harness/fault.h"
#include "hypervisor/artefact.h"

bool
artefact_db_add(struct db *db, const struct artefact *artefact,
                const char *kind, struct fault *why)
{
    static const struct query Q_ARTEFACT_ADD = {
        "artefact add",
        "insert into assay.artefact (sha256, bytes, kind)"
        " values ($1::text, $2::bigint, $3::text)"
        " on conflict (sha256) do nothing",
        3, 0,
    };
    const char *params[3] = { artefact->sha256, NULL, kind };
    char bytes[32];

    snprintf(bytes, sizeof(bytes), "%" PRId64, artefact->bytes);
    params[1] = bytes;
    return db_run(db, &Q_ARTEFACT_ADD, params, NULL, why);
}

bool
artefact_db_put_file(struct db *db, const char *path, const char *kind,
                     struct artefact *out, struct fault *why)
{
    return artefact_put_file(path, out, why)
        && artefact_db_add(db, out, kind, why);
}
