/* tests/harness/ctl-test.c - assay on|put|get through a control socket and a
 * pool of connections to a real ssh server. */
#include <config.h>

#include "tests/tap.h"

#include <uv.h>
#include "harness/clock.h"
#include "harness/ctl_proto.h"
#include "harness/ctl_server.h"
#include "harness/ssh_pool.h"
#include "tests/sshfix.h"

static struct sshfix fix;
static char dir[] = "/tmp/assay-ctl-XXXXXX", ctl_env[300], ctl_path[280];
static pid_t server;

static const char *
resolve(void *owner UNUSED, const char *name, struct fault *why)
{
    if (strcmp(name, "host") == 0 || strcmp(name, "metal") == 0)
        return "metal";
    if (strcmp(name, "absent") == 0)
        return "absent";
    fault_set(why, FAULT_NOT_FOUND, "no host or role %s", name);
    return NULL;
}

/* The job's side lives in a process of its own: the clients block. */
static void
start_server(void)
{
    struct fault why = FAULT_INIT;
    char path[300];
    uv_loop_t *loop;
    int i;

    snprintf(path, sizeof(path), "%s/ssh/metal", dir);
    if (!ssh_target_save(path, &fix.target, &why))
        tap_bail("target: %s", why.text);
    snprintf(ctl_path, sizeof(ctl_path), "%s/ctl", dir);
    snprintf(ctl_env, sizeof(ctl_env), "ASSAY_CTL=%s", ctl_path);
    snprintf(path, sizeof(path), "%s/ssh", dir);
    server = fork();
    if (server != 0) {
        for (i = 0; i < 500 && access(ctl_path, F_OK) != 0; i++)
            poll(NULL, 0, 10);
        return;
    }
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    signal(SIGPIPE, SIG_IGN);
    loop = uv_default_loop();
    if (ctl_server_new(loop, ctl_path,
                       ssh_pool_new(loop, path, ssh_socket_plain, NULL),
                       resolve, NULL, &why) == NULL)
        _exit(1);
    uv_run(loop, UV_RUN_DEFAULT);
    _exit(0);
}

struct result {
    struct buf out;
    struct fault why;
    struct proc_status status;
};

static void
assay(struct result *result, const char *input, const char *const *argv)
{
    const char *const env[] = {ctl_env, NULL};
    struct proc_spec spec = PROC_SPEC_INIT;

    *result = (struct result){.out = BUF_INIT, .why = FAULT_INIT};
    spec.argv = argv;
    spec.env_add = env;
    (void)!proc_run_spec(&spec, input, input != NULL ? strlen(input) : 0,
                         20000, &result->out, &result->status, &result->why);
}
#define ASSAY(result, input, ...) \
    assay((result), (input), \
          (const char *const[]){"assay", __VA_ARGS__, NULL})

static void
test_on(void)
{
    struct result r;

    ASSAY(&r, NULL, "on", "metal", "--", "echo", "two  words", "a'b");
    is_str(buf_text(&r.out), "two  words a'b\n",
           "arguments arrive as they are");
    is_int(r.status.code, 0, "status 0");
    buf_free(&r.out);
    ASSAY(&r, "in\n", "on", "host", "--", "cat | tr a-z A-Z; exit 9");
    is_str(buf_text(&r.out), "IN\n", "a role, a shell line, its input");
    is_int(r.status.code, 9, "its status");
    has_str(r.why.detail, "", "and no words of ours");
    buf_free(&r.out);
    ASSAY(&r, NULL, "on", "metal", "--", "kill -9 $$");
    is_int(r.status.code, 128 + 9, "a signal is 128 + n");
    buf_free(&r.out);
    ASSAY(&r, NULL, "on", "stranger", "--", "true");
    is_int(r.status.code, 255, "a host that is not the job's: 255");
    has_str(r.why.detail, "no host or role stranger", "and said");
    buf_free(&r.out);
    ASSAY(&r, NULL, "on", "absent", "--", "true");
    is_int(r.status.code, 255, "a host that has not come up: 255");
    has_str(r.why.detail, "has not come up", "and said");
    buf_free(&r.out);
}

