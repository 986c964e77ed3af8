/* tests/hosts/console-net-test.c - the same conformance over all drivers of
 * consoles, those on the network each through the real server: ser2net on a
 * pseudo-terminal, conserver, dropbear, and ipmi_sim for serial over LAN. In
 * the same assay-console are consoles whose servers, or whose helper for
 * libvirt, are broken. */
#include <config.h>

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <termios.h>
#include <unistd.h>

#include "harness/arena.h"
#include "harness/buf.h"
#include "harness/clock.h"
#include "harness/fs.h"
#include "harness/home.h"
#include "harness/json.h"
#include "harness/proc.h"
#include "harness/signals.h"
#include "hosts/console_client.h"
#include "tests/hosts/console_fix.h"
#include "tests/hosts/net_fix.h"
#include "tests/sshfix.h"
#include "tests/tap.h"

#define PASSWORD "s3cr3t-right"
#define WRONG "s3cr3t-wrong"
#define NOISE_BYTES 3000
#define FAULT_SPEED 19200
#define NOTICE_MS 300

/* A console whose machine is this test. */
struct line {
    const char *name;           /* of the driver and of the host */
    int in, out;                /* from the machine's side; -1: not here */
    bool keeps;                 /* what is said while nobody is connected */
    const char *lock;           /* held by who reads it for us; NULL: the
                                 * server itself does */
    /* NULL: a relay carries it. Or: the machine's next connection. */
    int (*connect)(void);
    struct buf said;            /* all that the log must have */
};

static int unix_connect(void), libvirt_connect(void);

enum { TELNET, CONSERVER, SSH, SOL, UNIX, LIBVIRT, LINE_COUNT };
static struct line lines[LINE_COUNT] = {
    [TELNET] = { "telnet", -1, -1, true, NULL, NULL, BUF_INIT },
    [CONSERVER] = { "conserver", -1, -1, true, NULL, NULL, BUF_INIT },
    [SSH] = { "ssh", -1, -1, true, NULL, NULL, BUF_INIT },
    [SOL] = { "ipmi-sol", -1, -1, false, NULL, NULL, BUF_INIT },
    [UNIX] = { "unix", -1, -1, true, NULL, unix_connect, BUF_INIT },
    [LIBVIRT] = { "libvirt", -1, -1, true, NULL, libvirt_connect, BUF_INIT },
};

static struct console_fix fix;
static struct arena arena = ARENA_INIT;
static struct buf list = BUF_INIT;
static struct sshfix ssh;
static struct fault why;
static pid_t pids[32];
static size_t pid_count;
static int pty_slave = -1, conserver_port, sol_port, listening = -1;
static int unix_server = -1;

static const char *
put(const char *name, mode_t mode, const char *text)
{
    const char *path = arena_printf(&arena, "%s/%s", fix.dir, name);

    if (!fs_write_file(path, mode, text, strlen(text), &why))
        tap_bail("%s", why.text);
    return path;
}

static void
spawn(const char *const argv[], const char *log)
{
    pids[pid_count++] = net_fix_spawn(argv, arena_printf(&arena, "%s/%s",
                                                         fix.dir, log));
}

/* The servers ------------------------------------------------------------- */

