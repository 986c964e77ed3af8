/* harness/task_db.c - tasks: ownership is liveness.
 *
 * The life of tasks, and who is dead; which hosts they get is in
 * allocate_db.c. Every change of ownership happens while its author holds the
 * task's advisory lock: the owner's session, or the reaper's transaction. */
#include <config.h>

#include "harness/task_db.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/types.h>
#include <unistd.h>

#include "harness/buf.h"
#include "harness/clock.h"
#include "harness/db.h"
#include "harness/fault.h"
#include "harness/fs.h"
#include "harness/give_way_db.h"
#include "harness/home.h"
#include "harness/log.h"
#include "harness/proc.h"

#define NODE_KEY_BYTES 128
#define EVICT_LIMIT_MS 10000    /* for our own old session to end */
#define EVICT_POLL_MS 20
#define BEGIN_LIMIT_MS 5000     /* for those before us to be dead at last */
#define BURY_LIMIT_MS 500       /* for a dead client's session to end */
#define BURY_POLL_MS 5

#define LOCK TASK_LOCK_TEXT
#define LOOK_MS "10000"         /* the longest time between looks */
static_assert(TASK_LOCK_CLASS == 16723 && TASK_LOOK_MS == 10000,
              "the queries must say the same");

/* The row is not to be seen before its lock is held: one statement. */
static const struct query Q_BEGIN = { "begin a task",
    "with made as ("
    " insert into assay.task (kind, refkey, comment, harness, node,"
    "  node_key, pid, pid_start, backend)"
    " values ($1::text, $2::text, $3::text, $4::text, $5::text, $6::text,"
    "  $7::int, $8::bigint, pg_backend_pid())"
    " returning task)"
    " select task, pg_try_advisory_lock(" LOCK ", task::int) from made",
    8, 2 };
static const struct query Q_OPEN = { "find who has a task",
    "select t.task, t.pid, t.node,"
    "  to_char(t.begun_at, 'YYYY-MM-DD HH24:MI:SS'),"
    "  exists (select from assay.task_lock l where l.task = t.task),"
    "  t.node_key, t.pid_start"
    " from assay.task t"
    " where t.kind = $1::text and t.refkey = $2::text"
    " and t.ended_at is null", 2, 7 };
static const struct query Q_ALL_OPEN = { "list open tasks",
    "select t.task, t.node_key, t.pid, t.pid_start, t.backend,"
    "  t.kind || ' ' || t.refkey,"
    "  exists (select from assay.task_lock l where l.task = t.task)"
    " from assay.task t where t.ended_at is null"
    " order by t.task", 0, 7 };
/* How long it is lost. Clocks are set, by hours: what counts is the time from
 * look to look, and no more of it than TASK_LOOK_MS. A task that was resumed
 * since we looked has another server process. */
static const struct query Q_LOST = { "see how long a task is lost",
    "update assay.task set"
    " lost_ms = lost_ms + least(" LOOK_MS ", greatest(0, coalesce("
    "  (extract(epoch from clock_timestamp() - looked_at) * 1000)::bigint,"
    "  0))),"
    " lost_at = coalesce(lost_at, clock_timestamp()),"
    " looked_at = clock_timestamp()"
    " where task = $1::bigint and backend = $2::int and ended_at is null"
    " returning lost_ms", 2, 1 };
static const struct query Q_TRY_XACT = { "try a task's lock",
    "select pg_try_advisory_xact_lock(" LOCK ", $1::int)", 1, 1 };
static const struct query Q_END_DEAD = { "end a dead task",
    "update assay.task set ended_at = clock_timestamp(),"
    " end_reason = $3::text"
    " where task = $1::bigint and backend = $2::int and ended_at is null",
    3, 0 };
/* Who takes a host holds its row; so does who gives it back, or one's end could
 * come after the other's beginning. */
#define RELEASE \
    " hosts as materialized (" \
    " select h.host from assay.host h, assay.allocation a, found f" \
    " where a.task = f.task and a.ended_at is null and h.host = a.host" \
    " order by h.host for no key update of h)," \
    " released as (" \
    " update assay.allocation a set ended_at = clock_timestamp()," \
    "  end_reason = $2::text from found f" \
    " where a.task = f.task and a.ended_at is null" \
    "  and a.host in (select host from hosts) returning 1)"
