/* harness/db_cluster.c - the private PostgreSQL cluster under ASSAY_HOME.
 *
 * The server's own programs are called directly, never through a shell. Not
 * here: what is in the database. */
#include <config.h>

#include "harness/db_cluster.h"

#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "harness/arena.h"
#include "harness/buf.h"
#include "harness/clock.h"
#include "harness/db_programs.h"
#include "harness/fault.h"
#include "harness/fs.h"
#include "harness/home.h"
#include "harness/log.h"
#include "harness/proc.h"
#include "harness/signals.h"

#define MAKE_LIMIT_MS 120000
#define START_LIMIT_MS 90000    /* a long recovery after a crash included */
#define STOP_LIMIT_MS 60000
#define LEFTOVER_LIMIT_MS 5000
#define POLL_MS 5
#define LOG_BYTES_MAX (4 << 20)
#define SOCKET_NAME "/pg/.s.PGSQL.5432"

static_assert(HOME_BYTES_MAX + sizeof(SOCKET_NAME ".lock") <= 108,
              "the server's socket must fit into a Unix address");

/* Written at each start, so that it is what this Assay wants; ALTER SYSTEM
 * (postgresql.auto.conf) still has the last word. Small, because it shares a
 * machine with a lab; nothing here gives up durability. */
static const char CONF[] =
    "# Written by assay at each start; ALTER SYSTEM changes what stays.\n"
    "listen_addresses = ''\n"
    "port = 5432\n"
    "unix_socket_permissions = 0700\n"
    "max_connections = 200\n"
    "shared_buffers = 32MB\n"
    "max_wal_size = 256MB\n"
    "wal_level = minimal\n"
    "max_wal_senders = 0\n"
    "max_logical_replication_workers = 0\n"
    "max_parallel_workers_per_gather = 0\n"
    "jit = off\n"
    "huge_pages = off\n"
    "timezone = 'UTC'\n"
    "log_timezone = 'UTC'\n"
    "log_checkpoints = off\n"
    "log_line_prefix = '%m [%p] %a: '\n"
    "log_min_duration_statement = 1s\n";
static const char HBA[] =
    "# Written by assay at each start.\n"
    "local all all peer map=assay\n";

struct cluster {
    struct arena arena;
    char *dir, *data, *log;
    const char *user;
};

static bool
cluster_init(struct cluster *cluster, struct fault *why)
{
    const char *home = NULL;
    const struct passwd *owner;
    struct stat st;

    *cluster = (struct cluster){ .arena = ARENA_INIT };
    if (!home_get(&home, why))
        return false;
    cluster->dir = home_path(&cluster->arena, "pg");
    cluster->data = home_path(&cluster->arena, "pg/data");
    cluster->log = home_path(&cluster->arena, "pg/server.log");
    cluster->user = home_cluster_user();
    /* Root may meet the cluster of somebody else: it stays his. */
    if (geteuid() == 0 && stat(cluster->data, &st) == 0
        && (owner = getpwuid(st.st_uid)) != NULL)
        cluster->user = arena_strdup(&cluster->arena, owner->pw_name);
    return true;
}

static void
cluster_fini(struct cluster *cluster)
{
    arena_free(&cluster->arena);
}

static bool
is_foreign(void)
{
    const char *env = getenv("ASSAY_DB");

    return env != NULL && env[0] != '\0';
}

/* The server process ------------------------------------------------------ */

enum life { LIFE_NONE = 0, LIFE_OURS, LIFE_UNKNOWN };

/* The child that this process started, until it is reaped here: no other
 * child is ours to reap. */
static pid_t *
started_child(void)
{
    static pid_t pid;

    return &pid;
}

/* Whether our own child has ended; reaps it then. */
static bool
child_ended(struct proc_status *status_out)
{
    pid_t *child = started_child();

    if (*child == 0 || !proc_poll_end(*child, status_out))
        return false;
    *child = 0;
    return true;
}

/* Whether 'pid' is a server process of this data directory: those live in it;
 * a zombie does not. LIFE_UNKNOWN when it is our user's, but we may not look
 * (from inside a user namespace). */
