/* harness/plan_db.c - see plan_db.h. */
#include <config.h>

#include "harness/plan_db.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "harness/arena.h"
#include "harness/db.h"
#include "harness/fault.h"
#include "harness/home.h"
#include "harness/host_match.h"
#include "harness/plan_past_db.h"
#include "harness/planner.h"
#include "harness/task_db.h"

#define LISTED ((char)31)       /* between the members of a list */
/* An order whose runner has not come by then is void: the one who gave it has
 * died, and whoever took it over gives another. */
#define ORDER_LIVES_MS 30000

static const struct query Q_NOW = { "plan-now",
    "select (extract(epoch from clock_timestamp()) * 1000)::bigint", 0, 1 };

static const struct query Q_HOSTS = { "plan-hosts",
    "select h.host, h.arch, h.class, h.state,"
    " (select string_agg(g.flag, chr(31)) from assay.host_flag g"
    "  where g.host = h.host),"
    " (select string_agg(p.name || '=' || p.value, chr(31))"
    "  from assay.host_property p where p.host = h.host),"
    " (least(coalesce(t.weight, 0), 6) * 600000)::bigint"
    " from assay.host h left join assay.host_trouble t on t.host = h.host"
    " order by h.host", 0, 7 };

/* One row a role. */
static const struct query Q_WAITS = { "plan-waits",
    "select j.flight, j.job, j.recipe, f.branch, f.priority,"
    " (extract(epoch from f.created_at) * 1000)::bigint,"
    " r.role, r.arch, array_to_string(r.flags, chr(31)), r.same_class,"
    " r.preset, exists (select from assay.host_check c"
    "  join assay.host h on h.host = c.host and h.state = 'suspect'"
    "  where c.flight = j.flight and c.host = r.preset"
    "  and c.ended_at is null),"
    " array_to_string(r.wants, chr(31)), j.diverse,"
    " (extract(epoch from f.deadline_at) * 1000)::bigint,"
    " case when f.supersede then (select max(g.flight) from assay.flight g"
    "  where g.branch = f.branch and g.intended = f.intended"
    "  and g.flight > f.flight and g.blessing <> 'constructing'"
    "  and g.abort_reason is null) end, j.setup, j.setup_uses"
    " from assay.flight f join assay.job j on j.flight = f.flight"
    "  and j.status in ('queued', 'preparing')"
    " left join assay.job_role r on r.flight = j.flight and r.job = j.job"
    " where f.finished_at is null and f.blessing <> 'constructing'"
    "  and f.abort_reason is null"
    "  and not exists (select from assay.allocation a"
    "   where a.flight = j.flight and a.job = j.job and a.ended_at is null)"
    "  and not exists (select from assay.job_need n join assay.job d"
    "   on d.flight = n.needs_flight and d.job = n.needs_job"
    "   where n.flight = j.flight and n.job = j.job"
    "   and d.status not in ('queued', 'preparing', 'running', 'pass'))"
    " order by j.flight, j.job collate \"C\", r.position, r.role", 0, 18 };

/* Hosts that jobs of an open flight have had which are to be diverse. */
static const struct query Q_DIVERSE = { "plan-diverse",
    "select distinct j.flight, j.diverse, j.job, a.host"
    " from assay.flight f join assay.job j on j.flight = f.flight"
    "  and j.diverse is not null"
    " join assay.allocation a on a.flight = j.flight and a.job = j.job"
    " where f.finished_at is null", 0, 4 };

static const struct query Q_NEEDS = { "plan-needs",
    "select n.flight, n.job, n.needs_flight, n.needs_job"
    " from assay.job_need n"
    " join assay.job j on j.flight = n.flight and j.job = n.job"
    "  and j.status in ('queued', 'preparing')"
    " join assay.job d on d.flight = n.needs_flight and d.job = n.needs_job"
    "  and d.status in ('queued', 'preparing', 'running')", 0, 4 };

