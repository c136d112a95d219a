// Preloaded into the server: the journal's writes fail with EIO once the file named by FAIL_WHEN exists; while the file
// named by FULL_WHEN exists, there is no room for new segments, nor for the rows of the projections; while SNAPSHOT_FULL_WHEN's exists, none for snapshots.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

static ssize_t fail_or(ssize_t (*real)(int, const void *, size_t, off_t), int fd, const void *bytes,
                       size_t count, off_t at) {
    const char *when = getenv("FAIL_WHEN");
    int flags = fcntl(fd, F_GETFL);
    if (when && flags >= 0 && (flags & O_DIRECT) && access(when, F_OK) == 0) {
        errno = EIO;
        return -1;
    }
    const char *snapshot = getenv("SNAPSHOT_FULL_WHEN");
    if (snapshot && access(snapshot, F_OK) == 0) {
        char link[64], path[4096];
        snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
        ssize_t length = readlink(link, path, sizeof path - 1);
        path[length < 0 ? 0 : length] = 0;
        if (strstr(path, "making-snapshot")) {
            errno = ENOSPC;
            return -1;
        }
    }
    const char *full = getenv("FULL_WHEN");
    if (full && access(full, F_OK) == 0) {
        char link[64], path[4096];
        snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
        ssize_t length = readlink(link, path, sizeof path - 1);
        path[length < 0 ? 0 : length] = 0;
        if (strstr(path, ".making-") || strstr(path, "projection.sqlite")) {
            errno = ENOSPC;
            return -1;
        }
    }
    return real(fd, bytes, count, at);
}

ssize_t pwrite(int fd, const void *bytes, size_t count, off_t at) {
    return fail_or((ssize_t(*)(int, const void *, size_t, off_t))dlsym(RTLD_NEXT, "pwrite"), fd, bytes, count, at);
}

ssize_t pwrite64(int fd, const void *bytes, size_t count, off_t at) {
    return fail_or((ssize_t(*)(int, const void *, size_t, off_t))dlsym(RTLD_NEXT, "pwrite64"), fd, bytes, count, at);
}
