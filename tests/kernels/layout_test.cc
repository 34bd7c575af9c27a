#include <algorithm>
#include <numeric>

#include "tests/kernels/support/kernel_test.h"

namespace metronome::testing {
namespace {

constexpr kernels::DType kAll[] = {kernels::DType::kFloat32, kernels::DType::kBFloat16, kernels::DType::kFloat16,
                                   kernels::DType::kInt32, kernels::DType::kBool};

class LayoutTest : public KernelTest {};
METRONOME_TEST_ALL_VARIANTS(LayoutTest);

using Index = std::vector<int64_t>;

Index Unflatten(int64_t flat, const kernels::Shape& shape) {
  Index index(shape.rank());
  for (int axis = shape.rank() - 1; axis >= 0; --axis) {
    index[axis] = flat % shape[axis];
    flat /= shape[axis];
  }
  return index;
}

int64_t Flatten(const Index& index, const kernels::Shape& shape) {
  int64_t flat = 0;
  for (int axis = 0; axis < shape.rank(); ++axis) flat = flat * shape[axis] + index[axis];
  return flat;
}

// Every output element is exactly the input element at `source(output index)`.
template <typename Source>
void ExpectMoved(const HostTensor& input, const HostTensor& output, Source source) {
  for (int64_t i = 0; i < output.elements(); ++i) {
    ASSERT_EQ(output.At(i), input.At(Flatten(source(Unflatten(i, output.shape())), input.shape()))) << "element " << i;
  }
  EXPECT_TRUE(output.GuardIntact());
}

TEST_P(LayoutTest, TransposePermutesEveryRank) {
  for (const kernels::Shape& shape :
       {kernels::Shape{}, kernels::Shape{7}, kernels::Shape{3, 5}, kernels::Shape{4, 1, 33}, kernels::Shape{2, 3, 0, 2},
        kernels::Shape{2, 3, 1, 2, 5}, kernels::Shape{2, 1, 3, 2, 1, 3}}) {
    Index permutation(shape.rank());
    std::iota(permutation.begin(), permutation.end(), 0);
    do {
      kernels::Shape target = shape;
      for (int axis = 0; axis < shape.rank(); ++axis) target[axis] = shape[static_cast<int>(permutation[axis])];
      // All dtypes move bytes alike; the odd widths 1, 2 and 4 are what differs.
      for (const kernels::DType dtype : {kernels::DType::kFloat32, kernels::DType::kBFloat16, kernels::DType::kBool}) {
        const HostTensor x = HostTensor::Random(dtype, shape, 21, -9, 9), y(dtype, target);
        ASSERT_TRUE(Run("transpose", {x}, y, {{"permutation", permutation}}).ok());
        ExpectMoved(x, y, [&](const Index& index) {
          Index source(index.size());
          for (size_t axis = 0; axis < index.size(); ++axis) source[permutation[axis]] = index[axis];
          return source;
        });
      }
    } while (std::next_permutation(permutation.begin(), permutation.end()));
  }
}

TEST_P(LayoutTest, BroadcastRepeats) {
  const struct {
    kernels::Shape from, to;
  } cases[] = {{{}, {}},          {{}, {3, 5}},
               {{1}, {17}},       {{5}, {3, 5}},
               {{3, 1}, {3, 18}}, {{2, 1, 3, 1}, {4, 2, 5, 3, 2}},
               {{1, 3}, {0, 3}},  {{1, 2, 1, 1, 2, 1}, {2, 2, 3, 2, 2, 3}}};
  for (const kernels::DType dtype : kAll) {
    for (const auto& [from, to] : cases) {
      SCOPED_TRACE(std::string(kernels::Name(dtype)) + ToString(from) + ToString(to));
      const HostTensor x = HostTensor::Random(dtype, from, 22, -9, 9), y(dtype, to);
      ASSERT_TRUE(Run("broadcast", {x}, y).ok());
      ExpectMoved(x, y, [&, rank = from.rank()](const Index& index) {
        Index source(index.end() - rank, index.end());
        for (int axis = 0; axis < rank; ++axis) source[axis] = x.shape()[axis] == 1 ? 0 : source[axis];
        return source;
      });
    }
  }
}

TEST_P(LayoutTest, SliceTakesARangeOfEachAxis) {
  for (const kernels::DType dtype : kAll) {
    for (const kernels::Shape& shape :
         {kernels::Shape{9}, kernels::Shape{4, 7}, kernels::Shape{3, 5, 33}, kernels::Shape{2, 3, 2, 3, 2, 4}}) {
      for (int axis = 0; axis < shape.rank(); ++axis) {
        for (const auto& [start, size] : {std::pair<int64_t, int64_t>{0, shape[axis]},
                                          {1, shape[axis] - 1},
                                          {shape[axis] - 1, 1},
                                          {shape[axis], 0},
                                          {0, 1}}) {
          SCOPED_TRACE(std::string(kernels::Name(dtype)) + ToString(shape));
          kernels::Shape target = shape;
          target[axis] = size;
          const HostTensor x = HostTensor::Random(dtype, shape, 23, -9, 9), y(dtype, target);
          ASSERT_TRUE(Run("slice", {x}, y, {{"axis", int64_t{axis}}, {"start", start}}).ok());
          ExpectMoved(x, y, [axis = axis, start = start](Index index) {
            index[axis] += start;
            return index;
          });
        }
      }
    }
  }
}

TEST_P(LayoutTest, ConcatJoinsPartsOfDifferentSizes) {
  for (const kernels::DType dtype : kAll) {
    for (int axis = 0; axis < 3; ++axis) {
      const int64_t sizes[] = {2, 0, 5, 1};
      kernels::Shape target{3, 4, 7};
      target[axis] = 8;
      std::vector<HostTensor> parts;
      for (const int64_t size : sizes) {
        kernels::Shape shape = target;
        shape[axis] = size;
        parts.push_back(HostTensor::Random(dtype, shape, 24 + static_cast<uint64_t>(size), -9, 9));
      }
      const HostTensor y(dtype, target);

      ASSERT_TRUE(Run("concat", parts, y, {{"axis", int64_t{axis}}}).ok());

      for (int64_t i = 0; i < y.elements(); ++i) {
        Index index = Unflatten(i, target);
        size_t part = 0;
        while (index[axis] >= sizes[part]) index[axis] -= sizes[part++];
        ASSERT_EQ(y.At(i), parts[part].At(Flatten(index, parts[part].shape()))) << "axis " << axis << " element " << i;
      }
      EXPECT_TRUE(y.GuardIntact());
    }
  }
}

TEST_P(LayoutTest, IotaCountsFromItsStart) {
  for (const int64_t size : {0, 1, 33}) {
    const HostTensor y(kernels::DType::kInt32, {size});
    ASSERT_TRUE(Run("iota", {}, y, {{"start", int64_t{131071}}}).ok());
    for (int64_t i = 0; i < size; ++i) EXPECT_EQ(y.At(i), 131071 + i);
  }
}

TEST_P(LayoutTest, GatherCopiesRows) {
  for (const kernels::DType dtype : kAll) {
    for (const kernels::Shape& shape :
         {kernels::Shape{6}, kernels::Shape{6, 33}, kernels::Shape{6, 2, 3}, kernels::Shape{6, 0}}) {
      SCOPED_TRACE(std::string(kernels::Name(dtype)) + ToString(shape));
      const HostTensor table = HostTensor::Random(dtype, shape, 25, -9, 9),
                       indices = HostTensor::Of(kernels::DType::kInt32, {5}, {5, 0, 3, 3, 1});
      kernels::Shape target = shape;
      target[0] = 5;
      const HostTensor y(dtype, target);
      ASSERT_TRUE(Run("gather", {table, indices}, y).ok());
      ExpectMoved(table, y, [&](Index index) {
        index[0] = static_cast<int64_t>(indices.At(index[0]));
        return index;
      });
    }
  }
}

TEST_P(LayoutTest, GatherNamesAnIndexOutsideTheTable) {
  const HostTensor table = HostTensor::Random(kernels::DType::kFloat32, {6, 4}, 26),
                   y(kernels::DType::kFloat32, {2, 4});
  for (const int64_t bad : {-1, 6, 2147483647}) {
    const absl::Status status =
        Run("gather", {table, HostTensor::Of(kernels::DType::kInt32, {2}, {2, static_cast<double>(bad)})}, y);
    EXPECT_EQ(status.code(), absl::StatusCode::kOutOfRange);
    EXPECT_NE(status.message().find(std::to_string(bad)), std::string::npos) << status;
    EXPECT_NE(status.message().find("6"), std::string::npos) << status;
  }
  const HostTensor empty(kernels::DType::kFloat32, {0, 4});
  EXPECT_EQ(Run("gather", {empty, HostTensor::Of(kernels::DType::kInt32, {2}, {0, 0})}, y).code(),
            absl::StatusCode::kOutOfRange);
}

TEST_P(LayoutTest, EmbeddingScalesTheRowsItGathers) {
  for (const kernels::DType dtype : kFloats) {
    const HostTensor table = HostTensor::Random(dtype, {6, 33}, 25, -9, 9),
                     indices = HostTensor::Of(kernels::DType::kInt32, {4}, {5, 0, 3, 3}), y(dtype, {4, 33});
    std::vector<double> want;
    for (int64_t i = 0; i < y.elements(); ++i)
      want.push_back(table.At(static_cast<int64_t>(indices.At(i / 33)) * 33 + i % 33) * 1.5);
    ASSERT_TRUE(Run("embedding", {table, indices}, y, {{"scale", 1.5}}).ok());
    ExpectWithinUlps(y, want, 0);
    EXPECT_EQ(Run("embedding", {table, HostTensor::Of(kernels::DType::kInt32, {4}, {0, 6, 0, 0})}, y, {{"scale", 1.5}})
                  .code(),
              absl::StatusCode::kOutOfRange);
  }
}

TEST_P(LayoutTest, CacheWriteAppendsInPlaceAndLeavesTheRestAlone) {
  for (const kernels::DType dtype : kFloats) {
    for (const auto& [past, rows] : {std::pair<int64_t, int64_t>{0, 1}, {0, 8}, {3, 1}, {3, 5}, {7, 1}, {4, 0}}) {
      SCOPED_TRACE(std::string(kernels::Name(dtype)) + " past " + std::to_string(past) + " rows " +
                   std::to_string(rows));
      const HostTensor cache = HostTensor::Random(dtype, {8, 2, 3}, 27),
                       added = HostTensor::Random(dtype, {rows, 2, 3}, 28, 5, 6);
      const std::vector<double> before = cache.Values();

      ASSERT_TRUE(Run("cache_write", {cache, added}, cache.First(past + rows)).ok());

      for (int64_t i = 0; i < cache.elements(); ++i) {
        const int64_t row = i / 6;
        ASSERT_EQ(cache.At(i), row >= past && row < past + rows ? added.At(i - past * 6) : before[i]) << i;
      }
    }
  }
}

}  // namespace
}  // namespace metronome::testing
