/* tests/hosts/power-test.c - the same conformance over all power drivers.
 *
 * Each driver switches a machine that is a file ("on" or "off"), through a
 * program that obeys or, told so by another file, refuses, dawdles, lies or
 * babbles: the libvirt driver's helper is replaced by it, the command driver
 * names it, for the manual driver it plays the person, and real controllers
 * (ipmi_sim, snmpd, a Redfish service, the xl of a machine with an ssh server)
 * switch it for the drivers of the network, which see broken wires too. */
#include <config.h>

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness/arena.h"
#include "harness/buf.h"
#include "harness/fs.h"
#include "harness/json.h"
#include "harness/log.h"
#include "harness/home.h"
#include "harness/proc.h"
#include "harness/signals.h"
#include "hosts/power.h"
#include "hosts/power_drivers.h"
#include "tests/hosts/net_fix.h"
#include "tests/hosts/power_fix.h"
#include "tests/tap.h"

static char dir[64];
static struct power_fix fix;

static void
put(const char *name, const char *text, mode_t mode)
{
    struct arena arena = ARENA_INIT;
    struct fault why = FAULT_INIT;

    if (!fs_write_file(arena_printf(&arena, "%s/%s", dir, name), mode, text,
                       strlen(text), &why))
        tap_bail("%s", why.text);
    arena_free(&arena);
}

static char *
get(struct arena *arena, const char *name)
{
    struct buf text = BUF_INIT;
    char *out;

    if (!fs_read_file(arena_printf(arena, "%s/%s", dir, name), 4096, &text,
                      NULL))
        buf_adds(&text, "");
    out = arena_strdup(arena, buf_text(&text));
    buf_free(&text);
    return out;
}

/* "machine" is its state, "mode" how it behaves, "orders" what it was told. */
static void
make_machine(void)
{
    struct buf text = BUF_INIT;

    buf_addf(&text,
        "#!/bin/sh\n"
        "cd %s || exit 75\n"
        "verb=$1\n"
        "[ \"$2\" != hole ] || exec sleep 5\n"
        "mode=$(cat mode)\n"
        "echo \"$verb\" >>orders\n"
        "case $mode in\n"
        "refuse) [ \"$verb\" = status ] || { echo 'assay-virt: no' >&2; "
        "exit 75; };;\n"
        "once) [ \"$verb\" = status ] || { echo obey >mode; "
        "echo 'assay-virt: not now' >&2; exit 75; };;\n"
        "dead) kill -9 $$;;\n"
        "hang) exec sleep 5;;\n"
        "babble) [ \"$verb\" = status ] && { echo 'on off maybe'; exit 0; };;\n"
        "silent) [ \"$verb\" = status ] && exit 0;;\n"
        "flood) [ \"$verb\" = status ] && { head -c 100000 /dev/zero; "
        "exit 0; };;\n"
        "lie) [ \"$verb\" = status ] || exit 0;;\n"
        /* The order is followed by the third look. */
        "slow) case $verb in\n"
        "  status) looks=$(($(cat looks) + 1)); echo $looks >looks\n"
        "    [ $looks -ne 3 ] || cp pending machine;;\n"
        "  *) echo 0 >looks; echo \"$verb\" >pending; exit 0;;\n"
        "  esac;;\n"
        "esac\n"
        "case $verb in\n"
        "on|off) echo \"$verb\" >machine;;\n"
        "status) cat machine;;\n"
        "esac\n", dir);
    put("machine.sh", buf_text(&text), 0755);
    put("assay-virt", buf_text(&text), 0755);
    buf_free(&text);
}

static void
set_up(const char *mode, const char *state)
{
    put("mode", mode, 0644);
    put("machine", state, 0644);
    put("orders", "", 0644);
    put("looks", "3", 0644);
    put("boot", "none", 0644);
    put("run/power/h1.state", state, 0644);
}

