/* The header of a CSV file: names, and which columns are dates and ids. */
#ifndef FT_HOST_DATA_CSV_HEADER_H
#define FT_HOST_DATA_CSV_HEADER_H

#include "host/data/csv_scanner.h"
#include "host/ftgpu.h"

enum { FT_CSV_MAX_IDS = 16 };

typedef struct ft_csv_header {
    /* (count); "Vol.1" where one was given twice and "Unnamed: 3" where there is none, as
     * in pandas */
    char **names;
    bool *repeated; /* (count): a later column had the same name */
    size_t count;
    /* places of the id columns, in the order of --id */
    size_t ids[FT_CSV_MAX_IDS], n_ids;
    size_t date; /* place of the date column */
    /* by its dates: an earlier column has numbers alone */
    bool date_found;
} ft_csv_header;

/* Reads the next row as the header. FT_BAD_INPUT where there is none, or one column
 * alone, or options->timestamp or options->id name what is not there, or either of two
 * columns may hold the dates. On failure *header is zeroed. */
ft_status ft_csv_header_read(ft_csv_scanner *scanner, const ft_csv_options *options, ft_csv_header *header,
                             ft_error *err);
void ft_csv_header_free(ft_csv_header *header);

/* The place of a column among the ids; n_ids: it is none of them. */
size_t ft_csv_header_id(const ft_csv_header *header, size_t place);

/* FT_BAD_INPUT for a name that is no column: the nearest one, or all of them. */
ft_status ft_csv_unknown_column(const char *path, const char *name, const char *const *names, size_t count,
                                ft_error *err);

#endif
