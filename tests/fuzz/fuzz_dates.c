/* Dates in their many forms: the first line is a format, the rest a text. */
#include <stdlib.h>
#include <string.h>

#include "host/data/date_formats.h"
#include "tests/fuzz/fuzz.h"

/* A date that was read is written so that it reads back as the same instant, if it is of
 * a form that was found; a user's format may make numbers run into each other. */
static void read_back(int64_t time, const ft_timestamp_style *style, bool exact)
{
    char text[FT_TIMESTAMP_CHARS];
    int64_t again = 0;
    ft_timestamp_format(time, style, text);
    bool reads = *style->format ? ft_date_format_read(style->format, text, strlen(text), &again, NULL)
                                : ft_timestamp_parse(text, strlen(text), &again, NULL);
    FUZZ_EXPECT(!exact || (reads && again == time));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const uint8_t *line_end = size ? memchr(data, '\n', size) : NULL;
    if (!line_end) return 0;
    size_t length = (size_t)(line_end - data), left = size - length - 1;
    char *format = calloc(length + 1, 1), *text = malloc(left + 1), formats[2][FT_DATE_FORMAT_CHARS];
    memcpy(format, data, length);
    memcpy(text, line_end + 1, left);
    char *tight = realloc(text, left ? left : 1); /* nothing behind it may be read */
    ft_timestamp_style style;
    int64_t time;
    ft_error err = {""};
    if (ft_timestamp_parse(tight, left, &time, &style)) read_back(time, &style, true);
    ft_date_meaning meaning = ft_date_format_find(tight, left, formats);
    for (int i = 0; i < 2; i++)
        FUZZ_EXPECT(meaning == FT_DATE_NONE || strlen(formats[i]) < FT_DATE_FORMAT_CHARS);
    if (meaning == FT_DATE_ONE) {
        FUZZ_EXPECT(ft_date_format_check(formats[0], &err) == FT_OK);
        FUZZ_EXPECT(ft_date_format_read(formats[0], tight, left, &time, &style));
        read_back(time, &style, true);
    }
    ft_status status = ft_date_format_check(format, &err);
    fuzz_check(status, &err, NULL);
    if (status == FT_OK && ft_date_format_read(format, tight, left, &time, &style))
        read_back(time, &style, false);
    free(format);
    free(tight);
    return 0;
}
