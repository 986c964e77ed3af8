/* hosts/netboot.c - the loaders' scripts: iPXE on BIOS and UEFI, GRUB on UEFI.
 *
 * On BIOS, iPXE loads Xen as a multiboot kernel. Its UEFI build cannot do
 * that: there Xen is an EFI program, which finds its configuration and its
 * modules as files of the volume it was loaded from; iPXE makes such a volume
 * of what it fetched. */
#include <config.h>

#include "hosts/netboot.h"

#include "harness/artefact.h"
#include "harness/buf.h"
#include "harness/fault.h"
#include "harness/json.h"

#define XEN_CFG "xen.cfg"

static const char *
spec_text(const json_t *spec, const char *key)
{
    const char *text = json_text(spec, key);

    return text == NULL ? "" : text;
}

static void
ipxe_script(const json_t *spec, const char *nonce, const char *base,
            struct buf *out)
{
    bool efi = strcmp(spec_text(spec, "firmware"), "uefi") == 0;

    buf_addf(out, "#!ipxe\necho Assay boot %s\nset tries:int32 0\n:fetch\n",
             nonce);
    if (efi) {
        buf_addf(out, "kernel %s/b/%s/xen -cfg=" XEN_CFG " || goto no\n",
                 base, nonce);
        buf_addf(out, "initrd %s/b/%s/" XEN_CFG " " XEN_CFG " || goto no\n",
                 base, nonce);
        buf_addf(out, "initrd %s/b/%s/kernel kernel || goto no\n", base,
                 nonce);
        buf_addf(out, "initrd %s/b/%s/initrd initrd || goto no\n", base,
                 nonce);
    } else {
        buf_addf(out, "kernel %s/b/%s/xen %s || goto no\n", base, nonce,
                 spec_text(spec, "xen_cmdline"));
        buf_addf(out, "module %s/b/%s/kernel %s || goto no\n", base, nonce,
                 spec_text(spec, "dom0_cmdline"));
        buf_addf(out, "module %s/b/%s/initrd || goto no\n", base, nonce);
    }
    /* iPXE waits by itself while we answer 503, but a transfer that breaks off
     * it gives up: another two times from the start. */
    buf_adds(out, "boot || goto end\n:no\ninc tries\n"
             "iseq ${tries} 3 && goto end ||\n"
             "echo Assay boot: fetching again\nimgfree\nsleep 2\n"
             "goto fetch\n:end\necho " NETBOOT_FAILED "\nsleep 10\nexit 1\n");
}

static void
ipxe_refusal(const char *text, struct buf *out)
{
    buf_adds(out, "#!ipxe\necho ");
    /* Only what iPXE takes literally. */
    for (; *text != '\0'; text++) {
        buf_addc(out, strchr("$|&#{}\\\"'\r\n", *text) == NULL ? *text : ' ');
    }
    buf_adds(out, "\necho " NETBOOT_FAILED "\nsleep 10\nexit 1\n");
}

static bool
ipxe_file(const json_t *spec, const char *name, struct buf *out)
{
    if (strcmp(name, XEN_CFG) != 0
        || strcmp(spec_text(spec, "firmware"), "uefi") != 0)
        return false;
    buf_addf(out, "[global]\ndefault=assay\n\n[assay]\noptions=%s\n"
             "kernel=kernel %s\nramdisk=initrd\n",
             spec_text(spec, "xen_cmdline"), spec_text(spec, "dom0_cmdline"));
    return true;
}

/* "http://A:P" as GRUB names it: "(http,A:P)". */
static void
grub_device(const char *base, struct buf *out)
{
    const char *rest = strstr(base, "://");

    buf_addf(out, "(%.*s,%s)", rest == NULL ? 4 : (int)(rest - base),
             rest == NULL ? "http" : base, rest == NULL ? base : rest + 3);
}

static void
grub_script(const json_t *spec, const char *nonce, const char *base,
            struct buf *out)
{
    struct buf device = BUF_INIT;

    grub_device(base, &device);
    buf_addf(out, "echo 'Assay boot %s'\n", nonce);
    buf_addf(out, "if xen_hypervisor %s/b/%s/xen %s; then\n",
             buf_text(&device), nonce, spec_text(spec, "xen_cmdline"));
    buf_addf(out, "if xen_module --nounzip %s/b/%s/kernel %s; then\n",
             buf_text(&device), nonce, spec_text(spec, "dom0_cmdline"));
    buf_addf(out, "if xen_module --nounzip %s/b/%s/initrd; then\nboot\n",
             buf_text(&device), nonce);
    buf_adds(out, "fi\nfi\nfi\necho '" NETBOOT_FAILED "'\nsleep 3600\n");
    buf_free(&device);
}

static void
grub_refusal(const char *text, struct buf *out)
{
    buf_adds(out, "echo '");
    for (; *text != '\0'; text++)
        buf_addc(out, strchr("'\r\n", *text) == NULL ? *text : ' ');
    /* A long sleep, because at its prompt GRUB burns a whole processor. */
    buf_adds(out, "'\necho '" NETBOOT_FAILED "'\nsleep 3600\n");
}

