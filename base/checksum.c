/* CRC-32; see checksum.h. By zlib, whose code for it is fast; where a build goes without
 * (FT_NO_ZLIB: bench/gpu_check.sh's) bit by bit. */
#include "base/checksum.h"

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

#else

#include <zlib.h>

uint32_t ft_checksum(uint32_t checksum, const void *data, size_t size)
{
    const unsigned char *bytes = data;
    while (size) {
        uInt part = size > 1u << 30 ? 1u << 30 : (uInt)size;
        checksum = (uint32_t)crc32(checksum, bytes, part);
        bytes += part;
        size -= part;
    }
    return checksum;
}

#endif
