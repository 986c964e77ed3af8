/* hosts/outlet.c - see outlet.h. Object identifiers are from the vendors'
 * MIBs: PowerNet-MIB, Sentry3-MIB, PDU2-MIB. */
#include <config.h>

#include "hosts/outlet.h"

#include "harness/buf.h"
#include "harness/fault.h"
#include "harness/json.h"
#include "hosts/secret.h"

#define OUTLETS_MAX 1024
#define PART_DIGITS 10

static const struct model {
    const char *name;
    const char *order;          /* + "." + outlet */
    int32_t order_on, order_off;
    const char *state;
    int32_t state_on, state_off;
} models[] = {
    /* sPDUOutletCtl */
    { "apc", "1.3.6.1.4.1.318.1.1.4.4.2.1.3", 1, 2,
      "1.3.6.1.4.1.318.1.1.4.4.2.1.3", 1, 2 },
    /* rPDUOutletControlOutletCommand, rPDUOutletStatusOutletState */
    { "apc-rack", "1.3.6.1.4.1.318.1.1.12.3.3.1.1.4", 1, 2,
      "1.3.6.1.4.1.318.1.1.12.3.5.1.1.4", 1, 2 },
    /* switchingOperation, measurementsOutletSensorState of PDU 1 */
    { "raritan", "1.3.6.1.4.1.13742.6.4.1.2.1.2.1", 1, 0,
      "1.3.6.1.4.1.13742.6.4.1.2.1.3.1", 7, 8 },
    /* outletControlAction, outletStatus of tower 1, infeed 1 */
    { "sentry3", "1.3.6.1.4.1.1718.3.2.3.1.11.1.1", 1, 2,
      "1.3.6.1.4.1.1718.3.2.3.1.5.1.1", 1, 0 },
};

bool
outlet_oid_parse(const char *text, struct outlet_oid *oid_out)
{
    struct outlet_oid oid = { .count = 0 };
    char digits[PART_DIGITS + 1];
    int64_t number;
    size_t bytes;

    text += text[0] == '.' ? 1 : 0;
    for (;;) {
        bytes = strspn(text, "0123456789");
        if (bytes == 0 || bytes > PART_DIGITS || oid.count == OUTLET_OID_MAX)
            return false;
        (void)snprintf(digits, sizeof(digits), "%.*s", (int)bytes, text);
        if (!parse_int64(digits, 0, UINT32_MAX, &number))
            return false;
        oid.part[oid.count++] = (uint32_t)number;
        text += bytes;
        if (*text == '\0')
            break;
        if (*text++ != '.')
            return false;
    }
    /* The first two share a byte on the wire. */
    if (oid.count < 2 || oid.part[0] > 2
        || (oid.part[0] < 2 && oid.part[1] > 39))
        return false;
    *oid_out = oid;
    return true;
}

static bool
read_model(const char *name, const char *number, struct outlet *outlet,
           struct fault *why)
{
    struct buf known = BUF_INIT;
    int64_t value;

    if (number == NULL || !parse_int64(number, 1, OUTLETS_MAX, &value))
        return fault_set(why, FAULT_CONFIG, "power driver snmp-pdu needs the "
                         "key 'outlet', a number from 1");
    for (size_t i = 0; i < ARRAY_LEN(models); i++) {
        const struct model *m = &models[i];

        buf_addf(&known, "%s%s", i == 0 ? "" : ", ", m->name);
        if (strcmp(m->name, name) != 0)
            continue;
        buf_free(&known);
        must(outlet_oid_parse(m->order, &outlet->order)
             && outlet_oid_parse(m->state, &outlet->state));
        outlet->order.part[outlet->order.count++] = (uint32_t)value;
        outlet->state.part[outlet->state.count++] = (uint32_t)value;
        outlet->order_on = m->order_on;
        outlet->order_off = m->order_off;
        outlet->state_on = m->state_on;
        outlet->state_off = m->state_off;
        return true;
    }
    fault_set(why, FAULT_CONFIG, "no model '%s' of a PDU (there are: %s; or "
              "say 'oid', 'on_value' and 'off_value')", name,
              buf_text(&known));
    buf_free(&known);
    return false;
}

