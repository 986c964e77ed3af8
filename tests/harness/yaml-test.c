/* tests/harness/yaml-test.c - each way in which a YAML file can be wrong. */
#include <config.h>

#include <stdint.h>
#include <unistd.h>

#include "harness/buf.h"
#include "harness/fs.h"
#include "harness/yaml.h"
#include "tests/harness/yaml_doc.h"
#include "tests/tap.h"

static const char good[] =
    "# a comment\n"
    "name: 'it''s'\n"
    "count: -12\n"
    "small: 0x1f\n"
    "on: yes\n"
    "ratio: 1.5\n"
    "colour: green\n"
    "vars: { memory: 128, \"odd \\\" key\": \"tab\\there \\u00e9\" }\n"
    "roles:\n"
    "  src:\n"
    "    arch: amd64\n"
    "    flags: [xen, hap]\n"
    "  dst: { arch: arm64 }\n"
    "matrix:\n"
    "  arch: [amd64, arm64]\n"
    "words: []\n";

static void
test_good(void)
{
    struct fault why = FAULT_INIT;
    struct doc *doc = NULL;
    void *value = NULL;

    if (!ok_fault(yaml_load_data("f", good, strlen(good), &doc_schema, &value,
                                 &why), &why, "a good file loads"))
        return;
    doc = value;
    is_str(doc->name, "it's", "a quoted text");
    is_int(doc->count, -12, "an int");
    is_int(doc->small, 31, "a hexadecimal uint");
    ok(doc->on, "a bool");
    ok(doc->ratio > 1.4 && doc->ratio < 1.6, "a float");
    is_int(doc->colour, GREEN, "an enum");
    is_int(doc->vars_count, 2, "two pairs");
    is_str(doc->vars[0].key, "memory", "first key");
    is_str(doc->vars[0].value, "128", "first value");
    is_str(doc->vars[1].key, "odd \" key", "odd key");
    is_str(doc->vars[1].value, "tab\there \xc3\xa9", "odd value");
    is_int(doc->roles_count, 2, "two roles");
    is_str(doc->roles[0].name, "src", "role name");
    is_str(doc->roles[0].flags[1], "hap", "a flag");
    is_str(doc->roles[1].arch, "arm64", "the other role");
    is_str(doc->matrix[0].values[1], "arm64", "a list in a free mapping");
    is_int(doc->words_count, 0, "an empty list");
    yaml_unload(&doc_schema, value);
}

struct bad {
    const char *text, *want, *more;
};

static const struct bad bads[] = {
    { "", "f:1: the file is empty", "" },
    { "# only this\n", "f:1: the file is empty", "" },
    { "[a]\n", "f:1: the file wants a mapping, not a list", "" },
    { "name: ok\ncolor: red\n", "f:2: unknown key 'color'", "" },
    { "count: 1\n", "f:1: key 'name' is missing", "" },
    { "name: ok\ncount: 1\ncount: 2\n",
      "f:3: key 'count' is given twice, first on line 2", "" },
    { "name: ok\nvars: { a: 1, a: 2 }\n",
      "f:2: key 'a' is given twice, first on line 2", "" },
    { "name: ok\ncount: many\n",
      "f:2: 'count' wants a whole number, not 'many'", "" },
    { "name: ok\ncount: 010x\n", "f:2: 'count' wants a whole number", "" },
    { "name: ok\ncount: 3000000000\n", "f:2: 'count': 3000000000 is not "
      "between -2147483648 and 2147483647", "" },
    { "name: ok\nsmall: 256\n", "f:2: 'small': 256 is not between 0 and 255",
      "" },
    { "name: ok\nsmall: -1\n", "f:2: 'small': -1 is not between 0", "" },
    { "name: ok\non: 1\n", "f:2: 'on' wants true or false, not '1'", "" },
    { "name: ok\nratio: nan\n", "f:2: 'ratio' wants a number, not 'nan'",
      "" },
    { "name: ok\ncolour: blue\n", "f:2: 'colour': 'blue' is none of red, "
      "green", "" },
    { "name: ok\ncolour: 1\n", "f:2: 'colour': '1' is none of", "" },
    { "name: [a]\n", "f:1: 'name' wants a text, not a list", "" },
    { "name:\n", "f:1: 'name' wants a text, not nothing", "" },
    { "name: x\n", "f:1: 'name' is too short: 'x'", "" },
    { "name: far-too-long\n", "f:1: 'name' is longer than 8 bytes", "" },
    { "name: ok\nwords: a\n", "f:2: 'words' wants a list, not a text", "" },
    { "name: ok\nwords:\n  - a\n  - [b]\n",
      "f:4: entry 2 of 'words' wants a text, not a list", "" },
    { "name: ok\nvars: [a]\n", "f:2: 'vars' wants a mapping, not a list",
      "" },
    { "name: ok\nvars:\n  a: {}\n", "f:3: 'a' wants a text, not a mapping",
      "" },
    { "name: ok\nroles: {}\n", "f:2: 'roles' wants at least 1 entries, not 0",
      "" },
    { "name: ok\nroles:\n  src: x\n", "f:3: 'src' wants a mapping, not a "
      "text", "" },
    { "name: ok\nroles:\n  src:\n    arc: x\n", "f:4: unknown key 'arc'",
      "f:4: key 'arch' is missing" },
    { "name: ok\nroles: { s: { arch: a, '=key': b } }\n",
      "f:2: unknown key '=key'", "" },
    { "name: ok\nroles: { s: { arch: a, flags: [a, b, c, d] } }\n",
      "f:2: 'flags' wants at most 3 entries, not 4", "" },
    { "name: ok\n? [a]\n: b\n", "f:2: a key must be a text", "" },
    { "name: ok\n\"bad\n", "f:3: while scanning a quoted scalar", "" },
    { "name: ok\n\tcount: 1\n", "f:2: while scanning", "" },
    { "name: \xff\n", "f:1: ", "" },
    { "name: \"a\\0b\"\n", "f:1: a zero byte in a text", "" },
    { "name: ok\n---\nname: ok\n", "f:2: a second document starts here", "" },
    { "name: &a ok\n", "f:1: anchors and aliases are not supported", "" },
    { "name: *a\n", "f:1: anchors and aliases are not supported", "" },
    { "name: !!binary ok\n", "f:1: tags are not supported", "" },
    { "nam: x\ncount: y\nsmall: z\n", "f:1: unknown key 'nam'",
      "f:1: key 'name' is missing\n"
      "f:2: 'count' wants a whole number, not 'y'\n"
      "f:3: 'small' wants a whole number, not 'z'" },
};

