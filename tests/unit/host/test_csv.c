/* CSV files as people and programs write them, and what is refused with which words. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/file.h"
#include "host/csv.h"
#include "host/csv_scanner.h"

static char directory[64];
static const ft_csv_options plain = {NULL};

static void enter(void)
{
    strcpy(directory, "/tmp/ftgpu-csv-XXXXXX");
    cr_assert(mkdtemp(directory));
    cr_assert_eq(chdir(directory), 0);
}

static void leave(void)
{
    remove("t.csv");
    cr_assert_eq(chdir("/"), 0);
    rmdir(directory);
}

TestSuite(csv, .init = enter, .fini = leave);

static ft_status read_bytes(const char *text, size_t size, const char *timestamp, const char *id, ft_csv *csv,
                            ft_error *err)
{
    cr_assert_eq(ft_write_file("t.csv", text, size, err), FT_OK);
    const ft_csv_options options = {.timestamp = timestamp, .id = id};
    return ft_csv_read("t.csv", &options, false, NULL, csv, err);
}

static ft_csv reads(const char *text, const char *timestamp, const char *id)
{
    ft_csv csv;
    ft_error err = {0};
    cr_assert_eq(read_bytes(text, strlen(text), timestamp, id, &csv, &err), FT_OK, "%s", err.message);
    return csv;
}

static void refuses_with(const char *text, const char *timestamp, const char *id, const char *message)
{
    ft_csv csv;
    ft_error err = {0};
    cr_expect_eq(read_bytes(text, strlen(text), timestamp, id, &csv, &err), FT_BAD_INPUT, "%s", text);
    cr_expect_str_eq(err.message, message, "%s", err.message);
    cr_expect(csv.columns == NULL && csv.path == NULL);
}

static void refuses(const char *text, const char *message)
{
    refuses_with(text, NULL, NULL, message);
}

Test(csv, a_plain_file)
{
    ft_csv csv =
        reads("Date,Close,Note,Volume\n2024-01-01,1.5,up,10\n2024-01-02,,,NaN\n2024-01-03,-2e3,down,30\n",
              NULL, NULL);
    cr_expect_eq(csv.n_rows, 3);
    cr_expect_eq(csv.n_columns, 3);
    cr_expect_eq(csv.n_items, 1);
    cr_expect_str_eq(csv.timestamp_name, "Date");
    cr_expect_str_eq(csv.columns[2].name, "Volume");
    const double *close = csv.columns[0].values, *volume = csv.columns[2].values,
                 *note = csv.columns[1].values;
    cr_expect(close[0] == 1.5 && isnan(close[1]) && close[2] == -2000);
    cr_expect(volume[0] == 10 && isnan(volume[1]) && volume[2] == 30);
    cr_expect(csv.columns[0].text == NULL && csv.columns[2].text == NULL);
    cr_expect_str_eq(csv.columns[1].text, "up");
    cr_expect(!isnan(note[0]) && isnan(note[1]) && !isnan(note[2]));
    cr_expect_str_eq(ft_csv_date(&csv, 2), "2024-01-03");
    cr_expect_eq(csv.times[1] - csv.times[0], 86400000000);
    cr_expect_eq(csv.lines[2], 4u);
    ft_csv_free(&csv);
    ft_csv_free(&csv);
}

Test(csv, quotes_bom_line_ends_and_blank_lines)
{
    ft_csv csv = reads("\xEF\xBB\xBF\"Date\" , \"The \"\"Close\"\"\",\"a,b\"\r\n\r\n"
                       "\"2024-01-01\",\"1.5\",\"two\r\nlines\"\r\n  \n2024-01-02, 2.5 ,3\r2024-01-03,3.5,4",
                       NULL, NULL);
    cr_expect_eq(csv.n_rows, 3);
    cr_expect_str_eq(csv.columns[0].name, "The \"Close\"");
    cr_expect_str_eq(csv.columns[1].name, "a,b");
    cr_expect(csv.columns[0].values[0] == 1.5 && csv.columns[0].values[1] == 2.5 &&
              csv.columns[0].values[2] == 3.5);
    cr_expect_str_eq(csv.columns[1].text, "two\r\nlines");
    cr_expect_eq(csv.lines[0], 3u);
    cr_expect_eq(csv.lines[1], 6u);
    cr_expect_eq(csv.lines[2], 7u);
    ft_csv_free(&csv);
}

Test(csv, missing_values)
{
    ft_csv csv = reads("d,a,b\n2024-01-01,NA,\n2024-01-02,null,\"\"\n2024-01-03,nAn, \n2024-01-04,1,Null\n",
                       NULL, NULL);
    for (size_t i = 0; i < 4; i++) cr_expect(isnan(csv.columns[1].values[i]));
    cr_expect(csv.columns[0].text == NULL && csv.columns[1].text == NULL);
    cr_expect(isnan(csv.columns[0].values[2]) && csv.columns[0].values[3] == 1);
    ft_csv_free(&csv);
}

Test(csv, the_date_column_by_name_and_an_index_without_name)
{
    ft_csv csv = reads("Close,When\n1,2024-01-01 10:00\n2,2024-01-01 11:00\n", "When", NULL);
    cr_expect_str_eq(csv.timestamp_name, "When");
    cr_expect_str_eq(csv.columns[0].name, "Close");
    cr_expect_eq(csv.style.precision, FT_STYLE_MINUTES);
    ft_csv_free(&csv);
    csv = reads(",Close\n2024-01-01,1\n", NULL, NULL); /* as pandas writes an index */
    cr_expect_str_eq(csv.timestamp_name, "");
    ft_csv_free(&csv);
}

