/* tests/harness/yaml_doc.h - a schema with each type in it, for the test and
 * the fuzz target of YAML. Included once by each. */
#ifndef TESTS_HARNESS_YAML_DOC_H
#define TESTS_HARNESS_YAML_DOC_H

#include <stdbool.h>
#include <stdint.h>
#include "harness/yaml.h"

enum colour { RED, GREEN };

struct role {
    char *name;
    char *arch;
    char **flags;
    unsigned flags_count;
};

struct axis {
    char *name;
    char **values;
    unsigned values_count;
};

struct doc {
    char *name;
    int32_t count;
    uint8_t small;
    bool on;
    double ratio;
    enum colour colour;
    struct yaml_pair *vars;
    unsigned vars_count;
    struct role *roles;
    unsigned roles_count;
    struct axis *matrix;
    unsigned matrix_count;
    char **words;
    unsigned words_count;
};

static const cyaml_strval_t colours[] = { { "red", RED }, { "green", GREEN } };

static const cyaml_schema_field_t role_fields[] = {
    CYAML_FIELD_STRING_PTR(YAML_KEY, CYAML_FLAG_POINTER, struct role, name, 0,
                           CYAML_UNLIMITED),
    CYAML_FIELD_STRING_PTR("arch", CYAML_FLAG_POINTER, struct role, arch, 0,
                           CYAML_UNLIMITED),
    CYAML_FIELD_SEQUENCE("flags", CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL,
                         struct role, flags, &yaml_text_schema, 0, 3),
    CYAML_FIELD_END,
};
static const cyaml_schema_value_t role_schema = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct role, role_fields),
};

static const cyaml_schema_field_t axis_fields[] = {
    CYAML_FIELD_STRING_PTR(YAML_KEY, CYAML_FLAG_POINTER, struct axis, name, 0,
                           CYAML_UNLIMITED),
    CYAML_FIELD_SEQUENCE(YAML_VALUE, CYAML_FLAG_POINTER, struct axis, values,
                         &yaml_text_schema, 1, CYAML_UNLIMITED),
    CYAML_FIELD_END,
};
static const cyaml_schema_value_t axis_schema = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct axis, axis_fields),
};

#define OPT CYAML_FLAG_OPTIONAL
static const cyaml_schema_field_t doc_fields[] = {
    CYAML_FIELD_STRING_PTR("name", CYAML_FLAG_POINTER, struct doc, name, 2,
                           8),
    CYAML_FIELD_INT("count", OPT, struct doc, count),
    CYAML_FIELD_UINT("small", OPT, struct doc, small),
    CYAML_FIELD_BOOL("on", OPT, struct doc, on),
    CYAML_FIELD_FLOAT("ratio", OPT, struct doc, ratio),
    CYAML_FIELD_ENUM("colour", OPT | CYAML_FLAG_STRICT, struct doc, colour,
                     colours, CYAML_ARRAY_LEN(colours)),
    CYAML_FIELD_SEQUENCE("vars", CYAML_FLAG_POINTER | OPT, struct doc, vars,
                         &yaml_pair_schema, 0, CYAML_UNLIMITED),
    CYAML_FIELD_SEQUENCE("roles", CYAML_FLAG_POINTER | OPT, struct doc, roles,
                         &role_schema, 1, CYAML_UNLIMITED),
    CYAML_FIELD_SEQUENCE("matrix", CYAML_FLAG_POINTER | OPT, struct doc,
                         matrix, &axis_schema, 0, CYAML_UNLIMITED),
    CYAML_FIELD_SEQUENCE("words", CYAML_FLAG_POINTER | OPT, struct doc, words,
                         &yaml_text_schema, 0, CYAML_UNLIMITED),
    CYAML_FIELD_END,
};
static const cyaml_schema_value_t doc_schema = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_POINTER, struct doc, doc_fields),
};
#undef OPT

#endif