static void
start_telnet(void)
{
    const char *conf;
    struct termios raw;
    int port, master;
    char *name;

    if (!net_fix_has("ser2net"))
        return;
    master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK);
    name = master < 0 || grantpt(master) != 0 || unlockpt(master) != 0
        ? NULL : ptsname(master);
    if (name == NULL)
        tap_bail("no pseudo-terminal");
    /* Held open: a cable stays plugged in when the server lets go. */
    pty_slave = open(name, O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (pty_slave < 0 || tcgetattr(pty_slave, &raw) != 0)
        tap_bail("open %s", name);
    cfmakeraw(&raw);
    (void)tcsetattr(pty_slave, TCSANOW, &raw);
    port = net_fix_port(true);
    conf = put("ser2net.yaml", 0644, arena_printf(&arena,
        "%%YAML 1.1\n---\n"
        "connection: &c\n"
        "  accepter: telnet(rfc2217=true),tcp,127.0.0.1,%d\n"
        "  connector: serialdev(nouucplock=true),%s,9600n81,local\n",
        port, name));
    spawn((const char *[]){ "/usr/sbin/ser2net", "-n", "-c", conf, "-u",
                            NULL }, "ser2net.log");
    if (!net_fix_wait(port))
        tap_bail("no ser2net, see %s/ser2net.log", fix.dir);
    lines[TELNET].in = lines[TELNET].out = master;
    buf_addf(&list, "  telnet: { driver: telnet, address: \"127.0.0.1:%d\","
             " speed: \"%d\", line: 8n1 }\n", port, FAULT_SPEED);
}

/* As root it would ask for more than it needs here. */
static void
spawn_conserver(const char *conf, const char *port, const char *second)
{
    const char *argv[] = { "setpriv", "--reuid=65534", "--regid=65534",
                           "--clear-groups", "conserver", "-C", conf, "-p",
                           port, "-b", second, "-M", "127.0.0.1", "-n",
                           NULL };

    spawn(geteuid() == 0 ? argv : argv + 4, "conserver.log");
}

static int
accept_within(int fd, int ms)
{
    struct pollfd wait = { .fd = fd, .events = POLLIN };

    return poll(&wait, 1, ms) == 1
        ? accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK) : -1;
}

static void
start_conserver(void)
{
    const char *conf, *path;
    struct buf hash = BUF_INIT;
    int fd, second;

    if (!net_fix_has("conserver") || !net_fix_has("openssl"))
        return;
    if (!proc_run((const char *[]){ "openssl", "passwd", "-6", PASSWORD,
                                    NULL }, NULL, 0, 10000, &hash, &why))
        tap_bail("%s", why.text);
    (void)put("conserver.passwd", 0644,
              arena_printf(&arena, "assay:%s", buf_text(&hash)));
    buf_free(&hash);
    path = arena_printf(&arena, "%s/uds", fix.dir);
    fd = console_fix_server(path);
    if (chmod(fix.dir, 0777) != 0 || chmod(path, 0777) != 0)
        tap_bail("chmod");
    conserver_port = net_fix_port(true);
    second = net_fix_port(true);
    conf = put("conserver.cf", 0644, arena_printf(&arena,
        "config * { passwdfile %s/conserver.passwd; sslrequired no; }\n"
        "access * { allowed 127.0.0.1; }\n"
        "default full { rw *; }\n"
        "console c0 { master localhost; include full; type uds; uds %s;"
        " logfile %s/c0.log; }\n", fix.dir, path, fix.dir));
    spawn_conserver(conf, arena_printf(&arena, "%d", conserver_port),
                    arena_printf(&arena, "%d", second));
    lines[CONSERVER].in = lines[CONSERVER].out = accept_within(fd, 10000);
    if (lines[CONSERVER].in < 0 || !net_fix_wait(conserver_port))
        tap_bail("no conserver, see %s/conserver.log", fix.dir);
    fd_close(&fd);
    buf_addf(&list, "  conserver: { driver: conserver, address:"
             " \"127.0.0.1:%d\", console: c0, user: assay, password_file:"
             " %s/right }\n", conserver_port, fix.dir);
}

/* Its console is a command with a terminal; the machine behind it are two
 * pipes that keep what nobody reads. */
