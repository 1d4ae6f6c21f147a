/* The hashes by which the Hub names files: SHA-256 for large ones (Git LFS); for the
 * others git's SHA-1, which covers "blob <size>\0" and the bytes. */
#ifndef FT_HOST_HUB_HASH_H
#define FT_HOST_HUB_HASH_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

enum { FT_HUB_HASH_CHARS = 65 };

/* Whether a text is such a hash: 64 or 40 hexadecimal digits. */
bool ft_hub_is_hash(const char *text);

/* Hashes an open file of `size` bytes from its beginning, with the function that the
 * hash `like` is of. `path` is for messages. */
ft_status ft_hub_hash(int descriptor, const char *path, int64_t size, const char *like,
                      char hash[FT_HUB_HASH_CHARS], ft_error *err);

#endif