static json_t *
config_of(const struct power_driver *driver)
{
    struct arena arena = ARENA_INIT;
    const char *sh = arena_printf(&arena, "%s/machine.sh", dir);
    bool stream;
    json_t *config;

    if (strcmp(driver->name, "command") == 0)
        config = json_pack("{s:s, s:[ss], s:[ss], s:[ss], s:s}",
                           "driver", "command", "on", sh, "on",
                           "off", sh, "off", "status", sh, "status",
                           "limit", "5s");
    else if (strcmp(driver->name, "libvirt") == 0)
        config = json_pack("{s:s, s:s}", "driver", "libvirt",
                           "domain", "h1");
    else if (strcmp(driver->name, "manual") == 0)
        config = json_pack("{s:s, s:s}", "driver", "manual", "limit",
                           "250ms");
    else
        config = power_fix_config(&fix, driver->name, power_fix_port(
                                      &fix, driver->name, &stream), "right");
    arena_free(&arena);
    if (config == NULL)
        tap_bail("bad config of %s", driver->name);
    return config;
}

/* The person who reads orders and follows them, as the machine would. */
static pid_t
start_person(void)
{
    pid_t pid = fork();

    if (pid != 0)
        return pid;
    for (;;) {
        struct arena arena = ARENA_INIT;
        const char *wanted = get(&arena, "run/power/h1.wanted");
        const char *mode = get(&arena, "mode");
        enum power_state state = power_state_parse(wanted);
        struct fault why = FAULT_INIT;

        if (strcmp(mode, "slow") == 0 && state != POWER_UNKNOWN)
            signals_pause_ms(100);
        if (strcmp(mode, "refuse") != 0 && state != POWER_UNKNOWN
            && !power_manual_confirm("h1", state, &why))
            diag("%s", why.text);
        arena_free(&arena);
        signals_pause_ms(20);
    }
}

static void
check_good(const struct power_driver *driver, json_t *config,
           const char *mode)
{
    struct fault why = FAULT_INIT;
    enum power_state state = POWER_UNKNOWN;
    const char *name = driver->name;

    set_up(mode, "off");
    ok_fault(power_set("h1", config, POWER_ON, &why), &why, "%s, %s: on",
             name, mode);
    ok_fault(power_status("h1", config, &state, &why), &why,
             "%s, %s: its state", name, mode);
    is_int(state, POWER_ON, "%s, %s: is on", name, mode);
    ok_fault(power_set("h1", config, POWER_ON, &why), &why,
             "%s, %s: on again is no fault", name, mode);
    set_up(mode, "on");
    ok_fault(power_cycle("h1", config, &why), &why, "%s, %s: cycle", name,
             mode);
    ok_fault(power_status("h1", config, &state, &why), &why,
             "%s, %s: its state", name, mode);
    is_int(state, POWER_ON, "%s, %s: is on after the cycle", name, mode);
    ok_fault(power_set("h1", config, POWER_OFF, &why), &why, "%s, %s: off",
             name, mode);
    is_int(power_status("h1", config, &state, &why) ? state : POWER_UNKNOWN,
           POWER_OFF, "%s, %s: is off", name, mode);
}

static void
check_bad(const struct power_driver *driver, json_t *config,
          const char *mode, const char *says)
{
    struct fault why = FAULT_INIT;

    set_up(mode, "off");
    ok(!power_set("h1", config, POWER_ON, &why), "%s, %s: on fails",
       driver->name, mode);
    has_str(why.text, "h1 cannot be switched on", "%s, %s: says what",
            driver->name, mode);
    has_str(why.detail, says, "%s, %s: says why", driver->name, mode);
    has_str(why.detail, "attempt 3", "%s, %s: after three attempts",
            driver->name, mode);
    ok(strstr(why.detail, "attempt 4") == NULL, "%s, %s: and no more",
       driver->name, mode);
}

