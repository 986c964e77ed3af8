/* tests/hosts/console-port-test.c - each state of a console with each thing
 * that can happen in it. */
#include <config.h>

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include <uv.h>

#include "harness/buf.h"
#include "harness/clock.h"
#include "harness/fs.h"
#include "hosts/console_driver.h"
#include "hosts/console_flight.h"
#include "hosts/console_log.h"
#include "hosts/console_mux.h"
#include "hosts/console_port.h"
#include "tests/tap.h"

static struct fault why;
static char dir[40], path[100];
static uv_loop_t loop;
static struct clock now;
static struct console_env env;
static int made;

/* Where each happening leads, when there is a machine that listens (ours) or
 * one that connects (theirs). */
#define OFF CONSOLE_OFF
#define DOWN CONSOLE_DOWN
#define LISTENING CONSOLE_LISTENING
#define UP CONSOLE_UP
static const enum console_state leads[CONSOLE_STATE_COUNT]
                                     [CONSOLE_HAPPENING_COUNT] = {
    /*               START      MOVED      CALLED     HANGUP     RETRY STOP */
    [OFF]       = { LISTENING, OFF,       OFF,       OFF,       OFF, OFF },
    [DOWN]      = { DOWN,      LISTENING, DOWN,      DOWN,      LISTENING,
                    OFF },
    [LISTENING] = { LISTENING, LISTENING, UP,        LISTENING, LISTENING,
                    OFF },
    [UP]        = { UP,        LISTENING, UP,        LISTENING, UP,  OFF },
};

static int
machine(void)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    (void)snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
    if (connect(fd, (struct sockaddr *)&address, sizeof(address)) != 0)
        fd_close(&fd);
    return fd;
}

/* A fresh console in the state, with a machine that has connected or waits
 * to be accepted. */
static struct console_port *
bring_to(enum console_state state, int *machine_out)
{
    struct console_place place = { .way = CONSOLE_WAY_NONE };
    struct console_port *port = NULL;
    char host[32];

    (void)snprintf(host, sizeof(host), "h%d", ++made);
    (void)snprintf(path, sizeof(path), "%s/%s.sock", dir, host);
    *machine_out = -1;
    if (!console_port_new(&env, host, &port, &why))
        tap_bail("%s", why.text);
    if (state == CONSOLE_OFF)
        return port;
    if (state == CONSOLE_DOWN) {
        /* What stands in the way goes away again. */
        if (!fs_write_file(path, 0644, "", 0, &why))
            tap_bail("%s", why.text);
    }
    if (!console_place_set(&place, CONSOLE_WAY_LISTEN, path, &why))
        tap_bail("%s", why.text);
    console_port_go(port, &place, true);
    if (state == CONSOLE_DOWN) {
        (void)unlink(path);
        return port;
    }
    *machine_out = machine();
    if (state == CONSOLE_UP)
        console_port_happens(port, CONSOLE_CALLED);
    return port;
}

static void
test_table(void)
{
    static const char *const names[] = { "start", "moved", "called",
                                         "hangup", "retry", "stop" };
    struct console_place place = { .way = CONSOLE_WAY_LISTEN };

    for (int s = 0; s < CONSOLE_STATE_COUNT; s++)
        for (int h = 0; h < CONSOLE_HAPPENING_COUNT; h++) {
            enum console_state state = (enum console_state)s;
            struct console_port *port;
            int fd;

            port = bring_to(state, &fd);
            if (console_port_state(port) != state)
                tap_bail("not %s", console_state_name(state));
            if (state == CONSOLE_OFF && h == CONSOLE_START) {
                /* Only there the place is not known yet. */
                (void)snprintf(place.path, sizeof(place.path), "%s", path);
                console_port_go(port, &place, true);
            } else {
                console_port_happens(port, (enum console_happening)h);
            }
            is_str(console_state_name(console_port_state(port)),
                   console_state_name(leads[s][h]), "%s, %s",
                   console_state_name(state), names[h]);
            console_port_free(port, true);
            fd_close(&fd);
        }
}

/* Delays grow, are not the same for all, and end. */
static void
test_retries(void)
{
    struct console_place place = { .way = CONSOLE_WAY_CONNECT };
    struct console_port *port = NULL;
    int64_t waited = 0;
    int fd, tries = 0;
    struct sockaddr_un address = { .sun_family = AF_UNIX };

    (void)snprintf(path, sizeof(path), "%s/late.sock", dir);
    (void)snprintf(place.path, sizeof(place.path), "%s", path);
    if (!console_port_new(&env, "late", &port, &why))
        tap_bail("%s", why.text);
    console_port_go(port, &place, true);
    is_str(console_state_name(console_port_state(port)), "down",
           "nobody is there");
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    (void)snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
    for (; waited < 600000; waited += 250) {
        clock_warp(&now, 250);
        console_port_tick(port);
        if (waited == 300000 &&
            (bind(fd, (struct sockaddr *)&address, sizeof(address)) != 0 ||
             listen(fd, 1) != 0))
            tap_bail("listen");
        tries++;
        if (console_port_state(port) == CONSOLE_UP)
            break;
    }
    ok(waited > 300000 && waited < 300000 + 13000,
       "somebody comes: connected %" PRId64 " ms later", waited - 300000);
    console_port_free(port, true);
    close(fd);
}

