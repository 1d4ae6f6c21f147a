/* Text and tables for people: no line is wider than the terminal, and no word is lost. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"
#include "tracker/terminal_text.h"

static void expect_wrapped(const char *text, size_t width, const char *expected)
{
    ft_text out = FT_TEXT_EMPTY;
    ft_wrap_lines(text, width, &out);
    cr_expect_str_eq(out.data, expected);
    ft_text_free(&out);
}

Test(terminal_text, lines_are_broken_at_blanks_and_hang_under_their_text)
{
    expect_wrapped("short\n\nlines\n", 20, "short\n\nlines\n");
    expect_wrapped("one two three four\n", 10, "one two\n  three\n  four\n");
    expect_wrapped("verdict      do not ship it yet\n", 27,
                   "verdict      do not ship it\n             yet\n");
    /* a word stays whole */
    expect_wrapped("12345678 12345678\n", 8, "12345678\n  12345678\n");
    expect_wrapped("a margin of 95 % ± 0.1 is\n", 16, "a margin of\n  95 % ± 0.1 is\n");
    /* what is indented hangs two deeper */
    expect_wrapped("  data: one two three\n", 14, "  data: one\n    two three\n");
    expect_wrapped("  12345678901 two\n", 8, "  12345678901\n    two\n");
    expect_wrapped("äöü äöü\n", 7, "äöü äöü\n"); /* characters count, not bytes */
}

/* 2 rows: a name, numbers of 1, 1.23456 and a long text. */
static void make(ft_table *table)
{
    ft_table_column(table, "name");
    ft_table_column(table, "one");
    ft_table_column(table, "two");
    ft_table_column(table, "finding");
    for (int r = 0; r < 2; r++) {
        ft_table_add_row(table);
        ft_table_set_text(table, 0, r ? "b" : "a");
        ft_table_set_number(table, 1, 1);
        ft_table_set_number(table, 2, 1.23456);
        ft_table_set_text(table, 3, r ? "still falling a little" : "\x1b[31m");
    }
}

Test(terminal_text, columns_that_do_not_fit_go_below)
{
    ft_table table = FT_TABLE_EMPTY;
    ft_text wide = FT_TEXT_EMPTY, narrow = FT_TEXT_EMPTY;
    make(&table);
    cr_assert_eq(ft_table_print_fitting(&table, 80, &wide, NULL), FT_OK);
    cr_expect_str_eq(wide.data, "name  one    two  finding\n"
                                "a       1  1.235  ?[31m\n"
                                "b       1  1.235  still falling a little\n");
    cr_expect_eq(ft_column_width(&table, 2), strlen("1.235"));
    cr_expect_eq(ft_column_width(&table, 3), strlen("still falling a little"));
    cr_assert_eq(ft_table_print_fitting(&table, 20, &narrow, NULL), FT_OK);
    cr_expect_str_eq(narrow.data, "name  one    two\n"
                                  "a       1  1.235\n"
                                  "b       1  1.235\n"
                                  "\n"
                                  "name  finding\n"
                                  "a     ?[31m\n"
                                  "b     still falling\n"
                                  "      a little\n");
    ft_text_free(&wide);
    ft_text_free(&narrow);
    ft_table_free(&table);
}

Test(terminal_text, ids_lose_their_time_where_what_is_left_means_one)
{
    static const char *const ids[][2] = {
        {"lr_001_20250101_120000", "lr_001"},
        {"lr_002_20250101_120000_2", "lr_002"},
        {"twice_20250101_120000", "twice_20250101_120000"},
        {"twice_20250102_120000", "twice_20250102_120000"},
        {"begin_20250101_120000", "begin_20250101_120000"}, /* begin2 begins so, too */
        {"begin2_20250101_120000", "begin2"},
        {"other", "other"},
        {"half_20250101_12000", "half_20250101_12000"},
    };
    const size_t n = sizeof ids / sizeof *ids;
    ft_table table = FT_TABLE_EMPTY;
    ft_table_column(&table, "id");
    for (size_t i = 0; i < n; i++) {
        ft_table_add_row(&table);
        ft_table_set_text(&table, 0, ids[i][0]);
    }
    ft_shorten_ids(&table, 0);
    for (size_t i = 0; i < n; i++) cr_expect_str_eq(table.cells[i].text, ids[i][1]);
    ft_table_free(&table);
}

Test(terminal_text, durations_are_told_as_people_do)
{
    static const struct {
        double seconds;
        const char *expected;
    } cases[] = {{0.2578, "0.26 s"}, {9.949, "9.9 s"}, {9.96, "10 s"},  {119.4, "119 s"}, {119.6, "2 min"},
                 {1680, "28 min"},   {5400, "1.5 h"},  {36000, "10 h"}, {100000, "28 h"}, {NAN, "-"}};
    char room[FT_NUMBER_CHARS];
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        cr_expect_str_eq(ft_people_duration(cases[i].seconds, room), cases[i].expected);
}

Test(terminal_text, four_digits_are_enough_for_people)
{
    char room[FT_NUMBER_CHARS];
    cr_expect_str_eq(ft_short_number(2.143456, room), "2.143");
    cr_expect_str_eq(ft_short_number(1e-4, room), "0.0001");
    cr_expect_str_eq(ft_short_number(123456, room), "123456");
    cr_expect_str_eq(ft_short_number(-14467.6, room), "-14468");
    cr_expect_str_eq(ft_short_number(12345678.9, room), "1.235e+07");
    cr_expect_str_eq(ft_short_number(-0.0, room), "0");
    cr_expect_str_eq(ft_short_number(NAN, room), "-");
}

Test(terminal_text, sparklines_show_the_last_values)
{
    const double values[] = {9, 3, NAN, 1, 2}, flat[] = {2, 2};
    ft_text out = FT_TEXT_EMPTY;
    ft_add_sparkline(values, 5, 4, &out);
    ft_add_sparkline(flat, 2, 4, &out);
    cr_expect_str_eq(out.data, "█ ▁▅▁▁");
    ft_text_free(&out);
}
