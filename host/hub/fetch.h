/* Downloads one file of a model into the cache (cache.h). The file has a temporary
 * name until it is complete and its hash is right. */
#ifndef FT_HOST_HUB_FETCH_H
#define FT_HOST_HUB_FETCH_H

#include "base/error.h"
#include "host/hub/remote.h"

/* Makes snapshots/<commit>/<name> lead to the file; downloads what the cache lacks.
 * One process at a time downloads a blob; others wait for it. An interrupted download
 * is resumed. Bytes with another hash than the Hub's are deleted and, if some of them
 * came from an earlier try, downloaded again once; otherwise FT_FAILED. */
ft_status ft_hub_fetch(ft_hub_remote *remote, const ft_hub_file *file, ft_error *err);

#endif
