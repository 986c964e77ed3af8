/* hosts/bmc_ipmi.c - chassis power and boot flags by IPMI 2.0 (RMCP+), with
 * libfreeipmi. */
#include <config.h>

#include "hosts/bmc.h"

#include "harness/fault.h"

#ifdef HAVE_FREEIPMI

#include <freeipmi/freeipmi.h>

#include "harness/buf.h"
#include "harness/json.h"
#include "hosts/address.h"
#include "hosts/ipmi_words.h"
#include "hosts/secret.h"

#define PORT 623
#define RESEND_MS 400


static const struct {
    const char *name;
    uint8_t device, type;
} boots[] = {
    { "pxe", IPMI_SYSTEM_BOOT_OPTION_BOOT_FLAG_BOOT_DEVICE_FORCE_PXE,
      IPMI_SYSTEM_BOOT_OPTION_BOOT_FLAG_BOOT_TYPE_PC_COMPATIBLE },
    { "pxe-uefi", IPMI_SYSTEM_BOOT_OPTION_BOOT_FLAG_BOOT_DEVICE_FORCE_PXE,
      IPMI_SYSTEM_BOOT_OPTION_BOOT_FLAG_BOOT_TYPE_EFI },
    { "disk",
      IPMI_SYSTEM_BOOT_OPTION_BOOT_FLAG_BOOT_DEVICE_FORCE_HARD_DRIVE,
      IPMI_SYSTEM_BOOT_OPTION_BOOT_FLAG_BOOT_TYPE_PC_COMPATIBLE },
};

/* What more tries do not mend: too many of them lock the account. */
static bool
is_refusal(int error)
{
    static const int refusals[] = {
        IPMI_ERR_USERNAME_INVALID,
        IPMI_ERR_PASSWORD_INVALID,
        IPMI_ERR_K_G_INVALID,
        IPMI_ERR_PRIVILEGE_LEVEL_INSUFFICIENT,
        IPMI_ERR_PRIVILEGE_LEVEL_CANNOT_BE_OBTAINED,
        IPMI_ERR_AUTHENTICATION_TYPE_UNAVAILABLE,
        IPMI_ERR_CIPHER_SUITE_ID_UNAVAILABLE,
        IPMI_ERR_IPMI_2_0_UNAVAILABLE,
    };

    for (size_t i = 0; i < ARRAY_LEN(refusals); i++) {
        if (refusals[i] == error)
            return true;
    }
    return false;
}

static bool
ipmi_fault(ipmi_ctx_t ctx, const char *what, struct fault *why)
{
    int error = ipmi_ctx_errnum(ctx);
    enum fault_kind kind = FAULT_PEER;

    if (is_refusal(error))
        kind = FAULT_CONFIG;
    else if (error == IPMI_ERR_CONNECTION_TIMEOUT
             || error == IPMI_ERR_SESSION_TIMEOUT
             || error == IPMI_ERR_PASSWORD_VERIFICATION_TIMEOUT)
        kind = FAULT_TIMEOUT;
    return fault_set(why, kind, "ipmi: %s: %s", what, ipmi_ctx_strerror(error));
}

static bool
ipmi_open(const struct bmc_order *order, ipmi_ctx_t *ctx_out,
          struct fault *why)
{
    const json_t *config = order->config;
    const char *user = json_text(config, "user");
    char password[SECRET_BYTES] = "", where[272];
    unsigned resend_ms = RESEND_MS;
    struct address address;
    ipmi_ctx_t ctx = NULL;
    bool ok;

    ok = address_parse(json_text(config, "address"), PORT, &address, why)
        && secret_read(config, "password", password, why);
    if (!ok)
        goto out;
    address_text(&address, where);
    ctx = ipmi_ctx_create();
    must(ctx != NULL);
    if ((int64_t)resend_ms >= order->limit_ms)
        resend_ms = (unsigned)order->limit_ms / 2 + 1;
    ok = ipmi_ctx_open_outofband_2_0(ctx, where, user, password, NULL, 0,
                                     ipmi_privilege(config),
                                     ipmi_cipher_suite(config),
                                     (unsigned)order->limit_ms, resend_ms,
                                     ipmi_workarounds(config, false), 0) == 0
        || ipmi_fault(ctx, where, why);
    if (ok) {
        *ctx_out = ctx;
        ctx = NULL;
    }
out:
    explicit_bzero(password, sizeof(password));
    ipmi_ctx_destroy(ctx);
    return ok;
}

static bool
answer_new(fiid_field_t *fields, fiid_obj_t *answer_out)
{
    *answer_out = fiid_obj_create(fields);
    must(*answer_out != NULL);
    return true;
}

static bool
answer_field(fiid_obj_t answer, const char *field, uint64_t *value_out,
             struct fault *why)
{
    return fiid_obj_get(answer, field, value_out) == 1
        || fault_set(why, FAULT_PEER, "ipmi: the answer has no %s", field);
}

