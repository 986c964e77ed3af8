/* tests/harness/task-test.c - tasks: life, death, and who gets the hosts. The
 * races are in task-race-test.c. */
#include <config.h>

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness/buf.h"
#include "harness/clock.h"
#include "harness/db.h"
#include "harness/task_db.h"
#include "tests/tap.h"

#include "tests/pgfix.h"

static const char *const xen[] = { "xen", NULL };
static const struct task_role one[] = {
    { "host", "amd64", NULL, xen, 0, false, NULL }
};
static const struct task_role pair[] = {
    { "src", "amd64", NULL, xen, 1, false, NULL },
    { "dst", "amd64", NULL, xen, 1, false, NULL },
};

static int64_t
now_ms(void)
{
    return clock_mono_ms(clock_system());
}

static int64_t
begin(struct db *db, const char *kind, const char *refkey)
{
    struct fault why = FAULT_INIT;
    int64_t task = 0;

    if (!task_begin(db, kind, refkey, "test", &task, &why))
        tap_bail("begin %s %s: %s", kind, refkey, why.text);
    return task;
}

static void
end(struct db *db, int64_t task)
{
    struct fault why = FAULT_INIT;

    if (!task_end(db, task, "over", &why))
        tap_bail("end: %s", why.text);
}

static void
free_names(char **names, int count)
{
    int i;

    for (i = 0; i < count; i++) {
        free(names[i]);
        names[i] = NULL;
    }
}

static int64_t
held_count(void)
{
    return pgfix_int("select count(*) from assay.allocation"
                     " where ended_at is null");
}

static void
lose_session(int64_t task)
{
    struct buf text = BUF_INIT;

    buf_addf(&text, "select pg_terminate_backend(backend, 5000)"
             " from assay.task where task = %" PRId64, task);
    pgfix_script(buf_text(&text));
    buf_free(&text);
}

static void
set_lost(int64_t task, int seconds)
{
    struct buf text = BUF_INIT;

    buf_addf(&text, "update assay.task set lost_ms = %d * 1000"
             " where task = %" PRId64 " and ended_at is null", seconds, task);
    pgfix_script(buf_text(&text));
    buf_free(&text);
}

/* The clock goes ahead, or back, between two looks: as the row sees it. */
static void
step_clock(int64_t task, int seconds)
{
    struct buf text = BUF_INIT;

    buf_addf(&text, "update assay.task set looked_at = looked_at"
             " - interval '%d seconds' where task = %" PRId64
             " and looked_at is not null", seconds, task);
    pgfix_script(buf_text(&text));
    buf_free(&text);
}

static bool
is_lost(int64_t task)
{
    struct buf text = BUF_INIT;
    bool lost;

    buf_addf(&text, "select (lost_at is not null)::int from assay.task"
             " where task = %" PRId64, task);
    lost = pgfix_int(buf_text(&text)) == 1;
    buf_free(&text);
    return lost;
}

static void
test_life(void)
{
    struct fault why = FAULT_INIT;
    struct db *db = pgfix_open("test"), *other = pgfix_open("test");
    int64_t task, second = 0;
    bool live = false;

    task = begin(db, "job", "1.a");
    ok(task_is_live(other, task, &live, &why) && live, "a task lives");
    not_ok_fault(task_begin(other, "job", "1.a", "", &second, &why), &why,
                 FAULT_CONFLICT, "job 1.a has task", "it is there once");
    second = begin(other, "person", "1.a");
    ok(second != task, "the same name of another kind is another's");
    end(other, second);
    ok_fault(task_resume(db, task, &why), &why,
             "resuming what is not lost does nothing");
    not_ok_fault(task_end(other, task, "mine", &why), &why, FAULT_CONFLICT,
                 "held by another session", "nobody else may end it");
    end(db, task);
    ok(task_is_live(other, task, &live, &why) && !live, "it ends");
    ok_fault(task_end(db, task, "again", &why), &why, "ending it again");
    ok_fault(task_end(other, task, "again", &why), &why,
             "by whomever, does nothing");
    not_ok_fault(task_resume(db, task, &why), &why, FAULT_LOST,
                 "has ended: over", "it does not come back");
    not_ok_fault(task_resume(db, 999999, &why), &why, FAULT_LOST,
                 "there is no task", "nor one that never was");
    not_ok_fault(task_end(db, 999999, "x", &why), &why, FAULT_NOT_FOUND,
                 "there is no task", "to be ended");
    ok(task_is_live(db, 999999, &live, &why) && !live, "or live");
    task = begin(other, "job", "1.a");
    ok(task > second, "its name is free again");
    db_close(other);
    not_ok_fault(task_begin(db, "job", "1.a", "", &second, &why), &why,
                 FAULT_CONFLICT, "job 1.a has task",
                 "even from the process that lost it");
    ok_fault(task_resume(db, task, &why), &why, "which can take it up");
    end(db, task);
    db_close(db);
}

