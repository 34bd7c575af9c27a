#include <algorithm>
#include <cmath>

#include "tests/kernels/support/kernel_test.h"

namespace metronome::testing {
namespace {

// Compared with the plain kernels that the expert kernels stand for, one expert at a time.
class ExpertsTest : public KernelTest {
 protected:
  // Rows of `x` [slots, k] times their experts [E, n, k], in float32.
  HostTensor Products(const HostTensor& x, const HostTensor& experts, const HostTensor& index) {
    const int64_t slots = x.shape()[0], k = x.shape()[1], n = experts.shape()[1];
    const HostTensor y(kernels::DType::kFloat32, {slots, n});
    for (int64_t slot = 0; slot < slots; ++slot) {
      const HostTensor row(x.dtype(), {1, k}), w(x.dtype(), {n, k}), product(kernels::DType::kFloat32, {1, n});
      Copy(x, slot * k, row);
      Copy(experts, static_cast<int64_t>(index.At(slot)) * n * k, w);
      EXPECT_TRUE(Run("linear", {row, w}, product, {{"has_bias", int64_t{0}}, {"has_residual", int64_t{0}}}).ok());
      for (int64_t j = 0; j < n; ++j) const_cast<HostTensor&>(y).Set(slot * n + j, product.At(j));
    }
    return y;
  }
  static void Copy(const HostTensor& from, int64_t first, const HostTensor& to) {
    for (int64_t i = 0; i < to.elements(); ++i) const_cast<HostTensor&>(to).Set(i, from.At(first + i));
  }
  // Sums in another order: a few units of float32, and then either neighbour of the dtype.
  static std::vector<double> Errors(kernels::DType dtype, const std::vector<double>& want, double scale) {
    const double unit = dtype == kernels::DType::kFloat32 ? 0 : 2 * UnitRoundoff(dtype);
    std::vector<double> errors;
    for (double value : want) errors.push_back(unit * (std::abs(value) + scale) + 1e-5 * scale);
    return errors;
  }
};
METRONOME_TEST_ALL_VARIANTS(ExpertsTest);

struct Routing {
  const char* name;
  int64_t rows, slots, experts;
  std::vector<double> index;
};

std::vector<Routing> Routings() {
  std::vector<Routing> routings = {{"one row", 1, 3, 7, {6, 0, 3}},
                                   {"one expert takes all", 4, 2, 5, std::vector<double>(8, 2)},
                                   {"no row", 0, 2, 5, {}},
                                   {"one expert", 3, 1, 1, {0, 0, 0}}};
  Routing many = {"many rows", 40, 3, 6, {}};
  for (int i = 0; i < 120; ++i) many.index.push_back((i * 7 + i / 5) % 5);  // The last expert gets none.
  routings.push_back(many);
  return routings;
}

TEST_P(ExpertsTest, ExpertLinearTakesEachRowToItsExpert) {
  for (const kernels::DType dtype : kFloats) {
    for (const Routing& routing : Routings()) {
      SCOPED_TRACE(std::string(kernels::Name(dtype)) + " " + routing.name);
      const int64_t slots = routing.rows * routing.slots;
      const HostTensor x = HostTensor::Random(dtype, {slots, 37}, 91), y(dtype, {slots, 70}),
                       experts = HostTensor::Random(dtype, {routing.experts, 70, 37}, 92),
                       index = HostTensor::Of(kernels::DType::kInt32, {slots}, routing.index);
      ASSERT_TRUE(Run("expert_linear", {x, experts, index}, y).ok());
      const std::vector<double> want = Products(x, experts, index).Values();
      ExpectClose(y, want, std::vector<double>(want.size(), 1e-4));
    }
  }
}

TEST_P(ExpertsTest, GatedExpertsActivateTheFirstHalf) {
  for (const kernels::DType dtype : kFloats) {
    for (const char* const activation : {"silu", "gelu_tanh"}) {
      for (const Routing& routing : Routings()) {
        SCOPED_TRACE(std::string(kernels::Name(dtype)) + " " + activation + " " + routing.name);
        constexpr int64_t kColumns = 33;
        const int64_t slots = routing.rows * routing.slots;
        const HostTensor x = HostTensor::Random(dtype, {routing.rows, 37}, 93), y(dtype, {slots, kColumns}),
                         experts = HostTensor::Random(dtype, {routing.experts, 2 * kColumns, 37}, 94),
                         index = HostTensor::Of(kernels::DType::kInt32, {slots}, routing.index);
        HostTensor repeated(dtype, {slots, 37}), gate(dtype, {slots, kColumns}), up(dtype, {slots, kColumns});
        for (int64_t i = 0; i < repeated.elements(); ++i) repeated.Set(i, x.At(i / 37 / routing.slots * 37 + i % 37));
        const HostTensor products = Products(repeated, experts, index);
        for (int64_t i = 0; i < gate.elements(); ++i) {
          gate.Set(i, products.At(i / kColumns * 2 * kColumns + i % kColumns));
          up.Set(i, products.At(i / kColumns * 2 * kColumns + kColumns + i % kColumns));
        }
        const HostTensor want(dtype, {slots, kColumns});
        const kernels::Attributes attributes = {{"activation", std::string(activation)}};
        ASSERT_TRUE(Run("gated_activation", {gate, up}, want, attributes).ok());

        ASSERT_TRUE(Run("gated_experts", {x, experts, index}, y, attributes).ok());

        // A product near the middle of two numbers rounds either way, and its factors multiply that.
        std::vector<double> errors;
        for (int64_t i = 0; i < y.elements(); ++i)
          errors.push_back((dtype == kernels::DType::kFloat32 ? 1e-4 : 6 * UnitRoundoff(dtype)) *
                           (1 + std::abs(gate.At(i))) * (1 + std::abs(up.At(i))));
        ExpectClose(y, want.Values(), errors);
      }
    }
  }
}

TEST_P(ExpertsTest, ExpertMixSumsTheWeightedRows) {
  for (const kernels::DType dtype : kFloats) {
    for (const Routing& routing : Routings()) {
      SCOPED_TRACE(std::string(kernels::Name(dtype)) + " " + routing.name);
      constexpr int64_t kColumns = 70;
      const int64_t slots = routing.rows * routing.slots;
      const HostTensor x = HostTensor::Random(dtype, {slots, 37}, 95), y(dtype, {routing.rows, kColumns}),
                       experts = HostTensor::Random(dtype, {routing.experts, kColumns, 37}, 96),
                       index = HostTensor::Of(kernels::DType::kInt32, {slots}, routing.index),
                       weights = HostTensor::Random(dtype, {routing.rows, routing.slots}, 97, 0, 1);
      const HostTensor products = Products(x, experts, index);
      std::vector<double> want(static_cast<size_t>(y.elements()));
      for (int64_t i = 0; i < products.elements(); ++i) {
        const int64_t slot = i / kColumns;
        want[slot / routing.slots * kColumns + i % kColumns] +=
            RoundTo(dtype, RoundTo(dtype, products.At(i)) * weights.At(slot));
      }
      ASSERT_TRUE(Run("expert_mix", {x, experts, index, weights}, y).ok());
      ExpectClose(y, want, Errors(dtype, want, 8.0 * static_cast<double>(routing.slots)));
    }
  }
}

TEST_P(ExpertsTest, AnExpertOutOfRangeIsNamedAndNothingIsRead) {
  const HostTensor x = HostTensor::Random(kernels::DType::kFloat32, {2, 4}, 98), y(kernels::DType::kFloat32, {2, 6}),
                   experts = HostTensor::Random(kernels::DType::kFloat32, {3, 6, 4}, 99);
  for (const int64_t bad : {-1, 3, 2147483647}) {
    const HostTensor index = HostTensor::Of(kernels::DType::kInt32, {2}, {1, static_cast<double>(bad)});
    const absl::Status status = Run("expert_linear", {x, experts, index}, y);
    EXPECT_EQ(status.code(), absl::StatusCode::kOutOfRange);
    EXPECT_NE(status.message().find(std::to_string(bad)), std::string::npos) << status;
  }
}

}  // namespace
}  // namespace metronome::testing
