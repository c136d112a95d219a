#define _GNU_SOURCE
#include "csystem.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <stdio.h>
#include <sys/sysmacros.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

int gs_open_journal(const char *path, int create, int direct) {
    int flags = O_RDWR | O_CLOEXEC;
    if (create) flags |= O_CREAT;
    if (direct) flags |= O_DIRECT;
    if (direct == 1) flags |= O_DSYNC;
    int fd = open(path, flags, 0600);
    return fd < 0 ? -errno : fd;
}

int gs_lock_exclusive(int descriptor) {
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    return fcntl(descriptor, F_OFD_SETLK, &lock) ? -errno : 0;
}

int gs_direct_alignment(const char *path) {
#ifdef STATX_DIOALIGN
    struct statx s;
    if (statx(AT_FDCWD, path, 0, STATX_DIOALIGN, &s)) return -errno;
    return s.stx_mask & STATX_DIOALIGN ? (int)s.stx_dio_offset_align : 0;
#else
    (void)path;
    return 0;
#endif
}

int64_t gs_filesystem_magic(const char *path) {
    struct statfs s;
    return statfs(path, &s) ? -(int64_t)errno : (int64_t)s.f_type;
}

int gs_block_setting(const char *path, const char *name, char *out, size_t size) {
    struct stat s;
    if (stat(path, &s)) return -errno;
    // A partition has no queue of its own: its disk's stands one directory up.
    const char *forms[] = {"/sys/dev/block/%u:%u/queue/%s", "/sys/dev/block/%u:%u/../queue/%s"};
    for (int form = 0; form < 2; form++) {
        char file[256];
        snprintf(file, sizeof file, forms[form], major(s.st_dev), minor(s.st_dev), name);
        int fd = open(file, O_RDONLY | O_CLOEXEC);
        if (fd < 0) continue;
        ssize_t count = read(fd, out, size - 1);
        close(fd);
        if (count < 0) return -errno;
        while (count > 0 && (out[count - 1] == '\n' || out[count - 1] == ' ')) count--;
        out[count] = 0;
        return (int)count;
    }
    return -ENOENT;
}

int64_t gs_free_bytes(const char *path) {
    struct statvfs s;
    return statvfs(path, &s) ? -(int64_t)errno : (int64_t)s.f_bavail * (int64_t)s.f_frsize;
}

static int64_t nanoseconds(clockid_t clock) {
    struct timespec t;
    clock_gettime(clock, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

int64_t gs_boot_nanoseconds(void) { return nanoseconds(CLOCK_BOOTTIME); }
int64_t gs_wall_nanoseconds(void) { return nanoseconds(CLOCK_REALTIME); }

enum { GATE_CLOSED, GATE_OPEN, GATE_SLEEPING };

void gs_gate_wait(gs_gate *gate, int64_t timeout_ns) {
    uint32_t expected = GATE_CLOSED;
    if (__atomic_compare_exchange_n(&gate->state, &expected, GATE_SLEEPING, 0, __ATOMIC_ACQ_REL,
                                    __ATOMIC_ACQUIRE)) {
        struct timespec t = {timeout_ns / 1000000000, timeout_ns % 1000000000};
        syscall(SYS_futex, &gate->state, FUTEX_WAIT_PRIVATE, GATE_SLEEPING,
                timeout_ns < 0 ? NULL : &t, NULL, 0);
    }
    __atomic_store_n(&gate->state, GATE_CLOSED, __ATOMIC_RELEASE);
}

void gs_gate_close(gs_gate *gate) { __atomic_store_n(&gate->state, GATE_CLOSED, __ATOMIC_RELEASE); }

void gs_gate_open(gs_gate *gate) {
    if (__atomic_exchange_n(&gate->state, GATE_OPEN, __ATOMIC_ACQ_REL) == GATE_SLEEPING)
        syscall(SYS_futex, &gate->state, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
}

int gs_random(void *bytes, size_t length) {
    uint8_t *p = bytes;
    while (length) {
        ssize_t n = getrandom(p, length, 0);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return -errno;
        p += n;
        length -= (size_t)n;
    }
    return 0;
}

int gs_listen(const char *host, uint16_t port, int reuse_port, int backlog, uint16_t *bound_port) {
    struct sockaddr_storage storage;
    socklen_t length;
    memset(&storage, 0, sizeof storage);
    struct sockaddr_in *v4 = (struct sockaddr_in *)&storage;
    struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&storage;
    if (inet_pton(AF_INET, host, &v4->sin_addr) == 1) {
        v4->sin_family = AF_INET;
        v4->sin_port = htons(port);
        length = sizeof *v4;
    } else if (inet_pton(AF_INET6, host, &v6->sin6_addr) == 1) {
        v6->sin6_family = AF_INET6;
        v6->sin6_port = htons(port);
        length = sizeof *v6;
    } else {
        return -EINVAL;
    }
    int fd = socket(storage.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) return -errno;
    int one = 1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (reuse_port) setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &one, sizeof one);
    if (bind(fd, (struct sockaddr *)&storage, length) || listen(fd, backlog) ||
        getsockname(fd, (struct sockaddr *)&storage, &length)) {
        int e = errno;
        close(fd);
        return -e;
    }
    *bound_port = ntohs(storage.ss_family == AF_INET ? v4->sin_port : v6->sin6_port);
    return fd;
}

int64_t gs_raise_open_files(void) {
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit)) return -errno;
    limit.rlim_cur = limit.rlim_max;
    if (setrlimit(RLIMIT_NOFILE, &limit)) return -errno;
    return (int64_t)limit.rlim_cur;
}

int gs_set_user_timeout(int descriptor, uint32_t milliseconds) {
    unsigned value = milliseconds;
    return setsockopt(descriptor, IPPROTO_TCP, TCP_USER_TIMEOUT, &value, sizeof value) == 0 ? 0 : -errno;
}

int gs_bound_unsent(int descriptor, uint32_t bytes) {
    int most = (int)bytes;
    return setsockopt(descriptor, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &most, sizeof most) ? -errno : 0;
}

int gs_set_nodelay(int descriptor) {
    int one = 1;
    return setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one) ? -errno : 0;
}

void gs_name_thread(const char *name) {
    char cut[16] = {0};
    strncpy(cut, name, 15);
    prctl(PR_SET_NAME, cut);
}

int gs_hold_core(void) {
    static _Thread_local int is_denied;
    if (is_denied) return 0;
    // The lowest of the real-time priorities: above everything ordinary, below whatever else is there.
    struct sched_param lowest = {.sched_priority = sched_get_priority_min(SCHED_FIFO)};
    if (sched_setscheduler(0, SCHED_FIFO, &lowest) == 0) return 1;
    is_denied = 1;
    return 0;
}

void gs_let_go_of_core(void) {
    struct sched_param none = {0};
    sched_setscheduler(0, SCHED_OTHER, &none);
}

int gs_batch_thread(void) {
    struct sched_param none = {0};
    return sched_setscheduler(0, SCHED_BATCH, &none) ? -errno : 0;
}

int gs_background_thread(void) {
    struct sched_param none = {0};
    return sched_setscheduler(0, SCHED_IDLE, &none) ? -errno : 0;
}

