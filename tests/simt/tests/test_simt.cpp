/* The simulator itself: each fault planted here must be seen, and the same program without the fault must
 * pass, in every order. Threads, shared memory, streams; test_simt_devices.cpp has several devices. */
#include "planted.h"

#include <criterion/criterion.h>

#include "kernels/cuda/device.h"
#include "kernels/cuda/kernel.h"
#include "tests/simt/simt.h"

/* What a test leaves allocated is given back. */
static void give_back(void)
{
    simt_reset(1, 1 << 20);
}
TestSuite(simt, .fini = give_back);

/* Runs a kernel of one float array of N elements per block, made of NaN, and fetches it. */
static std::vector<float> launched(void (*kernel)(float *), size_t shared_bytes = 0)
{
    void *memory;
    cudaStream_t stream;
    std::vector<float> result(N * BLOCKS);
    cudaMalloc(&memory, result.size() * sizeof(float));
    cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking);
    FT_LAUNCH(kernel, dim3(BLOCKS), dim3(N), shared_bytes, stream, static_cast<float *>(memory));
    cudaMemcpyAsync(result.data(), memory, result.size() * sizeof(float), cudaMemcpyDeviceToHost, stream);
    cudaStreamSynchronize(stream);
    cudaFree(memory);
    return result;
}

static std::vector<float> values_of(float (*value)(int thread, int block))
{
    std::vector<float> values;
    for (int block = 0; block < BLOCKS; block++)
        for (int thread = 0; thread < N; thread++) values.push_back(value(thread, block));
    return values;
}

/* -- barriers and shared memory -- */

template <bool BARRIER> static void reversing(float *out)
{
    FT_SHARED(float, values, [N]);
    values[threadIdx.x] = (float)(threadIdx.x + blockIdx.x);
    if (BARRIER) __syncthreads();
    out[blockIdx.x * N + threadIdx.x] = values[N - 1 - threadIdx.x];
}

Test(simt, a_missing_syncthreads_shows)
{
    auto wanted = values_of([](int thread, int block) { return (float)(N - 1 - thread + block); });
    cr_expect(is_right([] { return launched(reversing<true>); }, wanted));
    cr_expect_not(is_right([] { return launched(reversing<false>); }, wanted));
}

/* A loop whose second barrier keeps the fast from overwriting what the slow have not read. */
template <bool SECOND> static void rounds(float *out)
{
    FT_SHARED(float, values, [N]);
    float sum = 0;
    for (int round = 0; round < 3; round++) {
        values[threadIdx.x] = (float)(threadIdx.x * (round + 1));
        __syncthreads();
        sum += values[(threadIdx.x + 1) % N];
        if (SECOND) __syncthreads();
    }
    out[blockIdx.x * N + threadIdx.x] = sum;
}

Test(simt, a_missing_barrier_at_the_end_of_a_loop_shows)
{
    auto wanted = values_of([](int thread, int) { return (float)((thread + 1) % N * 6); });
    cr_expect(is_right([] { return launched(rounds<true>); }, wanted));
    cr_expect_not(is_right([] { return launched(rounds<false>); }, wanted));
}

template <bool RACE> static void last_writer(float *out)
{
    FT_SHARED(float, value, [1]);
    if (RACE || threadIdx.x == 0) value[0] = (float)threadIdx.x;
    __syncthreads();
    out[blockIdx.x * N + threadIdx.x] = value[0];
}

Test(simt, a_race_in_shared_memory_shows)
{
    auto zeros = values_of([](int, int) { return 0.0f; });
    cr_expect(is_right([] { return launched(last_writer<false>); }, zeros));
    cr_expect_not(equals(in_order([] { return launched(last_writer<true>); }, SIMT_FORWARD),
                         in_order([] { return launched(last_writer<true>); }, SIMT_REVERSE)));
}

