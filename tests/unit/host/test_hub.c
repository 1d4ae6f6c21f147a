/* Names on the Hub, its settings, its hashes, and the layout of its cache. That Python's
 * huggingface_hub finds the same there is checked by tests/oracle/check_hub.py. */
#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "host/hub/cache.h"
#include "host/hub/hash.h"
#include "host/hub/http.h"
#include "host/hub/hub.h"
#include "host/hub/name.h"
#include "host/hub/settings.h"

static char scratch[64];

static void enter(void)
{
    static const char *const names[] = {
        "HF_HOME",     "HF_HUB_CACHE",           "HUGGINGFACE_HUB_CACHE", "XDG_CACHE_HOME", "HF_TOKEN",
        "HF_ENDPOINT", "HUGGING_FACE_HUB_TOKEN", "HF_TOKEN_PATH",         "HF_HUB_OFFLINE"};
    strcpy(scratch, "/tmp/ftgpu-hub-XXXXXX");
    cr_assert(mkdtemp(scratch));
    cr_assert_eq(chdir(scratch), 0);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) unsetenv(names[i]);
    unsetenv("TRANSFORMERS_OFFLINE");
}

static void leave(void)
{
    cr_assert_eq(chdir("/"), 0);
    ft_remove_tree(scratch);
}

TestSuite(hub, .init = enter, .fini = leave);

static void put(const char *path, const char *text)
{
    char parent[256];
    ft_error err = {""};
    snprintf(parent, sizeof parent, "%s", path);
    char *slash = strrchr(parent, '/');
    if (slash) *slash = '\0';
    if (slash) cr_assert_eq(ft_make_directories(parent, &err), FT_OK, "%s", err.message);
    cr_assert_eq(ft_write_file(path, text, strlen(text), &err), FT_OK, "%s", err.message);
}

Test(hub, names_are_two_parts_and_a_revision)
{
    static const struct {
        const char *text, *repository, *revision;
    } good[] = {
        {"amazon/chronos-t5-small", "amazon/chronos-t5-small", "main"},
        {"amazon/chronos-t5-small@v1.0", "amazon/chronos-t5-small", "v1.0"},
        {"a/b@refs/pr/1", "a/b", "refs/pr/1"},
        {"hf://A_b/c.d", "A_b/c.d", "main"},
        {"https://huggingface.co/amazon/chronos-t5-small", "amazon/chronos-t5-small", "main"},
        {"https://huggingface.co/amazon/chronos-t5-small/tree/dev", "amazon/chronos-t5-small", "dev"},
        {"https://huggingface.co/amazon/chronos-t5-small/", "amazon/chronos-t5-small", "main"},
    };
    static const char *const bad[] = {
        "",     "chronos",  "/a/b",   "a/b/c",  "./a",      "../a",     "a/..",    "a--b/c", "a/b..c",
        "a/b@", "a/b@../c", "a/b@/c", "a/b@c/", "a/b@c//d", "a/b@.git", "a/b@x y", "a/-b",   "a/b-",
        "~/a",  "a/b.git",  "a /b",   "a/b/",   "hf://a",   "s3://a/b", "a/b@x@y", "a/b\n",  "a\\b/c"};
    ft_hub_name name;
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        cr_expect(ft_hub_name_parse(good[i].text, &name), "%s is refused", good[i].text);
        cr_expect_str_eq(name.repository, good[i].repository);
        cr_expect_str_eq(name.revision, good[i].revision);
        cr_expect_eq(name.is_explicit, strstr(good[i].text, "://") != NULL);
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        cr_expect_not(ft_hub_name_parse(bad[i], &name), "%s is a name", bad[i]);
    char longest[120];
    memset(longest, 'a', sizeof longest);
    longest[1] = '/';
    longest[96] = '\0';
    cr_expect(ft_hub_name_parse(longest, &name), "96 letters are refused");
    longest[96] = 'a';
    longest[97] = '\0';
    cr_expect_not(ft_hub_name_parse(longest, &name), "97 letters are a name");
}

static const char *cache_now(void)
{
    static char text[256];
    ft_hub_settings settings;
    ft_error err = {""};
    cr_assert_eq(ft_hub_settings_read(&settings, &err), FT_OK, "%s", err.message);
    snprintf(text, sizeof text, "%s", settings.cache);
    ft_hub_settings_free(&settings);
    return text;
}

