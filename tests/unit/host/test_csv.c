/* CSV files as people and programs write them, and what is refused with which words. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/file.h"
#include "host/data/csv.h"
#include "host/data/csv_scanner.h"

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

static void expect_same(const ft_csv *a, const ft_csv *b, size_t piece)
{
    const size_t rows = a->n_rows, columns = a->n_columns;
    cr_assert(b->n_rows == rows && b->n_columns == columns && b->n_items == a->n_items, "pieces of %zu",
              piece);
    cr_assert(b->checksum == a->checksum && b->grouped == a->grouped, "pieces of %zu", piece);
    cr_assert_str_eq(b->notes.data ? b->notes.data : "", a->notes.data ? a->notes.data : "");
    cr_assert_arr_eq(&b->style, &a->style, sizeof a->style, "pieces of %zu", piece);
    cr_assert_arr_eq(b->times, a->times, rows * sizeof *a->times, "pieces of %zu", piece);
    cr_assert_arr_eq(b->zones, a->zones, rows * sizeof *a->zones, "pieces of %zu", piece);
    cr_assert_arr_eq(b->lines, a->lines, rows * sizeof *a->lines, "pieces of %zu", piece);
    cr_assert_arr_eq(b->items, a->items, rows * sizeof *a->items, "pieces of %zu", piece);
    for (size_t i = 0; i < rows; i++) cr_assert_str_eq(b->dates[i], a->dates[i], "pieces of %zu", piece);
    for (size_t i = 0; i < a->n_items && a->id_name; i++)
        cr_assert_str_eq(b->item_names[i], a->item_names[i]);
    for (size_t c = 0; c < columns; c++) {
        const ft_csv_column *x = &a->columns[c], *y = &b->columns[c];
        cr_assert_arr_eq(y->values, x->values, rows * sizeof *x->values, "pieces of %zu", piece);
        cr_assert_str_eq(y->text ? y->text : "", x->text ? x->text : "");
        cr_assert(!x->text || x->text_line == y->text_line, "pieces of %zu", piece);
    }
}

/* Reading in pieces gives the result of reading at once; csv NULL: that is `refusal`. */
static void reads_in_pieces(const ft_csv_options *options, const ft_csv *whole, const char *refusal)
{
    static const size_t sizes[] = {1, 5, 16, 33, 64};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        ft_csv csv;
        ft_error err = {0};
        ft_status status = ft_csv_read_pieces("t.csv", options, false, NULL, sizes[i], &csv, &err);
        cr_assert_eq(status, whole ? FT_OK : FT_BAD_INPUT, "pieces of %zu: %s", sizes[i], err.message);
        if (whole)
            expect_same(whole, &csv, sizes[i]);
        else
            cr_expect_str_eq(err.message, refusal, "pieces of %zu: %s", sizes[i], err.message);
        ft_csv_free(&csv);
    }
}

static ft_csv reads_by(const char *text, ft_csv_options options)
{
    ft_csv csv;
    ft_error err = {0};
    cr_assert_eq(ft_write_file("t.csv", text, strlen(text), &err), FT_OK);
    cr_assert_eq(ft_csv_read("t.csv", &options, false, NULL, &csv, &err), FT_OK, "%s", err.message);
    reads_in_pieces(&options, &csv, NULL);
    return csv;
}

static ft_csv reads(const char *text, const char *timestamp, const char *id)
{
    return reads_by(text, (ft_csv_options){.timestamp = timestamp, .id = id});
}

