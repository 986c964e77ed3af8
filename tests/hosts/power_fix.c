/* tests/hosts/power_fix.c - see power_fix.h. */
#include <config.h>

#include "tests/hosts/power_fix.h"

#include <microhttpd.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "harness/arena.h"
#include "harness/buf.h"
#include "harness/fs.h"
#include "harness/json.h"
#include "harness/proc.h"
#include "tests/hosts/net_fix.h"
#include "tests/sshfix.h"
#include "tests/tap.h"

#define OUTLET_OID "1.3.6.1.4.1.318.1.1.4.4.2.1.3.7"

static struct arena arena = ARENA_INIT;
static struct sshfix ssh;

static const char *
put(const struct power_fix *fix, const char *name, mode_t mode,
    const char *text)
{
    const char *path = arena_printf(&arena, "%s/%s", fix->dir, name);
    struct fault why = FAULT_INIT;

    if (!fs_write_file(path, mode, text, strlen(text), &why))
        tap_bail("%s", why.text);
    return path;
}

/* A BMC: what it is asked, it asks this program. */
static void
start_ipmi(struct power_fix *fix)
{
    const char *chassis, *lan, *sim, *state;
    struct fault why = FAULT_INIT;

    if (!net_fix_has("ipmi_sim"))
        return;
    chassis = put(fix, "chassis", 0755, arena_printf(&arena,
        "#!/bin/sh\n"
        "cd %s || exit 1\n"
        "verb=$2; shift 2\n"
        "while [ $# -gt 0 ]; do\n"
        "  case $verb-$1 in\n"
        "  get-power) s=$(./machine.sh status) || exit 1\n"
        "    case $s in on) echo power:1;; off) echo power:0;;\n"
        "    *) echo \"power:$s\";; esac;;\n"
        "  get-boot) echo boot:$(cat boot);;\n"
        "  set-power) case $2 in 1) ./machine.sh on;; *) ./machine.sh off;;\n"
        "    esac || exit 1; shift;;\n"
        "  set-boot) echo boot >>orders\n"
        "    [ \"$(cat mode)\" = deaf ] || echo $2 >boot; shift;;\n"
        "  esac\n"
        "  shift\n"
        "done\n", fix->dir));
    fix->ipmi_port = net_fix_port(false);
    lan = put(fix, "lan.conf", 0644, arena_printf(&arena,
        "name \"assay\"\nset_working_mc 0x20\nstartlan 1\n"
        "addr 127.0.0.1 %d\npriv_limit admin\n"
        "allowed_auths_callback none md2 md5 straight\n"
        "allowed_auths_user none md2 md5 straight\n"
        "allowed_auths_operator none md2 md5 straight\n"
        "allowed_auths_admin none md2 md5 straight\n"
        "guid a123456789abcdefa123456789abcdef\nendlan\n"
        "chassis_control \"%s 0x20\"\n"
        "user 1 true \"\" \"none\" user 10 none md2 md5 straight\n"
        "user 2 true \"" POWER_FIX_USER "\" \"" POWER_FIX_PASSWORD "\" admin"
        " 10 none md2 md5 straight\n", fix->ipmi_port, chassis));
    sim = put(fix, "sim.emu", 0644,
        "mc_setbmc 0x20\n"
        "mc_add 0x20 0 no-device-sdrs 0x23 9 8 0x9f 0x1291 0xf02\n"
        "sel_enable 0x20 1000 0x0a\nmc_enable 0x20\n");
    state = arena_printf(&arena, "%s/ipmi-state", fix->dir);
    if (!fs_mkdirs(state, 0755, &why))
        tap_bail("%s", why.text);
    fix->pids[0] = net_fix_spawn((const char *[]){
        "ipmi_sim", "-n", "-c", lan, "-f", sim, "-s", state, NULL },
        arena_printf(&arena, "%s/ipmi.log", fix->dir));
}

