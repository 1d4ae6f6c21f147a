/* The bar of a download; see hub_bar.h. */
#include "cli/hub_bar.h"

#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/clock.h"

enum { MOST_CELLS = 30, TEXT_CHARS = 160 };

/* The one terminal's: the bar that stands there, and since when. */
static struct {
    bool is_live;
    char file[64];
    double since;
    int64_t first; /* bytes that were there when it began */
} bar;

void ft_hub_bar_end(void)
{
    if (bar.is_live) fputs("\r\033[K", stderr);
    bar.is_live = false;
}

static void say(void *context, const char *line)
{
    (void)context;
    ft_hub_bar_end();
    fprintf(stderr, "%s\n", line);
}

static int n_columns(void)
{
    struct winsize size = {0};
    return ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 1 ? size.ws_col - 1 : 79;
}

/* "model.safetensors [===== ] 12.3 of 33.6 MB, 4.5 MB/s, 5 s left"; without cells
 * where the line is too short for them. */
static void draw(const char *file, int64_t done, int64_t total)
{
    char text[TEXT_CHARS], cells[MOST_CELLS + 1] = "";
    const double seconds = ft_now_seconds() - bar.since;
    const double speed = seconds > 0.5 ? (double)(done - bar.first) / seconds : 0;
    int length = snprintf(text, sizeof text, "%.1f of %.1f MB", 1e-6 * (double)done, 1e-6 * (double)total);
    if (speed > 0)
        length += snprintf(text + length, sizeof text - (size_t)length, ", %.1f MB/s, %.0f s left",
                           1e-6 * speed, (double)(total - done) / speed);
    const int width = n_columns(), room = width - length - (int)strlen(file) - 7;
    const int n_cells = room > MOST_CELLS ? MOST_CELLS : room > 4 ? room : 0;
    memset(cells, ' ', (size_t)n_cells);
    if (total > 0) memset(cells, '=', (size_t)((double)done / (double)total * n_cells));
    char line[2 * TEXT_CHARS];
    snprintf(line, sizeof line, n_cells ? "%.63s  [%s]  %s" : "%.63s%s  %s", file, cells, text);
    fprintf(stderr, "\r\033[K%.*s", width, line);
    fflush(stderr);
}

void ft_hub_bar_fetching(void *context, const char *file, int64_t done, int64_t total)
{
    (void)context;
    if (!file || done >= total || !isatty(STDERR_FILENO)) {
        ft_hub_bar_end();
        return;
    }
    if (!bar.is_live || strcmp(bar.file, file) != 0) {
        snprintf(bar.file, sizeof bar.file, "%s", file);
        bar.since = ft_now_seconds();
        bar.first = done;
    }
    bar.is_live = true;
    draw(file, done, total);
}

/* Ctrl-C ends the program, and what has come is resumed: there is nothing to stop for. */
static bool show(void *context, const char *file, int64_t done, int64_t total)
{
    ft_hub_bar_fetching(context, file, done, total);
    return true;
}

const ft_hub_watch ft_hub_bar_watch = {.say = say, .show = show};

ft_status ft_hub_bar_resolve(const char *model, char **directory, ft_error *err)
{
    ft_status status = ft_hub_resolve(model, &ft_hub_bar_watch, directory, err);
    ft_hub_bar_end();
    return status;
}
