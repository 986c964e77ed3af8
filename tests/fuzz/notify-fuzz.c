/* tests/fuzz/notify-fuzz.c - any bytes as the rules of notices: refused with a
 * line, or rules by which everybody is told once. */
#include <config.h>

#include "tests/fuzz/fuzz.h"

#include <string.h>
#include <strings.h>

#include "harness/arena.h"
#include "harness/fault.h"
#include "harness/message.h"
#include "harness/notice.h"
#include "harness/notice_rules.h"

static void
check_match(const struct notice_rules *rules, struct arena *arena)
{
    for (int i = 0; notice_kinds[i] != NULL; i++) {
        const struct notice_facts facts = {
            .kind = notice_kinds[i], .branch = "xen-unstable",
            .confidence = 0.97, .people = &rules->from, .people_count = 1,
        };
        struct message_person *list = NULL;
        size_t count = 0;

        notice_rules_match(rules, &facts, arena, &list, &count);
        for (size_t k = 0; k < count; k++) {
            must(list[k].address[0] != '-' && list[k].address[0] != '\0');
            for (size_t j = 0; j < k; j++)
                must(strcasecmp(list[j].address, list[k].address) != 0);
        }
    }
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    struct arena arena = ARENA_INIT;
    struct fault why = FAULT_INIT;
    struct notice_rules rules;

    if (notice_rules_parse("rules", (const char *)data, bytes, &arena, &rules,
                           &why))
        check_match(&rules, &arena);
    else
        must(why.kind == FAULT_CONFIG
             && strncmp(why.text, "rules:", 6) == 0);
    arena_free(&arena);
    return 0;
}
