/* hosts/console_flight.h - the bytes between the kernel and the log, in memory
 * that outlives this process (a memfd in the descriptor store).
 *
 * SIGKILL may fall between reading a socket and writing the log. The read is a
 * recvmmsg() whose data and length both lie in the shared memory: the kernel
 * stores the length in the same call that takes the bytes, so that there is
 * no moment in which bytes are taken and not accounted for. The next process
 * compares with the length of the log and writes what is not there yet. */
#ifndef HOSTS_CONSOLE_FLIGHT_H
#define HOSTS_CONSOLE_FLIGHT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include "harness/attr.h"

struct console_flight;
struct fault;
struct fdstore_client;

#define CONSOLE_FLIGHT_NAME "flight"    /* in the descriptor store */
#define CONSOLE_FLIGHT_BYTES 65536      /* of one read */
#define CONSOLE_HOST_MAX 100            /* bytes of a host's name */

/* Uses 'held_fd' (taken over), or with -1 makes the memory and puts it into
 * the store. */
MUST_CHECK bool console_flight_open(struct fdstore_client *store,
                                    int held_fd,
                                    struct console_flight **flight_out,
                                    struct fault *why);
void console_flight_close(struct console_flight *flight);  /* ignores NULL */

/* What a process that was killed had taken for 'host', whose log now ends at
 * 'offset', and had not written; NULL if nothing. */
const char *console_flight_left(const struct console_flight *flight,
                                const char *host, int64_t offset,
                                size_t *bytes_out);

/* Reads what the socket has, at most CONSOLE_FLIGHT_BYTES, for 'host' whose
 * log ends at 'offset'. 0 at the end, -1 with errno. Does not block. */
MUST_CHECK ssize_t console_flight_receive(struct console_flight *flight,
                                          int fd, const char *host,
                                          int64_t offset);
/* As it, for what is no socket, and without the promise. */
MUST_CHECK ssize_t console_flight_read(struct console_flight *flight,
                                       int fd);
const char *console_flight_data(const struct console_flight *flight);
/* They are written, or given up. */
void console_flight_landed(struct console_flight *flight);

#endif