/* A PDU: one outlet, by the agent's own way to be extended. */
static void
start_snmp(struct power_fix *fix)
{
    const char *outlet, *conf;

    if (!net_fix_has("snmpd"))
        return;
    outlet = put(fix, "outlet", 0755, arena_printf(&arena,
        "#!/bin/sh\n"
        "cd %s || exit 1\n"
        "while read -r verb; do\n"
        "  case $verb in\n"
        "  PING) echo PONG; continue;;\n"
        "  '') continue;;\n"
        "  esac\n"
        "  read -r oid\n"
        "  [ \"$verb\" != set ] || read -r type value\n"
        "  [ \"$verb $oid\" = \"get ." OUTLET_OID "\" ] ||\n"
        "  [ \"$verb $oid\" = \"set ." OUTLET_OID "\" ] || verb=none\n"
        "  case $verb in\n"
        "  get) s=$(./machine.sh status) || s=\n"
        "    case $s in\n"
        "    on) printf '%%s\\ninteger\\n1\\n' \"$oid\";;\n"
        "    off) printf '%%s\\ninteger\\n2\\n' \"$oid\";;\n"
        "    '') echo NONE;;\n"
        "    *) printf '%%s\\nstring\\n%%.20s\\n' \"$oid\" \"$s\";;\n"
        "    esac;;\n"
        "  set) case $value in 1) ./machine.sh on;; 2) ./machine.sh off;;\n"
        "    *) false;; esac && echo DONE || echo not-writable;;\n"
        "  *) echo NONE;;\n"
        "  esac\n"
        "done\n", fix->dir));
    fix->snmp_port = net_fix_port(false);
    conf = put(fix, "snmpd.conf", 0600, arena_printf(&arena,
        "agentAddress udp:127.0.0.1:%d\n"
        "rwcommunity " POWER_FIX_PASSWORD " 127.0.0.1\n"
        "createUser assay SHA \"" POWER_FIX_PASSWORD "\" AES \""
        POWER_FIX_PASSWORD "\"\n"
        "rwuser assay priv\n"
        "pass_persist ." OUTLET_OID " %s\n", fix->snmp_port, outlet));
    (void)setenv("SNMP_PERSISTENT_DIR",
                 arena_printf(&arena, "%s/snmp-state", fix->dir), 1);
    fix->pids[1] = net_fix_spawn((const char *[]){
        "/usr/sbin/snmpd", "-f", "-C", "-c", conf, "-Lo", "-I",
        "-smux,ifTable,ifXTable,hr_swrun,hrSWRunTable", NULL },
        arena_printf(&arena, "%s/snmpd.log", fix->dir));
}

/* A Xen: its xl is fussy as the real one is, and warns. In mode "cut" its table
 * reads as whole, and the connection ends before xl does. */
static void
start_guest(struct power_fix *fix)
{
    const char *dir = arena_printf(&arena, "%s/xen", fix->dir);
    struct fault why = FAULT_INIT;

    if (!net_fix_has("dropbear") || !net_fix_has("ssh-keygen")
        || !fs_mkdirs(dir, 0755, &why) || !sshfix_start(&ssh, dir))
        return;
    fix->guest_port = ssh.target.port;
    (void)put(fix, "xen/the xl", 0755, arena_printf(&arena,
        "#!/bin/sh\n"
        "cd %s || exit 1\n"
        "echo 'WARNING: this xl is a script' >&2\n"
        "table() {\n"
        "  echo 'Name          ID   Mem VCPUs      State   Time(s)'\n"
        "  echo 'Domain-0       0  2048     2     r-----     100.1'\n"
        "  echo 'h2 h1          3   512     1     -b----       3.0'\n"
        "}\n"
        "h1='h1             7   512     1     -b----       1.5'\n"
        "case \"$*\" in\n"
        "\"create $PWD/h1's \\$HOME.cfg name=\\\"h1\\\"\")\n"
        "  [ \"$(cat machine)\" = off ] || exit 1; exec ./machine.sh on;;\n"
        "'destroy h1') exec ./machine.sh off;;\n"
        "list) case $(cat mode) in\n"
        "  cut) table; pid=$PPID\n"
        "    until [ \"$(cat /proc/$pid/comm)\" = dropbear ]; do\n"
        "      read -r _ _ _ pid _ </proc/$pid/stat || exit 1\n"
        "    done\n"
        "    kill -9 $pid; exit 0;;\n"
        "  half) table | head -c 120; exit 0;;\n"
        "  flood) exec ./machine.sh status;;\n"
        "  esac\n"
        "  s=$(./machine.sh status) || exit 1\n"
        "  case $s in\n"
        "  on) table; echo \"$h1\";;\n"
        "  off) table;;\n"
        "  *) echo \"$s\";;\n"
        "  esac;;\n"
        "*) echo \"no such command: $*\" >&2; exit 2;;\n"
        "esac\n", fix->dir));
    if (!proc_run((const char *const[]){ "ssh-keygen", "-q", "-t", "ed25519",
                      "-N", "", "-f", arena_printf(&arena, "%s/stranger",
                                                   dir), NULL },
                  NULL, 0, 30000, NULL, &why))
        tap_bail("%s", why.text);
}

