/* CRC-32; see checksum.h. By zlib, whose code for it is fast; where a build goes without
 * (FT_NO_ZLIB: bench/gpu_check.sh's) bit by bit. */
#include "base/checksum.h"

#include <stdlib.h>

#include "base/parallel.h"

#ifdef FT_NO_ZLIB

uint32_t ft_checksum(uint32_t checksum, const void *data, size_t size)
{
    const unsigned char *bytes = data;
    checksum = ~checksum;
    for (size_t i = 0; i < size; i++) {
        checksum ^= bytes[i];
        for (int bit = 0; bit < 8; bit++) checksum = checksum >> 1 ^ (0xedb88320u & -(checksum & 1u));
    }
    return ~checksum;
}

/* The first one as it is after `size` zero bytes, and the second. */
uint32_t ft_checksum_join(uint32_t first, uint32_t second, size_t size)
{
    for (size_t i = 0; i < size; i++)
        for (int bit = 0; bit < 8; bit++) first = first >> 1 ^ (0xedb88320u & -(first & 1u));
    return first ^ second;
}

#else

#include <zlib.h>

#include "base/checksum_fold.h"

uint32_t ft_checksum(uint32_t checksum, const void *data, size_t size)
{
    const unsigned char *bytes = data;
    unsigned char folded[FT_FOLDED_BYTES];
    const size_t done = ft_checksum_fold(checksum, data, size, folded);
    /* zlib inverts before and after. */
    if (done) checksum = (uint32_t)crc32(0xffffffffu, folded, sizeof folded);
    for (bytes += done, size -= done; size;) {
        uInt part = size > 1u << 30 ? 1u << 30 : (uInt)size;
        checksum = (uint32_t)crc32(checksum, bytes, part);
        bytes += part;
        size -= part;
    }
    return checksum;
}

uint32_t ft_checksum_join(uint32_t first, uint32_t second, size_t size)
{
    return (uint32_t)crc32_combine(first, second, (z_off_t)size);
}

#endif

enum { PIECE = 1 << 20, MOST_PIECES = 1 << 14 };

/* Content in pieces of the same size, but for the last. */
typedef struct pieces {
    const char *data;
    size_t size, piece;
    uint32_t *checksums;
} pieces;

static size_t size_of_piece(const pieces *p, size_t i)
{
    const size_t left = p->size - i * p->piece;
    return left < p->piece ? left : p->piece;
}

static void sum_piece(void *context, int64_t i)
{
    const pieces *p = context;
    p->checksums[i] = ft_checksum(0, p->data + (size_t)i * p->piece, size_of_piece(p, (size_t)i));
}

uint32_t ft_checksum_large(uint32_t checksum, const void *data, size_t size)
{
    pieces p = {.data = data, .size = size, .piece = size / MOST_PIECES + PIECE};
    const size_t count = (size + p.piece - 1) / p.piece;
    p.checksums = count > 1 ? malloc(count * sizeof *p.checksums) : NULL;
    if (!p.checksums) return ft_checksum(checksum, data, size);
    ft_parallel(0, (int64_t)count, sum_piece, &p);
    for (size_t i = 0; i < count; i++)
        checksum = ft_checksum_join(checksum, p.checksums[i], size_of_piece(&p, i));
    free(p.checksums);
    return checksum;
}
