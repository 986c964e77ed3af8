/* recipes/job_watch.c - see job_watch.h. */
#include <config.h>

#include "recipes/job_watch.h"

#include "harness/arena.h"
#include "harness/fault.h"
#include "harness/home.h"
#include "harness/log.h"
#include "harness/mem.h"
#include "harness/pattern.h"
#include "harness/pattern_scan.h"
#include "hosts/console_index.h"
#include "hosts/console_read.h"
#include "hosts/firmware_db.h"

#define AGAIN_MS 2000

/* They are the evidence: where they cannot be found, they stand alone. */
static void
find_words(const char *host, int64_t offset, struct arena *arena,
           struct job_watch_words *words)
{
    struct console_reader *reader
        = console_reader_new(home_path(arena, "consoles/%s", host));
    char name[CONSOLE_FILE_BYTES];
    struct fault why = FAULT_INIT;
    struct console_spot spot;

    if (console_reader_spot(reader, offset, &spot, &why)) {
        console_index_log_name(spot.number, name);
        words->file = arena_printf(arena, "consoles/%s/%s", host, name);
        words->line = spot.line;
        words->byte = spot.byte;
    } else {
        log_fault(LOG_LEVEL_WARN, &why, "the last words of host %s", host);
    }
    console_reader_free(reader);
}

static void
on_pattern(void *owner, const struct pattern *pattern, int64_t offset,
           const char *line)
{
    struct job_watch_host *host = owner;
    struct log_fields fields = { .host = host->name };
    struct job_watch_words words = { .text = line, .file = "" };
    struct arena arena = ARENA_INIT;

    if (pattern == NULL) {
        if (!host->told)
            log_with(LOG_LEVEL_INFO, &fields, "the console is not watched: "
                     "%s", line);
        host->told = true;
        return;
    }
    if (pattern->kind == PATTERN_START && !firmware_is_banner(pattern))
        host->up = true;
    if (pattern->kind != PATTERN_FATAL || pattern->lane != LANE_PRODUCT
        || !host->up)
        return;
    find_words(host->name, offset, &arena, &words);
    host->owner->fn(host->name, pattern, &words);
    arena_free(&arena);
}

static void
start_all(struct job_watch *watch)
{
    for (size_t i = 0; i < watch->count; i++)
        if (watch->hosts[i].watch.client == NULL)
            console_watch_start(&watch->hosts[i].watch, watch->loop,
                                watch->hosts[i].name, NULL, watch->code,
                                on_pattern, &watch->hosts[i]);
}

static void
on_again(uv_timer_t *timer)
{
    start_all(timer->data);
}

void
job_watch_start(struct job_watch *watch, uv_loop_t *loop,
                const char *const *hosts, job_watch_fn *fn)
{
    must(watch->hosts == NULL);
    watch->code = pattern_code_try();
    if (watch->code == NULL)
        return;
    watch->loop = loop;
    watch->fn = fn;
    while (hosts[watch->count] != NULL)
        watch->count++;
    watch->hosts = xcalloc(watch->count + 1, sizeof(*watch->hosts));
    for (size_t i = 0; i < watch->count; i++) {
        watch->hosts[i].owner = watch;
        watch->hosts[i].name = xstrdup(hosts[i]);
    }
    must(uv_timer_init(loop, &watch->again) == 0);
    watch->again.data = watch;
    start_all(watch);
    must(uv_timer_start(&watch->again, on_again, AGAIN_MS, AGAIN_MS) == 0);
}

/* The handles are not freed here: the loop still knows them. */
void
job_watch_stop(struct job_watch *watch)
{
    if (watch->code == NULL)
        return;
    (void)uv_timer_stop(&watch->again);
    for (size_t i = 0; i < watch->count; i++)
        console_watch_stop(&watch->hosts[i].watch);
    pattern_code_free(watch->code);
    watch->code = NULL;
}
