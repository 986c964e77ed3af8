/* hosts/ipmi_words.h - the keys that drivers ipmi and ipmi-sol share: as words
 * and, where FreeIPMI is, as its numbers. */
#ifndef HOSTS_IPMI_WORDS_H
#define HOSTS_IPMI_WORDS_H

#include <stdbool.h>
#include <stdint.h>
#include <jansson.h>
#include "harness/attr.h"

struct fault;

/* 'key' is absent, or one of 'words' (NULL-ended); FAULT_CONFIG names them. */
MUST_CHECK bool word_check(const json_t *config, const char *key,
                           const char *const *words, struct fault *why);
/* "privilege", "cipher_suite" and "workaround" (a list with commas) are
 * absent, or known. */
MUST_CHECK bool ipmi_check_words(const json_t *config, struct fault *why);

#ifdef HAVE_FREEIPMI
/* The number of IPMI itself, operator if it is not said. */
uint8_t ipmi_privilege(const json_t *config);
/* 3 if it is not said. */
uint8_t ipmi_cipher_suite(const json_t *config);
/* Flags of libipmiconsole ('sol') or libfreeipmi, 0 for none. */
unsigned ipmi_workarounds(const json_t *config, bool sol);
#endif

#endif
