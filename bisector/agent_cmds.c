/* bisector/agent_cmds.c - assay bisect ask, agent and token: a bisection whose
 * tests are run by a machine of somebody else.
 *
 * "ask" is a command like any other that "assay bisect run" runs: it puts the
 * revision up in the database, from where assay-web hands it to an agent, and
 * ends with what the agent says. The search knows nothing of it. */
#include <config.h>

#include "bisector/agent_cmds.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "bisector/agent_db.h"
#include "bisector/agent_opts.h"
#include "bisector/agent_proto.h"
#include "flights/operator.h"
#include "harness/arena.h"
#include "harness/artefact.h"
#include "harness/buf.h"
#include "harness/db.h"
#include "harness/fault.h"
#include "harness/fs.h"
#include "harness/home.h"
#include "harness/json.h"
#include "harness/proc.h"
#include "harness/signals.h"
#include "harness/strv.h"
#include "harness/table.h"
#include "hypervisor/artefact_db.h"
#include "hypervisor/candidate_db.h"

#define LOOK_MS 1000
#define NAME_MOST 100
#define EXIT_BAD 1
#define EXIT_CANNOT 125
#define EXIT_TROUBLE 200
#define EXIT_STOPPED 130
#define REVISION "ASSAY_REVISION_"

extern char **environ;

static bool
check_name(const char *name, struct fault *why)
{
    return name_is_safe(name, NAME_MOST)
        || fault_set(why, FAULT_USAGE, "'%s' is no name of a bisection: "
                     "letters, digits, '.', '_' and '-'", name);
}

/* ask ---------------------------------------------------------------------- */

struct ask {
    struct cmd_call *call;
    struct arena arena;
    struct db *db;
    struct agent_spec spec;
    int64_t test;
    char told[AGENT_TEXT_MOST + 200];   /* who has it, as was last said */
};

/* "NAME=COMMIT", of the call or of the environment. */
static bool
add_revision(struct ask *ask, const char *text, struct fault *why)
{
    const char *equals = strchr(text, '=');
    struct agent_spec *spec = &ask->spec;

    if (equals == NULL || equals == text)
        return fault_set(why, FAULT_USAGE, "'%s' is no NAME=COMMIT", text);
    if (spec->tree_count == AGENT_TREES_MAX)
        return fault_set(why, FAULT_USAGE, "more than %d trees",
                         AGENT_TREES_MAX);
    spec->tree[spec->tree_count] =
        arena_printf(&ask->arena, "%.*s", (int)(equals - text), text);
    spec->revision[spec->tree_count++] = arena_strdup(&ask->arena,
                                                      equals + 1);
    return true;
}

static bool
add_revisions(struct ask *ask, struct fault *why)
{
    const char *text;
    char **at;
    int i;

    for (i = 0; (text = cmd_list(ask->call, "revision", i)) != NULL; i++)
        if (!add_revision(ask, text, why))
            return false;
    for (at = environ; i == 0 && *at != NULL; at++)
        if (strncmp(*at, REVISION, strlen(REVISION)) == 0
            && !add_revision(ask, *at + strlen(REVISION), why))
            return false;
    return ask->spec.tree_count > 0
        || fault_set(why, FAULT_USAGE, "no revision: say --revision "
                     "NAME=COMMIT, or let assay bisect run run this");
}

/* "[NAME=]FILE". */
static bool
add_file(struct ask *ask, const char *text, bool is_step, struct fault *why)
{
    const char *equals = strchr(text, '='), *slash;
    struct agent_spec *spec = &ask->spec;
    char *sha256 = arena_alloc(&ask->arena, SHA256_HEX_BYTES);
    struct agent_file file = { .is_step = is_step };
    const char *path = equals == NULL ? text : equals + 1;

    if (spec->file_count == AGENT_FILES_MAX)
        return fault_set(why, FAULT_USAGE, "more than %d files",
                         AGENT_FILES_MAX);
    slash = strrchr(path, '/');
    file.name = equals == NULL
        ? arena_strdup(&ask->arena, slash == NULL ? path : slash + 1)
        : arena_printf(&ask->arena, "%.*s", (int)(equals - text), text);
    if (!name_is_safe(file.name, NAME_MOST))
        return fault_set(why, FAULT_USAGE, "'%s' is no name of a file: say "
                         "NAME=FILE", file.name);
    if (!artefact_put_file(path, sha256, &file.bytes, why)
        || !artefact_db_add(ask->db, sha256, file.bytes, "agent", why))
        return false;
    file.sha256 = sha256;
    spec->files[spec->file_count++] = file;
    return true;
}

