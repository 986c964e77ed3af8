/* hosts/web_session.c - one database session that comes back when lost. */
#include <config.h>

#include "hosts/web_session.h"

#include <stdbool.h>
#include <sys/random.h>

#include "harness/db.h"
#include "harness/fault.h"
#include "harness/log.h"
#include "harness/mem.h"

#define SESSION_LIMIT_MS 5000           /* of a statement */
#define RETRY_MIN_MS 100
#define RETRY_MAX_MS 2000

struct web_session {
    uv_loop_t *loop;
    uv_timer_t timer;
    uv_poll_t poll;
    const char *program;
    web_session_back_fn *back;
    void *owner;
    struct db *db;
    unsigned retry_ms;
    bool was_there;                     /* so that a loss is said once */
    int open_handles;
};

static void on_retry(uv_timer_t *timer);

/* Half of the time for certain, half by chance: a hundred clients of one
 * server do not all come back in one moment. */
static uint64_t
jitter(unsigned ms)
{
    unsigned char byte = 0;

    if (getrandom(&byte, sizeof byte, GRND_NONBLOCK) != sizeof byte)
        byte = 128;
    return ms / 2 + (uint64_t)ms / 2 * byte / 255;
}

static void
retry_later(struct web_session *session)
{
    (void)uv_timer_start(&session->timer, on_retry, jitter(session->retry_ms),
                         0);
    session->retry_ms *= 2;
    if (session->retry_ms > RETRY_MAX_MS)
        session->retry_ms = RETRY_MAX_MS;
}

static void
on_poll_closed(uv_handle_t *handle)
{
    struct web_session *session = handle->data;

    if (--session->open_handles == 0)
        free(session);
    else if (session->program != NULL)
        retry_later(session);
}

/* The descriptor must be out of the loop before libpq closes it; the next try
 * waits until the handle may be used again. */
static void
lose(struct web_session *session)
{
    (void)uv_poll_stop(&session->poll);
    uv_close((uv_handle_t *)&session->poll, on_poll_closed);
    db_close(session->db);
    session->db = NULL;
    session->retry_ms = RETRY_MIN_MS;
}

void
web_session_check(struct web_session *session)
{
    if (session->db == NULL || db_is_alive(session->db))
        return;
    log_warn("the database session is lost");
    session->was_there = false;
    lose(session);
}

static void
on_database(uv_poll_t *poll, int status UNUSED, int events UNUSED)
{
    struct web_session *session = poll->data;
    char channel[64], payload[256];

    /* Nothing is listened to: this only reads that the server has gone. */
    while (session->db != NULL && db_notified(session->db, channel, payload))
        continue;
    web_session_check(session);
}

static void
on_retry(uv_timer_t *timer)
{
    struct web_session *session = timer->data;
    struct fault why = FAULT_INIT;

    if (!db_open(session->program, &session->db, &why)
        || !db_set_limit(session->db, SESSION_LIMIT_MS, &why)) {
        /* Said once, and again when it is something that waiting does not
         * mend. */
        if (session->was_there || session->retry_ms == RETRY_MIN_MS
            || why.kind != FAULT_LOST)
            log_fault(LOG_LEVEL_WARN, &why, "no database");
        session->was_there = false;
        db_close(session->db);
        session->db = NULL;
        retry_later(session);
        return;
    }
    if (uv_poll_init(session->loop, &session->poll,
                     db_socket(session->db)) != 0
        || uv_poll_start(&session->poll, UV_READABLE, on_database) != 0)
        must(false);                    /* a socket can be polled */
    session->open_handles++;
    session->poll.data = session;
    session->retry_ms = RETRY_MIN_MS;
    session->was_there = true;
    log_info("connected to the database");
    if (session->back != NULL)
        session->back(session->owner);
    web_session_check(session);
}

struct web_session *
web_session_new(uv_loop_t *loop, const char *program,
                web_session_back_fn *back, void *owner)
{
    struct web_session *session = xcalloc(1, sizeof *session);

    session->loop = loop;
    session->program = program;
    session->back = back;
    session->owner = owner;
    session->retry_ms = RETRY_MIN_MS;
    must(uv_timer_init(loop, &session->timer) == 0);
    session->timer.data = session;
    session->open_handles = 1;
    must(uv_timer_start(&session->timer, on_retry, 0, 0) == 0);
    return session;
}

struct db *
web_session_db(struct web_session *session)
{
    web_session_check(session);
    return session->db;
}

static void
on_timer_closed(uv_handle_t *handle)
{
    struct web_session *session = handle->data;

    if (--session->open_handles == 0)
        free(session);
}

void
web_session_free(struct web_session *session)
{
    if (session == NULL)
        return;
    session->program = NULL;            /* no more tries */
    if (session->db != NULL)
        lose(session);
    (void)uv_timer_stop(&session->timer);
    uv_close((uv_handle_t *)&session->timer, on_timer_closed);
}
