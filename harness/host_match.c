/* harness/host_match.c - which hosts could take which roles.
 *
 * For each choice of a class per class group, a bipartite matching (Kuhn's
 * augmenting paths): polynomial however many hosts there are, and complete,
 * so that "no" means no. */
#include <config.h>

#include "harness/host_match.h"

#include <string.h>

#include "harness/buf.h"
#include "harness/mem.h"
#include "harness/task_db.h"

struct match {
    const struct match_host *hosts;
    int host_count;
    const struct task_role *roles;
    int role_count;
    bool ever;
    const char **class_of;      /* of role i's group; NULL: any */
    int *role_of;               /* of host i; -1: none */
    bool *seen;                 /* host i, on this path */
};

static bool
has_flag(const struct match_host *host, const char *flag)
{
    const char *const *p;

    for (p = host->flags; *p != NULL; p++) {
        if (strcmp(*p, flag) == 0)
            return true;
    }
    return false;
}

/* The value of a property, NULL if the host has not got it. */
static const char *
property(const struct match_host *host, const char *name, size_t len)
{
    const char *const *p;

    for (p = host->properties; p != NULL && *p != NULL; p++) {
        if (strncmp(*p, name, len) == 0 && (*p)[len] == '=')
            return *p + len + 1;
    }
    return NULL;
}

bool
host_match_wants(const struct match_host *host, const char *want)
{
    size_t len = strcspn(want, ">=");
    bool least = want[len] == '>';
    const char *have = property(host, want, len);

    want += len + (least ? 2 : 1);
    if (have == NULL)
        return false;
    return least ? strverscmp(have, want) >= 0 : strcmp(have, want) == 0;
}

static void
add_unwanted(const struct match_host *host, const char *want,
             struct buf *reason)
{
    size_t len = strcspn(want, ">=");
    const char *have = property(host, want, len);

    if (have == NULL)
        buf_addf(reason, "has no property %.*s", (int)len, want);
    else
        buf_addf(reason, "%.*s is %s, not %s", (int)len, want, have,
                 want[len] == '>' ? want + len : want + len + 1);
}

/* Why the host does not fit the role, in words; true if it does. */
static bool
fits(const struct match_host *host, const struct task_role *role,
     struct buf *reason)
{
    const char *const *p;

    if (role->host != NULL && strcmp(role->host, host->name) != 0) {
        if (reason != NULL)
            buf_addf(reason, "not the wanted %s", role->host);
        return false;
    }
    if (role->arch != NULL && strcmp(role->arch, host->arch) != 0) {
        if (reason != NULL)
            buf_addf(reason, "arch %s, not %s", host->arch, role->arch);
        return false;
    }
    for (p = role->flags; p != NULL && *p != NULL; p++) {
        if (has_flag(host, *p))
            continue;
        if (reason != NULL)
            buf_addf(reason, "has no flag %s", *p);
        return false;
    }
    for (p = role->wants; p != NULL && *p != NULL; p++) {
        if (host_match_wants(host, *p))
            continue;
        if (reason != NULL)
            add_unwanted(host, *p, reason);
        return false;
    }
    return true;
}

bool
host_match_fits(const struct match_host *host, const struct task_role *role)
{
    return fits(host, role, NULL);
}

static bool
may_take(const struct match *match, int role, int host)
{
    const struct match_host *h = &match->hosts[host];

    if (h->never
        || (!match->ever && (h->obstacle != NULL
                             || (h->suspect && !match->roles[role].check))))
        return false;
    if (match->class_of[role] != NULL
        && strcmp(match->class_of[role], h->class) != 0)
        return false;
    return fits(h, &match->roles[role], NULL);
}

/* Finds a host for the role: a free one, else by moving others along. */
static bool
augment(struct match *match, int role)
{
    int host;

    for (host = 0; host < match->host_count; host++) {
        if (match->role_of[host] < 0 && may_take(match, role, host)) {
            match->role_of[host] = role;
            return true;
        }
    }
    for (host = 0; host < match->host_count; host++) {
        if (match->seen[host] || !may_take(match, role, host))
            continue;
        match->seen[host] = true;
        if (augment(match, match->role_of[host])) {
            match->role_of[host] = role;
            return true;
        }
    }
    return false;
}

