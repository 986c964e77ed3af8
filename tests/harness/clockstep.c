/* tests/harness/clockstep.c - a wall clock that a test can set, for programs
 * that it starts: preloaded into them (LD_PRELOAD), it adds as many seconds as
 * the file CLOCKSTEP says, "+0003600", to what the kernel has. All of them see
 * a change at once, as when a person or NTP sets the machine's clock; the
 * monotonic clock goes on as it does then. */
#include <config.h>

#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#define DIGITS 8                /* the sign is one of them */

int clock_gettime(clockid_t clock, struct timespec *out);
int gettimeofday(struct timeval *restrict out, void *restrict zone);
time_t time(time_t *out);

static const volatile char *file;

__attribute__((constructor)) static void
begin(void)
{
    const char *path = getenv("CLOCKSTEP");
    int fd = path == NULL ? -1 : open(path, O_RDONLY | O_CLOEXEC);
    void *map = fd < 0 ? MAP_FAILED
                       : mmap(NULL, DIGITS, PROT_READ, MAP_SHARED, fd, 0);

    if (map != MAP_FAILED)
        file = map;
    if (fd >= 0)
        (void)close(fd);
}

static time_t
step(void)
{
    time_t seconds = 0;

    for (int i = 1; file != NULL && i < DIGITS; i++)
        seconds = seconds * 10 + (file[i] - '0');
    return file != NULL && file[0] == '-' ? -seconds : seconds;
}

int
clock_gettime(clockid_t clock, struct timespec *out)
{
    int rc = (int)syscall(SYS_clock_gettime, clock, out);

    if (rc == 0
        && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE))
        out->tv_sec += step();
    return rc;
}

int
gettimeofday(struct timeval *restrict out, void *restrict zone)
{
    struct timespec now;

    (void)zone;
    (void)clock_gettime(CLOCK_REALTIME, &now);
    out->tv_sec = now.tv_sec;
    out->tv_usec = (suseconds_t)(now.tv_nsec / 1000);
    return 0;
}

time_t
time(time_t *out)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_REALTIME, &now);
    if (out != NULL)
        *out = now.tv_sec;
    return now.tv_sec;
}
