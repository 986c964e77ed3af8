/* tests/fuzz/swf-fuzz.c - any bytes as a trace; what is one, is simulated. */
#include <config.h>

#include "tests/fuzz/fuzz.h"

#include "harness/arena.h"
#include "harness/fault.h"
#include "harness/sim.h"
#include "harness/swf.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    struct arena arena = ARENA_INIT;
    struct fault why = FAULT_INIT;
    struct swf swf;

    if (!swf_parse("f", (const char *)data, bytes, &arena, &swf, &why)) {
        must(why.kind == FAULT_CONFIG);
        must(strncmp(why.text, "f:", 2) == 0);
    } else if (swf.count <= 50) {
        for (int policy = 0; policy < SIM_POLICY_COUNT; policy++) {
            struct sim_options options = { 16, (enum sim_policy)policy,
                                           SIM_HISTORY, 3600000 };
            struct sim_result result;

            sim_run(&swf, &options, &arena, &result, NULL);
            must(result.jobs + result.too_big == swf.count);
            must(result.wait_mean >= 0);
            must(result.jobs == 0 || result.makespan
                 > result.makespan_bound - 0.01);
        }
    }
    arena_free(&arena);
    return 0;
}
