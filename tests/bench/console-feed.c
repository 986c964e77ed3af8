/* tests/bench/console-feed.c - many serial consoles that talk, and the check
 * that every byte of what they said is in a log.
 *
 *   console-feed say listen|connect DIR NAME COUNT RATE SECONDS
 *       console i is the Unix socket DIR/NAME<i>.sock; each says RATE lines a
 *       second once all are connected; prints "connected" and then the number
 *       of lines of each.
 *   console-feed check FILE I LINES
 *       prints how many bytes of console I's LINES lines FILE lacks; FILE may
 *       hold more before or after. */
#include <config.h>

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define LINE_BYTES 80

static void
make_line(char out[LINE_BYTES + 1], int console, int64_t number)
{
    int n = snprintf(out, LINE_BYTES + 1,
                     "[%10" PRId64 ".%06d] console %05d says line %010" PRId64
                     " of what it has to say ",
                     number / 10, (int)(number % 10) * 100000, console, number);

    for (; n < LINE_BYTES - 2; n++)
        out[n] = (char)('a' + (n + number) % 26);
    out[LINE_BYTES - 2] = '\r';
    out[LINE_BYTES - 1] = '\n';
    out[LINE_BYTES] = '\0';
}

static void
die(const char *what)
{
    fprintf(stderr, "console-feed: %s: %s\n", what, strerror(errno));
    exit(75);
}

static int
socket_at(struct sockaddr_un *address, const char *dir, const char *name,
          int i)
{
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd < 0)
        die("socket");
    memset(address, 0, sizeof(*address));
    address->sun_family = AF_UNIX;
    if (snprintf(address->sun_path, sizeof(address->sun_path), "%s/%s%d.sock",
                 dir, name, i) >= (int)sizeof(address->sun_path)) {
        fprintf(stderr, "console-feed: path too long\n");
        exit(2);
    }
    return fd;
}

static int *
connect_all(bool listens, const char *dir, const char *name, int count)
{
    int *fds = calloc((size_t)count, sizeof(*fds));
    struct sockaddr_un address;

    if (fds == NULL)
        die("memory");
    for (int i = 0; i < count; i++) {
        fds[i] = socket_at(&address, dir, name, i);
        if (!listens)
            continue;
        (void)unlink(address.sun_path);
        if (bind(fds[i], (struct sockaddr *)&address, sizeof(address)) != 0 ||
            listen(fds[i], 4) != 0)
            die(address.sun_path);
    }
    printf("ready\n");
    fflush(stdout);
    for (int i = 0; i < count; i++) {
        int fd = -1;

        if (listens) {
            fd = accept4(fds[i], NULL, NULL, SOCK_CLOEXEC);
            if (fd < 0)
                die("accept");
            close(fds[i]);
            fds[i] = fd;
            continue;
        }
        close(socket_at(&address, dir, name, i));
        if (connect(fds[i], (struct sockaddr *)&address,
                    sizeof(address)) != 0)
            die(address.sun_path);
    }
    printf("connected\n");
    fflush(stdout);
    return fds;
}

static void
drain(int fd)
{
    char junk[4096];

    while (recv(fd, junk, sizeof(junk), MSG_DONTWAIT) > 0)
        ;
}

/* Lines are due evenly over time, console after console. */
static int
say(bool listens, const char *dir, const char *name, int count, int rate,
    int seconds)
{
    int *fds = connect_all(listens, dir, name, count);
    int64_t lines = (int64_t)rate * seconds, total = lines * count, done = 0;
    struct timespec begin, now;
    char line[LINE_BYTES + 1];

    if (clock_gettime(CLOCK_MONOTONIC, &begin) != 0)
        die("clock");
    while (done < total) {
        int64_t us, due;

        (void)clock_gettime(CLOCK_MONOTONIC, &now);
        us = (int64_t)(now.tv_sec - begin.tv_sec) * 1000000 +
             (now.tv_nsec - begin.tv_nsec) / 1000;
        due = us * rate * count / 1000000;
        for (; done < total && done < due; done++) {
            int console = (int)(done % count);

            make_line(line, console, done / count);
            if (send(fds[console], line, LINE_BYTES, MSG_NOSIGNAL) !=
                LINE_BYTES)
                die("send");
            drain(fds[console]);
        }
        (void)poll(NULL, 0, 2);
    }
    printf("%" PRId64 "\n", lines);
    fflush(stdout);
    /* Whoever reads may need the sockets open until it has read all. */
    (void)getchar();
    return 0;
}

static int
check(const char *path, int console, int64_t lines)
{
    FILE *file = fopen(path, "rbe");
    char line[LINE_BYTES + 1], wanted[LINE_BYTES + 1];
    int64_t next = 0, missing = 0;
    size_t have = 0;
    int c;

    if (file == NULL)
        die(path);
    make_line(wanted, console, 0);
    while (next < lines && (c = getc(file)) != EOF) {
        if (have == LINE_BYTES) {
            memmove(line, line + 1, LINE_BYTES - 1);
            have--;
        }
        line[have++] = (char)c;
        if (c != '\n')
            continue;
        for (int64_t skip = next; skip < lines; skip++) {
            make_line(wanted, console, skip);
            if (have == LINE_BYTES &&
                memcmp(line, wanted, LINE_BYTES) == 0) {
                missing += (skip - next) * LINE_BYTES;
                next = skip + 1;
                break;
            }
        }
        have = 0;
    }
    missing += (lines - next) * LINE_BYTES;
    fclose(file);
    printf("%" PRId64 "\n", missing);
    return 0;
}

static void
raise_files(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &limit);
    }
}

int
main(int argc, char **argv)
{
    raise_files();
    if (argc == 8 && strcmp(argv[1], "say") == 0)
        return say(strcmp(argv[2], "listen") == 0, argv[3], argv[4],
                   (int)strtol(argv[5], NULL, 10),
                   (int)strtol(argv[6], NULL, 10),
                   (int)strtol(argv[7], NULL, 10));
    if (argc == 5 && strcmp(argv[1], "check") == 0)
        return check(argv[2], (int)strtol(argv[3], NULL, 10),
                     strtoll(argv[4], NULL, 10));
    fprintf(stderr,
            "usage: console-feed say listen|connect DIR NAME COUNT RATE "
            "SECONDS\n       console-feed check FILE I LINES\n");
    return 2;
}
