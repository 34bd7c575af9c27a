#include "server/daemon/logging.h"

#include "gtest/gtest.h"

namespace metronome::server {
namespace {

TEST(EscapeJsonTest, LeavesOrdinaryTextAlone) { EXPECT_EQ(EscapeJson("a/b 'c' é"), "a/b 'c' é"); }

TEST(EscapeJsonTest, EscapesQuotesBackslashesAndControls) {
  EXPECT_EQ(EscapeJson("a\"b\\c\nd\x01"), R"(a\"b\\c\u000ad\u0001)");
}

TEST(EscapeJsonTest, ReplacesBytesThatAreNotUtf8) { EXPECT_EQ(EscapeJson("a\xff"), "a\xEF\xBF\xBD"); }

}  // namespace
}  // namespace metronome::server
