/* bisector/agent_web.h - the lab's side of agents: answers requests at
 * AGENT_PREFIX, by what the database says, and reaches nothing else. */
#ifndef BISECTOR_AGENT_WEB_H
#define BISECTOR_AGENT_WEB_H

#include <stdint.h>
#include "harness/attr.h"

struct agent_web;               /* opaque: agent_web.c */
struct fault;
struct http_reply;
struct http_request;
struct web_session;

struct agent_web_spec {
    int64_t lease_ms;           /* of a test that is handed out */
    int64_t again_ms;           /* when to ask again if there is none */
};

/* Borrows 'session' for its life. home_get() must have succeeded. Removes what
 * is left of logs that nobody finished. */
MUST_CHECK struct agent_web *agent_web_new(const struct agent_web_spec *spec,
                                           struct web_session *session,
                                           struct fault *why);
void agent_web_handle(struct agent_web *web,
                      const struct http_request *request,
                      struct http_reply *reply);
void agent_web_free(struct agent_web *web);     /* ignores NULL */

#endif
