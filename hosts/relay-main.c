/* hosts/relay-main.c - assay-relay HOST SOCKET LOG-DIRECTORY CONFIG. */
#include <config.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "harness/buf.h"
#include "harness/cmd.h"
#include "harness/fault.h"
#include "harness/fs.h"
#include "harness/json.h"
#include "hosts/relay.h"

#define HELD_MAX_BYTES 262144   /* then that side is not read */
#define PIECE_BYTES 16384

static const struct relay_driver *const drivers[] = {
    &relay_conserver, &relay_sol, &relay_ssh, &relay_telnet,
};

static const struct relay_driver *
driver_find(const json_t *config, struct fault *why)
{
    const char *name = json_text(config, "driver");

    for (size_t i = 0; name != NULL && i < ARRAY_LEN(drivers); i++) {
        if (strcmp(drivers[i]->name, name) == 0)
            return drivers[i];
    }
    fault_set(why, FAULT_CONFIG, "console driver '%s' has no relay",
              name == NULL ? "" : name);
    return NULL;
}

/* One relay a console: who comes second ends at once. */
static bool
lock(const char *socket_path, int *fd_out, struct fault *why)
{
    struct buf path = BUF_INIT;
    bool ok;
    int fd;

    buf_addf(&path, "%s.lock", socket_path);
    fd = open(buf_text(&path), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    ok = fd >= 0 || fault_errno(why, FAULT_SYSTEM, "open %s",
                                buf_text(&path));
    if (ok && flock(fd, LOCK_EX | LOCK_NB) != 0)
        ok = fault_set(why, FAULT_CONFLICT, "another relay serves this "
                       "console");
    if (ok) {
        *fd_out = fd;
        fd = -1;
    }
    fd_close(&fd);
    buf_free(&path);
    return ok;
}

static bool
connect_near(const char *path, int *fd_out, struct fault *why)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    bool ok;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    (void)snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
    ok = fd >= 0 && strlen(path) < sizeof(address.sun_path)
        && connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0
        && fcntl(fd, F_SETFL, O_NONBLOCK) == 0;
    if (ok) {
        *fd_out = fd;
        fd = -1;
    } else {
        fault_errno(why, FAULT_SYSTEM, "connect to %s", path);
    }
    fd_close(&fd);
    return ok;
}

ssize_t
relay_read_fd(struct relay *relay, char *data, size_t bytes)
{
    ssize_t n = recv(relay->fd, data, bytes, MSG_DONTWAIT);

    if (n < 0 && errno == EINTR)
        errno = EAGAIN;
    return n;
}

/* Sends what it can; false when the socket is broken. */
static bool
send_some(int fd, struct buf *from)
{
    while (from->len > 0) {
        ssize_t n = send(fd, from->data, from->len,
                         MSG_DONTWAIT | MSG_NOSIGNAL);

        if (n < 0)
            return errno == EAGAIN || errno == EINTR;
        buf_drop(from, (size_t)n);
    }
    return true;
}

bool
relay_write_fd(struct relay *relay)
{
    return send_some(relay->fd, &relay->far);
}

void
relay_type_plain(struct relay *relay, const char *data, size_t bytes)
{
    buf_add(&relay->far, data, bytes);
}

/* From assay-console; false when it has gone. */
static bool
read_near(struct relay *relay, const struct relay_driver *driver, int near)
{
    char data[PIECE_BYTES];
    ssize_t n = recv(near, data, sizeof(data), MSG_DONTWAIT);

    if (n > 0)
        driver->type(relay, data, (size_t)n);
    return n > 0 || (n < 0 && (errno == EAGAIN || errno == EINTR));
}

/* What is left for assay-console goes there, though the other side has
 * closed: as long as it takes, since it reads when the disk lets it. */
static void
drain(struct relay *relay, int near)
{
    struct pollfd wait = { .fd = near, .events = POLLOUT };

    while (relay->near.len > 0 && send_some(near, &relay->near)
           && relay->near.len > 0)
        (void)poll(&wait, 1, -1);
}

static bool
carry(struct relay *relay, const struct relay_driver *driver, int near,
      struct fault *why)
{
    for (;;) {
        struct pollfd wait[] = {
            { .fd = near }, { .fd = relay->fd },
        };
        ssize_t n = -1;

        if (!send_some(near, &relay->near))
            return true;        /* assay-console has gone */
        if (!driver->write(relay))
            return fault_set(why, FAULT_PEER, "the console server has closed "
                             "the connection");
        wait[0].events = (short)((relay->near.len > 0 ? POLLOUT : 0)
                                 | (relay->far.len < HELD_MAX_BYTES ? POLLIN
                                                                    : 0));
        wait[1].events = (short)((relay->far.len > 0 || relay->wants_write
                                  ? POLLOUT : 0)
                                 | (relay->near.len < HELD_MAX_BYTES ? POLLIN
                                                                     : 0));
        if (poll(wait, ARRAY_LEN(wait), -1) < 0) {
            if (errno == EINTR)
                continue;
            return fault_errno(why, FAULT_SYSTEM, "poll");
        }
        if ((wait[0].revents & ~POLLOUT) != 0
            && !read_near(relay, driver, near))
            return true;
        if (relay->near.len >= HELD_MAX_BYTES || wait[1].revents == 0)
            continue;
        n = driver->read(relay);
        if (n == 0 || (n < 0 && errno != EAGAIN)) {
            drain(relay, near);
            return fault_set(why, FAULT_PEER, "the console server has closed "
                             "the connection%s%s", n < 0 ? ": " : "",
                             n < 0 ? strerror(errno) : "");
        }
    }
}

static bool
run(struct cmd_call *call, struct fault *why)
{
    struct relay relay = {
        .host = cmd_arg(call, 0), .log_dir = cmd_arg(call, 2),
        .connect_ms = RELAY_CONNECT_MS, .fd = -1,
        .near = BUF_INIT, .far = BUF_INIT,
    };
    const char *path = cmd_arg(call, 1), *text = cmd_arg(call, 3);
    const struct relay_driver *driver = NULL;
    int locked = -1, near = -1;
    json_t *config = NULL;
    bool ok, opened = false;

    (void)signal(SIGPIPE, SIG_IGN);
    ok = json_parse(text, strlen(text), &config, why)
        && lock(path, &locked, why);
    relay.config = config;
    driver = ok ? driver_find(config, why) : NULL;
    ok = driver != NULL;
    if (ok)
        ok = opened = driver->open(&relay, why);
    ok = ok && connect_near(path, &near, why)
        && carry(&relay, driver, near, why);
    if (opened)
        driver->close(&relay);
    fd_close(&near);
    fd_close(&locked);
    buf_free(&relay.near);
    buf_free(&relay.far);
    json_decref(config);
    return ok;
}

static const struct cmd cmds[] = {
    { "carry", "HOST SOCKET LOGS CONFIG", 4, 4, CMD_WRITES, NULL, run,
      "carry the console of HOST to SOCKET, until either side ends", NULL },
    { .path = NULL },
};

int
main(int argc, char **argv)
{
    static const struct cmd *const tables[] = { cmds, NULL };
    static const struct cmd_program program = {
        .name = "assay-relay",
        .help = "One console that is on the network.",
        .tables = tables,
    };

    return cmd_main(&program, argc, argv);
}