static const struct query Q_RELEASE = { "release a task's hosts",
    "with found as (select $1::bigint as task)," RELEASE
    " select count(*) from released", 2, 1 };
/* Jobs at work whose task has ended, and their steps. */
static const struct query Q_BREAK_JOBS = { "break jobs without a runner",
    "with orphan as ("
    " select j.flight, j.job, 'its runner (process ' || t.pid || ' on '"
    "  || t.node || ') ended: ' || coalesce(t.end_reason, '?') as reason"
    " from assay.job j join assay.task t on t.task = j.task"
    " where j.status in ('preparing', 'running')"
    " and t.ended_at is not null"
    " for update of j skip locked),"
    " steps as ("
    " update assay.step s set status = 'broken', lane = 'harness',"
    "  reason = o.reason, finished_at = clock_timestamp(),"
    "  elapsed_ms = (extract(epoch from clock_timestamp() - s.started_at)"
    "                * 1000)::bigint"
    " from orphan o where s.flight = o.flight and s.job = o.job"
    " and s.status in ('queued', 'preparing', 'running')),"
    " jobs as ("
    " update assay.job j set status = 'broken', lane = 'harness',"
    "  reason = o.reason, waits_for = null,"
    "  finished_at = clock_timestamp()"
    " from orphan o where j.flight = o.flight and j.job = o.job"
    " returning 1)"
    " select count(*) from jobs", 0, 1 };
static const struct query Q_TAKE = { "take a task's lock",
    "select case when exists (select from assay.task_lock l"
    "  where l.task = $1::bigint and l.backend = pg_backend_pid())"
    " then true else pg_try_advisory_lock(" LOCK ", $1::int) end", 1, 1 };
/* The server process of a client that is known to be dead. */
static const struct query Q_BURY = { "end a dead client's session",
    "select pg_terminate_backend(t.backend)"
    " from assay.task t join assay.task_lock l on l.task = t.task"
    " where t.task = $1::bigint and t.backend = $2::int"
    " and l.backend = t.backend", 2, 1 };
static const struct query Q_EVICT = { "end our old session",
    "select pg_terminate_backend(t.backend)"
    " from assay.task t join assay.task_lock l on l.task = t.task"
    " where t.task = $1::bigint and l.backend = t.backend"
    " and t.node_key = $2::text and t.pid = $3::int"
    " and t.pid_start = $4::bigint", 4, 1 };
static const struct query Q_ADOPT = { "resume a task",
    "update assay.task set lost_at = null, looked_at = null, lost_ms = 0,"
    " backend = pg_backend_pid()"
    " where task = $1::bigint and ended_at is null"
    " and node_key = $2::text and pid = $3::int and pid_start = $4::bigint",
    4, 0 };
static const struct query Q_GET = { "look up a task",
    "select ended_at is not null, end_reason from assay.task"
    " where task = $1::bigint", 1, 2 };
/* What a session that is not ours holds is left alone. When all is written, in
 * this order, the lock becomes the transaction's: it goes with the commit. */
static const struct query Q_END = { "end a task",
    "with seen as materialized ("
    " select t.task, t.ended_at is not null as over,"
    "  t.backend <> pg_backend_pid() and exists ("
    "   select from assay.task_lock l"
    "   where l.task = t.task and l.backend = t.backend) as others"
    " from assay.task t where t.task = $1::bigint for update of t),"
    " found as (select task from seen where not over and not others),"
    RELEASE ","
    " ended as ("
    " update assay.task t set ended_at = clock_timestamp(),"
    "  end_reason = $2::text from found f where t.task = f.task returning 1)"
    " select others and not over, (select count(*) from ended),"
    "  pg_try_advisory_xact_lock(" LOCK ", task::int),"
    "  pg_advisory_unlock(" LOCK ", task::int) from seen", 2, 4 };
static const struct query Q_UNLOCK = { "give up a task's lock",
    "select pg_advisory_unlock(" LOCK ", $1::int)", 1, 1 };
static const struct query Q_LIVE = { "see if a task lives",
    "select exists (select from assay.task_lock l"
    "  where l.task = $1::bigint)", 1, 1 };

/* This process, as rows name it ------------------------------------------- */

struct self {
    char node[64];
    char key[NODE_KEY_BYTES];
    char pid[16], start[24];
};

