/* tests/pgfix.c - a private PostgreSQL server for one test program. */
#include <config.h>

#include "tests/pgfix.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness/buf.h"
#include "harness/db.h"
#include "harness/db_cluster.h"
#include "harness/fault.h"
#include "harness/fs.h"
#include "harness/log.h"

static NORETURN void
bail(const char *what, const struct fault *why)
{
    printf("Bail out! %s: %s\n", what, why != NULL ? why->text
                                                    : strerror(errno));
    if (why != NULL && why->detail[0] != '\0')
        fprintf(stderr, "%s\n", why->detail);
    fflush(stdout);
    exit(1);
}

static void
on_parent_death(int number UNUSED)
{
}

/* Lives until the test says goodbye or dies; ends the server if it died. The
 * pipe alone would not tell: the test's own children hold it too. */
static NORETURN void
guard_main(const char *home, int fd, pid_t test)
{
    struct sigaction action = { .sa_handler = on_parent_death };
    char path[128], word = 0, line[32];
    FILE *file;
    long pid;

    (void)setsid();
    (void)sigaction(SIGHUP, &action, NULL);
    (void)prctl(PR_SET_PDEATHSIG, SIGHUP);
    while (getppid() == test && read(fd, &word, 1) < 0 && errno == EINTR)
        continue;
    snprintf(path, sizeof(path), "%s/pg/data/postmaster.pid", home);
    file = word == 0 ? fopen(path, "re") : NULL;
    if (file != NULL && fgets(line, sizeof(line), file) != NULL) {
        pid = strtol(line, NULL, 10);
        if (pid > 1)
            (void)kill((pid_t)pid, SIGQUIT);
    }
    _exit(0);
}

static void
guard_start(struct pgfix *fix)
{
    pid_t test = getpid();
    int fds[2];

    if (pipe2(fds, O_CLOEXEC) != 0)
        bail("pipe", NULL);
    fflush(NULL);
    fix->guard = fork();
    if (fix->guard < 0)
        bail("fork", NULL);
    if (fix->guard == 0) {
        close(fds[1]);
        /* Whoever reads our output must not wait for the guard. */
        close(STDOUT_FILENO);
        close(STDERR_FILENO);
        guard_main(fix->home, fds[0], test);
    }
    close(fds[0]);
    fix->guard_fd = fds[1];
}

void
pgfix_start(struct pgfix *fix)
{
    struct fault why = FAULT_INIT;
    const char *dir = getenv("TMPDIR");

    /* A long TMPDIR would not do for the socket in it. */
    if (dir == NULL || strlen(dir) > 24)
        dir = "/tmp";
    snprintf(fix->home, sizeof(fix->home), "%s/assay-test.XXXXXX", dir);
    if (mkdtemp(fix->home) == NULL || chmod(fix->home, 0711) != 0)
        bail(fix->home, NULL);
    if (setenv("ASSAY_HOME", fix->home, 1) != 0 || unsetenv("ASSAY_DB") != 0)
        bail("environment", NULL);
    if (getenv("ASSAY_LOG") == NULL)
        (void)setenv("ASSAY_LOG", "warn", 1);
    log_init("test");
    guard_start(fix);
    if (!db_cluster_ensure(&why)) {
        pgfix_stop(fix, false);
        bail("start a database server", &why);
    }
    pgfix_script("alter system set fsync = off");
    pgfix_script("select pg_reload_conf()");
}

struct db *
pgfix_open(const char *program)
{
    struct fault why = FAULT_INIT;
    struct db *db = NULL;

    if (!db_open(program, &db, &why))
        bail("open the database", &why);
    return db;
}

static struct db *
plain_connection(void)
{
    struct fault why = FAULT_INIT;
    struct buf conninfo = BUF_INIT;
    struct db *db = NULL;

    if (!db_conninfo(&conninfo, &why)
        || !db_connect(buf_text(&conninfo), "fixture", &db, &why))
        bail("connect to the database", &why);
    buf_free(&conninfo);
    return db;
}

void
pgfix_script(const char *text)
{
    struct fault why = FAULT_INIT;
    struct db *db = plain_connection();

    if (!db_script(db, text, text, &why))
        bail("fixture", &why);
    db_close(db);
}

int64_t
pgfix_int(const char *select)
{
    const struct query query = { "fixture", select, 0, 1 };
    struct fault why = FAULT_INIT;
    struct db *db = plain_connection();
    struct db_rows *rows = NULL;
    int64_t value;

    if (!db_run(db, &query, NULL, &rows, &why))
        bail(select, &why);
    if (db_rows_count(rows) == 0)
        bail(select, NULL);
    value = db_int(rows, 0, 0, INT64_MIN);
    db_rows_free(rows);
    db_close(db);
    return value;
}

void
pgfix_new_database(const char *name, struct buf *conninfo)
{
    struct fault why = FAULT_INIT;
    struct buf text = BUF_INIT;

    buf_addf(&text, "create database %s template template0", name);
    pgfix_script(buf_text(&text));
    buf_free(&text);
    if (!db_conninfo(conninfo, &why))
        bail("conninfo", &why);
    buf_addf(conninfo, " dbname=%s", name);     /* the last word wins */
}

pid_t
pgfix_server(void)
{
    pid_t pid = 0;

    return db_cluster_state(&pid) == CLUSTER_RUNNING ? pid : 0;
}

void
pgfix_stop(struct pgfix *fix, bool failed)
{
    struct fault why = FAULT_INIT;
    ssize_t n;

    if (!db_cluster_stop(NULL, &why)) {
        printf("# stop the database server: %s\n", why.text);
        failed = true;
    }
    n = write(fix->guard_fd, "x", 1);
    close(fix->guard_fd);
    if (n == 1)
        (void)waitpid(fix->guard, NULL, 0);
    if (failed)
        printf("# kept %s\n", fix->home);
    else if (!fs_remove_tree(fix->home, &why))
        printf("# remove %s: %s\n", fix->home, why.text);
    fflush(stdout);
}
