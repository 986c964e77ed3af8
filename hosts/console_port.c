/* hosts/console_port.c - a table of states, and the path of a byte from the
 * kernel to the log. Where the sockets are made: console_socket.c. */
#include <config.h>

#include "hosts/console_port.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "harness/buf.h"
#include "harness/clock.h"
#include "harness/fault.h"
#include "harness/fdstore.h"
#include "harness/fs.h"
#include "harness/json.h"
#include "harness/log.h"
#include "harness/mem.h"
#include "hosts/console_driver.h"
#include "hosts/console_flight.h"
#include "hosts/console_log.h"
#include "hosts/console_mux.h"
#include "hosts/console_socket.h"

#define CONTAINER(p, type, member) \
    ((type *)(void *)((char *)(p) - offsetof(type, member)))

/* Read from one console before others have their turn. */
#define TURN_BYTES (256 << 10)
/* So long a full disk stops the guest; then its bytes are counted as lost. */
#define FULL_WAIT_MS 2000
#define RETRY_MIN_MS 250
#define RETRY_MAX_MS 10000
#define TYPED_MAX_BYTES 65536

struct console_port {
    struct console_env *env;
    char *host;
    struct console_log *log;
    enum console_state state;
    struct console_place place;
    int listen_fd, fd;
    struct console_mux_item item;
    struct buf unwritten;       /* read, and refused by a full disk ... */
    bool held;                  /* ... so nothing more is read */
    int64_t retry_ms;           /* mono; 0: nothing to try */
    int64_t retry_step_ms;
    int64_t since_ms;           /* mono, of the present state */
    struct buf typed;           /* what the other side did not take yet */
    struct console_watch *watches, *writer;
    char *why;                  /* why it is down, or NULL */
};

static size_t item_ready(struct console_mux_item *item, uint32_t events);

static const char *const state_names[] = {
    [CONSOLE_OFF] = "off",
    [CONSOLE_DOWN] = "down",
    [CONSOLE_LISTENING] = "listening",
    [CONSOLE_UP] = "up",
};
_Static_assert(ARRAY_LEN(state_names) == CONSOLE_STATE_COUNT, "one each");

const char *
console_state_name(enum console_state state)
{
    must((size_t)state < ARRAY_LEN(state_names));
    return state_names[state];
}

static int64_t
now_ms(const struct console_port *port)
{
    return clock_mono_ms(port->env->clock);
}

static void
set_why(struct console_port *port, const char *text)
{
    free(port->why);
    port->why = text != NULL ? xstrdup(text) : NULL;
}

static void PRINTF_LIKE(2, 3)
tell(struct console_port *port, const char *fmt, ...)
{
    struct console_watch *next;
    char text[300];
    va_list ap;

    va_start(ap, fmt);
    (void)vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    for (struct console_watch *w = port->watches; w != NULL; w = next) {
        next = w->next;
        w->note(w->owner, text);
    }
}

/* One descriptor at a time is polled: the listening socket or the
 * connection. */
static void
poll_as_needed(struct console_port *port)
{
    struct console_mux *mux = port->env->mux;

    if (port->state == CONSOLE_UP && !port->held)
        console_mux_poll(mux, &port->item, port->fd,
                         EPOLLIN | (port->typed.len > 0 ? EPOLLOUT : 0));
    else if (port->state == CONSOLE_LISTENING && port->retry_ms == 0)
        console_mux_poll(mux, &port->item, port->listen_fd, EPOLLIN);
    else
        console_mux_poll(mux, &port->item, -1, 0);
}

/* The store --------------------------------------------------------------- */

static void
store_name(const struct console_port *port, char kind,
           char name[static FDSTORE_NAME_MAX + 1])
{
    (void)snprintf(name, FDSTORE_NAME_MAX + 1, "%c:%s", kind, port->host);
}

static void
store_put(const struct console_port *port, char kind, int fd)
{
    char name[FDSTORE_NAME_MAX + 1];

    store_name(port, kind, name);
    fdstore_client_put(port->env->store, name, fd);
}

