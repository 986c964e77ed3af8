/* flights/gate_ruling_cmds.c - decisions made again: assay gate verify, and by
 * another policy: assay gate what-if. */
#include <config.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "flights/gate.h"
#include "flights/gate_cmds.h"
#include "flights/gate_db.h"
#include "harness/arena.h"
#include "harness/buf.h"
#include "harness/clock.h"
#include "harness/db.h"
#include "harness/fault.h"
#include "harness/fs.h"
#include "harness/json.h"
#include "harness/table.h"
#include "harness/yaml.h"
#include "results/ruling.h"

/* Verify ------------------------------------------------------------------ */

/* Ends of fingerprints are what people have at hand. */
static bool
is_signer(const char *fingerprint, const char *wanted)
{
    size_t have = strlen(fingerprint), want = strlen(wanted);

    return want >= 16 && want <= have &&
           strcasecmp(fingerprint + have - want, wanted) == 0;
}

static bool
check_seal(const struct ruling_file *file, const char *signer,
           struct fault *why)
{
    const struct seal *seal = &file->seal;

    if (!file->is_signed)
        return signer == NULL ||
               fault_set(why, FAULT_DATA, "the ruling is not signed");
    if (seal->state == SEAL_NO_KEY) {
        fault_set(why, FAULT_DATA, "the ruling is signed by %s, whose key is "
                  "not here", seal->fingerprint);
        return fault_hint(why, "gpg --import its public key");
    }
    if (seal->state != SEAL_GOOD)
        return fault_set(why, FAULT_DATA, "the signature of the ruling is "
                         "not good: %s", seal_state_name(seal->state));
    return signer == NULL || is_signer(seal->fingerprint, signer) ||
           fault_set(why, FAULT_DATA, "the ruling is signed by %s, not by "
                     "%s", seal->fingerprint, signer);
}

static bool
verify_json(const struct ruling_file *file, struct fault *why)
{
    json_t *out = ruling_json(&file->input, &file->ruling);
    bool ok;

    json_put_text(out, "sha256", file->sha256);
    json_put_text(out, "signature",
                  file->is_signed ? seal_state_name(file->seal.state)
                                  : "unsigned");
    json_put_text(out, "signer",
                  file->is_signed ? file->seal.fingerprint : NULL);
    ok = json_print(out, stdout, why);
    json_decref(out);
    return ok;
}

static void
verify_text(const struct ruling_file *file)
{
    struct buf text = BUF_INIT;

    ruling_text(&file->input, &file->ruling, &text);
    if (file->is_signed) {
        buf_addf(&text, "signed by %s ", file->seal.fingerprint);
        buf_add_escaped(&text, file->seal.who, strlen(file->seal.who));
        buf_addc(&text, '\n');
    } else
        buf_adds(&text, "unsigned: the site had no key, so anyone can have "
                 "written it\n");
    buf_adds(&text, "verified: the decision follows from its inputs\n");
    fputs(buf_text(&text), stdout);
    buf_free(&text);
}

static bool
verify_cmd(struct cmd_call *call, struct fault *why)
{
    const char *path = cmd_arg(call, 0);
    struct arena arena = ARENA_INIT;
    struct buf text = BUF_INIT;
    struct ruling_file file;
    bool ok;

    ok = fs_read_file(path, RULING_MAX_BYTES, &text, why);
    if (ok)
        ok = (ruling_check(buf_text(&text), text.len, &arena, &file, why) &&
              check_seal(&file, cmd_text(call, "signer"), why)) ||
             fault_context(why, "%s", path);
    if (ok && cmd_json(call))
        ok = verify_json(&file, why);
    else if (ok)
        verify_text(&file);
    buf_free(&text);
    arena_free(&arena);
    return ok;
}

/* What if ------------------------------------------------------------------ */

struct whatif {
    struct arena arena;
    struct db *db;
    const char *policy_file, *policy_text;
    bool by_date;               /* rules count as they did on that day */
    int64_t now_ms;
    struct table *table;
    json_t *list;
    struct buf changes;
    size_t count, changed;
};

