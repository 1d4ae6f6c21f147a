/* The reading options of a CSV file; see csv_settings.h. */
#include "host/data/csv_settings.h"

#include <ctype.h>
#include <string.h>

#include "base/text.h"

static ft_status parse_separator(const char *text, char *separator, ft_error *err)
{
    if (!text) return FT_OK;
    if (strcmp(text, "tab") == 0 || strcmp(text, "\\t") == 0) text = "\t";
    if (strlen(text) == 1 && (ispunct((unsigned char)*text) || *text == '\t') && *text != '"' &&
        *text != '.' && *text != '-') {
        *separator = *text;
        return FT_OK;
    }
    return ft_fail(err, FT_BAD_INPUT,
                   "--separator: \"%.20s\" does not separate cells (one of , ; | : tab or the like does)",
                   text);
}

static ft_status parse_notation(const ft_csv_options *options, ft_csv_settings *settings, ft_error *err)
{
    const char *decimal = options->decimal, *thousands = options->thousands;
    if (!decimal && !thousands) return FT_OK;
    if (decimal && strcmp(decimal, ".") != 0 && strcmp(decimal, ",") != 0)
        return ft_fail(err, FT_BAD_INPUT, "--decimal: \"%.20s\" is neither . nor ,", decimal);
    if (thousands && strcmp(thousands, "\xC2\xA0") == 0) thousands = " ";
    if (thousands && (strlen(thousands) != 1 || !strchr(",.' _", *thousands)))
        return ft_fail(err, FT_BAD_INPUT, "--thousands: \"%.20s\" is none of , . ' _ and a blank", thousands);
    const char point = decimal ? *decimal : *thousands == '.' ? ',' : '.';
    if (thousands && *thousands == point)
        return ft_fail(err, FT_BAD_INPUT, "--decimal and --thousands are both \"%c\"", point);
    settings->has_notation = true;
    settings->notation = (ft_number_notation){point, thousands ? *thousands : point == ',' ? '.' : '\0'};
    return FT_OK;
}

static ft_status parse_duplicates(const char *text, ft_duplicates *duplicates, ft_error *err)
{
    static const char *const names[] = {
        [FT_DUPLICATES_MEAN] = "mean", [FT_DUPLICATES_FIRST] = "first", [FT_DUPLICATES_LAST] = "last"};
    if (!text) return FT_OK;
    for (int i = FT_DUPLICATES_MEAN; i <= FT_DUPLICATES_LAST; i++)
        if (strcmp(text, names[i]) == 0) {
            *duplicates = (ft_duplicates)i;
            return FT_OK;
        }
    return ft_fail(err, FT_BAD_INPUT, "--duplicates: \"%.20s\" is not mean, first or last", text);
}

static ft_status parse_missing(const char *at, ft_csv_settings *settings, ft_error *err)
{
    while (at && *at) {
        ft_csv_word word = {.text = at, .length = strcspn(at, ",")};
        at += word.length + (at[word.length] == ',');
        if (word.length == 0) continue;
        if (settings->n_words == FT_CSV_MAX_WORDS)
            return ft_fail(err, FT_BAD_INPUT, "--missing: more than %d words", FT_CSV_MAX_WORDS);
        word.is_number = ft_parse_double(word.text, word.length, &word.value);
        settings->words[settings->n_words++] = word;
    }
    return FT_OK;
}

ft_status ft_csv_settings_parse(const ft_csv_options *options, ft_csv_settings *settings, ft_error *err)
{
    *settings = (ft_csv_settings){.options = options, .notation = {'.', '\0'}};
    ft_status status = parse_separator(options->separator, &settings->separator, err);
    if (status == FT_OK) status = parse_notation(options, settings, err);
    if (status == FT_OK) status = parse_duplicates(options->duplicates, &settings->duplicates, err);
    if (status == FT_OK) status = parse_missing(options->missing, settings, err);
    return status;
}

static bool is_word(const ft_csv_cell *cell, const char *word, size_t length)
{
    return cell->length == length && memcmp(cell->text, word, length) == 0;
}

bool ft_csv_is_named_missing(ft_csv_settings *settings, const ft_csv_cell *cell)
{
    for (size_t i = 0; i < settings->n_words; i++)
        if (is_word(cell, settings->words[i].text, settings->words[i].length))
            return settings->words[i].found = true;
    return false;
}

bool ft_csv_is_missing_number(ft_csv_settings *settings, double value)
{
    for (size_t i = 0; i < settings->n_words; i++)
        if (settings->words[i].is_number && settings->words[i].value == value)
            return settings->words[i].found = true;
    return false;
}

bool ft_csv_is_missing(ft_csv_settings *settings, const ft_csv_cell *cell)
{
    /* The words of pandas.read_csv (na_values), in its letter case. */
    static const char *const words[] = {"#N/A", "#N/A N/A", "#NA",     "-1.#IND", "-1.#QNAN", "-NaN",
                                        "-nan", "1.#IND",   "1.#QNAN", "<NA>",    "N/A",      "NA",
                                        "NULL", "NaN",      "None",    "n/a",     "nan",      "null"};
    enum { LONGEST = 8 };
    if (cell->length == 0) return true;
    if (cell->length <= LONGEST && strchr("#-1<Nn", *cell->text))
        for (size_t i = 0; i < sizeof words / sizeof *words; i++)
            if (is_word(cell, words[i], strlen(words[i]))) return true;
    return ft_csv_is_named_missing(settings, cell);
}

void ft_csv_note_unused_words(const ft_csv_settings *settings, const char *path, ft_text *notes)
{
    for (size_t i = 0; i < settings->n_words; i++) {
        const ft_csv_word *word = &settings->words[i];
        if (!word->found)
            ft_text_addf(notes, "%s: no cell is \"%.*s\", which --missing names\n", path,
                         word->length < 40 ? (int)word->length : 40, word->text);
    }
}