static void
test_allocate(void)
{
    static const char *const gpu[] = { "gpu", NULL };
    const struct task_role bad[] = {
        { "h", NULL, "bad1", NULL, 0, false, NULL },
    };
    const struct task_role no_gpu[] = {
        { "h", NULL, NULL, gpu, 0, false, NULL },
    };
    const struct task_role three[] = {
        { "1", "amd64", NULL, xen, 1, false, NULL },
        { "2", "amd64", NULL, xen, 1, false, NULL },
        { "3", "amd64", NULL, xen, 1, false, NULL },
    };
    const struct task_role arm[] = {
        { "h", "arm64", NULL, NULL, 0, false, NULL },
    };
    struct fault why = FAULT_INIT;
    struct db *db = pgfix_open("test"), *other = pgfix_open("test");
    char *hosts[3] = { NULL, NULL, NULL };
    int64_t task = begin(db, "job", "1.a"), second, third;

    pgfix_script("insert into assay.flight (branch, intended, harness)"
                 " values ('b', 'real', 'h');"
                 " insert into assay.job (flight, job, recipe, arch)"
                 " values (1, 'a', 'r', 'amd64');"
                 " insert into assay.job_role (flight, job, role, position,"
                 " arch) values (1, 'a', 'src', 1, 'amd64'),"
                 " (1, 'a', 'dst', 2, 'amd64')");
    ok_fault(task_allocate(db, task, 1, "a", pair, 2, hosts, &why), &why,
             "a pair of one class");
    is_str(hosts[0], "a1", "first host");
    is_str(hosts[1], "a2", "second host");
    free_names(hosts, 2);
    is_int(pgfix_int("select count(*) from assay.job_role where host ="
                     " case role when 'src' then 'a1' else 'a2' end"), 2,
           "the job's roles have them");
    is_int(pgfix_int("select count(*) from assay.allocation where flight = 1"
                     " and job = 'a' and ended_at is null"), 2,
           "and the allocations name the job");

    second = begin(other, "job", "1.b");
    not_ok_fault(task_allocate(other, second, 1, "b", pair, 2, hosts, &why),
                 &why, FAULT_CONFLICT, "no hosts are free for flight 1 job b",
                 "another pair is not to be had now");
    has_str(why.detail, "a1: held by job 1.a, task ", "it says by whom");
    has_str(why.detail, "b1: free, but there are not enough like it",
            "what is free but no use");
    has_str(why.detail, "bad1: its state is bad", "what is not good");
    has_str(why.detail, "m1: arch arm64, not amd64", "and what does not fit");
    is_int(held_count(), 2, "nothing is held of it");
    not_ok_fault(task_allocate(other, second, 1, "b", bad, 1, hosts, &why),
                 &why, FAULT_CONFLICT, "no hosts are free",
                 "a host that is not good is not had even by name");
    not_ok_fault(task_allocate(other, second, 1, "b", no_gpu, 1, hosts,
                               &why), &why, FAULT_NOT_FOUND,
                 "there are no such hosts", "what could never do");
    not_ok_fault(task_allocate(other, second, 1, "b",
                               &(struct task_role){ .role = "h",
                                   .host = "a1\",\\null" }, 1, hosts, &why),
                 &why, FAULT_NOT_FOUND, "there are no such hosts",
                 "a name that no host can have");
    not_ok_fault(task_allocate(other, second, 1, "b", three, 3, hosts, &why),
                 &why, FAULT_NOT_FOUND, "there are no such hosts",
                 "three of a class that has two");
    not_ok_fault(task_allocate(other, task, 1, "a", one, 1, hosts, &why),
                 &why, FAULT_LOST, "is not held by this session",
                 "a session that does not hold the task");
    ok_fault(task_allocate(other, second, 0, NULL, one, 1, hosts, &why),
             &why, "what is left, for no job");
    is_str(hosts[0], "b1", "the only one free");
    free_names(hosts, 1);
    ok_fault(task_allocate(other, second, 0, NULL, arm, 1, hosts, &why),
             &why, "a task may take more");
    free_names(hosts, 1);
    end(other, second);
    is_int(held_count(), 2, "its end frees all that it had");
    not_ok_fault(task_allocate(other, second, 0, NULL, arm, 1, hosts, &why),
                 &why, FAULT_LOST, "is not held", "it gets nothing then");

    /* Its state changes between the look and the lock: not tested by luck,
     * but by a lock that makes the allocator wait. */
    third = begin(other, "job", "1.c");
    fflush(NULL);
    if (fork() == 0) {
        pgfix_script("begin; update assay.host set state = 'maintenance'"
                     " where host = 'b1'; select pg_sleep(0.5); commit");
        _exit(0);
    }
    while (pgfix_int("select count(*) from pg_stat_activity"
                     " where query like '%pg_sleep(0.5)%'"
                     " and wait_event = 'PgSleep'") == 0)
        poll(NULL, 0, 5);
    not_ok_fault(task_allocate(other, third, 0, NULL, one, 1, hosts, &why),
                 &why, FAULT_CONFLICT, "no hosts are free",
                 "a host that goes into maintenance meanwhile");
    has_str(why.detail, "b1: its state is maintenance", "is not given");
    (void)wait(NULL);
    pgfix_script("update assay.host set state = 'good' where host = 'b1'");
    end(other, third);
    end(db, task);
    db_close(db);
    db_close(other);
}

