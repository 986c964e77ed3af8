/* tests/harness/task-race-test.c - processes that race for hosts: never two
 * owners, never a host that nobody gets, never half a pair; also while their
 * number is thinned by SIGKILL. */
#include <config.h>

#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness/clock.h"
#include "harness/db.h"
#include "harness/task_db.h"
#include "tests/tap.h"

#include "tests/pgfix.h"

#define WORKERS_MAX 8
#define HOSTS 4
#define LIMIT_MS 120000

/* Seen by all processes. */
static struct shared {
    atomic_int owner[HOSTS];    /* pid that works on the host */
    atomic_int claims, refusals, doubles, errors;
} *shared;

static const struct task_role one[] = {
    { "host", NULL, "h0", NULL, 0, false, NULL }
};
static const struct task_role two[] = {
    { "src", "amd64", NULL, NULL, 1, false, NULL },
    { "dst", "amd64", NULL, NULL, 1, false, NULL },
};

struct race {
    const char *name;
    int workers;
    const struct task_role *roles;
    int role_count;
    int claims;                 /* in all */
    int kills;
};

static int64_t
now_ms(void)
{
    return clock_mono_ms(clock_system());
}

/* A zombie's work is over. */
static bool
is_over(pid_t pid)
{
    char link[64], exe[16];

    snprintf(link, sizeof(link), "/proc/%d/exe", (int)pid);
    return readlink(link, exe, sizeof(exe)) < 0 && errno == ENOENT;
}

/* What an owner does with its host; the next must not see it at that. */
static void
work_on(char *const *hosts, int count)
{
    int i, n, before;

    for (i = 0; i < count; i++) {
        n = hosts[i][1] - '0';
        before = atomic_exchange(&shared->owner[n], (int)getpid());
        if (before != 0 && !is_over(before)) {
            diag("%s: process %d found %d at work", hosts[i], (int)getpid(),
                 before);
            atomic_fetch_add(&shared->doubles, 1);
        }
    }
    sched_yield();
    for (i = 0; i < count; i++)
        atomic_store(&shared->owner[hosts[i][1] - '0'], 0);
}

static NORETURN void
worker(const struct race *race, int number)
{
    struct fault why = FAULT_INIT;
    struct db *db = pgfix_open("test");
    char name[32], *hosts[2] = { NULL, NULL };
    int64_t task = 0;
    int i;

    while (atomic_load(&shared->claims) < race->claims) {
        snprintf(name, sizeof(name), "%s.%d", race->name, number);
        if (!task_begin(db, "job", name, "", &task, &why))
            goto failed;
        while (!task_allocate(db, task, 0, NULL, race->roles,
                              race->role_count, hosts, &why)) {
            if (why.kind != FAULT_CONFLICT)
                goto failed;
            atomic_fetch_add(&shared->refusals, 1);
            if (atomic_load(&shared->claims) >= race->claims)
                break;
        }
        if (hosts[0] != NULL) {
            work_on(hosts, race->role_count);
            atomic_fetch_add(&shared->claims, 1);
        }
        for (i = 0; i < race->role_count; i++) {
            free(hosts[i]);
            hosts[i] = NULL;
        }
        if (!task_end(db, task, "over", &why))
            goto failed;
    }
    db_close(db);
    _exit(0);
failed:
    diag("worker %d: %s: %s", number, fault_kind_name(why.kind), why.text);
    atomic_fetch_add(&shared->errors, 1);
    _exit(1);
}

static pid_t
fork_worker(const struct race *race, int number)
{
    pid_t pid;

    fflush(NULL);
    pid = fork();
    if (pid == 0)
        worker(race, number);
    return pid;
}

