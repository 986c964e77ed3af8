/* hosts/boot_prepare.c - see boot_prepare.h. */
#include <config.h>

#include "hosts/boot_prepare.h"

#include <errno.h>
#include <unistd.h>

#include "harness/arena.h"
#include "harness/artefact.h"
#include "harness/buf.h"
#include "harness/fault.h"
#include "harness/fs.h"
#include "harness/home.h"
#include "harness/json.h"
#include "harness/mem.h"
#include "harness/proc.h"
#include "harness/ssh_target.h"
#include "hosts/dhcp_conf.h"
#include "hosts/host_db.h"
#include "hosts/lab_ns.h"
#include "hosts/netboot.h"
#include "hosts/provision.h"

#define KEYGEN_LIMIT_MS 20000
#define KEY_MAX_BYTES 4096
#define TEXT_(x) #x
#define TEXT(x) TEXT_(x)
#define LAB_URL "http://" LAB_ADDRESS ":" TEXT(LAB_HTTP_PORT)

/* What differs between architectures; a host's properties of these names
 * override it. */
static const struct defaults {
    const char *arch;
    const char *xen_console, *dom0_console, *dom0_mem, *dom0_cpus;
} defaults[] = {
    { "amd64", "console=com1 com1=115200,8n1", "console=hvc0", "1024M", "1" },
    { "arm64", "console=dtuart", "console=hvc0", "256M", "1" },
};

/* Parts that a host may ask for after it is up. */
static const char *const extras[] = { "guest-kernel", "guest-initrd" };

const char *
boot_base_url(const struct host *host)
{
    const char *url = host_property(host, "netboot_url");

    return url == NULL ? LAB_URL : url;
}

static const char *
property_or(const struct host *host, const char *name, const char *other)
{
    const char *value = host_property(host, name);

    return value == NULL ? other : value;
}

/* NULL when no boot is known for the host's architecture. */
static const struct defaults *
find_defaults(const struct host *host, struct fault *why)
{
    for (size_t i = 0; i < ARRAY_LEN(defaults); i++) {
        if (strcmp(defaults[i].arch, host->arch) == 0)
            return &defaults[i];
    }
    fault_set(why, FAULT_CONFIG, "host %s: no boot is known for %s",
              host->name, host->arch);
    return NULL;
}

/* Name of the part that the host's firmware starts. */
static const char *
xen_part(const struct host *host)
{
    return strcmp(host->arch, "amd64") == 0
        && strcmp(host->firmware, "uefi") == 0 ? "xen.efi" : "xen";
}

static bool
driver_of(const struct host *host, const char *key, const char **name_out,
          struct fault *why)
{
    *name_out = json_text(json_object_get(host->config, key), "driver");
    return *name_out != NULL
        || fault_set(why, FAULT_DATA, "host %s in the database has no %s "
                     "driver: load its file again", host->name, key);
}

/* The part's hash into the spec; it must be in the store, unharmed. */
static bool
put_part(json_t *spec, const char *key, const json_t *parts, const char *part,
         const struct host *host, const struct boot_plan *plan,
         struct fault *why)
{
    const char *sha = json_text(parts, part);
    int64_t bytes = 0;

    if (sha == NULL)
        return fault_set(why, FAULT_NOT_FOUND, "candidate %s has no %s for "
                         "%s, which host %s needs", plan->candidate, part,
                         host->arch, host->name);
    if (!artefact_verify(sha, &bytes, why))
        return fault_context(why, "candidate %s, %s", plan->candidate, part);
    json_put_text(spec, key, sha);
    return true;
}

static void
add_words(struct buf *out, const char *words)
{
    if (words != NULL && words[0] != '\0')
        buf_addf(out, "%s%s", out->len == 0 ? "" : " ", words);
}

