/* tests/bench/bisect_made.h - made histories for bisect-sim, and its rivals:
 * the rule of git and the rule of OSSTest. Not a part of the product. */
#ifndef TESTS_BENCH_BISECT_MADE_H
#define TESTS_BENCH_BISECT_MADE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct graph;

void made_seed(uint64_t seed);
double made_uniform(void);              /* in [0, 1) */
size_t made_below(size_t n);

/* A line of commits in each tree; with 'merges', as git's own history: branches
 * of a few commits off one of the last 30 of the main line, merged back. */
void made_history(struct graph *g, size_t n, size_t trees, bool merges);

/* Tests that each rule needs for a culprit, when tests never err. The ends
 * are trusted and nothing is verified. */
int rival_git(const struct graph *g, uint32_t culprit);
/* From the description of OSSTest's search: the length at a commit is one more
 * than the sum of its parents' (0 at a pass); from the parent of a failure
 * where that is longest, half of it down along the longest branch. The
 * description can be read in two ways: half of the length ('steps' false), or
 * so many steps. */
int rival_osstest(const struct graph *g, uint32_t culprit, bool steps);

#endif
