/* CRC-32, by which the records of a run detect damage. */
#ifndef FT_BASE_CHECKSUM_H
#define FT_BASE_CHECKSUM_H

#include <stddef.h>
#include <stdint.h>

/* CRC-32 over content, chained: start with 0. */
uint32_t ft_checksum(uint32_t checksum, const void *data, size_t size);

/* The checksum of two contents one after the other, of which `second` has `size`
 * bytes. */
uint32_t ft_checksum_join(uint32_t first, uint32_t second, size_t size);

/* ft_checksum by all cores. */
uint32_t ft_checksum_large(uint32_t checksum, const void *data, size_t size);

#endif
