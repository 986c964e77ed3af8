/* hosts/boot_verdict.c - see boot_verdict.h. */
#include <config.h>

#include "hosts/boot_verdict.h"

#include <inttypes.h>
#include <stdarg.h>

#include "harness/pattern.h"

enum boot_sign
boot_sign_of(const struct pattern *pattern)
{
    static const struct {
        const char *name;
        enum boot_sign sign;
    } STAGES[] = {
        { "xen-start", BOOT_SIGN_XEN }, { "dom0-init", BOOT_SIGN_DOM0 },
        { "dom0-up", BOOT_SIGN_READY }, { "dom0-trouble", BOOT_SIGN_TROUBLE },
        { "console-up", BOOT_SIGN_UP },
        /* In a boot nobody asks for it. */
        { "dom0-gone", BOOT_SIGN_PANIC },
    };

    for (size_t i = 0; i < ARRAY_LEN(STAGES); i++)
        if (strcmp(pattern->name, STAGES[i].name) == 0)
            return STAGES[i].sign;
    return pattern->kind != PATTERN_FATAL ? BOOT_SIGN_NONE
        : pattern->lane == LANE_PRODUCT ? BOOT_SIGN_PANIC : BOOT_SIGN_LOADER;
}

const char *
boot_blame_name(enum boot_blame blame)
{
    switch (blame) {
    case BOOT_BLAME_PRODUCT:
        return "product";
    case BOOT_BLAME_HOST:
        return "host";
    case BOOT_BLAME_HARNESS:
        return "harness";
    case BOOT_BLAME_NONE:
        break;
    }
    return "";
}

bool
boot_verdict_is_final(const struct boot_facts *facts)
{
    return facts->up_ms >= 0 || facts->panic != NULL
        || facts->loader != NULL || facts->is_off || facts->refused;
}

static PRINTF_LIKE(4, 5) void
say(struct boot_verdict *out, enum boot_end end, enum boot_blame blame,
    const char *fmt, ...)
{
    va_list ap;

    out->end = end;
    out->blame = blame;
    va_start(ap, fmt);
    (void)vsnprintf(out->text, sizeof(out->text), fmt, ap);
    va_end(ap);
}

/* How far it came. Each is one more proof. */
static const char *
stage(const struct boot_facts *facts)
{
    return facts->ready_ms >= 0 ? "dom0 was up, but did not call back"
        : facts->dom0_ms >= 0 ? "dom0's init started, but did not finish"
        : facts->xen_ms >= 0 ? "Xen started, but dom0's init did not"
        : facts->fetched_ms >= 0 ? "it fetched all, but Xen said nothing"
        : facts->script_ms >= 0
            ? "it fetched its script, but not what that names"
        : facts->powered ? "it never asked for its netboot script"
        : "it was not switched on";
}

void
boot_verdict_make(const char *host, const struct boot_facts *facts,
                  struct boot_verdict *out)
{
    int64_t s = facts->limit_ms / 1000;

    memset(out, 0, sizeof(*out));
    if (facts->up_ms >= 0) {
        out->end = BOOT_END_UP;
    } else if (facts->panic != NULL) {
        say(out, BOOT_END_FAIL, BOOT_BLAME_PRODUCT, "%s: %s", host,
            facts->panic);
    } else if (facts->is_off) {
        say(out, BOOT_END_BROKEN, BOOT_BLAME_HOST,
            "%s switched itself off: %s", host, stage(facts));
    } else if (facts->loader != NULL) {
        say(out, BOOT_END_BROKEN, BOOT_BLAME_HARNESS,
            "%s could not netboot: %s", host, facts->loader);
    } else if (facts->refused && facts->xen_ms >= 0 && facts->dom0_ms < 0) {
        say(out, BOOT_END_FAIL, BOOT_BLAME_PRODUCT, "%s: %s: %s", host,
            facts->refusal, stage(facts));
    } else if (facts->refused) {
        say(out, BOOT_END_BROKEN, BOOT_BLAME_NONE, "%s: %s: %s", host,
            facts->refusal, stage(facts));
    } else if (!facts->powered) {
        say(out, BOOT_END_BROKEN,
            facts->power_refused ? BOOT_BLAME_HOST : BOOT_BLAME_HARNESS,
            "%s was not switched on: %s", host,
            facts->power_text == NULL ? "out of time" : facts->power_text);
    } else if (facts->script_ms < 0) {
        say(out, BOOT_END_BROKEN, BOOT_BLAME_HOST,
            "%s never netbooted: %s in %" PRId64 " s", host, stage(facts), s);
    } else if (facts->fetched_ms < 0 || facts->xen_ms < 0) {
        say(out, BOOT_END_BROKEN, BOOT_BLAME_HOST,
            "%s: %s in %" PRId64 " s", host, stage(facts), s);
    } else if (facts->dom0_ms < 0) {
        /* The product ran, and did not do its part. */
        say(out, BOOT_END_FAIL, BOOT_BLAME_PRODUCT,
            "%s: %s in %" PRId64 " s; last line: %s", host, stage(facts), s,
            facts->last_line);
    } else if (facts->trouble != NULL) {
        say(out, BOOT_END_BROKEN, BOOT_BLAME_NONE, "%s: %s: %s", host,
            stage(facts), facts->trouble);
    } else {
        say(out, BOOT_END_BROKEN, BOOT_BLAME_HARNESS,
            "%s: %s in %" PRId64 " s; last line: %s", host, stage(facts), s,
            facts->last_line);
    }
}
