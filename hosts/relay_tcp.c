/* hosts/relay_tcp.c - console servers by TCP: telnet with RFC 2217, and
 * conserver. */
#include <config.h>

#include "hosts/relay.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "harness/clock.h"
#include "harness/fault.h"
#include "harness/fs.h"
#include "harness/json.h"
#include "harness/log.h"
#include "harness/mem.h"
#include "hosts/address.h"
#include "hosts/conserver.h"
#include "hosts/secret.h"
#include "hosts/telnet.h"

#define PIECE_BYTES 16384
#define CONSERVER_PORT 782
#define LINE_BYTES 512
#define REPLAY_LINES "9999"
#define REPLAY_MAX_BYTES (4 << 20)
#define HAD_BYTES 4096

static bool
tcp_open(struct relay *relay, const char *address_is, unsigned port,
         struct fault *why)
{
    struct address address;

    return address_parse(address_is, port, &address, why)
        && address_connect(&address, relay->connect_ms, &relay->fd, why);
}

static void
tcp_close(struct relay *relay)
{
    fd_close(&relay->fd);
    free(relay->own);
    relay->own = NULL;
}

/* Telnet ------------------------------------------------------------------ */

static bool
telnet_open(struct relay *relay, struct fault *why)
{
    const char *speed = json_text(relay->config, "speed");
    const char *line = json_text(relay->config, "line");
    struct telnet_line wanted = { .speed = 0 };
    struct telnet *telnet;
    int64_t number = 0;

    if ((speed != NULL && !parse_int64(speed, 1, UINT32_MAX, &number))
        || !telnet_line_parse(line == NULL ? "8n1" : line, &wanted))
        return fault_set(why, FAULT_CONFIG, "bad speed or line");
    wanted.speed = (uint32_t)number;
    if (!tcp_open(relay, json_text(relay->config, "address"), 0, why))
        return false;
    telnet = xcalloc(1, sizeof(*telnet));
    telnet_start(telnet, &wanted, &relay->far);
    relay->own = telnet;
    return true;
}

static ssize_t
telnet_read(struct relay *relay)
{
    char data[PIECE_BYTES];
    ssize_t n = relay_read_fd(relay, data, sizeof(data));

    if (n > 0)
        telnet_feed(relay->own, data, (size_t)n, &relay->near, &relay->far);
    return n;
}

static void
telnet_type(struct relay *relay, const char *data, size_t bytes)
{
    telnet_quote(relay->own, data, bytes, &relay->far);
}

const struct relay_driver relay_telnet = {
    .name = "telnet",
    .open = telnet_open,
    .read = telnet_read,
    .write = relay_write_fd,
    .type = telnet_type,
    .close = tcp_close,
};

/* Conserver --------------------------------------------------------------- */

struct dialogue {
    struct relay *relay;
    struct conserver conserver;
    struct buf in;              /* read and not used */
    int64_t until_ms;
};

static bool
say(struct dialogue *dialogue, struct fault *why, const char *fmt, ...)
    PRINTF_LIKE(3, 4);
static bool
say(struct dialogue *dialogue, struct fault *why, const char *fmt, ...)
{
    struct buf text = BUF_INIT;
    va_list ap;
    bool ok;

    va_start(ap, fmt);
    buf_addv(&text, fmt, ap);
    va_end(ap);
    ok = send(dialogue->relay->fd, text.data, text.len, MSG_NOSIGNAL)
            == (ssize_t)text.len
        || fault_errno(why, FAULT_PEER, "conserver");
    if (text.len > 0)
        explicit_bzero(text.data, text.len);
    buf_free(&text);
    return ok;
}

/* More bytes into dialogue->in. */
static bool
hear(struct dialogue *dialogue, struct fault *why)
{
    int64_t left = dialogue->until_ms - clock_mono_ms(clock_system());
    struct pollfd wait = { .fd = dialogue->relay->fd, .events = POLLIN };
    char data[PIECE_BYTES];
    ssize_t n;

    if (left <= 0 || poll(&wait, 1, (int)left) == 0)
        return fault_set(why, FAULT_TIMEOUT, "conserver does not answer");
    n = relay_read_fd(dialogue->relay, data, sizeof(data));
    if (n < 0 && errno == EAGAIN)
        return true;
    if (n <= 0)
        return fault_set(why, FAULT_PEER, "conserver has closed the "
                         "connection");
    conserver_feed(&dialogue->conserver, data, (size_t)n, &dialogue->in);
    return true;
}

