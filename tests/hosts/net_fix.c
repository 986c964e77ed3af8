/* tests/hosts/net_fix.c - see net_fix.h. */
#include <config.h>

#include "tests/hosts/net_fix.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness/attr.h"
#include "harness/proc.h"
#include "harness/signals.h"
#include "tests/tap.h"

#define WAIT_MS 10000

static const char *const names[] = {
    [NET_REFUSED] = "refused",
    [NET_SILENT] = "silent",
    [NET_GARBAGE] = "garbage",
    [NET_HALF] = "half",
};
_Static_assert(ARRAY_LEN(names) == NET_FAULT_COUNT, "a name for each");

const char *
net_fault_name(enum net_fault fault)
{
    return names[fault];
}

static struct sockaddr_in
loopback(int port)
{
    return (struct sockaddr_in){
        .sin_family = AF_INET, .sin_port = htons((uint16_t)port),
        .sin_addr = { htonl(INADDR_LOOPBACK) },
    };
}

static int
bound(bool stream, int wanted, int *port_out)
{
    struct sockaddr_in at = loopback(wanted);
    socklen_t bytes = sizeof(at);
    int fd = socket(AF_INET, (stream ? SOCK_STREAM : SOCK_DGRAM)
                    | SOCK_CLOEXEC, 0);

    if (fd < 0 || bind(fd, (struct sockaddr *)&at, sizeof(at)) != 0
        || getsockname(fd, (struct sockaddr *)&at, &bytes) != 0
        || (stream && listen(fd, 16) != 0))
        tap_bail("no socket: %s", strerror(errno));
    *port_out = ntohs(at.sin_port);
    return fd;
}

int
net_fix_port(bool stream)
{
    int port, fd = bound(stream, 0, &port);

    fd_close(&fd);
    return port;
}

int
net_fix_low_port(void)
{
    static unsigned i;          /* one that was refused stays free */

    for (unsigned end = i + 1000; i < end; i++) {
        int port = 20000 + (int)((unsigned)getpid() + i * 7) % 12000;
        struct sockaddr_in at = loopback(port);
        int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        bool is_free = bind(fd, (struct sockaddr *)&at, sizeof(at)) == 0;

        fd_close(&fd);
        if (is_free) {
            i++;
            return port;
        }
    }
    tap_bail("no port below 32768");
}

static int
dial(bool stream, int port)
{
    struct sockaddr_in to = loopback(port);
    int fd = socket(AF_INET, (stream ? SOCK_STREAM : SOCK_DGRAM)
                    | SOCK_CLOEXEC, 0);

    if (fd >= 0 && connect(fd, (struct sockaddr *)&to, sizeof(to)) != 0)
        fd_close(&fd);
    return fd;
}

static size_t
garbage(char *data, size_t bytes)
{
    uint32_t x = 2463534242u;

    for (size_t i = 0; i < bytes; i++) {
        x ^= x << 13;
        x ^= x >> 17;
        x ^= x << 5;
        data[i] = (char)(x >> 24);
    }
    return bytes;
}

/* What the real one answers to 'data', or 0. */
static size_t
real_answer(bool stream, int port, const char *data, size_t bytes, char *out,
            size_t out_bytes)
{
    int fd = dial(stream, port);
    struct pollfd wait = { .fd = fd, .events = POLLIN };
    ssize_t n = -1;

    if (fd >= 0 && send(fd, data, bytes, MSG_NOSIGNAL) == (ssize_t)bytes
        && poll(&wait, 1, 2000) == 1)
        n = recv(fd, out, out_bytes, 0);
    fd_close(&fd);
    return n > 0 ? (size_t)n : 0;
}

static size_t
answer(enum net_fault fault, bool stream, int port, const char *data,
       size_t bytes, char *out, size_t out_bytes)
{
    switch (fault) {
    case NET_GARBAGE:
        return garbage(out, out_bytes < 500 ? out_bytes : 500);
    case NET_HALF:
        return real_answer(stream, port, data, bytes, out, out_bytes) / 2;
    case NET_REFUSED:
    case NET_SILENT:
    case NET_FAULT_COUNT:
        break;
    }
    return 0;
}

