/* hosts/host_check.c - see host_check.h. */
#include <config.h>

#include "hosts/host_check.h"

#include <inttypes.h>

#include "harness/clock.h"
#include "harness/db.h"
#include "harness/fault.h"
#include "harness/json.h"
#include "harness/signals.h"
#include "hosts/boot_db.h"
#include "hosts/boot_prepare.h"
#include "hosts/console_client.h"
#include "hosts/health_db.h"
#include "hosts/host_db.h"
#include "hosts/power.h"

#define NOTE_WAIT_MS 1000

struct checks {
    struct db *db;
    const struct host *host;
    json_t *power;              /* its config, borrowed */
    json_t *list;
    bool quiet, good;
    struct clock *clock;
    int64_t start_ms;
};

static void
note(struct checks *checks, const char *name, bool ok, const char *text)
{
    int64_t now = clock_mono_ms(checks->clock);
    json_t *one = json_object();

    json_put_text(one, "check", name);
    must(json_object_set_new(one, "ok", json_boolean(ok)) == 0);
    json_put_int(one, "ms", now - checks->start_ms);
    json_put_text(one, "text", text);
    must(json_array_append_new(checks->list, one) == 0);
    checks->good = checks->good && ok;
    if (!checks->quiet) {
        printf("%-7s %-10s %6.1f s  %s\n", ok ? "ok" : "FAILED", name,
               (double)(now - checks->start_ms) / 1000.0, text);
        fflush(stdout);
    }
    checks->start_ms = now;
}

static bool
check_power_read(struct checks *checks)
{
    struct fault why = FAULT_INIT;
    enum power_state state = POWER_UNKNOWN;
    bool ok = power_status(checks->host->name, checks->power, &state, &why);

    note(checks, "power", ok, ok ? power_state_name(state) : why.text);
    return ok;
}

static void
check_console(struct checks *checks)
{
    struct console_client *client = NULL;
    struct fault why = FAULT_INIT;
    json_t *status = NULL;
    const char *state;
    char text[128];
    bool ok;

    ok = console_client_open(&client, &why)
        && console_client_status(client, checks->host->name, &status, &why);
    if (ok) {
        state = json_text(status, "state");
        (void)snprintf(text, sizeof(text), "%s, %" PRId64 " bytes so far",
                       state == NULL ? "unknown" : state,
                       json_int(status, "offset", 0));
    }
    note(checks, "console", ok, ok ? text : why.text);
    json_decref(status);
    console_client_close(client);
}

static bool
switch_power(struct checks *checks, enum power_state want)
{
    struct fault why = FAULT_INIT;
    char name[32];
    bool ok = power_set(checks->host->name, checks->power, want, &why);

    if (!ok)
        health_power_failed(checks->db, checks->host->name, checks->power,
                            &why);
    (void)snprintf(name, sizeof(name), "power %s", power_state_name(want));
    note(checks, name, ok, ok ? "read back" : why.text);
    return ok;
}

/* Bytes that the console gave since 'before', which is -1 if unknown. */
static int64_t
console_offset(const struct checks *checks)
{
    struct console_client *client = NULL;
    struct fault why = FAULT_INIT;
    int64_t offset = -1;

    if (!console_client_open(&client, &why)
        || !console_client_log_offset(client, checks->host->name, &offset,
                                      &why))
        offset = -1;
    console_client_close(client);
    return offset;
}

static bool
await_script(struct checks *checks, const char *nonce, int64_t limit_ms,
             struct fault *why)
{
    int64_t until = clock_mono_ms(checks->clock) + limit_ms;
    struct boot *boot = NULL;
    char text[128];
    bool served = false;

    while (!served && clock_mono_ms(checks->clock) < until) {
        char channel[64], payload[256];

        if (!signals_check(why)
            || !boot_get(checks->db, nonce, &boot, why))
            return false;
        served = boot != NULL && boot->script_ms >= 0;
        if (served)
            (void)snprintf(text, sizeof(text), "script fetched %.1f s after "
                           "power-on",
                           (double)(boot->script_ms - boot->powered_ms)
                           / 1000.0);
        boot_free(boot);
        boot = NULL;
        if (!served && db_wait(checks->db, NOTE_WAIT_MS)) {
            while (db_notified(checks->db, channel, payload))
                ;
        }
    }
    if (!served)
        (void)snprintf(text, sizeof(text), "no script was asked for within "
                       "%" PRId64 " s", limit_ms / 1000);
    note(checks, "netboot", served, text);
    return true;
}

/* Off, on, and what it then fetches and says. */
static bool
check_cycle(struct checks *checks, int64_t limit_ms, struct fault *why)
{
    char nonce[BOOT_NONCE_BYTES] = "", text[64];
    int64_t before, after;
    bool ok;

    if (!switch_power(checks, POWER_OFF))
        return true;
    before = console_offset(checks);
    ok = db_listen(checks->db, "assay", why)
        && boot_prepare_proof(checks->db, checks->host, nonce, why)
        && boot_record_power(checks->db, nonce, why);
    if (!ok)
        return false;
    if (switch_power(checks, POWER_ON)) {
        ok = boot_record_powered(checks->db, nonce, why)
            && await_script(checks, nonce, limit_ms, why);
        after = console_offset(checks);
        if (ok && before >= 0 && after >= 0) {
            (void)snprintf(text, sizeof(text), "%" PRId64 " bytes since "
                           "power-on", after - before);
            note(checks, "said", after > before, text);
        }
        if (!switch_power(checks, POWER_OFF))
            checks->good = false;
    }
    return boot_fail(checks->db, nonce, "was only a check", ok ? why : NULL)
        && ok;
}

bool
host_check(struct db *db, const struct host *host, int64_t limit_ms,
           bool quiet, json_t **checks_out, bool *good_out,
           struct fault *why)
{
    struct checks checks = {
        .db = db, .host = host, .list = json_array(), .quiet = quiet,
        .good = true, .clock = clock_system(),
        .power = json_object_get(host->config, "power"),
    };
    bool ok = true;

    checks.start_ms = clock_mono_ms(checks.clock);
    check_console(&checks);
    if (check_power_read(&checks))
        ok = check_cycle(&checks, limit_ms, why);
    if (ok) {
        *checks_out = checks.list;
        *good_out = checks.good;
    } else {
        json_decref(checks.list);
    }
    return ok;
}
