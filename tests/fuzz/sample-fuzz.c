/* tests/fuzz/sample-fuzz.c - any output of a command, in which bisect looks for
 * a number. */
#include <config.h>

#include "tests/fuzz/fuzz.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "bisector/sample.h"
#include "harness/mem.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    char *text = xstrndup((const char *)data, bytes);
    double value = 0;

    if (sample_parse(text, "latency", &value)) {
        must(isfinite(value));
        must(strstr(text, "latency") != NULL);
    }
    free(text);
    return 0;
}
