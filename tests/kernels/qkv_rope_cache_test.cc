#include <cmath>
#include <string>
#include <vector>

#include "tests/kernels/support/kernel_test.h"
#include "tests/kernels/support/value_range.h"

namespace metronome::testing {
namespace {

class QkvRopeCacheTest : public KernelTest {};
METRONOME_TEST_ALL_VARIANTS(QkvRopeCacheTest);

struct Problem {
  int64_t m, heads, kv_heads, size, value_size, k, past, capacity;
};

// Rows 1, few and many; heads of 2 to 256, in tiles of columns and across them; odd k; the last rows of a cache.
constexpr Problem kProblems[] = {{1, 4, 2, 2, 2, 8, 0, 4},      {1, 2, 1, 64, 64, 40, 6, 8},
                                 {1, 3, 3, 10, 7, 33, 5, 6},    {3, 4, 1, 16, 16, 64, 0, 3},
                                 {2, 2, 2, 256, 256, 72, 3, 5}, {8, 8, 2, 6, 6, 128, 1, 9},
                                 {5, 5, 5, 20, 11, 96, 11, 16}, {1, 8, 1, 128, 128, 520, 62, 64},
                                 {9, 4, 2, 20, 20, 48, 2, 11},  {17, 2, 1, 32, 32, 31, 0, 20}};

struct Options {
  bool bias, head_norm, norm;
};

struct Operands {
  Operands(kernels::DType dtype, const Problem& p, const Options& options, uint64_t seed)
      : x(dtype, {p.m, p.k}),
        norm(HostTensor::Random(dtype, {p.k}, seed + 1, 0, 2)),
        cos(HostTensor::Random(dtype, {p.m, p.size}, seed + 2)),
        sin(HostTensor::Random(dtype, {p.m, p.size}, seed + 3)),
        q(dtype, {p.m, p.heads, p.size}),
        k_cache(HostTensor::Random(dtype, {p.capacity, p.kv_heads, p.size}, seed + 4)),
        v_cache(HostTensor::Random(dtype, {p.capacity, p.kv_heads, p.value_size}, seed + 5)) {
    const HostTensor random = HostTensor::Random(kernels::DType::kFloat32, {p.m, p.k}, seed, -4, 4);
    // Whole numbers: their squares add up exactly in any order.
    for (int64_t i = 0; i < x.elements(); ++i) x.Set(i, std::round(random.At(i)));
    const int64_t columns[] = {p.heads * p.size, p.kv_heads * p.size, p.kv_heads * p.value_size};
    for (uint64_t i = 0; i < 3; ++i) {
      w.push_back(HostTensor::Random(dtype, {columns[i], p.k}, seed + 6 + i));
      if (options.bias) bias.push_back(HostTensor::Random(dtype, {columns[i]}, seed + 9 + i));
      if (options.head_norm && i < 2) head_norm.push_back(HostTensor::Random(dtype, {p.size}, seed + 12 + i, -1, 1));
    }
    inputs = {x, w[0], w[1], w[2], cos, sin, k_cache, v_cache};
    inputs.insert(inputs.end(), bias.begin(), bias.end());
    inputs.insert(inputs.end(), head_norm.begin(), head_norm.end());
    if (options.norm) inputs.push_back(norm);
    outputs = {q, k_cache.First(p.past + p.m), v_cache.First(p.past + p.m)};
    attributes = {{"has_bias", int64_t{options.bias}},
                  {"has_head_norm", int64_t{options.head_norm}},
                  {"has_norm", int64_t{options.norm}},
                  {"eps", 1e-3},
                  {"weight_offset", 1.0},
                  {"head_eps", 1e-2},
                  {"head_weight_offset", options.bias ? 1.0 : 0.0},
                  {"head_round_before_weight", int64_t{options.bias ? 0 : 1}}};
  }

