/* Errors are values: every function that can fail returns an ft_status and, on failure,
 * leaves one line in the caller's ft_error that names the file, line, column, key or
 * tensor at fault and what to do. */
#ifndef FT_BASE_ERROR_H
#define FT_BASE_ERROR_H

#ifdef __cplusplus
extern "C" {
#endif

typedef enum ft_status {
    FT_OK = 0,
    FT_FAILED = 1, /* something went wrong while running: I/O, a device */
    /* a file, an option or an argument is wrong: the user can mend it */
    FT_BAD_INPUT = 2,
    FT_NO_MEMORY = 3,   /* host or device memory ran out */
    FT_INTERRUPTED = 4, /* asked to stop; what was finished is on disk */
    /* Numbers that must be finite are not. One training failed, not the program. */
    FT_DIVERGED = 5,
} ft_status;

typedef struct ft_error {
    /* one line, NUL-terminated, without a trailing newline; "" when nothing failed */
    char message[1024];
} ft_error;

/* Writes the formatted message into `err` (which may be NULL) and returns `status`, so
 * that a failure is `return ft_fail(err, FT_BAD_INPUT, "%s:%d: ...", path, line);`.
 * Control characters in the message (they come from people's files) and what is not UTF-8
 * are replaced by '?', so that it stays one line. */
ft_status ft_fail(ft_error *err, ft_status status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Puts "`prefix`: " before the message that is there. */
void ft_error_prefix(ft_error *err, const char *prefix);

/* ft_fail for a failed allocation of `bytes`; `what` is what they were for. */
ft_status ft_no_memory(ft_error *err, const char *what, unsigned long long bytes);

#ifdef __cplusplus
}
#endif
#endif
