/* hosts/power_command.c - power by programs that the site has already. */
#include <config.h>

#include "hosts/power_drivers.h"

#include "harness/arena.h"
#include "harness/buf.h"
#include "harness/fault.h"
#include "harness/json.h"
#include "harness/proc.h"

#define LIMIT_MS 30000

static const char *const keys[] = { "on", "off", "status", "limit" };

static bool
command_check(const char *host UNUSED, json_t *config, struct fault *why)
{
    if (!power_check_keys(config, keys, ARRAY_LEN(keys), why))
        return false;
    for (size_t i = 0; i < 3; i++) {
        if (json_array_size(json_object_get(config, keys[i])) == 0)
            return fault_set(why, FAULT_CONFIG, "power driver command needs "
                             "the key '%s', a list: program and arguments",
                             keys[i]);
    }
    return power_check_limit(config, why);
}

static bool
command_run(const char *host, const json_t *config, const char *key,
            struct buf *out, struct fault *why)
{
    const json_t *list = json_object_get(config, key);
    size_t count = json_array_size(list);
    struct arena arena = ARENA_INIT;
    struct proc_status status = { PROC_END_NONE, 0 };
    struct proc_spec spec = PROC_SPEC_INIT;
    const char **argv;
    const char *env[] = { arena_printf(&arena, "ASSAY_HOST=%s", host), NULL };
    bool ok;

    argv = arena_alloc(&arena, (count + 1) * sizeof(*argv));
    for (size_t i = 0; i < count; i++)
        argv[i] = json_string_value(json_array_get(list, i));
    ok = count > 0 && argv[0] != NULL;
    if (!ok) {
        fault_set(why, FAULT_CONFIG, "power driver command: bad '%s'", key);
        goto out;
    }
    spec.argv = argv;
    spec.env_add = env;
    ok = proc_run_spec(&spec, NULL, 0,
                       power_duration_ms(config, "limit", LIMIT_MS), out,
                       &status, why);
    if (!ok)
        fault_context(why, "command '%s'", key);
out:
    arena_free(&arena);
    return ok;
}

static bool
command_order(const char *host, const json_t *config, enum power_state want,
              struct fault *why)
{
    struct buf out = BUF_INIT;
    bool ok = command_run(host, config, power_state_name(want), &out, why);

    buf_free(&out);
    return ok;
}

static bool
command_status(const char *host, const json_t *config,
               enum power_state *state_out, struct fault *why)
{
    struct buf out = BUF_INIT;
    bool ok = command_run(host, config, "status", &out, why)
        && power_read_answer(buf_text(&out), out.len, state_out, why);

    buf_free(&out);
    return ok;
}

const struct power_driver power_command_driver = {
    .name = "command",
    .check = command_check,
    .order = command_order,
    .status = command_status,
};