/* The parts of a candidate, which the store has. */
static bool
add_candidate(struct ask *ask, struct fault *why)
{
    const char *name = cmd_text(ask->call, "candidate");
    const char *arch = cmd_text(ask->call, "arch");
    struct agent_spec *spec = &ask->spec;
    struct candidate *candidate = NULL;
    const struct candidate_part *part;
    bool ok = true;
    size_t i;

    if (name == NULL)
        return true;
    if (!candidate_db_find(ask->db, name, &candidate, why))
        return false;
    for (i = 0; ok && i < candidate->part_count; i++) {
        part = &candidate->parts[i];
        if (strcmp(part->arch, arch) != 0)
            continue;
        ok = spec->file_count < AGENT_FILES_MAX
            || fault_set(why, FAULT_USAGE, "more than %d files",
                         AGENT_FILES_MAX);
        if (ok)
            spec->files[spec->file_count++] = (struct agent_file){
                .name = arena_strdup(&ask->arena, part->part),
                .sha256 = arena_strdup(&ask->arena, part->sha256),
                .bytes = part->bytes };
    }
    candidate_free(candidate);
    return ok;
}

static bool
add_files(struct ask *ask, struct fault *why)
{
    const char *text;
    int i;

    for (i = 0; (text = cmd_list(ask->call, "step", i)) != NULL; i++)
        if (!add_file(ask, text, true, why))
            return false;
    for (i = 0; (text = cmd_list(ask->call, "artefact", i)) != NULL; i++)
        if (!add_file(ask, text, false, why))
            return false;
    return add_candidate(ask, why);
}

/* As an agent will read it: what it would refuse is refused here. */
static bool
put_up(struct ask *ask, const char *bisection, struct fault *why)
{
    json_t *json = agent_spec_json(&ask->spec);
    struct agent_spec read;
    bool ok = agent_spec_take(json, &read, why);

    if (!ok)
        why->kind = FAULT_USAGE;
    ok = ok && agent_db_ask(ask->db, bisection, json, &ask->test, why);
    json_decref(json);
    return ok;
}

/* Says once who has it, or why nobody has. */
static void
tell(struct ask *ask, const struct agent_standing *standing)
{
    char text[sizeof(ask->told)];

    if (standing->holder != NULL)
        (void)snprintf(text, sizeof(text), "%s has it", standing->holder);
    else if (standing->tries > 0)
        (void)snprintf(text, sizeof(text), "no answer, %" PRId64 " times; "
                       "the last: %s", standing->tries,
                       standing->last_reason);
    else
        (void)snprintf(text, sizeof(text), "waits for an agent");
    if (strcmp(text, ask->told) != 0)
        fprintf(stderr, "test %" PRId64 ": %s\n", ask->test, text);
    memcpy(ask->told, text, sizeof(text));
}

/* Until there is an answer, or enough agents had none. */
static bool
wait_for(struct ask *ask, struct agent_standing *out, struct fault *why)
{
    int64_t tries = cmd_int(ask->call, "tries");
    char channel[64], payload[256];

    for (;;) {
        if (!agent_db_standing(ask->db, ask->test, &ask->arena, out, why))
            return false;
        tell(ask, out);
        if (out->result != NULL || out->tries >= tries)
            return true;
        (void)db_wait(ask->db, LOOK_MS);
        while (db_notified(ask->db, channel, payload))
            continue;
        if (!signals_check(why))
            return false;
        if (!db_is_alive(ask->db))
            return fault_set(why, FAULT_LOST, "the database was lost while "
                             "test %" PRId64 " waited", ask->test);
    }
}

static bool
print_log(const struct agent_answer *answer, struct fault *why)
{
    char block[65536];
    int64_t bytes;
    ssize_t n;
    int fd = -1;
    bool ok = true;

    if (!answer->log_sent) {
        printf("its log stays there: %" PRId64 " bytes, sha256 %s\n",
               answer->log_bytes, answer->log_sha256);
        return true;
    }
    if (!artefact_open(answer->log_sha256, &fd, &bytes, why))
        return false;
    while ((n = read(fd, block, sizeof(block))) > 0
           || (n < 0 && errno == EINTR))
        if (n > 0)
            (void)fwrite(block, 1, (size_t)n, stdout);
    if (n < 0)
        ok = fault_errno(why, FAULT_SYSTEM, "read the log");
    fd_close(&fd);
    return ok;
}

static bool
report(struct ask *ask, const struct agent_standing *standing,
       struct fault *why)
{
    struct agent_answer answer;
    char *text;
    bool ok;

