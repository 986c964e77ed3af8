/* hosts/console_mux.c - two epolls, calm and hot, each with its pace. */
#include <config.h>

#include "hosts/console_mux.h"

#include <sys/epoll.h>
#include <unistd.h>
#include <uv.h>

#include "harness/fault.h"
#include "harness/fs.h"
#include "harness/mem.h"

#define ROUND_EVENTS 512
/* A Unix socket of the usual size takes 128 sends of one byte. So many bytes
 * in a calm round may be a sender that waits: it gets a second look at once,
 * and if there is more by then it is hot. */
#define LOOK_BYTES 100
#define LOOK_MS 2
/* Fewer bytes than this in a tick, for so many ticks: calm again. */
#define QUIET_BYTES 300
#define QUIET_TICKS 4

struct console_mux;

struct pace {
    struct console_mux *mux;
    int epoll_fd;
    uint64_t gap_ms;
    uv_poll_t poll;
    uv_timer_t gap;
};

enum { CALM = 0, HOT = 1, PACES = 2 };

struct console_mux {
    struct pace paces[PACES];
    uv_timer_t look;
    struct console_mux_item *looks;     /* candidates for the second look */
    struct console_mux_item *hots;
    int handles;                /* that are open */
};

static void on_poll(uv_poll_t *poll, int status, int events);

static void
list_remove(struct console_mux_item **at, struct console_mux_item *item)
{
    while (*at != NULL && *at != item)
        at = &(*at)->next;
    if (*at != NULL)
        *at = item->next;
    item->next = NULL;
}

/* Items ------------------------------------------------------------------- */

/* It fails only for want of memory or for our own bugs. */
static void
item_ctl(struct console_mux *mux, struct console_mux_item *item, int op)
{
    struct epoll_event event = { .events = item->events, .data.ptr = item };

    must(epoll_ctl(mux->paces[item->hot ? HOT : CALM].epoll_fd, op, item->fd,
                   &event) == 0);
}

static void
forget_look(struct console_mux *mux, struct console_mux_item *item)
{
    if (item->looked)
        list_remove(&mux->looks, item);
    item->looked = false;
}

static void
heat(struct console_mux *mux, struct console_mux_item *item)
{
    forget_look(mux, item);
    item->quiet_ticks = 0;
    item->tick_bytes = 0;
    if (item->hot)
        return;
    if (item->fd >= 0)
        item_ctl(mux, item, EPOLL_CTL_DEL);
    item->hot = true;
    item->next = mux->hots;
    mux->hots = item;
    if (item->fd >= 0)
        item_ctl(mux, item, EPOLL_CTL_ADD);
}

static void
cool(struct console_mux *mux, struct console_mux_item *item)
{
    if (!item->hot)
        return;
    if (item->fd >= 0)
        item_ctl(mux, item, EPOLL_CTL_DEL);
    item->hot = false;
    list_remove(&mux->hots, item);
    if (item->fd >= 0)
        item_ctl(mux, item, EPOLL_CTL_ADD);
}

void
console_mux_poll(struct console_mux *mux, struct console_mux_item *item,
                 int fd, uint32_t events)
{
    if (item->fd == fd && (fd < 0 || item->events == events))
        return;
    if (item->fd == fd) {
        item->events = events;
        item_ctl(mux, item, EPOLL_CTL_MOD);
        return;
    }
    if (item->fd >= 0)
        item_ctl(mux, item, EPOLL_CTL_DEL);
    item->fd = fd;
    item->events = events;
    if (fd >= 0) {
        item_ctl(mux, item, EPOLL_CTL_ADD);
        return;
    }
    forget_look(mux, item);
    if (!item->pinned)
        cool(mux, item);
}

void
console_mux_pin(struct console_mux *mux, struct console_mux_item *item,
                bool pinned)
{
    item->pinned = pinned;
    if (pinned)
        heat(mux, item);
    else if (item->fd < 0)
        cool(mux, item);
}

void
console_mux_tick(struct console_mux *mux)
{
    struct console_mux_item *next;

    for (struct console_mux_item *item = mux->hots; item != NULL;
         item = next) {
        next = item->next;
        item->quiet_ticks = item->tick_bytes < QUIET_BYTES
                                ? item->quiet_ticks + 1 : 0;
        item->tick_bytes = 0;
        if (!item->pinned && item->quiet_ticks >= QUIET_TICKS)
            cool(mux, item);
    }
}

