/* tests/hypervisor/deb-test.c - what apt says, and what it is told. */
#include <config.h>

#include "harness/strv.h"
#include "hypervisor/build_root.h"
#include "hypervisor/deb.h"
#include "tests/tap.h"

#define HASH \
    "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"

static void
uris(void)
{
    static const char text[] =
        "'http://m/pool/z/zlib/zlib1g_1%3a1.2_amd64.deb' "
        "zlib1g_1%3a1.2_amd64.deb 86684 SHA256:" HASH "\n"
        "'http://m/pool/b/bash/bash_5.2-b13_amd64.deb' "
        "bash_5.2-b13_amd64.deb 12 SHA256:" HASH "\n";
    static const char *const bad[] = {
        "what is this\n",
        "'http://m/a.deb' a_1_all.deb 12 MD5Sum:0123\n",
        "'http://m/a.deb' a_1_all.deb -12 SHA256:" HASH "\n",
        "'http://m/a.deb' ../a_1_all.deb 12 SHA256:" HASH "\n",
        "'http://m/a.deb' a.deb 12 SHA256:" HASH "\n",
        "'http://m/a.deb' a_1_all.deb 12 SHA256:" HASH "0\n",
        "'http://m/a.deb' a_1_all.deb 12\n",
    };
    struct deb_package *list = NULL;
    struct fault why = FAULT_INIT;
    size_t count = 0, i;

    if (ok_fault(deb_parse_uris(text, "/cache", &list, &count, &why), &why,
                 "a list of packages")) {
        is_int((int64_t)count, 2, "two");
        is_str(list[0].name, "bash", "sorted by name");
        is_str(list[1].version, "1:1.2", "a version with an epoch");
        is_str(list[1].file, "/cache/zlib1g_1%3a1.2_amd64.deb", "its file");
        is_int(list[1].bytes, 86684, "its size");
        is_str(list[1].sha256, HASH, "its hash");
    }
    deb_packages_free(list, count);
    ok(deb_parse_uris("", "/cache", &list, &count, &why) && count == 0,
       "nothing is nothing");
    for (i = 0; i < ARRAY_LEN(bad); i++)
        not_ok_fault(deb_parse_uris(bad[i], "/cache", &list, &count, &why),
                     &why, FAULT_PEER, "not understood", "bad line %zu", i);
}

static void
sources(void)
{
    static const char targets[] =
        "http://other/repo/ stable contrib\n"
        "http://m/debian/ bookworm-backports main\n"
        "http://m/debian/ bookworm main\n"
        "http://m/debian/ bookworm-updates main\n"
        "http://m/security/ bookworm-security main\n";
    struct fault why = FAULT_INIT;
    char *text = NULL;

    if (ok_fault(deb_make_sources(targets, "bookworm", "trixie", false,
                                  "/k.gpg", &text, &why), &why,
                 "another suite"))
        is_str(text,
               "deb [signed-by=/k.gpg] http://m/debian/ trixie main\n"
               "deb [signed-by=/k.gpg] http://m/debian/ trixie-updates main\n"
               "deb [signed-by=/k.gpg] http://m/security/ trixie-security "
               "main\n", "from the machine's own mirrors");
    free(text);
    text = NULL;
    if (ok_fault(deb_make_sources(targets, "bookworm", "sid", false,
                                  "/k.gpg", &text, &why), &why, "unstable"))
        is_str(text, "deb [signed-by=/k.gpg] http://m/debian/ sid main\n",
               "has no updates");
    free(text);
    text = NULL;
    if (ok_fault(deb_make_sources(targets, "bookworm", "sid", true, "/k.gpg",
                                  &text, &why), &why, "sources"))
        is_str(text, "deb-src [signed-by=/k.gpg] http://m/debian/ sid main\n",
               "are of another type");
    free(text);
    not_ok_fault(deb_make_sources(targets, "forky", "trixie", false, "/k",
                                  &text, &why), &why, FAULT_CONFIG, "forky",
                 "a machine without a Debian mirror");
}

static void
showsrc(void)
{
    char **list = strv_copy(NULL);

    deb_parse_showsrc("Package: xen\nVersion: 4.17.5+23-1\nBinary: a\n\n"
                      "Package: xen-tools\nVersion: 9\n\n"
                      "Package: xen\nVersion: 4.17.5+23-1\n\n"
                      "Package: xen\nVersion: 1:4.20.0-1~x", "xen", &list);
    is_int((int64_t)strv_count(list), 2,
           "two versions of the package, each once");
    is_str(list[0], "4.17.5+23-1", "the first");
    is_str(list[1], "1:4.20.0-1~x", "and one at the end of the text");
    strv_free(list);
    list = strv_copy(NULL);
    deb_parse_showsrc("", "xen", &list);
    is_int((int64_t)strv_count(list), 0, "nothing is none");
    strv_free(list);
}

static void
status(void)
{
    json_t *list = build_root_packages(
        "Package: a\nStatus: install ok installed\nVersion: 1.0-1\n"
        "Description: of a\n Version: no\n\n"
        "Version: 9\n\nPackage: b\nVersion: 1:2~x");

    is_int((int64_t)json_array_size(list), 2, "two packages in a root");
    is_str(json_string_value(json_array_get(list, 0)), "a=1.0-1", "one");
    is_str(json_string_value(json_array_get(list, 1)), "b=1:2~x", "other");
    json_decref(list);
}

int
main(void)
{
    uris();
    sources();
    showsrc();
    status();
    return tap_done();
}