static const struct query Q_SNAPSHOT = { "plan-snapshot",
    "set transaction isolation level repeatable read, read only", 0, 0
};
static const struct query Q_HOLDS = { "plan-holds",
    "select a.host, coalesce(a.flight, 0), a.job, j.recipe, f.branch,"
    " t.kind || ' ' || t.refkey,"
    " (extract(epoch from a.begun_at) * 1000)::bigint, j.setup,"
    " coalesce(f.priority, 0),"
    " coalesce(j.preemptable or f.intended like '%-bisect', false),"
    " 'flight ' || g.for_flight || ' job ' || g.for_job,"
    " (extract(epoch from g.asked_at) * 1000)::bigint, coalesce(p.wear, 1)"
    " from assay.allocation a join assay.task t on t.task = a.task"
    " left join assay.job j on j.flight = a.flight and j.job = a.job"
    " left join assay.flight f on f.flight = a.flight"
    " left join assay.give_way g on g.task = a.task"
    " left join assay.prepared p on p.host = a.host and p.ended_at is null"
    "  and p.allocation = a.allocation"
    " where a.ended_at is null order by a.host", 0, 13 };

static const struct query Q_PREPARED = { "plan-prepared",
    "select r.host, r.flight, r.setup, r.job, r.took_ms, r.wear"
    " from assay.prepared_ready r where r.harness = $1::text"
    " order by r.host", 1, 6 };

/* Jobs of open flights that gave way, to whom at last. */
static const struct query Q_GAVE = { "plan-gave",
    "select g.flight, g.job, count(*), (array_agg('flight ' || g.for_flight"
    "  || ' job ' || g.for_job order by g.gave_at desc))[1]"
    " from assay.flight f join assay.give_way g on g.flight = f.flight"
    " where f.finished_at is null and g.gave_at is not null"
    " group by g.flight, g.job", 0, 4 };

static const struct query Q_RUNS = { "plan-runs",
    "select j.flight, j.job, j.recipe,"
    " (extract(epoch from j.started_at) * 1000)::bigint"
    " from assay.job j where j.status in ('preparing', 'running')", 0, 4 };

/* The one that leads wrote last, and is there. */
static const struct query Q_JOBS_MAX = { "plan-jobs-max",
    "select p.jobs_max from assay.planner p"
    " join assay.task t on t.task = p.task and t.ended_at is null"
    " order by p.task desc limit 1", 0, 1 };

static const struct query Q_BOOKINGS = { "plan-bookings",
    "select b.flight, b.job, b.verdict, array_to_string(b.hosts, ','),"
    " (extract(epoch from b.start_at) * 1000)::bigint,"
    " (extract(epoch from b.end_at) * 1000)::bigint,"
    " b.start_sd_ms, b.end_sd_ms,"
    " (extract(epoch from b.ordered_at) * 1000)::bigint"
    " from assay.booking b order by b.flight, b.job collate \"C\"", 0, 9 };

static const struct query Q_WINDOWS = { "plan-windows",
    "select w.host_window, w.host,"
    " (extract(epoch from w.from_at) * 1000)::bigint,"
    " (extract(epoch from w.until_at) * 1000)::bigint, w.kind, w.who, w.why"
    " from assay.host_window w"
    " where w.ended_at is null and w.until_at > clock_timestamp()"
    " order by w.from_at, w.host_window", 0, 7 };

static const struct query Q_PRIORITY = { "plan-priority",
    "update assay.flight set priority = $2::int"
    " where flight = $1::bigint and finished_at is null", 2, 0 };

/* A joined list, NULL-terminated; empty for NULL. */
static const char *const *
list_in(struct arena *arena, const struct db_rows *rows, int row, int col)
{
    const char *joined = db_text(rows, row, col);
    char *copy, *p;
    const char **list;
    size_t count = 1;

    if (joined == NULL || joined[0] == '\0')
        return arena_alloc(arena, sizeof *list);
    copy = arena_strdup(arena, joined);
    for (p = copy; *p != '\0'; p++)
        count += *p == LISTED;
    list = arena_alloc(arena, (count + 1) * sizeof *list);
    count = 0;
    for (p = copy; p != NULL; ) {
        list[count++] = p;
        p = strchr(p, LISTED);
        if (p != NULL)
            *p++ = '\0';
    }
    return list;
}

#define ROOM(count, type) arena_alloc(arena, ((size_t)(count) + 1) \
                                             * sizeof(type))

static bool
load_hosts(struct db *db, struct arena *arena, struct plan_facts *facts,
           struct fault *why)
{
    struct db_rows *rows = NULL;