static void refuses_by(const char *text, ft_csv_options options, const char *message)
{
    ft_csv csv;
    ft_error err = {0};
    cr_assert_eq(ft_write_file("t.csv", text, strlen(text), &err), FT_OK);
    cr_expect_eq(ft_csv_read("t.csv", &options, false, NULL, &csv, &err), FT_BAD_INPUT, "%s", text);
    cr_expect_str_eq(err.message, message, "%s", err.message);
    cr_expect(csv.columns == NULL && csv.path == NULL);
    reads_in_pieces(&options, NULL, err.message);
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

/* An unquoted cell ends at the comma, though in others commas are decimal. */
Test(csv, decimal_commas_between_commas)
{
    ft_csv csv = reads("d,x,y\n2024-01-01,\"1,5\",2\n2024-01-02,3,4\n", NULL, NULL);
    cr_expect(csv.columns[0].values[0] == 1.5 && csv.columns[0].values[1] == 3);
    cr_expect(csv.columns[1].values[0] == 2 && csv.columns[1].values[1] == 4);
    ft_csv_free(&csv);
}

/* Commas and points of late rows count as much as those of the first, though mostly the
 * first rows alone are looked at (one row where pieces are small, as `reads` tries). */
Test(csv, late_rows_decide_how_numbers_are_written)
{
    ft_csv csv = reads("d;x;y;z\n2024-01-01;1;2,5;7\n2024-01-02;3,25;1;\n2024-01-03;1.234;7;9\n", NULL, NULL);
    cr_expect(csv.columns[0].values[1] == 3.25 && csv.columns[0].values[2] == 1234);
    cr_expect(csv.columns[1].values[0] == 2.5 && csv.columns[2].values[2] == 9);
    ft_csv_free(&csv);
    csv = reads("d;x\n2024-01-01;1,5\n2024-01-02;1'000,5\n", NULL, NULL);
    cr_expect(csv.columns[0].values[1] == 1000.5);
    ft_csv_free(&csv);
    csv = reads("d;x;y\n2024-01-01;;1,5\n2024-01-02;inf;2,5\n2024-01-03;2.500;\n2024-01-04;word;1\n", NULL,
                NULL);
    cr_expect(isnan(csv.columns[0].values[0]) && isinf(csv.columns[0].values[1]));
    cr_expect(csv.columns[0].values[2] == 2500 && csv.columns[0].text_line == 5);
    ft_csv_free(&csv);
    csv = reads("d;x;y\n2024-01-01;1;1,5\n2024-01-02;1,5;2,5\n2024-01-03;2.5;3,5\n", NULL, NULL);
    cr_expect(csv.columns[0].text && csv.columns[0].certainty == FT_NUMBERS_OPEN);
    ft_csv_free(&csv);
}

/* Rows, series, texts and missing values in any piece; cells that go over several lines;
 * a last row without an end; lines without anything; ids that need quotes. */
Test(csv, pieces_of_a_file_are_read_as_the_whole)
{
    static const char *const texts[] = {
        "d,s,x,y\n2024-01-01,a,1,\n2024-01-02,a,2.5,3\n\n,,,\n2024-01-01,b,3,word\n2024-01-02,b,,4\n"
        "2024-01-03,a,-7,5\n2024-01-03,b,NA,inf\n2024-01-04,c,1e3,6\n2024-01-04,b,8,\n2024-01-05,b,.5,1",
        "d,s,x\r\n2024-01-01 00:00:00,\" a\",1\r\n2024-01-01T01:00:00, a,2\r\n2024-01-01 "
        "01:00:00,\"a,\",2\r\n"
        "2024-01-01 02:00:00,a,1\r\n\r\n2024-01-01 03:00:00,\"a,\",\"4\"\r\n2024-01-01 04:00:00,a,5.\r\n",
        "d,s,x\n2024-01-01,\"two\nlines\",1\n2024-01-01,\"say \"\"hi\"\"\n\n2024-01-01,c,9\n\",2\n"
        "2024-01-02,\"two\nlines\",1\n2024-01-02,c,3\n2024-1-3,c,18446744073709551616\n",
        "d,s,x\n2024-01-01,c,1\n2024-01-02,c,\"2\n2024-01-02,e,5\"\n2024-01-03,c,1\n",
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        ft_csv csv = reads(texts[i], NULL, "s");
        ft_csv_free(&csv);
    }
    refuses_by("d,x\n2024-01-01,1\n2024-01-02,2\n2024-01-03\n2024-01-04,1,2\n", plain,
               "t.csv:4: 1 cell, but the header has 2 columns");
    refuses_by("d,x\n2024-01-01,1\n\"2024-01-02\",\"2\n2024-01-03,1\n2024-01-04,1\n", plain,
               "t.csv:3: a quoted cell without its closing quote");
    refuses_by("d,x\n2024-01-01,1\n2024-01-02,\"2\n2\"\n2024-01-03,1\n2024-02-30,1\n", plain,
               "t.csv:6: column \"d\": \"2024-02-30\" is not a date (write it as 2024-12-31 or 2024-12-31 "
               "23:59:00, or say "
               "how it is written, as in --date-format \"%d.%m.%Y %H:%M\"; --timestamp names the date "
               "column; delete the "
               "line if it is no data)");
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
    cr_expect_str_eq(csv.dates[2], "2024-01-03");
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
    /* What pandas.read_csv takes for missing, and nothing else: case counts. */
    const char *words[] = {"",     "#N/A",   "#N/A N/A", "#NA",  "-1.#IND", "-1.#QNAN", "-NaN",
                           "-nan", "1.#IND", "1.#QNAN",  "<NA>", "N/A",     "NA",       "NULL",
                           "NaN",  "None",   "n/a",      "nan",  "null"};
    enum { N = sizeof words / sizeof *words };
    ft_text text = FT_TEXT_EMPTY;
    ft_text_add(&text, "d,a,b\n");
    for (int i = 0; i < N; i++)
        ft_text_addf(&text, "2024-01-%02d,%s,\" %s\"\n", i + 1, words[i], i ? "" : "x");
    ft_text_add(&text, "2024-02-01,-1.5,\n");
    ft_csv csv = reads(text.data, NULL, NULL);
    for (size_t i = 0; i < N; i++) cr_expect(isnan(csv.columns[0].values[i]), "%s", words[i]);
    cr_expect(csv.columns[0].text == NULL && csv.columns[0].values[N] == -1.5);
    ft_csv_free(&csv);
    ft_text_free(&text);
    csv = reads("d,a,b,c\n2024-01-01,NAN,Null,none\n", NULL, NULL);
    for (size_t c = 0; c < 3; c++) cr_expect(csv.columns[c].text && !isnan(csv.columns[c].values[0]));
    ft_csv_free(&csv);
    csv =
        reads_by("d,a\n2024-01-01,-\n2024-01-02,-999\n2024-01-03,7\n", (ft_csv_options){.missing = "-,-999"});
    cr_expect(isnan(csv.columns[0].values[0]) && isnan(csv.columns[0].values[1]) &&
              csv.columns[0].values[2] == 7);
    ft_csv_free(&csv);
}

static void has_values(const char *text, ft_csv_options options, size_t count, const double *values,
                       const char *notes)
{
    ft_csv csv = reads_by(text, options);
    cr_assert_eq(csv.n_rows, count, "%s", text);
    for (size_t i = 0; i < count; i++) {
        cr_expect_eq(csv.columns[0].values[i], values[i], "%s: %g", text, csv.columns[0].values[i]);
        cr_expect(i == 0 || csv.items[i] != csv.items[i - 1] || csv.times[i] > csv.times[i - 1]);
    }
    cr_expect_str_eq(csv.notes.data ? csv.notes.data : "", notes, "%s", csv.notes.data);
    ft_csv_free(&csv);
}

Test(csv, words_for_missing_values)
{
    const double values[] = {7, 8};
    ft_csv csv = reads_by("d,a,b\n2024-01-01,-999.0,x\n2024-01-02,7,---\n2024-01-03,-9.99e2,y\n",
                          (ft_csv_options){.missing = "-999,---"});
    const double *a = csv.columns[0].values;
    cr_expect(isnan(a[0]) && a[1] == 7 && isnan(a[2]), "%g %g", a[0], a[2]);
    cr_expect(isnan(csv.columns[1].values[1]) && csv.notes.length == 0, "%s", csv.notes.data);
    ft_csv_free(&csv);
    csv = reads_by("d;a\n2024-01-01;-999,0\n2024-01-02;7,5\n", (ft_csv_options){.missing = "-999"});
    cr_expect(isnan(csv.columns[0].values[0]) && csv.columns[0].values[1] == 7.5);
    ft_csv_free(&csv);
    has_values("d,a\n2024-01-01,7\n2024-01-02,8\n", (ft_csv_options){.missing = "-999,?"}, 2, values,
               "t.csv: no cell is \"-999\", which --missing names\n"
               "t.csv: no cell is \"?\", which --missing names\n");
}

Test(csv, the_date_column_by_name_and_an_index_without_name)
{
    ft_csv csv = reads("Close,When\n1,2024-01-01 10:00\n2,2024-01-01 11:00\n", "When", NULL);
    cr_expect_str_eq(csv.timestamp_name, "When");
    cr_expect_str_eq(csv.columns[0].name, "Close");
    cr_expect_eq(csv.style.precision, FT_STYLE_MINUTES);
    ft_csv_free(&csv);
    csv = reads(",Close\n2024-01-01,1\n", NULL, NULL); /* as pandas writes an index */
    cr_expect_str_eq(csv.timestamp_name, "Unnamed: 0");
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
    /* the first column that is not the id */
    cr_expect_str_eq(csv.timestamp_name, "date");
    cr_expect_eq(csv.n_items, 2);
    ft_csv_free(&csv);
}

Test(csv, what_is_not_a_table)
{
    refuses("", "t.csv: the file is empty");
    refuses("\n \n", "t.csv: the file is empty");
    refuses("Date,Close\n", "t.csv: a header, but no row of data");
    refuses("Date:Close\n2024-01-01:1\n", "t.csv: only one column, \"Date:Close\" (a date column and the "
                                          "target are needed; cells are separated by "
                                          "commas, semicolons, tabs, | or what --separator names)");
    refuses("Date,Close\n2024-01-01,1\n2024-01-02,1,2\n", "t.csv:3: 3 cells, but the header has 2 columns");
    refuses("Date,A,B\n2024-01-01,1\n",
            "t.csv:2: 2 cells, but the header has 3 columns (is line 1 the header?)");
    refuses("Date,A\n2024-01-01,\"1\n2024-01-02,2\n", "t.csv:2: a quoted cell without its closing quote");
    refuses("Date,A\n2024-01-01,\"1\"2\n",
            "t.csv:2: text after a closing quote (a quote inside a cell is written twice)");
    ft_csv csv;
    ft_error err;
    cr_expect_eq(read_bytes("Date,A\n2024-01-01,\0\n", 20, NULL, NULL, &csv, &err), FT_BAD_INPUT);
    cr_expect_str_eq(err.message,
                     "t.csv:2: a NUL byte (this is no CSV text; delete the byte, or save the file as UTF-8)");
    cr_expect_eq(ft_csv_read("none.csv", &plain, false, NULL, &csv, &err), FT_BAD_INPUT);
    cr_expect_str_eq(err.message, "none.csv: cannot be opened: No such file or directory");
}

Test(csv, dates_that_are_none_or_out_of_order)
{
    refuses(
        "Date,A\n2024-01-01,1\nTotal,2\n2024-01-02,2\n",
        "t.csv:3: column \"Date\": \"Total\" is not a date (write it as 2024-12-31 or 2024-12-31 "
        "23:59:00, or say how it is written, as in --date-format \"%d.%m.%Y %H:%M\"; --timestamp names the "
        "date column; delete the line if it is no data)");
    refuses(",A,time\n,1,2024-01-01\n",
            "t.csv:2: column \"Unnamed: 0\": the date is missing (column \"time\" holds dates: --timestamp "
            "\"time\")");
    refuses(
        "time,A\n,C\n2024-01-01,1\n",
        "t.csv:2: column \"time\": the date is missing (the first date is in line 3; delete line 2: further "
        "header rows, as yfinance writes them, or comments?)");
    refuses("Date,A\n,2\n",
            "t.csv:2: column \"Date\": the date is missing (delete the line if it is no data)");
    refuses("Date,A\n2024-01-01,1\nn/a,2\n",
            "t.csv:3: column \"Date\": the date is missing (delete the line if it is no data)");
    refuses("Date,A\n2024-01-02,1\n2024-01-02,2\n", "t.csv:3: the date \"2024-01-02\" is given twice, first "
                                                    "in line 2 (if the file holds several series, --id names "
                                                    "the column that tells them apart, or the columns: --id "
                                                    "A,B; --duplicates mean, first or last makes one row of "
                                                    "them)");
    refuses_with("Date,id,A\n2024-01-02,a,1\n2024-01-03,b,1\n2024-01-02,a,2\n", NULL, "id",
                 "t.csv:4: the date \"2024-01-02\" of series \"a\" is given twice, first in line 2 (if "
                 "another column tells "
                 "the series apart too, --id names all of them: --id A,B; --duplicates mean, first or last "
                 "makes one row "
                 "of them)");
    refuses_with(
        "Date,id,A\n2024-01-02,a,1\n2024-01-03,b,1\n2024-01-01,a,2\n2024-01-04,b,1\n", NULL, "id",
        "t.csv:4: the date \"2024-01-01\" comes after \"2024-01-02\" of line 2, but is earlier (--sort sorts "
        "the "
        "rows by time; if another column tells the series apart too, --id names all of them: --id A,B)");
    const char *clocks =
        "t.csv:5: the date \"2024-10-27 02:00\" is given twice, first in line 4 (where the clocks go back, "
        "write each date with its offset from UTC, like 2024-10-27 02:00:00+02:00; if the file holds several "
        "series, --id names the column that tells them apart, or the columns: --id A,B; --duplicates mean, "
        "first or last makes one row of them)";
    refuses("Date,A\n2024-10-27 00:00,1\n2024-10-27 01:00,1\n2024-10-27 02:00,1\n2024-10-27 02:00,1\n",
            clocks);
    refuses_with(
        "Date,id,A\n2024-11-03 01:00,a,1\n2024-11-03 01:30,a,1\n2024-11-03 01:00,a,1\n", NULL, "id",
        "t.csv:4: the date \"2024-11-03 01:00\" comes after \"2024-11-03 01:30\" of line 3, but is earlier "
        "(where the clocks go back, write each date with its offset from UTC, like 2024-10-27 "
        "02:00:00+02:00; --sort sorts the rows by time; if another column tells the series apart too, --id "
        "names all of them: --id A,B)");
    /* At noon no clock is changed, and rows of two series are not one of them. */
    refuses(
        "Date,A\n2024-10-27 11:00,1\n2024-10-27 12:00,1\n2024-10-27 12:00,1\n",
        "t.csv:4: the date \"2024-10-27 12:00\" is given twice, first in line 3 (if the file holds several "
        "series, --id names the column that tells them apart, or the columns: --id A,B; --duplicates mean, "
        "first or last makes one row of them)");
    refuses_with("Date,id,A\n2024-01-02,a,1\n2024-01-03,,1\n", NULL, "id",
                 "t.csv:3: column \"id\": the cell is empty (each row must name its series)");
}

Test(csv, a_time_of_day_in_a_column_of_its_own)
{
    refuses("<DATE>,<TIME>,A\n2024-01-01,00:00:00,1\n2024-01-01,00:15:00,2\n",
            "t.csv:3: the date \"2024-01-01\" is given twice, first in line 2 (column \"<TIME>\" holds the "
            "time of day: join the two columns into one date)");
    refuses("date,y,Hour\n2024-01-01,3,23\n2024-01-02,2,0\n2024-01-02,1,1\n",
            "t.csv:4: the date \"2024-01-02\" is given twice, first in line 3 (column \"Hour\" holds the "
            "time of day: join the two columns into one date)");
    const char *twice = "t.csv:3: the date \"2024-01-01\" is given twice, first in line 2 (if the file holds "
                        "several series, --id names the column that tells them apart, or the columns: --id "
                        "A,B; --duplicates mean, first or last makes one row of them)";
    refuses("date,hour,y\n2024-01-01,1,1\n2024-01-01,1,2\n", twice);
    refuses("date,store,y\n2024-01-01,1,1\n2024-01-01,2,2\n", twice);
    refuses("date,note,y\n2024-01-01,a 10:15,1\n2024-01-01,b,2\n", twice);
}

Test(csv, names_that_are_no_utf_8)
{
    ft_csv csv = reads("Date,Gr\xF6\xDF"
                       "e,Close\n2024-01-01,1,2\n",
                       NULL, NULL);
    ft_error err;
    size_t column;
    cr_expect_eq(ft_csv_numeric_column(&csv,
                                       "Gr\xC3\xB6\xC3\x9F"
                                       "e",
                                       &column, &err),
                 FT_OK);
    cr_expect_str_eq(csv.notes.data,
                     "t.csv:1: is not UTF-8: read as Windows-1252 (2 characters; if names look "
                     "wrong, save the file as UTF-8)\n");
    ft_csv_free(&csv);
}

/* Rows that exports have besides data: what to do with them is said. */
Test(csv, rows_that_are_no_data)
{
    const char *rows = "2024-01-01,1\n2024-01-02,2\n";
    static const struct {
        const char *before, *after, *message;
    } files[] = {
        {"Date,y\n", "Date,y\n2024-01-03,3\n",
         "t.csv:4: column \"Date\": \"Date\" is not a date (the header again? delete line 4)"},
        {"Date,y\n", "Total,3\n",
         "t.csv:4: column \"Date\": \"Total\" is not a date (a total or a note below the data? delete line "
         "4)"},
        {"Date,y\n", "Total,3\n\n\"Source: us, 2024\"\n",
         "t.csv:4: column \"Date\": \"Total\" is not a date (a total or a note below the data? delete lines "
         "4 "
         "to 6)"},
        {"Date,y\n", "# exported\n",
         "t.csv:4: column \"Date\": \"# exported\" is not a date (a comment? delete line 4)"},
        {"#a,b\n#c,d\n#e,f\nDate,y\n", "",
         "t.csv:2: column \"#a\": \"#c\" is not a date (comments above the header? delete lines 1 to 3)"},
        {"Week,y\n2023-00,1\n", "", /* data, it seems: not to be deleted */
         "t.csv:2: column \"Week\": \"2023-00\" is not a date (write it as 2024-12-31 or 2024-12-31 "
         "23:59:00, or say how it is written, as in --date-format \"%d.%m.%Y %H:%M\"; --timestamp names the "
         "date column)"},
        {"Month;y\nJan., 2022;1\nMärz, 2022;2\n", "",
         "t.csv:2: column \"Month\": \"Jan., 2022\" is not a date (write it as 2024-12-31 or 2024-12-31 "
         "23:59:00, or say how it is written, as in --date-format \"%d.%m.%Y %H:%M\"; --timestamp names the "
         "date column)"},
        {"Name,2021,2022,2023\nA,1,2,3\n", "",
         "t.csv:2: column \"Name\": \"A\" is not a date (the dates are the header: make a row of each date, "
         "as pandas.melt does)"}};
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        char text[256];
        snprintf(text, sizeof text, "%s%s%s", files[i].before, rows, files[i].after);
        refuses(text, files[i].message);
    }
}

