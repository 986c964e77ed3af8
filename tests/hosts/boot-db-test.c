/* tests/hosts/boot-db-test.c - the life of a boot, and hosts in the database,
 * on a real server. */
#include <config.h>

#include <sys/wait.h>
#include <unistd.h>

#include "harness/arena.h"
#include "harness/db.h"
#include "harness/fs.h"
#include "hosts/boot_db.h"
#include "hosts/health_db.h"
#include "hosts/host_db.h"
#include "hosts/host_yaml.h"
#include "tests/tap.h"

#include "tests/pgfix.h"

#define KEY "ssh-ed25519 AAAA root@h1"
#define RACERS 8
#define RACES 50

static const char host_text[] =
    "host: %s\narch: amd64\nfirmware: bios\nclass: c\nflags: [%s]\n"
    "properties: { mac: \"%s\", address: %s }\n"
    "power: { driver: manual }\nconsole: { driver: unix, path: /x }\n"
    "netboot: { driver: ipxe }\nprovision: { driver: ramboot }\n";

static struct pgfix fix;

static bool
load(struct db *db, const char *name, const char *flags, const char *mac,
     const char *address, struct fault *why)
{
    struct arena arena = ARENA_INIT;
    const char *path = arena_printf(&arena, "%s/%s.yaml", fix.home, name);
    const char *text;
    struct host_file **files = NULL;
    bool ok;

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
    text = arena_printf(&arena, host_text, name, flags, mac, address);
#pragma GCC diagnostic pop
    ok = fs_write_file(path, 0644, text, strlen(text), why)
        && host_yaml_load_all(&path, 1, &files, why);
    if (!ok)
        tap_bail("%s", why->text);
    ok = host_db_load(db, files, 1, why);
    host_yaml_free_all(files, 1);
    arena_free(&arena);
    return ok;
}

static void
arm(struct db *db, const char *host, char nonce[static BOOT_NONCE_BYTES])
{
    const struct boot_order order = { .host = host, .spec = "{\"a\": 1}" };
    struct fault why = FAULT_INIT;

    if (!boot_nonce_make(nonce, &why) || !boot_arm(db, nonce, &order, &why))
        tap_bail("arm: %s", why.text);
}

static enum boot_status
status_of(struct db *db, const char *nonce)
{
    struct boot *boot = NULL;
    struct fault why = FAULT_INIT;
    enum boot_status status;

    if (!boot_get(db, nonce, &boot, &why) || boot == NULL)
        tap_bail("get: %s", why.text);
    status = boot->status;
    boot_free(boot);
    return status;
}

static enum boot_call
call_of(struct db *db, const char *nonce, const char *key)
{
    enum boot_call call = BOOT_CALL_NONE;
    struct fault why = FAULT_INIT;

    if (!boot_record_up(db, nonce, key, "10.0.0.1", &call, &why))
        tap_bail("up: %s", why.text);
    return call;
}

/* True when a script was given out. */
static bool
take(struct db *db, const char *mac, const char *nonce)
{
    struct boot *boot = NULL;
    struct fault why = FAULT_INIT;
    bool taken;

    if (!boot_take_script(db, mac, &boot, &why))
        tap_bail("take: %s", why.text);
    taken = boot != NULL && strcmp(boot->nonce, nonce) == 0;
    boot_free(boot);
    return taken;
}

static void
check_hosts(struct db *db)
{
    struct host *host = NULL;
    struct host **hosts = NULL;
    struct fault why = FAULT_INIT;
    size_t count = 0;

    ok_fault(load(db, "h1", "xen, old", "52:54:00:AA:00:11", "10.0.0.1",
                  &why), &why, "a host is loaded");
    ok_fault(load(db, "h2", "xen", "52:54:00:aa:00:12", "10.0.0.2", &why),
             &why, "another");
    ok_fault(health_set(db, &(struct health_order){
                            .host = "h1", .state = "suspect", .who = "me",
                            .why = "it smokes" }, NULL, &why), &why,
             "its state is set");
    ok_fault(load(db, "h1", "xen, hap", "52:54:00:AA:00:11", "10.0.0.1",
                  &why), &why, "the first again, changed");
    if (!host_db_get(db, "h1", &host, &why))
        tap_bail("%s", why.text);
    is_str(host->state, "suspect", "keeps its state");
    is_int((int64_t)json_array_size(host->flags), 2, "has two flags");
    is_str(json_string_value(json_array_get(host->flags, 0)), "hap",
           "the new one");
    is_str(host_property(host, "address"), "10.0.0.1", "and its property");
    is_int(host->owner_task, 0, "nobody has it");
    ok_fault(host_check_ours(host, &why), &why, "so it is ours");
    host->owner_task = 7;
    not_ok_fault(host_check_ours(host, &why), &why, FAULT_CONFLICT,
                 "belongs to", "one with an owner is not");
    (void)setenv("ASSAY_TASK", "7", 1);
    ok_fault(host_check_ours(host, &why), &why, "unless we work for that");
    (void)unsetenv("ASSAY_TASK");
    host_free(host);
    not_ok_fault(load(db, "h3", "xen", "52:54:00:aa:00:11", "10.0.0.3",
                      &why), &why, FAULT_CONFIG, "is that of hosts h1",
                 "a third with the MAC of the first, in another case");
    is_int(pgfix_int("select count(*) from assay.host"), 2,
           "is not there at all");
    not_ok_fault(host_db_get(db, "h3", &host, &why), &why, FAULT_NOT_FOUND,
                 "there is no host 'h3'", "and not found");
    has_str(why.hint, "h1, h2", "with the names that are");
    ok_fault(host_db_list(db, &hosts, &count, &why), &why, "the list");
    is_int((int64_t)count, 2, "has both");
    for (size_t i = 0; i < count; i++)
        host_free(hosts[i]);
    free(hosts);
}