static void
add_result(struct whatif *w, const struct ruling_input *input,
           const char *was, const struct ruling *now)
{
    const struct ruling_about *about = &input->about;
    const char *would = policy_verdict_name(now->answer.verdict);
    bool differs = strcmp(was, would) != 0;
    json_t *one = json_object();
    char at[32];

    w->count++;
    w->changed += differs;
    clock_iso(about->at_ms, at);
    table_add(w->table, (const char *const[]){
        about->run == 0 ? NULL : arena_printf(&w->arena, "%" PRId64,
                                              about->run),
        about->branch,
        arena_printf(&w->arena, "%.12s", about->revision),
        arena_printf(&w->arena, "%" PRId64, about->flight),
        arena_printf(&w->arena, "%.10s", at), was, would,
        now->answer.text });
    json_put_int(one, "run", about->run);
    json_put_int(one, "flight", about->flight);
    json_put_text(one, "branch", about->branch);
    json_put_text(one, "revision", about->revision);
    json_put_text(one, "was", was);
    json_object_set_new(one, "would", ruling_json(input, now));
    json_array_append_new(w->list, one);
    if (differs)
        ruling_text(input, now, &w->changes);
}

static bool
try_input(struct whatif *w, const struct ruling_input *input, const char *was,
          struct fault *why)
{
    struct ruling_input other = *input;
    struct ruling now;

    other.policy_file = w->policy_file;
    other.policy_text = w->policy_text;
    if (!w->by_date)
        other.about.at_ms = w->now_ms;
    if (!ruling_make(&other, &w->arena, &now, why))
        return false;
    add_result(w, input, was, &now);
    return true;
}

static bool
try_file(struct whatif *w, const char *path, struct fault *why)
{
    struct buf text = BUF_INIT;
    struct ruling_file file;
    bool ok = fs_read_file(path, RULING_MAX_BYTES, &text, why);

    if (ok)
        ok = ruling_read(buf_text(&text), text.len, &w->arena, &file, why) ||
             fault_context(why, "%s", path);
    if (ok)
        ok = try_input(w, &file.input, policy_verdict_name(
                           file.ruling.answer.verdict), why);
    buf_free(&text);
    return ok;
}

/* One that no gate decided upon: by its verdict alone. */
static bool
try_flight(struct whatif *w, int64_t flight, struct fault *why)
{
    struct ruling_input input;
    struct decision decision;

    if ((w->db == NULL && !db_open("assay", &w->db, why)) ||
        !gate_flight_input(w->db, clock_system(), flight, &w->arena, &input,
                           why))
        return false;
    decide(&input.evidence, &w->arena, &decision);
    return try_input(w, &input, decide_result_may_push(decision.result)
                                    ? "push" : "hold", why);
}

static bool
try_branch(struct whatif *w, const char *branch, int limit,
           struct fault *why)
{
    struct gate_run *runs = NULL;
    size_t count = 0;

    if (!gate_db_runs(w->db, branch, limit, &w->arena, &runs, &count, why))
        return false;
    for (size_t i = 0; i < count; i++)
        if (runs[i].ruling[0] != '\0' &&
            !try_file(w, runs[i].ruling, why))
            return false;
    return true;
}

static bool
try_all(struct whatif *w, struct cmd_call *call, struct fault *why)
{
    int limit = (int)cmd_int(call, "limit");
    struct gate_run *latest = NULL;
    size_t count = 0;

    for (int i = 0; i < cmd_argc(call); i++) {
        const char *arg = cmd_arg(call, i);
        int64_t flight = 0;

        if (parse_int64(arg, 1, INT64_MAX, &flight)) {
            if (!try_flight(w, flight, why))
                return false;
            continue;
        }
        if (strchr(arg, '/') != NULL || fs_exists(arg)) {
            if (!try_file(w, arg, why))
                return false;
            continue;
        }
        if ((w->db == NULL && !db_open("assay", &w->db, why)) ||
            !try_branch(w, arg, limit, why))
            return false;
    }
    if (cmd_argc(call) > 0)
        return true;
    if (!db_open("assay", &w->db, why) ||
        !gate_db_latest(w->db, &w->arena, &latest, &count, why))
        return false;
    for (size_t i = 0; i < count; i++)
        if (!try_branch(w, latest[i].branch, limit, why))
            return false;
    return true;
}

