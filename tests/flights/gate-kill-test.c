/* tests/flights/gate-kill-test.c - a gate that is killed (SIGKILL) at each of
 * its points in turn, and while it pushes: the next one finishes the run, and
 * the output is pushed to exactly once. Real PostgreSQL, real repositories; the
 * flights are "run" by a few statements. */
#include <config.h>

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "flights/gate.h"
#include "flights/gate_db.h"
#include "flights/gate_point.h"
#include "harness/arena.h"
#include "harness/buf.h"
#include "harness/clock.h"
#include "harness/db.h"
#include "harness/git.h"
#include "harness/home.h"
#include "harness/mem.h"
#include "tests/tap.h"

#include "tests/pgfix.h"

#define POINTS_MAX 40

static struct arena arena;
static const char *dir, *bare, *work;

/* The points --------------------------------------------------------------- */

static int kill_at, point;      /* kill_at 0: never */
static bool trace;

/* In place of the gate's own. */
void
gate_point(const char *name)
{
    point++;
    if (trace)
        diag("point %d: %s", point, name);
    if (point == kill_at)
        (void)kill(getpid(), SIGKILL);
}

/* Repositories ------------------------------------------------------------- */

static char *
git_out(const char *where, const char *const *args)
{
    struct fault why = FAULT_INIT;
    char *out = NULL, *copy;

    if (!git_line(where, args, &out, &why))
        tap_bail("git %s: %s\n%s", args[0], why.text, why.detail);
    copy = arena_strdup(&arena, out);
    free(out);
    return copy;
}

static const char *
commit_and_push(const char *ref)
{
    (void)git_out(work, GIT_ARGS("-c", "user.name=a", "-c", "user.email=a@b",
                                 "commit", "-q", "--allow-empty", "-m",
                                 "change"));
    (void)git_out(work, GIT_ARGS("push", "-q", bare,
                                 arena_printf(&arena, "HEAD:%s", ref)));
    return git_out(work, GIT_ARGS("rev-parse", "HEAD"));
}

static void
write_file(const char *path, mode_t mode, const char *text)
{
    struct fault why = FAULT_INIT;

    if (!fs_write_file(path, mode, text, strlen(text), &why))
        tap_bail("%s", why.text);
}

/* Each change of the output is a line; a push can be told to kill. */
static void
write_hooks(void)
{
    write_file(arena_printf(&arena, "%s/hooks/pre-receive", bare), 0755,
               arena_printf(&arena, "#!/bin/sh\n"
                            "[ -e %s/victim ] || exit 0\n"
                            "victim=$(cat %s/victim)\nrm %s/victim\n"
                            "kill -KILL $victim\n"
                            "while [ ! -e %s/go ]; do sleep 0.02; done\n",
                            dir, dir, dir, dir));
    write_file(arena_printf(&arena, "%s/hooks/post-receive", bare), 0755,
               arena_printf(&arena, "#!/bin/sh\n"
                            "grep refs/heads/master >>%s/pushes || :\n",
                            dir));
}

static int
pushes(void)
{
    struct fault why = FAULT_INIT;
    struct buf text = BUF_INIT;
    int lines = 0;

    if (!fs_read_file(arena_printf(&arena, "%s/pushes", dir), 1 << 20, &text,
                      &why))
        return 0;
    for (size_t i = 0; i < text.len; i++)
        lines += text.data[i] == '\n';
    buf_free(&text);
    return lines;
}

static const char *
output(void)
{
    return git_out(bare, GIT_ARGS("rev-parse", "refs/heads/master"));
}

/* The lab ------------------------------------------------------------------ */

/* The next whole flight has a failure. */
static bool bad_luck;

