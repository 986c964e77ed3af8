/* harness/ctl_proto.c - frames of the control socket. */
#include <config.h>

#include "harness/ctl_proto.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>
#include "harness/buf.h"
#include "harness/fault.h"
#include "harness/fs.h"
#include "harness/mem.h"

#define BACKLOG 128

void
ctl_add(struct buf *out, enum ctl_type type, const void *data, size_t bytes)
{
    must(bytes <= CTL_FRAME_MAX);
    buf_addc(out, (char)type);
    buf_addc(out, (char)(bytes >> 24));
    buf_addc(out, (char)(bytes >> 16));
    buf_addc(out, (char)(bytes >> 8));
    buf_addc(out, (char)bytes);
    buf_add(out, data, bytes);
}

void
ctl_add_json(struct buf *out, enum ctl_type type, const json_t *value)
{
    char *text = json_dumps(value, JSON_COMPACT);

    must(text != NULL);
    ctl_add(out, type, text, strlen(text));
    free(text);
}

bool
ctl_next(const struct buf *in, size_t *offset, struct ctl_frame *frame_out,
         struct fault *why)
{
    const unsigned char *head;
    size_t left = in->len - *offset, bytes;

    *frame_out = (struct ctl_frame){.type = CTL_NONE};
    if (left < CTL_HEAD_BYTES)
        return true;
    head = (const unsigned char *)in->data + *offset;
    bytes = (size_t)head[1] << 24 | (size_t)head[2] << 16 |
            (size_t)head[3] << 8 | head[4];
    if (bytes > CTL_FRAME_MAX || strchr("RIEG12XF", head[0]) == NULL ||
        head[0] == '\0')
        return fault_set(why, FAULT_PEER, "no frame of the control protocol");
    if (left - CTL_HEAD_BYTES < bytes)
        return true;
    frame_out->type = (enum ctl_type)head[0];
    frame_out->data = in->data + *offset + CTL_HEAD_BYTES;
    frame_out->bytes = bytes;
    *offset += CTL_HEAD_BYTES + bytes;
    return true;
}

/* A name in a directory that we hold open is short enough for any sockaddr. */
static bool
address_of(const char *path, struct sockaddr_un *at, int *dir_out,
           struct fault *why)
{
    const char *slash = strrchr(path, '/');
    char *dir;
    int n;

    must(slash != NULL);
    dir = xstrndup(path, slash > path ? (size_t)(slash - path) : 1);
    *dir_out = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
    free(dir);
    if (*dir_out < 0)
        return fault_errno(why, FAULT_SYSTEM, "socket %s", path);
    *at = (struct sockaddr_un){.sun_family = AF_UNIX};
    n = snprintf(at->sun_path, sizeof(at->sun_path), "/proc/self/fd/%d/%s",
                 *dir_out, slash + 1);
    return (n > 0 && (size_t)n < sizeof(at->sun_path)) ||
           fault_set(why, FAULT_CONFIG, "socket %s: the name is too long",
                     path);
}

bool
ctl_listen(const char *path, int *fd_out, struct fault *why)
{
    struct sockaddr_un at;
    int dir = -1, fd = -1;
    mode_t mask;
    bool ok;

    ok = address_of(path, &at, &dir, why);
    if (!ok)
        goto out;
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    ok = fd >= 0;
    if (!ok) {
        fault_errno(why, FAULT_SYSTEM, "socket %s", path);
        goto out;
    }
    (void)unlink(path);
    mask = umask(077);
    ok = bind(fd, (const struct sockaddr *)&at, sizeof(at)) == 0 &&
         listen(fd, BACKLOG) == 0;
    (void)umask(mask);
    if (!ok) {
        fault_errno(why, FAULT_SYSTEM, "socket %s", path);
        goto out;
    }
    *fd_out = fd;
    fd = -1;
out:
    fd_close(&fd);
    fd_close(&dir);
    return ok;
}

bool
ctl_connect(const char *path, int *fd_out, struct fault *why)
{
    struct sockaddr_un at;
    int dir = -1, fd = -1;
    bool ok;

    ok = address_of(path, &at, &dir, why);
    if (!ok)
        goto out;
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ok = fd >= 0 &&
         connect(fd, (const struct sockaddr *)&at, sizeof(at)) == 0;
    if (!ok) {
        fault_errno(why, FAULT_PEER, "the job does not answer on %s", path);
        goto out;
    }
    *fd_out = fd;
    fd = -1;
out:
    fd_close(&fd);
    fd_close(&dir);
    return ok;
}