Test(csv, a_refusal_says_how_the_file_was_decoded)
{
    refuses(
        "Date,Gr\xF6\xDF"
        "e\n2024-01-01,1\n2024-01-01,2\n",
        "t.csv:3: the date \"2024-01-01\" is given twice, first in line 2 (if the file holds several "
        "series, --id names the column that tells them apart, or the columns: --id A,B; --duplicates "
        "mean, first or last makes one row of them); note: t.csv:1: is not UTF-8: read as Windows-1252 (2 "
        "characters; if names look wrong, save the file as UTF-8)");
}

/* The row's date is written like this. */
static void is_written(const ft_csv *csv, size_t row, const char *expected)
{
    char out[FT_TIMESTAMP_CHARS];
    cr_expect_str_eq(ft_timestamp_format(csv->times[row], &csv->style, out), expected, "%s", out);
}

/* The last row alone does not tell the language: "2. Juni" may be Dutch too. */
Test(csv, months_are_written_in_the_column_s_language)
{
    ft_csv csv = reads("d;y\n1. März 2023;1\n1. April 2023;2\n1. Mai 2023;3\n1. Juni 2023;4\n", NULL, NULL);
    is_written(&csv, 0, "01. März 2023");
    ft_csv_free(&csv);
    csv = reads("d;y\n1 mai 2023;1\n1 juin 2023;2\n1 juil. 2023;3\n1 août 2023;4\n", NULL, NULL);
    is_written(&csv, 2, "01 juil. 2023");
    is_written(&csv, 0, "01 mai 2023");
    ft_csv_free(&csv);
    /* A dot behind the short ones alone, whatever follows. */
    csv = reads("d;y\n2023 févr.;1\n2023 mars;2\n", NULL, NULL);
    is_written(&csv, 0, "2023 févr.");
    is_written(&csv, 1, "2023 mars");
    ft_csv_free(&csv);
    csv = reads("d;y\n1-févr.-2023;1\n1-mars-2023;2\n", NULL, NULL);
    is_written(&csv, 0, "01-févr.-2023");
    is_written(&csv, 1, "01-mars-2023");
    ft_csv_free(&csv);
    csv = reads("d,y\nMay 2023,1\nJune 2023,2\n", NULL, NULL);
    is_written(&csv, 1, "June 2023");
    ft_csv_free(&csv);
}