/* Every flight that was started passes; but for bad luck. */
static const char lab[] =
    "insert into assay.step (flight, job, step, program, testid, status,"
    " lane, exit_code, harness, finished_at)"
    " select j.flight, j.job, 1, 'p', 'one',"
    " case when j.job = 'long' and f.intended = 'real' and %d = 1"
    "  then 'fail' else 'pass' end,"
    " case when j.job = 'long' and f.intended = 'real' and %d = 1"
    "  then 'product' end, %d, 'h', now()"
    " from assay.job j join assay.flight f on f.flight = j.flight"
    " where f.blessing = 'running';"
    "update assay.job j set status = s.status, lane = s.lane,"
    " started_at = now(), finished_at = now()"
    " from assay.flight f, assay.step s"
    " where f.flight = j.flight and f.blessing = 'running'"
    " and s.flight = j.flight and s.job = j.job;"
    "update assay.flight f set outcome = (select min(j.status)"
    "  from assay.job j where j.flight = f.flight), blessing = intended,"
    " finished_at = now() where blessing = 'running'";

static bool
run_lab(struct db *db, struct fault *why)
{
    struct buf text = BUF_INIT;
    bool ok;

    buf_addf(&text, lab, bad_luck, bad_luck, 0);
    ok = db_script(db, "lab", buf_text(&text), why);
    buf_free(&text);
    return ok;
}

static void
make_site(void)
{
    const char *sim = arena_printf(&arena, "%s/tests/flights/sim/quick.yaml",
                                   getenv("ASSAY_TOP_SRCDIR"));
    const char *home = NULL;
    struct fault why = FAULT_INIT;

    if (!home_get(&home, &why) ||
        !fs_mkdirs(home_path(&arena, "branches"), 0755, &why))
        tap_bail("%s", why.text);
    pgfix_script("insert into assay.host (host, arch, firmware, class,"
                 " config, source)"
                 " values ('a', 'amd64', 'bios', 'sim', '{}', 'sim')");
    write_file(home_path(&arena, "branches/b.yaml"), 0644,
               arena_printf(&arena,
                            "branch: b\ntrees:\n  xen:\n    url: %s\n"
                            "    input: refs/heads/staging\n"
                            "    output: refs/heads/master\n"
                            "flight: ./full.yaml\nsmoke: ./smoke.yaml\n"
                            "candidate:\n  name: c-{short}\n"
                            "  make: [./make, '{candidate}']\n", bare));
    for (int i = 0; i < 2; i++)
        write_file(home_path(&arena, "branches/%s.yaml",
                             i == 0 ? "smoke" : "full"), 0644,
                   arena_printf(&arena,
                                "flight: f\nintended: real\ncandidate: x\n"
                                "jobs:\n  - job: %s\n    recipe: %s\n"
                                "    hosts: {host: {arch: amd64}}\n",
                                i == 0 ? "quick" : "long", sim));
    write_file(home_path(&arena, "branches/make"), 0755,
               "#!/bin/sh\n"
               "exec assay db psql -- -q -v ON_ERROR_STOP=1 -c \"\n"
               "insert into assay.artefact (sha256, bytes, kind) values\n"
               " (repeat('0', 64), 0, 'x') on conflict do nothing;\n"
               "with c as (insert into assay.candidate (name, source)\n"
               " values ('$1', 's') on conflict do nothing\n"
               " returning candidate)\n"
               "insert into assay.candidate_part\n"
               " select candidate, 'amd64', 'xen', repeat('0', 64) from c\n"
               "\"\n");
}

/* The gate ----------------------------------------------------------------- */

/* The branch's run to its end, as "assay gate run" does. */
static bool
run_gate(struct fault *why)
{
    struct gate gate = { .clock = clock_system(), .author = "test" };
    enum gate_next next = GATE_GO_ON;
    struct arena scratch = ARENA_INIT;
    const char *text = "";
    int64_t run = 0, flight = 0;
    bool ok;

    ok = db_open("assay", &gate.db, why) &&
         gate_begin(&gate, "b", false, &scratch, &run, &text, why);
    while (ok && run != 0 && next != GATE_OVER) {
        ok = gate_advance(&gate, run, &next, &flight, why);
        if (ok && next == GATE_WAIT)
            ok = run_lab(gate.db, why);
    }
    db_close(gate.db);
    arena_free(&scratch);
    return ok;
}

