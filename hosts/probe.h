/* hosts/probe.h - what a machine is, as it says itself when it runs Xen: the
 * output of recipes/steps/host-examine. No I/O.
 *
 *   serial firmware loader xen dom0     stages that the console showed
 *   cpu MODEL
 *   xl KEY : VALUE                      lines of "xl info"
 *   nic NAME MAC DRIVER
 *   disk NAME SECTORS                   of 512 bytes
 *   end                                 else it was cut off */
#ifndef HOSTS_PROBE_H
#define HOSTS_PROBE_H

#include <stdbool.h>
#include <stddef.h>
#include <jansson.h>
#include "harness/attr.h"

struct fault;

#define PROBE_PREFIX "found_"   /* of the properties that it becomes */
#define PROBE_VALUE_BYTES 600

/* An object of texts by name without the prefix: cpu_model, cpu_features,
 * cpus, memory_mb, nics, disks, iommu, smt, hap, serial. FAULT_PEER when it is
 * not whole: a machine is never changed by half of what it said. */
MUST_CHECK bool probe_parse(const char *data, size_t bytes,
                            json_t **found_out, struct fault *why);
/* What differs from 'had', the host's properties: an array of objects name,
 * had (null when it is new), found. What is gone is found null. */
json_t *probe_compare(const json_t *had, const json_t *found);
/* The flags that follow: an array of texts. */
json_t *probe_flags(const json_t *found);

#endif
