/* harness/pick.c - first come, first served: see pick.h. */
#include <config.h>

#include "harness/pick.h"

#include "harness/arena.h"
#include "harness/host_match.h"
#include "harness/task_db.h"

static const char TAKEN[] = "an earlier job is to have it";

/* Keeps one free host a role out of the reach of later jobs. */
static void
reserve(struct match_host *hosts, int host_count, const struct pick_job *job)
{
    for (int i = 0; i < job->role_count; i++) {
        int chosen = -1;

        if (host_match(hosts, host_count, &job->roles[i], 1, false, &chosen))
            hosts[chosen].obstacle = TAKEN;
    }
}

static enum pick_verdict
pick_one(struct match_host *hosts, int host_count, const struct pick_job *job,
         int *chosen)
{
    if (host_match(hosts, host_count, job->roles, job->role_count, false,
                   chosen)) {
        for (int i = 0; i < job->role_count; i++)
            hosts[chosen[i]].obstacle = TAKEN;
        return PICK_GO;
    }
    if (!host_match(hosts, host_count, job->roles, job->role_count, true,
                    chosen))
        return PICK_NEVER;
    reserve(hosts, host_count, job);
    return PICK_WAIT;
}

void
pick_run(struct match_host *hosts, int host_count, struct pick_job *jobs,
         size_t job_count)
{
    struct arena arena = ARENA_INIT;
    int *chosen, most = 1;

    for (size_t j = 0; j < job_count; j++)
        if (jobs[j].role_count > most)
            most = jobs[j].role_count;
    chosen = arena_alloc(&arena, (size_t)most * sizeof *chosen);
    for (size_t j = 0; j < job_count; j++)
        jobs[j].verdict = pick_one(hosts, host_count, &jobs[j], chosen);
    arena_free(&arena);
}
