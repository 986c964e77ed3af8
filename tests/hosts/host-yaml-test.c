/* tests/hosts/host-yaml-test.c - host files: what is taken, and each way to be
 * wrong, with its file and line. */
#include <config.h>

#include <jansson.h>
#include <unistd.h>

#include "harness/arena.h"
#include "harness/buf.h"
#include "harness/fs.h"
#include "harness/json.h"
#include "hosts/host_yaml.h"
#include "tests/tap.h"

static const char good[] =
    "host: h1\n"                                        /* 1 */
    "site: lab\n"                                       /* 2 */
    "arch: amd64\n"                                     /* 3 */
    "firmware: bios\n"                                  /* 4 */
    "class: c1\n"                                       /* 5 */
    "flags: [xen, hap]\n"                               /* 6 */
    "properties:\n"                                     /* 7 */
    "  mac: \"52:54:00:AA:00:11\"\n"                    /* 8 */
    "  address: 10.77.0.11\n"                           /* 9 */
    "  memory_mb: \"2048\"\n"                           /* 10 */
    "  cpus: \"1\"\n"                                   /* 11 */
    "power: { driver: libvirt, domain: h1 }\n"          /* 12 */
    "console: { driver: libvirt, domain: h1 }\n"        /* 13 */
    "netboot: { driver: ipxe }\n"                       /* 14 */
    "provision: { driver: ramboot }\n"                  /* 15 */
    "machine: { cpu: \"qemu64\", nic: e1000 }\n";       /* 16 */

static char dir[64];

static const char *
write_host(struct arena *arena, const char *name, const char *text)
{
    const char *path = arena_printf(arena, "%s/%s", dir, name);
    struct fault why = FAULT_INIT;

    if (!fs_write_file(path, 0644, text, strlen(text), &why))
        tap_bail("%s", why.text);
    return path;
}

/* 'good' with the first 'from' replaced. */
static const char *
change(struct arena *arena, const char *from, const char *to)
{
    const char *at = strstr(good, from);

    if (at == NULL)
        tap_bail("no '%s' in the sample", from);
    return arena_printf(arena, "%.*s%s%s", (int)(at - good), good, to,
                        at + strlen(from));
}

static const struct {
    const char *from, *to;
    int line;                   /* 0: not said */
    const char *says;
} mistakes[] = {
    { "host: h1\n", "", 0, "host" },
    { "host: h1", "host: ../etc", 1, "cannot be a host's name" },
    { "host: h1", "host: [h1]", 1, "host" },
    { "site: lab", "site: la/b", 2, "cannot be a site's name" },
    { "site: lab", "sight: lab", 2, "sight" },
    { "site: lab", "host: h2", 2, "host" },
    { "arch: amd64", "arch: vax", 3, "arch 'vax' is none of" },
    { "firmware: bios", "firmware: uboot", 4, "there is no firmware 'uboot'" },
    { "arch: amd64", "arch: arm64", 4, "there is no firmware 'bios' on arm64" },
    { "flags: [xen, hap]", "flags: xen", 6, "flags" },
    { "  mac: \"52:54:00:AA:00:11\"\n", "", 8, "'mac' is missing" },
    { "52:54:00:AA:00:11", "52:54:00:AA:00", 8, "is no MAC address" },
    { "52:54:00:AA:00:11", "52:54:00:AA:00:1x", 8, "is no MAC address" },
    { "52:54:00:AA:00:11", "52:54:00:AA:00:111", 8, "is no MAC address" },
    { "10.77.0.11", "10.77.0.256", 9, "is no IP address" },
    { "memory_mb: \"2048\"", "memory_mb: lots", 10, "'memory_mb'" },
    { "  cpus: \"1\"\n", "", 8, "'cpus'" },
    { "driver: libvirt, domain: h1", "driver: lever", 12,
      "no power driver 'lever' (there are: command, guest, ipmi, "
      "libvirt, manual, redfish, snmp-pdu)" },
    { "driver: libvirt, domain: h1", "driver: libvirt", 12,
      "needs the key 'domain'" },
    { "driver: libvirt, domain: h1",
      "driver: guest, guest: h1, config: h1.cfg", 12,
      "needs the key 'config', an absolute path" },
    { "driver: libvirt, domain: h1",
      "driver: libvirt, domain: h1, on: [x]", 12, "takes no key 'on'" },
    { "driver: libvirt, domain: h1",
      "driver: libvirt, domain: h1, volume: 11", 12, "volume" },
    { "driver: ipxe", "driver: floppy", 14, "no netboot driver 'floppy'" },
    { "driver: ipxe", "driver: grub", 14, "does not work on bios" },
    { "driver: ramboot", "driver: stork", 15,
      "no provision driver 'stork'" },
    { "nic: e1000", "nic: ne2000", 16, "is none of e1000, virtio" },
    { "machine: {", "machine: {{", 0, "" },
    { "flags: [xen, hap]", "flags: &a [*a]", 6, "" },
};