static enum life
server_life(const struct cluster *cluster, pid_t pid)
{
    char link[64], exe[PATH_MAX], *name;
    struct stat cwd, data;
    ssize_t n;

    if (stat(cluster->data, &data) != 0)
        return LIFE_NONE;
    snprintf(link, sizeof(link), "/proc/%d/cwd", (int)pid);
    if (stat(link, &cwd) != 0)
        return (errno == EACCES || errno == EPERM) && kill(pid, 0) == 0
            ? LIFE_UNKNOWN : LIFE_NONE;
    if (cwd.st_dev != data.st_dev || cwd.st_ino != data.st_ino)
        return LIFE_NONE;
    snprintf(link, sizeof(link), "/proc/%d/exe", (int)pid);
    n = readlink(link, exe, sizeof(exe) - 1);
    exe[n < 0 ? 0 : n] = '\0';
    name = strrchr(exe, '/');
    return name != NULL && strncmp(name, "/postgres", 9) == 0 ? LIFE_OURS
                                                               : LIFE_NONE;
}

/* The postmaster that the data's pid file names, 0 if it is not alive; and
 * whether it says that it takes connections. */
static pid_t
postmaster_find(struct cluster *cluster, bool *ready_out)
{
    struct buf text = BUF_INIT;
    char *path = arena_printf(&cluster->arena, "%s/postmaster.pid",
                              cluster->data);
    char *line, *save = NULL, *end;
    int64_t pid = 0;
    int i;

    *ready_out = false;
    if (!fs_read_file(path, 4096, &text, NULL) || text.len == 0)
        goto out;
    line = strtok_r(text.data, "\n", &save);
    for (i = 1; line != NULL; i++, line = strtok_r(NULL, "\n", &save)) {
        for (end = line + strlen(line); end > line && end[-1] == ' '; end--)
            end[-1] = '\0';
        if (i == 1 && !parse_int64(line, 2, INT_MAX, &pid))
            pid = 0;
        if (strcmp(line, "ready") == 0)
            *ready_out = true;
    }
    if (pid != 0 && server_life(cluster, (pid_t)pid) == LIFE_NONE)
        pid = 0;
out:
    buf_free(&text);
    if (pid == 0)
        *ready_out = false;
    return (pid_t)pid;
}

/* Pauses, false when asked to stop or past the deadline. */
static bool
pause_until(int64_t deadline_ms, const char *waiting_for, struct fault *why)
{
    if (clock_mono_ms(clock_system()) > deadline_ms)
        return fault_set(why, FAULT_TIMEOUT, "waited too long for %s",
                         waiting_for);
    signals_pause_ms(POLL_MS);
    return signals_check(why);
}

/* Sends 'signal' to each server process of the data directory; counts them. */
static int
leftovers_signal(const struct cluster *cluster, int signal)
{
    struct dirent *entry;
    DIR *proc = opendir("/proc");
    int64_t pid;
    int count = 0;

    while (proc != NULL && (entry = readdir(proc)) != NULL) {
        if (!parse_int64(entry->d_name, 2, INT_MAX, &pid)
            || server_life(cluster, (pid_t)pid) != LIFE_OURS)
            continue;
        count++;
        if (signal != 0)
            (void)kill((pid_t)pid, signal);
    }
    if (proc != NULL)
        closedir(proc);
    return count;
}

/* When the postmaster was killed, a child in the middle of a statement may
 * live on, and no new server may start beside it. They are asked as the
 * postmaster would have asked them, then killed. */
static bool
leftovers_end(const struct cluster *cluster, struct fault *why)
{
    int64_t deadline_ms;
    int round;

    for (round = 0; round < 2; round++) {
        if (leftovers_signal(cluster, round == 0 ? SIGQUIT : SIGKILL) == 0)
            return true;
        deadline_ms = clock_mono_ms(clock_system()) + LEFTOVER_LIMIT_MS;
        while (leftovers_signal(cluster, 0) > 0) {
            if (clock_mono_ms(clock_system()) > deadline_ms)
                break;
            if (!pause_until(deadline_ms, "old server processes", why))
                return false;
        }
    }
    return leftovers_signal(cluster, 0) == 0
        || fault_set(why, FAULT_SYSTEM,
                     "processes of the dead server of %s do not end",
                     cluster->data);
}

/* Making ------------------------------------------------------------------ */

static bool
give_to_user(const struct cluster *cluster, const char *path,
             struct fault *why)
{
    const struct passwd *pw;

    if (geteuid() != 0)
        return true;
    pw = getpwnam(cluster->user);
    if (pw == NULL) {
        fault_set(why, FAULT_SYSTEM, "there is no user %s for the database",
                  cluster->user);
        fault_hint(why, "apt-get install postgresql makes it");
        return false;
    }
    if (lchown(path, pw->pw_uid, pw->pw_gid) != 0)
        return fault_errno(why, FAULT_SYSTEM, "give %s to user %s", path,
                           cluster->user);
    return true;
}

