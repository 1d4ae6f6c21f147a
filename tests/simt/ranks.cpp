/* Host programs side by side, as processes with a GPU each would be: one fiber a program.
 * A program keeps its turn until it waits for another; when all wait for one another,
 * that is a hang. */
#include <sys/mman.h>

#include <boost/context/detail/fcontext.hpp>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <vector>

#include "tests/simt/machine.h"
#include "tests/simt/sanitizer.h"

namespace context = boost::context::detail;

namespace
{

enum : size_t { STACK_BYTES = (size_t)8 << 20 };

struct program {
    simt::host_state host;
    int rank = 0;
    bool ended = false, waits = false;
    uint64_t waits_since = 0; /* the progress made when it began to wait */
    context::fcontext_t at = nullptr;
    char *stack = nullptr;
    void *fake_stack = nullptr;
};

program alone; /* the test itself */
program *running = &alone;
std::vector<std::unique_ptr<program>> programs;
uint64_t progress;
void (*body)(int rank, void *context);
void *body_context;
context::fcontext_t scheduler;
sanitizer_stack scheduler_stack;

void give_way()
{
    program *self = running;
    sanitizer_leave(&self->fake_stack, scheduler_stack.bottom, scheduler_stack.bytes);
    context::transfer_t back = context::jump_fcontext(scheduler, nullptr);
    scheduler = back.fctx;
    sanitizer_enter(self->fake_stack, &scheduler_stack);
}

void program_main(context::transfer_t from)
{
    scheduler = from.fctx;
    sanitizer_enter(nullptr, &scheduler_stack);
    body(running->rank, body_context);
    running->ended = true;
    for (;;) give_way();
}

void resume(program *next)
{
    running = next;
    void *fake = nullptr;
    sanitizer_leave(&fake, next->stack, STACK_BYTES);
    next->at = context::jump_fcontext(next->at, nullptr).fctx;
    sanitizer_enter(fake, nullptr);
    running = &alone;
}

std::unique_ptr<program> make_program(int rank)
{
    auto made = std::make_unique<program>();
    void *memory = mmap(nullptr, STACK_BYTES, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED) {
        perror("a stack for a simulated process");
        abort();
    }
    made->rank = rank;
    made->stack = static_cast<char *>(memory);
    made->at = context::make_fcontext(made->stack + STACK_BYTES, STACK_BYTES, program_main);
    return made;
}

} // namespace

simt::host_state &simt::host()
{
    return running->host;
}

void simt::forget_host()
{
    alone.host = {};
}

void simt::made_progress()
{
    progress++;
}

bool simt::wait_for_others()
{
    running->waits = true;
    running->waits_since = progress;
    bool hangs = true;
    for (const auto &one : programs)
        hangs = hangs && (one->ended || (one->waits && one->waits_since == progress));
    if (!hangs) give_way();
    running->waits = false;
    return !hangs;
}

void simt::let_others_run()
{
    if (running != &alone) give_way();
}

void simt_run_ranks(int n, void (*rank_body)(int rank, void *context), void *rank_context)
{
    body = rank_body;
    body_context = rank_context;
    for (int rank = 0; rank < n; rank++) programs.push_back(make_program(rank));
    for (int left = n; left > 0;) {
        left = 0;
        for (int turn = 0; turn < n; turn++) {
            int rank = simt::order() == SIMT_FORWARD   ? turn
                       : simt::order() == SIMT_REVERSE ? n - 1 - turn
                                                       : (int)(simt::random_number() % (uint64_t)n);
            if (!programs[(size_t)rank]->ended) resume(programs[(size_t)rank].get());
        }
        for (const auto &one : programs) left += !one->ended;
    }
    for (const auto &one : programs) {
        sanitizer_unpoison(one->stack, STACK_BYTES);
        munmap(one->stack, STACK_BYTES);
    }
    programs.clear();
}
