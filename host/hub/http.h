/* One HTTP request at a time, by libcurl, which is opened when it is needed: linked,
 * it would cost each start 5 ms. Redirects are not followed here: who asks decides
 * what the next host may see. Proxies are those of the environment (https_proxy,
 * all_proxy, no_proxy). */
#ifndef FT_HOST_HUB_HTTP_H
#define FT_HOST_HUB_HTTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

/* libcurl, and the connections that stay open between requests */
typedef struct ft_http ft_http;
struct ft_http_answer;

/* FT_FAILED where there is no libcurl. Freed by ft_http_close. */
ft_status ft_http_open(int timeout_seconds, ft_http **http, ft_error *err);
void ft_http_close(ft_http *http);

typedef struct ft_http_request {
    const char *url;
    const char *token; /* sent as "Authorization: Bearer ..."; NULL: none */
    bool is_head;      /* headers alone are asked for */
    int64_t from;      /* bytes before it are not asked for; 0: all are */
    /* Takes the body of an answer 200 or 206, piece by piece; false: no more is
     * wanted. Not for is_head. */
    bool (*take)(void *context, const struct ft_http_answer *answer, const char *bytes, size_t size);
    /* Asked about 5 times a second; false: to be stopped. May be NULL. */
    bool (*go_on)(void *context);
    void *context;
} ft_http_request;

/* Which headers there were; "" or -1 where one was not. */
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
    FT_HTTP_ANSWERED,    /* whole */
    FT_HTTP_UNREACHABLE, /* no connection: no network, no such host, refused, a certificate that is not
                            trusted */
    FT_HTTP_CUT,         /* the connection broke or fell silent */
    FT_HTTP_REFUSED,     /* `take` wanted no more, or `go_on` said so */
} ft_http_outcome;

/* FT_OK for FT_HTTP_ANSWERED, whatever the status is; else FT_FAILED with libcurl's
 * reason in `err`. */
ft_status ft_http_send(ft_http *http, const ft_http_request *request, ft_http_answer *answer,
                       ft_http_outcome *outcome, ft_error *err);

/* Whether both addresses have the same scheme, host and port: what may see the same
 * token. */
bool ft_http_is_same_origin(const char *a, const char *b);

#endif