static void
start_ssh(void)
{
    const char *out, *in, *dir = arena_printf(&arena, "%s/ssh", fix.dir);

    /* An ordinary user has no uid in the name space of the fixture, and
     * dropbear lets nobody in but who runs it. */
    if (geteuid() != 0 || !net_fix_has("dropbear")
        || !fs_mkdirs(dir, 0755, &why)
        || !sshfix_start(&ssh, dir))
        return;
    out = arena_printf(&arena, "%s/fifo-out", fix.dir);
    in = arena_printf(&arena, "%s/fifo-in", fix.dir);
    if (mkfifo(out, 0600) != 0 || mkfifo(in, 0600) != 0)
        tap_bail("mkfifo");
    lines[SSH].lock = arena_printf(&arena, "%s/reader", fix.dir);
    lines[SSH].out = open(out, O_RDWR | O_CLOEXEC | O_NONBLOCK);
    lines[SSH].in = open(in, O_RDWR | O_CLOEXEC | O_NONBLOCK);
    buf_addf(&list, "  ssh: { driver: ssh, address: \"127.0.0.1:%d\","
             " user: %s, key_file: %s, host_key: \"%s\", command:"
             " \"stty raw -echo; flock %s cat %s & exec cat >%s\" }\n",
             ssh.target.port, ssh.target.user, ssh.target.key,
             ssh.target.hostkey, lines[SSH].lock, out, in);
    /* Wrong key of the host: a stranger in its place. */
    buf_addf(&list, "  ssh-stranger: { driver: ssh, address:"
             " \"127.0.0.1:%d\", user: %s, key_file: %s, host_key:"
             " \"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGh1bW1pbmdiaXJk\" }\n",
             ssh.target.port, ssh.target.user, ssh.target.key);
    buf_addf(&list, "  ssh-password: { driver: ssh, address:"
             " \"127.0.0.1:%d\", user: %s, password_file: %s/wrong,"
             " host_key: \"%s\" }\n",
             ssh.target.port, ssh.target.user, fix.dir, ssh.target.hostkey);
}

static void
start_sol(void)
{
    struct sockaddr_in at = { .sin_family = AF_INET,
                              .sin_addr = { htonl(INADDR_LOOPBACK) } };
    const char *lan, *sim;
    int serial = net_fix_port(true), one = 1;

#ifndef HAVE_FREEIPMI
    return;
#endif
    if (!net_fix_has("ipmi_sim"))
        return;
    sol_port = net_fix_low_port();
    at.sin_port = htons((uint16_t)serial);
    listening = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    (void)setsockopt(listening, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
    if (bind(listening, (struct sockaddr *)&at, sizeof(at)) != 0
        || listen(listening, 4) != 0)
        tap_bail("listen");
    lan = put("lan.conf", 0644, arena_printf(&arena,
        "name \"assay\"\nset_working_mc 0x20\nstartlan 1\n"
        "addr 127.0.0.1 %d\npriv_limit admin\n"
        "allowed_auths_admin none md2 md5 straight\n"
        "guid a123456789abcdefa123456789abcdef\nendlan\n"
        "sol \"tcp:127.0.0.1:%d\" 115200\n"
        "user 1 true \"\" \"none\" user 10 none md2 md5 straight\n"
        "user 2 true \"assay\" \"" PASSWORD "\" admin 10 none md2 md5"
        " straight\n", sol_port, serial));
    sim = put("sim.emu", 0644,
        "mc_setbmc 0x20\n"
        "mc_add 0x20 0 no-device-sdrs 0x23 9 8 0x9f 0x1291 0xf02\n"
        "sel_enable 0x20 1000 0x0a\nmc_enable 0x20\n");
    (void)mkdir(arena_printf(&arena, "%s/ipmi-state", fix.dir), 0755);
    spawn((const char *[]){ "ipmi_sim", "-n", "-c", lan, "-f", sim, "-s",
              arena_printf(&arena, "%s/ipmi-state", fix.dir), NULL },
          "ipmi.log");
    lines[SOL].in = lines[SOL].out = accept_within(listening, 10000);
    if (lines[SOL].in < 0)
        tap_bail("no ipmi_sim, see %s/ipmi.log", fix.dir);
    buf_addf(&list, "  ipmi-sol: { driver: ipmi-sol, address:"
             " \"127.0.0.1:%d\", user: assay, password_file: %s/right,"
             " privilege: admin, workaround:"
             " \"opensesspriv,solchannelsupport,solpayloadsize\" }\n", sol_port,
             fix.dir);
    buf_addf(&list, "  sol-password: { driver: ipmi-sol, address:"
             " \"127.0.0.1:%d\", user: assay, password_file: %s/wrong,"
             " privilege: admin, workaround:"
             " \"opensesspriv,solchannelsupport,solpayloadsize\" }\n", sol_port,
             fix.dir);
}

/* assay-console connects to the machine. */
static int
unix_connect(void)
{
    return accept_within(unix_server, CONSOLE_FIX_WAIT_MS);
}

/* A lab's machine connects to assay-console. */
static int
connect_to(const char *console)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    (void)snprintf(address.sun_path, sizeof(address.sun_path),
                   "%s/home/run/console/%s.sock", fix.dir, console);
    for (int i = 0; i < CONSOLE_FIX_WAIT_MS / 10; i++) {
        if (connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0)
            return fd;
        signals_pause_ms(10);
    }
    tap_bail("connect to %s: %s", address.sun_path, strerror(errno));
}

