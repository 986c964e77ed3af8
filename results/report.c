/* results/report.c - reads what a report is made from, and writes a
 * flight's page where people look for it. */
#include <config.h>

#include "results/report.h"

#include <inttypes.h>

#include "harness/arena.h"
#include "harness/buf.h"
#include "harness/fs.h"
#include "harness/home.h"
#include "harness/pattern_scan.h"
#include "results/age.h"
#include "results/cause.h"
#include "results/changes.h"
#include "results/evidence_db.h"
#include "results/gated_db.h"
#include "results/verdict_db.h"

/* Against the last flight that passed whole, unless another one was asked for
 * or there is none: then the baseline's. */
static bool
read_changes(struct db *db, const struct decide_request *request,
             struct arena *arena, struct report *report, struct fault *why)
{
    bool asked = request != NULL
        && (request->baseline != 0 || request->that_count > 0);
    int64_t since = report->age->good.flight != 0 && !asked
        ? report->age->good.flight : report->verdict->coverage.baseline;
    struct changes *changes = arena_alloc(arena, sizeof *changes);
    struct evidence before;
    const char *root;

    if (since == 0 || since == report->evidence->flight)
        return true;
    if (!evidence_read_frame(db, since, arena, &before, why)
        || !home_get(&root, why))
        return false;
    changes_between(&before, report->evidence, arena, changes);
    changes->since_good = since == report->age->good.flight;
    changes_add_commits(changes, root, arena);
    report->changes = changes;
    return true;
}

bool
report_read(struct db *db, int64_t flight,
            const struct decide_request *request, struct arena *arena,
            struct report *out, struct fault *why)
{
    struct evidence *evidence = arena_alloc(arena, sizeof *evidence);
    struct verdict *verdict = arena_alloc(arena, sizeof *verdict);
    struct report_age *age = arena_alloc(arena, sizeof *age);
    struct causes *causes = arena_alloc(arena, sizeof *causes);

    if (!verdict_read(db, flight, request, arena, evidence, verdict, why))
        return false;
    *out = (struct report){ .evidence = evidence, .verdict = verdict,
                            .age = age, .causes = causes };
    if (verdict->basis != NULL) {
        out->asked = &verdict->basis->input;
        out->decision = &verdict->decision;
    }
    return age_read(db, flight, age, why)
        && causes_read(db, flight, arena, causes, why)
        && gated_answer(db, flight, arena, &out->gate, why)
        && read_changes(db, request, arena, out, why);
}

bool
report_publish(struct db *db, int64_t flight, struct arena *arena,
               const char **path_out, struct fault *why)
{
    struct report_options options = { .links = REPORT_LINKS_FILES,
                                      .base = "../../" };
    struct arena scratch = ARENA_INIT;
    struct buf page = BUF_INIT;
    struct report report;
    const char *path;
    bool ok;

    ok = home_get(&options.root, why)
        && report_read(db, flight, NULL, &scratch, &report, why);
    if (!ok)
        goto out;
    options.patterns = pattern_code_try();
    report_html(&report, &options, &page);
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
