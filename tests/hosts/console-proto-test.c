/* tests/hosts/console-proto-test.c - requests, answers and frames. */
#include <config.h>

#include "hosts/console_proto.h"
#include "tests/tap.h"

static struct fault why;
static struct console_request request;

static bool
parse(const char *line)
{
    why = (struct fault)FAULT_INIT;
    return console_request_parse(line, strlen(line), &request, &why);
}

static void
test_requests(void)
{
    static const struct {
        const char *line, *error;
    } bad[] = {
        { "", "JSON" },
        { "[]", "\"op\"" },
        { "{\"op\": 1}", "\"op\"" },
        { "{\"op\": \"nop\"}", "\"op\"" },
        { "{\"op\": \"mark\", \"host\": \"h\"}", "needs key \"name\"" },
        { "{\"op\": \"mark\", \"host\": \"h\", \"name\": \"12\"}", "no name" },
        { "{\"op\": \"mark\", \"host\": \"h\", \"name\": \"now\"}",
          "no name" },
        { "{\"op\": \"mark\", \"host\": \"h\", \"name\": \"a/b\"}",
          "no name" },
        { "{\"op\": \"mark\", \"host\": \"h\", \"name\": \"a\", "
          "\"offset\": -1}", "negative" },
        { "{\"op\": \"status\", \"host\": 3}", "wrong type" },
        { "{\"op\": \"status\", \"extra\": 3}", "no key \"extra\"" },
        { "{\"op\": \"reload\", \"host\": \"h\"}", "no key \"host\"" },
        { "{\"op\": \"send\", \"host\": \"h\", \"hex\": \"0\"}", "pairs" },
        { "{\"op\": \"send\", \"host\": \"h\", \"hex\": \"0g\"}",
          "no digit" },
        { "{\"op\": \"attach\", \"host\": \"h\", \"from\": \"../x\"}",
          "no place" },
        { "{\"op\": \"attach\", \"host\": \"h\", \"write\": 1}",
          "wrong type" },
        { "{\"op\": \"status\"} trailing", "JSON" },
        { "{\"op\": \"status\", \"op\": \"reload\"}", "JSON" },
    };

    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        not_ok_fault(parse(bad[i].line), &why, FAULT_USAGE, bad[i].error,
                     "refuses %s", bad[i].line);
    ok_fault(parse("{\"op\": \"send\", \"host\": \"h\", "
                   "\"hex\": \"00fF0d\"}"), &why, "send");
    ok(request.data.len == 3 && memcmp(request.data.data, "\0\xff\r", 3) == 0,
       "hexadecimal digits are bytes");
    console_request_fini(&request);
    ok_fault(parse("{\"op\": \"attach\", \"host\": \"h\", \"from\": \"123\", "
                   "\"write\": true}"), &why, "attach at an offset");
    is_int(request.from, CONSOLE_FROM_OFFSET, "it is an offset");
    is_int(request.offset, 123, "that one");
    ok(request.write && !request.force, "with the pen, without force");
    console_request_fini(&request);
    ok_fault(parse("{\"op\": \"attach\", \"host\": \"h\", \"from\": "
                   "\"boot.1\"}"), &why, "attach at a mark");
    is_int(request.from, CONSOLE_FROM_MARK, "it is a mark");
    is_str(request.name, "boot.1", "that one");
    console_request_fini(&request);
    ok_fault(parse("{\"op\": \"attach\", \"host\": \"h\"}"), &why, "attach");
    is_int(request.from, CONSOLE_FROM_NOW, "now, unless it is said");
    console_request_fini(&request);
}

static void
test_answers(void)
{
    struct fault fault = FAULT_INIT, back = FAULT_INIT;
    json_t *answer;

    fault_set(&fault, FAULT_CONFLICT, "somebody types");
    fault_hint(&fault, "wait");
    answer = console_answer_fault(&fault);
    not_ok_fault(console_answer_check(answer, &back), &back, FAULT_CONFLICT,
                 "somebody types", "a fault travels");
    is_str(back.hint, "wait", "with its hint");
    json_decref(answer);
    answer = json_pack("{s:s}", "what", "else");
    not_ok_fault(console_answer_check(answer, &back), &back, FAULT_PEER,
                 "none", "what is no answer is the peer's fault");
    json_decref(answer);
    answer = json_pack("{s:b,s:s,s:s}", "ok", 0, "kind", "strange", "error",
                       "x");
    not_ok_fault(console_answer_check(answer, &back), &back, FAULT_PEER, "x",
                 "an unknown kind too");
    json_decref(answer);
}

static void
test_frames(void)
{
    char head[CONSOLE_FRAME_HEAD + 4];
    enum console_frame type = CONSOLE_FRAME_NONE;
    const char *payload = NULL;
    size_t bytes = 0;

    console_frame_head(head, CONSOLE_FRAME_DATA, 3);
    memcpy(head + CONSOLE_FRAME_HEAD, "abc", 4);
    for (size_t n = 0; n < CONSOLE_FRAME_HEAD + 3; n++)
        is_int(console_frame_parse(head, n, &type, &payload, &bytes), 0,
               "%zu bytes are no frame yet", n);
    is_int(console_frame_parse(head, sizeof(head), &type, &payload, &bytes),
           CONSOLE_FRAME_HEAD + 3, "a frame");
    ok(type == CONSOLE_FRAME_DATA && bytes == 3 &&
       memcmp(payload, "abc", 3) == 0, "with its bytes");
    console_frame_head(head, CONSOLE_FRAME_DATA, CONSOLE_FRAME_MAX);
    is_int(console_frame_parse(head, CONSOLE_FRAME_HEAD, &type, &payload,
                               &bytes), 0, "the longest is not whole");
    head[4]++;
    is_int(console_frame_parse(head, CONSOLE_FRAME_HEAD, &type, &payload,
                               &bytes), -1, "a longer one is none");
    is_int(console_frame_parse("{", 1, &type, &payload, &bytes), -1,
           "nor is a line");
}

int
main(void)
{
    test_requests();
    test_answers();
    test_frames();
    return tap_done();
}
