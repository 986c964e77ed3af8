/* tests/harness/ssh-session-test.c - ssh against a real server. */
#include <config.h>

#include "tests/tap.h"

#include <uv.h>
#include "harness/clock.h"
#include "harness/ssh_exec.h"
#include "harness/ssh_session.h"
#include "tests/sshfix.h"

/* One command and what came of it. */
struct run {
    struct ssh_exec *exec;
    struct buf out, err;
    struct ssh_end end;
    struct fault fault;
    bool started, done;
    int drained;
};

static uv_loop_t *loop;
static struct sshfix fix;
static int gone_count;
static struct fault gone_why;

static void
on_started(void *owner)
{
    ((struct run *)owner)->started = true;
}

static void
on_data(void *owner, int stream, const char *data, size_t bytes)
{
    struct run *run = owner;

    buf_add(stream == 1 ? &run->out : &run->err, data, bytes);
}

static void
on_drained(void *owner)
{
    ((struct run *)owner)->drained++;
}

static void
on_done(void *owner, const struct ssh_end *end)
{
    struct run *run = owner;

    run->done = true;
    run->end = *end;
    if (end->fault != NULL)
        run->fault = *end->fault;
}

static const struct ssh_exec_ops OPS = {
    .started = on_started, .data = on_data, .drained = on_drained,
    .done = on_done,
};

static void
on_gone(void *owner UNUSED, const struct fault *why)
{
    gone_count++;
    gone_why = *why;
}

static void
on_tick(uv_timer_t *timer UNUSED)
{
}

/* Runs the loop until *flag, at most 'limit_ms'. */
static bool
await(const bool *flag, int64_t limit_ms)
{
    int64_t until = clock_mono_ms(clock_system()) + limit_ms;
    uv_timer_t tick;

    uv_timer_init(loop, &tick);
    uv_timer_start(&tick, on_tick, 20, 20);
    while (!*flag && clock_mono_ms(clock_system()) < until)
        uv_run(loop, UV_RUN_ONCE);
    uv_close((uv_handle_t *)&tick, NULL);
    uv_run(loop, UV_RUN_NOWAIT);
    return *flag;
}

static struct ssh_session *
session_new(void)
{
    gone_count = 0;
    return ssh_session_new(loop, &fix.target, ssh_socket_plain, NULL, on_gone,
                           NULL);
}

static struct run *
start(struct ssh_session *session, const char *command)
{
    struct run *run = xcalloc(1, sizeof(*run));

    run->exec = ssh_exec_start(session, command, &OPS, run);
    return run;
}

static void
run_free(struct run *run)
{
    buf_free(&run->out);
    buf_free(&run->err);
    free(run);
}

static void
test_exec(struct ssh_session *session)
{
    struct run *run = start(session, "echo out; echo err >&2; cat; exit 7");

    ssh_exec_write(run->exec, "typed\n", 6);
    ssh_exec_end_input(run->exec);
    ok(await(&run->done, 20000), "a command ends");
    ok(ssh_session_is_up(session), "the session is up");
    is_str(buf_text(&run->out), "out\ntyped\n", "its output and input");
    is_str(buf_text(&run->err), "err\n", "its errors apart");
    ok(run->end.fault == NULL, "the transport did not fail");
    is_int(run->end.status, 7, "its status");
    ok(run->started && run->end.started, "it started");
    run_free(run);

    run = start(session, "true");
    ssh_exec_end_input(run->exec);
    await(&run->done, 5000);
    ok(run->end.fault == NULL && run->end.status == 0, "true is 0");
    run_free(run);
    run = start(session, "exit 255");
    ssh_exec_end_input(run->exec);
    await(&run->done, 5000);
    ok(run->end.fault != NULL || run->end.status == 255,
       "255 is no success");
    run_free(run);
    run = start(session, "kill -TERM $$");
    ssh_exec_end_input(run->exec);
    await(&run->done, 5000);
    is_int(run->end.status, 128 + SIGTERM, "a killed command is 128 + n");
    run_free(run);
    run = start(session, "echo 'unbalanced");
    ssh_exec_end_input(run->exec);
    await(&run->done, 5000);
    ok(run->end.fault == NULL && run->end.status != 0,
       "a syntax error is the command's own");
    run_free(run);
}

