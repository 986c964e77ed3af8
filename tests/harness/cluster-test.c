/* tests/harness/cluster-test.c - the private server, and what becomes of it
 * when something kills it. */
#include <config.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness/buf.h"
#include "harness/clock.h"
#include "harness/db.h"
#include "harness/db_cluster.h"
#include "harness/fs.h"
#include "harness/home.h"
#include "harness/mem.h"
#include "harness/proc.h"
#include "tests/tap.h"

#include "tests/pgfix.h"

#define RACERS 4

static int64_t
now_ms(void)
{
    return clock_mono_ms(clock_system());
}

static void
kill_server(void)
{
    pid_t pid = pgfix_server();

    if (pid <= 1 || kill(pid, SIGKILL) != 0)
        tap_bail("no server to kill");
    while (pgfix_server() == pid)
        poll(NULL, 0, 1);
}

/* Exit status of a child that opens the database. */
static pid_t
fork_opener(void)
{
    struct fault why = FAULT_INIT;
    struct db *db = NULL;
    pid_t pid;

    fflush(NULL);
    pid = fork();
    if (pid != 0)
        return pid;
    if (!db_open("assay", &db, &why)) {
        diag("%s: %s", why.text, why.detail);
        _exit(1);
    }
    db_close(db);
    _exit(0);
}

