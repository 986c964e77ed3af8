/* hosts/lab.c - the virtual lab, up and down.
 *
 * What is up is not remembered but looked at: the keeper by its pid file and
 * its namespace, machines and strays by /proc. So "up" after a crash is "down"
 * and "up", and both may be repeated at any time. */
#include <config.h>

#include "hosts/lab.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "harness/arena.h"
#include "harness/buf.h"
#include "harness/clock.h"
#include "harness/db.h"
#include "harness/db_cluster.h"
#include "harness/fault.h"
#include "harness/fs.h"
#include "harness/home.h"
#include "harness/json.h"
#include "harness/proc.h"
#include "harness/service.h"
#include "harness/signals.h"
#include "hosts/console_client.h"
#include "hosts/host_db.h"
#include "hosts/host_yaml.h"
#include "hosts/lab_files.h"
#include "hosts/lab_ns.h"
#include "hosts/lab_sweep.h"
#include "hosts/lab_user.h"

#define READY_LIMIT_MS 30000
#define VIRT_LIMIT_MS 120000    /* the first time, QEMU is asked all it can */
#define STOP_ASSAYD_MS 60000
#define CONSOLE_LIMIT_MS 30000
#define GONE_LIMIT_MS 5000
#define RECORD_MAX_BYTES (1u << 20)
#define LOG_TAIL_BYTES 1000

/* Progress: what is being done, then how long it took. */
struct progress {
    struct clock *clock;
    int64_t start_ms;
};

static void
begin(struct progress *progress, const char *what)
{
    progress->clock = clock_system();
    progress->start_ms = clock_mono_ms(progress->clock);
    fprintf(stderr, "lab: %-34s", what);
    fflush(stderr);
}

static void
finish(struct progress *progress, const char *note)
{
    char took[32];

    clock_human(clock_mono_ms(progress->clock) - progress->start_ms, took);
    fprintf(stderr, " %s%s%s\n", took, note[0] == '\0' ? "" : "  ", note);
}

/* A new line, so that a fault does not stand behind the step's name. */
static bool
failed(bool ok)
{
    if (!ok)
        fputc('\n', stderr);
    return ok;
}

static bool
run_virt(const char *const words[], struct buf *out, struct fault *why)
{
    struct arena arena = ARENA_INIT;
    const char *argv[64] = { NULL };
    char *program = NULL;
    size_t n = 1;
    bool ok;

    ok = home_program(&arena, "assay-virt", &program, why);
    argv[0] = program;
    for (size_t i = 0; words[i] != NULL; i++) {
        must(n < ARRAY_LEN(argv) - 1);
        argv[n++] = words[i];
    }
    ok = ok && proc_run(argv, NULL, 0, VIRT_LIMIT_MS, out, why);
    arena_free(&arena);
    return ok;
}

/* Everything that a lab has but its files. */
static bool
clear(size_t *machines_out, size_t *others_out, struct fault *why)
{
    static const char *const words[] = { "clear", NULL };
    struct arena arena = ARENA_INIT;
    struct fault minor = FAULT_INIT;
    struct lab_process *found = NULL;
    size_t count = 0, machines = 0;
    bool ok;

    ok = lab_sweep_find(&found, &count, why);
    for (size_t i = 0; ok && i < count; i++)
        machines += found[i].kind == LAB_PROCESS_MACHINE;
    /* libvirt first: it then knows that they are off. Whatever it cannot do,
     * the sweep does. */
    if (ok && fs_exists(home_path(&arena, "lab/virt/etc/qemu.conf")))
        (void)run_virt(words, NULL, &minor);
    ok = ok && lab_sweep_kill(LAB_PROCESS_NONE, others_out, why);
    if (ok) {
        lab_ns_withdraw();
        *machines_out = machines;
    }
    free(found);
    arena_free(&arena);
    return ok;
}

