/* hosts/power_libvirt.c - power of the lab's machines, through assay-virt.
 *
 * libvirt calls block and its embedded driver serves one process at a time:
 * each order is a short-lived helper. */
#include <config.h>

#include "hosts/power_drivers.h"

#include "harness/buf.h"
#include "harness/fault.h"
#include "harness/json.h"

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

static bool
libvirt_run(const json_t *config, const char *verb, struct buf *out,
            struct fault *why)
{
    const char *words[] = { verb, json_text(config, "domain"), NULL };

    return power_helper_run("assay-virt", words, NULL, POWER_ORDER_LIMIT_MS,
                            out, why);
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