static int
libvirt_connect(void)
{
    return connect_to("libvirt");
}

static void
copy_program(const char *name)
{
    const char *to = arena_printf(&arena, "%s/bin/%s", fix.dir, name);
    char *from;

    if (!home_program(&arena, name, &from, &why)
        || !fs_copy_file(from, to, 0755, &why))
        tap_bail("%s", why.text);
    fix.program = to;
}

/* The helper that asks libvirt is one that fails in the way of the domain's
 * name: it is looked for beside assay-console. */
static void
start_local(void)
{
    const char *path = arena_printf(&arena, "%s/unix.sock", fix.dir);
    static const char *const domains[] = { "refused", "garbage", "half",
                                           "silent" };
    struct sockaddr_un nobody = { .sun_family = AF_UNIX };
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (!fs_mkdirs(arena_printf(&arena, "%s/bin", fix.dir), 0755, &why))
        tap_bail("%s", why.text);
    copy_program("assay-relay");
    copy_program("assay-console");
    (void)put("bin/assay-virt", 0755, arena_printf(&arena,
        "#!/bin/sh\n"
        "case $2 in\n"
        "good) echo '{\"type\": \"unix\", \"mode\": \"connect\","
        " \"path\": \"%s/home/run/console/libvirt.sock\"}';;\n"
        "garbage) head -c 500 /dev/urandom;;\n"
        "half) printf '{\"type\": \"unix\", \"mo';;\n"
        "silent) exec sleep 600;;\n"
        "*) exit 75;;\n"
        "esac\n", fix.dir));
    unix_server = console_fix_server(path);
    buf_addf(&list, "  unix: { driver: unix, path: %s }\n"
             "  libvirt: { driver: libvirt, domain: good }\n", path);
    for (size_t i = 0; i < ARRAY_LEN(domains); i++)
        buf_addf(&list, "  libvirt-%s: { driver: libvirt, domain: %s }\n",
                 domains[i], domains[i]);
    /* A socket whose process is gone. */
    (void)snprintf(nobody.sun_path, sizeof(nobody.sun_path), "%s/gone.sock",
                   fix.dir);
    if (bind(fd, (struct sockaddr *)&nobody, sizeof(nobody)) != 0)
        tap_bail("bind");
    fd_close(&fd);
    buf_addf(&list, "  unix-refused: { driver: unix, path: %s }\n",
             nobody.sun_path);
}

