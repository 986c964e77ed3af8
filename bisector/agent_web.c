/* bisector/agent_web.c - the lab's side of agents.
 *
 * A request names its token before anything is looked at. A token is of one
 * bisection; its holder gets at the tests of that one, at the files that go
 * with a test that it has, and at nothing else, whatever it asks for. */
#include <config.h>

#include "bisector/agent_web.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bisector/agent_db.h"
#include "bisector/agent_proto.h"
#include "harness/arena.h"
#include "harness/artefact.h"
#include "harness/buf.h"
#include "harness/clock.h"
#include "harness/fault.h"
#include "harness/fs.h"
#include "harness/home.h"
#include "harness/json.h"
#include "harness/log.h"
#include "harness/mem.h"
#include "hosts/http_server.h"
#include "hosts/web_files.h"
#include "hosts/web_session.h"
#include "hypervisor/artefact_db.h"

/* One address may ask so often, and so many times at once; a wrong token
 * counts as many. */
#define RATE_PER_S 20.
#define RATE_BURST 60.
#define RATE_WRONG 10.
#define RATE_PEERS 256
#define PEER_BYTES 64
#define STALE_S (24 * 3600)

struct peer {
    char address[PEER_BYTES];
    double left;                /* requests */
    int64_t at_ms;
};

struct agent_web {
    struct agent_web_spec spec;
    struct web_session *session;
    struct web_files files;
    struct peer peers[RATE_PEERS];
    struct arena arena;         /* of one request */
};

/* What one request is about. */
struct talk {
    struct agent_web *web;
    const struct http_request *request;
    struct http_reply *reply;
    struct agent_route route;
    struct agent_holder holder;
    struct db *db;
};

/* Answers ------------------------------------------------------------------ */

static void
refuse(struct talk *talk, int status, const char *text)
{
    talk->reply->status = status;
    agent_error_json(text, &talk->reply->text);
}

/* Our own trouble is none of theirs. */
static void
fail(struct talk *talk, const struct fault *why)
{
    if (why->kind == FAULT_LOST) {
        refuse(talk, 503, "there is no database at the moment");
        talk->reply->retry_after_s = 2;
        return;
    }
    log_fault(LOG_LEVEL_ERROR, why, "serve an agent");
    refuse(talk, 500, "the lab has a problem of its own");
}

/* Steals 'json'. */
static void
say(struct talk *talk, json_t *json)
{
    char *text = json_dumps(json, JSON_COMPACT | JSON_SORT_KEYS);

    must(text != NULL);
    talk->reply->status = 200;
    buf_addf(&talk->reply->text, "%s\n", text);
    free(text);
    json_decref(json);
}

/* How often ---------------------------------------------------------------- */

/* The entry of an address: its own, or that of the one longest silent. */
static struct peer *
peer_of(struct agent_web *web, const char *address, int64_t now)
{
    struct peer *oldest = &web->peers[0];

    for (size_t i = 0; i < RATE_PEERS; i++) {
        struct peer *peer = &web->peers[i];

        if (strcmp(peer->address, address) == 0) {
            peer->left += (double)(now - peer->at_ms) / 1000 * RATE_PER_S;
            if (peer->left > RATE_BURST)
                peer->left = RATE_BURST;
            peer->at_ms = now;
            return peer;
        }
        if (peer->at_ms < oldest->at_ms)
            oldest = peer;
    }
    (void)snprintf(oldest->address, sizeof(oldest->address), "%s", address);
    oldest->left = RATE_BURST;
    oldest->at_ms = now;
    return oldest;
}

/* Logs --------------------------------------------------------------------- */

static const char *
log_path(struct talk *talk, const char *lease)
{
    return home_path(&talk->web->arena, "agent/%s.log", lease);
}

static bool
write_piece(struct talk *talk, struct fault *why)
{
    const char *path = log_path(talk, talk->route.lease);
    const struct http_request *request = talk->request;
    int64_t end = talk->route.offset + (int64_t)request->body_bytes;
    struct stat st;
    int fd;
    bool ok;

    fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    ok = fd >= 0 && fstat(fd, &st) == 0;
    if (!ok) {
        fault_errno(why, FAULT_SYSTEM, "%s", path);
    } else if (end > AGENT_LOG_MAX) {
        refuse(talk, 413, "the log is too long: keep it, and send its digest");
    } else if (talk->route.offset > st.st_size) {
        refuse(talk, 409, "a piece before this one is missing");
    } else {
        /* A piece that is sent again replaces what it was. */
        ok = (ftruncate(fd, talk->route.offset) == 0
              && lseek(fd, 0, SEEK_END) >= 0)
            || fault_errno(why, FAULT_SYSTEM, "%s", path);
        ok = ok && fd_write_all(fd, request->body, request->body_bytes, why);
        if (ok)
            say(talk, json_pack("{s:I}", "bytes", (json_int_t)end));
    }
    fd_close(&fd);
    return ok;
}

