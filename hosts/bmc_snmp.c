/* hosts/bmc_snmp.c - an outlet of a switched PDU, with Net-SNMP's library. */
#include <config.h>

#include "hosts/bmc_snmp.h"

#include "hosts/bmc.h"

#ifdef HAVE_NETSNMP

#include "harness/buf.h"
#include "harness/fault.h"
#include "harness/json.h"
#include "hosts/address.h"
#include "hosts/outlet.h"
#include "hosts/secret.h"

#define PORT 161
#define RETRIES 2

struct secrets {
    char community[SECRET_BYTES];
    char auth[SECRET_BYTES], priv[SECRET_BYTES];
};

static size_t
to_oid(const struct outlet_oid *from, oid to[static OUTLET_OID_MAX])
{
    for (size_t i = 0; i < from->count; i++)
        to[i] = from->part[i];
    return from->count;
}

/* A key of version 3 from its password. */
static bool
make_key(oid *protocol, size_t protocol_len, const char *password,
         u_char *key, size_t *key_len, struct fault *why)
{
    *key_len = USM_AUTH_KU_LEN;
    return generate_Ku(protocol, (u_int)protocol_len,
                       (const u_char *)password, strlen(password), key,
                       key_len) == SNMPERR_SUCCESS
        || fault_set(why, FAULT_CONFIG, "snmp: a password of version 3 has "
                     "at least 8 characters");
}

static bool
set_user(const json_t *config, const struct secrets *secrets,
         struct snmp_session *session, char *user, struct fault *why)
{
    const char *auth = json_text(config, "auth_protocol");
    const char *priv = json_text(config, "priv_protocol");
    bool sha = auth != NULL && strcmp(auth, "sha") == 0;
    bool aes = priv != NULL && strcmp(priv, "aes") == 0;

    session->securityName = user;
    session->securityNameLen = strlen(user);
    session->securityLevel = priv == NULL ? SNMP_SEC_LEVEL_AUTHNOPRIV
                                          : SNMP_SEC_LEVEL_AUTHPRIV;
    session->securityAuthProto = sha ? usmHMACSHA1AuthProtocol
                                     : usmHMACMD5AuthProtocol;
    session->securityAuthProtoLen = USM_AUTH_PROTO_SHA_LEN;
    if (!make_key(session->securityAuthProto,
                  session->securityAuthProtoLen, secrets->auth,
                  session->securityAuthKey, &session->securityAuthKeyLen,
                  why))
        return false;
    if (priv == NULL)
        return true;
    session->securityPrivProto = aes ? usmAESPrivProtocol
                                     : usmDESPrivProtocol;
    session->securityPrivProtoLen = USM_PRIV_PROTO_AES_LEN;
    return make_key(session->securityAuthProto,
                    session->securityAuthProtoLen, secrets->priv,
                    session->securityPrivKey, &session->securityPrivKeyLen,
                    why);
}

/* No file is read, neither of settings nor of MIBs: numbers are enough. */
static void
start_library(void)
{
    (void)setenv("MIBS", "", 1);
    (void)setenv("SNMPCONFPATH", "/nonexistent", 1);
    (void)netsnmp_ds_set_boolean(NETSNMP_DS_LIBRARY_ID,
                                 NETSNMP_DS_LIB_DONT_READ_CONFIGS, 1);
    (void)netsnmp_ds_set_boolean(NETSNMP_DS_LIBRARY_ID,
                                 NETSNMP_DS_LIB_DONT_PERSIST_STATE, 1);
    snmp_disable_log();
    init_snmp("assay-bmc");
}

static bool
snmp_fault(void *handle, const char *where, struct fault *why)
{
    int system_error = 0, error = 0;
    enum fault_kind kind = FAULT_PEER;
    char *text = NULL;

    snmp_sess_error(handle, &system_error, &error, &text);
    if (error == SNMPERR_TIMEOUT)
        kind = FAULT_TIMEOUT;
    else if (error == SNMPERR_AUTHENTICATION_FAILURE
             || error == SNMPERR_UNKNOWN_USER_NAME
             || error == SNMPERR_UNSUPPORTED_SEC_LEVEL)
        kind = FAULT_CONFIG;
    fault_set(why, kind, "snmp: %s: %s", where, text == NULL ? "?" : text);
    /* Versions 1 and 2c do not say that the community is wrong. */
    if (kind == FAULT_TIMEOUT)
        fault_hint(why, "a wrong community is not answered either");
    SNMP_FREE(text);
    return false;
}

