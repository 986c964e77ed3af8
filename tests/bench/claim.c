/* tests/bench/claim.c - claims hosts again and again: claim PROCESSES CLAIMS
 *
 * Each process has a host of its own to want, so that the cost of a claim is
 * measured and not the waiting; prints claims a second of all together. */
#include <config.h>

#include <sys/wait.h>
#include <unistd.h>

#include "harness/buf.h"
#include "harness/clock.h"
#include "harness/db.h"
#include "harness/fault.h"
#include "harness/task_db.h"

static NORETURN void
die(const struct fault *why)
{
    fault_print(why);
    _exit(1);
}

static void
claim(int process, int64_t count)
{
    struct fault why = FAULT_INIT;
    char name[32], *hosts[1] = { NULL };
    const struct task_role role = { "host", NULL, name, NULL, 0, false, NULL };
    struct db *db = NULL;
    int64_t i, task = 0;

    snprintf(name, sizeof(name), "bench-%d", process);
    if (!db_open("bench", &db, &why))
        die(&why);
    for (i = 0; i < count; i++) {
        if (!task_begin(db, "job", name, "", &task, &why)
            || !task_allocate(db, task, 0, NULL, &role, 1, hosts, &why)
            || !task_end(db, task, "over", &why))
            die(&why);
        free(hosts[0]);
        hosts[0] = NULL;
    }
    db_close(db);
}

int
main(int argc, char **argv)
{
    int64_t processes, count, began, i;
    int status, failed = 0;
    pid_t pid;

    if (argc != 3 || !parse_int64(argv[1], 1, 64, &processes)
        || !parse_int64(argv[2], 1, 1000000, &count)) {
        fprintf(stderr, "usage: claim PROCESSES CLAIMS\n");
        return 2;
    }
    began = clock_mono_ms(clock_system());
    for (i = 0; i < processes; i++) {
        pid = fork();
        if (pid == 0) {
            claim((int)i, count);
            _exit(0);
        }
    }
    while (wait(&status) > 0)
        failed += status != 0;
    printf("%.0f\n", 1000.0 * (double)(processes * count)
           / (double)(clock_mono_ms(clock_system()) - began + 1));
    return failed == 0 ? 0 : 1;
}
