/* hypervisor/deb_text.c - what apt says and wants to read. */
#include <config.h>

#include "hypervisor/deb.h"

#include "harness/buf.h"
#include "harness/fault.h"
#include "harness/mem.h"
#include "harness/strv.h"

void
deb_packages_free(struct deb_package *packages, size_t count)
{
    size_t i;

    for (i = 0; i < count; i++) {
        free(packages[i].name);
        free(packages[i].version);
        free(packages[i].file);
    }
    free(packages);
}

/* In a file name apt writes ':' as "%3a". */
static char *
unescape(const char *text, size_t len)
{
    char *out = xmalloc(len + 1);
    size_t i, n = 0;

    for (i = 0; i < len; i++) {
        if (i + 2 < len && strncmp(text + i, "%3a", 3) == 0) {
            out[n++] = ':';
            i += 2;
        } else {
            out[n++] = text[i];
        }
    }
    out[n] = '\0';
    return out;
}

/* "'URI' NAME_VERSION_ARCH.deb BYTES SHA256:HEX" */
static bool
parse_uri(const char *line, size_t len, const char *dir,
          struct deb_package *out, struct fault *why)
{
    char *copy = xstrndup(line, len), *save = NULL, *file, *bytes, *hash;
    const char *under, *second;
    bool ok;

    file = strtok_r(copy, " ", &save);
    file = file == NULL ? NULL : strtok_r(NULL, " ", &save);
    bytes = file == NULL ? NULL : strtok_r(NULL, " ", &save);
    hash = bytes == NULL ? NULL : strtok_r(NULL, " ", &save);
    under = file == NULL ? NULL : strchr(file, '_');
    second = under == NULL ? NULL : strchr(under + 1, '_');
    ok = copy[0] == '\'' && second != NULL && strchr(file, '/') == NULL
        && hash != NULL && strncmp(hash, "SHA256:", 7) == 0
        && strspn(hash + 7, "0123456789abcdef") == 64 && hash[71] == '\0'
        && parse_int64(bytes, 1, INT64_MAX, &out->bytes);
    if (ok) {
        out->name = xstrndup(file, (size_t)(under - file));
        out->version = unescape(under + 1, (size_t)(second - under) - 1);
        out->file = xasprintf("%s/%s", dir, file);
        memcpy(out->sha256, hash + 7, sizeof(out->sha256));
    } else {
        fault_set(why, FAULT_PEER, "apt says what is not understood: %.*s",
                  (int)len, line);
    }
    free(copy);
    return ok;
}

static int
by_name(const void *a, const void *b)
{
    const struct deb_package *x = a, *y = b;

    return strcmp(x->name, y->name);
}

bool
deb_parse_uris(const char *text, const char *dir, struct deb_package **out,
               size_t *count_out, struct fault *why)
{
    struct deb_package *list = NULL;
    size_t count = 0, cap = 0, len;
    bool ok = true;

    for (; ok && *text != '\0'; text += len) {
        len = strcspn(text, "\n");
        if (len == 0) {
            len = 1;
            continue;
        }
        list = xgrow(list, &cap, count, sizeof(*list));
        memset(&list[count], 0, sizeof(*list));
        ok = parse_uri(text, len, dir, &list[count], why);
        count += ok ? 1 : 0;
    }
    if (!ok) {
        deb_packages_free(list, count);
        return false;
    }
    if (count > 0)
        qsort(list, count, sizeof(*list), by_name);
    *out = list;
    *count_out = count;
    return true;
}

/* The first line "URI RELEASE main..." of that release; its URI, or NULL. */
static char *
uri_of(const char *targets, const char *release)
{
    const char *line, *space, *next;
    size_t len = strlen(release);

    for (line = targets; *line != '\0'; line = next) {
        next = line + strcspn(line, "\n");
        space = memchr(line, ' ', (size_t)(next - line));
        if (space != NULL && strncmp(space + 1, release, len) == 0
            && strncmp(space + 1 + len, " main", 5) == 0)
            return xstrndup(line, (size_t)(space - line));
        next += *next == '\n' ? 1 : 0;
    }
    return NULL;
}

static void
add_source(struct buf *out, const char *type, const char *keyring,
           const char *uri, const char *suite, const char *suffix)
{
    buf_addf(out, "%s [signed-by=%s] %s %s%s main\n", type, keyring, uri,
             suite, suffix);
}

/* unstable has neither of the others. */
static bool
has_updates(const char *suite)
{
    return strcmp(suite, "sid") != 0 && strcmp(suite, "unstable") != 0
        && strcmp(suite, "experimental") != 0;
}

bool
deb_make_sources(const char *targets, const char *own_suite,
                 const char *suite, bool sources, const char *keyring,
                 char **out, struct fault *why)
{
    const char *type = sources ? "deb-src" : "deb";
    char *updates = xasprintf("%s-updates", own_suite);
    char *security = xasprintf("%s-security", own_suite);
    char *main_uri = uri_of(targets, own_suite);
    char *updates_uri = uri_of(targets, updates);
    char *security_uri = uri_of(targets, security);
    struct buf text = BUF_INIT;
    bool ok = main_uri != NULL;

    if (!ok) {
        fault_set(why, FAULT_CONFIG, "this machine's apt has no source of "
                  "%s main", own_suite);
        fault_hint(why, "apt's own sources say which mirror to use; see "
                   "sources.list(5)");
    } else {
        add_source(&text, type, keyring, main_uri, suite, "");
        if (has_updates(suite) && updates_uri != NULL)
            add_source(&text, type, keyring, updates_uri, suite,
                       "-updates");
        if (has_updates(suite) && security_uri != NULL)
            add_source(&text, type, keyring, security_uri, suite,
                       "-security");
        *out = buf_take(&text);
    }
    free(security_uri);
    free(updates_uri);
    free(main_uri);
    free(security);
    free(updates);
    return ok;
}

/* "Version: 1.2-3" of each stanza of that package, which comes first in it. */
void
deb_parse_showsrc(const char *text, const char *name, char ***out)
{
    const char *line, *next;
    size_t len = strlen(name);
    bool ours = false;
    char *version;

    for (line = text; *line != '\0'; line = next) {
        next = line + strcspn(line, "\n");
        if (strncmp(line, "Package: ", 9) == 0)
            ours = (size_t)(next - line) == 9 + len
                && strncmp(line + 9, name, len) == 0;
        if (ours && strncmp(line, "Version: ", 9) == 0) {
            version = xstrndup(line + 9, (size_t)(next - line) - 9);
            if (!strv_has(*out, version))
                strv_add(out, version);
            free(version);
        }
        next += *next == '\n' ? 1 : 0;
    }
}