/* A Redfish service: two systems are not, sessions are counted ------------ */

struct redfish {
    const char *dir;
    int sessions;
    char target[32], enabled[32];
};

struct upload {
    struct buf body;
};

static enum MHD_Result
say(struct MHD_Connection *connection, unsigned status, const char *text,
    const char *token)
{
    struct MHD_Response *response =
        MHD_create_response_from_buffer_with_free_callback(
            strlen(text), strdup(text), free);
    enum MHD_Result result;

    (void)MHD_add_response_header(response, "Content-Type",
                                  "application/json");
    if (token != NULL) {
        (void)MHD_add_response_header(response, "X-Auth-Token", token);
        (void)MHD_add_response_header(response, "Location",
            "/redfish/v1/SessionService/Sessions/1");
    }
    result = MHD_queue_response(connection, status, response);
    MHD_destroy_response(response);
    return result;
}

/* What the machine says; false when it does not obey. */
static bool
machine(const struct redfish *redfish, const char *verb, struct buf *out)
{
    char path[128];
    const char *argv[] = { path, verb, NULL };
    struct fault why = FAULT_INIT;

    (void)snprintf(path, sizeof(path), "%s/machine.sh", redfish->dir);
    if (!proc_run(argv, NULL, 0, 5000, out, &why))
        return false;
    while (out->len > 0 && out->data[out->len - 1] == '\n')
        out->data[--out->len] = '\0';
    return true;
}

static bool
is_deaf(const struct redfish *redfish)
{
    struct buf text = BUF_INIT;
    char path[128];
    bool deaf;

    (void)snprintf(path, sizeof(path), "%s/mode", redfish->dir);
    deaf = fs_read_file(path, 64, &text, NULL)
        && strcmp(buf_text(&text), "deaf") == 0;
    buf_free(&text);
    return deaf;
}

static enum MHD_Result
get_system(const struct redfish *redfish, struct MHD_Connection *connection)
{
    struct buf state = BUF_INIT, text = BUF_INIT;
    enum MHD_Result result;

    /* Half of an answer: the connection just ends. */
    if (!machine(redfish, "status", &state))
        return MHD_NO;
    buf_addf(&text, "{\"@odata.id\": \"/redfish/v1/Systems/blade\","
             " \"@odata.etag\": \"W/\\\"1\\\"\", \"PowerState\": \"%s\","
             " \"Boot\": {\"BootSourceOverrideTarget\": \"%s\","
             " \"BootSourceOverrideEnabled\": \"%s\"},"
             " \"Actions\": {\"#ComputerSystem.Reset\": {\"target\":"
             " \"/redfish/v1/Systems/blade/Actions/ComputerSystem.Reset\","
             " \"ResetType@Redfish.AllowableValues\":"
             " [\"On\", \"ForceOff\", \"GracefulShutdown\"]}}}",
             strcmp(buf_text(&state), "on") == 0 ? "On"
             : strcmp(buf_text(&state), "off") == 0 ? "Off"
             : buf_text(&state), redfish->target, redfish->enabled);
    result = say(connection, 200, buf_text(&text), NULL);
    buf_free(&text);
    buf_free(&state);
    return result;
}

