/* For AddressSanitizer; all of it does nothing in other builds.
 *
 * FT_POISON marks memory that must not be touched: the gaps between and behind the pieces
 * of a larger block. FT_SPOIL fills memory that has to be written before it is read: its
 * floats become NaN. FT_TOUCH checks an access by instructions that the compiler does not
 * know to be one. */
#ifndef FT_BASE_POISON_H
#define FT_BASE_POISON_H

#include <stddef.h>

#ifdef __has_feature /* clang */
#if __has_feature(address_sanitizer)
#define FT_ADDRESS_SANITIZER
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(FT_ADDRESS_SANITIZER)
#include <sanitizer/asan_interface.h>
#include <string.h>
enum { FT_RED_ZONE = 256 }; /* bytes between pieces */
#define FT_POISON(at, bytes) ASAN_POISON_MEMORY_REGION(at, bytes)
#define FT_UNPOISON(at, bytes) ASAN_UNPOISON_MEMORY_REGION(at, bytes)
#define FT_SPOIL(at, bytes) memset(at, 0xff, bytes)
static inline void ft_touch(const void *at, size_t bytes)
{
    const volatile char *poisoned = __asan_region_is_poisoned((void *)at, bytes);
    if (poisoned) (void)*poisoned; /* which AddressSanitizer reports */
}
#define FT_TOUCH(at, bytes) ft_touch(at, bytes)
#else
enum { FT_RED_ZONE = 0 };
#define FT_POISON(at, bytes) ((void)(at), (void)(bytes))
#define FT_UNPOISON(at, bytes) ((void)(at), (void)(bytes))
#define FT_SPOIL(at, bytes) ((void)(at), (void)(bytes))
#define FT_TOUCH(at, bytes) ((void)(at), (void)(bytes))
#endif

#endif
