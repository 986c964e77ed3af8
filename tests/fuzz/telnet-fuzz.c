/* tests/fuzz/telnet-fuzz.c - any bytes from a console server: telnet's, and
 * conserver's with its replay. */
#include <config.h>

#include "tests/fuzz/fuzz.h"

#include "harness/buf.h"
#include "hosts/conserver.h"
#include "hosts/telnet.h"

#define IAC 255

static void
feed(const uint8_t *data, size_t bytes, size_t piece, struct buf *got,
     struct buf *reply)
{
    const struct telnet_line line = { 115200, 8, 1, 1 };
    struct conserver conserver = { .escaped = false };
    struct telnet telnet;
    size_t n;

    telnet_start(&telnet, &line, reply);
    for (size_t at = 0; at < bytes; at += n) {
        n = bytes - at < piece ? bytes - at : piece;
        telnet_feed(&telnet, data + at, n, got, reply);
        conserver_feed(&conserver, data + at, n, got);
    }
}

/* What is quoted comes back as it was. */
static void
both_ways(const uint8_t *data, size_t bytes)
{
    static const char binary[] = { (char)IAC, (char)253, 0,
                                   (char)IAC, (char)251, 0 };
    const struct telnet_line line = { .speed = 0 };
    struct buf wire = BUF_INIT, got = BUF_INIT, reply = BUF_INIT;
    struct conserver conserver = { .escaped = false };
    struct telnet telnet;

    for (int agreed = 0; agreed < 2; agreed++) {
        telnet_start(&telnet, &line, &reply);
        if (agreed == 1)
            telnet_feed(&telnet, binary, sizeof(binary), &got, &reply);
        buf_reset(&wire);
        telnet_quote(&telnet, data, bytes, &wire);
        buf_reset(&got);
        if (wire.len > 0)
            telnet_feed(&telnet, wire.data, wire.len, &got, &reply);
        must(got.len == bytes
             && (bytes == 0 || memcmp(got.data, data, bytes) == 0));
    }
    buf_reset(&wire);
    conserver_quote(&conserver, data, bytes, &wire);
    must(wire.len >= bytes);
    buf_free(&wire);
    buf_free(&got);
    buf_free(&reply);
}

/* A replay of what was had, and more, adds just the more; whatever the two
 * are, nothing is made up. */
static void
replays(const uint8_t *data, size_t bytes)
{
    const char *text = (const char *)data;
    size_t half = bytes / 2;
    struct buf out = BUF_INIT;

    if (conserver_missed(text, bytes, text, half, &out))
        must(out.len <= bytes);
    buf_reset(&out);
    (void)!conserver_missed(text + half, bytes - half, text, half, &out);
    must(out.len <= bytes - half);
    buf_free(&out);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    struct buf a = BUF_INIT, b = BUF_INIT, ra = BUF_INIT, rb = BUF_INIT;

    /* How the bytes arrive changes nothing but the order of the two. */
    feed(data, bytes, 1, &a, &ra);
    feed(data, bytes, bytes > 0 ? bytes : 1, &b, &rb);
    must(a.len == b.len && a.len <= 2 * bytes);
    must(ra.len == rb.len && (ra.len == 0
                              || memcmp(ra.data, rb.data, ra.len) == 0));
    both_ways(data, bytes);
    replays(data, bytes);
    buf_free(&a);
    buf_free(&b);
    buf_free(&ra);
    buf_free(&rb);
    return 0;
}
