/* hosts/console_site.h - all consoles of a site. */
#ifndef HOSTS_CONSOLE_SITE_H
#define HOSTS_CONSOLE_SITE_H

#include <stdbool.h>
#include <stddef.h>
#include <jansson.h>
#include "harness/attr.h"

struct console_env;
struct console_port;
struct console_site;
struct fault;
struct uv_loop_s;

/* 'config_path' is a file for console_list_file(), or NULL: then
 * 'assay-console --list' is run for the list. Both borrowed for ever.
 * Makes env->mux. */
MUST_CHECK bool console_site_new(struct uv_loop_s *loop,
                                 struct console_env *env,
                                 const char *config_path,
                                 struct console_site **site_out,
                                 struct fault *why);
/* A descriptor from the store (taken over), before console_site_start(). */
void console_site_adopt(struct console_site *site, const char *name, int fd);
/* Goes on with what was adopted. */
void console_site_start(struct console_site *site);

/* Reads the list again: hosts that are new come, those that have gone go; the
 * others keep their connections. Runs once, from the loop or inside the
 * call. A list that cannot be had changes nothing, and is asked for again
 * after a while. */
typedef void console_site_loaded_fn(void *owner, const struct fault *why);
void console_site_reload(struct console_site *site);
/* Whom to tell of each reload that ended. */
void console_site_on_loaded(struct console_site *site,
                            console_site_loaded_fn *loaded, void *owner);

/* NULL with FAULT_NOT_FOUND; a host whose console is misconfigured is
 * FAULT_CONFIG. */
MUST_CHECK struct console_port *console_site_find(struct console_site *site,
                                                  const char *host,
                                                  struct fault *why);
/* An object for one host; NULL when it is not known. */
MUST_CHECK json_t *console_site_describe(struct console_site *site,
                                         const char *host);
/* An array of all. */
MUST_CHECK json_t *console_site_describe_all(struct console_site *site);
size_t console_site_count(const struct console_site *site);

/* Closes all; the store keeps what it has. The handles finish closing in the
 * loop's next turns. Ignores NULL. */
void console_site_free(struct console_site *site);

#endif
