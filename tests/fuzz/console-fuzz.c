/* tests/fuzz/console-fuzz.c - any bytes as a request to assay-console, as the
 * frames after it, as an answer, and as an index. */
#include <config.h>

#include "tests/fuzz/fuzz.h"

#include "harness/buf.h"
#include "harness/fault.h"
#include "harness/json.h"
#include "hosts/console_driver.h"
#include "hosts/console_index.h"
#include "hosts/console_list.h"
#include "hosts/console_proto.h"

static void
try_request(const char *text, size_t bytes)
{
    struct console_request request;
    struct fault why = FAULT_INIT;

    if (!console_request_parse(text, bytes, &request, &why)) {
        must(why.kind == FAULT_USAGE && why.text[0] != '\0');
        must(request.json == NULL && request.data.len == 0);
        return;
    }
    must(request.op != CONSOLE_OP_NONE);
    must(request.data.len <= CONSOLE_SEND_MAX);
    must(request.from != CONSOLE_FROM_OFFSET || request.offset >= 0);
    must(request.op != CONSOLE_OP_MARK ||
         console_mark_is_valid(request.name));
    console_request_fini(&request);
}

static void
try_answer(const char *text, size_t bytes)
{
    struct fault why = FAULT_INIT;
    json_t *answer = NULL, *list = NULL;
    struct console_place place;

    if (json_parse(text, bytes, &answer, &why) &&
        !console_answer_check(answer, &why))
        must(why.kind != FAULT_NONE);
    json_decref(answer);
    if (console_list_parse(text, bytes, &list, &why))
        must(json_is_array(list));
    json_decref(list);
    for (size_t i = 0; console_driver_at(i) != NULL; i++)
        if (console_driver_at(i)->answer != NULL &&
            console_driver_at(i)->answer(text, bytes, &place, &why))
            must(place.way != CONSOLE_WAY_NONE && place.path[0] == '/');
}

static void
try_frames(const char *data, size_t bytes)
{
    enum console_frame type;
    size_t payload_bytes;
    const char *payload;
    int size;

    while ((size = console_frame_parse(data, bytes, &type, &payload,
                                       &payload_bytes)) > 0) {
        must((size_t)size <= bytes && payload >= data &&
             payload + payload_bytes == data + size);
        data += size;
        bytes -= (size_t)size;
    }
}

/* A line that is understood is written as one that is understood the same. */
static void
try_index(const char *text, size_t bytes)
{
    struct console_index_line line, again;
    struct buf back = BUF_INIT;

    if (!console_index_parse(text, bytes, &line))
        return;
    console_index_add(&back, &line);
    must(back.len > 0 && back.data[back.len - 1] == '\n');
    must(memchr(back.data, '\n', back.len) == back.data + back.len - 1);
    must(console_index_parse(back.data, back.len - 1, &again));
    must(again.kind == line.kind && again.offset == line.offset &&
         again.wall_ms == line.wall_ms && again.mono_ms == line.mono_ms);
    buf_free(&back);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    const char *text = (const char *)data;

    try_request(text, bytes);
    try_answer(text, bytes);
    try_frames(text, bytes);
    try_index(text, bytes);
    return 0;
}
