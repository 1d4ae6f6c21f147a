/* Shows the progress of a run or a sweep. On a terminal: some lines at its bottom (the
 * area) that are redrawn several times a second; into a file or a pipe: a line an epoch;
 * for programs: JSON. */
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

/* A configuration that is being trained or evaluated: what its last events said. */
typedef struct ft_live_running {
    size_t configuration; /* from 1 */
    char *what_varies;
    bool is_evaluated; /* no longer trained */
    int64_t epochs;
    double epochs_at_start; /* of epochs_done, those that earlier starts trained */
    double epochs_done;
    double loss, val_loss, tokens_per_second; /* NaN: not known yet */
} ft_live_running;

/* Start from {.style = ..., .is_quiet = ..., .name = ...}. */
typedef struct ft_live {
    ft_live_style style;
    bool is_quiet;     /* warnings only on stderr, with events on stdout, too */
    const char *name;  /* of the sweep; NULL: a run */
    bool is_sweep;     /* its SWEEP event has come */
    const char *phase; /* "training", ...; NULL: none has begun */
    size_t own;        /* configurations of this process's shard */
    /* of those, recorded so far, earlier starts included; how many of these failed or
     * were pruned */
    size_t done, failed, pruned;
    int64_t epochs;      /* of all trainings that were not done at the start */
    double epochs_ended; /* of those, of trainings that are finished by now */
    /* of epochs_ended, those that earlier starts trained: they took no time now */
    double epochs_ended_before;
    double began, training_since, drawn_at; /* ft_now_seconds; 0: not yet */
    ft_live_running *running;               /* (n_running), by configuration */
    size_t n_running, capacity;
    size_t best; /* the configuration with the lowest val mae, from 1; 0: none yet */
    double best_mae;
    char *best_varies;
    char *status;      /* a line instead of the area, of `ftgpu pretrain`; or NULL */
    ft_text on_screen; /* the area as it was last drawn */
} ft_live;

/* Set by a signal handler that has written below the area: what is there is then left
 * as it is, and the next area is drawn below. */
extern volatile sig_atomic_t ft_live_was_disturbed;

/* FT_LIVE_AREA if stderr is a terminal that can move its cursor, else FT_LIVE_LINES. */
ft_live_style ft_live_style_of_terminal(void);

/* The progress and event callbacks of ft_engine_settings; context: ft_live. */
void ft_live_line(void *context, const char *line);
void ft_live_event(void *context, const ft_event *event);
/* Redraws the area if the last drawing is 0.2 s old; to be called often. */
void ft_live_tick(ft_live *live);
/* Erases the area, so that other text may be printed. */
void ft_live_clear(ft_live *live);
/* Erases the area and frees what `live` holds; style and name stay. */
void ft_live_end(ft_live *live);

/* live_draw.c: appends the area's lines: at most `rows`, each at most `columns` (at least
 * 20) wide. now: ft_now_seconds. */
void ft_live_draw(const ft_live *live, int columns, int rows, double now, ft_text *out);
/* Appends at most `columns` characters of UTF-8 text. */
void ft_live_cut(const char *text, int columns, ft_text *out);
/* Seconds that the remaining epochs take at the rate of those that this start has
 * trained; NaN in its first second and before any was. */
double ft_live_seconds_left(const ft_live *live, double now);

#endif
