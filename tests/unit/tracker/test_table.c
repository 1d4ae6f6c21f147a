/* Tables: aligned for people, CSV and JSON that read back. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "tracker/table.h"

static void expect_printed(const ft_table *table, ft_table_format format, const char *expected)
{
    ft_text out = FT_TEXT_EMPTY;
    ft_error err;
    cr_assert_eq(ft_table_print(table, format, &out, &err), FT_OK, "%s", err.message);
    cr_expect_str_eq(out.data, expected);
    ft_text_free(&out);
}

/* Three rows with every kind of cell. */
static ft_table sample(void)
{
    ft_table t = FT_TABLE_EMPTY;
    size_t name = ft_table_column(&t, "name"), value = ft_table_column(&t, "value");
    ft_table_add_row(&t);
    ft_table_set_text(&t, name, "plain");
    ft_table_set_number(&t, value, 0.1);
    ft_table_add_row(&t);
    ft_table_set_text(&t, name, "a \"b\", c");
    ft_table_set_number(&t, value, NAN);
    ft_table_add_row(&t);
    ft_table_set_text(&t, name, NULL);
    ft_table_set_number(&t, value, 123456.789);
    size_t late = ft_table_column(&t, "late");
    ft_table_set_flag(&t, late, true);
    cr_expect_eq(ft_table_column(&t, "value"), value, "a column is made once");
    return t;
}

Test(table, prints_csv)
{
    ft_table t = sample();
    expect_printed(&t, FT_TABLE_CSV, "name,value,late\nplain,0.1,\n\"a \"\"b\"\", c\",,\n,123456.789,true\n");
    ft_table_free(&t);
}

Test(table, prints_json)
{
    ft_table t = sample();
    expect_printed(&t, FT_TABLE_JSON,
                   "[\n  {\"name\": \"plain\", \"value\": 0.1, \"late\": null},\n"
                   "  {\"name\": \"a \\\"b\\\", c\", \"value\": null, \"late\": null},\n"
                   "  {\"name\": null, \"value\": 123456.789, \"late\": true}\n]\n");
    ft_text out = FT_TEXT_EMPTY;
    cJSON *read;
    cr_assert_eq(ft_table_print(&t, FT_TABLE_JSON, &out, NULL), FT_OK);
    cr_expect_eq(ft_json_parse(out.data, out.length, "table", &read, NULL), FT_OK);
    cJSON_Delete(read);
    ft_text_free(&out);
    ft_table_free(&t);
}

Test(table, prints_aligned_for_people)
{
    ft_table t = sample();
    expect_printed(&t, FT_TABLE_TEXT,
                   "name       value  late\n"
                   "plain        0.1     -\n"
                   "a \"b\", c       -     -\n"
                   "-         123457  true\n");
    ft_table_free(&t);
}

Test(table, without_rows_or_columns)
{
    ft_table t = FT_TABLE_EMPTY;
    expect_printed(&t, FT_TABLE_JSON, "[]\n");
    ft_table_add_row(&t);
    ft_table_set_number(&t, 0, 1); /* no such column: nothing happens */
    ft_table_free(&t);
    t = FT_TABLE_EMPTY;
    ft_table_column(&t, "a");
    expect_printed(&t, FT_TABLE_JSON, "[]\n");
    expect_printed(&t, FT_TABLE_CSV, "a\n");
    expect_printed(&t, FT_TABLE_TEXT, "a\n");
    ft_table_free(&t);
}

Test(table, letters_beyond_ascii_and_control_characters_keep_the_columns)
{
    ft_table t = FT_TABLE_EMPTY;
    ft_table_column(&t, "x");
    ft_table_column(&t, "y");
    ft_table_add_row(&t);
    ft_table_set_text(&t, 0, "\xc3\xa4\xc3\xb6");
    ft_table_set_text(&t, 1, "1");
    ft_table_add_row(&t);
    ft_table_set_text(&t, 0, "a\033[31m\n");
    ft_table_set_text(&t, 1, "2");
    ft_table_add_row(&t);
    /* CSI, the first of C1, a blank that is none */
    ft_table_set_text(&t, 0, "\xc2\x9b\xc2\x80\xc2\xa0");
    ft_table_set_text(&t, 1, "3");
    ft_table_add_row(&t);
    ft_table_set_text(&t, 0, "\x9b\xff!"); /* CSI in Latin-1 */
    ft_table_set_text(&t, 1, "4");
    expect_printed(&t, FT_TABLE_TEXT,
                   "x        y\n\xc3\xa4\xc3\xb6       1\na?[31m?  2\n??\xc2\xa0      3\n?\?!      4\n");
    expect_printed(&t, FT_TABLE_CSV,
                   "x,y\n\xc3\xa4\xc3\xb6,1\n\"a\033[31m\n\",2\n\xc2\x9b\xc2\x80\xc2\xa0,3\n\x9b\xff!,4\n");
    ft_table_free(&t);
}

