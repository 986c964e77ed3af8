/* results/perf_db.c - see perf_db.h. */
#include <config.h>

#include "results/perf_db.h"

#include "harness/arena.h"
#include "results/perf.h"
#include "results/series.h"

/* Flights that a measurement is compared with. */
#define PERF_HISTORY 60

bool
perf_read(struct db *db, int64_t flight, struct arena *arena,
          struct decide_input *input, struct perf **out, size_t *count_out,
          struct fault *why)
{
    const struct series_request request = { .flight = flight,
                                            .flights = PERF_HISTORY };
    struct series *all = NULL, *place;
    size_t count = 0;

    *count_out = 0;
    if (!series_read(db, &request, arena, &all, &count, why))
        return false;
    *out = arena_alloc(arena, count * sizeof **out + 1);
    for (size_t i = 0; i < count; i++) {
        if (all[i].points[all[i].count - 1].flight != flight)
            continue;
        place = arena_alloc(arena, sizeof *place);
        series_of_last_place(&all[i], arena, place);
        perf_judge(place, arena, &(*out)[(*count_out)++]);
    }
    if (*count_out > 0)
        perf_apply(*out, *count_out, arena, input);
    return true;
}
