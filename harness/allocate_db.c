/* harness/allocate_db.c - gives hosts to a task: all or nothing, first come.
 *
 * Choose from a snapshot, lock the chosen hosts in the order of their names,
 * look again, take. Whoever comes at the same time waits for that lock, a few
 * milliseconds, and then sees the truth; so nobody is refused because of
 * another who gets nothing either, as SKIP LOCKED would do to two that want a
 * pair each. The unique index allocation_one_owner has the last word. */
#include <config.h>

#include "harness/task_db.h"

#include <inttypes.h>
#include <stdio.h>

#include "harness/arena.h"
#include "harness/buf.h"
#include "harness/db.h"
#include "harness/fault.h"
#include "harness/host_match.h"
#include "harness/mem.h"

#define ATTEMPTS_MAX 100
#define EXPLAIN_LINES 12        /* what a fault's detail holds */
#define FLAG_SEPARATOR '\x1f'

/* Hosts with few flags first: those with many are kept for jobs that need
 * them. A held host may be free after a reap. */
static const struct query Q_HOSTS = { "list the hosts",
    "with flags as ("
    " select host, count(*) as n, string_agg(flag, chr(31)) as list"
    " from assay.host_flag group by host)"
    " select h.host, h.arch, h.class,"
    "  case when h.state = 'suspect' and exists (select"
    "    from assay.host_check c where c.host = h.host"
    "    and c.flight = $1::bigint and c.ended_at is null)"
    "   then 'good' else h.state end, coalesce(f.list, ''),"
    "  coalesce((select string_agg(p.name || '=' || p.value, chr(31))"
    "   from assay.host_property p where p.host = h.host), ''),"
    "  case when t.task is not null then"
    "   'held by ' || t.kind || ' ' || t.refkey || ', task ' || t.task"
    "   || ', since ' || to_char(a.begun_at, 'HH24:MI:SS') || ' UTC' end,"
    "  t.task is not null and not exists (select from assay.task_lock l"
    "   where l.task = t.task),"
    "  (select w.kind || ' of ' || w.who || ' until '"
    "    || to_char(w.until_at, 'MM-DD HH24:MI') || ' UTC'"
    "   from assay.host_window w where w.host = h.host"
    "   and w.ended_at is null and w.from_at <= clock_timestamp()"
    "   and w.until_at > clock_timestamp() order by w.until_at desc limit 1)"
    " from assay.host h"
    " left join flags f on f.host = h.host"
    " left join assay.allocation a"
    "  on a.host = h.host and a.ended_at is null"
    " left join assay.task t on t.task = a.task"
    " order by coalesce(f.n, 0), h.host", 1, 9 };
/* Nobody waits for ever behind a stuck session. */
static const struct query Q_MINE = { "check the task's lock",
    "select exists (select from assay.task_lock l"
    "  where l.task = $1::bigint and l.backend = pg_backend_pid())"
    " and exists (select from assay.task t where t.task = $1::bigint"
    "             and t.ended_at is null)"
    " and set_config('lock_timeout', '5000', true) is not null", 1, 1 };
static const struct query Q_LOCK = { "lock the chosen hosts",
    "select host from assay.host h"
    " where host = any ($1::text[]) and (state = 'good'"
    "  or (state = 'suspect' and exists (select from assay.host_check c"
    "   where c.host = h.host and c.flight = $2::bigint"
    "   and c.ended_at is null)))"
    " order by host for no key update", 2, 1 };
static const struct query Q_BUSY = { "look at the chosen hosts again",
    "select count(*) from assay.allocation"
    " where host = any ($1::text[]) and ended_at is null", 1, 1 };
static const struct query Q_TAKE = { "allocate a host",
    "with role as ("
    " update assay.job_role set host = $1::text"
    " where flight = $3::bigint and job = $4::text and role = $5::text)"
    " insert into assay.allocation (host, task, flight, job, role)"
    " values ($1::text, $2::bigint, $3::bigint, $4::text, $5::text)",
    5, 0 };

