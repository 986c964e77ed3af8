/* harness/job_engine.h - the life of one job as a state machine.
 *
 *   new -> booking <-> waiting          hosts: wanted, busy
 *             |
 *          settling <-> running         steps, batch by batch; between two
 *             |           |             batches the store must hold all
 *             |        stopping         the batch is being stopped: aborted,
 *             |                         or the job gives way to another
 *          finishing                    the job's row is being written
 *             |
 *           ended        losing         the database or the hosts are lost:
 *                                       everything is being killed
 *
 * No I/O and no clock of its own: it is told what happened, and asks its
 * owner through 'ops'. One table [state][event]; an event that cannot happen
 * in a state is a bug and aborts. */
#ifndef HARNESS_JOB_ENGINE_H
#define HARNESS_JOB_ENGINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "harness/attr.h"
#include "harness/step_verdict.h"

struct job_engine;
struct job_plan;

enum job_state {
    JOB_STATE_NEW = 0, JOB_STATE_BOOKING, JOB_STATE_WAITING,
    JOB_STATE_SETTLING, JOB_STATE_RUNNING, JOB_STATE_STOPPING,
    JOB_STATE_FINISHING, JOB_STATE_LOSING, JOB_STATE_ENDED,
    JOB_STATE_COUNT
};

enum job_event {
    JOB_EVENT_START = 0,
    JOB_EVENT_BOOKED,           /* the hosts are ours */
    JOB_EVENT_BUSY,             /* not now */
    JOB_EVENT_NEVER,            /* no set of hosts could ever do */
    JOB_EVENT_WAKE,             /* the alarm of wake_in() */
    JOB_EVENT_SETTLED,          /* the store holds all that happened */
    JOB_EVENT_BATCH_ENDED,      /* from job_engine_step_ended() */
    JOB_EVENT_ABORT,            /* a person or the flight wants it to stop */
    JOB_EVENT_GIVE_WAY,         /* another job wants its hosts */
    JOB_EVENT_LOST,             /* the job is no longer ours to run */
    JOB_EVENT_FINISHED,         /* the job's row is written */
    JOB_EVENT_COUNT
};

/* How it ended, for the exit status of the process. */
enum job_end { JOB_END_NONE = 0, JOB_END_DONE, JOB_END_NO_HOSTS,
               JOB_END_LOST, JOB_END_GAVE_WAY, JOB_END_COUNT };

/* What the engine asks of its owner. Answers come as events, later or from
 * inside the call. 'step' is an index into the plan. */
struct job_engine_ops {
    void (*book)(void *owner);          /* -> BOOKED, BUSY, NEVER, LOST */
    void (*settle)(void *owner);        /* -> SETTLED, LOST */
    /* -> job_engine_step_ended(); 'limit_ms' is the deadline */
    void (*start)(void *owner, size_t step, int64_t limit_ms);
    void (*stop)(void *owner, size_t step, bool aborted);
    /* Records a step that is not run; reused ones, because another job has
     * done it, included. */
    void (*unrun)(void *owner, size_t step,
                  const struct step_verdict *verdict);
    /* All went well: true if the host is left as it is, prepared, for
     * another job. Asked once, at the end. */
    bool (*leave)(void *owner);
    /* One alarm -> WAKE; a new one replaces the old, 0 cancels. */
    void (*wake_in)(void *owner, int64_t ms);
    /* -> FINISHED, LOST; 'testid' is that of the step that decided or NULL */
    void (*finish)(void *owner, const struct step_verdict *verdict,
                   const char *testid);
    /* Queues the job again -> FINISHED, LOST */
    void (*give_way)(void *owner);
    /* Nothing of the job runs any more. Called once. */
    void (*ended)(void *owner, enum job_end end);
};

struct job_engine_config {
    bool no_wait;               /* busy hosts end it with JOB_END_NO_HOSTS */
    int64_t retry_ms;           /* ask for hosts again at the latest then */
    int64_t abort_limit_ms;     /* deadline of each final step after abort */
};

/* 'plan' and 'ops' are borrowed for the engine's life. */
MUST_CHECK struct job_engine *job_engine_new(
    const struct job_plan *plan, const struct job_engine_config *config,
    const struct job_engine_ops *ops, void *owner);
void job_engine_free(struct job_engine *engine);        /* ignores NULL */

/* All but BATCH_ENDED, which is the engine's own, ABORT and GIVE_WAY. */
void job_engine_event(struct job_engine *engine, enum job_event event);
/* As an event; 'reason' is copied. The first one stops the current steps and
 * gives each final step at most abort_limit_ms; the second stops these too. */
void job_engine_abort(struct job_engine *engine, const char *reason);
/* As an event; 'reason' is copied. Stops the current steps, runs the final
 * ones with the limit of an abort, and ends with JOB_END_GAVE_WAY. A job of
 * which all is known already, or which is aborted, comes to its own end. */
void job_engine_give_way(struct job_engine *engine, const char *reason);
/* Why there are no hosts, for BUSY and NEVER; call before the event. */
void job_engine_set_hosts_text(struct job_engine *engine, const char *text);
/* The host that BOOKED will tell of is said to be prepared; 'text' is the
 * reason of the steps that are not run if the plan's check agrees. */
void job_engine_set_prepared(struct job_engine *engine, const char *text);
/* A step that start() began has ended, whatever stopped it. A check that did
 * not pass says nothing: the host is prepared as any other then. */
void job_engine_step_ended(struct job_engine *engine, size_t step,
                           const struct step_verdict *verdict);

enum job_state job_engine_state(const struct job_engine *engine);
const char *job_state_name(enum job_state state);
const char *job_event_name(enum job_event event);
/* Says what the table does, for the test that visits each cell: 'a' acts,
 * 'i' ignores, 'x' cannot happen. */
char job_engine_cell(enum job_state state, enum job_event event);

#endif
