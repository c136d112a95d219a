#ifndef GRANDSTAND_SYSTEM_H
#define GRANDSTAND_SYSTEM_H

#include <stddef.h>
#include <stdint.h>

/// What Linux has and neither libuv nor Swift's Glibc module shows. Each returns -errno on failure.

/// Opens for reading and writing, close-on-exec, with O_DIRECT|O_DSYNC when `direct` is 1, O_DIRECT when it is 2.
int gs_open_journal(const char *path, int create, int direct);
/// Takes an exclusive open-file-description lock on the whole file, without waiting.
int gs_lock_exclusive(int descriptor);
/// Statx's direct-I/O alignment in bytes, or 0 where the kernel does not tell.
int gs_direct_alignment(const char *path);
/// The filesystem's magic number, as statfs says it.
int64_t gs_filesystem_magic(const char *path);
/// A setting of the block device's queue under `path`, such as "write_cache" or "fua"; its length.
int gs_block_setting(const char *path, const char *name, char *out, size_t size);
/// Free bytes for an unprivileged writer on the filesystem of `path`.
int64_t gs_free_bytes(const char *path);
/// Nanoseconds of the boot clock, which goes on while the machine sleeps.
int64_t gs_boot_nanoseconds(void);
/// Nanoseconds of UTC since 1970.
int64_t gs_wall_nanoseconds(void);
/// A gate that one thread sleeps at and others open; opening it before costs nothing later.
typedef struct { uint32_t state; } gs_gate;
/// Sleeps until the gate is opened or `timeout_ns` (negative: for ever) passed; closes it again.
void gs_gate_wait(gs_gate *gate, int64_t timeout_ns);
void gs_gate_open(gs_gate *gate);
/// Forgets that it was opened; by the thread that sleeps at it.
void gs_gate_close(gs_gate *gate);
/// Random bytes from the kernel.
int gs_random(void *bytes, size_t length);
/// A listening IPv4 or IPv6 TCP socket with SO_REUSEADDR (and SO_REUSEPORT when asked), non-blocking, close-on-exec.
int gs_listen(const char *host, uint16_t port, int reuse_port, int backlog, uint16_t *bound_port);
/// The limit of open files raised as far as it may be; the new soft limit.
int64_t gs_raise_open_files(void);
int gs_set_nodelay(int descriptor);
/// TCP_USER_TIMEOUT: how long sent bytes may stay unacknowledged.
int gs_set_user_timeout(int descriptor, uint32_t milliseconds);
/// The kernel takes no more than so many bytes (and one write) beyond what is on its way: who stops reading costs no more.
int gs_bound_unsent(int descriptor, uint32_t bytes);
/// Names the calling thread, as `top -H` shows it; cut to 15 bytes.
void gs_name_thread(const char *name);
/// Until it lets go, nothing ordinary takes the core from the calling thread: for a moment that everybody waits for.
/// 1, or 0 where the system does not permit it and nothing has changed.
int gs_hold_core(void);
void gs_let_go_of_core(void);
/// The calling thread runs only when nobody else wants its core; any waking thread takes the core from it at once.
int gs_background_thread(void);
/// The calling thread, when woken, lets whoever runs at that moment finish its slice; but for background threads.
int gs_batch_thread(void);

#endif