/* Runs a program of the server to its end, as its user. */
static bool
run_tool(const struct cluster *cluster, const char *const argv[],
         const char *input, struct fault *why)
{
    static const char *const env[] = { "TZ=UTC", "LC_ALL=C", NULL };
    struct proc_spec spec = PROC_SPEC_INIT;
    struct buf out = BUF_INIT;
    bool ok;

    spec.argv = argv;
    spec.env_add = env;
    spec.cwd = "/";
    spec.run_as = cluster->user;
    ok = proc_run_spec(&spec, input, input != NULL ? strlen(input) : 0,
                       MAKE_LIMIT_MS, &out, NULL, why);
    buf_free(&out);
    return ok;
}

static bool
make_dir(struct cluster *cluster, struct fault *why)
{
    const char *const test_argv[] = { "test", "-w", cluster->dir, NULL };

    if (!fs_mkdirs(cluster->dir, 0700, why)
        || !give_to_user(cluster, cluster->dir, why))
        return false;
    if (run_tool(cluster, test_argv, NULL, why))
        return true;
    if (why != NULL && why->kind == FAULT_PEER) {
        fault_set(why, FAULT_CONFIG, "user %s cannot reach %s",
                  cluster->user, cluster->dir);
        fault_hint(why, "each directory above it must let others pass "
                   "(chmod o+x), or set ASSAY_HOME to another place");
    }
    return false;
}

/* Whole or not at all: made under another name and renamed at the end. */
static bool
make_data(struct cluster *cluster, const char *bindir, struct fault *why)
{
    struct arena *arena = &cluster->arena;
    const char *made = arena_printf(arena, "%s.new", cluster->data);
    const char *initdb = arena_printf(arena, "%s/initdb", bindir);
    const char *postgres = arena_printf(arena, "%s/postgres", bindir);
    const char *const init_argv[] = {
        initdb, "-D", made, "-U", "assay", "-A", "peer", "-E", "UTF8",
        "--locale=C", "--data-checksums", NULL };
    const char *const single_argv[] = {
        postgres, "--single", "-D", made, "template1", NULL };

    log_info("making the database cluster %s", cluster->data);
    if (!make_dir(cluster, why) || !fs_remove_tree(made, why))
        return false;
    if (!run_tool(cluster, init_argv, NULL, why)
        || !run_tool(cluster, single_argv,
                     "alter database postgres rename to assay\n", why))
        return fault_context(why, "make the database cluster");
    if (rename(made, cluster->data) != 0)
        return fault_errno(why, FAULT_SYSTEM, "rename %s", made);
    return true;
}

/* Starting and stopping --------------------------------------------------- */

static bool
conf_write(struct cluster *cluster, const char *name, const char *text,
           struct fault *why)
{
    char *path = arena_printf(&cluster->arena, "%s/%s", cluster->data, name);

    return fs_write_file(path, 0600, text, strlen(text), why)
        && give_to_user(cluster, path, why);
}

static bool
write_conf(struct cluster *cluster, struct fault *why)
{
    struct buf conf = BUF_INIT, ident = BUF_INIT;
    const char *p;
    bool ok;

    buf_adds(&conf, CONF);
    /* A list of names, each in double quotes, all of it in single ones. */
    buf_adds(&conf, "unix_socket_directories = '\"");
    for (p = cluster->dir; *p != '\0'; p++) {
        if (*p == '\'' || *p == '"')
            buf_addc(&conf, *p);
        if (*p == '\\')
            buf_addc(&conf, '\\');
        buf_addc(&conf, *p);
    }
    buf_adds(&conf, "\"'\n");
    buf_addf(&ident, "# Written by assay at each start.\n"
             "assay \"%s\" assay\n", cluster->user);
    if (geteuid() == 0)
        buf_adds(&ident, "assay \"root\" assay\n");
    ok = conf_write(cluster, "postgresql.conf", buf_text(&conf), why)
        && conf_write(cluster, "pg_hba.conf", HBA, why)
        && conf_write(cluster, "pg_ident.conf", buf_text(&ident), why);
    buf_free(&conf);
    buf_free(&ident);
    return ok;
}

