#include "tests/kernels/support/device_draw.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "kernels/base/split_mix.h"
#include "kernels/interface/token_draw.h"

namespace metronome::testing {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

template <typename T, size_t n>
T Any(const T (&values)[n], std::mt19937& random) {
  return values[random() % n];
}

double LogitOfKind(int kind, int64_t i, double normal, std::mt19937& random) {
  switch (kind) {
    case 0:
      return 0.01 * normal;
    case 1:
      return 20 + 0.001 * normal;
    case 2:
      return 30 * normal;
    case 3:
      return std::round(normal);
    case 4:
      return -2.5;
    case 5:
      return normal < 0 ? -0.0 : normal < 1 ? 0.0 : -1.0;
    case 6:
      return normal < 0 ? -kInfinity : 3 * normal;
    case 7:
      return i == 0 ? -7 : -kInfinity;
    case 8:
      return static_cast<double>(i) * 1e-3;
    case 9:
      return 1e-42 * normal;  // Subnormal; 0 of both signs in float16.
    case 10:
      return 1e38 * normal;  // Infinite for many, in float16 for all.
    case 11:
      return random() % 999 == 0 ? std::nan("") : normal;
    case 12:
      return random() % 999 == 0 ? kInfinity : normal;
    case 13:
      return -kInfinity;
    case 14:
      return std::round(normal * 8) / 8 - 20;
    default:
      return 3 * normal;
  }
}
constexpr int kKinds = 24;  // Those from 15 on are ordinary.

int32_t FailureOf(const absl::Status& status) {
  const std::string message(status.message());
  if (message.find("is NaN") != std::string::npos) return 1;
  if (message.find("no logit is finite") != std::string::npos) return 2;
  if (message.find("is infinite") != std::string::npos) return 3;
  ADD_FAILURE() << "unexpected: " << status;
  return -1;
}

template <typename T>
void Put(kernels::Backend& backend, void* device, const std::vector<T>& values) {
  const auto bytes = static_cast<int64_t>(values.size() * sizeof(T));
  ASSERT_TRUE(backend.CopyToDevice(device, values.data(), bytes).ok());
}

}  // namespace

void PrintTo(const Drawn& drawn, std::ostream* out) {
  *out << "token " << drawn.token << ", length " << drawn.length << ", state " << drawn.state << ", failure "
       << drawn.failure << ", sequence [..";
  for (int64_t i = std::max<int64_t>(0, drawn.length - 3); i < static_cast<int64_t>(drawn.sequence.size()); ++i)
    *out << " " << drawn.sequence[i];
  *out << "]";
}

DeviceDraw::DeviceDraw(kernels::Backend& backend, bool copies, const Drawn& start)
    : backend_(backend), copies_(copies), capacity_(static_cast<int64_t>(start.sequence.size())) {
  sequence_ = backend.Allocate(std::max<int64_t>(capacity_, 1) * static_cast<int64_t>(sizeof(int32_t))).value();
  scalars_ = backend.Allocate(sizeof(Scalars)).value();
  Put(backend, sequence_->data(), start.sequence);
  Put<Scalars>(backend, scalars_->data(), {{start.length, start.state, start.token, start.failure}});
}

kernels::TokenDraw DeviceDraw::With(const runtime::SamplingOptions& options, const HostTensor& logits, int64_t vocab) {
  kernels::TensorView view = logits.View();
  if (copies_) {
    const int64_t offset = static_cast<int64_t>(reinterpret_cast<uintptr_t>(view.data) % 16);
    logits_.push_back(backend_.Allocate(offset + view.bytes()).value());
    char* const data = static_cast<char*>(logits_.back()->data()) + offset;
    EXPECT_TRUE(backend_.CopyToDevice(data, view.data, view.bytes()).ok());
    view.data = data;
  }
  view.shape = vocab % 2 == 0 ? kernels::Shape{vocab} : kernels::Shape{1, vocab};
  auto* const scalars = static_cast<Scalars*>(scalars_->data());
  return {.repetition_penalty = options.repetition_penalty,
          .temperature = options.temperature,
          .top_k = options.top_k,
          .top_p = options.top_p,
          .min_p = options.min_p,
          .logits = view,
          .sequence = static_cast<int32_t*>(sequence_->data()),
          .capacity = capacity_,
          .length = &scalars->length,
          .state = &scalars->state,
          .token = &scalars->token,
          .failure = &scalars->failure};
}