static void
run(const struct race *race)
{
    struct fault why = FAULT_INIT;
    pid_t pids[WORKERS_MAX];
    struct db *db = pgfix_open("test");
    char *hosts[2] = { NULL, NULL };
    int64_t began, took, task = 0;
    int i, status, killed = 0, jobs, freed;
    unsigned dice = 1;

    memset(shared, 0, sizeof(*shared));
    pgfix_script("alter table assay.allocation disable trigger all;"
                 " delete from assay.allocation;"
                 " alter table assay.allocation enable trigger all");
    began = now_ms();
    for (i = 0; i < race->workers; i++)
        pids[i] = fork_worker(race, i);
    while (killed < race->kills && now_ms() - began < LIMIT_MS) {
        poll(NULL, 0, 25);
        dice = dice * 1103515245u + 12345u;
        i = (int)((dice >> 16) % (unsigned)race->workers);
        (void)kill(pids[i], SIGKILL);
        (void)waitpid(pids[i], NULL, 0);
        pids[i] = fork_worker(race, i);
        killed++;
    }
    while (atomic_load(&shared->claims) < race->claims
           && now_ms() - began < LIMIT_MS
           && atomic_load(&shared->errors) == 0)
        poll(NULL, 0, 5);
    took = now_ms() - began;
    for (i = 0; i < race->workers; i++) {
        if (atomic_load(&shared->claims) < race->claims)
            (void)kill(pids[i], SIGKILL);
        while (waitpid(pids[i], &status, 0) < 0 && errno == EINTR)
            continue;
    }
    diag("%s: %d claims by %d processes in %d ms (%.0f/s), %d refusals, %d "
         "killed", race->name, atomic_load(&shared->claims), race->workers,
         (int)took, 1000.0 * atomic_load(&shared->claims)
         / (double)(took + 1), atomic_load(&shared->refusals), killed);
    ok(atomic_load(&shared->claims) >= race->claims,
       "%s: none is lost on the way", race->name);
    is_int(atomic_load(&shared->doubles), 0, "%s: never two owners",
           race->name);
    is_int(atomic_load(&shared->errors), 0, "%s: no other trouble",
           race->name);
    is_int(pgfix_int("select count(*) from assay.allocation a"
                     " join assay.allocation b on b.host = a.host"
                     " and b.allocation > a.allocation"
                     " and b.begun_at < a.ended_at"), 0,
           "%s: nor in the database's account", race->name);
    is_int(pgfix_int(race->role_count == 2
                     ? "select count(*) from (select task from"
                       " assay.allocation group by task"
                       " having count(*) <> 2) x"
                     : "select count(*) from (select task from"
                       " assay.allocation group by task"
                       " having count(*) <> 1) x"), 0,
           "%s: never a part of a set", race->name);
    ok_fault(task_reap(db, &jobs, &freed, &why), &why, "%s: reap",
             race->name);
    is_int(pgfix_int("select count(*) from assay.allocation"
                     " where ended_at is null"), 0,
           "%s: nothing is held at the end", race->name);
    ok(task_begin(db, "job", "last", "", &task, &why)
       && task_allocate(db, task, 0, NULL, race->roles, race->role_count,
                        hosts, &why)
       && task_end(db, task, "over", &why), "%s: and all can be had",
       race->name);
    free(hosts[0]);
    free(hosts[1]);
    db_close(db);
}

int
main(void)
{
    static const struct race races[] = {
        { "two-for-one", 2, one, 1, 1000, 0 },
        { "eight-for-one", 8, one, 1, 1000, 0 },
        { "eight-for-pairs", 8, two, 2, 500, 0 },
        { "mortal-eight-for-one", 8, one, 1, 500, 40 },
        { "mortal-eight-for-pairs", 8, two, 2, 500, 40 },
    };
    struct pgfix fix;
    struct db *db;
    size_t i;

    shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE,
                  MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (shared == MAP_FAILED)
        tap_bail("mmap");
    pgfix_start(&fix);
    db = pgfix_open("assay");
    db_close(db);
    pgfix_script("insert into assay.host (host, arch, firmware, class,"
                 " config, source) select 'h' || n, 'amd64', 'bios', 'c',"
                 " '{}', 'f' from generate_series(0, 2) n");
    for (i = 0; i < ARRAY_LEN(races); i++)
        run(&races[i]);
    return pgfix_done(&fix);
}
