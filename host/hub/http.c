/* HTTP by libcurl; see http.h. */
#define CURL_DISABLE_TYPECHECK
#include "host/hub/http.h"

#include <curl/curl.h>
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/clock.h"
#include "base/text.h"
#include "base/version.h"

enum { CONNECT_SECONDS = 15, MOST_HEADER_BYTES = 1 << 18 };

struct ft_http {
    void *library;
    __typeof__(&curl_global_init) global_init;
    __typeof__(&curl_easy_init) easy_init;
    __typeof__(&curl_easy_setopt) setopt;
    __typeof__(&curl_easy_perform) perform;
    __typeof__(&curl_easy_getinfo) getinfo;
    __typeof__(&curl_easy_strerror) strerror;
    __typeof__(&curl_easy_reset) reset;
    __typeof__(&curl_easy_cleanup) cleanup;
    __typeof__(&curl_slist_append) append;
    __typeof__(&curl_slist_free_all) free_all;
    CURL *easy;
    int timeout_seconds;
    char reason[CURL_ERROR_SIZE];
};

/* A request in progress. */
typedef struct exchange {
    const ft_http_request *request;
    ft_http_answer *answer;
    ft_http *http;
    size_t header_bytes;
    double asked_at; /* when go_on was last called */
    bool is_refused;
} exchange;

/* Debian has two builds, with OpenSSL and with GnuTLS. The number is that of the
 * binary interface, unchanged for 20 years. */
static void *open_library(void)
{
    static const char *const names[] = {"libcurl.so.4", "libcurl-gnutls.so.4"};
    void *library = NULL;
    for (size_t i = 0; i < sizeof names / sizeof *names && !library; i++)
        library = dlopen(names[i], RTLD_NOW | RTLD_LOCAL);
    return library;
}

static bool find_functions(ft_http *http)
{
    const struct {
        const char *name;
        void *place;
    } functions[] = {
        {"curl_global_init", &http->global_init}, {"curl_easy_init", &http->easy_init},
        {"curl_easy_setopt", &http->setopt},      {"curl_easy_perform", &http->perform},
        {"curl_easy_getinfo", &http->getinfo},    {"curl_easy_strerror", &http->strerror},
        {"curl_easy_reset", &http->reset},        {"curl_easy_cleanup", &http->cleanup},
        {"curl_slist_append", &http->append},     {"curl_slist_free_all", &http->free_all},
    };
    for (size_t i = 0; i < sizeof functions / sizeof *functions; i++) {
        void *found = dlsym(http->library, functions[i].name);
        if (!found) return false;
        memcpy(functions[i].place, &found, sizeof found);
    }
    return true;
}

ft_status ft_http_open(int timeout_seconds, ft_http **out, ft_error *err)
{
    ft_http *http = *out = calloc(1, sizeof *http);
    if (!http) return ft_no_memory(err, "a connection", sizeof *http);
    http->timeout_seconds = timeout_seconds;
    http->library = open_library();
    if (!http->library)
        return ft_fail(err, FT_FAILED,
                       "libcurl is needed, which is not installed here (apt install libcurl4)");
    if (!find_functions(http) || http->global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK ||
        !(http->easy = http->easy_init()))
        return ft_fail(err, FT_FAILED, "libcurl cannot be used: it does not start");
    return FT_OK;
}

void ft_http_close(ft_http *http)
{
    if (!http) return;
    if (http->easy) http->cleanup(http->easy);
    free(http); /* the library stays loaded: it cannot be unloaded safely */
}

/* If the line is "name: value\r\n" copies the value into `to`. A value longer than
 * `room` counts as absent. */
static bool is_header(const char *line, size_t size, const char *name, char *to, size_t room)
{
    const size_t length = strlen(name);
    if (size <= length || strncasecmp(line, name, length) != 0 || line[length] != ':') return false;
    const char *value = line + length + 1, *end = line + size;
    while (value < end && (*value == ' ' || *value == '\t')) value++;
    while (end > value && strchr(" \t\r\n", end[-1])) end--;
    const size_t n = (size_t)(end - value);
    if (n < room) memcpy(to, value, n);
    to[n < room ? n : 0] = '\0';
    return true;
}

/* Turns "W/\"abc\"" and "\"abc\"" into abc. */
static void strip_etag(char *etag)
{
    char *from = etag;
    if (from[0] == 'W' && from[1] == '/') from += 2;
    if (*from == '"') from++;
    memmove(etag, from, strlen(from) + 1);
    etag[strcspn(etag, "\"")] = '\0';
}

static int64_t to_number(const char *text)
{
    long long number = -1;
    return ft_parse_int(text, strlen(text), &number) && number >= 0 ? number : -1;
}

static void clear(ft_http_answer *answer)
{
    *answer = (ft_http_answer){.length = -1, .linked_size = -1, .range_from = -1, .retry_after = -1};
}

