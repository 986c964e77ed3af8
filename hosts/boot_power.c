/* hosts/boot_power.c - see boot_power.h. */
#include <config.h>

#include "hosts/boot_power.h"

#include <sys/mman.h>
#include <unistd.h>

#include "harness/buf.h"
#include "harness/fault.h"
#include "harness/fs.h"
#include "harness/mem.h"

#define HELPER_LIMIT_MS 240000
#define HELPER_GRACE_MS 5000
#define TEXT_MAX_BYTES 65536

void
boot_power_init(struct boot_power *power)
{
    memset(power, 0, sizeof(*power));
    power->out = -1;
    power->err = -1;
}

void
boot_power_fini(struct boot_power *power)
{
    fd_close(&power->out);
    fd_close(&power->err);
}

static void
read_text(int fd, struct buf *out)
{
    char *text = xmalloc(TEXT_MAX_BYTES);
    ssize_t n = pread(fd, text, TEXT_MAX_BYTES, 0);

    if (n > 0)
        buf_add(out, text, (size_t)n);
    free(text);
}

static void
on_end(struct proc *proc UNUSED, void *owner, struct proc_status status)
{
    struct boot_power *power = owner;
    struct buf out = BUF_INIT, err = BUF_INIT;

    read_text(power->out, &out);
    read_text(power->err, &err);
    power->fn(power->owner, status, buf_text(&out), buf_text(&err));
    buf_free(&out);
    buf_free(&err);
}

bool
boot_power_order(struct boot_power *power, uv_loop_t *loop,
                 const char *program, const char *host, const char *verb,
                 bool force, boot_power_fn *fn, void *owner,
                 struct fault *why)
{
    const char *argv[] = { program, "power", host, verb,
                           force ? "--force" : NULL, NULL };
    struct proc_spec spec = PROC_SPEC_INIT;

    boot_power_fini(power);
    power->out = memfd_create("out", MFD_CLOEXEC);
    power->err = memfd_create("err", MFD_CLOEXEC);
    if (power->out < 0 || power->err < 0)
        return fault_errno(why, FAULT_SYSTEM, "memfd");
    power->fn = fn;
    power->owner = owner;
    spec.argv = argv;
    spec.fds[1] = power->out;
    spec.fds[2] = power->err;
    return proc_spawn(&power->proc, loop, &spec, HELPER_LIMIT_MS,
                      HELPER_GRACE_MS, on_end, power, why);
}

bool
boot_power_is_busy(const struct boot_power *power)
{
    return proc_is_active(&power->proc);
}

void
boot_power_stop(struct boot_power *power)
{
    if (proc_is_active(&power->proc))
        proc_stop(&power->proc);
}
