/* harness/replay_db.c - see replay_db.h. */
#include <config.h>

#include "harness/replay_db.h"

#include <inttypes.h>
#include <stdio.h>

#include "harness/arena.h"
#include "harness/db.h"
#include "harness/fault.h"
#include "harness/replay.h"

#define LISTED ((char)31)       /* between the members of a list */

#define MS(what) "(extract(epoch from " what ") * 1000)::bigint"
#define AT(param) "to_timestamp(" param "::double precision / 1000)"

/* Hosts that are good, and those that jobs had at that time; of an imported
 * history there may be no more than their names. */
static const struct query Q_HOSTS = { "replay-hosts",
    "select n.host, coalesce(h.arch, n.arch), coalesce(h.class, n.host),"
    " (select string_agg(g.flag, chr(31)) from assay.host_flag g"
    "  where g.host = n.host),"
    " (select string_agg(p.name || '=' || p.value, chr(31))"
    "  from assay.host_property p where p.host = n.host)"
    " from (select u.host, max(u.arch) as arch from"
    "  (select g.host::text as host, g.arch from assay.host g"
    "   where g.state = 'good'"
    "  union all select r.host, r.arch from assay.flight f"
    "   join assay.job_role r on r.flight = f.flight"
    "   where f.created_at >= " AT("$1") " and f.created_at < " AT("$2")
    "   and r.host is not null) u group by u.host) n"
    " left join assay.host h on h.host = n.host"
    " order by n.host collate \"C\"", 2, 5 };

/* One row a role of a job that is over and had its hosts: of its last attempt.
 * Who found his host prepared would else have needed what the others of his
 * flight did. */
static const struct query Q_JOBS = { "replay-jobs",
    "select j.flight, j.job, j.recipe, f.branch, f.priority,"
    " " MS("f.created_at") ","
    " " MS("coalesce(a.begun_at, j.started_at)") ","
    " " MS("coalesce(a.ended_at, j.finished_at)") ","
    " r.role, r.arch, array_to_string(r.flags, chr(31)), r.same_class,"
    " r.preset, r.host, array_to_string(r.wants, chr(31)), j.diverse,"
    " j.status, j.setup, j.setup_uses, coalesce(j.prepare_ms, 0),"
    " case when j.prepare_ms > 0 then j.prepare_ms"
    "  when j.prepare_ms = 0 and j.setup is not null"
    "  then coalesce(avg(nullif(j.prepare_ms, 0))"
    "   over (partition by j.flight, j.setup), 0) else 0 end::bigint,"
    " exists (select from assay.runvar v where v.flight = j.flight"
    "  and v.job = j.job and v.name = 'spoiled'),"
    " j.preemptable or f.intended like '%-bisect',"
    " " MS("f.deadline_at") ","
    " (select count(*) from assay.give_way g where g.flight = j.flight"
    "  and g.job = j.job and g.gave_at is not null),"
    " j.setup is not null and coalesce(j.prepare_ms = 0, false)"
    " from assay.flight f join assay.job j on j.flight = f.flight"
    "  and j.finished_at is not null and j.started_at is not null"
    " left join lateral (select min(x.begun_at) as begun_at,"
    "   max(x.ended_at) as ended_at from assay.allocation x"
    "  where x.flight = j.flight and x.job = j.job"
    "   and x.ended_at is not null and coalesce(x.task = j.task, true)) a"
    "  on true"
    " left join assay.job_role r on r.flight = j.flight and r.job = j.job"
    " where f.created_at >= " AT("$1") " and f.created_at < " AT("$2")
    "  and not exists (select from assay.job_role m where m.host is null"
    "   and m.flight = j.flight and m.job = j.job)"
    " order by f.created_at, j.flight, j.job collate \"C\", r.position,"
    "  r.role", 2, 26 };

static const struct query Q_LEFT_OUT = { "replay-left-out",
    "select count(*) filter (where j.finished_at is null),"
    " count(*) filter (where j.finished_at is not null"
    "  and (j.started_at is null or exists (select from assay.job_role m"
    "   where m.host is null and m.flight = j.flight and m.job = j.job)))"
    " from assay.flight f join assay.job j on j.flight = f.flight"
    " where f.created_at >= " AT("$1") " and f.created_at < " AT("$2"),
    2, 2 };