Test(csv, where_there_is_no_date)
{
    refuses("Price,Close\nTicker,A\nDate,\n2024-01-01,1\n",
            "t.csv:2: column \"Price\": \"Ticker\" is not a date (the first date is in line 4; delete lines "
            "2 and 3: further "
            "header rows, as yfinance writes them, or comments?)");
    refuses("# a title\nDate,Close\n2024-01-01,1\n",
            "t.csv:1: one cell, where line 2 has 2: a title or a comment above the header? (delete line 1)");
    refuses(
        "a title\n\n# more\nDate;Close\n2024-01-01;1\n",
        "t.csv:1: one cell, where line 4 has 2: titles or comments above the header? (delete lines 1 to 3)");
    refuses("# a, b, c\nDate,Close\n2024-01-01,1\n", "t.csv:2: column \"# a\": \"Date\" is not a date (the "
                                                     "first date is in line 3; delete line 1: a title or "
                                                     "comments above the header?)");
    refuses("n,Date,A\nx,2024-01-01,1\n",
            "t.csv:2: column \"n\": \"x\" is not a date (column \"Date\" holds dates: --timestamp \"Date\")");
    refuses("Date,A\n23-01-02,1\n",
            "t.csv:2: column \"Date\": \"23-01-02\" is not a date (which part is the year? --date-format "
            "\"%d-%m-%y\" or \"%y-%m-%d\")");
    refuses("Date,A\n11/12/10,1\n",
            "t.csv:2: column \"Date\": \"11/12/10\" is not a date (which part is the year? --date-format "
            "\"%d/%m/%y\" or \"%m/%d/%y\" or \"%y/%m/%d\")");
    refuses("Date,A\n12/31/23 09.30,1\n",
            "t.csv:2: column \"Date\": \"12/31/23 09.30\" is not a date (which part is the year? "
            "--date-format \"%m/%d/%y %H.%M\")");
    refuses("Date,A\n44927,1\n",
            "t.csv:2: column \"Date\": \"44927\" is not a date (it looks like Excel's number of a day: "
            "give the column a date format there before saving as CSV)");
    refuses("Date,A\n2024-01-01,1\n# end,\n",
            "t.csv:3: column \"Date\": \"# end\" is not a date (a comment? delete line 3)");
}

static void takes_date(const char *text, const char *name, const char *date, const char *notes)
{
    ft_csv csv = reads(text, NULL, NULL);
    cr_expect_str_eq(csv.timestamp_name, name, "%s", csv.timestamp_name);
    cr_expect_str_eq(csv.dates[0], date);
    cr_expect_str_eq(csv.notes.data ? csv.notes.data : "", notes, "%s", csv.notes.data);
    ft_csv_free(&csv);
}

Test(csv, numbers_in_the_first_column_and_dates_in_another)
{
    takes_date(",Date,Close\n1500,2023-01-02,100\n1501,2023-01-03,101\n", "Date", "2023-01-02",
               "t.csv: the dates are those of column \"Date\" (--timestamp names another)\n");
    takes_date("id,date,store_nbr,unit_sales\n125497000,2023-01-02,1,2\n125497001,2023-01-03,1,2\n", "date",
               "2023-01-02", "t.csv: the dates are those of column \"date\" (--timestamp names another)\n");
    takes_date("order_id,ds,y\n20230101,02.13.2023,2\n20230102,02.14.2023,3\n", "ds", "02.13.2023",
               "t.csv: the dates are those of column \"ds\" (--timestamp names another)\n");
    takes_date("timestamp,date,y\n1672531200,2023-01-02,2\n", "timestamp", "1672531200", "");
    takes_date("year,y\n2022,2\n2023,2\n", "year", "2022", "");
    takes_date("day,y,z\n20230101,2.5,1672531200.5\n20230102,3.5,1672531201.5\n", "day", "20230101", "");
    takes_date(",Close,date\n2024-01-01,1,2024-01-03\n", "Unnamed: 0", "2024-01-01", "");
    takes_date(",when,y\n0,2024-01-01,1\n1,2024-01-02,2\n", "when", "2024-01-01",
               "t.csv: the dates are those of column \"when\" (--timestamp names another)\n");
    refuses("id,opened,y\n20230101,2023-01-02,1\n",
            "t.csv: column \"id\" holds numbers and column \"opened\" dates: --timestamp \"opened\" or "
            "\"id\" says which are the dates");
    refuses("id,date,day\n20230101,2023-01-02,2023-01-03\n",
            "t.csv: column \"id\" holds numbers and column \"date\" dates: --timestamp \"date\" or "
            "\"id\" says which are the dates");
}

