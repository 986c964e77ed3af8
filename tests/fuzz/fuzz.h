/* tests/fuzz/fuzz.h - what a fuzz target is.
 *
 * A target NAME is tests/fuzz/NAME-fuzz.c with the function below, a line in
 * fuzz_targets and one for its sources in tests/Makemodule.am, and a corpus
 * directory tests/fuzz/corpus/NAME (an input a file, named for what it is).
 * "make check" replays the corpora through replay.c. To fuzz:
 *
 *     ../configure --enable-fuzzers CC=clang
 *     make fuzz FUZZ_SECONDS=60
 *
 * which leaves what it finds in tests/fuzz/found/NAME. A crash gets mended, and
 * its input, made small (-minimize_crash=1), joins the corpus.
 *
 * A target returns 0, uses no files, clock or network, frees all it took, and
 * states with must() what has to hold for any input. */
#ifndef TESTS_FUZZ_FUZZ_H
#define TESTS_FUZZ_FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include "harness/attr.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

#endif
