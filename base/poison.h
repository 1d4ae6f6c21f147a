/* Marks memory that must not be touched: AddressSanitizer reports any access. For the
 * gaps between and behind the pieces of a larger block. Does nothing in other builds. */
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
enum { FT_RED_ZONE = 256 }; /* bytes between pieces */
#define FT_POISON(at, bytes) ASAN_POISON_MEMORY_REGION(at, bytes)
#define FT_UNPOISON(at, bytes) ASAN_UNPOISON_MEMORY_REGION(at, bytes)
#else
enum { FT_RED_ZONE = 0 };
#define FT_POISON(at, bytes) ((void)(at), (void)(bytes))
#define FT_UNPOISON(at, bytes) ((void)(at), (void)(bytes))
#endif

#endif
