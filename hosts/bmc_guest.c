/* hosts/bmc_guest.c - a host that is itself a guest of another Xen: what
 * switches it is that one's xl, by ssh.
 *
 * Off is what a whole table without the guest says, and nothing less: "xl list
 * NAME" fails for a guest that is not there as for a Xen that does not answer.
 * A guest that is there is on, though it be paused, crashed or shut down and
 * kept: it can be destroyed, and not be created. */
#include <config.h>

#include "hosts/bmc.h"

#include "harness/arena.h"
#include "harness/buf.h"
#include "harness/fault.h"
#include "harness/json.h"
#include "hosts/ssh_login.h"
#include "hosts/xl_list.h"

#define SAID_MAX_BYTES (1 << 20)
#define PIECE_BYTES 4096

/* To the end of the stream. */
static bool
read_stream(const struct ssh_login *login, LIBSSH2_CHANNEL *channel,
            int stream, struct buf *out, struct fault *why)
{
    char data[PIECE_BYTES];
    ssize_t n;

    while ((n = libssh2_channel_read_ex(channel, stream, data,
                                        sizeof(data))) > 0) {
        buf_add(out, data, (size_t)n);
        if (out->len > SAID_MAX_BYTES)
            return fault_set(why, FAULT_PEER, "xl says more than %d bytes",
                             SAID_MAX_BYTES);
    }
    return n == 0 || ssh_login_fault(login, FAULT_PEER, "read", why);
}

/* The shell adds one to the status of xl: 0 is what libssh2 says when none
 * came, as of a connection that ended in between. */
static bool
read_status(LIBSSH2_CHANNEL *channel, const char *verb,
            const struct buf *said, struct fault *why)
{
    int status = libssh2_channel_get_exit_status(channel);

    if (status == 0)
        return fault_set(why, FAULT_PEER, "ssh: xl %s ended without an exit "
                         "status", verb);
    if (status == 1)
        return true;
    fault_set(why, FAULT_PEER, "xl %s: exit status %d", verb,
              (status - 1) & 255);
    fault_detail(why, buf_text(said), said->len);
    return false;
}

static bool
run_on(const struct ssh_login *login, LIBSSH2_CHANNEL *channel,
       const char *verb, const char *command, struct buf *out,
       struct fault *why)
{
    struct buf said = BUF_INIT;
    bool ok;

    ok = (libssh2_channel_exec(channel, command) == 0
          && libssh2_channel_send_eof(channel) == 0)
        || ssh_login_fault(login, FAULT_PEER, "start xl", why);
    ok = ok && read_stream(login, channel, 0, out, why)
        && read_stream(login, channel, SSH_EXTENDED_DATA_STDERR, &said, why);
    if (ok && libssh2_channel_close(channel) != 0)
        ok = ssh_login_fault(login, FAULT_PEER, "end xl", why);
    ok = ok && read_status(channel, verb, &said, why);
    buf_free(&said);
    return ok;
}

/* 'xl VERB ARGS', all of them quoted; what it prints is added to 'out'. */
static bool
run_xl(const struct ssh_login *login, const json_t *config,
       const char *verb, const char *const *args, struct buf *out,
       struct fault *why)
{
    const char *xl = json_text(config, "xl");
    LIBSSH2_CHANNEL *channel;
    struct buf command = BUF_INIT;
    bool ok;

    buf_add_shell(&command, xl == NULL ? "xl" : xl);
    buf_addf(&command, " %s", verb);
    for (; *args != NULL; args++) {
        buf_adds(&command, " ");
        buf_add_shell(&command, *args);
    }
    buf_adds(&command, "; exit $((($?+1)&255))");
    channel = libssh2_channel_open_session(login->session);
    ok = channel != NULL
        ? run_on(login, channel, verb, buf_text(&command), out, why)
        : ssh_login_fault(login, FAULT_PEER, "open a channel", why);
    if (channel != NULL)
        (void)libssh2_channel_free(channel);
    buf_free(&command);
    return ok;
}

static bool
guest_state(const struct ssh_login *login, const json_t *config,
            enum power_state *state_out, struct fault *why)
{
    static const char *const none[] = { NULL };
    struct buf out = BUF_INIT;
    bool ok, has = false;

    ok = run_xl(login, config, "list", none, &out, why)
        && xl_list_has(buf_text(&out), out.len, json_text(config, "guest"),
                       &has, why);
    if (ok)
        *state_out = has ? POWER_ON : POWER_OFF;
    buf_free(&out);
    return ok;
}

/* The guest has the name that it is looked for by, whatever the file says. */
static bool
guest_set(const struct ssh_login *login, const json_t *config,
          enum power_state want, struct fault *why)
{
    const char *guest = json_text(config, "guest");
    enum power_state state = POWER_UNKNOWN;
    struct arena arena = ARENA_INIT;
    struct buf out = BUF_INIT;
    const char *create[] = { json_text(config, "config"),
                             arena_printf(&arena, "name=\"%s\"", guest),
                             NULL };
    const char *destroy[] = { guest, NULL };
    bool ok;

    ok = guest_state(login, config, &state, why);
    if (ok && state != want)
        ok = want == POWER_ON
            ? run_xl(login, config, "create", create, &out, why)
            : run_xl(login, config, "destroy", destroy, &out, why);
    buf_free(&out);
    arena_free(&arena);
    return ok;
}

bool
bmc_guest(const struct bmc_order *order, enum power_state *state_out,
          struct fault *why)
{
    struct ssh_login login = SSH_LOGIN_INIT;
    bool ok;

    ok = ssh_login_open(&login, order->config, order->limit_ms, why);
    if (!ok)
        goto out;
    switch (order->verb) {
    case BMC_STATUS:
        ok = guest_state(&login, order->config, state_out, why);
        break;
    case BMC_ON:
        ok = guest_set(&login, order->config, POWER_ON, why);
        break;
    case BMC_OFF:
        ok = guest_set(&login, order->config, POWER_OFF, why);
        break;
    case BMC_BOOT:
        ok = fault_set(why, FAULT_CONFIG, "the boot order of a guest is its "
                       "configuration's");
        break;
    }
out:
    ssh_login_close(&login);
    return ok;
}