static bool
lock_lab(int *fd_out, struct fault *why)
{
    struct arena arena = ARENA_INIT;
    const char *home;
    bool ok;

    ok = home_get(&home, why)
        && fs_mkdirs(home_path(&arena, "lab"), 0755, why)
        && fs_lock(home_path(&arena, "lab/up.lock"), false, fd_out, why);
    if (!ok && why->kind == FAULT_CONFLICT)
        fault_set(why, FAULT_CONFLICT,
                  "another 'assay lab up' or 'down' is at work here");
    arena_free(&arena);
    return ok;
}

static void
add_log_tail(const char *path, struct fault *why)
{
    struct buf text = BUF_INIT;
    const char *from;

    if (fs_read_file(path, RECORD_MAX_BYTES, &text, NULL) && text.len > 0) {
        from = text.len > LOG_TAIL_BYTES
            ? text.data + text.len - LOG_TAIL_BYTES : text.data;
        fault_detail(why, from, strlen(from));
    }
    buf_free(&text);
}

static bool
start_keeper(struct fault *why)
{
    struct arena arena = ARENA_INIT;
    struct proc_spec spec = PROC_SPEC_INIT;
    const char *home = NULL, *log;
    const char *env[] = { SERVICE_READY_ENV "=3", NULL };
    int ready[2] = { -1, -1 }, log_fd = -1;
    char *program = NULL;
    pid_t pid = 0;
    bool ok;

    log = home_path(&arena, "lab/log/keeper.log");
    ok = home_get(&home, why)
        && home_program(&arena, "assay", &program, why);
    if (!ok)
        goto out;
    log_fd = open(log, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC,
                  0644);
    ok = log_fd >= 0 || fault_errno(why, FAULT_SYSTEM, "open %s", log);
    if (ok && pipe2(ready, O_CLOEXEC) != 0)
        ok = fault_errno(why, FAULT_SYSTEM, "pipe");
    if (ok) {
        const char *argv[] = { program, "lab", "keeper", home, NULL };

        spec.argv = argv;
        spec.env_add = env;
        spec.cwd = "/";
        spec.new_session = true;
        spec.fds[1] = log_fd;
        spec.fds[2] = log_fd;
        spec.fds[SERVICE_READY_FD] = ready[1];
        ok = proc_start(&spec, &pid, why);
    }
    fd_close(&ready[1]);
    if (ok && !service_await_ready(ready[0], READY_LIMIT_MS, why)) {
        ok = fault_context(why, "the lab's network");
        if (why->kind != FAULT_CANCELLED)
            add_log_tail(log, why);
        proc_kill_group(pid);
    }
out:
    fd_close(&ready[0]);
    fd_close(&ready[1]);
    fd_close(&log_fd);
    arena_free(&arena);
    return ok;
}

/* "kvm", or "tcg" and why. */
static bool
choose_accelerator(bool *kvm_out, struct buf *reason, struct fault *why)
{
    static const char *const words[] = { "probe", NULL };
    struct buf out = BUF_INIT;
    bool ok = run_virt(words, &out, why);

    if (ok) {
        *kvm_out = strncmp(buf_text(&out), "kvm", 3) == 0;
        if (!*kvm_out)
            buf_adds(reason, buf_text(&out) + strcspn(buf_text(&out), " ")
                     + (strchr(buf_text(&out), ' ') != NULL));
        while (reason->len > 0 && reason->data[reason->len - 1] == '\n')
            reason->data[--reason->len] = '\0';
    }
    buf_free(&out);
    return ok;
}

static bool
define_machines(const struct host_file *const *files, size_t count, bool kvm,
                struct fault *why)
{
    struct arena arena = ARENA_INIT;
    const char *words[60] = { "define", NULL };
    bool ok = count < ARRAY_LEN(words) - 1;

    if (!ok)
        fault_set(why, FAULT_CONFIG, "over %zu hosts are no lab of one "
                  "machine", ARRAY_LEN(words) - 2);
    for (size_t i = 0; ok && i < count; i++)
        ok = lab_files_machine(files[i], kvm, &arena, &words[i + 1], why);
    if (ok && count > 0)
        ok = run_virt(words, NULL, why);
    arena_free(&arena);
    return ok;
}

