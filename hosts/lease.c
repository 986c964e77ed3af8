/* hosts/lease.c - see lease.h. */
#include <config.h>

#include "hosts/lease.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "harness/arena.h"
#include "harness/clock.h"
#include "harness/db.h"
#include "harness/fault.h"
#include "harness/home.h"
#include "harness/notice.h"
#include "harness/proc.h"
#include "harness/signals.h"
#include "harness/task_db.h"
#include "harness/window_db.h"
#include "hosts/host_db.h"
#include "hosts/site.h"

#define MINUTE_MS 60000
#define LOOK_MS 20
#define LOOKS 50                /* between two looks at all leases */
#define OFF_LIMIT_MS 240000     /* the attempts of any driver */

/* A lease that is over. */
struct ended {
    struct ended *next;
    const struct window_lease *lease;
    bool power_off;
    int64_t task;               /* ours while the host is: no job takes it */
    pid_t pid;                  /* switches it off; 0: nothing does */
    int64_t until_ms;           /* mono: it has so long */
    const char *power;          /* what became of that, for people */
    bool over;                  /* we wrote it down */
};

struct work {
    struct db *db;
    struct arena *arena;
    lease_say_fn *say;
    void *owner;
    struct ended *ended;        /* all that were seen, done with or not */
    size_t open;                /* that are being switched off */
};

static bool
add_notice(struct work *w, const struct window_lease *lease,
           const char *cause, const char *subject, const char *body,
           bool *fresh, struct fault *why)
{
    const char *people[] = { lease->mail, NULL };
    const struct notice notice = {
        .kind = "lease", .cause = cause, .subject = subject, .body = body,
        .about = arena_printf(w->arena, "lease %" PRId64, lease->id),
        .people = lease->mail == NULL ? NULL : people,
    };

    return notice_add(w->db, &notice, fresh, why);
}

/* Before the end: once for each end that it was to have. */
static bool
warn(struct work *w, const struct window_lease *lease,
     const struct site *site, struct fault *why)
{
    int64_t notice_ms = (lease->until_ms - lease->from_ms) / 2;
    const char *subject, *body, *cause;
    bool fresh = false, ok;

    if (notice_ms > site->notice_ms)
        notice_ms = site->notice_ms;
    if (lease->left_ms > notice_ms)
        return true;
    cause = arena_printf(w->arena, "until %" PRId64, lease->until_ms);
    subject = arena_printf(w->arena, "the lease of host %s by %s ends at %s",
                           lease->host, lease->who, lease->until);
    body = arena_printf(w->arena,
        "%s has host %s until %s, in %" PRId64 " minutes: %s\n\n"
        "Longer:  assay host lease %s --for TIME --why TEXT --who %s\n"
        "Now:     assay host return %s\n\n"
        "At its end jobs may get the host%s.\n",
        lease->who, lease->host, lease->until,
        (lease->left_ms + MINUTE_MS - 1) / MINUTE_MS, lease->why, lease->host,
        lease->who, lease->host,
        site->power_off ? ", and it is switched off" : "");
    ok = add_notice(w, lease, cause, subject, body, &fresh, why);
    if (ok && fresh)
        w->say(w->owner, lease->host, "lease ends soon", subject);
    return ok;
}

/* Takes the host as a job would, so that none gets it while it is switched
 * off. One that is out of use is nobody's, and needs no taking. */
static bool
take(struct work *w, struct ended *e, bool *mine_out, struct fault *why)
{
    const struct task_role role = { .role = "host", .host = e->lease->host };
    const char *key = arena_printf(w->arena, "lease %" PRId64, e->lease->id);
    struct host *host = NULL;
    char *got = NULL;

    *mine_out = false;
    if (!task_begin(w->db, "person", key, "the end of a lease", &e->task,
                    why))
        return why->kind == FAULT_CONFLICT;     /* another tends to it */
    *mine_out = true;
    if (task_allocate(w->db, e->task, 0, NULL, &role, 1, &got, why)) {
        free(got);
        return true;
    }
    if (why->kind != FAULT_CONFLICT && why->kind != FAULT_NOT_FOUND)
        return false;
    if (!host_db_get(w->db, e->lease->host, &host, why))
        return false;
    if (host->owner_task != 0) {
        e->power_off = false;
        e->power = arena_printf(w->arena, ", left on for %s", host->owner);
    }
    host_free(host);
    return true;
}