/* A child that takes a host and is killed, idle or in a statement. */
static pid_t
fork_owner(const char *refkey, const struct task_role *roles, int count,
           bool busy)
{
    static const struct query q_sleep = { "sleep",
        "select pg_sleep(25) is null", 0, 1 };
    struct fault why = FAULT_INIT;
    char *hosts[2] = { NULL, NULL }, word = 0;
    int64_t task = 0;
    struct db *db;
    int fds[2];
    pid_t pid;

    if (pipe(fds) != 0)
        tap_bail("pipe");
    fflush(NULL);
    pid = fork();
    if (pid == 0) {
        db = pgfix_open("test");
        if (!task_begin(db, "job", refkey, "", &task, &why)
            || !task_allocate(db, task, 0, NULL, roles, count, hosts, &why)) {
            diag("owner %s: %s\n%s", refkey, why.text, why.detail);
            _exit(1);
        }
        (void)!write(fds[1], "x", 1);
        if (busy)
            (void)!db_run(db, &q_sleep, NULL, NULL, &why);
        for (;;)
            pause();
    }
    close(fds[1]);
    if (read(fds[0], &word, 1) != 1)
        tap_bail("owner %s did not get its hosts", refkey);
    close(fds[0]);
    return pid;
}

static void
test_killed(bool busy, bool reaped_by_parent)
{
    struct fault why = FAULT_INIT;
    struct db *db = pgfix_open("test");
    char *hosts[2] = { NULL, NULL };
    int64_t task = begin(db, "job", "1.next"), began;
    pid_t owner = fork_owner("1.doomed", pair, 2, busy);
    bool got = false;

    not_ok_fault(task_allocate(db, task, 0, NULL, pair, 2, hosts, &why),
                 &why, FAULT_CONFLICT, "no hosts are free",
                 "an owner %s has the hosts", busy ? "in a statement"
                                                   : "that waits");
    if (busy)
        poll(NULL, 0, 300);
    (void)kill(owner, SIGKILL);
    began = now_ms();
    if (reaped_by_parent)
        (void)waitpid(owner, NULL, 0);  /* else it stays a zombie */
    while (!got && now_ms() - began < 10000) {
        got = task_allocate(db, task, 0, NULL, pair, 2, hosts, &why);
        if (!got)
            poll(NULL, 0, 5);
    }
    diag("hosts of an owner killed %s (%s): had after %d ms",
         busy ? "in a statement" : "while it waited",
         reaped_by_parent ? "gone" : "zombie", (int)(now_ms() - began));
    ok(got && now_ms() - began < (busy ? 3000 : 1000),
       "killed, its hosts are had %s", busy ? "within 3 s" : "within 1 s");
    if (!reaped_by_parent)
        (void)waitpid(owner, NULL, 0);
    free_names(hosts, 2);
    end(db, task);
    is_int(pgfix_int("select count(*) from assay.task where refkey ="
                     " '1.doomed' and end_reason = 'its process is gone'"
                     " and ended_at > clock_timestamp() - interval '20 s'"),
           1, "the dead task has ended, with the reason");
    pgfix_script("alter table assay.task disable trigger task_frozen;"
                 " update assay.task set refkey = refkey || task"
                 " where refkey = '1.doomed';"
                 " alter table assay.task enable trigger task_frozen");
    db_close(db);
}