    if (!db_run(db, &Q_HOSTS, NULL, &rows, why))
        return false;
    facts->host_count = db_rows_count(rows);
    facts->hosts = ROOM(facts->host_count, struct match_host);
    facts->trouble_ms = ROOM(facts->host_count, int64_t);
    for (int i = 0; i < facts->host_count; i++) {
        struct match_host *host = &facts->hosts[i];
        const char *state = db_copy(arena, rows, i, 3);

        host->name = db_copy(arena, rows, i, 0);
        host->arch = db_copy(arena, rows, i, 1);
        host->class = db_copy(arena, rows, i, 2);
        host->never = strcmp(state, "retired") == 0;
        if (strcmp(state, "good") != 0)
            host->obstacle = arena_printf(arena, "its state is %s", state);
        host->flags = list_in(arena, rows, i, 4);
        host->properties = list_in(arena, rows, i, 5);
        facts->trouble_ms[i] = db_int(rows, i, 6, 0);
    }
    db_rows_free(rows);
    return true;
}

/* The index of a host, -1 if there is none of that name. */
static int
host_index(const struct plan_facts *facts, const char *name)
{
    for (int h = 0; h < facts->host_count; h++)
        if (strcmp(facts->hosts[h].name, name) == 0)
            return h;
    return -1;
}

static void
read_wait(struct arena *arena, const struct db_rows *rows, int row,
          struct plan_wait *wait)
{
    wait->flight = db_int(rows, row, 0, 0);
    wait->job = db_copy(arena, rows, row, 1);
    wait->recipe = db_copy(arena, rows, row, 2);
    wait->branch = db_copy(arena, rows, row, 3);
    wait->priority = (int)db_int(rows, row, 4, 0);
    wait->queued_ms = db_int(rows, row, 5, 0);
    wait->diverse = db_copy(arena, rows, row, 13);
    wait->deadline_ms = db_int(rows, row, 14, 0);
    wait->superseded_by = db_int(rows, row, 15, 0);
    wait->setup = db_copy(arena, rows, row, 16);
    wait->setup_uses = (int)db_int(rows, row, 17, 0);
}

static bool
load_waits(struct db *db, struct arena *arena, struct plan_facts *facts,
           struct fault *why)
{
    struct db_rows *rows = NULL;
    struct plan_wait *wait = NULL;
    struct task_role *roles;
    int count;

    if (!db_run(db, &Q_WAITS, NULL, &rows, why))
        return false;
    count = db_rows_count(rows);
    facts->waits = ROOM(count, struct plan_wait);
    roles = ROOM(count, struct task_role);
    for (int i = 0; i < count; i++) {
        struct task_role *role = &roles[i];

        if (wait == NULL || db_int(rows, i, 0, 0) != wait->flight
            || strcmp(db_text(rows, i, 1), wait->job) != 0) {
            wait = &facts->waits[facts->wait_count++];
            read_wait(arena, rows, i, wait);
            wait->roles = role;
        }
        if (db_text(rows, i, 6) == NULL)
            continue;
        wait->role_count++;
        role->role = db_copy(arena, rows, i, 6);
        role->arch = db_copy(arena, rows, i, 7);
        role->flags = list_in(arena, rows, i, 8);
        role->same_class = (int)db_int(rows, i, 9, 0);
        role->host = db_copy(arena, rows, i, 10);
        role->check = db_bool(rows, i, 11);
        role->wants = list_in(arena, rows, i, 12);
    }
    db_rows_free(rows);
    return true;
}

static bool
load_diverse(struct db *db, struct arena *arena, struct plan_facts *facts,
             struct fault *why)
{
    struct db_rows *rows = NULL;

    if (!db_run(db, &Q_DIVERSE, NULL, &rows, why))
        return false;
    facts->had = ROOM(db_rows_count(rows), struct plan_had);
    for (int i = 0; i < db_rows_count(rows); i++) {
        int host = host_index(facts, db_text(rows, i, 3));

        if (host >= 0)
            facts->had[facts->had_count++] = (struct plan_had){
                .flight = db_int(rows, i, 0, 0),
                .word = db_copy(arena, rows, i, 1),
                .job = db_copy(arena, rows, i, 2), .host = host,
            };
    }
    db_rows_free(rows);
    return true;
}

/* The key of a search among waits and bookings. */
struct job_key {
    int64_t flight;
    const char *job;
};

static int
compare_job(const struct job_key *key, int64_t flight, const char *job)
{
    return key->flight != flight ? (key->flight < flight ? -1 : 1)
                                 : strcmp(key->job, job);
}

