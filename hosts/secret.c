/* hosts/secret.c - see secret.h. */
#include <config.h>

#include "hosts/secret.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "harness/fault.h"
#include "harness/fs.h"
#include "harness/json.h"

#define KEY_BYTES 64

static const char *
reference(const json_t *config, const char *name, const char *way)
{
    char key[KEY_BYTES];

    (void)snprintf(key, sizeof(key), "%s_%s", name, way);
    return json_text(config, key);
}

bool
secret_check(const json_t *config, const char *name, bool needed,
             struct fault *why)
{
    const char *file = reference(config, name, "file");
    const char *env = reference(config, name, "env");

    if (file != NULL && env != NULL)
        return fault_set(why, FAULT_CONFIG, "both '%s_file' and '%s_env' are "
                         "given", name, name);
    if (file == NULL && env == NULL && needed)
        return fault_set(why, FAULT_CONFIG, "it needs '%s_file', or "
                         "'%s_env': where the %s is kept", name, name, name);
    if (file != NULL && file[0] != '/')
        return fault_set(why, FAULT_CONFIG, "%s_file '%s' is not absolute",
                         name, file);
    if (env != NULL && (env[0] == '\0' || strchr(env, '=') != NULL))
        return fault_set(why, FAULT_CONFIG, "%s_env '%s' is no name of a "
                         "variable", name, env);
    return true;
}

/* One line, at most. */
static bool
take(const char *text, size_t bytes, const char *from,
     char out[static SECRET_BYTES], struct fault *why)
{
    while (bytes > 0 && (text[bytes - 1] == '\n' || text[bytes - 1] == '\r'))
        bytes--;
    if (bytes == 0)
        return fault_set(why, FAULT_CONFIG, "%s is empty", from);
    if (bytes >= SECRET_BYTES)
        return fault_set(why, FAULT_CONFIG, "%s has more than %d bytes",
                         from, SECRET_BYTES - 1);
    if (memchr(text, '\0', bytes) != NULL || memchr(text, '\n', bytes) != NULL)
        return fault_set(why, FAULT_CONFIG, "%s has more than one line",
                         from);
    memcpy(out, text, bytes);
    out[bytes] = '\0';
    return true;
}

bool
secret_open(const char *path, int *fd_out, struct fault *why)
{
    struct stat st;
    bool ok;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

    ok = fd >= 0 && fstat(fd, &st) == 0;
    if (!ok) {
        fault_errno(why, FAULT_CONFIG, "open %s", path);
        goto out;
    }
    ok = S_ISREG(st.st_mode) && (st.st_mode & 077) == 0;
    if (!ok) {
        fault_set(why, FAULT_CONFIG, "others than its owner may read %s",
                  path);
        fault_hint(why, "chmod 600 %s", path);
        goto out;
    }
    *fd_out = fd;
    fd = -1;
out:
    fd_close(&fd);
    return ok;
}

static bool
read_secret_file(const char *path, char out[static SECRET_BYTES],
                 struct fault *why)
{
    char text[SECRET_BYTES + 2];
    ssize_t bytes;
    bool ok;
    int fd = -1;

    if (!secret_open(path, &fd, why))
        return false;
    bytes = read(fd, text, sizeof(text));
    ok = bytes >= 0 || fault_errno(why, FAULT_CONFIG, "read %s", path);
    ok = ok && take(text, (size_t)bytes, path, out, why);
    explicit_bzero(text, sizeof(text));
    fd_close(&fd);
    return ok;
}

bool
secret_read(const json_t *config, const char *name,
            char out[static SECRET_BYTES], struct fault *why)
{
    const char *file = reference(config, name, "file");
    const char *env = reference(config, name, "env"), *value;
    char from[KEY_BYTES * 4];

    out[0] = '\0';
    if (file != NULL)
        return read_secret_file(file, out, why);
    if (env == NULL)
        return true;
    value = getenv(env);
    if (value == NULL)
        return fault_set(why, FAULT_CONFIG, "the variable %s, which has the "
                         "%s, is not set", env, name);
    (void)snprintf(from, sizeof(from), "the variable %s", env);
    return take(value, strlen(value), from, out, why);
}
