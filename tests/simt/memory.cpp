/* Device memory: host memory between red zones, and NaN until it is written. Where there
 * are several devices, the memory of those that do not run is closed to all. */
#include <signal.h>
#include <sys/mman.h>

#include <cstdlib>
#include <cstring>
#include <map>

#include "tests/simt/machine.h"
#include "tests/simt/sanitizer.h"

namespace
{

enum : size_t { ZONE = 256, PAGE = 4096 };
enum { RED = 0xa5, FRESH = 0xff };
struct block {
    size_t bytes;
    int device; /* -1: pinned host memory */
    /* bytes of whole pages from `at - ZONE`, where there are several devices; else 0 */
    size_t mapped;
};
std::map<unsigned char *, block> blocks; /* by the address that the program has */
std::map<int, size_t> used;
int open_device = simt::ALL_DEVICES;
const char *running = "";
struct sigaction plain_action;

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

bool is_open(const block &one)
{
    return one.device < 0 || open_device == simt::ALL_DEVICES || one.device == open_device;
}

void protect(unsigned char *at, const block &one, bool opened)
{
    if (one.mapped) mprotect(at - ZONE, one.mapped, opened ? PROT_READ | PROT_WRITE : PROT_NONE);
}

/* In the middle of a kernel or a copy, which goes on so that the fault can be told in
 * words. */
void on_closed_memory(int signal, siginfo_t *info, void *)
{
    auto *address = static_cast<unsigned char *>(info->si_addr);
    for (const auto &[at, one] : blocks)
        if (one.mapped && address >= at - ZONE && address < at - ZONE + one.mapped && !is_open(one)) {
            simt::fault("%s, on device %d, touches memory of device %d", running, open_device, one.device);
            protect(at, one, true);
            return;
        }
    /* happens again, and is dealt with as ever */
    sigaction(signal, &plain_action, nullptr);
}

/* Whole pages, which can be closed. */
unsigned char *map_pages(size_t bytes)
{
    struct sigaction action = {};
    action.sa_sigaction = on_closed_memory;
    action.sa_flags = SA_SIGINFO;
    static bool listens = sigaction(SIGSEGV, &action, &plain_action) == 0;
    void *memory = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return listens && memory != MAP_FAILED ? static_cast<unsigned char *>(memory) : nullptr;
}

} // namespace

void simt::open_memory(int device, const char *what)
{
    running = what;
    if (n_devices() < 2 || device == open_device) return;
    int before = open_device;
    open_device = device;
    for (const auto &[at, one] : blocks) {
        bool was_open = one.device < 0 || before == ALL_DEVICES || one.device == before;
        if (is_open(one) != was_open) protect(at, one, is_open(one));
    }
}

void *simt::allocate(int device, size_t bytes, bool pinned)
{
    if (!pinned && (bytes > device_memory() || rounded(bytes) > free_bytes(device))) return nullptr;
    size_t whole = rounded(bytes) + 2 * ZONE;
    bool closable = n_devices() > 1 && !pinned;
    if (closable) whole = (whole + PAGE - 1) / PAGE * PAGE;
    auto *base = closable ? map_pages(whole) : static_cast<unsigned char *>(aligned_alloc(ZONE, whole));
    if (!base) return nullptr;
    memset(base, RED, whole);
    unsigned char *at = base + ZONE;
    memset(at, FRESH, bytes);
    sanitizer_poison(base, ZONE);
    sanitizer_poison(at + bytes, whole - ZONE - bytes);
    blocks[at] = {bytes, pinned ? -1 : device, closable ? whole : 0};
    if (!is_open(blocks[at])) protect(at, blocks[at], false);
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
    protect(found->first, one, true);
    if (!zones_are_red(found->first, one))
        fault("a write outside a block of %zu bytes of device memory", one.bytes);
    blocks.erase(found);
    if (one.device >= 0) {
        used[one.device] -= rounded(one.bytes);
        counts().allocated_bytes -= rounded(one.bytes);
    }
    sanitizer_unpoison(base, one.mapped ? one.mapped : rounded(one.bytes) + 2 * ZONE);
    if (one.mapped)
        munmap(base, one.mapped);
    else
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
    open_device = ALL_DEVICES;
}

void simt::check_red_zones(const char *after)
{
    for (const auto &[at, one] : blocks)
        if (is_open(one) && !zones_are_red(at, one)) {
            fault("%s: wrote device memory outside a block of %zu bytes", after, one.bytes);
            return;
        }
}
