/* harness/job_env.c - what a step finds in its environment. */
#include <config.h>

#include "harness/job_env.h"

#include <ctype.h>
#include <inttypes.h>
#include <jansson.h>
#include <unistd.h>
#include "harness/buf.h"
#include "harness/job_db.h"
#include "harness/job_plan.h"
#include "harness/job_run.h"
#include "harness/mem.h"
#include "harness/prepared_db.h"
#include "harness/strv.h"

void
job_env_init(struct job_env *env, const struct job_run_config *config)
{
    *env = (struct job_env){.config = config};
    env->jobdir = xasprintf("%s/flights/%" PRId64 "/%s", config->home,
                            config->row->flight, config->row->job);
    env->ctl = xasprintf("%s/ctl", env->jobdir);
    env->roles = xcalloc(1, sizeof(*env->roles));
    env->hosts = xcalloc(1, sizeof(*env->hosts));
    env->hosts_text = xstrdup("");
    env->runvars = json_deep_copy(config->row->runvars);
    must(env->runvars != NULL);
}

void
job_env_fini(struct job_env *env)
{
    free(env->jobdir);
    free(env->ctl);
    strv_free(env->roles);
    strv_free(env->hosts);
    free(env->hosts_text);
    json_decref(env->runvars);
    *env = (struct job_env){.config = NULL};
}

void
job_env_set_hosts(struct job_env *env, const struct job_row *row,
                  char *const *hosts)
{
    struct buf text = BUF_INIT;
    size_t i;

    for (i = 0; i < row->role_count; i++) {
        strv_add(&env->roles, row->roles[i].role);
        strv_add(&env->hosts, hosts[i]);
        buf_addf(&text, "%s%s=%s", i > 0 ? " " : "", row->roles[i].role,
                 hosts[i]);
    }
    free(env->hosts_text);
    buf_adds(&text, "");
    env->hosts_text = buf_take(&text);
}

const char *
job_env_host(const struct job_env *env, const char *role)
{
    size_t i;

    if (role == NULL)
        return strv_count(env->hosts) == 1 ? env->hosts[0] : NULL;
    for (i = 0; env->roles[i] != NULL; i++)
        if (strcmp(env->roles[i], role) == 0)
            return env->hosts[i];
    return NULL;
}

static PRINTF_LIKE(2, 3) void
add(char ***list, const char *fmt, ...)
{
    struct buf text = BUF_INIT;
    va_list ap;

    va_start(ap, fmt);
    buf_addv(&text, fmt, ap);
    va_end(ap);
    strv_add(list, buf_text(&text));
    buf_free(&text);
}

static bool
is_identifier(const char *name)
{
    size_t i;

    for (i = 0; name[i] != '\0'; i++)
        if (!isalnum((unsigned char)name[i]) && name[i] != '_')
            return false;
    return i > 0;
}

char **
job_env_step(const struct job_env *env, const struct job_step *step,
             int number, int64_t limit_ms)
{
    const struct job_run_config *config = env->config;
    const struct job_row *row = config->row;
    const char *host = job_env_host(env, step->role), *path = getenv("PATH"),
               *name;
    char **list = xcalloc(1, sizeof(*list));
    json_t *value;

    add(&list, "%s=%ld.%d", JOB_ENV_MARK, (long)getpid(), number);
    add(&list, "ASSAY_FLIGHT=%" PRId64, row->flight);
    add(&list, "ASSAY_JOB=%s", row->job);
    add(&list, "ASSAY_STEP=%d", number);
    add(&list, "ASSAY_TESTID=%s", step->testid);
    add(&list, "ASSAY_RECIPE=%s", config->recipe);
    add(&list, "ASSAY_ARCH=%s", row->arch);
    add(&list, "ASSAY_CANDIDATE=%s",
        row->candidate != NULL ? row->candidate : "");
    add(&list, "ASSAY_HOSTS=%s", env->hosts_text);
    add(&list, "ASSAY_HOST=%s", host != NULL ? host : "");
    add(&list, "ASSAY_ROLE=%s", step->role != NULL ? step->role : "");
    add(&list, "ASSAY_TASK=%" PRId64, config->task);
    add(&list, "ASSAY_CTL=%s", env->ctl);
    add(&list, "ASSAY_HOME=%s", config->home);
    add(&list, "ASSAY_JOBDIR=%s", env->jobdir);
    add(&list, "ASSAY_RECIPES=%s", config->recipes_dir);
    add(&list, "ASSAY_DEADLINE_MS=%" PRId64, limit_ms);
    if (step->checks && env->prepared != NULL) {
        add(&list, "ASSAY_PREPARED_JOB=%s", env->prepared->job);
        add(&list, "ASSAY_PREPARED_BOOT=%s", env->prepared->boot);
    }
    add(&list, "PATH=%s:%s/steps:%s/steps:%s", config->program_dir,
        config->recipe_dir, config->recipes_dir,
        path != NULL ? path : "/usr/local/bin:/usr/bin:/bin");
    json_object_foreach(env->runvars, name, value)
        if (is_identifier(name))
            add(&list, "ASSAY_RUNVAR_%s=%s", name, json_string_value(value));
    return list;
}