static bool
put_cmdlines(json_t *spec, const struct host *host,
             const struct boot_plan *plan, struct fault *why)
{
    const struct defaults *d = find_defaults(host, why);
    struct buf xen = BUF_INIT, dom0 = BUF_INIT;
    const char *mem;

    if (d == NULL)
        return false;
    mem = property_or(host, "dom0_mem", d->dom0_mem);
    /* A machine that reset after a panic would hide it. */
    buf_addf(&xen, "%s loglvl=all guest_loglvl=all dom0_mem=%s,max:%s "
             "dom0_max_vcpus=%s noreboot",
             property_or(host, "xen_console", d->xen_console), mem, mem,
             property_or(host, "dom0_cpus", d->dom0_cpus));
    add_words(&xen, host_property(host, "xen_append"));
    add_words(&xen, plan->xen_append);
    add_words(&dom0, property_or(host, "dom0_console", d->dom0_console));
    add_words(&dom0, host_property(host, "dom0_append"));
    add_words(&dom0, plan->dom0_append);
    json_put_text(spec, "xen_cmdline", buf_text(&xen));
    json_put_text(spec, "dom0_cmdline", buf_text(&dom0));
    buf_free(&xen);
    buf_free(&dom0);
    return true;
}

/* How the candidate says that it is up: by a call, unless its property says
 * otherwise. */
static bool
put_confirm(struct db *db, const struct host *host, int64_t candidate,
            json_t *spec, struct fault *why)
{
    char *how = NULL;
    bool ok;

    if (!boot_candidate_property(db, candidate, host->arch, "confirm", &how,
                                 why))
        return false;
    ok = how == NULL || strcmp(how, "console") == 0
        || fault_set(why, FAULT_CONFIG, "the candidate's property confirm is "
                     "'%s': only 'console' is known", how);
    if (ok && how != NULL)
        json_put_text(spec, "confirm", how);
    free(how);
    return ok;
}

/* Who confirms by console must know what to say. */
static bool
by_console(json_t *spec, const char *nonce)
{
    const char *how = json_text(spec, "confirm");
    char *line;

    if (how == NULL || strcmp(how, "console") != 0)
        return false;
    line = xasprintf("%s assay.nonce=%s", json_text(spec, "xen_cmdline"),
                     nonce);
    json_put_text(spec, "xen_cmdline", line);
    free(line);
    return true;
}

/* All of the spec but the overlay. */
static bool
make_spec(struct db *db, const struct host *host,
          const struct boot_plan *plan, json_t **spec_out,
          int64_t *candidate_out, struct fault *why)
{
    json_t *spec = json_object(), *extra = json_object(), *parts = NULL;
    const struct netboot_driver *driver = NULL;
    const char *netboot = NULL;
    bool ok;

    ok = driver_of(host, "netboot", &netboot, why)
        && (driver = netboot_find(netboot, why)) != NULL
        && boot_candidate_parts(db, plan->candidate, host->arch,
                                candidate_out, &parts, why)
        && put_part(spec, "xen", parts, xen_part(host), host, plan, why)
        && put_part(spec, "kernel", parts, "kernel", host, plan, why)
        && put_part(spec, "initrd", parts, "initrd", host, plan, why)
        && (driver->loader == NULL
            || put_part(spec, "loader", parts, driver->loader, host, plan,
                        why))
        && put_confirm(db, host, *candidate_out, spec, why)
        && put_cmdlines(spec, host, plan, why);
    for (size_t i = 0; ok && i < ARRAY_LEN(extras); i++) {
        if (json_text(parts, extras[i]) != NULL)
            ok = put_part(extra, extras[i], parts, extras[i], host, plan,
                          why);
    }
    if (ok) {
        json_put_text(spec, "arch", host->arch);
        json_put_text(spec, "firmware", host->firmware);
        json_put_text(spec, "netboot", netboot);
        must(json_object_set(spec, "extra", extra) == 0);
        ok = netboot_check_spec(spec, why);
    }
    json_decref(extra);
    json_decref(parts);
    if (ok)
        *spec_out = spec;
    else
        json_decref(spec);
    return ok;
}

