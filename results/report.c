/* results/report.c - writes a flight's page where people look for it. */
#include <config.h>

#include "results/report.h"

#include <inttypes.h>

#include "harness/arena.h"
#include "harness/buf.h"
#include "harness/fs.h"
#include "harness/home.h"
#include "harness/pattern_scan.h"
#include "results/verdict_db.h"

bool
report_publish(struct db *db, int64_t flight, struct arena *arena,
               const char **path_out, struct fault *why)
{
    struct report_options options = { .links = REPORT_LINKS_FILES,
                                      .base = "../../" };
    struct arena scratch = ARENA_INIT;
    struct buf page = BUF_INIT;
    struct evidence evidence;
    struct verdict verdict;
    const char *path;
    bool ok;

    ok = home_get(&options.root, why)
        && verdict_read(db, flight, NULL, &scratch, &evidence, &verdict,
                        why);
    if (!ok)
        goto out;
    options.patterns = pattern_code_try();
    report_html(&evidence, &verdict, &options, &page);
    ok = fs_mkdirs(home_path(arena, "flights/%" PRId64, flight), 0755, why);
    if (!ok)
        goto out;
    path = home_path(arena, "flights/%" PRId64 "/report.html", flight);
    ok = fs_write_file(path, 0644, page.data, page.len, why);
    if (ok)
        *path_out = path;
out:
    pattern_code_free(options.patterns);
    buf_free(&page);
    arena_free(&scratch);
    return ok;
}
