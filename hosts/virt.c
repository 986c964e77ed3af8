/* hosts/virt.c - see virt.h.
 *
 * The driver finds running machines again in threads of its own, after it is
 * open: an order that comes earlier kills the machine under that thread and
 * is told "not running", and a state read earlier is the one of the last
 * process. Any question to the machine's monitor waits for that thread. */
#include <config.h>

#include "hosts/virt.h"

#include <errno.h>
#include <fcntl.h>
#include <libvirt/libvirt.h>
#include <libvirt/virterror.h>
#include <pthread.h>
#include <sys/stat.h>
#include <unistd.h>

#include "harness/arena.h"
#include "harness/buf.h"
#include "harness/fault.h"
#include "harness/fs.h"
#include "harness/home.h"
#include "harness/json.h"
#include "harness/mem.h"
#include "hosts/lab_ns.h"
#include "hosts/lab_user.h"

#define XML_MAX_BYTES (256u << 10)
#define SOCKETS_MAX_BYTES (16u << 20)
/* Flags of a listening socket in /proc/net/unix. */
#define LISTENING "00010000"
#define LOCK_FD_MIN 500

struct virt {
    virConnectPtr conn;
    char *listeners;            /* /proc/net/unix before we went inside */
    int lock;
};

/* libvirt's message in a fault. */
static bool
virt_fault(struct fault *why, const char *what)
{
    const char *text = virGetLastErrorMessage();

    return fault_set(why, FAULT_PEER, "%s: libvirt: %s", what,
                     text == NULL ? "no reason given" : text);
}

static void
be_quiet(void *arg UNUSED, virErrorPtr error UNUSED)
{
}

static void *
run_events(void *arg UNUSED)
{
    for (;;) {
        if (virEventRunDefaultImpl() < 0)
            return NULL;
    }
}

/* Everything that libvirt would otherwise put into the user's home. */
static bool
set_environment(const char *root, struct fault *why)
{
    static const char *const gone[] = {
        "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME",
        "XDG_RUNTIME_DIR", "LIBVIRT_DEFAULT_URI",
    };
    struct arena arena = ARENA_INIT;
    const char *log = arena_printf(&arena, "4:file:%s/libvirt.log", root);
    bool ok;

    for (size_t i = 0; i < ARRAY_LEN(gone); i++)
        (void)unsetenv(gone[i]);
    ok = setenv("HOME", root, 1) == 0
        && setenv("LIBVIRT_LOG_OUTPUTS", log, 1) == 0
        && chdir("/") == 0;
    if (!ok)
        fault_errno(why, FAULT_SYSTEM, "prepare for libvirt");
    arena_free(&arena);
    return ok;
}

static bool
read_listeners(struct virt *virt, struct fault *why)
{
    struct buf text = BUF_INIT;
    bool ok = fs_read_file("/proc/net/unix", SOCKETS_MAX_BYTES, &text, why);

    if (ok)
        virt->listeners = buf_take(&text);
    buf_free(&text);
    return ok;
}

static bool
connect_driver(struct virt *virt, const char *root, struct fault *why)
{
    struct arena arena = ARENA_INIT;
    const char *uri = arena_printf(&arena, "qemu:///embed?root=%s", root);
    pthread_t thread;
    bool ok;

    virSetErrorFunc(NULL, be_quiet);
    ok = virInitialize() == 0 && virEventRegisterDefaultImpl() == 0;
    if (!ok)
        virt_fault(why, "start libvirt");
    if (ok && pthread_create(&thread, NULL, run_events, NULL) != 0)
        ok = fault_errno(why, FAULT_SYSTEM, "start a thread for libvirt");
    if (ok) {
        virt->conn = virConnectOpen(uri);
        ok = virt->conn != NULL || virt_fault(why, "open the lab's machines");
    }
    arena_free(&arena);
    return ok;
}

/* The driver's own lock goes when this process ends, and no earlier; ours must
 * not go before it. The kernel closes descriptors in their order: so ours gets
 * a high number, and is never closed by hand. */
static bool
take_lock(struct virt *virt, const char *path, struct fault *why)
{
    int fd = -1;
    bool ok = fs_lock(path, true, &fd, why);

    if (ok) {
        virt->lock = fcntl(fd, F_DUPFD_CLOEXEC, LOCK_FD_MIN);
        ok = virt->lock >= 0
            || fault_errno(why, FAULT_SYSTEM, "keep the lock %s", path);
    }
    fd_close(&fd);
    return ok;
}