/* In a process of its own, which may be killed. */
static pid_t
start_gate(int at)
{
    pid_t pid = fork();
    struct fault why = FAULT_INIT;

    if (pid != 0)
        return pid;
    kill_at = at;
    point = 0;
    if (!run_gate(&why)) {
        fprintf(stderr, "# %s\n# %s\n", why.text, why.detail);
        _exit(1);
    }
    _exit(0);
}

static int
end_of(pid_t pid)
{
    int status = 0;

    if (pid < 0 || waitpid(pid, &status, 0) != pid)
        tap_bail("wait for the gate");
    return status;
}

static int64_t
count(const char *what)
{
    return pgfix_int(arena_printf(&arena, "select count(*) from %s", what));
}

/* What there should be by now. */
static int64_t flights;
static int pushed;

/* What one finished run has left, whatever happened on the way. */
static void
check_run(const char *revision, const char *what)
{
    flights += bad_luck ? 3 : 2;
    pushed++;
    is_str(output(), revision, "%s: the output is what was tested", what);
    is_int(pushes(), pushed, "%s: pushed exactly once", what);
    is_int(count("assay.gate_run where finished_at is null"), 0,
           "%s: no run is open", what);
    is_int(pgfix_int(arena_printf(&arena, "select count(*) from"
                                  " assay.gate_run where state = 'pushed'"
                                  " and run = (select max(run) from"
                                  " assay.gate_run) and revision = '%s'"
                                  " and (retest_flight is not null) = %s",
                                  revision, bad_luck ? "true" : "false")), 1,
           "%s: it is recorded", what);
    is_int(count("assay.flight"), flights, "%s: no flight was made twice",
           what);
    is_int(count("assay.gate_lever where kind = 'end'"),
           count("assay.gate_lever where kind = 'force-rev'"),
           "%s: the lever was used up once", what);
}

static void
force(const char *revision)
{
    pgfix_script(arena_printf(&arena,
                              "insert into assay.gate_lever (kind, branch,"
                              " revision, author, reason) values"
                              " ('force-rev', 'b', '%s', 'ann',"
                              " 'to see it used up')", revision));
}

/* A run of a new commit, killed at point 'at' and run again; false when there
 * is no such point. */
static bool
killed_at(int at)
{
    const char *revision = commit_and_push("refs/heads/staging");
    char what[64];
    int status;

    /* With a lever there is no retest: it is pushed anyway. */
    if (!bad_luck)
        force(revision);
    status = end_of(start_gate(at));
    snprintf(what, sizeof what, "point %d%s", at,
             bad_luck ? " with a retest" : "");
    if (WIFEXITED(status)) {
        is_int(WEXITSTATUS(status), 0, "%s: there is none, and it ends",
               what);
        check_run(revision, "not killed");
        return false;
    }
    is_int(WTERMSIG(status), SIGKILL, "%s: killed", what);
    status = end_of(start_gate(0));
    ok(WIFEXITED(status) && WEXITSTATUS(status) == 0, "%s: run again", what);
    check_run(revision, what);
    return true;
}

/* Killed while its push is under way, which goes on; the next gate begins its
 * own push meanwhile. */
static void
killed_in_push(void)
{
    const char *revision = commit_and_push("refs/heads/staging");
    pid_t pid, second;
    int status;

    force(revision);
    pid = fork();
    if (pid == 0) {
        struct fault why = FAULT_INIT;

        write_file(arena_printf(&arena, "%s/victim", dir), 0644,
                   arena_printf(&arena, "%d\n", (int)getpid()));
        _exit(run_gate(&why) ? 0 : 1);
    }
    status = end_of(pid);
    ok(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL,
       "in the push: killed");
    second = start_gate(0);
    write_file(arena_printf(&arena, "%s/go", dir), 0644, "");
    status = end_of(second);
    ok(WIFEXITED(status) && WEXITSTATUS(status) == 0,
       "in the push: run again");
    check_run(revision, "in the push");
}

/* A run that is killed at 'at' and run again leaves one more notice of the
 * kind, and none of any other. */