    if (standing->result == NULL) {
        printf("cannot tell: %" PRId64 " agents had no answer; the last: "
               "%s\n", standing->tries, standing->last_reason);
        cmd_exit_status(ask->call, EXIT_CANNOT);
        return true;
    }
    text = json_dumps(standing->answer, JSON_COMPACT);
    must(text != NULL);
    ok = agent_answer_parse(text, strlen(text), &answer, why);
    free(text);
    if (!ok)
        return false;
    printf("%s: %s%s%s\n", standing->holder, standing->result,
           answer.reason[0] != '\0' ? ", " : "", answer.reason);
    ok = print_log(&answer, why);
    cmd_exit_status(ask->call, answer.result == SEARCH_PASS ? 0
                    : answer.result == SEARCH_FAIL ? EXIT_BAD : EXIT_CANNOT);
    agent_answer_fini(&answer);
    return ok;
}

static bool
ask_all(struct ask *ask, struct fault *why)
{
    const char *bisection = cmd_arg(ask->call, 0);
    struct agent_standing standing = { .answer = NULL };
    bool ok;

    ask->spec.limit_ms = cmd_int(ask->call, "limit");
    ok = check_name(bisection, why) && add_revisions(ask, why)
        && db_open("assay", &ask->db, why)
        && add_files(ask, why) && db_listen(ask->db, "assay", why)
        && put_up(ask, bisection, why) && wait_for(ask, &standing, why)
        && report(ask, &standing, why);
    json_decref(standing.answer);
    return ok;
}

/* What kept us from an answer must not read as bad: 130 and above stop a
 * bisection, which goes on later. */
static bool
run_ask(struct cmd_call *call, struct fault *why)
{
    struct ask ask = { .call = call };

    signals_catch();
    if (!ask_all(&ask, why)) {
        fault_print(why);
        cmd_exit_status(call, why->kind == FAULT_CANCELLED ? EXIT_STOPPED
                        : EXIT_TROUBLE);
    }
    db_close(ask.db);
    arena_free(&ask.arena);
    return true;
}

/* agent -------------------------------------------------------------------- */

/* The options as they were given, for the program that has them, too. */
static void
pass_options(struct cmd_call *call, struct arena *arena, char ***argv)
{
    const struct cmd_opt *opt;

    for (opt = agent_opts; opt->type != CMD_OPT_END; opt++) {
        if (opt->type == CMD_OPT_FLAG && cmd_flag(call, opt->name))
            strv_add(argv, arena_printf(arena, "--%s", opt->name));
        else if (opt->type != CMD_OPT_FLAG && cmd_text(call, opt->name))
            strv_add(argv, arena_printf(arena, "--%s=%s", opt->name,
                                        cmd_text(call, opt->name)));
    }
}

static bool
run_agent(struct cmd_call *call, struct fault *why)
{
    struct arena arena = ARENA_INIT;
    char *program = NULL, **argv = NULL;
    bool ok;
    int i;

    ok = home_program(&arena, "assay-agent", &program, why);
    if (ok) {
        strv_add(&argv, program);
        pass_options(call, &arena, &argv);
        if (cmd_json(call))
            strv_add(&argv, "--json");
        strv_add(&argv, "--");
        for (i = 0; cmd_arg(call, i) != NULL; i++)
            strv_add(&argv, cmd_arg(call, i));
        ok = proc_replace(strv_const(argv), why);
    }
    strv_free(argv);
    arena_free(&arena);
    return ok;
}

/* token -------------------------------------------------------------------- */

static bool
run_token_add(struct cmd_call *call, struct fault *why)
{
    const char *bisection = cmd_arg(call, 0), *note = cmd_text(call, "for");
    struct arena arena = ARENA_INIT;
    char token[AGENT_TOKEN_BYTES];
    const char *who = NULL;
    struct db *db = NULL;
    int64_t number = 0;
    json_t *json;
    bool ok;

    ok = check_name(bisection, why) && operator_name(&arena, &who, why)
        && db_open("assay", &db, why)
        && agent_db_token_add(db, bisection, note, who,
                              cmd_int(call, "life"), token, &number, why);
    if (ok && cmd_json(call)) {
        json = json_pack("{s:I, s:s, s:s}", "token", (json_int_t)number,
                         "bisection", bisection, "secret", token);
        ok = json_print(json, stdout, why);
        json_decref(json);
    } else if (ok) {
        printf("%s\n", token);
        fprintf(stderr, "token %" PRId64 " of bisection %s; it is not shown "
                "again\n", number, bisection);
    }
    explicit_bzero(token, sizeof(token));
    db_close(db);
    arena_free(&arena);
    return ok;
}