static void
test_kill_login_shell(struct ssh_session *session)
{
    struct run *run = start(session, "kill -KILL $PPID");

    ssh_exec_end_input(run->exec);
    await(&run->done, 5000);
    ok(run->end.fault != NULL || run->end.signal[0] != '\0',
       "a login shell that dies is no status (signal %s)", run->end.signal);
    run_free(run);
}

/* Many at once, with much in both directions. */
static void
test_parallel(struct ssh_session *session)
{
    enum { COUNT = 8, BYTES = 600000 };
    struct run *runs[COUNT];
    char *block = xmalloc(BYTES);
    bool all = true;
    size_t i, k;

    for (k = 0; k < BYTES; k++)
        block[k] = (char)('a' + k % 26);
    for (i = 0; i < COUNT; i++) {
        runs[i] = start(session, "cat; echo done >&2");
        ssh_exec_write(runs[i]->exec, block, BYTES);
        ssh_exec_end_input(runs[i]->exec);
    }
    for (i = 0; i < COUNT; i++) {
        all = await(&runs[i]->done, 30000) && all;
        all = all && runs[i]->out.len == BYTES &&
              memcmp(runs[i]->out.data, block, BYTES) == 0 &&
              strcmp(buf_text(&runs[i]->err), "done\n") == 0 &&
              runs[i]->end.status == 0 && runs[i]->end.fault == NULL &&
              runs[i]->drained == 1;
        run_free(runs[i]);
    }
    free(block);
    ok(all, "%d commands echo %d bytes each, at once", COUNT, BYTES);
}

/* A reader that stops reading holds back its own command only. */
static void
test_pause(struct ssh_session *session)
{
    struct run *flood = start(session, "head -c 20000000 /dev/zero"),
               *other;
    size_t before;

    ssh_exec_end_input(flood->exec);
    await(&flood->started, 5000);
    ssh_exec_pause(flood->exec, true);
    uv_run(loop, UV_RUN_NOWAIT);
    before = flood->out.len;
    other = start(session, "echo through");
    ssh_exec_end_input(other->exec);
    ok(await(&other->done, 5000), "another command goes on");
    is_str(buf_text(&other->out), "through\n", "with its output");
    is_int((int64_t)flood->out.len, (int64_t)before,
           "the paused one gets nothing");
    ok(!flood->done, "and waits");
    ssh_exec_pause(flood->exec, false);
    ok(await(&flood->done, 30000), "then it ends");
    is_int((int64_t)flood->out.len, 20000000, "nothing is lost");
    run_free(flood);
    run_free(other);
}

static bool
has_process(const char *part)
{
    struct buf out = BUF_INIT;
    struct fault why = FAULT_INIT;
    bool found = proc_run((const char *const[]){"pgrep", "-f", part, NULL},
                          NULL, 0, 5000, &out, &why);

    buf_free(&out);
    return found;
}

static void
test_cancel(struct ssh_session *session)
{
    struct run *run = start(session, "sleep 98765; echo survived >survivor"),
               *other;
    bool never = false;
    int i;

    await(&run->started, 5000);
    for (i = 0; i < 100 && !has_process("^sleep 98765"); i++)
        await(&never, 20);
    ok(has_process("^sleep 98765"), "the remote command runs");
    ssh_exec_cancel(run->exec);
    for (i = 0; i < 100 && has_process("^sleep 98765"); i++)
        await(&never, 50);
    ok(!has_process("98765"), "cancelled: its processes are killed");
    ok(!run->done, "and nobody is told");
    other = start(session, "test ! -e survivor");
    ssh_exec_end_input(other->exec);
    await(&other->done, 5000);
    is_int(other->end.status, 0, "nothing of it went on; the session lives");
    run_free(other);
    run_free(run);
}

/* The children of the listening server: one a connection. */
static void
kill_connections(void)
{
    struct buf out = BUF_INIT;
    struct fault why = FAULT_INIT;
    char pid[24];

    snprintf(pid, sizeof(pid), "%ld", (long)fix.pid);
    (void)!proc_run((const char *const[]){"pkill", "-KILL", "-P", pid, NULL},
                    NULL, 0, 5000, &out, &why);
    buf_free(&out);
}

