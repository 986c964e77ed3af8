/* hosts/lab_keeper.c - see lab_keeper.h. */
#include <config.h>

#include "hosts/lab_keeper.h"

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>
#include <uv.h>

#include "harness/arena.h"
#include "harness/buf.h"
#include "harness/clock.h"
#include "harness/fault.h"
#include "harness/fs.h"
#include "harness/home.h"
#include "harness/log.h"
#include "harness/proc.h"
#include "harness/service.h"
#include "hosts/lab_ns.h"

#define IP_LIMIT_MS 20000
#define STOP_GRACE_MS 2000
/* dnsmasq serves when it has bound the port of DHCP, 67. */
#define READY_POLL_MS 10
#define READY_LIMIT_MS 10000
#define DHCP_PORT_COLUMN ":0043 "
#define RESTART_DELAY_MS 1000
#define UDP_MAX_BYTES (1u << 20)

struct keeper {
    uv_loop_t loop;
    uv_signal_t term, intr, hup;
    uv_timer_t timer;           /* polls for ready, or waits to restart */
    struct proc dnsmasq;
    struct arena arena;
    struct clock *clock;
    int64_t started_ms;         /* of dnsmasq */
    bool published;
    bool stopping;
    struct fault fault;         /* why it ended by itself */
};

static void start_dnsmasq(struct keeper *keeper);

static void
stop(struct keeper *keeper)
{
    if (keeper->stopping)
        return;
    keeper->stopping = true;
    uv_timer_stop(&keeper->timer);
    if (proc_is_active(&keeper->dnsmasq))
        proc_stop(&keeper->dnsmasq);
    else
        uv_stop(&keeper->loop);
}

static void
on_signal(uv_signal_t *handle, int number)
{
    log_info("asked to stop by signal %d", number);
    stop(handle->data);
}

static bool
dhcp_is_bound(void)
{
    struct buf text = BUF_INIT;
    bool bound = fs_read_file("/proc/self/net/udp", UDP_MAX_BYTES, &text, NULL)
        && strstr(buf_text(&text), DHCP_PORT_COLUMN) != NULL;

    buf_free(&text);
    return bound;
}

static void
give_up(struct keeper *keeper, const char *what)
{
    fault_context(&keeper->fault, "%s", what);
    stop(keeper);
}

static void
on_ready_poll(uv_timer_t *timer)
{
    struct keeper *keeper = timer->data;

    if (dhcp_is_bound()) {
        uv_timer_stop(timer);
        if (keeper->published)
            return;
        if (!lab_ns_publish(&keeper->fault)) {
            give_up(keeper, "say that the lab is up");
            return;
        }
        keeper->published = true;
        log_info("the lab's network is up");
        service_ready();
        return;
    }
    if (!keeper->published
        && clock_mono_ms(keeper->clock) - keeper->started_ms
           > READY_LIMIT_MS) {
        fault_set(&keeper->fault, FAULT_TIMEOUT,
                  "dnsmasq did not bind the port of DHCP");
        stop(keeper);
    }
}

static void
on_restart(uv_timer_t *timer)
{
    start_dnsmasq(timer->data);
}

static void
on_dnsmasq_end(struct proc *proc UNUSED, void *owner,
               struct proc_status status)
{
    struct keeper *keeper = owner;
    char text[64];

    if (keeper->stopping) {
        uv_stop(&keeper->loop);
        return;
    }
    proc_status_text(status, text);
    if (!keeper->published) {
        fault_set(&keeper->fault, FAULT_PEER, "dnsmasq %s", text);
        stop(keeper);
        return;
    }
    log_error("dnsmasq %s; it is started again", text);
    uv_timer_start(&keeper->timer, on_restart, RESTART_DELAY_MS, 0);
}

static void
start_dnsmasq(struct keeper *keeper)
{
    struct arena *arena = &keeper->arena;
    const char *user = home_cluster_user();
    const char *argv[] = {
        "dnsmasq", "--keep-in-foreground", "--pid-file=",
        arena_printf(arena, "--user=%s", user),
        /* An ordinary user's namespace knows one group, and may not set it. */
        "--group=",
        arena_printf(arena, "--conf-file=%s",
                     home_path(arena, "lab/net/dnsmasq.conf")),
        NULL
    };
    struct proc_spec spec = PROC_SPEC_INIT;

    spec.argv = argv;
    spec.fds[1] = STDERR_FILENO;
    spec.fds[2] = STDERR_FILENO;
    spec.die_with_parent = true;
    keeper->started_ms = clock_mono_ms(keeper->clock);
    if (!proc_spawn(&keeper->dnsmasq, &keeper->loop, &spec, 0, STOP_GRACE_MS,
                    on_dnsmasq_end, keeper, &keeper->fault)) {
        give_up(keeper, "start dnsmasq");
        return;
    }
    uv_timer_start(&keeper->timer, on_ready_poll, READY_POLL_MS,
                   READY_POLL_MS);
}