/* One boot of one machine, one PID namespace: where a PID means something. */
static bool
node_key(char key[static NODE_KEY_BYTES], struct fault *why)
{
    struct buf boot = BUF_INIT;
    char space[64];
    ssize_t n;
    bool ok;

    n = readlink("/proc/self/ns/pid", space, sizeof(space) - 1);
    if (n < 0)
        return fault_errno(why, FAULT_SYSTEM, "read /proc/self/ns/pid");
    space[n] = '\0';
    ok = fs_read_file("/proc/sys/kernel/random/boot_id", 64, &boot, why);
    if (ok)
        snprintf(key, NODE_KEY_BYTES, "%.36s %s", buf_text(&boot), space);
    buf_free(&boot);
    return ok;
}

static bool
self_get(struct self *self, struct fault *why)
{
    if (gethostname(self->node, sizeof(self->node)) != 0)
        return fault_errno(why, FAULT_SYSTEM, "get the host name");
    self->node[sizeof(self->node) - 1] = '\0';
    snprintf(self->pid, sizeof(self->pid), "%d", (int)getpid());
    snprintf(self->start, sizeof(self->start), "%" PRIu64,
             proc_start_time(getpid()));
    return node_key(self->key, why);
}

/* True only if it is known: a process of another node is not known. */
static bool
process_is_gone(const char *own_key, const char *key, int64_t pid,
                int64_t start)
{
    char link[64], exe[PATH_MAX];
    uint64_t now;

    if (strcmp(own_key, key) != 0 || pid <= 0 || pid > INT_MAX)
        return false;
    if (kill((pid_t)pid, 0) != 0)
        return errno == ESRCH;
    now = proc_start_time((pid_t)pid);
    if (now != 0 && now != (uint64_t)start)
        return true;            /* the number is another's now */
    /* A zombie that nobody has reaped yet runs nothing any more. */
    snprintf(link, sizeof(link), "/proc/%" PRId64 "/exe", pid);
    return readlink(link, exe, sizeof(exe)) < 0 && errno == ENOENT;
}

/* Life -------------------------------------------------------------------- */

static void
task_text(int64_t task, char out[static 24])
{
    must(task > 0 && task <= INT32_MAX);    /* half of a lock's key */
    snprintf(out, 24, "%" PRId64, task);
}

static bool
insert_task(struct db *db, const struct self *self, const char *kind,
            const char *refkey, const char *comment, int64_t *task_out,
            struct fault *why)
{
    const char *const params[] = {
        kind, refkey, comment, harness_revision(), self->node, self->key,
        self->pid, self->start };
    struct db_rows *rows = NULL;
    bool ok;

    if (!db_run(db, &Q_BEGIN, params, &rows, why))
        return false;
    ok = db_bool(rows, 0, 1)
        || fault_set(why, FAULT_DATA, "the lock of new task %s is taken",
                     db_text(rows, 0, 0));
    if (ok)
        *task_out = db_int(rows, 0, 0, 0);
    db_rows_free(rows);
    return ok;
}

/* Says who has it; true if nobody has, or one who is dead and whose server
 * process is about to notice. */
static bool
nobody_has(struct db *db, const struct self *self, const char *kind,
           const char *refkey, struct fault *why)
{
    const char *const params[] = { kind, refkey };
    struct db_rows *rows = NULL;
    bool ok;

    if (!db_run(db, &Q_OPEN, params, &rows, why))
        return false;
    ok = db_rows_count(rows) == 0
        || process_is_gone(self->key, db_text(rows, 0, 5),
                           db_int(rows, 0, 1, 0), db_int(rows, 0, 6, 0));
    if (!ok) {
        fault_set(why, FAULT_CONFLICT, "%s %s has task %s already "
                  "(process %s on %s, since %s UTC)", kind, refkey,
                  db_text(rows, 0, 0), db_text(rows, 0, 1),
                  db_text(rows, 0, 2), db_text(rows, 0, 3));
        if (!db_bool(rows, 0, 4))
            fault_hint(why, "it lost its database session, and has up to %d "
                       "s to come back", TASK_GRACE_MS / 1000);
    }
    db_rows_free(rows);
    return ok;
}

/* Somebody has it? If that one is dead, it is ours, though perhaps not at
 * once: a killed client's last statement may still be carried out. */
