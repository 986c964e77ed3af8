/* harness/db_cmds.c - "assay db": status, migrate, dump, psql, stop. */
#include <config.h>

#include "harness/db_cmds.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "harness/arena.h"
#include "harness/buf.h"
#include "harness/db.h"
#include "harness/db_cluster.h"
#include "harness/db_migrate.h"
#include "harness/db_status_db.h"
#include "harness/fault.h"
#include "harness/fs.h"
#include "harness/json.h"
#include "harness/mem.h"
#include "harness/proc.h"
#include "harness/service.h"
#include "harness/signals.h"

#define DUMP_LIMIT_MS 3600000

static const char *
state_name(enum cluster_state state)
{
    static const char *const names[] = {
        [CLUSTER_NONE] = "not made yet",
        [CLUSTER_STOPPED] = "stopped",
        [CLUSTER_RUNNING] = "running",
        [CLUSTER_FOREIGN] = "named by ASSAY_DB",
    };

    must((size_t)state < ARRAY_LEN(names));
    return names[state];
}

static bool
print_json(const struct db_status *status, enum cluster_state state,
           pid_t pid, const char *conninfo, struct fault *why)
{
    json_t *root = json_object();
    bool ok;

    json_put_text(root, "server", state == CLUSTER_FOREIGN ? "foreign"
                                                           : "private");
    json_put_text(root, "state", state_name(state));
    json_put_text(root, "conninfo", conninfo);
    if (pid != 0)
        json_put_int(root, "pid", pid);
    if (status != NULL) {
        json_put_text(root, "version", status->version);
        json_put_int(root, "schema", status->schema);
        json_put_int(root, "bytes", status->bytes);
        json_put_int(root, "sessions", status->sessions);
        json_put_int(root, "tasks_live", status->tasks_live);
        json_put_int(root, "tasks_lost", status->tasks_lost);
        json_put_int(root, "hosts_held", status->hosts_held);
    }
    json_put_int(root, "schema_wanted", db_schema_wanted());
    ok = json_print(root, stdout, why);
    json_decref(root);
    return ok;
}

static void
print_text(const struct db_status *status, enum cluster_state state,
           pid_t pid, const char *conninfo)
{
    printf("server    %s, %s", state == CLUSTER_FOREIGN ? "foreign"
                                                       : "private",
           state_name(state));
    if (pid != 0)
        printf(" (pid %d)", (int)pid);
    printf("\nconninfo  %s\n", conninfo);
    if (status == NULL)
        return;
    printf("version   PostgreSQL %s\n", status->version);
    printf("schema    %d (this program: %d)\n", status->schema,
           db_schema_wanted());
    printf("size      %.1f MiB, %d sessions\n",
           (double)status->bytes / (1 << 20), status->sessions);
    printf("tasks     %d live, %d lost, %d hosts held\n",
           status->tasks_live, status->tasks_lost, status->hosts_held);
}

/* Makes, starts and migrates nothing. */
static bool
db_status(struct cmd_call *call, struct fault *why)
{
    struct buf conninfo = BUF_INIT, public = BUF_INIT, password = BUF_INIT;
    struct db_status status;
    struct db *db = NULL;
    enum cluster_state state;
    pid_t pid = 0;
    bool ok, there;

    state = db_cluster_state(&pid);
    there = state == CLUSTER_RUNNING || state == CLUSTER_FOREIGN;
    ok = db_conninfo(&conninfo, why)
        && db_public_conninfo(&public, &password, why);
    if (ok && there)
        ok = db_connect(buf_text(&conninfo), "assay", &db, why)
            && db_status_get(db, &status, why);
    if (ok && cmd_json(call))
        ok = print_json(there ? &status : NULL, state, pid,
                        buf_text(&public), why);
    else if (ok)
        print_text(there ? &status : NULL, state, pid, buf_text(&public));
    if (ok && there)
        ok = status.schema == 0 || db_schema_check(status.schema, why);
    if (ok && !there)
        cmd_exit_status(call, 1);
    db_close(db);
    buf_free(&conninfo);
    buf_free(&public);
    buf_free(&password);
    return ok;
}

static bool
db_migrate_cmd(struct cmd_call *call UNUSED, struct fault *why)
{
    struct buf conninfo = BUF_INIT;
    struct db *db = NULL;
    int applied = 0, current = 0;
    bool ok;

    signals_catch();
    ok = db_conninfo(&conninfo, why)
        && (db_cluster_state(NULL) == CLUSTER_FOREIGN
            || db_cluster_ensure(why))
        && db_connect(buf_text(&conninfo), "assay", &db, why)
        && db_migrate(db, &applied, why)
        && db_schema_current(db, &current, why)
        && db_schema_check(current, why);
    if (ok)
        printf("schema %d, %d applied\n", current, applied);
    db_close(db);
    buf_free(&conninfo);
    return ok;
}

