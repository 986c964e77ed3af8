/* harness/ctl_proto.h - what `assay on|put|get` and the job say to each other
 * on the job's control socket: frames of a type, a length and so many bytes.
 *
 * client: REQUEST {"host": HOST or ROLE, "command": SHELL TEXT}, then INPUT
 *         frames, and one END
 * job:    GO when the command has started (no INPUT before it), OUT and ERR
 *         frames, then EXIT {"status": N, "signal": NAME} or
 *         FAULT {"kind": N, "text": .., "hint": .., "started": BOOL}
 * The end of the connection is the end of the client: the command is killed. */
#ifndef HARNESS_CTL_PROTO_H
#define HARNESS_CTL_PROTO_H

#include <stdbool.h>
#include <stddef.h>
#include "harness/attr.h"

struct buf;
struct fault;
struct json_t;

#define CTL_FRAME_MAX (256 * 1024)      /* bytes of content */
#define CTL_HEAD_BYTES 5

enum ctl_type { CTL_NONE = 0, CTL_REQUEST = 'R', CTL_INPUT = 'I',
                CTL_END = 'E', CTL_GO = 'G', CTL_OUT = '1', CTL_ERR = '2',
                CTL_EXIT = 'X', CTL_FAULT = 'F' };

struct ctl_frame {
    enum ctl_type type;
    const char *data;           /* borrowed from the buffer */
    size_t bytes;
};

/* Appends a frame; 'bytes' is at most CTL_FRAME_MAX. */
void ctl_add(struct buf *out, enum ctl_type type, const void *data,
             size_t bytes);
void ctl_add_json(struct buf *out, enum ctl_type type,
                  const struct json_t *value);
/* The frame at 'offset' of 'in': CTL_NONE when it is not whole yet. Moves
 * 'offset' past it. False for what is no frame. */
MUST_CHECK bool ctl_next(const struct buf *in, size_t *offset,
                         struct ctl_frame *frame_out, struct fault *why);

/* A Unix socket at 'path', however long the path is; listening or connected. */
MUST_CHECK bool ctl_listen(const char *path, int *fd_out, struct fault *why);
MUST_CHECK bool ctl_connect(const char *path, int *fd_out,
                            struct fault *why);

#endif
