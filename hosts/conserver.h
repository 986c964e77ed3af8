/* hosts/conserver.h - the wire of conserver (its file PROTOCOL), as a client
 * sees it, and what of its replay is new. No I/O. */
#ifndef HOSTS_CONSERVER_H
#define HOSTS_CONSERVER_H

#include <stdbool.h>
#include <stddef.h>
#include "harness/attr.h"

struct buf;

/* Bytes that begin a command, chosen anew for each connection since the usual
 * ones (^Ec) are typed by people. */
#define CONSERVER_ESCAPE "\x1e\x1f"

/* Undoes the quoting of 0xFF; commands for the client are left out. */
struct conserver {
    bool escaped;               /* after an 0xFF from the server */
    bool half;                  /* typed: the first byte of the escape */
};
void conserver_feed(struct conserver *conserver, const void *bytes,
                    size_t count, struct buf *data);
/* What is typed, as it is sent: neither 0xFF nor the escape means anything. */
void conserver_quote(struct conserver *conserver, const void *bytes,
                     size_t count, struct buf *out);

/* 'replay' is the end of the server's log, with its own lines "[-- ... --
 * DATE]" in it; 'had' the end of what was passed on before. Appends what comes
 * after it. False when the two have nothing in common: then all of the replay
 * was appended, and something before it may be missing. */
MUST_CHECK bool conserver_missed(const char *replay, size_t replay_bytes,
                                 const char *had, size_t had_bytes,
                                 struct buf *out);

#endif
