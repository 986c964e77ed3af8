/* hosts/console_proto.h - what is said on $ASSAY_HOME/run/console.sock.
 *
 * A client sends one JSON object a line and gets one back: {"ok": true, ...} or
 * {"ok": false, "kind": ..., "error": ..., "hint": ...}.
 *
 *   {"op": "status"}  {"op": "status", "host": H}
 *   {"op": "reload"}
 *   {"op": "mark", "host": H, "name": N}             "offset": optional
 *   {"op": "send", "host": H, "hex": "0d"}           "force": optional
 *   {"op": "attach", "host": H}       "from", "write", "force", "who" optional;
 *                          the answer has "offset", where the bytes begin,
 *                          and "end", up to where they are there already
 *
 * After an attach that is ok both sides send frames: a type, four bytes of
 * length (the highest first), and as many bytes:
 *
 *   d  console bytes; from the client: what is typed
 *   n  text for people (to the client)
 *   s  so many bytes, in decimal, that no file has are left out here
 *   q  the client detaches; e follows, and lines are spoken again
 *   e  the end of the frames (to the client) */
#ifndef HOSTS_CONSOLE_PROTO_H
#define HOSTS_CONSOLE_PROTO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <jansson.h>
#include "harness/attr.h"
#include "harness/buf.h"

struct fault;

#define CONSOLE_LINE_MAX (256 << 10)
#define CONSOLE_SEND_MAX (64 << 10)     /* bytes of one "send" */
#define CONSOLE_NAME_MAX 64             /* bytes of a mark's name */

enum console_op { CONSOLE_OP_NONE = 0, CONSOLE_OP_STATUS, CONSOLE_OP_RELOAD,
                  CONSOLE_OP_MARK, CONSOLE_OP_SEND, CONSOLE_OP_ATTACH };

enum console_from { CONSOLE_FROM_NOW = 0, CONSOLE_FROM_START,
                    CONSOLE_FROM_MARK, CONSOLE_FROM_OFFSET };

struct console_request {
    enum console_op op;
    json_t *json;               /* owns the texts */
    const char *host, *name, *who;      /* NULL if not given */
    enum console_from from;     /* of CONSOLE_FROM_MARK 'name' is the mark */
    int64_t offset;             /* -1 if not given */
    bool write, force;
    struct buf data;            /* of a send */
};

/* FAULT_USAGE says what is wrong with it. */
MUST_CHECK bool console_request_parse(const char *line, size_t bytes,
                                      struct console_request *request_out,
                                      struct fault *why);
void console_request_fini(struct console_request *request);

/* A mark's name: safe, not all digits, not "now" or "start". */
bool console_mark_is_valid(const char *name);

/* {"ok": false, ...} of a fault, and back. */
MUST_CHECK json_t *console_answer_fault(const struct fault *why);
/* True if it is ok; FAULT_PEER when it is no answer at all. */
MUST_CHECK bool console_answer_check(const json_t *answer,
                                     struct fault *why);

#define CONSOLE_FRAME_HEAD 5
#define CONSOLE_FRAME_MAX 65536
enum console_frame { CONSOLE_FRAME_NONE = 0, CONSOLE_FRAME_DATA = 'd',
                     CONSOLE_FRAME_NOTE = 'n', CONSOLE_FRAME_SKIP = 's',
                     CONSOLE_FRAME_DETACH = 'q', CONSOLE_FRAME_END = 'e' };

void console_frame_head(char head[static CONSOLE_FRAME_HEAD],
                        enum console_frame type, size_t bytes);
/* The frame at the front of 'data': its size with the head, 0 if it is not
 * whole yet, -1 if this is none. */
MUST_CHECK int console_frame_parse(const char *data, size_t bytes,
                                   enum console_frame *type_out,
                                   const char **payload_out,
                                   size_t *payload_bytes_out);

#endif
