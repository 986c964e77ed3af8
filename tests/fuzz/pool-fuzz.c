/* tests/fuzz/pool-fuzz.c - any text as the policy of the queue. */
#include <config.h>

#include "tests/fuzz/fuzz.h"

#include "harness/arena.h"
#include "harness/buf.h"
#include "harness/fault.h"
#include "harness/pool_policy.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    struct arena arena = ARENA_INIT;
    struct fault why = FAULT_INIT;
    struct pool_policy policy;
    struct buf text = BUF_INIT;

    buf_add(&text, (const char *)data, bytes);
    if (pool_policy_parse("f", buf_text(&text), &arena, &policy, &why)) {
        must(policy.starvation_ms > 0 && policy.fair_ms > 0);
        for (int g = 0; g < policy.group_count; g++)
            must(policy.groups[g].share > 0
                 && policy.groups[g].branches[0] != NULL);
        must(pool_policy_group(&policy, "b") < policy.group_count);
    } else {
        must(why.kind == FAULT_CONFIG);
    }
    buf_free(&text);
    arena_free(&arena);
    return 0;
}