Test(hub, the_environment_says_where_the_cache_is)
{
    setenv("HOME", "/home/me", 1);
    cr_expect_str_eq(cache_now(), "/home/me/.cache/huggingface/hub");
    setenv("XDG_CACHE_HOME", "/caches", 1);
    cr_expect_str_eq(cache_now(), "/caches/huggingface/hub");
    setenv("HF_HOME", "~/hf", 1);
    cr_expect_str_eq(cache_now(), "/home/me/hf/hub");
    setenv("HUGGINGFACE_HUB_CACHE", "/old", 1);
    cr_expect_str_eq(cache_now(), "/old");
    setenv("HF_HUB_CACHE", "/new", 1);
    cr_expect_str_eq(cache_now(), "/new");
}

static const char *token_now(void)
{
    static char text[64];
    ft_hub_settings settings;
    ft_error err = {""};
    cr_assert_eq(ft_hub_settings_read(&settings, &err), FT_OK, "%s", err.message);
    snprintf(text, sizeof text, "%s", settings.token ? settings.token : "none");
    ft_hub_settings_free(&settings);
    return text;
}

Test(hub, the_token_is_the_variables_then_the_files)
{
    setenv("HF_HOME", scratch, 1);
    cr_expect_str_eq(token_now(), "none");
    put("token", " of_file\n");
    cr_expect_str_eq(token_now(), "of_file");
    put("other", "of_other");
    setenv("HF_TOKEN_PATH", "other", 1);
    cr_expect_str_eq(token_now(), "of_other");
    setenv("HF_TOKEN", "of_variable\r\n", 1);
    cr_expect_str_eq(token_now(), "of_variable");
    setenv("HF_TOKEN", "a\nX-Other: header", 1);
    cr_expect_str_eq(token_now(), "none", "a line end goes into a header");
    setenv("HF_HUB_OFFLINE", "1", 1);
    setenv("HF_TOKEN", "of_variable", 1);
    cr_expect_str_eq(token_now(), "none", "offline nobody needs it");
}

Test(hub, the_endpoint_is_an_address_without_a_slash_at_its_end)
{
    ft_hub_settings settings;
    ft_error err = {""};
    setenv("HF_HOME", scratch, 1);
    cr_assert_eq(ft_hub_settings_read(&settings, &err), FT_OK);
    cr_expect_str_eq(settings.endpoint, "https://huggingface.co");
    cr_expect_not(settings.is_offline);
    ft_hub_settings_free(&settings);
    setenv("HF_ENDPOINT", "https://mirror.example/hf//", 1);
    setenv("HF_HUB_OFFLINE", "Yes", 1);
    cr_assert_eq(ft_hub_settings_read(&settings, &err), FT_OK);
    cr_expect_str_eq(settings.endpoint, "https://mirror.example/hf");
    cr_expect(settings.is_offline);
    ft_hub_settings_free(&settings);
    setenv("HF_ENDPOINT", "mirror.example", 1);
    cr_expect_eq(ft_hub_settings_read(&settings, &err), FT_BAD_INPUT);
    cr_expect(strstr(err.message, "HF_ENDPOINT"));
    ft_hub_settings_free(&settings);
}

/* sha256sum and git hash-object say so. */
Test(hub, hashes_are_sha256_and_gits_sha1)
{
    static const char sha256[] = "f0e4c2f76c58916ec258f246851bea091d14d4247a2fc3e18694461b1816e13b",
                      sha1[] = "f2ba8f84ab5c1bce84a7b441cb1959cfc7093b7f",
                      of_nothing[] = "e69de29bb2d1d6434b8b29ae775ad8c2e48c5391";
    char hash[FT_HUB_HASH_CHARS];
    ft_error err = {""};
    put("abc", "abc");
    int descriptor = open("abc", O_RDONLY);
    cr_assert_eq(ft_hub_hash(descriptor, "abc", 3, sha1, hash, &err), FT_OK, "%s", err.message);
    cr_expect_str_eq(hash, sha1);
    put("abc", "asdf");
    close(descriptor);
    descriptor = open("abc", O_RDONLY);
    cr_assert_eq(ft_hub_hash(descriptor, "abc", 4, sha256, hash, &err), FT_OK, "%s", err.message);
    cr_expect_str_eq(hash, sha256);
    put("abc", "");
    close(descriptor);
    descriptor = open("abc", O_RDONLY);
    cr_assert_eq(ft_hub_hash(descriptor, "abc", 0, of_nothing, hash, &err), FT_OK, "%s", err.message);
    cr_expect_str_eq(hash, of_nothing);
    close(descriptor);
    cr_expect(ft_hub_is_hash(sha256) && ft_hub_is_hash(sha1));
    cr_expect_not(ft_hub_is_hash("../../x") || ft_hub_is_hash("") || ft_hub_is_hash("abc"));
}

static const char commit[] = "0123456789abcdef0123456789abcdef01234567";
#define MODEL "cache/models--org--name/"
#define SNAPSHOT MODEL "snapshots/0123456789abcdef0123456789abcdef01234567/"

