/* tests/bench/wake.c - from a notification to a program that runs: wake COUNT
 *
 * One process notifies, another listens and starts /bin/true: no plan, no row.
 * Prints the 99th percentile in milliseconds. */
#include <config.h>

#include <inttypes.h>
#include <spawn.h>
#include <stdio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "harness/buf.h"
#include "harness/db.h"
#include "harness/fault.h"
#include "harness/mem.h"
#include "harness/signals.h"

#define REST_MS 20
#define LIMIT_MS 10000

static NORETURN void
die(const struct fault *why)
{
    fault_print(why);
    _exit(1);
}

static int64_t
now_us(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static void
notify(int64_t count)
{
    struct fault why = FAULT_INIT;
    struct db *db = NULL;
    char text[80];

    if (!db_open("bench", &db, &why))
        die(&why);
    for (int64_t i = 0; i < count; i++) {
        signals_pause_ms(REST_MS);
        snprintf(text, sizeof text, "select pg_notify('bench', '%" PRId64
                 "')", now_us());
        if (!db_script(db, "notify", text, &why))
            die(&why);
    }
    db_close(db);
}

static int
compare(const void *left, const void *right)
{
    const int64_t *a = left, *b = right;

    return (*a > *b) - (*a < *b);
}

static int64_t
hear(struct db *db)
{
    static char name[] = "true";
    static char *const argv[] = { name, NULL };
    static char *const envp[] = { NULL };
    char channel[64], payload[256];
    int64_t sent, took;
    pid_t pid;

    while (!db_notified(db, channel, payload))
        must(db_wait(db, LIMIT_MS));
    must(parse_int64(payload, 0, INT64_MAX, &sent));
    must(posix_spawn(&pid, "/bin/true", NULL, NULL, argv, envp) == 0);
    took = now_us() - sent;
    must(waitpid(pid, NULL, 0) == pid);
    return took;
}

int
main(int argc, char **argv)
{
    struct fault why = FAULT_INIT;
    struct db *db = NULL;
    int64_t count, *took;
    pid_t child;
    int status;

    if (argc != 2 || !parse_int64(argv[1], 1, 100000, &count)) {
        fprintf(stderr, "usage: wake COUNT\n");
        return 2;
    }
    took = xcalloc((size_t)count, sizeof *took);
    if (!db_open("bench", &db, &why) || !db_listen(db, "bench", &why))
        die(&why);
    child = fork();
    must(child >= 0);
    if (child == 0) {
        notify(count);
        _exit(0);
    }
    for (int64_t i = 0; i < count; i++)
        took[i] = hear(db);
    must(waitpid(child, &status, 0) == child && status == 0);
    db_close(db);
    qsort(took, (size_t)count, sizeof *took, compare);
    printf("%.1f\n", (double)took[count * 99 / 100] / 1e3);
    free(took);
    return 0;
}
