#include "server/store/sample_blocks.h"

#include <cmath>
#include <cstdint>
#include <limits>
#include <random>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace metronome::server {
namespace {

v1::Sample MakeSample(const std::string& metric, int32_t index, int64_t position, double value) {
  v1::Sample sample;
  sample.set_metric(metric);
  sample.set_index(index);
  sample.set_position(position);
  sample.set_value(value);
  return sample;
}

void ExpectRoundTrip(const Samples& samples) {
  Samples decoded;
  int64_t next = 0;
  for (const SampleBlock& block : EncodeSamples(samples)) {
    EXPECT_EQ(block.first, next);
    next += block.count;
    const absl::Status status = DecodeSamples(block.data, block.count, 0, block.count, decoded);
    ASSERT_TRUE(status.ok()) << status;
  }
  ASSERT_EQ(decoded.size(), samples.size());
  for (int i = 0; i < samples.size(); ++i)
    EXPECT_EQ(decoded[i].SerializeAsString(), samples[i].SerializeAsString()) << i;
}

TEST(SampleBlocksTest, AnySampleComesBackBitByBit) {
  Samples samples;
  for (const double value : {0.0, -0.0, 1e-300, 1.0 / 3, std::numeric_limits<double>::infinity(), std::nan("")}) {
    for (const int64_t position : {int64_t{0}, int64_t{-1}, INT64_MAX, INT64_MIN})
      for (const int32_t index : {0, INT32_MAX, INT32_MIN, -1})
        *samples.Add() = MakeSample(absl::StrCat("metric-", index), index, position, value);
  }
  *samples.Add() = MakeSample("", 1, 2, 3);
  ExpectRoundTrip(samples);
  ExpectRoundTrip({});
}

// tests/gpu/database.py cuts these bytes.
TEST(SampleBlocksTest, FormatIsWhatOthersRead) {
  Samples samples;
  *samples.Add() = MakeSample("step_ms", 0, 21, 1.5);
  *samples.Add() = MakeSample("ttft_ms", 0, 0, 2.0);
  *samples.Add() = MakeSample("step_ms", 1, 22, -1.0);
  const std::vector<SampleBlock> blocks = EncodeSamples(samples);
  ASSERT_EQ(blocks.size(), 1u);
  EXPECT_EQ(absl::BytesToHexString(blocks[0].data),
            "02"
            "07737465705f6d73"
            "07747466745f6d73"
            "000100"
            "000002"
            "2a0002"
            "000000000000f83f"
            "0000000000000040"
            "000000000000f0bf");
}

TEST(SampleBlocksTest, BlocksEndAtTheirSizeAndBeyondTheirMetrics) {
  Samples many, metrics;
  for (int i = 0; i < 2 * kSamplesPerBlock + 1; ++i) *many.Add() = MakeSample("step_ms", i, 3 * i, i / 7.0);
  for (int i = 0; i < 600; ++i) *metrics.Add() = MakeSample(absl::StrCat("metric-", i % 300), i, 0, i);
  ExpectRoundTrip(many);
  ExpectRoundTrip(metrics);
  EXPECT_EQ(EncodeSamples(many).size(), 3u);
  EXPECT_EQ(EncodeSamples(metrics)[0].count, 255);
}

// As a benchmark takes them: two metrics in turn, positions that count up.
TEST(SampleBlocksTest, StepsTakeElevenBytesASample) {
  Samples samples;
  for (int i = 0; i < kSamplesPerBlock; ++i)
    *samples.Add() = MakeSample(i % 2 == 0 ? "step_ms" : "sampling_ms", i / 512, 21 + i % 512 / 2, i * 0.37);
  const std::vector<SampleBlock> blocks = EncodeSamples(samples);
  ASSERT_EQ(blocks.size(), 1u);
  EXPECT_LT(blocks[0].data.size(), size_t{12} * kSamplesPerBlock);
}

TEST(SampleBlocksTest, AnyPartOfABlockIsRead) {
  Samples samples;
  for (int i = 0; i < 10; ++i) *samples.Add() = MakeSample("step_ms", i, i, i);
  const SampleBlock block = EncodeSamples(samples)[0];
  Samples part;
  ASSERT_TRUE(DecodeSamples(block.data, 10, 3, 5, part).ok());
  ASSERT_EQ(part.size(), 2);
  EXPECT_EQ(part[0].index(), 3);
  EXPECT_EQ(part[1].value(), 4);
  ASSERT_TRUE(DecodeSamples(block.data, 10, 10, 10, part).ok());
  EXPECT_EQ(part.size(), 2);
}

// Whatever the bytes are, reading them ends, in order or with an error.
TEST(SampleBlocksTest, DamagedBlocksAreErrorsNeverACrash) {
  Samples samples;
  for (int i = 0; i < 50; ++i) *samples.Add() = MakeSample(i % 2 == 0 ? "step_ms" : "ttft_ms", i, i * 100, i);
  const SampleBlock block = EncodeSamples(samples)[0];
  Samples ignored;
  for (size_t size = 0; size < block.data.size(); ++size)
    EXPECT_EQ(DecodeSamples(block.data.substr(0, size), 50, 0, 50, ignored).code(), absl::StatusCode::kDataLoss)
        << size;
  EXPECT_EQ(DecodeSamples(block.data, 51, 0, 51, ignored).code(), absl::StatusCode::kDataLoss);
  EXPECT_EQ(DecodeSamples(block.data, -1, 0, 0, ignored).code(), absl::StatusCode::kDataLoss);
  EXPECT_EQ(DecodeSamples(block.data, INT64_MAX, 0, 0, ignored).code(), absl::StatusCode::kDataLoss);
  constexpr uint32_t kSeed = 14;
  std::mt19937 random(kSeed);
  for (int i = 0; i < 2000; ++i) {
    std::string spoilt = block.data;
    for (int flips = 0; flips < 3; ++flips) spoilt[random() % spoilt.size()] = static_cast<char>(random());
    DecodeSamples(spoilt, 50, 0, 50, ignored).IgnoreError();
  }
}

}  // namespace
}  // namespace metronome::server
