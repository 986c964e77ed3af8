/* hosts/power_remote.c - power by controllers on the network: IPMI, Redfish,
 * switched outlets by SNMP, and the Xen that a host is a guest of by ssh.
 *
 * Their libraries block, know each its own deadlines, and are a burden to link
 * with: so each order is a short-lived assay-bmc, which is killed when its
 * time is over. It reads the host's "power" object; a password is read by it
 * alone, from where the object says. */
#include <config.h>

#include "hosts/power_drivers.h"

#include "harness/buf.h"
#include "harness/fault.h"
#include "harness/json.h"
#include "hosts/address.h"
#include "hosts/ipmi_words.h"
#include "hosts/outlet.h"
#include "hosts/secret.h"
#include "hosts/ssh_keys.h"
#include "hosts/xl_list.h"

#define LIMIT_MS 20000
/* The library ends by itself before, and says more than "killed". */
#define GRACE_MS 2000
#define STEADY_MS 500

#define IPMI_PORT 623
#define SNMP_PORT 161

static const char *const guest_keys[] = {
    "address", "host_key", "user", "key_file", "password_file",
    "password_env", "guest", "config", "xl", "limit", "steady",
};
static const char *const ipmi_keys[] = {
    "address", "user", "password_file", "password_env", "privilege",
    "cipher_suite", "workaround", "boot", "limit", "steady",
};
static const char *const redfish_keys[] = {
    "url", "user", "password_file", "password_env", "system_path", "session",
    "tls", "ca_file", "boot", "limit", "steady",
};
static const char *const snmp_keys[] = {
    "address", "model", "outlet", "oid", "on_value", "off_value", "version",
    "community_file", "community_env", "user", "auth_protocol",
    "auth_password_file", "auth_password_env", "priv_protocol",
    "priv_password_file", "priv_password_env", "limit", "steady",
};

static const char *const ipmi_boots[] = { "pxe", "pxe-uefi", "disk", NULL };
static const char *const redfish_boots[] = {
    "pxe", "pxe-uefi", "http-uefi", "disk", NULL
};
static const char *const sessions[] = { "session", "basic", NULL };
static const char *const tls_words[] = { "verify", "unverified", NULL };

static bool
check_address(const json_t *config, unsigned port, struct fault *why)
{
    const char *text = json_text(config, "address");
    struct address address;

    if (text == NULL)
        return fault_set(why, FAULT_CONFIG, "power driver %s needs the key "
                         "'address'", json_text(config, "driver"));
    return address_parse(text, port, &address, why);
}

/* A path there. What has '=' xl would take for a setting. */
static bool
is_far_path(const char *path)
{
    for (const char *at = path; *at != '\0'; at++) {
        if ((unsigned char)*at < ' ' || *at == 127 || *at == '=')
            return false;
    }
    return path[0] == '/';
}

static bool
guest_check(const char *host UNUSED, json_t *config, struct fault *why)
{
    const char *guest = json_text(config, "guest");
    const char *file = json_text(config, "config");
    const char *xl = json_text(config, "xl");

    if (!power_check_keys(config, guest_keys, ARRAY_LEN(guest_keys), why))
        return false;
    if (guest == NULL || !xl_name_is_good(guest))
        return fault_set(why, FAULT_CONFIG, "power driver guest needs the "
                         "key 'guest', a name that is no number and not "
                         "Domain-0");
    if (file == NULL || !is_far_path(file))
        return fault_set(why, FAULT_CONFIG, "power driver guest needs the "
                         "key 'config', an absolute path without '='");
    if (xl != NULL && !is_far_path(xl))
        return fault_set(why, FAULT_CONFIG, "xl '%s' is no absolute path",
                         xl);
    return check_address(config, SSH_KEYS_PORT, why)
        && ssh_keys_check(config, "power", why)
        && power_check_limit(config, why);
}

