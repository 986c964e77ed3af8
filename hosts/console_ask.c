/* hosts/console_ask.c - one helper at a time, an object each. */
#include <config.h>

#include "hosts/console_ask.h"

#include <fcntl.h>
#include <unistd.h>
#include <uv.h>

#include "harness/arena.h"
#include "harness/buf.h"
#include "harness/fault.h"
#include "harness/fs.h"
#include "harness/home.h"
#include "harness/mem.h"
#include "harness/proc.h"

#define ANSWER_MAX_BYTES (16 << 20)
#define WORDS_MAX 16
#define GRACE_MS 1000

struct console_ask {
    struct proc proc;
    uv_pipe_t pipe;
    char piece[4096];
    struct buf text;
    bool ended, closed;         /* the process, the pipe */
    bool too_long;
    struct proc_status status;
    console_ask_fn *done;       /* NULL: cancelled */
    void *owner;
    char *program;
};

static void
finish(struct console_ask *ask)
{
    struct fault why = FAULT_INIT;
    char text[64];

    if (!ask->ended || !ask->closed)
        return;
    if (ask->done == NULL)
        goto out;
    if (ask->too_long) {
        fault_set(&why, FAULT_PEER, "%s prints without end", ask->program);
    } else if (!proc_status_ok(ask->status)) {
        proc_status_text(ask->status, text);
        fault_set(&why, ask->proc.timed_out ? FAULT_TIMEOUT : FAULT_PEER,
                  "%s %s", ask->program, text);
    }
    ask->done(ask->owner, buf_text(&ask->text), ask->text.len,
              why.kind != FAULT_NONE ? &why : NULL);
out:
    buf_free(&ask->text);
    free(ask->program);
    free(ask);
}

static void
on_closed(uv_handle_t *handle)
{
    struct console_ask *ask = handle->data;

    ask->closed = true;
    finish(ask);
}

static void
on_exit_of(struct proc *proc UNUSED, void *owner, struct proc_status status)
{
    struct console_ask *ask = owner;

    ask->ended = true;
    ask->status = status;
    finish(ask);
}

static void
on_alloc(uv_handle_t *handle, size_t wanted UNUSED, uv_buf_t *out)
{
    struct console_ask *ask = handle->data;

    *out = uv_buf_init(ask->piece, sizeof(ask->piece));
}

static void
on_read(uv_stream_t *stream, ssize_t got, const uv_buf_t *data)
{
    struct console_ask *ask = stream->data;

    if (got == 0)
        return;
    if (got > 0 && ask->text.len + (size_t)got <= ANSWER_MAX_BYTES) {
        buf_add(&ask->text, data->base, (size_t)got);
        return;
    }
    ask->too_long = got > 0;
    uv_close((uv_handle_t *)stream, on_closed);
}

static bool
make_argv(struct arena *arena, const struct buf *words,
          const char *argv[static WORDS_MAX + 1], struct fault *why)
{
    const char *at = words->data, *end = words->data + words->len;
    size_t count = 0;
    char *program;

    for (; at < end; at += strlen(at) + 1) {
        must(count < WORDS_MAX);
        argv[count++] = at;
    }
    must(count > 0);
    argv[count] = NULL;
    if (argv[0][0] != '/') {
        if (!home_program(arena, argv[0], &program, why))
            return false;
        argv[0] = program;
    }
    return true;
}

bool
console_ask_start(struct uv_loop_s *loop, const struct buf *words,
                  int64_t limit_ms, console_ask_fn *done, void *owner,
                  struct console_ask **ask_out, struct fault *why)
{
    struct proc_spec spec = PROC_SPEC_INIT;
    const char *argv[WORDS_MAX + 1];
    struct arena arena = ARENA_INIT;
    struct console_ask *ask = NULL;
    int ends[2] = { -1, -1 };
    bool ok;

    ok = make_argv(&arena, words, argv, why);
    if (!ok)
        goto out;
    ok = pipe2(ends, O_CLOEXEC) == 0;
    if (!ok) {
        fault_errno(why, FAULT_SYSTEM, "make a pipe");
        goto out;
    }
    ask = xcalloc(1, sizeof(*ask));
    ask->done = done;
    ask->owner = owner;
    ask->program = xstrdup(words->data);
    spec.argv = argv;
    spec.fds[1] = ends[1];
    spec.fds[2] = STDERR_FILENO;
    spec.die_with_parent = true;
    ok = proc_spawn(&ask->proc, loop, &spec, limit_ms, GRACE_MS, on_exit_of,
                    ask, why);
    if (!ok) {
        free(ask->program);
        free(ask);
        goto out;
    }
    must(uv_pipe_init(loop, &ask->pipe, 0) == 0);
    ask->pipe.data = ask;
    must(uv_pipe_open(&ask->pipe, ends[0]) == 0);
    ends[0] = -1;
    must(uv_read_start((uv_stream_t *)&ask->pipe, on_alloc, on_read) == 0);
    *ask_out = ask;
out:
    fd_close(&ends[0]);
    fd_close(&ends[1]);
    arena_free(&arena);
    return ok;
}

void
console_ask_cancel(struct console_ask *ask)
{
    if (ask == NULL)
        return;
    ask->done = NULL;
    proc_stop(&ask->proc);
    if (!ask->closed && !uv_is_closing((uv_handle_t *)&ask->pipe))
        uv_close((uv_handle_t *)&ask->pipe, on_closed);
}
