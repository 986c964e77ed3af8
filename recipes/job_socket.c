/* recipes/job_socket.c - sockets to the hosts of a job. */
#include <config.h>

#include "recipes/job_socket.h"

#include <arpa/inet.h>
#include <stdint.h>
#include "harness/ssh_session.h"
#include "hosts/lab_ns.h"

bool
job_socket_make(void *owner, const char *address, int *fd_out,
                struct fault *why)
{
    const uint32_t mask = ~0u << (32 - LAB_PREFIX_BITS);
    struct in_addr lab, host;

    if (inet_pton(AF_INET, LAB_ADDRESS, &lab) == 1 &&
        inet_pton(AF_INET, address, &host) == 1 &&
        (ntohl(lab.s_addr) & mask) == (ntohl(host.s_addr) & mask) &&
        lab_is_up(NULL))
        return lab_socket(fd_out, why);
    return ssh_socket_plain(owner, address, fd_out, why);
}