template <int BEYOND> static void shared_writer(float *out)
{
    FT_SHARED(float, before, [N]);
    FT_SHARED(float, after, [N]);
    after[threadIdx.x] = before[threadIdx.x] = 1;
    volatile int index = N - 1 + BEYOND;
    before[index] = 1;
    out[blockIdx.x * N + threadIdx.x] = after[threadIdx.x];
}

Test(simt, a_write_beyond_a_shared_array_is_reported)
{
    auto ones = values_of([](int, int) { return 1.0f; });
    cr_expect(is_right([] { return launched(shared_writer<0>); }, ones));
    cr_expect(is_reported([] { return launched(shared_writer<1>); }, "shared memory outside"));
}

template <bool BEYOND> static void dynamic_writer(float *out)
{
    FT_SHARED_DYNAMIC(memory);
    memory[threadIdx.x + BEYOND] = 2;
    out[blockIdx.x * N + threadIdx.x] = memory[threadIdx.x + BEYOND];
}

Test(simt, a_write_beyond_dynamic_shared_memory_is_reported)
{
    auto twos = values_of([](int, int) { return 2.0f; });
    cr_expect(is_right([] { return launched(dynamic_writer<false>, N * sizeof(float)); }, twos));
    cr_expect(is_reported([] { return launched(dynamic_writer<true>, N * sizeof(float)); },
                          "shared memory outside"));
}

template <bool BEYOND> static void device_writer(float *out)
{
    out[blockIdx.x * N + threadIdx.x] = 3;
    if (BEYOND && threadIdx.x == 0) out[BLOCKS * N] = 3;
}

Test(simt, a_write_beyond_device_memory_is_reported)
{
    auto threes = values_of([](int, int) { return 3.0f; });
    cr_expect(is_right([] { return launched(device_writer<false>); }, threes));
    cr_expect(is_reported([] { return launched(device_writer<true>); }, "device memory outside"));
}

static void reads_fresh_memory(float *out)
{
    FT_SHARED(float, values, [N]);
    if (threadIdx.x != 5) values[threadIdx.x] = 1;
    __syncthreads();
    out[blockIdx.x * N + threadIdx.x] = values[threadIdx.x];
}

Test(simt, shared_memory_that_was_not_written_is_nan_in_every_block)
{
    for (simt_order order : orders) {
        auto result = in_order([] { return launched(reads_fresh_memory); }, order);
        for (int block = 0; block < BLOCKS; block++) cr_expect(std::isnan(result[block * N + 5]));
    }
}

static void writes_nothing(float *) {}

Test(simt, device_memory_that_was_not_written_is_nan)
{
    for (float value : in_order([] { return launched(writes_nothing); }, SIMT_FORWARD))
        cr_expect(std::isnan(value));
}

template <bool ALL> static void barrier_of_some(float *out)
{
    if (ALL || threadIdx.x < N / 2) __syncthreads();
    out[blockIdx.x * N + threadIdx.x] = 4;
}

Test(simt, a_barrier_not_reached_by_all_is_reported)
{
    cr_expect(
        is_right([] { return launched(barrier_of_some<true>); }, values_of([](int, int) { return 4.0f; })));
    cr_expect(is_reported([] { return launched(barrier_of_some<false>); }, "not all reach __syncthreads"));
}

/* -- warps -- */

/* Sums over the lanes of the mask: right if every lane that takes part is named. */
template <unsigned MASK> static void half_warps(float *out)
{
    float value = (float)(threadIdx.x % 32);
    if (threadIdx.x % 32 < 16) value = __shfl_sync(MASK, value, 15 - (int)threadIdx.x % 32);
    out[blockIdx.x * N + threadIdx.x] = value;
}

Test(simt, a_shuffle_outside_its_mask_is_reported)
{
    auto wanted =
        values_of([](int thread, int) { return (float)(thread % 32 < 16 ? 15 - thread % 32 : thread % 32); });
    cr_expect(is_right([] { return launched(half_warps<0xffffu>); }, wanted));
    cr_expect(is_reported([] { return launched(half_warps<0xfffcu>); }, "the mask"));
    cr_expect(is_reported([] { return launched(half_warps<0xffffffffu>); }, "__shfl_sync"));
}

