#include <algorithm>
#include <cmath>
#include <cstring>

#include "kernels/cpu/element_at.h"
#include "kernels/cpu/optimised.h"
#include "kernels/cpu/tuning.h"
#include "kernels/cpu/vector/select.h"

namespace metronome::cpu {
namespace {

// Softmax attention in one pass over the cache (Milakov & Gimelshein 2018, arXiv:1805.02867; Dao et al. 2022,
// arXiv:2205.14135): positions are taken in blocks, each with the running maximum, sum and mix of every query head. The
// query heads of one key head, and several rows of a prompt, share each read of the cache. Where rows and heads are too
// few for all members, positions are split too, and the parts merged. The cache holds the heads of a position side by
// side, so a part of a long cache takes all of them, block by block: one head alone would skip through memory.

// With all heads, two blocks of keys and values must fit the second-level cache.
constexpr int64_t kBlockBytes = 65536;

struct Problem {
  const TensorView &q, &k, &v, &y;
  int64_t n, heads, d, positions, kv_heads, dv, group, window;
  float scale;
  VectorDType dtype;
  bool native;  // bfloat16 keys are multiplied as they are.
  AttentionTuning tuning;
  int64_t tiles, splits;   // Of rows and of positions.
  int64_t heads_together;  // Key heads that one part takes: 1 or all.
};

// What a part of the positions gives for `rows` query rows: the mix is not yet divided by the sum.
struct Partial {
  float* maximum;  // [rows]
  float* sum;      // [rows]
  float* mix;      // [rows, dv]
};

int64_t PartialSize(const Problem& p) { return p.tuning.row_tile * p.group * (p.dv + 2); }

Partial PartialIn(float* memory, const Problem& p) {
  const int64_t rows = p.tuning.row_tile * p.group;
  return {memory, memory + rows, memory + 2 * rows};
}

// First position that a query row sees, and one past the last.
int64_t FirstVisible(const Problem& p, int64_t row) {
  return p.window > 0 ? std::max<int64_t>(0, p.positions - p.n + row - p.window + 1) : 0;
}
int64_t EndVisible(const Problem& p, int64_t row) { return p.positions - p.n + row + 1; }

// Which of the positions [begin, begin + count) a query row sees, counted from `begin`.
struct Range {
  int64_t first, end;
};
Range VisibleIn(const Problem& p, int64_t row, int64_t begin, int64_t count) {
  return {std::clamp<int64_t>(FirstVisible(p, row) - begin, 0, count),
          std::clamp<int64_t>(EndVisible(p, row) - begin, 0, count)};
}

// Takes positions [begin, begin + count) in for the `m` = tile rows x group query rows of `queries` [m, d], which are
// scaled or, where p.native, packed as they are. `scores` has m x count elements. What lies
// `ahead` heads further on comes next.
void TakeBlock(const VectorKernels& kernels, const Problem& p, int64_t first_row, int64_t m, int64_t kv_head,
               int64_t begin, int64_t count, const float* queries, float* scores, const Partial& part, int64_t ahead) {
  const auto element = static_cast<int64_t>(SizeOf(p.k.dtype));
  const void* const keys = ElementAt(p.k, (begin * p.kv_heads + kv_head) * p.d);
  if (p.native) {
    kernels.dot_bfloat_rows(queries, m, p.d, keys, p.kv_heads * p.d, count, scores, count, ahead * p.d);
    kernels.scale(scores, m * count, p.scale);
  } else {
    kernels.dot_rows(p.dtype, queries, m, p.d, keys, p.kv_heads * p.d, count, scores, count, ahead * p.d * element);
  }
  bool all_visible = true;
  for (int64_t i = 0; i < m; ++i) {
    float* const row = scores + i * count;
    const auto [first, end] = VisibleIn(p, first_row + i / p.group, begin, count);
    all_visible = all_visible && end - first == count;
    if (first >= end) continue;
    const float largest = std::max(part.maximum[i], kernels.maximum(row + first, end - first));
    const float shrink = std::exp(part.maximum[i] - largest);  // 0 at first, when the maximum is -infinity.
    part.sum[i] = part.sum[i] * shrink + kernels.exp_sum(row + first, end - first, largest);
    part.maximum[i] = largest;
    if (shrink != 1.0f) kernels.scale(part.mix + i * p.dv, p.dv, shrink);
  }
  const auto mix = [&](int64_t i, int64_t queries_mixed, int64_t first, int64_t end) {
    kernels.mix_rows(p.dtype, scores + i * count + first, count, queries_mixed,
                     ElementAt(p.v, ((begin + first) * p.kv_heads + kv_head) * p.dv), p.kv_heads * p.dv, end - first,
                     p.dv, part.mix + i * p.dv, ahead * p.dv * element);
  };
  if (all_visible) return mix(0, m, 0, count);
  // A weight of 0 would not do: 0 times a hidden infinity is NaN.
  for (int64_t i = 0; i < m; i += p.group) {
    const Range visible = VisibleIn(p, first_row + i / p.group, begin, count);
    if (visible.first < visible.end) mix(i, p.group, visible.first, visible.end);
  }
}

// Floats that the queries of one key head take, loaded.
int64_t QuerySize(const VectorKernels& kernels, const Problem& p, int64_t m) {
  return p.native ? (kernels.packed_bfloat_elements(m, p.d) + 1) / 2 : m * p.d;
}

// The queries of one key head, as TakeBlock wants them. `work` has as many elements.
void LoadQueries(const VectorKernels& kernels, const Problem& p, int64_t first_row, int64_t rows, int64_t kv_head,
                 float* work, float* queries) {
  const int64_t size = p.group * p.d;
  for (int64_t row = 0; row < rows; ++row) {
    const void* const from = ElementAt(p.q, ((first_row + row) * p.heads + kv_head * p.group) * p.d);
    if (p.native) {
      std::memcpy(reinterpret_cast<uint16_t*>(work) + row * size, from, static_cast<size_t>(size) * sizeof(uint16_t));
    } else {
      kernels.widen(p.dtype, from, size, queries + row * size);
    }
  }
  if (p.native) {
    kernels.pack_bfloat_rows(work, rows * p.group, p.d, queries);
  } else {
    kernels.scale(queries, rows * size, p.scale);
  }
}

// One tile of rows of `heads_together` key heads over one split of the positions. `parts` has one for each head,
// `stride` elements apart.
void TakePositions(CpuContext& context, int member, const Problem& p, int64_t tile, int64_t first_head, int64_t split,
                   float* parts, int64_t stride) {
  const VectorKernels& kernels = SelectVectorKernels(context.instruction_set());
  const int64_t first_row = tile * p.tuning.row_tile, rows = std::min(p.tuning.row_tile, p.n - first_row),
                m = rows * p.group;
  const int64_t size = QuerySize(kernels, p, m);
  auto* const queries = static_cast<float*>(
      context.Scratch(member, sizeof(float) * static_cast<size_t>((p.heads_together + 1) * size + m * p.tuning.block)));
  float *const rounded = queries + p.heads_together * size, *const scores = rounded + size;
  for (int64_t head = 0; head < p.heads_together; ++head) {
    LoadQueries(kernels, p, first_row, rows, first_head + head, rounded, queries + head * size);
    const Partial part = PartialIn(parts + head * stride, p);
    std::fill(part.maximum, part.maximum + m, -INFINITY);
    std::fill(part.sum, part.sum + m, 0.0f);
    std::fill(part.mix, part.mix + m * p.dv, 0.0f);
  }
  const int64_t first = FirstVisible(p, first_row), visible = EndVisible(p, first_row + rows - 1) - first;
  const int64_t begin = first + visible * split / p.splits, end = first + visible * (split + 1) / p.splits;
  const int64_t position_bytes = p.heads_together * (p.d + p.dv) * static_cast<int64_t>(SizeOf(p.k.dtype));
  const int64_t block = std::clamp<int64_t>(kBlockBytes / position_bytes / 16 * 16, 16, p.tuning.block);
  for (int64_t at = begin; at < end; at += block) {
    const int64_t next = std::min(at + block, end);
    for (int64_t head = 0; head < p.heads_together; ++head) {
      // Where this head's next neighbour lies: beside it, or at the first head of the next block.
      const int64_t ahead = head + 1 < p.heads_together ? 1 : block * p.kv_heads - head;
      TakeBlock(kernels, p, first_row, m, first_head + head, at, next - at, queries + head * size, scores,
                PartialIn(parts + head * stride, p), p.heads_together > 1 ? ahead : 0);
    }
  }
}

// Merges the parts of one tile and key head into its output rows; `parts` are PartialSize elements apart.
void Finish(const VectorKernels& kernels, const Problem& p, int64_t tile, int64_t kv_head, float* parts) {
  const int64_t first_row = tile * p.tuning.row_tile, rows = std::min(p.tuning.row_tile, p.n - first_row),
                m = rows * p.group;
  const Partial total = PartialIn(parts, p);
  for (int64_t i = 0; i < m; ++i) {
    for (int64_t split = 1; split < p.splits; ++split) {
      const Partial part = PartialIn(parts + split * PartialSize(p), p);
      if (part.sum[i] == 0) continue;  // This part saw none of the row's positions.
      const float largest = std::max(total.maximum[i], part.maximum[i]);
      const float shrink = std::exp(total.maximum[i] - largest), other = std::exp(part.maximum[i] - largest);
      kernels.scale(total.mix + i * p.dv, p.dv, shrink);
      kernels.scale(part.mix + i * p.dv, p.dv, other);
      kernels.add(total.mix + i * p.dv, part.mix + i * p.dv, p.dv);
      total.sum[i] = total.sum[i] * shrink + part.sum[i] * other;
      total.maximum[i] = largest;
    }
    kernels.scale(total.mix + i * p.dv, p.dv, 1 / total.sum[i]);
    const int64_t row = first_row + i / p.group, head = kv_head * p.group + i % p.group;
    kernels.narrow(p.dtype, total.mix + i * p.dv, p.dv,
                   const_cast<void*>(ElementAt(p.y, (row * p.heads + head) * p.dv)));
  }
}

}  // namespace

absl::Status OptimisedAttention(CpuContext& context, const KernelArgs& args) {
  const Shape &q = args.inputs[0].shape, &k = args.inputs[1].shape;
  Problem p = {.q = args.inputs[0],
               .k = args.inputs[1],
               .v = args.inputs[2],
               .y = args.outputs[0],
               .n = q[0],
               .heads = q[1],
               .d = q[2],
               .positions = k[0],
               .kv_heads = k[1],
               .dv = args.inputs[2].shape[2],
               .group = q[1] / k[1],
               .window = args.attributes->Int("window"),
               .scale = static_cast<float>(args.attributes->Float("scale")),
               .dtype = ToVectorDType(args.inputs[0].dtype),
               .native = false,
               .tuning = AttentionTuningOf(*args.attributes),
               .tiles = 0,
               .splits = 1,
               .heads_together = 1};
  p.native =
      p.dtype == VectorDType::kBFloat16 && SelectVectorKernels(context.instruction_set()).dot_bfloat_rows != nullptr;
  p.tiles = (p.n + p.tuning.row_tile - 1) / p.tuning.row_tile;
  if (args.outputs[0].elements() == 0) return absl::OkStatus();
  const int64_t items = p.tiles * p.kv_heads, wanted = 4 * context.threads();
  const int64_t visible = p.window > 0 ? std::min(p.positions, p.window + p.n - 1) : p.positions;
  if (p.tiles < wanted && visible >= 2 * p.tuning.min_split) {
    p.heads_together = p.kv_heads;
    p.splits = std::clamp<int64_t>(visible / p.tuning.min_split, 1, (wanted + p.tiles - 1) / p.tiles);
  }
  const VectorKernels& kernels = SelectVectorKernels(context.instruction_set());
  // Parts lie as [tile, key head, split].
  const int64_t part_size = PartialSize(p), head_stride = p.splits * part_size;
  float* const parts = context.SharedScratch(items * head_stride);
  context.pool().ParallelFor(items / p.heads_together * p.splits, 1, [&](int64_t index, int64_t, int member) {
    const int64_t item = index / p.splits * p.heads_together, split = index % p.splits;
    TakePositions(context, member, p, item / p.kv_heads, item % p.kv_heads, split,
                  parts + item * head_stride + split * part_size, head_stride);
  });
  context.pool().ParallelFor(items, 16, [&](int64_t begin, int64_t end, int) {
    for (int64_t item = begin; item < end; ++item) {
      Finish(kernels, p, item / p.kv_heads, item % p.kv_heads, parts + item * p.splits * PartialSize(p));
    }
  });
  return absl::OkStatus();
}

}  // namespace metronome::cpu
