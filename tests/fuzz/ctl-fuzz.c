/* tests/fuzz/ctl-fuzz.c - any bytes as frames of the control socket. */
#include <config.h>

#include "tests/fuzz/fuzz.h"

#include "harness/buf.h"
#include "harness/ctl_proto.h"
#include "harness/fault.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    struct buf in = BUF_INIT, again = BUF_INIT;
    struct fault why = FAULT_INIT;
    struct ctl_frame frame;
    size_t offset = 0, before;

    buf_add(&in, data, bytes);
    for (;;) {
        before = offset;
        if (!ctl_next(&in, &offset, &frame, &why)) {
            must(why.kind == FAULT_PEER && offset == before);
            break;
        }
        if (frame.type == CTL_NONE) {
            must(offset == before);
            break;
        }
        must(offset == before + CTL_HEAD_BYTES + frame.bytes);
        must(offset <= in.len && frame.bytes <= CTL_FRAME_MAX);
        /* What was read is what would be written. */
        buf_reset(&again);
        ctl_add(&again, frame.type, frame.data, frame.bytes);
        must(again.len == offset - before &&
             memcmp(again.data, in.data + before, again.len) == 0);
    }
    buf_free(&in);
    buf_free(&again);
    return 0;
}