static void
store_drop(const struct console_port *port, char kind)
{
    char name[FDSTORE_NAME_MAX + 1];

    store_name(port, kind, name);
    fdstore_client_drop(port->env->store, name);
}

bool
console_port_kept_host(const char *name, char host[static 128])
{
    if ((name[0] != 'l' && name[0] != 'c') || name[1] != ':' ||
        !name_is_safe(name + 2, CONSOLE_HOST_MAX))
        return false;
    (void)snprintf(host, 128, "%s", name + 2);
    return true;
}

/* Bytes ------------------------------------------------------------------- */

static void
deliver(struct console_port *port, int64_t offset, const char *data,
        size_t bytes)
{
    struct console_watch *next;

    for (struct console_watch *w = port->watches; w != NULL && bytes > 0;
         w = next) {
        next = w->next;
        w->data(w->owner, offset, data, bytes);
    }
}

/* The disk does not take these. For a while they are kept and nothing more is
 * read, so that the kernel keeps what comes; but not for ever, since the guest
 * would stand still. */
static void
refused(struct console_port *port, const char *data, size_t bytes)
{
    const struct log_fields fields = { .host = port->host };
    bool first = console_log_lost(port->log) == 0;
    int64_t since_ms, offset = console_log_offset(port->log);
    int error;

    must(console_log_in_trouble(port->log, &since_ms, &error));
    if (now_ms(port) < since_ms + FULL_WAIT_MS) {
        buf_add(&port->unwritten, data, bytes);
        port->held = true;
        return;
    }
    console_log_lose(port->log, bytes);
    if (first)
        log_with(LOG_LEVEL_ERROR, &fields,
                 "console: the log cannot be written (%s): bytes are lost",
                 strerror(error));
    deliver(port, offset, data, bytes);
}

static void
write_out(struct console_port *port, const char *data, size_t bytes)
{
    int64_t offset = console_log_offset(port->log);
    size_t done = console_log_append(port->log, data, bytes);

    deliver(port, offset, data, done);
    if (done < bytes)
        refused(port, data + done, bytes - done);
}

/* The log may be written again: what waits for that goes first. */
static void
retry_unwritten(struct console_port *port)
{
    struct buf waiting = port->unwritten;

    port->unwritten = (struct buf)BUF_INIT;
    port->held = false;
    if (waiting.len > 0)
        write_out(port, waiting.data, waiting.len);
    buf_free(&waiting);
}

/* What waits is lost, unless it can be written now. */
static void
give_up(struct console_port *port)
{
    int64_t offset, since_ms;
    int error;

    if (port->held && console_log_mend(port->log))
        retry_unwritten(port);
    if (port->unwritten.len > 0 &&
        console_log_in_trouble(port->log, &since_ms, &error)) {
        offset = console_log_offset(port->log);
        console_log_lose(port->log, port->unwritten.len);
        deliver(port, offset, port->unwritten.data, port->unwritten.len);
    }
    buf_free(&port->unwritten);
    port->held = false;
}

/* A killed process had taken these from the kernel. */
static void
land_left(struct console_port *port)
{
    struct console_flight *flight = port->env->flight;
    const char *data;
    size_t bytes;

    data = console_flight_left(flight, port->host,
                               console_log_offset(port->log), &bytes);
    if (data == NULL)
        return;
    write_out(port, data, bytes);
    console_flight_landed(flight);
}

static size_t
read_turn(struct console_port *port)
{
    struct console_flight *flight = port->env->flight;
    size_t total = 0;
    ssize_t n;

    while (port->state == CONSOLE_UP && !port->held && total < TURN_BYTES) {
        if (port->place.way == CONSOLE_WAY_PTY)
            n = console_flight_read(flight, port->fd);
        else
            n = console_flight_receive(flight, port->fd, port->host,
                                       console_log_offset(port->log));
        if (n < 0 && errno == EAGAIN)
            break;
        if (n <= 0) {
            set_why(port, n < 0 ? strerror(errno) : NULL);
            console_port_happens(port, CONSOLE_HANGUP);
            break;
        }
        total += (size_t)n;
        write_out(port, console_flight_data(flight), (size_t)n);
        console_flight_landed(flight);
        if (n < CONSOLE_FLIGHT_BYTES)
            break;
    }
    return total;
}

