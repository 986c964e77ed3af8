/* hypervisor/build_db.h - builds as rows. */
#ifndef HYPERVISOR_BUILD_DB_H
#define HYPERVISOR_BUILD_DB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <jansson.h>
#include "harness/attr.h"

struct arena;
struct db;
struct fault;

struct build_part {
    const char *part, *sha256;
    int64_t bytes;
};
/* In an arena, but for 'inputs', which build_fini() releases. */
struct build {
    int64_t build;              /* 0: not saved yet */
    const char *key, *recipe, *arch;
    json_t *inputs;
    bool pass;
    const char *step, *reason;  /* of a failure; else NULL */
    const char *log;            /* sha256 */
    int64_t log_bytes, elapsed_ms;
    const char *node, *created_at;
    const struct build_part *parts;
    size_t part_count;
};
void build_fini(struct build *build);

/* The latest of these inputs; 'found_out' false when there is none. */
MUST_CHECK bool build_db_find(struct db *db, const char *key,
                              struct arena *arena, struct build *out,
                              bool *found_out, struct fault *why);
/* FAULT_NOT_FOUND. */
MUST_CHECK bool build_db_get(struct db *db, int64_t build,
                             struct arena *arena, struct build *out,
                             struct fault *why);
/* The latest 'limit', newest first; parts are not read. Each takes a
 * build_fini(). */
MUST_CHECK bool build_db_list(struct db *db, int limit, struct arena *arena,
                              struct build **out, size_t *count_out,
                              struct fault *why);
/* One transaction; sets build->build. */
MUST_CHECK bool build_db_save(struct db *db, struct build *build,
                              struct fault *why);

#endif
