#include "server/rpc/grpc_status.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "runtime/text/encoding/utf8.h"

namespace metronome::server {
namespace {

using ::testing::EndsWith;
using ::testing::StartsWith;

std::string Sent(const std::string& text) { return ToGrpcStatus(absl::InternalError(text)).error_message(); }

TEST(GrpcStatusTest, KeepsCodeAndText) {
  const grpc::Status status = ToGrpcStatus(absl::NotFoundError("no model 'x'"));
  EXPECT_EQ(status.error_code(), grpc::StatusCode::NOT_FOUND);
  EXPECT_EQ(status.error_message(), "no model 'x'");
  EXPECT_TRUE(ToGrpcStatus(absl::OkStatus()).ok());
}

TEST(GrpcStatusTest, TextsOfTheLimitPassAndLongerOnesEndInAnEllipsis) {
  const std::string limit(kMaxStatusTextBytes, 'x');
  EXPECT_EQ(Sent(limit), limit);
  EXPECT_EQ(Sent(limit + "x"), limit.substr(3) + "...");
  EXPECT_EQ(Sent(std::string(size_t{1} << 20, 'x')).size(), kMaxStatusTextBytes);
}

TEST(GrpcStatusTest, NeverCutsACharacter) {
  for (size_t before = 0; before < 4; ++before) {
    std::string text(before, 'x');
    while (text.size() < 2 * kMaxStatusTextBytes) text += "\xF0\x9F\x8E\xB5";  // U+1F3B5.
    const std::string sent = Sent(text);
    EXPECT_TRUE(text::IsUtf8(sent));
    EXPECT_LE(sent.size(), kMaxStatusTextBytes);
    EXPECT_GT(sent.size(), kMaxStatusTextBytes - 8);
    EXPECT_THAT(sent, EndsWith("..."));
  }
}

// Each byte becomes three: the result is bounded all the same.
TEST(GrpcStatusTest, WhatIsNotUtf8IsReplacedWithinTheLimit) {
  EXPECT_EQ(Sent("a\xFFz"), "a\xEF\xBF\xBDz");
  const std::string sent = Sent(std::string(1000, '\xFF'));
  EXPECT_TRUE(text::IsUtf8(sent));
  EXPECT_LE(sent.size(), kMaxStatusTextBytes);
  EXPECT_THAT(sent, StartsWith("\xEF\xBF\xBD"));
  EXPECT_THAT(sent, EndsWith("..."));
}

}  // namespace
}  // namespace metronome::server