/* Consoles that will never come up. */
static void
start_broken(void)
{
    int port;

    for (int i = 0; i < NET_FAULT_COUNT; i++) {
        enum net_fault fault = (enum net_fault)i;
        const char *name = net_fault_name(fault);

        pids[pid_count++] = net_fix_start(fault, true, conserver_port,
                                          &port);
        buf_addf(&list, "  conserver-%s: { driver: conserver, address:"
                 " \"127.0.0.1:%d\", console: c0, user: assay,"
                 " password_file: %s/right }\n", name, port, fix.dir);
        buf_addf(&list, "  ssh-%s: { driver: ssh, address:"
                 " \"127.0.0.1:%d\", user: root, password_file: %s/right,"
                 " host_key: \"ssh-ed25519 AAAA\" }\n", name, port, fix.dir);
        buf_addf(&list, "  telnet-%s: { driver: telnet, address:"
                 " \"127.0.0.1:%d\", speed: \"9600\" }\n", name, port);
        pids[pid_count++] = net_fix_start(fault, false, sol_port, &port);
        buf_addf(&list, "  sol-%s: { driver: ipmi-sol, address:"
                 " \"127.0.0.1:%d\", user: assay, password_file: %s/right,"
                 " privilege: admin }\n", name, port, fix.dir);
    }
    buf_addf(&list, "  conserver-password: { driver: conserver, address:"
             " \"127.0.0.1:%d\", console: c0, user: assay, password_file:"
             " %s/wrong }\n", conserver_port, fix.dir);
    buf_addf(&list, "  conserver-unknown: { driver: conserver, address:"
             " \"127.0.0.1:%d\", console: c7, user: assay, password_file:"
             " %s/right }\n", conserver_port, fix.dir);
}

/* A machine --------------------------------------------------------------- */

static void
machine_says(struct line *line, const void *data, size_t bytes)
{
    const char *at = data;
    size_t left = bytes;

    while (left > 0) {
        struct pollfd wait = { .fd = line->out, .events = POLLOUT };
        ssize_t n = write(line->out, at, left);

        if (n > 0) {
            at += n;
            left -= (size_t)n;
        } else if (poll(&wait, 1, CONSOLE_FIX_WAIT_MS) != 1) {
            tap_bail("%s: the machine cannot speak", line->name);
        }
    }
    buf_add(&line->said, data, bytes);
}

static void
machine_hears(struct line *line, size_t bytes, struct buf *out)
{
    char data[4096];

    buf_reset(out);
    while (out->len < bytes) {
        struct pollfd wait = { .fd = line->in, .events = POLLIN };
        ssize_t n;

        if (poll(&wait, 1, 5000) != 1)
            break;
        n = read(line->in, data, sizeof(data));
        if (n > 0)
            buf_add(out, data, (size_t)n);
        else if (n == 0 || errno != EAGAIN)
            break;
    }
}

/* The log has, byte for byte, what was said. */
static void
log_is_whole(struct line *line, const char *when)
{
    struct buf log = BUF_INIT;
    size_t same = 0;

    (void)console_fix_reached(line->name, (int64_t)line->said.len);
    console_fix_log(line->name, &log);
    while (same < log.len && same < line->said.len
           && log.data[same] == line->said.data[same])
        same++;
    ok(log.len == line->said.len && same == log.len,
       "%s: %s, every byte is in the log", line->name, when);
    if (log.len != line->said.len || same != log.len)
        diag("log %zu bytes, said %zu, the same up to %zu", log.len,
             line->said.len, same);
    buf_free(&log);
}

static int64_t
status_int(const char *host, const char *key)
{
    struct console_client *client = console_fix_client();
    json_t *status = NULL;
    int64_t value;

    if (!console_client_status(client, host, &status, &why))
        tap_bail("%s", why.text);
    value = json_int(status, key, -1);
    json_decref(status);
    console_client_close(client);
    return value;
}

/* Why a console is not up; in 'out'. Waits until there is a reason. */
static void
status_why(const char *host, char out[static 400])
{
    out[0] = '\0';
    for (int i = 0; i < 1000 && out[0] == '\0'; i++) {
        struct console_client *client = console_fix_client();
        json_t *status = NULL;
        const char *text;

        if (!console_client_status(client, host, &status, &why))
            tap_bail("%s", why.text);
        text = json_text(status, "why");
        (void)snprintf(out, 400, "%s", text == NULL ? "" : text);
        json_decref(status);
        console_client_close(client);
        if (out[0] == '\0')
            signals_pause_ms(20);
    }
}

