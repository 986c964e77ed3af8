/* tests/bench/plan.c - how long a full plan takes: "plan HOSTS JOBS" prints
 * milliseconds (the median of some), and the peak of memory in MiB. */
#include <config.h>

#include <stdio.h>
#include <sys/resource.h>
#include <time.h>

#include "harness/arena.h"
#include "harness/buf.h"
#include "tests/harness/planlab.h"

#define RUNS 5

static int
compare(const void *left, const void *right)
{
    const double *a = left, *b = right;

    return *a < *b ? -1 : *a > *b;
}

static double
measure(const struct planlab_spec *spec, uint64_t seed)
{
    struct arena arena = ARENA_INIT;
    struct planner_in in;
    struct planner_plan plan;
    double ms;
    struct timespec from, to;

    planlab_make(spec, seed, &arena, &in);
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &from);
    planner_make(&in, &arena, &plan);
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &to);
    ms = (double)(to.tv_sec - from.tv_sec) * 1e3
        + (double)(to.tv_nsec - from.tv_nsec) / 1e6;
    must(plan.end_ms > in.now_ms);
    arena_free(&arena);
    return ms;
}

int
main(int argc, char **argv)
{
    struct planlab_spec spec = { .sets = 24, .classes = 8,
                                 .pair_percent = 10 };
    struct rusage usage;
    double ms[RUNS];
    int64_t hosts, jobs;
    int runs;

    must(argc == 3 && parse_int64(argv[1], 1, 100000, &hosts)
         && parse_int64(argv[2], 1, 10000000, &jobs));
    spec.hosts = (int)hosts;
    spec.jobs = (int)jobs;
    runs = jobs > 20000 ? 1 : RUNS;
    for (int i = 0; i < runs; i++)
        ms[i] = measure(&spec, (uint64_t)i + 1);
    qsort(ms, (size_t)runs, sizeof *ms, compare);
    getrusage(RUSAGE_SELF, &usage);
    printf("%.2f %ld\n", ms[runs / 2], usage.ru_maxrss / 1024);
    return 0;
}