static const struct query Q_NEEDS = { "replay-needs",
    "select n.flight, n.job, n.needs_flight, n.needs_job"
    " from assay.flight f join assay.job_need n on n.flight = f.flight"
    " where f.created_at >= " AT("$1") " and f.created_at < " AT("$2")
    " order by f.created_at, n.flight, n.job collate \"C\"", 2, 4 };

/* Who else had hosts until the third time, since 90 days before the first:
 * allocations of people, boots and other flights' jobs, jobs whose allocations
 * are not recorded, leases and blockages. Of jobs also what they tell about
 * the next ones: an attempt that gave way tells nothing. */
static const struct query Q_OTHERS = { "replay-others",
    "select b.host, coalesce(h.class, b.host), " MS("b.begun") ","
    " " MS("b.ended") ", b.job, b.recipe, b.branch, b.status,"
    " (extract(epoch from b.took) * 1000)::bigint - b.prepare_ms,"
    " b.prepare_ms from ("
    " select a.host, a.begun_at as begun,"
    "  coalesce(a.ended_at, clock_timestamp()) as ended, j.job, j.recipe,"
    "  f.branch, case when coalesce(a.task = j.task, true) then j.status end"
    "   as status, j.finished_at - j.started_at as took,"
    "  coalesce(j.prepare_ms, 0) as prepare_ms"
    "  from assay.allocation a left join assay.flight f"
    "   on f.flight = a.flight"
    "  left join assay.job j on j.flight = a.flight and j.job = a.job"
    "  where f.flight is null or f.created_at < " AT("$1")
    "   or f.created_at >= " AT("$2")
    " union all select r.host, j.started_at, j.finished_at, j.job, j.recipe,"
    "  f.branch, j.status, j.finished_at - j.started_at,"
    "  coalesce(j.prepare_ms, 0)"
    "  from assay.job j join assay.flight f on f.flight = j.flight"
    "  join assay.job_role r on r.flight = j.flight and r.job = j.job"
    "  where r.host is not null and (f.created_at < " AT("$1")
    "   or f.created_at >= " AT("$2") ")"
    "   and j.started_at < " AT("$3")
    "   and j.finished_at > " AT("$1") " - interval '90 days'"
    "   and not exists (select from assay.allocation a"
    "    where a.flight = j.flight and a.job = j.job)"
    " union all select w.host, w.from_at, coalesce(w.ended_at, w.until_at),"
    "  null, null, null, null, null, 0 from assay.host_window w) b"
    " left join assay.host h on h.host = b.host"
    " where b.begun < " AT("$3")
    " and b.ended > " AT("$1") " - interval '90 days'"
    " and b.ended > b.begun order by b.ended, b.host, b.begun", 3, 10 };

#define ROOM(count, type) arena_alloc(arena, ((size_t)(count) + 1) \
                                             * sizeof(type))

static const char *const *
list_in(struct arena *arena, const struct db_rows *rows, int row, int col)
{
    const char *joined = db_text(rows, row, col);
    const char **list;
    size_t count = 1;
    char *p;

    if (joined == NULL || joined[0] == '\0')
        return ROOM(0, const char *);
    p = arena_strdup(arena, joined);
    for (const char *c = p; *c != '\0'; c++)
        count += *c == LISTED;
    list = ROOM(count, const char *);
    for (size_t i = 0; p != NULL; i++) {
        list[i] = p;
        p = strchr(p, LISTED);
        if (p != NULL)
            *p++ = '\0';
    }
    return list;
}

/* A job by its name. */
struct named {
    int64_t flight;
    const char *name;
    int job;
};

struct loader {
    struct db *db;
    struct arena *arena;
    struct replay_past *past;
    const char *times[3];       /* from, to, when all was over */
    struct named *named;        /* sorted */
};

static bool
load_hosts(struct loader *l, struct fault *why)
{
    struct arena *arena = l->arena;
    struct db_rows *rows = NULL;

    if (!db_run(l->db, &Q_HOSTS, l->times, &rows, why))
        return false;
    l->past->host_count = db_rows_count(rows);
    l->past->hosts = ROOM(l->past->host_count, struct match_host);
    for (int i = 0; i < l->past->host_count; i++)
        l->past->hosts[i] = (struct match_host){
            .name = db_copy(arena, rows, i, 0),
            .arch = db_copy(arena, rows, i, 1),
            .class = db_copy(arena, rows, i, 2),
            .flags = list_in(arena, rows, i, 3),
            .properties = list_in(arena, rows, i, 4),
        };
    db_rows_free(rows);
    return true;
}

