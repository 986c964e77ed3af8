/* hosts/web_files.c - artefacts as they are served. */
#include <config.h>

#include "hosts/web_files.h"

#include <sys/stat.h>

#include "harness/artefact.h"
#include "harness/fault.h"
#include "harness/fs.h"
#include "hosts/http_server.h"

#define ALIGN 4

/* True when the open file has its name's hash. */
static bool
verify(struct web_files *files, const char *sha256, int fd, struct fault *why)
{
    struct stat info;

    if (fstat(fd, &info) != 0)
        return fault_errno(why, FAULT_SYSTEM, "artefact %s", sha256);
    for (size_t i = 0; i < WEB_FILES_KNOWN; i++) {
        if (strcmp(files->known[i].sha256, sha256) == 0
            && files->known[i].dev == info.st_dev
            && files->known[i].ino == info.st_ino
            && files->known[i].size == info.st_size
            && files->known[i].changed.tv_sec == info.st_ctim.tv_sec
            && files->known[i].changed.tv_nsec == info.st_ctim.tv_nsec)
            return true;
    }
    if (!artefact_verify(sha256, NULL, why))
        return false;
    (void)snprintf(files->known[files->next].sha256,
                   sizeof files->known[0].sha256, "%s", sha256);
    files->known[files->next].dev = info.st_dev;
    files->known[files->next].ino = info.st_ino;
    files->known[files->next].size = info.st_size;
    files->known[files->next].changed = info.st_ctim;
    files->next = (files->next + 1) % WEB_FILES_KNOWN;
    return true;
}

bool
web_files_add(struct web_files *files, const json_t *names,
              struct http_reply *reply, struct fault *why)
{
    int64_t total = 0, bytes = 0;
    const json_t *name;
    size_t i;
    bool ok = true;

    json_array_foreach(names, i, name) {
        struct http_part *part = &reply->parts[reply->part_count];
        const char *sha256 = json_string_value(name);
        int fd = -1;

        ok = reply->part_count + 2 <= HTTP_PARTS_MAX && sha256 != NULL;
        if (!ok) {
            fault_set(why, FAULT_DATA, "a file of %zu parts",
                      json_array_size(names));
            break;
        }
        ok = artefact_open(sha256, &fd, &bytes, why)
            && verify(files, sha256, fd, why);
        if (!ok) {
            fd_close(&fd);
            break;
        }
        if (total % ALIGN != 0) {
            *part++ = (struct http_part){ -1, 0, ALIGN - total % ALIGN };
            total += ALIGN - total % ALIGN;
            reply->part_count++;
        }
        *part = (struct http_part){ fd, 0, bytes };
        reply->part_count++;
        total += bytes;
    }
    if (!ok) {
        for (int j = 0; j < reply->part_count; j++)
            fd_close(&reply->parts[j].fd);
        reply->part_count = 0;
    }
    return ok;
}
