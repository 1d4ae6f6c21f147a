/* The simulator's devices and ranks: each fault planted here must be seen, and the same
 * program without the fault must pass, in every order. */
#include "planted.h"

#include <criterion/criterion.h>

#include "nccl.h"

/* What a test leaves allocated is given back. */
static void give_back(void)
{
    simt_reset(1, 1 << 20);
}
TestSuite(simt_devices, .fini = give_back);

Test(simt_devices, a_stream_belongs_to_its_device)
{
    simt_reset(2, 1 << 24);
    two_streams s = make_streams();
    cr_expect_eq(cudaSetDevice(1), cudaSuccess);
    cr_expect_eq(cudaStreamSynchronize(s.stream[0]), cudaErrorInvalidResourceHandle);
    FT_LAUNCH(fill_kernel, dim3(1), dim3(1), 0, s.stream[0], s.a, 1.0f);
    cr_expect_eq(cudaGetLastError(), cudaErrorInvalidResourceHandle);
    cr_expect_eq(cudaSetDevice(2), cudaErrorInvalidDevice);
}

Test(simt_devices, each_device_has_its_own_memory)
{
    simt_reset(2, 1 << 20);
    void *first, *second;
    cr_expect_eq(cudaMalloc(&first, 1 << 19), cudaSuccess);
    cr_expect_eq(cudaMalloc(&second, 1 << 20), cudaErrorMemoryAllocation);
    cudaSetDevice(1);
    cr_expect_eq(cudaMalloc(&second, 1 << 20), cudaSuccess);
}

/* -- limits -- */

/* A block has STATIC_BYTES of static memory beside the dynamic memory it is launched
 * with. */
enum { STATIC_BYTES = N * sizeof(float) };
static void uses_both(float *out)
{
    FT_SHARED(float, fixed, [N]);
    FT_SHARED_DYNAMIC(memory);
    fixed[threadIdx.x] = memory[threadIdx.x] = 1;
    out[threadIdx.x] = fixed[threadIdx.x] + memory[threadIdx.x];
}

/* OPTS: bytes of dynamic memory that are asked for before, 0: none. */
template <size_t DYNAMIC, int OPTS, int CAPABILITY> static std::vector<float> in_shared_memory(void)
{
    simt_set_capability(0, CAPABILITY);
    two_streams s = make_streams();
    if (OPTS)
        cr_expect_eq(cudaFuncSetAttribute(uses_both, cudaFuncAttributeMaxDynamicSharedMemorySize, OPTS),
                     cudaSuccess);
    FT_LAUNCH(uses_both, dim3(1), dim3(N), DYNAMIC, s.stream[0], s.a);
    return fetched(s);
}

Test(simt_devices, static_and_dynamic_shared_memory_share_a_limit)
{
    enum { KIB = 1024, PLAIN = 48 * KIB, MOST = 99 * KIB };
    const std::vector<float> twos(N, 2.0f);
    cr_expect(is_right(in_shared_memory<PLAIN - STATIC_BYTES, 0, 80>, twos));
    cr_expect(
        is_reported(in_shared_memory<PLAIN - STATIC_BYTES + 4, 0, 80>, "of static shared memory beside"));
    cr_expect(is_right(in_shared_memory<PLAIN, MOST - STATIC_BYTES, 86>, twos));
    cr_expect(
        is_reported(in_shared_memory<PLAIN, MOST - STATIC_BYTES + 4, 86>, "of static shared memory beside"));
    cr_expect(is_right(in_shared_memory<PLAIN, MOST - STATIC_BYTES + 4, 90>, twos));
}

Test(simt_devices, shared_memory_depends_on_the_compute_capability)
{
    const struct {
        int capability, most;
    } devices[] = {{80, 163 * 1024}, {86, 99 * 1024}, {89, 99 * 1024}, {90, 227 * 1024}, {100, 227 * 1024}};
    for (const auto &one : devices) {
        int most = 0;
        cudaDeviceProp properties;
        simt_reset(2, 1 << 20);
        simt_set_capability(1, one.capability);
        cudaSetDevice(1);
        cr_expect_eq(cudaDeviceGetAttribute(&most, cudaDevAttrMaxSharedMemoryPerBlockOptin, 1), cudaSuccess);
        cr_expect_eq(most, one.most);
        cr_expect_eq(cudaGetDeviceProperties(&properties, 1), cudaSuccess);
        cr_expect_eq(properties.sharedMemPerBlockOptin, (size_t)one.most);
        cr_expect_eq(properties.major * 10 + properties.minor, one.capability);
        auto opt_in = [](int bytes) {
            return cudaFuncSetAttribute(uses_both, cudaFuncAttributeMaxDynamicSharedMemorySize, bytes);
        };
        cr_expect_eq(opt_in(most), cudaSuccess);
        cr_expect_eq(opt_in(most + 1), cudaErrorInvalidValue);
        cudaSetDevice(0); /* the first is as simt_reset made it, and was not asked */
        cr_expect_eq(opt_in(163 * 1024), cudaSuccess);
        cr_expect_eq(opt_in(163 * 1024 + 1), cudaErrorInvalidValue);
    }
}

static void writes_its_block(float *out)
{
    out[blockIdx.x] = (float)blockIdx.x;
}