static void
test_long(void)
{
    struct buf command = BUF_INIT;
    struct result r;
    int i;

    buf_adds(&command, "echo ");
    for (i = 0; i < 1000; i++)
        buf_addf(&command, "word%d ", i);
    ASSAY(&r, NULL, "on", "metal", "--", buf_text(&command));
    ok(r.out.len > 6000 && r.status.code == 0, "a long command");
    buf_free(&r.out);
    while (command.len < 20000)
        buf_adds(&command, "more ");
    ASSAY(&r, NULL, "on", "metal", "--", buf_text(&command));
    is_int(r.status.code, 255, "one that is too long for dropbear");
    has_str(r.why.detail, "put a script", "is told with what to do");
    buf_free(&r.out);
    ASSAY(&r, NULL, "on", "metal", "--", "echo still here");
    is_str(buf_text(&r.out), "still here\n", "and ends nothing else");
    buf_free(&r.out);
    buf_free(&command);
}

static void
test_copy(void)
{
    char local[340], back[300], bad[300];
    struct buf data = BUF_INIT, got = BUF_INIT;
    struct fault why = FAULT_INIT;
    struct result r;
    struct stat st;
    int i;

    for (i = 0; i < 300000; i++)
        buf_addc(&data, (char)(i * 7 + i / 251));
    snprintf(local, sizeof(local), "%s/local", dir);
    snprintf(back, sizeof(back), "%s/back", dir);
    snprintf(bad, sizeof(bad), "%s/nothing", dir);
    if (!fs_write_file(local, 0750, data.data, data.len, &why))
        tap_bail("write: %s", why.text);
    ASSAY(&r, NULL, "put", "metal", local, "remote file");
    ok(r.status.code == 0, "put: %s", r.why.detail);
    buf_free(&r.out);
    ASSAY(&r, NULL, "get", "metal", "remote file", back);
    ok(r.status.code == 0, "get: %s", r.why.detail);
    buf_free(&r.out);
    ok(fs_read_file(back, 1 << 20, &got, &why) && got.len == data.len &&
           memcmp(got.data, data.data, got.len) == 0,
       "all bytes are there and back");
    snprintf(local, sizeof(local), "%s/remote file", fix.home);
    ok(stat(local, &st) == 0 && (st.st_mode & 0777) == 0750,
       "the mode is kept");
    ASSAY(&r, "typed", "put", "metal", "-", "typed");
    ok(r.status.code == 0, "put from standard input");
    buf_free(&r.out);
    ASSAY(&r, NULL, "get", "metal", "typed", "-");
    is_str(buf_text(&r.out), "typed", "get to standard output");
    buf_free(&r.out);
    ASSAY(&r, NULL, "get", "metal", "no such file", bad);
    ok(r.status.code != 0 && access(bad, F_OK) != 0,
       "a file that is not there leaves nothing here");
    buf_free(&r.out);
    ASSAY(&r, NULL, "put", "metal", back, "no/such/dir/x");
    ok(r.status.code == 1, "a place that is not there is said");
    buf_free(&r.out);
    buf_free(&data);
    buf_free(&got);
}

static bool
has_process(const char *pattern)
{
    struct buf out = BUF_INIT;
    struct fault why = FAULT_INIT;
    bool found = proc_run((const char *const[]){"pgrep", "-f", pattern, NULL},
                          NULL, 0, 5000, &out, &why);

    buf_free(&out);
    return found;
}

static void
test_killed_client(void)
{
    const char *const env[] = {ctl_env, NULL};
    struct proc_spec spec = PROC_SPEC_INIT;
    struct fault why = FAULT_INIT;
    pid_t pid = 0;
    int i;

    spec.argv = (const char *const[]){"assay", "on", "metal", "--",
                                      "sleep 87654", NULL};
    spec.env_add = env;
    ok_fault(proc_start(&spec, &pid, &why), &why, "a client in the background");
    for (i = 0; i < 250 && !has_process("^sleep 87654"); i++)
        poll(NULL, 0, 20);
    ok(has_process("^sleep 87654"), "its command runs");
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
    for (i = 0; i < 250 && has_process("^sleep 87654"); i++)
        poll(NULL, 0, 20);
    ok(!has_process("^sleep 87654"), "and dies with the client");
}

static void
test_many(void)
{
    enum { COUNT = 24 };
    const char *const env[] = {ctl_env, NULL};
    struct proc_spec spec = PROC_SPEC_INIT;
    struct fault why = FAULT_INIT;
    pid_t pids[COUNT];
    int i, status, good = 0;

    spec.argv = (const char *const[]){"assay", "on", "metal", "--",
                                      "sleep 0.3; exit 5", NULL};
    spec.env_add = env;
    spec.fds[2] = STDERR_FILENO;
    for (i = 0; i < COUNT; i++)
        if (!proc_start(&spec, &pids[i], &why))
            tap_bail("start: %s", why.text);
    for (i = 0; i < COUNT; i++)
        good += waitpid(pids[i], &status, 0) == pids[i] &&
                WIFEXITED(status) && WEXITSTATUS(status) == 5;
    is_int(good, COUNT, "%d commands at once, over the limit of a connection",
           COUNT);
}

