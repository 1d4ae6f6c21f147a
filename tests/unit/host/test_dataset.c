/* From files to histories with splits: joined, cut, checked. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/json.h"
#include "base/text.h"
#include "host/data/calendar.h"
#include "host/data/dataset.h"
#include "host/data/season.h"

static char directory[64];

static void enter(void)
{
    strcpy(directory, "/tmp/ftgpu-dataset-XXXXXX");
    cr_assert(mkdtemp(directory));
    cr_assert_eq(chdir(directory), 0);
}

static void leave(void)
{
    remove("train.csv"), remove("val.csv"), remove("test.csv");
    cr_assert_eq(chdir("/"), 0);
    rmdir(directory);
}

TestSuite(dataset, .init = enter, .fini = leave);

static void put(const char *name, const char *text)
{
    ft_error err;
    cr_assert_eq(ft_write_file(name, text, strlen(text), &err), FT_OK);
}

static ft_dataset reads(const ft_dataset_source *source)
{
    ft_dataset dataset;
    ft_error err = {0};
    cr_assert_eq(ft_dataset_read(source, &dataset, &err), FT_OK, "%s", err.message);
    return dataset;
}

static void refuses(const ft_dataset_source *source, const char *message)
{
    ft_dataset dataset;
    ft_error err = {0};
    cr_expect_eq(ft_dataset_read(source, &dataset, &err), FT_BAD_INPUT);
    cr_expect_str_eq(err.message, message, "%s", err.message);
    cr_expect(dataset.items == NULL && dataset.columns == NULL);
}

static bool starts_are(const ft_dataset_item *item, int64_t a, int64_t b, int64_t c, int64_t d)
{
    const int64_t *s = item->split_start;
    return s[0] == a && s[1] == b && s[2] == c && s[3] == d && item->n_rows == (size_t)d;
}

static const ft_dataset_source three = {
    .train = "train.csv", .val = "val.csv", .test = "test.csv", .target = "y"};

Test(dataset, three_files_with_columns_in_any_order)
{
    put("train.csv", "d,y,x\n2024-01-01,1,10\n2024-01-02,,20\n2024-01-03,3,30\n");
    put("val.csv", "d,x,y\n2024-01-04,40,4\n");
    put("test.csv", "d,y,x\n2024-01-05,5,text\n2024-01-06,6,\n");
    ft_dataset dataset = reads(&three);
    cr_assert(dataset.n_items == 1 && dataset.n_rows == 6 && dataset.n_columns == 2);
    const ft_dataset_item *item = &dataset.items[0];
    cr_expect(starts_are(item, 0, 3, 4, 6));
    cr_expect_str_eq(item->id, "y");
    const double expected[] = {1, NAN, 3, 4, 5, 6};
    for (size_t i = 0; i < 6; i++) {
        cr_expect(isnan(expected[i]) ? isnan(item->values[i]) : item->values[i] == expected[i]);
        cr_expect(isnan(expected[i]) ? isnan(item->values_single[i])
                                     : item->values_single[i] == (float)expected[i]);
    }
    cr_expect_str_eq(item->dates[3], "2024-01-04");
    cr_expect_eq(item->times[5] - item->times[0], 5 * 86400000000);
    cr_expect_eq(dataset.target_column, 0);
    /* text in one file: text */
    cr_expect(dataset.columns[1].text && dataset.columns[1].values[3] == 40);
    ft_dataset_free(&dataset);
    ft_dataset_free(&dataset);
}

