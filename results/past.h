/* results/past.h - how a job, or a host, did lately. */
#ifndef RESULTS_PAST_H
#define RESULTS_PAST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <jansson.h>
#include "harness/attr.h"
#include "harness/outcome.h"
#include "results/report.h"

struct arena;
struct buf;
struct db;
struct fault;

#define PAST_RUNS_DEFAULT 100
#define PAST_RUNS_MAX 1000

/* How often something passed of the times that it told something of the
 * product; what broke or was not run tells nothing and stands beside. */
struct past_rate {
    size_t pass, fail, broken, other;
    double rate, low, high;     /* with Wilson's 95 % interval; rate -1 when
                                 * nothing passed or failed */
};

/* One run of a job. */
struct past_run {
    int64_t flight;
    const char *job, *recipe, *branch, *hosts, *tested, *reason;
    enum outcome status;
    enum lane lane;
    int64_t started_ms, took_ms;        /* -1: none */
};

/* A test of the job over its runs. */
struct past_test {
    const char *testid;
    enum outcome *statuses;     /* of each run; NONE: it was not there */
    struct past_rate rate;
};

/* A measurement of the job over its runs: its median in each. */
struct past_series {
    const char *testid, *name, *unit;
    bool higher_is_better;
    double *values;             /* of each run */
    bool *known;
    size_t known_count;
};

struct past_boot {
    int64_t flight;             /* 0: of no flight */
    const char *job, *status, *reason;
    int64_t armed_ms, up_ms;
};

struct past_mark {
    int64_t flight, at_ms;
    const char *job, *reason;
};

/* What its firmware was given by DHCP. */
struct past_served {
    int64_t at_ms;
    const char *way, *vendor, *file;
};

/* Who said that it may be used, or not. */
struct past_health {
    int64_t at_ms;
    const char *state, *who, *why;
};

struct past {
    bool is_host;               /* else a job */
    const char *name;
    const char *branch;         /* "": of all */
    const char *what;           /* of a host: "amd64, bios, bench, good" */
    const struct past_run *runs;        /* newest first */
    size_t run_count;
    bool more;                  /* there are older ones */
    struct past_rate rate;
    const struct past_test *tests;      /* of a job, in the order of steps */
    size_t test_count;
    const struct past_series *series;   /* of a job */
    size_t series_count;
    const struct past_boot *boots;      /* of a host, newest first */
    size_t boot_count;
    const struct past_mark *marks;      /* of a host, newest first */
    size_t mark_count;
    const struct past_served *served;   /* of a host, newest first */
    size_t served_count;
    const struct past_health *health;   /* of a host, newest first */
    size_t health_count;
};

/* The last 'limit' runs; 'branch' may be "". FAULT_NOT_FOUND when no flight has
 * had such a job, or there is no such host. 'arena' owns 'out'. */
MUST_CHECK bool past_read_job(struct db *db, const char *job,
                              const char *branch, int limit,
                              struct arena *arena, struct past *out,
                              struct fault *why);
MUST_CHECK bool past_read_host(struct db *db, const char *host, int limit,
                               struct arena *arena, struct past *out,
                               struct fault *why);

/* Counts one more. past_rate_close() then sets the rate and its interval. */
void past_rate_add(struct past_rate *rate, enum outcome status);
void past_rate_close(struct past_rate *rate);
/* "92 % (75 to 98 %) of 25 runs, 3 broke". */
const char *past_rate_text(const struct past_rate *rate,
                           struct arena *arena);

/* The content of a page, without its head; 'links' NONE: without links. */
void past_html(const struct past *past, enum report_links links,
               struct buf *out);
void past_text(const struct past *past, struct buf *out);
MUST_CHECK json_t *past_json(const struct past *past);

#endif