/* Its orders are taken and nothing happens: only reading back tells. */
static void
check_liar(const struct power_driver *driver, json_t *config)
{
    struct fault why = FAULT_INIT;

    if (strcmp(driver->name, "manual") == 0)
        return;                 /* what a person says is all there is */
    set_up("lie", "off");
    not_ok_fault(power_set_within("h1", config, POWER_ON, 100, &why), &why,
                 FAULT_PEER, "it is still off 0.1 s after the order",
                 "%s: a liar is found out", driver->name);
}

/* Set with the power off, before the start, and read back; what runs is left
 * alone. */
static void
check_boot(const struct power_driver *driver, json_t *config)
{
    struct arena arena = ARENA_INIT;
    struct fault why = FAULT_INIT;
    const char *orders, *boot, *on;

    json_put_text(config, "boot", "pxe");
    set_up("obey", "off");
    ok_fault(power_set("h1", config, POWER_ON, &why), &why,
             "%s: on, from the network", driver->name);
    orders = get(&arena, "orders");
    boot = strstr(orders, "boot\n");
    on = strstr(orders, "on\n");
    ok(boot != NULL && on != NULL && boot < on,
       "%s: the boot order was set first", driver->name);
    set_up("obey", "on");
    ok_fault(power_set("h1", config, POWER_ON, &why), &why,
             "%s: on when it is on", driver->name);
    ok(strstr(get(&arena, "orders"), "boot") == NULL,
       "%s: a host that runs keeps its boot order", driver->name);
    if (strcmp(driver->name, "redfish") == 0)
        json_put_text(config, "boot", "disk");  /* not what it is by now */
    set_up("deaf", "off");
    ok(!power_set("h1", config, POWER_ON, &why),
       "%s: a boot order that is not taken", driver->name);
    has_str(why.detail, "attempt 3: boot order: ", "%s: says so",
            driver->name);
    is_str(get(&arena, "machine"), "off", "%s: it was not switched on",
           driver->name);
    json_object_del(config, "boot");
    arena_free(&arena);
}

/* Peers that are broken, not machines. */
static void
check_wires(const struct power_driver *driver, int port, bool stream)
{
    enum power_state state = POWER_UNKNOWN;
    struct fault why = FAULT_INIT;
    json_t *config;
    int at;
    pid_t pid;

    for (int i = 0; i < NET_FAULT_COUNT; i++) {
        pid = net_fix_start((enum net_fault)i, stream, port, &at);
        config = power_fix_config(&fix, driver->name, at, "right");
        json_put_text(config, "limit", "300ms");
        ok(!power_status("h1", config, &state, &why), "%s, %s: fails",
           driver->name, net_fault_name((enum net_fault)i));
        ok(why.kind == FAULT_PEER || why.kind == FAULT_TIMEOUT,
           "%s: to be tried again", why.text);
        is_int(state, POWER_UNKNOWN, "%s, %s: no state is made up",
               driver->name, net_fault_name((enum net_fault)i));
        net_fix_stop(pid);
        json_decref(config);
    }
}

/* Refused once and for all, since more tries lock accounts; and in no word of
 * ours is what was tried. */
static void
check_password(const struct power_driver *driver, int port)
{
    bool snmp = strcmp(driver->name, "snmp-pdu") == 0;
    struct fault why = FAULT_INIT;
    json_t *config = power_fix_config(&fix, driver->name, port, "wrong");

    set_up("obey", "off");
    json_put_text(config, "limit", "500ms");
    ok(!power_set("h1", config, POWER_ON, &why), "%s: a wrong password",
       driver->name);
    /* An agent does not answer at all: no telling it from a dead one. */
    is_str(fault_kind_name(why.kind),
           fault_kind_name(snmp ? FAULT_PEER : FAULT_CONFIG),
           "%s: %s", driver->name, why.text);
    ok(strstr(why.text, "s3cr3t") == NULL
       && strstr(why.detail, "s3cr3t") == NULL
       && strstr(why.hint, "s3cr3t") == NULL, "%s: it is not said",
       driver->name);
    put("open", POWER_FIX_PASSWORD, 0644);
    json_decref(config);
    config = power_fix_config(&fix, driver->name, port, "open");
    not_ok_fault(power_set("h1", config, POWER_ON, &why), &why, FAULT_CONFIG,
                 "others than its owner may read", "%s: a password that all "
                 "may read", driver->name);
    json_decref(config);
}

