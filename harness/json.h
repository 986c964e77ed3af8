/* harness/json.h - small helpers over jansson. */
#ifndef HARNESS_JSON_H
#define HARNESS_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <jansson.h>
#include "harness/attr.h"

struct fault;

/* Parses at most one value of 'bytes'; FAULT_DATA with line and column. */
MUST_CHECK bool json_parse(const char *data, size_t bytes, json_t **out,
                           struct fault *why);
/* Object member as text or NULL; as number or 'missing'. Never fails. */
const char *json_text(const json_t *object, const char *key);
int64_t json_int(const json_t *object, const char *key, int64_t missing);
bool json_flag(const json_t *object, const char *key, bool missing);
/* Sets a string member, replacing bytes that are not UTF-8; NULL = null. */
void json_put_text(json_t *object, const char *key, const char *text);
void json_put_int(json_t *object, const char *key, int64_t value);
/* The same, but null for "" and for what is negative. */
void json_put_some(json_t *object, const char *key, const char *text);
void json_put_count(json_t *object, const char *key, int64_t value);
/* UTC in ISO 8601; null for a negative time. */
void json_put_time(json_t *object, const char *key, int64_t wall_ms);
/* Indented, sorted keys, newline at the end. */
MUST_CHECK bool json_print(const json_t *value, FILE *to, struct fault *why);

#endif