static void
test_bad(void)
{
    size_t i;

    for (i = 0; i < ARRAY_LEN(bads); i++) {
        struct fault why = FAULT_INIT;
        void *value = NULL;

        not_ok_fault(yaml_load_data("f", bads[i].text, strlen(bads[i].text),
                                    &doc_schema, &value, &why), &why,
                     FAULT_CONFIG, bads[i].want, "%s", bads[i].want);
        if (bads[i].more[0] != '\0' || why.detail[0] != '\0')
            is_str(why.detail, bads[i].more, "and the rest");
        ok(value == NULL, "nothing is returned");
    }
}

/* Files made to be large or deep. */
static void
test_hostile(void)
{
    struct buf text = BUF_INIT;
    struct fault why = FAULT_INIT;
    void *value = NULL;
    int i;

    for (i = 0; i < 5000; i++)
        buf_addc(&text, '[');
    not_ok_fault(yaml_load_data("f", text.data, text.len, &doc_schema, &value,
                                &why), &why, FAULT_CONFIG,
                 "nested over 32 deep", "a deep file");
    buf_reset(&text);
    buf_adds(&text, "vars:\n");
    for (i = 0; i < 5000; i++)
        buf_addf(&text, "  k%d: 1\n", i);
    not_ok_fault(yaml_load_data("f", text.data, text.len, &doc_schema, &value,
                                &why), &why, FAULT_CONFIG,
                 "f:1: key 'name' is missing", "a mapping of many keys");
    has_str(why.detail, "a mapping of over 4096 keys", "is refused");
    buf_reset(&text);
    buf_adds(&text, "words: [");
    for (i = 0; i < 250000; i++)
        buf_adds(&text, "a,");
    not_ok_fault(yaml_load_data("f", text.data, text.len, &doc_schema, &value,
                                &why), &why, FAULT_CONFIG,
                 "over 200000 nodes", "a wide file");
    while (text.len <= YAML_MAX_BYTES)
        buf_adds(&text, "                                                ");
    not_ok_fault(yaml_load_data("f", text.data, text.len, &doc_schema, &value,
                                &why), &why, FAULT_CONFIG,
                 "over 4194304 bytes", "a long file");
    buf_reset(&text);
    for (i = 0; i < 100; i++)
        buf_addf(&text, "bad%d: 1\n", i);
    not_ok_fault(yaml_load_data("f", text.data, text.len, &doc_schema, &value,
                                &why), &why, FAULT_CONFIG, "f:1: unknown key",
                 "many errors");
    has_str(why.detail, "and 81 more", "are counted");
    buf_free(&text);
}

static void
test_file(void)
{
    char path[] = "/tmp/yaml-test-XXXXXX";
    struct fault why = FAULT_INIT;
    char want[200];
    void *value = NULL;
    int fd = mkstemp(path);

    if (fd < 0)
        tap_bail("mkstemp");
    ok_fault(fd_write_all(fd, good, strlen(good), &why), &why, "write");
    close(fd);
    if (ok_fault(yaml_load_file(path, &doc_schema, &value, &why), &why,
                 "a file loads"))
        yaml_unload(&doc_schema, value);
    is_int(yaml_line_of(path, "count"), 3, "line of a key");
    is_int(yaml_line_of(path, "roles/src/arch"), 11, "line of a nested key");
    is_int(yaml_line_of(path, "roles/src/flags/1"), 12, "line of an entry");
    is_int(yaml_line_of(path, "roles/dst/nothing"), 13, "the nearest above");
    is_int(yaml_line_of("/nonexistent", "a"), 0, "no file");
    snprintf(want, sizeof(want), "%s:11: no such architecture 'vax'", path);
    ok(!yaml_fault(&why, path, "roles/src/arch", "no such architecture '%s'",
                   "vax"), "a semantic error");
    is_str(why.text, want, "has its line");
    unlink(path);
    not_ok_fault(yaml_load_file(path, &doc_schema, &value, &why), &why,
                 FAULT_NOT_FOUND, "No such file", "a missing file");
}

int
main(void)
{
    test_good();
    test_bad();
    test_hostile();
    test_file();
    return tap_done();
}
