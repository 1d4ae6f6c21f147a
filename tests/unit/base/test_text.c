/* Numbers as the shortest text that reads back, strict parsing, nearest names, growing
 * strings. */
#include <criterion/criterion.h>
#include <float.h>
#include <locale.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/philox.h"
#include "base/text.h"
#include "base/windows1252.h"

static void shows(double value, const char *expected)
{
    char text[FT_NUMBER_CHARS];
    cr_assert_str_eq(ft_format_double(value, text), expected, "%a gave %s, not %s", value, text, expected);
}

Test(text, doubles_as_shortest_text)
{
    shows(0.1, "0.1");
    shows(1e-5, "1e-05");
    shows(32, "32");
    shows(-0.0, "-0");
    shows(-12345, "-12345");
    shows(999999999999999, "999999999999999");
    shows(-1e15, "-1e+15");
    shows(1.0 / 3, "0.3333333333333333");
    shows(2.0 / 3, "0.6666666666666666");
    shows(0.1 + 0.2, "0.30000000000000004");
    shows(5e-324, "5e-324");
    shows(DBL_MAX, "1.7976931348623157e+308");
    shows(DBL_MIN, "2.2250738585072014e-308");
    /* Powers of two whose nearest 16 digits (...801e-14) do not read back, while the next
     * ones do. */
    shows(0x1p-44, "5.684341886080802e-14");
    shows(0x1p-24, "5.960464477539063e-08");
    shows(0x1p863, "6.150157786156811e+259");
    shows(9007199254740993.0, "9007199254740992");
    shows(NAN, "nan");
    shows(-INFINITY, "-inf");
    char text[FT_NUMBER_CHARS];
    cr_assert_str_eq(ft_format_float(0.1f, text), "0.1");
    cr_assert_str_eq(ft_format_float(16777216.0f, text), "16777216");
    cr_assert_str_eq(ft_format_float(FLT_MAX, text), "3.4028235e+38");
    cr_assert_str_eq(ft_format_float(1e-45f, text), "1e-45");
}

Test(text, what_an_error_quotes_is_harmless_to_a_terminal)
{
    ft_error err;
    ft_fail(&err, FT_FAILED, "%s",
            "a\n\x1b[1m\x7f\xc2\x80\xc2\x9f\xc2\xa0\xc3\xa9\xe2\x82\xac\x9b\xff\xf0\x9f\x98\x80\xc3");
    cr_expect_str_eq(err.message, "a??[1m???\xc2\xa0\xc3\xa9\xe2\x82\xac??\xf0\x9f\x98\x80?");
    ft_error_prefix(&err, "p\xc2\x9b");
    cr_expect_str_eq(err.message, "p?: a??[1m???\xc2\xa0\xc3\xa9\xe2\x82\xac??\xf0\x9f\x98\x80?");
    /* A message that is too long is not cut inside a letter. */
    char quoted[1100];
    memset(quoted, 'x', sizeof quoted);
    memcpy(quoted + 1022, "\xc3\xa9", 3);
    ft_fail(&err, FT_FAILED, "%s", quoted);
    cr_expect_eq(strlen(err.message), 1023u);
    cr_expect_eq(err.message[1022], '?');
}

Test(text, random_bits_read_back)
{
    ft_philox_key key = {{1, 2}};
    for (uint32_t i = 0; i < 20000; i++) {
        ft_philox_block block = ft_philox(key, i, 0, 0, 0);
        uint64_t bits = (uint64_t)block.word[0] << 32 | block.word[1];
        if (i % 3 == 0) bits &= 0xfff0000000000000u; /* powers of two */
        double value, back;
        memcpy(&value, &bits, sizeof value);
        if (!isfinite(value)) continue;
        char text[FT_NUMBER_CHARS];
        ft_format_double(value, text);
        cr_assert(ft_parse_double(text, strlen(text), &back) && back == value, "%a: %s", value, text);
        float single = (float)value;
        if (!isfinite(single)) continue;
        ft_format_float(single, text);
        cr_assert_eq(strtof(text, NULL), single, "%a: %s", (double)single, text);
    }
}

Test(text, numbers_do_not_depend_on_the_locale)
{
    if (!setlocale(LC_ALL, "de_DE.UTF-8")) cr_skip("no de_DE locale here");
    shows(1.5, "1.5");
    double value;
    cr_assert(ft_parse_double("123456789012345678901.5", 23, &value));
    cr_assert_eq(value, 123456789012345678901.5);
}

static bool reads(const char *text, double expected)
{
    double value = -12345;
    return ft_parse_double(text, strlen(text), &value) && value == expected;
}

static bool is_refused(const char *text)
{
    double value = 7;
    return !ft_parse_double(text, strlen(text), &value) && value == 7;
}

Test(text, parse_double)
{
    cr_expect(reads(" 12.5\t", 12.5));
    cr_expect(reads("-.5", -0.5));
    cr_expect(reads("+1.", 1));
    cr_expect(reads("1E-3", 0.001));
    cr_expect(reads("8.5e22", 8.5e22));
    cr_expect(
        reads("0.000000000000000000000000000000012345678901234567890123", 1.2345678901234567890123e-32));
    cr_expect(reads("2.2250738585072011e-308", 2.2250738585072011e-308));
    cr_expect(reads("1e-999", 0));
    const char *bad[] = {"",    " ",    ".",   "-",   "1e",    "1e+", "nan",
                         "inf", "0x10", "1,5", "1 2", "1.2.3", "--1", "1_000"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) cr_expect(is_refused(bad[i]), "\"%s\"", bad[i]);
    double value = 0;
    cr_expect(!ft_parse_double("1e999", 5, &value) && value == INFINITY);
    cr_expect(!ft_parse_double("-1e999", 6, &value) && value == -INFINITY);
    /* The fast path and strtod agree on every mantissa and exponent around its
     * borders. */
    ft_philox_key key = {{3, 4}};
    for (uint32_t i = 0; i < 20000; i++) {
        ft_philox_block block = ft_philox(key, i, 0, 0, 0);
        char text[64];
        snprintf(text, sizeof text, "%llu.%ue%d", (unsigned long long)block.word[0] << (block.word[1] % 30),
                 block.word[2], (int)(block.word[3] % 70) - 35);
        cr_assert(reads(text, strtod(text, NULL)), "%s", text);
    }
}

