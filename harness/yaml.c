/* harness/yaml.c - schema-driven YAML by libcyaml, errors as "file:line: text".
 *
 * The document is read into a tree, checked against the schema there (libcyaml
 * stops at the first error, keeps its line for its log, takes any word for a
 * boolean, and lets a key be given twice), and handed to libcyaml in a plain
 * form that it cannot misread. */
#include <config.h>

#include "harness/yaml.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "harness/arena.h"
#include "harness/buf.h"
#include "harness/fault.h"
#include "harness/fs.h"
#include "harness/yaml_tree.h"

#define ERRORS_MAX 20
#define KEYS_MAX 4096
#define KEY_BYTES_MAX 200

static const cyaml_schema_field_t pair_fields[] = {
    CYAML_FIELD_STRING_PTR(YAML_KEY, CYAML_FLAG_POINTER, struct yaml_pair,
                           key, 0, CYAML_UNLIMITED),
    CYAML_FIELD_STRING_PTR(YAML_VALUE, CYAML_FLAG_POINTER, struct yaml_pair,
                           value, 0, CYAML_UNLIMITED),
    CYAML_FIELD_END,
};
const cyaml_schema_value_t yaml_pair_schema = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct yaml_pair, pair_fields),
};
const cyaml_schema_value_t yaml_text_schema = {
    CYAML_VALUE_STRING(CYAML_FLAG_POINTER, char *, 0, CYAML_UNLIMITED),
};

struct error {
    int line;
    char *text;
};

/* One walk: the errors found, and the plain form of what was right. */
struct walk {
    struct arena *arena;
    const char *name;
    struct error errors[ERRORS_MAX];
    int error_count, error_total;
    struct buf out;
};

static void check(struct walk *w, const struct yaml_node *node,
                  const cyaml_schema_value_t *schema, const char *what);

/* Kept sorted by line: a missing key is found after what is wrong inside. */
static PRINTF_LIKE(3, 4) void
error_at(struct walk *w, int line, const char *fmt, ...)
{
    struct buf text = BUF_INIT;
    va_list ap;
    int i;

    w->error_total++;
    if (w->error_count == ERRORS_MAX)
        return;
    va_start(ap, fmt);
    buf_addv(&text, fmt, ap);
    va_end(ap);
    for (i = w->error_count; i > 0 && w->errors[i - 1].line > line; i--)
        w->errors[i] = w->errors[i - 1];
    w->errors[i].line = line;
    w->errors[i].text = arena_strdup(w->arena, buf_text(&text));
    w->error_count++;
    buf_free(&text);
}

static void
emit_text(struct walk *w, const char *text)
{
    const char *p;

    buf_addc(&w->out, '"');
    for (p = text; *p != '\0'; p++) {
        if (*p == '"' || *p == '\\')
            buf_addf(&w->out, "\\%c", *p);
        else if ((unsigned char)*p < 0x20 || *p == 0x7f)
            buf_addf(&w->out, "\\x%02x", (unsigned char)*p);
        else
            buf_addc(&w->out, *p);
    }
    buf_addc(&w->out, '"');
}

static const char *
kind_name(const struct yaml_node *node)
{
    switch (node->kind) {
    case YAML_LIST:
        return "a list";
    case YAML_MAP:
        return "a mapping";
    case YAML_SCALAR:
    default:
        return node->plain && node->text[0] == '\0' ? "nothing" : "a text";
    }
}

static bool
want_kind(struct walk *w, const struct yaml_node *node, enum yaml_kind kind,
          const char *what, const char *wanted)
{
    bool empty = node->kind == YAML_SCALAR && node->plain
        && node->text[0] == '\0';

    if (node->kind == kind && !(kind == YAML_SCALAR && empty))
        return true;
    error_at(w, node->line, "%s wants %s, not %s", what, wanted,
             kind_name(node));
    return false;
}

