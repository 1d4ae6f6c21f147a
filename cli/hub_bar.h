/* What is shown while a model comes from the Hub: lines, and on a terminal a bar that
 * stands in the last one. */
#ifndef FT_CLI_HUB_BAR_H
#define FT_CLI_HUB_BAR_H

#include <stdint.h>

#include "host/hub/hub.h"

/* The `fetching` of ft_engine_settings; it needs no context. */
void ft_hub_bar_fetching(void *context, const char *file, int64_t done, int64_t total);
/* Takes the bar away, so that a message may follow. */
void ft_hub_bar_end(void);

/* ft_hub_resolve with this watch; afterwards the bar is gone. */
ft_status ft_hub_bar_resolve(const char *model, char **directory, ft_error *err);

/* A watch that shows all this. */
extern const ft_hub_watch ft_hub_bar_watch;

#endif