/* What says whether the lab that is up is the one asked for. */
static json_t *
describe(const struct host_file *const *files, size_t count)
{
    json_t *hosts = json_array(), *one;

    for (size_t i = 0; i < count; i++) {
        one = json_object();
        json_put_text(one, "host", files[i]->host);
        json_put_text(one, "arch", files[i]->arch);
        json_put_text(one, "firmware", files[i]->firmware);
        json_put_text(one, "mac", host_yaml_property(files[i], "mac"));
        json_put_text(one, "address",
                      host_yaml_property(files[i], "address"));
        json_put_text(one, "cpus", host_yaml_property(files[i], "cpus"));
        json_put_text(one, "memory_mb",
                      host_yaml_property(files[i], "memory_mb"));
        json_put_text(one, "cpu", files[i]->machine->cpu);
        must(json_array_append_new(hosts, one) == 0);
    }
    return hosts;
}

static bool
write_record(json_t *hosts, bool kvm, const char *reason, struct fault *why)
{
    struct arena arena = ARENA_INIT;
    json_t *record = json_object();
    char *text;
    bool ok;

    json_put_text(record, "accelerator", kvm ? "kvm" : "tcg");
    json_put_text(record, "accelerator_reason", reason);
    must(json_object_set(record, "hosts", hosts) == 0);
    text = json_dumps(record, JSON_INDENT(2) | JSON_SORT_KEYS);
    must(text != NULL);
    ok = fs_write_file(home_path(&arena, "lab/lab.json"), 0644, text,
                       strlen(text), why);
    free(text);
    json_decref(record);
    arena_free(&arena);
    return ok;
}

/* NULL when there is none that can be read. */
static json_t *
read_record(void)
{
    struct arena arena = ARENA_INIT;
    struct buf text = BUF_INIT;
    json_t *record = NULL;

    if (!fs_read_file(home_path(&arena, "lab/lab.json"), RECORD_MAX_BYTES,
                      &text, NULL)
        || !json_parse(buf_text(&text), text.len, &record, NULL))
        record = NULL;
    buf_free(&text);
    arena_free(&arena);
    return record;
}

static bool
make_lab(const struct host_file *const *files, size_t count,
         struct fault *why)
{
    struct progress progress;
    struct buf reason = BUF_INIT;
    size_t machines = 0, others = 0;
    json_t *hosts = describe(files, count);
    char note[64] = "";
    bool kvm = false, ok;

    begin(&progress, "clean up");
    ok = failed(clear(&machines, &others, why));
    if (!ok)
        goto out;
    if (machines + others > 0)
        (void)snprintf(note, sizeof(note), "ended %zu machines and %zu "
                       "processes of a crash", machines, others);
    finish(&progress, note);

    begin(&progress, "network");
    ok = failed(signals_check(why) && lab_files_write(files, count, why)
                && start_keeper(why));
    if (!ok)
        goto out;
    finish(&progress, LAB_BRIDGE " " LAB_ADDRESS);

    begin(&progress, "accelerator");
    ok = failed(signals_check(why)
                && choose_accelerator(&kvm, &reason, why));
    if (!ok)
        goto out;
    finish(&progress, kvm ? "kvm" : "software emulation");

    begin(&progress, "machines");
    ok = failed(signals_check(why)
                && define_machines(files, count, kvm, why)
                && write_record(hosts, kvm, buf_text(&reason), why));
    if (!ok)
        goto out;
    (void)snprintf(note, sizeof(note), "%zu defined", count);
    finish(&progress, note);
out:
    json_decref(hosts);
    buf_free(&reason);
    return ok;
}

static bool
register_hosts(struct host_file *const *files, size_t count,
               struct fault *why)
{
    struct progress progress;
    struct db *db = NULL;
    bool ok;

    begin(&progress, "database");
    ok = failed(signals_check(why) && db_open("assay", &db, why)
                && host_db_load(db, files, count, why)
                && host_db_lab(db, files, count, why));
    db_close(db);
    if (ok)
        finish(&progress, "hosts registered");
    return ok;
}