static enum MHD_Result
post_reset(const struct redfish *redfish, struct MHD_Connection *connection,
           const json_t *body)
{
    const char *type = json_text(body, "ResetType");
    struct buf out = BUF_INIT;
    bool on = type != NULL && strcmp(type, "On") == 0;
    bool ok = type != NULL && (on || strcmp(type, "ForceOff") == 0);

    if (!ok)
        return say(connection, 400, "{\"error\": {\"message\": \"no such "
                   "type\"}}", NULL);
    ok = machine(redfish, on ? "on" : "off", &out);
    buf_free(&out);
    return ok ? say(connection, 204, "", NULL)
              : say(connection, 503, "{\"error\": {"
                    "\"@Message.ExtendedInfo\": [{\"Message\":"
                    " \"the BMC is busy\"}]}}", NULL);
}

static enum MHD_Result
patch_system(struct redfish *redfish, struct MHD_Connection *connection,
             const json_t *body)
{
    const json_t *boot = json_object_get(body, "Boot");
    const char *target = json_text(boot, "BootSourceOverrideTarget");
    const char *enabled = json_text(boot, "BootSourceOverrideEnabled");
    const char *match = MHD_lookup_connection_value(
        connection, MHD_HEADER_KIND, "If-Match");
    char path[128];
    FILE *orders;

    if (match == NULL || strcmp(match, "W/\"1\"") != 0)
        return say(connection, 412, "{}", NULL);
    (void)snprintf(path, sizeof(path), "%s/orders", redfish->dir);
    orders = fopen(path, "a");
    if (orders != NULL) {
        (void)fputs("boot\n", orders);
        (void)fclose(orders);
    }
    if (target != NULL && enabled != NULL && !is_deaf(redfish)) {
        (void)snprintf(redfish->target, sizeof(redfish->target), "%s",
                       target);
        (void)snprintf(redfish->enabled, sizeof(redfish->enabled), "%s",
                       enabled);
    }
    return say(connection, 200, "{}", NULL);
}

static bool
may(const struct redfish *redfish UNUSED, struct MHD_Connection *connection)
{
    const char *token = MHD_lookup_connection_value(
        connection, MHD_HEADER_KIND, "X-Auth-Token");
    char *password = NULL, *user;
    bool good = token != NULL && strcmp(token, "t0ken-s3cr3t") == 0;

    user = MHD_basic_auth_get_username_password(connection, &password);
    good = good || (user != NULL && password != NULL
                    && strcmp(user, POWER_FIX_USER) == 0
                    && strcmp(password, POWER_FIX_PASSWORD) == 0);
    MHD_free(user);
    MHD_free(password);
    return good;
}

static enum MHD_Result
route(struct redfish *redfish, struct MHD_Connection *connection,
      const char *url, const char *method, const json_t *body)
{
    const char *password = json_text(body, "Password");
    bool get = strcmp(method, "GET") == 0;

    if (strcmp(url, "/redfish/v1/SessionService/Sessions") == 0) {
        if (password == NULL || strcmp(password, POWER_FIX_PASSWORD) != 0)
            return say(connection, 401, "{}", NULL);
        redfish->sessions++;
        /* As many as a small BMC has: who leaves them is locked out. */
        return redfish->sessions > 4
            ? say(connection, 503, "{\"error\": {\"message\":"
                  " \"too many sessions\"}}", NULL)
            : say(connection, 201, "{}", "t0ken-s3cr3t");
    }
    if (!may(redfish, connection))
        return say(connection, 401, "{}", NULL);
    if (strcmp(method, "DELETE") == 0) {
        redfish->sessions--;
        return say(connection, 204, "", NULL);
    }
    if (get && strcmp(url, "/redfish/v1/Systems") == 0)
        return say(connection, 200, "{\"Members\": [{\"@odata.id\":"
                   " \"/redfish/v1/Systems/blade\"}]}", NULL);
    if (get && strcmp(url, "/redfish/v1/Systems/blade") == 0)
        return get_system(redfish, connection);
    if (strcmp(url, "/redfish/v1/Systems/blade") == 0)
        return patch_system(redfish, connection, body);
    if (strcmp(url, "/redfish/v1/Systems/blade/Actions/"
               "ComputerSystem.Reset") == 0)
        return post_reset(redfish, connection, body);
    return say(connection, 404, "{}", NULL);
}