static void
told_once(int at, const char *kind)
{
    int64_t all = count("assay.notice"), those;
    const char *of = arena_printf(&arena, "assay.notice where kind = '%s'",
                                  kind);

    those = count(of);
    (void)commit_and_push("refs/heads/staging");
    (void)end_of(start_gate(at));
    (void)end_of(start_gate(0));
    ok(count("assay.notice") == all + 1 && count(of) == those + 1,
       "killed at point %d: the %s is told once", at, kind);
}

/* From the decision to the push, forth and back. */
static void
told(void)
{
    write_file(home_path(&arena, "branches/b.yaml"), 0644,
               arena_printf(&arena,
                            "branch: b\ntrees:\n  xen:\n    url: %s\n"
                            "    input: refs/heads/staging\n"
                            "    output: refs/heads/master\n"
                            "flight: ./full.yaml\ncandidate:\n"
                            "  name: c-{short}\n"
                            "  make: [./make, '{candidate}']\n"
                            "retest: false\n", bare));
    is_int(count("assay.notice"), 0, "what was pushed so far is no news");
    for (int at = 5; at <= 9; at++) {
        bad_luck = true;
        told_once(at, "regression");
        bad_luck = false;
        told_once(at, "recovery");
    }
}

/* Somebody else sets the output while the flight runs. */
static void
race_lost(void)
{
    const char *other, *revision;
    struct fault why = FAULT_INIT;
    struct gate gate = { .clock = clock_system(), .author = "test" };
    enum gate_next next = GATE_GO_ON;
    const char *text = "";
    int64_t run = 0, flight = 0;
    int before = pushes();
    bool ok = true;

    revision = commit_and_push("refs/heads/staging");
    if (!db_open("assay", &gate.db, &why) ||
        !gate_begin(&gate, "b", false, &arena, &run, &text, &why))
        tap_bail("%s", why.text);
    while (ok && next != GATE_WAIT)
        ok = gate_advance(&gate, run, &next, &flight, &why);
    other = commit_and_push("refs/heads/master");
    while (ok && next != GATE_OVER) {
        ok = run_lab(gate.db, &why) &&
             gate_advance(&gate, run, &next, &flight, &why);
    }
    ok_fault(ok, &why, "a race: the run ends");
    is_str(output(), other, "a race: the other's output stays");
    is_int(pushes(), before + 1, "a race: only the other pushed");
    is_int(pgfix_int(arena_printf(&arena, "select count(*) from"
                                  " assay.gate_run where state = 'lost'"
                                  " and revision = '%s' and summary like"
                                  " '%%nothing was changed'", revision)), 1,
           "a race: it is told");
    db_close(gate.db);
}

int
main(void)
{
    struct fault why = FAULT_INIT;
    struct pgfix fix;
    int number = 1;

    pgfix_start(&fix);
    db_close(pgfix_open("assay"));
    dir = tap_dir();
    bare = arena_printf(&arena, "%s/bare.git", dir);
    work = arena_printf(&arena, "%s/work", dir);
    (void)git_out(NULL, GIT_ARGS("init", "-q", "--bare", bare));
    (void)git_out(NULL, GIT_ARGS("init", "-q", work));
    make_site();
    (void)commit_and_push("refs/heads/master");
    (void)commit_and_push("refs/heads/staging");
    write_hooks();

    ok_fault(run_gate(&why), &why, "the baseline is tested first");
    is_int(count("assay.gate_run where purpose = 'baseline'"
                 " and state = 'tested'"), 1, "and not pushed");
    is_int(pushes(), 0, "not at all");
    is_int(count("assay.flight"), 2, "in two flights");
    flights = 2;
    while (number < POINTS_MAX && killed_at(number))
        number++;
    is_int(number - 1, 13, "every point was tried");
    /* A good version in between: as bad as the baseline is no failure. */
    for (int at = 9; at <= 12; at++) {
        bad_luck = true;
        ok(killed_at(at), "there is a point %d with a retest", at);
        bad_luck = false;
        (void)killed_at(POINTS_MAX);
    }
    killed_in_push();
    told();
    race_lost();
    arena_free(&arena);
    pgfix_stop(&fix, tap.failed > 0);
    return tap_done();
}