Test(csv, fiscal_years_are_no_months)
{
    refuses("Year,A\n2003/04,1\n2004/05,2\n2005/06,3\n",
            "t.csv:2: column \"Year\": is \"2003/04\" a year or a month? (write 2003 or 2003-04-01)");
    refuses("Year,A\n2005-06,1\n2004-05,2\n2003-04,3\n",
            "t.csv:2: column \"Year\": is \"2005-06\" a year or a month? (write 2005 or 2005-06-01)");
    const double values[] = {1, 2, 3};
    has_values("Month,A\n2003/04,1\n2004/05,2\n2005/07,3\n", plain, 3, values, "");
    has_values("Month,A\n2003/04,1\n2003/05,2\n2003/06,3\n", plain, 3, values, "");
}

Test(csv, days_and_months_by_the_whole_column)
{
    ft_csv csv = reads("Date,A\n01/02/2023,1\n01/13/2023,2\n", NULL, NULL);
    cr_expect_str_eq(csv.style.format, "%m/%d/%Y");
    cr_expect_eq(csv.times[1] - csv.times[0], 11 * 86400000000);
    ft_csv_free(&csv);
}

Test(csv, infinite_numbers)
{
    ft_csv csv =
        reads("Date,A,B\n2024-01-01,1,inf\n2024-01-02,-inf,text\n2024-01-03,Infinity,1\n2024-01-04,1e999,1\n",
              NULL, NULL);
    const double *a = csv.columns[0].values;
    cr_expect(a[0] == 1 && isinf(a[1]) && isinf(a[2]) && isinf(a[3]) && !csv.columns[0].text);
    cr_expect_str_eq(csv.columns[1].text, "text");
    ft_csv_free(&csv);
}

/* As in the plain file: two rows of dates and of numbers. */
static void is_plain_by(const char *text, ft_csv_options options)
{
    ft_csv csv = reads_by(text, options);
    cr_assert_eq(csv.n_rows, 2, "%s", text);
    cr_assert_geq(csv.n_columns, 1);
    cr_expect(csv.times[0] == 1704067200000000 && csv.times[1] == 1704153600000000, "%s", text);
    cr_expect(csv.columns[0].values[0] == 1234.5 && csv.columns[0].values[1] == 2, "%s: %g %g", text,
              csv.columns[0].values[0], csv.columns[0].values[1]);
    cr_expect_str_eq(csv.columns[0].name, "Close");
    ft_csv_free(&csv);
}

static void is_plain(const char *text)
{
    is_plain_by(text, plain);
}

Test(csv, separators)
{
    is_plain("Date,Close\n2024-01-01,1234.5\n2024-01-02,2\n");
    is_plain("Date;Close\n2024-01-01;1234.5\n2024-01-02;2\n");
    is_plain("Date\tClose\n2024-01-01\t1234.5\n2024-01-02\t2\n");
    is_plain("Date|Close\n2024-01-01|1234.5\n2024-01-02|2\n");
    /* an empty last cell */
    is_plain("Date\tClose\tNote\n2024-01-01\t1234.5\t\n2024-01-02\t2\t\n");
    is_plain("Date;Close;Open, High\n2024-01-01;1234.5;1\n2024-01-02;2;1\n");
    is_plain("Date;Close;Open, High\n2024-01-01;1234,5;1\n2024-01-02;2,0;1\n");
    is_plain("Date;Close;Open, High\n2024-01-01;1234,5;1;\n2024-01-02;2,0;1;\n");
    is_plain("\"Date\";\"Close\";\"a,b,c\"\n2024-01-01;1234.5;1\n2024-01-02;2;1\n");
    is_plain("sep=;\nDate;Close\n2024-01-01;1234.5\n2024-01-02;2\n");
    is_plain("\xEF\xBB\xBF\"sep=\t\"\r\nDate\tClose\r\n2024-01-01\t1234.5\r\n2024-01-02\t2");
    is_plain("sep=,\rDate,Close\r2024-01-01,1234.5\r2024-01-02,2\r");
    is_plain_by("Date:Close\n2024-01-01:1234.5\n2024-01-02:2\n", (ft_csv_options){.separator = ":"});
    is_plain("Date,Close\n,\n2024-01-01,1234.5\n,,,\n\"\",\"\"\n2024-01-02,2\n , \xC2\xA0\n");
    is_plain("Date,Close\n2024-01-01,1234.5,\n2024-01-02,2,,\n");
    refuses_by("Date,A\n2024-01-01,1\n", (ft_csv_options){.separator = "ab"},
               "--separator: \"ab\" does not separate cells (one of , ; | : tab or the like does)");
}

Test(csv, numbers_as_people_write_them)
{
    is_plain("Date,Close\n2024-01-01,\"1,234.50\"\n2024-01-02,2\n");
    is_plain("Date,Close\n2024-01-01,\xC2\xA0"
             "1234.5\xC2\xA0\n2024-01-02,\xE2\x80\xAF"
             "2\n");
    is_plain("Date;Close\n2024-01-01;1234,5\n2024-01-02;2\n");
    is_plain("Date;Close\n2024-01-01;1.234,5\n2024-01-02;2\n");
    /* The other cell shows what this comma is. */
    is_plain("Date;Close\n2024-01-01;1234,5\n2024-01-02;2,000\n");
    is_plain("Date,Close\n2024-01-01,\"1234,5\"\n2024-01-02,2\n");
    is_plain("Date,Close,X\n2024-01-01,\"1234,5\",1.5\n2024-01-02,2,1.25\n");
    is_plain_by("Date;Close\n2024-01-01;1 234,5\n2024-01-02;2\n",
                (ft_csv_options){.decimal = ",", .thousands = " "});
    is_plain_by("Date;Close\n2024-01-01;1\xE2\x80\xAF"
                "234.5\n2024-01-02;2\n",
                (ft_csv_options){.thousands = " "});
    is_plain_by("Date,Close\n2024-01-01,1'234.5\n2024-01-02,2\n", (ft_csv_options){.thousands = "'"});
    is_plain_by("Date;Close\n2024-01-01;1.234,5\n2024-01-02;2\n", (ft_csv_options){.thousands = "."});
    is_plain_by("Date;Close\n2024-01-01;1\xC2\xA0"
                "234,5\n2024-01-02;2\n",
                (ft_csv_options){.decimal = ",", .thousands = " "});
    ft_csv csv = reads("Date;A\n2024-01-01;994,900\n2024-01-02;2\n", NULL, NULL);
    cr_expect(csv.columns[0].certainty == FT_NUMBERS_OPEN && csv.columns[0].text);
    ft_csv_free(&csv);
    csv = reads("Date;A\n2024-01-01;994,900\n2024-01-02;1,020,400\n2024-01-03;2.5\n", NULL, NULL);
    cr_expect(csv.columns[0].values[0] == 994900 && csv.columns[0].values[1] == 1020400);
    ft_csv_free(&csv);
    /* both: no numbers */
    csv = reads("Date;A\n2024-01-01;99,5\n2024-01-02;1,020,400\n", NULL, NULL);
    cr_expect(csv.columns[0].text != NULL);
    ft_csv_free(&csv);
    csv = reads("Date;A;B;C\n2024-01-01;99,5;1.234;994,900\n2024-01-02;2;5.678;1\n", NULL,
                NULL); /* A tells of B, C */
    cr_expect(csv.columns[1].values[0] == 1234 && csv.columns[2].values[0] == 994.9);
    ft_csv_free(&csv);
    csv = reads("Date,A,B\n2024-01-01,99.5,\"994,900\"\n", NULL, NULL);
    cr_expect(csv.columns[0].values[0] == 99.5 && csv.columns[1].values[0] == 994900);
    ft_csv_free(&csv);
    /* C has a decimal point: B may */
    csv = reads("Date;A;B;C\n2024-01-01;99,5;1.234;0.5\n", NULL, NULL);
    cr_expect(csv.columns[0].values[0] == 99.5 && csv.columns[1].values[0] == 1.234);
    ft_csv_free(&csv);
    refuses_by("Date,A\n2024-01-01,1\n", (ft_csv_options){.decimal = ";"},
               "--decimal: \";\" is neither . nor ,");
    refuses_by("Date,A\n2024-01-01,1\n", (ft_csv_options){.thousands = ";"},
               "--thousands: \";\" is none of , . ' _ and a blank");
    refuses_by("Date,A\n2024-01-01,1\n", (ft_csv_options){.decimal = ",", .thousands = ","},
               "--decimal and --thousands are both \",\"");
}

