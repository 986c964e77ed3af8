/* tests/bench/claim-kill.c - runs the jobs of a flight with workers that are
 * killed: claim-kill FLIGHT WORKERS MEAN_MS SEED LOG <JOBS
 *
 * Reads names of jobs, a line each. WORKERS processes take one after the other
 * as assay-job does (task, job, host, running, pass, task over), and note in
 * LOG each that they have brought to its end. At random moments, MEAN_MS apart
 * on average, one of them is killed and another takes its place, after the
 * reaper, as assayd would see to it. Prints how many were killed. */
#include <config.h>

#include <fcntl.h>
#include <inttypes.h>
#include <math.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness/buf.h"
#include "harness/db.h"
#include "harness/fault.h"
#include "harness/job_db.h"
#include "harness/log.h"
#include "harness/mem.h"
#include "harness/signals.h"
#include "harness/step_verdict.h"
#include "harness/task_db.h"
#include "tests/harness/planlab.h"

#define WORKERS_MAX 64
#define REAP_MS 2000            /* as assayd does */

struct soak {
    int64_t flight;
    int workers;
    double mean_ms;
    const char *log;
    char **jobs;
    size_t count, room;
    atomic_size_t *next;        /* shared: the next job that nobody has */
};

static NORETURN void
die(const struct fault *why)
{
    fault_print(why);
    _exit(1);
}

static void
run_job(struct db *db, const struct soak *soak, const char *job)
{
    static const struct step_verdict pass = { .status = OUTCOME_PASS };
    const struct task_role role = { .role = "host", .arch = "amd64" };
    struct fault why = FAULT_INIT;
    char *host = NULL, refkey[80];
    int64_t task = 0;
    bool mine = false;

    snprintf(refkey, sizeof refkey, "%" PRId64 "/%s", soak->flight, job);
    if (!task_begin(db, "job", refkey, "", &task, &why)
        || !job_db_claim(db, soak->flight, job, task, &mine, &why)
        || (mine
            && (!task_allocate(db, task, soak->flight, job, &role, 1, &host,
                               &why)
                || !job_db_running(db, soak->flight, job, task, &why)
                || !job_db_finish(db, soak->flight, job, task, &pass, NULL,
                                  -1, &why)))
        || !task_end(db, task, "the job ended", &why))
        die(&why);
    free(host);
}

static NORETURN void
work(const struct soak *soak)
{
    struct fault why = FAULT_INIT;
    struct db *db = NULL;
    char line[80];
    size_t at;
    int fd = open(soak->log, O_WRONLY | O_APPEND | O_CLOEXEC);

    if (fd < 0 || !db_open("bench", &db, &why))
        die(&why);
    while ((at = atomic_fetch_add(soak->next, 1)) < soak->count) {
        run_job(db, soak, soak->jobs[at]);
        /* One write of a short line is whole or not there. */
        snprintf(line, sizeof line, "%s\n", soak->jobs[at]);
        must(write(fd, line, strlen(line)) == (ssize_t)strlen(line));
    }
    db_close(db);
    _exit(0);
}

static pid_t
start(const struct soak *soak)
{
    pid_t pid = fork();

    must(pid >= 0);
    if (pid == 0)
        work(soak);
    return pid;
}

static void
reap(struct db *db)
{
    struct fault why = FAULT_INIT;
    int jobs, hosts;

    if (!task_reap(db, &jobs, &hosts, &why))
        die(&why);
}

/* Returns how many were killed. */
static int
run_all(const struct soak *soak, uint64_t *seed, struct db **db)
{
    struct fault why = FAULT_INIT;
    pid_t workers[WORKERS_MAX];
    int killed = 0, status;
    double since_reap = 0;

    for (int w = 0; w < soak->workers; w++)
        workers[w] = start(soak);
    if (!db_open("bench", db, &why))
        die(&why);
    while (atomic_load(soak->next) < soak->count) {
        double u = ((double)(planlab_random(seed) >> 11) + 0.5) * 0x1p-53;
        double rest = -soak->mean_ms * log(u);
        int w = planlab_below(seed, soak->workers);

        signals_pause_ms((int)rest + 1);
        since_reap += rest;
        if (kill(workers[w], SIGKILL) == 0) {
            must(waitpid(workers[w], &status, 0) == workers[w]);
            must(WIFSIGNALED(status) || WEXITSTATUS(status) == 0);
            killed += WIFSIGNALED(status);
        }
        if (since_reap > REAP_MS / 4.0) {
            reap(*db);
            since_reap = 0;
        }
        workers[w] = start(soak);
    }
    for (int w = 0; w < soak->workers; w++)
        must(waitpid(workers[w], &status, 0) == workers[w] && status == 0);
    return killed;
}

int
main(int argc, char **argv)
{
    struct soak soak = { 0 };
    struct db *db = NULL;
    int64_t workers, mean, seed;
    uint64_t state;
    char line[80];
    int killed;

    if (argc != 6 || !parse_int64(argv[1], 1, INT64_MAX, &soak.flight)
        || !parse_int64(argv[2], 1, WORKERS_MAX, &workers)
        || !parse_int64(argv[3], 1, 1000000, &mean)
        || !parse_int64(argv[4], 0, INT64_MAX, &seed)) {
        fprintf(stderr, "usage: claim-kill FLIGHT WORKERS MEAN_MS SEED LOG "
                "<JOBS\n");
        return 2;
    }
    log_init("claim-kill");
    soak.workers = (int)workers;
    soak.mean_ms = (double)mean;
    soak.log = argv[5];
    state = (uint64_t)seed;
    while (fgets(line, sizeof line, stdin) != NULL) {
        line[strcspn(line, "\n")] = '\0';
        soak.jobs = xgrow(soak.jobs, &soak.room, soak.count,
                          sizeof *soak.jobs);
        soak.jobs[soak.count++] = xstrdup(line);
    }
    soak.next = mmap(NULL, sizeof *soak.next, PROT_READ | PROT_WRITE,
                     MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    must(soak.next != MAP_FAILED);
    killed = run_all(&soak, &state, &db);
    reap(db);
    db_close(db);
    printf("%d\n", killed);
    for (size_t i = 0; i < soak.count; i++)
        free(soak.jobs[i]);
    free(soak.jobs);
    return 0;
}
