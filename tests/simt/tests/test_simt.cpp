/* The simulator itself: each fault planted here must be seen, and the same program
 * without the fault must pass, in every order. Threads, shared memory, streams;
 * test_simt_devices.cpp has several devices. */
#include "planted.h"

#include <criterion/criterion.h>

#include "kernels/cuda/device.h"
#include "kernels/cuda/kernel.h"
#include "kernels/cuda/mma.h"
#include "tests/simt/simt.h"

/* What a test leaves allocated is given back. */
static void give_back(void)
{
    simt_reset(1, 1 << 20);
}
TestSuite(simt, .fini = give_back);

/* Runs a kernel of one float array of N elements per block, made of NaN, and fetches
 * it. */
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

/* A loop whose second barrier keeps the fast from overwriting what the slow have not
 * read. */
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

/* Two sums through the same array, with shuffles between: only a warp that gets ahead of
 * the other overwrites what that one has not read. */
template <bool BARRIER> static void two_sums(float *out)
{
    FT_SHARED(float, parts, [N / 32]);
    float total = 0;
    for (int use = 1; use <= 2; use++) {
        float sum = (float)use;
        for (int lanes = 16; lanes > 0; lanes /= 2) sum += __shfl_xor_sync(0xffffffffu, sum, lanes);
        if (BARRIER) __syncthreads();
        if (threadIdx.x % 32 == 0) parts[threadIdx.x / 32] = sum;
        __syncthreads();
        for (int warp = 0; warp < N / 32; warp++) total += parts[warp];
    }
    out[blockIdx.x * N + threadIdx.x] = total;
}

