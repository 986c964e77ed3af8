/* harness/yaml_tree.c - a YAML document as nodes that know their lines.
 *
 * libcyaml forgets duplicate keys and reports lines only in its log, so the
 * text is read here first, by libyaml's events, with limits on everything
 * that a hostile file could make large. */
#include <config.h>

#include "harness/yaml_tree.h"

#include <string.h>

#include <yaml.h>

#include "harness/arena.h"
#include "harness/buf.h"
#include "harness/fault.h"
#include "harness/yaml.h"

struct builder {
    struct arena *arena;
    const char *name;
    struct yaml_node *open[YAML_MAX_DEPTH];     /* the way down */
    struct yaml_node *last[YAML_MAX_DEPTH];     /* last child of each */
    int depth;
    int nodes, documents;
    struct yaml_node *root;
};

static bool
add_node(struct builder *b, struct yaml_node *node, struct fault *why)
{
    struct yaml_node *parent;

    if (++b->nodes > YAML_MAX_NODES)
        return fault_set(why, FAULT_CONFIG, "%s:%d: over %d nodes", b->name,
                         node->line, YAML_MAX_NODES);
    if (b->depth == 0) {
        b->root = node;
        return true;
    }
    parent = b->open[b->depth - 1];
    if (b->last[b->depth - 1] == NULL)
        parent->first = node;
    else
        b->last[b->depth - 1]->next = node;
    b->last[b->depth - 1] = node;
    parent->count++;
    return true;
}

static bool
add_scalar(struct builder *b, const yaml_event_t *event,
           struct yaml_node *node, struct fault *why)
{
    size_t len = event->data.scalar.length;
    char *text = arena_alloc(b->arena, len + 1);

    memcpy(text, event->data.scalar.value, len);
    if (strlen(text) != len)
        return fault_set(why, FAULT_CONFIG, "%s:%d: a zero byte in a text",
                         b->name, node->line);
    node->text = text;
    node->plain = event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
    return add_node(b, node, why);
}

static bool
open_node(struct builder *b, struct yaml_node *node, struct fault *why)
{
    if (!add_node(b, node, why))
        return false;
    if (b->depth == YAML_MAX_DEPTH)
        return fault_set(why, FAULT_CONFIG, "%s:%d: nested over %d deep",
                         b->name, node->line, YAML_MAX_DEPTH);
    b->open[b->depth] = node;
    b->last[b->depth] = NULL;
    b->depth++;
    return true;
}

/* An alias can make a small file huge, or endless; a tag asks for a type that
 * only the schema may give. */
static bool
refuse(const struct builder *b, int line, const void *anchor,
       const void *tag, struct fault *why)
{
    if (anchor != NULL)
        return fault_set(why, FAULT_CONFIG,
                         "%s:%d: anchors and aliases are not supported",
                         b->name, line);
    if (tag != NULL)
        return fault_set(why, FAULT_CONFIG,
                         "%s:%d: tags are not supported", b->name, line);
    return true;
}

static bool
take_event(struct builder *b, const yaml_event_t *event, struct fault *why)
{
    struct yaml_node *node = arena_alloc(b->arena, sizeof(*node));
    int line = (int)event->start_mark.line + 1;

    node->line = line;
    switch (event->type) {
    case YAML_SCALAR_EVENT:
        return refuse(b, line, event->data.scalar.anchor,
                      event->data.scalar.tag, why)
            && add_scalar(b, event, node, why);
    case YAML_SEQUENCE_START_EVENT:
        node->kind = YAML_LIST;
        return refuse(b, line, event->data.sequence_start.anchor,
                      event->data.sequence_start.tag, why)
            && open_node(b, node, why);
    case YAML_MAPPING_START_EVENT:
        node->kind = YAML_MAP;
        return refuse(b, line, event->data.mapping_start.anchor,
                      event->data.mapping_start.tag, why)
            && open_node(b, node, why);
    case YAML_SEQUENCE_END_EVENT:
        b->depth--;
        return true;
    case YAML_MAPPING_END_EVENT:
        b->depth--;
        b->open[b->depth]->count /= 2;
        return true;
    case YAML_ALIAS_EVENT:
        return refuse(b, line, event->data.alias.anchor, NULL, why);
    case YAML_DOCUMENT_START_EVENT:
        if (++b->documents > 1)
            return fault_set(why, FAULT_CONFIG,
                             "%s:%d: a second document starts here", b->name,
                             line);
        return true;
    case YAML_NO_EVENT:
    case YAML_STREAM_START_EVENT:
    case YAML_STREAM_END_EVENT:
    case YAML_DOCUMENT_END_EVENT:
    default:
        return true;
    }
}

static bool
syntax_fault(const char *name, const yaml_parser_t *parser,
             struct fault *why)
{
    const char *text = parser->problem != NULL ? parser->problem
                                               : "malformed";
    size_t line = parser->problem_mark.line;

    if (parser->error == YAML_READER_ERROR)
        line = parser->mark.line;
    if (parser->context != NULL)
        return fault_set(why, FAULT_CONFIG, "%s:%zu: %s, %s", name, line + 1,
                         parser->context, text);
    return fault_set(why, FAULT_CONFIG, "%s:%zu: %s", name, line + 1, text);
}

bool
yaml_tree_parse(struct arena *arena, const char *name, const void *data,
                size_t bytes, struct yaml_node **root_out, struct fault *why)
{
    struct builder b = { .arena = arena, .name = name };
    yaml_parser_t parser;
    yaml_event_t event;
    bool ok, end = false;

    must(yaml_parser_initialize(&parser) == 1);
    yaml_parser_set_input_string(&parser, data, bytes);
    do {
        ok = yaml_parser_parse(&parser, &event) == 1;
        if (!ok) {
            syntax_fault(name, &parser, why);
            break;
        }
        end = event.type == YAML_STREAM_END_EVENT;
        ok = take_event(&b, &event, why);
        yaml_event_delete(&event);
    } while (ok && !end);
    yaml_parser_delete(&parser);
    if (ok && b.root == NULL)
        ok = fault_set(why, FAULT_CONFIG, "%s:1: the file is empty", name);
    if (ok)
        *root_out = b.root;
    return ok;
}

static const struct yaml_node *
step(const struct yaml_node *node, const char *word, size_t len)
{
    const struct yaml_node *child = node->first;
    char digits[16];
    int64_t index;

    if (node->kind == YAML_MAP) {
        for (; child != NULL; child = child->next->next) {
            if (child->kind == YAML_SCALAR && strlen(child->text) == len
                && memcmp(child->text, word, len) == 0)
                return child->next;
        }
        return NULL;
    }
    if (node->kind != YAML_LIST || len >= sizeof(digits))
        return NULL;
    memcpy(digits, word, len);
    digits[len] = '\0';
    if (!parse_int64(digits, 0, YAML_MAX_NODES, &index))
        return NULL;
    while (child != NULL && index-- > 0)
        child = child->next;
    return child;
}

const struct yaml_node *
yaml_tree_find(const struct yaml_node *root, const char *path)
{
    const struct yaml_node *node = root, *next;
    size_t len;

    while (*path != '\0') {
        len = strcspn(path, "/");
        next = step(node, path, len);
        if (next == NULL)
            break;
        node = next;
        path += len;
        path += *path == '/' ? 1 : 0;
    }
    return node;
}
