/* The page of a report: files of this directory that are part of the program, and the
 * data in between. */
#ifndef FT_TRACKER_REPORT_PAGE_H
#define FT_TRACKER_REPORT_PAGE_H

#include "base/text.h"

/* Adds the page. In the data, one JSON value, every `<` becomes an escape: no text in it
 * can end the element that it stands in. */
void ft_report_fill_page(const char *json, ft_text *page);

#endif
