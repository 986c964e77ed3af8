/* hosts/dhcp_cmds.c - "assay netboot": the DHCP and TFTP of a site's wire, by
 * dnsmasq, and a record of what it gave to whom. */
#include <config.h>

#include "hosts/dhcp_cmds.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "harness/arena.h"
#include "harness/buf.h"
#include "harness/cmd.h"
#include "harness/db.h"
#include "harness/fault.h"
#include "harness/fs.h"
#include "harness/home.h"
#include "harness/json.h"
#include "harness/log.h"
#include "harness/mem.h"
#include "harness/proc.h"
#include "harness/signals.h"
#include "hosts/dhcp_arch.h"
#include "hosts/dhcp_conf.h"
#include "hosts/dhcp_log.h"
#include "hosts/host_db.h"
#include "hosts/served_db.h"

#define LINE_MAX_BYTES 4096
#define POLL_MS 200

struct wire {
    struct arena arena;
    struct dhcp_plan plan;
    struct dhcp_host *hosts;
    struct host **rows;
    size_t row_count;
    struct db *db;
    struct dhcp_arch arch;      /* open for a proxy that serves */
};

static bool
find_interface(struct wire *wire, const char *name, struct fault *why)
{
    char address[INET_ADDRSTRLEN], mask[INET_ADDRSTRLEN];
    struct buf known = BUF_INIT;
    struct ifaddrs *list = NULL;
    bool found = false;

    if (getifaddrs(&list) != 0)
        return fault_errno(why, FAULT_SYSTEM, "list interfaces");
    for (const struct ifaddrs *i = list; i != NULL && !found;
         i = i->ifa_next) {
        found = i->ifa_addr != NULL && i->ifa_netmask != NULL
            && i->ifa_addr->sa_family == AF_INET
            && strcmp(i->ifa_name, name) == 0
            && inet_ntop(AF_INET, &((const struct sockaddr_in *)
                         (const void *)i->ifa_addr)->sin_addr, address,
                         sizeof(address)) != NULL
            && inet_ntop(AF_INET, &((const struct sockaddr_in *)
                         (const void *)i->ifa_netmask)->sin_addr, mask,
                         sizeof(mask)) != NULL;
    }
    for (const struct ifaddrs *i = list; i != NULL && !found;
         i = i->ifa_next) {
        if (i->ifa_addr != NULL && i->ifa_addr->sa_family == AF_INET)
            buf_addf(&known, " %s", i->ifa_name);
    }
    freeifaddrs(list);
    if (!found) {
        fault_set(why, FAULT_USAGE, "no interface '%s' with an IPv4 address",
                  name);
        fault_hint(why, "there are:%s", buf_text(&known));
    }
    buf_free(&known);
    if (!found)
        return false;
    wire->plan.interface = arena_strdup(&wire->arena, name);
    wire->plan.address = arena_strdup(&wire->arena, address);
    wire->plan.mask = arena_strdup(&wire->arena, mask);
    return true;
}

static bool
find_hosts(struct wire *wire, const char *site, struct fault *why)
{
    size_t count = 0;

    if (!host_db_list(wire->db, &wire->rows, &wire->row_count, why))
        return false;
    wire->hosts = xcalloc(wire->row_count + 1, sizeof(*wire->hosts));
    for (size_t i = 0; i < wire->row_count; i++) {
        const struct host *host = wire->rows[i];
        const char *mac = host_property(host, "mac");
        const char *address = host_property(host, "address");
        const char *netboot = json_text(json_object_get(host->config,
                                                        "netboot"),
                                        "driver");

        if (strcmp(host->site, site) != 0 || mac == NULL || netboot == NULL
            || strcmp(host->state, "retired") == 0)
            continue;
        wire->hosts[count++] = (struct dhcp_host){
            .name = host->name, .mac = mac, .netboot = netboot,
            .address = address == NULL ? "" : address,
        };
    }
    wire->plan.hosts = wire->hosts;
    wire->plan.host_count = count;
    return count > 0
        || fault_set(why, FAULT_NOT_FOUND, "no host of site '%s' has a MAC "
                     "address", site);
}

