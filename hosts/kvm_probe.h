/* hosts/kvm_probe.h - whether KVM carries a hypervisor here. */
#ifndef HOSTS_KVM_PROBE_H
#define HOSTS_KVM_PROBE_H

#include <stdbool.h>
#include <stddef.h>
#include "harness/attr.h"

struct buf;

/* /dev/kvm may be there and useless: so a tiny machine must really run, in
 * 64-bit mode, and the kernel must offer virtualisation to guests, which Xen
 * is. False with the reason appended. 'dir' is for a scratch file. */
MUST_CHECK bool kvm_probe(const char *dir, struct buf *reason);

/* For tests: the same machine under any accelerator. */
MUST_CHECK bool kvm_probe_run(const char *dir, const char *accel,
                              const char *cpu, struct buf *reason);

#endif
