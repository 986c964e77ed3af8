/* hosts/console_driver.h - where a host's serial console is: one table row a
 * driver. A driver says where; hosts/console_port.c connects and reads. What is
 * on the network is brought to a socket of ours by a process of its own, see
 * hosts/relay.h. The keys are in assay-host(5). */
#ifndef HOSTS_CONSOLE_DRIVER_H
#define HOSTS_CONSOLE_DRIVER_H

#include <stdbool.h>
#include <stddef.h>
#include <jansson.h>
#include "harness/attr.h"

struct buf;
struct fault;

/* How bytes come. CONSOLE_WAY_NONE: not known yet. */
enum console_way {
    CONSOLE_WAY_NONE = 0,
    CONSOLE_WAY_LISTEN,         /* we listen on a Unix socket, it connects */
    CONSOLE_WAY_CONNECT,        /* we connect to a Unix socket */
    CONSOLE_WAY_PTY,            /* we open a pseudo-terminal */
    CONSOLE_WAY_COUNT
};
const char *console_way_name(enum console_way way);

#define CONSOLE_PATH_BYTES 108  /* sun_path, with the NUL */
struct console_place {
    enum console_way way;
    bool lab;                   /* a machine of the lab's user connects */
    bool relay;                 /* assay-relay connects: hosts/relay.h */
    char path[CONSOLE_PATH_BYTES];
};

struct console_driver {
    const char *name;           /* of the key "driver" */
    /* Checks the host file's "console" object and says what is known
     * without asking anybody. FAULT_CONFIG names the key. */
    bool (*place)(const char *host, const json_t *config,
                  struct console_place *place_out, struct fault *why);
    /* NULL, or a short-lived helper that knows better: appends its argv,
     * each with its NUL. */
    void (*ask)(const json_t *config, struct buf *argv);
    /* Reads the helper's answer. */
    bool (*answer)(const char *data, size_t bytes,
                   struct console_place *place_out, struct fault *why);
};

/* FAULT_CONFIG, naming the drivers that there are, when none is of that
 * name. */
MUST_CHECK const struct console_driver *
console_driver_find(const char *name, struct fault *why);
/* i-th row, NULL past the end. */
const struct console_driver *console_driver_at(size_t i);

/* Sets way and path, which must fit; FAULT_CONFIG otherwise. */
MUST_CHECK bool console_place_set(struct console_place *place,
                                  enum console_way way, const char *path,
                                  struct fault *why);

#endif
