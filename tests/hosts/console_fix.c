/* tests/hosts/console_fix.c - see the header. */
#include <config.h>

#include "tests/hosts/console_fix.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness/arena.h"
#include "harness/clock.h"
#include "harness/fs.h"
#include "harness/home.h"
#include "harness/json.h"
#include "harness/proc.h"
#include "hosts/console_client.h"
#include "hosts/console_read.h"
#include "tests/tap.h"

static struct fault why;

static const char *
home(void)
{
    const char *path = NULL;

    if (!home_get(&path, &why))
        tap_bail("%s", why.text);
    return path;
}

void
console_fix_init(struct console_fix *fix, int consoles)
{
    struct buf list = BUF_INIT;
    char path[128];

    memset(fix, 0, sizeof(*fix));
    fix->out = -1;
    (void)signal(SIGPIPE, SIG_IGN);
    (void)snprintf(fix->dir, sizeof(fix->dir), "/tmp/console-test.XXXXXX");
    if (mkdtemp(fix->dir) == NULL)
        tap_bail("mkdtemp");
    (void)snprintf(path, sizeof(path), "%s/home", fix->dir);
    if (setenv("ASSAY_HOME", path, 1) != 0)
        tap_bail("setenv");
    buf_adds(&list, "consoles:\n");
    for (int i = 0; i < consoles; i++)
        buf_addf(&list, "  h%d: { driver: unix, mode: listen, path: "
                 "%s/h%d.sock }\n", i, fix->dir, i);
    console_fix_list(fix, buf_text(&list));
    buf_free(&list);
}

void
console_fix_list(struct console_fix *fix, const char *text)
{
    char path[128];

    (void)snprintf(path, sizeof(path), "%s/list.yaml", fix->dir);
    if (!fs_write_file(path, 0644, text, strlen(text), &why))
        tap_bail("%s", why.text);
}

void
console_fix_start(struct console_fix *fix, bool held,
                  const char *const *options)
{
    struct proc_spec spec = PROC_SPEC_INIT;
    struct arena arena = ARENA_INIT;
    char *program, list[128];
    const char *argv[16];
    int out[2] = { -1, -1 }, n = 0;

    if (!home_program(&arena, "assay-console", &program, &why))
        tap_bail("%s", why.text);
    (void)snprintf(list, sizeof(list), "%s/list.yaml", fix->dir);
    if (held)
        argv[n++] = arena_printf(&arena, "%s/tests/hosts/console-holder",
                                 getenv("ASSAY_TOP_BUILDDIR") != NULL
                                     ? getenv("ASSAY_TOP_BUILDDIR") : ".");
    argv[n++] = fix->program != NULL ? fix->program : program;
    argv[n++] = "--config";
    argv[n++] = list;
    for (int i = 0; options != NULL && options[i] != NULL; i++)
        argv[n++] = options[i];
    argv[n] = NULL;
    spec.argv = argv;
    spec.fds[2] = STDERR_FILENO;
    spec.die_with_parent = true;
    if (held) {
        if (pipe2(out, O_CLOEXEC) != 0)
            tap_bail("pipe");
        spec.fds[1] = out[1];
    }
    if (!proc_start(&spec, &fix->pid, &why))
        tap_bail("%s", why.text);
    fd_close(&out[1]);
    fix->out = out[0];
    console_client_close(console_fix_client());
    arena_free(&arena);
}

pid_t
console_fix_held_pid(struct console_fix *fix, int n)
{
    static struct buf said;
    const char *at;
    char piece[256];

    for (;;) {
        int left = n;

        for (at = strstr(buf_text(&said), "pid "); at != NULL && left > 0;
             left--)
            at = strstr(at + 4, "pid ");
        if (at != NULL && strchr(at, '\n') != NULL)
            return (pid_t)strtol(at + 4, NULL, 10);
        ssize_t got = read(fix->out, piece, sizeof(piece));

        if (got <= 0)
            tap_bail("the holder has gone");
        buf_add(&said, piece, (size_t)got);
    }
}

