// Preloaded into the server. While the file named by SLOW_WHEN exists, every write of the journal takes as many milliseconds longer as the
// file says; the wall clock is off by as many milliseconds as the file named by CLOCK_OFF says.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <time.h>
#include <unistd.h>

static long number_in(const char *variable) {
    const char *path = getenv(variable);
    if (!path) return 0;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return 0;
    char text[32];
    ssize_t count = read(fd, text, sizeof text - 1);
    close(fd);
    text[count < 0 ? 0 : count] = 0;
    return strtol(text, NULL, 10);
}

static void slow(int fd) {
    int flags = fcntl(fd, F_GETFL);
    if (flags < 0 || (flags & (O_DIRECT | O_DSYNC)) != (O_DIRECT | O_DSYNC)) return;
    long milliseconds = number_in("SLOW_WHEN");
    if (milliseconds > 0) usleep((useconds_t)milliseconds * 1000);
}

ssize_t pwrite(int fd, const void *bytes, size_t count, off_t at) {
    slow(fd);
    return ((ssize_t(*)(int, const void *, size_t, off_t))dlsym(RTLD_NEXT, "pwrite"))(fd, bytes, count, at);
}

ssize_t pwrite64(int fd, const void *bytes, size_t count, off_t at) {
    slow(fd);
    return ((ssize_t(*)(int, const void *, size_t, off_t))dlsym(RTLD_NEXT, "pwrite64"))(fd, bytes, count, at);
}

int clock_gettime(clockid_t clock, struct timespec *now) {
    static int (*real)(clockid_t, struct timespec *);
    if (!real) real = (int (*)(clockid_t, struct timespec *))dlsym(RTLD_NEXT, "clock_gettime");
    int answer = real(clock, now);
    if (clock == CLOCK_REALTIME && answer == 0) {
        long off = number_in("CLOCK_OFF");
        long long all = now->tv_sec * 1000000000LL + now->tv_nsec + off * 1000000LL;
        now->tv_sec = all / 1000000000LL;
        now->tv_nsec = all % 1000000000LL;
    }
    return answer;
}