static void takes_from_outside(float *out)
{
    if (threadIdx.x % 32 < 16) out[blockIdx.x * N + threadIdx.x] = __shfl_sync(0xffffu, 1.0f, 20);
}

Test(simt, a_shuffle_from_a_lane_outside_the_mask_is_reported)
{
    cr_expect(is_reported([] { return launched(takes_from_outside); }, "outside the mask"));
}

static void votes_and_sums(float *out)
{
    unsigned odd = __ballot_sync(FT_ALL_LANES, threadIdx.x & 1);
    float sum = ft_warp_sum((float)(threadIdx.x % 32));
    float up = __shfl_up_sync(FT_ALL_LANES, (float)(threadIdx.x % 32), 3);
    int lane = (int)threadIdx.x % 32;
    bool right = odd == 0xaaaaaaaau && sum == 496 && up == (float)(lane < 3 ? lane : lane - 3);
    int count = __syncthreads_count(threadIdx.x < 10);
    out[blockIdx.x * N + threadIdx.x] = right && count == 10 ? 1.0f : 0.0f;
}

Test(simt, votes_shuffles_and_counts_do_what_the_guide_says)
{
    cr_expect(is_right([] { return launched(votes_and_sums); }, values_of([](int, int) { return 1.0f; })));
}

/* -- asynchronous copies -- */

template <bool WAIT> static void copies(float *out)
{
    FT_SHARED(float, values, [N * 4]);
    float *mine = out + blockIdx.x * N;
    mine[threadIdx.x] = (float)threadIdx.x;
    __syncthreads();
    if (threadIdx.x < N / 4) simt_copy_async(values + threadIdx.x * 4, mine + threadIdx.x * 4, 16);
    simt_copy_commit();
    if (WAIT) simt_copy_wait(0);
    __syncthreads();
    mine[threadIdx.x] = values[N - 1 - threadIdx.x];
}

Test(simt, a_copy_that_was_not_waited_for_has_not_landed)
{
    auto wanted = values_of([](int thread, int) { return (float)(N - 1 - thread); });
    cr_expect(is_right([] { return launched(copies<true>); }, wanted));
    cr_expect_not(is_right([] { return launched(copies<false>); }, wanted));
}

/* -- streams, events, graphs -- */

static void add_kernel(float *to, const float *from)
{
    to[threadIdx.x] += from[threadIdx.x];
}

/* a = 1, b = 2 on one stream, a += b on the other, a += b again on the first. */
static void two_stream_work(const two_streams &s, bool first_event, bool second_event)
{
    FT_LAUNCH(fill_kernel, dim3(1), dim3(N), 0, s.stream[0], s.a, 1.0f);
    FT_LAUNCH(fill_kernel, dim3(1), dim3(N), 0, s.stream[0], s.b, 2.0f);
    cudaEventRecord(s.filled, s.stream[0]);
    if (first_event) cudaStreamWaitEvent(s.stream[1], s.filled, 0);
    FT_LAUNCH(add_kernel, dim3(1), dim3(N), 0, s.stream[1], s.a, s.b);
    cudaEventRecord(s.added, s.stream[1]);
    if (second_event) cudaStreamWaitEvent(s.stream[0], s.added, 0);
    FT_LAUNCH(add_kernel, dim3(1), dim3(N), 0, s.stream[0], s.a, s.b);
}

template <bool FIRST, bool SECOND> static std::vector<float> with_events(void)
{
    two_streams s = make_streams();
    two_stream_work(s, FIRST, SECOND);
    return fetched(s);
}

Test(simt, a_missing_event_between_two_streams_shows)
{
    std::vector<float> fives(N, 5.0f);
    cr_expect(is_right(with_events<true, true>, fives));
    cr_expect_not(is_right(with_events<false, true>, fives));
    cr_expect_not(is_right(with_events<true, false>, fives));
}

