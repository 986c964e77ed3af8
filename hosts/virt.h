/* hosts/virt.h - the lab's machines through libvirt's embedded QEMU driver.
 *
 * Only in the short-lived program assay-virt: its calls block, and one process
 * at a time may have the driver open (we queue at a lock). A machine outlives
 * the process that started it; the next one finds it again by its monitor. */
#ifndef HOSTS_VIRT_H
#define HOSTS_VIRT_H

#include <stdbool.h>
#include <jansson.h>
#include "harness/attr.h"
#include "hosts/power.h"

struct fault;
struct virt;                    /* the open driver */

/* Becomes the lab's user. 'inside': within the lab's network namespace, which
 * starting needs and nothing else. Before any thread. */
MUST_CHECK bool virt_open(bool inside, struct virt **virt_out,
                          struct fault *why);
void virt_close(struct virt *virt);     /* ignores NULL */

/* Defines, or defines anew, the machine of the XML in file 'path'. */
MUST_CHECK bool virt_define(struct virt *virt, const char *path,
                            struct fault *why);
/* A machine that is in that state already is no fault. Without somebody who
 * listens on its serial line it is not switched on: FAULT_CONFLICT. */
MUST_CHECK bool virt_on(struct virt *virt, const char *domain,
                        struct fault *why);
MUST_CHECK bool virt_off(struct virt *virt, const char *domain,
                         struct fault *why);
MUST_CHECK bool virt_status(struct virt *virt, const char *domain,
                            enum power_state *state_out, struct fault *why);
/* Where its serial line is: object (type, mode, path), as it is defined. */
MUST_CHECK bool virt_console(struct virt *virt, const char *domain,
                             json_t **console_out, struct fault *why);
/* Object: name of each machine -> "on" or "off". */
MUST_CHECK bool virt_list(struct virt *virt, json_t **list_out,
                          struct fault *why);
/* Switches all off and forgets them. */
MUST_CHECK bool virt_clear(struct virt *virt, struct fault *why);

#endif
