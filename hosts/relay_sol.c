/* hosts/relay_sol.c - a serial line over LAN by IPMI 2.0, with libipmiconsole:
 * its engine is a thread, and what it receives comes out of a socket. */
#include <config.h>

#include "hosts/relay.h"

#include "harness/fault.h"

#ifdef HAVE_FREEIPMI

#include <errno.h>
#include <freeipmi/freeipmi.h>
#include <ipmiconsole.h>

#include "harness/json.h"
#include "hosts/address.h"
#include "hosts/secret.h"
#include "hosts/ipmi_words.h"

#define PORT 623
#define PIECE_BYTES 16384
/* A BMC that says nothing, not even when asked. */
#define GONE_MS 30000

_Static_assert(IPMICONSOLE_PRIVILEGE_USER == 0
               && IPMICONSOLE_PRIVILEGE_ADMIN
                   == IPMI_PRIVILEGE_LEVEL_ADMIN - IPMI_PRIVILEGE_LEVEL_USER,
               "the libraries count alike");

/* What more tries do not mend. */
static bool
is_refusal(int error)
{
    static const int refusals[] = {
        IPMICONSOLE_ERR_USERNAME_INVALID, IPMICONSOLE_ERR_PASSWORD_INVALID,
        IPMICONSOLE_ERR_K_G_INVALID,
        IPMICONSOLE_ERR_PRIVILEGE_LEVEL_INSUFFICIENT,
        IPMICONSOLE_ERR_CIPHER_SUITE_ID_UNAVAILABLE,
        IPMICONSOLE_ERR_SOL_UNAVAILABLE,
        IPMICONSOLE_ERR_SOL_REQUIRES_ENCRYPTION,
        IPMICONSOLE_ERR_SOL_REQUIRES_NO_ENCRYPTION,
        IPMICONSOLE_ERR_IPMI_2_0_UNAVAILABLE,
    };

    for (size_t i = 0; i < ARRAY_LEN(refusals); i++) {
        if (refusals[i] == error)
            return true;
    }
    return false;
}

static void
sol_close(struct relay *relay)
{
    /* The engine closes the session on the BMC, which has one for all. */
    if (relay->own != NULL)
        ipmiconsole_ctx_destroy(relay->own);
    relay->own = NULL;
    relay->fd = -1;             /* was the library's */
    ipmiconsole_engine_teardown(1);
}

static bool
sol_open(struct relay *relay, struct fault *why)
{
    char password[SECRET_BYTES] = "", where[272], user[32] = "";
    struct ipmiconsole_protocol_config protocol = {
        .session_timeout_len = GONE_MS,
        .keepalive_timeout_len = GONE_MS / 3,
    };
    struct ipmiconsole_engine_config engine = {
        /* A session that a relay left behind when it was killed would be in
         * the way for a minute: it is taken over. */
        .behavior_flags = 0,
    };
    struct ipmiconsole_ipmi_config ipmi = {
        .username = user,
        .privilege_level = ipmi_privilege(relay->config)
            - IPMI_PRIVILEGE_LEVEL_USER,
        .cipher_suite_id = ipmi_cipher_suite(relay->config),
        .workaround_flags = ipmi_workarounds(relay->config, true),
    };
    const char *name = json_text(relay->config, "user");
    struct address address;
    bool ok;

    (void)snprintf(user, sizeof(user), "%s", name == NULL ? "" : name);
    ok = address_parse(json_text(relay->config, "address"), PORT, &address,
                       why)
        && secret_read(relay->config, "password", password, why);
    if (!ok)
        return false;
    address_text(&address, where);
    ipmi.password = password;
    must(ipmiconsole_engine_init(1, 0) == 0);
    relay->own = ipmiconsole_ctx_create(where, &ipmi, &protocol, &engine);
    explicit_bzero(password, sizeof(password));
    ok = relay->own != NULL
        || fault_set(why, FAULT_CONFIG, "ipmi: user or password are too "
                     "long, or the address is wrong");
    if (ok && ipmiconsole_engine_submit_block(relay->own) != 0) {
        int error = ipmiconsole_ctx_errnum(relay->own);

        ok = fault_set(why, is_refusal(error) ? FAULT_CONFIG : FAULT_PEER,
                       "ipmi: serial over LAN at %s: %s", where,
                       ipmiconsole_ctx_strerror(error));
    }
    if (ok)
        relay->fd = ipmiconsole_ctx_fd(relay->own);
    else
        sol_close(relay);
    return ok;
}

static ssize_t
sol_read(struct relay *relay)
{
    char data[PIECE_BYTES];
    ssize_t n = relay_read_fd(relay, data, sizeof(data));

    if (n > 0)
        buf_add(&relay->near, data, (size_t)n);
    return n;
}

const struct relay_driver relay_sol = {
    .name = "ipmi-sol",
    .open = sol_open,
    .read = sol_read,
    .write = relay_write_fd,
    .type = relay_type_plain,
    .close = sol_close,
};

#else

static bool
sol_open(struct relay *relay UNUSED, struct fault *why)
{
    fault_set(why, FAULT_CONFIG, "this Assay was built without IPMI");
    return fault_hint(why, "apt-get install libipmiconsole-dev, configure "
                      "and build again");
}

const struct relay_driver relay_sol = {
    .name = "ipmi-sol",
    .open = sol_open,
};

#endif
