/* The hashes that the Hub names files by: SHA-256 of the bytes for large ones (Git
 * LFS), and git's SHA-1 for the rest, which is over "blob <size>\0" and the bytes. */
#ifndef FT_HOST_HUB_HASH_H
#define FT_HOST_HUB_HASH_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

enum { FT_HUB_HASH_CHARS = 65 };

/* Whether it names a file by one of them: 64 or 40 hexadecimal digits. */
bool ft_hub_is_hash(const char *text);

/* The hash of an open file of `size` bytes, read from its beginning, in the form that
 * `like` has. `path` is for messages. */
ft_status ft_hub_hash(int descriptor, const char *path, int64_t size, const char *like,
                      char hash[FT_HUB_HASH_CHARS], ft_error *err);

#endif