bool
boot_prepare_check(struct db *db, const struct host *host,
                   const struct boot_plan *plan, struct fault *why)
{
    json_t *spec = NULL;
    int64_t candidate = 0;
    bool ok = make_spec(db, host, plan, &spec, &candidate, why);

    json_decref(spec);
    return ok;
}

/* A key that only this boot knows; its public half in 'line'. */
static bool
make_key(const char *path, const char *nonce, struct buf *line,
         struct fault *why)
{
    struct arena arena = ARENA_INIT;
    const char *public = arena_printf(&arena, "%s.pub", path);
    const char *argv[] = {
        "ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C",
        arena_printf(&arena, "assay-boot-%s", nonce), "-f", path, NULL
    };
    bool ok;

    (void)unlink(path);
    (void)unlink(public);
    ok = proc_run(argv, NULL, 0, KEYGEN_LIMIT_MS, NULL, why)
        && fs_read_file(public, KEY_MAX_BYTES, line, why);
    if (!ok)
        fault_context(why, "make the boot's key");
    while (ok && line->len > 0 && line->data[line->len - 1] == '\n')
        line->data[--line->len] = '\0';
    arena_free(&arena);
    return ok;
}

/* Bytes of all that comes before the overlay. */
static bool
bytes_before(const json_t *spec, int64_t *bytes_out, struct fault *why)
{
    json_t *parts = netboot_parts(spec, "initrd"), *part;
    int64_t total = 0, bytes = 0;
    size_t i;
    int fd = -1;
    bool ok = true;

    json_array_foreach(parts, i, part) {
        ok = ok && artefact_open(json_string_value(part), &fd, &bytes, why);
        fd_close(&fd);
        total += bytes;
    }
    json_decref(parts);
    *bytes_out = total;
    return ok;
}

static bool
put_overlay(struct db *db, const struct host *host, json_t *spec,
            const char *nonce, const char *key, struct fault *why)
{
    const struct provision_driver *driver = NULL;
    const char *name = NULL, *address = host_property(host, "address");
    const char *gateway = host_property(host, "gateway");
    struct arena arena = ARENA_INIT;
    struct buf overlay = BUF_INIT;
    char sha256[SHA256_HEX_BYTES];
    int64_t at = 0;
    bool ok;

    ok = driver_of(host, "provision", &name, why)
        && (driver = provision_find(name, why)) != NULL
        && bytes_before(spec, &at, why);
    if (ok) {
        const struct provision_boot boot = {
            .nonce = nonce, .host = host->name,
            .address = address == NULL || strchr(address, ':') != NULL ? ""
                : arena_printf(&arena, "%s/%s", address,
                               property_or(host, "prefix_bits",
                                           TEXT(LAB_PREFIX_BITS))),
            .gateway = gateway != NULL ? gateway
                : host_property(host, "netboot_url") == NULL ? LAB_ADDRESS
                : "",
            .mac = property_or(host, "mac", ""),
            .base = boot_base_url(host), .authorized_key = key,
        };

        ok = driver->overlay(&boot, at, &overlay, why);
    }
    ok = ok && artefact_put(overlay.data, overlay.len, sha256, why)
        && boot_record_artefact(db, sha256, (int64_t)overlay.len, "overlay",
                                why);
    if (ok)
        json_put_text(spec, "overlay", sha256);
    buf_free(&overlay);
    arena_free(&arena);
    return ok;
}

/* The loader that the firmware fetches by TFTP: from the lab's server, or from
 * that of "assay netboot". */
static bool
put_loader(const struct host *host, const json_t *spec, struct fault *why)
{
    const char *sha256 = json_text(spec, "loader");
    struct arena arena = ARENA_INIT;
    bool lab = json_object_get(host->config, "machine") != NULL;
    const char *dir = home_path(&arena, "%s/tftp/%s", lab ? "lab" : "netboot",
                                host->name);
    bool ok = true;

    if (sha256 != NULL)
        ok = fs_mkdirs(dir, 0755, why)
            && fs_copy_file(artefact_path(&arena, sha256),
                            arena_printf(&arena, "%s/" DHCP_HOST_LOADER,
                                         dir), 0644, why);
    arena_free(&arena);
    return ok;
}