static int
compare_wait(const void *key, const void *member)
{
    const struct plan_wait *wait = member;

    return compare_job(key, wait->flight, wait->job);
}

static int
compare_booking(const void *key, const void *member)
{
    const struct plan_booking *booking = member;

    return compare_job(key, booking->flight, booking->job);
}

int
plan_wait_index(const struct plan_facts *facts, int64_t flight,
                const char *job)
{
    struct job_key key = { flight, job };
    const struct plan_wait *wait = facts->wait_count == 0 ? NULL
        : bsearch(&key, facts->waits, (size_t)facts->wait_count,
                  sizeof *wait, compare_wait);

    return wait != NULL ? (int)(wait - facts->waits) : -1;
}

const struct plan_booking *
plan_booking_find(const struct plan_facts *facts, int64_t flight,
                  const char *job)
{
    struct job_key key = { flight, job };

    return facts->booking_count == 0 ? NULL
        : bsearch(&key, facts->bookings, (size_t)facts->booking_count,
                  sizeof *facts->bookings, compare_booking);
}

/* The hosts of a booking; NULL unless it has one for each role. */
static const int *
booked_hosts(struct arena *arena, const struct plan_facts *facts,
             const struct plan_wait *wait)
{
    char *rest = arena_strdup(arena, wait->booking->hosts), *name;
    int *hosts = ROOM(wait->role_count, int);
    int count = 0;

    if (rest[0] == '\0')
        return NULL;
    while ((name = strsep(&rest, ",")) != NULL) {
        int host = host_index(facts, name);

        if (host < 0 || count == wait->role_count)
            return NULL;
        hosts[count++] = host;
    }
    return count == wait->role_count ? hosts : NULL;
}

static bool
load_bookings(struct db *db, struct arena *arena, struct plan_facts *facts,
              struct fault *why)
{
    struct db_rows *rows = NULL;

    if (!db_run(db, &Q_BOOKINGS, NULL, &rows, why))
        return false;
    facts->booking_count = db_rows_count(rows);
    facts->bookings = ROOM(facts->booking_count, struct plan_booking);
    for (int i = 0; i < facts->booking_count; i++) {
        struct plan_booking *booking = &facts->bookings[i];
        int64_t ordered = db_int(rows, i, 8, 0);
        int w;

        *booking = (struct plan_booking){
            .flight = db_int(rows, i, 0, 0),
            .job = db_copy(arena, rows, i, 1),
            .verdict = db_copy(arena, rows, i, 2),
            .hosts = db_copy(arena, rows, i, 3),
            .start_ms = db_int(rows, i, 4, 0),
            .end_ms = db_int(rows, i, 5, 0),
            .start_sd_ms = db_int(rows, i, 6, 0),
            .end_sd_ms = db_int(rows, i, 7, 0),
            .ordered = ordered != 0, .ordered_ms = ordered,
        };
        w = plan_wait_index(facts, booking->flight, booking->job);
        if (w < 0)
            continue;
        facts->waits[w].booking = booking;
        if (strcmp(booking->verdict, "runs") == 0)
            continue;           /* it gave way: nobody promised it that */
        facts->waits[w].booked_hosts = booked_hosts(arena, facts,
                                                    &facts->waits[w]);
        facts->waits[w].ordered = booking->ordered
            && facts->waits[w].booked_hosts != NULL
            && llabs(facts->now_ms - ordered) < ORDER_LIVES_MS;
    }
    db_rows_free(rows);
    return true;
}

static int64_t
hold_end(const struct plan_facts *facts, const struct plan_hold *hold)
{
    const struct plan_length *length = hold->exact != NULL ? hold->exact
        : hold->job == NULL ? NULL
        : plan_length_find(facts->past, 'j', hold->job, "");

    return planner_overdue(hold->begun_ms, length != NULL ? length->mean_ms
                           : 5000000, facts->now_ms);
}

void
plan_wait_need(struct plan_facts *facts, int w, int64_t flight,
               const char *job, int needs, struct arena *arena)
{
    struct plan_wait *wait = &facts->waits[w];
    int need = plan_wait_index(facts, flight, job);

    if (need >= 0 && need != w) {
        if (wait->needs == NULL)
            wait->needs = ROOM(needs, int);
        wait->needs[wait->need_count++] = need;
        return;
    }
    for (int k = 0; k < facts->hold_count; k++) {
        const struct plan_hold *hold = &facts->holds[k];
        int64_t end = hold_end(facts, hold);

        if (hold->flight == flight && hold->job != NULL
            && strcmp(hold->job, job) == 0 && end > wait->needs_until_ms)
            wait->needs_until_ms = end;
    }
    if (wait->needs_until_ms == 0)
        wait->needs_until_ms = facts->now_ms + 60000;
}