bool
virt_open(bool inside, struct virt **virt_out, struct fault *why)
{
    struct arena arena = ARENA_INIT;
    struct virt *virt = xcalloc(1, sizeof(*virt));
    const char *home, *root;
    bool ok;

    virt->lock = -1;
    ok = home_get(&home, why);
    if (!ok)
        goto out;
    root = home_path(&arena, "lab/virt");
    ok = fs_exists(root);
    if (!ok) {
        fault_set(why, FAULT_CONFLICT, "no lab was ever up in %s", home);
        fault_hint(why, "assay lab up");
        goto out;
    }
    ok = take_lock(virt, home_path(&arena, "lab/virt.lock"), why)
        && read_listeners(virt, why)
        && (!inside || lab_enter(why))
        && lab_user_become(why)
        && set_environment(root, why)
        && connect_driver(virt, root, why);
out:
    if (ok)
        *virt_out = virt;
    else
        virt_close(virt);
    arena_free(&arena);
    return ok;
}

void
virt_close(struct virt *virt)
{
    if (virt == NULL)
        return;
    if (virt->conn != NULL)
        (void)virConnectClose(virt->conn);
    free(virt->listeners);
    free(virt);
}

bool
virt_define(struct virt *virt, const char *path, struct fault *why)
{
    struct buf xml = BUF_INIT;
    virDomainPtr dom = NULL;
    bool ok;

    ok = fs_read_file(path, XML_MAX_BYTES, &xml, why);
    if (ok) {
        dom = virDomainDefineXMLFlags(virt->conn, buf_text(&xml),
                                      VIR_DOMAIN_DEFINE_VALIDATE);
        ok = dom != NULL || virt_fault(why, path);
    }
    if (dom != NULL)
        (void)virDomainFree(dom);
    buf_free(&xml);
    return ok;
}

/* Waits until the driver has found the machine again, or given it up. */
static void
await_found(virDomainPtr dom)
{
    virDomainMemoryStatStruct stats[VIR_DOMAIN_MEMORY_STAT_NR];

    if (virDomainIsActive(dom) == 1)
        (void)virDomainMemoryStats(dom, stats, ARRAY_LEN(stats), 0);
}

static virDomainPtr
find(struct virt *virt, const char *domain, struct fault *why)
{
    virDomainPtr dom = virDomainLookupByName(virt->conn, domain);

    if (dom == NULL) {
        if (virGetLastErrorCode() == VIR_ERR_NO_DOMAIN) {
            fault_set(why, FAULT_CONFLICT, "the lab has no machine %s",
                      domain);
            fault_hint(why, "assay lab up");
        } else {
            virt_fault(why, domain);
        }
        return NULL;
    }
    await_found(dom);
    return dom;
}

static bool
read_state(virDomainPtr dom, const char *domain, enum power_state *state_out,
           struct fault *why)
{
    int active = virDomainIsActive(dom);

    if (active < 0)
        return virt_fault(why, domain);
    *state_out = active == 1 ? POWER_ON : POWER_OFF;
    return true;
}

/* The machine writes to nobody's socket without a complaint: what it said
 * would be lost, and with it the proof of whatever happened. */
static bool
check_listener(const struct virt *virt, const char *domain,
               struct fault *why)
{
    struct arena arena = ARENA_INIT;
    const char *path = home_path(&arena, "run/console/%s.sock", domain);
    size_t bytes = strlen(path);
    bool found = false;

    for (const char *line = virt->listeners; line != NULL && !found;
         line = strchr(line, '\n')) {
        size_t len;

        line += *line == '\n';
        len = strcspn(line, "\n");
        found = len > bytes + 1 && line[len - bytes - 1] == ' '
            && memcmp(line + len - bytes, path, bytes) == 0
            && memmem(line, len, " " LISTENING " ",
                      sizeof(LISTENING) + 1) != NULL;
        if (len == 0 && *line == '\0')
            break;
    }
    if (!found) {
        fault_set(why, FAULT_CONFLICT, "nobody listens to the console of %s "
                  "(%s): what it says would be lost", domain, path);
        fault_hint(why, "assay-console does; assayd starts it: assay "
                   "service start");
    }
    arena_free(&arena);
    return found;
}

bool
virt_on(struct virt *virt, const char *domain, struct fault *why)
{
    enum power_state state = POWER_UNKNOWN;
    virDomainPtr dom;
    bool ok;

    ok = check_listener(virt, domain, why);
    dom = ok ? find(virt, domain, why) : NULL;
    if (dom == NULL)
        return false;
    ok = read_state(dom, domain, &state, why);
    if (ok && state != POWER_ON)
        ok = virDomainCreate(dom) == 0 || virt_fault(why, domain);
    (void)virDomainFree(dom);
    return ok;
}

