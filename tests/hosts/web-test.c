/* tests/hosts/web-test.c - assay-web itself, on loopback, with a real
 * database: every route, once-only scripts, and what happens without one. */
#include <config.h>

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness/arena.h"
#include "harness/artefact.h"
#include "harness/buf.h"
#include "harness/clock.h"
#include "harness/db.h"
#include "harness/db_cluster.h"
#include "harness/fs.h"
#include "harness/home.h"
#include "harness/json.h"
#include "harness/proc.h"
#include "hosts/boot_db.h"
#include "hosts/netboot.h"
#include "tests/tap.h"
#include "tests/pgfix.h"

#define LIMIT_MS 20000
#define BASE_BYTES (9000001)            /* not a multiple of four */
#define OVERLAY_BYTES 70001
#define MAC_1 "52:54:00:aa:00:11"
#define MAC_2 "52:54:00:aa:00:12"
#define KEY_1 "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGh1bW1pbmdiaXJk root@lab"
#define KEY_2 "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIG5vdHRoZXNhbWVvbmU root@lab"

static struct pgfix fix;
static struct db *db;
static struct arena arena = ARENA_INIT;
static int boot_port, pages_port;
static pid_t web;
static char log_path[128];
static char xen[65], kernel[65], base[65], overlay[65], extra[65];
static char *base_data, *overlay_data;

/* A client that is as rude as a test wants -------------------------------- */

struct answer {
    int status;
    const char *head, *body;
    size_t body_bytes;
};

static int
dial(int port)
{
    struct sockaddr_in to = { .sin_family = AF_INET,
                              .sin_port = htons((uint16_t)port) };
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (fd < 0 || connect(fd, (void *)&to, sizeof to) != 0)
        tap_bail("connect to port %d: %s", port, strerror(errno));
    return fd;
}

static void
send_all(int fd, const char *data, size_t bytes)
{
    while (bytes > 0) {
        ssize_t n = send(fd, data, bytes, MSG_NOSIGNAL);

        if (n <= 0)
            return;                     /* it need not read all of it */
        data += n;
        bytes -= (size_t)n;
    }
}

/* What is there now; false at the end. */
static bool
receive(int fd, struct buf *in)
{
    static char piece[1 << 16];
    ssize_t n = recv(fd, piece, sizeof piece, 0);

    if (n > 0)
        buf_add(in, piece, (size_t)n);
    return n > 0;
}

static void
receive_all(int fd, struct buf *in)
{
    struct pollfd p = { .fd = fd, .events = POLLIN };

    do {
        if (poll(&p, 1, LIMIT_MS) != 1)
            tap_bail("no answer within %d ms", LIMIT_MS);
    } while (receive(fd, in));
}

static void
answer_parse(const struct buf *in, struct answer *out)
{
    const char *text = buf_text(in), *end = strstr(text, "\r\n\r\n");
    char *body;

    *out = (struct answer){ .status = 0, .head = "", .body = "" };
    if (end == NULL || strncmp(text, "HTTP/1.1 ", 9) != 0)
        return;
    out->status = (int)strtol(text + 9, NULL, 10);
    out->head = arena_printf(&arena, "%.*s", (int)(end + 2 - text), text);
    out->body_bytes = in->len - (size_t)(end + 4 - text);
    body = arena_alloc(&arena, out->body_bytes + 1);
    memcpy(body, end + 4, out->body_bytes);
    out->body = body;
}

static struct answer
talk(int port, const char *request, size_t bytes)
{
    struct buf in = BUF_INIT;
    struct answer answer;
    int fd = dial(port);

    send_all(fd, request, bytes);
    (void)shutdown(fd, SHUT_WR);
    receive_all(fd, &in);
    close(fd);
    answer_parse(&in, &answer);
    buf_free(&in);
    return answer;
}

static PRINTF_LIKE(4, 5) struct answer
ask(int port, const char *method, const char *headers, const char *fmt, ...)
{
    struct buf request = BUF_INIT;
    struct answer answer;
    va_list ap;

    buf_addf(&request, "%s ", method);
    va_start(ap, fmt);
    buf_addv(&request, fmt, ap);
    va_end(ap);
    buf_addf(&request, " HTTP/1.1\r\nHost: x\r\nConnection: close\r\n%s\r\n",
             headers);
    answer = talk(port, buf_text(&request), request.len);
    buf_free(&request);
    return answer;
}

