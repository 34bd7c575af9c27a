#include <algorithm>
#include <cmath>
#include <cstring>

#include "kernels/cpu/element_at.h"
#include "kernels/cpu/optimised/optimised.h"
#include "kernels/cpu/tuning.h"
#include "kernels/cpu/vector/select.h"

namespace metronome::kernels::cpu {
namespace {

// Softmax attention in one pass over the cache (Milakov & Gimelshein 2018, arXiv:1805.02867; Dao et al. 2022,
// arXiv:2205.14135): positions are taken in blocks, each with the running maximum, sum and mix of every query head. The
// query heads of one key head, and several rows of a prompt, share each read of the cache. Where rows and heads are too
// few for all members, positions are split too, and the parts merged. The cache holds the heads of a position side by
// side, so a part of a long cache takes all of them, block by block: one head alone would skip through memory. Within a
// block heads skip all the same, and the hardware foresees little of it, so each block asks for the next one line by
// line, in the order of memory, as many lines as it reads itself.

// Positions between which lines are asked for: more at once would wait for each other.
constexpr int64_t kFetchPositions = 16;

struct Problem {
  const TensorView &q, &k, &v, &y;
  int64_t n, heads, d, positions, kv_heads, dv, group, window;
  float scale;
  VectorDType dtype;
  bool native;                    // bfloat16 keys are multiplied as they are.
  const BFloatAttention* decode;  // Takes single rows; nullptr where it serves no such sizes.
  AttentionTuning tuning;
  int64_t tiles, splits;   // Of rows and of positions.
  int64_t heads_together;  // Key heads that one part takes: 1 or all.
  int64_t block;           // Positions taken at a time.
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

void AskFor(const char*& next, int64_t bytes, FetchLevel level) {
  constexpr int64_t kLineBytes = 64;
  const char* const end = next + bytes;
  if (level == FetchLevel::kFirst) {
    for (; next < end; next += kLineBytes) __builtin_prefetch(next, 0, 3);
  } else if (level == FetchLevel::kSecond) {
    for (; next < end; next += kLineBytes) __builtin_prefetch(next, 0, 2);
  }
}

// Calls function(first, end) for parts of [begin, end) between which lines are asked for, `bytes` a position.
template <typename Function>
void BetweenFetches(int64_t begin, int64_t end, const char*& next, int64_t bytes, FetchLevel level,
                    Function&& function) {
  const int64_t step = level == FetchLevel::kNone ? end - begin : kFetchPositions;
  for (int64_t at = begin; at < end; at += step) {
    const int64_t part_end = std::min(at + step, end);
    AskFor(next, (part_end - at) * bytes, level);
    function(at, part_end);
  }
}

// What TakeBlock reads: positions [begin, begin + count) of a key head.
struct Block {
  int64_t kv_head, begin, count;
};

// Takes a block in for the `m` = tile rows x group query rows of `queries` [m, d], which are scaled or, where p.native,
// packed as they are. `scores` has m x count elements.
void TakeBlock(const VectorKernels& kernels, const Problem& p, int64_t first_row, int64_t m, const Block& block,
               LineFetch& fetch, const float* queries, float* scores, const Partial& part) {
  const auto element = static_cast<int64_t>(SizeOf(p.k.dtype));
  const int64_t kv_head = block.kv_head, begin = block.begin, count = block.count;
  const auto dot = [&](int64_t first, int64_t end, const void* keys) {
    if (p.native) {
      kernels.dot_bfloat_rows(queries, m, p.d, keys, p.kv_heads * p.d, end - first, scores + first, count);
    } else {
      kernels.dot_rows(p.dtype, queries, m, p.d, keys, p.kv_heads * p.d, end - first, scores + first, count);
    }
  };
  BetweenFetches(0, count, fetch.keys, p.d * element, fetch.level, [&](int64_t first, int64_t end) {
    dot(first, end, ElementAt(p.k, ((begin + first) * p.kv_heads + kv_head) * p.d));
  });
  if (p.native) kernels.scale(scores, m * count, p.scale);
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
                     p.dv, part.mix + i * p.dv);
  };
  if (all_visible) {
    return BetweenFetches(0, count, fetch.values, p.dv * element, fetch.level,
                          [&](int64_t first, int64_t end) { mix(0, m, first, end); });
  }
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

// A part of the work: one tile of rows of `heads_together` key heads over one split of the positions.
struct Part {
  int64_t tile, first_head, split;
  float* partials;  // One for each head, `stride` elements apart.
  int64_t stride;

