#include "server/rpc/guard.h"

#include <new>
#include <stdexcept>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace metronome::server {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

struct RecordingStream {
  void Finish(const absl::Status& status) { finished.push_back(status); }
  std::vector<absl::Status> finished;
};

TEST(GuardTest, PassesStatusesOn) {
  EXPECT_TRUE(Guarded("Test", [] { return absl::OkStatus(); }).ok());
  EXPECT_EQ(Guarded("Test", [] { return absl::NotFoundError("x"); }), absl::NotFoundError("x"));
}

TEST(GuardTest, MemoryThatIsNotThereIsResourceExhausted) {
  const absl::Status status = Guarded("Test", []() -> absl::Status { throw std::bad_alloc(); });
  EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted);
}

// A vector that cannot be: std::length_error, as an unchecked size of a request would give.
TEST(GuardTest, OtherExceptionsAreInternalAndKeepTheirTextFromTheCaller) {
  const absl::Status length = Guarded("Test", []() -> absl::Status {
    std::vector<int> impossible;
    impossible.resize(impossible.max_size() + 1);
    return absl::OkStatus();
  });
  const absl::Status secret = Guarded("Test", []() -> absl::Status { throw std::runtime_error("/etc/secret"); });
  const absl::Status integer = Guarded("Test", []() -> absl::Status { throw 7; });
  for (const absl::Status& status : {length, secret, integer}) {
    EXPECT_EQ(status.code(), absl::StatusCode::kInternal);
    EXPECT_THAT(std::string(status.message()), HasSubstr("request "));
  }
  EXPECT_THAT(std::string(secret.message()), Not(HasSubstr("secret")));
  EXPECT_NE(secret, integer);  // Each has a request id of its own.
}

TEST(GuardTest, JobsThatThrowFinishTheirStream) {
  const auto stream = std::make_shared<RecordingStream>();
  GuardedJob("Test", stream, [&] { stream->Finish(absl::OkStatus()); })();
  EXPECT_EQ(stream->finished.size(), 1u);
  GuardedJob("Test", stream, [] { throw std::bad_alloc(); })();
  ASSERT_EQ(stream->finished.size(), 2u);
  EXPECT_EQ(stream->finished[1].code(), absl::StatusCode::kResourceExhausted);
}

}  // namespace
}  // namespace metronome::server