/* The power of a host that never answers: its controller, PDU, program,
 * helper or person. */
static json_t *
hole_of(const struct power_driver *driver, int port, bool stream,
        pid_t *peer_out)
{
    json_t *config;
    int at;

    *peer_out = 0;
    if (port != 0) {
        *peer_out = net_fix_start(NET_SILENT, stream, port, &at);
        config = power_fix_config(&fix, driver->name, at, "right");
    } else {
        config = config_of(driver);
        if (strcmp(driver->name, "libvirt") == 0)
            json_put_text(config, "domain", "hole");
        if (strcmp(driver->name, "command") == 0)
            must(json_object_set_new(config, "off",
                                     json_pack("[ss]", "sleep", "5")) == 0);
    }
    if (strcmp(driver->name, "libvirt") != 0)
        json_put_text(config, "limit", "20s");
    return config;
}

/* Orders of other hosts do not wait for one that is a black hole. */
static void
check_black_hole(const struct power_driver *driver, int port, bool stream)
{
    struct fault why = FAULT_INIT;
    json_t *config, *good = config_of(driver);
    enum power_state state = POWER_UNKNOWN;
    pid_t pid, peer;
    int status = 0;

    config = hole_of(driver, port, stream, &peer);
    set_up("obey", "on");
    fflush(stdout);
    pid = fork();
    if (pid == 0)
        _exit(power_set("h2", config, POWER_OFF, &why) ? 0 : 1);
    ok_fault(power_status("h1", good, &state, &why), &why,
             "%s: beside a black hole", driver->name);
    is_int(waitpid(pid, &status, WNOHANG), 0, "%s: which is still black",
           driver->name);
    net_fix_stop(pid);
    net_fix_stop(peer);
    json_decref(config);
    json_decref(good);
}

/* The others: version 3 of SNMP, basic authentication, another way to say
 * which outlet, a password of the environment. */
static void
check_variants(void)
{
    enum power_state state = POWER_UNKNOWN;
    struct fault why = FAULT_INIT;
    json_t *config;

    set_up("obey", "on");
    config = power_fix_config(&fix, "redfish", fix.redfish_port, "right");
    json_put_text(config, "session", "basic");
    json_put_text(config, "system_path", "/redfish/v1/Systems/blade");
    json_object_del(config, "password_file");
    json_put_text(config, "password_env", "POWER_TEST_PASSWORD");
    not_ok_fault(power_status("h1", config, &state, &why), &why,
                 FAULT_CONFIG, "POWER_TEST_PASSWORD", "a variable is unset");
    (void)setenv("POWER_TEST_PASSWORD", POWER_FIX_PASSWORD, 1);
    ok_fault(power_status("h1", config, &state, &why), &why,
             "redfish by basic authentication");
    is_int(state, POWER_ON, "is on");
    json_decref(config);
    if (fix.snmp_port == 0)
        return;
    config = json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s}",
                       "driver", "snmp-pdu", "version", "3", "user", "assay",
                       "auth_protocol", "sha", "priv_protocol", "aes",
                       "oid", ".1.3.6.1.4.1.318.1.1.4.4.2.1.3.7",
                       "on_value", "1", "off_value", "2", "steady", "20ms");
    {
        char address[64], path[128];

        (void)snprintf(address, sizeof(address), "127.0.0.1:%d",
                       fix.snmp_port);
        (void)snprintf(path, sizeof(path), "%s/right", dir);
        json_put_text(config, "address", address);
        json_put_text(config, "auth_password_file", path);
        json_put_text(config, "priv_password_file", path);
        ok_fault(power_set("h1", config, POWER_OFF, &why), &why,
                 "snmp version 3");
        (void)snprintf(path, sizeof(path), "%s/wrong", dir);
        json_put_text(config, "auth_password_file", path);
        not_ok_fault(power_status("h1", config, &state, &why), &why,
                     FAULT_CONFIG, "Authentication failure",
                     "a wrong password of version 3");
    }
    json_decref(config);
}

