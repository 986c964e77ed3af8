/* tests/bench/boot-serve.c - what a boot by hand needs: a web server for the
 * files of one directory, and for the host's call back.
 *
 *   boot-serve DIR PORT
 *
 * Listens on 127.0.0.1:PORT, says "ready", and ends at the first POST, whatever
 * its path, with "up MS": milliseconds of the wall clock. */
#include <config.h>

#include <fcntl.h>
#include <inttypes.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <semaphore.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "harness/attr.h"
#include "harness/buf.h"

static sem_t up;

static enum MHD_Result
reply(struct MHD_Connection *connection, unsigned status,
      struct MHD_Response *response)
{
    enum MHD_Result result = MHD_queue_response(connection, status, response);

    MHD_destroy_response(response);
    return result;
}

static enum MHD_Result
on_request(void *dir, struct MHD_Connection *connection, const char *url,
           const char *method, const char *version UNUSED,
           const char *body UNUSED, size_t *body_bytes, void **state)
{
    static int seen;
    struct stat st;
    int at = *(int *)dir, fd;

    if (*state == NULL) {               /* only the headers, so far */
        *state = &seen;
        return MHD_YES;
    }
    if (strcmp(method, "POST") == 0) {
        if (*body_bytes > 0) {
            *body_bytes = 0;
            return MHD_YES;
        }
        (void)sem_post(&up);
        return reply(connection, MHD_HTTP_OK, MHD_create_response_from_buffer(
                     0, NULL, MHD_RESPMEM_PERSISTENT));
    }
    fd = strchr(url + 1, '/') == NULL
        ? openat(at, url + 1, O_RDONLY | O_CLOEXEC) : -1;
    if (fd < 0 || fstat(fd, &st) != 0)
        return reply(connection, MHD_HTTP_NOT_FOUND,
                     MHD_create_response_from_buffer(
                     0, NULL, MHD_RESPMEM_PERSISTENT));
    return reply(connection, MHD_HTTP_OK,
                 MHD_create_response_from_fd64((uint64_t)st.st_size, fd));
}

int
main(int argc, char **argv)
{
    struct sockaddr_in address = { .sin_family = AF_INET };
    struct timespec now;
    struct MHD_Daemon *daemon;
    int64_t port;
    int dir;

    if (argc != 3 || !parse_int64(argv[2], 1, 65535, &port))
        return 2;
    if (sem_init(&up, 0, 0) != 0)
        return 75;
    dir = open(argv[1], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons((uint16_t)port);
    daemon = dir < 0 ? NULL
        : MHD_start_daemon(MHD_USE_EPOLL_INTERNAL_THREAD, (uint16_t)port, NULL,
                           NULL, on_request, &dir, MHD_OPTION_SOCK_ADDR,
                           &address, MHD_OPTION_END);
    if (daemon == NULL) {
        perror("boot-serve");
        return 75;
    }
    puts("ready");
    fflush(stdout);
    while (sem_wait(&up) != 0)
        continue;
    (void)clock_gettime(CLOCK_REALTIME, &now);
    printf("up %" PRId64 "\n",
           (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000);
    MHD_stop_daemon(daemon);
    (void)close(dir);
    return 0;
}
