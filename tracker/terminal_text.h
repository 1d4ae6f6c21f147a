/* Text and tables for people, as wide as their terminal. What programs read does not
 * pass here. */
#ifndef FT_TRACKER_TERMINAL_TEXT_H
#define FT_TRACKER_TERMINAL_TEXT_H

#include "tracker/table.h"

/* Adds the lines of `text`, each broken at blanks into lines of at most `width` columns.
 * Those after the first are indented by two more, or to where text begins behind a label
 * and several blanks ("next    ftgpu ..."). A wider word stays whole, so that it can be
 * copied. */
void ft_wrap_lines(const char *text, size_t width, ft_text *out);

/* As ft_table_print for people, with numbers to 4 significant digits. Columns that do
 * not fit beside each other go below, in a table of their own that begins with the
 * first column again; a longer cell has several lines. */
ft_status ft_table_print_fitting(const ft_table *table, size_t width, ft_text *out, ft_error *err);
/* Columns of the terminal that a column of the table takes without line breaks. */
size_t ft_column_width(const ft_table *table, size_t column);

/* Takes the time (_20260101_120000) off the ids in a column of texts, where no other id
 * of the column begins with what is left. */
void ft_shorten_ids(ft_table *table, size_t column);

/* "0.26 s", "45 s", "28 min", "3.2 h"; "-" where it is not finite. Returns `out`. */
char *ft_people_duration(double seconds, char out[FT_NUMBER_CHARS]);

/* Adds a block of one of eight heights for each value, between the least and the
 * greatest; a blank for one that is not finite. Of more than `width` values the last. */
void ft_add_sparkline(const double *values, size_t count, size_t width, ft_text *out);

#endif