#define get(...) ask(boot_port, "GET", "", __VA_ARGS__)
#define page(...) ask(pages_port, "GET", "", __VA_ARGS__)

static struct answer
post_up(const char *nonce, const char *body)
{
    struct buf request = BUF_INIT;
    struct answer answer;

    buf_addf(&request, "POST /b/%s/up HTTP/1.1\r\nHost: x\r\n"
             "Connection: close\r\nContent-Length: %zu\r\n\r\n%s", nonce,
             strlen(body), body);
    answer = talk(boot_port, buf_text(&request), request.len);
    buf_free(&request);
    return answer;
}

/* The world ---------------------------------------------------------------- */

static void
put(char *data, size_t bytes, char sha[static 65])
{
    struct fault why = FAULT_INIT;

    if (!artefact_put(data, bytes, sha, &why))
        tap_bail("%s", why.text);
}

static void
make_world(void)
{
    uint32_t x = 1;

    base_data = arena_alloc(&arena, BASE_BYTES);
    overlay_data = arena_alloc(&arena, OVERLAY_BYTES);
    for (size_t i = 0; i < BASE_BYTES; i++) {
        x = x * 1664525u + 1013904223u;
        base_data[i] = (char)(x >> 24);
    }
    memcpy(overlay_data, base_data + 1000, OVERLAY_BYTES);
    put(base_data, BASE_BYTES, base);
    put(overlay_data, OVERLAY_BYTES, overlay);
    put(arena_strdup(&arena, "I am Xen"), 8, xen);
    put(arena_strdup(&arena, "I am Linux"), 10, kernel);
    put(arena_strdup(&arena, "a guest"), 7, extra);
    pgfix_script(
        "insert into assay.host (host, arch, firmware, class, config, source)"
        " select h, 'amd64', 'bios', 'lab', '{}', 'test' from"
        " (values ('lab-1'), ('lab-2'), ('lab-arm')) as t (h);"
        "insert into assay.host_property (host, name, value) values"
        " ('lab-1', 'mac', '52:54:00:AA:00:11'),"
        " ('lab-2', 'mac', '" MAC_2 "'),"
        " ('lab-arm', 'mac', '52:54:00:aa:00:13')");
}

static char *
spec(const char *netboot, const char *firmware)
{
    return arena_printf(
        &arena, "{\"arch\": \"amd64\", \"firmware\": \"%s\", \"netboot\": "
        "\"%s\", \"xen\": \"%s\", \"kernel\": \"%s\", \"initrd\": \"%s\", "
        "\"overlay\": \"%s\", \"xen_cmdline\": \"console=com1\", "
        "\"dom0_cmdline\": \"console=hvc0\", \"extra\": {\"guest.img\": "
        "\"%s\"}}", firmware, netboot, xen, kernel, base, overlay, extra);
}

static const char *
arm(const char *host, const char *boot_spec)
{
    const struct boot_order order = { .host = host, .spec = boot_spec };
    struct fault why = FAULT_INIT;
    char nonce[BOOT_NONCE_BYTES];

    if (!boot_nonce_make(nonce, &why)
        || !boot_arm(db, nonce, &order, &why))
        tap_bail("%s", why.text);
    return arena_strdup(&arena, nonce);
}

static struct boot *
boot_of(const char *nonce)
{
    struct fault why = FAULT_INIT;
    struct boot *boot = NULL;

    if (!boot_get(db, nonce, &boot, &why) || boot == NULL)
        tap_bail("boot %s: %s", nonce, why.text);
    return boot;
}

static void
is_status(const char *nonce, enum boot_status want, const char *what)
{
    struct boot *boot = boot_of(nonce);

    is_str(boot_status_name(boot->status), boot_status_name(want), "%s",
           what);
    boot_free(boot);
}

/* Rows are written a moment later: waits for the first. */
static void
has_fetch(const char *nonce, const char *path, int status, int64_t bytes)
{
    char *select = arena_printf(
        &arena, "select count(*) from assay.boot_fetch where nonce = '%s' "
        "and path = '%s' and status = %d and bytes = %lld and peer = "
        "'127.0.0.1'", nonce, path, status, (long long)bytes);
    struct clock *clock = clock_system();
    int64_t until = clock_mono_ms(clock) + LIMIT_MS;

    while (pgfix_int(select) == 0 && clock_mono_ms(clock) < until)
        poll(NULL, 0, 20);
    is_int(pgfix_int(select), 1, "fetch of %s, status %d, is recorded", path,
           status);
}