static enum MHD_Result
on_request(void *owner, struct MHD_Connection *connection, const char *url,
           const char *method, const char *version UNUSED, const char *data,
           size_t *bytes, void **state)
{
    struct upload *upload = *state;
    struct fault why = FAULT_INIT;
    enum MHD_Result result;
    json_t *body = NULL;

    if (upload == NULL) {
        *state = upload = calloc(1, sizeof(*upload));
        return upload == NULL ? MHD_NO : MHD_YES;
    }
    if (*bytes > 0) {
        buf_add(&upload->body, data, *bytes);
        *bytes = 0;
        return MHD_YES;
    }
    if (!json_parse(buf_text(&upload->body), upload->body.len, &body, &why))
        body = NULL;
    result = route(owner, connection, url, method, body);
    json_decref(body);
    buf_free(&upload->body);
    free(upload);
    *state = NULL;
    return result;
}

/* 'key' and 'cert' in PEM, or both NULL: no TLS. */
static pid_t
start_redfish(const struct power_fix *fix, int port, const char *key,
              const char *cert)
{
    struct redfish redfish = { .dir = fix->dir, .target = "None",
                               .enabled = "Disabled" };
    const struct MHD_OptionItem tls[] = {
        { MHD_OPTION_HTTPS_MEM_KEY, 0, (void *)(uintptr_t)key },
        { MHD_OPTION_HTTPS_MEM_CERT, 0, (void *)(uintptr_t)cert },
        { MHD_OPTION_END, 0, NULL },
    };
    pid_t pid;

    fflush(stdout);
    pid = fork();
    if (pid != 0) {
        if (!net_fix_wait(port))
            tap_bail("no Redfish service");
        return pid;
    }
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (MHD_start_daemon(MHD_USE_INTERNAL_POLLING_THREAD
                         | (key != NULL ? MHD_USE_TLS : 0), (uint16_t)port,
                         NULL, NULL, on_request, &redfish,
                         MHD_OPTION_ARRAY, key != NULL ? tls : tls + 2,
                         MHD_OPTION_END) == NULL)
        _exit(1);
    for (;;)
        (void)pause();
}

/* DIR/NAME.pem, which signs itself, with DIR/NAME.key. */
static void
make_certificate(const struct power_fix *fix, const char *name)
{
    struct fault why = FAULT_INIT;
    const char *argv[] = {
        "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
        "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2", "-subj",
        "/CN=bmc", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout",
        arena_printf(&arena, "%s/%s.key", fix->dir, name), "-out",
        arena_printf(&arena, "%s/%s.pem", fix->dir, name), NULL
    };

    if (!proc_run(argv, NULL, 0, 30000, NULL, &why))
        tap_bail("%s: %s", why.text, why.detail);
}

static const char *
get(const struct power_fix *fix, const char *name)
{
    struct buf text = BUF_INIT;
    struct fault why = FAULT_INIT;
    const char *out;

    if (!fs_read_file(arena_printf(&arena, "%s/%s", fix->dir, name), 1 << 16,
                      &text, &why))
        tap_bail("%s", why.text);
    out = arena_strdup(&arena, buf_text(&text));
    buf_free(&text);
    return out;
}

static void
start_tls(struct power_fix *fix)
{
    if (!net_fix_has("openssl")
        || MHD_is_feature_supported(MHD_FEATURE_TLS) != MHD_YES)
        return;
    make_certificate(fix, "bmc");
    make_certificate(fix, "other");
    fix->redfish_tls_port = net_fix_port(true);
    fix->pids[3] = start_redfish(fix, fix->redfish_tls_port,
                                 get(fix, "bmc.key"), get(fix, "bmc.pem"));
}