Test(csv, long_format)
{
    ft_text text = FT_TEXT_EMPTY;
    ft_text_add(&text, "date,item,y\n");
    for (int day = 1; day <= 9; day++)
        for (int item = 0; item < 100; item++)
            ft_text_addf(&text, "2024-01-0%d,series %d,%d\n", day, item, day * 1000 + item);
    ft_csv csv = reads(text.data, "date", "item");
    cr_expect_eq(csv.n_items, 100);
    cr_expect_eq(csv.n_rows, 900);
    cr_expect_str_eq(csv.id_name, "item");
    cr_expect_str_eq(csv.item_names[37], "series 37");
    for (size_t row = 0; row < csv.n_rows; row++) cr_assert_eq(csv.items[row], (int32_t)(row % 100));
    cr_expect_eq(csv.n_columns, 1);
    ft_csv_free(&csv);
    ft_text_free(&text);
    csv = reads("item,date,y\na,2024-01-01,1\na,2024-01-02,1\nb,2024-01-01,2\n", NULL, "item");
    cr_expect_str_eq(csv.timestamp_name, "date"); /* the first column that is not the id */
    cr_expect_eq(csv.n_items, 2);
    ft_csv_free(&csv);
}

Test(csv, what_is_not_a_table)
{
    refuses("", "t.csv: the file is empty");
    refuses("\n \n", "t.csv: the file is empty");
    refuses("Date,Close\n", "t.csv: a header, but no row of data");
    refuses("Date;Close\n2024-01-01;1\n", "t.csv: only one column, \"Date;Close\" (a date column and the "
                                          "target are needed; cells are separated by "
                                          "commas)");
    refuses("Date,Close,Close\n2024-01-01,1,2\n", "t.csv: two columns named \"Close\"");
    refuses("Date,Close\n2024-01-01,1\n2024-01-02,1,2\n", "t.csv:3: 3 cells, but the header has 2 columns");
    refuses("Date,A,B\n2024-01-01,1\n", "t.csv:2: 2 cells, but the header has 3 columns");
    refuses("Date,A\n2024-01-01,\"1\n2024-01-02,2\n", "t.csv:2: a quoted cell without its closing quote");
    refuses("Date,A\n2024-01-01,\"1\"2\n",
            "t.csv:2: text after a closing quote (a quote inside a cell is written twice)");
    ft_csv csv;
    ft_error err;
    cr_expect_eq(read_bytes("Date,A\n2024-01-01,\0\n", 20, NULL, NULL, &csv, &err), FT_BAD_INPUT);
    cr_expect_str_eq(err.message,
                     "t.csv:2: a NUL byte (this is no CSV text; if it is UTF-16, save it as UTF-8)");
    cr_expect_eq(ft_csv_read("none.csv", &plain, false, NULL, &csv, &err), FT_BAD_INPUT);
    cr_expect_str_eq(err.message, "none.csv: cannot be opened: No such file or directory");
}

Test(csv, dates_that_are_none_or_out_of_order)
{
    refuses("Date,A\n2024-01-01,1\nn/a,2\n", "t.csv:3: column \"Date\": \"n/a\" is not a date (write it as "
                                             "2024-12-31 or 2024-12-31 23:59:00; --timestamp "
                                             "names the date column)");
    refuses("Date,A\n,2\n", "t.csv:2: column \"Date\": the date is missing");
    refuses("Date,A\n2024-01-02,1\n2024-01-02,2\n", "t.csv:3: the date \"2024-01-02\" is given twice, first "
                                                    "in line 2; if the file holds several series, --id "
                                                    "names the column that tells them apart");
    refuses_with("Date,id,A\n2024-01-02,a,1\n2024-01-03,b,1\n2024-01-01,a,2\n", NULL, "id",
                 "t.csv:4: the date \"2024-01-01\" comes after \"2024-01-02\" of line 2, but is earlier "
                 "(sort the rows by "
                 "time)");
    refuses_with("Date,id,A\n2024-01-02,a,1\n2024-01-03,,1\n", NULL, "id",
                 "t.csv:3: column \"id\": the cell is empty (each row must name its series)");
}

Test(csv, infinite_numbers)
{
    const char *message =
        "t.csv:3: column \"A\": an infinite number (leave the cell empty for a missing value)";
    refuses("Date,A\n2024-01-01,1\n2024-01-02,-inf\n", message);
    refuses("Date,A\n2024-01-01,1\n2024-01-02,Infinity\n", message);
    refuses("Date,A\n2024-01-01,1\n2024-01-02,1e999\n", message);
    ft_csv csv = reads("Date,A\n2024-01-01,inf\n2024-01-02,text\n", NULL, NULL);
    cr_expect_str_eq(csv.columns[0].text, "text");
    ft_csv_free(&csv);
}

