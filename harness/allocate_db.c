/* harness/allocate_db.c - gives hosts to a task: all or nothing, first come.
 *
 * Choose from a snapshot, lock the chosen hosts in the order of their names,
 * take. Whoever comes at the same time waits for that lock, a few
 * milliseconds, and then hears from the unique index allocation_one_owner and
 * looks again; so nobody is refused because of another who gets nothing
 * either, as SKIP LOCKED would do to two that want a pair each. */
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
#define HOSTS \
    "select h.host, h.arch, h.class," \
    "  case when h.state = 'suspect' and exists (select" \
    "    from assay.host_check c where c.host = h.host" \
    "    and c.flight = coalesce($1::bigint, 0) and c.ended_at is null)" \
    "   then 'good' else h.state end, coalesce(f.list, '')," \
    "  coalesce((select string_agg(p.name || '=' || p.value, chr(31))" \
    "   from assay.host_property p where p.host = h.host), '')," \
    "  case when t.task is not null then" \
    "   'held by ' || t.kind || ' ' || t.refkey || ', task ' || t.task" \
    "   || ', since ' || to_char(a.begun_at, 'HH24:MI:SS') || ' UTC' end," \
    "  (select w.kind || ' of ' || w.who || ' until '" \
    "    || to_char(w.until_at, 'MM-DD HH24:MI') || ' UTC'" \
    "   from assay.host_window w where w.host = h.host" \
    "   and w.ended_at is null and w.from_at <= clock_timestamp()" \
    "   and w.until_at > clock_timestamp() order by w.until_at desc limit 1)" \
    " from assay.host h" \
    " cross join lateral (select count(*) as n," \
    "   string_agg(g.flag, chr(31)) as list" \
    "  from assay.host_flag g where g.host = h.host) f" \
    " left join assay.allocation a" \
    "  on a.host = h.host and a.ended_at is null" \
    " left join assay.task t on t.task = a.task"
/* So the server's planner does not count them, nor see that there is no job:
 * one plan serves for all, and a session need not make another each time. */
#define NAMES "(select $2::text[])::text[]"
#define HOSTS_ORDER " order by f.n, h.host"
static const struct query Q_HOSTS = { "list the hosts", HOSTS HOSTS_ORDER,
    1, 8 };
static const struct query Q_NAMED = { "look up hosts",
    HOSTS " where h.host = any (" NAMES ")" HOSTS_ORDER, 2, 8 };
static const struct query Q_LOCKLESS = { "see whose owners lost their sessions",
    "select a.host from assay.allocation a where a.ended_at is null"
    " and not exists (select from assay.task_lock l where l.task = a.task)",
    0, 1 };

/* All of it or nothing, as one statement. The task's row and lock say that it
 * is ours still; nobody waits for ever behind a stuck session. A host that
 * somebody took since we looked is told by the index. */
static const struct query Q_TAKE = { "allocate hosts",
    "with mine as materialized ("
    " select pg_try_advisory_xact_lock(" TASK_LOCK_TEXT ", t.task::int)"
    "  and set_config('lock_timeout', '5000', true) is not null as ok"
    " from assay.task t where t.task = $1::bigint"
    "  and t.backend = pg_backend_pid() and t.ended_at is null"
    " for no key update of t),"
    " want as materialized ("
    " select * from unnest(" NAMES ", (select $3::text[])) w(host, role)),"
    " locked as materialized ("
    " select h.host from assay.host h"
    " where (select ok from mine) and h.host = any (" NAMES ")"
    "  and (h.state = 'good' or (h.state = 'suspect' and exists ("
    "   select from assay.host_check c where c.host = h.host"
    "   and c.flight = coalesce($4::bigint, 0) and c.ended_at is null)))"
    " order by h.host for no key update of h),"
    " every as materialized ("
    " select count(*) = cardinality($2::text[]) as ok from locked),"
    " role as ("
    " update assay.job_role r set host = w.host from want w"
    " where (select ok from every) and r.flight = coalesce($4::bigint, 0)"
    "  and r.job = coalesce($5::text, '') and r.role = w.role),"
    " taken as ("
    " insert into assay.allocation (host, task, flight, job, role)"
    " select w.host, $1::bigint, $4::bigint, $5::text, w.role from want w"
    " where (select ok from every) returning 1)"
    " select coalesce((select ok from mine), false),"
    "  (select count(*) from taken)", 5, 2 };

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