static bool
parse_integer(const char *text, int64_t *out)
{
    char *end;

    if (text[0] == '0' && text[1] == 'x') {
        if (text[2] == '\0' || text[2 + strspn(text + 2,
                                               "0123456789abcdefABCDEF")]
                != '\0')
            return false;
        errno = 0;
        *out = (int64_t)strtoll(text, &end, 16);
        return errno == 0;
    }
    return parse_int64(text, INT64_MIN, INT64_MAX, out);
}

static void
check_integer(struct walk *w, const struct yaml_node *node,
              const cyaml_schema_value_t *schema, const char *what)
{
    bool is_signed = schema->type == CYAML_INT;
    unsigned bits = schema->data_size * 8;
    int64_t n, max, min;

    must(bits >= 8 && bits <= 64);
    max = is_signed || bits == 64
        ? (int64_t)(UINT64_MAX >> (bits == 64 ? 1 : 65 - bits))
        : (int64_t)((UINT64_C(1) << bits) - 1);
    min = is_signed ? -max - 1 : 0;
    if (!want_kind(w, node, YAML_SCALAR, what, "a whole number"))
        return;
    if (!parse_integer(node->text, &n))
        error_at(w, node->line, "%s wants a whole number, not '%s'", what,
                 node->text);
    else if (n < min || n > max)
        error_at(w, node->line, "%s: %s is not between %" PRId64 " and %"
                 PRId64, what, node->text, min, max);
    else
        buf_addf(&w->out, "%" PRId64, n);
}

static void
check_bool(struct walk *w, const struct yaml_node *node, const char *what)
{
    const char *text = node->text;

    if (!want_kind(w, node, YAML_SCALAR, what, "true or false"))
        return;
    if (strcmp(text, "true") == 0 || strcmp(text, "yes") == 0)
        buf_adds(&w->out, "true");
    else if (strcmp(text, "false") == 0 || strcmp(text, "no") == 0)
        buf_adds(&w->out, "false");
    else
        error_at(w, node->line, "%s wants true or false, not '%s'", what,
                 text);
}

static void
check_word(struct walk *w, const struct yaml_node *node,
           const cyaml_schema_value_t *schema, const char *what)
{
    struct buf known = BUF_INIT;
    uint32_t i;

    if (!want_kind(w, node, YAML_SCALAR, what, "a word"))
        return;
    for (i = 0; i < schema->enumeration.count; i++) {
        if (strcmp(schema->enumeration.strings[i].str, node->text) == 0) {
            emit_text(w, node->text);
            buf_free(&known);
            return;
        }
        buf_addf(&known, "%s%s", i > 0 ? ", " : "",
                 schema->enumeration.strings[i].str);
    }
    error_at(w, node->line, "%s: '%s' is none of %s", what, node->text,
             buf_text(&known));
    buf_free(&known);
}

static void
check_flags(struct walk *w, const struct yaml_node *node,
            const cyaml_schema_value_t *schema, const char *what)
{
    const struct yaml_node *entry;

    if (!want_kind(w, node, YAML_LIST, what, "a list of words"))
        return;
    buf_addc(&w->out, '[');
    for (entry = node->first; entry != NULL; entry = entry->next) {
        check_word(w, entry, schema, what);
        if (entry->next != NULL)
            buf_addc(&w->out, ',');
    }
    buf_addc(&w->out, ']');
}

static void
check_float(struct walk *w, const struct yaml_node *node, const char *what)
{
    double number;

    if (!want_kind(w, node, YAML_SCALAR, what, "a number"))
        return;
    if (!parse_double(node->text, &number))
        error_at(w, node->line, "%s wants a number, not '%s'", what,
                 node->text);
    else
        emit_text(w, node->text);
}

static void
check_string(struct walk *w, const struct yaml_node *node,
             const cyaml_schema_value_t *schema, const char *what)
{
    size_t len;

    if (!want_kind(w, node, YAML_SCALAR, what, "a text"))
        return;
    len = strlen(node->text);
    if (len < schema->string.min)
        error_at(w, node->line, "%s is too short: '%s'", what, node->text);
    else if (len > schema->string.max)
        error_at(w, node->line, "%s is longer than %u bytes", what,
                 schema->string.max);
    else
        emit_text(w, node->text);
}

