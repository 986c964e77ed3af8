/* harness/ctl_client.c - runs a command on a host through a job's socket. */
#include <config.h>

#include "harness/ctl_client.h"

#include <errno.h>
#include <jansson.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>
#include "harness/buf.h"
#include "harness/ctl_proto.h"
#include "harness/fault.h"
#include "harness/fs.h"
#include "harness/json.h"
#include "harness/signals.h"

#define CHUNK_BYTES (64 * 1024)
#define OUT_HIGH (256 * 1024)   /* for the job; stop reading input above */

struct client {
    int fd;
    const struct ctl_job *job;
    struct ctl_result *result;
    struct buf in, out;
    bool going, input_ended, done;
};

static bool
take_exit(struct client *client, const json_t *object, struct fault *why)
{
    const char *name = json_text(object, "signal");
    int i;

    client->done = true;
    client->result->status = (int)json_int(object, "status", 255);
    if (name == NULL || name[0] == '\0')
        return true;
    for (i = 1; i < NSIG; i++)
        if (sigabbrev_np(i) != NULL && strcmp(sigabbrev_np(i), name) == 0)
            client->result->status = 128 + i;
    return client->result->status > 128 ||
           fault_set(why, FAULT_PEER, "the command was ended by signal %s",
                     name);
}

static bool
take_fault(struct client *client, const json_t *object, struct fault *why)
{
    int64_t kind = json_int(object, "kind", FAULT_PEER);
    const char *text = json_text(object, "text"),
               *hint = json_text(object, "hint");

    if (kind <= FAULT_NONE || kind >= FAULT_KIND_COUNT)
        kind = FAULT_PEER;
    client->result->started = json_flag(object, "started", true);
    fault_set(why, (enum fault_kind)kind, "%s",
              text != NULL ? text : "the job says no reason");
    if (hint != NULL && hint[0] != '\0')
        fault_hint(why, "%s", hint);
    return false;
}

static bool
take_frame(struct client *client, const struct ctl_frame *frame,
           struct fault *why)
{
    json_t *object = NULL;
    bool ok;

    switch (frame->type) {
    case CTL_GO:
        client->going = client->result->started = true;
        return true;
    case CTL_OUT:
        client->result->received_bytes += (int64_t)frame->bytes;
        return fd_write_all(client->job->out, frame->data, frame->bytes,
                            why);
    case CTL_ERR:
        return fd_write_all(client->job->err, frame->data, frame->bytes,
                            why);
    case CTL_EXIT:
    case CTL_FAULT:
        ok = json_parse(frame->data, frame->bytes, &object, why);
        if (ok)
            ok = frame->type == CTL_EXIT ? take_exit(client, object, why)
                                         : take_fault(client, object, why);
        json_decref(object);
        return ok;
    case CTL_NONE:
    case CTL_REQUEST:
    case CTL_INPUT:
    case CTL_END:
    default:
        return fault_set(why, FAULT_PEER, "the job sends frames of a client");
    }
}

static bool
read_job(struct client *client, struct fault *why)
{
    static char chunk[CHUNK_BYTES];
    struct ctl_frame frame;
    size_t offset = 0;
    bool ok = true;
    ssize_t n;

    n = read(client->fd, chunk, sizeof(chunk));
    if (n < 0 && (errno == EINTR || errno == EAGAIN))
        return true;
    if (n <= 0)
        return fault_set(why, FAULT_PEER, "the job is gone");
    buf_add(&client->in, chunk, (size_t)n);
    while (ok && !client->done) {
        ok = ctl_next(&client->in, &offset, &frame, why);
        if (!ok || frame.type == CTL_NONE)
            break;
        ok = take_frame(client, &frame, why);
    }
    buf_drop(&client->in, offset);
    return ok;
}

static bool
read_input(struct client *client, struct fault *why)
{
    static char chunk[CHUNK_BYTES];
    ssize_t n;

    n = read(client->job->in, chunk, sizeof(chunk));
    if (n < 0 && (errno == EINTR || errno == EAGAIN))
        return true;
    if (n < 0)
        return fault_errno(why, FAULT_SYSTEM, "read the input");
    if (n > 0) {
        ctl_add(&client->out, CTL_INPUT, chunk, (size_t)n);
        client->result->sent_bytes += n;
        return true;
    }
    client->input_ended = true;
    ctl_add(&client->out, CTL_END, "", 0);
    return true;
}

/* A job that has said all closes while we still send: what it said counts. */
static void
write_job(struct client *client)
{
    ssize_t n = send(client->fd, client->out.data, client->out.len,
                     MSG_NOSIGNAL | MSG_DONTWAIT);

    if (n > 0)
        buf_drop(&client->out, (size_t)n);
    else if (n < 0 && errno != EINTR && errno != EAGAIN)
        buf_reset(&client->out);
}

static bool
turn(struct client *client, struct fault *why)
{
    bool wants_input = client->going && !client->input_ended &&
                       client->out.len < OUT_HIGH;
    struct pollfd fds[2] = {
        {.fd = client->fd, .events = POLLIN},
        {.fd = wants_input ? client->job->in : -1, .events = POLLIN},
    };

    if (client->going && !client->input_ended && client->job->in < 0) {
        client->input_ended = true;
        ctl_add(&client->out, CTL_END, "", 0);
    }
    if (client->out.len > 0)
        fds[0].events |= POLLOUT;
    if (!signals_check(why))
        return false;
    if (poll(fds, 2, -1) < 0)
        return errno == EINTR ||
               fault_errno(why, FAULT_SYSTEM, "wait for the job");
    if ((fds[0].revents & POLLOUT) != 0)
        write_job(client);
    if ((fds[0].revents & (POLLIN | POLLHUP | POLLERR)) != 0 &&
        !read_job(client, why))
        return false;
    return fds[1].revents == 0 || client->done || read_input(client, why);
}

bool
ctl_client_run(int fd, const struct ctl_job *job,
               struct ctl_result *result_out, struct fault *why)
{
    struct client client = {.fd = fd, .job = job, .result = result_out,
                            .in = BUF_INIT, .out = BUF_INIT};
    json_t *request = json_object();
    bool ok = true;

    *result_out = (struct ctl_result){.status = 255};
    json_put_text(request, "host", job->host);
    json_put_text(request, "command", job->command);
    ctl_add_json(&client.out, CTL_REQUEST, request);
    json_decref(request);
    while (ok && !client.done)
        ok = turn(&client, why);
    buf_free(&client.in);
    buf_free(&client.out);
    fd_close(&client.fd);
    return ok;
}
