/* harness/assayd_duties.c - see assayd_duties.h. */
#include <config.h>

#include "harness/assayd_duties.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "harness/fault.h"
#include "harness/log.h"
#include "harness/mem.h"
#include "harness/proc.h"

#define GRACE_MS 5000
#define EVENT_DELAY_MS 20       /* notifications come in bursts */

struct duty {
    const struct assayd_duty_spec *spec;
    struct assayd_duties *all;
    struct proc proc;
    uv_timer_t timer;
    bool asked;                 /* by an event, and not started since */
};

struct assayd_duties {
    uv_loop_t *loop;
    bool leads, stopping;
    size_t count;
    struct duty v[];
};

static void duty_fired(uv_timer_t *timer);

static void
duty_after(struct duty *duty, int64_t ms)
{
    if (duty->all->leads && !duty->all->stopping)
        must(uv_timer_start(&duty->timer, duty_fired, (uint64_t)ms, 0) == 0);
}

static void
duty_ended(struct proc *proc, void *owner, struct proc_status status)
{
    struct duty *duty = owner;

    if (proc->timed_out) {
        log_warn("%s took too long and was stopped", duty->spec->name);
    } else if (!proc_status_ok(status) && !duty->all->stopping) {
        char text[64];

        proc_status_text(status, text);
        log_warn("%s: %s; it is run again later", duty->spec->name, text);
    }
    duty_after(duty, duty->asked ? EVENT_DELAY_MS : duty->spec->every_ms);
}

static void
duty_fired(uv_timer_t *timer)
{
    struct duty *duty = timer->data;
    struct proc_spec spec = PROC_SPEC_INIT;
    struct fault why = FAULT_INIT;

    duty->asked = false;
    spec.argv = duty->spec->argv;
    spec.fds[1] = STDERR_FILENO;
    spec.fds[2] = STDERR_FILENO;
    if (!proc_spawn(&duty->proc, duty->all->loop, &spec, duty->spec->limit_ms,
                    GRACE_MS, duty_ended, duty, &why)) {
        log_fault(LOG_LEVEL_ERROR, &why, "%s", duty->spec->name);
        duty_after(duty, duty->spec->every_ms);
    }
}

struct assayd_duties *
assayd_duties_new(uv_loop_t *loop, const struct assayd_duty_spec *specs,
                  size_t count)
{
    struct assayd_duties *duties =
        xcalloc(1, sizeof *duties + count * sizeof duties->v[0]);

    duties->loop = loop;
    duties->count = count;
    for (size_t i = 0; i < count; i++) {
        struct duty *duty = &duties->v[i];

        duty->spec = &specs[i];
        duty->all = duties;
        must(uv_timer_init(loop, &duty->timer) == 0);
        duty->timer.data = duty;
    }
    return duties;
}

void
assayd_duties_lead(struct assayd_duties *duties, bool leads)
{
    if (leads == duties->leads || duties->stopping)
        return;
    duties->leads = leads;
    for (size_t i = 0; i < duties->count; i++) {
        struct duty *duty = &duties->v[i];

        duty->asked = false;
        if (!leads)
            (void)uv_timer_stop(&duty->timer);
        else if (!proc_is_active(&duty->proc))
            duty_after(duty, duty->spec->every_ms);
    }
}

void
assayd_duties_event(struct assayd_duties *duties, const char *payload)
{
    for (size_t i = 0; i < duties->count; i++) {
        struct duty *duty = &duties->v[i];

        if (duty->spec->on == NULL || duty->asked ||
            strcmp(duty->spec->on, payload) != 0)
            continue;
        duty->asked = true;
        if (!proc_is_active(&duty->proc))
            duty_after(duty, EVENT_DELAY_MS);
    }
}

void
assayd_duties_stop(struct assayd_duties *duties)
{
    duties->stopping = true;
    for (size_t i = 0; i < duties->count; i++) {
        (void)uv_timer_stop(&duties->v[i].timer);
        proc_stop(&duties->v[i].proc);
    }
}

bool
assayd_duties_run(const struct assayd_duties *duties)
{
    for (size_t i = 0; i < duties->count; i++)
        if (proc_is_active(&duties->v[i].proc))
            return true;
    return false;
}

void
assayd_duties_close(struct assayd_duties *duties)
{
    for (size_t i = 0; i < duties->count; i++)
        uv_close((uv_handle_t *)&duties->v[i].timer, NULL);
}

void
assayd_duties_free(struct assayd_duties *duties)
{
    free(duties);
}
