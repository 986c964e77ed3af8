/* harness/step_run.h - runs one step under the contract of assay-step(7).
 *
 * The step is the leader of a process group, in a private directory, with
 * /dev/null as input, records on descriptor 3 and the runvars on 4. What it
 * and its children print goes to the log file as it comes, whatever its size;
 * beyond log_max_bytes, or when the disk is full, it is counted and dropped,
 * so that a step never blocks or fails because of its log. */
#ifndef HARNESS_STEP_RUN_H
#define HARNESS_STEP_RUN_H

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>
#include "harness/attr.h"
#include "harness/outcome.h"

struct clock;
struct fault;
struct json_t;
struct step_result;
struct step_run;                /* one running step */

#define STEP_GRACE_MS 10000     /* from TERM to KILL */
#define STEP_LINGER_MS 500      /* what is left may end by itself */

/* Keeps a copy of the regular file 'path' by its hash. Blocks. */
typedef bool step_store_fn(void *owner, const char *path,
                           char sha256_out[static 65], int64_t *bytes_out,
                           struct fault *why);
/* A progress record came; 'text' is borrowed. */
typedef void step_progress_fn(void *owner, const char *text);
/* The step has ended and nothing of it runs. Once, from the loop, never
 * inside step_run_start(). 'result' is valid until return; 'run' is gone. */
typedef void step_done_fn(void *owner, struct step_result *result);

/* Everything is borrowed for the call only, except 'owner' and 'clock'. */
struct step_spec {
    const char *const *argv;    /* argv[0] an absolute path */
    const char *const *env_add; /* "NAME=value" */
    const char *mark;           /* one of env_add: names this step alone */
    const char *dir;            /* private directory, made */
    const char *log_path;       /* made, must not exist */
    const char *log_name;       /* what evidence calls it, NULL: its path */
    const char *const *cases;   /* that must report, or NULL */
    const struct json_t *runvars;   /* object: descriptor 4 */
    const struct json_t *fixed;     /* names that "set" must not touch */
    int64_t deadline_ms, grace_ms;
    int64_t log_max_bytes;      /* 0: no limit */
    bool alone;                 /* no other step runs in this process */
    bool fail_is_broken;
    step_store_fn *store;       /* NULL: attachments are only hashed */
    step_progress_fn *progress; /* or NULL */
};

/* Needs proc_watch_init() and orphan_watch_init(). A step that cannot be
 * started ends as broken, through 'done' like any other. */
struct step_run *step_run_start(uv_loop_t *loop, struct clock *clock,
                                const struct step_spec *spec,
                                step_done_fn *done, void *owner);

/* Stops it: TERM, grace, KILL. The step ends as aborted with 'reason', unless
 * it had ended by itself. */
void step_run_stop(struct step_run *run, const char *reason);
/* A host of it has died, says a line of its console: whatever the step still
 * says, it does not pass. The first one counts. It goes on until
 * step_run_end(). */
struct step_sign {
    const char *text;           /* "HOST: LINE" */
    const char *line, *pattern;
    const char *file;           /* below ASSAY_HOME; "": unknown */
    int64_t number, byte;       /* of the line, and where it begins; number
                                 * 0: unknown */
    enum lane lane;
};
void step_run_condemn(struct step_run *run, const struct step_sign *sign);
/* Stops a condemned step: TERM, grace, KILL. */
void step_run_end(struct step_run *run);
/* No grace at all. */
void step_run_kill(struct step_run *run, const char *reason);

#endif