/* What an attached client has read, up to 'bytes'. */
static void
read_client(struct console_client *client, size_t bytes, struct buf *out)
{
    enum console_event event = CONSOLE_EVENT_DATA;
    const char *data;
    size_t got;

    buf_reset(out);
    while (out->len < bytes) {
        if (!console_client_read(client, 5000, &event, &data, &got, &why))
            tap_bail("%s", why.text);
        if (event == CONSOLE_EVENT_NONE)
            break;
        if (event == CONSOLE_EVENT_DATA)
            buf_add(out, data, got);
    }
}

static void
check_readers(struct line *line)
{
    static const char text[] = "said to both\r\n";
    struct console_client *a = console_fix_client();
    struct console_client *b = console_fix_client();
    struct console_attach reads = { .host = line->name };
    struct console_attach writes = { .host = line->name, .write = true,
                                     .who = "somebody" };
    struct buf out = BUF_INIT;
    char noise[NOISE_BYTES];

    ok_fault(console_client_attach(a, &writes, NULL, &why), &why,
             "%s: one reads and writes", line->name);
    not_ok_fault(console_client_attach(b, &writes, NULL, &why), &why,
                 FAULT_CONFLICT, "is typing on the console",
                 "%s: no second one writes", line->name);
    console_client_close(b);
    b = console_fix_client();
    ok_fault(console_client_attach(b, &reads, NULL, &why), &why,
             "%s: but a second one reads", line->name);
    machine_says(line, text, strlen(text));
    read_client(a, strlen(text), &out);
    is_str(buf_text(&out), text, "%s: the first reads", line->name);
    read_client(b, strlen(text), &out);
    is_str(buf_text(&out), text, "%s: the second reads", line->name);
    console_fix_noise(noise, sizeof(noise), 7);
    ok_fault(console_client_write(a, noise, sizeof(noise), &why), &why,
             "%s: types bytes of all values", line->name);
    machine_hears(line, sizeof(noise), &out);
    ok(out.len == sizeof(noise) && memcmp(out.data, noise, out.len) == 0,
       "%s: the machine hears them all (%zu)", line->name, out.len);
    buf_free(&out);
    console_client_close(a);
    console_client_close(b);
}

/* All that was said before the connection ended is read, though nobody read at
 * that time; and on the next one it goes on. */
static void
check_again_local(struct line *line)
{
    static const char away[] = "said while nobody read\r\npart";
    static const char after[] = " of a line\r\nand after\r\n";

    (void)kill(console_fix_held_pid(&fix, 0), SIGSTOP);
    machine_says(line, away, strlen(away));
    fd_close(&line->out);
    (void)kill(console_fix_held_pid(&fix, 0), SIGCONT);
    line->in = line->out = line->connect();
    machine_says(line, after, strlen(after));
    log_is_whole(line, "after a break");
    ok(console_fix_state(line->name, "up"), "%s: it is up again",
       line->name);
}

/* A command on the far side may outlive its connection for a while, and would
 * take with it what is said meanwhile. */