static bool
arm(struct db *db, const struct host *host, const json_t *spec,
    const char *nonce, const struct boot_plan *plan, int64_t candidate,
    struct fault *why)
{
    char *text = json_dumps(spec, JSON_COMPACT | JSON_SORT_KEYS);
    struct boot_order order = {
        .host = host->name, .candidate = candidate,
        .flight = plan == NULL ? 0 : plan->flight,
        .job = plan == NULL ? NULL : plan->job,
    };
    bool ok;

    must(text != NULL);
    order.spec = text;
    ok = boot_arm(db, nonce, &order, why);
    free(text);
    return ok;
}

bool
boot_prepare(struct db *db, const struct host *host,
             const struct boot_plan *plan, struct boot_armed *armed_out,
             struct fault *why)
{
    struct boot_armed armed = { .key = NULL };
    struct buf key = BUF_INIT;
    json_t *spec = NULL;
    int64_t candidate = 0;
    char *keys = xasprintf("%s/ssh/keys", plan->dir);
    bool ok;

    ok = boot_nonce_make(armed.nonce, why)
        && make_spec(db, host, plan, &spec, &candidate, why)
        && fs_mkdirs(keys, 0700, why);
    if (!ok)
        goto out;
    armed.by_console = by_console(spec, armed.nonce);
    armed.key = xasprintf("%s/%s", keys, armed.nonce);
    armed.target = xasprintf("%s/ssh/%s", plan->dir, host->name);
    if (unlink(armed.target) != 0 && errno != ENOENT) {
        ok = fault_errno(why, FAULT_SYSTEM, "remove %s", armed.target);
        goto out;
    }
    ok = make_key(armed.key, armed.nonce, &key, why)
        && put_overlay(db, host, spec, armed.nonce, buf_text(&key), why)
        && put_loader(host, spec, why)
        && arm(db, host, spec, armed.nonce, plan, candidate, why);
out:
    if (ok)
        *armed_out = armed;
    else
        boot_armed_fini(&armed);
    json_decref(spec);
    buf_free(&key);
    free(keys);
    return ok;
}

bool
boot_prepare_proof(struct db *db, const struct host *host,
                   char nonce_out[static BOOT_NONCE_BYTES],
                   struct fault *why)
{
    json_t *spec = json_object();
    const char *netboot = NULL;
    bool ok;

    ok = driver_of(host, "netboot", &netboot, why)
        && boot_nonce_make(nonce_out, why);
    if (ok) {
        json_put_text(spec, "arch", host->arch);
        json_put_text(spec, "firmware", host->firmware);
        json_put_text(spec, "netboot", netboot);
        must(json_object_set_new(spec, "check", json_true()) == 0);
        ok = netboot_check_spec(spec, why)
            && arm(db, host, spec, nonce_out, NULL, 0, why);
    }
    json_decref(spec);
    return ok;
}

/* The call came over a network that a guest could share: an address is all
 * that it may say, and the key a single line. */
bool
boot_prepare_target(const struct boot_armed *armed, const struct boot *boot,
                    struct fault *why)
{
    struct ssh_target target = { .port = 22 };
    bool ok;

    target.address = xstrdup(boot->lease[0] != '\0' ? boot->lease
                                                    : boot->address);
    target.user = xstrdup("root");
    target.key = xstrdup(armed->key);
    target.hostkey = xstrdup(boot->hostkey);
    ok = ssh_target_save(armed->target, &target, why);
    ssh_target_fini(&target);
    return ok;
}

void
boot_armed_fini(struct boot_armed *armed)
{
    xfree_str(&armed->key);
    xfree_str(&armed->target);
}