static void
serve_datagrams(int fd, enum net_fault fault, int port)
{
    char in[4096], out[4096];
    struct sockaddr_in from;

    for (;;) {
        socklen_t bytes = sizeof(from);
        ssize_t n = recvfrom(fd, in, sizeof(in), 0,
                             (struct sockaddr *)&from, &bytes);
        size_t m = n < 0 ? 0 : answer(fault, false, port, in, (size_t)n, out,
                                      sizeof(out));

        if (m > 0)
            (void)sendto(fd, out, m, 0, (struct sockaddr *)&from, bytes);
    }
}

static void
serve_streams(int fd, enum net_fault fault, int port)
{
    char in[4096], out[4096];

    for (;;) {
        int peer = accept4(fd, NULL, NULL, SOCK_CLOEXEC);
        struct pollfd wait = { .fd = peer, .events = POLLIN };
        ssize_t n;
        size_t m;

        /* A silent one keeps what it accepts; others do not wait for ever for
         * the first word, since some peers speak first. */
        if (fault == NET_SILENT || peer < 0)
            continue;
        n = poll(&wait, 1, 100) == 1 ? recv(peer, in, sizeof(in), 0) : 0;
        m = n < 0 ? 0 : answer(fault, true, port, in, (size_t)n, out,
                               sizeof(out));
        if (m > 0)
            (void)send(peer, out, m, MSG_NOSIGNAL);
        (void)shutdown(peer, SHUT_WR);
        (void)poll(&wait, 1, 100);
        fd_close(&peer);
    }
}

pid_t
net_fix_start(enum net_fault fault, bool stream, int port, int *port_out)
{
    int fd = bound(stream, stream ? 0 : net_fix_low_port(), port_out);
    pid_t pid = 0;

    if (fault != NET_REFUSED) {
        fflush(stdout);
        pid = fork();
        if (pid == 0) {
            (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
            if (stream)
                serve_streams(fd, fault, port);
            else
                serve_datagrams(fd, fault, port);
            _exit(0);
        }
    }
    fd_close(&fd);
    return pid;
}

pid_t
net_fix_spawn(const char *const argv[], const char *log)
{
    struct proc_spec spec = PROC_SPEC_INIT;
    struct fault why = FAULT_INIT;
    pid_t pid = 0;
    int fd = open(log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);

    spec.argv = argv;
    spec.fds[1] = spec.fds[2] = fd;
    spec.die_with_parent = true;
    if (fd < 0 || !proc_start(&spec, &pid, &why))
        tap_bail("%s: %s", argv[0], why.text);
    fd_close(&fd);
    return pid;
}

void
net_fix_stop(pid_t pid)
{
    if (pid <= 0)
        return;
    /* A server that was spawned may have children in its group. */
    if (kill(-pid, SIGKILL) != 0)
        (void)kill(pid, SIGKILL);
    (void)waitpid(pid, NULL, 0);
}

bool
net_fix_wait(int port)
{
    for (int i = 0; i < WAIT_MS / 20; i++) {
        int fd = dial(true, port);

        if (fd >= 0) {
            fd_close(&fd);
            return true;
        }
        signals_pause_ms(20);
    }
    return false;
}

bool
net_fix_has(const char *program)
{
    static const char *const dirs[] = { "/usr/bin", "/usr/sbin", "/bin",
                                        "/sbin", "/usr/local/bin",
                                        "/usr/local/sbin" };
    char path[256];

    for (size_t i = 0; i < ARRAY_LEN(dirs); i++) {
        (void)snprintf(path, sizeof(path), "%s/%s", dirs[i], program);
        if (access(path, X_OK) == 0)
            return true;
    }
    return false;
}
