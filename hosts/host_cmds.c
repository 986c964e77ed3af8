/* hosts/host_cmds.c - "assay host ...", "assay power", "assay boot". */
#include <config.h>

#include "hosts/host_cmds.h"

#include <fcntl.h>
#include <inttypes.h>

#include "harness/arena.h"
#include "harness/buf.h"
#include "harness/clock.h"
#include "harness/db.h"
#include "harness/fault.h"
#include "harness/home.h"
#include "harness/json.h"
#include "harness/log.h"
#include "harness/mem.h"
#include "harness/prepared_db.h"
#include "harness/role.h"
#include "harness/signals.h"
#include "harness/table.h"
#include "hosts/boot.h"
#include "hosts/boot_db.h"
#include "hosts/health_db.h"
#include "hosts/host_check.h"
#include "hosts/host_db.h"
#include "hosts/host_yaml.h"
#include "hosts/power.h"
#include "hosts/power_drivers.h"
#include "hosts/served_db.h"

#define EXIT_BROKEN 75
#define RECORDS_FD 3
#define SERVED_SHOWN 5          /* lines of what netboot gave */

/* -- host list, show, add -------------------------------------------- */

static json_t *
host_json(const struct host *host)
{
    json_t *object = json_object();

    json_put_text(object, "host", host->name);
    json_put_text(object, "site", host->site);
    json_put_text(object, "arch", host->arch);
    json_put_text(object, "firmware", host->firmware);
    json_put_text(object, "class", host->class);
    json_put_text(object, "state", host->state);
    json_put_text(object, "source", host->source);
    json_put_text(object, "owner", host->owner[0] == '\0' ? NULL
                                                          : host->owner);
    json_put_text(object, "out", host->out[0] == '\0' ? NULL : host->out);
    must(json_object_set(object, "config", host->config) == 0
         && json_object_set(object, "properties", host->properties) == 0
         && json_object_set(object, "flags", host->flags) == 0);
    return object;
}

static void
add_flags(const struct host *host, struct buf *out)
{
    size_t i;
    json_t *flag;

    json_array_foreach(host->flags, i, flag)
        buf_addf(out, "%s%s", i == 0 ? "" : " ", json_string_value(flag));
}

static bool
print_hosts(struct host *const *hosts, size_t count, bool json,
            struct fault *why)
{
    static const char *const names[] = { "HOST", "ARCH", "FIRMWARE", "CLASS",
                                         "STATE", "~FLAGS", "~OWNER",
                                         "~OUT", NULL };
    struct table *table;
    json_t *list;
    bool ok;

    if (json) {
        list = json_array();
        for (size_t i = 0; i < count; i++)
            must(json_array_append_new(list, host_json(hosts[i])) == 0);
        ok = json_print(list, stdout, why);
        json_decref(list);
        return ok;
    }
    table = table_new(names);
    for (size_t i = 0; i < count; i++) {
        struct buf flags = BUF_INIT;

        add_flags(hosts[i], &flags);
        {
            const char *const cells[] = {
                hosts[i]->name, hosts[i]->arch, hosts[i]->firmware,
                hosts[i]->class, hosts[i]->state, buf_text(&flags),
                hosts[i]->owner[0] == '\0' ? NULL : hosts[i]->owner,
                hosts[i]->out[0] == '\0' ? NULL : hosts[i]->out,
            };

            table_add(table, cells);
        }
        buf_free(&flags);
    }
    ok = table_print(table, stdout, why);
    table_free(table);
    return ok;
}

static bool
run_list(struct cmd_call *call, struct fault *why)
{
    struct host **hosts = NULL;
    struct db *db = NULL;
    size_t count = 0;
    bool ok;

    ok = db_open("assay", &db, why)
        && host_db_list(db, &hosts, &count, why)
        && print_hosts(hosts, count, cmd_json(call), why);
    for (size_t i = 0; i < count; i++)
        host_free(hosts[i]);
    free(hosts);
    db_close(db);
    return ok;
}