struct choice {
    int64_t task, flight;
    const char *job;
    const struct task_role *roles;
    int role_count;
    struct arena arena;         /* of this attempt's snapshot */
    struct match_host *hosts;
    int host_count;
    bool held;                  /* a host has an owner: a dead one? */
    int *chosen;                /* per role, an index into hosts */
    bool raced;                 /* somebody was faster */
};

static const char *const *
split_flags(struct arena *arena, const char *text)
{
    char *list = arena_strdup(arena, text), *p;
    const char **flags;
    size_t n = 1;

    for (p = list; *p != '\0'; p++)
        n += *p == FLAG_SEPARATOR;
    flags = arena_alloc(arena, (n + 1) * sizeof(*flags));
    n = 0;
    for (p = list; p != NULL && *p != '\0'; ) {
        flags[n++] = p;
        p = strchr(p, FLAG_SEPARATOR);
        if (p != NULL)
            *p++ = '\0';
    }
    return flags;
}

static bool
read_hosts(struct db *db, struct choice *choice, struct fault *why)
{
    struct arena *arena = &choice->arena;
    struct match_host *host;
    struct db_rows *rows = NULL;
    const char *state, *owner, *params[1];
    char flight[DB_INT_BYTES];
    bool lockless;
    int i;

    arena_free(arena);
    choice->held = false;
    db_int_text(flight, choice->flight);
    params[0] = choice->job != NULL ? flight : NULL;
    if (!db_run(db, &Q_HOSTS, params, &rows, why))
        return false;
    choice->host_count = db_rows_count(rows);
    choice->hosts = arena_alloc(arena, ((size_t)choice->host_count + 1)
                                       * sizeof(*choice->hosts));
    for (i = 0; i < choice->host_count; i++) {
        host = &choice->hosts[i];
        host->name = arena_strdup(arena, db_text(rows, i, 0));
        host->arch = arena_strdup(arena, db_text(rows, i, 1));
        host->class = arena_strdup(arena, db_text(rows, i, 2));
        state = db_text(rows, i, 3);
        host->flags = split_flags(arena, db_text(rows, i, 4));
        host->properties = split_flags(arena, db_text(rows, i, 5));
        owner = db_text(rows, i, 6);
        lockless = db_bool(rows, i, 7);
        host->never = strcmp(state, "retired") == 0;
        if (strcmp(state, "good") != 0)
            host->obstacle = arena_printf(arena, "its state is %s", state);
        else if (owner != NULL)
            host->obstacle = arena_printf(arena, "%s%s", owner, lockless
                ? " (its owner lost its session)" : "");
        else if (choice->job != NULL && db_text(rows, i, 8) != NULL)
            host->obstacle = arena_strdup(arena, db_text(rows, i, 8));
        choice->held |= owner != NULL;
    }
    db_rows_free(rows);
    return true;
}

static void
add_for(const struct choice *choice, struct buf *text)
{
    if (choice->job != NULL)
        buf_addf(text, " for flight %" PRId64 " job %s", choice->flight,
                 choice->job);
}

/* Always false: why there is no choice. */
static bool
explain(const struct choice *choice, struct fault *why)
{
    struct buf text = BUF_INIT, detail = BUF_INIT;
    bool ever = host_match(choice->hosts, choice->host_count, choice->roles,
                           choice->role_count, true, choice->chosen);

    buf_adds(&text, ever ? "no hosts are free" : "there are no such hosts");
    add_for(choice, &text);
    fault_set(why, ever ? FAULT_CONFLICT : FAULT_NOT_FOUND, "%s",
              buf_text(&text));
    host_match_explain(choice->hosts, choice->host_count, choice->roles,
                       choice->role_count, EXPLAIN_LINES, &detail);
    fault_detail(why, buf_text(&detail), detail.len);
    buf_free(&text);
    buf_free(&detail);
    return false;
}

