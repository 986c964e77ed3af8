/* tests/harness/migrate-test.c - the schema: how it comes about, and what it
 * refuses. */
#include <config.h>

#include <errno.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness/arena.h"
#include "harness/buf.h"
#include "harness/db.h"
#include "harness/db_cluster.h"
#include "harness/db_migrate.h"
#include "harness/fs.h"
#include "harness/proc.h"
#include "tests/tap.h"

#include "tests/pgfix.h"

#define RACERS 6

static struct db *
connect_to(const struct buf *conninfo)
{
    struct fault why = FAULT_INIT;
    struct db *db = NULL;

    if (!db_connect(buf_text(conninfo), "test", &db, &why))
        tap_bail("%s", why.text);
    return db;
}

/* pg_dump of a database, without what differs from dump to dump. */
static void
dump(const struct buf *conninfo, bool schema_only, struct buf *out)
{
    struct arena arena = ARENA_INIT;
    struct fault why = FAULT_INIT;
    struct buf text = BUF_INIT;
    char *program = NULL, *line, *save = NULL;
    const char *argv[] = { NULL, "--no-owner", "-d", buf_text(conninfo),
                           schema_only ? "--schema-only" : NULL, NULL };

    if (!db_cluster_program(&arena, "pg_dump", &program, &why))
        tap_bail("%s", why.text);
    argv[0] = program;
    if (!proc_run(argv, NULL, 0, 60000, &text, &why))
        tap_bail("%s: %s", why.text, why.detail);
    for (line = strtok_r(text.data, "\n", &save); line != NULL;
         line = strtok_r(NULL, "\n", &save)) {
        if (strncmp(line, "\\restrict", 9) != 0
            && strncmp(line, "\\unrestrict", 11) != 0)
            buf_addf(out, "%s\n", line);
    }
    buf_free(&text);
    arena_free(&arena);
}

static void
restore(const struct buf *conninfo, const struct buf *text)
{
    struct arena arena = ARENA_INIT;
    struct fault why = FAULT_INIT;
    char *program = NULL;
    const char *argv[] = { NULL, "-1qX", "-v", "ON_ERROR_STOP=1", "-d",
                           buf_text(conninfo), NULL };

    if (!db_cluster_program(&arena, "psql", &program, &why))
        tap_bail("%s", why.text);
    argv[0] = program;
    if (!proc_run(argv, text->data, text->len, 60000, NULL, &why))
        tap_bail("%s: %s", why.text, why.detail);
    arena_free(&arena);
}

/* What is compiled in is what is in the tree. */
static void
test_embedded(void)
{
    const struct schema_list *list = db_schema_list();
    const char *top = getenv("ASSAY_TOP_SRCDIR");
    struct buf path = BUF_INIT, text = BUF_INIT;
    struct fault why = FAULT_INIT;
    int i;

    is_int(db_schema_wanted(), list->count, "the newest file is wanted");
    for (i = 0; i < list->count; i++) {
        is_int(list->files[i].number, i + 1, "%s has its number",
               list->files[i].name);
        buf_reset(&path);
        buf_reset(&text);
        buf_addf(&path, "%s/harness/schema/%s",
                 top != NULL ? top : ASSAY_SRCDIR, list->files[i].name);
        ok_fault(fs_read_file(buf_text(&path), 1 << 20, &text, &why), &why,
                 "it is in the tree");
        ok(strcmp(buf_text(&text), list->files[i].text) == 0,
           "with the same text");
    }
    buf_free(&path);
    buf_free(&text);
}

/* A dump of a database of schema 'number', restored and migrated, has the
 * schema 'want'. */
static void
restored_is_whole(const struct buf *dumped, int number,
                  const struct buf *want)
{
    struct buf name = BUF_INIT, again = BUF_INIT, got = BUF_INIT;
    struct fault why = FAULT_INIT;
    struct db *db;
    int applied;

    buf_addf(&name, "again%d", number);
    pgfix_new_database(buf_text(&name), &again);
    restore(&again, dumped);
    db = connect_to(&again);
    ok_fault(db_migrate(db, &applied, &why), &why,
             "dumped, restored and migrated");
    is_int(applied, db_schema_list()->count - number,
           "with what was missing");
    db_close(db);
    dump(&again, true, &got);
    ok(strcmp(buf_text(&got), buf_text(want)) == 0,
       "it is like one made from nothing");
    buf_free(&name);
    buf_free(&again);
    buf_free(&got);
}

/* Any older database, dumped and restored, ends with the same schema as an
 * empty one. The older one grows, file by file, and has rows of each age. */