bool
console_fix_stop(struct console_fix *fix)
{
    int status = 0;
    bool ended;

    (void)kill(fix->pid, SIGTERM);
    ended = waitpid(fix->pid, &status, 0) == fix->pid;
    fix->pid = 0;
    fd_close(&fix->out);
    return ended && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

void
console_fix_end(struct console_fix *fix, bool keep)
{
    if (keep)
        diag("left in %s", fix->dir);
    else if (!fs_remove_tree(fix->dir, &why))
        diag("%s", why.text);
}

struct console_client *
console_fix_client(void)
{
    struct console_client *client = NULL;

    for (int i = 0; i < CONSOLE_FIX_WAIT_MS / 10; i++) {
        if (console_client_open(&client, &why))
            return client;
        (void)poll(NULL, 0, 10);
    }
    tap_bail("%s", why.text);
}

int
console_fix_machine(const struct console_fix *fix, const char *host)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    (void)snprintf(address.sun_path, sizeof(address.sun_path), "%s/%s.sock",
                   fix->dir, host);
    for (int i = 0; i < CONSOLE_FIX_WAIT_MS / 10; i++) {
        if (connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0)
            return fd;
        (void)poll(NULL, 0, 10);
    }
    tap_bail("connect to %s: %s", address.sun_path, strerror(errno));
}

int
console_fix_server(const char *path)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    (void)snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
    if (bind(fd, (struct sockaddr *)&address, sizeof(address)) != 0 ||
        listen(fd, 4) != 0)
        tap_bail("listen on %s: %s", path, strerror(errno));
    return fd;
}

void
console_fix_say(int machine, const void *data, size_t bytes)
{
    const char *at = data;

    while (bytes > 0) {
        ssize_t n = send(machine, at, bytes, MSG_NOSIGNAL);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            tap_bail("say: %s", strerror(errno));
        at += n;
        bytes -= (size_t)n;
    }
}

bool
console_fix_reached(const char *host, int64_t offset)
{
    struct console_client *client = console_fix_client();
    int64_t now = -1;

    for (int i = 0; i < CONSOLE_FIX_WAIT_MS / 10; i++) {
        if (!console_client_log_offset(client, host, &now, &why)) {
            /* It may have been killed under us. */
            console_client_close(client);
            client = console_fix_client();
        } else if (now >= offset) {
            break;
        }
        (void)poll(NULL, 0, 10);
    }
    console_client_close(client);
    if (now != offset)
        diag("the log of %s ends at %" PRId64 ", not at %" PRId64, host, now,
             offset);
    return now == offset;
}

bool
console_fix_state(const char *host, const char *state)
{
    struct console_client *client = console_fix_client();
    bool found = false;
    json_t *status;

    for (int i = 0; i < CONSOLE_FIX_WAIT_MS / 10 && !found; i++) {
        if (console_client_status(client, host, &status, &why)) {
            found = strcmp(json_text(status, "state"), state) == 0;
            json_decref(status);
        }
        if (!found)
            (void)poll(NULL, 0, 10);
    }
    console_client_close(client);
    return found;
}

void
console_fix_log(const char *host, struct buf *out)
{
    struct console_reader *reader;
    struct arena arena = ARENA_INIT;
    int64_t offset = 0, skipped;
    char data[65536];
    size_t got = 1;

    (void)home();
    buf_reset(out);
    reader = console_reader_new(home_path(&arena, "consoles/%s", host));
    while (got > 0) {
        if (!console_reader_get(reader, &offset, data, sizeof(data), &got,
                                &skipped, &why))
            tap_bail("%s", why.text);
        if (got > 0)
            buf_add(out, data, got);
        offset += (int64_t)got;
    }
    console_reader_free(reader);
    arena_free(&arena);
}

const char *
console_fix_text(const char *host, const char *name)
{
    static struct buf text;
    struct arena arena = ARENA_INIT;

    (void)home();
    buf_reset(&text);
    if (!fs_read_file(home_path(&arena, "consoles/%s/%s", host, name),
                      1 << 20, &text, &why))
        buf_adds(&text, "");
    arena_free(&arena);
    return buf_text(&text);
}

void
console_fix_noise(char *data, size_t bytes, uint32_t seed)
{
    uint32_t state = seed * 2654435761u + 1;

    for (size_t i = 0; i < bytes; i++) {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        data[i] = (char)(state & 0xff);
    }
}