static bool
ensure_assayd(struct fault *why)
{
    struct progress progress;
    bool started = false, ok;

    begin(&progress, "assayd");
    ok = failed(signals_check(why) && service_ensure_assayd(&started, why));
    if (ok)
        finish(&progress, started ? "started" : "runs already");
    return ok;
}

/* Nothing can be switched on before somebody listens to it. An assay-console
 * that ran before must hear of new hosts. */
static bool
await_consoles(struct fault *why)
{
    struct console_client *client = NULL;
    struct progress progress;
    int64_t until;
    bool ok;

    begin(&progress, "consoles");
    until = clock_mono_ms(progress.clock) + CONSOLE_LIMIT_MS;
    for (;;) {
        ok = console_client_open(&client, why)
            && console_client_reload(client, why);
        console_client_close(client);
        client = NULL;
        if (ok || clock_mono_ms(progress.clock) >= until
            || signals_stop_asked() != 0)
            break;
        signals_pause_ms(20);
    }
    ok = failed(signals_check(why) && ok);
    if (ok)
        finish(&progress, "listen");
    return ok;
}

static bool
same_lab(const struct host_file *const *files, size_t count,
         struct fault *why)
{
    json_t *wanted = describe(files, count), *record = read_record();
    bool same = json_equal(json_object_get(record, "hosts"), wanted) == 1;

    if (!same) {
        fault_set(why, FAULT_CONFLICT, "the lab that is up has other hosts");
        fault_hint(why, "assay lab down");
    }
    json_decref(wanted);
    json_decref(record);
    return same;
}

static bool
load_files(const struct lab_options *options, struct host_file ***files_out,
           size_t *count_out, struct fault *why)
{
    struct arena arena = ARENA_INIT;
    const char *const *paths = options->files;
    size_t count = options->file_count;
    struct host_file **files = NULL;
    bool ok = true;

    if (count == 0)
        ok = lab_files_shipped(&arena, &paths, &count, why);
    ok = ok && host_yaml_load_all(paths, count, &files, why);
    for (size_t i = 0; ok && i < count; i++) {
        if (files[i]->machine == NULL)
            ok = fault_set(why, FAULT_CONFIG, "%s: host %s is no machine of "
                           "a lab: the key 'machine' is missing",
                           files[i]->path, files[i]->host);
    }
    if (ok) {
        *files_out = files;
        *count_out = count;
    } else {
        host_yaml_free_all(files, files == NULL ? 0 : count);
    }
    arena_free(&arena);
    return ok;
}

bool
lab_up(const struct lab_options *options, struct fault *why)
{
    struct host_file **files = NULL;
    const struct host_file *const *view;
    struct fault undo = FAULT_INIT;
    size_t count = 0, machines = 0, others = 0;
    bool made = false, ok;
    int lock = -1;

    signals_catch();
    ok = load_files(options, &files, &count, why)
        && lock_lab(&lock, why);
    if (!ok)
        goto out;
    view = (const struct host_file *const *)files;
    if (lab_is_up(NULL)) {
        ok = same_lab(view, count, why);
        if (ok)
            fprintf(stderr, "lab: is up\n");
    } else {
        ok = lab_user_check(why) && lab_files_check(view, count, why);
        made = ok;
        ok = ok && make_lab(view, count, why);
    }
    ok = ok && register_hosts(files, count, why)
        && (options->no_assayd
                || (ensure_assayd(why) && await_consoles(why)));
    if (!ok && made) {
        fprintf(stderr, "lab: undone\n");
        if (!clear(&machines, &others, &undo))
            fault_print(&undo);
    }
out:
    host_yaml_free_all(files, count);
    fd_close(&lock);
    return ok;
}

