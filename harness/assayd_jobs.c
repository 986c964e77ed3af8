/* harness/assayd_jobs.c - see assayd_jobs.h. */
#include <config.h>

#include "harness/assayd_jobs.h"

#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <unistd.h>

#include "harness/arena.h"
#include "harness/assayd_db.h"
#include "harness/buf.h"
#include "harness/clock.h"
#include "harness/fault.h"
#include "harness/fs.h"
#include "harness/home.h"
#include "harness/job_exit.h"
#include "harness/log.h"
#include "harness/mem.h"
#include "harness/pick.h"
#include "harness/pidfile.h"
#include "harness/proc.h"
#include "harness/task_db.h"

/* A runner that found no host tries again after this at the soonest, times
 * its misses. */
#define NO_HOSTS_PAUSE_MS 1000
#define NO_HOSTS_MISSES_MAX 15
/* One that died before it took its job: so often, and after this. */
#define DEATHS_MAX 3
#define DEATH_PAUSE_MS 500

/* What we remember of an open job. */
struct runner {
    struct runner *next;
    struct assayd_runners *owner;
    int64_t flight;
    char *job;
    struct proc proc;           /* active while our own child runs */
    pid_t adopted;              /* of an earlier assayd's child, or 0 */
    uint64_t adopted_start;     /* so that the pid names no stranger */
    int64_t not_before_ms;
    int64_t kill_at_ms;         /* an adopted one that was told to stop */
    int deaths;                 /* ends that left the job queued */
    int misses;                 /* ends without hosts, in a row */
    char last_end[64];
    bool told;                  /* to stop */
    bool seen;                  /* in the present picture */
    bool looked;                /* for its pid file */
};

struct assayd_runners {
    uv_loop_t *loop;
    struct clock *clock;
    struct assayd_runners_spec spec;
    assayd_runners_ended_fn *ended;
    void *owner;
    struct runner *list;
};

struct assayd_runners *
assayd_runners_new(uv_loop_t *loop, struct clock *clock,
                   const struct assayd_runners_spec *spec,
                   assayd_runners_ended_fn *ended, void *owner)
{
    struct assayd_runners *runners = xcalloc(1, sizeof *runners);

    runners->loop = loop;
    runners->clock = clock;
    runners->spec = *spec;
    runners->ended = ended;
    runners->owner = owner;
    return runners;
}

static bool
adopted_lives(const struct runner *r)
{
    return r->adopted > 0 && proc_start_time(r->adopted) == r->adopted_start;
}

static bool
runner_lives(const struct runner *r)
{
    return proc_is_active(&r->proc) || adopted_lives(r);
}

/* Its pid file: "job-12-smoke-amd64". */
static const char *
pid_name(const struct runner *r, struct arena *arena)
{
    return arena_printf(arena, "job-%" PRId64 "-%s", r->flight, r->job);
}

static void
runner_forget_pid(const struct runner *r)
{
    struct arena arena = ARENA_INIT;

    pidfile_remove(pid_name(r, &arena));
    arena_free(&arena);
}

static struct runner *
runner_of(struct assayd_runners *runners, const struct assayd_job *job)
{
    struct runner *r;

    for (r = runners->list; r != NULL; r = r->next)
        if (r->flight == job->flight && strcmp(r->job, job->job) == 0)
            return r;
    r = xcalloc(1, sizeof *r);
    r->owner = runners;
    r->flight = job->flight;
    r->job = xstrdup(job->job);
    r->next = runners->list;
    runners->list = r;
    return r;
}

/* One that an earlier assayd started: told by its pid file, even before it
 * took the job; or by its task, if that was on this machine but for another
 * home. */
static void
runner_adopt(struct runner *r, const struct assayd_job *job)
{
    struct assayd_runners *runners = r->owner;
    struct arena arena = ARENA_INIT;
    pid_t pid = 0;

    if (runner_lives(r))
        return;
    if (!r->looked)
        pid = pidfile_alive(pid_name(r, &arena));
    r->looked = true;
    arena_free(&arena);
    if (pid != 0) {
        r->adopted_start = proc_start_time(pid);
    } else if (!job->queued && job->pid > 0 && job->node != NULL &&
               strcmp(job->node, runners->spec.node) == 0) {
        pid = job->pid;
        r->adopted_start = (uint64_t)job->pid_start;
    }
    r->adopted = pid;
    if (adopted_lives(r))
        log_info("runner of %" PRId64 ".%s goes on (pid %ld)", r->flight,
                 r->job, (long)r->adopted);
    else
        r->adopted = 0;
}

static void
runner_ended(struct proc *proc UNUSED, void *owner,
             struct proc_status status)
{
    struct runner *r = owner;
    struct assayd_runners *runners = r->owner;
    int64_t now = clock_mono_ms(runners->clock);
    bool exited = status.end == PROC_END_EXIT;
    bool abnormal = false;