static const cyaml_schema_field_t *
find_field(const cyaml_schema_field_t *fields, const char *key)
{
    for (; fields->key != NULL; fields++) {
        if (strcmp(fields->key, key) == 0)
            return fields;
    }
    return NULL;
}

/* Keys are texts, short, and not given twice; says what is not so. */
static bool
check_keys(struct walk *w, const struct yaml_node *map)
{
    const struct yaml_node *key, *other;
    bool ok = true;

    if (map->count > KEYS_MAX) {
        error_at(w, map->line, "a mapping of over %d keys", KEYS_MAX);
        return false;
    }
    for (key = map->first; key != NULL; key = key->next->next) {
        if (key->kind != YAML_SCALAR || key->text[0] == '\0') {
            error_at(w, key->line, "a key must be a text");
            ok = false;
            continue;
        }
        if (strlen(key->text) > KEY_BYTES_MAX) {
            error_at(w, key->line, "a key of over %d bytes", KEY_BYTES_MAX);
            ok = false;
            continue;
        }
        for (other = map->first; other != key; other = other->next->next) {
            if (other->kind == YAML_SCALAR
                && strcmp(other->text, key->text) == 0) {
                error_at(w, key->line,
                         "key '%s' is given twice, first on line %d",
                         key->text, other->line);
                ok = false;
                break;
            }
        }
    }
    return ok;
}

static bool
is_given(const struct yaml_node *map, const char *key)
{
    const struct yaml_node *node;

    for (node = map->first; node != NULL; node = node->next->next) {
        if (node->kind == YAML_SCALAR && strcmp(node->text, key) == 0)
            return true;
    }
    return false;
}

/* The fields of a mapping; 'own_key' is the key that a free mapping gave it,
 * or NULL. */
static void
check_fields(struct walk *w, const struct yaml_node *map,
             const cyaml_schema_field_t *fields, const char *own_key)
{
    const cyaml_schema_field_t *field;
    const struct yaml_node *key;
    char *what;

    buf_addc(&w->out, '{');
    if (own_key != NULL) {
        emit_text(w, YAML_KEY);
        buf_addc(&w->out, ':');
        emit_text(w, own_key);
        buf_addc(&w->out, ',');
    }
    if (check_keys(w, map)) {
        for (key = map->first; key != NULL; key = key->next->next) {
            field = key->text[0] != '=' ? find_field(fields, key->text)
                                        : NULL;
            if (field == NULL) {
                error_at(w, key->line, "unknown key '%s'", key->text);
                continue;
            }
            what = arena_printf(w->arena, "'%s'", key->text);
            emit_text(w, key->text);
            buf_addc(&w->out, ':');
            check(w, key->next, &field->value, what);
            buf_addc(&w->out, ',');
        }
    }
    for (field = fields; field->key != NULL; field++) {
        if (field->key[0] != '='
            && (field->value.flags & CYAML_FLAG_OPTIONAL) == 0
            && !is_given(map, field->key))
            error_at(w, map->line, "key '%s' is missing", field->key);
    }
    buf_addc(&w->out, '}');
}

/* "{a: x, b: y}" becomes "[{=key: a, ...x}, {=key: b, ...y}]". */
static void
check_free_map(struct walk *w, const struct yaml_node *node,
               const cyaml_schema_value_t *entry, const char *what)
{
    const cyaml_schema_field_t *fields = entry->mapping.fields;
    const cyaml_schema_field_t *value = find_field(fields, YAML_VALUE);
    const struct yaml_node *key;
    char *name;

    if (!want_kind(w, node, YAML_MAP, what, "a mapping")
        || !check_keys(w, node))
        return;
    buf_addc(&w->out, '[');
    for (key = node->first; key != NULL; key = key->next->next) {
        name = arena_printf(w->arena, "'%s'", key->text);
        if (value != NULL) {
            buf_addc(&w->out, '{');
            emit_text(w, YAML_KEY);
            buf_addc(&w->out, ':');
            emit_text(w, key->text);
            buf_addc(&w->out, ',');
            emit_text(w, YAML_VALUE);
            buf_addc(&w->out, ':');
            check(w, key->next, &value->value, name);
            buf_addc(&w->out, '}');
        } else if (want_kind(w, key->next, YAML_MAP, name, "a mapping")) {
            check_fields(w, key->next, fields, key->text);
        }
        buf_addc(&w->out, ',');
    }
    buf_addc(&w->out, ']');
}

