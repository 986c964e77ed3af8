/* hosts/address.c - see address.h. */
#include <config.h>

#include "hosts/address.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "harness/buf.h"
#include "harness/clock.h"
#include "harness/fault.h"
#include "harness/fs.h"

/* A peer that is gone is noticed after IDLE + COUNT * INTERVAL seconds. */
#define ALIVE_IDLE_S 15
#define ALIVE_INTERVAL_S 5
#define ALIVE_COUNT 3

static bool
host_is_good(const char *host, size_t bytes)
{
    static const char good[] = "abcdefghijklmnopqrstuvwxyz"
        "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_:%";

    return bytes > 0 && bytes < sizeof(((struct address *)NULL)->host)
        && host[0] != '-' && strspn(host, good) >= bytes;
}

bool
address_parse(const char *text, unsigned port, struct address *address_out,
              struct fault *why)
{
    const char *host = text, *colon = strrchr(text, ':');
    size_t bytes = strlen(text);
    int64_t number = port;

    if (text[0] == '[') {
        const char *end = strchr(text, ']');

        host = text + 1;
        bytes = end == NULL ? 0 : (size_t)(end - host);
        colon = end != NULL && end[1] == ':' ? end + 1 : NULL;
        if (end != NULL && end[1] != ':' && end[1] != '\0')
            bytes = 0;
    } else if (colon != NULL && strchr(text, ':') == colon) {
        bytes = (size_t)(colon - text);
    } else {
        colon = NULL;           /* none, or a bare IPv6 address */
    }
    if (!host_is_good(host, bytes))
        return fault_set(why, FAULT_CONFIG, "'%s' is no address", text);
    if (colon != NULL && !parse_int64(colon + 1, 1, 65535, &number))
        return fault_set(why, FAULT_CONFIG, "'%s' has no port after its "
                         "colon", text);
    if (number == 0)
        return fault_set(why, FAULT_CONFIG, "'%s' says no port (HOST:PORT)",
                         text);
    memcpy(address_out->host, host, bytes);
    address_out->host[bytes] = '\0';
    (void)snprintf(address_out->port, sizeof(address_out->port), "%d",
                   (int)number);
    return true;
}

void
address_text(const struct address *address, char out[static 272])
{
    bool v6 = strchr(address->host, ':') != NULL;

    (void)snprintf(out, 272, "%s%s%s:%s", v6 ? "[" : "", address->host,
                   v6 ? "]" : "", address->port);
}

static void
keep_alive(int fd)
{
    static const struct { int level, name, value; } wanted[] = {
        { SOL_SOCKET, SO_KEEPALIVE, 1 },
        { IPPROTO_TCP, TCP_KEEPIDLE, ALIVE_IDLE_S },
        { IPPROTO_TCP, TCP_KEEPINTVL, ALIVE_INTERVAL_S },
        { IPPROTO_TCP, TCP_KEEPCNT, ALIVE_COUNT },
        { IPPROTO_TCP, TCP_NODELAY, 1 },
    };

    for (size_t i = 0; i < ARRAY_LEN(wanted); i++)
        (void)setsockopt(fd, wanted[i].level, wanted[i].name,
                         &wanted[i].value, sizeof(wanted[i].value));
}

/* One of its addresses; errno says why not. */
static int
connect_one(const struct addrinfo *info, int64_t until_ms)
{
    struct clock *clock = clock_system();
    int fd, error = 0, flags;
    socklen_t bytes = sizeof(error);
    struct pollfd wait;

    fd = socket(info->ai_family,
                info->ai_socktype | SOCK_CLOEXEC | SOCK_NONBLOCK,
                info->ai_protocol);
    if (fd < 0)
        return -1;
    if (connect(fd, info->ai_addr, info->ai_addrlen) != 0) {
        int64_t left = until_ms - clock_mono_ms(clock);

        wait = (struct pollfd){ .fd = fd, .events = POLLOUT };
        if (errno != EINPROGRESS)
            error = errno;
        else if (poll(&wait, 1, left > 0 ? (int)left : 0) != 1)
            error = ETIMEDOUT;
        else if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &bytes) != 0)
            error = errno;
    }
    flags = fcntl(fd, F_GETFL);
    if (error == 0
        && (flags < 0 || fcntl(fd, F_SETFL, flags & ~O_NONBLOCK) != 0))
        error = errno;
    if (error != 0) {
        fd_close(&fd);
        errno = error;
        return -1;
    }
    keep_alive(fd);
    return fd;
}

bool
address_connect(const struct address *address, int64_t limit_ms, int *fd_out,
                struct fault *why)
{
    int64_t until_ms = clock_mono_ms(clock_system()) + limit_ms;
    struct addrinfo hints = { .ai_socktype = SOCK_STREAM }, *list = NULL;
    char text[272];
    int fd = -1, error;

    address_text(address, text);
    error = getaddrinfo(address->host, address->port, &hints, &list);
    if (error != 0)
        return fault_set(why, FAULT_PEER, "connect to %s: %s", text,
                         gai_strerror(error));
    for (const struct addrinfo *i = list; i != NULL && fd < 0;
         i = i->ai_next)
        fd = connect_one(i, until_ms);
    if (fd < 0)
        fault_errno(why, errno == ETIMEDOUT ? FAULT_TIMEOUT : FAULT_PEER,
                    "connect to %s", text);
    freeaddrinfo(list);
    if (fd >= 0)
        *fd_out = fd;
    return fd >= 0;
}