static bool
read_oid(const json_t *config, const char *oid, struct outlet *outlet,
         struct fault *why)
{
    const char *on = json_text(config, "on_value");
    const char *off = json_text(config, "off_value");
    int64_t on_value, off_value;

    if (!outlet_oid_parse(oid, &outlet->order))
        return fault_set(why, FAULT_CONFIG, "'%s' is no object identifier in "
                         "numbers", oid);
    if (on == NULL || off == NULL
        || !parse_int64(on, INT32_MIN, INT32_MAX, &on_value)
        || !parse_int64(off, INT32_MIN, INT32_MAX, &off_value)
        || on_value == off_value)
        return fault_set(why, FAULT_CONFIG, "with 'oid', power driver "
                         "snmp-pdu needs two numbers 'on_value' and "
                         "'off_value'");
    outlet->state = outlet->order;
    outlet->order_on = outlet->state_on = (int32_t)on_value;
    outlet->order_off = outlet->state_off = (int32_t)off_value;
    return true;
}

static bool
one_of(const char *text, const char *a, const char *b)
{
    return text != NULL && (strcmp(text, a) == 0 || strcmp(text, b) == 0);
}

/* 1 and 2c have a community, 3 a user with at least a password. */
static bool
read_version(const json_t *config, struct outlet *outlet, struct fault *why)
{
    const char *version = json_text(config, "version");
    const char *protocol = json_text(config, "priv_protocol");

    if (version == NULL || strcmp(version, "2c") == 0)
        outlet->version = 2;
    else if (one_of(version, "1", "3"))
        outlet->version = version[0] - '0';
    else
        return fault_set(why, FAULT_CONFIG, "SNMP version '%s' is none of 1, "
                         "2c, 3", version);
    if (outlet->version != 3)
        return secret_check(config, "community", true, why);
    if (json_text(config, "user") == NULL)
        return fault_set(why, FAULT_CONFIG, "SNMP version 3 needs the key "
                         "'user'");
    if (!one_of(json_text(config, "auth_protocol"), "sha", "md5"))
        return fault_set(why, FAULT_CONFIG, "SNMP version 3 needs the key "
                         "'auth_protocol', sha or md5");
    if (protocol != NULL && !one_of(protocol, "aes", "des"))
        return fault_set(why, FAULT_CONFIG, "priv_protocol '%s' is neither "
                         "aes nor des", protocol);
    return secret_check(config, "auth_password", true, why)
        && secret_check(config, "priv_password", protocol != NULL, why);
}

bool
outlet_read(const json_t *config, struct outlet *outlet_out,
            struct fault *why)
{
    const char *model = json_text(config, "model");
    const char *oid = json_text(config, "oid");
    struct outlet outlet = { .version = 0 };
    bool ok;

    if ((model == NULL) == (oid == NULL))
        return fault_set(why, FAULT_CONFIG, "power driver snmp-pdu needs "
                         "either the key 'model' or the key 'oid'");
    ok = model != NULL
        ? read_model(model, json_text(config, "outlet"), &outlet, why)
        : read_oid(config, oid, &outlet, why);
    ok = ok && read_version(config, &outlet, why);
    if (ok)
        *outlet_out = outlet;
    return ok;
}

bool
outlet_state(const struct outlet *outlet, int64_t value,
             enum power_state *state_out, struct fault *why)
{
    if (value == outlet->state_on)
        *state_out = POWER_ON;
    else if (value == outlet->state_off)
        *state_out = POWER_OFF;
    else
        return fault_set(why, FAULT_PEER, "the outlet's state is neither %d "
                         "(on) nor %d (off) but %lld", outlet->state_on,
                         outlet->state_off, (long long)value);
    return true;
}
