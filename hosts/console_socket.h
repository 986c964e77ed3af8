/* hosts/console_socket.h - makes and recognises the sockets of consoles. */
#ifndef HOSTS_CONSOLE_SOCKET_H
#define HOSTS_CONSOLE_SOCKET_H

#include <stdbool.h>
#include "harness/attr.h"

struct console_place;
struct fault;

/* All are CLOEXEC and do not block. A socket file that nobody listens on is
 * replaced; one that is in use, or no socket, is FAULT_CONFLICT. Mode 0600,
 * and for place->lab it is the lab user's; missing directories are made with
 * 0711. */
MUST_CHECK bool console_socket_listen(const struct console_place *place,
                                      int *fd_out, struct fault *why);
/* To a socket, or opens a pseudo-terminal and makes it raw. */
MUST_CHECK bool console_socket_connect(const struct console_place *place,
                                       int *fd_out, struct fault *why);
/* Where a descriptor from another process's time belongs. */
MUST_CHECK bool console_socket_place(int fd,
                                     struct console_place *place_out);

#endif
