/* The events and lines of a run or a sweep on the terminal; see live.h. */
#include "cli/live.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/clock.h"
#include "cli/hub_bar.h"
#include "cli/terminal.h"
#include "host/experiment/engine.h"
#include "host/workers/protocol.h"

static const double SECONDS_BETWEEN_DRAWINGS = 0.2;
enum { MOST_ROWS = 12 }; /* of the area, on a terminal that has more */

volatile sig_atomic_t ft_live_was_disturbed;

ft_live_style ft_live_style_of_terminal(void)
{
    const char *terminal = getenv("TERM");
    const bool is_dumb = !terminal || !*terminal || strcmp(terminal, "dumb") == 0;
    return isatty(STDERR_FILENO) && !is_dumb ? FT_LIVE_AREA : FT_LIVE_LINES;
}

/* -- the terminal -- */

/* One column less than the terminal has: a full line would wrap in some terminals. */
static void terminal_size(int *columns, int *rows)
{
    struct winsize size = {0};
    const bool known = ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 1 && size.ws_row > 1;
    *columns = known ? size.ws_col - 1 : 79;
    *rows = known && size.ws_row - 1 < MOST_ROWS ? size.ws_row - 1 : MOST_ROWS;
}

/* The rows that text takes on a terminal of so many columns: one that was made narrower
 * since has wrapped the lines. */
static int rows_of(const ft_text *text, int columns)
{
    int rows = 0, width = 0;
    for (size_t i = 0; i < text->length; i++) {
        if (text->data[i] == '\n') {
            rows += width > columns ? (width + columns - 1) / columns : 1;
            width = 0;
        } else if (((unsigned char)text->data[i] & 0xC0) != 0x80) {
            width++;
        }
    }
    return rows;
}

void ft_live_clear(ft_live *live)
{
    ft_hub_bar_end();
    if (live->on_screen.length > 0 && !ft_live_was_disturbed) {
        int columns, rows;
        terminal_size(&columns, &rows);
        /* The first row for itself: tmux takes what is erased from the top of the screen
         * to its end into the history, once each drawing. */
        fprintf(stderr, "\033[%dA\r\033[K\n\033[J\033[A", rows_of(&live->on_screen, columns + 1));
    }
    ft_live_was_disturbed = 0;
    live->on_screen.length = 0;
}

static void draw(ft_live *live)
{
    int columns, rows;
    if (live->style != FT_LIVE_AREA) return;
    const double now = ft_now_seconds();
    if (live->began == 0) live->began = now;
    terminal_size(&columns, &rows);
    ft_live_clear(live);
    ft_live_draw(live, columns, rows, now, &live->on_screen);
    if (live->on_screen.data && !live->on_screen.failed) fputs(live->on_screen.data, stderr);
    fflush(stderr);
    live->drawn_at = now;
}

void ft_live_tick(ft_live *live)
{
    if (live->drawn_at > 0 && ft_now_seconds() - live->drawn_at >= SECONDS_BETWEEN_DRAWINGS) draw(live);
}

void ft_live_end(ft_live *live)
{
    ft_live_clear(live);
    for (size_t i = 0; i < live->n_running; i++) free(live->running[i].what_varies);
    free(live->running);
    free(live->best_varies);
    free(live->status);
    ft_text_free(&live->on_screen);
    *live = (ft_live){.style = live->style, .is_quiet = live->is_quiet, .name = live->name};
}

/* -- lines -- */

void ft_live_line(void *context, const char *line)
{
    ft_live *live = context;
    if ((live->style == FT_LIVE_QUIET || live->is_quiet) && strncmp(line, "warning:", 8) != 0) return;
    ft_live_clear(live);
    if (live->style == FT_LIVE_AREA && strncmp(line, "step ", 5) == 0) {
        free(live->status);
        live->status = strdup(line);
    } else if (strncmp(line, "note:", 5) == 0) {
        ft_tell_lines(line);
    } else {
        fprintf(stderr, "%s\n", line);
    }
    draw(live);
}

static void print_epoch(const ft_event *event)
{
    char line[512];
    ft_event_to_line(event, line, sizeof line);
    fprintf(stderr, "%s\n", line);
}

static void print_finished(const ft_outcome *outcome)
{
    fprintf(stderr, "%s  ", outcome->experiment_id);
    if (outcome->failed)
        fprintf(stderr, "failed: %s\n", outcome->error);
    else if (outcome->pruned_at_epoch > 0)
        fprintf(stderr, "pruned after epoch %lld\n", (long long)outcome->pruned_at_epoch);
    else
        fprintf(stderr, "val mae %.6g  test mae %.6g\n", ft_unsigned_nan(outcome->val.mae),
                ft_unsigned_nan(outcome->test.mae));
}

static void print_json(const ft_event *event)
{
    cJSON *object = ft_event_to_json(event);
    char *text = object ? cJSON_PrintUnformatted(object) : NULL;
    if (text) puts(text);
    fflush(stdout);
    cJSON_free(text);
    cJSON_Delete(object);
}

/* -- events -- */

