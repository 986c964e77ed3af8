/* tests/hosts/console-machine.c - a machine with a login on its serial port:
 *
 *   console-machine SOCKET
 *
 * connects there, asks for a login (root, no password), echoes what is typed,
 * and knows Ctrl-C, "echo TEXT", "burst" (200 lines) and "exit". Three times
 * Ctrl-A switches the input to Xen and back, as Xen's console does. */
#include <config.h>

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static int line_fd;

static void
say(const char *text)
{
    size_t bytes = strlen(text);

    /* As QEMU does it: one byte at a time. */
    for (size_t i = 0; i < bytes; i++)
        if (send(line_fd, text + i, 1, MSG_NOSIGNAL) != 1)
            exit(0);
}

static void
run(const char *command)
{
    char text[64];

    if (strncmp(command, "echo ", 5) == 0) {
        say(command + 5);
        say("\r\n");
    } else if (strcmp(command, "burst") == 0) {
        for (int i = 0; i < 200; i++) {
            (void)snprintf(text, sizeof(text), "line %d of a burst\r\n", i);
            say(text);
        }
    } else if (command[0] != '\0') {
        say("not found\r\n");
    }
}

int
main(int argc, char **argv)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    bool logged_in = false, xen = false;
    char line[256] = "", c;
    int switches = 0;
    size_t n = 0;

    if (argc != 2)
        return 2;
    line_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    (void)snprintf(address.sun_path, sizeof(address.sun_path), "%s", argv[1]);
    if (connect(line_fd, (struct sockaddr *)&address, sizeof(address)) != 0) {
        fprintf(stderr, "console-machine: %s: %s\n", argv[1],
                strerror(errno));
        return 1;
    }
    say("booting\r\n\r\nmachine login: ");
    while (read(line_fd, &c, 1) == 1) {
        switches = c == 1 ? switches + 1 : 0;
        if (switches == 3) {
            xen = !xen;
            switches = 0;
            say(xen ? "(XEN) *** Serial input to Xen\r\n"
                    : "(XEN) *** Serial input to DOM0\r\n");
        }
        if (c == 1)
            continue;
        if (xen) {
            say("(XEN) key pressed\r\n");
            continue;
        }
        if (c == 3) {
            n = 0;
            continue;
        }
        if (c != '\r') {
            if (n < sizeof(line) - 1)
                line[n++] = c;
            (void)send(line_fd, &c, 1, MSG_NOSIGNAL);
            continue;
        }
        line[n] = '\0';
        n = 0;
        say("\r\n");
        if (!logged_in)
            logged_in = strcmp(line, "root") == 0;
        else if (strcmp(line, "exit") == 0)
            logged_in = false;
        else
            run(line);
        say(logged_in ? "machine# " : "machine login: ");
    }
    return 0;
}
