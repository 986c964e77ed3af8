/* hypervisor/artefact_db.h - what the database knows of artefacts. */
#ifndef HYPERVISOR_ARTEFACT_DB_H
#define HYPERVISOR_ARTEFACT_DB_H

#include <stdbool.h>
#include "harness/attr.h"

struct artefact;
struct db;
struct fault;

/* Records one that is in the store, so that rows may refer to it. 'kind' is
 * that of the first time ("xen", "log"...). Idempotent. */
MUST_CHECK bool artefact_db_add(struct db *db, const struct artefact *artefact,
                                const char *kind, struct fault *why);
/* artefact_put_file() and artefact_db_add(). */
MUST_CHECK bool artefact_db_put_file(struct db *db, const char *path,
                                     const char *kind, struct artefact *out,
                                     struct fault *why);

#endif
