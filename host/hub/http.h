/* One HTTP request at a time, by libcurl, which is loaded when it is needed: linking
 * it would cost each start 5 ms. Redirects are not followed here: the caller decides
 * what the next host may see. Proxies are those of the environment (https_proxy,
 * all_proxy, no_proxy). */
#ifndef FT_HOST_HUB_HTTP_H
#define FT_HOST_HUB_HTTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

/* libcurl, and connections that stay open between requests */
typedef struct ft_http ft_http;
struct ft_http_answer;

/* FT_FAILED if libcurl is not installed. A connection is given up after
 * timeout_seconds without a byte. Freed by ft_http_close. */
ft_status ft_http_open(int timeout_seconds, ft_http **http, ft_error *err);
void ft_http_close(ft_http *http);

typedef struct ft_http_request {
    const char *url;
    const char *token; /* sent as "Authorization: Bearer ..."; NULL: none */
    bool is_head;      /* HEAD instead of GET */
    /* "POST" or "PUT", with a body of this type; NULL: GET or HEAD */
    const char *method, *content_type;
    const void *body; /* (body_size) bytes */
    size_t body_size;
    const char *user, *password; /* of basic authentication; NULL: none */
    bool takes_errors;           /* `take` gets the body of every answer */
    int most_seconds;            /* for the whole request; 0: as long as bytes come */
    /* sent by a new connection: where a kept one breaks, libcurl sends a request again */
    bool is_sent_once;
    int64_t from; /* offset in bytes to start from; 0: the whole file */
    /* Gets the body of a 200 or 206 answer piece by piece; returns false to end the
     * request. Not called for is_head. */
    bool (*take)(void *context, const struct ft_http_answer *answer, const char *bytes, size_t size);
    /* Called about 5 times a second; returns false to end the request. May be NULL. */
    bool (*go_on)(void *context);
    void *context;
} ft_http_request;

/* The answer's status and headers. A header that was absent is "" or -1. */
typedef struct ft_http_answer {
    long status;
    char location[8192]; /* of a redirect, absolute */
    char etag[128], linked_etag[128];
    char commit[64]; /* X-Repo-Commit */
    /* X-Error-Code: RepoNotFound, EntryNotFound, RevisionNotFound, GatedRepo */
    char error_code[64];
    int64_t length;      /* Content-Length */
    int64_t linked_size; /* X-Linked-Size */
    int64_t range_from;  /* Content-Range's first byte */
    int64_t retry_after; /* Retry-After, in seconds */
} ft_http_answer;

typedef enum ft_http_outcome {
    FT_HTTP_ANSWERED, /* completely */
    /* no connection: no network, unknown host, refused, or an untrusted certificate */
    FT_HTTP_UNREACHABLE,
    FT_HTTP_CUT,     /* the connection broke, went silent or took too long */
    FT_HTTP_REFUSED, /* `take` or `go_on` ended it */
} ft_http_outcome;

/* Sends a request. FT_OK for FT_HTTP_ANSWERED, whatever the HTTP status; otherwise
 * FT_FAILED with libcurl's reason. */
ft_status ft_http_send(ft_http *http, const ft_http_request *request, ft_http_answer *answer,
                       ft_http_outcome *outcome, ft_error *err);

/* Whether two URLs have the same scheme, host and port, so that both may see the
 * token. */
bool ft_http_is_same_origin(const char *a, const char *b);

#endif
