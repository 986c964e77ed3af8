/* hosts/console_port.h - one serial console: connects, reads into its log,
 * passes on to those who watch, and types what they send. */
#ifndef HOSTS_CONSOLE_PORT_H
#define HOSTS_CONSOLE_PORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <jansson.h>
#include "harness/attr.h"

struct clock;
struct console_flight;
struct console_log;
struct console_mux;
struct console_place;
struct console_port;
struct fault;
struct fdstore_client;

enum console_state {
    CONSOLE_OFF = 0,
    CONSOLE_DOWN,               /* to be tried again at a time */
    CONSOLE_LISTENING,          /* nobody is connected to our socket */
    CONSOLE_UP,
    CONSOLE_STATE_COUNT
};
const char *console_state_name(enum console_state state);

enum console_happening {
    CONSOLE_START = 0,
    CONSOLE_MOVED,              /* the place is another now */
    CONSOLE_CALLED,             /* somebody connects to our socket */
    CONSOLE_HANGUP,             /* the other side has gone */
    CONSOLE_RETRY,              /* the time has come */
    CONSOLE_STOP,
    CONSOLE_HAPPENING_COUNT
};

/* What all consoles of a process share; outlives them. */
struct console_env {
    struct clock *clock;
    struct fdstore_client *store;       /* may be NULL */
    struct console_flight *flight;
    struct console_mux *mux;
    const char *logs_dir;
    int64_t log_file_bytes;
};

/* One who watches; embedded in its owner. The functions run from the loop; in
 * them the owner may unwatch, but not free other watches. */
struct console_watch {
    /* 'bytes' at absolute 'offset' have come. What the disk did not take is
     * shown here too, and nowhere else. */
    void (*data)(void *owner, int64_t offset, const char *data,
                 size_t bytes);
    void (*note)(void *owner, const char *text);        /* for people */
    void (*end)(void *owner);   /* the port is going; already unwatched */
    void *owner;
    const char *who;            /* borrowed while watching */
    struct console_watch *next;
};

/* Opens the log; no connection yet. */
MUST_CHECK bool console_port_new(struct console_env *env, const char *host,
                                 struct console_port **port_out,
                                 struct fault *why);
/* Closes everything, tells the watchers and forgets them. The store forgets
 * the sockets too if 'for_good'. Ignores NULL. */
void console_port_free(struct console_port *port, bool for_good);

/* A descriptor from the store, by the name it had there; taken over. False if
 * the name is not one of a console's. */
bool console_port_kept_host(const char *name, char host[static 128]);
void console_port_adopt(struct console_port *port, const char *name, int fd);
/* Goes on with what was adopted. */
void console_port_resume(struct console_port *port);

/* Where the console is; connects, or moves there if that is not where it is
 * now. Not 'sure': a guess, which only counts when nothing is known. */
void console_port_go(struct console_port *port,
                     const struct console_place *place, bool sure);
void console_port_happens(struct console_port *port,
                          enum console_happening what);
/* Four times a second. */
void console_port_tick(struct console_port *port);

const char *console_port_host(const struct console_port *port);
enum console_state console_port_state(const struct console_port *port);
struct console_log *console_port_log(struct console_port *port);
/* Adds state, offset, path, lost, readers, writer, why to 'object'. */
void console_port_describe(const struct console_port *port, json_t *object);

void console_port_watch(struct console_port *port,
                        struct console_watch *watch);
void console_port_unwatch(struct console_port *port,
                          struct console_watch *watch);
/* One watch at a time may type. FAULT_CONFLICT names who does, unless
 * 'force': then that one is told and only reads on. */
MUST_CHECK bool console_port_take_pen(struct console_port *port,
                                      struct console_watch *watch, bool force,
                                      struct fault *why);
/* 'watch' NULL: typed without being attached; then FAULT_CONFLICT if another
 * holds the pen and not 'force'. */
MUST_CHECK bool console_port_type(struct console_port *port,
                                  const struct console_watch *watch,
                                  const char *data, size_t bytes, bool force,
                                  struct fault *why);

#endif