static void
await_nobody_reads(const struct line *line)
{
    int fd, left = CONSOLE_FIX_WAIT_MS;

    if (line->lock == NULL)
        return;
    fd = open(line->lock, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        tap_bail("open %s", line->lock);
    for (; flock(fd, LOCK_EX | LOCK_NB) != 0; left -= 10) {
        if (left <= 0)
            tap_bail("%s: its last reader goes on", line->name);
        signals_pause_ms(10);
    }
    close(fd);
}

static void
check_again_relay(struct line *line)
{
    static const char away[] = "said while nobody was connected\r\npart";
    static const char after[] = " of a line\r\nand after\r\n";
    int64_t pid = status_int(line->name, "relay");

    ok(pid > 0, "%s: a process carries it", line->name);
    /* The server has the time to notice, since we stand still. */
    if (pid > 0)
        (void)kill((pid_t)pid, SIGTERM);
    (void)kill(console_fix_held_pid(&fix, 0), SIGSTOP);
    signals_pause_ms(NOTICE_MS);
    await_nobody_reads(line);
    if (line->keeps)
        machine_says(line, away, strlen(away));
    (void)kill(console_fix_held_pid(&fix, 0), SIGCONT);
    ok(console_fix_state(line->name, "listening"),
       "%s: the connection breaks", line->name);
    ok(console_fix_state(line->name, "up"), "%s: and is made again",
       line->name);
    machine_says(line, after, strlen(after));
    log_is_whole(line, "after a break");
}

static void
check_speed(void)
{
    struct termios tio;

    if (tcgetattr(pty_slave, &tio) != 0)
        tap_bail("tcgetattr");
    ok(cfgetispeed(&tio) == B19200,
       "telnet: the speed was set on the serial line, by RFC 2217");
}

static void
check_line(struct line *line)
{
    static const char first[] = "first words\r\n";
    char noise[NOISE_BYTES];

    if (line->in < 0) {
        diag("%s: not tried, its server is not here", line->name);
        return;
    }
    ok(console_fix_state(line->name, "up"), "%s: is connected", line->name);
    machine_says(line, first, strlen(first));
    log_is_whole(line, "at first");
    if (line == &lines[TELNET])
        check_speed();
    console_fix_noise(noise, sizeof(noise), 3);
    machine_says(line, noise, sizeof(noise));
    log_is_whole(line, "with bytes of all values");
    check_readers(line);
    if (line->connect != NULL)
        check_again_local(line);
    else
        check_again_relay(line);
}

static void
check_why(const char *host, const char *says)
{
    struct console_client *client;
    json_t *status = NULL;
    char text[400];

    client = console_fix_client();
    if (!console_client_status(client, host, &status, &why)) {
        console_client_close(client);
        return;                 /* its server is not here */
    }
    json_decref(status);
    console_client_close(client);
    status_why(host, text);
    has_str(text, says, "%s: says why", host);
    ok(strstr(text, "s3cr3t") == NULL, "%s: and no password", host);
}

/* It is not up, and nobody has said anything. */
static void
check_nothing(const char *driver, const char *fault)
{
    const char *host = arena_printf(&arena, "%s-%s", driver, fault);
    struct console_client *client = console_fix_client();
    json_t *status = NULL;

    if (console_client_status(client, host, &status, &why)) {
        ok(strcmp(json_text(status, "state"), "up") != 0,
           "%s: is not connected", host);
        is_int(json_int(status, "offset", -1), 0, "%s: no byte is made up",
               host);
    } else {
        ok(false, "%s", why.text);
    }
    json_decref(status);
    console_client_close(client);
}

/* The machine of a domain of which nothing is known is heard all the same. */
static void
check_broken_helper(const char *host)
{
    static const char text[] = "here I am\r\n";
    int fd = connect_to(host);

    console_fix_say(fd, text, strlen(text));
    ok(console_fix_reached(host, (int64_t)strlen(text)),
       "%s: its machine is heard", host);
    fd_close(&fd);
}

static void
check_broken(void)
{
    static const char *const drivers[] = { "conserver", "ssh", "sol" };

    for (size_t i = 0; i < ARRAY_LEN(drivers); i++)
        for (int k = 0; k < NET_FAULT_COUNT; k++)
            check_nothing(drivers[i], net_fault_name((enum net_fault)k));
    check_nothing("unix", "refused");
    check_why("unix-refused", "Connection refused");
    check_broken_helper("libvirt-refused");
    check_broken_helper("libvirt-garbage");
    check_broken_helper("libvirt-half");
    check_broken_helper("libvirt-silent");
    check_nothing("telnet", "refused");
    check_why("telnet-refused", "Connection refused");
    check_why("telnet-garbage", "closed");
    check_why("telnet-half", "closed");
    /* As a quiet machine: a server of plain telnet says nothing either. */
    ok(console_fix_state("telnet-silent", "up"), "a silent server of telnet "
       "is a quiet machine");
    check_why("conserver-half", "conserver");
    check_why("conserver-refused", "Connection refused");
    check_why("conserver-garbage", "conserver");
    check_why("conserver-password", "refuses user or password");
    check_why("conserver-unknown", "conserver: ");
    check_why("ssh-refused", "Connection refused");
    check_why("ssh-garbage", "ssh: begin");
    check_why("ssh-half", "ssh: begin");
    check_why("ssh-stranger", "is not the 'host_key'");
    check_why("ssh-password", "ssh: log in");
    check_why("sol-password", "ipmi: serial over LAN");
    if (conserver_port != 0)
        ok(status_int("conserver-silent", "relay") > 0,
           "a silent server was waited for all the time, by its own relay");
}

/* assay-console dies; what carries its consoles does not. */
static void
check_kill(void)
{
    static const char text[] = "said to nobody, for a moment\r\n";

    (void)kill(console_fix_held_pid(&fix, 0), SIGKILL);
    for (size_t i = 0; i < LINE_COUNT; i++) {
        if (lines[i].in >= 0)
            machine_says(&lines[i], text, strlen(text));
    }
    (void)console_fix_held_pid(&fix, 1);
    for (size_t i = 0; i < LINE_COUNT; i++) {
        if (lines[i].in < 0)
            continue;
        log_is_whole(&lines[i], "after assay-console was killed");
        if (lines[i].connect == NULL)
            is_int(status_int(lines[i].name, "relay"), 0,
                   "%s: by the relay of before", lines[i].name);
    }
}

/* What was logged, the retries too, is free of secrets. */
static void
check_log(void)
{
    struct buf log = BUF_INIT;

    if (!fs_read_file(arena_printf(&arena, "%s/log", fix.dir), 64 << 20, &log,
                      &why))
        tap_bail("%s", why.text);
    ok(strstr(buf_text(&log), "conserver-password") != NULL,
       "that a password was refused is in the log");
    ok(strstr(buf_text(&log), "s3cr3t") == NULL, "the password is not");
    buf_free(&log);
}

static void
log_to_file(void)
{
    int fd = open(arena_printf(&arena, "%s/log", fix.dir),
                  O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);

    if (fd < 0 || dup2(fd, STDERR_FILENO) < 0
        || setenv("ASSAY_LOG", "debug", 1) != 0)
        tap_bail("no log");
    fd_close(&fd);
}

int
main(void)
{
    console_fix_init(&fix, 0);
    log_to_file();
    (void)put("right", 0600, PASSWORD "\n");
    (void)put("wrong", 0600, WRONG "\n");
    buf_adds(&list, "consoles:\n");
    start_telnet();
    start_conserver();
    start_ssh();
    start_sol();
    start_local();
    start_broken();
    console_fix_list(&fix, buf_text(&list));
    console_fix_start(&fix, true, NULL);
    for (size_t i = 0; i < LINE_COUNT; i++) {
        if (lines[i].connect != NULL)
            lines[i].in = lines[i].out = lines[i].connect();
    }
    for (size_t i = 0; i < LINE_COUNT; i++)
        check_line(&lines[i]);
    check_broken();
    check_kill();
    ok(console_fix_stop(&fix), "assay-console ends");
    check_log();
    for (size_t i = 0; i < pid_count; i++)
        net_fix_stop(pids[i]);
    sshfix_stop(&ssh);
    for (size_t i = 0; i < LINE_COUNT; i++)
        buf_free(&lines[i].said);
    buf_free(&list);
    arena_free(&arena);
    console_fix_end(&fix, tap.failed > 0);
    return tap_done();
}
