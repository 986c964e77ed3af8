/* harness/db_programs.h - where the PostgreSQL server's programs are: in PATH,
 * or where Debian keeps them out of it. */
#ifndef HARNESS_DB_PROGRAMS_H
#define HARNESS_DB_PROGRAMS_H

#include <stdbool.h>
#include "harness/attr.h"

struct arena;
struct fault;

/* The directory of those that can serve the cluster 'data', or of the newest
 * ones if that is NULL or not made yet. FAULT_SYSTEM, with a hint. */
MUST_CHECK bool db_programs_dir(struct arena *arena, const char *data,
                                char **dir_out, struct fault *why);
/* One of them ("pg_dump"); for a server elsewhere 'data' is NULL. */
MUST_CHECK bool db_programs_find(struct arena *arena, const char *data,
                                 const char *name, char **path_out,
                                 struct fault *why);

#endif