static void
reap(struct db *db, int jobs_want, int hosts_want, const char *what)
{
    struct fault why = FAULT_INIT;
    int jobs = -1, hosts = -1;

    ok_fault(task_reap(db, &jobs, &hosts, &why), &why, "reap: %s", what);
    is_int(hosts, hosts_want, "hosts freed");
    is_int(jobs, jobs_want, "jobs broken");
}

/* The session is lost, the process lives. */
static void
test_lost_session(void)
{
    struct fault why = FAULT_INIT;
    struct db *db = pgfix_open("test"), *other = pgfix_open("test");
    char *hosts[2] = { NULL, NULL };
    int64_t task = begin(db, "job", "1.a"), second = begin(other, "job",
                                                           "1.b");
    bool live = true;

    if (!task_allocate(db, task, 0, NULL, pair, 2, hosts, &why))
        tap_bail("%s", why.text);
    free_names(hosts, 2);
    lose_session(task);
    ok(task_is_live(other, task, &live, &why) && !live, "no session");
    reap(other, 0, 0, "it keeps its hosts for now");
    ok(is_lost(task), "the loss is noted");
    not_ok_fault(task_allocate(other, second, 0, NULL, pair, 2, hosts, &why),
                 &why, FAULT_CONFLICT, "no hosts are free",
                 "nobody else gets them");
    has_str(why.detail, "(its owner lost its session)", "and hears why");
    not_ok_fault(task_begin(other, "job", "1.a", "", &second, &why), &why,
                 FAULT_CONFLICT, "job 1.a has task",
                 "nor takes its place");
    has_str(why.hint, "lost its database session", "with a hint");
    ok(!db_wait(db, 1000) && !db_is_alive(db), "the owner sees its loss");
    db_close(db);
    db = pgfix_open("test");
    ok_fault(task_resume(db, task, &why), &why, "and comes back");
    ok(task_is_live(other, task, &live, &why) && live && !is_lost(task),
       "as if nothing had been");
    is_int(held_count(), 2, "with its hosts");

    lose_session(task);
    reap(other, 0, 0, "lost again: the grace starts anew");
    set_lost(task, TASK_GRACE_MS / 1000 - 5);
    reap(other, 0, 0, "just before the end of the grace");
    step_clock(task, -3600);
    reap(other, 0, 0, "a clock set back by an hour changes nothing");
    set_lost(task, TASK_GRACE_MS / 1000 - TASK_LOOK_MS / 1000 - 5);
    step_clock(task, 3600);
    reap(other, 0, 0, "nor does one set ahead, but for the time of one look");
    step_clock(task, 3600);
    reap(other, 0, 2, "after the grace");
    db_close(db);
    db = pgfix_open("test");
    not_ok_fault(task_resume(db, task, &why), &why, FAULT_LOST,
                 "session was lost for too long", "it comes too late");
    ok(task_is_live(other, task, &live, &why) && !live,
       "and does not hold the lock by that");
    end(other, second);
    db_close(db);
    db_close(other);
}

