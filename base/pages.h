/* Memory of many megabytes in large pages, which take far less time to get than as many
 * small ones. */
#ifndef FT_BASE_PAGES_H
#define FT_BASE_PAGES_H

#include <stddef.h>

/* Before the first use of what malloc returned (or NULL). Does nothing to small blocks,
 * nor where the system has no large pages. */
void ft_use_large_pages(void *memory, size_t bytes);

#endif