static bool
db_dump(struct cmd_call *call, struct fault *why)
{
    const char *file = cmd_arg(call, 0);
    struct arena arena = ARENA_INIT;
    struct buf conninfo = BUF_INIT, password = BUF_INIT;
    struct proc_spec spec = PROC_SPEC_INIT;
    const char *argv[8], *env[2] = { NULL, NULL }, *partial = NULL;
    char *program = NULL;
    int fd = -1, n = 0;
    bool ok;

    signals_catch();
    ok = db_cluster_program(&arena, "pg_dump", &program, why)
        && (db_cluster_state(NULL) == CLUSTER_FOREIGN
            || db_cluster_ensure(why))
        && db_public_conninfo(&conninfo, &password, why);
    if (!ok)
        goto out;
    if (file != NULL) {
        partial = arena_printf(&arena, "%s.partial", file);
        fd = open(partial, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
        ok = fd >= 0
            || fault_errno(why, FAULT_SYSTEM, "write %s", partial);
        if (!ok)
            goto out;
    }
    argv[n++] = program;
    argv[n++] = "--no-owner";
    argv[n++] = "--no-privileges";
    if (cmd_flag(call, "schema-only"))
        argv[n++] = "--schema-only";
    argv[n++] = "--dbname";
    argv[n++] = buf_text(&conninfo);
    argv[n] = NULL;
    if (password.len > 0)
        env[0] = arena_printf(&arena, "PGPASSWORD=%s", buf_text(&password));
    spec.argv = argv;
    spec.env_add = env;
    spec.fds[1] = fd >= 0 ? fd : STDOUT_FILENO;
    ok = proc_run_spec(&spec, NULL, 0, DUMP_LIMIT_MS, NULL, NULL, why);
    if (ok && fd >= 0 && fsync(fd) != 0)
        ok = fault_errno(why, FAULT_SYSTEM, "sync %s", partial);
    fd_close(&fd);
    if (ok && partial != NULL && rename(partial, file) != 0)
        ok = fault_errno(why, FAULT_SYSTEM, "rename to %s", file);
    if (!ok && partial != NULL)
        (void)unlink(partial);
out:
    buf_free(&conninfo);
    buf_free(&password);
    arena_free(&arena);
    return ok;
}

static bool
db_psql(struct cmd_call *call, struct fault *why)
{
    struct arena arena = ARENA_INIT;
    struct buf conninfo = BUF_INIT, password = BUF_INIT;
    const char **argv = xcalloc((size_t)cmd_argc(call) + 4, sizeof(*argv));
    char *program = NULL;
    int i, n = 0;
    bool ok;

    if (!db_cluster_program(&arena, "psql", &program, NULL))
        program = arena_strdup(&arena, "psql");     /* a client alone */
    ok = (db_cluster_state(NULL) == CLUSTER_FOREIGN
          || db_cluster_ensure(why))
        && db_public_conninfo(&conninfo, &password, why);
    if (ok && password.len > 0
        && setenv("PGPASSWORD", buf_text(&password), 1) != 0)
        ok = fault_errno(why, FAULT_SYSTEM, "set PGPASSWORD");
    argv[n++] = program;
    argv[n++] = "--dbname";
    argv[n++] = buf_text(&conninfo);
    for (i = 0; i < cmd_argc(call); i++)
        argv[n++] = cmd_arg(call, i);
    if (ok)
        ok = proc_replace(argv, why);       /* returns only on failure */
    free(argv);
    buf_free(&conninfo);
    buf_free(&password);
    arena_free(&arena);
    return ok;
}

static bool
db_stop(struct cmd_call *call, struct fault *why)
{
    bool running = false, stopped = false;
    pid_t pid = 0;

    signals_catch();
    if (!cmd_flag(call, "force")
        && !service_assayd_find(&running, &pid, why))
        return false;
    if (running) {
        fault_set(why, FAULT_CONFLICT, "assayd (pid %d) works with the "
                  "database, and would start it again", (int)pid);
        fault_hint(why, "assay service stop");
        return false;
    }
    if (!db_cluster_stop(&stopped, why))
        return false;
    puts(stopped ? "database server stopped" : "no database server runs");
    return true;
}

static const struct cmd_opt dump_opts[] = {
    { "schema-only", CMD_OPT_FLAG, NULL, NULL, 0, 0,
      "the schema without the rows" },
    { NULL, CMD_OPT_END, NULL, NULL, 0, 0, NULL }
};
static const struct cmd_opt stop_opts[] = {
    { "force", CMD_OPT_FLAG, NULL, NULL, 0, 0,
      "even when assayd works with it" },
    { NULL, CMD_OPT_END, NULL, NULL, 0, 0, NULL }
};

const struct cmd db_cmds[] = {
    { "db status", "", 0, 0, CMD_READS, NULL, db_status,
      "say where the database is and how it is; exit 1 if it does not run",
      NULL },
    { "db migrate", "", 0, 0, CMD_WRITES, NULL, db_migrate_cmd,
      "make the database if there is none, and bring its schema up to date",
      NULL },
    { "db dump", "[FILE]", 0, 1, CMD_READS, dump_opts, db_dump,
      "write the database as SQL, to standard output or FILE", NULL },
    { "db psql", "[-- PSQL-ARGUMENT...]", 0, -1, CMD_WRITES, NULL, db_psql,
      "PostgreSQL's own client on the database", NULL },
    { "db stop", "", 0, 0, CMD_WRITES, stop_opts, db_stop,
      "stop the private database server",
      "It starts again by itself when something needs it." },
    { NULL, NULL, 0, 0, CMD_READS, NULL, NULL, NULL, NULL }
};
