/* harness/yaml_tree.h - a YAML document as nodes that know their lines. */
#ifndef HARNESS_YAML_TREE_H
#define HARNESS_YAML_TREE_H

#include <stdbool.h>
#include <stddef.h>
#include "harness/attr.h"

struct arena;
struct fault;

enum yaml_kind { YAML_SCALAR = 0, YAML_LIST, YAML_MAP };

struct yaml_node {
    enum yaml_kind kind;
    int line;                   /* from 1 */
    bool plain;                 /* a scalar without quotes */
    const char *text;           /* scalar; no NUL inside */
    size_t count;               /* entries of a list, keys of a map */
    struct yaml_node *first;    /* of a map: key, value, key, value... */
    struct yaml_node *next;
};

/* The one document in 'data', in 'arena'. FAULT_CONFIG "name:line: text". */
MUST_CHECK bool yaml_tree_parse(struct arena *arena, const char *name,
                                const void *data, size_t bytes,
                                struct yaml_node **root_out,
                                struct fault *why);
/* The node at 'path', or the nearest above that exists. */
const struct yaml_node *yaml_tree_find(const struct yaml_node *root,
                                       const char *path);

#endif