bool
task_begin(struct db *db, const char *kind, const char *refkey,
           const char *comment, int64_t *task_out, struct fault *why)
{
    int64_t deadline_ms = clock_mono_ms(clock_system()) + BEGIN_LIMIT_MS;
    struct self self;
    int jobs, hosts;

    must(!db_in_transaction(db));
    if (!self_get(&self, why))
        return false;
    while (!insert_task(db, &self, kind, refkey, comment, task_out, why)) {
        if (strcmp(db_last_sqlstate(db), "23505") != 0
            || clock_mono_ms(clock_system()) > deadline_ms
            || !task_reap(db, &jobs, &hosts, why)
            || !nobody_has(db, &self, kind, refkey, why))
            return false;
    }
    return true;
}

static bool
take_lock(struct db *db, const char *const params[], struct fault *why)
{
    int64_t deadline_ms = clock_mono_ms(clock_system()) + EVICT_LIMIT_MS;
    struct db_rows *rows = NULL;
    bool ok, taken;

    for (;;) {
        ok = db_run(db, &Q_TAKE, params, &rows, why);
        if (!ok)
            return false;
        taken = db_bool(rows, 0, 0);
        db_rows_free(rows);
        if (taken)
            return true;
        /* Our old session, not yet dead; or a reaper, for a moment. */
        if (!db_run(db, &Q_EVICT, params, NULL, why))
            return false;
        if (clock_mono_ms(clock_system()) > deadline_ms)
            return fault_set(why, FAULT_LOST,
                             "task %s is held by another session",
                             params[0]);
        poll(NULL, 0, EVICT_POLL_MS);
    }
}

static bool
unlock(struct db *db, const char *number, struct fault *why)
{
    const char *const params[] = { number };

    return db_run(db, &Q_UNLOCK, params, NULL, why);
}

bool
task_resume(struct db *db, int64_t task, struct fault *why)
{
    struct self self;
    struct db_rows *rows = NULL;
    char number[24];
    const char *const params[] = { number, self.key, self.pid, self.start };
    bool ok, adopted;

    must(!db_in_transaction(db));
    task_text(task, number);
    if (!self_get(&self, why) || !take_lock(db, params, why)
        || !db_run(db, &Q_ADOPT, params, &rows, why))
        return false;
    adopted = db_rows_affected(rows) == 1;
    db_rows_free(rows);
    if (adopted)
        return true;
    rows = NULL;
    ok = unlock(db, number, why) && db_run(db, &Q_GET, params, &rows, why);
    if (ok && db_rows_count(rows) == 0)
        fault_set(why, FAULT_LOST, "there is no task %s", number);
    else if (ok && db_bool(rows, 0, 0))
        fault_set(why, FAULT_LOST, "task %s has ended: %s", number,
                  db_text(rows, 0, 1) != NULL ? db_text(rows, 0, 1) : "?");
    else if (ok)
        fault_set(why, FAULT_LOST, "task %s is another process's", number);
    db_rows_free(rows);
    return false;
}

bool
task_end(struct db *db, int64_t task, const char *reason, struct fault *why)
{
    struct db_rows *rows = NULL;
    char number[24];
    const char *const params[] = { number, reason };
    bool ok;

    must(!db_in_transaction(db));
    task_text(task, number);
    if (!db_run(db, &Q_END, params, &rows, why))
        return false;
    ok = db_rows_count(rows) == 1
        || fault_set(why, FAULT_NOT_FOUND, "there is no task %s", number);
    if (ok && db_bool(rows, 0, 0))
        ok = fault_set(why, FAULT_CONFLICT,
                       "task %s is held by another session", number);
    db_rows_free(rows);
    return ok;
}

bool
task_is_live(struct db *db, int64_t task, bool *live_out, struct fault *why)
{
    struct db_rows *rows = NULL;
    char number[24];
    const char *const params[] = { number };

    task_text(task, number);
    if (!db_run(db, &Q_LIVE, params, &rows, why))
        return false;
    *live_out = db_bool(rows, 0, 0);
    db_rows_free(rows);
    return true;
}

/* Death ------------------------------------------------------------------- */

static bool
break_jobs(struct db *db, int *jobs_out, struct fault *why)
{
    struct db_rows *rows = NULL;
    int gave;

    /* One that was about to give way has done so. */
    if (!give_way_db_dead(db, &gave, why)
        || !db_run(db, &Q_BREAK_JOBS, NULL, &rows, why))
        return false;
    *jobs_out += (int)db_int(rows, 0, 0, 0);
    db_rows_free(rows);
    return true;
}

