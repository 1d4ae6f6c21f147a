/* CRC-32, by which the records of a run detect damage. */
#ifndef FT_BASE_CHECKSUM_H
#define FT_BASE_CHECKSUM_H

#include <stddef.h>
#include <stdint.h>

/* CRC-32 over content, chained: start with 0. */
uint32_t ft_checksum(uint32_t checksum, const void *data, size_t size);

#endif
