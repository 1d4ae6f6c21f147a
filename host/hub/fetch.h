/* One file of a model into the cache (cache.h): under another name until it is whole
 * and its hash is right. */
#ifndef FT_HOST_HUB_FETCH_H
#define FT_HOST_HUB_FETCH_H

#include "base/error.h"
#include "host/hub/remote.h"

/* Makes snapshots/<commit>/<name> lead to the file, and fetches what of it the cache
 * lacks. One process at a time fetches a blob; others wait for it. A download that was
 * cut short is resumed. Bytes of another hash than the Hub's are thrown away: once it
 * is fetched anew where some of them were there before, then FT_FAILED. */
ft_status ft_hub_fetch(ft_hub_remote *remote, const ft_hub_file *file, ft_error *err);

#endif