/* Everything is checked before anything is written. */
static bool
check_tx(struct db *db, struct choice *choice, const char *task,
         const char *flight, struct fault *why)
{
    struct buf names = BUF_INIT;
    struct db_rows *mine = NULL, *locked = NULL, *busy = NULL;
    const char *const params[] = { task };
    const char *list[2];
    bool ok;
    int i;

    /* An assay.name needs no quotes in an array. */
    for (i = 0; i < choice->role_count; i++)
        buf_addf(&names, "%c%s", i == 0 ? '{' : ',',
                 choice->hosts[choice->chosen[i]].name);
    buf_addc(&names, '}');
    list[0] = buf_text(&names);
    list[1] = flight;
    ok = db_run(db, &Q_MINE, params, &mine, why);
    if (ok && !db_bool(mine, 0, 0))
        ok = fault_set(why, FAULT_LOST,
                       "task %s is not held by this session", task);
    ok = ok && db_run(db, &Q_LOCK, list, &locked, why)
        && db_run(db, &Q_BUSY, list, &busy, why);
    if (ok)
        choice->raced = db_rows_count(locked) != choice->role_count
            || db_int(busy, 0, 0, 1) != 0;
    db_rows_free(mine);
    db_rows_free(locked);
    db_rows_free(busy);
    buf_free(&names);
    return ok;
}

static bool
claim_tx(struct db *db, void *arg, struct fault *why)
{
    struct choice *choice = arg;
    char task[DB_INT_BYTES], flight[DB_INT_BYTES];
    const char *params[5];
    int i;

    db_int_text(task, choice->task);
    db_int_text(flight, choice->flight);
    choice->raced = false;
    if (!check_tx(db, choice, task, choice->job != NULL ? flight : NULL,
                  why))
        return false;
    for (i = 0; !choice->raced && i < choice->role_count; i++) {
        params[0] = choice->hosts[choice->chosen[i]].name;
        params[1] = task;
        params[2] = choice->job != NULL ? flight : NULL;
        params[3] = choice->job;
        params[4] = choice->roles[i].role;
        if (!db_run(db, &Q_TAKE, params, NULL, why))
            return false;
    }
    return true;
}

/* One look and one try. *again_out: the picture has changed. */
static bool
try_once(struct db *db, struct choice *choice, bool *again_out,
         struct fault *why)
{
    *again_out = false;
    if (!read_hosts(db, choice, why))
        return false;
    if (!host_match(choice->hosts, choice->host_count, choice->roles,
                    choice->role_count, false, choice->chosen))
        return explain(choice, why);
    if (!db_transact(db, claim_tx, choice, why)) {
        *again_out = strcmp(db_last_sqlstate(db), "23505") == 0;
        return false;
    }
    *again_out = choice->raced;
    return !choice->raced;
}

bool
task_allocate(struct db *db, int64_t task, int64_t flight, const char *job,
              const struct task_role *roles, int role_count,
              char **hosts_out, struct fault *why)
{
    struct choice choice = {
        .task = task, .flight = flight, .job = job,
        .roles = roles, .role_count = role_count, .arena = ARENA_INIT,
        .chosen = xcalloc((size_t)role_count + 1, sizeof(int)),
    };
    bool ok = false, again = true, reaped = false;
    int attempt, i, jobs, hosts = 0;

    must(!db_in_transaction(db) && role_count > 0);
    for (attempt = 0; again && attempt < ATTEMPTS_MAX; attempt++) {
        ok = try_once(db, &choice, &again, why);
        if (ok || again || reaped || !choice.held
            || !db_is_alive(db))
            continue;
        reaped = true;          /* see to it, once */
        if (!task_reap(db, &jobs, &hosts, why))
            break;
        again = hosts > 0;
    }
    if (!ok && again)
        fault_set(why, FAULT_CONFLICT,
                  "others were faster, %d times", ATTEMPTS_MAX);
    for (i = 0; ok && i < role_count; i++)
        hosts_out[i] = xstrdup(choice.hosts[choice.chosen[i]].name);
    arena_free(&choice.arena);
    free(choice.chosen);
    return ok;
}
