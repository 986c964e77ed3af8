/* harness/db_rows.h - how db.c makes a struct db_rows, which db.h reads. */
#ifndef HARNESS_DB_ROWS_H
#define HARNESS_DB_ROWS_H

struct db_rows;
struct pg_result;               /* libpq's PGresult */

/* Takes over 'result'; never NULL. */
struct db_rows *db_rows_new(struct pg_result *result);

#endif