    runner_forget_pid(r);
    proc_status_text(status, r->last_end);
    if (exited && status.code == JOB_EXIT_DONE) {
        log_debug("runner of %" PRId64 ".%s is done", r->flight, r->job);
        r->deaths++;            /* matters only if the job is queued still */
        r->not_before_ms = now + DEATH_PAUSE_MS;
    } else if (exited && (status.code == JOB_EXIT_NO_HOSTS ||
                          status.code == JOB_EXIT_TAKEN)) {
        r->misses += r->misses < NO_HOSTS_MISSES_MAX;
        r->not_before_ms = now + NO_HOSTS_PAUSE_MS * r->misses;
    } else {
        abnormal = true;
        r->deaths++;
        r->not_before_ms = now + DEATH_PAUSE_MS * r->deaths;
        log_warn("runner of %" PRId64 ".%s %s", r->flight, r->job,
                 r->last_end);
    }
    runners->ended(runners->owner, abnormal);
}

static bool
runner_log(const struct runner *r, struct arena *arena, char **path_out,
           int *fd_out, struct fault *why)
{
    char *dir = home_path(arena, "flights/%" PRId64 "/%s", r->flight,
                          r->job);

    if (!fs_mkdirs(dir, 0755, why))
        return false;
    *path_out = arena_printf(arena, "%s/assay-job.log", dir);
    *fd_out = open(*path_out, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC,
                   0644);
    if (*fd_out < 0)
        return fault_errno(why, FAULT_SYSTEM, "open %s", *path_out);
    return true;
}

static bool
runner_start(struct runner *r, struct arena *arena, struct fault *why)
{
    struct assayd_runners *runners = r->owner;
    struct proc_spec spec = PROC_SPEC_INIT;
    const char *argv[] = { runners->spec.program, "--no-wait", NULL, NULL,
                           NULL };
    struct fault note = FAULT_INIT;
    char *log = NULL;
    int fd = -1;
    bool ok;

    ok = runner_log(r, arena, &log, &fd, why);
    if (!ok)
        goto out;
    argv[2] = arena_printf(arena, "%" PRId64, r->flight);
    argv[3] = r->job;
    spec.argv = argv;
    spec.fds[1] = fd;
    spec.fds[2] = fd;
    spec.new_session = true;
    ok = proc_spawn(&r->proc, runners->loop, &spec, 0,
                    runners->spec.grace_ms, runner_ended, r, why);
    if (!ok)
        goto out;
    log_info("runner of %" PRId64 ".%s started (pid %ld)", r->flight,
             r->job, (long)r->proc.pid);
    if (!pidfile_write(pid_name(r, arena), r->proc.pid, &note))
        log_fault(LOG_LEVEL_WARN, &note, "runner of %" PRId64 ".%s",
                  r->flight, r->job);
out:
    fd_close(&fd);
    return ok;
}

static void
runner_stop(struct runner *r)
{
    struct assayd_runners *runners = r->owner;
    int64_t now = clock_mono_ms(runners->clock);

    if (proc_is_active(&r->proc)) {
        if (!r->told)
            proc_stop(&r->proc);
        r->told = true;
        return;
    }
    if (!adopted_lives(r))
        return;
    if (!r->told) {
        (void)kill(r->adopted, SIGTERM);
        r->kill_at_ms = now + runners->spec.grace_ms;
        r->told = true;
    } else if (now >= r->kill_at_ms) {
        proc_kill_group(r->adopted);
    }
}

/* Forgets what is neither open nor running. */
static void
sweep(struct assayd_runners *runners)
{
    struct runner **at = &runners->list;

    while (*at != NULL) {
        struct runner *r = *at;

        if (r->seen || proc_is_active(&r->proc)) {
            at = &r->next;
            continue;
        }
        *at = r->next;
        if (r->adopted != 0)
            runner_forget_pid(r);
        free(r->job);
        free(r);
    }
}

/* What a job that has to wait for hosts waits for. It does not say who has
 * them: that would change all the time, and 'host list' knows. */
static const char *
wanted_hosts(struct arena *arena, const struct assayd_job *job)
{
    struct buf out = BUF_INIT;
    const char *text;

    buf_addf(&out, "%s", job->role_count > 1 ? "hosts: " : "a host: ");
    for (int i = 0; i < job->role_count; i++) {
        const struct task_role *role = &job->roles[i];

        buf_addf(&out, "%s%s", i > 0 ? " and " : "",
                 role->host != NULL ? role->host
                 : role->arch != NULL ? role->arch : "any");
        for (int k = 0; role->host == NULL && role->flags[k] != NULL; k++)
            buf_addf(&out, " %s", role->flags[k]);
    }
    text = arena_strdup(arena, buf_text(&out));
    buf_free(&out);
    return text;
}

/* A job in the order of service, with what we know of it. */
struct place {
    const struct assayd_job *job;
    struct runner *runner;
    bool starts;                /* may be started; else it only claims */
};

/* Claims come first: hosts that runners are about to take. */
static size_t
line_up(struct assayd_runners *runners, const struct assayd_jobs *jobs,
        struct place *places, bool claims)
{
    int64_t now = clock_mono_ms(runners->clock);
    size_t count = 0;

