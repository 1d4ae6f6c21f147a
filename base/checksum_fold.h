/* CRC-32 by carry-less multiplication, which some processors have: ten times as fast as
 * by tables. */
#ifndef FT_BASE_CHECKSUM_FOLD_H
#define FT_BASE_CHECKSUM_FOLD_H

#include <stddef.h>
#include <stdint.h>

enum { FT_FOLD_LEAST = 64, FT_FOLDED_BYTES = 16 };

/* Folds the first bytes of `data`, a multiple of 64, to 16: bytes whose CRC-32, without
 * the inversions before and after, is that of all of them, from `checksum` on. Returns
 * how many were folded; 0: this processor cannot, or there are fewer than 64. */
size_t ft_checksum_fold(uint32_t checksum, const void *data, size_t size,
                        unsigned char folded[FT_FOLDED_BYTES]);

#endif
