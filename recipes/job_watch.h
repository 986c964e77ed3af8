/* recipes/job_watch.h - the consoles of a job's hosts, watched while it has
 * them: a host that dies is known at once. */
#ifndef RECIPES_JOB_WATCH_H
#define RECIPES_JOB_WATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>
#include "harness/attr.h"
#include "hosts/console_watch.h"

struct pattern;
struct pattern_code;

/* The last words of a host, and where they stand. */
struct job_watch_words {
    const char *text;
    const char *file;           /* below ASSAY_HOME; "": unknown */
    int64_t line;               /* from 1; 0: unknown */
    int64_t byte;               /* where that line begins, if it is known */
};

/* 'host' has said its last words; it had come up before, so that they are not
 * those of an earlier boot. */
typedef void job_watch_fn(const char *host, const struct pattern *pattern,
                          const struct job_watch_words *words);

struct job_watch_host {
    struct job_watch *owner;
    struct console_watch watch;
    char *name;
    bool up;                    /* something came up on it since */
    bool told;                  /* that it cannot be watched */
};
struct job_watch {
    struct job_watch_host *hosts;
    size_t count;
    uv_loop_t *loop;
    uv_timer_t again;           /* for consoles that were lost */
    struct pattern_code *code;
    job_watch_fn *fn;
};

/* 'hosts' ends with NULL. Consoles that cannot be watched are logged, and
 * tried again. */
void job_watch_start(struct job_watch *watch, uv_loop_t *loop,
                     const char *const *hosts, job_watch_fn *fn);
void job_watch_stop(struct job_watch *watch);   /* idempotent */

#endif