static bool
open_log(struct cluster *cluster, int *fd_out, struct fault *why)
{
    char *older = arena_printf(&cluster->arena, "%s.1", cluster->log);
    struct stat st;
    int fd;

    if (lstat(cluster->log, &st) == 0 && st.st_size > LOG_BYTES_MAX
        && rename(cluster->log, older) != 0)
        return fault_errno(why, FAULT_SYSTEM, "rename %s", cluster->log);
    fd = open(cluster->log,
              O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0)
        return fault_errno(why, FAULT_SYSTEM, "open %s", cluster->log);
    if (!give_to_user(cluster, cluster->log, why)) {
        close(fd);
        return false;
    }
    *fd_out = fd;
    return true;
}

/* Adds what the server said since 'from' to the fault. */
static void
add_log(const struct cluster *cluster, int64_t from, struct fault *why)
{
    struct buf text = BUF_INIT;

    if (fs_read_file(cluster->log, LOG_BYTES_MAX * 2, &text, NULL)
        && (size_t)from < text.len)
        fault_detail(why, text.data + from, text.len - (size_t)from);
    buf_free(&text);
}

/* Until the server that is there takes connections; *gone_out when it ends
 * instead. */
static bool
await_ready(struct cluster *cluster, bool *gone_out, struct fault *why)
{
    int64_t deadline_ms = clock_mono_ms(clock_system()) + START_LIMIT_MS;
    bool ready = false;

    *gone_out = false;
    while (postmaster_find(cluster, &ready) != 0) {
        if (ready)
            return true;
        if (!pause_until(deadline_ms, "the database server to take "
                         "connections", why))
            return false;
    }
    *gone_out = true;
    return true;
}

/* The same for the one that we have just started. */
static bool
await_started(struct cluster *cluster, struct fault *why)
{
    int64_t deadline_ms = clock_mono_ms(clock_system()) + START_LIMIT_MS;
    struct proc_status status = { PROC_END_NONE, 0 };
    char text[64];
    bool ready = false;

    while (!child_ended(&status)) {
        if (postmaster_find(cluster, &ready) == *started_child() && ready)
            return true;
        if (!pause_until(deadline_ms, "the database server to start", why))
            return false;
    }
    proc_status_text(status, text);
    return fault_set(why, FAULT_SYSTEM,
                     "the database server did not start: it %s", text);
}

/* Pid files that a crash left name numbers which may by now be strangers',
 * and the server would not start; there is no server process here, which
 * leftovers_end() has just seen. */
static bool
remove_stale(struct cluster *cluster, struct fault *why)
{
    static const char *const names[] = {
        "data/postmaster.pid", ".s.PGSQL.5432.lock", ".s.PGSQL.5432" };
    char *path;
    size_t i;

    for (i = 0; i < ARRAY_LEN(names); i++) {
        path = arena_printf(&cluster->arena, "%s/%s", cluster->dir,
                            names[i]);
        if (unlink(path) != 0 && errno != ENOENT)
            return fault_errno(why, FAULT_SYSTEM, "remove %s", path);
    }
    return true;
}

static bool
start(struct cluster *cluster, const char *bindir, struct fault *why)
{
    static const char *const env[] = { "TZ=UTC", "LC_ALL=C", NULL };
    const char *const argv[] = {
        arena_printf(&cluster->arena, "%s/postgres", bindir),
        "-D", cluster->data, NULL };
    struct proc_spec spec = PROC_SPEC_INIT;
    struct stat st = { .st_size = 0 };
    int log_fd = -1;
    bool ok;

    ok = leftovers_end(cluster, why) && remove_stale(cluster, why)
        && write_conf(cluster, why) && open_log(cluster, &log_fd, why);
    if (!ok)
        goto out;
    (void)fstat(log_fd, &st);
    spec.argv = argv;
    spec.env_add = env;
    spec.cwd = "/";
    spec.run_as = cluster->user;
    spec.fds[1] = log_fd;
    spec.fds[2] = log_fd;
    spec.new_session = true;
    ok = proc_start(&spec, started_child(), why)
        && await_started(cluster, why);
    if (!ok)
        add_log(cluster, st.st_size, why);
    else
        log_info("started the database server, process %d",
                 (int)*started_child());
out:
    fd_close(&log_fd);
    return ok;
}

static bool
lock(int *fd_out, struct fault *why)
{
    struct arena arena = ARENA_INIT;
    bool ok;

    ok = fs_mkdirs(home_path(&arena, "run"), 0755, why)
        && fs_lock(home_path(&arena, "run/pg.lock"), true, fd_out, why);
    arena_free(&arena);
    return ok;
}

