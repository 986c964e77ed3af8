/* harness/home.h - where this Assay keeps its state, and finds its files.
 *
 * ASSAY_HOME, else /var/lib/assay for root, else
 * $XDG_DATA_HOME/assay (~/.local/share/assay). Below it:
 *   pg/             the private PostgreSQL cluster (data, socket, log)
 *   run/            sockets, locks, pid files
 *   artefacts/AB/CD...  files by SHA-256
 *   consoles/HOST/  console logs and their index
 *   flights/N/JOB/  step logs, private directories, attachments
 *   sites/          what a site does with its hosts by itself: assay-site(5)
 *   branches/       what this site's gate watches: its own files
 *   gate/BRANCH/    decisions
 *   trees/          repositories of branches, bare
 *   mirrors/NAME.git  mirrors of git trees
 *   lab/            the virtual lab: libvirt root, TFTP, disks, logs
 *   cache/          what can be fetched or made again
 */
#ifndef HARNESS_HOME_H
#define HARNESS_HOME_H

#include <stdbool.h>
#include "harness/attr.h"

struct arena;
struct fault;

/* A Unix socket's path has at most 107 bytes; libvirt's monitor of a lab host
 * takes 50 below the home. */
#define HOME_BYTES_MAX 56

/* The absolute home, made (0711) if missing. Borrowed for ever. FAULT_CONFIG
 * when it is too long for the sockets in it. */
MUST_CHECK bool home_get(const char **path_out, struct fault *why);
/* home + "/" + formatted, in 'arena'. home_get() must have succeeded. */
MUST_CHECK char *home_path(struct arena *arena, const char *fmt, ...)
    PRINTF_LIKE(2, 3);
/* A shipped data file ("recipes/smoke.yaml"): in ASSAY_DATA, else beside
 * the build tree the program runs from, else in the installed place.
 * FAULT_NOT_FOUND names the places that were tried. */
MUST_CHECK bool home_data(struct arena *arena, const char *rel,
                          char **path_out, struct fault *why);
/* Absolute path of another program of ours ("assay-job"), found beside the
 * running one first, in arena. */
MUST_CHECK bool home_program(struct arena *arena, const char *name,
                             char **path_out, struct fault *why);
/* The account that unprivileged services run as: the caller's own, or, for
 * root, "postgres" (made by Debian's package) for the cluster. */
const char *home_cluster_user(void);
/* Harness revision: git describe with "+" when dirty, fixed at build. */
const char *harness_revision(void);

#endif