/* h1 and h2 are machines of a lab, h1 is up. */
static void
check_lab(struct db *db)
{
    struct host_file h1 = { .host = (char[]){ "h1" } };
    struct host_file h2 = { .host = (char[]){ "h2" } };
    struct host_file *both[] = { &h1, &h2 };
    struct fault why = FAULT_INIT;

    if (!db_script(db, "machines", "update assay.host set state = 'good',"
                   " config = config || '{\"machine\": {}}'", &why))
        tap_bail("%s", why.text);
    ok_fault(host_db_lab(db, both, 1, &why), &why, "a lab with one of two");
    is_int(pgfix_int("select count(*) from assay.host"
                     " where host = 'h2' and state = 'maintenance'"), 1,
           "the other is not given to jobs");
    ok_fault(host_db_lab(db, both, 1, &why), &why, "again");
    is_int(pgfix_int("select count(*) from assay.host_health"
                     " where host = 'h2'"), 1, "changes nothing");
    ok_fault(host_db_lab(db, both, 2, &why), &why, "a lab with both");
    is_int(pgfix_int("select count(*) from assay.host"
                     " where state = 'good'"), 2, "both are good");
    ok_fault(health_set(db, &(struct health_order){
                            .host = "h2", .state = "maintenance",
                            .who = "me", .why = "fan" }, NULL, &why), &why,
             "a person takes one out");
    ok_fault(host_db_lab(db, both, 2, &why), &why, "a lab with both");
    is_int(pgfix_int("select count(*) from assay.host"
                     " where state = 'good'"), 1, "leaves it out");
    ok_fault(health_set(db, &(struct health_order){
                            .host = "h2", .state = "good",
                            .who = "me", .why = "done" }, NULL, &why), &why,
             "until it is back");
}

