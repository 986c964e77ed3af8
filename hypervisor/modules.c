/* hypervisor/modules.c - kernel modules of an image.
 *
 * A package does not say what its modules depend on (that is made when it is
 * installed), but each module does. So the package is read as often as new
 * names come up; a manifest that lists the usual ones is read once. */
#include <config.h>

#include "hypervisor/modules.h"

#include "harness/buf.h"
#include "harness/fault.h"
#include "harness/mem.h"
#include "hypervisor/debfile.h"
#include "hypervisor/elf.h"
#include "hypervisor/manifest.h"
#include "hypervisor/tree.h"

#define PREFIX "usr/lib/modules/"

enum module_state { MODULE_WANTED = 0, MODULE_ABSENT, MODULE_READ };

struct module {
    char *name;                 /* with '_' for '-' */
    enum module_state state;
    bool optional;              /* may be absent */
    bool ordered;               /* for the walk in order of need */
    char *path;                 /* below usr/lib/modules/VERSION/ */
    char **needs;               /* names */
    size_t need_count;
    char **aliases;
    size_t alias_count;
};

struct modules {
    struct module **list;
    size_t count, cap;
    char *version;
    struct tree *package;       /* what was read in this pass */
};

static void
module_free(struct module *module)
{
    size_t i;

    for (i = 0; i < module->need_count; i++)
        free(module->needs[i]);
    for (i = 0; i < module->alias_count; i++)
        free(module->aliases[i]);
    free(module->needs);
    free(module->aliases);
    free(module->path);
    free(module->name);
    free(module);
}

static void
modules_fini(struct modules *modules)
{
    size_t i;

    for (i = 0; i < modules->count; i++)
        module_free(modules->list[i]);
    free(modules->list);
    free(modules->version);
    tree_free(modules->package);
}

static char *
normal_name(const char *name, size_t len)
{
    char *normal = xstrndup(name, len), *p;

    for (p = normal; *p != '\0'; p++)
        if (*p == '-')
            *p = '_';
    return normal;
}

static struct module *
find(const struct modules *modules, const char *normal)
{
    size_t i;

    for (i = 0; i < modules->count; i++)
        if (strcmp(modules->list[i]->name, normal) == 0)
            return modules->list[i];
    return NULL;
}

static void
want(struct modules *modules, const char *name, bool optional)
{
    char *normal = normal_name(name, strlen(name));
    struct module *module = find(modules, normal);

    if (module != NULL) {
        module->optional = module->optional && optional;
        free(normal);
        return;
    }
    module = xcalloc(1, sizeof(*module));
    module->name = normal;
    module->optional = optional;
    modules->list = xgrow(modules->list, &modules->cap, modules->count,
                          sizeof(struct module *));
    modules->list[modules->count++] = module;
}

/* "usr/lib/modules/6.1/kernel/net/llc/llc.ko.xz" is "llc"; NULL if it is
 * no module. */
static char *
name_of_path(const char *path)
{
    const char *base = strrchr(path, '/'), *dot;

    if (strncmp(path, PREFIX, strlen(PREFIX)) != 0 || base == NULL)
        return NULL;
    base++;
    dot = strstr(base, ".ko");
    if (dot == NULL || (dot[3] != '\0' && dot[3] != '.'))
        return NULL;
    return normal_name(base, (size_t)(dot - base));
}

static enum debfile_want
is_wanted(void *owner, const char *path)
{
    const struct modules *modules = owner;
    char *name = name_of_path(path);
    struct module *module = name == NULL ? NULL : find(modules, name);

    free(name);
    return module != NULL && module->state == MODULE_WANTED ? DEBFILE_TAKE
                                                            : DEBFILE_SKIP;
}

static void
add_text(char ***list, size_t *count, const char *text, size_t len)
{
    *list = xrealloc(*list, (*count + 1) * sizeof(char *));
    (*list)[(*count)++] = xstrndup(text, len);
}

/* "a,b" or "a b" */
static void
add_needs(struct modules *modules, struct module *module, const char *names,
          const char *separators, bool optional)
{
    size_t len;
    char *name;

    for (; *names != '\0'; names += len) {
        names += strspn(names, separators);
        len = strcspn(names, separators);
        if (len == 0)
            continue;
        name = normal_name(names, len);
        add_text(&module->needs, &module->need_count, name, strlen(name));
        want(modules, name, optional);
        free(name);
    }
}