static void
test_from_each(void)
{
    const struct schema_list *list = db_schema_list();
    struct schema_list part = *list;
    struct buf empty = BUF_INIT, older = BUF_INIT;
    struct buf want = BUF_INIT, old = BUF_INIT;
    struct fault why = FAULT_INIT;
    struct db *db;
    int applied, current;

    pgfix_new_database("whole", &empty);
    db = connect_to(&empty);
    ok_fault(db_schema_current(db, &current, &why), &why,
             "an empty database");
    is_int(current, 0, "has no schema");
    ok_fault(db_migrate(db, &applied, &why), &why, "it is migrated");
    is_int(applied, list->count, "with all files");
    ok_fault(db_migrate(db, &applied, &why), &why, "once more");
    is_int(applied, 0, "is nothing to do");
    db_close(db);
    dump(&empty, true, &want);

    pgfix_new_database("older", &older);
    for (part.count = 1; part.count <= list->count; part.count++) {
        buf_reset(&old);
        db = connect_to(&older);
        ok_fault(db_migrate_list(db, &part, &applied, &why), &why,
                 "a database of schema %d", part.count);
        is_int(applied, 1, "by one more file");
        ok_fault(db_script(db, "rows",
                           "insert into assay.flight (branch, intended,"
                           " harness) values ('b', 'real', 'h')", &why),
                 &why, "has rows");
        db_close(db);
        dump(&older, false, &old);
        restored_is_whole(&old, part.count, &want);
    }
    buf_free(&empty);
    buf_free(&older);
    buf_free(&want);
    buf_free(&old);
}

#define FIRST \
    "create schema assay;\n" \
    "create table assay.migration (number int primary key, name text," \
    " sha256 text, harness text, applied_at timestamptz default now());\n"

static void
test_rules(void)
{
    static const struct schema_file files[] = {
        { 1, "0001-first.sql", FIRST },
        { 2, "0002-second.sql", "create table assay.two (n int);" },
        { 3, "0003-third.sql", "create table assay.three (n int);" },
    };
    static const struct schema_file edited[] = {
        { 1, "0001-first.sql", FIRST },
        { 2, "0002-second.sql", "create table assay.two (n bigint);" },
    };
    static const struct schema_file broken[] = {
        { 1, "0001-first.sql", FIRST },
        { 2, "0002-second.sql", "create table assay.two (n int);" },
        { 3, "0003-third.sql", "create table assay.three (n int);"
                               " select 1 / 0;" },
    };
    static const struct schema_file commits[] = {
        { 1, "0001-first.sql", FIRST },
        { 2, "0002-second.sql", "create table assay.two (n int);" },
        { 3, "0003-third.sql", "commit;" },
    };
    static const struct query q_three = { "three",
        "select to_regclass('assay.three') is null", 0, 1 };
    struct schema_list list = { files, 2 };
    struct buf conninfo = BUF_INIT;
    struct fault why = FAULT_INIT;
    struct db_rows *rows = NULL;
    struct db *db;
    int applied;

    pgfix_new_database("rules", &conninfo);
    db = connect_to(&conninfo);
    ok_fault(db_migrate_list(db, &list, &applied, &why), &why, "two files");
    is_int(applied, 2, "are applied");
    list = (struct schema_list){ edited, 2 };
    not_ok_fault(db_migrate_list(db, &list, &applied, &why), &why,
                 FAULT_CONFLICT, "another text of 0002-second.sql",
                 "an edited file is refused");
    ok(why.hint[0] != '\0', "with a hint");
    list = (struct schema_list){ broken, 3 };
    not_ok_fault(db_migrate_list(db, &list, &applied, &why), &why,
                 FAULT_DATA, "0003-third.sql: division by zero",
                 "a file that fails");
    ok_fault(db_run(db, &q_three, NULL, &rows, &why), &why, "leaves");
    ok(db_bool(rows, 0, 0), "nothing behind");
    db_rows_free(rows);
    list = (struct schema_list){ commits, 3 };
    not_ok_fault(db_migrate_list(db, &list, &applied, &why), &why,
                 FAULT_DATA, "ends its own transaction",
                 "a file that commits is refused");
    list = (struct schema_list){ files, 3 };
    ok_fault(db_migrate_list(db, &list, &applied, &why), &why,
             "the right one is taken after all that");
    is_int(applied, 1, "alone");
    list = (struct schema_list){ files, 2 };
    ok_fault(db_migrate_list(db, &list, &applied, &why), &why,
             "an older program leaves a newer schema alone");
    is_int(applied, 0, "it does nothing");
    db_close(db);
    buf_free(&conninfo);

    ok(db_schema_check(db_schema_wanted(), &why), "the schema wanted");
    ok(db_schema_check(db_schema_wanted() + 1, &why), "and the next are good");
    not_ok_fault(db_schema_check(db_schema_wanted() + 2, &why), &why,
                 FAULT_CONFLICT, "too new", "two ahead is too new");
    not_ok_fault(db_schema_check(db_schema_wanted() - 1, &why), &why,
                 FAULT_CONFLICT, "needs", "an older one must be migrated");
    is_str(why.hint, "assay db migrate", "says the hint");
}

