/* hosts/lab_ns.h - the lab's network namespace, held by its keeper.
 *
 * The lab's wire (bridge LAB_BRIDGE, LAB_ADDRESS) exists only in there. A
 * program that is to live on it calls lab_enter(); a daemon that also talks
 * to the outside (a database by TCP) takes sockets by lab_socket(). */
#ifndef HOSTS_LAB_NS_H
#define HOSTS_LAB_NS_H

#include <stdbool.h>
#include <sys/types.h>
#include "harness/attr.h"

struct fault;

#define LAB_BRIDGE "br-assay"
#define LAB_ADDRESS "10.77.0.1"
#define LAB_PREFIX_BITS 24
#define LAB_HTTP_PORT 8077

/* The keeper of this home's lab: false when no lab is up. The pid file is
 * believed only if start time and command line agree. No fault: "no lab" is
 * an answer. 'keeper_out' may be NULL. */
bool lab_is_up(pid_t *keeper_out);

/* Moves this process into the namespaces. Before any thread is started.
 * FAULT_CONFLICT, with a hint, when no lab is up. */
MUST_CHECK bool lab_enter(struct fault *why);

/* Has the programs that this process starts keep its capabilities over the
 * namespace, which an ordinary user would lose by exec (ip, dnsmasq). */
MUST_CHECK bool lab_keep_capabilities(struct fault *why);

/* For the keeper: a namespace of our own, for an ordinary user inside a user
 * namespace that maps only this user to itself. (As "root" in there, libvirt
 * would take itself for privileged, and dnsmasq could not drop its group.) */
MUST_CHECK bool lab_ns_make(struct fault *why);
/* For the keeper: writes, when all is ready, and removes the pid file. */
MUST_CHECK bool lab_ns_publish(struct fault *why);
void lab_ns_withdraw(void);

/* A TCP socket (CLOEXEC, blocking) of the lab's network, for bind() or
 * connect(); the process itself stays where it is. */
MUST_CHECK bool lab_socket(int *fd_out, struct fault *why);

#endif
