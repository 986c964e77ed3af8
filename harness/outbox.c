/* harness/outbox.c - writes to the database in order; see the header. */
#include <config.h>

#include "harness/outbox.h"

#include "harness/clock.h"
#include "harness/db.h"
#include "harness/fault.h"
#include "harness/log.h"
#include "harness/mem.h"

#define RETRY_MIN_MS 100
#define RETRY_SPREAD_MS 900

struct note {
    outbox_write_fn *write;
    outbox_free_fn *free_arg;
    void *arg;
    struct note *next;
};

struct outbox {
    uv_loop_t *loop;
    struct clock *clock;
    const struct outbox_ops *ops;
    void *owner;
    int64_t limit_ms;
    struct db *db;              /* NULL: lost at the moment */
    uv_poll_t *poll;            /* on its socket; freed when closed */
    uv_timer_t timer;
    struct note *first, **last;
    int64_t trouble_ms;         /* since when; -1: none */
    bool settle;                /* somebody waits for 'settled' */
    bool flushing;
    bool gone;                  /* 'lost' was said */
    bool closed;
};

static void flush(struct outbox *outbox);

static void
note_drop(struct outbox *outbox)
{
    struct note *note = outbox->first;

    outbox->first = note->next;
    if (outbox->first == NULL)
        outbox->last = &outbox->first;
    if (note->free_arg != NULL)
        note->free_arg(note->arg);
    free(note);
}

static void
on_poll_closed(uv_handle_t *handle)
{
    free(handle);
}

/* Before the descriptor goes, its watcher must. */
static void
unwatch(struct outbox *outbox)
{
    if (outbox->poll == NULL)
        return;
    uv_close((uv_handle_t *)outbox->poll, on_poll_closed);
    outbox->poll = NULL;
}

static void
close_db(struct outbox *outbox)
{
    unwatch(outbox);
    db_close(outbox->db);
    outbox->db = NULL;
}

static void
give_up(struct outbox *outbox, const struct fault *why)
{
    if (outbox->gone)
        return;
    outbox->gone = true;
    (void)uv_timer_stop(&outbox->timer);
    close_db(outbox);
    while (outbox->first != NULL)
        note_drop(outbox);
    outbox->ops->lost(outbox->owner, why);
}

static void
on_timer(uv_timer_t *timer)
{
    struct outbox *outbox = timer->data;

    flush(outbox);
}

/* Not now: again soon, unless it has been too long. */
static void
retry(struct outbox *outbox, const struct fault *why)
{
    int64_t now = clock_mono_ms(outbox->clock);
    uint64_t wait;

    if (outbox->trouble_ms < 0) {
        outbox->trouble_ms = now;
        log_fault(LOG_LEVEL_WARN, why, "the database does not answer");
    }
    if (now - outbox->trouble_ms >= outbox->limit_ms) {
        give_up(outbox, why);
        return;
    }
    wait = RETRY_MIN_MS + (uint64_t)(random() % RETRY_SPREAD_MS);
    uv_update_time(outbox->loop);
    must(uv_timer_start(&outbox->timer, on_timer, wait, 0) == 0);
}

/* A statement's answer may have brought notifications with it: those make no
 * socket readable. */
static void
tell_notified(struct outbox *outbox)
{
    char channel[64], payload[256];

    while (!outbox->flushing && outbox->db != NULL &&
           db_notified(outbox->db, channel, payload))
        outbox->ops->notified(outbox->owner, payload);
}

static void
on_readable(uv_poll_t *poll, int status UNUSED, int events UNUSED)
{
    outbox_check(poll->data);
}

static bool
watch(struct outbox *outbox)
{
    int fd = db_socket(outbox->db);

    if (fd < 0)
        return false;
    outbox->poll = xcalloc(1, sizeof(*outbox->poll));
    must(uv_poll_init(outbox->loop, outbox->poll, fd) == 0);
    outbox->poll->data = outbox;
    must(uv_poll_start(outbox->poll, UV_READABLE, on_readable) == 0);
    return true;
}

static bool
reopen(struct outbox *outbox)
{
    struct fault why = FAULT_INIT;

    switch (outbox->ops->open(outbox->owner, &outbox->db, &why)) {
    case OUTBOX_OPENED:
        if (watch(outbox))
            return true;
        close_db(outbox);
        fault_set(&why, FAULT_LOST, "the new connection is lost again");
        retry(outbox, &why);
        return false;
    case OUTBOX_OPEN_GONE:
        give_up(outbox, &why);
        return false;
    case OUTBOX_OPEN_RETRY:
    case OUTBOX_OPEN_NONE:
    default:
        retry(outbox, &why);
        return false;
    }
}

