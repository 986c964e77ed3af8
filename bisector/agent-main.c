/* bisector/agent-main.c - assay-agent: a vendor's machine as the oracle of a
 * lab's bisection. */
#include <config.h>

#include <curl/curl.h>
#include <string.h>
#include <unistd.h>

#include "bisector/agent_cache.h"
#include "bisector/agent_client.h"
#include "bisector/agent_opts.h"
#include "bisector/agent_proto.h"
#include "bisector/agent_work.h"
#include "harness/cmd.h"
#include "harness/fault.h"
#include "harness/json.h"
#include "harness/signals.h"
#include "hosts/secret.h"

#define HOST_BYTES 256

static bool
read_token(const struct cmd_call *call, char out[static SECRET_BYTES],
           struct fault *why)
{
    const char *file = cmd_text(call, "token-file");
    json_t *from = json_object();
    bool ok;

    json_put_text(from, file != NULL ? "token_file" : "token_env",
                  file != NULL ? file : "ASSAY_AGENT_TOKEN");
    ok = secret_read(from, "token", out, why)
        && (agent_token_is_valid(out)
            || fault_set(why, FAULT_CONFIG, "this is no token: it begins "
                         "with " AGENT_TOKEN_PREFIX));
    json_decref(from);
    return ok;
}

static bool
check_cmd(const struct cmd_call *call, struct fault *why)
{
    bool has_cmd = cmd_arg(call, 1) != NULL;

    if (has_cmd && cmd_flag(call, "run-steps"))
        return fault_set(why, FAULT_USAGE, "either -- CMD or --run-steps");
    if (has_cmd || cmd_flag(call, "run-steps"))
        return true;
    fault_set(why, FAULT_USAGE, "what is to be run? give -- CMD");
    return fault_hint(why, "--run-steps runs what the lab sends: then the lab "
                      "can do here all that you can");
}

static bool
run(struct cmd_call *call, struct fault *why)
{
    char token[SECRET_BYTES] = "", host[HOST_BYTES] = "";
    struct agent_client_spec spec = {
        .url = cmd_arg(call, 0), .token = token,
        .cacert = cmd_text(call, "cacert"), .pin = cmd_text(call, "pin"),
    };
    struct agent_cache cache = { .dir = NULL };
    struct agent_work work = {
        .cache = &cache,
        .cmd = cmd_argv(call) + 1, .limit_ms = cmd_int(call, "limit"),
        .idle_ms = cmd_int(call, "idle"), .once = cmd_flag(call, "once"),
        .send_log = cmd_flag(call, "send-log"), .json = cmd_json(call),
        .name = cmd_text(call, "name"),
    };
    bool ok;

    signals_catch();
    must(curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK);
    if (work.name == NULL && gethostname(host, sizeof(host) - 1) == 0)
        work.name = host;
    ok = (work.name != NULL && work.name[0] != '\0'
          && strlen(work.name) <= AGENT_TEXT_MOST)
        || fault_set(why, FAULT_USAGE, "this machine has no name: give "
                     "--name");
    ok = ok && check_cmd(call, why) && read_token(call, token, why);
    if (ok)
        work.client = agent_client_new(&spec, why);
    ok = ok && work.client != NULL
        && agent_cache_open(&cache, cmd_text(call, "keep"),
                            cmd_int(call, "keep-most") << 20, why)
        && agent_work_run(&work, why);
    agent_cache_close(&cache);
    agent_client_free(work.client);
    explicit_bzero(token, sizeof(token));
    curl_global_cleanup();
    return ok;
}

static const struct cmd cmds[] = {
    { "", AGENT_ARGS, 1, -1, CMD_READS, agent_opts, run, AGENT_HELP,
      agent_text },
    { .path = NULL },
};

int
main(int argc, char **argv)
{
    static const struct cmd *const tables[] = { cmds, NULL };
    static const struct cmd_program program = {
        .name = "assay-agent",
        .help = "Tests revisions for the bisection of a lab.",
        .tables = tables,
    };

    return cmd_main(&program, argc, argv);
}