static int
compare_host(const void *key, const void *member)
{
    return strcmp(key, ((const struct match_host *)member)->name);
}

static int
host_index(const struct replay_past *past, const char *name)
{
    const struct match_host *found = past->host_count == 0 ? NULL
        : bsearch(name, past->hosts, (size_t)past->host_count,
                  sizeof *past->hosts, compare_host);

    return found == NULL ? -1 : (int)(found - past->hosts);
}

static void
read_job(struct loader *l, const struct db_rows *rows, int row,
         struct replay_job *job)
{
    struct arena *arena = l->arena;

    *job = (struct replay_job){
        .flight = db_int(rows, row, 0, 0),
        .name = db_copy(arena, rows, row, 1),
        .recipe = db_copy(arena, rows, row, 2),
        .branch = db_copy(arena, rows, row, 3),
        .priority = (int)db_int(rows, row, 4, 0),
        .queued_ms = db_int(rows, row, 5, 0),
        .start_ms = db_int(rows, row, 6, 0),
        .end_ms = db_int(rows, row, 7, 0),
        .diverse = db_copy(l->arena, rows, row, 15),
        .status = outcome_parse(db_text(rows, row, 16)),
        .setup = db_copy(l->arena, rows, row, 17),
        .setup_uses = (int)db_int(rows, row, 18, 0),
        .prepare_ms = db_int(rows, row, 19, 0),
        .setup_ms = db_int(rows, row, 20, 0),
        .spoiled = db_bool(rows, row, 21),
        .preemptable = db_bool(rows, row, 22),
        .deadline_ms = db_int(rows, row, 23, 0),
        .gave = (int)db_int(rows, row, 24, 0),
        .reused = db_bool(rows, row, 25),
    };
    if (job->start_ms < job->queued_ms)
        job->start_ms = job->queued_ms;
    if (job->end_ms <= job->start_ms)
        job->end_ms = job->start_ms + 1;
}

static void
read_jobs(struct loader *l, const struct db_rows *rows)
{
    struct replay_past *past = l->past;
    struct arena *arena = l->arena;
    int count = db_rows_count(rows), *hosts = ROOM(count, int);
    struct task_role *roles = ROOM(count, struct task_role);
    struct replay_job *job = NULL;

    past->jobs = ROOM(count, struct replay_job);
    for (int i = 0; i < count; i++) {
        int host;

        if (job == NULL || db_int(rows, i, 0, 0) != job->flight
            || strcmp(db_text(rows, i, 1), job->name) != 0) {
            job = &past->jobs[past->job_count++];
            read_job(l, rows, i, job);
            job->roles = &roles[i];
            job->hosts = &hosts[i];
        }
        if (db_text(rows, i, 8) == NULL)
            continue;           /* it has no roles */
        host = host_index(past, db_text(rows, i, 13));
        must(host >= 0);        /* they were read after the jobs */
        hosts[i] = host;
        roles[i] = (struct task_role){
            .role = db_copy(arena, rows, i, 8),
            .arch = db_copy(arena, rows, i, 9),
            .flags = list_in(arena, rows, i, 10),
            .same_class = (int)db_int(rows, i, 11, 0),
            .host = db_copy(arena, rows, i, 12),
            .wants = list_in(arena, rows, i, 14),
        };
        job->role_count++;
    }
}

static int
compare_named(const void *left, const void *right)
{
    const struct named *a = left, *b = right;

    if (a->flight != b->flight)
        return a->flight < b->flight ? -1 : 1;
    return strcmp(a->name, b->name);
}

static bool
load_jobs(struct loader *l, struct fault *why)
{
    struct replay_past *past = l->past;
    struct arena *arena = l->arena;
    struct db_rows *rows = NULL;
    bool ok;

    if (!db_run(l->db, &Q_JOBS, l->times, &rows, why))
        return false;
    ok = load_hosts(l, why);
    if (ok)
        read_jobs(l, rows);
    db_rows_free(rows);
    l->named = ROOM(past->job_count, struct named);
    for (int j = 0; j < past->job_count; j++)
        l->named[j] = (struct named){ past->jobs[j].flight,
                                      past->jobs[j].name, j };
    qsort(l->named, (size_t)past->job_count, sizeof *l->named,
          compare_named);
    return ok;
}