struct death {
    const char *number, *backend, *reason;
    bool done;                  /* it ended by this */
    int jobs, hosts;
};

/* Ends one task if nobody holds it, while nobody can take it up again. */
static bool
death_tx(struct db *db, void *arg, struct fault *why)
{
    struct death *death = arg;
    const char *const params[] = { death->number, death->backend,
                                   death->reason };
    const char *const release[] = { death->number, death->reason };
    struct db_rows *rows = NULL;
    bool ok, dead;

    death->done = false;
    death->jobs = death->hosts = 0;
    if (!db_run(db, &Q_TRY_XACT, params, &rows, why))
        return false;
    dead = db_bool(rows, 0, 0);
    db_rows_free(rows);
    rows = NULL;
    if (!dead)
        return true;
    ok = db_run(db, &Q_END_DEAD, params, &rows, why);
    dead = ok && db_rows_affected(rows) == 1;
    db_rows_free(rows);
    rows = NULL;
    if (!dead)
        return ok;              /* resumed or ended since we looked */
    death->done = true;
    ok = db_run(db, &Q_RELEASE, release, &rows, why);
    if (ok)
        death->hosts = (int)db_int(rows, 0, 0, 0);
    db_rows_free(rows);
    return ok && break_jobs(db, &death->jobs, why);
}

/* The client is gone, its server process not yet: that one need not notice by
 * itself. */
static bool
bury(struct db *db, struct death *death, struct fault *why)
{
    const char *const params[] = { death->number, death->backend };
    int64_t deadline_ms = clock_mono_ms(clock_system()) + BURY_LIMIT_MS;

    if (!db_run(db, &Q_BURY, params, NULL, why))
        return false;
    while (db_transact(db, death_tx, death, why)) {
        if (death->done || clock_mono_ms(clock_system()) > deadline_ms)
            return true;        /* or the next reap will find it */
        poll(NULL, 0, BURY_POLL_MS);
    }
    return false;
}

static bool
lost_too_long(struct db *db, const struct death *death, bool *out,
              struct fault *why)
{
    const char *const params[] = { death->number, death->backend };
    struct db_rows *rows = NULL;

    if (!db_run(db, &Q_LOST, params, &rows, why))
        return false;
    *out = db_rows_count(rows) == 1
        && db_int(rows, 0, 0, 0) >= TASK_GRACE_MS;
    db_rows_free(rows);
    return true;
}

/* Whether, and of what, one open task has died. */
static bool
examine(struct db *db, const char *own_key, const struct db_rows *rows,
        int row, struct death *death, struct fault *why)
{
    bool held = db_bool(rows, row, 6), dead;
    bool gone = process_is_gone(own_key, db_text(rows, row, 1),
                                db_int(rows, row, 2, 0),
                                db_int(rows, row, 3, 0));

    *death = (struct death){ .number = db_text(rows, row, 0),
                             .backend = db_text(rows, row, 4) };
    death->reason = gone ? "its process is gone"
                         : "its database session was lost for too long";
    if (gone && held)
        return bury(db, death, why);
    if (held)
        return true;
    dead = gone;
    return (gone || lost_too_long(db, death, &dead, why))
        && (!dead || db_transact(db, death_tx, death, why));
}

bool
task_reap(struct db *db, int *jobs_out, int *hosts_out, struct fault *why)
{
    struct db_rows *rows = NULL;
    struct death death;
    char own_key[NODE_KEY_BYTES];
    bool ok;
    int i;

    must(!db_in_transaction(db));
    *jobs_out = *hosts_out = 0;
    ok = node_key(own_key, why)
        && db_run(db, &Q_ALL_OPEN, NULL, &rows, why);
    for (i = 0; ok && i < db_rows_count(rows); i++) {
        ok = examine(db, own_key, rows, i, &death, why);
        if (!ok || !death.done)
            continue;
        *jobs_out += death.jobs;
        *hosts_out += death.hosts;
        log_info("task %s (%s) is dead, %s: freed %d hosts, broke %d jobs",
                 death.number, db_text(rows, i, 5), death.reason,
                 death.hosts, death.jobs);
    }
    db_rows_free(rows);
    return ok && break_jobs(db, jobs_out, why);
}
