#ifndef METRONOME_KERNELS_CUDA_ATTENTION_ATTENTION_KERNEL_CUH_
#define METRONOME_KERNELS_CUDA_ATTENTION_ATTENTION_KERNEL_CUH_

#include "kernels/cuda/attention/attention_merge.cuh"

namespace metronome::kernels::cuda {

// FlashAttention-2 (Dao 2023, arXiv:2307.08691) over packed rows, split over positions where rows are few.
template <typename Tiles>
__global__ void __launch_bounds__(Tiles::kThreads, kAttentionBlocksPerMultiprocessor)
    AttentionKernel(const __grid_constant__ AttentionWork work) {
  using T = typename Tiles::Type;
  METRONOME_DYNAMIC_SHARED(unsigned char, shared);
  const AttentionArgs& args = work.args;
  const int past = static_cast<int>(Read(args.past));
  const BlockRange range = RangeOf<Tiles>(work, past);
  if (range.first_tile >= range.end_tile) return;

  const int stride = Tiles::KeyStride(work.padded_size);
  T* const queries = reinterpret_cast<T*>(shared);
  T* const keys = queries + Tiles::kRows * stride;
  T* const values = keys + Tiles::kStages * Tiles::kKeys * stride;
  const auto tile_begin = [&](int tile) { return range.begin + tile * Tiles::kKeys; };
  const auto keys_of = [&](int tile) { return keys + tile % Tiles::kStages * (Tiles::kKeys * stride); };
  const auto values_of = [&](int tile) {
    return values + tile % Tiles::kStages * (Tiles::kKeys * Tiles::kValueStride);
  };

  const int size = static_cast<int>(args.size), value_size = static_cast<int>(args.value_size);
  const HeadRows<T> q = {static_cast<const T*>(args.q), size, work.query_chunks};
  const HeadRows<T> k = {static_cast<const T*>(args.k), size, work.key_chunks};
  const HeadRows<T> v = {static_cast<const T*>(args.v), range.columns, work.value_chunks};
  const auto copy_keys_and_values = [&](int tile) {
    // The row of a position in [positions, kv_heads], negative past the end.
    const auto row_of = [&](int row) {
      const int position = tile_begin(tile) + row;
      return position < range.end ? position * args.kv_heads + range.kv_head : -1;
    };
    CopyTile<Tiles::kThreads, Tiles::kKeys>(keys_of(tile), stride, work.padded_size / Tiles::kChunk, k,
                                            [&](int row) { return row_of(row) * size; });
    CopyTile<Tiles::kThreads, Tiles::kKeys>(values_of(tile), Tiles::kValueStride, Tiles::kValues / Tiles::kChunk, v,
                                            [&](int row) {
                                              const int64_t at = row_of(row);
                                              return at < 0 ? at : at * value_size + range.slice * Tiles::kValues;
                                            });
    AsyncCopyCommit();
  };
  CopyTile<Tiles::kThreads, Tiles::kRows>(queries, stride, work.padded_size / Tiles::kChunk, q, [&](int row) {
    const int packed = range.first_row + row;
    const int64_t head = range.kv_head * work.group + packed % work.group;
    return row < range.rows ? (packed / work.group * args.heads + head) * size : int64_t{-1};
  });
  copy_keys_and_values(range.first_tile);

  const int warp = static_cast<int>(threadIdx.x) / kWarpLanes;
  const int row_warp = warp / Tiles::kKeyWarps, key_warp = warp % Tiles::kKeyWarps;
  const Visible visible = VisibleOf<Tiles>(work, range, past, row_warp);
  const float scale = args.scale * 1.44269504f;  // 1 / log 2: weights are powers of two.
  OnlineSoftmax softmax;
  float mix[Tiles::kValues / 8][4] = {};

  for (int tile = range.first_tile; tile < range.end_tile; ++tile) {
    AsyncCopyWait();
    __syncthreads();  // This tile is there, and everyone is done with the one before, which the next overwrites.
    if (tile + 1 < range.end_tile) copy_keys_and_values(tile + 1);

    const int begin = tile_begin(tile), end = begin + Tiles::kKeys;
    const int warp_begin = begin + key_warp * Tiles::kWarpKeys;
    // Of the whole warp: it has rows, and keys.
    const bool works = row_warp * Tiles::kWarpRows < range.rows && warp_begin < range.end;
    float scores[Tiles::kWarpKeys / 8][4];
    if (works) {
      Scores<Tiles::kWarpKeys>(scores, queries + row_warp * Tiles::kWarpRows * stride,
                               keys_of(tile) + key_warp * Tiles::kWarpKeys * stride, stride, work.padded_size);
      const bool masked = begin < range.all_begin || end > range.all_end;
      METRONOME_UNROLL
      for (int at = 0; at < Tiles::kWarpKeys / 8; ++at) {
        METRONOME_UNROLL
        for (int i = 0; i < 4; ++i) {
          const int position = warp_begin + at * 8 + QuadLane().column + i % 2;
          scores[at][i] = masked && !visible(i / 2, position) ? -INFINITY : scores[at][i] * scale;
        }
      }
      softmax.Update(scores, mix);
    }

    const T* const warp_values = values_of(tile) + key_warp * Tiles::kWarpKeys * Tiles::kValueStride;
    if constexpr (std::is_same_v<T, float>) {
      if (works) MixVisible<Tiles::kWarpKeys, Tiles::kValues>(mix, scores, warp_values, warp_begin, visible);
    } else {
      // A product takes 0 * infinity for NaN. Where one row sees a key that another one does not, its values must be
      // finite for that. Positions that no row sees are zeros here.
      const bool mixed = begin < range.all_begin || Smaller(end, range.end) > range.all_end;
      const bool by_key =
          mixed &&
          __syncthreads_or(HasNonFinite<Tiles::kThreads, Tiles::kKeys, Tiles::kValues>(values_of(tile)) ? 1 : 0) != 0;
      if (works && by_key)
        MixVisible<Tiles::kWarpKeys, Tiles::kValues>(mix, scores, warp_values, warp_begin, visible);
      else if (works)
        Mix<Tiles::kWarpKeys, Tiles::kValues>(mix, scores, warp_values);
    }
  }

  float* const results = reinterpret_cast<float*>(shared);
  __syncthreads();  // The tiles were read.
  ShareResult<Tiles>(results, row_warp, key_warp, softmax, mix);
  __syncthreads();  // The results are there.
  MergeWarps<Tiles>(work, range, results);
  if (range.active_splits > 1) MergeSplits<Tiles>(work, range, results);
}

// Whether each of an operand's rows of `columns` is whole chunks of 16 bytes.
template <typename T>
bool InChunks(const void* data, int64_t columns) {
  return RowsAreVectors<T>(columns, static_cast<const T*>(data));
}

template <typename Tiles>
void LaunchAttentionTiles(const DeviceContext& context, const AttentionArgs& args) {
  using T = typename Tiles::Type;
  AttentionWork work = {.args = args};
  work.group = static_cast<int>(args.heads / args.kv_heads);
  work.packed_rows = static_cast<int>(args.rows) * work.group;
  work.row_tiles = (work.packed_rows + Tiles::kRows - 1) / Tiles::kRows;
  work.padded_size = Tiles::PaddedSize(args.size);
  work.query_chunks = InChunks<T>(args.q, args.size);
  work.key_chunks = InChunks<T>(args.k, args.size);
  work.value_chunks = InChunks<T>(args.v, args.value_size);
  work.arrived = static_cast<unsigned*>(context.workspace.data);
  work.partials = static_cast<float*>(context.scratch.data);

  const int64_t slices = (args.value_size + Tiles::kValues - 1) / Tiles::kValues;
  const int64_t units = work.row_tiles * args.kv_heads * slices;
  const int64_t partial_bytes = units * Tiles::kPartialFloats * static_cast<int64_t>(sizeof(float));
  int64_t splits = context.multiprocessors * kAttentionBlocksPerMultiprocessor / units;
  if (splits > kMaxAttentionSplits) splits = kMaxAttentionSplits;
  if (splits > context.scratch.bytes / partial_bytes) splits = context.scratch.bytes / partial_bytes;
  if (splits < 1 || units * static_cast<int64_t>(sizeof(unsigned)) > context.workspace.bytes) splits = 1;
  work.splits = static_cast<int>(splits);
  Launch(context, AttentionKernel<Tiles>,
         {.grid = dim3(static_cast<unsigned>(work.row_tiles * splits), static_cast<unsigned>(args.kv_heads),
                       static_cast<unsigned>(slices)),
          .block = dim3(Tiles::kThreads),
          .shared_bytes = static_cast<size_t>(Tiles::SharedBytes(work.padded_size))},
         work);
}

// Packed rows of the queries: as few as these leave most of a larger tile empty.
inline bool HasFewRows(const AttentionArgs& args) { return args.rows * (args.heads / args.kv_heads) <= 16; }

// For types with tensor cores. Up to a size of 256, two blocks fit in the shared memory of a multiprocessor of an H100
// (228 KiB) and one in any since sm_80 (99 KiB).
template <typename T>
void LaunchAttentionHalf(const DeviceContext& context, const AttentionArgs& args) {
  const bool few = HasFewRows(args);
  if (args.size <= 128 && args.value_size <= 128) {
    if (few && args.value_size <= 64) return LaunchAttentionTiles<AttentionTiles<T, 1, 4, 16, 64>>(context, args);
    if (few) return LaunchAttentionTiles<AttentionTiles<T, 1, 4, 16, 128>>(context, args);
    if (args.value_size <= 64) return LaunchAttentionTiles<AttentionTiles<T, 4, 1, 64, 64>>(context, args);
    if (args.value_size <= 96) return LaunchAttentionTiles<AttentionTiles<T, 4, 1, 64, 96>>(context, args);
    return LaunchAttentionTiles<AttentionTiles<T, 4, 1, 64, 128>>(context, args);
  }
  if (few && args.value_size <= 128) return LaunchAttentionTiles<AttentionTiles<T, 1, 2, 16, 128>>(context, args);
  if (few) return LaunchAttentionTiles<AttentionTiles<T, 1, 2, 16, 256>>(context, args);
  // 256 columns leave no registers for the scores of 32 keys.
  if (args.size > 256 || args.value_size > 128)
    return LaunchAttentionTiles<AttentionTiles<T, 4, 1, 16, 256>>(context, args);
  return LaunchAttentionTiles<AttentionTiles<T, 4, 1, 32, 128>>(context, args);
}

}  // namespace metronome::kernels::cuda

#endif  // METRONOME_KERNELS_CUDA_ATTENTION_ATTENTION_KERNEL_CUH_
