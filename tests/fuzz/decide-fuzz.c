/* tests/fuzz/decide-fuzz.c - any bytes as the input of a decision, or, when
 * they do not begin as JSON does, as an allow file. */
#include <config.h>

#include "tests/fuzz/fuzz.h"

#include "harness/arena.h"
#include "harness/buf.h"
#include "harness/fault.h"
#include "harness/json.h"
#include "results/decide.h"
#include "results/decide_json.h"

/* What was read is decided, and is the same when it is read again. */
static void
try_input(const json_t *json)
{
    struct arena arena = ARENA_INIT;
    struct fault why = FAULT_INIT;
    struct decide_input input, again;
    struct decision decision, other;
    struct buf lines = BUF_INIT, same = BUF_INIT;
    json_t *copy;

    if (!decide_input_parse(json, &arena, &input, &why)) {
        must(why.kind == FAULT_DATA);
        goto out;
    }
    decide(&input, &arena, &decision);
    must(decision.result != DECIDE_RESULT_NONE);
    must(decide_result_may_push(decision.result)
         <= (decision.blocker_count == 0));
    decide_lines(&input, &decision, &lines);
    copy = decide_input_json(&input);
    must(decide_input_parse(copy, &arena, &again, &why));
    decide(&again, &arena, &other);
    decide_lines(&again, &other, &same);
    must(strcmp(buf_text(&lines), buf_text(&same)) == 0);
    json_decref(copy);
out:
    buf_free(&lines);
    buf_free(&same);
    arena_free(&arena);
}

static void
try_allow(const char *data, size_t bytes)
{
    struct arena arena = ARENA_INIT;
    struct fault why = FAULT_INIT;
    const struct decide_allow *list = NULL;
    size_t count = 0;

    if (!decide_allow_parse(data, bytes, "f", &arena, &list, &count, &why)) {
        must(why.kind == FAULT_CONFIG && strncmp(why.text, "f:", 2) == 0);
        must(count == 0);
    }
    for (size_t i = 0; i < count; i++) {
        must(list[i].job[0] != '\0' && list[i].testid[0] != '\0');
        (void)decide_pattern_matches(list[i].job, list[i].testid);
    }
    arena_free(&arena);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    struct fault why = FAULT_INIT;
    json_t *json = NULL;

    if (bytes > 0 && data[0] == '{') {
        if (json_parse((const char *)data, bytes, &json, &why))
            try_input(json);
        json_decref(json);
    } else {
        try_allow((const char *)data, bytes);
    }
    return 0;
}
