/* The pieces of an arena: apart, and under AddressSanitizer with memory between them that
 * nobody may touch. */
#include <criterion/criterion.h>
#include <stdint.h>
#include <stdlib.h>

#include "golden.h"
#include "model/arena.h"

#ifdef __SANITIZE_ADDRESS__
static bool is_poisoned(const void *at)
{
    return __asan_address_is_poisoned(at);
}
enum { GUARDED = true };
#else
static bool is_poisoned(const void *at)
{
    (void)at;
    return false;
}
enum { GUARDED = false };
#endif

Test(arena, between_pieces_lies_memory_that_nobody_may_touch)
{
    static const size_t sizes[] = {1, 64, 100, 0, 128};
    ft_arena measured = {.on_host = true};
    for (int i = 0; i < 5; i++) cr_expect_null(ft_arena_cut(&measured, sizes[i]));
    ft_arena arena = {.base = aligned_alloc(64, measured.used), .on_host = true};
    for (int i = 0; i < 5; i++) {
        char *piece = ft_arena_cut(&arena, sizes[i]);
        cr_expect_eq((uintptr_t)piece % 64, 0);
        for (size_t k = 0; k < sizes[i]; k++) cr_expect(!is_poisoned(piece + k));
        if (arena.base + arena.used > piece + sizes[i])
            cr_expect_eq(is_poisoned(piece + sizes[i]), GUARDED, "behind piece %d", i);
    }
    cr_expect_eq(arena.used, measured.used);
    free(arena.base);
}

Test(arena, memory_of_a_device_is_left_alone)
{
    ft_arena arena = {.base = aligned_alloc(64, 1024)};
    ft_arena_cut(&arena, 1);
    for (int i = 0; i < 1024; i++) cr_expect(!is_poisoned(arena.base + i));
    free(arena.base);
}

/* A block ends where it was asked to, though more was allocated. */
Test(arena, behind_a_block_of_a_backend_too)
{
    static const size_t sizes[] = {1, 63, 64, 100, (5 << 20) + 8};
    for (int b = 0; b < GOLDEN_BACKENDS; b++) {
        ft_error err;
        ft_backend *backend;
        cr_assert_eq(golden_backends[b].create(&backend, &err), FT_OK, "%s", err.message);
        for (size_t i = 0; i < sizeof sizes / sizeof *sizes && backend->host_memory; i++) {
            char *block = backend->allocate(backend, sizes[i], &err);
            cr_assert_not_null(block);
            cr_expect(!is_poisoned(block + sizes[i] - 1));
            if (GUARDED) cr_expect(is_poisoned(block + sizes[i]), "%s: %zu", backend->name, sizes[i]);
            backend->release(backend, block);
        }
        backend->free(backend);
    }
}
