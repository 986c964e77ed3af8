/* harness/pool_policy_yaml.h - the keys that policies of a pool and of a replay
 * have in common, so that both mean the same by them. */
#ifndef HARNESS_POOL_POLICY_YAML_H
#define HARNESS_POOL_POLICY_YAML_H

#include <stdbool.h>
#include "harness/attr.h"
#include "harness/yaml.h"

struct pool_group;
struct pool_policy;
struct yaml_errors;

/* As libcyaml fills them. */
struct pool_raw {
    char *patience, *starvation, *fair;
    char *failed, *alike, *rotate, *gain;
    int *gives_max;
};
struct pool_raw_group {
    int *share;
    int hosts, percent;
    bool *sticky, *gives_way, *preempts;
};

#define POOL_TEXT_FIELD(key, type, member) \
    CYAML_FIELD_STRING_PTR(key, CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL, \
                           type, member, 1, CYAML_UNLIMITED)
#define POOL_BOOL_FIELD(key, type, member) \
    CYAML_FIELD_BOOL_PTR(key, CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL, \
                         type, member)
#define POOL_INT_FIELD(key, type, member) \
    CYAML_FIELD_INT_PTR(key, CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL, \
                        type, member)

/* Where 'type' has a struct pool_raw, or a struct pool_raw_group, in it. */
#define POOL_FIELDS(type, raw) \
    POOL_TEXT_FIELD("patience", type, raw.patience), \
    POOL_TEXT_FIELD("starvation", type, raw.starvation), \
    POOL_TEXT_FIELD("fair", type, raw.fair), \
    POOL_TEXT_FIELD("failed", type, raw.failed), \
    POOL_TEXT_FIELD("alike", type, raw.alike), \
    POOL_TEXT_FIELD("rotate", type, raw.rotate), \
    POOL_TEXT_FIELD("gain", type, raw.gain), \
    POOL_INT_FIELD("gives_max", type, raw.gives_max)
#define POOL_GROUP_FIELDS(type, raw) \
    POOL_INT_FIELD("share", type, raw.share), \
    CYAML_FIELD_INT("hosts_max", CYAML_FLAG_OPTIONAL, type, raw.hosts), \
    CYAML_FIELD_INT("percent_max", CYAML_FLAG_OPTIONAL, type, raw.percent), \
    POOL_BOOL_FIELD("sticky", type, raw.sticky), \
    POOL_BOOL_FIELD("gives_way", type, raw.gives_way), \
    POOL_BOOL_FIELD("preempts", type, raw.preempts)

/* What is given replaces what 'out' has. */
void pool_policy_read(struct yaml_errors *errors, const struct pool_raw *raw,
                      struct pool_policy *out);
/* All but its name and branches; 'path' is its node. */
void pool_policy_read_group(struct yaml_errors *errors, const char *path,
                            const struct pool_raw_group *raw,
                            struct pool_group *out);

#endif
