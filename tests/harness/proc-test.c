/* tests/harness/proc-test.c - starting, ending and outliving programs. */
#include <config.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pwd.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness/arena.h"
#include "harness/buf.h"
#include "harness/clock.h"
#include "harness/fs.h"
#include "harness/proc.h"
#include "harness/signals.h"
#include "tests/tap.h"

static struct arena arena = ARENA_INIT;
static struct buf out = BUF_INIT;
static struct fault why;
static struct proc_status status;

static struct proc_spec
sh(const char *script)
{
    struct proc_spec spec = PROC_SPEC_INIT;
    const char **argv = arena_alloc(&arena, 4 * sizeof(*argv));

    argv[0] = "sh";
    argv[1] = "-c";
    argv[2] = script;
    spec.argv = argv;
    return spec;
}

static bool
run(const struct proc_spec *spec, const char *input, int64_t limit_ms)
{
    buf_reset(&out);
    why = (struct fault)FAULT_INIT;
    return proc_run_spec(spec, input, input != NULL ? strlen(input) : 0,
                         limit_ms, &out, &status, &why);
}

/* Waits on the condition, with a limit. */
static bool
is_gone(pid_t pid)
{
    int i;

    for (i = 0; i < 500 && proc_start_time(pid) != 0; i++)
        poll(NULL, 0, 10);
    return proc_start_time(pid) == 0;
}

static pid_t
pid_in(const struct buf *text)
{
    int64_t pid = 0;
    char line[32];

    snprintf(line, sizeof(line), "%.*s", (int)strcspn(buf_text(text), "\n"),
             buf_text(text));
    if (!parse_int64(line, 2, INT32_MAX, &pid))
        tap_bail("no pid in '%s'", buf_text(text));
    return (pid_t)pid;
}

static void
test_run(void)
{
    struct proc_spec spec = sh("cat; echo err >&2");

    ok_fault(run(&spec, "input", 20000), &why, "runs");
    is_str(buf_text(&out), "input", "input becomes output");
    ok(proc_status_ok(status), "status");
    spec = sh("exec head -c 3000000 /dev/zero | tr '\\0' x");
    ok_fault(run(&spec, NULL, 20000), &why, "much output");
    is_int((int64_t)out.len, 3000000, "all of it");
    spec = sh("true");
    {
        char *big = arena_alloc(&arena, 1 << 20);

        memset(big, 'x', (1 << 20) - 1);
        ok_fault(run(&spec, big, 20000), &why, "input that nobody reads");
    }
    spec = sh("echo o; echo one >&2; echo two >&2; exit 3");
    not_ok_fault(run(&spec, NULL, 20000), &why, FAULT_PEER,
                 "sh exited with status 3", "a failure");
    is_str(why.detail, "one\ntwo", "has its stderr");
    ok(status.end == PROC_END_EXIT && status.code == 3, "and its status");
    is_str(buf_text(&out), "o\n", "and its output");
    spec = sh("kill -SEGV $$");
    not_ok_fault(run(&spec, NULL, 20000), &why, FAULT_PEER,
                 "sh killed by SIGSEGV", "a signal");
    ok(status.end == PROC_END_SIGNAL && status.code == SIGSEGV, "which");
    spec = sh("head -c 100000 /dev/zero | tr '\\0' e >&2; echo end >&2; "
              "exit 1");
    ok(!run(&spec, NULL, 20000), "much stderr");
    is_str(why.detail + strlen(why.detail) - 4, "eend", "keeps its end");
}

