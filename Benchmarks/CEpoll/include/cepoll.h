#ifndef GRANDSTAND_EPOLL_H
#define GRANDSTAND_EPOLL_H

// What the load client needs of Linux and Swift's Glibc module does not show.
#include <stddef.h>
#include <sys/epoll.h>

/// The first place of `wanted` in `bytes`, or NULL.
const void *gs_find(const void *bytes, size_t count, const void *wanted, size_t wanted_count);

#endif
