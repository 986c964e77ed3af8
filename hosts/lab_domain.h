/* hosts/lab_domain.h - a host file as libvirt's XML. No I/O. */
#ifndef HOSTS_LAB_DOMAIN_H
#define HOSTS_LAB_DOMAIN_H

#include <stdbool.h>
#include "harness/attr.h"

struct buf;
struct fault;
struct host_file;

struct lab_domain_places {
    const char *home;           /* makes the machine's UUID its own */
    const char *tap;
    const char *serial;         /* Unix socket that the machine connects to */
    const char *nvram;          /* its private copy of the firmware's store */
    bool kvm;                   /* for machines of this processor only */
};

/* Firmware images of a host, NULL on BIOS; the store is a template. */
struct lab_domain_firmware {
    const char *code, *store;
};
MUST_CHECK bool lab_domain_firmware(const struct host_file *file,
                                    struct lab_domain_firmware *out,
                                    struct fault *why);
void lab_domain_xml(const struct host_file *file,
                    const struct lab_domain_places *places, struct buf *out);

#endif