/* Who may be given the password: only who has the certificate that is known,
 * for the name that was asked for. What is wrong with it stays wrong: one
 * try. */
static void
check_tls(void)
{
    static const struct {
        const char *host, *ca, *tls, *says;     /* NULL: it is trusted */
        const char *what;
    } cases[] = {
        { "127.0.0.1", NULL, NULL, "its certificate is not trusted",
          "one that signs itself, and nobody knows" },
        { "127.0.0.1", "other.pem", NULL, "its certificate is not trusted",
          "another's authority" },
        { "127.0.0.1", "none.pem", NULL, "none.pem cannot be used",
          "an authority that is not there" },
        { "localhost", "bmc.pem", NULL, "its certificate is not trusted",
          "the right one for another name" },
        { "127.0.0.1", "bmc.pem", NULL, NULL, "the one that is known" },
        { "127.0.0.1", "bmc.pem", "verify", NULL, "the same, spelled out" },
        { "127.0.0.1", NULL, "unverified", NULL, "any, if one says so" },
    };

    if (fix.redfish_tls_port == 0) {
        diag("redfish by TLS: not tried, there is no openssl");
        return;
    }
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        json_t *config = power_fix_config(&fix, "redfish", 1, "right");
        struct arena arena = ARENA_INIT;
        struct fault why = FAULT_INIT;

        json_put_text(config, "url", arena_printf(&arena, "https://%s:%d",
                      cases[i].host, fix.redfish_tls_port));
        if (cases[i].ca != NULL)
            json_put_text(config, "ca_file", arena_printf(&arena, "%s/%s",
                                                          dir, cases[i].ca));
        if (cases[i].tls != NULL)
            json_put_text(config, "tls", cases[i].tls);
        set_up("obey", "off");
        if (cases[i].says == NULL)
            ok_fault(power_set("h1", config, POWER_ON, &why), &why,
                     "redfish by TLS: %s", cases[i].what);
        else
            not_ok_fault(power_set("h1", config, POWER_ON, &why), &why,
                         FAULT_CONFIG, cases[i].says, "redfish by TLS: %s",
                         cases[i].what);
        is_str(get(&arena, "machine"), cases[i].says == NULL ? "on\n" : "off",
               "%s: the machine", cases[i].what);
        json_decref(config);
        arena_free(&arena);
    }
}

/* What is noted of a person's words, and is not what we note. */
static void
check_note(const struct power_driver *driver, json_t *config,
           const char *text)
{
    enum power_state state = POWER_UNKNOWN;
    struct fault why = FAULT_INIT;

    set_up("obey", text);
    not_ok_fault(power_status("h1", config, &state, &why), &why, FAULT_PEER,
                 "neither 'on' nor 'off'", "%s: '%s' is no state",
                 driver->name, text);
    is_int(state, POWER_UNKNOWN, "%s: none is made up", driver->name);
}

