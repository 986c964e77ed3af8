/* tests/hosts/probe-test.c - what a machine says of itself, and what of it is
 * not as it was. */
#include <config.h>

#include "harness/json.h"
#include "hosts/probe.h"
#include "tests/tap.h"

static const char said[] =
    "serial firmware loader xen dom0\n"
    "cpu AMD EPYC 7313 16-Core Processor\r\n"
    "xl host                   : h1\n"
    "xl nr_cpus                : 32\n"
    "xl threads_per_core       : 2\n"
    "xl hw_caps                : 178bf3ff:76fa320b:2e500800:244037ff\n"
    "xl virt_caps              : pv hvm hvm_directio pv_directio hap shadow\n"
    "xl total_memory           : 130933\n"
    "nic eth0 52:54:00:aa:00:11 virtio_net\n"
    "nic eth1 52:54:00:aa:00:12 igb\n"
    "disk sda 1953525168\n"
    "disk sdb junk\n"
    "strange words\n"
    "end\n"
    "cpu after the end\n";

static void
test_parse(void)
{
    static const struct {
        const char *name, *value;
    } wanted[] = {
        { "serial", "firmware loader xen dom0" },
        { "cpu_model", "AMD EPYC 7313 16-Core Processor" },
        { "cpus", "32" },
        { "memory_mb", "130933" },
        { "cpu_features", "178bf3ff:76fa320b:2e500800:244037ff" },
        { "smt", "yes" },
        { "hap", "yes" },
        { "iommu", "yes" },
        { "nics", "eth0 52:54:00:aa:00:11 virtio_net, "
                  "eth1 52:54:00:aa:00:12 igb" },
        { "disks", "sda 976 GB" },
    };
    struct fault why = FAULT_INIT;
    json_t *found = NULL, *flags;

    if (!probe_parse(said, strlen(said), &found, &why))
        tap_bail("%s", why.text);
    for (size_t i = 0; i < ARRAY_LEN(wanted); i++)
        is_str(json_text(found, wanted[i].name), wanted[i].value, "%s",
               wanted[i].name);
    is_int((int64_t)json_object_size(found), ARRAY_LEN(wanted),
           "and nothing else");
    flags = probe_flags(found);
    is_int((int64_t)json_array_size(flags), 3, "three flags");
    json_decref(flags);
    json_decref(found);
    found = NULL;
    not_ok_fault(probe_parse(said, strlen(said) / 2, &found, &why), &why,
                 FAULT_PEER, "is cut off", "half of it");
    not_ok_fault(probe_parse("cpu x\nend\n", 10, &found, &why), &why,
                 FAULT_PEER, "no line of xl info", "not Xen");
    ok(found == NULL, "nothing was made of them");
    ok(probe_parse("xl virt_caps : pv shadow\nxl threads_per_core : 1\nend\n",
                   53, &found, &why), "a poor machine");
    is_str(json_text(found, "iommu"), "no", "has no IOMMU");
    is_str(json_text(found, "hap"), "no", "nor paging by hardware");
    is_str(json_text(found, "smt"), "no", "nor two threads a core");
    json_decref(found);
}

static void
test_compare(void)
{
    json_t *had = json_pack("{s:s, s:s, s:s, s:s}", "mac", "m",
                            "found_cpus", "32", "found_memory_mb", "100",
                            "found_disks", "sda 1 GB");
    json_t *found = json_pack("{s:s, s:s, s:s}", "cpus", "32", "memory_mb",
                              "50", "smt", "yes");
    json_t *list = probe_compare(had, found);
    const json_t *one;
    size_t i;

    is_int((int64_t)json_array_size(list), 3, "three differences");
    json_array_foreach(list, i, one) {
        const char *name = json_text(one, "name");

        if (strcmp(name, "memory_mb") == 0) {
            is_str(json_text(one, "had"), "100", "memory was");
            is_str(json_text(one, "found"), "50", "and is");
        } else if (strcmp(name, "smt") == 0) {
            ok(json_text(one, "had") == NULL, "SMT is new");
        } else {
            is_str(name, "disks", "the disk");
            ok(json_text(one, "found") == NULL, "is gone");
        }
    }
    json_decref(list);
    json_decref(had);
    json_decref(found);
}

int
main(void)
{
    test_parse();
    test_compare();
    return tap_done();
}