static size_t take_header(char *line, size_t one, size_t count, void *user)
{
    exchange *e = user;
    ft_http_answer *a = e->answer;
    const size_t size = one * count;
    char number[32];
    if ((e->header_bytes += size) > MOST_HEADER_BYTES) return 0;
    /* headers so far were a proxy's, or those of "100 Continue" */
    if (size > 5 && strncmp(line, "HTTP/", 5) == 0) clear(a);
    if (is_header(line, size, "ETag", a->etag, sizeof a->etag)) strip_etag(a->etag);
    if (is_header(line, size, "X-Linked-ETag", a->linked_etag, sizeof a->linked_etag))
        strip_etag(a->linked_etag);
    is_header(line, size, "X-Repo-Commit", a->commit, sizeof a->commit);
    is_header(line, size, "X-Error-Code", a->error_code, sizeof a->error_code);
    if (is_header(line, size, "Content-Length", number, sizeof number)) a->length = to_number(number);
    if (is_header(line, size, "X-Linked-Size", number, sizeof number)) a->linked_size = to_number(number);
    if (is_header(line, size, "Retry-After", number, sizeof number)) a->retry_after = to_number(number);
    char range[80];
    if (is_header(line, size, "Content-Range", range, sizeof range) && strncmp(range, "bytes ", 6) == 0) {
        range[6 + strcspn(range + 6, "-")] = '\0';
        a->range_from = to_number(range + 6);
    }
    return size;
}

static size_t take_body(char *bytes, size_t one, size_t count, void *user)
{
    exchange *e = user;
    const size_t size = one * count;
    /* Errors and redirects have a page as body. Nobody reads it, so stop here. */
    if (e->answer->status == 0) e->http->getinfo(e->http->easy, CURLINFO_RESPONSE_CODE, &e->answer->status);
    const bool is_wanted = e->answer->status == 200 || e->answer->status == 206;
    if (!is_wanted && !e->request->takes_errors) return 0;
    if (e->request->take && e->request->take(e->request->context, e->answer, bytes, size)) return size;
    e->is_refused = true;
    return 0;
}

/* libcurl calls this at least once a second. */
static int look_up(void *user, curl_off_t total, curl_off_t now, curl_off_t upload_total, curl_off_t uploaded)
{
    exchange *e = user;
    (void)total, (void)now, (void)upload_total, (void)uploaded;
    const double seconds = ft_now_seconds();
    if (!e->request->go_on || seconds - e->asked_at < 0.2) return 0;
    e->asked_at = seconds;
    e->is_refused = e->is_refused || !e->request->go_on(e->request->context);
    return e->is_refused;
}

static void prepare(exchange *e, struct curl_slist *headers)
{
    ft_http *http = e->http;
    CURL *easy = http->easy;
    static const char *const bundles[] = {"CURL_CA_BUNDLE", "REQUESTS_CA_BUNDLE", "SSL_CERT_FILE"};
    http->reset(easy);
    *http->reason = '\0';
    http->setopt(easy, CURLOPT_URL, e->request->url);
    http->setopt(easy, CURLOPT_HTTPHEADER, headers);
    http->setopt(easy, CURLOPT_NOBODY, e->request->is_head ? 1L : 0L);
    if (e->request->method) {
        http->setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)e->request->body_size);
        http->setopt(easy, CURLOPT_POSTFIELDS, e->request->body_size > 0 ? e->request->body : "");
        http->setopt(easy, CURLOPT_CUSTOMREQUEST, e->request->method);
    }
    if (e->request->user) http->setopt(easy, CURLOPT_USERNAME, e->request->user);
    if (e->request->user && e->request->password) http->setopt(easy, CURLOPT_PASSWORD, e->request->password);
    http->setopt(easy, CURLOPT_NOSIGNAL, 1L);
    http->setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
    http->setopt(easy, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
    http->setopt(easy, CURLOPT_CONNECTTIMEOUT,
                 (long)(http->timeout_seconds < CONNECT_SECONDS ? http->timeout_seconds : CONNECT_SECONDS));
    http->setopt(easy, CURLOPT_TIMEOUT, (long)e->request->most_seconds);
    http->setopt(easy, CURLOPT_FRESH_CONNECT, e->request->is_sent_once ? 1L : 0L);
    http->setopt(easy, CURLOPT_LOW_SPEED_LIMIT, 1L);
    http->setopt(easy, CURLOPT_LOW_SPEED_TIME, (long)http->timeout_seconds);
    http->setopt(easy, CURLOPT_ERRORBUFFER, http->reason);
    http->setopt(easy, CURLOPT_HEADERFUNCTION, take_header);
    http->setopt(easy, CURLOPT_HEADERDATA, e);
    http->setopt(easy, CURLOPT_WRITEFUNCTION, take_body);
    http->setopt(easy, CURLOPT_WRITEDATA, e);
    http->setopt(easy, CURLOPT_NOPROGRESS, 0L);
    http->setopt(easy, CURLOPT_XFERINFOFUNCTION, look_up);
    http->setopt(easy, CURLOPT_XFERINFODATA, e);
    http->setopt(easy, CURLOPT_BUFFERSIZE, 256L * 1024);
    for (size_t i = 0; i < sizeof bundles / sizeof *bundles; i++) {
        const char *file = getenv(bundles[i]);
        if (file && *file) {
            http->setopt(easy, CURLOPT_CAINFO, file);
            break;
        }
    }
}

