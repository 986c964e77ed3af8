/* tests/hosts/console-wire-test.c - telnet's and conserver's wire, byte by
 * byte, and what of a replay is new. */
#include <config.h>

#include "harness/buf.h"
#include "hosts/conserver.h"
#include "hosts/telnet.h"
#include "tests/tap.h"

#define BYTES(s) s, sizeof(s) - 1

static void
is_bytes(struct buf *got, const char *want, size_t bytes, const char *what)
{
    struct buf text = BUF_INIT;

    ok(got->len == bytes && (bytes == 0
                             || memcmp(got->data, want, bytes) == 0),
       "%s", what);
    if (tap.failed > 0) {
        buf_add_escaped(&text, got->data, got->len);
        diag("got %s", buf_text(&text));
    }
    buf_free(&text);
    buf_reset(got);
}

static void
test_telnet(void)
{
    struct telnet_line line = { .speed = 0x0001c2ff };
    struct buf data = BUF_INIT, reply = BUF_INIT;
    struct telnet telnet;

    ok(telnet_line_parse("7e2", &line), "7e2");
    ok(!telnet_line_parse("9n1", &line) && !telnet_line_parse("8x1", &line)
       && !telnet_line_parse("8n", &line), "what is no line");
    telnet_start(&telnet, &line, &reply);
    is_bytes(&reply, BYTES("\xff\xfb\0\xff\xfb\3\xff\xfb\x2c"
                           "\xff\xfd\0\xff\xfd\3"), "what is offered");
    telnet_feed(&telnet, BYTES("\xff\xfd\x2c"), &data, &reply);
    is_bytes(&reply, BYTES("\xff\xfa\x2c\1\0\1\xc2\xff\xff\xff\xf0"
                           "\xff\xfa\x2c\2\7\xff\xf0\xff\xfa\x2c\3\3\xff\xf0"
                           "\xff\xfa\x2c\4\2\xff\xf0\xff\xfa\x2c\5\1\xff\xf0"),
             "the line is set when the port may be, 0xff doubled");
    telnet_feed(&telnet, BYTES("\xff\xfd\x2c\xff\xfb\3"), &data, &reply);
    is_bytes(&reply, BYTES(""), "what is agreed is not answered again");
    telnet_feed(&telnet, BYTES("\xff\xfb\x18\xff\xfd\x18"), &data, &reply);
    is_bytes(&reply, BYTES("\xff\xfe\x18\xff\xfc\x18"),
             "what we do not know is refused");
    telnet_feed(&telnet, BYTES("a\xff\xff\r\0b\xff\xf1"
                               "c\xff\xfa\x2c\x65\0\0\x25\x80\xff\xf0"),
                &data, &reply);
    is_bytes(&data, BYTES("a\xff\rbc"), "data between commands");
    is_int(telnet.speed, 9600, "the speed that the server told");
    telnet_quote(&telnet, BYTES("\r\xff"), &data);
    is_bytes(&data, BYTES("\r\0\xff\xff"), "typed, as text");
    telnet_feed(&telnet, BYTES("\xff\xfd\0\xff\xfb\0"), &data, &reply);
    telnet_quote(&telnet, BYTES("\r\xff"), &data);
    is_bytes(&data, BYTES("\r\xff\xff"), "typed, binary");
    telnet_feed(&telnet, BYTES("\r\0"), &data, &reply);
    is_bytes(&data, BYTES("\r\0"), "NUL after CR is data when binary");
    buf_free(&data);
    buf_free(&reply);
}

static void
test_conserver(void)
{
    static const struct {
        const char *replay, *had, *out;
        bool known;
    } cases[] = {
        { "one\ntwo\n", "", "one\ntwo\n", true },
        { "one\ntwo\n", "one\n", "two\n", true },
        { "one\ntwo\n", "one\ntwo\n", "", true },
        { "two\nthree\n", "one\ntwo\n", "three\n", true },
        { "one\npart and rest\n", "one\npart", " and rest\n", true },
        { "new\n", "old\n", "new\n", false },
        { "one\n[-- x detached -- Mon]\ntwo\n", "one\n", "two\n", true },
        { "", "one\n", "", false },
        /* The last of several places. */
        { "a\nb\na\nc\n", "a\nb\na\n", "c\n", true },
    };
    struct conserver conserver = { .escaped = false };
    struct buf out = BUF_INIT;

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        ok(conserver_missed(cases[i].replay, strlen(cases[i].replay),
                            cases[i].had, strlen(cases[i].had), &out)
           == cases[i].known, "replay %zu: %sin common", i,
           cases[i].known ? "" : "nothing ");
        is_bytes(&out, cases[i].out, strlen(cases[i].out), "what is new");
    }
    conserver_feed(&conserver, BYTES("a\xff"), &out);
    conserver_feed(&conserver, BYTES("\xff\xffZb"), &out);
    is_bytes(&out, BYTES("a\xff" "b"), "0xff twice, and a command");
    conserver_quote(&conserver, BYTES("\x05" "c.\xff\x1e"), &out);
    conserver_quote(&conserver, BYTES("\x1fx"), &out);
    is_bytes(&out, BYTES("\x05" "c.\xff\xff\x1e\x1e\x1f\\037x"),
             "the usual escape is typed, ours is disarmed");
    buf_free(&out);
}

int
main(void)
{
    test_telnet();
    test_conserver();
    return tap_done();
}