static bool
switch_off(virDomainPtr dom, const char *domain, struct fault *why)
{
    enum power_state state = POWER_UNKNOWN;

    if (!read_state(dom, domain, &state, why))
        return false;
    if (state == POWER_OFF || virDomainDestroy(dom) == 0)
        return true;
    /* It may have ended by itself meanwhile. */
    return virGetLastErrorCode() == VIR_ERR_OPERATION_INVALID
        || virt_fault(why, domain);
}

bool
virt_off(struct virt *virt, const char *domain, struct fault *why)
{
    virDomainPtr dom = find(virt, domain, why);
    bool ok;

    if (dom == NULL)
        return false;
    ok = switch_off(dom, domain, why);
    (void)virDomainFree(dom);
    return ok;
}

bool
virt_status(struct virt *virt, const char *domain,
            enum power_state *state_out, struct fault *why)
{
    virDomainPtr dom = find(virt, domain, why);
    bool ok;

    if (dom == NULL)
        return false;
    ok = read_state(dom, domain, state_out, why);
    (void)virDomainFree(dom);
    return ok;
}

/* Value of the attribute 'name' in the element that 'from' begins; NULL when
 * it has none. libvirt writes them so, and we wrote most of it. */
static char *
attribute(const char *from, const char *name)
{
    size_t len = strcspn(from, ">");
    char *want = xasprintf(" %s='", name);
    const char *at = memmem(from, len, want, strlen(want));
    char *value = NULL;

    if (at != NULL) {
        at += strlen(want);
        value = xstrndup(at, strcspn(at, "'"));
    }
    free(want);
    return value;
}

static void
put_attribute(json_t *object, const char *key, const char *from)
{
    char *value = attribute(from, key);

    if (value != NULL)
        json_put_text(object, key, value);
    free(value);
}

bool
virt_console(struct virt *virt, const char *domain, json_t **console_out,
             struct fault *why)
{
    virDomainPtr dom = find(virt, domain, why);
    const char *serial, *source;
    char *xml = NULL;
    bool ok;

    if (dom == NULL)
        return false;
    xml = virDomainGetXMLDesc(dom, 0);
    ok = xml != NULL || virt_fault(why, domain);
    serial = ok ? strstr(xml, "<serial ") : NULL;
    source = serial == NULL ? NULL : strstr(serial, "<source ");
    if (ok && source == NULL)
        ok = fault_set(why, FAULT_CONFIG, "machine %s has no serial line",
                       domain);
    if (ok) {
        *console_out = json_object();
        put_attribute(*console_out, "type", serial);
        put_attribute(*console_out, "mode", source);
        put_attribute(*console_out, "path", source);
    }
    free(xml);
    (void)virDomainFree(dom);
    return ok;
}

/* Calls 'fn' for each machine. */
static bool
for_each(struct virt *virt,
         bool (*fn)(virDomainPtr dom, void *arg, struct fault *why),
         void *arg, struct fault *why)
{
    virDomainPtr *doms = NULL;
    int count = virConnectListAllDomains(virt->conn, &doms, 0);
    bool ok = count >= 0 || virt_fault(why, "list the lab's machines");

    for (int i = 0; i < count; i++) {
        await_found(doms[i]);
        ok = ok && fn(doms[i], arg, why);
        (void)virDomainFree(doms[i]);
    }
    free(doms);
    return ok;
}

static bool
list_one(virDomainPtr dom, void *arg, struct fault *why)
{
    const char *name = virDomainGetName(dom);
    enum power_state state = POWER_UNKNOWN;
    json_t *list = arg;

    if (!read_state(dom, name, &state, why))
        return false;
    json_put_text(list, name, power_state_name(state));
    return true;
}

bool
virt_list(struct virt *virt, json_t **list_out, struct fault *why)
{
    json_t *list = json_object();

    if (!for_each(virt, list_one, list, why)) {
        json_decref(list);
        return false;
    }
    *list_out = list;
    return true;
}

static bool
clear_one(virDomainPtr dom, void *arg UNUSED, struct fault *why)
{
    const char *name = virDomainGetName(dom);

    return switch_off(dom, name, why)
        && (virDomainUndefineFlags(dom, VIR_DOMAIN_UNDEFINE_KEEP_NVRAM) == 0
            || virt_fault(why, name));
}

bool
virt_clear(struct virt *virt, struct fault *why)
{
    return for_each(virt, clear_one, NULL, why);
}