static bool
match_roles(struct match *match)
{
    int role, host;

    for (host = 0; host < match->host_count; host++)
        match->role_of[host] = -1;
    for (role = 0; role < match->role_count; role++) {
        memset(match->seen, 0, (size_t)match->host_count);
        if (!augment(match, role))
            return false;
    }
    return true;
}

/* Tries every class for the group of role 'from' and of those after it. */
static bool
match_groups(struct match *match, int from)
{
    const struct task_role *roles = match->roles;
    const char *class;
    int host, before, i;

    while (from < match->role_count && (roles[from].same_class <= 0
                                        || match->class_of[from] != NULL))
        from++;
    if (from == match->role_count)
        return match_roles(match);
    for (host = 0; host < match->host_count; host++) {
        class = match->hosts[host].class;
        if (!may_take(match, from, host))
            continue;
        for (before = 0; before < host; before++) {
            if (strcmp(match->hosts[before].class, class) == 0
                && may_take(match, from, before))
                break;
        }
        if (before < host)
            continue;           /* the class has been tried */
        for (i = from; i < match->role_count; i++) {
            if (roles[i].same_class == roles[from].same_class)
                match->class_of[i] = class;
        }
        if (match_groups(match, from + 1))
            return true;
        for (i = from; i < match->role_count; i++) {
            if (roles[i].same_class == roles[from].same_class)
                match->class_of[i] = NULL;
        }
    }
    return false;
}

bool
host_match(const struct match_host *hosts, int host_count,
           const struct task_role *roles, int role_count, bool ever,
           int *hosts_out)
{
    struct match match = {
        .hosts = hosts, .host_count = host_count,
        .roles = roles, .role_count = role_count, .ever = ever,
        .class_of = xcalloc((size_t)role_count + 1, sizeof(char *)),
        .role_of = xcalloc((size_t)host_count + 1, sizeof(int)),
        .seen = xcalloc((size_t)host_count + 1, sizeof(bool)),
    };
    bool found = match_groups(&match, 0);
    int host;

    for (host = 0; found && host < host_count; host++) {
        if (match.role_of[host] >= 0)
            hosts_out[match.role_of[host]] = host;
    }
    free(match.class_of);
    free(match.role_of);
    free(match.seen);
    return found;
}

/* The host's line; true if it fits a role at all. */
static bool
explain_host(const struct match_host *host, const struct task_role *roles,
             int role_count, struct buf *line)
{
    struct buf reason = BUF_INIT;
    bool fit = false;
    size_t start;
    int i;

    for (i = 0; i < role_count && !fit; i++)
        fit = fits(host, &roles[i], NULL);
    buf_addf(line, "%s: ", host->name);
    start = line->len;
    if (fit)
        buf_adds(line, host->obstacle != NULL ? host->obstacle
                 : host->suspect ? "its state is suspect"
                 : "free, but there are not enough like it");
    for (i = 0; i < role_count && !fit; i++) {
        buf_reset(&reason);
        (void)fits(host, &roles[i], &reason);
        if (strstr(buf_text(line) + start, buf_text(&reason)) != NULL)
            continue;           /* another role has said so */
        buf_addf(line, "%s%s", line->len > start ? "; " : "",
                 buf_text(&reason));
    }
    buf_addc(line, '\n');
    buf_free(&reason);
    return fit;
}

void
host_match_explain(const struct match_host *hosts, int host_count,
                   const struct task_role *roles, int role_count,
                   int lines_max, struct buf *out)
{
    struct buf line = BUF_INIT;
    int pass, host, lines = 0;

    for (pass = 0; pass < 2; pass++) {
        for (host = 0; host < host_count; host++) {
            buf_reset(&line);
            if (explain_host(&hosts[host], roles, role_count, &line)
                != (pass == 0))
                continue;
            if (lines++ < lines_max)
                buf_adds(out, buf_text(&line));
        }
    }
    if (lines > lines_max)
        buf_addf(out, "and %d more\n", lines - lines_max);
    if (host_count == 0)
        buf_adds(out, "there are no hosts\n");
    buf_free(&line);
}