static void
test_exec_failure(void)
{
    struct proc_spec spec = PROC_SPEC_INIT;
    const char *const none[] = { "no-such-program", "x", NULL };
    const char *const not_exec[] = { "/etc/passwd", NULL };
    pid_t pid = 7;

    spec.argv = none;
    not_ok_fault(proc_start(&spec, &pid, &why), &why, FAULT_SYSTEM,
                 "start no-such-program: No such file", "no such program");
    is_int(pid, 7, "and no child");
    ok(waitpid(-1, NULL, WNOHANG) < 0 && errno == ECHILD, "nor a zombie");
    spec.argv = not_exec;
    not_ok_fault(proc_start(&spec, &pid, &why), &why, FAULT_SYSTEM,
                 "start /etc/passwd: Permission denied", "no program");
    spec = sh("true");
    spec.cwd = "/no/such";
    not_ok_fault(proc_start(&spec, &pid, &why), &why, FAULT_SYSTEM,
                 "start sh in /no/such: No such file", "no such directory");
    not_ok_fault(run(&spec, NULL, 0), &why, FAULT_SYSTEM, "start sh in",
                 "also when run");
    is_int(status.end, PROC_END_NONE, "which is no verdict");
    ok(!proc_replace(none, &why), "replaced by nothing");
    has_str(why.text, "start no-such-program", "says so");
}

static void
test_surroundings(void)
{
    struct proc_spec spec = sh("echo $A $B; pwd; cat <&3; ls /proc/self/fd | "
                               "wc -l; trap");
    const char *const env[] = { "A=new", "B=b", NULL };
    int fd = open("/dev/zero", O_RDONLY), fds[2];   /* not CLOEXEC */

    setenv("A", "old", 1);
    if (fd < 0 || pipe(fds) != 0)
        tap_bail("descriptors");
    ok(write(fds[1], "three\n", 6) == 6, "a pipe");
    close(fds[1]);
    spec.env_add = env;
    spec.cwd = "/usr";
    spec.fds[3] = fds[0];
    signal(SIGPIPE, SIG_IGN);
    ok_fault(run(&spec, NULL, 20000), &why, "environment");
    /* 0 to 3, ls's own and the pipe's duplicate are at most 5 for ls. */
    is_str(buf_text(&out), "new b\n/usr\nthree\n5\n",
           "variables, directory, descriptors");
    close(fds[0]);
    close(fd);
    spec = sh("kill -PIPE $$");
    ok(!run(&spec, NULL, 20000) && status.code == SIGPIPE,
       "ignored signals are not inherited");
    spec = sh("[ -t 0 ] || readlink /proc/self/fd/0");
    ok_fault(run(&spec, NULL, 20000), &why, "without input");
    is_str(buf_text(&out), "/dev/null\n", "it is /dev/null");
    spec = sh("ps -o pgid= -p $$ | tr -d ' '; echo $$");
    if (access("/usr/bin/ps", X_OK) == 0 || access("/bin/ps", X_OK) == 0) {
        ok_fault(run(&spec, NULL, 20000), &why, "process group");
        has_str(buf_text(&out),
                arena_printf(&arena, "%d\n%d\n", (int)pid_in(&out),
                             (int)pid_in(&out)), "is its own");
    } else {
        skip("process group", "no ps");
    }
    if (geteuid() == 0 && getpwnam("nobody") != NULL) {
        spec = sh("id -un; echo $USER");
        spec.run_as = "nobody";
        ok_fault(run(&spec, NULL, 20000), &why, "as another user");
        is_str(buf_text(&out), "nobody\nnobody\n", "it is");
        spec.run_as = "no-such-user";
        not_ok_fault(run(&spec, NULL, 20000), &why, FAULT_SYSTEM,
                     "there is no user no-such-user", "as nobody at all");
    } else {
        skip("as another user", "not root");
    }
}

static void
test_leftover(void)
{
    struct proc_spec spec = sh("sleep 1000 & echo $!");
    int64_t began = clock_mono_ms(clock_system());

    ok_fault(run(&spec, NULL, 20000), &why, "a leader that leaves a child");
    ok(is_gone(pid_in(&out)), "the child is killed");
    ok(clock_mono_ms(clock_system()) - began < 10000,
       "its hold on the output is not waited for");
    spec = sh("trap '' TERM; sleep 1000 & echo $!; wait; wait");
    not_ok_fault(run(&spec, NULL, 2000), &why, FAULT_TIMEOUT, "not done in "
                 "2000 ms", "a limit, and TERM is ignored");
    is_int(status.end, PROC_END_NONE, "no verdict");
    ok(is_gone(pid_in(&out)), "all killed");
}

