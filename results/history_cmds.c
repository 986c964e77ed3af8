/* results/history_cmds.c - assay history export, import.
 *
 * An import reads its file up to three times: first it checks every record and
 * what the database knows of its flights, then that the jobs of other flights
 * that are needed are there, and only then it adds flights, one transaction
 * each. A second import goes on where a first one was stopped. */
#include <config.h>

#include "results/history_cmds.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#include "harness/arena.h"
#include "harness/buf.h"
#include "harness/db.h"
#include "harness/fault.h"
#include "harness/json.h"
#include "harness/mem.h"
#include "harness/signals.h"
#include "results/history.h"
#include "results/history_db.h"

/* Export ------------------------------------------------------------------- */

static bool
write_all(FILE *to, const struct buf *text, const char *file,
          struct fault *why)
{
    return fwrite(buf_text(text), 1, text->len, to) == text->len
        || fault_errno(why, FAULT_SYSTEM, "write %s", file);
}

static bool
export_flights(struct db *db, const int64_t *flights, size_t count, FILE *to,
               const char *file, struct fault *why)
{
    struct buf text = BUF_INIT;
    bool ok;

    history_write_begin(&text);
    ok = write_all(to, &text, file, why);
    for (size_t i = 0; ok && i < count; i++) {
        json_t *flight = NULL;

        ok = signals_check(why)
            && history_db_read(db, flights[i], &flight, why);
        if (!ok)
            break;
        buf_reset(&text);
        history_write(flight, &text);
        json_decref(flight);
        ok = write_all(to, &text, file, why);
    }
    if (ok && fflush(to) != 0)
        ok = fault_errno(why, FAULT_SYSTEM, "write %s", file);
    buf_free(&text);
    return ok;
}

/* To a neighbour of 'file', which becomes it when it is whole. */
static bool
export_file(struct db *db, const int64_t *flights, size_t count,
            const char *file, struct fault *why)
{
    struct buf name = BUF_INIT;
    FILE *to;
    bool ok;

    buf_addf(&name, "%s.new", file);
    to = fopen(buf_text(&name), "we");
    ok = to != NULL;
    if (!ok) {
        fault_errno(why, FAULT_SYSTEM, "write %s", buf_text(&name));
        goto out;
    }
    ok = export_flights(db, flights, count, to, file, why)
        && (fsync(fileno(to)) == 0
            || fault_errno(why, FAULT_SYSTEM, "write %s", file));
    if (fclose(to) != 0 && ok)
        ok = fault_errno(why, FAULT_SYSTEM, "write %s", file);
    if (ok && rename(buf_text(&name), file) != 0)
        ok = fault_errno(why, FAULT_SYSTEM, "write %s", file);
    if (!ok)
        (void)unlink(buf_text(&name));
out:
    buf_free(&name);
    return ok;
}

static bool
run_export(struct cmd_call *call, struct fault *why)
{
    const char *file = cmd_arg(call, 0);
    struct arena arena = ARENA_INIT;
    size_t wanted = (size_t)cmd_argc(call) - 1, count = 0;
    int64_t *numbers = arena_alloc(&arena, wanted * sizeof *numbers + 1);
    int64_t *flights = NULL;
    struct db *db = NULL;
    bool ok = true;

    for (size_t i = 0; ok && i < wanted; i++)
        ok = cmd_number(call, (int)i + 1, "a flight", &numbers[i], why);
    if (ok && wanted > 0 && cmd_text(call, "branch") != NULL)
        ok = fault_set(why, FAULT_USAGE, "--branch and numbers of flights "
                       "both say what to export");
    signals_catch();
    ok = ok && db_open("assay", &db, why)
        && history_db_list(db, cmd_text(call, "branch"), numbers, wanted,
                           &arena, &flights, &count, why);
    if (ok && strcmp(file, "-") == 0)
        ok = export_flights(db, flights, count, stdout, "standard output",
                            why);
    else if (ok)
        ok = export_file(db, flights, count, file, why);
    db_close(db);
    arena_free(&arena);
    return ok;
}

/* Import ------------------------------------------------------------------- */

struct import {
    struct db *db;
    struct cmd_call *call;
    json_t *seen;               /* "ORIGIN NUMBER": true, a flight to add */
    json_t *wanted;             /* "ORIGIN NUMBER JOB": line that needs it */
    json_t *added;              /* for --json */
    int64_t present;
};

static char *
flight_key(const json_t *flight)
{
    return xasprintf("%s %" PRId64, json_text(flight, "origin"),
                     json_int(flight, "flight", 0));
}