  HostTensor x, norm, cos, sin, q, k_cache, v_cache;
  std::vector<HostTensor> w, bias, head_norm, inputs, outputs;
  kernels::Attributes attributes;
};

// What the product of row `row` and column `column` of part `part` may be, rounded. Errors as in linear_test.cc.
ValueRange Product(const Operands& o, const std::vector<double>& x, int part, int64_t row, int64_t column) {
  const int64_t k = o.x.shape()[1];
  double sum = o.bias.empty() ? 0 : o.bias[part].At(column), magnitude = std::abs(sum);
  for (int64_t l = 0; l < k; ++l) {
    const double term = x[row * k + l] * o.w[part].At(column * k + l);
    sum += term;
    magnitude += std::abs(term);
  }
  return Rounded(o.x.dtype(), {sum, sum}, (4 * std::sqrt(static_cast<double>(k)) + 4) * 0x1p-24 * magnitude);
}

void Normalise(const Operands& o, const HostTensor& weight, std::vector<ValueRange>& head) {
  const kernels::DType dtype = o.x.dtype();
  double least = 0, most = 0;
  for (const ValueRange& value : head) {
    const double a = std::abs(value.low), b = std::abs(value.high);
    least += value.low * value.high <= 0 ? 0 : std::min(a, b) * std::min(a, b);
    most += std::max(a, b) * std::max(a, b);
  }
  const auto size = static_cast<double>(head.size());
  const double eps = o.attributes.Float("head_eps"), offset = o.attributes.Float("head_weight_offset"),
               low = 1 / std::sqrt(most / size + eps), high = 1 / std::sqrt(least / size + eps);
  constexpr double kError = 8 * 0x1p-24;  // The sum, the root, the division and the products, with margin.
  for (size_t i = 0; i < head.size(); ++i) {
    ValueRange& value = head[i];
    value = {std::min(value.low * low, value.low * high), std::max(value.high * low, value.high * high)};
    if (o.attributes.Int("head_round_before_weight") != 0) value = Rounded(dtype, value, kError * value.magnitude());
    value = value * (offset + weight.At(static_cast<int64_t>(i)));
    value = Rounded(dtype, value, kError * value.magnitude());
  }
}

struct Expected {
  std::vector<double> values, errors;
  void Add(const ValueRange& range, double error) {
    values.push_back(range.middle());
    errors.push_back(range.slack() + error);
  }
};

// Heads of q (part 0) or k: products, perhaps normalised, turned.
Expected Turned(const Operands& o, const std::vector<double>& x, int part, int64_t m, int64_t heads, int64_t size) {
  Expected expected;
  for (int64_t row = 0; row < m; ++row) {
    for (int64_t h = 0; h < heads; ++h) {
      std::vector<ValueRange> head;
      for (int64_t i = 0; i < size; ++i) head.push_back(Product(o, x, part, row, h * size + i));
      if (!o.head_norm.empty()) Normalise(o, o.head_norm[part], head);
      for (int64_t i = 0; i < size; ++i) {
        const int64_t other = (i + size / 2) % size;
        const ValueRange own = head[i] * o.cos.At(row * size + i),
                         turned = head[other] * ((i < size / 2 ? -1 : 1) * o.sin.At(row * size + i));
        expected.Add({own.low + turned.low, own.high + turned.high},
                     3 * 0x1p-24 * (own.magnitude() + turned.magnitude()));
      }
    }
  }
  return expected;
}

// Rows [past, past + m) of a cache.
HostTensor RowsOf(const HostTensor& cache, int64_t past, int64_t m) {
  const int64_t row = cache.shape()[1] * cache.shape()[2];
  HostTensor rows(cache.dtype(), {m, cache.shape()[1], cache.shape()[2]});
  for (int64_t i = 0; i < m * row; ++i) rows.Set(i, cache.At(past * row + i));
  return rows;
}

void ExpectOtherRowsKept(const HostTensor& cache, const std::vector<double>& before, int64_t past, int64_t m) {
  const int64_t row = cache.shape()[1] * cache.shape()[2];
  for (int64_t i = 0; i < cache.elements(); ++i) {
    if (i < past * row || i >= (past + m) * row) {
      ASSERT_EQ(cache.At(i), before[i]) << "row " << i / row;
    }
  }
}

TEST_P(QkvRopeCacheTest, MatchesFloat64) {
  int turn = 0;
  for (const kernels::DType dtype : kFloats) {
    for (const Problem& p : kProblems) {
      ++turn;
      const int modes = p.k > 100 || p.size > 100 ? 1 : 3;  // To save time.
      for (int mode = turn; mode < turn + modes; ++mode) {
        const Options options = {mode % 2 == 0, mode % 4 >= 2, mode % 3 != 0};
        SCOPED_TRACE(std::string(kernels::Name(dtype)) + " m " + std::to_string(p.m) + " heads " +
                     std::to_string(p.heads) + " of " + std::to_string(p.size) + " k " + std::to_string(p.k) +
                     (options.bias ? " bias" : "") + (options.head_norm ? " head norm" : "") +
                     (options.norm ? " norm" : ""));
        const Operands o(dtype, p, options, static_cast<uint64_t>(100 * turn));
        const std::vector<double> keys = o.k_cache.Values(), values = o.v_cache.Values();
        HostTensor x = o.x;
        if (options.norm) {
          x = HostTensor(dtype, {p.m, p.k});
          ASSERT_TRUE(Run("rms_norm", {o.x, o.norm}, x, {{"eps", 1e-3}, {"weight_offset", 1.0}}).ok());
        }

        const absl::Status status = Run("qkv_rope_cache", o.inputs, o.outputs, o.attributes);

        ASSERT_TRUE(status.ok()) << status;
        const Expected q = Turned(o, x.Values(), 0, p.m, p.heads, p.size),
                       k = Turned(o, x.Values(), 1, p.m, p.kv_heads, p.size);
        Expected v;
        for (int64_t i = 0; i < p.m * p.kv_heads * p.value_size; ++i)
          v.Add(Product(o, x.Values(), 2, i / (p.kv_heads * p.value_size), i % (p.kv_heads * p.value_size)), 0);
        ExpectClose(o.q, q.values, q.errors);
        ExpectClose(RowsOf(o.k_cache, p.past, p.m), k.values, k.errors);
        ExpectClose(RowsOf(o.v_cache, p.past, p.m), v.values, v.errors);
        ExpectOtherRowsKept(o.k_cache, keys, p.past, p.m);
        ExpectOtherRowsKept(o.v_cache, values, p.past, p.m);
        EXPECT_TRUE(o.q.GuardIntact() && o.k_cache.GuardIntact() && o.v_cache.GuardIntact());
      }
    }
  }
}

TEST_P(QkvRopeCacheTest, TuningKeepsTheResult) {
  for (const Problem& p : {kProblems[7], kProblems[9]}) {
    const Operands o(kernels::DType::kBFloat16, p, {.bias = true, .head_norm = true, .norm = true}, 7);
    ASSERT_TRUE(Run("qkv_rope_cache", o.inputs, o.outputs, o.attributes).ok());
    const std::vector<double> want = o.q.Values();
    std::vector<kernels::TensorView> views;
    for (const HostTensor& input : o.inputs) views.push_back(input.View());
    const kernels::Kernel* const kernel = backend().FindKernel("qkv_rope_cache").value();
    for (const kernels::TuningParameter& parameter : backend().TuningSpace(*kernel, {.inputs = views})) {
      for (const int64_t value : parameter.values) {
        SCOPED_TRACE(std::string(parameter.name) + " " + std::to_string(value));
        kernels::Attributes attributes = o.attributes;
        attributes.Set(parameter.name, value);
        ASSERT_TRUE(Run("qkv_rope_cache", o.inputs, o.outputs, attributes).ok());
        // Another order of summation, and a rounding that tips: three roundings of values below 4.
        for (int64_t i = 0; i < o.q.elements(); ++i) ASSERT_NEAR(o.q.At(i), want[i], 12 * 0x1p-8) << i;
      }
    }
  }
}

TEST_P(QkvRopeCacheTest, NoRowsChangeNothing) {
  const Problem p = {0, 4, 2, 8, 8, 16, 3, 4};
  const Operands o(kernels::DType::kFloat32, p, {.bias = false, .head_norm = true, .norm = true}, 8);
  const std::vector<double> before = o.k_cache.Values();
  ASSERT_TRUE(Run("qkv_rope_cache", o.inputs, o.outputs, o.attributes).ok());
  EXPECT_EQ(o.k_cache.Values(), before);
}

}  // namespace
}  // namespace metronome::testing