static void
test_stop_asked(void)
{
    struct proc_spec spec = sh("kill -INT $PPID; sleep 1000");
    pid_t pid = fork();
    int code = 0;

    if (pid == 0) {
        signals_catch();
        _exit(!run(&spec, NULL, 20000) && why.kind == FAULT_CANCELLED
                      && strcmp(why.text, "sh: stopped by SIGINT") == 0
                  ? 0 : 1);
    }
    ok(waitpid(pid, &code, 0) == pid && code == 0, "asked to stop");
}

static void
test_parent(void)
{
    int fds[2];
    pid_t parent;

    if (pipe(fds) != 0)
        tap_bail("pipe");
    parent = fork();
    if (parent == 0) {
        struct proc_spec spec = sh("exec sleep 1000");
        pid_t pid = 0;

        spec.die_with_parent = true;
        if (!proc_start(&spec, &pid, &why)
            || write(fds[1], &pid, sizeof(pid)) != sizeof(pid))
            _exit(1);
        kill(getpid(), SIGKILL);
        _exit(1);
    }
    {
        pid_t pid = 0;

        close(fds[1]);
        ok(read(fds[0], &pid, sizeof(pid)) == sizeof(pid), "a grandchild");
        close(fds[0]);
        ok(waitpid(parent, NULL, 0) == parent, "whose parent was killed");
        ok(pid > 0 && is_gone(pid), "dies with it");
    }
}

static void
test_group(void)
{
    struct proc_spec spec = sh("sleep 1000 & echo $! >&3; exit 0");
    struct proc_status end;
    char text[32] = "";
    uint64_t mine = proc_start_time(getpid());
    int64_t child = 0;
    pid_t pid = 0;
    int fds[2];

    ok(mine != 0 && mine == proc_start_time(getpid()), "a start time");
    is_int((int64_t)proc_start_time(0), 0, "of nobody");
    if (pipe(fds) != 0)
        tap_bail("pipe");
    spec.fds[3] = fds[1];
    ok_fault(proc_start(&spec, &pid, &why), &why, "a leader that ends");
    ok(read(fds[0], text, sizeof(text) - 1) > 0, "its child says");
    text[strcspn(text, "\n")] = '\0';
    ok(parse_int64(text, 2, INT32_MAX, &child), "who it is");
    while (waitpid(pid, NULL, 0) < 0)
        continue;
    ok(proc_start_time((pid_t)child) != 0, "and lives");
    proc_kill_group(pid);
    is_int((int64_t)proc_start_time((pid_t)child), 0, "until its group is "
           "killed");
    proc_kill_group(pid);
    ok(proc_poll_end(pid, &end) && end.end == PROC_END_NONE,
       "a pid that is not ours to reap has no verdict");
    close(fds[0]);
    close(fds[1]);
}

struct ending {
    struct proc proc;
    struct proc_status status;
    int calls;
    bool timed_out;
};

static void
on_end(struct proc *proc, void *owner, struct proc_status end)
{
    struct ending *ending = owner;

    ending->status = end;
    ending->timed_out = proc->timed_out;
    ending->calls++;
}

static void
spawn(uv_loop_t *loop, struct ending *ending, const char *script,
      int64_t limit_ms)
{
    struct proc_spec spec = sh(script);

    memset(ending, 0, sizeof(*ending));
    if (!proc_spawn(&ending->proc, loop, &spec, limit_ms, 200, on_end, ending,
                    &why))
        tap_bail("%s", why.text);
}

