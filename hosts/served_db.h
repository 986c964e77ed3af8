/* hosts/served_db.h - what hosts were really given to boot, in the database. */
#ifndef HOSTS_SERVED_DB_H
#define HOSTS_SERVED_DB_H

#include <stdbool.h>
#include <stddef.h>
#include <jansson.h>
#include "harness/attr.h"

struct db;
struct dhcp_served;
struct fault;

/* For the host of that MAC; nothing when none has it. */
MUST_CHECK bool served_db_add(struct db *db,
                              const struct dhcp_served *served,
                              struct fault *why);
/* The last 'count' of a host, the newest first: an array of objects at, way,
 * vendor, file. The caller owns it. */
MUST_CHECK bool served_db_last(struct db *db, const char *host, int count,
                               json_t **list_out, struct fault *why);

#endif