static bool finds(const char *text)
{
    ft_hub_name name;
    char *snapshot = NULL;
    ft_error err = {""};
    cr_assert(ft_hub_name_parse(text, &name));
    cr_assert_eq(ft_hub_cache_find("cache", &name, &snapshot, &err), FT_OK, "%s", err.message);
    const bool is_found = snapshot != NULL;
    if (is_found) cr_expect_eq(strncmp(snapshot, SNAPSHOT, strlen(snapshot)), 0, "%s", snapshot);
    free(snapshot);
    return is_found;
}

Test(hub, a_snapshot_is_found_by_branch_and_by_commit_once_it_is_whole)
{
    char by_commit[80];
    snprintf(by_commit, sizeof by_commit, "org/name@%s", commit);
    cr_expect_not(finds("org/name"));
    put(MODEL "refs/main", commit);
    cr_expect_not(finds("org/name"));
    put(SNAPSHOT "config.json", "{}");
    cr_expect_not(finds("org/name"), "a config alone is no model");
    put(SNAPSHOT "model.safetensors", "x");
    cr_expect(finds("org/name"));
    cr_expect(finds(by_commit));
    cr_expect_not(finds("org/name@v1"));
    put(MODEL "refs/a/b", commit);
    cr_expect(finds("org/name@a/b"));
    unlink(SNAPSHOT "model.safetensors");
    cr_assert_eq(symlink("../../blobs/none", SNAPSHOT "model.safetensors"), 0);
    cr_expect_not(finds("org/name"), "a link to nothing is no file");
    put(MODEL "refs/main", "../../../etc");
    cr_expect_not(finds("org/name"), "a ref leads out of the cache");
}

Test(hub, shards_are_whole_when_all_are_there)
{
    char **names = NULL;
    size_t count = 0;
    ft_error err = {""};
    put(SNAPSHOT "config.json", "{}");
    put(SNAPSHOT "model.safetensors.index.json",
        "{\"weight_map\": {\"a\": \"1.safetensors\", \"b\": \"2.safetensors\", "
        "\"c\": \"1.safetensors\"}}");
    put(SNAPSHOT "1.safetensors", "x");
    cr_expect_not(ft_hub_cache_is_whole(SNAPSHOT));
    put(SNAPSHOT "2.safetensors", "x");
    cr_expect(ft_hub_cache_is_whole(SNAPSHOT));
    cr_assert_eq(ft_hub_cache_shards(SNAPSHOT "model.safetensors.index.json", &names, &count, &err), FT_OK);
    cr_assert_eq(count, 2);
    cr_expect_str_eq(names[0], "1.safetensors");
    cr_expect_str_eq(names[1], "2.safetensors");
    ft_hub_free_names(names, count);
    static const char *const bad[] = {"{}",
                                      "[]",
                                      "{\"weight_map\": {}}",
                                      "{\"weight_map\": {\"a\": 1}}",
                                      "{\"weight_map\": {\"a\": \"../x\"}}",
                                      "{\"weight_map\": {\"a\": \"/x\"}}",
                                      "{\"weight_map\": {\"a\": \".x\"}}"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        put("index.json", bad[i]);
        cr_expect_eq(ft_hub_cache_shards("index.json", &names, &count, &err), FT_BAD_INPUT, "%s", bad[i]);
        cr_expect(strstr(err.message, "index.json"), "%s", err.message);
        cr_expect(!names && count == 0);
    }
}

Test(hub, links_and_notes_are_pythons)
{
    char target[256] = "", *text = NULL;
    size_t size = 0;
    ft_error err = {""};
    ft_hub_name name;
    struct stat info;
    cr_assert(ft_hub_name_parse("org/name@a/b", &name));
    put(MODEL "blobs/abc", "x");
    for (int i = 0; i < 2; i++)
        cr_assert_eq(ft_hub_cache_link("cache", "org/name", commit, "config.json", "abc", &err), FT_OK, "%s",
                     err.message);
    cr_assert_gt(readlink(SNAPSHOT "config.json", target, sizeof target - 1), 0);
    cr_expect_str_eq(target, "../../blobs/abc");
    /* A link to nowhere makes way. */
    unlink(SNAPSHOT "config.json");
    cr_assert_eq(symlink("../../blobs/none", SNAPSHOT "config.json"), 0);
    cr_assert_eq(ft_hub_cache_link("cache", "org/name", commit, "config.json", "abc", &err), FT_OK, "%s",
                 err.message);
    cr_expect_eq(stat(SNAPSHOT "config.json", &info), 0);

    cr_assert_eq(ft_hub_cache_set_revision("cache", &name, commit, &err), FT_OK, "%s", err.message);
    cr_assert_eq(ft_read_file(MODEL "refs/a/b", 100, &text, &size, &err), FT_OK, "%s", err.message);
    cr_expect_str_eq(text, commit);
    free(text);
    cr_assert_eq(ft_hub_cache_note_absent("cache", "org/name", commit, "x.json", &err), FT_OK, "%s",
                 err.message);
    cr_assert_eq(ft_read_file(MODEL ".no_exist/0123456789abcdef0123456789abcdef01234567/x.json", 100, &text,
                              &size, &err),
                 FT_OK, "%s", err.message);
    cr_expect_eq(size, 0);
    free(text);
    char *lock = ft_hub_cache_lock_path("/cache", "org/name", "abc");
    cr_expect_str_eq(lock, "/cache/.locks/models--org--name/abc.lock");
    free(lock);
}

