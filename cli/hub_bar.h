/* What is shown while a model comes from the Hub: lines, and on a terminal a bar that stands in the last one.
 */
#ifndef FT_CLI_HUB_BAR_H
#define FT_CLI_HUB_BAR_H

#include <stdbool.h>
#include <stdint.h>

/* The functions of an ft_hub_watch; they need no context. */
void ft_hub_bar_say(void *context, const char *line);
bool ft_hub_bar_show(void *context, const char *file, int64_t done, int64_t total);
/* Takes the bar away, so that a message may follow. */
void ft_hub_bar_end(void);

#endif