static json_t *
boot_json(const struct boot *boot)
{
    json_t *object;

    if (boot == NULL)
        return json_null();
    object = json_object();
    json_put_text(object, "nonce", boot->nonce);
    json_put_text(object, "status", boot_status_name(boot->status));
    json_put_text(object, "reason", boot->reason);
    json_put_text(object, "address", boot->address);
    json_put_int(object, "armed_ms_ago", boot->age_ms);
    json_put_int(object, "power_ms", boot->power_ms);
    json_put_int(object, "powered_ms", boot->powered_ms);
    json_put_int(object, "script_ms", boot->script_ms);
    json_put_int(object, "fetched_ms", boot->fetched_ms);
    json_put_int(object, "up_ms", boot->up_ms);
    return object;
}

/* "ready, by job 12.one 3m before, used by 1 of 10, boot ...". */
static void
print_prepared(const json_t *prepared)
{
    const char *boot = json_text(prepared, "boot");
    const char *why = json_text(prepared, "why");
    char age[32];

    if (!json_is_object(prepared))
        return;
    clock_human(json_int(prepared, "age_ms", 0), age);
    printf("prepared   %s, by job %" PRId64 ".%s %s ago, used by %" PRId64
           " of %" PRId64 "%s%s%s%s\n", json_text(prepared, "state"),
           json_int(prepared, "flight", 0), json_text(prepared, "job"), age,
           json_int(prepared, "wear", 0), json_int(prepared, "uses", 0),
           boot != NULL ? ", boot " : "", boot != NULL ? boot : "",
           why != NULL ? ": " : "", why != NULL ? why : "");
}

static void
print_host(const struct host *host, const struct boot *boot,
           const json_t *prepared, const json_t *served)
{
    const char *key;
    json_t *value, *object, *one;
    struct buf flags = BUF_INIT;
    char *text;
    size_t i;

    add_flags(host, &flags);
    printf("host       %s\nsite       %s\narch       %s\nfirmware   %s\n"
           "class      %s\nstate      %s\nflags      %s\nowner      %s\n"
           "from       %s\n", host->name, host->site, host->arch,
           host->firmware, host->class, host->state, buf_text(&flags),
           host->owner[0] == '\0' ? "nobody" : host->owner, host->source);
    if (host->out[0] != '\0')
        printf("out        %s\n", host->out);
    object = host->properties;
    json_object_foreach(object, key, value)
        printf("property   %s = %s\n", key, json_string_value(value));
    object = host->config;
    json_object_foreach(object, key, value) {
        text = json_dumps(value, JSON_SORT_KEYS);
        printf("%-10s %s\n", key, text == NULL ? "?" : text);
        free(text);
    }
    if (boot != NULL)
        printf("last boot  %s %s%s%s\n", boot->nonce,
               boot_status_name(boot->status),
               boot->reason[0] == '\0' ? "" : ": ", boot->reason);
    print_prepared(prepared);
    json_array_foreach(served, i, one)
        printf("was given  %s %s by %s to %s\n", json_text(one, "at"),
               json_text(one, "file"), json_text(one, "way"),
               json_text(one, "vendor"));
    buf_free(&flags);
}

static bool
run_show(struct cmd_call *call, struct fault *why)
{
    struct host *host = NULL;
    struct boot *boot = NULL;
    struct db *db = NULL;
    json_t *object, *served = NULL, *prepared = NULL;
    bool ok;

    ok = db_open("assay", &db, why)
        && host_db_get(db, cmd_arg(call, 0), &host, why)
        && boot_last(db, host->name, &boot, why)
        && prepared_db_last(db, host->name, &prepared, why)
        && served_db_last(db, host->name, SERVED_SHOWN, &served, why);
    if (ok && cmd_json(call)) {
        object = host_json(host);
        must(json_object_set_new(object, "last_boot", boot_json(boot)) == 0
             && json_object_set(object, "prepared", prepared) == 0
             && json_object_set(object, "served", served) == 0);
        ok = json_print(object, stdout, why);
        json_decref(object);
    } else if (ok) {
        print_host(host, boot, prepared, served);
    }
    json_decref(served);
    json_decref(prepared);
    boot_free(boot);
    host_free(host);
    db_close(db);
    return ok;
}

