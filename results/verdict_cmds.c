/* results/verdict_cmds.c - assay verdict. */
#include <config.h>

#include "results/verdict_cmds.h"

#include <inttypes.h>
#include <stdio.h>

#include "harness/arena.h"
#include "harness/buf.h"
#include "harness/db.h"
#include "harness/fault.h"
#include "harness/fs.h"
#include "harness/json.h"
#include "results/decide_json.h"
#include "results/decide_opts.h"
#include "results/report_decision.h"
#include "results/verdict_db.h"

#define FILE_MAX_BYTES (64 << 20)

/* Output ------------------------------------------------------------------- */

static bool
print_text(const struct buf *text, struct fault *why)
{
    return (fwrite(buf_text(text), 1, text->len, stdout) == text->len
            && fflush(stdout) == 0)
        || fault_errno(why, FAULT_SYSTEM, "write the verdict");
}

static bool
print_json(json_t *json, struct fault *why)
{
    bool ok = json_print(json, stdout, why);

    json_decref(json);
    return ok;
}

static bool
save_input(const char *file, const struct decide_input *input,
           struct fault *why)
{
    json_t *json = decide_input_json(input);
    char *text = json_dumps(json, JSON_SORT_KEYS | JSON_INDENT(1));
    bool ok;

    must(text != NULL);
    ok = fs_write_file(file, 0644, text, strlen(text), why);
    free(text);
    json_decref(json);
    return ok;
}

/* 'verdict' NULL: there is only the decision. */
static bool
print_answer(struct cmd_call *call, const struct decide_input *input,
             const struct decision *decision, const struct verdict *verdict,
             struct fault *why)
{
    const char *save = cmd_text(call, "save");
    struct buf text = BUF_INIT;
    bool ok = save == NULL || save_input(save, input, why);

    if (ok && cmd_json(call)) {
        json_t *json = verdict == NULL ? decide_json(input, decision)
                                       : report_decision_json(verdict);

        json_put_int(json, "flight", input->flight.flight);
        json_put_text(json, "branch", input->branch);
        ok = print_json(json, why);
    } else if (ok) {
        if (cmd_flag(call, "lines") || verdict == NULL) {
            decide_lines(input, decision, &text);
        } else {
            buf_addf(&text, "flight %" PRId64 ": %s\n", input->flight.flight,
                     decide_result_name(decision->result));
            report_decision_text(verdict, &text);
        }
        ok = print_text(&text, why);
    }
    buf_free(&text);
    if (!decide_result_may_push(decision->result))
        cmd_exit_status(call, 1);
    return ok;
}

/* The command -------------------------------------------------------------- */

static bool
verdict_of_file(struct cmd_call *call, const char *file, struct fault *why)
{
    struct arena arena = ARENA_INIT;
    struct buf text = BUF_INIT;
    struct decide_input input;
    struct decision decision;
    json_t *json = NULL;
    bool ok;

    if (!decide_opts_refuse(call, why)) {
        fault_context(why, "--from");
        return false;
    }
    if (cmd_argc(call) > 0)
        return fault_set(why, FAULT_USAGE, "--from names the flight and all "
                         "that it is compared with");
    ok = fs_read_file(file, FILE_MAX_BYTES, &text, why);
    if (ok) {
        ok = json_parse(buf_text(&text), text.len, &json, why)
            && decide_input_parse(json, &arena, &input, why);
        if (!ok)
            fault_context(why, "%s", file);
    }
    if (ok) {
        decide(&input, &arena, &decision);
        ok = print_answer(call, &input, &decision, NULL, why);
    }
    json_decref(json);
    buf_free(&text);
    arena_free(&arena);
    return ok;
}

static bool
run_verdict(struct cmd_call *call, struct fault *why)
{
    const char *file = cmd_text(call, "from");
    struct decide_request request = { .baseline = 0 };
    struct arena arena = ARENA_INIT;
    struct evidence evidence;
    struct verdict verdict;
    struct db *db = NULL;
    int64_t flight;
    bool ok;

    if (file != NULL)
        return verdict_of_file(call, file, why);
    if (!cmd_number(call, 0, "a flight", &flight, why))
        return false;
    ok = decide_opts_take(call, &arena, &request, why)
        && db_open("assay", &db, why)
        && verdict_read(db, flight, &request, &arena, &evidence, &verdict,
                        why);
    if (ok)
        ok = print_answer(call, &verdict.basis->input, &verdict.decision,
                          &verdict, why);
    db_close(db);
    arena_free(&arena);
    return ok;
}

static const struct cmd_opt verdict_opts[] = {
    DECIDE_OPTS,
    { "lines", CMD_OPT_FLAG, NULL, NULL, 0, 0,
      "print OSSTest's lines for programs" },
    { "save", CMD_OPT_TEXT, "FILE", NULL, 0, 0,
      "write all that the decision is made from" },
    { "from", CMD_OPT_TEXT, "FILE", NULL, 0, 0,
      "decide from such a file, without a database" },
    { 0 },
};

const struct cmd verdict_cmds[] = {
    { "verdict", "[FLIGHT]", 0, 1, CMD_READS, verdict_opts, run_verdict,
      "decide whether a flight's version may replace its baseline",
      "Each failure is compared with every run of the baseline's version. "
      "What passed there and fails here is a regression and blocks, unless "
      "another run of this version excuses it whose own failures are excused "
      "too, or a pattern allows it. A build that fails always blocks.\n\n"
      "The baseline is what --baseline or --that say, else what the gate "
      "compares when the flight is one of its, else the version of the last "
      "flight of the branch that passed.\n\n"
      "Exit status 0: perfect or tolerable; 1: not." },
    { 0 },
};
