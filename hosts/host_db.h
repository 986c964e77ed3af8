/* hosts/host_db.h - hosts in the database. */
#ifndef HOSTS_HOST_DB_H
#define HOSTS_HOST_DB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <jansson.h>
#include "harness/attr.h"

struct db;
struct fault;
struct host_file;               /* hosts/host_yaml.h */

/* One host, owned by the caller; host_free(). */
struct host {
    char *name, *site, *arch, *firmware, *class, *state, *source;
    json_t *config;             /* the file: power, console, netboot, ... */
    json_t *properties;         /* object of texts */
    json_t *flags;              /* array of texts */
    char *owner;                /* "flight 3 job smoke", "" when free */
    int64_t owner_task;         /* 0 when free */
    char *out;                  /* why jobs do not get it, "" when they do */
};

/* Loads all files in one transaction; a host that exists is replaced, its
 * state and history stay. One that is new is good, or suspect where its site
 * checks those (hosts/site.h). */
MUST_CHECK bool host_db_load(struct db *db, struct host_file *const *files,
                             size_t count, struct fault *why);

/* These machines, and no others of their site, are in the virtual lab that is
 * up: the others that were good are in maintenance until a lab has them. */
MUST_CHECK bool host_db_lab(struct db *db, struct host_file *const *files,
                            size_t count, struct fault *why);

/* FAULT_NOT_FOUND, with the known names as detail. */
MUST_CHECK bool host_db_get(struct db *db, const char *name,
                            struct host **host_out, struct fault *why);
/* All hosts by name. 'hosts_out' is malloc'ed, each element host_free()d. */
MUST_CHECK bool host_db_list(struct db *db, struct host ***hosts_out,
                             size_t *count_out, struct fault *why);
/* Writes what an examination found: 'differences' of probe_compare() and
 * 'flags' that the host has besides those of its file. */
MUST_CHECK bool host_db_found(struct db *db, const char *name,
                              const json_t *differences, const json_t *flags,
                              struct fault *why);
/* Whether this process may change the host: nobody has it, or the job that
 * started us (ASSAY_TASK). FAULT_CONFLICT says who has it. */
MUST_CHECK bool host_check_ours(const struct host *host, struct fault *why);
/* Borrowed; NULL when absent. */
const char *host_property(const struct host *host, const char *name);
void host_free(struct host *host);      /* ignores NULL */

#endif