static bool
run_add(struct cmd_call *call, struct fault *why)
{
    size_t count = (size_t)cmd_argc(call);
    struct host_file **files = NULL;
    struct db *db = NULL;
    bool ok;

    ok = host_yaml_load_all(cmd_argv(call), count, &files, why)
        && db_open("assay", &db, why)
        && host_db_load(db, files, count, why);
    if (ok && !cmd_json(call)) {
        for (size_t i = 0; i < count; i++)
            printf("%s: %s\n", files[i]->path, files[i]->host);
    }
    if (files != NULL)
        host_yaml_free_all(files, count);
    db_close(db);
    return ok;
}

static bool
run_check(struct cmd_call *call, struct fault *why)
{
    struct host *host = NULL;
    struct db *db = NULL;
    json_t *checks = NULL;
    bool good = false, ok;

    signals_catch();
    ok = db_open("assay", &db, why)
        && host_db_get(db, cmd_arg(call, 0), &host, why)
        && (cmd_flag(call, "force") || host_check_ours(host, why))
        && host_check(db, host, cmd_int(call, "limit"), cmd_json(call),
                      &checks, &good, why);
    if (ok && cmd_json(call))
        ok = json_print(checks, stdout, why);
    if (ok && !good)
        cmd_exit_status(call, 1);
    json_decref(checks);
    host_free(host);
    db_close(db);
    return ok;
}

/* -- power ---------------------------------------------------------------- */

static bool
power_verb(const struct host *host, const char *verb, bool json,
           struct fault *why)
{
    json_t *config = json_object_get(host->config, "power"), *object;
    enum power_state state = POWER_UNKNOWN;
    bool ok;

    if (strcmp(verb, "status") == 0)
        ok = power_status(host->name, config, &state, why);
    else if (strcmp(verb, "cycle") == 0)
        ok = power_cycle(host->name, config, why);
    else
        ok = power_set(host->name, config, power_state_parse(verb), why);
    if (!ok)
        return false;
    if (strcmp(verb, "status") != 0)
        state = strcmp(verb, "cycle") == 0 ? POWER_ON
                                           : power_state_parse(verb);
    if (!json) {
        puts(power_state_name(state));
        return true;
    }
    object = json_object();
    json_put_text(object, "host", host->name);
    json_put_text(object, "power", power_state_name(state));
    ok = json_print(object, stdout, why);
    json_decref(object);
    return ok;
}

/* Of a host whose power a program switches, nobody's word is taken. */
static bool
confirm_power(const struct host *host, const char *word, struct fault *why)
{
    const char *driver = json_text(json_object_get(host->config, "power"),
                                   "driver");

    if (driver == NULL || strcmp(driver, "manual") != 0) {
        fault_set(why, FAULT_CONFLICT, "the power of %s is driven by %s: "
                  "there is nothing to confirm", host->name,
                  driver == NULL ? "nobody" : driver);
        fault_hint(why, "assay host power %s %s", host->name, word);
        return false;
    }
    return power_manual_confirm(host->name, power_state_parse(word), why);
}

