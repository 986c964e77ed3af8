/* hosts/console_relay.c - see console_relay.h. */
#include <config.h>

#include "hosts/console_relay.h"

#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "harness/arena.h"
#include "harness/clock.h"
#include "harness/fault.h"
#include "harness/fs.h"
#include "harness/home.h"
#include "harness/log.h"
#include "harness/mem.h"
#include "harness/proc.h"
#include "hosts/console_log.h"
#include "hosts/console_port.h"

#define RETRY_MIN_MS 250
#define RETRY_MAX_MS 15000
#define WHY_BYTES 300

static void
set_why(struct console_relay *relay, const char *text)
{
    free(relay->why);
    relay->why = text != NULL ? xstrdup(text) : NULL;
}

/* The first line that it has printed, without its name. */
static void
read_why(struct console_relay *relay, char text[static WHY_BYTES])
{
    static const char prefix[] = "assay-relay: ";
    char said[WHY_BYTES], *start = said;
    ssize_t n = relay->err < 0 ? 0
        : pread(relay->err, said, sizeof(said) - 1, 0);

    said[n > 0 ? n : 0] = '\0';
    if (strncmp(said, prefix, sizeof(prefix) - 1) == 0)
        start += sizeof(prefix) - 1;
    start[strcspn(start, "\n")] = '\0';
    (void)snprintf(text, WHY_BYTES, "%s", start);
}

static void
later(struct console_relay *relay, int64_t now_ms)
{
    relay->step_ms = relay->step_ms * 2;
    if (relay->step_ms < RETRY_MIN_MS)
        relay->step_ms = RETRY_MIN_MS;
    if (relay->step_ms > RETRY_MAX_MS)
        relay->step_ms = RETRY_MAX_MS;
    relay->next_ms = now_ms + relay->step_ms;
}

static void
on_end(struct console_relay *relay, const char *host, int64_t now_ms)
{
    const struct log_fields fields = { .host = host };
    char text[WHY_BYTES];

    relay->pid = 0;
    read_why(relay, text);
    fd_close(&relay->err);
    if (text[0] != '\0'
        && (relay->why == NULL || strcmp(relay->why, text) != 0))
        log_with(LOG_LEVEL_WARN, &fields, "console: %s", text);
    set_why(relay, text[0] != '\0' ? text : NULL);
    later(relay, now_ms);
}

static bool
start(struct console_relay *relay, struct console_port *port,
      const json_t *config, struct fault *why)
{
    struct proc_spec spec = PROC_SPEC_INIT;
    const char *host = console_port_host(port);
    struct arena arena = ARENA_INIT;
    char *program = NULL, *text = json_dumps(config, JSON_COMPACT);
    bool ok;

    must(text != NULL);
    relay->err = memfd_create("relay", MFD_CLOEXEC);
    ok = relay->err >= 0 || fault_errno(why, FAULT_SYSTEM, "memfd");
    ok = ok && home_program(&arena, "assay-relay", &program, why);
    if (ok) {
        const char *const argv[] = {
            program, "carry", host,
            home_path(&arena, "run/console/%s.sock", host),
            console_log_dir(console_port_log(port)), text, NULL,
        };

        spec.argv = argv;
        spec.fds[2] = relay->err;
        ok = proc_start(&spec, &relay->pid, why);
    }
    if (!ok)
        fd_close(&relay->err);
    arena_free(&arena);
    free(text);
    return ok;
}

void
console_relay_tick(struct console_relay *relay, struct clock *clock,
                   struct console_port *port, const json_t *config)
{
    const char *host = console_port_host(port);
    const struct log_fields fields = { .host = host };
    enum console_state state = console_port_state(port);
    int64_t now_ms = clock_mono_ms(clock);
    struct proc_status status;
    struct fault why = FAULT_INIT;

    if (relay->pid != 0 && proc_poll_end(relay->pid, &status))
        on_end(relay, host, now_ms);
    if (state == CONSOLE_UP) {
        set_why(relay, NULL);
        relay->step_ms = 0;
    }
    if (relay->pid != 0 || state != CONSOLE_LISTENING
        || now_ms < relay->next_ms)
        return;
    if (start(relay, port, config, &why))
        return;
    log_with(LOG_LEVEL_ERROR, &fields, "console: %s", why.text);
    set_why(relay, why.text);
    later(relay, now_ms);
}

void
console_relay_stop(struct console_relay *relay)
{
    if (relay->pid != 0)
        (void)kill(-relay->pid, SIGTERM);
    relay->next_ms = 0;
}

void
console_relay_fini(struct console_relay *relay)
{
    fd_close(&relay->err);
    set_why(relay, NULL);
    relay->pid = 0;
}