/* Adds to an array, as text: quoted, or a host called null would be none, and
 * escaped, for what is asked for may be anybody's word. */
static void
add_name(struct buf *list, const char *name)
{
    buf_adds(list, list->len == 0 ? "{\"" : ",\"");
    for (; *name != '\0'; name++) {
        if (*name == '"' || *name == '\\')
            buf_addc(list, '\\');
        buf_addc(list, *name);
    }
    buf_addc(list, '"');
}

/* The hosts that are wanted by name; false: any may do. */
static bool
named_hosts(const struct choice *choice, struct buf *list)
{
    for (int i = 0; i < choice->role_count; i++) {
        if (choice->roles[i].host == NULL)
            return false;
        add_name(list, choice->roles[i].host);
    }
    buf_addc(list, '}');
    return true;
}

static bool
read_hosts(struct db *db, struct choice *choice, struct fault *why)
{
    struct arena *arena = &choice->arena;
    struct match_host *host;
    struct db_rows *rows = NULL;
    struct buf names = BUF_INIT;
    const char *state, *owner, *params[2];
    char flight[DB_INT_BYTES];
    bool named, ok;
    int i;

    arena_free(arena);
    choice->held = false;
    params[0] = choice->job != NULL ? db_int_text(flight, choice->flight)
                                    : NULL;
    named = named_hosts(choice, &names);
    params[1] = buf_text(&names);
    ok = db_run(db, named ? &Q_NAMED : &Q_HOSTS, params, &rows, why);
    buf_free(&names);
    if (!ok)
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
        host->never = strcmp(state, "retired") == 0;
        if (strcmp(state, "good") != 0)
            host->obstacle = arena_printf(arena, "its state is %s", state);
        else if (owner != NULL)
            host->obstacle = arena_strdup(arena, owner);
        else if (choice->job != NULL)
            host->obstacle = db_copy(arena, rows, i, 7);
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

static bool
note_lockless(struct db *db, struct choice *choice, struct fault *why)
{
    struct db_rows *rows = NULL;

    if (!db_run(db, &Q_LOCKLESS, NULL, &rows, why))
        return false;
    for (int i = 0; i < db_rows_count(rows); i++)
        for (int h = 0; h < choice->host_count; h++) {
            struct match_host *host = &choice->hosts[h];

            if (strcmp(host->name, db_text(rows, i, 0)) == 0
                && host->obstacle != NULL)
                host->obstacle = arena_printf(&choice->arena,
                    "%s (its owner lost its session)", host->obstacle);
        }
    db_rows_free(rows);
    return true;
}

/* Always false: why there is no choice. */
static bool
explain(struct db *db, struct choice *choice, struct fault *why)
{
    struct buf text = BUF_INIT, detail = BUF_INIT;
    bool ever;

    if (choice->held && !note_lockless(db, choice, why))
        return false;
    ever = host_match(choice->hosts, choice->host_count, choice->roles,
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

/* *again_out: somebody was faster. */
static bool
take(struct db *db, const struct choice *choice, bool *again_out,
     struct fault *why)
{
    struct buf hosts = BUF_INIT, roles = BUF_INIT;
    struct db_rows *rows = NULL;
    char task[DB_INT_BYTES], flight[DB_INT_BYTES];
    const char *params[5] = { db_int_text(task, choice->task) };
    bool ok;
    int i;

    for (i = 0; i < choice->role_count; i++) {
        add_name(&hosts, choice->hosts[choice->chosen[i]].name);
        add_name(&roles, choice->roles[i].role);
    }
    buf_addc(&hosts, '}');
    buf_addc(&roles, '}');
    params[1] = buf_text(&hosts);
    params[2] = buf_text(&roles);
    params[3] = choice->job != NULL ? db_int_text(flight, choice->flight)
                                    : NULL;
    params[4] = choice->job;
    ok = db_run(db, &Q_TAKE, params, &rows, why);
    *again_out = !ok && strcmp(db_last_sqlstate(db), "23505") == 0;
    if (ok && !db_bool(rows, 0, 0)) {
        ok = fault_set(why, FAULT_LOST,
                       "task %s is not held by this session", task);
    } else if (ok && db_int(rows, 0, 1, 0) == 0) {
        ok = false;
        *again_out = true;      /* one is no longer good */
    }
    db_rows_free(rows);
    buf_free(&hosts);
    buf_free(&roles);
    return ok;
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
        return explain(db, choice, why);
    return take(db, choice, again_out, why);
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