Drawn DeviceDraw::Fetch() const {
  Drawn drawn = {.sequence = std::vector<int32_t>(capacity_)};
  Scalars scalars;
  EXPECT_TRUE(backend_.Synchronize().ok());
  EXPECT_TRUE(
      backend_.CopyToHost(drawn.sequence.data(), sequence_->data(), capacity_ * static_cast<int64_t>(sizeof(int32_t)))
          .ok());
  EXPECT_TRUE(backend_.CopyToHost(&scalars, scalars_->data(), sizeof(scalars)).ok());
  drawn.length = scalars.length;
  drawn.state = scalars.state;
  drawn.token = scalars.token;
  drawn.failure = scalars.failure;
  return drawn;
}

DrawCase RandomDrawCase(int64_t vocab, std::mt19937& random) {
  const kernels::DType dtype = kFloats[random() % 3];
  const int kind = static_cast<int>(random() % kKinds);
  std::normal_distribution<double> normal;
  DrawCase test = {.options = {.repetition_penalty = Any({1.0, 1.0, 1.1, 1.5, 0.7, 1e-30, 1e30}, random),
                               .temperature = Any({0.0, 1e-9, 5e-324, 0.3, 0.8, 1.0, 3.0, 1e9}, random),
                               .top_k = Any({0, 0, 0, 1, 2, 50, 700, 5000, 40000}, random),
                               .top_p = Any({1.0, 1.0, 0.999999, 0.9, 0.5, 0.05, 1e-9}, random),
                               .min_p = Any({0.0, 0.0, 0.0, 0.05, 0.9, 1.0, 1e-30}, random),
                               .seed = random()},
                   .logits = HostTensor(dtype, {vocab + static_cast<int64_t>(random() % 9)}),
                   .vocab = vocab,
                   .history = std::vector<int32_t>(random() % 40)};
  for (int64_t i = 0; i < test.logits.elements(); ++i)
    test.logits.Set(i, i < vocab ? LogitOfKind(kind, i, normal(random), random) : std::nan(""));
  for (int32_t& id : test.history) id = static_cast<int32_t>(random() % (vocab + 6)) - 3;
  if (random() % 8 == 0) test.history.push_back(std::numeric_limits<int32_t>::max());
  return test;
}

Drawn DrawOnHost(const runtime::SamplingOptions& options, const HostTensor& logits, int64_t vocab,
                 const Drawn& before) {
  std::vector<float> values(vocab);
  for (int64_t i = 0; i < vocab; ++i) values[i] = static_cast<float>(logits.At(i));
  runtime::SamplingOptions with_state = options;
  with_state.seed = before.state;
  runtime::Sampler sampler = runtime::Sampler::Create(with_state).value();
  const absl::StatusOr<int32_t> token =
      sampler.Next(values, absl::MakeConstSpan(before.sequence).first(static_cast<size_t>(before.length)));
  Drawn after = before;
  after.token = token.ok() ? *token : 0;
  after.failure = token.ok() ? 0 : FailureOf(token.status());
  after.sequence[after.length++] = after.token;
  if (token.ok() && options.temperature != 0) after.state += kSplitMix64Step;
  return after;
}

void ExpectDrawsAlike(kernels::Backend& backend, bool copies, const DrawCase& test) {
  constexpr int32_t kUnwritten = -77;
  Drawn before = {.sequence = test.history,
                  .length = static_cast<int64_t>(test.history.size()),
                  .state = test.options.seed,
                  .token = kUnwritten};
  before.sequence.resize(test.history.size() + 3, kUnwritten);
  DeviceDraw device(backend, copies, before);
  const absl::Status status = backend.Draw(device.With(test.options, test.logits, test.vocab));
  ASSERT_TRUE(status.ok()) << status;
  EXPECT_EQ(device.Fetch(), DrawOnHost(test.options, test.logits, test.vocab, before))
      << kernels::Name(test.logits.dtype()) << " vocab " << test.vocab << " of " << test.logits.elements()
      << " penalty " << test.options.repetition_penalty << " temperature " << test.options.temperature << " top_k "
      << test.options.top_k << " top_p " << test.options.top_p << " min_p " << test.options.min_p << " seed "
      << test.options.seed;
}

}  // namespace metronome::testing
