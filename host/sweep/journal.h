/* The journal of a process: what happened to its sweep, one sealed JSON object
 * (base/sealed.h) a line, appended and put on disk before anything depends on it. What
 * a crash or a full disk tears costs its own line alone. */
#ifndef FT_HOST_SWEEP_JOURNAL_H
#define FT_HOST_SWEEP_JOURNAL_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/directory.h"
#include "host/sweep/index.h"

/* Start from FT_NO_JOURNAL; closed by ft_journal_close. */
typedef struct ft_journal {
    int descriptor;
    char *path;
    off_t length;    /* of what was appended whole */
    bool gathers;    /* what is written waits for ft_journal_sync */
    bool is_behind;  /* something waits for the disk */
    ft_status ended; /* FT_OK, or why nothing is appended any more, */
    ft_error why;    /* in words */
} ft_journal;
#define FT_NO_JOURNAL ((ft_journal){.descriptor = -1})

/* Opens the journal `name`, which is made where there is none, for this process alone:
 * it is locked besides the sweep, so that another process whose lock was removed is
 * noticed. *text, malloc'd, is what it holds, with a last line without its end, which
 * is cut off the file. FT_BAD_INPUT where another process has it for longer than a few
 * seconds. */
ft_status ft_journal_open(ft_journal *journal, const ft_directory *directory, const char *name, char **text,
                          size_t *size, ft_error *err);
void ft_journal_close(ft_journal *journal);
/* Reads the journal of another process; `must_be_free`: that must not run any more. A
 * directory of that name is no journal, and holds nothing. */
ft_status ft_journal_read_other(const ft_directory *directory, const char *name, bool must_be_free,
                                char **text, size_t *size, ft_error *err);

/* Appends an event, which it deletes (NULL: memory ran out); `wait`: until it is on
 * disk, unless the journal gathers. After a failure the journal is cut back to its
 * last whole line and takes nothing more: this and all later calls fail with that
 * error. */
ft_status ft_journal_append(ft_journal *journal, cJSON *event, bool wait, ft_error *err);
ft_status ft_journal_sync(ft_journal *journal, ft_error *err);
/* Whether a running process has the journal `name`. */
ft_status ft_journal_is_held(const ft_directory *directory, const char *name, bool *held, ft_error *err);
/* Ends the journal where its file was removed or replaced: nothing that is appended
 * would be read. */
void ft_journal_look(ft_journal *journal, const ft_directory *directory, const char *name);
/* Nothing is appended from now on, for this reason, unless it had ended before. */
void ft_journal_end(ft_journal *journal, ft_status status, const char *why);
/* Fails where the journal has ended, for the reason that it had. */
ft_status ft_journal_check(const ft_journal *journal, ft_error *err);

/* Takes into the index what a journal's text holds. Lines that are damaged, or not of
 * this sweep, are passed over, and counted as those of journal number `journal`; a
 * last line without its end is being written. */
ft_status ft_journal_replay(const char *text, size_t size, size_t journal, ft_sweep_index *index,
                            ft_reading *reading, ft_error *err);

#endif