static void
check_sequence(struct walk *w, const struct yaml_node *node,
               const cyaml_schema_value_t *schema, const char *what)
{
    const cyaml_schema_value_t *entry = schema->sequence.entry;
    const struct yaml_node *child;
    bool free_map = entry->type == CYAML_MAPPING
        && find_field(entry->mapping.fields, YAML_KEY) != NULL;
    char *name;
    size_t i = 0;

    if (!free_map && !want_kind(w, node, YAML_LIST, what, "a list"))
        return;
    if (node->kind != YAML_SCALAR
        && (node->count < schema->sequence.min
            || node->count > schema->sequence.max)) {
        if (node->count < schema->sequence.min)
            error_at(w, node->line, "%s wants at least %u entries, not %zu",
                     what, schema->sequence.min, node->count);
        else
            error_at(w, node->line, "%s wants at most %u entries, not %zu",
                     what, schema->sequence.max, node->count);
        return;
    }
    if (free_map) {
        check_free_map(w, node, entry, what);
        return;
    }
    buf_addc(&w->out, '[');
    for (child = node->first; child != NULL; child = child->next) {
        name = arena_printf(w->arena, "entry %zu of %s", ++i, what);
        check(w, child, entry, name);
        buf_addc(&w->out, ',');
    }
    buf_addc(&w->out, ']');
}

static void
check(struct walk *w, const struct yaml_node *node,
      const cyaml_schema_value_t *schema, const char *what)
{
    if ((schema->flags & CYAML_FLAG_POINTER_NULL) == CYAML_FLAG_POINTER_NULL
        && node->kind == YAML_SCALAR && node->plain
        && node->text[0] == '\0') {
        buf_adds(&w->out, "\"\"");
        return;
    }
    switch (schema->type) {
    case CYAML_INT:
    case CYAML_UINT:
        check_integer(w, node, schema, what);
        return;
    case CYAML_BOOL:
        check_bool(w, node, what);
        return;
    case CYAML_ENUM:
        check_word(w, node, schema, what);
        return;
    case CYAML_FLAGS:
        check_flags(w, node, schema, what);
        return;
    case CYAML_FLOAT:
        check_float(w, node, what);
        return;
    case CYAML_STRING:
        check_string(w, node, schema, what);
        return;
    case CYAML_MAPPING:
        if (want_kind(w, node, YAML_MAP, what, "a mapping"))
            check_fields(w, node, schema->mapping.fields, NULL);
        return;
    case CYAML_SEQUENCE:
    case CYAML_SEQUENCE_FIXED:
        check_sequence(w, node, schema, what);
        return;
    case CYAML_IGNORE:
        buf_adds(&w->out, "\"\"");
        return;
    case CYAML_BITFIELD:
    case CYAML__TYPE_COUNT:
    default:
        must_never("no such type in a schema");
    }
}

static bool
errors_fault(const struct walk *w, struct fault *why)
{
    struct buf more = BUF_INIT;
    int i;

    fault_set(why, FAULT_CONFIG, "%s:%d: %s", w->name, w->errors[0].line,
              w->errors[0].text);
    for (i = 1; i < w->error_count; i++)
        buf_addf(&more, "%s:%d: %s\n", w->name, w->errors[i].line,
                 w->errors[i].text);
    if (w->error_total > w->error_count)
        buf_addf(&more, "and %d more\n", w->error_total - w->error_count);
    fault_detail(why, buf_text(&more), more.len);
    buf_free(&more);
    return false;
}