static int
job_index(const struct loader *l, int64_t flight, const char *name)
{
    struct named key = { .flight = flight, .name = name };
    const struct named *found = bsearch(&key, l->named,
        (size_t)l->past->job_count, sizeof key, compare_named);

    return found == NULL ? -1 : found->job;
}

static bool
load_needs(struct loader *l, struct fault *why)
{
    struct arena *arena = l->arena;
    struct db_rows *rows = NULL;
    int *needs;

    if (!db_run(l->db, &Q_NEEDS, l->times, &rows, why))
        return false;
    needs = ROOM(db_rows_count(rows), int);
    for (int i = 0; i < db_rows_count(rows); i++) {
        int j = job_index(l, db_int(rows, i, 0, 0), db_text(rows, i, 1));
        int need = job_index(l, db_int(rows, i, 2, 0), db_text(rows, i, 3));
        struct replay_job *job;

        if (j < 0 || need < 0 || j == need)
            continue;           /* what it needed is not of that time */
        job = &l->past->jobs[j];
        if (job->needs == NULL)
            job->needs = needs;
        job->need_count++;
        *needs++ = need;        /* rows of one job follow each other */
    }
    db_rows_free(rows);
    return true;
}

static void
read_other(struct loader *l, const struct db_rows *rows, int row,
           struct replay_other *other)
{
    *other = (struct replay_other){
        .host = host_index(l->past, db_text(rows, row, 0)),
        .name = db_copy(l->arena, rows, row, 0),
        .class = db_copy(l->arena, rows, row, 1),
        .from_ms = db_int(rows, row, 2, 0),
        .until_ms = db_int(rows, row, 3, 0),
        .job = db_copy(l->arena, rows, row, 4),
        .recipe = db_copy(l->arena, rows, row, 5),
        .branch = db_copy(l->arena, rows, row, 6),
        .status = outcome_parse(db_text(rows, row, 7)),
        .run_ms = db_int(rows, row, 8, 0),
        .prepare_ms = db_int(rows, row, 9, 0),
    };
}

static bool
load_others(struct loader *l, struct fault *why)
{
    struct replay_past *past = l->past;
    struct arena *arena = l->arena;
    int64_t end = past->to_ms;
    struct db_rows *rows = NULL;
    char text[DB_INT_BYTES];

    for (int j = 0; j < past->job_count; j++)
        if (past->jobs[j].end_ms > end)
            end = past->jobs[j].end_ms;
    db_int_text(text, end);
    l->times[2] = text;
    if (!db_run(l->db, &Q_OTHERS, l->times, &rows, why))
        return false;
    past->other_count = db_rows_count(rows);
    past->others = ROOM(past->other_count, struct replay_other);
    for (int i = 0; i < past->other_count; i++)
        read_other(l, rows, i, &past->others[i]);
    db_rows_free(rows);
    return true;
}

static bool
load_left_out(struct loader *l, struct fault *why)
{
    struct db_rows *rows = NULL;

    if (!db_run(l->db, &Q_LEFT_OUT, l->times, &rows, why))
        return false;
    l->past->open = db_int(rows, 0, 0, 0);
    l->past->never_ran = db_int(rows, 0, 1, 0);
    db_rows_free(rows);
    return true;
}

bool
replay_db_load(struct db *db, int64_t from_ms, int64_t to_ms,
               struct arena *arena, struct replay_past *out,
               struct fault *why)
{
    char from[DB_INT_BYTES], to[DB_INT_BYTES];
    struct loader loader = { .db = db, .arena = arena, .past = out,
                             .times = { from, to, NULL } };

    *out = (struct replay_past){ .from_ms = from_ms, .to_ms = to_ms };
    db_int_text(from, from_ms);
    db_int_text(to, to_ms);
    return load_jobs(&loader, why) && load_needs(&loader, why)
        && load_others(&loader, why) && load_left_out(&loader, why);
}
