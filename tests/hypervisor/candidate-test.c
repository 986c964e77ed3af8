/* tests/hypervisor/candidate-test.c - candidates from directories, and their
 * rows. */
#include <config.h>

#include <unistd.h>

#include "harness/arena.h"
#include "harness/artefact.h"
#include "harness/db.h"
#include "harness/fs.h"
#include "hypervisor/candidate.h"
#include "hypervisor/candidate_db.h"
#include "tests/pgfix.h"
#include "tests/tap.h"

static struct arena arena = ARENA_INIT;
static char *dir;

static void
put(const char *path, const char *text)
{
    char *file = arena_printf(&arena, "%s/%s", dir, path), *slash;
    char *parent = arena_strdup(&arena, file);
    struct fault why = FAULT_INIT;

    slash = strrchr(parent, '/');
    *slash = '\0';
    if (!fs_mkdirs(parent, 0755, &why)
        || !fs_write_file(file, 0644, text, strlen(text), &why))
        tap_bail("%s", why.text);
}

static bool
from_dir(const char *path, const char *arch, struct candidate **out,
         struct fault *why)
{
    const char *archs[] = { arch, NULL };
    struct candidate_options options = { .name = "mine", .archs = archs };

    *why = (struct fault)FAULT_INIT;
    return candidate_from_dir(&options,
                              arena_printf(&arena, "%s/%s", dir, path), out,
                              why);
}

static void
refused(const char *path, const char *arch, enum fault_kind kind,
        const char *part, const char *what)
{
    struct candidate *candidate = NULL;
    struct fault why;

    not_ok_fault(from_dir(path, arch, &candidate, &why), &why, kind, part,
                 "%s", what);
    candidate_free(candidate);
}

static struct candidate *
good(void)
{
    struct candidate *candidate = NULL;
    struct fault why;

    put("tree/amd64/xen", "X\0e\0n\0");
    put("tree/amd64/kernel", "Linux version 6.1-mine (x)");
    put("tree/amd64/initrd", "initrd");
    put("tree/amd64/notes.txt", "not a part");
    put("tree/amd64/candidate.yaml",
        "properties: { xen_version: 4.99-mine }\n"
        "sha256:\n"
        "  initrd: 4c2a7f8bde2b9f4d3d5f1c7c1a5b3a1b"
        "4c2a7f8bde2b9f4d3d5f1c7c1a5b3a1b\n");
    refused("tree", NULL, FAULT_CONFIG, "tree/amd64/initrd",
            "a part with another hash");
    put("tree/amd64/candidate.yaml",
        "properties: { xen_version: 4.99-mine }\n");
    put("tree/arm64/xen", "xen for arm");
    put("tree/arm64/kernel", "kernel");
    put("tree/arm64/initrd", "initrd");
    put("tree/arm64/grub.efi", "grub");
    if (!ok_fault(from_dir("tree", NULL, &candidate, &why), &why,
                  "a tree of both architectures"))
        tap_bail("no candidate");
    is_int((int64_t)candidate->part_count, 7, "all parts and nothing else");
    is_str(candidate_find_property(candidate, "amd64", "xen_version"),
           "4.99-mine", "a property from the file");
    is_str(candidate_find_property(candidate, "amd64", "kernel_version"),
           "6.1-mine", "a property from a part");
    ok(candidate_find_part(candidate, "arm64", "grub.efi") != NULL
       && candidate_find_part(candidate, "amd64", "grub.efi") == NULL,
       "parts belong to architectures");
    ok_fault(candidate_verify(candidate, &why), &why, "all is stored");
    return candidate;
}

