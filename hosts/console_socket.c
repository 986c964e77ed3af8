/* hosts/console_socket.c - Unix sockets and pseudo-terminals. */
#include <config.h>

#include "hosts/console_socket.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <termios.h>
#include <unistd.h>

#include "harness/fault.h"
#include "harness/fs.h"
#include "hosts/lab_user.h"
#include "harness/mem.h"
#include "hosts/console_driver.h"
#include "hosts/lab_user.h"

/* A machine that is switched off and on may connect twice before we look. */
#define BACKLOG 8

static bool
unix_socket(const char *path, struct sockaddr_un *address, int *fd_out,
            struct fault *why)
{
    memset(address, 0, sizeof(*address));
    address->sun_family = AF_UNIX;
    if (strlen(path) >= sizeof(address->sun_path))
        return fault_set(why, FAULT_CONFIG, "socket path '%s' is too long",
                         path);
    memcpy(address->sun_path, path, strlen(path) + 1);
    *fd_out = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (*fd_out < 0)
        return fault_errno(why, FAULT_SYSTEM, "make a socket");
    return true;
}

static bool
unix_connect(const char *path, int *fd_out, struct fault *why)
{
    struct sockaddr_un address;
    int fd = -1;
    bool ok;

    ok = unix_socket(path, &address, &fd, why);
    if (!ok)
        goto out;
    ok = connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0;
    if (!ok) {
        fault_errno(why, FAULT_SYSTEM, "connect to %s", path);
        goto out;
    }
    *fd_out = fd;
    fd = -1;
out:
    fd_close(&fd);
    return ok;
}

/* Removes a socket that a process left behind. */
static bool
clear_path(const char *path, struct fault *why)
{
    struct fault refused = FAULT_INIT;
    struct stat st;
    int fd = -1;

    if (lstat(path, &st) != 0)
        return errno == ENOENT ||
               fault_errno(why, FAULT_SYSTEM, "look at %s", path);
    if (!S_ISSOCK(st.st_mode))
        return fault_set(why, FAULT_CONFLICT, "%s is there and is no socket",
                         path);
    if (unix_connect(path, &fd, &refused)) {
        fd_close(&fd);
        return fault_set(why, FAULT_CONFLICT,
                         "another process listens on %s", path);
    }
    if (unlink(path) != 0 && errno != ENOENT)
        return fault_errno(why, FAULT_SYSTEM, "remove %s", path);
    return true;
}

static bool
make_parent(const char *path, struct fault *why)
{
    char *dir = xstrdup(path);
    bool ok;

    *strrchr(dir, '/') = '\0';
    ok = dir[0] == '\0' || fs_mkdirs(dir, 0711, why);
    free(dir);
    return ok;
}

bool
console_socket_listen(const struct console_place *place, int *fd_out,
                      struct fault *why)
{
    const char *path = place->path;
    struct sockaddr_un address;
    mode_t mask;
    int fd = -1;
    bool ok;

    ok = unix_socket(path, &address, &fd, why) && make_parent(path, why) &&
         clear_path(path, why);
    if (!ok)
        goto out;
    mask = umask(0177);
    ok = bind(fd, (struct sockaddr *)&address, sizeof(address)) == 0;
    (void)umask(mask);
    ok = ok && listen(fd, BACKLOG) == 0;
    if (!ok) {
        fault_errno(why, FAULT_SYSTEM, "bind %s", path);
        goto out;
    }
    /* Only its machine may connect, and root's machines do not run as root. */
    ok = lab_user_give(path, why);
    if (!ok)
        goto out;
    *fd_out = fd;
    fd = -1;
out:
    fd_close(&fd);
    return ok;
}

static bool
pty_open(const char *path, int *fd_out, struct fault *why)
{
    struct termios raw;
    int fd = open(path, O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
    bool ok;

    ok = fd >= 0 && tcgetattr(fd, &raw) == 0;
    if (ok) {
        cfmakeraw(&raw);
        ok = tcsetattr(fd, TCSANOW, &raw) == 0;
    }
    if (!ok) {
        fault_errno(why, FAULT_SYSTEM, "open terminal %s", path);
        goto out;
    }
    *fd_out = fd;
    fd = -1;
out:
    fd_close(&fd);
    return ok;
}

bool
console_socket_connect(const struct console_place *place, int *fd_out,
                       struct fault *why)
{
    if (place->way == CONSOLE_WAY_PTY)
        return pty_open(place->path, fd_out, why);
    return unix_connect(place->path, fd_out, why);
}

/* The path a socket is bound to, or its peer is; "" if neither. */
static bool
path_of(int fd,
        int (*name_of)(int, struct sockaddr *restrict, socklen_t *restrict),
        char path[static CONSOLE_PATH_BYTES])
{
    struct sockaddr_un address;
    socklen_t bytes = sizeof(address);

    memset(&address, 0, sizeof(address));
    if (name_of(fd, (struct sockaddr *)&address, &bytes) != 0 ||
        address.sun_family != AF_UNIX ||
        bytes <= offsetof(struct sockaddr_un, sun_path) ||
        address.sun_path[0] == '\0')
        return false;
    memcpy(path, address.sun_path, sizeof(address.sun_path));
    path[CONSOLE_PATH_BYTES - 1] = '\0';
    return true;
}

bool
console_socket_place(int fd, struct console_place *place_out)
{
    memset(place_out, 0, sizeof(*place_out));
    if (path_of(fd, getsockname, place_out->path)) {
        place_out->way = CONSOLE_WAY_LISTEN;
        return true;
    }
    if (path_of(fd, getpeername, place_out->path)) {
        place_out->way = CONSOLE_WAY_CONNECT;
        return true;
    }
    if (isatty(fd) &&
        ttyname_r(fd, place_out->path, sizeof(place_out->path)) == 0) {
        place_out->way = CONSOLE_WAY_PTY;
        return true;
    }
    return false;
}
