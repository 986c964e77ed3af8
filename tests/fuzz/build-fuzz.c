/* tests/fuzz/build-fuzz.c - any bytes as the log of a build, and as a recipe of
 * one: the first error is one harmless line, and a recipe that is taken is one
 * that can be worked with. */
#include <config.h>

#include "tests/fuzz/fuzz.h"

#include "harness/buf.h"
#include "harness/fault.h"
#include "harness/strv.h"
#include "hypervisor/build.h"
#include "hypervisor/build_recipe.h"

#define LINE_MOST (400 * 4)     /* each byte may become \xNN */

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    struct build_recipe *recipe = NULL;
    struct fault why = FAULT_INIT;
    struct buf line = BUF_INIT;
    char **options = NULL;

    build_first_error((const char *)data, bytes, &line);
    must(line.len <= LINE_MOST);
    must(line.len == 0 || memchr(line.data, '\n', line.len) == NULL);
    if (build_recipe_parse("build.yaml", data, bytes, &recipe, &why)) {
        must(recipe->limit_ms >= 0 && recipe->steps_count > 0);
        if (build_recipe_kconfig(recipe, buf_text(&line), &options, &why))
            must(strv_count(options) == 0 || recipe->kconfig != NULL);
        strv_free(options);
        build_recipe_free(recipe);
    }
    buf_free(&line);
    return 0;
}
