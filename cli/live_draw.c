/* The text of the live area; see live.h. */
#include "cli/live.h"

#include <math.h>
#include <string.h>

#include "base/utf8.h"
#include "tracker/terminal_text.h"

/* Lines of fewer than WIDE columns (terminals of fewer than 100) show one loss and a bar
 * of FEW_CELLS characters. */
enum { MOST_CELLS = 10, FEW_CELLS = 6, WIDE = 99, LEAST_COLUMNS = 20 };

void ft_live_cut(const char *text, int columns, ft_text *out)
{
    const char *end = text;
    for (int n = 0; *end && n < columns; n++) end += ft_utf8_step(end);
    ft_text_add_bytes(out, text, (size_t)(end - text));
}

static void add_line(ft_text *line, int columns, ft_text *out)
{
    if (line->data) ft_live_cut(line->data, columns, out);
    ft_text_add(out, "\n");
    line->length = 0;
}

/* "0:42", "1:02:03" */
static void add_clock(double seconds, ft_text *out)
{
    const long long s = (long long)seconds;
    if (s >= 3600)
        ft_text_addf(out, "%lld:%02lld:%02lld", s / 3600, s / 60 % 60, s % 60);
    else
        ft_text_addf(out, "%lld:%02lld", s / 60, s % 60);
}

static void add_rate(double per_second, ft_text *out)
{
    if (per_second >= 1e6)
        ft_text_addf(out, "  %.1fM tokens/s", per_second * 1e-6);
    else if (per_second >= 1e3)
        ft_text_addf(out, "  %.1fk tokens/s", per_second * 1e-3);
    else
        ft_text_addf(out, "  %.0f tokens/s", per_second);
}

double ft_live_seconds_left(const ft_live *live, double now)
{
    double done = live->epochs_ended, before = live->epochs_ended_before;
    if (live->training_since == 0 || live->epochs <= 0) return NAN;
    for (size_t i = 0; i < live->n_running; i++) {
        done += live->running[i].epochs_done;
        before += live->running[i].epochs_at_start;
    }
    const double trained = done - before, left = (double)live->epochs - done;
    const double passed = now - live->training_since;
    return trained > 0 && passed >= 1 ? fmax(left, 0) * passed / trained : NAN;
}

static void add_count(size_t count, const char *what, ft_text *out)
{
    if (count > 0) ft_text_addf(out, "%s%zu %s", out->length ? ", " : "", count, what);
}

/* "0:42, 55 s left, 2 running, 3 done, 1 pruned, 6 waiting  training  lr_search" */
static void add_summary(const ft_live *live, double now, ft_text *line)
{
    const double left = ft_live_seconds_left(live, now);
    const size_t begun = live->done + live->n_running;
    add_clock(now - live->began, line);
    if (!isnan(left)) {
        char room[FT_NUMBER_CHARS];
        ft_text_addf(line, ", %s left", ft_people_duration(left, room));
    }
    if (live->is_sweep) {
        add_count(live->n_running, "running", line);
        add_count(live->done - live->failed - live->pruned, "done", line);
        add_count(live->failed, "failed", line);
        add_count(live->pruned, "pruned", line);
        add_count(live->own > begun ? live->own - begun : 0, "waiting", line);
    }
    ft_text_addf(line, "  %s", live->phase ? live->phase : "starting");
    if (live->name) ft_text_addf(line, "  %s", live->name);
}

static void add_bar(double share, int cells, ft_text *out)
{
    char bar[MOST_CELLS + 1] = "";
    memset(bar, '.', (size_t)cells);
    memset(bar, '#', (size_t)(fmin(fmax(share, 0), 1) * cells));
    ft_text_addf(out, "[%s] ", bar);
}

/* "   4 [######....] epoch 3/4  loss 2.922  val_loss 2.402  learning_rate=0.01  9.9k
 * tokens/s" */
static void add_running(const ft_live_running *r, bool is_sweep, int columns, ft_text *line)
{
    const bool is_wide = columns >= WIDE, has_val = !isnan(r->val_loss);
    const double share = r->is_evaluated ? 1 : r->epochs > 0 ? r->epochs_done / (double)r->epochs : 0;
    if (is_sweep) ft_text_addf(line, "%4zu ", r->configuration);
    add_bar(share, is_wide ? MOST_CELLS : FEW_CELLS, line);
    if (r->is_evaluated)
        ft_text_add(line, "evaluating");
    else
        ft_text_addf(line, "epoch %.0f/%lld", fmax(ceil(r->epochs_done), 1), (long long)r->epochs);
    if (!isnan(r->loss) && (is_wide || !has_val)) ft_text_addf(line, "  loss %.3f", r->loss);
    if (has_val) ft_text_addf(line, is_wide ? "  val_loss %.3f" : "  val %.3f", r->val_loss);
    if (*r->what_varies) ft_text_addf(line, "  %s", r->what_varies);
    if (!r->is_evaluated && r->tokens_per_second > 0) add_rate(r->tokens_per_second, line);
}

void ft_live_draw(const ft_live *live, int columns, int rows, double now, ft_text *out)
{
    ft_text line = FT_TEXT_EMPTY;
    columns = columns > LEAST_COLUMNS ? columns : LEAST_COLUMNS;
    if (live->status) {
        ft_text_add(&line, live->status);
        add_line(&line, columns, out);
        ft_text_free(&line);
        return;
    }
    const bool has_best = live->best > 0;
    /* rows beside those of configurations: the summary, the best, and "and N more" */
    const size_t fixed = 2 + (size_t)has_best, room = rows > (int)fixed ? (size_t)rows - fixed : 0;
    const size_t n = live->n_running <= room ? live->n_running : room;
    add_summary(live, now, &line);
    add_line(&line, columns, out);
    for (size_t i = 0; i < n; i++) {
        add_running(&live->running[i], live->is_sweep, columns, &line);
        add_line(&line, columns, out);
    }
    if (n < live->n_running) {
        ft_text_addf(&line, "     and %zu more", live->n_running - n);
        add_line(&line, columns, out);
    }
    if (has_best) {
        ft_text_addf(&line, "best val mae %.4g  %zu  %s", live->best_mae, live->best, live->best_varies);
        add_line(&line, columns, out);
    }
    ft_text_free(&line);
}
