/* tests/pgfix.h - a private PostgreSQL server for one test program.
 *
 *     struct pgfix fix;
 *
 *     pgfix_start(&fix);               // ASSAY_HOME is now a temporary one
 *     ... db_open("assay", &db, &why) ...
 *     return pgfix_done(&fix);         // instead of tap_done()
 *
 * The server is the one that Assay makes for itself (db_cluster.h), except
 * that it does not wait for the disk. It runs as user "postgres" when the test
 * runs as root. A guard process ends it when the test dies. After a failure the
 * directory is kept, and its name printed.
 *
 * Include after tests/tap.h; the test's _SOURCES name tests/pgfix.c. */
#ifndef TESTS_PGFIX_H
#define TESTS_PGFIX_H

#include <stdbool.h>
#include <sys/types.h>
#include "harness/attr.h"

struct buf;
struct db;

struct pgfix {
    char home[48];
    pid_t guard;
    int guard_fd;               /* its end means that the test died */
};

/* Bails out of the test if there is no server. Before anything else, since a
 * process has one home. */
void pgfix_start(struct pgfix *fix);
/* A connection to the migrated database of the fixture; bails out. */
MUST_CHECK struct db *pgfix_open(const char *program);
/* Runs statements on a connection of their own; bails out if they fail. */
void pgfix_script(const char *text);
/* The first column of the first row as an integer; bails out. */
MUST_CHECK int64_t pgfix_int(const char *select);
/* A second database, empty, on the same server. */
void pgfix_new_database(const char *name, struct buf *conninfo);
/* The postmaster, 0 when it does not run. */
MUST_CHECK pid_t pgfix_server(void);
/* Stops all and prints the plan; 'failed' keeps the directory. */
void pgfix_stop(struct pgfix *fix, bool failed);

/* For the end of main(): exit status. */
#define pgfix_done(fix) (pgfix_stop((fix), tap.failed > 0), tap_done())

#endif