/* The entry of a configuration; NULL when memory runs out: it is not shown then. */
static ft_live_running *entry_of(ft_live *live, const ft_event *e)
{
    size_t at = 0;
    while (at < live->n_running && live->running[at].configuration < e->configuration) at++;
    if (at < live->n_running && live->running[at].configuration == e->configuration)
        return &live->running[at];
    if (live->n_running == live->capacity) {
        const size_t capacity = 2 * live->capacity + 8;
        ft_live_running *grown = realloc(live->running, capacity * sizeof *grown);
        if (!grown) return NULL;
        live->running = grown;
        live->capacity = capacity;
    }
    char *what_varies = strdup(e->what_varies ? e->what_varies : "");
    if (!what_varies) return NULL;
    memmove(&live->running[at + 1], &live->running[at], (live->n_running - at) * sizeof *live->running);
    live->n_running++;
    live->running[at] = (ft_live_running){
        .configuration = e->configuration,
        .what_varies = what_varies,
        .epochs = e->epochs,
        .epochs_at_start = e->kind == FT_EVENT_EPOCH ? e->epochs_done - 1 : floor(e->epochs_done),
        .epochs_done = e->epochs_done,
        .loss = NAN,
        .val_loss = NAN,
        .tokens_per_second = NAN};
    return &live->running[at];
}

static void take_progress(ft_live *live, const ft_event *e)
{
    if (live->training_since == 0) live->training_since = ft_now_seconds();
    live->phase = "training";
    if (live->epochs == 0) live->epochs = e->epochs; /* of a run */
    ft_live_running *r = entry_of(live, e);
    if (!r) return;
    r->is_evaluated = false;
    r->epochs_done = e->epochs_done;
    r->loss = e->loss;
    if (e->kind == FT_EVENT_EPOCH) r->val_loss = e->val_loss;
    r->tokens_per_second = e->tokens_per_second;
}

/* A shorter training that a longer one includes (architecture.md §5) has no entry: it is
 * evaluated while the longer one goes on. */
static void take_evaluating(ft_live *live, const ft_event *e)
{
    bool all = true;
    for (size_t i = 0; i < live->n_running; i++) {
        ft_live_running *r = &live->running[i];
        r->is_evaluated = r->is_evaluated || r->configuration == e->configuration;
        all = all && r->is_evaluated;
    }
    if (all) live->phase = "evaluating";
}

static void remove_entry(ft_live *live, size_t configuration)
{
    for (size_t i = 0; i < live->n_running; i++) {
        ft_live_running *r = &live->running[i];
        if (r->configuration != configuration) continue;
        live->epochs_ended += (double)r->epochs;
        live->epochs_ended_before += r->epochs_at_start;
        free(r->what_varies);
        memmove(r, r + 1, (live->n_running - i - 1) * sizeof *r);
        live->n_running--;
        return;
    }
}

static void take_finished(ft_live *live, const ft_event *e)
{
    const ft_outcome *outcome = e->outcome;
    const bool is_scored = !outcome->failed && outcome->pruned_at_epoch == 0;
    live->done++;
    live->failed += outcome->failed;
    live->pruned += outcome->pruned_at_epoch > 0;
    remove_entry(live, e->configuration);
    if (!is_scored || isnan(outcome->val.mae) || (live->best > 0 && outcome->val.mae >= live->best_mae))
        return;
    char *varies = strdup(e->what_varies ? e->what_varies : "");
    if (!varies) return;
    free(live->best_varies);
    live->best_varies = varies;
    live->best = e->configuration;
    live->best_mae = outcome->val.mae;
}

static void take_sweep(ft_live *live, const ft_event *e)
{
    live->is_sweep = true;
    live->own = e->own;
    live->done = e->done;
    live->failed = e->failed;
    live->pruned = e->pruned;
    live->epochs = e->epochs;
}

static void print_event(const ft_live *live, const ft_event *e)
{
    if (live->style == FT_LIVE_JSONL)
        print_json(e);
    else if (e->kind == FT_EVENT_EPOCH && live->style == FT_LIVE_LINES)
        print_epoch(e);
    else if (e->kind == FT_EVENT_FINISHED && live->is_sweep && live->style != FT_LIVE_QUIET)
        print_finished(e->outcome);
}

void ft_live_event(void *context, const ft_event *e)
{
    ft_live *live = context;
    if (e->kind == FT_EVENT_SWEEP) take_sweep(live, e);
    if (e->kind == FT_EVENT_BASELINES) live->phase = "evaluating the model before tuning";
    if (e->kind == FT_EVENT_TRAINING || e->kind == FT_EVENT_EPOCH) take_progress(live, e);
    if (e->kind == FT_EVENT_EVALUATING) take_evaluating(live, e);
    if (e->kind == FT_EVENT_FINISHED) take_finished(live, e);
    if (e->kind == FT_EVENT_FINISHED || live->style == FT_LIVE_LINES) ft_live_clear(live);
    print_event(live, e);
    if (e->kind != FT_EVENT_TRAINING || live->drawn_at == 0)
        draw(live);
    else
        ft_live_tick(live);
}
