#ifndef GRANDSTAND_CHECKSUM_H
#define GRANDSTAND_CHECKSUM_H

#include <stddef.h>
#include <stdint.h>

/// CRC-32C (Castagnoli, reflected, RFC 3720 B.4) of `length` bytes, continuing from `crc`.
///
/// Start with 0; feed the result back in to go on. Uses the processor's instruction where it has
/// one, decided once at run time, else a table.
uint32_t grandstand_crc32c(uint32_t crc, const void *bytes, size_t length);

/// Puts into the first four bytes of each slot of 256 bytes the checksum of its rest.
void grandstand_seal_slots(void *slots, size_t count);

/// Whether each slot's first four bytes are the checksum of its rest.
int grandstand_slots_hold(const void *slots, size_t count);

/// `grandstand_crc32c` by table only, so that a test can hold the two against each other.
uint32_t grandstand_crc32c_by_table(uint32_t crc, const void *bytes, size_t length);

#endif
