#include "kernels/base/memory_shortage.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace metronome {
namespace {

TEST(MemoryShortageTest, BothNumbersAreInTheTextAndReadBack) {
  const absl::Status status = MemoryShortageError("weights", {.bytes_needed = 61064245248, .bytes_available = 7});

  EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(status.message(), "weights need 61064245248 bytes, 7 are available");
  ASSERT_TRUE(ShortageOf(status).has_value());
  EXPECT_EQ(ShortageOf(status)->bytes_needed, 61064245248);
  EXPECT_EQ(ShortageOf(status)->bytes_available, 7);
}

TEST(MemoryShortageTest, OtherErrorsHoldNone) {
  EXPECT_FALSE(ShortageOf(absl::ResourceExhaustedError("the queue is full")).has_value());
  EXPECT_FALSE(ShortageOf(absl::OkStatus()).has_value());
}

}  // namespace
}  // namespace metronome
