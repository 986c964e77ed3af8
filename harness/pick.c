/* harness/pick.c - first come, first served: see pick.h. */
#include <config.h>

#include "harness/pick.h"

#include <string.h>

/* One search: roles 0..depth-1 have hosts chosen[]. */
struct search {
    struct pick_host *hosts;
    size_t host_count;
    const struct pick_job *job;
    bool any_time;              /* busy hosts count too */
    size_t chosen[PICK_ROLES_MAX];
};

static bool
has_flags(const struct pick_host *host, const struct pick_role *role)
{
    for (int i = 0; role->flags != NULL && role->flags[i] != NULL; i++) {
        bool found = false;

        for (int k = 0; host->flags != NULL && host->flags[k] != NULL; k++)
            found = found || strcmp(host->flags[k], role->flags[i]) == 0;
        if (!found)
            return false;
    }
    return true;
}

static bool
suits(const struct pick_host *host, const struct pick_role *role)
{
    return host->good &&
           (role->preset == NULL || strcmp(host->name, role->preset) == 0) &&
           (role->arch == NULL || strcmp(host->arch, role->arch) == 0) &&
           has_flags(host, role);
}

/* The roles chosen so far have other hosts, and classes that agree. */
static bool
fits(const struct search *s, int depth, size_t host)
{
    const struct pick_role *role = &s->job->roles[depth];

    for (int i = 0; i < depth; i++) {
        if (s->chosen[i] == host)
            return false;
        if (role->same_class > 0 &&
            s->job->roles[i].same_class == role->same_class &&
            strcmp(s->hosts[s->chosen[i]].class, s->hosts[host].class) != 0)
            return false;
    }
    return true;
}

static bool
find(struct search *s, int depth)
{
    if (depth == s->job->role_count)
        return true;
    for (size_t h = 0; h < s->host_count; h++) {
        const struct pick_host *host = &s->hosts[h];

        if (!s->any_time && (!host->free || host->taken))
            continue;
        if (!suits(host, &s->job->roles[depth]) || !fits(s, depth, h))
            continue;
        s->chosen[depth] = h;
        if (find(s, depth + 1))
            return true;
    }
    return false;
}

/* Keeps one free host a role out of the reach of later jobs. */
static void
reserve(struct search *s)
{
    for (int i = 0; i < s->job->role_count; i++) {
        for (size_t h = 0; h < s->host_count; h++) {
            struct pick_host *host = &s->hosts[h];

            if (host->free && !host->taken &&
                suits(host, &s->job->roles[i])) {
                host->taken = true;
                break;
            }
        }
    }
}

static enum pick_verdict
pick_one(struct pick_host *hosts, size_t host_count,
         const struct pick_job *job)
{
    struct search s = { .hosts = hosts, .host_count = host_count,
                        .job = job };

    must(job->role_count <= PICK_ROLES_MAX);
    if (find(&s, 0)) {
        for (int i = 0; i < job->role_count; i++)
            hosts[s.chosen[i]].taken = true;
        return PICK_GO;
    }
    s.any_time = true;
    if (!find(&s, 0))
        return PICK_NEVER;
    reserve(&s);
    return PICK_WAIT;
}

void
pick_run(struct pick_host *hosts, size_t host_count, struct pick_job *jobs,
         size_t job_count)
{
    for (size_t h = 0; h < host_count; h++)
        hosts[h].taken = false;
    for (size_t j = 0; j < job_count; j++)
        jobs[j].verdict = pick_one(hosts, host_count, &jobs[j]);
}