/* A pseudo-terminal, as libvirt gives a domain. */
static void
test_pty(void)
{
    struct console_place place = { .way = CONSOLE_WAY_PTY };
    struct console_port *port = NULL;
    int master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
    char typed[8] = "";
    int turns;

    if (master < 0 || grantpt(master) != 0 || unlockpt(master) != 0 ||
        ptsname_r(master, place.path, sizeof(place.path)) != 0) {
        skip("a pseudo-terminal", "there is none");
        fd_close(&master);
        return;
    }
    if (!console_port_new(&env, "pty", &port, &why))
        tap_bail("%s", why.text);
    console_port_go(port, &place, true);
    is_str(console_state_name(console_port_state(port)), "up", "it is open");
    is_int(write(master, "a\r\n\003\377", 5), 5, "the machine speaks");
    for (turns = 0; turns < 1000 &&
         console_log_offset(console_port_log(port)) < 5; turns++) {
        (void)uv_run(&loop, UV_RUN_NOWAIT);
        (void)poll(NULL, 0, 2);
    }
    is_int(console_log_offset(console_port_log(port)), 5,
           "byte for byte: the terminal is raw");
    ok_fault(console_port_type(port, NULL, "\r\003", 2, false, &why), &why,
             "typing");
    is_int(read(master, typed, sizeof(typed)), 2, "it arrives");
    is_str(typed, "\r\003", "as it was typed");
    close(master);
    for (turns = 0; turns < 1000 &&
         console_port_state(port) == CONSOLE_UP; turns++) {
        (void)uv_run(&loop, UV_RUN_NOWAIT);
        (void)poll(NULL, 0, 2);
    }
    is_str(console_state_name(console_port_state(port)), "down",
           "the machine has gone");
    console_port_free(port, true);
}

static void
test_drivers(void)
{
    const struct console_driver *driver;
    struct console_place place;
    json_t *config = json_object();
    struct buf argv = BUF_INIT;
    static const struct {
        const char *answer, *path;
        enum console_way way;
    } answers[] = {
        { "{\"type\": \"unix\", \"mode\": \"connect\", \"path\": \"/a\"}",
          "/a", CONSOLE_WAY_LISTEN },
        { "{\"type\": \"unix\", \"mode\": \"bind\", \"path\": \"/b\"}", "/b",
          CONSOLE_WAY_CONNECT },
        { "{\"type\": \"pty\", \"path\": \"/dev/pts/3\"}", "/dev/pts/3",
          CONSOLE_WAY_PTY },
    };

    ok(console_driver_find("smoke", &why) == NULL, "no such driver");
    has_str(why.hint, "ipmi-sol, libvirt, ssh",
            "the hint says which there are");
    for (size_t i = 0; console_driver_at(i) != NULL; i++) {
        driver = console_driver_at(i);
        ok(console_driver_find(driver->name, &why) == driver,
           "%s is found by its name", driver->name);
        not_ok_fault(driver->place("h", config, &place, &why), &why,
                     FAULT_CONFIG, "needs a", "%s wants its keys",
                     driver->name);
    }
    driver = console_driver_find("unix", &why);
    (void)json_object_set_new(config, "path", json_string("rel"));
    not_ok_fault(driver->place("h", config, &place, &why), &why,
                 FAULT_CONFIG, "not absolute", "a relative path");
    (void)json_object_set_new(config, "path", json_string("/x"));
    (void)json_object_set_new(config, "mode", json_string("wait"));
    not_ok_fault(driver->place("h", config, &place, &why), &why,
                 FAULT_CONFIG, "'wait'", "a mode that is none");
    (void)json_object_set_new(config, "mode", json_string("listen"));
    ok_fault(driver->place("h", config, &place, &why), &why, "unix, listen");
    is_int(place.way, CONSOLE_WAY_LISTEN, "listens");
    driver = console_driver_find("libvirt", &why);
    (void)json_object_set_new(config, "domain", json_string("d1"));
    ok_fault(driver->place("h", config, &place, &why), &why, "libvirt");
    is_int(place.way, CONSOLE_WAY_LISTEN, "listens at once");
    has_str(place.path, "/run/console/h.sock", "where the lab connects");
    driver->ask(config, &argv);
    is_str(argv.data + argv.len - 3, "d1", "the helper is asked about it");
    for (size_t i = 0; i < ARRAY_LEN(answers); i++) {
        ok_fault(driver->answer(answers[i].answer, strlen(answers[i].answer),
                                &place, &why), &why, "%s",
                 answers[i].answer);
        ok(place.way == answers[i].way &&
           strcmp(place.path, answers[i].path) == 0, "is understood");
    }
    ok(!driver->answer("{}", 2, &place, &why), "no answer");
    ok(!driver->answer("garbage", 7, &place, &why), "garbage");
    json_decref(config);
    buf_free(&argv);
}

int
main(void)
{
    (void)snprintf(dir, sizeof(dir), "/tmp/console-port-test.XXXXXX");
    if (mkdtemp(dir) == NULL || setenv("ASSAY_HOME", dir, 1) != 0 ||
        setenv("ASSAY_LOG", "error", 1) != 0)
        tap_bail("mkdtemp");
    must(uv_loop_init(&loop) == 0);
    clock_init_warped(&now, 1700000000000);
    env.clock = &now;
    env.logs_dir = dir;
    env.log_file_bytes = CONSOLE_LOG_FILE_BYTES;
    if (!console_flight_open(NULL, -1, &env.flight, &why) ||
        !console_mux_new(&loop, &env.mux, &why))
        tap_bail("%s", why.text);
    test_table();
    test_retries();
    test_pty();
    test_drivers();
    console_mux_free(env.mux);
    (void)uv_run(&loop, UV_RUN_DEFAULT);
    is_int(uv_loop_close(&loop), 0, "nothing is left in the loop");
    console_flight_close(env.flight);
    if (tap.failed == 0 && !fs_remove_tree(dir, &why))
        diag("%s", why.text);
    return tap_done();
}
