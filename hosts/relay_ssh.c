/* hosts/relay_ssh.c - a console that is a command (or the shell) of a machine
 * reached by ssh, with libssh2. */
#include <config.h>

#include "hosts/relay.h"

#include <errno.h>
#include <libssh2.h>
#include <string.h>

#include "harness/fault.h"
#include "harness/fs.h"
#include "harness/json.h"
#include "harness/mem.h"
#include "hosts/address.h"
#include "hosts/secret.h"

#define PORT 22
#define KEEPALIVE_S 15
#define PIECE_BYTES 16384

struct ssh {
    LIBSSH2_SESSION *session;
    LIBSSH2_CHANNEL *channel;
};

static bool
ssh_fault(struct ssh *ssh, enum fault_kind kind, const char *what,
          struct fault *why)
{
    char *text = NULL;

    (void)libssh2_session_last_error(ssh->session, &text, NULL, 0);
    return fault_set(why, kind, "ssh: %s: %s", what,
                     text == NULL ? "?" : text);
}

/* The other side must have the key of the host file: "TYPE BASE64". */
static bool
check_host_key(struct ssh *ssh, const char *wanted, struct fault *why)
{
    const char *base64 = strchr(wanted, ' '), *key;
    struct buf ours = BUF_INIT;
    size_t bytes = 0;
    char *raw = NULL;
    unsigned raw_bytes = 0;
    int type = 0;
    bool ok;

    key = libssh2_session_hostkey(ssh->session, &bytes, &type);
    if (base64 != NULL) {
        base64++;
        buf_add(&ours, base64, strcspn(base64, " \n"));
    }
    ok = key != NULL && ours.len > 0
        && libssh2_base64_decode(ssh->session, &raw, &raw_bytes, ours.data,
                                 (unsigned)ours.len) == 0
        && raw_bytes == bytes && memcmp(raw, key, bytes) == 0;
    if (raw != NULL)
        libssh2_free(ssh->session, raw);
    buf_free(&ours);
    return ok || fault_set(why, FAULT_CONFIG, "ssh: the server's key is not "
                           "the 'host_key' of the host file");
}

static bool
authenticate(struct ssh *ssh, const json_t *config, struct fault *why)
{
    const char *user = json_text(config, "user");
    const char *key_file = json_text(config, "key_file");
    char password[SECRET_BYTES] = "";
    bool ok;
    int rc;

    if (user == NULL)
        user = "root";
    if (key_file != NULL) {
        rc = libssh2_userauth_publickey_fromfile(ssh->session, user, NULL,
                                                 key_file, NULL);
        return rc == 0 || ssh_fault(ssh, FAULT_CONFIG, "log in", why);
    }
    ok = secret_read(config, "password", password, why);
    if (ok && libssh2_userauth_password(ssh->session, user, password) != 0)
        ok = ssh_fault(ssh, FAULT_CONFIG, "log in", why);
    explicit_bzero(password, sizeof(password));
    return ok;
}

static bool
start_command(struct ssh *ssh, const char *command, struct fault *why)
{
    ssh->channel = libssh2_channel_open_session(ssh->session);
    if (ssh->channel == NULL)
        return ssh_fault(ssh, FAULT_PEER, "open a channel", why);
    /* A terminal, so that the command ends when the connection does. */
    if (libssh2_channel_request_pty(ssh->channel, "dumb") != 0)
        return ssh_fault(ssh, FAULT_PEER, "get a terminal", why);
    return (command == NULL ? libssh2_channel_shell(ssh->channel)
            : libssh2_channel_exec(ssh->channel, command)) == 0
        || ssh_fault(ssh, FAULT_PEER, "start the command", why);
}

static void
ssh_close(struct relay *relay)
{
    struct ssh *ssh = relay->own;

    if (ssh != NULL && ssh->session != NULL) {
        libssh2_session_set_blocking(ssh->session, 1);
        libssh2_session_set_timeout(ssh->session, 1000);
        if (ssh->channel != NULL)
            (void)libssh2_channel_free(ssh->channel);
        (void)libssh2_session_disconnect(ssh->session, "done");
        (void)libssh2_session_free(ssh->session);
    }
    free(ssh);
    relay->own = NULL;
    fd_close(&relay->fd);
    libssh2_exit();
}

static bool
ssh_open(struct relay *relay, struct fault *why)
{
    const json_t *config = relay->config;
    const char *key = json_text(config, "host_key");
    struct ssh *ssh = xcalloc(1, sizeof(*ssh));
    struct address address;
    char types[64];
    bool ok;

    relay->own = ssh;
    must(libssh2_init(0) == 0);
    ok = address_parse(json_text(config, "address"), PORT, &address, why)
        && address_connect(&address, relay->connect_ms, &relay->fd, why);
    if (!ok)
        goto out;
    ssh->session = libssh2_session_init();
    must(ssh->session != NULL);
    libssh2_session_set_timeout(ssh->session, (long)relay->connect_ms);
    (void)snprintf(types, sizeof(types), "%.*s", (int)strcspn(key, " "),
                   key);
    (void)libssh2_session_method_pref(ssh->session, LIBSSH2_METHOD_HOSTKEY,
                                      types);
    ok = libssh2_session_handshake(ssh->session, relay->fd) == 0
        || ssh_fault(ssh, FAULT_PEER, "begin", why);
    ok = ok && check_host_key(ssh, key, why)
        && authenticate(ssh, config, why)
        && start_command(ssh, json_text(config, "command"), why);
    if (ok) {
        libssh2_session_set_blocking(ssh->session, 0);
        libssh2_keepalive_config(ssh->session, 1, KEEPALIVE_S);
    }
out:
    if (!ok)
        ssh_close(relay);
    return ok;
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
    relay->wants_write = (libssh2_session_block_directions(ssh->session)
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
