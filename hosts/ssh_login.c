/* hosts/ssh_login.c - see ssh_login.h. */
#include <config.h>

#include "hosts/ssh_login.h"

#include <string.h>

#include "harness/buf.h"
#include "harness/fs.h"
#include "harness/json.h"
#include "hosts/address.h"
#include "hosts/secret.h"
#include "hosts/ssh_keys.h"

bool
ssh_login_fault(const struct ssh_login *login, enum fault_kind kind,
                const char *what, struct fault *why)
{
    char *text = NULL;

    (void)libssh2_session_last_error(login->session, &text, NULL, 0);
    return fault_set(why, kind, "ssh: %s: %s", what,
                     text == NULL ? "?" : text);
}

/* The other side must have the key of the host file: "TYPE BASE64". */
static bool
check_host_key(const struct ssh_login *login, const char *wanted,
               struct fault *why)
{
    const char *base64 = strchr(wanted, ' '), *key;
    struct buf ours = BUF_INIT;
    size_t bytes = 0;
    char *raw = NULL;
    unsigned raw_bytes = 0;
    int type = 0;
    bool ok;

    key = libssh2_session_hostkey(login->session, &bytes, &type);
    if (base64 != NULL) {
        base64++;
        buf_add(&ours, base64, strcspn(base64, " \n"));
    }
    ok = key != NULL && ours.len > 0
        && libssh2_base64_decode(login->session, &raw, &raw_bytes, ours.data,
                                 (unsigned)ours.len) == 0
        && raw_bytes == bytes && memcmp(raw, key, bytes) == 0;
    if (raw != NULL)
        libssh2_free(login->session, raw);
    buf_free(&ours);
    return ok || fault_set(why, FAULT_CONFIG, "ssh: the server's key is not "
                           "the 'host_key' of the host file");
}

/* A connection that broke meanwhile is no refusal: it is tried again. */
static bool
refused(const struct ssh_login *login, struct fault *why)
{
    int error = libssh2_session_last_errno(login->session);
    bool broke = error == LIBSSH2_ERROR_TIMEOUT
        || error == LIBSSH2_ERROR_SOCKET_SEND
        || error == LIBSSH2_ERROR_SOCKET_RECV
        || error == LIBSSH2_ERROR_SOCKET_TIMEOUT
        || error == LIBSSH2_ERROR_SOCKET_DISCONNECT;

    return ssh_login_fault(login, broke ? FAULT_PEER : FAULT_CONFIG,
                           "log in", why);
}

static bool
log_in_by_key(const struct ssh_login *login, const char *user,
              const char *key_file, struct fault *why)
{
    int fd = -1;

    if (!secret_open(key_file, &fd, why))
        return false;
    fd_close(&fd);
    return libssh2_userauth_publickey_fromfile(login->session, user, NULL,
                                               key_file, NULL) == 0
        || refused(login, why);
}

static bool
log_in(const struct ssh_login *login, const json_t *config,
       struct fault *why)
{
    const char *user = json_text(config, "user");
    const char *key_file = json_text(config, "key_file");
    char password[SECRET_BYTES] = "";
    bool ok;

    if (user == NULL)
        user = "root";
    if (key_file != NULL)
        return log_in_by_key(login, user, key_file, why);
    ok = secret_read(config, "password", password, why);
    if (ok && libssh2_userauth_password(login->session, user, password) != 0)
        ok = refused(login, why);
    explicit_bzero(password, sizeof(password));
    return ok;
}

bool
ssh_login_open(struct ssh_login *login, const json_t *config,
               int64_t limit_ms, struct fault *why)
{
    const char *key = json_text(config, "host_key");
    struct address address;
    char types[64];

    if (!address_parse(json_text(config, "address"), SSH_KEYS_PORT, &address,
                       why)
        || !address_connect(&address, limit_ms, &login->fd, why))
        return false;
    must(libssh2_init(0) == 0);
    login->session = libssh2_session_init();
    must(login->session != NULL);
    libssh2_session_set_timeout(login->session, (long)limit_ms);
    /* Ask for the kind of key that is known. */
    (void)snprintf(types, sizeof(types), "%.*s", (int)strcspn(key, " "),
                   key);
    (void)libssh2_session_method_pref(login->session, LIBSSH2_METHOD_HOSTKEY,
                                      types);
    if (libssh2_session_handshake(login->session, login->fd) != 0)
        return ssh_login_fault(login, FAULT_PEER, "begin", why);
    return check_host_key(login, key, why) && log_in(login, config, why);
}

void
ssh_login_close(struct ssh_login *login)
{
    if (login->session != NULL) {
        libssh2_session_set_blocking(login->session, 1);
        libssh2_session_set_timeout(login->session, 1000);
        (void)libssh2_session_disconnect(login->session, "done");
        (void)libssh2_session_free(login->session);
        libssh2_exit();
    }
    login->session = NULL;
    fd_close(&login->fd);
}