/* The file's first column of numbers has these values; NULL: it is refused with
 * `hint`. */
static void has_numbers(const char *text, size_t count, const double *values, const char *hint)
{
    ft_csv csv = reads(text, NULL, NULL);
    ft_error err = {""};
    size_t column;
    const ft_status status = ft_csv_numeric_column(&csv, csv.columns[0].name, &column, &err);
    cr_expect_eq(status, values ? FT_OK : FT_BAD_INPUT, "%s: %s", text, err.message);
    for (size_t i = 0; i < count && status == FT_OK && values; i++)
        cr_expect_eq(csv.columns[0].values[i], values[i], "%s: %g", text, csv.columns[0].values[i]);
    if (hint) cr_expect(strstr(err.message, hint) != NULL, "%s: %s", text, err.message);
    ft_csv_free(&csv);
}

/* It is not asked what a comma means where it can mean but one thing. */
Test(csv, columns_that_contradict_themselves)
{
    const char *other_way = "\"0,5\" is not a number (other cells or files of this data may have commas and "
                            "points the other way: --decimal , or --decimal .)";
    const char *mixed = "Date;A\n2023-01-02;0,5\n2023-01-03;7.5\n";
    has_numbers(mixed, 0, NULL, other_way);
    has_numbers("Date;A\n2023-01-02;7\n2023-01-03;1,234,567\n2023-01-04;0,5\n", 0, NULL,
                "\"1,234,567\" is not a number (other cells or files");
    ft_error err;
    size_t column;
    ft_csv csv = reads_by(mixed, (ft_csv_options){.decimal = ","});
    cr_assert_eq(ft_csv_numeric_column(&csv, "A", &column, &err), FT_BAD_INPUT);
    cr_expect(strstr(err.message, ":3: column \"A\": \"7.5\" is not a number (a decimal point? --decimal .)"),
              "%s", err.message);
    ft_csv_free(&csv);
}

Test(csv, points_between_thousands)
{
    const char *open = "its point may be decimal or between thousands: --decimal , or --decimal .";
    has_numbers("Datum;Menge\n12.01.2023;992\n13.01.2023;999\n14.01.2023;1.006\n", 0, NULL, open);
    has_numbers("Datum;Menge\n2023-01-02;992\n2023-01-03;1.006\n", 0, NULL, open);
    has_numbers("Datum,Menge\n\"13.01.2023\",\"15.030\"\n", 0, NULL, open);
    has_numbers("Datum\tMenge\n13.01.2023\t15.030\n", 0, NULL, open);
    has_numbers("Datum,Menge\n\"13.01.2023\",\"15,030\"\n", 0, NULL, "its comma may be decimal");
    const double millions[] = {992, 1234567, 1006};
    has_numbers("Datum;Menge\n12.01.2023;992\n13.01.2023;1.234.567\n14.01.2023;1.006\n", 3, millions, NULL);
    has_numbers("Date,N\n2023-01-12,992\n2023-01-13,1.234.567\n2023-01-14,1.006\n", 0, NULL,
                "\"1.234.567\" is not a number (a decimal comma? --decimal ,)");
    const double points[] = {1.006, 0.5}, plain_points[] = {1.006, 2.125};
    has_numbers("Datum;Kurs\n12.01.2023;1.006\n13.01.2023;0.5\n", 2, points, NULL);
    has_numbers("Datum;Kurs;Zins\n12.01.2023;1.006;0.5\n13.01.2023;2.125;0.75\n", 2, plain_points, NULL);
    has_numbers("Date,FX\n2023-01-12,1.006\n2023-01-13,2.125\n", 2, plain_points, NULL);
    has_numbers("Date\tFX\n2023-01-12\t1.006\n2023-01-13\t2.125\n", 2, plain_points, NULL);
}

Test(csv, only_columns_of_numbers_tell_of_others)
{
    const double thousands[] = {1000, 1007}, fx[] = {1.085, 1.125};
    has_numbers("Date,Sales,genre\n2023-01-02,\"1,000\",\"1,1\"\n2023-01-03,\"1,007\",\"2,2,3\"\n", 2,
                thousands, NULL);
    has_numbers("Date,Sales\n2023-01-02,\"1,000\"\n2023-01-03,\"1,007\"\n", 2, thousands, NULL);
    has_numbers("Date,Sales,genre\n2023-01-02,\"1,000\",\"1,1\"\n2023-01-03,\"1,007\",\"2,2\"\n", 0, NULL,
                "its comma may be decimal or between thousands: --decimal , or --thousands ,");
    has_numbers("Date\tFX\tPair\n2023-01-02\t1.085\t1,2\n2023-01-03\t1.125\tEUR\n", 2, fx, NULL);
    has_numbers("Date\tFX\tPair\n2023-01-02\t1.085\t1,2\n2023-01-03\t1.125\t1,2\n", 0, NULL,
                "its point may be decimal or between thousands");
    has_numbers("Date\tFX\tRate\n2023-01-02\t1.085\tn/a\n2023-01-03\t1.125\t1,234.5\n", 2, fx, NULL);
}

Test(csv, other_marks_between_thousands)
{
    const double lakhs[] = {500000, 1234567.5}, swiss[] = {100000, -103}, french[] = {1234567.5, 2};
    has_numbers("Date,A\n2023-01-02,\"5,00,000.00\"\n2023-01-03,\"12,34,567.5\"\n", 2, lakhs, NULL);
    has_numbers("Date,A\n2023-01-02,100\xE2\x80\x99"
                "000.00\n2023-01-03,\xE2\x88\x92"
                "103\n",
                2, swiss, NULL);
    has_numbers("Date,A\n2023-01-02,100'000.00\n2023-01-03,-103\n", 2, swiss, NULL);
    has_numbers("Date,A\n2023-01-02,100000\n2023-01-03,\xE2\x88\x92"
                "103\n",
                2, swiss, NULL);
    has_numbers("Date;A\n2023-01-02;1\xE2\x80\xAF"
                "234\xE2\x80\xAF"
                "567,5\n2023-01-03;2\n",
                2, french, NULL);
    has_numbers("Date,A\n2023-01-02,\"5,00,00.00\"\n", 0, NULL, "is not a number");
    has_numbers("Date,A\n2023-01-02,\"500,00,000.00\"\n", 0, NULL, "is not a number");
}

