/* harness/job_share.c - a job and the prepared host that it shares. */
#include <config.h>

#include "harness/job_share.h"

#include <inttypes.h>
#include <unistd.h>
#include "harness/clock.h"
#include "harness/fault.h"
#include "harness/fs.h"
#include "harness/job_db.h"
#include "harness/job_env.h"
#include "harness/job_plan.h"
#include "harness/job_run.h"
#include "harness/log.h"
#include "harness/mem.h"
#include "harness/prepared_db.h"
#include "harness/step_result.h"
#include "harness/strv.h"

static bool
shares(const struct job_share *share)
{
    return share->config->setup != NULL &&
           strv_count(share->env->hosts) == 1;
}

static struct prepared_key
key_of(const struct job_share *share)
{
    return (struct prepared_key){
        .flight = share->config->row->flight,
        .job = share->config->row->job,
        .host = share->env->hosts[0],
        .task = share->config->task,
        .setup = share->config->setup,
    };
}

void
job_share_init(struct job_share *share, const struct job_run_config *config,
               const struct job_env *env)
{
    size_t i;

    *share = (struct job_share){.config = config, .env = env};
    for (i = 0; i < config->plan->count; i++)
        share->prepare_left += config->plan->steps[i].prepares;
    if (share->prepare_left == 0)
        share->prepare_ms = -1;
}

void
job_share_fini(struct job_share *share)
{
    prepared_free(share->prepared);
    free(share->check_log);
    free(share->check_sha256);
    *share = (struct job_share){.config = NULL};
}

/* The way to a host that another job has booted is that job's. One that has
 * none is left to the check. */
static bool
take_target(const struct job_share *share, struct fault *why)
{
    const char *host = share->env->hosts[0];
    char *from = xasprintf("%s/flights/%" PRId64 "/%s/ssh/%s",
                           share->config->home, share->config->row->flight,
                           share->prepared->job, host);
    char *to = xasprintf("%s/ssh/%s", share->env->jobdir, host);
    bool ok = access(from, F_OK) != 0 || fs_copy_file(from, to, 0600, why);

    free(from);
    free(to);
    return ok;
}

char *
job_share_take(struct job_share *share, struct db *db)
{
    struct fault why = FAULT_INIT;
    struct prepared_key key;
    char *text, age[32];

    if (!shares(share))
        return NULL;
    key = key_of(share);
    if (!prepared_db_take(db, &key, &share->prepared, &why) ||
        (share->prepared != NULL && !take_target(share, &why))) {
        log_fault(LOG_LEVEL_WARN, &why, "what %s has prepared is not used",
                  key.host);
        prepared_free(share->prepared);
        share->prepared = NULL;
    }
    if (share->prepared == NULL)
        return NULL;
    clock_human(share->prepared->age_ms, age);
    text = xasprintf("done by job %s on %s %s before%s%s",
                     share->prepared->job, key.host, age,
                     share->prepared->boot[0] != '\0' ? ", boot " : "",
                     share->prepared->boot);
    log_info("%s is prepared: %s", key.host, text);
    return text;
}

void
job_share_agree(struct job_share *share, const char *log_path,
                const struct step_result *result)
{
    share->check_ms = result->elapsed_ms;
    share->check_bytes = result->log_bytes;
    if (log_path != NULL && result->log_sha256[0] != '\0') {
        share->check_log = xstrdup(log_path);
        share->check_sha256 = xstrdup(result->log_sha256);
    }
}

bool
job_share_step_ended(struct job_share *share, enum outcome status,
                     int64_t elapsed_ms)
{
    share->prepare_ms += elapsed_ms;
    return status == OUTCOME_PASS && --share->prepare_left == 0 &&
           shares(share);
}

bool
job_share_leave(const struct job_share *share, struct db *db)
{
    struct fault why = FAULT_INIT;
    const struct job_plan *plan = share->config->plan;
    struct prepared_key key;
    bool left = false, off = false;
    size_t i;

    if (!shares(share))
        return false;
    key = key_of(share);
    for (i = 0; i < plan->count; i++)
        off = off || plan->steps[i].powers_off;
    if (!prepared_db_leave(db, &key, off, &left, &why))
        log_fault(LOG_LEVEL_WARN, &why, "%s is not left prepared", key.host);
    if (left)
        log_info("%s is left prepared for the next job", key.host);
    return left;
}

bool
job_share_write(struct db *db, void *arg, struct fault *why)
{
    const struct job_share *share = arg;
    struct prepared_key key = key_of(share);

    return prepared_db_add(db, &key, share->prepare_ms, why);
}

bool
job_share_refuse(struct db *db, void *arg, struct fault *why)
{
    const struct job_share *share = arg;

    return prepared_db_end(db, share->env->hosts[0],
                           "it was not as it had been left", why);
}

bool
job_share_reuse(const struct job_share *share, struct db *db,
                const struct job_step_row *row, const char *reason,
                struct fault *why)
{
    struct prepared_key key = key_of(share);
    const struct prepared_step step = {
        .step = row->step, .program = row->program, .testid = row->testid,
        .reason = reason, .log_path = share->check_log,
        .log_sha256 = share->check_sha256,
        .log_bytes = share->check_bytes, .elapsed_ms = share->check_ms,
    };

    return prepared_db_step(db, &key, &step, why);
}