/* "pre: a b post: c": those before are loaded like any other need. */
static void
add_softdep(struct modules *modules, struct module *module, const char *value)
{
    const char *pre = strstr(value, "pre:"), *post;
    char *names;

    if (pre == NULL)
        return;
    pre += strlen("pre:");
    post = strstr(pre, "post:");
    names = xstrndup(pre, post == NULL ? strlen(pre) : (size_t)(post - pre));
    add_needs(modules, module, names, " ", true);
    free(names);
}

static void
read_modinfo(struct modules *modules, struct module *module, const char *info,
             size_t bytes)
{
    const char *p = info, *end = info + bytes, *nul;

    while (p < end && (nul = memchr(p, '\0', (size_t)(end - p))) != NULL) {
        if (strncmp(p, "depends=", 8) == 0)
            add_needs(modules, module, p + 8, ",", false);
        else if (strncmp(p, "softdep=", 8) == 0)
            add_softdep(modules, module, p + 8);
        else if (strncmp(p, "alias=", 6) == 0)
            add_text(&module->aliases, &module->alias_count, p + 6,
                     strlen(p + 6));
        p = nul + 1;
    }
}

struct pass {
    struct modules *modules;
    const char *file;
    struct tree *image;
    struct fault *why;
    bool ok;
};

static bool
take(struct pass *pass, struct module *module, const struct tree_node *node)
{
    const char *rest = node->path + strlen(PREFIX);
    const char *slash = strchr(rest, '/'), *ko;
    struct modules *modules = pass->modules;
    struct buf data = BUF_INIT;
    const void *info;
    char *path;
    size_t bytes;

    if (slash == NULL)
        return fault_set(pass->why, FAULT_DATA, "%s: odd path of module %s",
                         pass->file, node->path);
    if (modules->version == NULL)
        modules->version = xstrndup(rest, (size_t)(slash - rest));
    ko = strstr(strrchr(slash, '/'), ".ko");
    must(ko != NULL);
    module->path = xasprintf("%.*s.ko", (int)(ko - slash - 1), slash + 1);
    if (!debfile_expand(node->path, node->data, node->bytes, &data,
                        pass->why)) {
        buf_free(&data);
        return false;
    }
    if (elf_section(data.data, data.len, ".modinfo", &info, &bytes))
        read_modinfo(modules, module, info, bytes);
    module->state = MODULE_READ;
    path = xasprintf(PREFIX "%s/%s", modules->version, module->path);
    bytes = data.len;
    tree_put_file(pass->image, path, 0644, buf_take(&data), bytes);
    free(path);
    return true;
}

static void
take_node(void *owner, const struct tree_node *node)
{
    struct pass *pass = owner;
    char *name = name_of_path(node->path);
    struct module *module = find(pass->modules, name);

    must(module != NULL);
    if (pass->ok && node->type == TREE_FILE
        && module->state == MODULE_WANTED)
        pass->ok = take(pass, module, node);
    free(name);
}

static bool
all_known(const struct modules *modules)
{
    size_t i;

    for (i = 0; i < modules->count; i++)
        if (modules->list[i]->state == MODULE_WANTED)
            return false;
    return true;
}

/* Reads all that is wanted now; names that come up stay wanted. */
static bool
read_pass(struct modules *modules, const char *file, struct tree *image,
          struct fault *why)
{
    struct pass pass = { .modules = modules, .file = file, .image = image,
                         .why = why, .ok = true };
    size_t known = modules->count, i;

    tree_free(modules->package);
    modules->package = tree_new();
    if (!debfile_read(file, is_wanted, modules, modules->package, why))
        return false;
    tree_each(modules->package, take_node, &pass);
    if (!pass.ok)
        return false;
    for (i = 0; i < known; i++) {
        struct module *module = modules->list[i];

        if (module->state != MODULE_WANTED)
            continue;
        if (!module->optional)
            return fault_set(why, FAULT_DATA, "%s has no kernel module %s",
                             file, module->name);
        module->state = MODULE_ABSENT;
    }
    return true;
}

