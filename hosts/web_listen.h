/* hosts/web_listen.h - where a server listens: an address of the ordinary
 * network, or one of the virtual lab, which comes and goes. */
#ifndef HOSTS_WEB_LISTEN_H
#define HOSTS_WEB_LISTEN_H

#include <stdbool.h>
#include <sys/types.h>
#include <uv.h>
#include "harness/attr.h"

struct fault;
struct http_server;
struct http_server_spec;

/* Serves at 'address' ("10.77.0.1:8077", "[::1]:0") on 'fd', a socket that it
 * takes, or with -1 on one of the ordinary network. 'what' is for the log,
 * which also says the port when it was 0, "any". */
MUST_CHECK bool web_listen(uv_loop_t *loop, const char *address, int fd,
                           const struct http_server_spec *spec,
                           const char *what, struct http_server **server_out,
                           struct fault *why);

/* Serves netboot in the lab's network while there is a lab; each has a
 * network of its own, so that another keeper means another socket. */
struct web_lab {
    uv_timer_t timer;
    uv_loop_t *loop;
    const char *address;
    const struct http_server_spec *spec;
    struct http_server *server;         /* NULL: no lab now */
    pid_t keeper;                       /* whose network it is in; 0: none */
    bool said;                          /* that it cannot be served yet */
};

/* Looks at once, and twice a second from then on. 'address' and 'spec' are
 * borrowed. */
void web_lab_start(struct web_lab *lab, uv_loop_t *loop, const char *address,
                   const struct http_server_spec *spec);
/* Also of one that was never started. */
void web_lab_stop(struct web_lab *lab);

#endif