static void
check_life(struct db *db)
{
    char nonce[BOOT_NONCE_BYTES], next[BOOT_NONCE_BYTES];
    struct boot *boot = NULL;
    struct fault why = FAULT_INIT;

    arm(db, "h1", nonce);
    ok(boot_nonce_is_valid(nonce), "a nonce is valid");
    ok(!boot_nonce_is_valid("0123"), "a short one is not");
    is_int(status_of(db, nonce), BOOT_ARMED, "it is armed");
    is_int(call_of(db, nonce, KEY), BOOT_CALL_REFUSED,
           "a call before the script was fetched is refused");
    ok_fault(boot_record_power(db, nonce, &why), &why, "power ordered");
    ok_fault(boot_record_powered(db, nonce, &why), &why, "power read back");
    ok(!take(db, "52:54:00:aa:00:99", nonce), "a strange MAC gets nothing");
    ok(!take(db, "52:54:00:aa:00:12", nonce), "nor does the other host");
    ok(take(db, "52:54:00:aa:00:11", nonce), "its own gets the script");
    ok(!take(db, "52:54:00:aa:00:11", nonce), "once");
    ok_fault(boot_record_fetch(db, nonce, "10.0.0.1", "xen", 100, 404, &why),
             &why, "a fetch that failed");
    ok(boot_get(db, nonce, &boot, &why) && boot->fetched_ms < 0,
       "is no fetch of an image");
    boot_free(boot);
    ok_fault(boot_record_fetch(db, nonce, "10.0.0.1", "xen", 900, 200, &why),
             &why, "one that did not fail");
    is_int(call_of(db, nonce, KEY), BOOT_CALL_UP, "it calls: up");
    is_int(call_of(db, nonce, KEY), BOOT_CALL_AGAIN, "again: known");
    is_int(call_of(db, nonce, "ssh-ed25519 BBBB"), BOOT_CALL_REFUSED,
           "with another key: refused");
    if (!boot_get(db, nonce, &boot, &why) || boot == NULL)
        tap_bail("get");
    is_int(boot->status, BOOT_UP, "it is up");
    is_str(boot->hostkey, KEY, "with its first key");
    is_str(boot->mac, "52:54:00:AA:00:11", "its host's MAC");
    is_str(boot->lease, "10.0.0.1", "and address");
    is_int(boot->fetch_bytes, 1000, "all that it fetched");
    ok(0 <= boot->power_ms && boot->power_ms <= boot->powered_ms
       && boot->powered_ms <= boot->script_ms
       && boot->script_ms <= boot->fetched_ms
       && boot->fetched_ms <= boot->up_ms, "its times are in order");
    boot_free(boot);
    ok_fault(boot_fail(db, nonce, "no", &why), &why, "a failure after that");
    is_int(status_of(db, nonce), BOOT_UP, "changes nothing");

    arm(db, "h1", next);
    is_int(status_of(db, nonce), BOOT_UP, "a new one leaves it alone");
    arm(db, "h1", nonce);
    is_int(status_of(db, next), BOOT_SUPERSEDED,
           "but supersedes one that is open");
    ok(!take(db, "52:54:00:aa:00:11", next), "which gets no script");
    ok_fault(boot_fail(db, nonce, "it burns", &why), &why, "a failure");
    is_int(status_of(db, nonce), BOOT_FAILED, "is one");
    ok(!take(db, "52:54:00:aa:00:11", nonce), "and gets no script");
    ok(boot_last(db, "h1", &boot, &why) && boot != NULL
       && strcmp(boot->reason, "it burns") == 0, "the last one says why");
    boot_free(boot);
    boot = NULL;
    ok(boot_get(db, "ffffffffffffffffffffffffffffffff", &boot, &why)
       && boot == NULL, "an unknown nonce is no fault");
}

static void
check_parts(struct db *db)
{
    struct fault why = FAULT_INIT;
    json_t *parts = NULL;
    int64_t id = 0;

    not_ok_fault(boot_candidate_parts(db, "c1", "amd64", &id, &parts, &why),
                 &why, FAULT_NOT_FOUND, "no candidate 'c1'",
                 "no candidate at all");
    pgfix_script("insert into assay.artefact (sha256, bytes, kind) values"
                 " (repeat('a', 64), 1, 'xen');"
                 "insert into assay.candidate (name, source) values"
                 " ('c1', 's');"
                 "insert into assay.candidate_part"
                 " select candidate, 'amd64', 'xen', repeat('a', 64)"
                 " from assay.candidate");
    ok_fault(boot_candidate_parts(db, "c1", "amd64", &id, &parts, &why),
             &why, "one with a part");
    is_int((int64_t)json_object_size(parts), 1, "has it");
    ok(id > 0, "and a number");
    json_decref(parts);
    not_ok_fault(boot_candidate_parts(db, "c1", "arm64", &id, &parts, &why),
                 &why, FAULT_NOT_FOUND, "has nothing for arm64",
                 "another architecture");
    not_ok_fault(boot_candidate_parts(db, "c2", "amd64", &id, &parts, &why),
                 &why, FAULT_NOT_FOUND, "no candidate 'c2'",
                 "another name");
    has_str(why.hint, "c1", "with the name that there is");
}

/* Two who ask for one script at the same moment: one gets it. */
static void
check_race(struct db *db)
{
    char nonce[BOOT_NONCE_BYTES];
    int served = 0, status;

    for (int race = 0; race < RACES; race++) {
        pid_t pids[RACERS];

        arm(db, "h2", nonce);
        for (int i = 0; i < RACERS; i++) {
            pids[i] = fork();
            if (pids[i] == 0) {
                struct db *own = pgfix_open("racer");

                _exit(take(own, "52:54:00:aa:00:12", nonce) ? 1 : 0);
            }
        }
        for (int i = 0; i < RACERS; i++) {
            if (waitpid(pids[i], &status, 0) == pids[i])
                served += WIFEXITED(status) ? WEXITSTATUS(status) : 100;
        }
    }
    is_int(served, RACES, "%d races of %d for a script: one each", RACES,
           RACERS);
}

int
main(void)
{
    struct db *db;

    pgfix_start(&fix);
    db = pgfix_open("assay");
    check_hosts(db);
    check_lab(db);
    check_life(db);
    check_parts(db);
    check_race(db);
    db_close(db);
    return pgfix_done(&fix);
}
