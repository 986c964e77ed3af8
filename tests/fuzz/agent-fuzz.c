/* tests/fuzz/agent-fuzz.c - any bytes as what an agent sends to a lab, and as
 * what a lab answers to an agent. */
#include <config.h>

#include "tests/fuzz/fuzz.h"

#include <ctype.h>

#include "bisector/agent_proto.h"
#include "harness/artefact.h"
#include "harness/buf.h"
#include "harness/fault.h"
#include "harness/git.h"
#include "harness/mem.h"

static void
check_text(const char *text)
{
    must(strlen(text) <= AGENT_TEXT_MOST);
    for (; *text != '\0'; text++)
        must(!iscntrl((unsigned char)*text));
}

static void
fuzz_route(const char *target)
{
    struct agent_route route;

    agent_route_parse(target, &route);
    must((unsigned)route.place < AGENT_PLACE_COUNT);
    if (route.place == AGENT_LOG || route.place == AGENT_FILE)
        must(agent_lease_is_valid(route.lease));
    if (route.place == AGENT_LOG)
        must(route.offset >= 0 && route.offset <= AGENT_LOG_MAX);
    if (route.place == AGENT_FILE)
        must(artefact_name_is_valid(route.sha256));
}

static void
fuzz_asks(const char *text, size_t bytes)
{
    static const enum agent_place places[] = { AGENT_NEXT, AGENT_RENEW,
                                               AGENT_GIVE_BACK };
    struct fault why = FAULT_INIT;
    struct agent_ask ask;

    for (size_t i = 0; i < ARRAY_LEN(places); i++) {
        if (!agent_ask_parse(places[i], text, bytes, &ask, &why)) {
            must(ask.json == NULL && why.kind == FAULT_DATA);
            continue;
        }
        must((places[i] == AGENT_NEXT) == (ask.lease == NULL));
        must(ask.lease == NULL || agent_lease_is_valid(ask.lease));
        if (ask.host != NULL)
            check_text(ask.host);
        if (ask.reason != NULL)
            check_text(ask.reason);
        agent_ask_fini(&ask);
    }
}

static void
fuzz_answer(const char *text, size_t bytes)
{
    struct fault why = FAULT_INIT;
    struct agent_answer answer, again;
    json_t *json;
    char *line;

    if (!agent_answer_parse(text, bytes, &answer, &why)) {
        must(answer.json == NULL && answer.result == SEARCH_RESULT_NONE);
        return;
    }
    must(answer.result == SEARCH_PASS || answer.result == SEARCH_FAIL
         || answer.result == SEARCH_CANNOT);
    must(agent_lease_is_valid(answer.lease));
    must(artefact_name_is_valid(answer.log_sha256));
    must(!answer.log_sent || answer.log_bytes <= AGENT_LOG_MAX);
    check_text(answer.reason);
    /* What we make of it reads as the same. */
    json = agent_answer_json(&answer);
    line = json_dumps(json, JSON_COMPACT);
    must(agent_answer_parse(line, strlen(line), &again, &why));
    must(json_equal(json, again.json) && again.result == answer.result);
    agent_answer_fini(&again);
    agent_answer_fini(&answer);
    json_decref(json);
    free(line);
}

static void
fuzz_order(const char *text, size_t bytes)
{
    struct fault why = FAULT_INIT;
    struct agent_order order;
    struct agent_spec again;
    json_t *json;

    if (!agent_order_parse(text, bytes, &order, &why)) {
        must(order.json == NULL && !order.has_test);
        return;
    }
    if (order.has_test) {
        must(agent_lease_is_valid(order.lease) && order.test > 0);
        must(order.spec.tree_count > 0
             && order.spec.tree_count <= AGENT_TREES_MAX
             && order.spec.file_count <= AGENT_FILES_MAX);
        for (size_t i = 0; i < order.spec.tree_count; i++) {
            must(strpbrk(order.spec.tree[i], "=/ \n") == NULL);
            must(git_is_revision(order.spec.revision[i]));
        }
        for (size_t i = 0; i < order.spec.file_count; i++)
            must(name_is_safe(order.spec.files[i].name, 100)
                 && artefact_name_is_valid(order.spec.files[i].sha256)
                 && order.spec.files[i].bytes >= 0);
        json = agent_spec_json(&order.spec);
        must(agent_spec_take(json, &again, &why)
             && again.file_count == order.spec.file_count);
        json_decref(json);
    } else {
        must(order.again_ms > 0);
    }
    agent_order_fini(&order);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    const char *raw = (const char *)data;
    struct buf said = BUF_INIT;
    char *text = xstrndup(raw, bytes);

    fuzz_route(text);
    (void)agent_token_is_valid(text);
    fuzz_asks(raw, bytes);
    fuzz_answer(raw, bytes);
    fuzz_order(raw, bytes);
    agent_error_parse(raw, bytes, &said);
    must(strpbrk(buf_text(&said), "\n\033") == NULL);
    buf_free(&said);
    free(text);
    return 0;
}