static bool
print_tokens(const json_t *list, struct fault *why)
{
    static const char *const columns[] = {
        ">TOKEN", "BISECTION", "~FOR", "STATE", "UNTIL", "SEEN", "FROM",
        ">ANSWERS", ">WITHOUT", NULL
    };
    struct table *table = table_new(columns);
    const json_t *one;
    char number[24], answers[24], without[24];
    size_t i;
    bool ok;

    json_array_foreach(list, i, one) {
        (void)snprintf(number, sizeof(number), "%" PRId64,
                       json_int(one, "token", 0));
        (void)snprintf(answers, sizeof(answers), "%" PRId64,
                       json_int(one, "answers", 0));
        (void)snprintf(without, sizeof(without), "%" PRId64,
                       json_int(one, "without_answer", 0));
        table_add(table, (const char *const[]){
            number, json_text(one, "bisection"), json_text(one, "for"),
            json_flag(one, "valid", false) ? "valid"
                : json_text(one, "revoked_at") != NULL ? "revoked"
                : "expired",
            json_text(one, "until_at"), json_text(one, "seen_at"),
            json_text(one, "seen_peer"), answers, without });
    }
    ok = table_print(table, stdout, why);
    table_free(table);
    return ok;
}

static bool
run_token_list(struct cmd_call *call, struct fault *why)
{
    struct db *db = NULL;
    json_t *list = NULL;
    bool ok;

    ok = db_open("assay", &db, why)
        && agent_db_token_list(db, cmd_arg(call, 0), &list, why)
        && (cmd_json(call) ? json_print(list, stdout, why)
                           : print_tokens(list, why));
    json_decref(list);
    db_close(db);
    return ok;
}

static bool
run_token_revoke(struct cmd_call *call, struct fault *why)
{
    struct db *db = NULL;
    int64_t number;
    bool ok;

    if (!cmd_number(call, 0, "a token", &number, why))
        return false;
    ok = db_open("assay", &db, why)
        && agent_db_token_revoke(db, number, why);
    db_close(db);
    return ok;
}

/* The table ---------------------------------------------------------------- */

static const struct cmd_opt ask_opts[] = {
    { "revision", CMD_OPT_LIST, "NAME=COMMIT", NULL, 0, 0,
      "test this one (default: what assay bisect run says)" },
    { "artefact", CMD_OPT_LIST, "[NAME=]FILE", NULL, 0, 0,
      "send it along: what was built" },
    { "candidate", CMD_OPT_TEXT, "NAME", NULL, 0, 0,
      "send its parts along, as artefacts" },
    { "arch", CMD_OPT_TEXT, "ARCH", "amd64", 0, 0,
      "of that candidate" },
    { "step", CMD_OPT_LIST, "[NAME=]FILE", NULL, 0, 0,
      "send a program along; the first is the one to run" },
    { "limit", CMD_OPT_DURATION, "TIME", NULL, 0, 0,
      "a run that takes longer there cannot tell" },
    { "tries", CMD_OPT_INT, "N", "3", 1, 100,
      "cannot tell, when so many agents vanished or gave it back" },
    { NULL, CMD_OPT_END, NULL, NULL, 0, 0, NULL },
};
static const struct cmd_opt token_opts[] = {
    { "for", CMD_OPT_TEXT, "TEXT", "", 0, 0, "who gets it" },
    { "life", CMD_OPT_DURATION, "TIME", "30d", 1000, 31622400000,
      "how long it is good" },
    { NULL, CMD_OPT_END, NULL, NULL, 0, 0, NULL },
};

const struct cmd bisect_agent_cmds[] = {
    { "bisect agent", AGENT_ARGS, 1, -1, CMD_READS, agent_opts, run_agent,
      AGENT_HELP, agent_text },
    { "bisect ask", "BISECTION", 1, 1, CMD_WRITES, ask_opts, run_ask,
      "let an agent of a bisection test a revision",
      "For \"assay bisect run ... -- assay bisect ask NAME\", whose tests are "
      "then run by\nthe agents that have a token of NAME; a script that "
      "builds first, and asks with\n--artefact, does as well. Prints the "
      "agent's log, if it was sent.\n"
      "\n"
      "Exit status 0: good; 1: bad; 125: cannot tell; 130 and more: it could "
      "not be asked." },
    { "bisect token add", "BISECTION", 1, 1, CMD_WRITES, token_opts,
      run_token_add, "make a token for an agent of a bisection",
      "Prints it, and keeps only a hash. BISECTION is a name of your choice: "
      "the one that\nassay bisect ask is given." },
    { "bisect token list", "[BISECTION]", 0, 1, CMD_READS, NULL,
      run_token_list, "list tokens, and what came of them", NULL },
    { "bisect token revoke", "TOKEN", 1, 1, CMD_WRITES, NULL,
      run_token_revoke, "end a token; what it has is given to others", NULL },
    { NULL, NULL, 0, 0, CMD_READS, NULL, NULL, NULL, NULL },
};