static bool
child_is_good(pid_t pid)
{
    int status;

    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        continue;
    return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

static void
test_states(void)
{
    struct fault why = FAULT_INIT;
    bool stopped = false;
    pid_t pid = 0;
    int64_t began;

    ok(db_cluster_state(&pid) == CLUSTER_RUNNING && pid > 1, "it runs");
    ok_fault(db_cluster_ensure(&why), &why, "ensure again does nothing");
    ok(pgfix_server() == pid, "it is the same server");
    ok_fault(db_cluster_stop(&stopped, &why), &why, "it stops");
    ok(stopped && kill(pid, 0) != 0 && errno == ESRCH,
       "and nothing is left of it, no zombie either");
    ok(db_cluster_state(&pid) == CLUSTER_STOPPED && pid == 0,
       "it is stopped");
    ok_fault(db_cluster_stop(&stopped, &why), &why, "stop again");
    ok(!stopped, "does nothing");
    began = now_ms();
    ok_fault(db_cluster_ensure(&why), &why, "it starts again");
    diag("warm start: %d ms", (int)(now_ms() - began));
    (void)setenv("ASSAY_DB", "host=/x", 1);
    ok(db_cluster_state(&pid) == CLUSTER_FOREIGN, "ASSAY_DB is foreign");
    not_ok_fault(db_cluster_stop(NULL, &why), &why, FAULT_CONFLICT,
                 "not ours to stop", "and never stopped");
    not_ok_fault(db_cluster_ensure(&why), &why, FAULT_CONFLICT,
                 "no private one", "nor started");
    (void)unsetenv("ASSAY_DB");
}

/* All start at once from nothing: one server, all are served. */
static void
test_race(void)
{
    pid_t pids[RACERS];
    int i, good = 0;

    kill_server();
    for (i = 0; i < RACERS; i++)
        pids[i] = fork_opener();
    for (i = 0; i < RACERS; i++)
        good += child_is_good(pids[i]);
    is_int(good, RACERS, "all that find it dead get a connection");
    ok(pgfix_server() > 1, "whoever started it has ended, it lives");
}

/* Gone, or a zombie that waits for a slow init. */
static bool
is_over(pid_t pid)
{
    char link[64], exe[16];

    snprintf(link, sizeof(link), "/proc/%d/exe", (int)pid);
    return readlink(link, exe, sizeof(exe)) < 0 && errno == ENOENT;
}

/* A statement is under way when the server is killed. */
static void
test_killed_busy(void)
{
    static const struct query q_pid = { "pid", "select pg_backend_pid()", 0,
                                        1 };
    static const struct query q_busy = { "busy",
        "select count(*) from generate_series(1, 1000000000)", 0, 1 };
    struct fault why = FAULT_INIT;
    struct db *db = pgfix_open("assay"), *next = NULL;
    struct db_rows *rows = NULL;
    int64_t began, backend;
    pid_t killer, server = pgfix_server();

    if (!db_run(db, &q_pid, NULL, &rows, &why))
        tap_bail("%s", why.text);
    backend = db_int(rows, 0, 0, 0);
    db_rows_free(rows);
    fflush(NULL);
    killer = fork();
    if (killer == 0) {
        poll(NULL, 0, 200);
        (void)kill(server, SIGKILL);
        began = now_ms();
        if (!db_open("assay", &next, &why)) {
            diag("%s: %s", why.text, why.detail);
            _exit(1);
        }
        diag("killed to serving again: %d ms", (int)(now_ms() - began));
        _exit(is_over((pid_t)backend) ? 0 : 2);
    }
    began = now_ms();
    not_ok_fault(db_run(db, &q_busy, NULL, NULL, &why), &why, FAULT_LOST,
                 "busy: ", "a statement under way is lost");
    ok(now_ms() - began < 10000, "soon, not at the limit");
    ok(!db_is_alive(db), "and the connection with it");
    db_close(db);
    ok(child_is_good(killer), "another process starts a new server, after "
       "ending what was left of the old one");
}

/* After a crash of the machine, the pid file's number is somebody else's. */
static void
test_stranger_in_pid_file(void)
{
    const char *const argv[] = { "sleep", "60", NULL };
    struct proc_spec spec = PROC_SPEC_INIT;
    struct fault why = FAULT_INIT;
    struct buf path = BUF_INIT, text = BUF_INIT;
    const char *home = NULL;
    pid_t stranger = 0;
    bool done;

    kill_server();
    spec.argv = argv;
    spec.run_as = home_cluster_user();
    if (!home_get(&home, &why) || !proc_start(&spec, &stranger, &why))
        tap_bail("%s", why.text);
    buf_addf(&path, "%s/pg/data/postmaster.pid", home);
    done = fs_read_file(buf_text(&path), 4096, &text, &why);
    if (!done)
        tap_bail("%s", why.text);
    buf_drop(&text, strcspn(buf_text(&text), "\n"));
    path.data[path.len - 1] = 'd';
    buf_reset(&path);
    buf_addf(&path, "%d%s", (int)stranger, buf_text(&text));
    buf_reset(&text);
    buf_addf(&text, "%s/pg/data/postmaster.pid", home);
    done = fs_write_file(buf_text(&text), 0644, path.data, path.len, &why);
    buf_reset(&text);
    buf_addf(&text, "%s/pg/.s.PGSQL.5432.lock", home);
    done = done
        && fs_write_file(buf_text(&text), 0644, path.data, path.len, &why);
    if (!done)
        tap_bail("%s", why.text);
    is_int(pgfix_server(), 0, "a stranger's pid is not taken for the server");
    ok_fault(db_cluster_ensure(&why), &why, "and a new one starts");
    ok(kill(stranger, 0) == 0, "the stranger is left alone");
    proc_kill_group(stranger);
    (void)waitpid(stranger, NULL, 0);
    buf_free(&path);
    buf_free(&text);
}

/* Its start dies half way, or cannot go on: each time a clear word. */
static void
test_refusals(void)
{
    struct fault why = FAULT_INIT;
    struct buf data = BUF_INIT, conf = BUF_INIT;
    const char *home = NULL;
    bool done;

    if (!db_cluster_stop(NULL, &why) || !home_get(&home, &why))
        tap_bail("%s", why.text);
    buf_addf(&data, "%s/pg/data/PG_VERSION", home);
    done = fs_write_file(buf_text(&data), 0644, "9\n", 2, &why);
    not_ok_fault(!done || db_cluster_ensure(&why), &why, FAULT_SYSTEM,
                 "of PostgreSQL 9, which is not installed",
                 "data of another version are not touched");
    has_str(why.hint, "postgresql-9", "the hint says what to install");
    done = fs_write_file(buf_text(&data), 0644, "15\n", 3, &why);
    if (pgfix_server() != 0 || !done)
        tap_bail("what runs here?");
    buf_reset(&data);
    buf_addf(&data, "%s/pg/data/PG_VERSION.keep", home);

    buf_addf(&conf, "%s/pg/data/postgresql.auto.conf", home);
    if (!fs_copy_file(buf_text(&conf), buf_text(&data), 0644, &why)
        || !fs_write_file(buf_text(&conf), 0644, "nonsense = 1\n", 13, &why))
        tap_bail("%s", why.text);
    not_ok_fault(db_cluster_ensure(&why), &why, FAULT_SYSTEM,
                 "did not start: it exited with status 1",
                 "a server that ends at once is not waited for");
    has_str(why.detail, "nonsense", "the log says why");
    if (!fs_copy_file(buf_text(&data), buf_text(&conf), 0644, &why))
        tap_bail("%s", why.text);
    ok_fault(db_cluster_ensure(&why), &why, "mended, it starts");
    buf_free(&data);
    buf_free(&conf);
}

int
main(void)
{
    struct pgfix fix;
    int64_t began = now_ms();

    pgfix_start(&fix);
    diag("cold start with a new cluster: %d ms", (int)(now_ms() - began));
    test_states();
    test_race();
    test_killed_busy();
    test_stranger_in_pid_file();
    test_refusals();
    return pgfix_done(&fix);
}
