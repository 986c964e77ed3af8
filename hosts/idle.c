/* hosts/idle.c - see idle.h. */
#include <config.h>

#include "hosts/idle.h"

#include <inttypes.h>
#include <stdlib.h>

#include "harness/arena.h"
#include "harness/clock.h"
#include "harness/db.h"
#include "harness/fault.h"
#include "harness/home.h"
#include "harness/prepared_db.h"
#include "harness/proc.h"
#include "harness/signals.h"
#include "harness/task_db.h"

#define LOOK_MS 20
#define OFF_LIMIT_MS 240000     /* the attempts of any driver */

struct idle {
    const char *host;
    bool off;
    int64_t task;               /* ours while the host is; 0: not any more */
    pid_t pid;                  /* switches it off; 0: nothing does */
};

struct work {
    struct db *db;
    struct arena *arena;
    lease_say_fn *say;
    void *owner;
    struct idle *list;
    size_t count;
};

/* Takes the host as a job would: what it has prepared is gone by that. */
static bool
take(struct work *w, struct idle *idle, struct fault *why)
{
    const struct task_role role = { .role = "host", .host = idle->host };
    const char *key = arena_printf(w->arena, "idle %s", idle->host);
    char *got = NULL;
    int64_t task;

    if (!task_begin(w->db, "person", key, "nobody comes for it", &task, why))
        return why->kind == FAULT_CONFLICT;     /* another tends to it */
    if (task_allocate(w->db, task, 0, NULL, &role, 1, &got, why)) {
        free(got);
        idle->task = task;
        return true;
    }
    return (why->kind == FAULT_CONFLICT || why->kind == FAULT_NOT_FOUND)
        && task_end(w->db, task, "a job has it", why);
}

static bool
switch_off(struct work *w, struct idle *idle, const char *assay,
           struct fault *why)
{
    const char *argv[] = { assay, "host", "power", idle->host, "off", NULL };
    const char *env[] = {
        arena_printf(w->arena, "ASSAY_TASK=%" PRId64, idle->task), NULL
    };
    struct proc_spec spec = PROC_SPEC_INIT;

    spec.argv = argv;
    spec.env_add = env;
    spec.fds[2] = 2;
    spec.die_with_parent = true;
    return proc_start(&spec, &idle->pid, why);
}

static bool
give_back(struct work *w, struct idle *idle, const char *did,
          struct fault *why)
{
    int64_t task = idle->task;

    idle->task = 0;
    w->say(w->owner, idle->host, did, "nobody comes for what it has prepared");
    return task_end(w->db, task, "done", why);
}

/* Until all that are being switched off are, or time is over. */
static bool
await(struct work *w, struct fault *why)
{
    int64_t until_ms = clock_mono_ms(clock_system()) + OFF_LIMIT_MS;
    size_t open = 1;

    while (open > 0) {
        bool late = clock_mono_ms(clock_system()) >= until_ms
            || signals_stop_asked() != 0;

        open = 0;
        for (size_t i = 0; i < w->count; i++) {
            struct idle *idle = &w->list[i];
            struct proc_status status;

            if (idle->pid == 0)
                continue;
            if (late)
                proc_kill_group(idle->pid);
            if (!proc_poll_end(idle->pid, &status)) {
                open++;
                continue;
            }
            idle->pid = 0;
            if (!give_back(w, idle, proc_status_ok(status) ? "switched off"
                           : "cannot be switched off", why))
                return false;
        }
        if (open > 0)
            signals_pause_ms(LOOK_MS);
    }
    return true;
}

bool
idle_tend(struct db *db, struct arena *arena, lease_say_fn *say, void *owner,
          struct fault *why)
{
    struct work w = { .db = db, .arena = arena, .say = say, .owner = owner };
    struct prepared_idle *found = NULL;
    char *assay = NULL;
    bool ok;

    ok = prepared_db_idle(db, arena, &found, &w.count, why)
        && (w.count == 0 || home_program(arena, "assay", &assay, why));
    w.list = arena_alloc(arena, (w.count + 1) * sizeof *w.list);
    for (size_t i = 0; ok && i < w.count; i++) {
        struct idle *idle = &w.list[i];

        idle->host = found[i].host;
        idle->off = found[i].off;
        ok = take(&w, idle, why);
        if (!ok || idle->task == 0)
            continue;
        ok = idle->off ? switch_off(&w, idle, assay, why)
            : give_back(&w, idle, "left on", why);
    }
    return await(&w, ok ? why : NULL) && ok;
}
