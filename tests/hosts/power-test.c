/* tests/hosts/power-test.c - the same conformance over all power drivers.
 *
 * Each driver switches a machine that is a file ("on" or "off"), through a
 * program that obeys or, told so by another file, refuses, dawdles, lies or
 * babbles: the libvirt driver's helper is replaced by it, the command driver
 * names it, and for the manual driver it plays the person. */
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
#include "tests/tap.h"

static char dir[64];

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
        "mode=$(cat mode)\n"
        "echo \"$verb\" >>orders\n"
        "case $mode in\n"
        "refuse) [ \"$verb\" = status ] || { echo 'assay-virt: no' >&2; "
        "exit 75; };;\n"
        "once) [ \"$verb\" = status ] || { echo obey >mode; "
        "echo 'assay-virt: not now' >&2; exit 75; };;\n"
        "dead) kill -9 $$;;\n"
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
    put("run/power/h1.state", state, 0644);
}

static json_t *
config_of(const struct power_driver *driver)
{
    struct arena arena = ARENA_INIT;
    const char *sh = arena_printf(&arena, "%s/machine.sh", dir);
    json_t *config;

    if (strcmp(driver->name, "command") == 0)
        config = json_pack("{s:s, s:[ss], s:[ss], s:[ss], s:s}",
                           "driver", "command", "on", sh, "on",
                           "off", sh, "off", "status", sh, "status",
                           "limit", "5s");
    else if (strcmp(driver->name, "libvirt") == 0)
        config = json_pack("{s:s, s:s}", "driver", "libvirt",
                           "domain", "h1");
    else
        config = json_pack("{s:s, s:s}", "driver", "manual", "limit", "1s");
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

static void
check_driver(const struct power_driver *driver)
{
    json_t *config = config_of(driver);
    bool manual = strcmp(driver->name, "manual") == 0;
    enum power_state state = POWER_ON;
    struct fault why = FAULT_INIT;

    ok_fault(power_check("h1", config, &why), &why, "%s: the config is good",
             driver->name);
    check_good(driver, config, "obey");
    check_bad(driver, config, "refuse",
              manual ? "nobody switched h1 on" : "attempt 1: ");
    json_object_set_new(config, "surprise", json_string("x"));
    not_ok_fault(power_check("h1", config, &why), &why, FAULT_CONFIG,
                 "takes no key 'surprise'", "%s: an unknown key",
                 driver->name);
    json_object_del(config, "surprise");
    if (!manual) {
        check_good(driver, config, "slow");
        set_up("once", "off");
        ok_fault(power_set("h1", config, POWER_ON, &why), &why,
                 "%s: a refusal that passes is retried", driver->name);
        check_bad(driver, config, "babble", "neither 'on' nor 'off'");
        check_bad(driver, config, "silent", "neither 'on' nor 'off'");
        check_bad(driver, config, "flood", "neither 'on' nor 'off'");
        check_bad(driver, config, "dead", "attempt 1: ");
        set_up("babble", "on");
        ok(!power_status("h1", config, &state, &why),
           "%s: babble is no state", driver->name);
        is_int(state, POWER_ON, "%s: and none was made up", driver->name);
    }
    json_decref(config);
}

/* Its orders are taken and nothing happens: only reading back tells. */
static void
check_liar(void)
{
    json_t *config = config_of(power_at(0));
    struct fault why = FAULT_INIT;

    set_up("lie", "off");
    not_ok_fault(power_set_within("h1", config, POWER_ON, 300, &why), &why,
                 FAULT_PEER, "it is still off 0.3 s after the order",
                 "a liar is found out");
    json_decref(config);
}

static void
check_configs(void)
{
    static const struct {
        const char *json, *says;
    } bad[] = {
        { "{}", "no power driver ''" },
        { "{\"driver\": \"lever\"}", "there are: command, libvirt, manual" },
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

/* Programs are looked for beside the running one first: so this test runs
 * from the directory of its helper. */
static void
move_there(char **argv)
{
    struct arena arena = ARENA_INIT;
    const char *to;
    struct fault why = FAULT_INIT;

    (void)snprintf(dir, sizeof(dir), "/tmp/assay-power.XXXXXX");
    if (mkdtemp(dir) == NULL || chmod(dir, 0755) != 0
        || setenv("ASSAY_HOME", dir, 1) != 0
        || setenv("ASSAY_LOG", "error", 1) != 0)
        tap_bail("no directory");
    to = arena_printf(&arena, "%s/power-test", dir);
    if (!fs_copy_file("/proc/self/exe", to, 0755, &why))
        tap_bail("%s", why.text);
    (void)execv(to, argv);
    tap_bail("run %s: %s", to, strerror(errno));
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
    make_machine();
    set_up("obey", "off");
    person = start_person();
    check_configs();
    for (size_t i = 0; power_at(i) != NULL; i++)
        check_driver(power_at(i));
    check_liar();
    (void)kill(person, SIGKILL);
    (void)waitpid(person, NULL, 0);
    if (tap.failed == 0 && !fs_remove_tree(dir, &why))
        diag("%s", why.text);
    arena_free(&arena);
    return tap_done();
}