/* Actions of the table: each returns the state it leads to ---------------- */

static void
close_connection(struct console_port *port)
{
    if (port->item.fd == port->fd)
        console_mux_poll(port->env->mux, &port->item, -1, 0);
    if (port->fd >= 0)
        store_drop(port, 'c');
    fd_close(&port->fd);
    buf_free(&port->typed);
    give_up(port);
}

static void
close_listener(struct console_port *port)
{
    if (port->item.fd == port->listen_fd)
        console_mux_poll(port->env->mux, &port->item, -1, 0);
    if (port->listen_fd >= 0)
        store_drop(port, 'l');
    fd_close(&port->listen_fd);
}

/* Not all of two thousand at the same moment: the host's name spreads them. */
static void
retry_later(struct console_port *port)
{
    uint32_t hash = 2166136261u;
    int64_t step = port->retry_step_ms * 2;

    if (step < RETRY_MIN_MS)
        step = RETRY_MIN_MS;
    if (step > RETRY_MAX_MS)
        step = RETRY_MAX_MS;
    port->retry_step_ms = step;
    for (const char *c = port->host; *c != '\0'; c++)
        hash = (hash ^ (unsigned char)*c) * 16777619u;
    port->retry_ms = now_ms(port) + step + (int64_t)(hash % 256) * step / 1024;
}

static enum console_state
be_down(struct console_port *port, const struct fault *why)
{
    const struct log_fields fields = { .host = port->host };

    log_with(port->why == NULL ? LOG_LEVEL_WARN : LOG_LEVEL_DEBUG, &fields,
             "console: %s", why->text);
    set_why(port, why->text);
    retry_later(port);
    return CONSOLE_DOWN;
}

static void
begin_reading(struct console_port *port)
{
    port->retry_ms = 0;
    port->retry_step_ms = 0;
    set_why(port, NULL);
}

static enum console_state
be_up(struct console_port *port)
{
    const struct log_fields fields = { .host = port->host };
    char away[32];

    begin_reading(port);
    store_put(port, 'c', port->fd);
    clock_human(now_ms(port) - port->since_ms, away);
    console_log_note(port->log, CONSOLE_INDEX_UP, "%s, after %s without",
                     port->place.path, away);
    log_with(LOG_LEVEL_INFO, &fields, "console: connected (%s)",
             port->place.path);
    tell(port, "connected");
    return CONSOLE_UP;
}

static enum console_state
act_stay(struct console_port *port)
{
    return port->state;
}

static enum console_state
act_open(struct console_port *port)
{
    struct fault why = FAULT_INIT;

    if (port->place.way == CONSOLE_WAY_LISTEN) {
        if (!console_socket_listen(&port->place, &port->listen_fd, &why))
            return be_down(port, &why);
        store_put(port, 'l', port->listen_fd);
        set_why(port, NULL);
        port->retry_ms = 0;
        return CONSOLE_LISTENING;
    }
    if (!console_socket_connect(&port->place, &port->fd, &why))
        return be_down(port, &why);
    return be_up(port);
}

static enum console_state
act_accept(struct console_port *port)
{
    int fd = accept4(port->listen_fd, NULL, NULL,
                     SOCK_CLOEXEC | SOCK_NONBLOCK);

    if (fd >= 0) {
        port->fd = fd;
        return be_up(port);
    }
    /* Out of descriptors, perhaps: the caller waits in the queue. */
    if (errno != EAGAIN && errno != ECONNABORTED && errno != EINTR)
        retry_later(port);
    return CONSOLE_LISTENING;
}

static enum console_state
act_listen_again(struct console_port *port)
{
    port->retry_ms = 0;
    return CONSOLE_LISTENING;
}