template <bool EVENT> static std::vector<float> captured(void)
{
    two_streams s = make_streams();
    cudaGraph_t graph = nullptr;
    cudaGraphExec_t executable = nullptr;
    cudaStreamBeginCapture(s.stream[0], cudaStreamCaptureModeRelaxed);
    two_stream_work(s, true, EVENT);
    if (cudaStreamEndCapture(s.stream[0], &graph) != cudaSuccess) return {};
    cudaGraphInstantiate(&executable, graph, 0);
    for (int i = 0; i < 3; i++) cudaGraphLaunch(executable, s.stream[0]);
    return fetched(s);
}

Test(simt, a_graph_runs_what_was_captured_each_time_and_must_be_joined)
{
    cr_expect(is_right(captured<true>, std::vector<float>(N, 5.0f)));
    cr_expect(in_order(captured<false>, SIMT_FORWARD).empty());
}

Test(simt, waiting_during_capture_is_refused)
{
    simt_reset(1, 1 << 24);
    two_streams s = make_streams();
    cudaGraph_t graph;
    cudaStreamBeginCapture(s.stream[0], cudaStreamCaptureModeRelaxed);
    cr_expect_eq(cudaStreamSynchronize(s.stream[0]), cudaErrorStreamCaptureUnsupported);
    cr_expect_eq(cudaStreamEndCapture(s.stream[0], &graph), cudaErrorStreamCaptureInvalidated);
}

/* Pinned memory is read when the copy's turn comes. */
Test(simt, pinned_memory_changed_too_early_shows)
{
    simt_reset(1, 1 << 24);
    two_streams s = make_streams();
    void *pinned;
    cudaMallocHost(&pinned, sizeof(float));
    float *host = static_cast<float *>(pinned), got = 0;
    *host = 1;
    cudaMemcpyAsync(s.a, host, sizeof(float), cudaMemcpyHostToDevice, s.stream[0]);
    *host = 2;
    cudaMemcpyAsync(&got, s.a, sizeof got, cudaMemcpyDeviceToHost, s.stream[0]);
    cr_expect_eq(got, 0.0f);
    cudaStreamSynchronize(s.stream[0]);
    cr_expect_eq(got, 2.0f);
}

/* -- limits -- */

Test(simt, launches_beyond_the_limits_fail)
{
    simt_reset(1, 1 << 24);
    two_streams s = make_streams();
    FT_LAUNCH(fill_kernel, dim3(1), dim3(2048), 0, s.stream[0], s.a, 1.0f);
    cr_expect_eq(cudaGetLastError(), cudaErrorInvalidConfiguration);
    FT_LAUNCH(fill_kernel, dim3(1, 70000), dim3(1), 0, s.stream[0], s.a, 1.0f);
    cr_expect_eq(cudaGetLastError(), cudaErrorInvalidConfiguration);
    FT_LAUNCH(fill_kernel, dim3(0), dim3(1), 0, s.stream[0], s.a, 1.0f);
    cr_expect_eq(cudaGetLastError(), cudaErrorInvalidConfiguration);
    FT_LAUNCH(fill_kernel, dim3(1), dim3(1), 50 * 1024, s.stream[0], s.a, 1.0f);
    cr_expect_eq(cudaGetLastError(), cudaErrorInvalidConfiguration);
    cr_expect_eq(cudaFuncSetAttribute(fill_kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, 60 * 1024),
                 cudaSuccess);
    FT_LAUNCH(fill_kernel, dim3(1), dim3(1), 50 * 1024, s.stream[0], s.a, 1.0f);
    cr_expect_eq(cudaGetLastError(), cudaSuccess);
}

/* After a fault nothing works any more, as on a real device. */
Test(simt, a_fault_sticks)
{
    in_order([] { return launched(barrier_of_some<false>); }, SIMT_FORWARD);
    void *block;
    cr_expect_not_null(simt_fault());
    cr_expect_eq(cudaMalloc(&block, 8), cudaErrorLaunchFailure);
    cr_expect_eq(cudaDeviceSynchronize(), cudaErrorLaunchFailure);
}