static void
bad(void)
{
    struct candidate *candidate = NULL;
    struct fault why;

    refused("nosuch", NULL, FAULT_NOT_FOUND, "nosuch", "no directory");
    put("empty/readme", "x");
    refused("empty", NULL, FAULT_CONFIG, "amd64 or arm64",
            "a directory without parts");
    put("half/amd64/xen", "x");
    refused("half", NULL, FAULT_CONFIG, "half/amd64 has no part 'initrd'",
            "a part is missing");
    refused("tree", "armhf", FAULT_CONFIG, "no part",
            "an architecture that is not there");
    put("flat/xen", "x");
    put("flat/kernel", "x");
    put("flat/initrd", "x");
    ok_fault(from_dir("flat", "arm64", &candidate, &why), &why,
             "a flat directory, when told what it is");
    candidate_free(candidate);
    put("flat/initrd", "");
    refused("flat", "arm64", FAULT_CONFIG, "flat/initrd is empty",
            "an empty part");
    put("flat/initrd", "x");
    put("flat/candidate.yaml", "properties: {}\nsha256: { nosuch: aa }\n");
    refused("flat", "arm64", FAULT_CONFIG, "candidate.yaml:2: 'nosuch'",
            "a hash of no part");
    put("flat/candidate.yaml", "sha256: { xen: aa }\n");
    refused("flat", "arm64", FAULT_CONFIG, "candidate.yaml:1: 'aa'",
            "no hash at all");
    put("flat/candidate.yaml", "colour: red\n");
    refused("flat", "arm64", FAULT_CONFIG, "candidate.yaml:1: ",
            "an unknown key");
    put("flat/candidate.yaml",
        "sha256: { guest-kernel: \"00000000000000000000000000000000"
        "00000000000000000000000000000000\" }\n");
    refused("flat", "arm64", FAULT_CONFIG, "no part 'guest-kernel'",
            "a hash of a part that is not there");
}

static void
saved(struct db *db, const struct candidate *candidate,
      enum candidate_saved want, const char *want_old, const char *what)
{
    enum candidate_saved saved = CANDIDATE_SAVED_NONE;
    struct fault why = FAULT_INIT;
    char *old = NULL;

    ok_fault(candidate_db_save(db, candidate, &saved, &old, &why), &why,
             "save %s", what);
    is_int(saved, want, "%s", what);
    is_str(old, want_old, "the one before");
    free(old);
}

static void
rows(struct candidate *candidate)
{
    struct db *db = pgfix_open("assay");
    struct candidate *found = NULL, **list = NULL;
    struct fault why = FAULT_INIT;
    size_t count = 0;
    int64_t first;

    not_ok_fault(candidate_db_find(db, "mine", &found, &why), &why,
                 FAULT_NOT_FOUND, "'mine'", "not there yet");
    saved(db, candidate, CANDIDATE_ADDED, NULL, "a new one");
    saved(db, candidate, CANDIDATE_UNCHANGED, NULL, "the same again");
    if (!ok_fault(candidate_db_find(db, "mine", &found, &why), &why,
                  "find it"))
        tap_bail("no candidate");
    is_int((int64_t)found->part_count, 7, "with its parts");
    is_int(candidate_find_part(found, "arm64", "grub.efi")->bytes, 4,
           "their sizes");
    is_str(candidate_find_property(found, "amd64", "kernel_version"),
           "6.1-mine", "and properties");
    candidate_free(found);

    candidate_add_property(candidate, "amd64", "kernel_version", "7");
    saved(db, candidate, CANDIDATE_CHANGED, NULL,
          "another one, when nobody used the old");
    first = pgfix_int("select candidate from assay.candidate"
                      " where name = 'mine'");
    pgfix_script("insert into assay.flight (branch, intended, harness)"
                 " values ('b', 'real', 'h');"
                 "insert into assay.job (flight, job, recipe, arch, candidate)"
                 " select 1, 'j', 'r', 'amd64', candidate"
                 " from assay.candidate");
    candidate_add_property(candidate, "amd64", "kernel_version", "8");
    saved(db, candidate, CANDIDATE_CHANGED, "mine+1",
          "another one, when a job used the old");
    ok(candidate_db_get(db, first, &found, &why)
       && strcmp(found->name, "mine+1") == 0
       && strcmp(candidate_find_property(found, "amd64", "kernel_version"),
                 "7") == 0, "the job's is what it was");
    candidate_free(found);
    ok(candidate_db_list(db, &list, &count, &why) && count == 2
       && strcmp(list[0]->name, "mine") == 0, "two are listed, newest first");
    candidate_list_free(list, count);
    db_close(db);
}

static void
damage(const struct candidate *candidate)
{
    const struct candidate_part *part =
        candidate_find_part(candidate, "arm64", "xen");
    struct fault why = FAULT_INIT;

    must(unlink(artefact_path(&arena, part->sha256)) == 0);
    not_ok_fault(candidate_verify(candidate, &why), &why, FAULT_DATA,
                 "part xen of mine for arm64", "a missing file is named");
}

int
main(void)
{
    struct candidate *candidate;
    struct pgfix fix;

    pgfix_start(&fix);
    dir = arena_printf(&arena, "%s/trees", fix.home);
    candidate = good();
    bad();
    rows(candidate);
    damage(candidate);
    candidate_free(candidate);
    arena_free(&arena);
    return pgfix_done(&fix);
}
