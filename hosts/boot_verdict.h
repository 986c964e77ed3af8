/* hosts/boot_verdict.h - from what was seen of a boot to what it means. Pure.
 *
 * Whose fault it is must be known, not guessed: a hypervisor that never
 * started is the machine's or the harness's fault, and only one that said that
 * it runs can be blamed for what it does next. */
#ifndef HOSTS_BOOT_VERDICT_H
#define HOSTS_BOOT_VERDICT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "harness/attr.h"

/* What a line of the console tells. */
enum boot_sign {
    BOOT_SIGN_NONE = 0,
    BOOT_SIGN_PANIC,            /* the product says that it is at its end */
    BOOT_SIGN_LOADER,           /* firmware or loader gave up */
    BOOT_SIGN_XEN,              /* the hypervisor runs */
    BOOT_SIGN_DOM0,             /* dom0's own init runs */
    BOOT_SIGN_READY,            /* dom0 is about to call back */
    BOOT_SIGN_TROUBLE,          /* dom0's init says what is wrong */
    BOOT_SIGN_UP,               /* a nonce: what has no network is up */
};
/* What a line that 'pattern' matched means for a boot. */
struct pattern;
enum boot_sign boot_sign_of(const struct pattern *pattern);

/* All that a verdict depends on; times in ms after power-on was confirmed,
 * -1: not seen. */
struct boot_facts {
    bool powered;               /* the power-on was confirmed */
    bool is_off;                /* it is off again */
    bool refused;               /* the boot's row was ended by the web side */
    int64_t script_ms, fetched_ms, xen_ms, dom0_ms, ready_ms, up_ms;
    const char *panic;          /* the line, NULL: none */
    const char *loader;
    const char *trouble;
    const char *refusal;        /* why it was ended */
    const char *power_text;     /* what its power driver said; NULL: nothing */
    bool power_refused;         /* the host would not, not: we could not */
    const char *last_line;      /* of the console, "" unknown */
    int64_t limit_ms;
};

enum boot_blame { BOOT_BLAME_NONE = 0, BOOT_BLAME_PRODUCT, BOOT_BLAME_HOST,
                  BOOT_BLAME_HARNESS };
enum boot_end { BOOT_END_NONE = 0, BOOT_END_UP, BOOT_END_FAIL,
                BOOT_END_BROKEN };
struct boot_verdict {
    enum boot_end end;
    enum boot_blame blame;
    char text[400];             /* one line, "" for up */
};

/* True when nothing need be awaited any more. */
bool boot_verdict_is_final(const struct boot_facts *facts);
/* The verdict on a boot that is over, or out of time. */
void boot_verdict_make(const char *host, const struct boot_facts *facts,
                       struct boot_verdict *out);
const char *boot_blame_name(enum boot_blame blame);

#endif