static bool
grub_file(const json_t *spec UNUSED, const char *name UNUSED,
          struct buf *out UNUSED)
{
    return false;
}

static const struct netboot_driver drivers[] = {
    { "ipxe", NULL, NULL, ipxe_script, ipxe_refusal, ipxe_file },
    { "grub", "uefi", "grub.efi", grub_script, grub_refusal, grub_file },
};

const struct netboot_driver *
netboot_at(size_t i)
{
    return i < ARRAY_LEN(drivers) ? &drivers[i] : NULL;
}

const struct netboot_driver *
netboot_find(const char *name, struct fault *why)
{
    struct buf known = BUF_INIT;

    for (size_t i = 0; i < ARRAY_LEN(drivers); i++) {
        if (strcmp(drivers[i].name, name) == 0) {
            buf_free(&known);
            return &drivers[i];
        }
        buf_addf(&known, "%s%s", i == 0 ? "" : ", ", drivers[i].name);
    }
    fault_set(why, FAULT_CONFIG, "no netboot driver '%s' (there are: %s)",
              name, buf_text(&known));
    buf_free(&known);
    return NULL;
}

static bool
check_cmdline(const char *key, const char *text, struct fault *why)
{
    for (const char *p = text; *p != '\0'; p++) {
        if (*p < ' ' || *p > '~' || strchr("$\"'\\;&|<>#{}", *p) != NULL)
            return fault_set(why, FAULT_DATA, "%s: no loader is told '%s' "
                             "safely because of the byte at %td", key, text,
                             p - text);
    }
    return true;
}

json_t *
netboot_parts(const json_t *spec, const char *name)
{
    bool main_part = strcmp(name, "xen") == 0 || strcmp(name, "kernel") == 0
        || strcmp(name, "initrd") == 0;
    json_t *parts = json_array(), *layer;
    const char *sha;
    size_t i;

    sha = main_part ? json_text(spec, name)
                    : json_text(json_object_get(spec, "extra"), name);
    if (sha == NULL)
        return parts;
    must(json_array_append_new(parts, json_string(sha)) == 0);
    if (strcmp(name, "initrd") != 0)
        return parts;
    json_array_foreach(json_object_get(spec, "layers"), i, layer)
        must(json_array_append(parts, layer) == 0);
    sha = json_text(spec, "overlay");
    if (sha != NULL)
        must(json_array_append_new(parts, json_string(sha)) == 0);
    return parts;
}

bool
netboot_check_spec(const json_t *spec, struct fault *why)
{
    static const char *const files[] = { "xen", "kernel", "initrd" };
    const struct netboot_driver *driver;
    const char *firmware = spec_text(spec, "firmware");
    json_t *parts, *part;
    size_t k;
    bool ok;

    driver = netboot_find(spec_text(spec, "netboot"), why);
    if (driver == NULL) {
        fault_context(why, "boot spec");
        why->kind = FAULT_DATA;
        return false;
    }
    if (strcmp(firmware, "bios") != 0 && strcmp(firmware, "uefi") != 0)
        return fault_set(why, FAULT_DATA, "boot spec: firmware '%s'",
                         firmware);
    if (driver->firmware != NULL && strcmp(driver->firmware, firmware) != 0)
        return fault_set(why, FAULT_DATA, "boot spec: netboot driver %s does "
                         "not work on %s", driver->name, firmware);
    if (json_flag(spec, "check", false))
        return true;
    for (size_t i = 0; i < ARRAY_LEN(files); i++) {
        parts = netboot_parts(spec, files[i]);
        ok = json_array_size(parts) > 0;
        json_array_foreach(parts, k, part)
            ok = ok && artefact_name_is_valid(json_string_value(part));
        json_decref(parts);
        if (!ok)
            return fault_set(why, FAULT_DATA, "boot spec: '%s' is missing or "
                             "no SHA-256", files[i]);
    }
    return check_cmdline("xen_cmdline", spec_text(spec, "xen_cmdline"), why)
        && check_cmdline("dom0_cmdline", spec_text(spec, "dom0_cmdline"),
                         why);
}

bool
netboot_script(const json_t *spec, const char *nonce, const char *base,
               struct buf *out, struct fault *why)
{
    const struct netboot_driver *driver;

    if (!netboot_check_spec(spec, why))
        return false;
    driver = netboot_find(spec_text(spec, "netboot"), why);
    must(driver != NULL);       /* just checked */
    if (json_flag(spec, "check", false))
        driver->refusal("Assay has seen this host netboot", out);
    else
        driver->script(spec, nonce, base, out);
    return true;
}

bool
netboot_file(const json_t *spec, const char *name, bool *found_out,
             struct buf *out, struct fault *why)
{
    const struct netboot_driver *driver;

    if (!netboot_check_spec(spec, why))
        return false;
    driver = netboot_find(spec_text(spec, "netboot"), why);
    must(driver != NULL);
    *found_out = driver->file(spec, name, out);
    return true;
}