static bool
switch_off(struct work *w, struct ended *e, struct fault *why)
{
    const char *argv[] = { NULL, "host", "power", e->lease->host, "off",
                           NULL };
    const char *env[] = {
        arena_printf(w->arena, "ASSAY_TASK=%" PRId64, e->task), NULL
    };
    struct proc_spec spec = PROC_SPEC_INIT;
    char *assay = NULL;

    if (!home_program(w->arena, "assay", &assay, why))
        return false;
    argv[0] = assay;
    spec.argv = argv;
    spec.env_add = env;
    spec.fds[2] = 2;
    spec.die_with_parent = true;
    if (!proc_start(&spec, &e->pid, why))
        return false;
    e->until_ms = clock_mono_ms(clock_system()) + OFF_LIMIT_MS;
    w->open++;
    return true;
}

static bool
end_tx(struct db *db, void *arg, struct fault *why)
{
    void *const *args = arg;
    struct work *w = args[0];
    struct ended *e = args[1];
    const struct window_lease *lease = e->lease;
    const char *text = arena_printf(w->arena, "the lease of host %s by %s is "
                                    "over", lease->host, lease->who);

    e->over = false;
    return window_db_over(db, lease->id, &e->over, why)
        && (!e->over
            || add_notice(w, lease, "over", text,
                          arena_printf(w->arena, "%s since %s%s: %s\n", text,
                                       lease->until, e->power, lease->why),
                          NULL, why));
}

static bool
end_one(struct work *w, struct ended *e, struct fault *why)
{
    void *args[] = { w, e };
    bool ok = db_transact(w->db, end_tx, args, why);

    if (ok && e->over)
        w->say(w->owner, e->lease->host, "returned",
               arena_printf(w->arena, "the lease of %s ended at %s%s",
                            e->lease->who, e->lease->until, e->power));
    if (e->task != 0 && !task_end(w->db, e->task, "lease over",
                                  ok ? why : NULL))
        ok = false;
    return ok;
}

static bool
begin_end(struct work *w, const struct window_lease *lease, bool power_off,
          struct fault *why)
{
    struct ended *e;
    bool mine = true;

    for (e = w->ended; e != NULL; e = e->next)
        if (e->lease->id == lease->id)
            return true;
    e = arena_alloc(w->arena, sizeof *e);
    *e = (struct ended){ .next = w->ended, .lease = lease,
                         .power_off = power_off, .power = "" };
    w->ended = e;
    if (power_off && !take(w, e, &mine, why))
        return false;
    if (!mine)
        return true;
    return e->power_off ? switch_off(w, e, why) : end_one(w, e, why);
}

/* All leases as they are now. */
static bool
look(struct work *w, struct fault *why)
{
    struct window_lease *leases = NULL;
    size_t count = 0;
    bool ok;

    ok = window_db_leases(w->db, w->arena, &leases, &count, why);
    for (size_t i = 0; ok && i < count; i++) {
        struct fault wrong = FAULT_INIT;        /* said by who checks hosts */
        struct site site;

        if (!site_load(leases[i].site, w->arena, &site, &wrong))
            site_default(leases[i].site, w->arena, &site);
        ok = leases[i].left_ms > 0
            ? warn(w, &leases[i], &site, why)
            : begin_end(w, &leases[i], site.power_off, why);
    }
    return ok;
}

/* Ends those that are off, or will not be. */
static bool
end_some(struct work *w, struct fault *why)
{
    int64_t now_ms = clock_mono_ms(clock_system());

    for (struct ended *e = w->ended; e != NULL; e = e->next) {
        struct proc_status status;

        if (e->pid == 0)
            continue;
        if (now_ms >= e->until_ms)
            proc_kill_group(e->pid);
        if (!proc_poll_end(e->pid, &status))
            continue;
        e->pid = 0;
        w->open--;
        e->power = proc_status_ok(status)
            ? ", switched off" : ", and it cannot be switched off";
        if (!end_one(w, e, why))
            return false;
    }
    return true;
}

/* One that cannot be switched off keeps nobody else waiting, not even those
 * whose leases end meanwhile. */
bool
lease_tend(struct db *db, struct arena *arena, lease_say_fn *say, void *owner,
           struct fault *why)
{
    struct work w = { .db = db, .arena = arena, .say = say, .owner = owner };
    bool ok = look(&w, why);

    for (int turn = 1; ok && w.open > 0; turn++) {
        signals_pause_ms(LOOK_MS);
        ok = signals_check(why) && end_some(&w, why)
            && (turn % LOOKS != 0 || w.open == 0 || look(&w, why));
    }
    for (struct ended *e = w.ended; e != NULL; e = e->next) {
        if (e->pid != 0)
            proc_kill_group(e->pid);
    }
    return ok;
}