static bool
run_power(struct cmd_call *call, struct fault *why)
{
    static const char *const verbs[] = { "on", "off", "cycle", "status",
                                         "confirm" };
    struct arena arena = ARENA_INIT;
    const char *name = role_host(&arena, cmd_arg(call, 0));
    const char *verb = cmd_arg(call, 1), *word = cmd_arg(call, 2);
    bool confirm = strcmp(verb, "confirm") == 0, known = false, ok;
    struct host *host = NULL;
    struct db *db = NULL;

    for (size_t i = 0; i < ARRAY_LEN(verbs); i++)
        known = known || strcmp(verbs[i], verb) == 0;
    ok = known && confirm == (word != NULL)
        && (!confirm || power_state_parse(word) != POWER_UNKNOWN);
    if (!ok) {
        fault_set(why, FAULT_USAGE, "what to do is one of on, off, cycle, "
                  "status, confirm on, confirm off");
        goto out;
    }
    signals_catch();
    log_init("assay");
    ok = db_open("assay", &db, why) && host_db_get(db, name, &host, why);
    if (ok && confirm)
        ok = confirm_power(host, word, why);
    else
        ok = ok && (strcmp(verb, "status") == 0 || cmd_flag(call, "force")
                    || host_check_ours(host, why))
            && power_verb(host, verb, cmd_json(call), why)
            && (strcmp(verb, "status") == 0
                || prepared_db_end(db, host->name, "its power was switched",
                                   why));
    if (!ok && host != NULL && strcmp(verb, "status") != 0)
        health_power_failed(db, host->name,
                            json_object_get(host->config, "power"), why);
out:
    host_free(host);
    db_close(db);
    arena_free(&arena);
    return ok;
}

/* -- boot ----------------------------------------------------------------- */

static bool
load_hosts(struct db *db, struct cmd_call *call, struct boot_host *hosts,
           size_t count, struct fault *why)
{
    struct arena arena = ARENA_INIT;
    bool ok = true;

    for (size_t i = 0; ok && i < count; i++) {
        const char *label = cmd_arg(call, (int)i);
        struct host *host = NULL;

        ok = host_db_get(db, role_host(&arena, label), &host, why);
        hosts[i] = (struct boot_host){ .host = host, .label = label };
        for (size_t k = 0; ok && k < i; k++) {
            if (strcmp(hosts[k].host->name, host->name) == 0)
                ok = fault_set(why, FAULT_USAGE, "host %s is named twice",
                               host->name);
        }
    }
    arena_free(&arena);
    return ok;
}

/* In a step: the job's directory and the records' descriptor. */
static bool
fill_plan(struct cmd_call *call, struct arena *arena, struct boot_job *job,
          struct fault *why)
{
    const char *flight = getenv("ASSAY_FLIGHT"), *dir = getenv("ASSAY_JOBDIR");
    const char *candidate = cmd_text(call, "candidate"), *home;

    job->plan.candidate = candidate != NULL ? candidate
                                            : getenv("ASSAY_CANDIDATE");
    if (job->plan.candidate == NULL || job->plan.candidate[0] == '\0')
        return fault_set(why, FAULT_USAGE, "--candidate is missing");
    job->plan.xen_append = cmd_text(call, "xen-append");
    job->plan.dom0_append = cmd_text(call, "dom0-append");
    job->plan.job = getenv("ASSAY_JOB");
    if (flight == NULL || job->plan.job == NULL
        || !parse_int64(flight, 1, INT64_MAX, &job->plan.flight)) {
        job->plan.flight = 0;
        job->plan.job = NULL;
    }
    if (!home_get(&home, why))
        return false;
    job->plan.dir = dir != NULL && dir[0] != '\0' ? dir
                                                  : home_path(arena, "run");
    job->limit_ms = cmd_int(call, "limit");
    job->force = cmd_flag(call, "force");
    job->records_fd = getenv("ASSAY_STEP") != NULL
        && fcntl(RECORDS_FD, F_GETFD) >= 0 ? RECORDS_FD : -1;
    return true;
}

static int
end_status(enum boot_end end)
{
    return end == BOOT_END_UP ? 0 : end == BOOT_END_FAIL ? 1 : EXIT_BROKEN;
}