static enum console_state
act_hangup(struct console_port *port)
{
    const struct log_fields fields = { .host = port->host };
    bool listens = port->listen_fd >= 0;
    const char *kept = !listens ? "is missing"
        : port->place.relay ? "is what the other side keeps" : "is kept";

    console_log_note(port->log, CONSOLE_INDEX_GAP, "%s: what comes until the "
                     "next connect %s", port->why != NULL ? port->why
                     : "closed by the other side", kept);
    log_with(LOG_LEVEL_INFO, &fields, "console: disconnected");
    tell(port, "disconnected");
    close_connection(port);
    set_why(port, NULL);
    if (listens)
        return CONSOLE_LISTENING;
    retry_later(port);
    return CONSOLE_DOWN;
}

static enum console_state
act_close(struct console_port *port)
{
    if (port->state == CONSOLE_UP) {
        console_log_note(port->log, CONSOLE_INDEX_GAP,
                         "closed by us: what comes from here on is missing");
        tell(port, "disconnected");
    }
    close_connection(port);
    close_listener(port);
    port->retry_ms = 0;
    return CONSOLE_OFF;
}

static enum console_state
act_move(struct console_port *port)
{
    (void)act_close(port);
    return act_open(port);
}

typedef enum console_state action_fn(struct console_port *port);

static action_fn *const actions[CONSOLE_STATE_COUNT]
                               [CONSOLE_HAPPENING_COUNT] = {
    [CONSOLE_OFF] = {
        [CONSOLE_START] = act_open,
        [CONSOLE_MOVED] = act_stay,
        [CONSOLE_CALLED] = act_stay,
        [CONSOLE_HANGUP] = act_stay,
        [CONSOLE_RETRY] = act_stay,
        [CONSOLE_STOP] = act_stay,
    },
    [CONSOLE_DOWN] = {
        [CONSOLE_START] = act_stay,
        [CONSOLE_MOVED] = act_move,
        [CONSOLE_CALLED] = act_stay,
        [CONSOLE_HANGUP] = act_stay,
        [CONSOLE_RETRY] = act_open,
        [CONSOLE_STOP] = act_close,
    },
    [CONSOLE_LISTENING] = {
        [CONSOLE_START] = act_stay,
        [CONSOLE_MOVED] = act_move,
        [CONSOLE_CALLED] = act_accept,
        [CONSOLE_HANGUP] = act_stay,
        [CONSOLE_RETRY] = act_listen_again,
        [CONSOLE_STOP] = act_close,
    },
    [CONSOLE_UP] = {
        [CONSOLE_START] = act_stay,
        [CONSOLE_MOVED] = act_move,
        [CONSOLE_CALLED] = act_stay,
        [CONSOLE_HANGUP] = act_hangup,
        [CONSOLE_RETRY] = act_stay,
        [CONSOLE_STOP] = act_close,
    },
};

void
console_port_happens(struct console_port *port, enum console_happening what)
{
    enum console_state before = port->state;

    must((size_t)what < CONSOLE_HAPPENING_COUNT);
    port->state = actions[before][what](port);
    if (port->state != before)
        port->since_ms = now_ms(port);
    poll_as_needed(port);
}

/* Life -------------------------------------------------------------------- */

bool
console_port_new(struct console_env *env, const char *host,
                 struct console_port **port_out, struct fault *why)
{
    struct console_port *port = NULL;
    struct console_log *log = NULL;
    char *dir = NULL;
    bool ok;

    ok = name_is_safe(host, CONSOLE_HOST_MAX) ||
         fault_set(why, FAULT_CONFIG, "'%s' is no name of a host", host);
    if (!ok)
        goto out;
    dir = xasprintf("%s/%s", env->logs_dir, host);
    ok = console_log_open(dir, env->log_file_bytes, env->clock, &log, why);
    if (!ok)
        goto out;
    port = xcalloc(1, sizeof(*port));
    port->env = env;
    port->host = xstrdup(host);
    port->log = log;
    port->listen_fd = port->fd = port->item.fd = -1;
    port->item.ready = item_ready;
    port->since_ms = now_ms(port);
    land_left(port);
    *port_out = port;
out:
    free(dir);
    return ok;
}