/* The kernel takes a namespace down some time after its last process. */
static bool
await_gone(struct fault *why)
{
    struct clock *clock = clock_system();
    int64_t start = clock_mono_ms(clock);
    struct lab_process *found = NULL;
    size_t count = 0;

    for (;;) {
        if (!lab_sweep_find(&found, &count, why))
            return false;
        free(found);
        found = NULL;
        if (count == 0)
            return true;
        if (clock_mono_ms(clock) - start > GONE_LIMIT_MS)
            return fault_set(why, FAULT_TIMEOUT,
                             "%zu processes of the lab are still there",
                             count);
        signals_pause_ms(20);
    }
}

bool
lab_down(bool all, struct fault *why)
{
    struct arena arena = ARENA_INIT;
    struct progress progress;
    size_t machines = 0, others = 0;
    bool stopped = false, ok;
    char note[64] = "";
    int lock = -1;

    ok = lock_lab(&lock, why);
    if (!ok)
        goto out;
    begin(&progress, "assayd");
    ok = failed(service_stop_assayd(STOP_ASSAYD_MS, &stopped, why));
    if (!ok)
        goto out;
    finish(&progress, stopped ? "stopped" : "did not run");

    begin(&progress, "machines and network");
    ok = failed(clear(&machines, &others, why) && await_gone(why));
    if (!ok)
        goto out;
    (void)unlink(home_path(&arena, "lab/lab.json"));
    (void)snprintf(note, sizeof(note), "%s",
                   machines + others > 0 ? "ended" : "there were none");
    finish(&progress, note);

    if (all) {
        begin(&progress, "database");
        ok = failed(db_cluster_stop(&stopped, why));
        if (ok)
            finish(&progress, "stopped");
    }
out:
    fd_close(&lock);
    arena_free(&arena);
    return ok;
}

static bool
add_power(json_t *hosts, struct fault *why)
{
    static const char *const words[] = { "list", NULL };
    struct buf out = BUF_INIT;
    json_t *list = NULL, *host;
    size_t i;
    bool ok;

    ok = run_virt(words, &out, why)
        && json_parse(buf_text(&out), out.len, &list, why);
    json_array_foreach(hosts, i, host) {
        const char *power = json_text(list, json_text(host, "host"));

        json_put_text(host, "power", power == NULL ? "unknown" : power);
    }
    json_decref(list);
    buf_free(&out);
    return ok;
}

bool
lab_status(json_t **status_out, struct fault *why)
{
    json_t *status = json_object(), *record, *hosts, *processes, *one;
    struct lab_process *found = NULL;
    const char *home;
    size_t count = 0;
    pid_t keeper = 0, assayd = 0;
    bool running = false, up, ok;

    ok = home_get(&home, why) && lab_sweep_find(&found, &count, why)
        && service_assayd_find(&running, &assayd, why);
    if (!ok)
        goto out;
    up = lab_is_up(&keeper);
    record = up ? read_record() : NULL;
    must(json_object_set_new(status, "up", json_boolean(up)) == 0);
    json_put_text(status, "home", home);
    if (up) {
        json_put_int(status, "keeper", keeper);
        json_put_text(status, "accelerator",
                      json_text(record, "accelerator"));
        json_put_text(status, "accelerator_reason",
                      json_text(record, "accelerator_reason"));
    }
    must(json_object_set_new(status, "assayd", json_boolean(running)) == 0);
    hosts = json_object_get(record, "hosts");
    hosts = hosts == NULL ? json_array() : json_incref(hosts);
    if (json_array_size(hosts) > 0)
        ok = add_power(hosts, why);
    must(json_object_set_new(status, "hosts", hosts) == 0);
    processes = json_array();
    for (size_t i = 0; i < count; i++) {
        one = json_object();
        json_put_int(one, "pid", found[i].pid);
        json_put_text(one, "kind", lab_process_kind_name(found[i].kind));
        json_put_text(one, "name", found[i].name);
        must(json_array_append_new(processes, one) == 0);
    }
    must(json_object_set_new(status, "processes", processes) == 0);
    json_decref(record);
out:
    if (ok)
        *status_out = status;
    else
        json_decref(status);
    free(found);
    return ok;
}
