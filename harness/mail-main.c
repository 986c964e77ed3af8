/* harness/mail-main.c - assay-mail: makes one mail, or looks into one.
 *
 * A program of its own, because GMime and what it stands on take longer to load
 * than most commands of assay run. */
#include <config.h>

#include <stdio.h>

#include "harness/arena.h"
#include "harness/buf.h"
#include "harness/cmd.h"
#include "harness/fault.h"
#include "harness/fs.h"
#include "harness/message.h"
#include "harness/message_mime.h"

#define INPUT_MAX (256u << 20)

static bool
write_output(const struct buf *out, struct fault *why)
{
    if (fwrite(buf_text(out), 1, out->len, stdout) != out->len
        || fflush(stdout) != 0)
        return fault_errno(why, FAULT_SYSTEM, "write the message");
    return true;
}

static bool
run_build(struct cmd_call *call UNUSED, struct fault *why)
{
    struct buf in = BUF_INIT, out = BUF_INIT;
    struct arena arena = ARENA_INIT;
    struct message message;
    bool ok;

    ok = fs_read_file("/dev/stdin", INPUT_MAX, &in, why)
        && message_unpack(buf_text(&in), in.len, &arena, &message, why);
    if (ok) {
        message_mime_build(&message, &out);
        ok = write_output(&out, why);
    }
    buf_free(&in);
    buf_free(&out);
    arena_free(&arena);
    return ok;
}

static bool
run_find(struct cmd_call *call, struct fault *why)
{
    struct buf in = BUF_INIT, out = BUF_INIT;
    bool ok = fs_read_file("/dev/stdin", INPUT_MAX, &in, why);

    if (ok && message_mime_find(buf_text(&in), in.len, cmd_arg(call, 0),
                                &out))
        ok = write_output(&out, why);
    else if (ok)
        cmd_exit_status(call, 1);
    buf_free(&in);
    buf_free(&out);
    return ok;
}

static const struct cmd cmds[] = {
    { "build", "", 0, 0, CMD_READS, NULL, run_build,
      "make a mail of the JSON on standard input", NULL },
    { "find", "MARK", 1, 1, CMD_READS, NULL, run_find,
      "print the text of a mail that has MARK in it; exit 1 if none has",
      NULL },
    { .path = NULL },
};

int
main(int argc, char **argv)
{
    static const struct cmd *const tables[] = { cmds, NULL };
    static const struct cmd_program program = {
        .name = "assay-mail",
        .help = "Makes one mail, or looks into one.",
        .tables = tables,
    };

    return cmd_main(&program, argc, argv);
}
