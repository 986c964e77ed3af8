/* tests/hosts/console-kill-test.c - SIGKILL of assay-console while machines
 * talk: with the descriptor store nothing is missing and nothing is there
 * twice. Also the stand-by. */
#include <config.h>

#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness/clock.h"
#include "harness/fs.h"
#include "harness/mem.h"
#include "harness/proc.h"
#include "hosts/console_client.h"
#include "tests/hosts/console_fix.h"
#include "tests/tap.h"

#define MACHINES 4
#define KILLS 40
#define STREAM_BYTES (12 << 20)

static struct console_fix fix;
static struct fault why;

/* Machine i counts: the bytes are numbered in words of eight, so that a byte
 * that is missing or there twice shows wherever it is. */
static void
fill(char *data, size_t bytes, int machine, uint64_t from)
{
    for (size_t i = 0; i < bytes; i++) {
        uint64_t word = (from + i) / 8 * 0x9e3779b97f4a7c15u +
                        (uint64_t)machine;

        data[i] = (char)(word >> 8 * ((from + i) % 8) & 0xff);
    }
}

/* In a process of its own: says the stream in pieces of many sizes, one byte
 * too, and leaves with the connection open until told. */
static pid_t
start_machine(int number, int fd)
{
    static char data[20000];
    uint64_t said = 0;
    size_t part;
    pid_t pid = fork();

    if (pid != 0)
        return pid;
    while (said < STREAM_BYTES) {
        part = said % 7 == 0 ? 1 + said * 31 % sizeof(data)
                             : 1 + said % 333;
        if (part > STREAM_BYTES - said)
            part = STREAM_BYTES - said;
        fill(data, part, number, said);
        console_fix_say(fd, data, part);
        said += part;
        if (said % 64 == 0)
            (void)poll(NULL, 0, 1);
    }
    for (;;)
        (void)pause();
}

static void
check_log(int number)
{
    char host[16], *want = xmalloc(STREAM_BYTES);
    struct buf out = BUF_INIT;
    size_t same = 0;

    (void)snprintf(host, sizeof(host), "h%d", number);
    fill(want, STREAM_BYTES, number, 0);
    ok(console_fix_reached(host, STREAM_BYTES), "all of %s was logged", host);
    console_fix_log(host, &out);
    while (same < out.len && same < STREAM_BYTES &&
           out.data[same] == want[same])
        same++;
    ok(same == STREAM_BYTES && out.len == STREAM_BYTES,
       "%s: %zu of %d bytes are the right ones, %zu in all", host, same,
       STREAM_BYTES, out.len);
    buf_free(&out);
    free(want);
}

static void
test_kill(void)
{
    static const char *const options[] = { "--file-bytes", "1000000", NULL };
    pid_t machines[MACHINES];
    char host[16], more[] = "goes on";
    int fds[MACHINES];

    console_fix_start(&fix, true, options);
    for (int i = 0; i < MACHINES; i++) {
        (void)snprintf(host, sizeof(host), "h%d", i);
        fds[i] = console_fix_machine(&fix, host);
        ok(console_fix_state(host, "up"), "%s is connected", host);
        machines[i] = start_machine(i, fds[i]);
    }
    for (int i = 0; i < KILLS; i++) {
        pid_t pid = console_fix_held_pid(&fix, i);

        /* At any moment: also while it starts. */
        (void)poll(NULL, 0, i * 7 % 60);
        (void)kill(pid, SIGKILL);
    }
    (void)console_fix_held_pid(&fix, KILLS);
    for (int i = 0; i < MACHINES; i++)
        check_log(i);
    for (int i = 0; i < MACHINES; i++) {
        (void)kill(machines[i], SIGKILL);
        (void)waitpid(machines[i], NULL, 0);
    }
    console_fix_say(fds[0], more, 7);
    ok(console_fix_reached("h0", STREAM_BYTES + 7),
       "the connections are still the first ones");
    has_str(console_fix_text("h0", "events"),
            "its connection was kept: nothing is missing",
            "the events tell of the kills");
    ok(strstr(console_fix_text("h0", "events"), "disconnected") == NULL,
       "and of no gap");
    for (int i = 0; i < MACHINES; i++)
        close(fds[i]);
    ok(console_fix_state("h3", "listening"), "the machines leave");
    close(console_fix_machine(&fix, "h3"));
    ok(console_fix_stop(&fix), "it ends well");
}

/* Without a store: what may be missing is said. */
static void
test_alone(void)
{
    struct proc_spec spec = PROC_SPEC_INIT;
    const char *argv[] = { "assay-console", "--standby", "--config", NULL,
                           NULL };
    char list[128];
    pid_t standby = 0, first;
    int machine;

    console_fix_start(&fix, false, NULL);
    first = fix.pid;
    machine = console_fix_machine(&fix, "h1");
    ok(console_fix_state("h1", "up"), "a machine is connected");
    (void)snprintf(list, sizeof(list), "%s/list.yaml", fix.dir);
    argv[3] = list;
    spec.argv = argv;
    spec.die_with_parent = true;
    if (!proc_start(&spec, &standby, &why))
        tap_bail("%s", why.text);
    (void)poll(NULL, 0, 300);
    is_int(waitpid(standby, NULL, WNOHANG), 0, "the stand-by waits");
    (void)kill(first, SIGKILL);
    (void)waitpid(first, NULL, 0);
    fix.pid = standby;
    close(machine);
    machine = console_fix_machine(&fix, "h1");
    ok(console_fix_state("h1", "up"), "it takes over");
    console_fix_say(machine, "again", 5);
    ok(console_fix_reached("h1", STREAM_BYTES + 5), "and logs on");
    has_str(console_fix_text("h1", "events"),
            "assay-console starts anew: what came while it was away is "
            "missing", "what may be missing is said");
    close(machine);
    ok(console_fix_stop(&fix), "it ends well");
}

int
main(void)
{
    console_fix_init(&fix, MACHINES);
    test_kill();
    test_alone();
    console_fix_end(&fix, tap.failed > 0);
    return tap_done();
}