static bool
hear_line(struct dialogue *dialogue, char line[static LINE_BYTES],
          struct fault *why)
{
    char *end = NULL;
    size_t bytes;

    while (dialogue->in.len == 0
           || (end = memchr(dialogue->in.data, '\n', dialogue->in.len))
               == NULL) {
        if (dialogue->in.len >= LINE_BYTES)
            return fault_set(why, FAULT_PEER, "conserver: a line without "
                             "end");
        if (!hear(dialogue, why))
            return false;
    }
    bytes = (size_t)(end - dialogue->in.data);
    (void)snprintf(line, LINE_BYTES, "%.*s",
                   (int)(bytes < LINE_BYTES ? bytes : LINE_BYTES - 1),
                   dialogue->in.data);
    buf_drop(&dialogue->in, bytes + 1);
    bytes = strlen(line);
    if (bytes > 0 && line[bytes - 1] == '\r')
        line[bytes - 1] = '\0';
    return true;
}

static bool
expect_ok(struct dialogue *dialogue, const char *after, struct fault *why)
{
    char line[LINE_BYTES];

    return hear_line(dialogue, line, why)
        && (strcmp(line, "ok") == 0
            || fault_set(why, FAULT_PEER, "conserver: %s: it answers '%s'",
                         after, line));
}

static bool
log_in(struct dialogue *dialogue, struct fault *why)
{
    const json_t *config = dialogue->relay->config;
    const char *user = json_text(config, "user");
    char line[LINE_BYTES], password[SECRET_BYTES] = "";
    bool ok;

    ok = expect_ok(dialogue, "connect", why)
        && say(dialogue, why, "login %s\r\n", user == NULL ? "assay" : user)
        && hear_line(dialogue, line, why);
    if (!ok || strcmp(line, "ok") == 0)
        return ok;
    if (strncmp(line, "passwd?", 7) != 0)
        return fault_set(why, FAULT_PEER, "conserver: log in: it answers "
                         "'%s'", line);
    ok = secret_read(config, "password", password, why);
    if (ok && password[0] == '\0')
        ok = fault_set(why, FAULT_CONFIG, "conserver wants a password");
    ok = ok && say(dialogue, why, "%s\r\n", password)
        && hear_line(dialogue, line, why);
    explicit_bzero(password, sizeof(password));
    if (ok && strcmp(line, "ok") != 0)
        ok = fault_set(why, FAULT_CONFIG, "conserver refuses user or "
                       "password");
    return ok;
}

/* The end of what was captured, to be compared with what is replayed. */
static void
read_had(const char *log_dir, struct buf *out)
{
    char *path = xasprintf("%s/current", log_dir), text[HAD_BYTES];
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    off_t end = fd < 0 ? -1 : lseek(fd, 0, SEEK_END);
    ssize_t n;

    n = end <= 0 ? 0 : pread(fd, text, sizeof(text),
                             end > HAD_BYTES ? end - HAD_BYTES : 0);
    if (n > 0)
        buf_add(out, text, (size_t)n);
    fd_close(&fd);
    free(path);
}

/* What came while nobody was connected is in the server's log. Asked for
 * together with the connection, so that no byte can fall between. */
static bool
replay(struct dialogue *dialogue, struct fault *why)
{
    static const char begin[] = "[playback]\r\n", end[] = "[connected]\r\n";
    struct buf had = BUF_INIT;
    char line[LINE_BYTES];
    const char *found = NULL;
    size_t skip = 0, bytes;
    bool ok;

    ok = say(dialogue, why, "\005ce" CONSERVER_ESCAPE)
        && hear_line(dialogue, line, why)
        && say(dialogue, why, CONSERVER_ESCAPE "P" REPLAY_LINES "\r")
        && hear_line(dialogue, line, why)
        && say(dialogue, why, CONSERVER_ESCAPE "p" CONSERVER_ESCAPE ";");
    while (ok && found == NULL) {
        ok = dialogue->in.len <= REPLAY_MAX_BYTES
            || fault_set(why, FAULT_PEER, "conserver replays without end");
        ok = ok && hear(dialogue, why);
        if (ok && dialogue->in.len > 0)
            found = memmem(dialogue->in.data, dialogue->in.len, end,
                           strlen(end));
    }
    if (ok) {
        if (dialogue->in.len >= strlen(begin)
            && memcmp(dialogue->in.data, begin, strlen(begin)) == 0)
            skip = strlen(begin);
        bytes = (size_t)(found - dialogue->in.data);
        read_had(dialogue->relay->log_dir, &had);
        if (!conserver_missed(dialogue->in.data + skip, bytes - skip,
                              had.data, had.len, &dialogue->relay->near))
            log_warn("the server's log does not go back to where this one "
                     "ends: bytes are missing");
        buf_drop(&dialogue->in, bytes + strlen(end));
        buf_add(&dialogue->relay->near, dialogue->in.data,
                dialogue->in.len);
    }
    buf_free(&had);
    return ok;
}

