/* hypervisor/artefact_db.h - what the database knows of artefacts. */
#ifndef HYPERVISOR_ARTEFACT_DB_H
#define HYPERVISOR_ARTEFACT_DB_H

#include <stdbool.h>
#include <stdint.h>
#include "harness/attr.h"

struct db;
struct fault;

/* Records one that is in the store, so that rows may refer to it. 'kind' is
 * that of the first time ("xen", "log"...). Idempotent. */
MUST_CHECK bool artefact_db_add(struct db *db, const char *sha256,
                                int64_t bytes, const char *kind,
                                struct fault *why);

#endif
