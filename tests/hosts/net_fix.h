/* tests/hosts/net_fix.h - peers on loopback that fail in all the ways in which
 * peers do. The test's _SOURCES name tests/hosts/net_fix.c. */
#ifndef TESTS_HOSTS_NET_FIX_H
#define TESTS_HOSTS_NET_FIX_H

#include <stdbool.h>
#include <sys/types.h>

enum net_fault {
    NET_REFUSED = 0,            /* nobody listens */
    NET_SILENT,                 /* takes everything, never answers */
    NET_GARBAGE,                /* answers bytes of all values */
    NET_HALF,                   /* passes on, and cuts each answer in half */
    NET_FAULT_COUNT
};
const char *net_fault_name(enum net_fault fault);

/* A port that nobody has just now; 'stream' TCP, else UDP. */
int net_fix_port(bool stream);
/* One of UDP below 32768: libipmiconsole takes no other. */
int net_fix_low_port(void);
/* Starts such a peer before 'port', which is the real one; returns its pid, 0
 * for NET_REFUSED. Bails out. */
pid_t net_fix_start(enum net_fault fault, bool stream, int port,
                    int *port_out);
/* A program in the background, its output in 'log'; dies with the test. */
pid_t net_fix_spawn(const char *const argv[], const char *log);
/* Ends what net_fix_start() or net_fix_spawn() began; 0 is nothing. */
void net_fix_stop(pid_t pid);
/* Waits until somebody accepts TCP on 'port'. */
bool net_fix_wait(int port);
/* True if the program is in PATH or in the sbin directories. */
bool net_fix_has(const char *program);

#endif
