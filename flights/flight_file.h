/* flights/flight_file.h - a flight's file as it is written: flight_yaml.h says
 * what its keys mean. Only flight_yaml.c reads it. */
#ifndef FLIGHTS_FLIGHT_FILE_H
#define FLIGHTS_FLIGHT_FILE_H

#include <stdint.h>
#include "harness/yaml.h"

struct file_axis {
    char *key;
    char **values;
    unsigned values_count;
};

struct file_role {
    char *role, *arch, *host;
    char **flags;
    unsigned flags_count;
    struct yaml_pair *properties;
    unsigned properties_count;
    int same_class;
};

struct file_job {
    char *job, *recipe, *arch, *candidate, *diverse;
    bool preemptable;
    struct file_axis *matrix;
    unsigned matrix_count;
    char **exclude;
    unsigned exclude_count;
    struct file_role *hosts;
    unsigned hosts_count;
    struct yaml_pair *runvars;
    unsigned runvars_count;
    char **needs;
    unsigned needs_count;
};

struct file_flight {
    char *flight, *description, *branch, *intended, *candidate, *deadline;
    int64_t priority;
    bool supersede, reuse;
    struct yaml_pair *runvars;
    unsigned runvars_count;
    struct file_job *jobs;
    unsigned jobs_count;
};

extern const cyaml_schema_value_t flight_file_schema;

#endif