static bool
wire_open(struct wire *wire, struct cmd_call *call, struct fault *why)
{
    const char *mode = cmd_text(call, "mode"), *home;

    memset(wire, 0, sizeof(*wire));
    wire->arena = (struct arena)ARENA_INIT;
    wire->arch = (struct dhcp_arch)DHCP_ARCH_INIT;
    wire->plan.proxy = strcmp(mode, "proxy") == 0;
    wire->plan.http_port = (int)cmd_int(call, "http-port");
    wire->plan.user = geteuid() == 0 ? home_cluster_user() : NULL;
    if (!wire->plan.proxy && strcmp(mode, "full") != 0)
        return fault_set(why, FAULT_USAGE, "mode '%s' is neither full nor "
                         "proxy", mode);
    if (!home_get(&home, why)
        || !find_interface(wire, cmd_arg(call, 0), why)
        || !db_open("assay-netboot", &wire->db, why)
        || !find_hosts(wire, cmd_text(call, "site"), why))
        return false;
    wire->plan.tftp = home_path(&wire->arena, "netboot/tftp");
    return true;
}

static void
wire_close(struct wire *wire)
{
    for (size_t i = 0; i < wire->row_count; i++)
        host_free(wire->rows[i]);
    free(wire->rows);
    free(wire->hosts);
    db_close(wire->db);
    dhcp_arch_close(&wire->arch);
    arena_free(&wire->arena);
}

static bool
run_conf(struct cmd_call *call, struct fault *why)
{
    struct buf text = BUF_INIT;
    struct wire wire;
    bool ok;

    ok = wire_open(&wire, call, why);
    if (ok) {
        dhcp_conf(&wire.plan, &text);
        fputs(buf_text(&text), stdout);
    }
    buf_free(&text);
    wire_close(&wire);
    return ok;
}

static bool
write_files(struct wire *wire, const char *path, struct fault *why)
{
    struct buf text = BUF_INIT;
    bool ok;

    ok = fs_mkdirs(wire->plan.tftp, 0755, why);
    for (size_t i = 0; ok && dhcp_loaders[i] != NULL; i++)
        ok = fs_copy_file(dhcp_loaders[i],
                          arena_printf(&wire->arena, "%s/%s",
                                       wire->plan.tftp,
                                       strrchr(dhcp_loaders[i], '/') + 1),
                          0644, why);
    dhcp_conf(&wire->plan, &text);
    ok = ok && fs_write_file(path, 0644, text.data, text.len, why);
    buf_free(&text);
    return ok;
}

/* A host that is served goes on being served when nobody can write it down. */
static void
record(struct wire *wire, struct dhcp_log *log, const char *line)
{
    struct fault why = FAULT_INIT;
    struct dhcp_served served;

    log_debug("%s", line);
    if (!dhcp_log_line(log, line, &served))
        return;
    log_info("%s was given %s (%s, %s)", served.mac, served.file, served.way,
             served.vendor);
    if (!served_db_add(wire->db, &served, &why))
        log_fault(LOG_LEVEL_WARN, &why, "record what was served");
}

static void
take_lines(struct wire *wire, struct dhcp_log *log, struct buf *text)
{
    char *end;

    while (text->len > 0
           && (end = memchr(text->data, '\n', text->len)) != NULL) {
        *end = '\0';
        record(wire, log, text->data);
        buf_drop(text, (size_t)(end - text->data) + 1);
    }
    if (text->len > LINE_MAX_BYTES)
        buf_reset(text);
}

