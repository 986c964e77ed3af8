/* harness/yaml_errors.c - see yaml_errors.h. */
#include <config.h>

#include "harness/yaml_errors.h"

#include <stdarg.h>
#include <stdio.h>

#include "harness/yaml.h"
#include "harness/yaml_tree.h"

#define ERRORS_MAX 20

bool
yaml_errors_begin(struct yaml_errors *errors, struct arena *arena,
                  const char *file, const char *text, size_t bytes,
                  const struct cyaml_schema_value *schema, struct fault *why)
{
    struct yaml_node *tree = NULL;

    *errors = (struct yaml_errors){ .file = file, .more = BUF_INIT,
                                    .schema = schema };
    if (!yaml_load_data(file, text, bytes, schema, &errors->value, why))
        return false;
    if (!yaml_tree_parse(arena, file, text, bytes, &tree, why)) {
        yaml_unload(schema, errors->value);
        return false;
    }
    errors->tree = tree;
    return true;
}

void
yaml_error(struct yaml_errors *errors, const char *path, const char *fmt, ...)
{
    struct buf text = BUF_INIT;
    va_list ap;

    if (++errors->count > ERRORS_MAX)
        return;
    buf_addf(&text, "%s:%d: ", errors->file,
             yaml_tree_find(errors->tree, path)->line);
    va_start(ap, fmt);
    buf_addv(&text, fmt, ap);
    va_end(ap);
    if (errors->count == 1)
        snprintf(errors->first, sizeof errors->first, "%s", buf_text(&text));
    else
        buf_addf(&errors->more, "%s\n", buf_text(&text));
    buf_free(&text);
}

bool
yaml_errors_end(struct yaml_errors *errors, struct fault *why)
{
    bool ok = errors->count == 0;

    if (!ok) {
        if (errors->count > ERRORS_MAX)
            buf_addf(&errors->more, "and %d more\n",
                     errors->count - ERRORS_MAX);
        fault_set(why, FAULT_CONFIG, "%s", errors->first);
        fault_detail(why, buf_text(&errors->more), errors->more.len);
    }
    buf_free(&errors->more);
    if (errors->value != NULL)
        yaml_unload(errors->schema, errors->value);
    errors->value = NULL;
    return ok;
}
