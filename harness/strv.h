/* harness/strv.h - NULL-terminated lists of owned strings. */
#ifndef HARNESS_STRV_H
#define HARNESS_STRV_H

#include <stdbool.h>
#include <stddef.h>
#include "harness/attr.h"

/* NULL counts as an empty list in all of these. */
size_t strv_count(char *const *list);
/* A copy that the caller owns, never NULL. */
MUST_CHECK char **strv_copy(const char *const *list);
/* Appends a copy of 's'. */
void strv_add(char ***list, const char *s);
bool strv_has(char *const *list, const char *s);
void strv_free(char **list);
/* For execve() and its like, which want a list of const strings. */
const char *const *strv_const(char *const *list);

#endif
