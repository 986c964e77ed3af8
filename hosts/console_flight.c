/* hosts/console_flight.c - one read at a time is in flight. */
#include <config.h>

#include "hosts/console_flight.h"

#include <errno.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "harness/fault.h"
#include "harness/fdstore.h"
#include "harness/fs.h"
#include "harness/mem.h"

#define MAGIC INT64_C(0x31676e69796c66)

/* Shared: written by the kernel and by us, read by our successor. Only
 * msg.msg_len of the header means anything to it. */
struct shared {
    int64_t magic;
    int64_t offset;             /* of the log, when the bytes were taken */
    char host[CONSOLE_HOST_MAX + 4];
    struct mmsghdr header;
    char data[CONSOLE_FLIGHT_BYTES];
};

struct console_flight {
    struct shared *shared;
    struct iovec iov;
};

bool
console_flight_open(struct fdstore_client *store, int held_fd,
                    struct console_flight **flight_out, struct fault *why)
{
    bool fresh = held_fd < 0, ok;
    struct shared *shared;
    int fd = held_fd;
    struct stat st;

    if (fresh)
        fd = memfd_create("assay-console", MFD_CLOEXEC);
    ok = fd >= 0 && (!fresh || ftruncate(fd, sizeof(*shared)) == 0);
    if (!ok) {
        fault_errno(why, FAULT_SYSTEM, "make shared memory");
        goto out;
    }
    ok = fstat(fd, &st) == 0 && st.st_size == (off_t)sizeof(*shared);
    if (!ok) {
        fault_set(why, FAULT_DATA, "the kept memory is of another version");
        goto out;
    }
    shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE,
                  MAP_SHARED | MAP_POPULATE, fd, 0);
    ok = shared != MAP_FAILED;
    if (!ok) {
        fault_errno(why, FAULT_SYSTEM, "map shared memory");
        goto out;
    }
    if (fresh)
        shared->magic = MAGIC;
    ok = shared->magic == MAGIC;
    if (!ok) {
        fault_set(why, FAULT_DATA, "the kept memory is of another version");
        (void)munmap(shared, sizeof(*shared));
        goto out;
    }
    if (fresh && store != NULL)
        fdstore_client_put(store, CONSOLE_FLIGHT_NAME, fd);
    *flight_out = xcalloc(1, sizeof(**flight_out));
    (*flight_out)->shared = shared;
out:
    fd_close(&fd);
    return ok;
}

void
console_flight_close(struct console_flight *flight)
{
    if (flight == NULL)
        return;
    (void)munmap(flight->shared, sizeof(*flight->shared));
    free(flight);
}

const char *
console_flight_left(const struct console_flight *flight, const char *host,
                    int64_t offset, size_t *bytes_out)
{
    const struct shared *shared = flight->shared;
    int64_t taken = shared->header.msg_len, written;

    written = offset - shared->offset;
    if (taken == 0 || taken > CONSOLE_FLIGHT_BYTES || written < 0 ||
        written >= taken ||
        strncmp(shared->host, host, sizeof(shared->host)) != 0)
        return NULL;
    *bytes_out = (size_t)(taken - written);
    return shared->data + written;
}

/* Nothing is in flight: said first, so that the rest can be changed. */
void
console_flight_landed(struct console_flight *flight)
{
    __atomic_store_n(&flight->shared->header.msg_len, 0, __ATOMIC_RELEASE);
}

ssize_t
console_flight_receive(struct console_flight *flight, int fd,
                       const char *host, int64_t offset)
{
    struct shared *shared = flight->shared;
    size_t bytes = strlen(host);
    int count;

    must(bytes <= CONSOLE_HOST_MAX);
    console_flight_landed(flight);
    memcpy(shared->host, host, bytes + 1);
    shared->offset = offset;
    flight->iov = (struct iovec){ .iov_base = shared->data,
                                  .iov_len = sizeof(shared->data) };
    shared->header.msg_hdr = (struct msghdr){ .msg_iov = &flight->iov,
                                              .msg_iovlen = 1 };
    do
        count = recvmmsg(fd, &shared->header, 1, MSG_DONTWAIT, NULL);
    while (count < 0 && errno == EINTR);
    return count < 0 ? -1 : (ssize_t)shared->header.msg_len;
}

ssize_t
console_flight_read(struct console_flight *flight, int fd)
{
    ssize_t n;

    do
        n = read(fd, flight->shared->data, sizeof(flight->shared->data));
    while (n < 0 && errno == EINTR);
    return n;
}

const char *
console_flight_data(const struct console_flight *flight)
{
    return flight->shared->data;
}
