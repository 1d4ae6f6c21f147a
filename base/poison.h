/* Memory that nobody may touch, told to AddressSanitizer, which ends the program where somebody does. For
 * pieces of larger blocks: what lies between and behind them. Nothing in a build without it. */
#ifndef FT_BASE_POISON_H
#define FT_BASE_POISON_H

#include <stddef.h>

#ifdef __SANITIZE_ADDRESS__
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