/* The per-connection process of the server is killed under a command. */
static void
test_lost(struct ssh_session *session)
{
    struct run *run = start(session, "echo $PPID; sleep 30");
    bool gone = false;

    await(&run->started, 5000);
    while (strchr(buf_text(&run->out), '\n') == NULL)
        await(&gone, 20);
    kill_connections();
    ok(await(&run->done, 5000), "the end of the connection ends the command");
    ok(run->end.fault != NULL && run->end.started,
       "as a fault of the transport, after it started");
    has_str(run->fault.text, "ssh to 127.0.0.1", "which names the host");
    is_int(gone_count, 1, "the session says once that it is gone");
    ok(ssh_session_is_gone(session), "and is");
    run_free(run);
}

static void
test_idle_lost(void)
{
    struct ssh_session *session = session_new();
    struct run *run = start(session, "true");
    bool never = false;
    int i;

    ssh_exec_end_input(run->exec);
    await(&run->done, 10000);
    kill_connections();
    for (i = 0; i < 100 && gone_count == 0; i++)
        await(&never, 20);
    is_int(gone_count, 1, "an idle session notices that it is closed");
    ssh_session_free(session);
    run_free(run);
}

static void
test_refusals(void)
{
    struct ssh_target good = fix.target;
    struct ssh_session *session;
    struct run *run;
    char path[400];

    fix.target.hostkey = xstrdup(
        "ssh-ed25519 "
        "AAAAC3NzaC1lZDI1NTE5AAAAIAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
        " other");
    session = session_new();
    run = start(session, "echo never >intruder");
    ok(await(&run->done, 10000), "another host key ends it");
    ok(run->end.fault != NULL && !run->end.started, "before anything starts");
    has_str(run->fault.text, "another host key", "and says why");
    ssh_session_free(session);
    run_free(run);
    free(fix.target.hostkey);
    fix.target = good;

    snprintf(path, sizeof(path), "%s/hostkey", fix.dir);
    fix.target.key = path;      /* a file that is no key of ours */
    session = session_new();
    run = start(session, "true");
    ok(await(&run->done, 10000) && run->end.fault != NULL,
       "a wrong key is refused");
    has_str(run->fault.text, "log in", "and says so: %s", run->fault.text);
    ssh_session_free(session);
    run_free(run);
    fix.target = good;

    fix.target.port = sshfix_port();
    session = session_new();
    run = start(session, "true");
    ok(await(&run->done, 10000) && run->end.fault != NULL,
       "a port that nobody listens to");
    has_str(run->fault.text, "refused", "is told as refused");
    ssh_session_free(session);
    run_free(run);
    fix.target = good;
}

static void
test_latency(struct ssh_session *session)
{
    int64_t begin, sum = 0;
    struct run *run;
    int i;

    for (i = 0; i < 10; i++) {
        begin = clock_mono_ms(clock_system());
        run = start(session, "true");
        ssh_exec_end_input(run->exec);
        await(&run->done, 5000);
        sum += clock_mono_ms(clock_system()) - begin;
        run_free(run);
    }
    diag("a command on an open session: %" PRId64 ".%" PRId64 " ms",
         sum / 10, sum % 10);
}

int
main(void)
{
    char dir[] = "/tmp/assay-ssh-XXXXXX";
    struct ssh_session *session;
    struct fault why = FAULT_INIT;

    signal(SIGPIPE, SIG_IGN);
    loop = uv_default_loop();
    if (mkdtemp(dir) == NULL)
        tap_bail("mkdtemp");
    if (!sshfix_start(&fix, dir)) {
        sshfix_stop(&fix);
        (void)!fs_remove_tree(dir, &why);
        skip_all("no private mounts here");
    }
    session = session_new();
    test_exec(session);
    test_kill_login_shell(session);
    if (ssh_session_is_gone(session)) {
        ssh_session_free(session);
        session = session_new();
    }
    test_latency(session);
    test_parallel(session);
    test_pause(session);
    test_cancel(session);
    test_lost(session);
    ssh_session_free(session);
    test_idle_lost();
    test_refusals();
    uv_run(loop, UV_RUN_DEFAULT);
    ok(uv_loop_alive(loop) == 0, "nothing is left in the loop");
    sshfix_stop(&fix);
    ok_fault(fs_remove_tree(dir, &why), &why, "clean");
    return tap_done();
}