Test(dataset, several_series_interleaved)
{
    put("train.csv",
        "d,id,y\n2024-01-01,b,1\n2024-01-01,a,2\n2024-01-02,b,3\n2024-01-03,b,5\n2024-01-02,a,4\n");
    put("val.csv", "d,id,y\n2024-01-03,a,6\n2024-01-04,b,7\n");
    put("test.csv", "d,id,y\n2024-01-09,b,8\n");
    ft_dataset_source source = three;
    source.csv.id = "id";
    ft_dataset dataset = reads(&source);
    cr_assert_eq(dataset.n_items, 2);
    cr_expect_str_eq(dataset.items[0].id, "b");
    cr_expect_str_eq(dataset.items[1].id, "a");
    cr_expect(starts_are(&dataset.items[0], 0, 3, 4, 5));
    cr_expect(starts_are(&dataset.items[1], 0, 2, 3, 3));
    const double b[] = {1, 3, 5, 7, 8}, a[] = {2, 4, 6};
    cr_expect_eq(memcmp(dataset.items[0].values, b, sizeof b), 0);
    cr_expect_eq(memcmp(dataset.items[1].values, a, sizeof a), 0);
    cr_expect_str_eq(dataset.items[1].dates[2], "2024-01-03");
    ft_dataset_free(&dataset);
    source.train_last = 1;
    dataset = reads(&source);
    cr_expect(starts_are(&dataset.items[0], 0, 1, 2, 3));
    cr_expect(starts_are(&dataset.items[1], 0, 1, 2, 2));
    cr_expect(dataset.items[0].values[0] == 5 && dataset.items[1].values[0] == 4);
    ft_dataset_free(&dataset);
}

/* -999 and the like, where no other value is near; as a value among others it says
 * nothing. */
