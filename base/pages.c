/* Large pages; see pages.h. */
#define _GNU_SOURCE /* MADV_HUGEPAGE */
#include "base/pages.h"

#include <stdint.h>
#include <sys/mman.h>

enum { LARGE_PAGE = 1 << 21 };

void ft_use_large_pages(void *memory, size_t bytes)
{
#ifdef MADV_HUGEPAGE
    if (!memory || bytes < 2 * (size_t)LARGE_PAGE) return;
    char *start = memory;
    const size_t skipped = (size_t)(-(uintptr_t)start & (LARGE_PAGE - 1));
    (void)madvise(start + skipped, (bytes - skipped) & ~(size_t)(LARGE_PAGE - 1), MADV_HUGEPAGE);
#else
    (void)memory;
    (void)bytes;
#endif
}