static PRINTF_LIKE(3, 0) void
cyaml_log_to_buf(cyaml_log_t level UNUSED, void *ctx, const char *fmt,
                 va_list args)
{
    buf_addv(ctx, fmt, args);
}

static cyaml_config_t
config_to(struct buf *log)
{
    return (cyaml_config_t){
        .log_fn = cyaml_log_to_buf,
        .log_ctx = log,
        .log_level = CYAML_LOG_ERROR,
        .mem_fn = cyaml_mem,
        .flags = CYAML_CFG_NO_ALIAS,
    };
}

bool
yaml_load_data(const char *name, const void *data, size_t bytes,
               const cyaml_schema_value_t *schema, void **value_out,
               struct fault *why)
{
    struct arena arena = ARENA_INIT;
    struct walk w = { .arena = &arena, .name = name, .out = BUF_INIT };
    struct buf log = BUF_INIT;
    cyaml_config_t config = config_to(&log);
    cyaml_data_t *value = NULL;
    struct yaml_node *root = NULL;
    cyaml_err_t error;
    bool ok;

    must(schema->type == CYAML_MAPPING
         && (schema->flags & CYAML_FLAG_POINTER) != 0);
    ok = bytes <= YAML_MAX_BYTES;
    if (!ok) {
        fault_set(why, FAULT_CONFIG, "%s:1: over %u bytes", name,
                  YAML_MAX_BYTES);
        goto out;
    }
    ok = yaml_tree_parse(&arena, name, data, bytes, &root, why);
    if (!ok)
        goto out;
    check(&w, root, schema, "the file");
    ok = w.error_count == 0;
    if (!ok) {
        errors_fault(&w, why);
        goto out;
    }
    error = cyaml_load_data((const uint8_t *)buf_text(&w.out), w.out.len,
                            &config, schema, &value, NULL);
    ok = error == CYAML_OK;
    if (!ok) {
        /* Whatever the checks above do not know of: no line, but a reason. */
        fault_set(why, FAULT_CONFIG, "%s:1: %s", name, cyaml_strerror(error));
        fault_detail(why, buf_text(&log), log.len);
        goto out;
    }
    *value_out = value;
out:
    buf_free(&log);
    buf_free(&w.out);
    arena_free(&arena);
    return ok;
}

bool
yaml_load_file(const char *path, const cyaml_schema_value_t *schema,
               void **value_out, struct fault *why)
{
    struct buf text = BUF_INIT;
    bool ok = fs_read_file(path, YAML_MAX_BYTES, &text, why);

    if (!ok && why != NULL && why->kind == FAULT_DATA)
        why->kind = FAULT_CONFIG;
    ok = ok && yaml_load_data(path, buf_text(&text), text.len, schema,
                              value_out, why);
    buf_free(&text);
    return ok;
}

void
yaml_unload(const cyaml_schema_value_t *schema, void *value)
{
    struct buf log = BUF_INIT;
    cyaml_config_t config = config_to(&log);

    if (value != NULL)
        must(cyaml_free(&config, schema, value, 0) == CYAML_OK);
    buf_free(&log);
}

int
yaml_line_of(const char *file, const char *path)
{
    struct arena arena = ARENA_INIT;
    struct buf text = BUF_INIT;
    struct yaml_node *root = NULL;
    int line = 0;

    if (fs_read_file(file, YAML_MAX_BYTES, &text, NULL)
        && yaml_tree_parse(&arena, file, buf_text(&text), text.len, &root,
                           NULL))
        line = yaml_tree_find(root, path)->line;
    buf_free(&text);
    arena_free(&arena);
    return line;
}

bool
yaml_fault(struct fault *why, const char *file, const char *path,
           const char *fmt, ...)
{
    struct buf text = BUF_INIT;
    va_list ap;

    va_start(ap, fmt);
    buf_addv(&text, fmt, ap);
    va_end(ap);
    fault_set(why, FAULT_CONFIG, "%s:%d: %s", file, yaml_line_of(file, path),
              buf_text(&text));
    buf_free(&text);
    return false;
}
