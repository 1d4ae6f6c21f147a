/* How a CSV file is laid out, found by looking ahead: what separates cells, how its dates
 * and numbers are written. An ambiguous form is settled by other cells of the column, or
 * by an earlier file of the same data. */
#ifndef FT_HOST_DATA_CSV_LAYOUT_H
#define FT_HOST_DATA_CSV_LAYOUT_H

#include "host/data/csv_numbers.h"
#include "host/data/csv_scanner.h"
#include "host/data/csv_settings.h"
#include "host/data/timestamps.h"

/* Sets the scanner's separator, and moves it past a "sep=;" line. `given` is
 * --separator's; '\0': the one of comma, semicolon, tab and | that the header has; of
 * several, the one behind a date in the next line, else the one that the next rows have
 * as often. FT_BAD_INPUT where a title or comments stand above the header. */
ft_status ft_csv_find_separator(ft_csv_scanner *scanner, char given, ft_error *err);

/* Finds the format of the dates in the cells at `place` of the rows from `scanner` on:
 * format "" for those that ft_timestamp_parse reads, or where the first is none. *decided
 * is false where all cells have two meanings: days and months may be either (then
 * `format` has the day first, `other` the month), or what stands behind a year may be a
 * fraction of it (`format`) or a month (`other`). `like` is the format of an earlier
 * file, or "". */
void ft_csv_find_date_format(const ft_csv_scanner *scanner, size_t place, const char *like,
                             char format[FT_DATE_FORMAT_CHARS], char other[FT_DATE_FORMAT_CHARS],
                             bool *decided);

/* Which numbers are likely in the file; `date_format` is that of its dates, or "". */
ft_number_custom ft_csv_number_custom(const ft_csv_scanner *scanner, const char *date_format);

/* Whether cells must be looked at to know how their numbers are written: numbers may have
 * commas, points that are not decimal, or other marks between thousands. bytes: the set
 * of ft_csv_byte that occur in the rows. */
bool ft_csv_must_look_at_numbers(char separator, unsigned bytes, ft_number_custom custom);

/* Adds to evidence, (width), zeroed by the caller, what each column's cells show about
 * its numbers: those of the first row from `scanner` on and of the rows that begin before
 * `until`. Returns the line of the first row that was not looked at; SIZE_MAX: none. */
size_t ft_csv_look_at_numbers(const ft_csv_scanner *scanner, const char *until, ft_csv_settings *settings,
                              size_t width, ft_number_evidence *evidence);

#endif