/* Those that 'module' needs, before it. */
static void
order(const struct modules *modules, struct module *module,
      struct module **out, size_t *count)
{
    size_t i;

    if (module == NULL || module->ordered || module->state != MODULE_READ)
        return;
    module->ordered = true;
    for (i = 0; i < module->need_count; i++)
        order(modules, find(modules, module->needs[i]), out, count);
    out[(*count)++] = module;
}

static void
forget_order(const struct modules *modules)
{
    size_t i;

    for (i = 0; i < modules->count; i++)
        modules->list[i]->ordered = false;
}

static void
put_text(const struct modules *modules, struct tree *image, const char *name,
         struct buf *text)
{
    char *path = xasprintf(PREFIX "%s/%s", modules->version, name);

    tree_copy_file(image, path, 0644, buf_text(text), text->len);
    buf_reset(text);
    free(path);
}

static int
by_path(const void *a, const void *b)
{
    const struct module *const *x = a, *const *y = b;

    return strcmp((*x)->path == NULL ? "" : (*x)->path,
                  (*y)->path == NULL ? "" : (*y)->path);
}

static int
by_text(const void *a, const void *b)
{
    const char *const *x = a, *const *y = b;

    return strcmp(*x, *y);
}

static void
put_aliases(struct modules *modules, struct tree *image)
{
    char **lines = NULL;
    struct buf text = BUF_INIT;
    size_t count = 0, i, j;

    for (i = 0; i < modules->count; i++) {
        const struct module *module = modules->list[i];

        for (j = 0; j < module->alias_count; j++) {
            char *line = xasprintf("alias %s %s\n", module->aliases[j],
                                   module->name);

            add_text(&lines, &count, line, strlen(line));
            free(line);
        }
    }
    if (count > 0)
        qsort(lines, count, sizeof(char *), by_text);
    for (i = 0; i < count; i++) {
        buf_adds(&text, lines[i]);
        free(lines[i]);
    }
    free(lines);
    put_text(modules, image, "modules.alias", &text);
    buf_free(&text);
}

static void
put_lists(struct modules *modules, const struct manifest_modules *wanted,
          struct tree *image)
{
    struct module **line = xcalloc(modules->count + 1,
                                   sizeof(struct module *));
    struct buf text = BUF_INIT;
    size_t count = 0, i, j;

    for (i = 0; i < wanted->load_count; i++) {
        char *name = normal_name(wanted->load[i], strlen(wanted->load[i]));

        order(modules, find(modules, name), line, &count);
        free(name);
    }
    for (i = 0; i < count; i++)
        buf_addf(&text, "%s\n", line[i]->path);
    put_text(modules, image, "assay.load", &text);

    /* modprobe wants the nearest need first. */
    qsort(modules->list, modules->count, sizeof(struct module *), by_path);
    for (i = 0; i < modules->count; i++) {
        if (modules->list[i]->state != MODULE_READ)
            continue;
        forget_order(modules);
        count = 0;
        order(modules, modules->list[i], line, &count);
        buf_addf(&text, "%s:", modules->list[i]->path);
        for (j = count - 1; j > 0; j--)
            buf_addf(&text, " %s", line[j - 1]->path);
        buf_addc(&text, '\n');
    }
    put_text(modules, image, "modules.dep", &text);
    put_aliases(modules, image);
    buf_free(&text);
    free(line);
}

bool
modules_add(const struct manifest_modules *wanted, const char *file,
            struct tree *image, struct fault *why)
{
    struct modules modules = { .list = NULL };
    unsigned int i;
    bool ok = true;

    for (i = 0; i < wanted->load_count; i++)
        want(&modules, wanted->load[i], false);
    for (i = 0; i < wanted->have_count; i++)
        want(&modules, wanted->have[i], false);
    for (i = 0; i < wanted->optional_count; i++)
        want(&modules, wanted->optional[i], true);
    while (ok && !all_known(&modules))
        ok = read_pass(&modules, file, image, why);
    if (ok && modules.version != NULL)
        put_lists(&modules, wanted, image);
    modules_fini(&modules);
    return ok;
}