/* The value of the last file's only row, where each file is read like the one before; 0:
 * it is refused with `hint`. */
static void has_value_behind(const char *first, const char *second, double value, const char *hint)
{
    ft_csv before = reads(first, NULL, NULL), csv;
    ft_error err = {""};
    size_t column;
    cr_assert_eq(ft_write_file("t.csv", second, strlen(second), &err), FT_OK);
    cr_assert_eq(ft_csv_read("t.csv", &plain, false, &before, &csv, &err), FT_OK, "%s", err.message);
    const ft_status status = ft_csv_numeric_column(&csv, "A", &column, &err);
    cr_expect_eq(status, hint ? FT_BAD_INPUT : FT_OK, "%s: %s", second, err.message);
    if (status == FT_OK)
        cr_expect_eq(csv.columns[0].values[0], value, "%s: %g", second, csv.columns[0].values[0]);
    if (hint) cr_expect(strstr(err.message, hint), "%s", err.message);
    ft_csv_free(&csv);
    ft_csv_free(&before);
}

Test(csv, another_file_that_shows_another_notation)
{
    const char *other_way =
        "\"5.000,25\" is not a number (other cells or files of this data may have commas and "
        "points the other way: --decimal , or --decimal .)";
    has_value_behind("Date\tA\tB\n2023-01-02\t5.000\tx,y\n", "Date\tA\n2023-01-03\t5.000,25\n", 0, other_way);
    has_value_behind("Date,A\n2023-01-02,\"1,234\"\n", "Date,A\n2023-01-03,\"99,5\"\n", 0,
                     "\"99,5\" is not a number (other cells or files of this data");
    has_value_behind("Date,A\n2023-01-02,\"99,5\"\n", "Date,A\n2023-01-03,\"1,234\"\n", 1.234, NULL);
    has_value_behind("Date,A\n2023-01-02,\"1,234.5\"\n", "Date,A\n2023-01-03,\"1,234\"\n", 1234, NULL);
    has_value_behind("Date,A\n2023-01-02,\"99.5\"\n", "Date,A\n2023-01-03,\"1,234\"\n", 1234, NULL);
    has_value_behind("Date;A\n2023-01-02;99.5\n", "Date;A\n2023-01-03;1.234\n", 1.234, NULL);
    has_value_behind("Date;A\n2023-01-02;99,5\n", "Date;A\n2023-01-03;1.234\n", 1234, NULL);
    has_value_behind("Date\tA\n2023-01-02\t99,5\n", "Date\tA\tB\n2023-01-03\t1.234\tx,y\n", 1234, NULL);
    has_value_behind("Date;A\n2023-01-02;99\n", "Date;A\n2023-01-03;1.234\n", 0, "its point may be decimal");
}

Test(csv, another_file_of_the_same_data_decides)
{
    ft_csv first = reads("Date;A\n01/02/2023;99,5\n01/13/2023;994,900\n", NULL, NULL), second;
    ft_error err = {0};
    const char *text = "Date;A\n02/03/2023;994,900\n";
    cr_assert_eq(ft_write_file("t.csv", text, strlen(text), &err), FT_OK);
    cr_assert_eq(ft_csv_read("t.csv", &plain, false, &first, &second, &err), FT_OK, "%s", err.message);
    cr_expect_str_eq(second.style.format, "%m/%d/%Y");
    cr_expect_eq(second.columns[0].values[0], 994.9);
    ft_csv_free(&first);
    ft_csv_free(&second);
    refuses(text, "t.csv:2: column \"Date\": is the day or the month first in \"02/03/2023\"? (--date-format "
                  "\"%d/%m/%Y\" or "
                  "\"%m/%d/%Y\")");
}

Test(csv, orders)
{
    const char *mixed = "Date,A\n2024-01-02,2\n2024-01-03,3\n2024-01-01,1\n";
    const char *twice = "Date,A\n2024-01-01,1\n2024-01-02,2\n2024-01-02,6\n2024-01-03,3\n";
    const double up[] = {1, 2, 3}, mean[] = {1, 4, 3}, last[] = {1, 6, 3};
    const char *reversed = "t.csv: the newest rows come first: they were reversed\n";
    has_values("Date,A\n2024-01-03,3\n2024-01-02,2\n2024-01-01,1\n", plain, 3, up, reversed);
    has_values("Date,A,id\n2024-01-03,3,a\n2024-01-02,2,b\n2024-01-01,1,b\n", (ft_csv_options){.id = "id"}, 3,
               up, reversed); /* a series of one row falls and rises */
    has_values(mixed, (ft_csv_options){.sort = true}, 3, up, "");
    has_values(twice, (ft_csv_options){.duplicates = "first"}, 3, up,
               "t.csv: 1 row repeated a date: one row a date was made (first)\n");
    has_values(twice, (ft_csv_options){.duplicates = "mean"}, 3, mean,
               "t.csv: 1 row repeated a date: one row a date was made (mean)\n");
    has_values(twice, (ft_csv_options){.duplicates = "last"}, 3, last,
               "t.csv: 1 row repeated a date: one row a date was made (last)\n");
}

Test(csv, several_columns_that_name_a_series)
{
    ft_csv csv = reads("store,Date,item,A\n1,2024-01-01,a|b,1\n1|a,2024-01-01,b,2\n1,2024-01-02,a|b,3\n1,"
                       "2024-01-01,\"x, y\",4\n",
                       NULL, "store, item");
    cr_expect(csv.n_items == 3 && csv.n_ids == 2 && csv.n_columns == 1);
    cr_expect_str_eq(csv.id_name, "store,item");
    cr_expect_str_eq(csv.item_names[0], "1|a\\|b");
    cr_expect_str_eq(csv.item_names[1], "1\\|a|b");
    cr_expect_str_eq(csv.item_names[2], "1|x, y");
    cr_expect(csv.items[2] == 0);
    ft_csv_free(&csv);
    refuses_with("store,Date,item,A\n1,2024-01-01,a,1\n", NULL, "store,itme",
                 "t.csv: no column \"itme\" (did you mean \"item\"?)");
    refuses_with("store,Date,item,A\n1,2024-01-01,a,1\n", NULL, "store,store",
                 "--id: column \"store\" is named twice");
    refuses_with("store,Date,item,A\n1,2024-01-01,,1\n", NULL, "store,item",
                 "t.csv:2: a column of \"store,item\": the cell is empty (each row must name its series)");
}

Test(csv, names_given_twice_or_not_at_all)
{
    ft_csv csv = reads("Date,Vol,Vol,,Vol.1,Vol,\n2024-01-01,1,2,3,4,5,6\n", NULL, NULL);
    /* pandas' names */
    const char *names[] = {"Vol", "Vol.2", "Unnamed: 3", "Vol.1", "Vol.3", "Unnamed: 6"};
    for (size_t i = 0; i < 6; i++) cr_expect_str_eq(csv.columns[i].name, names[i], "%s", csv.columns[i].name);
    cr_expect(csv.columns[0].repeated && !csv.columns[1].repeated);
    ft_csv_free(&csv);
}

