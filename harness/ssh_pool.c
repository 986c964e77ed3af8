/* harness/ssh_pool.c - the kept-open connections of a job to its hosts. */
#include <config.h>

#include "harness/ssh_pool.h"

#include "harness/fault.h"
#include "harness/log.h"
#include "harness/mem.h"
#include "harness/ssh_target.h"

struct link {
    struct ssh_pool *pool;
    char *host;
    struct ssh_target target;
    struct ssh_session *session;
    bool stale;                 /* the host has booted anew: no more calls */
    struct link *next;
};

struct ssh_call {
    struct ssh_pool *pool;
    struct link *link;          /* NULL: none could be had */
    struct ssh_exec *exec;
    char *host, *command;
    const struct ssh_exec_ops *ops;
    void *owner;
    bool kept;                  /* its session was up before it came */
    bool started;
    struct fault why;           /* of a call that is refused */
    uv_timer_t timer;           /* tells it */
    struct ssh_call *next;      /* in the list of the refused or waiting */
};

struct ssh_pool {
    uv_loop_t *loop;
    char *dir;
    ssh_socket_fn *make_socket;
    void *socket_owner;
    struct link *links;
    struct ssh_call *refused;
    struct ssh_call *waiting;   /* for a session, in order */
    bool dispatching;
};

struct ssh_pool *
ssh_pool_new(uv_loop_t *loop, const char *dir, ssh_socket_fn *make_socket,
             void *socket_owner)
{
    struct ssh_pool *pool = xcalloc(1, sizeof(*pool));

    pool->loop = loop;
    pool->dir = xstrdup(dir);
    pool->make_socket = make_socket;
    pool->socket_owner = socket_owner;
    return pool;
}

static void
link_free(struct link *link)
{
    struct link **at = &link->pool->links;

    while (*at != link)
        at = &(*at)->next;
    *at = link->next;
    ssh_session_free(link->session);
    ssh_target_fini(&link->target);
    free(link->host);
    free(link);
}

static void dispatch(struct ssh_pool *pool);

static void
on_gone(void *owner, const struct fault *why)
{
    struct link *link = owner;
    struct ssh_pool *pool = link->pool;
    struct log_fields fields = {.host = link->host};

    log_with(LOG_LEVEL_INFO, &fields, "%s", why->text);
    link_free(link);
    dispatch(pool);
}

static struct link *
link_new(struct ssh_pool *pool, const char *host, struct ssh_target *target)
{
    struct link *link = xcalloc(1, sizeof(*link));

    link->pool = pool;
    link->host = xstrdup(host);
    link->target = *target;
    *target = (struct ssh_target){.port = 0};
    link->session = ssh_session_new(pool->loop, &link->target,
                                    pool->make_socket, pool->socket_owner,
                                    on_gone, link);
    link->next = pool->links;
    pool->links = link;
    return link;
}

/* Drops what nobody uses and nobody will. */
static void
sweep(struct ssh_pool *pool)
{
    struct link *link, *next;

    for (link = pool->links; link != NULL; link = next) {
        next = link->next;
        if (link->stale && ssh_session_load(link->session) == 0)
            link_free(link);
    }
}

/* A session of the host with room, or how many it has. */
static struct link *
link_with_room(const struct ssh_pool *pool, const char *host,
               size_t *count_out, size_t *connecting_out)
{
    struct link *link, *found = NULL;

    *count_out = *connecting_out = 0;
    for (link = pool->links; link != NULL; link = link->next) {
        if (strcmp(link->host, host) != 0 || link->stale ||
            ssh_session_is_gone(link->session))
            continue;
        ++*count_out;
        *connecting_out += !ssh_session_is_up(link->session);
        if (found == NULL && ssh_session_load(link->session) <
                                 ssh_session_capacity(link->session))
            found = link;
    }
    return found;
}

/* 'fresh': not one that stands already. NULL without a fault: wait. */
static struct link *
link_for(struct ssh_pool *pool, const char *host, bool fresh, bool *wait_out,
         struct fault *why)
{
    struct ssh_target target = {.port = 0};
    char *path = xasprintf("%s/%s", pool->dir, host);
    bool ok = ssh_target_load(path, &target, why);
    size_t count, connecting;
    struct link *link;

    *wait_out = false;
    free(path);
    if (!ok) {
        fault_context(why, "host %s", host);
        return NULL;
    }
    for (link = pool->links; link != NULL; link = link->next)
        if (strcmp(link->host, host) == 0 &&
            !ssh_target_equal(&link->target, &target))
            link->stale = true;
    sweep(pool);
    link = link_with_room(pool, host, &count, &connecting);
    if (fresh || (link == NULL && count < SSH_POOL_PER_HOST &&
                  connecting < SSH_POOL_CONNECTING))
        link = link_new(pool, host, &target);
    *wait_out = link == NULL;
    ssh_target_fini(&target);
    return link;
}

size_t
ssh_pool_load(const struct ssh_pool *pool)
{
    const struct ssh_call *call;
    const struct link *link;
    size_t count = 0;

    for (link = pool->links; link != NULL; link = link->next)
        count += ssh_session_load(link->session);
    for (call = pool->refused; call != NULL; call = call->next)
        count++;
    for (call = pool->waiting; call != NULL; call = call->next)
        count++;
    return count;
}

