/* SHA-256 and git's SHA-1 of files, by libgcrypt; see hash.h. */
#include "host/hub/hash.h"

#include <errno.h>
#include <gcrypt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "host/hub/name.h"

enum { PIECE = 1 << 20 };

bool ft_hub_is_hash(const char *text)
{
    return ft_hub_is_hexadecimal(text, 64) || ft_hub_is_hexadecimal(text, 40);
}

/* libgcrypt must be initialised once in a program; skipped if the program has done so. */
static void start_library(void)
{
    if (gcry_control(GCRYCTL_INITIALIZATION_FINISHED_P)) return;
    gcry_check_version(NULL);
    gcry_control(GCRYCTL_DISABLE_SECMEM, 0); /* nothing here is secret */
    gcry_control(GCRYCTL_INITIALIZATION_FINISHED, 0);
}

static ft_status add_file(gcry_md_hd_t state, int descriptor, const char *path, char *piece, ft_error *err)
{
    for (int64_t at = 0;;) {
        const ssize_t got = pread(descriptor, piece, PIECE, at);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return ft_fail(err, FT_FAILED, "%s: cannot be read: %s", path, strerror(errno));
        if (got == 0) return FT_OK;
        gcry_md_write(state, piece, (size_t)got);
        at += got;
    }
}

ft_status ft_hub_hash(int descriptor, const char *path, int64_t size, const char *like,
                      char hash[FT_HUB_HASH_CHARS], ft_error *err)
{
    const int algorithm = strlen(like) == 64 ? GCRY_MD_SHA256 : GCRY_MD_SHA1;
    gcry_md_hd_t state = NULL;
    start_library();
    char *piece = malloc(PIECE);
    if (!piece) return ft_no_memory(err, "a hash", PIECE);
    ft_status status =
        gcry_md_open(&state, algorithm, 0) == 0
            ? FT_OK
            : ft_fail(err, FT_FAILED, "%s: libgcrypt has no %s here", path, gcry_md_algo_name(algorithm));
    if (status == FT_OK && algorithm == GCRY_MD_SHA1) {
        char header[40];
        const int length = snprintf(header, sizeof header, "blob %lld", (long long)size);
        gcry_md_write(state, header, (size_t)length + 1);
    }
    if (status == FT_OK) status = add_file(state, descriptor, path, piece, err);
    if (status == FT_OK) {
        const unsigned char *bytes = gcry_md_read(state, algorithm);
        for (unsigned i = 0; i < gcry_md_get_algo_dlen(algorithm); i++)
            sprintf(hash + 2 * i, "%02x", bytes[i]);
    }
    gcry_md_close(state);
    free(piece);
    return status;
}