static int
port_in_log(const char *log, const char *what)
{
    const char *at = strstr(log, what);

    return at == NULL ? 0 : (int)strtol(at + strlen(what), NULL, 10);
}

static void
web_start(void)
{
    struct proc_spec child = PROC_SPEC_INIT;
    struct fault why = FAULT_INIT;
    struct buf log = BUF_INIT;
    const char *env[] = { "ASSAY_READY_FD=3", "ASSAY_LOG=info", NULL };
    int ready[2], out;
    char *program, byte;

    /* It writes there before it serves: the test must not race with it. */
    (void)snprintf(log_path, sizeof log_path, "%s/web.log", fix.home);
    out = open(log_path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (out < 0 || pipe2(ready, O_CLOEXEC) != 0
        || !home_program(&arena, "assay-web", &program, &why))
        tap_bail("start assay-web: %s", why.text);
    const char *argv[] = { program, "--no-lab", "--listen", "127.0.0.1:0",
                           "--pages", "127.0.0.1:0", NULL };

    child.argv = argv;
    child.env_add = env;
    child.fds[1] = child.fds[2] = out;
    child.fds[3] = ready[1];
    child.die_with_parent = true;
    if (!proc_start(&child, &web, &why))
        tap_bail("%s", why.text);
    close(ready[1]);
    close(out);
    is_int(read(ready[0], &byte, 1), 1, "says that it is ready");
    close(ready[0]);
    if (!fs_read_file(log_path, 1 << 20, &log, &why))
        tap_bail("%s", why.text);
    boot_port = port_in_log(buf_text(&log), "netboot at 127.0.0.1:");
    pages_port = port_in_log(buf_text(&log), "pages at 127.0.0.1:");
    if (boot_port == 0 || pages_port == 0)
        tap_bail("no ports in the log: %s", buf_text(&log));
    buf_free(&log);
}

/* Tests -------------------------------------------------------------------- */

static void
script_is_served_once(void)
{
    const char *nonce = arm("lab-1", spec("ipxe", "bios"));
    struct answer answer;
    struct boot *boot;

    answer = ask(boot_port, "HEAD", "", "/ipxe?mac=%s", MAC_1);
    is_int(answer.status, 405, "looking at a script does not take it");
    is_status(nonce, BOOT_ARMED, "... it is still armed");
    answer = get("/ipxe?mac=%s", "52-54-00-AA-00-11");
    is_int(answer.status, 200, "the script of an armed boot");
    has_str(answer.body, "#!ipxe\n", "... is for iPXE");
    has_str(answer.body, arena_printf(&arena, "http://127.0.0.1:%d/b/%s/xen "
                                      "console=com1", boot_port, nonce),
            "... names what to fetch, where it was asked");
    is_status(nonce, BOOT_SCRIPT_SERVED, "... is recorded");
    has_fetch(nonce, "script", 200, (int64_t)answer.body_bytes);
    answer = get("/ipxe?mac=%s", MAC_1);
    is_int(answer.status, 410, "the second time it is gone");
    has_str(answer.body, NETBOOT_FAILED, "... and says so to the loader");
    has_str(answer.body, "again", "... with the reason");
    boot = boot_of(nonce);
    is_int(boot->status, BOOT_FAILED, "a machine that starts again has failed");
    has_str(boot->reason, "it has started again", "... for that reason");
    boot_free(boot);
    has_fetch(nonce, "script", 410, (int64_t)answer.body_bytes);
    answer = ask(boot_port, "GET", "User-Agent: iPXE/1.21.1+\r\n",
                 "/ipxe?mac=%s", MAC_1);
    is_int(answer.status, 200, "iPXE shows no errors, so it gets a script");
    has_str(answer.body, NETBOOT_FAILED, "... that shows the failure");
    is_int(get("/b/%s/xen", nonce).status, 410, "no part of a failed boot");
    is_int(get("/ipxe?mac=00:00:00:00:00:01").status, 404,
           "no script for an unknown machine");
    is_int(get("/ipxe?mac=zz").status, 400, "no address");
    is_int(get("/ipxe").status, 400, "no parameter");
}

static void
each_loader_has_its_script(void)
{
    const char *nonce = arm("lab-arm", spec("grub", "uefi"));
    struct answer answer;

    answer = get("/grub?mac=52%%3A54%%3A00%%3Aaa%%3A00%%3A13");
    is_int(answer.status, 200, "GRUB's script");
    has_str(answer.body, "xen_hypervisor", "... is GRUB's");
    is_status(nonce, BOOT_SCRIPT_SERVED, "... is recorded");
    nonce = arm("lab-arm", spec("grub", "uefi"));
    answer = get("/ipxe?mac=52:54:00:aa:00:13");
    is_int(answer.status, 500, "the wrong loader is refused");
    has_str(answer.body, "is to be netbooted by grub", "... and told why");
    is_status(nonce, BOOT_FAILED, "... and the boot has failed");
    nonce = arm("lab-1", spec("ipxe", "uefi"));
    is_int(get("/b/%s/xen", nonce).status, 404,
           "nothing before the script was taken");
    has_str(get("/ipxe?mac=" MAC_1).body, "xen.cfg", "iPXE on UEFI");
    has_str(get("/b/%s/xen.cfg", nonce).body, "kernel=kernel console=hvc0",
            "the made file");
    nonce = arm("lab-1", "{\"netboot\": \"ipxe\", \"firmware\": \"bios\"}");
    is_int(get("/ipxe?mac=" MAC_1).status, 500, "a spec without parts");
    is_status(nonce, BOOT_FAILED, "... has failed");
}

/* UEFI's HTTP boot of a host whose loader comes with its candidate. */
static void
own_loader(void)
{
    static const char url[] = "/loader/grub.efi?mac=52:54:00:aa:00:13";
    const char *nonce = arm("lab-arm", arena_printf(
        &arena, "{\"netboot\": \"grub\", \"firmware\": \"uefi\", "
        "\"loader\": \"%s\"}", extra));
    struct answer answer;

    answer = get("%s", url);
    is_int(answer.status, 200, "the host's own loader by HTTP");
    is_status(nonce, BOOT_ARMED, "... takes nothing");
    is_int(get("%s", url).status, 200, "... and may be asked for again");
    is_int(get("/loader/other.efi?mac=52:54:00:aa:00:13").status, 404,
           "no other file");
    is_int(get("/loader/grub.efi?mac=52:54:00:aa:00:99").status, 404,
           "no other machine");
    nonce = arm("lab-arm", spec("grub", "uefi"));
    is_int(get("%s", url).status, 500, "a boot without a loader");
    is_int(get("/grub?mac=52:54:00:aa:00:13").status, 200, "when it started");
    is_int(get("%s", url).status, 404, "no loader is given any more");
}

static bool
is_joined(const char *data, size_t bytes)
{
    size_t padded = (BASE_BYTES + 3) / 4 * 4;

    return bytes == padded + OVERLAY_BYTES
        && memcmp(data, base_data, BASE_BYTES) == 0
        && memcmp(data + BASE_BYTES, "\0\0\0", padded - BASE_BYTES) == 0
        && memcmp(data + padded, overlay_data, OVERLAY_BYTES) == 0;
}

static void
parts_are_exact(void)
{
    const char *nonce = arm("lab-1", spec("ipxe", "bios"));
    size_t total = (BASE_BYTES + 3) / 4 * 4 + OVERLAY_BYTES;
    struct answer answer;

    (void)get("/ipxe?mac=%s", MAC_1);
    is_str(get("/b/%s/xen", nonce).body, "I am Xen", "xen");
    is_str(get("/b/%s/kernel", nonce).body, "I am Linux", "kernel");
    is_str(get("/b/%s/guest.img", nonce).body, "a guest", "an extra file");
    is_int(get("/b/%s/nothing", nonce).status, 404, "no such part");
    has_fetch(nonce, "xen", 200, 8);
    has_fetch(nonce, "nothing", 404, 27);
    answer = get("/b/%s/initrd", nonce);
    ok(is_joined(answer.body, answer.body_bytes),
       "the initrd is base, zeros to a multiple of four, and overlay");
    has_fetch(nonce, "initrd", 200, (int64_t)total);
    answer = ask(boot_port, "HEAD", "", "/b/%s/initrd", nonce);
    has_str(answer.head, arena_printf(&arena, "Content-Length: %zu\r\n",
                                      total), "HEAD has its length");
    is_int((int64_t)answer.body_bytes, 0, "... and no body");
    answer = ask(boot_port, "GET", "Range: bytes=8999999-9000008\r\n",
                 "/b/%s/initrd", nonce);
    is_int(answer.status, 206, "a range");
    has_str(answer.head, arena_printf(&arena, "Content-Range: bytes "
                                      "8999999-9000008/%zu\r\n", total),
            "... says which");
    ok(answer.body_bytes == 10
       && memcmp(answer.body, base_data + 8999999, 2) == 0
       && memcmp(answer.body + 2, "\0\0\0", 3) == 0
       && memcmp(answer.body + 5, overlay_data, 5) == 0,
       "... over the seam");
    answer = ask(boot_port, "GET", "Range: bytes=4-\r\n", "/b/%s/xen", nonce);
    is_str(answer.body, " Xen", "from an offset on, as GRUB seeks");
    is_int(ask(boot_port, "GET", "Range: bytes=9-\r\n", "/b/%s/xen",
               nonce).status, 416, "a range past the end");
    is_int(ask(boot_port, "POST", "Content-Length: 0\r\n", "/b/%s/xen",
               nonce).status, 405, "nothing is posted to a part");
    is_status(nonce, BOOT_SCRIPT_SERVED, "fetching does not end a boot");
}

static void
four_at_once(void)
{
    const char *nonce = arm("lab-2", spec("ipxe", "bios"));
    struct buf in[4] = { BUF_INIT, BUF_INIT, BUF_INIT, BUF_INIT };
    struct pollfd p[4];
    struct answer answer;
    char *request;
    int open_count = 4, good = 0;

    (void)get("/ipxe?mac=%s", MAC_2);
    request = arena_printf(&arena, "GET /b/%s/initrd HTTP/1.1\r\nHost: x\r\n"
                           "Connection: close\r\n\r\n", nonce);
    for (int i = 0; i < 4; i++) {
        p[i] = (struct pollfd){ .fd = dial(boot_port), .events = POLLIN };
        send_all(p[i].fd, request, strlen(request));
    }
    while (open_count > 0) {
        if (poll(p, 4, LIMIT_MS) <= 0)
            tap_bail("four fetches do not go on");
        for (int i = 0; i < 4; i++) {
            if (p[i].fd >= 0 && p[i].revents != 0
                && !receive(p[i].fd, &in[i])) {
                close(p[i].fd);
                p[i].fd = -1;
                open_count--;
            }
        }
    }
    for (int i = 0; i < 4; i++) {
        answer_parse(&in[i], &answer);
        good += is_joined(answer.body, answer.body_bytes);
        buf_free(&in[i]);
    }
    is_int(good, 4, "four fetch the initrd at once, each byte of it");
}

static void
cut_off_fetch_is_not_whole(void)
{
    const char *nonce = arm("lab-2", spec("ipxe", "bios"));
    struct buf in = BUF_INIT;
    struct boot *boot;
    char *request;
    int fd;

    (void)get("/ipxe?mac=%s", MAC_2);
    request = arena_printf(&arena, "GET /b/%s/initrd HTTP/1.1\r\nHost: x\r\n"
                           "\r\n", nonce);
    fd = dial(boot_port);
    send_all(fd, request, strlen(request));
    (void)receive(fd, &in);
    close(fd);
    buf_free(&in);
    for (int i = 0; i < 200; i++) {
        char *select = arena_printf(&arena, "select count(*) from "
                                    "assay.boot_fetch where nonce = '%s' and "
                                    "path = 'initrd'", nonce);

        if (pgfix_int(select) > 0)
            break;
        poll(NULL, 0, 20);
    }
    is_int(pgfix_int(arena_printf(&arena, "select count(*) from "
                                  "assay.boot_fetch where nonce = '%s' and "
                                  "path = 'initrd' and status = 499 and "
                                  "bytes < %d", nonce, BASE_BYTES)), 1,
           "a fetch that broke off is recorded as such");
    boot = boot_of(nonce);
    is_int(boot->fetched_ms, -1, "... and is no image that arrived");
    boot_free(boot);
}

static void
calls_back_once(void)
{
    const char *nonce = arm("lab-1", spec("ipxe", "bios"));
    struct answer answer;
    struct boot *boot;
    char *big;

    is_int(post_up(nonce, KEY_1 "\n").status, 410,
           "no call before the script was taken");
    (void)get("/ipxe?mac=%s", MAC_1);
    is_int(post_up(nonce, "").status, 400, "an empty call");
    is_int(post_up(nonce, "<script>").status, 400, "a call without a key");
    big = arena_alloc(&arena, (64 << 10) + 2);
    memset(big, 'a', (64 << 10) + 1);
    is_int(post_up(nonce, big).status, 413, "a call that is too large");
    is_int(get("/b/%s/up", nonce).status, 405, "nothing to get there");
    is_status(nonce, BOOT_SCRIPT_SERVED, "none of these is a call back");
    (void)get("/b/%s/xen", nonce);
    answer = post_up(nonce, KEY_1 "\n");
    is_int(answer.status, 200, "the call back");
    boot = boot_of(nonce);
    is_int(boot->status, BOOT_UP, "... is recorded");
    is_str(boot->hostkey, KEY_1, "... with its key");
    is_str(boot->address, "127.0.0.1", "... and its address");
    ok(boot->up_ms >= boot->fetched_ms && boot->fetched_ms >= 0,
       "... after what it fetched");
    boot_free(boot);
    is_int(post_up(nonce, KEY_1).status, 200, "the same again is no harm");
    is_int(post_up(nonce, KEY_2).status, 410, "another key is refused");
    boot = boot_of(nonce);
    is_str(boot->hostkey, KEY_1, "... and changes nothing");
    boot_free(boot);
    is_int(post_up("00000000000000000000000000000000", KEY_1).status, 404,
           "no such nonce");
    is_int(get("/b/%s/guest.img", nonce).status, 200,
           "a host that is up may still fetch");
}

static void
two_hosts_do_not_meet(void)
{
    const char *one = arm("lab-1", spec("ipxe", "bios"));
    const char *two = arm("lab-2", spec("ipxe", "bios"));
    const char *newer;

    has_str(get("/ipxe?mac=%s", MAC_2).body, two, "the second's own script");
    has_str(get("/ipxe?mac=%s", MAC_1).body, one, "the first's own script");
    newer = arm("lab-1", spec("ipxe", "bios"));
    is_int(get("/b/%s/xen", one).status, 410, "a superseded nonce is stale");
    is_int(post_up(one, KEY_1).status, 410, "... and may not call back");
    is_status(newer, BOOT_ARMED, "... and harms the new one not");
    is_int(post_up(two, KEY_2).status, 200, "the other host is not touched");
}

static void
damage_is_not_served(void)
{
    struct fault why = FAULT_INIT;
    const char *nonce;
    char *path;

    put(arena_strdup(&arena, "good bytes"), 10, kernel);
    path = artefact_path(&arena, kernel);
    if (!fs_write_file(path, 0644, "evil bytes", 10, &why))
        tap_bail("%s", why.text);
    nonce = arm("lab-1", spec("ipxe", "bios"));
    (void)get("/ipxe?mac=%s", MAC_1);
    is_int(get("/b/%s/kernel", nonce).status, 500, "a damaged artefact");
    has_str(get("/b/%s/kernel", nonce).body, "is damaged", "... says so");
    (void)unlink(path);
    has_str(get("/b/%s/kernel", nonce).body, "artefact", "a missing one, too");
}

static void
pages_and_machines_are_apart(void)
{
    is_int(page("/flights").status, 200, "people see the flights");
    is_int(page("/").status, 200, "... at the top, too");
    is_int(page("/hosts").status, 200, "... and hosts");
    has_str(page("/hosts").body, "lab-arm", "... by name");
    has_str(page("/flights").head, "default-src 'none'",
            "a page forbids scripts");
    is_int(get("/flights").status, 404, "a machine does not");
    is_int(get("/flight/1.json").status, 404, "... nor its nonces");
    is_int(page("/ipxe?mac=%s", MAC_1).status, 404,
           "and people take no scripts");
    is_int(page("/flight/1").status, 404, "no such flight");
    is_int(page("/flight/x").status, 400, "no number");
    is_int(page("/log/1/smoke/1").status, 404, "no such log");
    is_int(page("/artefact/%s", xen).status, 200, "an artefact");
    is_int(page("/artefact/%s", base + 1).status, 400, "no hash");
    is_int(page("/health").status, 200, "health, for both");
    is_str(get("/health").body, "{\"database\": true, \"lab\": false}\n",
           "health says what is there");
}

static void
hostile_requests(void)
{
    static const char *const TARGETS[] = {
        "/../../etc/passwd", "/b/../../../etc/passwd", "//etc/passwd",
        "/b/%2e%2e/%2e%2e/etc/passwd", "/log/1/../../../etc/passwd/1",
        "/artefact/../../etc/passwd", "/b/%00/xen", "/log/1/%2e%2e/1",
        "/b/00000000000000000000000000000000/../xen",
        "/b/0000000000000000000000000000000g/xen", "/flight/-1",
        "/flight/99999999999999999999", "/log/1/a/0", "/<script>",
    };
    static const char *const BYTES[] = {
        "\r\n\r\n", "GET\r\n\r\n", "GET / HTTP/9.9\r\n\r\n",
        "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", "GET /\x00\x01",
        "POST /b/00000000000000000000000000000000/up HTTP/1.1\r\n"
            "Host: x\r\nTransfer-Encoding: chunked\r\n\r\nFFFFFFFFFF\r\n",
        "GET /health HTTP/1.1\r\nHost: x\r\nContent-Length: -5\r\n\r\n",
        "POST /b/00000000000000000000000000000000/up HTTP/1.1\r\n"
            "Host: x\r\nContent-Length: 10\r\n\r\nshort",
    };
    struct pollfd p = { .events = POLLIN };
    struct buf in = BUF_INIT;
    char *longer;
    int fd;

    for (size_t i = 0; i < ARRAY_LEN(TARGETS); i++) {
        int boot = get("%s", TARGETS[i]).status;
        int pages = page("%s", TARGETS[i]).status;

        ok((boot == 404 || boot == 400) && (pages == 404 || pages == 400),
           "nothing at %s", TARGETS[i]);
    }
    for (size_t i = 0; i < ARRAY_LEN(BYTES); i++) {
        fd = dial(boot_port);
        send_all(fd, BYTES[i], strlen(BYTES[i]));
        (void)shutdown(fd, SHUT_WR);
        /* It may wait for more; we do not. */
        p.fd = fd;
        while (poll(&p, 1, 100) == 1 && receive(fd, &in))
            continue;
        close(fd);
    }
    buf_free(&in);
    longer = arena_alloc(&arena, 100001);
    memset(longer, 'a', 100000);
    ok(get("/%s", longer).status >= 400, "a long target");
    ok(ask(boot_port, "GET", arena_printf(&arena, "X: %s\r\n", longer),
           "/health").status >= 400, "a long header");
    is_int(get("/health").status, 200, "it serves on");
}

static void
shows_a_flight(void)
{
    struct fault why = FAULT_INIT;
    struct buf sql = BUF_INIT;
    struct answer answer;
    char *path;

    if (!fs_read_file(arena_printf(&arena, "%s/tests/results/sample.sql",
                                   getenv("ASSAY_TOP_SRCDIR")), 1 << 20,
                      &sql, &why))
        tap_bail("%s", why.text);
    pgfix_script(buf_text(&sql));
    /* It has the address of another host of this test. */
    pgfix_script("delete from assay.host_property where host = 'lab-x86-1'");
    buf_free(&sql);
    path = arena_printf(&arena, "%s/flights/1/pair", fix.home);
    if (!fs_mkdirs(path, 0755, &why)
        || !fs_write_file(arena_printf(&arena, "%s/1.log", path), 0644,
                          "first\n<script>\x1b[31m\n", 21, &why))
        tap_bail("%s", why.text);
    answer = page("/flight/1");
    is_int(answer.status, 200, "the report of a flight");
    has_str(answer.body, "flight 1: <span>fail</span>", "... its verdict");
    has_str(answer.body, "href=\"/log/1/pair/1\"", "... with its logs");
    ok(strstr(answer.body, "<script") == NULL, "... and no script");
    answer = page("/flight/1.json");
    has_str(answer.head, "application/json", "the same as JSON");
    has_str(answer.body, "\"outcome\": \"fail\"", "... its verdict");
    answer = page("/log/1/pair/1");
    is_str(answer.body, "first\n<script>\x1b[31m\n", "the log, as it is");
    has_str(answer.head, "Content-Type: text/plain; charset=utf-8",
            "... as text");
    has_str(answer.head, "Content-Security-Policy: sandbox",
            "... that can do nothing");
    is_int(page("/log/1/smoke-arm64/3").status, 404, "a step without log");
    if (symlink("/etc/passwd", arena_printf(&arena, "%s/2.log", path)) != 0)
        tap_bail("symlink");
    is_int(page("/log/1/pair/2").status, 500, "no log is a link");
}

/* Names of branches, flags, what a flight is worth: of whoever makes them. */
static void
lists_are_harmless(void)
{
    static const char *const pages[] = { "/flights", "/hosts", "/host/odd",
                                         "/job/smoke-amd64" };

    pgfix_script(
        "insert into assay.flight (branch, intended, harness) values"
        "  ('<script>b' || chr(27) || '[31m' || chr(8238), '<i>real', 'h');"
        "insert into assay.host (host, arch, firmware, class, config, source)"
        "  values ('odd', 'amd64', 'bios', 'c', '{}', 's');"
        "insert into assay.host_flag values ('odd', '<script>flag\">');"
        "insert into assay.host_health (host, was, state, who, why,"
        "  last_of_class) values ('odd', 'good', 'good', '<script>me',"
        "  'so' || chr(27) || '[2J<script>' || chr(8238), false)");
    for (size_t i = 0; i < ARRAY_LEN(pages); i++) {
        const char *body;

        is_int(page("%s", pages[i]).status, 200, "%s", pages[i]);
        body = page("%s", pages[i]).body;
        ok(strstr(body, "<script") == NULL && strstr(body, "<i>real") == NULL
           && strchr(body, 0x1b) == NULL
           && strstr(body, "\xe2\x80\xae") == NULL,
           "... what strangers wrote does nothing there");
    }
    has_str(page("/flights").body, "&lt;script&gt;b", "it is shown, as text");
    has_str(page("/hosts").body, "&lt;script&gt;flag", "... of hosts, too");
    has_str(page("/host/odd").body, "&lt;script&gt;me", "... of each");
}

static void
outlives_the_database(void)
{
    struct clock *clock = clock_system();
    struct fault why = FAULT_INIT;
    struct answer answer;
    const char *nonce;
    pid_t server = pgfix_server();
    int64_t begun;

    nonce = arm("lab-1", spec("ipxe", "bios"));
    if (server <= 0 || kill(server, SIGQUIT) != 0)
        tap_bail("the server cannot be ended");
    begun = clock_mono_ms(clock);
    do {
        answer = get("/health");
    } while (answer.status != 503 && clock_mono_ms(clock) - begun < LIMIT_MS);
    is_int(answer.status, 503, "it sees that the database has gone");
    answer = get("/ipxe?mac=%s", MAC_1);
    is_int(answer.status, 503, "requests may be tried again later");
    has_str(answer.head, "Retry-After: 2\r\n", "... and say when");
    is_int(page("/flights").status, 503, "pages, too");
    db_close(db);
    db = NULL;
    if (!db_cluster_ensure(&why))
        tap_bail("%s", why.text);
    begun = clock_mono_ms(clock);
    do {
        answer = get("/health");
        poll(NULL, 0, 10);
    } while (answer.status != 200 && clock_mono_ms(clock) - begun < LIMIT_MS);
    is_int(answer.status, 200, "it comes back by itself");
    diag("%lld ms after the server", (long long)(clock_mono_ms(clock)
                                                 - begun));
    db = pgfix_open("assay");
    answer = get("/ipxe?mac=%s", MAC_1);
    is_int(answer.status, 200, "and the script was not lost");
    has_str(answer.body, nonce, "... the armed one");
}

static void
stops_when_told(void)
{
    int status = -1;

    if (kill(web, SIGTERM) != 0 || waitpid(web, &status, 0) != web)
        tap_bail("assay-web is not there");
    ok(WIFEXITED(status) && WEXITSTATUS(status) == 0, "it stops when told");
}

int
main(void)
{
    pgfix_start(&fix);
    db = pgfix_open("assay");
    make_world();
    web_start();
    script_is_served_once();
    each_loader_has_its_script();
    own_loader();
    parts_are_exact();
    four_at_once();
    cut_off_fetch_is_not_whole();
    calls_back_once();
    two_hosts_do_not_meet();
    damage_is_not_served();
    pages_and_machines_are_apart();
    hostile_requests();
    shows_a_flight();
    lists_are_harmless();
    outlives_the_database();
    stops_when_told();
    db_close(db);
    arena_free(&arena);
    return pgfix_done(&fix);
}