bool
db_cluster_ensure(struct fault *why)
{
    struct cluster cluster;
    struct proc_status status;
    char *bindir = NULL;
    int lock_fd = -1;
    bool ready = false, gone = false, ok;

    (void)child_ended(&status);
    if (is_foreign())
        return fault_set(why, FAULT_CONFLICT,
                         "ASSAY_DB names the server: there is no private one");
    ok = cluster_init(&cluster, why);
    if (!ok || (postmaster_find(&cluster, &ready) != 0 && ready))
        goto out;
    /* One that starts, recovers or stops: whoever began that died. */
    ok = lock(&lock_fd, why) && await_ready(&cluster, &gone, why);
    if (!ok || !gone)
        goto out;
    ok = db_programs_dir(&cluster.arena, cluster.data, &bindir, why)
        && (fs_exists(cluster.data) || make_data(&cluster, bindir, why))
        && start(&cluster, bindir, why);
out:
    fd_close(&lock_fd);
    cluster_fini(&cluster);
    return ok;
}

bool
db_cluster_stop(bool *stopped_out, struct fault *why)
{
    static const int signals[] = { SIGINT, SIGQUIT };   /* fast, immediate */
    struct proc_status status;
    struct cluster cluster;
    int64_t deadline_ms;
    int lock_fd = -1;
    bool ready = false, ok;
    size_t i;
    pid_t pid = 0;

    if (is_foreign())
        return fault_set(why, FAULT_CONFLICT,
                         "ASSAY_DB names the server: it is not ours to stop");
    ok = cluster_init(&cluster, why);
    if (ok && fs_exists(cluster.dir)) {
        ok = lock(&lock_fd, why);
        if (ok)
            pid = postmaster_find(&cluster, &ready);
    }
    if (stopped_out != NULL)
        *stopped_out = pid != 0;
    for (i = 0; ok && pid != 0 && i < ARRAY_LEN(signals); i++) {
        (void)kill(pid, signals[i]);
        deadline_ms = clock_mono_ms(clock_system()) + STOP_LIMIT_MS;
        while (ok && pid != 0 && clock_mono_ms(clock_system()) < deadline_ms) {
            if (pid == *started_child() ? child_ended(&status)
                : server_life(&cluster, pid) == LIFE_NONE)
                pid = 0;
            else
                ok = pause_until(deadline_ms, "the database server to stop",
                                 why);
        }
    }
    if (ok && pid != 0)
        ok = fault_set(why, FAULT_TIMEOUT,
                       "the database server, process %d, does not stop",
                       (int)pid);
    fd_close(&lock_fd);
    cluster_fini(&cluster);
    return ok;
}

enum cluster_state
db_cluster_state(pid_t *pid_out)
{
    struct cluster cluster;
    enum cluster_state state = CLUSTER_NONE;
    bool ready;
    pid_t pid = 0;

    if (is_foreign())
        state = CLUSTER_FOREIGN;
    else if (cluster_init(&cluster, NULL)) {
        pid = postmaster_find(&cluster, &ready);
        if (pid != 0)
            state = CLUSTER_RUNNING;
        else if (fs_exists(cluster.data))
            state = CLUSTER_STOPPED;
        cluster_fini(&cluster);
    }
    if (pid_out != NULL)
        *pid_out = pid;
    return state;
}

bool
db_cluster_conninfo(struct buf *conninfo, struct fault *why)
{
    struct cluster cluster;
    const char *p;

    if (!cluster_init(&cluster, why))
        return false;
    if (strchr(cluster.dir, ',') != NULL) {
        fault_set(why, FAULT_CONFIG, "the home '%s' has a comma in its name: "
                  "the database's client takes that for a list", cluster.dir);
        fault_hint(why, "set ASSAY_HOME to another path");
        cluster_fini(&cluster);
        return false;
    }
    buf_adds(conninfo, "host='");
    for (p = cluster.dir; *p != '\0'; p++) {
        if (*p == '\'' || *p == '\\')
            buf_addc(conninfo, '\\');
        buf_addc(conninfo, *p);
    }
    buf_adds(conninfo, "' port=5432 dbname=assay user=assay");
    cluster_fini(&cluster);
    return true;
}

bool
db_cluster_program(struct arena *arena, const char *name, char **path_out,
                   struct fault *why)
{
    struct cluster cluster;
    bool ok;

    ok = cluster_init(&cluster, why)
        && db_programs_find(arena, is_foreign() ? NULL : cluster.data, name,
                            path_out, why);
    cluster_fini(&cluster);
    return ok;
}