static void
test_loop(void)
{
    static struct ending many[30], one, two;
    struct proc_spec none = PROC_SPEC_INIT;
    const char *const argv[] = { "no-such-program", NULL };
    siginfo_t info;
    uv_loop_t loop;
    size_t i, right = 0;
    int64_t began;

    must(uv_loop_init(&loop) == 0);
    ok_fault(proc_watch_init(&loop, &why), &why, "watch");
    none.argv = argv;
    not_ok_fault(proc_spawn(&one.proc, &loop, &none, 0, 0, on_end, &one,
                            &why), &why, FAULT_SYSTEM, "no-such-program",
                 "a failed start");
    ok(!proc_is_active(&one.proc), "leaves it idle");
    uv_run(&loop, UV_RUN_DEFAULT);
    is_int(one.calls, 0, "and calls nobody");

    for (i = 0; i < ARRAY_LEN(many); i++)
        spawn(&loop, &many[i],
              arena_printf(&arena, "exit %zu", i), 60000);
    uv_run(&loop, UV_RUN_DEFAULT);
    for (i = 0; i < ARRAY_LEN(many); i++)
        right += many[i].calls == 1 && many[i].status.end == PROC_END_EXIT
            && many[i].status.code == (int)i
            && !proc_is_active(&many[i].proc);
    is_int((int64_t)right, ARRAY_LEN(many), "thirty ends, each its own");

    began = clock_mono_ms(clock_system());
    spawn(&loop, &one, "trap '' TERM; while :; do sleep 1000; done", 2000);
    spawn(&loop, &two, "exec sleep 1000", 100);
    uv_run(&loop, UV_RUN_DEFAULT);
    ok(one.timed_out && one.status.end == PROC_END_SIGNAL
           && one.status.code == SIGKILL, "deadline, grace, KILL");
    ok(two.timed_out && two.status.code == SIGTERM, "deadline, TERM");
    ok(clock_mono_ms(clock_system()) - began < 10000, "at once");

    spawn(&loop, &one, "kill -STOP $$", 0);
    spawn(&loop, &two,
          arena_printf(&arena, "trap 'exit 9' TERM; : >%s/ready; "
                       "while :; do sleep 0.01; done", tap_dir()), 0);
    ok(waitid(P_PID, (id_t)one.proc.pid, &info, WSTOPPED | WNOWAIT) == 0,
       "one has stopped");
    for (i = 0; i < 2000
         && !fs_exists(arena_printf(&arena, "%s/ready", tap_dir())); i++)
        poll(NULL, 0, 10);
    proc_stop(&one.proc);
    proc_stop(&one.proc);
    proc_stop(&two.proc);
    uv_run(&loop, UV_RUN_DEFAULT);
    ok(one.status.code == SIGTERM && !one.timed_out && one.calls == 1,
       "a stopped process can be stopped");
    is_int(two.status.code, 9, "one that ends well says so");
    proc_stop(&two.proc);
    is_int(two.calls, 1, "stop of an idle one does nothing");
    proc_watch_fini(&loop);
    uv_run(&loop, UV_RUN_DEFAULT);
    is_int(uv_loop_close(&loop), 0, "nothing is left in the loop");
}

static void
test_texts(void)
{
    char text[64];

    proc_status_text((struct proc_status){ PROC_END_NONE, 0 }, text);
    is_str(text, "has not ended", "no verdict");
    memset(&status, 0, sizeof(status));
    ok(!proc_status_ok(status), "a zeroed status is no success");
    proc_status_text((struct proc_status){ PROC_END_SIGNAL, 9 }, text);
    is_str(text, "killed by SIGKILL", "signal");
    proc_status_text((struct proc_status){ PROC_END_SIGNAL, 35 }, text);
    is_str(text, "killed by signal 35", "a nameless one");
}

int
main(void)
{
    setenv("PATH", "/usr/bin:/bin", 1);     /* root's is not for all to read */
    test_exec_failure();        /* first: it wants no other children */
    test_run();
    test_surroundings();
    test_leftover();
    test_stop_asked();
    test_parent();
    test_group();
    test_loop();
    test_texts();
    buf_free(&out);
    arena_free(&arena);
    return tap_done();
}
