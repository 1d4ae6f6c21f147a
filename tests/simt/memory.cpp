/* Device memory: host memory between red zones, and NaN until it is written. */
#include <cstdlib>
#include <cstring>
#include <map>

#include "tests/simt/machine.h"
#include "tests/simt/sanitizer.h"

namespace
{

enum : size_t { ZONE = 256 };
enum { RED = 0xa5, FRESH = 0xff };
struct block {
    size_t bytes;
    int device; /* -1: pinned host memory */
};
std::map<unsigned char *, block> blocks; /* by the address that the program has */
std::map<int, size_t> used;

size_t rounded(size_t bytes)
{
    return (bytes + ZONE - 1) / ZONE * ZONE;
}

/* The red zone after a block begins with its last byte, not at the next multiple. */
bool zone_is_red(const unsigned char *at, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++)
        if (at[i] != RED) return false;
    return true;
}

bool zones_are_red(unsigned char *at, const block &one)
{
    size_t after = rounded(one.bytes) - one.bytes + ZONE;
    sanitizer_unpoison(at - ZONE, ZONE);
    sanitizer_unpoison(at + one.bytes, after);
    bool red = zone_is_red(at - ZONE, ZONE) && zone_is_red(at + one.bytes, after);
    sanitizer_poison(at - ZONE, ZONE);
    sanitizer_poison(at + one.bytes, after);
    return red;
}

} // namespace

void *simt::allocate(int device, size_t bytes, bool pinned)
{
    if (!pinned && (bytes > device_memory() || rounded(bytes) > free_bytes(device))) return nullptr;
    size_t whole = rounded(bytes) + 2 * ZONE;
    auto *base = static_cast<unsigned char *>(aligned_alloc(ZONE, whole));
    if (!base) return nullptr;
    memset(base, RED, whole);
    unsigned char *at = base + ZONE;
    memset(at, FRESH, bytes);
    sanitizer_poison(base, ZONE);
    sanitizer_poison(at + bytes, whole - ZONE - bytes);
    blocks[at] = {bytes, pinned ? -1 : device};
    if (!pinned) {
        used[device] += rounded(bytes);
        counts().allocations++;
        counts().allocated_bytes += rounded(bytes);
        if (counts().allocated_bytes > counts().most_bytes) counts().most_bytes = counts().allocated_bytes;
    }
    return at;
}

bool simt::release(void *given)
{
    auto found = blocks.find(static_cast<unsigned char *>(given));
    if (found == blocks.end()) return false;
    block one = found->second;
    unsigned char *base = found->first - ZONE;
    if (!zones_are_red(found->first, one))
        fault("a write outside a block of %zu bytes of device memory", one.bytes);
    blocks.erase(found);
    if (one.device >= 0) {
        used[one.device] -= rounded(one.bytes);
        counts().allocated_bytes -= rounded(one.bytes);
    }
    sanitizer_unpoison(base, rounded(one.bytes) + 2 * ZONE);
    free(base);
    return true;
}

size_t simt::free_bytes(int device)
{
    return device_memory() - used[device];
}

bool simt::is_pinned(const void *at)
{
    auto *address = static_cast<unsigned char *>(const_cast<void *>(at));
    auto next = blocks.upper_bound(address);
    if (next == blocks.begin()) return false;
    --next;
    return next->second.device < 0 && address < next->first + next->second.bytes;
}

void simt::release_everything()
{
    while (!blocks.empty()) release(blocks.begin()->first);
}

void simt::check_red_zones(const char *after)
{
    for (const auto &[at, one] : blocks)
        if (!zones_are_red(at, one)) {
            fault("%s: wrote device memory outside a block of %zu bytes", after, one.bytes);
            return;
        }
}
