/* flights/flight_file.c - the schema of a flight's file. */
#include <config.h>

#include "flights/flight_file.h"

#define TEXT(key, type, member) \
    CYAML_FIELD_STRING_PTR(key, CYAML_FLAG_POINTER, type, member, 0, \
                           CYAML_UNLIMITED)
#define TEXT_OPT(key, type, member) \
    CYAML_FIELD_STRING_PTR(key, CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL, \
                           type, member, 0, CYAML_UNLIMITED)
#define LIST_OPT(key, type, member, entry) \
    CYAML_FIELD_SEQUENCE(key, CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL, \
                         type, member, entry, 0, CYAML_UNLIMITED)

static const cyaml_schema_field_t axis_fields[] = {
    TEXT(YAML_KEY, struct file_axis, key),
    CYAML_FIELD_SEQUENCE(YAML_VALUE, CYAML_FLAG_POINTER, struct file_axis,
                         values, &yaml_text_schema, 0, CYAML_UNLIMITED),
    CYAML_FIELD_END
};
static const cyaml_schema_value_t axis_schema = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct file_axis, axis_fields),
};

static const cyaml_schema_field_t role_fields[] = {
    TEXT(YAML_KEY, struct file_role, role),
    TEXT_OPT("arch", struct file_role, arch),
    TEXT_OPT("host", struct file_role, host),
    LIST_OPT("flags", struct file_role, flags, &yaml_text_schema),
    LIST_OPT("properties", struct file_role, properties, &yaml_pair_schema),
    CYAML_FIELD_INT("class", CYAML_FLAG_OPTIONAL, struct file_role,
                    same_class),
    CYAML_FIELD_END
};
static const cyaml_schema_value_t role_schema = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct file_role, role_fields),
};

static const cyaml_schema_field_t job_fields[] = {
    TEXT("job", struct file_job, job),
    TEXT("recipe", struct file_job, recipe),
    TEXT_OPT("arch", struct file_job, arch),
    TEXT_OPT("candidate", struct file_job, candidate),
    TEXT_OPT("diverse", struct file_job, diverse),
    CYAML_FIELD_BOOL("preemptable", CYAML_FLAG_OPTIONAL, struct file_job,
                     preemptable),
    LIST_OPT("matrix", struct file_job, matrix, &axis_schema),
    LIST_OPT("exclude", struct file_job, exclude, &yaml_text_schema),
    LIST_OPT("hosts", struct file_job, hosts, &role_schema),
    LIST_OPT("runvars", struct file_job, runvars, &yaml_pair_schema),
    LIST_OPT("needs", struct file_job, needs, &yaml_text_schema),
    CYAML_FIELD_END
};
static const cyaml_schema_value_t job_schema = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct file_job, job_fields),
};

static const cyaml_schema_field_t flight_fields[] = {
    TEXT("flight", struct file_flight, flight),
    TEXT_OPT("description", struct file_flight, description),
    TEXT_OPT("branch", struct file_flight, branch),
    TEXT("intended", struct file_flight, intended),
    TEXT_OPT("candidate", struct file_flight, candidate),
    TEXT_OPT("deadline", struct file_flight, deadline),
    CYAML_FIELD_INT("priority", CYAML_FLAG_OPTIONAL, struct file_flight,
                    priority),
    CYAML_FIELD_BOOL("supersede", CYAML_FLAG_OPTIONAL, struct file_flight,
                     supersede),
    CYAML_FIELD_BOOL("reuse", CYAML_FLAG_OPTIONAL, struct file_flight,
                     reuse),
    LIST_OPT("runvars", struct file_flight, runvars, &yaml_pair_schema),
    CYAML_FIELD_SEQUENCE("jobs", CYAML_FLAG_POINTER, struct file_flight, jobs,
                         &job_schema, 0, CYAML_UNLIMITED),
    CYAML_FIELD_END
};
const cyaml_schema_value_t flight_file_schema = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_POINTER, struct file_flight,
                        flight_fields),
};