/* The network broke: the server has not noticed, the owner has. */
static void
test_half_open(void)
{
    struct fault why = FAULT_INIT;
    struct db *db = pgfix_open("test"), *next = pgfix_open("test");
    int64_t task = begin(db, "job", "1.a");
    pid_t pid;
    int status = 0;

    fflush(NULL);
    pid = fork();
    if (pid == 0) {
        struct db *thief = pgfix_open("test");

        _exit(!task_resume(thief, task, &why) && why.kind == FAULT_LOST
              ? 0 : 1);
    }
    ok_fault(task_resume(next, task, &why), &why,
             "resumed beside its old session");
    ok(!db_wait(db, 2000) && !db_is_alive(db), "which is ended");
    ok_fault(task_end(next, task, "over", &why), &why, "the new one has it");
    (void)waitpid(pid, &status, 0);
    ok(WIFEXITED(status) && WEXITSTATUS(status) == 0,
       "another process cannot take it");
    db_close(db);
    db_close(next);
}

static const struct {
    const char *what, *change;
    int freed;                  /* without waiting */
} identities[] = {
    { "a process that lives", "pid = pid", 0 },
    { "one of another node", "node_key = 'elsewhere', pid = 2147483646", 0 },
    { "one whose number is another's now", "pid_start = pid_start - 1", 1 },
    { "one that is gone", "pid = 2147483646", 1 },
};

static void
test_identities(void)
{
    struct fault why = FAULT_INIT;
    struct db *db, *other = pgfix_open("test");
    struct buf text = BUF_INIT;
    char *hosts[1] = { NULL };
    int64_t task;
    size_t i;

    for (i = 0; i < ARRAY_LEN(identities); i++) {
        db = pgfix_open("test");
        task = begin(db, "job", "1.a");
        if (!task_allocate(db, task, 0, NULL, one, 1, hosts, &why))
            tap_bail("%s", why.text);
        free_names(hosts, 1);
        lose_session(task);
        buf_reset(&text);
        buf_addf(&text, "update assay.task set %s where task = %" PRId64,
                 identities[i].change, task);
        pgfix_script(buf_text(&text));
        reap(other, 0, identities[i].freed, identities[i].what);
        set_lost(task, 3600);
        reap(other, 0, identities[i].freed == 1 ? 0 : 1, "an hour later");
        db_close(db);
    }
    buf_free(&text);
    db_close(other);
}

/* What becomes of the jobs. */
static void
test_jobs(void)
{
    struct fault why = FAULT_INIT;
    struct db *db = pgfix_open("test"), *other = pgfix_open("test");
    int64_t task = begin(db, "job", "2.run"), second;
    struct buf text = BUF_INIT;

    buf_addf(&text,
        "insert into assay.flight (flight, branch, intended, harness)"
        " overriding system value values (2, 'b', 'real', 'h');"
        " insert into assay.job (flight, job, recipe, arch, status, task,"
        " started_at) values (2, 'run', 'r', 'amd64', 'running', %" PRId64
        ", now()), (2, 'prep', 'r', 'amd64', 'preparing', %" PRId64
        ", now()), (2, 'wait', 'r', 'amd64', 'queued', %" PRId64 ", null);"
        " insert into assay.step (flight, job, step, program, testid, status,"
        " exit_code, finished_at, harness) values"
        " (2, 'run', 1, 'p', 'done', 'pass', 0, now(), 'h'),"
        " (2, 'run', 2, 'p', 'now', 'running', null, null, 'h')",
        task, task, task);
    pgfix_script(buf_text(&text));
    reap(other, 0, 0, "its jobs run on");
    lose_session(task);
    set_lost(task, 3600);
    reap(other, 2, 0, "dead: two jobs were at work");
    is_int(pgfix_int("select count(*) from assay.job where flight = 2"
                     " and status = 'broken' and lane = 'harness'"
                     " and reason like 'its runner (process % on %) ended:"
                     " its database session was lost for too long'"
                     " and finished_at is not null"), 2,
           "they are broken, and say why");
    is_int(pgfix_int("select count(*) from assay.job where flight = 2"
                     " and status = 'queued'"), 1, "one that waits waits on");
    is_int(pgfix_int("select count(*) from assay.step where flight = 2"
                     " and status = 'broken' and lane = 'harness'"
                     " and elapsed_ms >= 0"), 1,
           "the step that ran is broken");
    is_int(pgfix_int("select count(*) from assay.step where flight = 2"
                     " and status = 'pass'"), 1,
           "the one that had passed has passed");
    reap(other, 0, 0, "there is no more to do");

    second = begin(other, "job", "2.wait");
    buf_reset(&text);
    buf_addf(&text, "update assay.job set status = 'running', started_at ="
             " now(), task = %" PRId64 " where job = 'wait'", second);
    pgfix_script(buf_text(&text));
    end(other, second);
    reap(other, 1, 0, "a task that ends without its job breaks it");
    pgfix_script("update assay.flight set finished_at = now(),"
                 " outcome = 'broken' where flight = 2");
    not_ok_fault(db_script(db, "x", "select 1", &why), &why, FAULT_LOST, "",
                 "(the first session is the lost one)");
    db_close(db);
    db_close(other);
    buf_free(&text);
}

