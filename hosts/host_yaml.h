/* hosts/host_yaml.h - a host as its YAML file says, checked whole.
 *
 *   host: lab-x86-1             name
 *   site: lab
 *   arch: amd64                 amd64 | arm64
 *   firmware: bios              bios | uefi
 *   class: lab-x86              equivalence class
 *   flags: [xen, hap]
 *   properties: { mac: "52:54:00:aa:00:11", address: 10.77.0.11, ... }
 *   power: { driver: libvirt, ... }       see hosts/power.h
 *   console: { driver: libvirt, ... }     see hosts/console_driver.h
 *   netboot: { driver: ipxe }             see hosts/netboot.h
 *   provision: { driver: ramboot }        see hosts/provision.h
 *   machine: { cpu: ..., nic: ... }       only for "assay lab up" */
#ifndef HOSTS_HOST_YAML_H
#define HOSTS_HOST_YAML_H

#include <stdbool.h>
#include <stddef.h>
#include <jansson.h>
#include "harness/attr.h"
#include "hosts/driver_keys.h"

struct fault;
struct yaml_pair;

#define HOST_FILE_TEXT(key) char *key;
struct host_file_power {
    POWER_TEXTS(HOST_FILE_TEXT)
    char **on, **off, **status;
    unsigned on_count, off_count, status_count;
};
struct host_file_console {
    CONSOLE_TEXTS(HOST_FILE_TEXT)
};
#undef HOST_FILE_TEXT
struct host_file_driver {
    char *driver;
};
struct host_file_machine {
    char *cpu, *nic;
};
struct host_file {
    char *path;                 /* of the file, as given */
    char *host, *site, *arch, *firmware, *class;
    char **flags;
    unsigned flags_count;
    struct yaml_pair *properties;
    unsigned properties_count;
    struct host_file_power power;
    struct host_file_console console;
    struct host_file_driver netboot, provision;
    struct host_file_machine *machine;          /* NULL: not of a lab */
};

/* One file; FAULT_CONFIG "file:line: text". Release by host_yaml_free(). */
MUST_CHECK bool host_yaml_load(const char *path, struct host_file **file_out,
                               struct fault *why);
/* Several, or none: a name, a MAC or an address given twice is an error
 * that names both files. '*files_out' is malloc'ed. */
MUST_CHECK bool host_yaml_load_all(const char *const *paths, size_t count,
                                   struct host_file ***files_out,
                                   struct fault *why);
void host_yaml_free(struct host_file *file);            /* ignores NULL */
void host_yaml_free_all(struct host_file **files, size_t count);

/* "" when absent. */
const char *host_yaml_property(const struct host_file *file,
                               const char *name);
/* The drivers' parts as the database keeps them: an object with power,
 * console, netboot, provision, machine. The caller owns it. */
MUST_CHECK json_t *host_yaml_config(const struct host_file *file);

#endif