static void
call_free(struct ssh_call *call)
{
    free(call->host);
    free(call->command);
    free(call);
}

static bool call_begin(struct ssh_call *call, bool fresh);

/* Its session is up: it may have room for others now. */
static void
on_started(void *owner)
{
    struct ssh_call *call = owner;
    struct ssh_pool *pool = call->pool;

    call->started = true;
    if (call->ops->started != NULL)
        call->ops->started(call->owner);
    dispatch(pool);
}

static void
on_data(void *owner, int stream, const char *data, size_t bytes)
{
    struct ssh_call *call = owner;

    call->ops->data(call->owner, stream, data, bytes);
}

static void
on_drained(void *owner)
{
    struct ssh_call *call = owner;

    if (call->ops->drained != NULL)
        call->ops->drained(call->owner);
}

static void
on_done(void *owner, const struct ssh_end *end)
{
    struct ssh_call *call = owner;
    struct ssh_pool *pool = call->pool;

    if (end->fault != NULL && !end->started && call->kept) {
        must(call_begin(call, true));
        return;
    }
    call->ops->done(call->owner, end);
    call_free(call);
    dispatch(pool);
}

static const struct ssh_exec_ops EXEC_OPS = {
    .started = on_started, .data = on_data, .drained = on_drained,
    .done = on_done,
};

static void
on_refused_closed(uv_handle_t *handle)
{
    call_free(handle->data);
}

static void
list_remove(struct ssh_call **at, struct ssh_call *call)
{
    while (*at != call)
        at = &(*at)->next;
    *at = call->next;
    call->next = NULL;
}

static void
refused_unlink(struct ssh_call *call)
{
    list_remove(&call->pool->refused, call);
    uv_close((uv_handle_t *)&call->timer, on_refused_closed);
}

static void
on_refused(uv_timer_t *timer)
{
    struct ssh_call *call = timer->data;
    struct ssh_end end = {.started = false, .fault = &call->why};

    call->ops->done(call->owner, &end);
    refused_unlink(call);
}

/* False: it must wait for a session. */
static bool
call_begin(struct ssh_call *call, bool fresh)
{
    bool wait = false;

    call->exec = NULL;
    call->link = link_for(call->pool, call->host, fresh, &wait, &call->why);
    if (wait)
        return false;
    if (call->link == NULL) {
        must(uv_timer_init(call->pool->loop, &call->timer) == 0);
        call->timer.data = call;
        must(uv_timer_start(&call->timer, on_refused, 0, 0) == 0);
        call->next = call->pool->refused;
        call->pool->refused = call;
        return true;
    }
    call->kept = ssh_session_is_up(call->link->session);
    call->exec = ssh_exec_start(call->link->session, call->command,
                                &EXEC_OPS, call);
    return true;
}

/* Something has room: whoever waited longest is first. */
static void
dispatch(struct ssh_pool *pool)
{
    struct ssh_call **at = &pool->waiting, *call;

    if (pool->dispatching)
        return;
    pool->dispatching = true;
    while ((call = *at) != NULL) {
        *at = call->next;
        call->next = NULL;
        if (call_begin(call, false))
            continue;
        call->next = *at;
        *at = call;
        at = &call->next;
    }
    pool->dispatching = false;
}

struct ssh_call *
ssh_call_start(struct ssh_pool *pool, const char *host, const char *command,
               const struct ssh_exec_ops *ops, void *owner)
{
    struct ssh_call *call = xcalloc(1, sizeof(*call)), **at;

    call->pool = pool;
    call->host = xstrdup(host);
    call->command = xstrdup(command);
    call->ops = ops;
    call->owner = owner;
    call->next = NULL;
    for (at = &pool->waiting; *at != NULL; at = &(*at)->next)
        continue;
    *at = call;
    dispatch(pool);
    return call;
}

bool
ssh_call_write(struct ssh_call *call, const void *data, size_t bytes)
{
    must(call->started);
    return ssh_exec_write(call->exec, data, bytes);
}

void
ssh_call_end_input(struct ssh_call *call)
{
    must(call->started);
    ssh_exec_end_input(call->exec);
}

void
ssh_call_pause(struct ssh_call *call, bool paused)
{
    if (call->exec != NULL)
        ssh_exec_pause(call->exec, paused);
}

static bool
is_waiting(const struct ssh_call *call)
{
    const struct ssh_call *at = call->pool->waiting;

    while (at != NULL && at != call)
        at = at->next;
    return at != NULL;
}

void
ssh_call_cancel(struct ssh_call *call)
{
    if (call->exec != NULL) {
        ssh_exec_cancel(call->exec);
        call_free(call);
    } else if (is_waiting(call)) {
        list_remove(&call->pool->waiting, call);
        call_free(call);
    } else {
        refused_unlink(call);
    }
}

void
ssh_pool_free(struct ssh_pool *pool)
{
    struct ssh_call *call;

    if (pool == NULL)
        return;
    pool->dispatching = true;           /* no more */
    while ((call = pool->waiting) != NULL) {
        pool->waiting = call->next;
        call_free(call);
    }
    while (pool->refused != NULL)
        refused_unlink(pool->refused);
    while (pool->links != NULL)
        link_free(pool->links);
    free(pool->dir);
    free(pool);
}
