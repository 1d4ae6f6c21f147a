/* Text and tables that fit the width of a terminal, for people alone: machine formats
 * stay as they are. */
#ifndef FT_TRACKER_TERMINAL_TEXT_H
#define FT_TRACKER_TERMINAL_TEXT_H

#include "tracker/table.h"

/* Adds the lines of `text`, each broken at blanks so that it fits. What follows is
 * indented by two, or under the text behind a label ("verdict      do not ..."). A
 * longer word stays whole, so that it can be copied. */
void ft_wrap_lines(const char *text, size_t width, ft_text *out);

/* As ft_table_print for people, with numbers to 4 significant digits. Columns that do
 * not fit beside each other go below, in a table of their own that begins with the
 * first column again; a longer cell has several lines. */
ft_status ft_table_print_fitting(const ft_table *table, size_t width, ft_text *out, ft_error *err);
/* How wide a column would be in one piece. */
size_t ft_column_width(const ft_table *table, size_t column);

/* Shortens ids in a column of texts: takes off the time at their ends where what is
 * left still means one of them alone. */
void ft_shorten_ids(ft_table *table, size_t column);

/* "0.26 s", "45 s", "28 min", "3.2 h"; "-" where it is not finite. Returns `out`. */
char *ft_people_duration(double seconds, char out[FT_NUMBER_CHARS]);

/* Adds at most `width` blocks of eight heights, the last values where there are more;
 * a blank where one is not finite. */
void ft_add_sparkline(const double *values, size_t count, size_t width, ft_text *out);

#endif