/* The flight that is here is the one of the file. */
static bool
compare_flight(struct import *import, const json_t *flight, int64_t here,
               struct fault *why)
{
    struct buf theirs = BUF_INIT, ours = BUF_INIT;
    json_t *json = NULL;
    bool ok;

    ok = history_db_read(import->db, here, &json, why);
    if (ok) {
        history_write(flight, &theirs);
        history_write(json, &ours);
        ok = strcmp(buf_text(&theirs), buf_text(&ours)) == 0
            || fault_set(why, FAULT_CONFIG, "flight %" PRId64 " of %s is "
                         "here already, as flight %" PRId64 ", and differs",
                         json_int(flight, "flight", 0),
                         json_text(flight, "origin"), here);
    }
    json_decref(json);
    buf_free(&theirs);
    buf_free(&ours);
    return ok;
}

/* What a job needs of another flight: in the database, or in this file before
 * it; then the second reading looks for the job. */
static bool
check_need(struct import *import, const json_t *need, int64_t line,
           struct fault *why)
{
    const char *origin = json_text(need, "origin");
    int64_t number = json_int(need, "flight", 0), here;
    const char *job = json_text(need, "job");
    bool ok, has = false;
    char *key;

    if (origin == NULL)
        return true;
    key = xasprintf("%s %" PRId64, origin, number);
    if (json_object_get(import->seen, key) != NULL) {
        free(key);
        key = xasprintf("%s %" PRId64 " %s", origin, number, job);
        json_put_int(import->wanted, key, line);
        free(key);
        return true;
    }
    free(key);
    ok = history_db_find(import->db, origin, number, &here, why)
        && (here == 0 || history_db_has_job(import->db, here, job, &has,
                                            why));
    if (ok && !has)
        ok = fault_set(why, FAULT_CONFIG, "job '%s' of flight %" PRId64
                       " of %s is needed, but neither here nor earlier in "
                       "this file", job, number, origin);
    return ok;
}

static bool
check_flight(void *owner, json_t *flight, int64_t line, struct fault *why)
{
    struct import *import = owner;
    json_t *job, *need;
    int64_t here;
    size_t i, j;
    char *key;

    if (!history_db_find(import->db, json_text(flight, "origin"),
                         json_int(flight, "flight", 0), &here, why))
        return false;
    import->present += here != 0;
    if (here != 0)
        return compare_flight(import, flight, here, why);
    key = flight_key(flight);
    if (json_object_get(import->seen, key) != NULL) {
        free(key);
        return fault_set(why, FAULT_CONFIG, "flight %" PRId64 " of %s is in "
                         "this file twice", json_int(flight, "flight", 0),
                         json_text(flight, "origin"));
    }
    json_array_foreach(json_object_get(flight, "jobs"), i, job) {
        json_array_foreach(json_object_get(job, "needs"), j, need) {
            if (!check_need(import, need, line, why)) {
                free(key);
                return fault_context(why, "job %s", json_text(job, "job"));
            }
        }
    }
    must(json_object_set_new(import->seen, key, json_true()) == 0);
    free(key);
    return true;
}

static bool
tick_jobs(void *owner, json_t *flight, int64_t line UNUSED,
          struct fault *why UNUSED)
{
    struct import *import = owner;
    char *flight_name = flight_key(flight);
    json_t *job;
    size_t i;

    json_array_foreach(json_object_get(flight, "jobs"), i, job) {
        char *key = xasprintf("%s %s", flight_name, json_text(job, "job"));

        json_object_del(import->wanted, key);
        free(key);
    }
    free(flight_name);
    return true;
}

static bool
add_flight(void *owner, json_t *flight, int64_t line UNUSED,
           struct fault *why)
{
    struct import *import = owner;
    const char *origin = json_text(flight, "origin");
    int64_t number = json_int(flight, "flight", 0), here;
    json_t *one;

    if (!history_db_find(import->db, origin, number, &here, why))
        return false;
    if (here != 0) {
        import->present++;
        return true;
    }
    if (!history_db_add(import->db, flight, &here, why))
        return false;
    one = json_object();
    json_put_text(one, "origin", origin);
    json_put_int(one, "number", number);
    json_put_int(one, "flight", here);
    must(json_array_append_new(import->added, one) == 0);
    if (!cmd_json(import->call) && here != number)
        printf("flight %" PRId64 " of %s is flight %" PRId64 " here\n",
               number, origin, here);
    return true;
}

