/* hosts/lab_files.h - the files that a lab works from, below HOME/lab:
 *
 *   keeper.json       the keeper, while it lives
 *   lab.json          what is up: hosts, accelerator
 *   net/              orders to ip(8), dnsmasq's configuration
 *   tftp/             iPXE, and HOST/grub.efi
 *   virt/             root of libvirt's embedded driver, of the lab's user
 *   machines/HOST.xml what is defined in it
 *   log/              of the keeper and of dnsmasq
 */
#ifndef HOSTS_LAB_FILES_H
#define HOSTS_LAB_FILES_H

#include <stdbool.h>
#include <stddef.h>
#include "harness/attr.h"

struct arena;
struct fault;
struct host_file;

/* Programs and images that a lab of these hosts needs; FAULT_SYSTEM with the
 * command that gets what is missing. */
MUST_CHECK bool lab_files_check(const struct host_file *const *files,
                                size_t count, struct fault *why);
/* Writes all but the machines. */
MUST_CHECK bool lab_files_write(const struct host_file *const *files,
                                size_t count, struct fault *why);
/* Writes a machine's XML and its firmware's store; its path in 'arena'. */
MUST_CHECK bool lab_files_machine(const struct host_file *file, bool kvm,
                                  struct arena *arena, const char **path_out,
                                  struct fault *why);
/* All shipped host files, sorted; in 'arena'. */
MUST_CHECK bool lab_files_shipped(struct arena *arena,
                                  const char *const **paths_out,
                                  size_t *count_out, struct fault *why);

#endif