Test(table, no_text_is_a_formula_in_a_spreadsheet)
{
    static const char *const texts[] = {
        "=cmd|' /C calc'!A0", "+1+1", "-x", "@SUM(1)", "\t=1", "\r=1", "-5", "+1e3", "plain", "'", ""};
    ft_table t = FT_TABLE_EMPTY;
    ft_table_column(&t, "text");
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        ft_table_add_row(&t);
        ft_table_set_text(&t, 0, texts[i]);
    }
    ft_table_add_row(&t);
    ft_table_set_number(&t, 0, -2.5);
    expect_printed(
        &t, FT_TABLE_SPREADSHEET,
        "text\n'=cmd|' /C calc'!A0\n'+1+1\n'-x\n'@SUM(1)\n'\t=1\n\"'\r=1\"\n-5\n+1e3\nplain\n'\n\n-2.5\n");
    expect_printed(
        &t, FT_TABLE_CSV,
        "text\n=cmd|' /C calc'!A0\n+1+1\n-x\n@SUM(1)\n\"\t=1\"\n\"\r=1\"\n-5\n+1e3\nplain\n'\n\n-2.5\n");
    ft_table_free(&t);
}

Test(table, sorts_numbers_before_texts_before_nulls_and_keeps_ties_in_order)
{
    ft_table t = FT_TABLE_EMPTY;
    ft_table_column(&t, "v");
    ft_table_column(&t, "row");
    const double values[] = {3, NAN, 1, 3, -2};
    for (int i = 0; i < 5; i++) {
        ft_table_add_row(&t);
        ft_table_set_number(&t, 0, values[i]);
        ft_table_set_number(&t, 1, i);
    }
    ft_table_add_row(&t);
    ft_table_set_text(&t, 0, "text");
    ft_table_set_number(&t, 1, 5);
    ft_table_sort(&t, 0, false);
    expect_printed(&t, FT_TABLE_CSV, "v,row\n-2,4\n1,2\n3,0\n3,3\ntext,5\n,1\n");
    ft_table_sort(&t, 0, true);
    expect_printed(&t, FT_TABLE_CSV, "v,row\n3,0\n3,3\n1,2\n-2,4\ntext,5\n,1\n");
    ft_table_remove_column(&t, 0);
    expect_printed(&t, FT_TABLE_CSV, "row\n0\n3\n2\n4\n5\n1\n");
    ft_table_add_row(&t);
    expect_printed(&t, FT_TABLE_CSV, "row\n0\n3\n2\n4\n5\n1\n\n");
    ft_table_free(&t);
}

Test(table, numbers_for_people)
{
    const struct {
        double value;
        const char *text;
    } cases[] = {
        {1.0 / 3, "0.333333"},     {1e-4, "0.0001"},  {1e-5, "1e-05"}, {512, "512"}, {1000000, "1000000"},
        {12345678, "12345678"},    {1e300, "1e+300"}, {-0.0, "0"},     {NAN, "-"},   {-2.5, "-2.5"},
        {1234567.5, "1.23457e+06"}};
    char room[FT_NUMBER_CHARS];
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        cr_expect_str_eq(ft_people_number(cases[i].value, room), cases[i].text);
}

Test(table, format_names)
{
    ft_table_format format;
    ft_error err;
    cr_expect(ft_table_format_parse("json", &format, &err) == FT_OK && format == FT_TABLE_JSON);
    cr_expect_eq(ft_table_format_parse("yaml", &format, &err), FT_BAD_INPUT);
}

Test(table, csv_fields_that_need_quotes)
{
    const char *const cases[][2] = {
        {"", ""},           {"plain", "plain"}, {" lead", "\" lead\""},  {"tail\t", "\"tail\t\""},
        {"a,b", "\"a,b\""}, {"\"", "\"\"\"\""}, {"a\r\nb", "\"a\r\nb\""}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        ft_text out = FT_TEXT_EMPTY;
        ft_csv_add_field(&out, cases[i][0]);
        cr_expect_str_eq(out.data ? out.data : "", cases[i][1]);
        ft_text_free(&out);
    }
}
