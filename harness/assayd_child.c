/* harness/assayd_child.c - the effects of keep.c's decisions. */
#include <config.h>

#include "harness/assayd_child.h"

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include "harness/clock.h"
#include "harness/fault.h"
#include "harness/fdstore.h"
#include "harness/fs.h"
#include "harness/log.h"
#include "harness/mem.h"
#include "harness/pidfile.h"
#include "harness/service.h"

#define GRACE_MS 5000
#define LOOK_MS 250

/* The read end of the ready pipe. A poll handle is closed before its
 * descriptor, and each start makes a new pair, so it lives by itself. */
struct ready_wait {
    uv_poll_t poll;
    struct assayd_child *child; /* NULL: nobody cares any more */
    int fd;
};

static void child_event(struct assayd_child *child, enum keep_event event);

static void
ready_closed(uv_handle_t *handle)
{
    struct ready_wait *wait = handle->data;

    fd_close(&wait->fd);
    free(wait);
}

static void
ready_drop(struct assayd_child *child)
{
    struct ready_wait *wait = child->ready;

    if (wait == NULL)
        return;
    child->ready = NULL;
    wait->child = NULL;
    (void)uv_poll_stop(&wait->poll);
    uv_close((uv_handle_t *)&wait->poll, ready_closed);
}

static void
ready_readable(uv_poll_t *poll, int status UNUSED, int events UNUSED)
{
    struct ready_wait *wait = poll->data;
    struct assayd_child *child = wait->child;
    char c;
    bool ready = read(wait->fd, &c, 1) == 1;

    ready_drop(child);
    /* Closed unwritten: it is about to end, which says more. */
    if (ready) {
        log_info("%s is up (pid %ld)", child->spec->name,
                 (long)child->proc.pid);
        child_event(child, KEEP_READY);
    }
}

/* Watches 'fd', which it takes in any case. */
static bool
ready_watch(struct assayd_child *child, int fd, struct fault *why)
{
    struct ready_wait *wait = xcalloc(1, sizeof *wait);
    int err;

    wait->fd = fd;
    wait->child = child;
    wait->poll.data = wait;
    err = uv_poll_init(child->loop, &wait->poll, fd);
    if (err != 0) {
        fd_close(&wait->fd);
        free(wait);
        return fault_set(why, FAULT_SYSTEM, "watch a pipe: %s",
                         uv_strerror(err));
    }
    child->ready = wait;
    err = uv_poll_start(&wait->poll, UV_READABLE | UV_DISCONNECT,
                        ready_readable);
    if (err != 0) {
        ready_drop(child);
        return fault_set(why, FAULT_SYSTEM, "watch a pipe: %s",
                         uv_strerror(err));
    }
    return true;
}

static void
child_ended(struct proc *proc UNUSED, void *owner, struct proc_status status)
{
    struct assayd_child *child = owner;
    char text[64];

    ready_drop(child);
    pidfile_remove(child->spec->name);
    proc_status_text(status, text);
    if (child->keep.state == KEEP_STOPPING ||
        child->keep.state == KEEP_RESTARTING)
        log_info("%s has stopped: %s", child->spec->name, text);
    else
        log_warn("%s died: %s", child->spec->name, text);
    child_event(child, KEEP_ENDED);
}

static bool
child_spawn(struct assayd_child *child, struct fault *why)
{
    static const char *const env[] = { SERVICE_READY_ENV "=3", NULL };
    static const char *const env_store[] = { SERVICE_READY_ENV "=3",
                                             SERVICE_STORE_ENV "=4", NULL };
    struct proc_spec spec = PROC_SPEC_INIT;
    struct fault note = FAULT_INIT;
    int ready[2] = { -1, -1 }, store = -1;
    bool ok;

    ok = pipe2(ready, O_CLOEXEC) == 0;
    if (!ok) {
        fault_errno(why, FAULT_SYSTEM, "make a pipe");
        goto out;
    }
    if (child->store != NULL) {
        ok = fdstore_serve(child->store, &store, why);
        if (!ok)
            goto out;
    }
    spec.argv = child->spec->argv;
    spec.env_add = child->store != NULL ? env_store : env;
    spec.fds[1] = STDERR_FILENO;
    spec.fds[2] = STDERR_FILENO;
    spec.fds[SERVICE_READY_FD] = ready[1];
    spec.fds[SERVICE_STORE_FD] = store;
    spec.new_session = true;    /* a terminal's signals are not for it */
    ok = proc_spawn(&child->proc, child->loop, &spec, 0, GRACE_MS,
                    child_ended, child, why);
    if (!ok)
        goto out;
    if (!pidfile_write(child->spec->name, child->proc.pid, &note))
        log_fault(LOG_LEVEL_WARN, &note, "%s", child->spec->name);
    ok = ready_watch(child, ready[0], why);
    ready[0] = -1;              /* taken, even on failure */
    if (!ok)
        proc_stop(&child->proc);    /* child_ended() will follow */
    ok = true;
out:
    fd_close(&ready[0]);
    fd_close(&ready[1]);
    fd_close(&store);
    return ok;
}