/* All at once: each file once, and nobody fails. */
static void
test_race(void)
{
    struct buf conninfo = BUF_INIT;
    struct fault why = FAULT_INIT;
    pid_t pids[RACERS];
    int i, status, applied, good = 0, total = 0;

    pgfix_new_database("race", &conninfo);
    fflush(NULL);
    for (i = 0; i < RACERS; i++) {
        pids[i] = fork();
        if (pids[i] == 0) {
            struct db *db = connect_to(&conninfo);

            if (!db_migrate(db, &applied, &why)) {
                diag("%s", why.text);
                _exit(100);
            }
            _exit(applied);
        }
    }
    for (i = 0; i < RACERS; i++) {
        while (waitpid(pids[i], &status, 0) < 0 && errno == EINTR)
            continue;
        if (!WIFEXITED(status) || WEXITSTATUS(status) >= 100)
            continue;
        good++;
        total += WEXITSTATUS(status);
    }
    is_int(good, RACERS, "all that migrate at once succeed");
    is_int(total, db_schema_wanted(), "each file is applied once");
    buf_free(&conninfo);
}

/* Evidence ---------------------------------------------------------------- */

static const struct {
    const char *what, *sql, *state, *part;
} refusals[] = {
    { "a pass that did not exit with 0",
      "update assay.step set status = 'pass', finished_at = now()"
      " where flight = 1", "23514", "step_pass_exited" },
    { "a pass that a signal ended",
      "update assay.step set status = 'pass', finished_at = now(),"
      " exit_code = 0, exit_signal = 9 where flight = 1", "23514",
      "step_pass_exited" },
    { "a failure without a lane",
      "update assay.step set status = 'fail', finished_at = now()"
      " where flight = 1", "23514", "step_has_lane" },
    { "an end without a time",
      "update assay.step set status = 'fail', lane = 'product'"
      " where flight = 1", "23514", "step_finished" },
    { "a job at work without a task",
      "update assay.job set status = 'running' where flight = 1", "23514",
      "job_at_work_has_task" },
    { "a job that passed without having begun",
      "update assay.job set status = 'pass', finished_at = now()"
      " where flight = 1", "23514", "job_pass_started" },
    { "an outcome that there is not",
      "update assay.job set status = 'passed' where flight = 1", "23514",
      "outcome_check" },
    { "a measurement that is no number",
      "insert into assay.measurement (flight, job, step, name, value, unit,"
      " better) values (1, 'j', 1, 'm', 'NaN', 's', 'lower')", "23514",
      "measurement_value_check" },
    { "the end of a flight with an open job",
      "update assay.flight set finished_at = now(), outcome = 'pass'"
      " where flight = 1", "AS002", "have not ended" },
};

static const char *const frozen[] = {
    "update assay.flight set branch = 'x' where flight = 1",
    "delete from assay.flight where flight = 1",
    "update assay.job set reason = 'x' where flight = 1",
    "delete from assay.job where flight = 1",
    "insert into assay.job (flight, job, recipe, arch)"
    " values (1, 'late', 'r', 'amd64')",
    "update assay.job set flight = 1, job = 'moved' where flight = 2",
    "update assay.job set flight = 2, job = 'moved' where flight = 1",
    "update assay.step set log_bytes = 1 where flight = 1",
    "delete from assay.step where flight = 1",
    "insert into assay.step (flight, job, step, program, testid, status,"
    " harness) values (1, 'j', 2, 'p', 'late', 'running', 'h')",
    "insert into assay.step_case (flight, job, step, id, status)"
    " values (1, 'j', 1, 'late', 'pass')",
    "update assay.step_case set status = 'pass' where flight = 1",
    "insert into assay.runvar (flight, job, name, value)"
    " values (1, 'j', 'late', 'x')",
    "update assay.runvar set value = 'x' where flight = 1",
    "update assay.measurement set value = 0 where flight = 1",
    "delete from assay.measurement where flight = 1",
    "insert into assay.attachment (flight, job, step, name, sha256)"
    " values (1, 'j', 1, 'late', repeat('0', 64))",
    "insert into assay.flight_tree values (1, 'xen', 'abc')",
    "update assay.job_role set host = 'x' where flight = 1",
    "insert into assay.job_need values (1, 'j', 2, 'k')",
    "update assay.boot set up_at = now() where status = 'up'",
    "delete from assay.boot where status = 'up'",
    "update assay.allocation set ended_at = now() where ended_at is not null",
    "delete from assay.allocation where ended_at is not null",
    "update assay.task set ended_at = now() where ended_at is not null",
    "update assay.boot_fetch set status = 200",
    "delete from assay.boot_fetch",
};