/* Nothing is changed before the whole file is known to be good. */
static bool
check_file(struct import *import, FILE *from, const char *name,
           struct fault *why)
{
    const char *key;
    json_t *line;

    if (!history_read(from, name, check_flight, import, why))
        return false;
    if (json_object_size(import->wanted) == 0)
        return true;
    rewind(from);
    if (!history_read(from, name, tick_jobs, import, why))
        return false;
    json_object_foreach(import->wanted, key, line)
        return fault_set(why, FAULT_CONFIG, "%s:%lld: a job of this flight "
                         "needs %s (origin, flight, job), which is not there",
                         name, (long long)json_integer_value(line), key);
    return true;
}

static bool
print_import(struct import *import, bool only_check, struct fault *why)
{
    size_t count = only_check ? json_object_size(import->seen)
                              : json_array_size(import->added);
    json_t *json;
    bool ok;

    if (!cmd_json(import->call)) {
        printf("%zu flight%s %s, %" PRId64 " were here already\n", count,
               count == 1 ? "" : "s", only_check ? "to import" : "imported",
               import->present);
        return fflush(stdout) == 0
            || fault_errno(why, FAULT_SYSTEM, "write the result");
    }
    json = json_object();
    json_put_int(json, only_check ? "to_import" : "imported",
                 (int64_t)count);
    json_put_int(json, "present", import->present);
    must(json_object_set(json, "flights", import->added) == 0);
    ok = json_print(json, stdout, why);
    json_decref(json);
    return ok;
}

/* What can be read again: the file, or a copy of a pipe. */
static FILE *
open_input(const char *file, struct fault *why)
{
    bool pipe = strcmp(file, "-") == 0;
    FILE *from = pipe ? stdin : fopen(file, "re"), *copy;
    char block[65536];
    size_t bytes;

    if (from == NULL) {
        fault_errno(why, FAULT_CONFIG, "read %s", file);
        return NULL;
    }
    if (fseek(from, 0, SEEK_SET) == 0)
        return from;
    copy = tmpfile();
    if (copy == NULL) {
        fault_errno(why, FAULT_SYSTEM, "make a temporary file");
        goto out;
    }
    while ((bytes = fread(block, 1, sizeof block, from)) > 0
           && fwrite(block, 1, bytes, copy) == bytes)
        continue;
    if (ferror(from) || ferror(copy) || signals_stop_asked() != 0) {
        if (signals_check(why))
            fault_errno(why, FAULT_SYSTEM, "copy %s", file);
        (void)fclose(copy);
        copy = NULL;
    } else {
        rewind(copy);
    }
out:
    if (!pipe)
        (void)fclose(from);
    return copy;
}

static bool
run_import(struct cmd_call *call, struct fault *why)
{
    const char *file = cmd_arg(call, 0);
    const char *name = strcmp(file, "-") == 0 ? "standard input" : file;
    struct import import = { .call = call, .seen = json_object(),
                             .wanted = json_object(),
                             .added = json_array() };
    bool only_check = cmd_flag(call, "check"), ok;
    FILE *from;

    signals_catch();
    from = open_input(file, why);
    ok = from != NULL && db_open("assay", &import.db, why)
        && check_file(&import, from, name, why);
    if (ok && !only_check) {
        import.present = 0;
        rewind(from);
        ok = history_read(from, name, add_flight, &import, why);
    }
    ok = ok && print_import(&import, only_check, why);
    if (from != NULL)
        (void)fclose(from);
    db_close(import.db);
    json_decref(import.seen);
    json_decref(import.wanted);
    json_decref(import.added);
    return ok;
}

static const struct cmd_opt export_opts[] = {
    { "branch", CMD_OPT_TEXT, "BRANCH", NULL, 0, 0,
      "only flights of this branch, and those that they need" },
    { 0 },
};
static const struct cmd_opt import_opts[] = {
    { "check", CMD_OPT_FLAG, NULL, NULL, 0, 0,
      "check everything, change nothing" },
    { 0 },
};

const struct cmd history_cmds[] = {
    { "history export", "FILE [FLIGHT...]", 1, -1, CMD_READS, export_opts,
      run_export, "write flights that have ended to a file",
      "All that is known of them, as lines of JSON: see assay-history(5). "
      "Flights whose jobs these need come with them. FILE may be -." },
    { "history import", "FILE", 1, 1, CMD_WRITES, import_opts, run_import,
      "add the flights of such a file",
      "The whole file is checked first; one bad line and nothing is changed. "
      "A flight that is here already is left alone, so an import can be made "
      "again; one that is here and differs is refused. FILE may be -." },
    { 0 },
};
