/* hosts/power_libvirt.c - power of the lab's machines, through assay-virt.
 *
 * libvirt calls block and its embedded driver serves one process at a time:
 * each order is a short-lived helper. */
#include <config.h>

#include "hosts/power_drivers.h"

#include "harness/arena.h"
#include "harness/buf.h"
#include "harness/fault.h"
#include "harness/home.h"
#include "harness/json.h"
#include "harness/proc.h"

static const char *const keys[] = { "domain" };

static bool
libvirt_check(const char *host UNUSED, json_t *config, struct fault *why)
{
    const char *domain = json_text(config, "domain");

    if (!power_check_keys(config, keys, ARRAY_LEN(keys), why))
        return false;
    if (domain == NULL || !name_is_safe(domain, 100))
        return fault_set(why, FAULT_CONFIG, "power driver libvirt needs the "
                         "key 'domain', a name");
    return true;
}

/* The helper has said what is wrong: its words, not its exit status. */
static bool
helper_fault(struct proc_status status, struct fault *why)
{
    static const char prefix[] = "assay-virt: ";
    char text[sizeof(why->detail)], *start = text, *end;

    if (status.end != PROC_END_EXIT)
        return false;
    (void)snprintf(text, sizeof(text), "%s", why->detail);
    if (strncmp(text, prefix, sizeof(prefix) - 1) == 0)
        start += sizeof(prefix) - 1;
    end = strchr(start, '\n');
    if (end != NULL)
        *end++ = '\0';
    fault_set(why, status.code == 1 ? FAULT_CONFLICT
              : status.code == 2 ? FAULT_CONFIG : FAULT_PEER, "%s", start);
    if (end != NULL)
        fault_detail(why, end, strlen(end));
    return false;
}

static bool
libvirt_run(const json_t *config, const char *verb, struct buf *out,
            struct fault *why)
{
    struct arena arena = ARENA_INIT;
    struct proc_status status = { PROC_END_NONE, 0 };
    struct proc_spec spec = PROC_SPEC_INIT;
    const char *domain = json_text(config, "domain");
    char *program = NULL;
    bool ok;

    ok = home_program(&arena, "assay-virt", &program, why);
    if (ok) {
        const char *argv[] = { program, verb, domain, NULL };

        spec.argv = argv;
        ok = proc_run_spec(&spec, NULL, 0, POWER_ORDER_LIMIT_MS, out, &status,
                           why)
            || helper_fault(status, why);
    }
    arena_free(&arena);
    return ok;
}

static bool
libvirt_order(const char *host UNUSED, const json_t *config,
              enum power_state want, struct fault *why)
{
    struct buf out = BUF_INIT;
    bool ok = libvirt_run(config, power_state_name(want), &out, why);

    buf_free(&out);
    return ok;
}

static bool
libvirt_status(const char *host UNUSED, const json_t *config,
               enum power_state *state_out, struct fault *why)
{
    struct buf out = BUF_INIT;
    bool ok = libvirt_run(config, "status", &out, why)
        && power_read_answer(buf_text(&out), out.len, state_out, why);

    buf_free(&out);
    return ok;
}

const struct power_driver power_libvirt_driver = {
    .name = "libvirt",
    .check = libvirt_check,
    .order = libvirt_order,
    .status = libvirt_status,
};