static bool
is_passing(const struct fault *why)
{
    return why->kind == FAULT_LOST || why->kind == FAULT_CONFLICT ||
           why->kind == FAULT_TIMEOUT || why->kind == FAULT_PEER ||
           why->kind == FAULT_SYSTEM;
}

/* Writes the first in line; false when it stays there. */
static bool
write_one(struct outbox *outbox)
{
    struct fault why = FAULT_INIT;

    if (outbox->first->write(outbox->db, outbox->first->arg, &why)) {
        note_drop(outbox);
        return true;
    }
    if (!db_is_alive(outbox->db))
        close_db(outbox);
    else if (!is_passing(&why)) {
        give_up(outbox, &why);
        return false;
    }
    retry(outbox, &why);
    return false;
}

static void
flush(struct outbox *outbox)
{
    char text[32];

    if (outbox->flushing || outbox->gone)
        return;
    outbox->flushing = true;
    if (outbox->db == NULL && !reopen(outbox))
        goto out;
    while (outbox->first != NULL)
        if (!write_one(outbox))
            goto out;
    if (outbox->trouble_ms >= 0) {
        clock_human(clock_mono_ms(outbox->clock) - outbox->trouble_ms, text);
        log_info("the database answers again after %s", text);
        outbox->trouble_ms = -1;
    }
    (void)uv_timer_stop(&outbox->timer);
out:
    outbox->flushing = false;
    if (outbox->settle && outbox->first == NULL && outbox->db != NULL) {
        outbox->settle = false;
        outbox->ops->settled(outbox->owner);
    }
    outbox_check(outbox);
}

struct outbox *
outbox_new(uv_loop_t *loop, struct clock *clock, struct db *db,
           int64_t limit_ms, const struct outbox_ops *ops, void *owner)
{
    struct outbox *outbox = xcalloc(1, sizeof(*outbox));

    outbox->loop = loop;
    outbox->clock = clock;
    outbox->ops = ops;
    outbox->owner = owner;
    outbox->limit_ms = limit_ms;
    outbox->db = db;
    outbox->last = &outbox->first;
    outbox->trouble_ms = -1;
    must(uv_timer_init(loop, &outbox->timer) == 0);
    outbox->timer.data = outbox;
    /* Waiting for the database keeps nobody alive by itself. */
    if (!watch(outbox))
        outbox_check(outbox);
    return outbox;
}

static void
on_closed(uv_handle_t *handle)
{
    free(handle->data);
}

void
outbox_free(struct outbox *outbox)
{
    if (outbox == NULL || outbox->closed)
        return;
    outbox->closed = outbox->gone = true;
    while (outbox->first != NULL)
        note_drop(outbox);
    close_db(outbox);
    uv_close((uv_handle_t *)&outbox->timer, on_closed);
}

void
outbox_add(struct outbox *outbox, outbox_write_fn *write, void *arg,
           outbox_free_fn *free_arg)
{
    struct note *note;

    if (outbox->gone) {
        if (free_arg != NULL)
            free_arg(arg);
        return;
    }
    note = xcalloc(1, sizeof(*note));
    note->write = write;
    note->arg = arg;
    note->free_arg = free_arg;
    *outbox->last = note;
    outbox->last = &note->next;
    /* While there is trouble the timer decides when to try. */
    if (outbox->trouble_ms < 0)
        flush(outbox);
}

void
outbox_settle(struct outbox *outbox)
{
    outbox->settle = true;
    if (outbox->trouble_ms < 0)
        flush(outbox);
}

struct db *
outbox_take_db(struct outbox *outbox)
{
    struct db *db = outbox->db;

    unwatch(outbox);
    (void)uv_timer_stop(&outbox->timer);
    outbox->db = NULL;
    outbox->gone = true;
    return db;
}

struct db *
outbox_db(struct outbox *outbox)
{
    return outbox->db;
}

/* The end of a connection may be seen by any use of it, also by the look for
 * notifications; then its socket is closed and wakes nobody any more. */
void
outbox_check(struct outbox *outbox)
{
    struct fault why = FAULT_INIT;

    tell_notified(outbox);
    if (outbox->gone || outbox->flushing || outbox->db == NULL ||
        db_is_alive(outbox->db))
        return;
    close_db(outbox);
    fault_set(&why, FAULT_LOST, "the connection broke");
    retry(outbox, &why);
}
