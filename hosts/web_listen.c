/* hosts/web_listen.c - where a server listens. */
#include <config.h>

#include "hosts/web_listen.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "harness/buf.h"
#include "harness/fault.h"
#include "harness/fs.h"
#include "harness/log.h"
#include "hosts/http_server.h"
#include "hosts/lab_ns.h"

#define LAB_LOOK_MS 500

static bool
address_parse(const char *text, struct sockaddr_storage *out,
              socklen_t *bytes_out, struct fault *why)
{
    struct sockaddr_in *in = (void *)out;
    struct sockaddr_in6 *in6 = (void *)out;
    const char *colon = strrchr(text, ':');
    char host[INET6_ADDRSTRLEN + 2] = "";
    int64_t port = 0;
    size_t bytes;

    memset(out, 0, sizeof *out);
    bytes = colon == NULL ? 0 : (size_t)(colon - text);
    if (bytes == 0 || bytes >= sizeof host
        || !parse_int64(colon + 1, 0, 65535, &port))
        goto bad;
    memcpy(host, text, bytes);
    if (host[0] == '[' && host[bytes - 1] == ']') {
        host[bytes - 1] = '\0';
        in6->sin6_family = AF_INET6;
        in6->sin6_port = htons((uint16_t)port);
        *bytes_out = sizeof *in6;
        if (inet_pton(AF_INET6, host + 1, &in6->sin6_addr) == 1)
            return true;
    } else {
        in->sin_family = AF_INET;
        in->sin_port = htons((uint16_t)port);
        *bytes_out = sizeof *in;
        if (inet_pton(AF_INET, host, &in->sin_addr) == 1)
            return true;
    }
bad:
    return fault_set(why, FAULT_USAGE, "'%s' is no ADDRESS:PORT", text);
}

bool
web_listen(uv_loop_t *loop, const char *address, int fd,
           const struct http_server_spec *spec, const char *what,
           struct http_server **server_out, struct fault *why)
{
    struct sockaddr_storage name;
    socklen_t bytes = 0;
    int one = 1, port = 0;
    bool ok;

    ok = address_parse(address, &name, &bytes, why);
    if (!ok)
        goto out;
    if (fd < 0)
        fd = socket(name.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ok = fd >= 0
        && setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one) == 0
        && bind(fd, (const void *)&name, bytes) == 0;
    if (!ok) {
        fault_errno(why, FAULT_SYSTEM, "serve at %s", address);
        goto out;
    }
    ok = fd_set_nonblock(fd, why);
    if (!ok)
        goto out;
    /* The port stands at one place for both families. */
    if (getsockname(fd, (void *)&name, &bytes) == 0)
        port = ntohs(((const struct sockaddr_in *)(void *)&name)->sin_port);
    *server_out = http_server_new(loop, fd, spec, why);
    fd = -1;
    ok = *server_out != NULL;
    if (ok)
        log_info("serves %s at %.*s:%d", what,
                 (int)(strrchr(address, ':') - address), address, port);
out:
    fd_close(&fd);
    return ok;
}

static void
lab_look(struct web_lab *lab)
{
    struct fault why = FAULT_INIT;
    pid_t keeper = 0;
    int fd = -1;

    if (!lab_is_up(&keeper))
        keeper = 0;
    if (keeper == lab->keeper)
        return;
    if (lab->server != NULL) {
        log_info("the lab's network has gone");
        http_server_free(lab->server);
        lab->server = NULL;
    }
    lab->keeper = 0;
    if (keeper == 0)
        return;
    if (lab_socket(&fd, &why)
        && web_listen(lab->loop, lab->address, fd, lab->spec, "netboot",
                      &lab->server, &why)) {
        lab->keeper = keeper;
        lab->said = false;
        return;
    }
    /* Its keeper lives, and its bridge may not be there yet. */
    if (!lab->said)
        log_fault(LOG_LEVEL_INFO, &why, "the lab is not served yet");
    lab->said = true;
}

static void
on_timer(uv_timer_t *timer)
{
    lab_look(timer->data);
}

void
web_lab_start(struct web_lab *lab, uv_loop_t *loop, const char *address,
              const struct http_server_spec *spec)
{
    *lab = (struct web_lab){ .loop = loop, .address = address, .spec = spec };
    must(uv_timer_init(loop, &lab->timer) == 0);
    lab->timer.data = lab;
    lab_look(lab);
    must(uv_timer_start(&lab->timer, on_timer, LAB_LOOK_MS, LAB_LOOK_MS)
         == 0);
}

void
web_lab_stop(struct web_lab *lab)
{
    http_server_free(lab->server);
    lab->server = NULL;
    if (lab->loop != NULL)
        uv_close((uv_handle_t *)&lab->timer, NULL);
    lab->loop = NULL;
}
