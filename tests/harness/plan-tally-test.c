/* tests/harness/plan-tally-test.c - history in virtual time is the one that
 * assayd asks the database for: the same runs, told one by one and looked at
 * at once. */
#include <config.h>

#include "harness/plan_tally.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>

#include "harness/arena.h"
#include "harness/buf.h"
#include "harness/db.h"
#include "harness/fault.h"
#include "harness/plan_past_db.h"
#include "harness/replay.h"
#include "harness/replay_db.h"
#include "tests/tap.h"

#include "tests/pgfix.h"

static struct arena arena;

/* Eight days of two branches; a job on one host, one that shares what it
 * prepares, and a pair. All of them wait again. */
static const char runs[] =
    "insert into assay.host (host, arch, firmware, class, config, source)"
    " values ('x0', 'amd64', 'bios', 'x', '{}', 't'),"
    "  ('x1', 'amd64', 'bios', 'x', '{}', 't'),"
    "  ('y0', 'amd64', 'bios', 'y', '{}', 't');"
    "insert into assay.task (kind, refkey, harness, node, node_key, pid,"
    "  pid_start, backend, ended_at)"
    " values ('job', 'past', 'h', 'n', 'k', 1, 1, 1, now());"
    "insert into assay.flight (branch, blessing, intended, harness,"
    "  created_at) select case k % 2 when 0 then 'dev' else 'rc' end, 'play',"
    "  'play', 'h', now() - k * interval '5 hours'"
    " from generate_series(40, 1, -1) k;"
    "insert into assay.job (flight, job, recipe, arch, status, lane,"
    "  started_at, finished_at, prepare_ms)"
    " select f.flight, j.job, 'r-' || j.job, 'amd64',"
    "  case when f.flight % 7 = j.n then 'broken'"
    "   when f.flight % 5 = j.n then 'fail' else 'pass' end,"
    "  case when f.flight % 7 = j.n then 'harness'"
    "   when f.flight % 5 = j.n then 'product' end,"
    "  f.created_at + interval '1 minute', f.created_at + interval '1 minute'"
    "   * (9 + f.flight * 37 % 91) + j.n * interval '1234 milliseconds',"
    "  case when j.n < 2 then f.flight * j.n % 3 * 60000 end"
    " from assay.flight f, (values ('a', 0), ('b', 1), ('pair', 2)) j (job, n);"
    "insert into assay.allocation (host, task, flight, job, role, begun_at,"
    "  ended_at) select case (j.flight + length(j.job) + u) % 3 when 0"
    "   then 'x0' when 1 then 'x1' else 'y0' end, 1, j.flight, j.job,"
    "  'r' || u, j.started_at, j.finished_at"
    " from assay.job j, generate_series(0, 1) u"
    " where u = 0 or j.job = 'pair';"
    "insert into assay.flight (branch, blessing, intended, harness)"
    " values ('dev', 'running', 'play', 'h'), ('rc', 'running', 'play', 'h');"
    "insert into assay.job (flight, job, recipe, arch, status)"
    " select f, j, 'r-' || j, 'amd64', 'queued'"
    " from generate_series(41, 42) f, unnest('{a,b,pair}'::text[]) j";

static bool
near(int64_t a, int64_t b, int64_t by)
{
    return llabs(a - b) <= by;
}

static void
compare_lengths(const struct plan_past *asked, const struct plan_past *told)
{
    int wrong = 0;

    is_int(asked->length_count, 21, "lengths of jobs, anywhere and there");
    is_int(told->length_count, asked->length_count, "as many are told");
    for (int i = 0; i < asked->length_count && i < told->length_count; i++) {
        const struct plan_length *a = &asked->lengths[i];
        const struct plan_length *b = &told->lengths[i];

        if (strcmp(a->key, b->key) == 0 && near(a->mean_ms, b->mean_ms, 1)
            && near(a->sd_ms, b->sd_ms, 1) && a->last_ms == b->last_ms
            && near(a->prepare_ms, b->prepare_ms, 1))
            continue;
        wrong++;
        printf("# %s: %" PRId64 " +- %" PRId64 ", %" PRId64 "; told %s: %"
               PRId64 " +- %" PRId64 ", %" PRId64 "\n", a->key, a->mean_ms,
               a->sd_ms, a->prepare_ms, b->key, b->mean_ms, b->sd_ms,
               b->prepare_ms);
    }
    is_int(wrong, 0, "and the same");
}

static void
compare_lasts(const struct plan_past *asked, const struct plan_past *told)
{
    int wrong = 0, failed = 0;

    is_int(asked->last_count, 18, "where each job of a branch was");
    is_int(told->last_count, asked->last_count, "as many are told");
    for (int i = 0; i < asked->last_count && i < told->last_count; i++) {
        const struct plan_last *a = &asked->lasts[i], *b = &told->lasts[i];

        wrong += strcmp(a->key, b->key) != 0 || strcmp(a->host, b->host) != 0
            || strcmp(a->class, b->class) != 0 || a->at_ms != b->at_ms
            || a->failed != b->failed;
        failed += a->failed;
    }
    is_int(wrong, 0, "and the same");
    ok(failed > 0 && failed < asked->last_count, "some failed last");
}

static double
use_of(const struct plan_past *past, const char *branch)
{
    double used = 0;

    for (int i = 0; i < past->use_count; i++)
        if (strcmp(past->uses[i].branch, branch) == 0)
            used += past->uses[i].host_ms;
    return used;
}

int
main(void)
{
    struct plan_past asked, told = { .lengths = NULL };
    struct fault why = FAULT_INIT;
    struct plan_tally *tally;
    struct replay_past past;
    struct pgfix fix;
    struct db *db;
    int64_t now;

    pgfix_start(&fix);
    db = pgfix_open("assay");
    pgfix_script(runs);
    if (!plan_past_db_read(db, &arena, &asked, &why))
        tap_bail("past: %s", why.text);
    now = pgfix_int("select (extract(epoch from clock_timestamp()) * 1000)"
                    "::bigint");
    if (!replay_db_load(db, now, now + 1000, &arena, &past, &why))
        tap_bail("replay: %s", why.text);
    tally = plan_tally_new();
    for (int i = 0; i < past.other_count; i++)
        replay_tell(&past.others[i], tally);
    told.policy = asked.policy;
    plan_tally_past(tally, now, 0, &arena, &told);
    compare_lengths(&asked, &told);
    compare_lasts(&asked, &told);
    ok(use_of(&asked, "dev") > 0 && fabs(use_of(&asked, "dev")
                                         - use_of(&told, "dev")) < 1000,
       "what a branch had of the lab in a week");
    ok(use_of(&asked, "rc") > 0 && fabs(use_of(&asked, "rc")
                                        - use_of(&told, "rc")) < 1000,
       "and the other one");
    plan_tally_free(tally);
    arena_free(&arena);
    db_close(db);
    return pgfix_done(&fix);
}