/* Rounds ------------------------------------------------------------------ */

static void
pace_poll(struct pace *pace)
{
    must(uv_poll_start(&pace->poll, UV_READABLE, on_poll) == 0);
}

static void
on_gap(uv_timer_t *timer)
{
    pace_poll(timer->data);
}

static void
on_look(uv_timer_t *timer)
{
    struct console_mux *mux = timer->data;
    struct console_mux_item *item;

    while ((item = mux->looks) != NULL) {
        forget_look(mux, item);
        if (item->fd >= 0 && item->ready(item, EPOLLIN) > 0 && item->fd >= 0)
            heat(mux, item);
    }
}

static void
on_poll(uv_poll_t *poll, int status UNUSED, int events_of_poll UNUSED)
{
    struct pace *pace = poll->data;
    struct console_mux *mux = pace->mux;
    struct epoll_event events[ROUND_EVENTS];
    bool look = false;
    int count;

    count = epoll_wait(pace->epoll_fd, events, ROUND_EVENTS, 0);
    for (int i = 0; i < count; i++) {
        struct console_mux_item *item = events[i].data.ptr;
        size_t bytes = item->ready(item, events[i].events);

        item->tick_bytes += bytes;
        if (!item->hot && bytes >= LOOK_BYTES && item->fd >= 0 &&
            !item->looked) {
            item->looked = look = true;
            item->next = mux->looks;
            mux->looks = item;
        }
    }
    if (look)
        must(uv_timer_start(&mux->look, on_look, LOOK_MS, 0) == 0);
    if (count == ROUND_EVENTS)
        return;                 /* there is more: come again at once */
    (void)uv_poll_stop(&pace->poll);
    must(uv_timer_start(&pace->gap, on_gap, pace->gap_ms, 0) == 0);
}

/* Life -------------------------------------------------------------------- */

bool
console_mux_new(struct uv_loop_s *loop, struct console_mux **mux_out,
                struct fault *why)
{
    static const uint64_t gaps_ms[PACES] = { CONSOLE_CALM_MS,
                                             CONSOLE_HOT_MS };
    struct console_mux *mux = xcalloc(1, sizeof(*mux));

    for (int i = 0; i < PACES; i++) {
        struct pace *pace = &mux->paces[i];

        pace->mux = mux;
        pace->gap_ms = gaps_ms[i];
        pace->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
        if (pace->epoll_fd < 0) {
            fault_errno(why, FAULT_SYSTEM, "make an epoll");
            if (i > 0)
                fd_close(&mux->paces[0].epoll_fd);
            free(mux);
            return false;
        }
    }
    for (int i = 0; i < PACES; i++) {
        struct pace *pace = &mux->paces[i];

        must(uv_poll_init(loop, &pace->poll, pace->epoll_fd) == 0 &&
             uv_timer_init(loop, &pace->gap) == 0);
        pace->poll.data = pace->gap.data = pace;
        pace_poll(pace);
    }
    must(uv_timer_init(loop, &mux->look) == 0);
    mux->look.data = mux;
    mux->handles = 2 * PACES + 1;
    *mux_out = mux;
    return true;
}

static void
handle_closed(struct console_mux *mux)
{
    if (--mux->handles > 0)
        return;
    for (int i = 0; i < PACES; i++)
        fd_close(&mux->paces[i].epoll_fd);
    free(mux);
}

static void
on_pace_closed(uv_handle_t *handle)
{
    struct pace *pace = handle->data;

    handle_closed(pace->mux);
}

static void
on_look_closed(uv_handle_t *handle)
{
    handle_closed(handle->data);
}

void
console_mux_free(struct console_mux *mux)
{
    if (mux == NULL)
        return;
    must(mux->hots == NULL && mux->looks == NULL);
    for (int i = 0; i < PACES; i++) {
        uv_close((uv_handle_t *)&mux->paces[i].poll, on_pace_closed);
        uv_close((uv_handle_t *)&mux->paces[i].gap, on_pace_closed);
    }
    uv_close((uv_handle_t *)&mux->look, on_look_closed);
}