static bool
read_policy(struct whatif *w, const char *path, struct fault *why)
{
    struct buf text = BUF_INIT;
    struct policy policy;
    bool ok;

    if (path == NULL)
        return fault_set(why, FAULT_USAGE, "--policy FILE is missing");
    ok = fs_read_file(path, YAML_MAX_BYTES, &text, why) &&
         policy_parse(path, buf_text(&text), text.len, &w->arena, &policy,
                      why);
    if (ok) {
        w->policy_file = path;
        w->policy_text = arena_strdup(&w->arena, buf_text(&text));
    }
    buf_free(&text);
    return ok;
}

static bool
what_if_cmd(struct cmd_call *call, struct fault *why)
{
    static const char *const names[] = { ">RUN", "BRANCH", "REVISION",
                                         ">FLIGHT", "AT", "WAS", "WOULD BE",
                                         "~WHY", NULL };
    struct whatif w = { .arena = ARENA_INIT, .changes = BUF_INIT };
    bool ok;

    w.by_date = cmd_flag(call, "by-date");
    w.now_ms = clock_wall_ms(clock_system());
    w.table = table_new(names);
    w.list = json_array();
    ok = read_policy(&w, cmd_text(call, "policy"), why) &&
         try_all(&w, call, why);
    if (ok && cmd_json(call)) {
        ok = json_print(w.list, stdout, why);
    } else if (ok) {
        ok = table_print(w.table, stdout, why);
        printf("%s%zu of %zu decisions would be others\n",
               buf_text(&w.changes), w.changed, w.count);
    }
    json_decref(w.list);
    table_free(w.table);
    buf_free(&w.changes);
    db_close(w.db);
    arena_free(&w.arena);
    return ok;
}

/* Tables ------------------------------------------------------------------ */

static const struct cmd_opt verify_opts[] = {
    { "signer", CMD_OPT_TEXT, "FINGERPRINT", NULL, 0, 0,
      "whose signature it must have (the last 16 digits will do)" },
    { NULL, CMD_OPT_END, NULL, NULL, 0, 0, NULL }
};

static const struct cmd_opt what_if_opts[] = {
    { "policy", CMD_OPT_TEXT, "FILE", NULL, 0, 0, "the policy to try" },
    { "limit", CMD_OPT_INT, "N", "100", 1, 100000,
      "at most so many decisions of a branch, the latest" },
    { "by-date", CMD_OPT_FLAG, NULL, NULL, 0, 0,
      "a rule counts for a decision only if it was valid on that day" },
    { NULL, CMD_OPT_END, NULL, NULL, 0, 0, NULL }
};

const struct cmd gate_ruling_cmds[] = {
    { "gate verify", "FILE", 1, 1, CMD_READS, verify_opts, verify_cmd,
      "make a decision again from its file, and compare",
      "Needs no database, no lab and no network. Exit 1 when a byte of the "
      "file was changed, when its decision does not follow from its inputs, "
      "or when its signature is not good." },
    { "gate what-if", "[BRANCH|FILE|FLIGHT...]", 0, -1, CMD_READS, what_if_opts,
      what_if_cmd, "what another policy would have decided",
      "Past decisions are made again from their files, by the policy given; a "
      "flight that no gate has seen is compared with the last good one of its "
      "branch. Nothing is changed." },
    { NULL, NULL, 0, 0, CMD_READS, NULL, NULL, NULL, NULL }
};