static bool
call(struct dialogue *dialogue, char answer[static LINE_BYTES],
     struct fault *why)
{
    return log_in(dialogue, why)
        && say(dialogue, why, "call %s\r\n",
               json_text(dialogue->relay->config, "console"))
        && hear_line(dialogue, answer, why);
}

/* The master names the port of the process that has the console, or another
 * server. */
static bool
find_group(struct dialogue *dialogue, struct address *address,
           struct fault *why)
{
    char answer[LINE_BYTES];
    int64_t port;

    if (!call(dialogue, answer, why))
        return false;
    fd_close(&dialogue->relay->fd);
    buf_reset(&dialogue->in);
    if (answer[0] == '@')
        return address_parse(answer + 1, CONSERVER_PORT, address, why);
    if (!parse_int64(answer, 1, 65535, &port))
        return fault_set(why, FAULT_CONFIG, "conserver: %s", answer);
    (void)snprintf(address->port, sizeof(address->port), "%d", (int)port);
    return true;
}

static bool
attach(struct dialogue *dialogue, struct fault *why)
{
    const char *text = json_text(dialogue->relay->config, "address");
    struct relay *relay = dialogue->relay;
    struct address address;
    char answer[LINE_BYTES];

    if (!address_parse(text, CONSERVER_PORT, &address, why))
        return false;
    for (int hops = 0; hops < 3; hops++) {
        if (!address_connect(&address, relay->connect_ms, &relay->fd, why))
            return false;
        /* The first is a master, for which the console is elsewhere. */
        if (hops == 0) {
            if (!find_group(dialogue, &address, why))
                return false;
            continue;
        }
        if (!call(dialogue, answer, why))
            return false;
        if (answer[0] == '[')
            return replay(dialogue, why);
        fd_close(&relay->fd);
        buf_reset(&dialogue->in);
        if (!parse_int64(answer, 1, 65535, &(int64_t){ 0 }))
            return fault_set(why, FAULT_CONFIG, "conserver: %s", answer);
        (void)snprintf(address.port, sizeof(address.port), "%.5s", answer);
    }
    return fault_set(why, FAULT_PEER, "conserver sends us from server to "
                     "server");
}

static bool
conserver_open(struct relay *relay, struct fault *why)
{
    struct dialogue dialogue = {
        .relay = relay, .in = BUF_INIT,
        .until_ms = clock_mono_ms(clock_system()) + relay->connect_ms,
    };
    bool ok = attach(&dialogue, why);

    if (ok) {
        relay->own = xmalloc(sizeof(dialogue.conserver));
        memcpy(relay->own, &dialogue.conserver, sizeof(dialogue.conserver));
    } else {
        fd_close(&relay->fd);
    }
    buf_free(&dialogue.in);
    return ok;
}

static ssize_t
conserver_read(struct relay *relay)
{
    char data[PIECE_BYTES];
    ssize_t n = relay_read_fd(relay, data, sizeof(data));

    if (n > 0)
        conserver_feed(relay->own, data, (size_t)n, &relay->near);
    return n;
}

static void
conserver_type(struct relay *relay, const char *data, size_t bytes)
{
    conserver_quote(relay->own, data, bytes, &relay->far);
}

const struct relay_driver relay_conserver = {
    .name = "conserver",
    .open = conserver_open,
    .read = conserver_read,
    .write = relay_write_fd,
    .type = conserver_type,
    .close = tcp_close,
};
