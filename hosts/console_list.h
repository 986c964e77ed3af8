/* hosts/console_list.h - which consoles there are: a JSON array of
 * {"host": NAME, "console": {"driver": ..., ...}}. */
#ifndef HOSTS_CONSOLE_LIST_H
#define HOSTS_CONSOLE_LIST_H

#include <stdbool.h>
#include <jansson.h>
#include "harness/attr.h"

struct fault;

/* From a file (YAML, or JSON, which is YAML):
 *   consoles:
 *     NAME: { driver: unix, path: /run/x.sock, mode: connect } */
MUST_CHECK bool console_list_file(const char *path, json_t **list_out,
                                  struct fault *why);
/* From the hosts of 'site' in the database, retired ones left out. Blocks:
 * for the helper process. */
MUST_CHECK bool console_list_database(const char *site, json_t **list_out,
                                      struct fault *why);
/* What the helper printed. */
MUST_CHECK bool console_list_parse(const char *data, size_t bytes,
                                   json_t **list_out, struct fault *why);

#endif