static void
check_driver(const struct power_driver *driver)
{
    json_t *config = config_of(driver);
    bool manual = strcmp(driver->name, "manual") == 0;
    const char *odd = driver->steady_ms == 0 ? "neither 'on' nor 'off'"
                                             : "attempt 1: ";
    enum power_state state = POWER_ON;
    struct fault why = FAULT_INIT;

    ok_fault(power_check("h1", config, &why), &why, "%s: the config is good",
             driver->name);
    check_good(driver, config, "obey");
    check_good(driver, config, "slow");
    check_bad(driver, config, "refuse",
              manual ? "nobody switched h1 on" : "attempt 1: ");
    json_object_set_new(config, "surprise", json_string("x"));
    not_ok_fault(power_check("h1", config, &why), &why, FAULT_CONFIG,
                 "takes no key 'surprise'", "%s: an unknown key",
                 driver->name);
    json_object_del(config, "surprise");
    if (manual) {
        check_note(driver, config, "on off maybe");
        check_note(driver, config, "o");
        check_note(driver, config, "");
    } else {
        set_up("once", "off");
        ok_fault(power_set("h1", config, POWER_ON, &why), &why,
                 "%s: a refusal that passes is retried", driver->name);
        check_bad(driver, config, "babble", odd);
        check_bad(driver, config, "silent", odd);
        check_bad(driver, config, "flood", odd);
        check_bad(driver, config, "dead", "attempt 1: ");
        set_up("babble", "on");
        ok(!power_status("h1", config, &state, &why),
           "%s: babble is no state", driver->name);
        is_int(state, POWER_ON, "%s: and none was made up", driver->name);
    }
    if (strcmp(driver->name, "command") == 0) {
        json_put_text(config, "limit", "100ms");
        check_bad(driver, config, "hang", "not done in 100 ms");
        json_put_text(config, "limit", "5s");
    }
    check_liar(driver, config);
    if (driver->boot_order != NULL)
        check_boot(driver, config);
    json_decref(config);
}

static void
check_configs(void)
{
    static const struct {
        const char *json, *says;
    } bad[] = {
        { "{}", "no power driver ''" },
        { "{\"driver\": \"lever\"}", "there are: command, guest, ipmi, "
          "libvirt, manual, redfish, snmp-pdu" },
        { "{\"driver\": \"libvirt\"}", "needs the key 'domain'" },
        { "{\"driver\": \"libvirt\", \"domain\": \"../x\"}",
          "needs the key 'domain'" },
        { "{\"driver\": \"libvirt\", \"domain\": \"a\", \"on\": [\"x\"]}",
          "takes no key 'on'" },
        { "{\"driver\": \"command\", \"on\": [\"x\"], \"off\": [\"x\"]}",
          "needs the key 'status'" },
        { "{\"driver\": \"command\", \"on\": [\"x\"], \"off\": [],"
          " \"status\": [\"x\"]}", "needs the key 'off'" },
        { "{\"driver\": \"manual\", \"limit\": \"soon\"}",
          "'soon' is no duration" },
        { "{\"driver\": \"ipmi\", \"address\": \"a\"}",
          "needs 'password_file', or 'password_env'" },
        { "{\"driver\": \"ipmi\", \"address\": \"a:b\","
          " \"password_env\": \"P\"}", "no port after its colon" },
        { "{\"driver\": \"ipmi\", \"address\": \"a b\","
          " \"password_env\": \"P\"}", "'a b' is no address" },
        { "{\"driver\": \"ipmi\", \"address\": \"a\","
          " \"password_env\": \"P\", \"password_file\": \"/p\"}",
          "both 'password_file' and 'password_env'" },
        { "{\"driver\": \"ipmi\", \"address\": \"a\","
          " \"password_env\": \"P\", \"boot\": \"cd\"}",
          "boot 'cd' is none of pxe, pxe-uefi, disk" },
        { "{\"driver\": \"ipmi\", \"address\": \"a\","
          " \"password\": \"P\"}", "takes no key 'password'" },
        { "{\"driver\": \"redfish\", \"url\": \"https://u:p@h\","
          " \"user\": \"u\", \"password_env\": \"P\"}",
          "needs the key 'url'" },
        { "{\"driver\": \"redfish\", \"url\": \"https://h\","
          " \"password_env\": \"P\"}", "needs the key 'user'" },
        { "{\"driver\": \"snmp-pdu\", \"address\": \"a\","
          " \"model\": \"apc\", \"outlet\": \"0\","
          " \"community_env\": \"C\"}", "needs the key 'outlet'" },
        { "{\"driver\": \"snmp-pdu\", \"address\": \"a\","
          " \"model\": \"fuse\", \"outlet\": \"1\","
          " \"community_env\": \"C\"}",
          "there are: apc, apc-rack, raritan, sentry3" },
        { "{\"driver\": \"snmp-pdu\", \"address\": \"a\","
          " \"oid\": \"1.3.x\", \"on_value\": \"1\","
          " \"off_value\": \"2\", \"community_env\": \"C\"}",
          "no object identifier" },
        { "{\"driver\": \"snmp-pdu\", \"address\": \"a\","
          " \"oid\": \"1.3.6.1\", \"on_value\": \"1\","
          " \"off_value\": \"1\", \"community_env\": \"C\"}",
          "two numbers 'on_value' and 'off_value'" },
        { "{\"driver\": \"guest\"}", "needs the key 'guest'" },
        { "{\"driver\": \"guest\", \"guest\": \"12\"}", "is no number" },
        { "{\"driver\": \"guest\", \"guest\": \"Domain-0\"}",
          "not Domain-0" },
        { "{\"driver\": \"guest\", \"guest\": \"g\","
          " \"config\": \"g.cfg\"}", "'config', an absolute path" },
        { "{\"driver\": \"guest\", \"guest\": \"g\","
          " \"config\": \"/a=b\"}", "'config', an absolute path without" },
        { "{\"driver\": \"guest\", \"guest\": \"g\","
          " \"config\": \"/c\", \"xl\": \"xl\"}",
          "xl 'xl' is no absolute path" },
        { "{\"driver\": \"guest\", \"guest\": \"g\","
          " \"config\": \"/c\"}", "needs the key 'address'" },
        { "{\"driver\": \"guest\", \"guest\": \"g\","
          " \"config\": \"/c\", \"address\": \"a\"}",
          "power driver guest needs a host_key" },
        { "{\"driver\": \"guest\", \"guest\": \"g\","
          " \"config\": \"/c\", \"address\": \"a\","
          " \"host_key\": \"ssh-ed25519 A\", \"key_file\": \"k\"}",
          "key_file 'k' is not absolute" },
    };
    struct fault why = FAULT_INIT;
    json_t *config;

    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        config = json_loads(bad[i].json, 0, NULL);
        not_ok_fault(power_check("h1", config, &why), &why, FAULT_CONFIG,
                     bad[i].says, "%s", bad[i].json);
        json_decref(config);
    }
}

