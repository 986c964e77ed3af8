/* hosts/relay_ssh.c - a console that is a command (or the shell) of a machine
 * reached by ssh, with libssh2. */
#include <config.h>

#include "hosts/relay.h"

#include <errno.h>
#include <libssh2.h>

#include "harness/fault.h"
#include "harness/json.h"
#include "harness/mem.h"
#include "hosts/ssh_login.h"

#define KEEPALIVE_S 15
#define PIECE_BYTES 16384

struct ssh {
    struct ssh_login login;
    LIBSSH2_CHANNEL *channel;
};

static bool
start_command(struct ssh *ssh, const char *command, struct fault *why)
{
    ssh->channel = libssh2_channel_open_session(ssh->login.session);
    if (ssh->channel == NULL)
        return ssh_login_fault(&ssh->login, FAULT_PEER, "open a channel", why);
    /* A terminal, so that the command ends when the connection does. */
    if (libssh2_channel_request_pty(ssh->channel, "dumb") != 0)
        return ssh_login_fault(&ssh->login, FAULT_PEER, "get a terminal", why);
    return (command == NULL ? libssh2_channel_shell(ssh->channel)
            : libssh2_channel_exec(ssh->channel, command)) == 0
        || ssh_login_fault(&ssh->login, FAULT_PEER, "start the command", why);
}

static void
ssh_close(struct relay *relay)
{
    struct ssh *ssh = relay->own;

    if (ssh != NULL) {
        if (ssh->channel != NULL) {
            libssh2_session_set_blocking(ssh->login.session, 1);
            libssh2_session_set_timeout(ssh->login.session, 1000);
            (void)libssh2_channel_free(ssh->channel);
        }
        ssh_login_close(&ssh->login);
    }
    free(ssh);
    relay->own = NULL;
    relay->fd = -1;
}

static bool
ssh_open(struct relay *relay, struct fault *why)
{
    struct ssh *ssh = xcalloc(1, sizeof(*ssh));

    ssh->login = (struct ssh_login)SSH_LOGIN_INIT;
    relay->own = ssh;
    if (!ssh_login_open(&ssh->login, relay->config, relay->connect_ms, why)
        || !start_command(ssh, json_text(relay->config, "command"), why)) {
        ssh_close(relay);
        return false;
    }
    relay->fd = ssh->login.fd;
    libssh2_session_set_blocking(ssh->login.session, 0);
    libssh2_keepalive_config(ssh->login.session, 1, KEEPALIVE_S);
    return true;
}

/* All that the library has: a second poll() would not tell of it. */
static ssize_t
ssh_read(struct relay *relay)
{
    struct ssh *ssh = relay->own;
    char data[PIECE_BYTES];
    ssize_t n, total = 0;

    for (int stream = 0; stream < 2; stream++) {
        while ((n = libssh2_channel_read_ex(ssh->channel, stream, data,
                                            sizeof(data))) > 0) {
            buf_add(&relay->near, data, (size_t)n);
            total += n;
        }
        if (n < 0 && n != LIBSSH2_ERROR_EAGAIN) {
            errno = EPIPE;
            return -1;
        }
    }
    if (total == 0 && !libssh2_channel_eof(ssh->channel)) {
        errno = EAGAIN;
        return -1;
    }
    return total;
}

static bool
ssh_write(struct relay *relay)
{
    struct ssh *ssh = relay->own;
    ssize_t n = 0;

    while (relay->far.len > 0) {
        n = libssh2_channel_write(ssh->channel, relay->far.data,
                                  relay->far.len);
        if (n <= 0)
            break;
        buf_drop(&relay->far, (size_t)n);
    }
    relay->wants_write = (libssh2_session_block_directions(ssh->login.session)
                          & LIBSSH2_SESSION_BLOCK_OUTBOUND) != 0;
    return n >= 0 || n == LIBSSH2_ERROR_EAGAIN;
}

const struct relay_driver relay_ssh = {
    .name = "ssh",
    .open = ssh_open,
    .read = ssh_read,
    .write = ssh_write,
    .type = relay_type_plain,
    .close = ssh_close,
};