static bool
session_open(const struct bmc_order *order, const struct outlet *outlet,
             const char *where, void **handle_out, struct fault *why)
{
    const json_t *config = order->config;
    const char *name = json_text(config, "user");
    struct snmp_session session;
    struct secrets secrets = { .community = "" };
    char user[64], peer[280];
    bool ok;

    ok = secret_read(config, "community", secrets.community, why)
        && secret_read(config, "auth_password", secrets.auth, why)
        && secret_read(config, "priv_password", secrets.priv, why);
    if (!ok)
        goto out;
    start_library();
    snmp_sess_init(&session);
    (void)snprintf(peer, sizeof(peer), "%s:%s",
                   where[0] == '[' ? "udp6" : "udp", where);
    session.peername = peer;
    session.retries = RETRIES;
    session.timeout = (long)(order->limit_ms * 1000 / (RETRIES + 1));
    if (outlet->version == 3) {
        session.version = SNMP_VERSION_3;
        (void)snprintf(user, sizeof(user), "%s", name == NULL ? "" : name);
        ok = set_user(config, &secrets, &session, user, why);
    } else {
        session.version = outlet->version == 1 ? SNMP_VERSION_1
                                               : SNMP_VERSION_2c;
        session.community = (u_char *)secrets.community;
        session.community_len = strlen(secrets.community);
    }
    if (!ok)
        goto out;
    *handle_out = snmp_sess_open(&session);
    if (*handle_out == NULL)
        ok = fault_set(why, FAULT_PEER, "snmp: cannot reach %s", where);
out:
    explicit_bzero(&secrets, sizeof(secrets));
    explicit_bzero(&session, sizeof(session));
    return ok;
}

bool
bmc_snmp_number(const struct snmp_pdu *answer, const oid *name, size_t bytes,
                int64_t *value_out, struct fault *why)
{
    const struct variable_list *value = answer->variables;

    if (answer->errstat != SNMP_ERR_NOERROR)
        return fault_set(why, FAULT_PEER, "snmp: it answers: %s",
                         snmp_errstring((int)answer->errstat));
    if (value == NULL
        || snmp_oid_compare(value->name, value->name_length, name, bytes)
            != 0)
        return fault_set(why, FAULT_PEER, "snmp: its answer is not about "
                         "the outlet");
    if (value->type == SNMP_NOSUCHOBJECT || value->type == SNMP_NOSUCHINSTANCE
        || value->type == SNMP_ENDOFMIBVIEW)
        return fault_set(why, FAULT_PEER, "snmp: there is no such outlet");
    if ((value->type != ASN_INTEGER && value->type != ASN_GAUGE
         && value->type != ASN_UNSIGNED)
        || value->val.integer == NULL
        || value->val_len != sizeof(*value->val.integer))
        return fault_set(why, FAULT_PEER, "snmp: the outlet's state is no "
                         "number");
    *value_out = *value->val.integer;
    return true;
}

static bool
ask(void *handle, const char *where, struct snmp_pdu *question,
    const oid *name, size_t bytes, int64_t *value_out, struct fault *why)
{
    struct snmp_pdu *answer = NULL;
    bool ok;

    if (snmp_sess_synch_response(handle, question, &answer) != STAT_SUCCESS
        || answer == NULL)
        ok = snmp_fault(handle, where, why);
    else
        ok = bmc_snmp_number(answer, name, bytes, value_out, why);
    if (answer != NULL)
        snmp_free_pdu(answer);
    return ok;
}

static bool
outlet_get(void *handle, const char *where, const struct outlet *outlet,
           enum power_state *state_out, struct fault *why)
{
    struct snmp_pdu *question = snmp_pdu_create(SNMP_MSG_GET);
    oid name[OUTLET_OID_MAX];
    size_t bytes = to_oid(&outlet->state, name);
    int64_t value;

    must(question != NULL
         && snmp_add_null_var(question, name, bytes) != NULL);
    return ask(handle, where, question, name, bytes, &value, why)
        && outlet_state(outlet, value, state_out, why);
}

static bool
outlet_set(void *handle, const char *where, const struct outlet *outlet,
           enum power_state want, struct fault *why)
{
    struct snmp_pdu *question = snmp_pdu_create(SNMP_MSG_SET);
    long number = want == POWER_ON ? outlet->order_on : outlet->order_off;
    oid name[OUTLET_OID_MAX];
    size_t bytes = to_oid(&outlet->order, name);
    int64_t value;

    must(question != NULL
         && snmp_pdu_add_variable(question, name, bytes, ASN_INTEGER,
                                  &number, sizeof(number)) != NULL);
    return ask(handle, where, question, name, bytes, &value, why);
}

bool
bmc_snmp(const struct bmc_order *order, enum power_state *state_out,
         struct fault *why)
{
    const char *text = json_text(order->config, "address");
    struct address address;
    struct outlet outlet;
    char where[272] = "";
    void *handle = NULL;
    bool ok;

    ok = outlet_read(order->config, &outlet, why)
        && address_parse(text == NULL ? "" : text, PORT, &address, why);
    if (ok) {
        address_text(&address, where);
        ok = session_open(order, &outlet, where, &handle, why);
    }
    if (!ok)
        return false;
    switch (order->verb) {
    case BMC_STATUS:
        ok = outlet_get(handle, where, &outlet, state_out, why);
        break;
    case BMC_ON:
        ok = outlet_set(handle, where, &outlet, POWER_ON, why);
        break;
    case BMC_OFF:
        ok = outlet_set(handle, where, &outlet, POWER_OFF, why);
        break;
    case BMC_BOOT:
        ok = fault_set(why, FAULT_CONFIG, "a PDU has no boot order");
        break;
    }
    (void)snmp_sess_close(handle);
    return ok;
}

#else

#include "harness/fault.h"

bool
bmc_snmp(const struct bmc_order *order UNUSED,
         enum power_state *state_out UNUSED, struct fault *why)
{
    fault_set(why, FAULT_CONFIG, "this Assay was built without SNMP");
    return fault_hint(why, "apt-get install libsnmp-dev, configure and "
                      "build again");
}

#endif