/* A kept connection that is dead is replaced, but only before the start. */
static void
test_reconnect(void)
{
    struct buf out = BUF_INIT;
    struct fault why = FAULT_INIT;
    struct result r;
    char pid[24];

    snprintf(pid, sizeof(pid), "%ld", (long)fix.pid);
    (void)!proc_run((const char *const[]){"pkill", "-KILL", "-P", pid, NULL},
                    NULL, 0, 5000, &out, &why);
    buf_free(&out);
    ASSAY(&r, NULL, "on", "metal", "--", "echo again");
    is_str(buf_text(&r.out), "again\n", "a dead connection is made anew");
    buf_free(&r.out);
    ASSAY(&r, NULL, "on", "metal", "--",
          "echo once >>once; kill -KILL $(cut -d' ' -f4 "
          "/proc/$PPID/stat); sleep 5");
    is_int(r.status.code, 255, "lost after the start: 255");
    buf_free(&r.out);
    ASSAY(&r, NULL, "on", "metal", "--", "cat once");
    is_str(buf_text(&r.out), "once\n", "and it was not run again");
    buf_free(&r.out);
}

static void
test_garbage(void)
{
    struct fault why = FAULT_INIT;
    struct result r;
    int fd = -1, i;

    for (i = 0; i < 50; i++) {
        if (!ctl_connect(ctl_path, &fd, &why))
            tap_bail("connect: %s", why.text);
        (void)!write(fd, "R\0\0\0\7{garbage", (size_t)(1 + i % 12));
        close(fd);
    }
    ASSAY(&r, NULL, "on", "metal", "--", "echo alive");
    is_str(buf_text(&r.out), "alive\n", "the job outlives bad clients");
    buf_free(&r.out);
}

/* Without a job: a host that was booted by hand. */
static void
test_alone(void)
{
    struct fault why = FAULT_INIT;
    char path[340];
    struct result r;
    int i;

    setenv("ASSAY_HOME", dir, 1);
    snprintf(ctl_env, sizeof(ctl_env), "ASSAY_CTL=");
    snprintf(path, sizeof(path), "%s/run/ssh/metal", dir);
    ASSAY(&r, NULL, "on", "metal", "--", "true");
    is_int(r.status.code, 255, "no job, no boot: 255");
    has_str(r.why.detail, "not in a job", "and said");
    has_str(r.why.detail, "--job", "with what to do");
    buf_free(&r.out);
    if (!ssh_target_save(path, &fix.target, &why))
        tap_bail("target: %s", why.text);
    ASSAY(&r, "x\n", "on", "metal", "--", "cat; exit 4");
    is_str(buf_text(&r.out), "x\n", "a booted host, no job: it connects");
    is_int(r.status.code, 4, "with its status");
    buf_free(&r.out);
    for (i = 0; i < 100 && has_process("assay ctl-serve"); i++)
        poll(NULL, 0, 20);
    ok(!has_process("assay ctl-serve .*ctl-"), "and its helper goes");
}

static void
test_latency(void)
{
    enum { COUNT = 20 };
    int64_t begin = clock_mono_ms(clock_system());
    struct result r;
    int i;

    for (i = 0; i < COUNT; i++) {
        ASSAY(&r, NULL, "on", "metal", "--", "true");
        buf_free(&r.out);
    }
    diag("assay on HOST -- true on an open connection: %.1f ms (process and "
         "all)",
         (double)(clock_mono_ms(clock_system()) - begin) / COUNT);
}

int
main(void)
{
    struct fault why = FAULT_INIT;

    signal(SIGPIPE, SIG_IGN);
    if (mkdtemp(dir) == NULL)
        tap_bail("mkdtemp");
    if (!sshfix_start(&fix, dir)) {
        sshfix_stop(&fix);
        (void)!fs_remove_tree(dir, &why);
        skip_all("no private mounts here");
    }
    start_server();
    test_on();
    test_long();
    test_copy();
    test_latency();
    test_killed_client();
    test_many();
    test_reconnect();
    test_garbage();
    test_alone();
    kill(server, SIGKILL);
    waitpid(server, NULL, 0);
    sshfix_stop(&fix);
    ok_fault(fs_remove_tree(dir, &why), &why, "clean");
    return tap_done();
}