static void
test_evidence(void)
{
    struct buf conninfo = BUF_INIT;
    struct fault why = FAULT_INIT;
    struct db *db;
    int applied;
    size_t i;

    pgfix_new_database("evidence", &conninfo);
    db = connect_to(&conninfo);
    ok_fault(db_migrate(db, &applied, &why), &why, "a fresh database");
    ok_fault(db_script(db, "rows",
        "insert into assay.host (host, arch, firmware, class, config, source)"
        " values ('h', 'amd64', 'bios', 'c', '{}', 'f');"
        "insert into assay.task (kind, refkey, harness, node, node_key, pid,"
        " pid_start, backend, ended_at)"
        " values ('job', '1.j', 'h', 'n', 'k', 1, 1, 1, now());"
        "insert into assay.flight (branch, intended, harness)"
        " values ('b', 'real', 'h'), ('c', 'real', 'h');"
        "insert into assay.job (flight, job, recipe, arch)"
        " values (1, 'j', 'r', 'amd64'), (2, 'k', 'r', 'amd64');"
        "insert into assay.job_role (flight, job, role, position, arch)"
        " values (1, 'j', 'host', 1, 'amd64');"
        "insert into assay.step (flight, job, step, program, testid, status,"
        " harness) values (1, 'j', 1, 'p', 't', 'running', 'h');"
        "insert into assay.step_case (flight, job, step, id, status)"
        " values (1, 'j', 1, 'c', 'fail');"
        "insert into assay.measurement (flight, job, step, name, value, unit,"
        " better) values (1, 'j', 1, 'm', 1, 's', 'lower');"
        "insert into assay.runvar (flight, job, name, value)"
        " values (1, 'j', 'v', 'x');"
        "insert into assay.artefact (sha256, bytes, kind)"
        " values (repeat('0', 64), 1, 'log');"
        "insert into assay.allocation (host, task, role, flight, job,"
        " ended_at) values ('h', 1, 'host', 1, 'j', now());"
        "insert into assay.boot (nonce, host, flight, job, spec, status)"
        " values (repeat('a', 32), 'h', 1, 'j', '{}', 'up'),"
        " (repeat('b', 32), 'h', 1, 'j', '{}', 'armed');"
        "insert into assay.boot_fetch (nonce, peer, path, bytes, status)"
        " values (repeat('a', 32), 'p', 'xen', 1, 404)", &why), &why,
        "a flight under way");
    for (i = 0; i < ARRAY_LEN(refusals); i++) {
        not_ok_fault(db_script(db, "try", refusals[i].sql, &why), &why,
                     FAULT_DATA, refusals[i].part, "refused: %s",
                     refusals[i].what);
        is_str(db_last_sqlstate(db), refusals[i].state, "by its SQLSTATE");
    }
    ok_fault(db_script(db, "end",
        "update assay.step set status = 'pass', exit_code = 0,"
        " finished_at = now() where flight = 1;"
        "update assay.job set status = 'pass', started_at = now(),"
        " finished_at = now() where flight = 1;"
        "update assay.flight set outcome = 'pass', finished_at = now()"
        " where flight = 1", &why), &why, "the flight ends");
    for (i = 0; i < ARRAY_LEN(frozen); i++) {
        not_ok_fault(db_script(db, "edit", frozen[i], &why), &why,
                     FAULT_DATA, "never edited", "AS001: %s", frozen[i]);
        if (strcmp(db_last_sqlstate(db), "AS001") != 0)
            ok(false, "SQLSTATE %s", db_last_sqlstate(db));
    }
    ok_fault(db_script(db, "supersede",
        "update assay.boot set status = 'superseded'"
        " where status = 'armed'", &why), &why,
        "a boot that nobody closed may be superseded");
    db_close(db);
    buf_free(&conninfo);
}

int
main(void)
{
    struct pgfix fix;

    pgfix_start(&fix);
    test_embedded();
    test_from_each();
    test_rules();
    test_race();
    test_evidence();
    return pgfix_done(&fix);
}
