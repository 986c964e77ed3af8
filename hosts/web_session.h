/* hosts/web_session.h - one database session that comes back when lost.
 *
 * The loop watches its socket, so that a lost server is known before anybody
 * asks; it tries again with jitter, from a tenth of a second to two. */
#ifndef HOSTS_WEB_SESSION_H
#define HOSTS_WEB_SESSION_H

#include <uv.h>
#include "harness/attr.h"

struct db;
struct web_session;             /* opaque: web_session.c */

/* Runs from the loop each time that the session is there (again). */
typedef void web_session_back_fn(void *owner);

/* Tries to connect in the next round of the loop. 'program' is for
 * db_open() and borrowed for ever. */
MUST_CHECK struct web_session *web_session_new(uv_loop_t *loop,
                                               const char *program,
                                               web_session_back_fn *back,
                                               void *owner);
/* NULL while there is no session. Borrowed: until the loop's next round. */
struct db *web_session_db(struct web_session *session);
/* To be called after each use of the database: notices a loss at once. */
void web_session_check(struct web_session *session);
/* Ignores NULL; the memory goes when the loop has closed its handles. */
void web_session_free(struct web_session *session);

#endif