Test(text, long_numbers)
{
    size_t length = 100000;
    char *text = malloc(length + 1);
    memset(text, '0', length);
    text[0] = '1', text[1] = '.', text[length] = '\0';
    double value;
    cr_expect(ft_parse_double(text, length, &value) && value == 1.0);
    free(text);
}

Test(text, parse_int)
{
    long long value = 5;
    cr_expect(ft_parse_int(" -9223372036854775808 ", 22, &value) && value == INT64_MIN);
    cr_expect(ft_parse_int("9223372036854775807", 19, &value) && value == INT64_MAX);
    cr_expect(ft_parse_int("+007", 4, &value) && value == 7);
    const char *bad[] = {
        "", "-", "1.0", "1e3", "9223372036854775808", "-9223372036854775809", "0x1", "99999999999999999999"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        cr_expect(!ft_parse_int(bad[i], strlen(bad[i]), &value) && value == 7, "\"%s\"", bad[i]);
}

Test(text, nearest_name)
{
    const char *names[] = {"learning_rate", "epochs", "lora_rank", "lora_alpha"};
    cr_expect_str_eq(ft_nearest_name("learnin_rate", names, 4), "learning_rate");
    cr_expect_str_eq(ft_nearest_name("Epoch", names, 4), "epochs");
    cr_expect_str_eq(ft_nearest_name("lora_rnak", names, 4), "lora_rank");
    cr_expect_str_eq(ft_nearest_name("eopch", names, 4), "epochs");
    cr_expect(ft_nearest_name("banana", names, 4) == NULL);
    cr_expect(ft_nearest_name("", names, 4) == NULL);
    cr_expect(ft_nearest_name("epochs", names, 0) == NULL);
}

Test(text, growing)
{
    ft_text text = FT_TEXT_EMPTY;
    for (int i = 0; i < 1000; i++) ft_text_addf(&text, "%d,", i);
    ft_text_add(&text, "end");
    ft_text_add_bytes(&text, "xyz", 1);
    cr_expect(!text.failed && text.length == strlen(text.data));
    cr_expect_str_eq(text.data + text.length - 8, "999,endx");
    ft_text_add_bytes(&text, "", SIZE_MAX / 2);
    cr_expect(text.failed);
    ft_text_free(&text);
    cr_expect(text.data == NULL);
}

Test(text, words_of_the_shell)
{
    ft_text text = FT_TEXT_EMPTY;
    ft_text_add_word(&text, "it's $HOME");
    cr_expect_str_eq(text.data, "'it'\\''s $HOME'");
    ft_text_free(&text);
}

static void expect_decoded(const char *bytes, size_t size, const char *expected, size_t n_expected)
{
    char *decoded;
    size_t length, count;
    ft_error err;
    cr_assert_eq(ft_windows1252_decode("t", bytes, size, &decoded, &length, &count, &err), FT_OK);
    cr_expect_str_eq(decoded, expected);
    cr_expect_eq(length, strlen(expected));
    cr_expect_eq(count, n_expected);
    free(decoded);
}

Test(text, windows_1252)
{
    char upper[128];
    size_t n = 0;
    for (int byte = 0x80; byte < 0xC0; byte++)
        if (byte != 0x81 && byte != 0x8D && byte != 0x8F && byte != 0x90 && byte != 0x9D)
            upper[n++] = (char)byte;
    /* Two such bytes in turn might be UTF-8: below 0xC0 none begins a character. */
    expect_decoded(
        upper, n,
        "\u20ac\u201a\u0192\u201e\u2026\u2020\u2021\u02c6\u2030\u0160\u2039\u0152\u017d"
        "\u2018\u2019\u201c\u201d\u2022\u2013\u2014\u02dc\u2122\u0161\u203a\u0153\u017e\u0178"
        "\u00a0\u00a1\u00a2\u00a3\u00a4\u00a5\u00a6\u00a7\u00a8\u00a9\u00aa\u00ab\u00ac\u00ad\u00ae"
        "\u00af\u00b0\u00b1\u00b2\u00b3\u00b4\u00b5\u00b6\u00b7\u00b8\u00b9\u00ba\u00bb\u00bc\u00bd"
        "\u00be\u00bf",
        n);
    expect_decoded("\xC3,\xE9t\xE9,\xFF", 7, "\u00c3,\u00e9t\u00e9,\u00ff", 4);
    /* What is UTF-8 stays, wherever among the eight bytes that are looked at together. */
    expect_decoded("1234567\u00e9,\xE9", 11, "1234567\u00e9,\u00e9", 1);
    expect_decoded("abcdefghijklmno", 15, "abcdefghijklmno", 0);
    expect_decoded("", 0, "", 0);
    /* The size ends it, not what lies behind. */
    expect_decoded("ab\u00e9", 3, "ab\u00c3", 1);
    cr_expect_eq(ft_find_non_utf8("abcdefgh\u00e9\xE9", 11), 10);
    cr_expect_eq(ft_find_non_utf8("abcdefgh\u00e9", 10), 10);
}