void
console_port_free(struct console_port *port, bool for_good)
{
    struct console_env *env;

    if (port == NULL)
        return;
    env = port->env;
    tell(port, "no longer served");
    while (port->watches != NULL) {
        struct console_watch *watch = port->watches;

        console_port_unwatch(port, watch);
        watch->end(watch->owner);
    }
    if (for_good)
        console_port_happens(port, CONSOLE_STOP);
    console_mux_poll(env->mux, &port->item, -1, 0);
    console_mux_pin(env->mux, &port->item, false);
    give_up(port);
    fd_close(&port->fd);
    fd_close(&port->listen_fd);
    buf_free(&port->typed);
    console_log_close(port->log);
    free(port->why);
    free(port->host);
    free(port);
}

void
console_port_adopt(struct console_port *port, const char *name, int fd)
{
    struct console_place place;

    if (port->state != CONSOLE_OFF || !console_socket_place(fd, &place)) {
        fd_close(&fd);
        return;
    }
    if (name[0] == 'l') {
        fd_close(&port->listen_fd);
        port->listen_fd = fd;
    } else {
        fd_close(&port->fd);
        port->fd = fd;
    }
    port->place = place;
}

void
console_port_resume(struct console_port *port)
{
    must(port->state == CONSOLE_OFF);
    if (port->fd >= 0) {
        begin_reading(port);
        console_log_note(port->log, CONSOLE_INDEX_NOTE,
                         "assay-console starts again, its connection was "
                         "kept: nothing is missing");
        port->state = CONSOLE_UP;
    } else if (port->listen_fd >= 0) {
        port->state = CONSOLE_LISTENING;
    }
    poll_as_needed(port);
}

void
console_port_go(struct console_port *port, const struct console_place *place,
                bool sure)
{
    bool same = port->place.way == place->way &&
                strcmp(port->place.path, place->path) == 0;

    if (port->state == CONSOLE_OFF) {
        port->place = *place;
        if (console_log_offset(port->log) > 0)
            console_log_note(port->log, CONSOLE_INDEX_GAP,
                             "assay-console starts anew: what came while it "
                             "was away is missing");
        console_port_happens(port, CONSOLE_START);
    } else if (sure && !same) {
        port->place = *place;
        console_port_happens(port, CONSOLE_MOVED);
    } else {
        port->place.relay = place->relay;       /* no socket tells of it */
    }
}

void
console_port_tick(struct console_port *port)
{
    int64_t since_ms;
    int error;

    if (port->retry_ms != 0 && now_ms(port) >= port->retry_ms)
        console_port_happens(port, CONSOLE_RETRY);
    if (!console_log_in_trouble(port->log, &since_ms, &error))
        return;
    if (console_log_mend(port->log)) {
        retry_unwritten(port);
    } else if (port->held && now_ms(port) >= since_ms + FULL_WAIT_MS) {
        give_up(port);
    }
    poll_as_needed(port);
}

static void
flush_typed(struct console_port *port)
{
    ssize_t n;

    if (port->state != CONSOLE_UP || port->typed.len == 0)
        return;
    if (port->place.way == CONSOLE_WAY_PTY)
        n = write(port->fd, port->typed.data, port->typed.len);
    else
        n = send(port->fd, port->typed.data, port->typed.len,
                 MSG_DONTWAIT | MSG_NOSIGNAL);
    if (n > 0)
        buf_drop(&port->typed, (size_t)n);
    else if (n < 0 && errno != EAGAIN && errno != EINTR)
        buf_reset(&port->typed);        /* reading will see why */
    if (port->typed.len == 0)
        buf_free(&port->typed);
}

static size_t
item_ready(struct console_mux_item *item, uint32_t events)
{
    struct console_port *port = CONTAINER(item, struct console_port, item);
    size_t bytes = 0;

    if (port->state == CONSOLE_LISTENING) {
        console_port_happens(port, CONSOLE_CALLED);
        events = EPOLLIN;       /* who connects has something to say */
    }
    if ((events & EPOLLOUT) != 0)
        flush_typed(port);
    if ((events & ~(uint32_t)EPOLLOUT) != 0)
        bytes = read_turn(port);
    poll_as_needed(port);
    return bytes;
}