static bool
run_boot(struct cmd_call *call, struct fault *why)
{
    size_t count = (size_t)cmd_argc(call);
    struct boot_host *hosts = xcalloc(count, sizeof(*hosts));
    struct boot_job job = { .hosts = hosts, .host_count = count };
    struct arena arena = ARENA_INIT;
    enum boot_end end = BOOT_END_NONE;
    struct db *db = NULL;
    bool ok;

    log_init("assay");
    ok = fill_plan(call, &arena, &job, why) && db_open("assay", &db, why)
        && load_hosts(db, call, hosts, count, why);
    ok = ok && boot_run(db, &job, &end, why);
    if (ok)
        cmd_exit_status(call, end_status(end));
    else if (why->kind == FAULT_CONFLICT || why->kind == FAULT_DATA)
        /* 1 would blame the product for what it never saw. */
        cmd_exit_status(call, EXIT_BROKEN);
    for (size_t i = 0; i < count; i++)
        host_free((struct host *)(uintptr_t)hosts[i].host);
    free(hosts);
    db_close(db);
    arena_free(&arena);
    return ok;
}

static const struct cmd_opt force_opts[] = {
    { "force", CMD_OPT_FLAG, NULL, NULL, 0, 0,
      "also a host that belongs to somebody else" },
    { .name = NULL },
};
static const struct cmd_opt check_opts[] = {
    { "force", CMD_OPT_FLAG, NULL, NULL, 0, 0,
      "also a host that belongs to somebody else" },
    { "limit", CMD_OPT_DURATION, "TIME", "120s", 0, 0,
      "how long the host may take to ask for its netboot script" },
    { .name = NULL },
};
static const struct cmd_opt boot_opts[] = {
    { "candidate", CMD_OPT_TEXT, "NAME", NULL, 0, 0,
      "what to boot; in a step, the job's candidate by default" },
    { "dom0-append", CMD_OPT_TEXT, "TEXT", NULL, 0, 0,
      "more for the command line of dom0's kernel" },
    { "force", CMD_OPT_FLAG, NULL, NULL, 0, 0,
      "also a host that belongs to somebody else" },
    { "limit", CMD_OPT_DURATION, "TIME", "240s", 1000, 86400000,
      "how long all of it may take" },
    { "xen-append", CMD_OPT_TEXT, "TEXT", NULL, 0, 0,
      "more for Xen's command line" },
    { .name = NULL },
};

const struct cmd host_cmds[] = {
    { "boot", "HOST...", 1, -1, CMD_WRITES, boot_opts, run_boot,
      "boot hosts into a candidate and see them come up",
      "Each host gets a nonce; it is switched off and on, fetches the boot of "
      "that\nnonce, and is up when it has called back with it. In a step, "
      "HOST may be a role.\nExit status: 0 all are up; 1 the hypervisor "
      "failed, as its console shows; 75\nanything else kept them from coming "
      "up." },
    { "host add", "FILE...", 1, -1, CMD_WRITES, NULL, run_add,
      "load host files, all or none", NULL },
    { "host check", "HOST", 1, 1, CMD_WRITES, check_opts, run_check,
      "prove that a host can be driven",
      "Its console, its power, and, after a power cycle, that it netboots. It "
      "is\nswitched off in the end." },
    { "host list", "", 0, 0, CMD_READS, NULL, run_list,
      "all hosts, who has them, and why jobs do not get some", NULL },
    { "host power", "HOST on|off|cycle|status|confirm [on|off]", 2, 3,
      CMD_WRITES, force_opts, run_power,
      "switch a host's power, and read it back",
      "For hosts that a person switches, \"confirm\" says that it was done." },
    { "host show", "HOST", 1, 1, CMD_READS, NULL, run_show,
      "all about one host", NULL },
    { "power", "HOST on|off|cycle|status", 2, 3, CMD_WRITES, force_opts,
      run_power, "as \"assay host power\"; in a step, HOST may be a role",
      NULL },
    { .path = NULL },
};
