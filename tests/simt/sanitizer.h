/* AddressSanitizer's part in the simulator: fibers announced, memory poisoned. Nothing
 * without it. */
#ifndef FT_TESTS_SIMT_SANITIZER_H
#define FT_TESTS_SIMT_SANITIZER_H

#include <cstddef>

struct sanitizer_stack {
    const void *bottom;
    size_t bytes;
};

#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#define SIMT_ADDRESS_SANITIZER 1
/* Before a switch: where this stack's fake frames are kept, and the stack that comes. */
inline void sanitizer_leave(void **fake, const void *bottom, size_t bytes)
{
    __sanitizer_start_switch_fiber(fake, bottom, bytes);
}
/* After it: this stack's fake frames; `from`, where not NULL, gets the stack that was
 * left. */
inline void sanitizer_enter(void *fake, sanitizer_stack *from)
{
    const void *bottom;
    size_t bytes;
    __sanitizer_finish_switch_fiber(fake, &bottom, &bytes);
    if (from) *from = {bottom, bytes};
}
inline void sanitizer_poison(const void *at, size_t bytes)
{
    __asan_poison_memory_region(at, bytes);
}
inline void sanitizer_unpoison(const void *at, size_t bytes)
{
    __asan_unpoison_memory_region(at, bytes);
}
#else
#define SIMT_ADDRESS_SANITIZER 0
inline void sanitizer_leave(void **, const void *, size_t) {}
inline void sanitizer_enter(void *, sanitizer_stack *) {}
inline void sanitizer_poison(const void *, size_t) {}
inline void sanitizer_unpoison(const void *, size_t) {}
#endif

#endif