static bool
load_needs(struct db *db, struct arena *arena, struct plan_facts *facts,
           struct fault *why)
{
    struct db_rows *rows = NULL;

    if (!db_run(db, &Q_NEEDS, NULL, &rows, why))
        return false;
    for (int i = 0; i < db_rows_count(rows); i++) {
        int w = plan_wait_index(facts, db_int(rows, i, 0, 0),
                                db_text(rows, i, 1));

        if (w >= 0)
            plan_wait_need(facts, w, db_int(rows, i, 2, 0),
                           db_text(rows, i, 3), db_rows_count(rows), arena);
    }
    db_rows_free(rows);
    return true;
}

static bool
load_holds(struct db *db, struct arena *arena, struct plan_facts *facts,
           struct fault *why)
{
    struct db_rows *rows = NULL;

    if (!db_run(db, &Q_HOLDS, NULL, &rows, why))
        return false;
    facts->holds = ROOM(db_rows_count(rows), struct plan_hold);
    for (int i = 0; i < db_rows_count(rows); i++) {
        int host = host_index(facts, db_text(rows, i, 0));

        if (host < 0)
            continue;           /* it came between two queries */
        facts->holds[facts->hold_count++] = (struct plan_hold){
            .host = host, .flight = db_int(rows, i, 1, 0),
            .job = db_copy(arena, rows, i, 2),
            .recipe = db_copy(arena, rows, i, 3),
            .branch = db_copy(arena, rows, i, 4),
            .who = db_copy(arena, rows, i, 5),
            .begun_ms = db_int(rows, i, 6, 0),
            .setup = db_copy(arena, rows, i, 7),
            .priority = (int)db_int(rows, i, 8, 0),
            .preemptable = db_bool(rows, i, 9),
            .gives_to = db_copy(arena, rows, i, 10),
            .asked_ms = db_int(rows, i, 11, 0),
            .wear = (int)db_int(rows, i, 12, 1),
        };
    }
    db_rows_free(rows);
    return true;
}

static bool
load_prepared(struct db *db, struct arena *arena, struct plan_facts *facts,
              struct fault *why)
{
    const char *params[] = { harness_revision() };
    struct db_rows *rows = NULL;

    if (!db_run(db, &Q_PREPARED, params, &rows, why))
        return false;
    facts->prepared = ROOM(db_rows_count(rows), struct plan_prepared);
    for (int i = 0; i < db_rows_count(rows); i++) {
        int host = host_index(facts, db_text(rows, i, 0));

        if (host < 0)
            continue;
        facts->prepared[facts->prepared_count++] = (struct plan_prepared){
            .host = host, .flight = db_int(rows, i, 1, 0),
            .setup = db_copy(arena, rows, i, 2),
            .job = db_copy(arena, rows, i, 3),
            .took_ms = db_int(rows, i, 4, 0),
            .wear = (int)db_int(rows, i, 5, 0),
        };
    }
    db_rows_free(rows);
    return true;
}

static bool
load_gave(struct db *db, struct arena *arena, struct plan_facts *facts,
          struct fault *why)
{
    struct db_rows *rows = NULL;

    if (!db_run(db, &Q_GAVE, NULL, &rows, why))
        return false;
    for (int i = 0; i < db_rows_count(rows); i++) {
        int64_t flight = db_int(rows, i, 0, 0);
        const char *job = db_text(rows, i, 1);
        int w = plan_wait_index(facts, flight, job);

        if (w >= 0) {
            facts->waits[w].gave = (int)db_int(rows, i, 2, 0);
            facts->waits[w].gave_to = db_copy(arena, rows, i, 3);
        }
        for (int k = 0; k < facts->hold_count; k++)
            if (facts->holds[k].flight == flight
                && facts->holds[k].job != NULL
                && strcmp(facts->holds[k].job, job) == 0)
                facts->holds[k].gave = (int)db_int(rows, i, 2, 0);
    }
    db_rows_free(rows);
    return true;
}

/* Those that wait for their hosts are among the waits. */
static bool
load_runs(struct db *db, struct arena *arena, struct plan_facts *facts,
          struct fault *why)
{
    struct db_rows *rows = NULL;

