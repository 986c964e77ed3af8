/* bisector/agent_client.h - an agent's requests: HTTPS by libcurl, outward
 * only, tried again as long as it makes sense. Blocks. */
#ifndef BISECTOR_AGENT_CLIENT_H
#define BISECTOR_AGENT_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "harness/attr.h"

struct agent_client;            /* opaque: agent_client.c */
struct buf;
struct fault;

struct agent_client_spec {
    const char *url;            /* https://HOST[:PORT] */
    const char *token;
    const char *cacert;         /* NULL: as the system trusts */
    const char *pin;            /* "sha256//...", or NULL */
};

#define AGENT_FOR_EVER (-1)

/* No I/O. Copies. FAULT_USAGE for a URL that is none, or without TLS. */
MUST_CHECK struct agent_client *
agent_client_new(const struct agent_client_spec *spec, struct fault *why);
void agent_client_free(struct agent_client *client);    /* ignores NULL */

/* POST of 'bytes' to the place 'path' ("next"); its answer replaces 'out'.
 * What may pass (no connection, 429, 5xx) is tried again for 'patience_ms'
 * (0: once), each time after a longer pause. True for all other answers, whose
 * status is in '*status_out'. FAULT_CONFIG: the token or the certificate is
 * refused; FAULT_CANCELLED: asked to stop (not when 'patience_ms' is 0). */
MUST_CHECK bool agent_client_post(struct agent_client *client,
                                  const char *path, const void *data,
                                  size_t bytes, int64_t patience_ms,
                                  int *status_out, struct buf *out,
                                  struct fault *why);
/* GET of the bytes [from, from + count) of a file, which are added to 'fd'.
 * FAULT_CONFLICT: nobody wants that any more (410); FAULT_NOT_FOUND: another
 * refusal. */
MUST_CHECK bool agent_client_get(struct agent_client *client,
                                 const char *path, int64_t from,
                                 int64_t count, int fd, int64_t patience_ms,
                                 struct fault *why);
/* What a refusal said, for people. */
void agent_client_refusal(int status, const struct buf *body,
                          struct fault *why);

#endif
