/* harness/yaml.h - schema-driven YAML by libcyaml, errors as "file:line: text".
 *
 * A schema is a cyaml_schema_value_t whose top is a CYAML_VALUE_MAPPING with
 * CYAML_FLAG_POINTER. Unknown keys, wrong types, missing keys and duplicate
 * keys are errors, all of them reported in file order; anchors, aliases and
 * tags are refused, and so is a second document. Nothing is returned unless
 * all is well.
 *
 * A mapping with free keys ("runvars: { a: 1, b: 2 }"), which libcyaml has
 * not, is read into a sequence of mappings: the entry's schema has a field
 * YAML_KEY for the key, and either YAML_VALUE for what it maps to, or the
 * fields of the mapping that it maps to. For text to text there is struct
 * yaml_pair:
 *     CYAML_FIELD_SEQUENCE("runvars", CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL,
 *                          struct job, runvars, &yaml_pair_schema, 0,
 *                          CYAML_UNLIMITED)   with  struct yaml_pair *runvars;
 *                                             and   unsigned runvars_count;
 */
#ifndef HARNESS_YAML_H
#define HARNESS_YAML_H

#include <stdbool.h>
#include <stddef.h>
#include <cyaml/cyaml.h>
#include "harness/attr.h"

struct fault;

#define YAML_MAX_BYTES (4u << 20)
#define YAML_MAX_NODES 200000
#define YAML_MAX_DEPTH 32

#define YAML_KEY "=key"
#define YAML_VALUE "=value"

struct yaml_pair {
    char *key, *value;
};
extern const cyaml_schema_value_t yaml_pair_schema;
/* A plain text entry, for sequences of texts (char **). */
extern const cyaml_schema_value_t yaml_text_schema;

/* Loads 'path' (or 'data' with 'name' as its name) into a fresh value that
 * yaml_unload() releases. FAULT_CONFIG with "file:line: what is wrong"; each
 * further error is a line of the fault's detail. FAULT_NOT_FOUND when there is
 * no such file. */
MUST_CHECK bool yaml_load_file(const char *path,
                               const cyaml_schema_value_t *schema,
                               void **value_out, struct fault *why);
MUST_CHECK bool yaml_load_data(const char *name, const void *data,
                               size_t bytes,
                               const cyaml_schema_value_t *schema,
                               void **value_out, struct fault *why);
/* (libyaml has a yaml_free() of its own.) */
void yaml_unload(const cyaml_schema_value_t *schema, void *value);

/* Line (1-based) on which the node at 'path' ("jobs/2/recipe",
 * "hosts/src/arch") starts in 'file', for semantic errors found after loading;
 * that of the nearest node above if it has none; 0 when the file cannot be
 * read again. */
int yaml_line_of(const char *file, const char *path);
/* FAULT_CONFIG "file:line: text" for the node at 'path'. Returns false. */
bool yaml_fault(struct fault *why, const char *file, const char *path,
                const char *fmt, ...) PRINTF_LIKE(4, 5);

#endif