Test(simt, a_warp_that_overtakes_another_shows)
{
    auto wanted = values_of([](int, int) { return 192.0f; });
    cr_expect(is_right([] { return launched(two_sums<true>); }, wanted));
    cr_expect_not(is_right([] { return launched(two_sums<false>); }, wanted));
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

enum waiting { IN_TIME, LATE, NEVER };

template <waiting WAITS> static void copies(float *out)
{
    FT_SHARED(float, values, [N * 4]);
    float *mine = out + blockIdx.x * N;
    mine[threadIdx.x] = (float)threadIdx.x;
    __syncthreads();
    if (threadIdx.x < N / 4) ft_copy_async(values + threadIdx.x * 4, mine + threadIdx.x * 4);
    ft_copy_async_commit();
    if (WAITS == IN_TIME) ft_copy_async_wait<0>();
    __syncthreads();
    float value = values[N - 1 - threadIdx.x];
    __syncthreads();
    if (WAITS == LATE) ft_copy_async_wait<0>();
    __syncthreads();
    mine[threadIdx.x] = std::isnan(value) ? -1 : value;
}

Test(simt, a_copy_has_landed_once_it_was_waited_for)
{
    auto wanted = values_of([](int thread, int) { return (float)(N - 1 - thread); });
    cr_expect(is_right([] { return launched(copies<IN_TIME>); }, wanted));
    auto nothing = values_of([](int, int) { return -1.0f; });
    cr_expect(is_right([] { return launched(copies<LATE>); }, nothing));
}

Test(simt, a_copy_that_nobody_waits_for_is_reported)
{
    cr_expect(is_reported([] { return launched(copies<NEVER>); }, "did not wait for"));
}

/* The first of two groups is waited for; the second lands later. */
template <int IN_FLIGHT> static void copies_in_groups(float *out)
{
    FT_SHARED(float, values, [2][N * 4]);
    float *mine = out + blockIdx.x * N, *at = mine + threadIdx.x % 16 * 4;
    mine[threadIdx.x] = (float)threadIdx.x;
    __syncthreads();
    for (auto &stage : values) {
        ft_copy_async(stage + threadIdx.x * 4, at);
        ft_copy_async_commit();
    }
    ft_copy_async_wait<IN_FLIGHT>();
    float first = values[0][threadIdx.x * 4 + 1], second = values[1][threadIdx.x * 4 + 1];
    ft_copy_async_wait<0>();
    __syncthreads();
    mine[threadIdx.x] = std::isnan(second) ? first : -1;
}

Test(simt, copies_land_group_by_group)
{
    auto wanted = values_of([](int thread, int) { return (float)(thread % 16 * 4 + 1); });
    cr_expect(is_right([] { return launched(copies_in_groups<1>); }, wanted));
    auto both = values_of([](int, int) { return -1.0f; });
    cr_expect(is_right([] { return launched(copies_in_groups<0>); }, both));
}

/* Every other thread copies zeros: from beyond the memory, which is not read. */
static void copies_of_zeros(float *out)
{
    FT_SHARED(float, values, [N * 4]);
    bool there = threadIdx.x % 2 == 0;
    float *mine = out + blockIdx.x * N, *at = mine + threadIdx.x % 16 * 4;
    mine[threadIdx.x] = 5;
    __syncthreads();
    ft_copy_async(values + threadIdx.x * 4, there ? at : out + BLOCKS * N, there);
    ft_copy_async_commit();
    ft_copy_async_wait<0>();
    float sum = 0;
    for (int i = 0; i < 4; i++) sum += values[threadIdx.x * 4 + i];
    __syncthreads();
    mine[threadIdx.x] = sum;
}

Test(simt, a_copy_of_nothing_writes_zeros)
{
    auto wanted = values_of([](int thread, int) { return thread % 2 == 0 ? 20.0f : 0.0f; });
    cr_expect(is_right([] { return launched(copies_of_zeros); }, wanted));
}

template <int OFFSET> static void copies_unaligned(float *out)
{
    FT_SHARED(float, values, [N * 4 + 4]);
    ft_copy_async(values + threadIdx.x * 4 + OFFSET, out);
    ft_copy_async_commit();
    ft_copy_async_wait<0>();
    out[blockIdx.x * N + threadIdx.x] = 0;
}

Test(simt, a_copy_of_unaligned_memory_is_reported)
{
    cr_expect(is_reported([] { return launched(copies_unaligned<2>); }, "cp.async of unaligned memory"));
    cr_expect(
        is_right([] { return launched(copies_unaligned<4>); }, values_of([](int, int) { return 0.0f; })));
}

static void copies_elsewhere(float *out)
{
    ft_copy_async(out, out + 4);
}

Test(simt, a_copy_to_what_is_not_shared_memory_is_reported)
{
    cr_expect(is_reported([] { return launched(copies_elsewhere); }, "outside of shared memory"));
}

/* -- tensor cores: the fragments as the PTX ISA writes them, element by element -- */

enum { M_ROWS = 16, M_COLS = 8, M_DEPTH = 16 };

/* Small integers, so that products and sums are exact; no two rows or columns alike. */
static float left_value(int row, int k)
{
    return (float)((row * 37 + k * 11 + row * k) % 17 - 8);
}
static float right_value(int k, int col)
{
    return (float)((k * 29 + col * 13 + k * k * col) % 15 - 7);
}

static float product_value(int row, int col)
{
    float sum = 0;
    for (int k = 0; k < M_DEPTH; k++) sum += left_value(row, k) * right_value(k, col);
    return sum;
}

/* Fragments by the ISA's formulas for elements a_i, b_i and c_i; element I of the sums is
 * the result. */
template <int I> static void multiplies(float *out)
{
    int lane = (int)threadIdx.x % 32, group = lane >> 2, in_group = lane % 4;
    unsigned a[4], b[2];
    for (int i = 0; i < 8; i += 2) {
        int row = i < 2 || (4 <= i && i < 6) ? group : group + 8, col = in_group * 2 + (i < 4 ? 0 : 8);
        a[i / 2] = ft_bf16_pair(left_value(row, col), left_value(row, col + 1));
    }
    for (int i = 0; i < 4; i += 2) {
        int row = in_group * 2 + (i < 2 ? 0 : 8);
        b[i / 2] = ft_bf16_pair(right_value(row, group), right_value(row + 1, group));
    }
    float sums[4] = {1000, 2000, 3000, 4000};
    ft_mma(sums, a, b);
    out[blockIdx.x * N + threadIdx.x] = sums[I];
}

template <int I> static float product_of(int thread, int)
{
    int lane = thread % 32, group = lane >> 2, in_group = lane % 4;
    return 1000 * (I + 1) + product_value(I < 2 ? group : group + 8, in_group * 2 + (I & 1));
}

Test(simt, mma_is_the_product_in_every_lane_and_element)
{
    cr_expect(is_right([] { return launched(multiplies<0>); }, values_of(product_of<0>)));
    cr_expect(is_right([] { return launched(multiplies<1>); }, values_of(product_of<1>)));
    cr_expect(is_right([] { return launched(multiplies<2>); }, values_of(product_of<2>)));
    cr_expect(is_right([] { return launched(multiplies<3>); }, values_of(product_of<3>)));
}

/* Matrix m of four holds 64 m + 8 row + col; the result is element WHICH of the pair of
 * matrix M. */
template <int COUNT, bool TURNED, int M, int WHICH> static void loads(float *out)
{
    FT_SHARED(uint16_t, values, [2][4 * 64]);
    int warp = (int)threadIdx.x / 32, lane = (int)threadIdx.x % 32;
    uint16_t *mine = values[warp];
    for (int i = lane; i < 4 * 64; i += 32) mine[i] = (uint16_t)i;
    __syncthreads();
    unsigned pairs[COUNT];
    /* Addresses of lanes beyond the matrices are ignored. */
    ft_load_matrices<COUNT, TURNED>(pairs, lane < 8 * COUNT ? mine + 8 * lane : nullptr);
    out[blockIdx.x * N + threadIdx.x] = (float)(pairs[M] >> 16 * WHICH & 0xffffu);
}

template <bool TURNED, int M, int WHICH> static float loaded(int thread, int)
{
    int row = thread % 32 / 4, col = thread % 4 * 2 + WHICH;
    return (float)(64 * M + (TURNED ? 8 * col + row : 8 * row + col));
}

template <int COUNT, bool TURNED, int M> static bool matrix_is_loaded(void)
{
    return is_right([] { return launched(loads<COUNT, TURNED, M, 0>); }, values_of(loaded<TURNED, M, 0>)) &&
           is_right([] { return launched(loads<COUNT, TURNED, M, 1>); }, values_of(loaded<TURNED, M, 1>));
}

Test(simt, ldmatrix_loads_every_matrix_straight_and_turned)
{
    cr_expect((matrix_is_loaded<1, false, 0>()));
    cr_expect((matrix_is_loaded<1, true, 0>()));
    cr_expect((matrix_is_loaded<2, false, 0>() && matrix_is_loaded<2, false, 1>()));
    cr_expect((matrix_is_loaded<2, true, 0>() && matrix_is_loaded<2, true, 1>()));
    cr_expect((matrix_is_loaded<4, false, 0>() && matrix_is_loaded<4, false, 1>()));
    cr_expect((matrix_is_loaded<4, false, 2>() && matrix_is_loaded<4, false, 3>()));
    cr_expect((matrix_is_loaded<4, true, 0>() && matrix_is_loaded<4, true, 1>()));
    cr_expect((matrix_is_loaded<4, true, 2>() && matrix_is_loaded<4, true, 3>()));
}

/* Both through shared memory: rows of the left matrix straight, of the right one
 * turned. */
template <bool TURNED> static void loads_and_multiplies(float *out)
{
    FT_SHARED(__nv_bfloat16, left, [M_ROWS][M_DEPTH]);
    FT_SHARED(__nv_bfloat16, right, [M_DEPTH][M_COLS]);
    for (int i = threadIdx.x; i < M_ROWS * M_DEPTH; i += N)
        left[i / M_DEPTH][i % M_DEPTH] = __float2bfloat16_rn(left_value(i / M_DEPTH, i % M_DEPTH));
    for (int i = threadIdx.x; i < M_DEPTH * M_COLS; i += N)
        right[i / M_COLS][i % M_COLS] = __float2bfloat16_rn(right_value(i / M_COLS, i % M_COLS));
    __syncthreads();
    unsigned a[4], b[2], lane = threadIdx.x % 32;
    ft_load_matrices<4>(a, &left[lane % 16][lane / 16 * 8]);
    ft_load_matrices<2, TURNED>(b, &right[lane % 16][0]);
    float sums[4] = {0, 0, 0, 0};
    ft_mma(sums, a, b);
    out[blockIdx.x * N + threadIdx.x] = sums[2];
}

Test(simt, a_matrix_loaded_the_wrong_way_round_shows)
{
    auto wanted = values_of([](int thread, int) { return product_of<2>(thread, 0) - 3000; });
    cr_expect(is_right([] { return launched(loads_and_multiplies<true>); }, wanted));
    cr_expect_not(is_right([] { return launched(loads_and_multiplies<false>); }, wanted));
}

template <int SKIPPED> static void multiplies_without(float *out)
{
    unsigned a[4] = {0, 0, 0, 0}, b[2] = {0, 0};
    float sums[4] = {6, 6, 6, 6};
    if ((int)threadIdx.x % 32 != SKIPPED) ft_mma(sums, a, b);
    out[blockIdx.x * N + threadIdx.x] = sums[0];
}

Test(simt, an_mma_not_reached_by_all_lanes_is_reported)
{
    cr_expect(
        is_right([] { return launched(multiplies_without<-1>); }, values_of([](int, int) { return 6.0f; })));
    cr_expect(is_reported([] { return launched(multiplies_without<13>); }, "mma.sync"));
}

/* Half of the warp is at another instruction. */
template <int OTHER> static void lanes_disagree(float *out)
{
    FT_SHARED(uint16_t, values, [4 * 64]);
    for (int i = threadIdx.x; i < 4 * 64; i += N) values[i] = 0;
    __syncthreads();
    unsigned a[4] = {0, 0, 0, 0};
    float sums[4] = {0, 0, 0, 0};
    const uint16_t *row = values + threadIdx.x % 32 * 8;
    if (OTHER == 0 || threadIdx.x % 32 < 16)
        ft_load_matrices<4>(a, row);
    else if (OTHER == 1)
        ft_load_matrices<2>(a, row);
    else if (OTHER == 2)
        ft_load_matrices<4, true>(a, row);
    else
        ft_mma(sums, a, a);
    out[blockIdx.x * N + threadIdx.x] = (float)a[0] + sums[0];
}

Test(simt, lanes_at_different_matrix_instructions_are_reported)
{
    cr_expect(is_right([] { return launched(lanes_disagree<0>); }, values_of([](int, int) { return 0.0f; })));
    cr_expect(is_reported([] { return launched(lanes_disagree<1>); }, "not all reach ldmatrix"));
    cr_expect(is_reported([] { return launched(lanes_disagree<2>); }, "not all reach ldmatrix"));
    cr_expect(is_reported([] { return launched(lanes_disagree<3>); }, "not all reach"));
}

enum bad_row { UNALIGNED_ROW, ROW_BEYOND, ROW_IN_DEVICE_MEMORY };
template <int BAD> static void loads_from(float *out)
{
    FT_SHARED(uint16_t, values, [64 + 8]);
    if (threadIdx.x < 64 + 8) values[threadIdx.x] = 0;
    __syncthreads();
    unsigned pair[1];
    const void *row = values + threadIdx.x % 8 * 8;
    if (BAD == UNALIGNED_ROW && threadIdx.x % 32 == 3) row = values + 4;
    if (BAD == ROW_BEYOND && threadIdx.x % 32 == 3) row = values + 64 + 8;
    if (BAD == ROW_IN_DEVICE_MEMORY && threadIdx.x % 32 == 3) row = out;
    ft_load_matrices<1>(pair, row);
    out[blockIdx.x * N + threadIdx.x] = (float)pair[0];
}

Test(simt, rows_that_ldmatrix_cannot_load_are_reported)
{
    cr_expect(is_reported([] { return launched(loads_from<UNALIGNED_ROW>); }, "not 16-byte aligned"));
    cr_expect(is_reported([] { return launched(loads_from<ROW_BEYOND>); }, "outside of shared memory"));
    cr_expect(
        is_reported([] { return launched(loads_from<ROW_IN_DEVICE_MEMORY>); }, "outside of shared memory"));
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

/* After a fault nothing works any more, as on a real device: no new backend heals it. */
Test(simt, a_fault_sticks)
{
    in_order([] { return launched(barrier_of_some<false>); }, SIMT_FORWARD);
    void *block;
    ft_backend *fresh;
    ft_error err;
    cr_expect_not_null(simt_fault());
    for (int time = 0; time < 2; time++) {
        cr_expect_eq(cudaMalloc(&block, 8), cudaErrorLaunchFailure);
        cr_expect_eq(cudaGetLastError(), cudaErrorLaunchFailure);
        cr_expect_eq(cudaGetLastError(), cudaErrorLaunchFailure, "to ask does not heal");
        cr_expect_eq(cudaDeviceSynchronize(), cudaErrorLaunchFailure);
        cr_expect_neq(ft_cuda_create(0, FT_F32, &fresh, &err), FT_OK);
    }
    simt_reset(1, 1 << 24);
    cr_assert_eq(ft_cuda_create(0, FT_F32, &fresh, &err), FT_OK, "%s", err.message);
    fresh->free(fresh);
}