    if (!db_run(db, &Q_JOBS_MAX, NULL, &rows, why))
        return false;
    facts->jobs_max = db_rows_count(rows) > 0 ? (int)db_int(rows, 0, 0, 0)
                                              : 0;
    db_rows_free(rows);
    rows = NULL;
    if (!db_run(db, &Q_RUNS, NULL, &rows, why))
        return false;
    facts->runs = ROOM(db_rows_count(rows), struct plan_run);
    for (int i = 0; i < db_rows_count(rows); i++)
        if (plan_wait_index(facts, db_int(rows, i, 0, 0),
                            db_text(rows, i, 1)) < 0)
            facts->runs[facts->run_count++] = (struct plan_run){
                .flight = db_int(rows, i, 0, 0),
                .job = db_copy(arena, rows, i, 1),
                .recipe = db_copy(arena, rows, i, 2),
                .begun_ms = db_int(rows, i, 3, 0),
            };
    db_rows_free(rows);
    return true;
}

static bool
load_windows(struct db *db, struct arena *arena, struct plan_facts *facts,
             struct fault *why)
{
    struct db_rows *rows = NULL;

    if (!db_run(db, &Q_WINDOWS, NULL, &rows, why))
        return false;
    facts->windows = ROOM(db_rows_count(rows), struct plan_window);
    for (int i = 0; i < db_rows_count(rows); i++) {
        int host = host_index(facts, db_text(rows, i, 1));

        if (host < 0)
            continue;
        facts->windows[facts->window_count++] = (struct plan_window){
            .id = db_int(rows, i, 0, 0), .host = host,
            .from_ms = db_int(rows, i, 2, 0),
            .until_ms = db_int(rows, i, 3, 0),
            .kind = db_copy(arena, rows, i, 4),
            .who = db_copy(arena, rows, i, 5),
            .why = db_copy(arena, rows, i, 6),
        };
    }
    db_rows_free(rows);
    return true;
}

struct load {
    struct arena *arena;
    const struct plan_past *past;
    struct plan_facts *out;
    bool joined;                /* somebody else's transaction */
};

static bool
load_all(struct db *db, void *arg, struct fault *why)
{
    const struct load *load = arg;
    struct arena *arena = load->arena;
    struct plan_facts *out = load->out;
    struct db_rows *rows = NULL;
    struct plan_past *read = arena_alloc(arena, sizeof *read);

    if (!load->joined && !db_run(db, &Q_SNAPSHOT, NULL, NULL, why))
        return false;
    *out = (struct plan_facts){
        .past = load->past != NULL ? load->past : read
    };
    if (load->past == NULL && !plan_past_db_read(db, arena, read, why))
        return false;
    if (!db_run(db, &Q_NOW, NULL, &rows, why))
        return false;
    out->now_ms = db_int(rows, 0, 0, 0);
    db_rows_free(rows);
    return load_hosts(db, arena, out, why)
        && load_waits(db, arena, out, why)
        && load_diverse(db, arena, out, why)
        && load_holds(db, arena, out, why)
        && load_prepared(db, arena, out, why)
        && load_gave(db, arena, out, why)
        && load_runs(db, arena, out, why)
        && load_windows(db, arena, out, why)
        && load_bookings(db, arena, out, why)
        && load_needs(db, arena, out, why);
}

/* One picture: a job that starts between two queries would wait in one and
 * have its hosts in the other. */
bool
plan_db_load(struct db *db, struct arena *arena, const struct plan_past *past,
             struct plan_facts *out, struct fault *why)
{
    struct load load = { .arena = arena, .past = past, .out = out,
                         .joined = db_in_transaction(db) };

    return db_transact(db, load_all, &load, why);
}

bool
plan_db_priority(struct db *db, int64_t flight, int priority,
                 struct fault *why)
{
    char number[DB_INT_BYTES], text[24];
    const char *params[] = { number, text };
    struct db_rows *rows = NULL;
    bool there;

    db_int_text(number, flight);
    snprintf(text, sizeof text, "%d", priority);
    if (!db_run(db, &Q_PRIORITY, params, &rows, why))
        return false;
    there = db_rows_affected(rows) > 0;
    db_rows_free(rows);
    return there || fault_set(why, FAULT_NOT_FOUND, "no flight %s is open",
                              number);
}
