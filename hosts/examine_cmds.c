/* hosts/examine_cmds.c - commissions a host: a flight boots it and measures it,
 * and what was found becomes its properties; later the same finds drift. */
#include <config.h>

#include "hosts/examine_cmds.h"

#include <pwd.h>
#include <stdio.h>
#include <unistd.h>

#include "harness/arena.h"
#include "harness/buf.h"
#include "harness/db.h"
#include "harness/fault.h"
#include "harness/fs.h"
#include "harness/home.h"
#include "harness/json.h"
#include "harness/proc.h"
#include "hosts/health_db.h"
#include "hosts/host_db.h"
#include "hosts/probe.h"

#define SAID_MAX_BYTES (1 << 20)

/* The flight of one job on this host alone; becomes "assay flight run". */
static bool
run_examine(struct cmd_call *call, struct fault *why)
{
    const char *name = cmd_arg(call, 0);
    const char *candidate = cmd_text(call, "candidate"), *home, *path;
    struct arena arena = ARENA_INIT;
    struct host *host = NULL;
    struct buf text = BUF_INIT;
    struct db *db = NULL;
    char *program = NULL;
    bool ok;

    ok = home_get(&home, why) && db_open("assay", &db, why)
        && host_db_get(db, name, &host, why);
    db_close(db);
    if (!ok)
        goto out;
    path = home_path(&arena, "examine/%s.yaml", host->name);
    buf_addf(&text, "flight: examine\nbranch: examine\nintended: play\n"
             "candidate: %s\njobs:\n  - job: examine-%s\n"
             "    recipe: examine\n    hosts: { host: { host: %s, arch: %s } }"
             "\n", candidate, host->name, host->name, host->arch);
    ok = fs_mkdirs(home_path(&arena, "examine"), 0755, why)
        && fs_write_file(path, 0644, text.data, text.len, why)
        && home_program(&arena, "assay", &program, why);
    if (ok) {
        const char *const argv[] = { program, "flight", "run", path, NULL };

        ok = proc_replace(argv, why);
    }
out:
    buf_free(&text);
    host_free(host);
    arena_free(&arena);
    return ok;
}

static void
print_differences(const json_t *list)
{
    const json_t *one;
    size_t i;

    json_array_foreach(list, i, one) {
        const char *had = json_text(one, "had");
        const char *found = json_text(one, "found");

        printf("%-6s %s: %s%s%s%s\n", had == NULL ? "new" : "drift",
               json_text(one, "name"), had == NULL ? "" : "was ",
               had == NULL ? "" : had, had == NULL ? "is " : ", is ",
               found == NULL ? "not there" : found);
    }
}

/* "memory_mb: was 2048, is 1024; cpus: ..." */
static void
add_drift(const json_t *list, struct buf *out)
{
    const json_t *one;
    size_t i;

    json_array_foreach(list, i, one) {
        const char *had = json_text(one, "had");
        const char *found = json_text(one, "found");

        if (had != NULL)
            buf_addf(out, "%s%s: was %s, is %s", out->len > 0 ? "; " : "",
                     json_text(one, "name"), had,
                     found == NULL ? "not there" : found);
    }
}

/* What drifted is kept as it was until a person takes the new: a machine that
 * lost half of its memory is not to be planned with the rest, nor to be used
 * as if it had it. */
static bool
decide(struct cmd_call *call, struct db *db, const struct host *host,
       const json_t *list, const json_t *flags, struct fault *why)
{
    const struct passwd *user = getpwuid(getuid());
    struct buf drift = BUF_INIT;
    bool ok;

    add_drift(list, &drift);
    if (drift.len > 0 && !cmd_flag(call, "accept"))
        ok = health_drifted(db, host->name, buf_text(&drift), why);
    else
        ok = host_db_found(db, host->name, list, flags, why)
            && (!cmd_flag(call, "accept")
                || health_drift_accepted(db, host->name, user == NULL
                                         ? "somebody" : user->pw_name, why));
    if (ok && drift.len > 0 && !cmd_flag(call, "accept"))
        cmd_exit_status(call, 1);
    buf_free(&drift);
    return ok;
}

static bool
run_examined(struct cmd_call *call, struct fault *why)
{
    const char *path = cmd_arg(call, 1);
    json_t *found = NULL, *list = NULL, *flags = NULL;
    struct buf said = BUF_INIT;
    struct host *host = NULL;
    struct db *db = NULL;
    bool ok;

    ok = fs_read_file(strcmp(path, "-") == 0 ? "/dev/stdin" : path,
                      SAID_MAX_BYTES, &said, why)
        && probe_parse(buf_text(&said), said.len, &found, why)
        && db_open("assay", &db, why)
        && host_db_get(db, cmd_arg(call, 0), &host, why);
    if (!ok)
        goto out;
    list = probe_compare(host->properties, found);
    flags = probe_flags(found);
    ok = decide(call, db, host, list, flags, why);
    if (ok && cmd_json(call))
        ok = json_print(list, stdout, why);
    else if (ok)
        print_differences(list);
out:
    json_decref(found);
    json_decref(list);
    json_decref(flags);
    host_free(host);
    db_close(db);
    buf_free(&said);
    return ok;
}

static const struct cmd_opt examine_opts[] = {
    { "candidate", CMD_OPT_TEXT, "NAME", "bookworm", 0, 0,
      "boot this one, which is known to be good" },
    { .name = NULL },
};
static const struct cmd_opt examined_opts[] = {
    { "accept", CMD_OPT_FLAG, NULL, NULL, 0, 0,
      "what has drifted is so from now on" },
    { .name = NULL },
};

const struct cmd examine_cmds[] = {
    { "host examine", "HOST", 1, 1, CMD_WRITES, examine_opts, run_examine,
      "boot a host and find out what it is",
      "Runs a flight with the recipe 'examine'. What it finds becomes "
      "properties of the\nhost, found_cpu_model and so on, and flags hap, "
      "iommu and smt. Later runs fail\nwhen the host is not what it was." },
    { "host examined", "HOST FILE", 2, 2, CMD_WRITES, examined_opts,
      run_examined,
      "take what a host said of itself",
      "FILE, or '-', is from the recipe's step host-examine. When something "
      "is not as it\nwas it exits 1, keeps the record as it is, and the host "
      "becomes bad, unless it is\nthe last good one of its class. --accept "
      "takes the new, and ends that." },
    { .path = NULL },
};
