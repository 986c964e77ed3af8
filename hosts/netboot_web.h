/* hosts/netboot_web.h - the HTTP side of a boot.
 *
 *   GET  /ipxe?mac=M, /grub?mac=M   the script of the boot armed for M, once
 *   GET  /b/NONCE/NAME              xen, kernel, initrd (with what is joined
 *                                   to it), xen.cfg, extra files
 *   POST /b/NONCE/up                body: the host's public key
 *
 * Each fetch becomes a row of boot_fetch, a moment later and in order. A script
 * that is asked for again means that the machine has started again: the boot is
 * failed then, with that reason. */
#ifndef HOSTS_NETBOOT_WEB_H
#define HOSTS_NETBOOT_WEB_H

#include <uv.h>
#include "harness/attr.h"

struct http_reply;
struct http_request;
struct http_result;
struct netboot_web;             /* opaque: netboot_web.c */
struct web_route;
struct web_session;

/* Borrows 'session' for its life. */
MUST_CHECK struct netboot_web *netboot_web_new(uv_loop_t *loop,
                                               struct web_session *session);
/* Answers WEB_SCRIPT, WEB_PART, WEB_UP and WEB_LOADER. */
void netboot_web_handle(struct netboot_web *web,
                        const struct web_route *route,
                        const struct http_request *request,
                        struct http_reply *reply);
/* A reply with a token has ended; frees the token. */
void netboot_web_done(struct netboot_web *web, void *token,
                      const struct http_result *result);
/* Writes what is waiting to be recorded, as far as there is a session. */
void netboot_web_flush(struct netboot_web *web);
/* Flushes. The memory goes when the loop has closed its handles. */
void netboot_web_free(struct netboot_web *web);

#endif