/* Nobody tells us of the end of a process that is not our child. */
static void
look(uv_timer_t *timer)
{
    struct assayd_child *child = timer->data;
    int64_t now = clock_mono_ms(child->clock);

    if (pidfile_alive(child->spec->name) == child->adopted) {
        if (child->kill_at_ms != 0 && now >= child->kill_at_ms)
            proc_kill_group(child->adopted);
        return;
    }
    log_info("%s (pid %ld), which an earlier assayd started, has ended",
             child->spec->name, (long)child->adopted);
    (void)uv_timer_stop(&child->look);
    pidfile_remove(child->spec->name);
    child->adopted = 0;
    child->kill_at_ms = 0;
    child_event(child, KEEP_ENDED);
}

static bool
child_adopt(struct assayd_child *child)
{
    child->adopted = pidfile_alive(child->spec->name);
    if (child->adopted == 0)
        return false;
    log_info("%s goes on (pid %ld)", child->spec->name,
             (long)child->adopted);
    must(uv_timer_start(&child->look, look, LOOK_MS, LOOK_MS) == 0);
    child_event(child, KEEP_READY);
    return true;
}

static void
child_kill(struct assayd_child *child)
{
    if (child->adopted == 0) {
        proc_stop(&child->proc);
        return;
    }
    if (child->kill_at_ms == 0)
        (void)kill(child->adopted, SIGTERM);
    child->kill_at_ms = clock_mono_ms(child->clock) + GRACE_MS;
}

static void
timer_fired(uv_timer_t *timer)
{
    child_event(timer->data, KEEP_TIMER);
}

static void
child_event(struct assayd_child *child, enum keep_event event)
{
    struct fault why = FAULT_INIT;
    int64_t timer_ms = 0;
    enum keep_action action = keep_event(
        &child->keep, event, clock_mono_ms(child->clock), &timer_ms);

    if (action == KEEP_NOTHING)
        return;
    if (timer_ms > 0)
        must(uv_timer_start(&child->timer, timer_fired, (uint64_t)timer_ms,
                            0) == 0);
    else
        (void)uv_timer_stop(&child->timer);
    switch (action) {
    case KEEP_NOTHING:
    case KEEP_WAIT:
        break;
    case KEEP_SPAWN:
        if (!child_adopt(child) && !child_spawn(child, &why)) {
            log_fault(LOG_LEVEL_ERROR, &why, "cannot start %s",
                      child->spec->name);
            child_event(child, KEEP_ENDED);
        }
        break;
    case KEEP_KILL:
        child_kill(child);
        break;
    case KEEP_GIVE_UP_A_WHILE:
        log_error("%s dies too often: next try in %lld s",
                  child->spec->name, (long long)(timer_ms / 1000));
        break;
    case KEEP_GONE:
        child->gone(child, child->owner);
        break;
    }
}

void
assayd_child_init(struct assayd_child *child, uv_loop_t *loop,
                  struct clock *clock, const struct assayd_child_spec *spec,
                  assayd_child_gone_fn *gone, void *owner)
{
    *child = (struct assayd_child){
        .spec = spec, .clock = clock, .loop = loop, .keep = KEEP_INIT,
        .gone = gone, .owner = owner,
    };
    must(uv_timer_init(loop, &child->timer) == 0);
    must(uv_timer_init(loop, &child->look) == 0);
    child->timer.data = child->look.data = child;
    if (spec->keeps_fds)
        child->store = fdstore_new(loop);
}

void
assayd_child_start(struct assayd_child *child)
{
    child_event(child, KEEP_START);
}

void
assayd_child_restart(struct assayd_child *child)
{
    child_event(child, KEEP_RESTART);
}

void
assayd_child_stop(struct assayd_child *child)
{
    child_event(child, KEEP_STOP);
}

void
assayd_child_fini(struct assayd_child *child)
{
    ready_drop(child);
    uv_close((uv_handle_t *)&child->timer, NULL);
    uv_close((uv_handle_t *)&child->look, NULL);
    fdstore_free(child->store);
    child->store = NULL;
}