static void
do_log(struct talk *talk)
{
    struct fault why = FAULT_INIT;
    json_t *spec = NULL;
    bool open = false;

    if (!agent_db_lease_spec(talk->db, &talk->holder, talk->route.lease,
                             &spec, &open, &why))
        fail(talk, &why);
    else if (spec == NULL)
        refuse(talk, 404, "there is no such lease");
    else if (!open)
        refuse(talk, 410, "nobody waits for this test any more");
    else if (!write_piece(talk, &why))
        fail(talk, &why);
    json_decref(spec);
}

/* Puts the log where the one who asked finds it. False in '*there_out': it was
 * not sent, or is another. */
static bool
keep_log(struct talk *talk, const struct agent_answer *answer,
         bool *there_out, struct fault *why)
{
    const char *path = log_path(talk, answer->lease);
    char hex[SHA256_HEX_BYTES];
    int64_t bytes = 0;

    *there_out = !answer->log_sent;
    if (!answer->log_sent || (answer->log_bytes > 0 && !fs_exists(path)))
        return true;
    if (answer->log_bytes == 0 && !fs_exists(path)) {
        if (!artefact_put("", 0, hex, why))
            return false;
    } else if (!fs_sha256_file(path, hex, &bytes, why)) {
        return false;
    }
    *there_out = bytes == answer->log_bytes
        && strcmp(hex, answer->log_sha256) == 0;
    if (!*there_out) {
        (void)unlink(path);
        return true;
    }
    return (bytes == 0 || artefact_put_file(path, hex, NULL, why))
        && artefact_db_add(talk->db, hex, bytes, "log", why);
}

/* What was begun and never finished. */
static void
remove_stale_logs(struct arena *arena)
{
    const char *path = home_path(arena, "agent");
    DIR *dir = opendir(path);
    int64_t now = clock_wall_ms(clock_system()) / 1000;
    const struct dirent *entry;
    struct stat st;

    while (dir != NULL && (entry = readdir(dir)) != NULL)
        if (entry->d_name[0] != '.'
            && fstatat(dirfd(dir), entry->d_name, &st, AT_SYMLINK_NOFOLLOW)
               == 0 && S_ISREG(st.st_mode) && st.st_mtime < now - STALE_S)
            (void)unlinkat(dirfd(dir), entry->d_name, 0);
    if (dir != NULL)
        (void)closedir(dir);
}

/* The rest ----------------------------------------------------------------- */

static void
do_next(struct talk *talk, const struct agent_ask *ask)
{
    const struct agent_web_spec *spec = &talk->web->spec;
    char lease[AGENT_LEASE_BYTES] = "";
    struct fault why = FAULT_INIT;
    json_t *asked = NULL;
    int64_t test = 0;

    if (!agent_db_take(talk->db, &talk->holder, ask->host,
                       talk->request->peer, spec->lease_ms, lease, &test,
                       &asked, &why)) {
        fail(talk, &why);
    } else if (test == 0) {
        say(talk, agent_nothing_json(spec->again_ms));
    } else {
        log_info("test %" PRId64 " of %s goes to %s, token %" PRId64, test,
                 talk->holder.bisection, talk->request->peer,
                 talk->holder.token);
        say(talk, agent_order_json(talk->holder.bisection, test, lease,
                                   spec->lease_ms, asked));
    }
}

static void
do_lease(struct talk *talk, const struct agent_ask *ask)
{
    struct fault why = FAULT_INIT;
    bool held = false, ok;

    if (talk->route.place == AGENT_RENEW)
        ok = agent_db_renew(talk->db, &talk->holder, ask->lease,
                            talk->web->spec.lease_ms, &held, &why);
    else
        ok = agent_db_give_back(talk->db, &talk->holder, ask->lease,
                                ask->reason, &held, &why);
    if (!ok)
        fail(talk, &why);
    else if (!held)
        refuse(talk, 410, "this lease is over");
    else
        say(talk, json_object());
}

static void
do_answer(struct talk *talk, const struct agent_answer *answer)
{
    enum agent_taken taken = AGENT_TAKEN_NONE;
    struct fault why = FAULT_INIT;
    bool there = false;

    if (!keep_log(talk, answer, &there, &why)
        || !agent_db_answer(talk->db, &talk->holder, answer, there, &taken,
                            &why)) {
        if (why.kind == FAULT_NOT_FOUND)
            refuse(talk, 404, why.text);
        else
            fail(talk, &why);
        return;
    }
    switch (taken) {
    case AGENT_TAKEN:
    case AGENT_TAKEN_BEFORE:
        say(talk, json_object());
        break;
    case AGENT_TAKEN_OTHER:
        refuse(talk, 409, "there is another answer already");
        break;
    case AGENT_TAKEN_UNASKED:
        refuse(talk, 410, "nobody waits for this test any more");
        break;
    case AGENT_TAKEN_NONE:
        refuse(talk, 422, "the log that was sent is not the one of this "
               "digest: send it again");
        return;                 /* its pieces are not in the way */
    }
    (void)unlink(log_path(talk, answer->lease));
}