    for (size_t i = 0; i < jobs->count; i++) {
        const struct assayd_job *job = &jobs->v[i];
        struct runner *r = runner_of(runners, job);
        bool under_way = !job->queued || runner_lives(r);
        bool runnable = job->queued && !job->abort && job->needs_open == NULL &&
                        !job->blocked && r->deaths < DEATHS_MAX;

        if (under_way != claims)
            continue;
        if (claims ? job->holds > 0 : !runnable)
            continue;
        places[count++] = (struct place){
            .job = job, .runner = r,
            .starts = !claims && now >= r->not_before_ms,
        };
    }
    return count;
}

static void
start_one(const struct place *place, struct arena *arena, int *room)
{
    struct runner *r = place->runner;
    struct fault why = FAULT_INIT;

    if (runner_start(r, arena, &why)) {
        (*room)--;
        return;
    }
    r->deaths++;
    snprintf(r->last_end, sizeof r->last_end, "cannot be started");
    log_fault(LOG_LEVEL_ERROR, &why, "cannot start the runner of %" PRId64
              ".%s", r->flight, r->job);
}

static bool
start_some(struct assayd_runners *runners, struct db *db,
           struct arena *arena, const struct assayd_jobs *jobs,
           const char **waits, struct fault *why)
{
    struct place *places = arena_alloc(arena, jobs->count * sizeof *places +
                                              1);
    struct pick_job *picks = arena_alloc(arena, jobs->count * sizeof *picks +
                                                1);
    struct assayd_hosts hosts;
    size_t claims = line_up(runners, jobs, places, true);
    size_t count = claims + line_up(runners, jobs, places + claims, false);
    int room = runners->spec.jobs_max - assayd_runners_count(runners);

    if (count == claims)
        return true;
    if (!assayd_db_hosts(db, arena, &hosts, why))
        return false;
    for (size_t i = 0; i < count; i++) {
        picks[i].roles = places[i].job->roles;
        picks[i].role_count = places[i].job->role_count;
    }
    pick_run(hosts.v, (int)hosts.count, picks, count);
    for (size_t i = claims; i < count; i++) {
        const char **text = &waits[places[i].job - jobs->v];

        /* PICK_NEVER is started too: the runner says what is wrong. */
        if (picks[i].verdict == PICK_WAIT)
            *text = wanted_hosts(arena, places[i].job);
        else if (room <= 0)
            *text = arena_printf(arena, "one of %d runners",
                                 runners->spec.jobs_max);
        else if (places[i].starts)
            start_one(&places[i], arena, &room);
    }
    return true;
}

static bool
give_up(struct db *db, const struct assayd_job *job, const struct runner *r,
        struct fault *why)
{
    struct buf reason = BUF_INIT;
    bool ok;

    buf_addf(&reason, "assay-job ended %d times and left the job queued, at "
             "last: %s (see flights/%" PRId64 "/%s/assay-job.log)",
             r->deaths, r->last_end, r->flight, r->job);
    ok = assayd_db_give_up(db, job->flight, job->job, buf_text(&reason),
                           why);
    buf_free(&reason);
    return ok;
}

bool
assayd_runners_schedule(struct assayd_runners *runners, struct db *db,
                        struct arena *arena, const struct assayd_jobs *jobs,
                        struct fault *why)
{
    const char **waits;

    for (struct runner *r = runners->list; r != NULL; r = r->next)
        r->seen = false;
    for (size_t i = 0; i < jobs->count; i++) {
        const struct assayd_job *job = &jobs->v[i];
        struct runner *r = runner_of(runners, job);

        r->seen = true;
        runner_adopt(r, job);
        if (job->abort)
            runner_stop(r);
        if (!job->queued)
            r->deaths = r->misses = 0;  /* the reaper judges it now */
        else if (r->deaths >= DEATHS_MAX && !runner_lives(r) &&
                 !give_up(db, job, r, why))
            return false;
    }
    sweep(runners);
    waits = arena_alloc(arena, jobs->count * sizeof *waits + 1);
    for (size_t i = 0; i < jobs->count; i++)
        if (jobs->v[i].queued && jobs->v[i].needs_open != NULL)
            waits[i] = arena_printf(arena, "jobs: %s",
                                    jobs->v[i].needs_open);
    return start_some(runners, db, arena, jobs, waits, why) &&
           assayd_db_waits(db, jobs, waits, why);
}

void
assayd_runners_stop(struct assayd_runners *runners)
{
    for (struct runner *r = runners->list; r != NULL; r = r->next)
        runner_stop(r);
}

void
assayd_runners_kill(struct assayd_runners *runners)
{
    for (struct runner *r = runners->list; r != NULL; r = r->next) {
        if (proc_is_active(&r->proc))
            proc_kill_group(r->proc.pid);
        else if (adopted_lives(r))
            proc_kill_group(r->adopted);
    }
}

int
assayd_runners_count(const struct assayd_runners *runners)
{
    int count = 0;

    for (const struct runner *r = runners->list; r != NULL; r = r->next)
        count += runner_lives(r);
    return count;
}

void
assayd_runners_free(struct assayd_runners *runners)
{
    struct runner *next;

    if (runners == NULL)
        return;
    for (struct runner *r = runners->list; r != NULL; r = next) {
        next = r->next;
        free(r->job);
        free(r);
    }
    free(runners);
}