/* A guest that runs is off only when a whole table says so: not when the table
 * is cut where it reads as whole, and not by a stranger's word. */
static void
check_guest(void)
{
    json_t *config = power_fix_config(&fix, "guest", fix.guest_port, "right");
    enum power_state state = POWER_UNKNOWN;
    struct fault why = FAULT_INIT;
    struct arena arena = ARENA_INIT;

    set_up("cut", "on");
    not_ok_fault(power_status("h1", config, &state, &why), &why, FAULT_PEER,
                 "ssh: ", "guest: a table whose end nobody saw");
    set_up("half", "on");
    not_ok_fault(power_status("h1", config, &state, &why), &why, FAULT_PEER,
                 "is no table of 'xl list'", "guest: half a table");
    set_up("refuse", "off");
    ok(!power_set("h1", config, POWER_ON, &why), "guest: xl refuses");
    has_str(why.detail, "attempt 3: xl create: exit status 75\n",
            "guest: its status is said");
    has_str(why.detail, "assay-virt: no", "guest: and what it says");
    set_up("obey", "on");
    json_put_text(config, "guest", "h2");
    ok_fault(power_status("h1", config, &state, &why), &why,
             "guest: another's state");
    is_int(state, POWER_OFF, "guest: is not that of a longer name");
    json_put_text(config, "guest", "h1");
    set_up("obey", "on");
    json_put_text(config, "host_key",
                  "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGh1bW1pbmdiaXJk");
    not_ok_fault(power_set("h1", config, POWER_OFF, &why), &why,
                 FAULT_CONFIG, "is not the 'host_key'",
                 "guest: a stranger in its place");
    is_str(get(&arena, "orders"), "", "guest: is told nothing");
    arena_free(&arena);
    json_decref(config);
}

