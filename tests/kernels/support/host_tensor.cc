#include "tests/kernels/support/host_tensor.h"

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <new>
#include <random>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace metronome::testing {
namespace {

constexpr size_t kGuardBytes = 128;
constexpr std::byte kGuard{0xa5};

double SmallestSubnormal(kernels::DType dtype) {
  return dtype == kernels::DType::kFloat16    ? std::ldexp(1.0, -24)
         : dtype == kernels::DType::kBFloat16 ? std::ldexp(1.0, -133)
                                              : std::ldexp(1.0, -149);
}

}  // namespace

HostTensor::HostTensor(kernels::DType dtype, const kernels::Shape& shape) : dtype_(dtype), shape_(shape) {
  const auto page = static_cast<size_t>(getpagesize());
  const size_t usable = (bytes() + kGuardBytes + page - 1) / page * page, mapped = usable + page;
  void* const memory = mmap(nullptr, mapped, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) throw std::bad_alloc();
  memory_ =
      std::shared_ptr<std::byte>(static_cast<std::byte*>(memory), [mapped](std::byte* at) { munmap(at, mapped); });
  mprotect(memory_.get() + usable, page, PROT_NONE);
  start_ = usable - bytes();
  std::memset(memory_.get() + start_ - kGuardBytes, static_cast<int>(kGuard), kGuardBytes);
}

HostTensor HostTensor::First(int64_t rows) const {
  HostTensor first = *this;
  first.shape_[0] = rows;
  return first;
}

bool HostTensor::GuardIntact() const {
  return std::all_of(data() - kGuardBytes, data(), [](std::byte byte) { return byte == kGuard; });
}

bool HostTensor::SameBytes(const HostTensor& other) const {
  return bytes() == other.bytes() && std::memcmp(data(), other.data(), bytes()) == 0;
}

double HostTensor::At(int64_t index) const {
  const std::byte* at = data() + index * static_cast<int64_t>(kernels::SizeOf(dtype_));
  const auto read = [at](auto value) {
    std::memcpy(&value, at, sizeof(value));
    return value;
  };
  switch (dtype_) {
    case kernels::DType::kFloat32:
      return read(0.0f);
    case kernels::DType::kBFloat16:
      return static_cast<float>(read(kernels::BFloat16()));
    case kernels::DType::kFloat16:
      return static_cast<float>(read(kernels::Float16()));
    case kernels::DType::kInt32:
      return read(int32_t{0});
    case kernels::DType::kBool:
      return read(uint8_t{0});
  }
  return 0;
}

void HostTensor::Set(int64_t index, double value) {
  std::byte* at = data() + index * static_cast<int64_t>(kernels::SizeOf(dtype_));
  const auto write = [at](auto stored) { std::memcpy(at, &stored, sizeof(stored)); };
  switch (dtype_) {
    case kernels::DType::kFloat32:
      return write(static_cast<float>(value));
    case kernels::DType::kBFloat16:
      return write(kernels::BFloat16(static_cast<float>(value)));
    case kernels::DType::kFloat16:
      return write(kernels::Float16(static_cast<float>(value)));
    case kernels::DType::kInt32:
      return write(static_cast<int32_t>(value));
    case kernels::DType::kBool:
      return write(static_cast<uint8_t>(value != 0));
  }
}

HostTensor HostTensor::Random(kernels::DType dtype, const kernels::Shape& shape, uint64_t seed, double low,
                              double high) {
  HostTensor tensor(dtype, shape);
  std::mt19937_64 random(seed);
  std::uniform_real_distribution<double> uniform(low, high);
  for (int64_t i = 0; i < tensor.elements(); ++i) {
    tensor.Set(i, dtype == kernels::DType::kBool ? static_cast<double>(random() & 1) : uniform(random));
  }
  return tensor;
}

HostTensor HostTensor::Of(kernels::DType dtype, const kernels::Shape& shape, const std::vector<double>& values) {
  HostTensor tensor(dtype, shape);
  for (int64_t i = 0; i < tensor.elements(); ++i) tensor.Set(i, values[static_cast<size_t>(i) % values.size()]);
  return tensor;
}

std::vector<double> HostTensor::Values() const {
  std::vector<double> values;
  for (int64_t i = 0; i < elements(); ++i) values.push_back(At(i));
  return values;
}

double RoundTo(kernels::DType dtype, double value) {
  HostTensor one(dtype, kernels::Shape{});
  one.Set(0, value);
  return one.At(0);
}

double UnitRoundoff(kernels::DType dtype) {
  return dtype == kernels::DType::kFloat16    ? std::ldexp(1.0, -11)
         : dtype == kernels::DType::kBFloat16 ? std::ldexp(1.0, -8)
                                              : std::ldexp(1.0, -24);
}

void ExpectClose(const HostTensor& got, const std::vector<double>& want, const std::vector<double>& error) {
  ASSERT_EQ(static_cast<size_t>(got.elements()), want.size());
  int failures = 0;
  for (int64_t i = 0; i < got.elements() && failures < 5; ++i) {
    const double value = got.At(i), wanted = want[static_cast<size_t>(i)];
    bool close;
    if (std::isnan(wanted)) {
      close = std::isnan(value);
    } else if (std::isinf(value) || std::isinf(wanted)) {
      close = value == RoundTo(got.dtype(), wanted);
    } else {
      const double bound = UnitRoundoff(got.dtype()) * std::abs(wanted) + 1.01 * error[static_cast<size_t>(i)] +
                           SmallestSubnormal(got.dtype());
      close = std::abs(value - wanted) <= bound;
    }
    if (close) continue;
    ++failures;
    ADD_FAILURE() << "element " << i << " of " << kernels::Name(got.dtype()) << ToString(got.shape()) << " is " << value
                  << ", not " << wanted << " (off by " << value - wanted << ", allowed "
                  << error[static_cast<size_t>(i)] << " before rounding)";
  }
  EXPECT_TRUE(got.GuardIntact()) << "bytes before the output changed";
}

void ExpectWithinUlps(const HostTensor& got, const std::vector<double>& want, double ulps) {
  std::vector<double> error;
  for (const double value : want) error.push_back(std::isfinite(value) ? ulps * std::ldexp(std::abs(value), -23) : 0);
  ExpectClose(got, want, error);
}

std::string ToString(const kernels::Shape& shape) { return absl::StrCat("[", absl::StrJoin(shape.dims(), ", "), "]"); }

}  // namespace metronome::testing
