#include "checksum.h"

#include <pthread.h>
#include <string.h>

static uint32_t table[8][256];
static int has_instruction;
enum { LONG_LANE = 512, SHORT_LANE = 128, SLOT = 256 };
/// What appending so many zero bytes makes of a checksum, byte by byte of it: of a long lane, of a short one.
static uint32_t lane_shift[2][4][256];
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void prepare(void) {
    for (uint32_t i = 0; i < 256; i++) {
        uint32_t c = i;
        for (int k = 0; k < 8; k++) c = c & 1 ? 0x82f63b78u ^ (c >> 1) : c >> 1;
        table[0][i] = c;
    }
    for (uint32_t i = 0; i < 256; i++)
        for (int t = 1; t < 8; t++)
            table[t][i] = (table[t - 1][i] >> 8) ^ table[0][table[t - 1][i] & 0xff];
    for (int lane = 0; lane < 2; lane++)
        for (int bit = 0; bit < 32; bit++) {
            uint32_t c = 1u << bit;
            for (int i = 0; i < (lane ? SHORT_LANE : LONG_LANE); i++) c = table[0][c & 0xff] ^ (c >> 8);
            // A shift is linear: every value is the sum of its bits' shifts.
            for (int v = 0; v < 256; v++)
                if (v >> bit % 8 & 1) lane_shift[lane][bit / 8][v] ^= c;
        }
#if defined(__x86_64__)
    __builtin_cpu_init();
    has_instruction = __builtin_cpu_supports("sse4.2");
#endif
}

static uint32_t by_table(uint32_t c, const uint8_t *p, size_t n) {
    for (; n >= 8; n -= 8, p += 8) {
        uint32_t a, b;
        memcpy(&a, p, 4);
        memcpy(&b, p + 4, 4);
        a ^= c;
        c = table[7][a & 0xff] ^ table[6][a >> 8 & 0xff] ^ table[5][a >> 16 & 0xff] ^
            table[4][a >> 24] ^ table[3][b & 0xff] ^ table[2][b >> 8 & 0xff] ^
            table[1][b >> 16 & 0xff] ^ table[0][b >> 24];
    }
    while (n--) c = table[0][(c ^ *p++) & 0xff] ^ (c >> 8);
    return c;
}

static uint32_t shifted(uint32_t c, int lane) {
    return lane_shift[lane][0][c & 0xff] ^ lane_shift[lane][1][c >> 8 & 0xff] ^
           lane_shift[lane][2][c >> 16 & 0xff] ^ lane_shift[lane][3][c >> 24];
}

#if defined(__x86_64__)
/// Three checksums go on over `bytes` each, from places `apart`: the instruction takes three cycles and can be begun
/// in each.
__attribute__((target("sse4.2"), always_inline)) static inline void three_at_once(
    uint64_t sums[3], const uint8_t *p, const int apart, const int bytes) {
    uint64_t a = sums[0], b = sums[1], c = sums[2];
    for (int i = 0; i < bytes; i += 8) {
        uint64_t u, v, w;
        memcpy(&u, p + i, 8);
        memcpy(&v, p + apart + i, 8);
        memcpy(&w, p + 2 * apart + i, 8);
        a = __builtin_ia32_crc32di(a, u);
        b = __builtin_ia32_crc32di(b, v);
        c = __builtin_ia32_crc32di(c, w);
    }
    sums[0] = a;
    sums[1] = b;
    sums[2] = c;
}

/// One checksum over three lanes of `width` bytes.
__attribute__((target("sse4.2"), always_inline)) static inline uint64_t three_lanes(
    uint64_t c, const uint8_t *p, const int width, int lane) {
    uint64_t sums[3] = {c, 0, 0};
    three_at_once(sums, p, width, width);
    c = shifted((uint32_t)sums[0], lane) ^ (uint32_t)sums[1];
    return shifted((uint32_t)c, lane) ^ (uint32_t)sums[2];
}

__attribute__((target("sse4.2"))) static uint32_t by_instruction(uint32_t crc, const uint8_t *p,
                                                                 size_t n) {
    uint64_t c = crc;
    for (; n >= 3 * LONG_LANE; n -= 3 * LONG_LANE, p += 3 * LONG_LANE)
        c = three_lanes(c, p, LONG_LANE, 0);
    for (; n >= 3 * SHORT_LANE; n -= 3 * SHORT_LANE, p += 3 * SHORT_LANE)
        c = three_lanes(c, p, SHORT_LANE, 1);
    for (; n >= 8; n -= 8, p += 8) {
        uint64_t v;
        memcpy(&v, p, 8);
        c = __builtin_ia32_crc32di(c, v);
    }
    uint32_t r = (uint32_t)c;
    while (n--) r = __builtin_ia32_crc32qi(r, *p++);
    return r;
}
#endif

#if defined(__x86_64__)
/// Checksums of three slots, each of its bytes after the first four.
__attribute__((target("sse4.2"))) static void three_slots(const uint8_t *p, uint32_t sums[3]) {
    uint64_t running[3];
    for (int s = 0; s < 3; s++) {
        uint32_t head;
        memcpy(&head, p + s * SLOT + 4, 4);
        running[s] = __builtin_ia32_crc32si(~0u, head);
    }
    three_at_once(running, p + 8, SLOT, SLOT - 8);
    for (int s = 0; s < 3; s++) sums[s] = ~(uint32_t)running[s];
}
#endif

/// Checksums of the first slots of `count`: of three where that many are left, else of one. How many.
static size_t some_slots(const uint8_t *p, size_t count, uint32_t sums[3]) {
#if defined(__x86_64__)
    pthread_once(&once, prepare);
    if (has_instruction && count >= 3) {
        three_slots(p, sums);
        return 3;
    }
#endif
    sums[0] = grandstand_crc32c(0, p + 4, SLOT - 4);
    return 1;
}

void grandstand_seal_slots(void *slots, size_t count) {
    uint8_t *p = slots;
    uint32_t sums[3];
    while (count > 0) {
        size_t some = some_slots(p, count, sums);
        for (size_t s = 0; s < some; s++, p += SLOT) memcpy(p, &sums[s], 4);
        count -= some;
    }
}

int grandstand_slots_hold(const void *slots, size_t count) {
    const uint8_t *p = slots;
    uint32_t sums[3];
    while (count > 0) {
        size_t some = some_slots(p, count, sums);
        for (size_t s = 0; s < some; s++, p += SLOT)
            if (memcmp(p, &sums[s], 4)) return 0;
        count -= some;
    }
    return 1;
}

uint32_t grandstand_crc32c(uint32_t crc, const void *bytes, size_t length) {
    pthread_once(&once, prepare);
#if defined(__x86_64__)
    if (has_instruction) return ~by_instruction(~crc, bytes, length);
#endif
    return ~by_table(~crc, bytes, length);
}

uint32_t grandstand_crc32c_by_table(uint32_t crc, const void *bytes, size_t length) {
    pthread_once(&once, prepare);
    return ~by_table(~crc, bytes, length);
}
