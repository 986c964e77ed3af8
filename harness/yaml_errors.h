/* harness/yaml_errors.h - a document that is read by a schema and then looked
 * into: what is wrong with it, all of it, as one fault: the first as its text,
 * the others in its detail. */
#ifndef HARNESS_YAML_ERRORS_H
#define HARNESS_YAML_ERRORS_H

#include <stdbool.h>
#include <stddef.h>
#include "harness/attr.h"
#include "harness/buf.h"
#include "harness/fault.h"

struct arena;
struct cyaml_schema_value;
struct yaml_node;

struct yaml_errors {
    const char *file;           /* for messages */
    const struct yaml_node *tree;       /* for lines */
    int count;
    char first[sizeof((struct fault *)0)->text];
    struct buf more;
    const struct cyaml_schema_value *schema;
    void *value;
};

/* Loads 'text' by 'schema' (yaml_load_data()); 'value' is it until the end. The
 * tree is in 'arena', 'file' is borrowed. After a failure there is no end. */
MUST_CHECK bool yaml_errors_begin(struct yaml_errors *errors,
                                  struct arena *arena, const char *file,
                                  const char *text, size_t bytes,
                                  const struct cyaml_schema_value *schema,
                                  struct fault *why);
/* "FILE:LINE: text" of the node at 'path' (yaml_tree_find()). */
void yaml_error(struct yaml_errors *errors, const char *path, const char *fmt,
                ...) PRINTF_LIKE(3, 4);
/* True when there was none; else FAULT_CONFIG. Releases the value, and what was
 * collected. */
MUST_CHECK bool yaml_errors_end(struct yaml_errors *errors,
                                struct fault *why);

#endif