/* All that was logged, the retries too, is free of secrets. */
static void
check_log(void)
{
    struct arena arena = ARENA_INIT;
    struct buf log = BUF_INIT;
    struct fault why = FAULT_INIT;

    if (!fs_read_file(arena_printf(&arena, "%s/log", dir), 64 << 20, &log,
                      &why))
        tap_bail("%s", why.text);
    ok(strstr(buf_text(&log), "attempt 2 of 3") != NULL,
       "each attempt is a line of the log");
    ok(strstr(buf_text(&log), "s3cr3t") == NULL,
       "no secret is in any of them");
    ok(strstr(buf_text(&log), "b3BlbnNzaC1rZXk") == NULL,
       "nor a private key of ssh");
    buf_free(&log);
    arena_free(&arena);
}

/* Programs are looked for beside the running one first: so this test runs
 * from the directory of its helper. */
static void
move_there(char **argv)
{
    struct arena arena = ARENA_INIT;
    const char *to;
    char *from = NULL;
    struct fault why = FAULT_INIT;

    (void)snprintf(dir, sizeof(dir), "/tmp/assay-power.XXXXXX");
    if (mkdtemp(dir) == NULL || chmod(dir, 0755) != 0
        || setenv("ASSAY_HOME", dir, 1) != 0
        || setenv("ASSAY_LOG", "debug", 1) != 0)
        tap_bail("no directory");
    to = arena_printf(&arena, "%s/assay-bmc", dir);
    if (!home_program(&arena, "assay-bmc", &from, &why)
        || !fs_copy_file(from, to, 0755, &why))
        tap_bail("%s", why.text);
    to = arena_printf(&arena, "%s/power-test", dir);
    if (!fs_copy_file("/proc/self/exe", to, 0755, &why))
        tap_bail("%s", why.text);
    (void)execv(to, argv);
    tap_bail("run %s: %s", to, strerror(errno));
}

/* What the library and we say goes there, to be searched at the end. */
static void
log_to_file(void)
{
    struct arena arena = ARENA_INIT;
    int fd = open(arena_printf(&arena, "%s/log", dir),
                  O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);

    if (fd < 0 || dup2(fd, STDERR_FILENO) < 0)
        tap_bail("no log");
    fd_close(&fd);
    arena_free(&arena);
}

int
main(int argc, char **argv)
{
    struct arena arena = ARENA_INIT;
    struct fault why = FAULT_INIT;
    const char *home;
    pid_t person;

    if (argc > 0 && strncmp(argv[0], "/tmp/assay-power.", 17) != 0) {
        argv[0] = (char[64]){ "/tmp/assay-power." };
        move_there(argv);
    }
    log_init("power-test");
    if (!home_get(&home, &why)
        || !fs_mkdirs(home_path(&arena, "run/power"), 0755, &why))
        tap_bail("%s", why.text);
    (void)snprintf(dir, sizeof(dir), "%s", home);
    log_to_file();
    make_machine();
    set_up("obey", "off");
    person = start_person();
    check_configs();
    power_fix_start(&fix, dir);
    for (size_t i = 0; power_at(i) != NULL; i++) {
        const struct power_driver *driver = power_at(i);
        bool stream;
        int port = power_fix_port(&fix, driver->name, &stream);

        if (driver->steady_ms > 0 && port == 0) {
            diag("%s: not tried, its controller is not here", driver->name);
            continue;
        }
        check_driver(driver);
        check_black_hole(driver, port, stream);
        if (port != 0) {
            check_wires(driver, port, stream);
            check_password(driver, port);
        }
        if (strcmp(driver->name, "guest") == 0)
            check_guest();
    }
    check_variants();
    check_tls();
    check_log();
    power_fix_stop(&fix);
    (void)kill(person, SIGKILL);
    (void)waitpid(person, NULL, 0);
    if (tap.failed == 0 && !fs_remove_tree(dir, &why))
        diag("%s", why.text);
    arena_free(&arena);
    return tap_done();
}
