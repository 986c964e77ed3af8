/* harness/json_take.c - see json_take.h. */
#include <config.h>

#include "harness/json_take.h"

#include <inttypes.h>
#include <math.h>

#include "harness/fault.h"

static const struct json_member *
member_named(const struct json_member *members, const char *key)
{
    for (; members->type != JSON_TAKE_END; members++) {
        if (strcmp(members->key, key) == 0)
            return members;
    }
    return NULL;
}

static const char *
type_text(const json_t *value)
{
    switch (json_typeof(value)) {
    case JSON_OBJECT:
        return "an object";
    case JSON_ARRAY:
        return "a list";
    case JSON_STRING:
        return "a text";
    case JSON_INTEGER:
    case JSON_REAL:
        return "a number";
    case JSON_TRUE:
    case JSON_FALSE:
        return "a boolean";
    case JSON_NULL:
        break;
    }
    return "null";
}

static bool
wrong_type(const struct json_member *member, const json_t *value,
           const char *wanted, struct fault *why)
{
    return fault_set(why, FAULT_DATA, "'%s' is %s, not %s", member->key,
                     type_text(value), wanted);
}

static bool
take_int(const struct json_member *member, const json_t *value, int64_t *out,
         struct fault *why)
{
    int64_t number;

    if (!json_is_integer(value))
        return wrong_type(member, value, "an integer", why);
    number = json_integer_value(value);
    if (number < member->min || number > member->max)
        return fault_set(why, FAULT_DATA, "'%s' is %" PRId64 ", which is not "
                         "from %" PRId64 " to %" PRId64, member->key, number,
                         member->min, member->max);
    *out = number;
    return true;
}

static bool
take_one(const struct json_member *member, const json_t *value, void *out,
         struct fault *why)
{
    bool empty = json_is_string(value) && json_string_length(value) == 0;

    switch (member->type) {
    case JSON_TAKE_TEXT:
    case JSON_TAKE_NAME:
        if (!json_is_string(value))
            return wrong_type(member, value, "a text", why);
        if (empty && member->type == JSON_TAKE_NAME)
            return fault_set(why, FAULT_DATA, "'%s' is empty", member->key);
        *(const char **)out = json_string_value(value);
        return true;
    case JSON_TAKE_INT:
        return take_int(member, value, out, why);
    case JSON_TAKE_REAL:
        if (!json_is_number(value) || !isfinite(json_number_value(value)))
            return wrong_type(member, value, "a finite number", why);
        *(double *)out = json_number_value(value);
        return true;
    case JSON_TAKE_FLAG:
        if (!json_is_boolean(value))
            return wrong_type(member, value, "a boolean", why);
        *(bool *)out = json_is_true(value);
        return true;
    case JSON_TAKE_LIST:
        if (!json_is_array(value))
            return wrong_type(member, value, "a list", why);
        *(const json_t **)out = value;
        return true;
    case JSON_TAKE_MAP:
        if (!json_is_object(value))
            return wrong_type(member, value, "an object", why);
        *(const json_t **)out = value;
        return true;
    case JSON_TAKE_END:
        break;
    }
    must_never("a member of a type that does not exist");
}

bool
json_take(const json_t *value, const struct json_member *members, void *out,
          struct fault *why)
{
    /* jansson iterates over what it does not change. */
    json_t *object = (json_t *)(uintptr_t)value;
    const char *key;
    json_t *item;

    if (!json_is_object(value))
        return fault_set(why, FAULT_DATA, "%s stands where an object must",
                         value == NULL ? "nothing" : type_text(value));
    json_object_foreach(object, key, item) {
        const struct json_member *member = member_named(members, key);

        if (member == NULL)
            return fault_set(why, FAULT_DATA, "there is no member '%s'", key);
        if (!take_one(member, item, (char *)out + member->offset, why))
            return false;
    }
    for (; members->type != JSON_TAKE_END; members++) {
        if (!members->optional
            && json_object_get(value, members->key) == NULL)
            return fault_set(why, FAULT_DATA, "'%s' is missing",
                             members->key);
    }
    return true;
}
