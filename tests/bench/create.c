/* tests/bench/create.c - creates a flight again and again: create FILE COUNT
 *
 * Prints the median and the 99th percentile of what a creation took, in
 * milliseconds. It rests between two, as whoever creates flights does. */
#include <config.h>

#include <time.h>

#include "flights/flight_db.h"
#include "flights/flight_yaml.h"
#include "flights/plan.h"
#include "harness/arena.h"
#include "harness/buf.h"
#include "harness/db.h"
#include "harness/fault.h"
#include "harness/mem.h"
#include "harness/signals.h"

#define REST_MS 20

static double
now_ms(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

static int
compare(const void *a, const void *b)
{
    const double *x = a, *y = b;

    return (*x > *y) - (*x < *y);
}

int
main(int argc, char **argv)
{
    struct arena arena = ARENA_INIT;
    struct fault why = FAULT_INIT;
    struct plan plan;
    struct db *db = NULL;
    int64_t count, flight;
    double *took;
    bool ok = true;

    if (argc != 3 || !parse_int64(argv[2], 1, 100000, &count)) {
        fprintf(stderr, "usage: create FILE COUNT\n");
        return 2;
    }
    took = xcalloc((size_t)count, sizeof *took);
    ok = flight_yaml_load(argv[1], &arena, &plan, &why)
        && db_open("assay", &db, &why);
    for (int64_t i = 0; ok && i < count; i++) {
        double began = now_ms();

        ok = flight_db_create(db, &plan, &flight, &why);
        took[i] = now_ms() - began;
        signals_pause_ms(REST_MS);
    }
    if (!ok)
        fault_print(&why);
    db_close(db);
    arena_free(&arena);
    qsort(took, (size_t)count, sizeof *took, compare);
    if (ok)
        printf("%.1f %.1f\n", took[count / 2], took[count * 99 / 100]);
    free(took);
    return ok ? 0 : 1;
}