Test(hub, the_list_has_every_snapshot)
{
    ft_hub_cached *list = NULL;
    int64_t count = 0;
    char *cache = NULL;
    ft_error err = {""};
    setenv("HF_HUB_CACHE", "cache", 1);
    cr_assert_eq(ft_hub_list(&list, &count, &cache, &err), FT_OK, "%s", err.message);
    cr_expect_eq(count, 0);
    free(cache);
    put(MODEL "refs/main", commit);
    put(MODEL "refs/a/b", commit);
    put(SNAPSHOT "config.json", "{}");
    put(SNAPSHOT "model.safetensors", "12345");
    put("cache/models--gpt2/snapshots/0000/pytorch_model.bin", "123");
    put("cache/datasets--org--name/snapshots/0000/x", "123");
    put("cache/version.txt", "1");
    cr_assert_eq(ft_hub_list(&list, &count, &cache, &err), FT_OK, "%s", err.message);
    cr_assert_eq(count, 2);
    cr_expect_str_eq(list[0].model, "gpt2");
    cr_expect_str_eq(list[0].revisions, "");
    cr_expect_not(list[0].is_whole);
    cr_expect_str_eq(list[1].model, "org/name");
    cr_expect_str_eq(list[1].revisions, "a/b, main");
    cr_expect_str_eq(list[1].commit, commit);
    cr_expect_eq(list[1].bytes, 7);
    cr_expect(list[1].is_whole);
    ft_hub_free_list(list, count);
    free(cache);
}

Test(hub, what_is_no_name_or_is_there_stays_as_it_is)
{
    static const char *const names[] = {"here/model", "nowhere", "/a/b",
                                        "a/b/c",      "./a/b",   "https://example.org/a/b"};
    char *directory = NULL;
    ft_error err = {""};
    setenv("HF_HUB_CACHE", "cache", 1);
    setenv("HF_HUB_OFFLINE", "1", 1);
    put("here/model/config.json", "{}");
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        cr_assert_eq(ft_hub_resolve(names[i], NULL, &directory, &err), FT_OK, "%s", err.message);
        cr_expect_str_eq(directory, names[i]);
        free(directory);
    }
    cr_expect_eq(ft_hub_resolve("here/other", NULL, &directory, &err), FT_BAD_INPUT);
    cr_expect(strstr(err.message, "hf://here/other"), "%s", err.message);
    cr_expect_eq(ft_hub_resolve("org/name", NULL, &directory, &err), FT_BAD_INPUT);
    cr_expect(strstr(err.message, "HF_HUB_OFFLINE"), "%s", err.message);
    put(MODEL "refs/main", commit);
    put(SNAPSHOT "config.json", "{}");
    put(SNAPSHOT "model.safetensors", "12345");
    cr_assert_eq(ft_hub_resolve("org/name", NULL, &directory, &err), FT_OK, "%s", err.message);
    cr_expect_eq(strncmp(directory, SNAPSHOT, strlen(directory)), 0, "%s", directory);
    free(directory);
}

Test(hub, a_token_may_go_to_the_same_scheme_host_and_port_alone)
{
    cr_expect(ft_http_is_same_origin("https://a.b/c", "https://A.B/d?e"));
    cr_expect(ft_http_is_same_origin("http://a:1", "http://a:1/"));
    cr_expect_not(ft_http_is_same_origin("https://a.b/c", "http://a.b/c"));
    cr_expect_not(ft_http_is_same_origin("https://a.b/c", "https://a.b:8443/c"));
    cr_expect_not(ft_http_is_same_origin("https://a.b/c", "https://a.b.evil/c"));
    cr_expect_not(ft_http_is_same_origin("https://a.b/c", "https://a.b@evil/c"));
    cr_expect_not(ft_http_is_same_origin("a.b", "a.b"));
}
