/* tests/fuzz/gate-fuzz.c - any bytes as a ruling, and as the file of a branch,
 * a policy, a site. */
#include <config.h>

#include "tests/fuzz/fuzz.h"

#include "flights/branch.h"
#include "harness/arena.h"
#include "harness/fault.h"
#include "hosts/site.h"
#include "results/ruling.h"

static void
ruling(const char *data, size_t bytes, struct arena *arena)
{
    struct fault why = FAULT_INIT;
    struct ruling_file file;

    if (ruling_read(data, bytes, arena, &file, &why))
        must(file.ruling.answer.verdict != POLICY_VERDICT_NONE);
    else
        must(why.kind == FAULT_DATA || why.kind == FAULT_CONFIG);
}

static void
files(const char *data, size_t bytes, struct arena *arena)
{
    struct fault why = FAULT_INIT;
    struct policy policy;
    struct branch branch;
    struct site site;

    if (policy_parse("f", data, bytes, arena, &policy, &why))
        must(policy.rule_count > 0);
    else
        must(why.kind == FAULT_CONFIG && strncmp(why.text, "f:", 2) == 0);
    if (branch_parse("/f", data, bytes, arena, &branch, &why))
        must(branch.varies != NULL && branch.varies->input != NULL);
    else
        must(why.kind == FAULT_CONFIG && strncmp(why.text, "/f:", 3) == 0);
    if (site_parse("/s", data, bytes, arena, &site, &why))
        must(site.checks == NULL
             || (site.checks->branch == NULL)
                != (site.checks->candidate == NULL));
    else
        must(why.kind == FAULT_CONFIG && strncmp(why.text, "/s:", 3) == 0);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    struct arena arena = ARENA_INIT;

    ruling((const char *)data, bytes, &arena);
    files((const char *)data, bytes, &arena);
    arena_free(&arena);
    return 0;
}
