/* A first look at a CSV text; see csv_survey.h. */
#include "host/data/csv_survey.h"

#include <stdlib.h>
#include <string.h>

#include "base/checksum.h"
#include "base/parallel.h"
#include "host/data/csv_scanner.h"

/* `found`, and which other of the wanted bytes occur: a set of ft_csv_byte. */
static unsigned find_bytes(const char *start, const char *end, unsigned found)
{
    static const struct {
        char byte;
        unsigned bit;
    } wanted[] = {{'\0', FT_CSV_NUL},        {'"', FT_CSV_QUOTE},   {',', FT_CSV_COMMA},  {'.', FT_CSV_POINT},
                  {'\'', FT_CSV_APOSTROPHE}, {'\xC2', FT_CSV_WIDE}, {'\xE2', FT_CSV_WIDE}};
    for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++)
        if (!(found & wanted[i].bit) && memchr(start, wanted[i].byte, (size_t)(end - start)))
            found |= wanted[i].bit;
    return found;
}

static void look_at(void *context, int64_t i)
{
    ft_csv_piece *piece = &((ft_csv_survey *)context)->pieces[i];
    enum { BLOCK = 1 << 14 }; /* bytes; stays in a core's first-level cache */
    for (const char *at = piece->start, *next; at < piece->end; at = next) {
        next = piece->end - at > BLOCK ? at + BLOCK : piece->end;
        piece->checksum = ft_checksum(piece->checksum, at, (size_t)(next - at));
        piece->found = find_bytes(at, next, piece->found);
        piece->n_lines += ft_csv_count_lines(at, next);
    }
    if (piece->start < piece->end && piece->end[-1] != '\n' && piece->end[-1] != '\r') piece->n_lines++;
}

static ft_status refuse_nul(const char *name, const char *text, size_t size, ft_error *err)
{
    return ft_fail(err, FT_BAD_INPUT,
                   "%s:%zu: a NUL byte (this is no CSV text; delete the byte, or save the file as UTF-8)",
                   name, 1 + ft_csv_count_lines(text, memchr(text, '\0', size)));
}

/* Cuts behind the first \n that makes a piece long enough. An empty text is one piece. */
static void cut(const char *text, const char *end, size_t piece_bytes, ft_csv_survey *survey)
{
    for (const char *at = text; at < end || survey->n_pieces == 0;) {
        const char *line_end =
            (size_t)(end - at) > piece_bytes
                ? memchr(at + piece_bytes - 1, '\n', (size_t)(end - at) - (piece_bytes - 1))
                : NULL;
        const char *next = line_end ? line_end + 1 : end;
        survey->pieces[survey->n_pieces++] = (ft_csv_piece){.start = at, .end = next};
        at = next;
    }
}

/* Numbers lines through, and makes the text's checksum of the pieces'. */
static void join_pieces(ft_csv_survey *survey)
{
    size_t line = 1;
    for (size_t i = 0; i < survey->n_pieces; i++) {
        ft_csv_piece *piece = &survey->pieces[i];
        piece->first_line = line;
        line += piece->n_lines;
        survey->checksum =
            ft_checksum_join(survey->checksum, piece->checksum, (size_t)(piece->end - piece->start));
    }
}

ft_status ft_csv_survey_make(const char *name, const char *text, size_t size, size_t piece_bytes,
                             ft_csv_survey *survey, ft_error *err)
{
    *survey = (ft_csv_survey){.pieces = calloc(size / piece_bytes + 1, sizeof *survey->pieces)};
    if (!survey->pieces) return ft_no_memory(err, name, (size / piece_bytes + 1) * sizeof *survey->pieces);
    cut(text, text + size, piece_bytes, survey);
    ft_parallel(0, (int64_t)survey->n_pieces, look_at, survey);
    join_pieces(survey);
    if (!(ft_csv_survey_found(survey) & FT_CSV_NUL)) return FT_OK;
    ft_csv_survey_free(survey);
    return refuse_nul(name, text, size, err);
}

void ft_csv_survey_skip(ft_csv_survey *survey, const char *at, size_t line)
{
    size_t before = 0;
    while (before + 1 < survey->n_pieces && survey->pieces[before].end <= at) before++;
    survey->n_pieces -= before;
    memmove(survey->pieces, survey->pieces + before, survey->n_pieces * sizeof *survey->pieces);
    ft_csv_piece *first = &survey->pieces[0];
    first->n_lines -= line - first->first_line;
    first->first_line = line;
    first->start = at;
    first->found = find_bytes(at, first->end, 0);
}

unsigned ft_csv_survey_found(const ft_csv_survey *survey)
{
    unsigned found = 0;
    for (size_t i = 0; i < survey->n_pieces; i++) found |= survey->pieces[i].found;
    return found;
}

void ft_csv_survey_free(ft_csv_survey *survey)
{
    free(survey->pieces);
    *survey = (ft_csv_survey){0};
}