static bool
follow(struct wire *wire, int fd, struct buf *last, struct fault *why)
{
    struct dhcp_log *log = xcalloc(1, sizeof(*log));
    struct buf text = BUF_INIT;
    char data[LINE_MAX_BYTES];
    bool ok = true;
    ssize_t n = 1;

    while (ok && n > 0) {
        struct pollfd wait[] = {
            { .fd = fd, .events = POLLIN },
            { .fd = wire->arch.wire, .events = POLLIN },
        };

        ok = signals_check(why);
        if (!ok || poll(wait, ARRAY_LEN(wait), POLL_MS) <= 0)
            continue;
        if (wait[1].revents != 0)
            dhcp_arch_take(&wire->arch);
        if (wait[0].revents == 0)
            continue;
        n = read(fd, data, sizeof(data));
        if (n <= 0)
            break;
        buf_reset(last);
        buf_add(last, data, (size_t)n);
        buf_add(&text, data, (size_t)n);
        take_lines(wire, log, &text);
    }
    buf_free(&text);
    free(log);
    return ok;
}

static bool
serve(struct wire *wire, const char *conf, struct fault *why)
{
    const char *argv[] = {
        "/usr/sbin/dnsmasq", "--keep-in-foreground", "--pid-file=",
        arena_printf(&wire->arena, "--conf-file=%s", conf), NULL
    };
    struct proc_spec spec = PROC_SPEC_INIT;
    struct buf last = BUF_INIT;
    int ends[2] = { -1, -1 };
    pid_t pid = 0;
    bool ok;

    if (wire->plan.proxy
        && !dhcp_arch_open(&wire->arch, wire->plan.interface,
                           wire->plan.address, why))
        return false;
    if (pipe2(ends, O_CLOEXEC) != 0)
        return fault_errno(why, FAULT_SYSTEM, "pipe");
    spec.argv = argv;
    spec.fds[1] = spec.fds[2] = ends[1];
    spec.die_with_parent = true;
    ok = proc_start(&spec, &pid, why);
    fd_close(&ends[1]);
    if (ok) {
        printf("%s DHCP for %zu hosts on %s, %s\n",
               wire->plan.proxy ? "proxy" : "full", wire->plan.host_count,
               wire->plan.interface, wire->plan.address);
        fflush(stdout);
        if (follow(wire, ends[0], &last, why)) {
            ok = fault_set(why, FAULT_PEER, "dnsmasq has ended");
            fault_detail(why, buf_text(&last), last.len);
        } else {
            ok = false;
        }
        proc_kill_group(pid);
    }
    buf_free(&last);
    fd_close(&ends[0]);
    return ok;
}

static bool
run_serve(struct cmd_call *call, struct fault *why)
{
    const char *conf;
    struct wire wire;
    bool ok;

    signals_catch();
    ok = wire_open(&wire, call, why);
    if (ok) {
        conf = home_path(&wire.arena, "netboot/%s.conf",
                         wire.plan.interface);
        ok = write_files(&wire, conf, why) && serve(&wire, conf, why);
    }
    wire_close(&wire);
    return ok;
}

static const struct cmd_opt opts[] = {
    { "http-port", CMD_OPT_INT, "PORT", "8077", 1, 65535,
      "where assay-web listens on that interface" },
    { "mode", CMD_OPT_TEXT, "MODE", "proxy", 0, 0,
      "full: give addresses too; proxy: beside a server that does" },
    { "site", CMD_OPT_TEXT, "SITE", "lab", 0, 0, "whose hosts" },
    { .name = NULL },
};

const struct cmd dhcp_cmds[] = {
    { "netboot conf", "INTERFACE", 1, 1, CMD_READS, opts, run_conf,
      "print what 'netboot serve' tells dnsmasq",
      "For those who run a dnsmasq of their own." },
    { "netboot serve", "INTERFACE", 1, 1, CMD_WRITES, opts, run_serve,
      "serve DHCP and TFTP to the hosts of a site",
      "Until it is stopped. Only hosts of the site are answered. The loader "
      "follows from\nthe architecture that the machine's firmware reports, "
      "BIOS, UEFI or UEFI's HTTP\nboot, and what each was given is shown by "
      "'assay host show'." },
    { .path = NULL },
};