static bool
ipmi_status(ipmi_ctx_t ctx, enum power_state *state_out, struct fault *why)
{
    fiid_obj_t answer = NULL;
    uint64_t on = 0;
    bool ok;

    ok = answer_new(tmpl_cmd_get_chassis_status_rs, &answer)
        && (ipmi_cmd_get_chassis_status(ctx, answer) == 0
            || ipmi_fault(ctx, "read the power", why))
        && answer_field(answer, "current_power_state.power_is_on", &on, why);
    if (ok)
        *state_out = on != 0 ? POWER_ON : POWER_OFF;
    fiid_obj_destroy(answer);
    return ok;
}

static bool
ipmi_switch(ipmi_ctx_t ctx, enum power_state want, struct fault *why)
{
    enum power_state state = POWER_UNKNOWN;
    fiid_obj_t answer = NULL;
    bool ok;

    if (!ipmi_status(ctx, &state, why))
        return false;
    if (state == want)
        return true;
    ok = answer_new(tmpl_cmd_chassis_control_rs, &answer)
        && (ipmi_cmd_chassis_control(ctx, want == POWER_ON
                                     ? IPMI_CHASSIS_CONTROL_POWER_UP
                                     : IPMI_CHASSIS_CONTROL_POWER_DOWN,
                                     answer) == 0
            || ipmi_fault(ctx, "switch the power", why));
    fiid_obj_destroy(answer);
    return ok;
}

static bool
boot_set(ipmi_ctx_t ctx, uint8_t device, uint8_t type, struct fault *why)
{
    fiid_obj_t answer = NULL;
    bool ok;

    /* For the next start only, with everything else as it is. */
    ok = answer_new(tmpl_cmd_set_system_boot_options_rs, &answer)
        && (ipmi_cmd_set_system_boot_options_boot_flags(
                ctx, IPMI_SYSTEM_BOOT_OPTIONS_PARAMETER_VALID_UNLOCKED,
                type,
                IPMI_SYSTEM_BOOT_OPTION_BOOT_FLAG_VALID_FOR_NEXT_BOOT,
                IPMI_SYSTEM_BOOT_OPTION_BOOT_FLAG_VALID, 0, 0, device, 0, 0,
                0, 0, 0, 0, 0, 0, 0, 0, 0, answer) == 0
            || ipmi_fault(ctx, "set the boot flags", why));
    fiid_obj_destroy(answer);
    return ok;
}

static bool
boot_check(ipmi_ctx_t ctx, uint8_t device, struct fault *why)
{
    fiid_obj_t answer = NULL;
    uint64_t found = 0;
    bool ok;

    ok = answer_new(tmpl_cmd_get_system_boot_options_boot_flags_rs, &answer)
        && (ipmi_cmd_get_system_boot_options_boot_flags(ctx, 0, 0, answer)
                == 0
            || ipmi_fault(ctx, "read the boot flags", why))
        && answer_field(answer, "boot_device", &found, why);
    /* The bit that says "valid" is not kept by all (ipmi_sim's is not). */
    if (ok && found != device)
        ok = fault_set(why, FAULT_PEER, "ipmi: the boot device was set to "
                       "%u and is %u", device, (unsigned)found);
    fiid_obj_destroy(answer);
    return ok;
}

static bool
ipmi_boot(ipmi_ctx_t ctx, const char *name, struct fault *why)
{
    for (size_t i = 0; name != NULL && i < ARRAY_LEN(boots); i++) {
        if (strcmp(boots[i].name, name) == 0)
            return boot_set(ctx, boots[i].device, boots[i].type, why)
                && boot_check(ctx, boots[i].device, why);
    }
    return fault_set(why, FAULT_CONFIG, "ipmi: no boot order '%s'",
                     name == NULL ? "" : name);
}

bool
bmc_ipmi(const struct bmc_order *order, enum power_state *state_out,
         struct fault *why)
{
    ipmi_ctx_t ctx = NULL;
    bool ok;

    ok = ipmi_open(order, &ctx, why);
    if (!ok)
        return false;
    switch (order->verb) {
    case BMC_STATUS:
        ok = ipmi_status(ctx, state_out, why);
        break;
    case BMC_ON:
        ok = ipmi_switch(ctx, POWER_ON, why);
        break;
    case BMC_OFF:
        ok = ipmi_switch(ctx, POWER_OFF, why);
        break;
    case BMC_BOOT:
        ok = ipmi_boot(ctx, json_text(order->config, "boot"), why);
        break;
    }
    (void)ipmi_ctx_close(ctx);
    ipmi_ctx_destroy(ctx);
    return ok;
}

#else

bool
bmc_ipmi(const struct bmc_order *order UNUSED,
         enum power_state *state_out UNUSED, struct fault *why)
{
    fault_set(why, FAULT_CONFIG, "this Assay was built without IPMI");
    return fault_hint(why, "apt-get install libfreeipmi-dev, configure "
                      "and build again");
}

#endif
