/* tests/harness/fdstore-test.c - descriptors outlive the one who put them. */
#include <config.h>

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include <uv.h>

#include "harness/fdstore.h"
#include "harness/fs.h"
#include "harness/service.h"
#include "tests/tap.h"

#define MANY 1500

static struct fault why;
static uv_loop_t loop;
static struct fdstore *store;

/* In a child: what a client does. */
typedef void body_fn(struct fdstore_client *client);

static pid_t
start(body_fn *body)
{
    char number[16];
    pid_t pid;
    int fd = -1;

    if (!fdstore_serve(store, &fd, &why))
        tap_bail("%s", why.text);
    pid = fork();
    if (pid == 0) {
        struct fdstore_client *client = NULL;

        (void)snprintf(number, sizeof(number), "%d", fd);
        (void)setenv(SERVICE_STORE_ENV, number, 1);
        if (!fdstore_client_open(&client, &why) || client == NULL)
            _exit(99);
        body(client);
        _exit(0);
    }
    fd_close(&fd);
    return pid;
}

/* Turns the loop until the child has ended; its exit status, or the signal
 * times -1. */
static int
await(pid_t pid)
{
    int status = 0;

    for (int i = 0; i < 4000; i++) {
        (void)uv_run(&loop, UV_RUN_NOWAIT);
        if (waitpid(pid, &status, WNOHANG) == pid) {
            for (int turns = 0; turns < 5; turns++)
                (void)uv_run(&loop, UV_RUN_NOWAIT);
            return WIFEXITED(status) ? WEXITSTATUS(status)
                                     : -WTERMSIG(status);
        }
        (void)poll(NULL, 0, 5);
    }
    tap_bail("a client does not end");
}

/* Put, and die without a word. */
static void
body_put(struct fdstore_client *client)
{
    int pair[2];

    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0)
        _exit(98);
    if (write(pair[1], "in the kernel", 13) != 13)
        _exit(97);
    fdstore_client_put(client, "c:one", pair[0]);
    fdstore_client_put(client, "c:two", pair[1]);
    fdstore_client_put(client, "gone", pair[1]);
    fdstore_client_drop(client, "gone");
    fdstore_client_drop(client, "never-there");
    fdstore_client_put(client, "c:two", pair[1]);
    (void)raise(SIGKILL);
}

static int taken, right;

static void
take_one(void *owner, const char *name, int fd)
{
    char text[16] = "";

    (void)owner;
    taken++;
    if (strcmp(name, "c:one") == 0 && read(fd, text, 13) == 13 &&
        strcmp(text, "in the kernel") == 0)
        right++;
    if (strcmp(name, "c:two") == 0 && write(fd, "x", 1) == 1)
        right++;
    fd_close(&fd);
}

static void
body_take(struct fdstore_client *client)
{
    if (!fdstore_client_take(client, 5000, take_one, NULL, &why))
        _exit(96);
    _exit(taken * 10 + right);
}

/* More than the socket takes at once, without a loop first. */
static void
body_many(struct fdstore_client *client)
{
    uv_loop_t own;
    char name[32];
    int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

    if (uv_loop_init(&own) != 0 ||
        !fdstore_client_start(client, &own, &why))
        _exit(95);
    for (int i = 0; i < MANY; i++) {
        (void)snprintf(name, sizeof(name), "many:%d", i);
        fdstore_client_put(client, name, fd);
    }
    for (int i = 0; i < 200; i++) {
        (void)uv_run(&own, UV_RUN_NOWAIT);
        (void)poll(NULL, 0, 5);
    }
}

static void
body_take_many(struct fdstore_client *client)
{
    if (!fdstore_client_take(client, 5000, take_one, NULL, &why))
        _exit(96);
    _exit(taken == MANY + 2 ? 42 : 1);
}

/* Strangers' messages. */
static void
body_rubbish(struct fdstore_client *client UNUSED)
{
    static const char *const words[] = { "", "put", "put ", "put a b",
        "drop", "nonsense", "put with-no-descriptor" };
    int fd = (int)strtol(getenv(SERVICE_STORE_ENV), NULL, 10);

    for (size_t i = 0; i < ARRAY_LEN(words); i++)
        if (send(fd, words[i], strlen(words[i]), 0) < 0)
            _exit(94);
}

int
main(void)
{
    struct fdstore_client *none = NULL;
    int left, fd = -1;

    (void)unsetenv(SERVICE_STORE_ENV);
    ok_fault(fdstore_client_open(&none, &why), &why, "without a store");
    ok(none == NULL, "there is no client");
    fdstore_client_put(none, "c:x", 0);
    fdstore_client_drop(none, "c:x");
    ok_fault(fdstore_client_take(none, 0, take_one, NULL, &why), &why,
             "and all calls do nothing");
    fdstore_client_free(none);
    (void)setenv(SERVICE_STORE_ENV, "1000", 1);
    not_ok_fault(fdstore_client_open(&none, &why), &why, FAULT_CONFIG,
                 "no descriptor store", "a number that is no descriptor");
    (void)setenv(SERVICE_STORE_ENV, "2", 1);
    not_ok_fault(fdstore_client_open(&none, &why), &why, FAULT_CONFIG,
                 "no descriptor store", "a descriptor that is no socket");
    (void)unsetenv(SERVICE_STORE_ENV);

    must(uv_loop_init(&loop) == 0);
    store = fdstore_new(&loop);
    is_int(await(start(body_put)), -SIGKILL, "a client puts and is killed");
    is_int((int64_t)fdstore_count(store), 2, "two are held");
    is_int(await(start(body_take)), 22,
           "the next one has both, and what was in the kernel");
    is_int((int64_t)fdstore_count(store), 2, "they stay until dropped");
    is_int(await(start(body_rubbish)), 0, "one talks nonsense");
    is_int((int64_t)fdstore_count(store), 2, "nothing comes of it");

    /* Sent, not yet read by the holder, and the client is dead: serving the
     * next one must not lose it. */
    left = (int)start(body_put);
    is_int(waitpid(left, NULL, 0), left, "a client dies while we are busy");
    is_int(await(start(body_take)), 22, "its descriptors replace the old");

    is_int(await(start(body_many)), 0, "a client puts very many");
    is_int((int64_t)fdstore_count(store), MANY + 2, "all are held");
    is_int(await(start(body_take_many)), 42, "all are given back");

    ok_fault(fdstore_serve(store, &fd, &why), &why, "serve again");
    fdstore_free(store);
    (void)uv_run(&loop, UV_RUN_DEFAULT);
    is_int(uv_loop_close(&loop), 0, "nothing is left in the loop");
    is_int(read(fd, &left, 1), 0, "the client sees the end");
    fd_close(&fd);
    return tap_done();
}
