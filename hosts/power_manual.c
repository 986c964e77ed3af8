/* hosts/power_manual.c - power by a person.
 *
 * The order is a file that says what is wanted; a person switches and
 * confirms, which is another file. What was confirmed last is the state. */
#include <config.h>

#include "hosts/power_drivers.h"

#include <errno.h>
#include <unistd.h>

#include "harness/arena.h"
#include "harness/buf.h"
#include "harness/clock.h"
#include "harness/fault.h"
#include "harness/fs.h"
#include "harness/home.h"
#include "harness/json.h"
#include "harness/log.h"
#include "harness/signals.h"

#define LIMIT_MS 600000
#define POLL_MS 200
#define STATE_MAX_BYTES 64

static const char *const keys[] = { "text", "limit" };

static bool
manual_paths(struct arena *arena, const char *host, const char **wanted_out,
             const char **state_out, struct fault *why)
{
    const char *home = NULL;

    if (!name_is_safe(host, 100))
        return fault_set(why, FAULT_CONFIG, "bad name of a host: '%s'",
                         host);
    if (!home_get(&home, why)
        || !fs_mkdirs(home_path(arena, "run/power"), 0755, why))
        return false;
    *wanted_out = home_path(arena, "run/power/%s.wanted", host);
    *state_out = home_path(arena, "run/power/%s.state", host);
    return true;
}

static bool
manual_check(const char *host UNUSED, json_t *config, struct fault *why)
{
    return power_check_keys(config, keys, ARRAY_LEN(keys), why)
        && power_check_limit(config, why);
}

static bool
manual_status(const char *host, const json_t *config UNUSED,
              enum power_state *state_out, struct fault *why)
{
    struct arena arena = ARENA_INIT;
    const char *wanted, *path;
    struct buf text = BUF_INIT;
    bool ok;

    ok = manual_paths(&arena, host, &wanted, &path, why);
    if (ok && !fs_exists(path)) {
        *state_out = POWER_UNKNOWN;     /* nobody ever said */
        goto out;
    }
    ok = ok && fs_read_file(path, STATE_MAX_BYTES, &text, why)
        && power_read_answer(buf_text(&text), text.len, state_out, why);
out:
    buf_free(&text);
    arena_free(&arena);
    return ok;
}

bool
power_manual_confirm(const char *host, enum power_state state,
                     struct fault *why)
{
    struct arena arena = ARENA_INIT;
    const char *word = power_state_name(state), *wanted, *path;
    bool ok;

    ok = manual_paths(&arena, host, &wanted, &path, why)
        && fs_write_file(path, 0644, word, strlen(word), why);
    if (ok && unlink(wanted) != 0 && errno != ENOENT)
        ok = fault_errno(why, FAULT_SYSTEM, "remove %s", wanted);
    arena_free(&arena);
    return ok;
}

static bool
manual_order(const char *host, const json_t *config, enum power_state want,
             struct fault *why)
{
    struct arena arena = ARENA_INIT;
    struct clock *clock = clock_system();
    const char *word = power_state_name(want), *wanted, *path;
    const char *place = json_text(config, "text");
    enum power_state state = POWER_UNKNOWN;
    int64_t start = clock_mono_ms(clock);
    int64_t limit_ms = power_duration_ms(config, "limit", LIMIT_MS);
    struct log_fields fields = { .host = host };
    bool ok;

    ok = manual_status(host, config, &state, why);
    if (!ok || state == want)
        goto out;
    ok = manual_paths(&arena, host, &wanted, &path, why)
        && fs_write_file(wanted, 0644, word, strlen(word), why);
    if (!ok)
        goto out;
    log_with(LOG_LEVEL_WARN, &fields, "a person must switch %s %s%s%s%s, "
             "then say: assay host power %s confirm %s", host, word,
             place == NULL ? "" : " (", place == NULL ? "" : place,
             place == NULL ? "" : ")", host, word);
    while (ok && fs_exists(wanted)) {
        signals_pause_ms(POLL_MS);
        ok = signals_check(why);
        if (ok && clock_mono_ms(clock) - start >= limit_ms)
            ok = fault_set(why, FAULT_TIMEOUT, "nobody switched %s %s", host,
                           word);
    }
    if (!ok)
        (void)unlink(wanted);
out:
    arena_free(&arena);
    return ok;
}

const struct power_driver power_manual_driver = {
    .name = "manual",
    .check = manual_check,
    .order = manual_order,
    .status = manual_status,
};