Test(dataset, numbers_that_stand_for_missing_values_are_noted)
{
    static const struct {
        const char *rows, *missing, *note;
    } cases[] = {
        {"2024-01-01,10\n2024-01-02,-999\n2024-01-03,12\n2024-01-04,-999.0\n", NULL,
         "train.csv: column \"y\": 2 cells are -999, far from all others: if that stands for a missing "
         "value, "
         "--missing -999 says so\n"},
        {"2024-01-01,10\n2024-01-02,1e20\n2024-01-03,12\n2024-01-04,\n", NULL,
         "train.csv: column \"y\": 1 cell is 1e+20, far from all others: if that stands for a missing value, "
         "--missing 1e+20 says so\n"},
        {"2024-01-01,10\n2024-01-02,-999\n2024-01-03,12\n", "-999", NULL},
        {"2024-01-01,-990\n2024-01-02,-999\n2024-01-03,12\n", NULL, NULL},
        {"2024-01-01,-998\n2024-01-02,-999\n2024-01-03,-1000\n", NULL, NULL},
        {"2024-01-01,5\n2024-01-02,999\n2024-01-03,5\n", NULL, NULL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[200];
        snprintf(text, sizeof text, "d,y\n%s", cases[i].rows);
        put("train.csv", text);
        ft_dataset dataset = reads(
            &(ft_dataset_source){.train = "train.csv", .target = "y", .csv = {.missing = cases[i].missing}});
        cr_expect_str_eq(dataset.notes.data ? dataset.notes.data : "", cases[i].note ? cases[i].note : "",
                         "%s", cases[i].rows);
        ft_dataset_free(&dataset);
    }
}

Test(dataset, each_date_keeps_its_own_offset)
{
    put("train.csv",
        "item,d,y\na,2024-03-30T00:00+01:00,1\nb,2024-03-30 00:00Z,2\na,2024-04-01T00:00+0200,3\n"
        "b,2024-03-30 00:00-03:30,4\na,2024-04-03,5\n");
    ft_dataset dataset =
        reads(&(ft_dataset_source){.train = "train.csv", .target = "y", .csv = {.id = "item"}});
    const ft_dataset_item *a = &dataset.items[0], *b = &dataset.items[1];
    cr_expect(a->zones[0] == 60 && a->zones[1] == 120 && a->zones[2] == 0);
    cr_expect(b->zones[0] == 0 && b->zones[1] == -210);
    ft_dataset_free(&dataset);
}

Test(dataset, one_file_cut_into_parts)
{
    ft_text text = FT_TEXT_EMPTY;
    ft_text_add(&text, "d,y\n");
    for (int i = 1; i <= 20; i++) ft_text_addf(&text, "2024-01-%02d,%d\n", i, i);
    put("train.csv", text.data);
    ft_text_free(&text);
    ft_dataset_source source = {
        .data = "train.csv", .has_split = true, .split = {0.7, 0.15, 0.15}, .target = "y"};
    ft_dataset dataset = reads(&source);
    cr_expect(starts_are(&dataset.items[0], 0, 14, 17, 20));
    ft_dataset_free(&dataset);
    source.train_last = 10;
    dataset = reads(&source);
    cr_expect(starts_are(&dataset.items[0], 0, 10, 13, 16));
    cr_expect_eq(dataset.items[0].values[0], 5);
    ft_dataset_free(&dataset);
    source.has_split = false;
    source.train_last = 0;
    dataset = reads(&source);
    cr_expect(starts_are(&dataset.items[0], 0, 20, 20, 20)); /* as forecasting wants it */
    ft_dataset_free(&dataset);
}

Test(dataset, splits_are_those_of_the_decimal_numbers)
{
    int64_t start[4];
    /* 0.7 + 0.1 is below 0.8 in double */
    ft_split_rows((const double[]){0.7, 0.1, 0.2}, 20, start);
    cr_expect(start[0] == 0 && start[1] == 14 && start[2] == 16 && start[3] == 20);
    ft_split_rows((const double[]){0.29, 0.71, 0}, 100, start);
    cr_expect(start[1] == 29 && start[2] == 100 && start[3] == 100);
    ft_split_rows((const double[]){0.7, 0.15, 0.15}, 3, start);
    cr_expect(start[1] == 2 && start[2] == 2 && start[3] == 3);
}

Test(dataset, splits_as_text)
{
    double split[3];
    ft_error err;
    cr_expect_eq(ft_split_fractions_parse("0.7,0.15,0.15", split, &err), FT_OK);
    cr_expect(split[0] == 0.7 && split[1] == 0.15 && split[2] == 0.15);
    cr_expect_eq(ft_split_fractions_parse("1, 0, 0", split, &err), FT_OK);
    const char *bad[] = {"",          "0.7",           "0.7,0.3", "0.7,0.2,0.2", "0.7,0.15,0.1,0.05",
                         "0,0.5,0.5", "1.2,-0.1,-0.1", "a,b,c",   "0.7,,0.3"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        cr_expect_eq(ft_split_fractions_parse(bad[i], split, &err), FT_BAD_INPUT, "%s", bad[i]);
        cr_expect(strstr(err.message, "three parts for training, validation and test"));
    }
}

Test(dataset, sources_that_make_no_sense)
{
    ft_dataset_source source = {.target = "y"};
    refuses(&source, "no data: --train, --val and --test, or --data and --split are needed");
    source.val = "val.csv";
    refuses(&source, "no data: --train, --val and --test, or --data and --split are needed");
    source.data = "train.csv";
    refuses(&source, "one file (--data) or parts (--train, --val, --test) can be given, not both");
    source = three;
    source.target = NULL;
    refuses(&source, "the target is not named (--target COLUMN)");
    source = three;
    source.has_split = true;
    refuses(&source, "--split cuts the file of --data: it does not go with --train");
    refuses(&three, "train.csv: cannot be opened: No such file or directory");
}

Test(dataset, files_that_do_not_fit_together)
{
    put("train.csv", "d,y,x\n2024-01-01,1,1\n2024-01-02,2,2\n");
    put("test.csv", "d,y,x\n2024-01-05,1,1\n");
    put("val.csv", "d,z,x\n2024-01-03,1,1\n");
    refuses(&three, "val.csv: no column \"y\" (there are: z, x)");
    put("val.csv", "d,y,x\n2024-01-02,1,1\n");
    refuses(&three, "val.csv:2: the date \"2024-01-02\" does not come after \"2024-01-02\", the last of the "
                    "file before it");
    put("val.csv", "d,y,x\n2024-01-03,1,1\n2024-01-06,1,1\n");
    refuses(&three, "test.csv:2: the date \"2024-01-05\" does not come after \"2024-01-06\", the last of the "
                    "file before it");
    put("val.csv", "d,y,x\n2024-01-03,1,1\n2024-01-04,?,1\n");
    refuses(&three, "val.csv:3: column \"y\": \"?\" is not a number (leave the cell empty for a missing "
                    "value, or name the "
                    "word by --missing)");
    put("val.csv", "d;y;x\n2024-01-03;1;1\n2024-01-04;1,234;1\n");
    refuses(
        &three,
        "val.csv:3: column \"y\": \"1,234\" is not a number (its comma may be decimal or between thousands: "
        "--decimal , or --thousands ,)");
    put("val.csv", "d,y,x\n2024-01-03,1,1\n2024-01-04,-inf,1\n");
    refuses(&three, "val.csv:3: column \"y\": an infinite number (leave the cell empty for a missing value)");
    put("val.csv", "d,y,x\n2024-01-03,1,1\n2024-01-04,-1e39,1\n");
    refuses(&three, "val.csv:3: column \"y\": -1e+39 is beyond single precision (scale the column)");
    ft_dataset_source source = three;
    source.target = "Y2";
    refuses(&source, "train.csv: no column \"Y2\" (there are: y, x)");
}

Test(dataset, columns_that_not_all_files_have_are_left_out)
{
    put("train.csv", "d,y,x,label\n2024-01-01,1,1,a\n2024-01-02,2,inf,b\n");
    put("val.csv", "d,x,y\n2024-01-03,7,3\n");
    put("test.csv", "d,y,x,label,extra\n2024-01-05,4,1,c,1\n");
    ft_dataset dataset = reads(&three);
    cr_expect(dataset.n_columns == 2 && dataset.n_rows == 4);
    cr_expect_str_eq(dataset.columns[1].name, "x");
    cr_expect_eq(dataset.columns[1].values[2], 7);
    cr_expect_str_eq(
        dataset.notes.data,
        "columns left out, which not all files have: \"label\" (in train.csv, not in val.csv)\n"
        "columns left out, which not all files have: \"extra\" (in test.csv, not in train.csv)\n");
    ft_dataset_free(&dataset);
}

Test(dataset, a_target_whose_name_is_given_twice)
{
    put("train.csv", "d,y,y\n2024-01-01,1,2\n");
    put("val.csv", "d,y\n2024-01-02,1\n");
    put("test.csv", "d,y\n2024-01-03,1\n");
    ft_dataset dataset = reads(&three);
    cr_expect_eq(dataset.items[0].values[0], 1);
    cr_expect(strstr(dataset.notes.data,
                     "train.csv: several columns are named \"y\": the first is the target (the next is "
                     "\"y.1\")\n"));
    ft_dataset_free(&dataset);
}

Test(dataset, series_that_are_not_in_training)
{
    put("train.csv", "d,id,y\n2024-01-01,a,1\n2024-01-01,b,2\n");
    put("val.csv", "d,id,y\n2024-01-02,c,1\n2024-01-02,a,2\n2024-01-03,c,3\n");
    put("test.csv", "d,id,y\n2024-01-04,e,4\n2024-01-04,c,5\n");
    ft_dataset_source source = three;
    source.csv.id = "id";
    ft_dataset dataset = reads(&source);
    cr_assert_eq(dataset.n_items, 4);
    cr_expect(starts_are(&dataset.items[0], 0, 1, 2, 2));
    cr_expect(starts_are(&dataset.items[2], 0, 0, 2, 3));
    cr_expect(starts_are(&dataset.items[3], 0, 0, 0, 1));
    cr_expect_str_eq(dataset.items[2].id, "c");
    const double c[] = {1, 3, 5};
    cr_expect_eq(memcmp(dataset.items[2].values, c, sizeof c), 0);
    cr_expect_str_eq(dataset.notes.data, "val.csv: 1 of 2 series are in no earlier file, the first \"c\": "
                                         "they are forecast from rows of their "
                                         "own\n"
                                         "test.csv: 1 of 2 series are in no earlier file, the first \"e\": "
                                         "they are forecast from rows of their "
                                         "own\n");
    ft_dataset_free(&dataset);
    put("val.csv", "d,id,y\n2024-01-02,a,1\n");
    put("test.csv", "d,id,y\n2024-01-02,b,1\n2024-01-01,a,1\n");
    refuses(&source, "test.csv:3: the date \"2024-01-01\" does not come after \"2024-01-02\", the last of "
                     "the file before it "
                     "for series \"a\"");
}

Test(dataset, series_that_are_too_short_to_train_on)
{
    ft_text text = FT_TEXT_EMPTY, note = FT_TEXT_EMPTY;
    ft_text_add(&text, "d,id,y\n");
    for (int item = 0; item < 6; item++)
        for (int day = 1; day <= (item == 2 ? 9 : 3); day++)
            ft_text_addf(&text, "2024-01-%02d,s%d,%d\n", day, item, day);
    put("train.csv", text.data);
    ft_dataset dataset =
        reads(&(ft_dataset_source){.train = "train.csv", .target = "y", .csv = {.id = "id"}});
    cr_expect_eq(ft_dataset_count_short(&dataset, 2, &note), 5);
    cr_expect_str_eq(
        note.data,
        "training leaves out 5 of 6 series, which have fewer than 4 training rows: \"s0\", \"s1\", "
        "\"s3\", ...");
    cr_expect_eq(ft_dataset_count_short(&dataset, 1, NULL), 0);
    ft_text_free(&note);
    ft_text_free(&text);
    ft_dataset_free(&dataset);
}

static void expect_gaps(const char *text, const char *id, const char *expected)
{
    ft_error err;
    put("train.csv", text);
    ft_dataset dataset = reads(&(ft_dataset_source){.train = "train.csv", .target = "y", .csv = {.id = id}});
    cr_assert_eq(ft_dataset_look_at_dates(&dataset, &err), FT_OK);
    const ft_text *gaps = &dataset.dates_found.gaps;
    cr_expect_str_eq(gaps->data ? gaps->data : "", expected);
    ft_dataset_free(&dataset);
}

/* The 48 hours of March 30 and 31, 2024, without some. */
static void expect_hourly_gaps(int from, int to, const char *zone, const char *expected)
{
    ft_text text = FT_TEXT_EMPTY;
    ft_text_add(&text, "d,y\n");
    for (int i = 0; i < 48; i++)
        if (i < from || i > to)
            ft_text_addf(&text, "2024-03-%d %02d:00:00%s,%d\n", 30 + i / 24, i % 24, zone, i);
    expect_gaps(text.data, NULL, expected);
    ft_text_free(&text);
}

#define ROWS_FOLLOW                                                                                          \
    ": rows are taken as if they followed each other (a row with an empty cell keeps the place of a "        \
    "missing value)"

/* A wall clock without offsets has no 02:00 on the day of summer time. Other hours are
 * missing, and that one where dates are in UTC. */
Test(dataset, the_hour_that_spring_leaves_out_is_not_missing)
{
    expect_hourly_gaps(26, 26, "", "");
    expect_hourly_gaps(29, 29, "", "1 date is missing (47 rows, 48 dates at \"1 hour\")" ROWS_FOLLOW);
    expect_hourly_gaps(26, 27, "", "2 dates are missing (46 rows, 48 dates at \"1 hour\")" ROWS_FOLLOW);
    expect_hourly_gaps(26, 26, "Z", "1 date is missing (47 rows, 48 dates at \"1 hour\")" ROWS_FOLLOW);
}

/* The season takes the frequency that was found first, as insights and gaps do. */
Test(dataset, dates_are_looked_at_once)
{
    ft_error err;
    char reason[FT_SEASON_REASON_CHARS];
    int64_t season;
    put("train.csv", "d,y\n2024-01-01,1\n2024-01-02,2\n2024-01-03,3\n2024-01-04,4\n");
    ft_dataset dataset = reads(&(ft_dataset_source){.train = "train.csv", .target = "y"});
    cr_assert_eq(ft_dataset_look_at_dates(&dataset, &err), FT_OK);
    dataset.dates_found.frequency.step = FT_MICROSECONDS_AN_HOUR * 12;
    cr_assert_eq(ft_season_of_dataset(&dataset, &season, reason, &err), FT_OK);
    cr_expect_eq(season, 2, "%s", reason);
    ft_dataset_free(&dataset);
}

Test(dataset, dates_without_rows_are_reported)
{
    ft_text text = FT_TEXT_EMPTY;
    ft_text_add(&text, "d,y\n");
    for (int day = 1; day <= 14; day++)
        if (day < 4 || day > 5) ft_text_addf(&text, "2024-01-%02d,%d\n", day, day);
    expect_gaps(
        text.data, NULL,
        "2 dates are missing (12 rows, 14 dates at \"1 day\"): rows are taken as if they followed each "
        "other (a row with an empty cell keeps the place of a missing value)");
    expect_gaps("d,y\n2024-01-31,1\n2024-02-29,2\n2024-03-31,3\n2024-05-31,\n2024-06-30,1\n", NULL,
                "1 date is missing (5 rows, 6 dates at \"1 month, last days\"): rows are taken as if they "
                "followed each other (a row with an empty cell keeps the place of a missing value)");
    expect_gaps("d,y\n2024-02-28,1\n2024-02-29,\n2024-03-01,3\n", NULL, "");
    expect_gaps("d,id,y\n2024-01-01,a,1\n2024-01-02,a,1\n2024-01-03,a,1\n2024-01-01,b,1\n2024-01-02,b,1\n"
                "2024-01-03,b,1\n2024-01-05,b,1\n2024-01-01,c,1\n2024-01-02,c,1\n2024-01-03,c,1\n"
                "2024-01-09,c,1\n2024-01-01,d,1\n2024-01-05,d,1\n",
                "id",
                "1 date is missing in series \"b\" (4 rows, 5 dates at \"1 day\"), and 1 more series "
                "likewise: rows are taken as if they followed each other (a row with an empty cell keeps the "
                "place of a missing value)");
    /* Rows beside the dates do not make up for missing ones; where dates follow no
     * frequency nothing is missing; no gap is left out at the end of time. */
    expect_gaps("d,y\n2024-01-01,1\n2024-01-02,2\n2024-01-03,3\n2024-01-04,4\n2024-01-05,5\n2024-01-06,6\n"
                "2024-01-07,7\n2024-01-09,9\n2024-01-10,9\n2024-01-10 12:00,9\n2024-01-11,9\n",
                NULL,
                "1 date is missing (11 rows, 11 dates at \"1 day\"): rows are taken as if they followed each "
                "other (a row with an empty cell keeps the place of a missing value)");
    expect_gaps("d,y\n2024-01-01,1\n2024-01-04,2\n2024-01-11,3\n2024-01-14,4\n2024-01-21,5\n2024-01-24,6\n",
                NULL, "");
    expect_gaps("d,y\n9999-12-26,1\n9999-12-27,1\n9999-12-28,1\n9999-12-30,1\n9999-12-31,1\n", NULL,
                "1 date is missing (5 rows, 6 dates at \"1 day\"): rows are taken as if they followed each "
                "other (a row with an empty cell keeps the place of a missing value)");
    /* Four weeks of business days: without one it is a holiday, without two it is not. */
    for (int holidays = 1; holidays < 3; holidays++) {
        text.length = 0;
        ft_text_add(&text, "d,y\n");
        for (int day = 1; day <= 26; day++)
            if (day % 7 != 6 && day % 7 != 0 && day != 10 && (holidays < 2 || day != 17))
                ft_text_addf(&text, "2024-01-%02d,%d\n", day, day);
        expect_gaps(text.data, NULL,
                    holidays < 2
                        ? ""
                        : "2 dates are missing (18 rows, 20 dates at \"business days\"): rows are taken "
                          "as if they followed each other (a row with an empty cell keeps the place of "
                          "a missing value)");
    }
    ft_text_free(&text);
}

Test(dataset, values_read_in_another_way_have_another_checksum)
{
    put("train.csv", "d,y\n2024-01-01,1\n2024-01-02,2\n");
    ft_dataset_source source = {.train = "train.csv", .target = "y"};
    ft_dataset a = reads(&source), again = reads(&source);
    source.csv.missing = "2";
    ft_dataset b = reads(&source);
    cr_expect(a.rows_checksum == again.rows_checksum && a.rows_checksum != b.rows_checksum);
    cr_expect_eq(a.checksum, b.checksum);
    ft_dataset_free(&a), ft_dataset_free(&again), ft_dataset_free(&b);
}

static void check(const char *train, const char *val, int32_t prediction_length, const char *message)
{
    put("train.csv", train);
    put("val.csv", val);
    put("test.csv", "d,y\n2024-03-01,1\n2024-03-02,2\n");
    ft_dataset dataset = reads(&three);
    ft_error err = {0};
    cr_expect_eq(ft_dataset_check(&dataset, prediction_length, &err), message ? FT_BAD_INPUT : FT_OK);
    cr_expect_str_eq(err.message, message ? message : "", "%s", err.message);
    ft_dataset_free(&dataset);
}

Test(dataset, what_cannot_be_trained_on)
{
    const char *train = "d,y\n2024-01-01,1\n2024-01-02,2\n2024-01-03,3\n2024-01-04,4\n";
    const char *val = "d,y\n2024-02-01,1\n2024-02-02,2\n";
    check(train, val, 2, NULL);
    check(train, val, 3,
          "train.csv: the training split has 4 rows, but one window needs 6 (prediction_length 3 of context "
          "and as many to forecast): give it more rows, or set a shorter prediction_length");
    check(train, "d,y\n2024-02-01,1\n", 2,
          "val.csv: the validation split has 1 row, but one window needs 2 (prediction_length 2): give it "
          "more rows, or set a shorter prediction_length");
    check("d,y\n2024-01-01,\n2024-01-02,NaN\n2024-01-03,\n2024-01-04,\n", val, 2,
          "train.csv: column \"y\": all values of the training split are missing");
    check(
        train, "d,y\n2024-02-01,\n2024-02-02,\n", 2,
        "val.csv: column \"y\": all values of the validation split are missing, there is nothing to measure "
        "by");
    check(
        "d,y\n2024-01-01,7\n2024-01-02,7\n2024-01-03,\n2024-01-04,7\n", val, 2,
        "train.csv: column \"y\": all values of the training split are the same, there is nothing to learn");
}

/* The value of a path of keys in both trees, within a bound relative to the expected
 * one. */
static void agree(const cJSON *found, const cJSON *expected, double bound, const char *path)
{
    if (cJSON_IsObject(expected)) {
        for (const cJSON *child = expected->child; child; child = child->next) {
            bool rolling = strstr(path, "regimes") != NULL;
            agree(cJSON_GetObjectItemCaseSensitive(found, child->string), child, rolling ? 1e-6 : bound,
                  child->string);
        }
    } else if (cJSON_IsNumber(expected)) {
        double difference = fabs(cJSON_GetNumberValue(found) - expected->valuedouble);
        cr_expect(cJSON_IsNumber(found) && difference <= bound * fabs(expected->valuedouble) + 1e-300,
                  "%s: %g, not %g", path, cJSON_GetNumberValue(found), expected->valuedouble);
    } else if (cJSON_IsString(expected)) {
        cr_expect_str_eq(cJSON_GetStringValue(found), expected->valuestring);
    } else if (cJSON_IsNull(expected)) {
        cr_expect(cJSON_IsNull(found), "%s is not null", path);
    }
}

Test(dataset, insights_are_pandas_ones)
{
    ft_error err = {0};
    cJSON *expected = NULL, *found = NULL;
    cr_assert_eq(ft_json_read(FT_GOLDEN_DIR "/insights.json", &expected, &err), FT_OK, "%s", err.message);
    cJSON_DeleteItemFromObjectCaseSensitive(expected, "train_returns");
    cJSON_DeleteItemFromObjectCaseSensitive(expected, "train_volatility");
    ft_dataset_source source = {.train = FT_GOLDEN_DIR "/insights_train.csv",
                                .val = FT_GOLDEN_DIR "/insights_val.csv",
                                .test = FT_GOLDEN_DIR "/insights_test.csv",
                                .target = "Close"};
    ft_dataset dataset = reads(&source);
    cr_assert_eq(ft_dataset_insights(&dataset, &found, &err), FT_OK, "%s", err.message);
    cr_assert_eq(cJSON_GetArraySize(expected), 8);
    for (const cJSON *part = expected->child; part; part = part->next)
        agree(cJSON_GetObjectItemCaseSensitive(found, part->string), part, 1e-9, part->string);
    ft_dataset_free(&dataset);
    cJSON_Delete(expected);
    cJSON_Delete(found);
}

Test(dataset, insights_of_all_words_for_missing_values_are_pandas_ones)
{
    ft_error err = {0};
    cJSON *expected = NULL, *found = NULL;
    cr_assert_eq(ft_json_read(FT_GOLDEN_DIR "/insights_words.json", &expected, &err), FT_OK, "%s",
                 err.message);
    ft_dataset dataset =
        reads(&(ft_dataset_source){.train = FT_GOLDEN_DIR "/insights_words.csv", .target = "Close"});
    cr_assert_eq(ft_dataset_insights(&dataset, &found, &err), FT_OK, "%s", err.message);
    cr_assert_eq(cJSON_GetArraySize(expected), 3);
    for (const cJSON *part = expected->child; part; part = part->next) {
        const cJSON *ours = cJSON_GetObjectItemCaseSensitive(found, part->string);
        cr_expect_eq(cJSON_GetArraySize(ours), cJSON_GetArraySize(part), "%s", part->string);
        agree(ours, part, 1e-9, part->string);
    }
    ft_dataset_free(&dataset);
    cJSON_Delete(expected);
    cJSON_Delete(found);
}

static void season_is(const char *split, int64_t season, const char *reason)
{
    const ft_dataset_source source = {.data = "train.csv", .has_split = true, .target = "x"};
    ft_dataset_source cut = source;
    ft_error err;
    cr_assert_eq(ft_split_fractions_parse(split, cut.split, &err), FT_OK);
    ft_dataset dataset = reads(&cut);
    char why[FT_SEASON_REASON_CHARS];
    int64_t got = 0;
    cr_assert_eq(ft_season_of_dataset(&dataset, &got, why, &err), FT_OK);
    cr_expect_eq(got, season, "%lld", (long long)got);
    cr_expect_str_eq(why, reason, "%s", why);
    ft_dataset_free(&dataset);
}

Test(dataset, season_needs_more_training_rows_than_it_has)
{
    ft_text text = FT_TEXT_EMPTY;
    ft_text_add(&text, "date,x\n");
    for (int i = 0; i < 40; i++) ft_text_addf(&text, "2024-01-%02d %02d:00,%d\n", 1 + i / 24, i % 24, i);
    put("train.csv", text.data);
    ft_text_free(&text);
    season_is("0.8,0.1,0.1", 24, "1 hour");
    season_is("0.6,0.2,0.2", 1, "1 hour, but no more training rows than a season of 24");
}