/* Watchers ---------------------------------------------------------------- */

const char *
console_port_host(const struct console_port *port)
{
    return port->host;
}

enum console_state
console_port_state(const struct console_port *port)
{
    return port->state;
}

struct console_log *
console_port_log(struct console_port *port)
{
    return port->log;
}

void
console_port_describe(const struct console_port *port, json_t *object)
{
    struct buf error = BUF_INIT;
    int64_t since_ms, readers = 0;
    int number;

    for (const struct console_watch *w = port->watches; w != NULL;
         w = w->next)
        readers++;
    json_put_text(object, "state", console_state_name(port->state));
    json_put_text(object, "way", console_way_name(port->place.way));
    json_put_text(object, "path", port->place.path);
    json_put_int(object, "state_ms", now_ms(port) - port->since_ms);
    json_put_int(object, "offset", console_log_offset(port->log));
    json_put_int(object, "lost", console_log_lost(port->log));
    json_put_text(object, "log", console_log_dir(port->log));
    json_put_int(object, "readers", readers);
    json_put_text(object, "writer",
                  port->writer != NULL ? port->writer->who : NULL);
    if (port->why != NULL)
        buf_adds(&error, port->why);
    if (console_log_in_trouble(port->log, &since_ms, &number))
        buf_addf(&error, "%sthe log cannot be written: %s",
                 error.len > 0 ? "; " : "", strerror(number));
    json_put_text(object, "why", error.len > 0 ? buf_text(&error) : NULL);
    buf_free(&error);
}

void
console_port_watch(struct console_port *port, struct console_watch *watch)
{
    watch->next = port->watches;
    port->watches = watch;
    console_mux_pin(port->env->mux, &port->item, true);
}

void
console_port_unwatch(struct console_port *port, struct console_watch *watch)
{
    struct console_watch **at = &port->watches;

    while (*at != NULL && *at != watch)
        at = &(*at)->next;
    if (*at != NULL)
        *at = watch->next;
    watch->next = NULL;
    if (port->writer == watch)
        port->writer = NULL;
    if (port->watches == NULL)
        console_mux_pin(port->env->mux, &port->item, false);
}

bool
console_port_take_pen(struct console_port *port, struct console_watch *watch,
                      bool force, struct fault *why)
{
    struct console_watch *old = port->writer;
    char text[200];

    if (old != NULL && old != watch && !force) {
        fault_set(why, FAULT_CONFLICT, "%s is typing on the console of %s",
                  old->who, port->host);
        return fault_hint(why, "attach with --read-only, or take it over "
                          "with --force");
    }
    port->writer = watch;
    if (old != NULL && old != watch) {
        (void)snprintf(text, sizeof(text),
                       "%s types now; you only read on", watch->who);
        old->note(old->owner, text);
    }
    return true;
}

bool
console_port_type(struct console_port *port,
                  const struct console_watch *watch, const char *data,
                  size_t bytes, bool force, struct fault *why)
{
    if (port->writer != watch && watch != NULL)
        return fault_set(why, FAULT_CONFLICT,
                         "attached to the console of %s for reading only",
                         port->host);
    if (port->writer != NULL && watch == NULL && !force)
        return fault_set(why, FAULT_CONFLICT,
                         "%s is typing on the console of %s",
                         port->writer->who, port->host);
    if (port->state != CONSOLE_UP)
        return fault_set(why, FAULT_CONFLICT,
                         "the console of %s is not connected (%s)",
                         port->host, console_state_name(port->state));
    if (port->typed.len + bytes > TYPED_MAX_BYTES)
        return fault_set(why, FAULT_CONFLICT,
                         "the console of %s takes no more input",
                         port->host);
    buf_add(&port->typed, data, bytes);
    flush_typed(port);
    poll_as_needed(port);
    return true;
}
