/* harness/yaml.h - schema-driven YAML by libcyaml, errors as "file:line: text".
 *
 * A schema is a cyaml_schema_value_t; unknown keys, wrong types, missing keys
 * and duplicate keys are errors. Nothing is returned unless all is well. */
#ifndef HARNESS_YAML_H
#define HARNESS_YAML_H

#include <stdbool.h>
#include <stddef.h>
#include <cyaml/cyaml.h>
#include "harness/attr.h"

struct fault;

#define YAML_MAX_BYTES (4u << 20)

/* Loads 'path' (or 'data' with 'name' as its name) into a fresh value that
 * yaml_free() releases. FAULT_CONFIG with "file:line: what is wrong"; each
 * further error is a line of the fault's detail. */
MUST_CHECK bool yaml_load_file(const char *path,
                               const cyaml_schema_value_t *schema,
                               void **value_out, struct fault *why);
MUST_CHECK bool yaml_load_data(const char *name, const void *data,
                               size_t bytes,
                               const cyaml_schema_value_t *schema,
                               void **value_out, struct fault *why);
void yaml_free(const cyaml_schema_value_t *schema, void *value);

/* Line (1-based) on which the node at 'path' ("jobs/2/recipe") starts in
 * 'file', for semantic errors found after loading; 0 when unknown. */
int yaml_line_of(const char *file, const char *path);

#endif
