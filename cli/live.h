/* What a run or a sweep shows while it works: on a terminal an area at the bottom that
 * is drawn anew several times a second, elsewhere a line for each epoch, for programs
 * JSON. */
#ifndef FT_CLI_LIVE_H
#define FT_CLI_LIVE_H

#include <signal.h>

#include "base/text.h"
#include "host/ftgpu.h"

typedef enum ft_live_style {
    FT_LIVE_LINES, /* stderr: a line for each epoch and experiment */
    FT_LIVE_AREA,  /* stderr: the area, and a line above it for each experiment */
    /* stdout: a JSON object a line for each event (docs/interface.md §7) */
    FT_LIVE_JSONL,
    FT_LIVE_QUIET, /* stderr: warnings only */
} ft_live_style;

/* A configuration that trains or is evaluated. */
typedef struct ft_live_running {
    size_t configuration;
    char *what_varies;
    bool is_evaluated;
    int64_t epochs;
    /* epochs that earlier starts had trained */
    double first_done;
    double epochs_done, loss, val_loss, tokens_per_second; /* NaN: not known yet */
} ft_live_running;

/* Start from {.style = ..., .is_quiet = ..., .name = ...}. */
typedef struct ft_live {
    ft_live_style style;
    bool is_quiet;    /* warnings only on stderr, with events on stdout, too */
    const char *name; /* of the sweep; NULL: a run */
    bool is_sweep;    /* its SWEEP event has come */
    const char *phase;
    size_t configurations, own, done, failed, pruned, resumed;
    int64_t epochs; /* that this start has to train in all */
    /* of those, of configurations that are finished */
    double epochs_ended;
    double epochs_credited;                 /* of those, trained by earlier starts */
    double began, training_since, drawn_at; /* ft_now_seconds; 0: not yet */
    ft_live_running *running;               /* (n_running), by configuration */
    size_t n_running, capacity;
    size_t best; /* configuration with the lowest val mae; 0: none */
    double best_mae;
    char *best_varies;
    /* a line that replaces the area, as of `ftgpu pretrain`; or NULL */
    char *status;
    ft_text on_screen; /* the area that stands on the terminal */
} ft_live;

/* Set by a signal handler that has written to the terminal: the area that stands there is
 * left where it is. */
extern volatile sig_atomic_t ft_live_was_disturbed;

/* AREA on a terminal that is not dumb, else LINES. */
ft_live_style ft_live_style_of_terminal(void);

/* The progress and event callbacks of ft_engine_settings; context: ft_live. */
void ft_live_line(void *context, const char *line);
void ft_live_event(void *context, const ft_event *event);
/* Draws the area anew if that is due. */
void ft_live_tick(ft_live *live);
/* Takes the area away, so that other text may follow. */
void ft_live_clear(ft_live *live);
/* The same, and frees. */
void ft_live_end(ft_live *live);

/* live_draw.c: the area's lines, each at most `columns` wide, at most `rows` of them, as
 * they are at the time `now`. */
void ft_live_draw(const ft_live *live, int columns, int rows, double now, ft_text *out);
/* Appends at most `columns` characters of UTF-8 text. */
void ft_live_cut(const char *text, int columns, ft_text *out);
/* Seconds that the remaining epochs take at the rate of those trained so far; NaN: too
 * early to tell. */
double ft_live_seconds_left(const ft_live *live, double now);

#endif
