/* hosts/bmc-main.c - assay-bmc: one order to a controller on the network.
 *
 * A program of its own because its libraries block, and so that one which
 * hangs or dies takes nothing with it. The host's "power" object is read from
 * standard input, so that no argument list tells of it. */
#include <config.h>

#include <jansson.h>
#include <stdio.h>

#include "harness/buf.h"
#include "harness/cmd.h"
#include "harness/fault.h"
#include "harness/fs.h"
#include "harness/json.h"
#include "hosts/bmc.h"
#include "hosts/power_drivers.h"

#define CONFIG_MAX_BYTES 65536
#define LIMIT_MS 20000

static const struct {
    const char *driver;
    bmc_fn *run;
} drivers[] = {
    { "guest", bmc_guest },
    { "ipmi", bmc_ipmi },
    { "redfish", bmc_redfish },
    { "snmp-pdu", bmc_snmp },
};

static bool
read_config(json_t **config_out, struct fault *why)
{
    struct buf text = BUF_INIT;
    bool ok;

    ok = fs_read_file("/dev/stdin", CONFIG_MAX_BYTES, &text, why)
        && json_parse(buf_text(&text), text.len, config_out, why)
        && power_check("this", *config_out, why);
    buf_free(&text);
    return ok;
}

static bool
give(enum bmc_verb verb, struct fault *why)
{
    struct bmc_order order = { .verb = verb };
    enum power_state state = POWER_UNKNOWN;
    json_t *config = NULL;
    const char *name;
    bool ok, found = false;

    ok = read_config(&config, why);
    name = ok ? json_text(config, "driver") : NULL;
    for (size_t i = 0; ok && !found && i < ARRAY_LEN(drivers); i++) {
        found = strcmp(drivers[i].driver, name) == 0;
        if (!found)
            continue;
        order.config = config;
        order.limit_ms = power_duration_ms(config, "limit", LIMIT_MS);
        ok = drivers[i].run(&order, &state, why);
    }
    if (ok && !found)
        ok = fault_set(why, FAULT_CONFIG, "driver '%s' has no controller on "
                       "the network", name);
    if (ok && verb == BMC_STATUS)
        puts(power_state_name(state));
    json_decref(config);
    return ok;
}

static bool
run_status(struct cmd_call *call UNUSED, struct fault *why)
{
    return give(BMC_STATUS, why);
}

static bool
run_on(struct cmd_call *call UNUSED, struct fault *why)
{
    return give(BMC_ON, why);
}

static bool
run_off(struct cmd_call *call UNUSED, struct fault *why)
{
    return give(BMC_OFF, why);
}

static bool
run_boot(struct cmd_call *call UNUSED, struct fault *why)
{
    return give(BMC_BOOT, why);
}

static const struct cmd cmds[] = {
    { "boot", "", 0, 0, CMD_WRITES, NULL, run_boot,
      "set where the next start is from, and read it back", NULL },
    { "off", "", 0, 0, CMD_WRITES, NULL, run_off, "switch off", NULL },
    { "on", "", 0, 0, CMD_WRITES, NULL, run_on, "switch on", NULL },
    { "status", "", 0, 0, CMD_READS, NULL, run_status,
      "print \"on\" or \"off\"", NULL },
    { .path = NULL },
};

int
main(int argc, char **argv)
{
    static const struct cmd *const tables[] = { cmds, NULL };
    static const struct cmd_program program = {
        .name = "assay-bmc",
        .help = "One order to a host's controller on the network.",
        .tables = tables,
    };

    return cmd_main(&program, argc, argv);
}