/* The server is killed: every lock vanishes at once. */
static void
test_server_restart(void)
{
    struct fault why = FAULT_INIT;
    struct db *db = pgfix_open("test"), *other;
    char *hosts[2] = { NULL, NULL };
    int64_t task = begin(db, "job", "3.a"), began;
    pid_t doomed;
    bool live = false;

    if (!task_allocate(db, task, 0, NULL, one, 1, hosts, &why))
        tap_bail("%s", why.text);
    doomed = fork_owner("3.b", one, 1, false);
    (void)kill(pgfix_server(), SIGKILL);
    (void)kill(doomed, SIGKILL);
    (void)waitpid(doomed, NULL, 0);
    ok(!db_wait(db, 5000) && !db_is_alive(db), "the owner sees it");
    other = pgfix_open("assay");
    reap(other, 0, 1, "only the dead process lost its host");
    is_int(held_count(), 1, "the living one keeps its own");
    db_close(db);
    began = now_ms();
    db = pgfix_open("test");
    ok_fault(task_resume(db, task, &why), &why, "it resumes");
    diag("connect and resume: %d ms", (int)(now_ms() - began));
    ok(task_is_live(other, task, &live, &why) && live, "and lives");
    not_ok_fault(task_allocate(db, task, 0, NULL,
                               (const struct task_role[]){
                                   { "h", NULL, hosts[0], NULL, 0, false,
                                     NULL } },
                               1, hosts + 1, &why), &why, FAULT_CONFLICT,
                 "no hosts are free", "its host is still its own");
    free_names(hosts, 1);
    end(db, task);
    is_int(held_count(), 0, "and free at the end");
    db_close(db);
    db_close(other);
}

int
main(void)
{
    struct pgfix fix;
    struct db *db;

    pgfix_start(&fix);
    db = pgfix_open("assay");
    db_close(db);
    pgfix_script("insert into assay.host (host, arch, firmware, class,"
                 " state, config, source) values"
                 " ('a1', 'amd64', 'bios', 'a', 'good', '{}', 'f'),"
                 " ('a2', 'amd64', 'bios', 'a', 'good', '{}', 'f'),"
                 " ('b1', 'amd64', 'bios', 'b', 'good', '{}', 'f'),"
                 " ('bad1', 'amd64', 'bios', 'x', 'bad', '{}', 'f'),"
                 " ('old1', 'amd64', 'bios', 'a', 'retired', '{}', 'f'),"
                 " ('m1', 'arm64', 'uefi', 'm', 'good', '{}', 'f');"
                 " insert into assay.host_flag"
                 " select host, 'xen' from assay.host where arch = 'amd64'");
    test_life();
    test_allocate();
    test_killed(false, true);
    test_killed(false, false);
    test_killed(true, true);
    test_lost_session();
    test_half_open();
    test_identities();
    test_jobs();
    test_server_restart();
    return pgfix_done(&fix);
}