static void
check_mistakes(void)
{
    for (size_t i = 0; i < ARRAY_LEN(mistakes); i++) {
        struct arena arena = ARENA_INIT;
        const char *path = write_host(&arena, "bad.yaml",
                                      change(&arena, mistakes[i].from,
                                             mistakes[i].to));
        struct host_file *file = NULL;
        struct fault why = FAULT_INIT;

        not_ok_fault(host_yaml_load(path, &file, &why), &why, FAULT_CONFIG,
                     mistakes[i].says, "mistake %zu: %s", i,
                     mistakes[i].says);
        if (mistakes[i].line > 0)
            has_str(why.text, arena_printf(&arena, "%s:%d: ", path,
                                           mistakes[i].line),
                    "... on line %d", mistakes[i].line);
        host_yaml_free(file);
        arena_free(&arena);
    }
}

static void
check_good(void)
{
    struct arena arena = ARENA_INIT;
    const char *path = write_host(&arena, "good.yaml", good);
    struct host_file *file = NULL;
    struct fault why = FAULT_INIT;
    json_t *config;

    if (!ok_fault(host_yaml_load(path, &file, &why), &why, "a good file"))
        return;
    is_str(file->host, "h1", "its name");
    is_int(file->flags_count, 2, "its flags");
    is_str(host_yaml_property(file, "address"), "10.77.0.11", "a property");
    is_str(host_yaml_property(file, "colour"), "", "one that it has not");
    config = host_yaml_config(file);
    is_str(json_text(json_object_get(config, "power"), "domain"), "h1",
           "its power as JSON");
    ok(json_object_get(json_object_get(config, "power"), "on") == NULL,
       "without what was not given");
    is_str(json_text(json_object_get(config, "machine"), "nic"), "e1000",
           "its machine as JSON");
    json_decref(config);
    host_yaml_free(file);
    arena_free(&arena);
}

static void
check_pairs(void)
{
    struct arena arena = ARENA_INIT;
    const char *second = arena_printf(
        &arena, "%s", change(&arena, "host: h1", "host: h2"));
    const char *paths[2];
    struct host_file **files = NULL;
    struct fault why = FAULT_INIT;

    paths[0] = write_host(&arena, "a.yaml", good);
    paths[1] = write_host(&arena, "b.yaml", good);
    not_ok_fault(host_yaml_load_all(paths, 2, &files, &why), &why,
                 FAULT_CONFIG, "host h1 is named twice", "one name twice");
    has_str(why.text, "b.yaml:1: ", "says the second place");
    has_str(why.text, "a.yaml:1", "and the first");
    paths[1] = write_host(&arena, "b.yaml", second);
    not_ok_fault(host_yaml_load_all(paths, 2, &files, &why), &why,
                 FAULT_CONFIG, "b.yaml:8: mac 52:54:00:AA:00:11 of host h2 "
                 "is that of host h1 too", "one MAC twice");
    has_str(why.text, "a.yaml:8", "says both places");
    paths[0] = write_host(&arena, "a.yaml", change(&arena, "arch: amd64",
                                                   "arch: vax"));
    paths[1] = write_host(&arena, "b.yaml", change(&arena, "arch: amd64",
                                                   "arch: pdp"));
    ok(!host_yaml_load_all(paths, 2, &files, &why), "two bad files");
    has_str(why.text, "vax", "the first is the fault");
    has_str(why.detail, "pdp", "the second is said too");
    paths[0] = write_host(&arena, "a.yaml", good);
    paths[1] = arena_printf(&arena, "%s/none.yaml", dir);
    ok(!host_yaml_load_all(paths, 2, &files, &why), "a file that is not");
    ok(files == NULL, "nothing was returned in any of these");
    arena_free(&arena);
}

/* What is shipped must load, together. */
static void
check_shipped(void)
{
    static const char *const names[] = { "lab-arm64-1", "lab-x86-1",
                                         "lab-x86-2", "lab-x86-smp",
                                         "lab-x86-uefi" };
    const char *top = getenv("ASSAY_TOP_SRCDIR");
    const char *paths[ARRAY_LEN(names)];
    struct arena arena = ARENA_INIT;
    struct host_file **files = NULL;
    struct fault why = FAULT_INIT;

    if (top == NULL) {
        skip("the shipped hosts load", "ASSAY_TOP_SRCDIR is not set");
        return;
    }
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        paths[i] = arena_printf(&arena, "%s/hosts/lab/%s.yaml", top,
                                names[i]);
    if (ok_fault(host_yaml_load_all(paths, ARRAY_LEN(names), &files, &why),
                 &why, "the shipped hosts load"))
        host_yaml_free_all(files, ARRAY_LEN(names));
    arena_free(&arena);
}

int
main(void)
{
    struct fault why = FAULT_INIT;

    (void)snprintf(dir, sizeof(dir), "/tmp/assay-yaml.XXXXXX");
    if (mkdtemp(dir) == NULL)
        tap_bail("no directory");
    check_good();
    check_mistakes();
    check_pairs();
    check_shipped();
    if (tap.failed == 0 && !fs_remove_tree(dir, &why))
        diag("%s", why.text);
    return tap_done();
}
