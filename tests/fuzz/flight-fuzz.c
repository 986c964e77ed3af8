/* tests/fuzz/flight-fuzz.c - any bytes as a flight's file. */
#include <config.h>

#include "tests/fuzz/fuzz.h"

#include "flights/flight_yaml.h"
#include "flights/plan.h"
#include "harness/arena.h"
#include "harness/buf.h"
#include "harness/fault.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    struct arena arena = ARENA_INIT;
    struct buf dump = BUF_INIT;
    struct fault why = FAULT_INIT;
    struct plan plan;

    if (flight_yaml_parse("f", "/f", data, bytes, &arena, &plan, &why)) {
        must(plan.job_count > 0 && plan.job_count <= PLAN_JOBS_MAX);
        plan_dump(&plan, &dump);
        must(dump.len > 0);
    } else {
        must(why.kind == FAULT_CONFIG);
        must(strncmp(why.text, "f:", 2) == 0);
    }
    buf_free(&dump);
    arena_free(&arena);
    return 0;
}