static void names_are(const char *header, const char *second, const char *third)
{
    char text[100];
    snprintf(text, sizeof text, "%s\n1,2,2024-01-01\n", header);
    ft_csv csv = reads(text, "Date", NULL);
    cr_expect_str_eq(csv.columns[0].name, second, "%s: %s", header, csv.columns[0].name);
    cr_expect_str_eq(csv.columns[1].name, third, "%s: %s", header, csv.columns[1].name);
    ft_csv_free(&csv);
}

/* As pandas names them: who has the name keeps it. */
Test(csv, names_like_those_of_columns_without_one)
{
    names_are(",Unnamed: 0,Date", "Unnamed: 0.1", "Unnamed: 0");
    names_are("Unnamed: 0,Unnamed: 0,Date", "Unnamed: 0", "Unnamed: 0.1");
    names_are("Unnamed: 1,,Date", "Unnamed: 1", "Unnamed: 1.1");
    names_are(",,Date", "Unnamed: 0", "Unnamed: 1");
}

Test(csv, names_that_are_not_there)
{
    refuses_with("Date,Close\n2024-01-01,1\n", "date", NULL,
                 "t.csv: no column \"date\" (did you mean \"Date\"?)");
    refuses_with("Date,Close\n2024-01-01,1\n", NULL, "ticker",
                 "t.csv: no column \"ticker\" (there are: Date, Close)");
    refuses_with("Date,Close\n2024-01-01,1\n", "Date", "Date",
                 "t.csv: column \"Date\" cannot be both dates and ids");
    ft_csv csv = reads("Date,Close,Note\n2024-01-01,,none\n", NULL, NULL);
    ft_error err;
    size_t column;
    cr_expect_eq(ft_csv_numeric_column(&csv, "Close", &column, &err), FT_OK);
    cr_expect_eq(column, 0);
    cr_expect_eq(ft_csv_numeric_column(&csv, "Clsoe", &column, &err), FT_BAD_INPUT);
    cr_expect_str_eq(err.message, "t.csv: no column \"Clsoe\" (did you mean \"Close\"?)");
    cr_expect_eq(ft_csv_numeric_column(&csv, "Note", &column, &err), FT_BAD_INPUT);
    cr_expect_str_eq(err.message, "t.csv:2: column \"Note\": \"none\" is not a number (leave the cell empty "
                                  "for a missing value, or name the word by "
                                  "--missing)");
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

/* What people export, and what is to be done about it. */
Test(csv, hints_on_exports)
{
    static const char *const cases[][2] = {
        {"d,v\n2024-01-01,\"(1,200.50)\"\n", "t.csv:2: column \"v\": \"(1,200.50)\" is not a number (write "
                                             "negative numbers with a minus sign before them)"},
        {"d;v\n2024-01-01;1.200,50-\n", "t.csv:2: column \"v\": \"1.200,50-\" is not a number (write "
                                        "negative numbers with a minus sign before them)"},
        {"d;v\n2024-01-01;0,50 EUR\n",
         "t.csv:2: column \"v\": \"0,50 EUR\" is not a number (leave the cell empty for a "
         "missing value; units and signs do not belong in it)"},
        {"d,v\n2024-01-01,False\n",
         "t.csv:2: column \"v\": \"False\" is not a number (write 1 for true and 0 for false)"},
        {"d,v\n2024-01-01,1_000\n",
         "t.csv:2: column \"v\": \"1_000\" is not a number (thousands? --thousands _)"},
        {"d,v\n202340,1\n",
         "t.csv:2: column \"d\": \"202340\" is not a date (a year and a month? --date-format \"%Y%m\"; "
         "a year and a week? --date-format \"%G%V\")"},
        {"d,v\n01012024,1\n",
         "t.csv:2: column \"d\": \"01012024\" is not a date (day and month before the year? "
         "--date-format \"%d%m%Y\" or \"%m%d%Y\")"},
        {"d,v\n45292.50,1\n",
         "t.csv:2: column \"d\": \"45292.50\" is not a date (it looks like Excel's number of a day: "
         "give the column a date format there before saving as CSV)"},
        {"d,v\n1999/00,1\n2000/01,2\n",
         "t.csv:2: column \"d\": \"1999/00\" is not a date (from one year into the next? write "
         "the year in which it begins, or its first day, as 2024-07-01)"},
        {"d,v\n2023-12,1\n2023-13,2\n",
         "t.csv:3: column \"d\": \"2023-13\" is not a date (a year and a week? --date-format "
         "\"%G-%V\" reads the weeks of ISO 8601)"},
        {"d,v\n2024-01-01 00:00 CET,1\n",
         "t.csv:2: column \"d\": \"2024-01-01 00:00 CET\" is not a date (write the time zone "
         "as an offset from UTC, as in 2024-12-31 23:59:00+01:00)"},
        {"d,v\n2024-01-01 - 2024-01-07,1\n",
         "t.csv:2: column \"d\": \"2024-01-01 - 2024-01-07\" is not a date (a period? "
         "keep its first date alone)"},
        {"d v\n2024-01-01 1\n",
         "t.csv: only one column, \"d v\" (a date column and the target are needed; blanks do not "
         "separate cells: write commas, semicolons, tabs or | between them)"},
        {"[{\"d\":1}]\n",
         "t.csv: is no CSV text, but JSON (write it as CSV: pandas.read_json(...).to_csv(..., index=False))"},
        {"<!DOCTYPE html>\n<html>",
         "t.csv: is no CSV text, but a web page (download the file that it leads to)"},
        {"Year,Month,v\n2020,1,5\n2020,2,6\n",
         "t.csv:3: the date \"2020\" is given twice, first in line 2 (column \"Month\" "
         "holds a part of it: join the columns into one date)"},
        {"Year,Month,v\n2020,May,5\n2020,June,6\n",
         "t.csv:3: the date \"2020\" is given twice, first in line 2 (column "
         "\"Month\" holds a part of it: join the columns into one date)"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        ft_csv csv;
        ft_error err = {0};
        cr_assert_eq(ft_write_file("t.csv", cases[i][0], strlen(cases[i][0]), &err), FT_OK);
        ft_status status = ft_csv_read("t.csv", &plain, false, NULL, &csv, &err);
        size_t column;
        if (status == FT_OK) status = ft_csv_numeric_column(&csv, "v", &column, &err);
        cr_expect_eq(status, FT_BAD_INPUT, "%s", cases[i][0]);
        cr_expect_str_eq(err.message, cases[i][1], "%s", err.message);
        ft_csv_free(&csv);
    }
}

Test(csv, months_before_years)
{
    ft_csv csv = reads("Month;v\n01/2020;1\n02/2020;2\n12/2020;3\n", NULL, NULL);
    cr_expect_str_eq(csv.style.format, "%m/%Y");
    cr_expect(csv.times[2] - csv.times[1] == 304 * INT64_C(86400000000));
    ft_csv_free(&csv);
    csv = reads("Month;v\n1-2020;1\n2-2020;2\n", NULL, NULL);
    cr_expect_str_eq(csv.style.format, "%m-%Y");
    ft_csv_free(&csv);
}
