/* harness/table.h - tables on a terminal, by libsmartcols. */
#ifndef HARNESS_TABLE_H
#define HARNESS_TABLE_H

#include <stdbool.h>
#include <stdio.h>
#include "harness/attr.h"

struct fault;
struct table;

/* 'names' ends with NULL. A name that starts with '>' is a column of numbers,
 * aligned to the right; one that starts with '~' may be cut to fit the
 * terminal. */
MUST_CHECK struct table *table_new(const char *const names[]);
/* One cell a column; NULL reads as "-". Copied; control bytes are escaped. */
void table_add(struct table *table, const char *const cells[]);
/* Columns are cut only when 'to' is a terminal. */
MUST_CHECK bool table_print(struct table *table, FILE *to, struct fault *why);
void table_free(struct table *table);

#endif