  Partial For(const Problem& p, int64_t head) const { return PartialIn(partials + head * stride, p); }
};

// Calls take(head, block, fetch) for the positions that a part sees of each of its heads, block by block.
template <typename Take>
void ForBlocks(const Problem& p, const Part& part, int64_t rows, Take&& take) {
  const int64_t first_row = part.tile * p.tuning.row_tile;
  const int64_t first = FirstVisible(p, first_row), visible = EndVisible(p, first_row + rows - 1) - first;
  const int64_t begin = first + visible * part.split / p.splits, end = first + visible * (part.split + 1) / p.splits;
  for (int64_t at = begin; at < end; at += p.block) {
    const int64_t next = std::min(at + p.block, end);
    LineFetch fetch = {static_cast<const char*>(ElementAt(p.k, next * p.kv_heads * p.d)),
                       static_cast<const char*>(ElementAt(p.v, next * p.kv_heads * p.dv)),
                       p.heads_together == p.kv_heads && next < end ? p.tuning.fetch : FetchLevel::kNone};
    for (int64_t head = 0; head < p.heads_together; ++head)
      take(head, Block{part.first_head + head, at, next - at}, fetch);
  }
}

// Single rows by what multiplies bfloat16.
void DecodePositions(CpuContext& context, int member, const Problem& p, const Part& part) {
  const HeadGroup group = {p.group, p.d, p.dv, p.scale};
  const int64_t size = p.decode->state_size(group);
  auto* const states = static_cast<float*>(context.Scratch(
      member, sizeof(float) * static_cast<size_t>(p.heads_together * size + p.decode->work_size(group, p.block))));
  float* const work = states + p.heads_together * size;
  for (int64_t head = 0; head < p.heads_together; ++head) {
    const int64_t first_query = part.tile * p.heads + (part.first_head + head) * p.group;
    p.decode->begin(group, ElementAt(p.q, first_query * p.d), states + head * size);
  }
  ForBlocks(p, part, 1, [&](int64_t head, const Block& block, LineFetch& fetch) {
    const int64_t row = block.begin * p.kv_heads + block.kv_head;
    const CacheBlock cache = {ElementAt(p.k, row * p.d), ElementAt(p.v, row * p.dv), p.kv_heads * p.d,
                              p.kv_heads * p.dv, block.count};
    p.decode->take(group, cache, fetch, work, states + head * size);
  });
  for (int64_t head = 0; head < p.heads_together; ++head) {
    const Partial partial = part.For(p, head);
    p.decode->finish(group, states + head * size, partial.maximum, partial.sum, partial.mix);
  }
}

void TakePositions(CpuContext& context, int member, const Problem& p, const Part& part) {
  const VectorKernels& kernels = SelectVectorKernels(context.instruction_set());
  const int64_t first_row = part.tile * p.tuning.row_tile, rows = std::min(p.tuning.row_tile, p.n - first_row),
                m = rows * p.group;
  const int64_t size = QuerySize(kernels, p, m);
  auto* const queries = static_cast<float*>(
      context.Scratch(member, sizeof(float) * static_cast<size_t>((p.heads_together + 1) * size + m * p.block)));
  float *const rounded = queries + p.heads_together * size, *const scores = rounded + size;
  for (int64_t head = 0; head < p.heads_together; ++head) {
    LoadQueries(kernels, p, first_row, rows, part.first_head + head, rounded, queries + head * size);
    const Partial partial = part.For(p, head);
    std::fill(partial.maximum, partial.maximum + m, -INFINITY);
    std::fill(partial.sum, partial.sum + m, 0.0f);
    std::fill(partial.mix, partial.mix + m * p.dv, 0.0f);
  }
  ForBlocks(p, part, rows, [&](int64_t head, const Block& block, LineFetch& fetch) {
    TakeBlock(kernels, p, first_row, m, block, fetch, queries + head * size, scores, part.For(p, head));
  });
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
  const VectorKernels& kernels = SelectVectorKernels(context.instruction_set());
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
               .decode = nullptr,
               .tuning = AttentionTuningOf(*args.attributes),
               .tiles = 0,
               .splits = 1,
               .heads_together = 1,
               .block = 0};
  if (args.outputs[0].elements() == 0) return absl::OkStatus();
  p.native = p.dtype == VectorDType::kBFloat16 && kernels.dot_bfloat_rows != nullptr;
  if (p.native && p.n == 1 && p.d % kBFloatAttentionMultiple == 0 && p.dv % kBFloatAttentionMultiple == 0)
    p.decode = kernels.bfloat_attention;
  p.tiles = (p.n + p.tuning.row_tile - 1) / p.tuning.row_tile;
  const int64_t items = p.tiles * p.kv_heads, wanted = 4 * context.threads();
  const int64_t visible = p.window > 0 ? std::min(p.positions, p.window + p.n - 1) : p.positions;
  if (p.tiles < wanted && visible >= 2 * p.tuning.min_split) {
    p.heads_together = p.kv_heads;
    p.splits = std::clamp<int64_t>(visible / p.tuning.min_split, 1, (wanted + p.tiles - 1) / p.tiles);
  }
  const int64_t position_bytes = p.heads_together * (p.d + p.dv) * static_cast<int64_t>(SizeOf(p.k.dtype));
  p.block = std::clamp<int64_t>(p.tuning.block_bytes / position_bytes / 16 * 16, 16, p.tuning.block);
  // Parts lie as [tile, key head, split].
  const int64_t part_size = PartialSize(p), head_stride = p.splits * part_size;
  float* const parts = context.SharedScratch(items * head_stride);
  context.pool().ParallelFor(items / p.heads_together * p.splits, 1, [&](int64_t index, int64_t, int member) {
    const int64_t item = index / p.splits * p.heads_together, split = index % p.splits;
    const Part part = {item / p.kv_heads, item % p.kv_heads, split, parts + item * head_stride + split * part_size,
                       head_stride};
    p.decode != nullptr ? DecodePositions(context, member, p, part) : TakePositions(context, member, p, part);
  });
  context.pool().ParallelFor(items, 16, [&](int64_t begin, int64_t end, int) {
    for (int64_t item = begin; item < end; ++item) {
      Finish(kernels, p, item / p.kv_heads, item % p.kv_heads, parts + item * p.splits * PartialSize(p));
    }
  });
  return absl::OkStatus();
}

}  // namespace metronome::kernels::cpu