static std::vector<float> last_blocks(void)
{
    two_streams s = make_streams();
    simt_run_last_blocks(2);
    FT_LAUNCH(fill_kernel, dim3(1), dim3(N), 0, s.stream[0], s.a, -1.0f);
    FT_LAUNCH(writes_its_block, dim3(N), dim3(1), 0, s.stream[0], s.a);
    return fetched(s);
}

Test(simt_devices, of_a_large_grid_the_last_blocks_can_be_run_alone)
{
    std::vector<float> wanted(N, -1.0f);
    wanted[N - 2] = N - 2;
    wanted[N - 1] = N - 1;
    cr_expect(is_right(last_blocks, wanted));
}

/* -- memory -- */

/* Work of device 0 on its own memory or, planted, on that of device 1. */
template <bool OTHERS, bool COPY> static std::vector<float> on_memory(void)
{
    two_streams own = make_streams();
    cudaSetDevice(1);
    two_streams other = make_streams();
    cudaSetDevice(0);
    float *to = OTHERS ? other.b : own.b;
    FT_LAUNCH(fill_kernel, dim3(1), dim3(N), 0, own.stream[0], own.a, 4.0f);
    if (COPY)
        cudaMemcpyAsync(to, own.a, N * sizeof(float), cudaMemcpyDeviceToDevice, own.stream[0]);
    else
        FT_LAUNCH(fill_kernel, dim3(1), dim3(N), 0, own.stream[0], to, 4.0f);
    return fetched(own);
}

Test(simt_devices, touching_another_devices_memory_shows)
{
    cr_expect(is_right(on_memory<false, false>, std::vector<float>(N, 4.0f)));
    cr_expect(is_right(on_memory<false, true>, std::vector<float>(N, 4.0f)));
    cr_expect(is_reported(on_memory<true, false>, "fill_kernel, on device 0, touches memory of device 1"));
    cr_expect(is_reported(on_memory<true, true>, "a copy, on device 0, touches memory of device 1"));
}

/* -- NCCL: two devices of one program -- */

enum grouping { GROUPED, UNGROUPED, ONE_MISSING, DIFFERENT_COUNTS, ABORTED };

/* Adds up 1s and 2s; the sum as device 1 has it. */
template <grouping HOW> static std::vector<float> summed(void)
{
    ncclUniqueId id;
    ncclComm_t communicators[2];
    two_streams s[2];
    ncclGetUniqueId(&id);
    ncclGroupStart();
    for (int rank = 0; rank < 2; rank++) {
        cudaSetDevice(rank);
        s[rank] = make_streams();
        ncclCommInitRank(&communicators[rank], 2, id, rank);
        FT_LAUNCH(fill_kernel, dim3(1), dim3(N), 0, s[rank].stream[0], s[rank].a, 1.0f + (float)rank);
    }
    ncclGroupEnd();
    if (HOW != UNGROUPED) ncclGroupStart();
    for (int rank = 0; rank < (HOW == ONE_MISSING || HOW == ABORTED ? 1 : 2); rank++) {
        size_t count = HOW == DIFFERENT_COUNTS && rank == 1 ? N - 1 : N;
        ncclAllReduce(s[rank].a, s[rank].a, count, ncclFloat32, ncclSum, communicators[rank],
                      s[rank].stream[0]);
    }
    if (HOW != UNGROUPED) ncclGroupEnd();
    ncclResult_t error;
    if (HOW == ABORTED) {
        ncclCommAbort(communicators[0]);
        cr_expect_eq(ncclCommGetAsyncError(communicators[1], &error), ncclSuccess);
        cr_expect_eq(error, ncclRemoteError);
    }
    if (HOW == ONE_MISSING || HOW == ABORTED) {
        cudaSetDevice(0);
        return fetched(s[0]);
    }
    return fetched(s[1]);
}

Test(simt_devices, collectives_of_all_ranks_are_done_and_others_hang)
{
    cr_expect(is_right(summed<GROUPED>, std::vector<float>(N, 3.0f)));
    cr_expect(is_reported(summed<UNGROUPED>, "ncclAllReduce of rank 0 outside of a group"));
    cr_expect(is_reported(summed<ONE_MISSING>, "rank 0 waits in ncclAllReduce, its call number 1, for ever"));
    cr_expect(is_reported(summed<DIFFERENT_COUNTS>, "rank 0 is in ncclAllReduce of 64 elements, rank 1"));
    cr_expect(is_right(summed<ABORTED>, std::vector<float>(N, 1.0f)));
}

static void join_alone(int rank, void *id)
{
    ncclComm_t communicator;
    cudaSetDevice(rank);
    if (rank == 1) ncclCommInitRank(&communicator, 3, *static_cast<ncclUniqueId *>(id), rank);
}

Test(simt_devices, a_communicator_waits_for_all_its_ranks)
{
    ncclUniqueId id;
    simt_reset(3, 1 << 20);
    ncclGetUniqueId(&id);
    simt_run_ranks(3, join_alone, &id);
    cr_assert_not_null(simt_fault());
    cr_expect(strstr(simt_fault(), "ncclCommInitRank for ever: rank 0 and rank 2 is missing"), "%s",
              simt_fault());
}
