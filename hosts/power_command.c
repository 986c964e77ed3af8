/* hosts/power_command.c - power by programs that the site has already. */
#include <config.h>

#include "hosts/power_drivers.h"

#include "harness/arena.h"
#include "harness/buf.h"
#include "harness/fault.h"
#include "harness/json.h"
#include "harness/proc.h"

#define DEFAULT_LIMIT "30s"
#define ANSWER_MAX_BYTES 64

static const char *const keys[] = { "on", "off", "status", "limit" };

bool
power_check_keys(json_t *config, const char *const *allowed, size_t count,
                 struct fault *why)
{
    const char *driver = json_text(config, "driver"), *key;
    json_t *value;
    bool ok = true;

    json_object_foreach(config, key, value) {
        bool known = strcmp(key, "driver") == 0;

        for (size_t i = 0; i < count; i++)
            known = known || strcmp(key, allowed[i]) == 0;
        if (ok && !known)
            ok = fault_set(why, FAULT_CONFIG,
                           "power driver %s takes no key '%s'",
                           driver == NULL ? "?" : driver, key);
    }
    return ok;
}

bool
power_read_answer(const char *data, size_t bytes,
                  enum power_state *state_out, struct fault *why)
{
    static const char space[] = " \t\r\n";
    char word[ANSWER_MAX_BYTES];
    enum power_state state;

    while (bytes > 0 && strchr(space, data[bytes - 1]) != NULL)
        bytes--;
    while (bytes > 0 && strchr(space, data[0]) != NULL) {
        data++;
        bytes--;
    }
    (void)snprintf(word, sizeof(word), "%.*s",
                   bytes < sizeof(word) ? (int)bytes : (int)sizeof(word) - 1,
                   bytes > 0 ? data : "");
    state = bytes < sizeof(word) && strlen(word) == bytes
        ? power_state_parse(word) : POWER_UNKNOWN;
    if (state == POWER_UNKNOWN)
        return fault_set(why, FAULT_PEER, "its answer is neither 'on' nor "
                         "'off' but '%s'%s", word,
                         bytes < sizeof(word) ? "" : "...");
    *state_out = state;
    return true;
}

static bool
command_check(const char *host UNUSED, json_t *config, struct fault *why)
{
    const char *limit = json_text(config, "limit");
    int64_t ms;

    if (!power_check_keys(config, keys, ARRAY_LEN(keys), why))
        return false;
    for (size_t i = 0; i < 3; i++) {
        if (json_array_size(json_object_get(config, keys[i])) == 0)
            return fault_set(why, FAULT_CONFIG, "power driver command needs "
                             "the key '%s', a list: program and arguments",
                             keys[i]);
    }
    if (limit != NULL && (!parse_duration_ms(limit, &ms) || ms <= 0))
        return fault_set(why, FAULT_CONFIG, "power limit '%s' is no duration",
                         limit);
    return true;
}

static bool
command_run(const char *host, const json_t *config, const char *key,
            struct buf *out, struct fault *why)
{
    const json_t *list = json_object_get(config, key);
    const char *limit = json_text(config, "limit");
    size_t count = json_array_size(list);
    struct arena arena = ARENA_INIT;
    struct proc_status status = { PROC_END_NONE, 0 };
    struct proc_spec spec = PROC_SPEC_INIT;
    const char **argv;
    const char *env[] = { arena_printf(&arena, "ASSAY_HOST=%s", host), NULL };
    int64_t limit_ms = 0;
    bool ok;

    argv = arena_alloc(&arena, (count + 1) * sizeof(*argv));
    for (size_t i = 0; i < count; i++)
        argv[i] = json_string_value(json_array_get(list, i));
    ok = count > 0 && argv[0] != NULL
        && parse_duration_ms(limit == NULL ? DEFAULT_LIMIT : limit,
                             &limit_ms);
    if (!ok) {
        fault_set(why, FAULT_CONFIG, "power driver command: bad '%s'", key);
        goto out;
    }
    spec.argv = argv;
    spec.env_add = env;
    ok = proc_run_spec(&spec, NULL, 0, limit_ms, out, &status, why);
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