static bool add_header(ft_http *http, struct curl_slist **headers, const char *format, const char *value)
{
    ft_text line = FT_TEXT_EMPTY;
    ft_text_add(&line, format);
    ft_text_add(&line, value);
    struct curl_slist *longer = line.failed ? NULL : http->append(*headers, line.data);
    ft_text_free(&line);
    if (longer) *headers = longer;
    return longer != NULL;
}

static struct curl_slist *make_headers(ft_http *http, const ft_http_request *request)
{
    struct curl_slist *headers = NULL;
    char range[48] = "";
    /* Uncompressed: hash and length are those of the file's bytes. */
    bool is_made = add_header(http, &headers, "Accept-Encoding: ", "identity") &&
                   add_header(http, &headers, "User-Agent: ftgpu/", ft_version());
    if (is_made && request->token)
        is_made = add_header(http, &headers, "Authorization: Bearer ", request->token);
    if (is_made && request->content_type)
        is_made = add_header(http, &headers, "Content-Type: ", request->content_type);
    /* without waiting for "100 Continue" before a large body */
    if (is_made && request->method) is_made = add_header(http, &headers, "Expect:", "");
    snprintf(range, sizeof range, "bytes=%lld-", (long long)request->from);
    if (is_made && request->from > 0) is_made = add_header(http, &headers, "Range: ", range);
    if (!is_made) http->free_all(headers);
    return is_made ? headers : NULL;
}

static ft_http_outcome judge(CURLcode code, const exchange *e)
{
    if (code == CURLE_OK) return FT_HTTP_ANSWERED;
    if (e->is_refused) return FT_HTTP_REFUSED;
    /* take_body stopped at an error page: the answer itself is complete. */
    if (code == CURLE_WRITE_ERROR && e->answer->status != 0) return FT_HTTP_ANSWERED;
    /* No header at all: most likely a firewall. */
    if (code == CURLE_OPERATION_TIMEDOUT && e->header_bytes == 0) return FT_HTTP_UNREACHABLE;
    switch (code) {
    case CURLE_PARTIAL_FILE:
    case CURLE_RECV_ERROR:
    case CURLE_SEND_ERROR:
    case CURLE_GOT_NOTHING:
    case CURLE_OPERATION_TIMEDOUT:
    case CURLE_HTTP2:
    case CURLE_HTTP2_STREAM:
        return FT_HTTP_CUT;
    default:
        return FT_HTTP_UNREACHABLE;
    }
}

ft_status ft_http_send(ft_http *http, const ft_http_request *request, ft_http_answer *answer,
                       ft_http_outcome *outcome, ft_error *err)
{
    exchange e = {.request = request, .answer = answer, .http = http};
    clear(answer);
    *outcome = FT_HTTP_UNREACHABLE;
    if (strncmp(request->url, "http://", 7) != 0 && strncmp(request->url, "https://", 8) != 0)
        return ft_fail(err, FT_FAILED, "\"%.200s\" is no address that begins with https:// or http://",
                       request->url);
    struct curl_slist *headers = make_headers(http, request);
    if (!headers) return ft_no_memory(err, "a request", 1024);
    prepare(&e, headers);
    const CURLcode code = http->perform(http->easy);
    char *location = NULL;
    http->getinfo(http->easy, CURLINFO_RESPONSE_CODE, &answer->status);
    http->getinfo(http->easy, CURLINFO_REDIRECT_URL, &location);
    if (location && strlen(location) < sizeof answer->location) strcpy(answer->location, location);
    *outcome = judge(code, &e);
    http->setopt(http->easy, CURLOPT_HTTPHEADER, NULL);
    http->free_all(headers);
    if (*outcome == FT_HTTP_ANSWERED) return FT_OK;
    return ft_fail(err, FT_FAILED, "%s", *http->reason ? http->reason : http->strerror(code));
}

/* Length of the "https://host:443" that a URL begins with. With a user name it is a
 * different origin. */
static size_t origin_length(const char *url)
{
    const char *host = strstr(url, "://");
    return host ? (size_t)(host + 3 - url) + strcspn(host + 3, "/?#") : 0;
}

bool ft_http_is_same_origin(const char *a, const char *b)
{
    const size_t length = origin_length(a);
    return length > 0 && length == origin_length(b) && strncasecmp(a, b, length) == 0;
}
