/* hosts/firmware_db.h - what firmware and boot loaders say of themselves in a
 * boot: kept beside it, so that a later flight can be told what changed. */
#ifndef HOSTS_FIRMWARE_DB_H
#define HOSTS_FIRMWARE_DB_H

#include <stdbool.h>
#include "harness/attr.h"

struct buf;
struct db;
struct fault;
struct pattern;

#define FIRMWARE_TEXT_BYTES 200

/* Is a line that 'pattern' matches a banner? Start patterns of the component
 * firmware are: assay-patterns(5). */
bool firmware_is_banner(const struct pattern *pattern);
/* Appends what 'line', of outside and perhaps escaped, says, without what
 * moves cursors and paints, and without what follows " -- ". */
void firmware_text(const char *line, struct buf *out);

/* 'said' is cleaned; "source" is "console" or "smbios". The same again, what
 * says nothing, and a nonce that is not known, change nothing. */
MUST_CHECK bool firmware_record(struct db *db, const char *nonce,
                                const char *source, const char *said,
                                struct fault *why);

#endif
