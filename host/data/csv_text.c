/* The bytes of a CSV file; see csv_text.h. */
#include "host/data/csv_text.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/gzip.h"
#include "base/large_file.h"
#include "base/utf16.h"
#include "base/windows1252.h"

static const size_t max_file_bytes = (size_t)1 << 33;

const char *ft_csv_text_name(const char *path)
{
    return strcmp(path, "-") == 0 ? "stdin" : path;
}

static bool is_pipe(const struct stat *info)
{
    return S_ISFIFO(info->st_mode) || S_ISSOCK(info->st_mode);
}

static ft_status read_bytes(const char *path, bool takes_pipes, char **text, size_t *size, ft_error *err)
{
    struct stat info;
    const char *name = ft_csv_text_name(path);
    const bool is_stdin = name != path;
    const bool piped = (is_stdin ? fstat(STDIN_FILENO, &info) : stat(path, &info)) == 0 && is_pipe(&info);
    if ((is_stdin || piped) && !takes_pipes)
        return ft_fail(
            err, FT_BAD_INPUT,
            "%s: is a pipe, but here a file is needed that can be read again (write it to a file first)",
            name);
    if (is_stdin) return ft_read_stream(STDIN_FILENO, name, max_file_bytes, text, size, err);
    if (!piped) return ft_read_large_file(path, max_file_bytes, text, size, err);
    int descriptor = open(path, O_RDONLY | O_CLOEXEC); /* waits for a writer */
    if (descriptor < 0) return ft_fail(err, FT_BAD_INPUT, "%s: cannot be opened: %s", path, strerror(errno));
    ft_status status = ft_read_stream(descriptor, path, max_file_bytes, text, size, err);
    close(descriptor);
    return status;
}

enum { TAR_MARK = 257 }; /* where a tar archive says that it is one */

/* Files that people give in place of a CSV file, by their first bytes. */
static ft_status check_kind(const char *name, const char *text, size_t size, ft_error *err)
{
    static const struct {
        const char *bytes, *what;
    } kinds[] = {
        {"PK\x03\x04", "an Excel workbook or a zip archive (save the sheet, or unpack it, as CSV)"},
        {"\xD0\xCF\x11\xE0", "an Excel workbook (save the sheet as CSV)"},
        {"PAR1", "a Parquet file (write it as CSV: pandas.read_parquet(...).to_csv(..., index=False))"},
        {"BZh", "compressed by bzip2 (decompress it; gzip is read as it is)"},
        {"\xFD"
         "7zXZ",
         "compressed by xz (decompress it; gzip is read as it is)"},
        {"\x28\xB5\x2F\xFD", "compressed by zstd (decompress it; gzip is read as it is)"},
        {"[{", "JSON (write it as CSV: pandas.read_json(...).to_csv(..., index=False))"},
        {"{\"", "JSON (write it as CSV: pandas.read_json(..., lines=True).to_csv(..., index=False))"},
        {"<!DOCTYPE", "a web page (download the file that it leads to)"},
        {"<!doctype", "a web page (download the file that it leads to)"},
        {"<html", "a web page (save its table as CSV, or download the file that it leads to)"}};
    if (size >= TAR_MARK + 5 && memcmp(text + TAR_MARK, "ustar", 5) == 0)
        return ft_fail(err, FT_BAD_INPUT, "%s: is no CSV text, but a tar archive (unpack it)", name);
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (size >= strlen(kinds[i].bytes) && memcmp(text, kinds[i].bytes, strlen(kinds[i].bytes)) == 0)
            return ft_fail(err, FT_BAD_INPUT, "%s: is no CSV text, but %s", name, kinds[i].what);
    return FT_OK;
}

/* Text whose characters take two or four bytes, and no mark says so or it is that of
 * UTF-32. */
static ft_status check_encoding(const char *name, const char *text, size_t size, ft_error *err)
{
    const char *encoding = NULL;
    if (size >= 4 && (memcmp(text, "\xFF\xFE\0\0", 4) == 0 || memcmp(text, "\0\0\xFE\xFF", 4) == 0))
        encoding = "UTF-32";
    else if (size >= 4 && text[0] && !text[1] && text[2] && !text[3])
        encoding = "UTF-16LE";
    else if (size >= 4 && !text[0] && text[1] && !text[2] && text[3])
        encoding = "UTF-16BE";
    return encoding ? ft_fail(err, FT_BAD_INPUT,
                              "%s: is %s (save it as UTF-8, or convert it: iconv -f %s -t UTF-8)", name,
                              encoding, encoding)
                    : FT_OK;
}

/* *text with `size` bytes is replaced by what it is in UTF-8. */
static ft_status decode_utf16(const char *name, char **text, size_t *size, ft_error *err)
{
    char *encoded = *text;
    ft_status status = ft_utf16_decode(name, encoded, *size, text, size, err);
    free(encoded);
    return status;
}

/* Bytes that are not UTF-8 become the characters of Windows-1252 that they probably are:
 * names come out as people know them, and all files that ftgpu writes are UTF-8. */
static ft_status decode_windows1252(const char *name, char **text, size_t *size, ft_text *notes,
                                    ft_error *err)
{
    const size_t first = ft_find_non_utf8(*text, *size);
    if (first == *size) return FT_OK;
    char *encoded = *text;
    size_t count = 0, line = 1;
    for (size_t i = 0; i < first; i++) line += encoded[i] == '\n';
    ft_status status = ft_windows1252_decode(name, encoded, *size, text, size, &count, err);
    if (status != FT_OK) return status;
    free(encoded);
    ft_text_addf(notes,
                 "%s:%zu: is not UTF-8: read as Windows-1252 (%zu character%s; if names look wrong, save the "
                 "file as UTF-8)\n",
                 name, line, count, count == 1 ? "" : "s");
    return FT_OK;
}

ft_status ft_csv_text_read(const char *path, bool takes_pipes, char **text, size_t *size, ft_text *notes,
                           ft_error *err)
{
    const char *name = ft_csv_text_name(path);
    *text = NULL;
    ft_status status = read_bytes(path, takes_pipes, text, size, err);
    if (status == FT_OK && ft_is_gzip(*text, *size)) {
        char *compressed = *text;
        status = ft_gunzip(name, compressed, *size, max_file_bytes, text, size, err);
        free(compressed);
    }
    if (status == FT_OK) status = check_kind(name, *text, *size, err);
    if (status == FT_OK && ft_is_utf16(*text, *size)) status = decode_utf16(name, text, size, err);
    if (status == FT_OK) status = check_encoding(name, *text, *size, err);
    if (status == FT_OK) status = decode_windows1252(name, text, size, notes, err);
    if (status != FT_OK) {
        free(*text);
        *text = NULL;
    }
    return status;
}