static bool
run_ip(struct keeper *keeper, const char *file, struct fault *why)
{
    const char *argv[] = {
        "ip", "-batch", home_path(&keeper->arena, "lab/net/%s", file), NULL
    };

    return proc_run(argv, NULL, 0, IP_LIMIT_MS, NULL, why);
}

/* Settings of the lab's own network; none is worth more than a warning. */
static const struct {
    const char *path, *value;
} tunables[] = {
    /* Duplicate address detection would keep the router silent for a second. */
    { "/proc/sys/net/ipv6/conf/default/accept_dad", "0\n" },
    /* GRUB opens the same ports in each boot, and never closes one: what our
     * side still knew of a connection would answer in the new one's place, and
     * the boot would end in a time-out. */
    { "/proc/sys/net/ipv4/tcp_fin_timeout", "1\n" },
    { "/proc/sys/net/ipv4/tcp_orphan_retries", "2\n" },
    { "/proc/sys/net/ipv4/tcp_max_tw_buckets", "0\n" },
};

static void
tune_network(void)
{
    size_t i;

    for (i = 0; i < ARRAY_LEN(tunables); i++) {
        int fd = open(tunables[i].path, O_WRONLY | O_CLOEXEC);

        if (fd >= 0
            && write(fd, tunables[i].value, strlen(tunables[i].value)) < 0)
            log_warn("%s stays as it is", tunables[i].path);
        fd_close(&fd);
    }
}

static bool
make_network(struct keeper *keeper, struct fault *why)
{
    struct fault minor = FAULT_INIT;

    if (!lab_ns_make(why) || !lab_keep_capabilities(why))
        return false;
    tune_network();
    if (!run_ip(keeper, "links", why))
        return fault_context(why, "make the lab's wire");
    if (!run_ip(keeper, "links6", &minor))
        log_fault(LOG_LEVEL_WARN, &minor, "no IPv6 on the lab's wire: iPXE "
                  "will wait for it at each boot");
    return true;
}

/* ip and dnsmasq are in sbin, which is not in everybody's PATH. */
static bool
widen_path(struct arena *arena, struct fault *why)
{
    const char *path = getenv("PATH");

    if (setenv("PATH", arena_printf(arena, "%s:/usr/sbin:/sbin",
                                    path == NULL ? "/usr/bin:/bin" : path), 1)
        != 0)
        return fault_errno(why, FAULT_SYSTEM, "set PATH");
    return true;
}

static void
watch_signal(struct keeper *keeper, uv_signal_t *handle, int number)
{
    must(uv_signal_init(&keeper->loop, handle) == 0);
    handle->data = keeper;
    must(uv_signal_start(handle, on_signal, number) == 0);
}

static void
close_handle(uv_handle_t *handle, void *arg UNUSED)
{
    if (!uv_is_closing(handle))
        uv_close(handle, NULL);
}

static void
close_loop(struct keeper *keeper)
{
    uv_walk(&keeper->loop, close_handle, NULL);
    (void)uv_run(&keeper->loop, UV_RUN_DEFAULT);
    must(uv_loop_close(&keeper->loop) == 0);
}

bool
lab_keeper_run(struct fault *why)
{
    struct keeper keeper = { .arena = ARENA_INIT, .clock = clock_system(),
                             .fault = FAULT_INIT };
    bool ok;

    must(uv_loop_init(&keeper.loop) == 0);
    must(uv_timer_init(&keeper.loop, &keeper.timer) == 0);
    keeper.timer.data = &keeper;
    ok = widen_path(&keeper.arena, why) && make_network(&keeper, why)
        && proc_watch_init(&keeper.loop, why);
    if (!ok)
        goto out;
    watch_signal(&keeper, &keeper.term, SIGTERM);
    watch_signal(&keeper, &keeper.intr, SIGINT);
    watch_signal(&keeper, &keeper.hup, SIGHUP);
    start_dnsmasq(&keeper);
    if (!keeper.stopping)
        (void)uv_run(&keeper.loop, UV_RUN_DEFAULT);
    if (keeper.published)
        lab_ns_withdraw();
    ok = keeper.fault.kind == FAULT_NONE;
    if (!ok)
        *why = keeper.fault;
    proc_watch_fini(&keeper.loop);
out:
    close_loop(&keeper);
    arena_free(&keeper.arena);
    return ok;
}
