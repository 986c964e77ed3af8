/* hosts/relay.h - assay-relay: carries one console between a server on the
 * network and the socket on which assay-console listens. One process a
 * console, one connection a process: what blocks (names, log-ins, libraries
 * with threads of their own) is nobody else's, and a crash costs one console.
 *
 * It connects to assay-console only when the other side is there, reads no
 * more than is taken, and ends when either side does. */
#ifndef HOSTS_RELAY_H
#define HOSTS_RELAY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <jansson.h>
#include <sys/types.h>
#include "harness/attr.h"
#include "harness/buf.h"

struct fault;

#define RELAY_CONNECT_MS 15000

struct relay {
    const char *host;
    const json_t *config;       /* the host's "console" object */
    const char *log_dir;        /* what was captured until now */
    int64_t connect_ms;         /* RELAY_CONNECT_MS */
    int fd;                     /* to wait on; owned by the driver */
    struct buf near, far;       /* bytes on their way to either side */
    bool wants_write;           /* the driver waits for 'fd' to take more */
    void *own;                  /* the driver's */
};

struct relay_driver {
    const char *name;
    /* Connects and logs in, blocking. May put first bytes into 'near' and
     * 'far'. FAULT_CONFIG when a password is refused. */
    bool (*open)(struct relay *relay, struct fault *why);
    /* Bytes from the other side, to be appended to relay->near. 0: it has
     * closed; -1 with errno, EAGAIN for nothing now. */
    ssize_t (*read)(struct relay *relay);
    /* Sends of relay->far what is taken now; false when it is broken. */
    bool (*write)(struct relay *relay);
    /* Bytes typed, to be appended to relay->far as they are sent. */
    void (*type)(struct relay *relay, const char *data, size_t bytes);
    void (*close)(struct relay *relay);
};

extern const struct relay_driver relay_conserver, relay_sol, relay_ssh,
    relay_telnet;

/* For drivers whose 'fd' is a plain socket. */
ssize_t relay_read_fd(struct relay *relay, char *data, size_t bytes);
bool relay_write_fd(struct relay *relay);
void relay_type_plain(struct relay *relay, const char *data, size_t bytes);

#endif