/* ------------------------------------------------------------------------- */

void
power_fix_start(struct power_fix *fix, const char *dir)
{
    memset(fix, 0, sizeof(*fix));
    fix->dir = dir;
    (void)put(fix, "right", 0600, POWER_FIX_PASSWORD "\n");
    (void)put(fix, "wrong", 0600, POWER_FIX_WRONG "\n");
#ifdef HAVE_FREEIPMI
    start_ipmi(fix);
#endif
#ifdef HAVE_NETSNMP
    start_snmp(fix);
#endif
    start_guest(fix);
    fix->redfish_port = net_fix_port(true);
    fix->pids[2] = start_redfish(fix, fix->redfish_port, NULL, NULL);
    start_tls(fix);
}

void
power_fix_stop(struct power_fix *fix)
{
    for (size_t i = 0; i < ARRAY_LEN(fix->pids); i++)
        net_fix_stop(fix->pids[i]);
    sshfix_stop(&ssh);
    arena_free(&arena);
}

int
power_fix_port(const struct power_fix *fix, const char *driver,
               bool *stream_out)
{
    bool guest = strcmp(driver, "guest") == 0;

    *stream_out = guest || strcmp(driver, "redfish") == 0;
    if (guest)
        return fix->guest_port;
    if (strcmp(driver, "ipmi") == 0)
        return fix->ipmi_port;
    if (strcmp(driver, "redfish") == 0)
        return fix->redfish_port;
    return strcmp(driver, "snmp-pdu") == 0 ? fix->snmp_port : 0;
}

static json_t *
guest_config(const struct power_fix *fix, int port, const char *key)
{
    bool right = strcmp(key, "right") == 0;
    bool wrong = strcmp(key, "wrong") == 0;
    json_t *config = json_object();

    json_put_text(config, "driver", "guest");
    json_put_text(config, "address", arena_printf(&arena, "127.0.0.1:%d",
                                                  port));
    json_put_text(config, "host_key", ssh.target.hostkey);
    json_put_text(config, "user", ssh.target.user);
    json_put_text(config, "key_file", right ? ssh.target.key
                  : arena_printf(&arena, "%s/%s", fix->dir,
                                 wrong ? "xen/stranger" : key));
    json_put_text(config, "guest", "h1");
    json_put_text(config, "config", arena_printf(&arena, "%s/h1's $HOME.cfg",
                                                 fix->dir));
    json_put_text(config, "xl", arena_printf(&arena, "%s/xen/the xl",
                                             fix->dir));
    json_put_text(config, "limit", "5s");
    json_put_text(config, "steady", "20ms");
    return config;
}

json_t *
power_fix_config(const struct power_fix *fix, const char *driver, int port,
                 const char *password_file)
{
    bool redfish = strcmp(driver, "redfish") == 0;
    bool snmp = strcmp(driver, "snmp-pdu") == 0;
    char address[64], secret[128];
    json_t *config;

    if (strcmp(driver, "guest") == 0)
        return guest_config(fix, port, password_file);
    config = json_object();
    (void)snprintf(address, sizeof(address), "%s127.0.0.1:%d",
                   redfish ? "http://" : "", port);
    (void)snprintf(secret, sizeof(secret), "%s/%s", fix->dir, password_file);
    json_put_text(config, "driver", driver);
    json_put_text(config, redfish ? "url" : "address", address);
    json_put_text(config, snmp ? "community_file" : "password_file", secret);
    json_put_text(config, "limit", "5s");
    json_put_text(config, "steady", "20ms");
    if (snmp) {
        json_put_text(config, "model", "apc");
        json_put_text(config, "outlet", "7");
    } else {
        json_put_text(config, "user", POWER_FIX_USER);
    }
    /* ipmi_sim gives no privilege that was not asked for by name. */
    if (strcmp(driver, "ipmi") == 0)
        json_put_text(config, "workaround", "opensesspriv");
    return config;
}
