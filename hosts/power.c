/* hosts/power.c - orders to hosts, believed only when read back. */
#include <config.h>

#include "hosts/power.h"

#include "harness/buf.h"
#include "harness/clock.h"
#include "harness/fault.h"
#include "harness/json.h"
#include "harness/log.h"
#include "harness/signals.h"
#include "hosts/power_drivers.h"

#define POLL_MIN_MS 20
#define POLL_MAX_MS 500

static const struct power_driver *const drivers[] = {
    &power_command_driver,
    &power_guest_driver,
    &power_ipmi_driver,
    &power_libvirt_driver,
    &power_manual_driver,
    &power_redfish_driver,
    &power_snmp_driver,
};

static const struct {
    enum power_state state;
    const char *name;
} state_names[] = {
    { POWER_UNKNOWN, "unknown" },
    { POWER_OFF, "off" },
    { POWER_ON, "on" },
};

const char *
power_state_name(enum power_state state)
{
    for (size_t i = 0; i < ARRAY_LEN(state_names); i++) {
        if (state_names[i].state == state)
            return state_names[i].name;
    }
    return "unknown";
}

enum power_state
power_state_parse(const char *text)
{
    for (size_t i = 0; i < ARRAY_LEN(state_names); i++) {
        if (text != NULL && strcmp(state_names[i].name, text) == 0)
            return state_names[i].state;
    }
    return POWER_UNKNOWN;
}

const struct power_driver *
power_at(size_t i)
{
    return i < ARRAY_LEN(drivers) ? drivers[i] : NULL;
}

const struct power_driver *
power_find(const char *name, struct fault *why)
{
    struct buf known = BUF_INIT;

    for (size_t i = 0; i < ARRAY_LEN(drivers); i++) {
        if (strcmp(drivers[i]->name, name) == 0) {
            buf_free(&known);
            return drivers[i];
        }
        buf_addf(&known, "%s%s", i == 0 ? "" : ", ", drivers[i]->name);
    }
    fault_set(why, FAULT_CONFIG, "no power driver '%s' (there are: %s)",
              name, buf_text(&known));
    buf_free(&known);
    return NULL;
}

static const struct power_driver *
driver_of(const json_t *config, struct fault *why)
{
    const char *name = json_text(config, "driver");

    return power_find(name == NULL ? "" : name, why);
}

bool
power_check(const char *host, json_t *config, struct fault *why)
{
    const struct power_driver *driver = driver_of(config, why);

    return driver != NULL && driver->check(host, config, why);
}

bool
power_status(const char *host, const json_t *config,
             enum power_state *state_out, struct fault *why)
{
    const struct power_driver *driver = driver_of(config, why);

    if (driver == NULL)
        return false;
    if (!driver->status(host, config, state_out, why))
        return fault_context(why, "power of %s", host);
    return true;
}

/* Reads until the state is 'want', and has been for as long as the driver
 * wants, or the time to settle is over. */
static bool
await_state(const struct power_driver *driver, const char *host,
            const json_t *config, enum power_state want, int64_t settle_ms,
            struct fault *why)
{
    struct clock *clock = clock_system();
    int64_t start = clock_mono_ms(clock), since = -1, now;
    int64_t steady_ms = power_duration_ms(config, "steady",
                                          driver->steady_ms);
    int64_t wait_ms = POLL_MIN_MS;
    enum power_state state = POWER_UNKNOWN;

    for (;;) {
        if (!driver->status(host, config, &state, why))
            return false;
        now = clock_mono_ms(clock);
        since = state != want ? -1 : since < 0 ? now : since;
        if (since >= 0 && now - since >= steady_ms)
            return true;
        if (since < 0 && now - start >= settle_ms)
            return fault_set(why, FAULT_PEER, "it is still %s %.1f s after "
                             "the order", power_state_name(state),
                             (double)settle_ms / 1000.0);
        if (now - start >= settle_ms + steady_ms * 2)
            return fault_set(why, FAULT_PEER, "its state does not stay %s",
                             power_state_name(want));
        signals_pause_ms((int)(since >= 0 ? steady_ms : wait_ms));
        if (!signals_check(why))
            return false;
        wait_ms = wait_ms * 2 > POLL_MAX_MS ? POLL_MAX_MS : wait_ms * 2;
    }
}

/* What runs already is not told where to start from. */
static bool
prepare_boot(const struct power_driver *driver, const char *host,
             const json_t *config, enum power_state want, struct fault *why)
{
    enum power_state state = POWER_UNKNOWN;

    if (want != POWER_ON || driver->boot_order == NULL
        || json_text(config, "boot") == NULL)
        return true;
    if (!driver->status(host, config, &state, why))
        return false;
    return state == POWER_ON || driver->boot_order(host, config, why);
}

static bool
is_final(const struct fault *why)
{
    return why->kind == FAULT_CANCELLED || why->kind == FAULT_CONFIG
        || why->kind == FAULT_CONFLICT;
}

bool
power_set(const char *host, const json_t *config, enum power_state want,
          struct fault *why)
{
    return power_set_within(host, config, want, POWER_SETTLE_LIMIT_MS, why);
}

bool
power_set_within(const char *host, const json_t *config,
                 enum power_state want, int64_t settle_ms, struct fault *why)
{
    const struct power_driver *driver = driver_of(config, why);
    const char *word = power_state_name(want);
    struct log_fields fields = { .host = host };
    struct fault one = FAULT_INIT;
    struct buf said = BUF_INIT;
    bool ok = false;

    must(want == POWER_OFF || want == POWER_ON);
    if (driver == NULL)
        return false;
    for (int attempt = 1; attempt <= POWER_ATTEMPTS; attempt++) {
        ok = prepare_boot(driver, host, config, want, &one)
            && driver->order(host, config, want, &one)
            && await_state(driver, host, config, want, settle_ms,
                           &one);
        if (ok || is_final(&one))
            break;
        buf_addf(&said, "attempt %d: %s\n", attempt, one.text);
        if (one.detail[0] != '\0')
            buf_addf(&said, "%s\n", one.detail);
        log_with(LOG_LEVEL_WARN, &fields, "power %s, attempt %d of %d: %s",
                 word, attempt, POWER_ATTEMPTS, one.text);
    }
    if (!ok && is_final(&one)) {
        *why = one;
        fault_context(why, "power %s of %s", word, host);
    } else if (!ok) {
        fault_set(why, one.kind, "%s cannot be switched %s: %s", host, word,
                  one.text);
        fault_detail(why, buf_text(&said), said.len);
    }
    buf_free(&said);
    return ok;
}

bool
power_cycle(const char *host, const json_t *config, struct fault *why)
{
    return power_set(host, config, POWER_OFF, why)
        && power_set(host, config, POWER_ON, why);
}
