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
#include "harness/pidfile.h"
#include "harness/proc.h"

/* A runner that lost its hosts to another is followed by one at once; from
 * the second on, after this, times its misses. */
#define NO_HOSTS_PAUSE_MS 1000
#define NO_HOSTS_MISSES_MAX 15
/* One that died before it took its job: so often, and after this. */
#define DEATHS_MAX 3
#define DEATH_PAUSE_MS 500

/* What we remember of an open job that was started, or may have been. */
struct runner {
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
    bool ran;                   /* we started it */
};

struct assayd_runners {
    uv_loop_t *loop;
    struct clock *clock;
    struct assayd_runners_spec spec;
    assayd_runners_ended_fn *ended;
    void *owner;
    struct runner **list;       /* by flight and job */
    size_t count, room;
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

/* Where it is, or would be. */
static size_t
runner_place(const struct assayd_runners *runners, int64_t flight,
             const char *job, bool *found_out)
{
    size_t low = 0, high = runners->count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const struct runner *r = runners->list[middle];
        int order = r->flight < flight ? -1 : r->flight > flight ? 1
                    : strcmp(r->job, job);

        if (order == 0) {
            *found_out = true;
            return middle;
        }
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    *found_out = false;
    return low;
}

static struct runner *
runner_find(const struct assayd_runners *runners,
            const struct assayd_job *job)
{
    bool found;
    size_t at = runner_place(runners, job->flight, job->job, &found);

    return found ? runners->list[at] : NULL;
}

static struct runner *
runner_of(struct assayd_runners *runners, const struct assayd_job *job)
{
    struct runner *r;
    bool found;
    size_t at = runner_place(runners, job->flight, job->job, &found);

    if (found)
        return runners->list[at];
    r = xcalloc(1, sizeof *r);
    r->owner = runners;
    r->flight = job->flight;
    r->job = xstrdup(job->job);
    runners->list = xgrow(runners->list, &runners->room, runners->count,
                          sizeof *runners->list);
    memmove(&runners->list[at + 1], &runners->list[at],
            (runners->count - at) * sizeof *runners->list);
    runners->list[at] = r;
    runners->count++;
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
        /* Somebody was faster: the next plan knows. */
        r->not_before_ms = now + NO_HOSTS_PAUSE_MS * r->misses;
        r->misses += r->misses < NO_HOSTS_MISSES_MAX;
    } else if (exited && status.code == JOB_EXIT_GAVE_WAY) {
        log_info("job %" PRId64 ".%s gave way", r->flight, r->job);
        r->deaths = r->misses = 0;
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
runner_start(struct runner *r, struct arena *arena, const char *hosts,
             struct fault *why)
{
    struct assayd_runners *runners = r->owner;
    struct proc_spec spec = PROC_SPEC_INIT;
    const char *argv[7] = { runners->spec.program, "--no-wait" };
    size_t argc = 2;
    struct fault note = FAULT_INIT;
    char *log = NULL;
    int fd = -1;
    bool ok;

    ok = runner_log(r, arena, &log, &fd, why);
    if (!ok)
        goto out;
    if (hosts != NULL) {
        argv[argc++] = "--hosts";
        argv[argc++] = hosts;
    }
    argv[argc++] = arena_printf(arena, "%" PRId64, r->flight);
    argv[argc] = r->job;
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

static void
runner_free(struct runner *r)
{
    free(r->job);
    free(r);
}

/* Forgets what is neither open nor running. */
static void
sweep(struct assayd_runners *runners)
{
    size_t kept = 0;

    for (size_t i = 0; i < runners->count; i++) {
        struct runner *r = runners->list[i];

        if (r->seen || proc_is_active(&r->proc)) {
            runners->list[kept++] = r;
            continue;
        }
        if (r->adopted != 0)
            runner_forget_pid(r);
        runner_free(r);
    }
    runners->count = kept;
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
assayd_runners_see(struct assayd_runners *runners, struct db *db,
                   const struct assayd_jobs *jobs, struct fault *why)
{
    for (size_t i = 0; i < runners->count; i++)
        runners->list[i]->seen = false;
    for (size_t i = 0; i < jobs->count; i++) {
        const struct assayd_job *job = &jobs->v[i];
        bool begun = !job->queued || job->ordered;
        struct runner *r = begun ? runner_of(runners, job)
                                 : runner_find(runners, job);

        if (r == NULL)
            continue;
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
    return true;
}

enum assayd_runner
assayd_runners_state(const struct assayd_runners *runners,
                     const struct assayd_job *job)
{
    const struct runner *r = runner_find(runners, job);

    if (r == NULL)
        return ASSAYD_RUNNER_NONE;
    if (runner_lives(r))
        return ASSAYD_RUNNER_LIVES;
    if (r->deaths >= DEATHS_MAX ||
        clock_mono_ms(runners->clock) < r->not_before_ms)
        return ASSAYD_RUNNER_PAUSES;
    return r->ran ? ASSAYD_RUNNER_OVER : ASSAYD_RUNNER_NONE;
}

int
assayd_runners_room(const struct assayd_runners *runners)
{
    return runners->spec.jobs_max - assayd_runners_count(runners);
}

void
assayd_runners_start(struct assayd_runners *runners,
                     const struct assayd_job *job, const char *hosts)
{
    struct runner *r = runner_of(runners, job);
    struct arena arena = ARENA_INIT;
    struct fault why = FAULT_INIT;

    r->ran = true;
    if (!runner_start(r, &arena, hosts, &why)) {
        r->deaths++;
        snprintf(r->last_end, sizeof r->last_end, "cannot be started");
        log_fault(LOG_LEVEL_ERROR, &why, "cannot start the runner of %"
                  PRId64 ".%s", r->flight, r->job);
    }
    arena_free(&arena);
}

void
assayd_runners_stop(struct assayd_runners *runners)
{
    for (size_t i = 0; i < runners->count; i++)
        runner_stop(runners->list[i]);
}

void
assayd_runners_kill(struct assayd_runners *runners)
{
    for (size_t i = 0; i < runners->count; i++) {
        struct runner *r = runners->list[i];

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

    for (size_t i = 0; i < runners->count; i++)
        count += runner_lives(runners->list[i]);
    return count;
}

void
assayd_runners_free(struct assayd_runners *runners)
{
    if (runners == NULL)
        return;
    for (size_t i = 0; i < runners->count; i++)
        runner_free(runners->list[i]);
    free(runners->list);
    free(runners);
}