static void
do_file(struct talk *talk)
{
    struct fault why = FAULT_INIT;
    struct agent_spec spec;
    json_t *asked = NULL, *names = NULL;
    bool open = false;

    if (!agent_db_lease_spec(talk->db, &talk->holder, talk->route.lease,
                             &asked, &open, &why)
        || (asked != NULL && !agent_spec_take(asked, &spec, &why))) {
        fail(talk, &why);
    } else if (asked == NULL
               || agent_spec_file(&spec, talk->route.sha256) == NULL) {
        refuse(talk, 404, "there is no such file with this lease");
    } else if (!open) {
        refuse(talk, 410, "nobody waits for this test any more");
    } else {
        names = json_pack("[s]", talk->route.sha256);
        if (web_files_add(&talk->web->files, names, talk->reply, &why)) {
            talk->reply->status = 200;
            talk->reply->type = "application/octet-stream";
        } else {
            log_fault(LOG_LEVEL_ERROR, &why, "serve a file to an agent");
            refuse(talk, 404, "the lab does not have this file any more");
        }
    }
    json_decref(names);
    json_decref(asked);
}

static void
do_body(struct talk *talk)
{
    const struct http_request *request = talk->request;
    struct fault why = FAULT_INIT;
    struct agent_answer answer;
    struct agent_ask ask;

    if (talk->route.place == AGENT_ANSWER) {
        if (!agent_answer_parse(request->body, request->body_bytes, &answer,
                                &why)) {
            refuse(talk, 400, why.text);
            return;
        }
        do_answer(talk, &answer);
        agent_answer_fini(&answer);
        return;
    }
    if (!agent_ask_parse(talk->route.place, request->body,
                         request->body_bytes, &ask, &why)) {
        refuse(talk, 400, why.text);
        return;
    }
    if (talk->route.place == AGENT_NEXT)
        do_next(talk, &ask);
    else
        do_lease(talk, &ask);
    agent_ask_fini(&ask);
}

/* The token, by its hash in the database. */
static bool
admit(struct talk *talk, struct peer *peer)
{
    static const char *const scheme = "Bearer ";
    const char *given = talk->request->authorization;
    struct fault why = FAULT_INIT;

    if (strncmp(given, scheme, strlen(scheme)) == 0
        && !agent_db_token_find(talk->db, given + strlen(scheme),
                                talk->request->peer, &talk->holder, &why)) {
        fail(talk, &why);
        return false;
    }
    if (talk->holder.token != 0)
        return true;
    peer->left -= RATE_WRONG;
    log_info("a token from %s is refused", peer->address);
    refuse(talk, 401, "this token is wrong, revoked or too old");
    return false;
}

static void
dispatch(struct talk *talk)
{
    const char *method = talk->request->method;
    bool get;

    agent_route_parse(talk->request->target, &talk->route);
    get = talk->route.place == AGENT_FILE;
    if (talk->route.place == AGENT_NOWHERE) {
        refuse(talk, 404, "there is nothing here");
    } else if (strcmp(method, get ? "GET" : "POST") != 0) {
        refuse(talk, 405, "another method is wanted");
        talk->reply->allow = get ? "GET" : "POST";
    } else if (get) {
        do_file(talk);
    } else if (talk->route.place == AGENT_LOG) {
        do_log(talk);
    } else {
        do_body(talk);
    }
}

void
agent_web_handle(struct agent_web *web, const struct http_request *request,
                 struct http_reply *reply)
{
    int64_t now = clock_mono_ms(clock_system());
    struct peer *peer = peer_of(web, request->peer, now);
    struct fault gone = { .kind = FAULT_LOST };
    struct talk talk = { .web = web, .request = request, .reply = reply,
                         .db = web_session_db(web->session) };

    reply->type = "application/json";
    if (peer->left < 1) {
        refuse(&talk, 429, "too many requests");
        reply->retry_after_s = 1;
        return;
    }
    peer->left -= 1;
    if (talk.db == NULL)
        fail(&talk, &gone);
    else if (admit(&talk, peer))
        dispatch(&talk);
    web_session_check(web->session);
    arena_free(&web->arena);
}

struct agent_web *
agent_web_new(const struct agent_web_spec *spec, struct web_session *session,
              struct fault *why)
{
    struct arena arena = ARENA_INIT;
    struct agent_web *web = NULL;

    if (fs_mkdirs(home_path(&arena, "agent"), 0700, why)) {
        remove_stale_logs(&arena);
        web = xcalloc(1, sizeof(*web));
        web->spec = *spec;
        web->session = session;
    }
    arena_free(&arena);
    return web;
}

void
agent_web_free(struct agent_web *web)
{
    free(web);
}