Test(csv, names_that_are_not_there)
{
    refuses_with("Date,Close\n2024-01-01,1\n", "date", NULL,
                 "t.csv: no column \"date\" (did you mean \"Date\"?)");
    refuses_with("Date,Close\n2024-01-01,1\n", NULL, "ticker",
                 "t.csv: no column \"ticker\" (there are: Date, Close)");
    refuses_with("Date,Close\n2024-01-01,1\n", "Date", "Date",
                 "t.csv: column \"Date\" cannot be both dates and ids");
    ft_csv csv = reads("Date,Close,Note\n2024-01-01,,n/a\n", NULL, NULL);
    ft_error err;
    size_t column;
    cr_expect_eq(ft_csv_numeric_column(&csv, "Close", &column, &err), FT_OK);
    cr_expect_eq(column, 0);
    cr_expect_eq(ft_csv_numeric_column(&csv, "Clsoe", &column, &err), FT_BAD_INPUT);
    cr_expect_str_eq(err.message, "t.csv: no column \"Clsoe\" (did you mean \"Close\"?)");
    cr_expect_eq(ft_csv_numeric_column(&csv, "Note", &column, &err), FT_BAD_INPUT);
    cr_expect_str_eq(
        err.message,
        "t.csv:2: column \"Note\": \"n/a\" is not a number (leave the cell empty for a missing value)");
    cr_expect_eq(ft_csv_numeric_column(&csv, "Date", &column, &err), FT_BAD_INPUT);
    cr_expect_str_eq(err.message, "t.csv: column \"Date\" holds the dates, it cannot be the target");
    ft_csv_free(&csv);
}

Test(csv, a_cell_of_10_megabytes)
{
    size_t size = 10 << 20;
    char *text = malloc(size + 64);
    ft_csv csv;
    ft_error err;
    for (int quoted = 0; quoted < 2; quoted++) {
        size_t start = (size_t)sprintf(text, "Date,A\n2024-01-01,%s", quoted ? "\"" : "");
        memset(text + start, 'x', size);
        strcpy(text + start + size, quoted ? "\"\n" : "\n");
        cr_expect_eq(read_bytes(text, strlen(text), NULL, NULL, &csv, &err), FT_BAD_INPUT);
        cr_expect_str_eq(err.message, quoted
                                          ? "t.csv:2: a cell of more than 1 MiB (is a closing quote missing?)"
                                          : "t.csv:2: a cell of more than 1 MiB");
    }
    size_t start = (size_t)sprintf(text, "Date,A\n2024-01-01,");
    memset(text + start, '7', FT_CSV_MAX_CELL_BYTES);
    strcpy(text + start + FT_CSV_MAX_CELL_BYTES, "x\n2024-01-02,1\n");
    text[start + FT_CSV_MAX_CELL_BYTES - 1] = 'x'; /* as large as allowed */
    memmove(text + start + FT_CSV_MAX_CELL_BYTES, text + start + FT_CSV_MAX_CELL_BYTES + 1, 16);
    cr_expect_eq(read_bytes(text, strlen(text), NULL, NULL, &csv, &err), FT_OK, "%s", err.message);
    cr_expect_str_eq(csv.columns[0].text, "7777777777777777777777777777777777777...");
    ft_csv_free(&csv);
    free(text);
}

Test(csv, a_million_rows)
{
    ft_text text = FT_TEXT_EMPTY;
    ft_text_add(&text, "Date,Close,SMA_20,SMA_50,Volume,Volatility\n");
    char date[FT_TIMESTAMP_CHARS];
    ft_timestamp_style style = {.precision = FT_STYLE_SECONDS, .date_separator = '-', .time_separator = ' '};
    for (int64_t i = 0; i < 1000000; i++)
        ft_text_addf(&text, "%s,%d.25,101.123456789,99.5,123456,0.0123456789012345\n",
                     ft_timestamp_format(i * 60000000, &style, date), (int)(i % 1000));
    ft_csv csv;
    ft_error err;
    cr_assert_eq(ft_write_file("t.csv", text.data, text.length, &err), FT_OK);
    struct timespec before, after;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &before);
    cr_assert_eq(ft_csv_read("t.csv", &plain, false, NULL, &csv, &err), FT_OK, "%s", err.message);
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &after);
    double seconds = (double)(after.tv_sec - before.tv_sec) + 1e-9 * (double)(after.tv_nsec - before.tv_nsec);
    cr_log_info("%zu bytes in %.2f s", text.length, seconds);
    cr_expect_eq(csv.n_rows, 1000000);
    cr_expect_eq(csv.columns[0].values[999999], 999.25);
    cr_expect(seconds < 10, "%.2f s", seconds); /* about 0.5 s without sanitizers */
    ft_csv_free(&csv);
    ft_text_free(&text);
}
