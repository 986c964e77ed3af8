/* hosts/console_ctl.h - assay-console's side of $ASSAY_HOME/run/console.sock;
 * hosts/console_proto.h says what is spoken. */
#ifndef HOSTS_CONSOLE_CTL_H
#define HOSTS_CONSOLE_CTL_H

#include <stdbool.h>
#include "harness/attr.h"

struct console_ctl;
struct console_site;
struct fault;
struct uv_loop_s;

/* Listens on 'path', mode 0600; the caller holds the lock that makes it ours,
 * so a socket that is there is replaced. */
MUST_CHECK bool console_ctl_new(struct uv_loop_s *loop,
                                struct console_site *site, const char *path,
                                struct console_ctl **ctl_out,
                                struct fault *why);
/* Drops all clients; before console_site_free(). The handles finish closing in
 * the loop's next turns. Ignores NULL. */
void console_ctl_free(struct console_ctl *ctl);

#endif