static bool
ipmi_check(const char *host UNUSED, json_t *config, struct fault *why)
{
    return power_check_keys(config, ipmi_keys, ARRAY_LEN(ipmi_keys), why)
        && check_address(config, IPMI_PORT, why)
        && secret_check(config, "password", true, why)
        && ipmi_check_words(config, why)
        && word_check(config, "boot", ipmi_boots, why)
        && power_check_limit(config, why);
}

static bool
redfish_check(const char *host UNUSED, json_t *config, struct fault *why)
{
    const char *url = json_text(config, "url");
    const char *system_path = json_text(config, "system_path");
    const char *ca_file = json_text(config, "ca_file");

    if (!power_check_keys(config, redfish_keys, ARRAY_LEN(redfish_keys),
                          why))
        return false;
    if (url == NULL || (strncmp(url, "https://", 8) != 0
                        && strncmp(url, "http://", 7) != 0)
        || strpbrk(url, "@?# ") != NULL)
        return fault_set(why, FAULT_CONFIG, "power driver redfish needs the "
                         "key 'url', https://HOST[:PORT]");
    if (json_text(config, "user") == NULL)
        return fault_set(why, FAULT_CONFIG, "power driver redfish needs the "
                         "key 'user'");
    if (system_path != NULL && system_path[0] != '/')
        return fault_set(why, FAULT_CONFIG, "system_path '%s' is no path that "
                         "starts with '/'", system_path);
    if (ca_file != NULL && ca_file[0] != '/')
        return fault_set(why, FAULT_CONFIG, "ca_file '%s' is not absolute",
                         ca_file);
    return secret_check(config, "password", true, why)
        && word_check(config, "session", sessions, why)
        && word_check(config, "tls", tls_words, why)
        && word_check(config, "boot", redfish_boots, why)
        && power_check_limit(config, why);
}

static bool
snmp_check(const char *host UNUSED, json_t *config, struct fault *why)
{
    struct outlet outlet;

    return power_check_keys(config, snmp_keys, ARRAY_LEN(snmp_keys), why)
        && check_address(config, SNMP_PORT, why)
        && outlet_read(config, &outlet, why)
        && power_check_limit(config, why);
}

static bool
remote_run(const json_t *config, const char *verb, struct buf *out,
           struct fault *why)
{
    const char *words[] = { verb, NULL };
    int64_t limit_ms = power_duration_ms(config, "limit", LIMIT_MS);
    char *input = json_dumps(config, JSON_COMPACT);
    bool ok;

    must(input != NULL);
    ok = power_helper_run("assay-bmc", words, input, limit_ms + GRACE_MS,
                          out, why);
    free(input);
    return ok;
}

static bool
remote_order(const char *host UNUSED, const json_t *config,
             enum power_state want, struct fault *why)
{
    return remote_run(config, power_state_name(want), NULL, why);
}

static bool
remote_status(const char *host UNUSED, const json_t *config,
              enum power_state *state_out, struct fault *why)
{
    struct buf out = BUF_INIT;
    bool ok = remote_run(config, "status", &out, why)
        && power_read_answer(buf_text(&out), out.len, state_out, why);

    buf_free(&out);
    return ok;
}

static bool
remote_boot_order(const char *host UNUSED, const json_t *config,
                  struct fault *why)
{
    return remote_run(config, "boot", NULL, why)
        || fault_context(why, "boot order");
}

const struct power_driver power_guest_driver = {
    .name = "guest",
    .check = guest_check,
    .order = remote_order,
    .status = remote_status,
    .steady_ms = STEADY_MS,
};

const struct power_driver power_ipmi_driver = {
    .name = "ipmi",
    .check = ipmi_check,
    .order = remote_order,
    .status = remote_status,
    .boot_order = remote_boot_order,
    .steady_ms = STEADY_MS,
};

const struct power_driver power_redfish_driver = {
    .name = "redfish",
    .check = redfish_check,
    .order = remote_order,
    .status = remote_status,
    .boot_order = remote_boot_order,
    .steady_ms = STEADY_MS,
};

const struct power_driver power_snmp_driver = {
    .name = "snmp-pdu",
    .check = snmp_check,
    .order = remote_order,
    .status = remote_status,
    .steady_ms = STEADY_MS,
};
