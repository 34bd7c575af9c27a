#include "runtime/files/cbor_shape.h"

#include <string>

#include "gtest/gtest.h"

namespace metronome {
namespace {

std::string Bytes(std::initializer_list<int> values) { return {values.begin(), values.end()}; }

TEST(CborShapeTest, TakesWhatJsonBecomes) {
  EXPECT_TRUE(IsShallowCbor(Bytes({0x00}), 0));  // 0
  EXPECT_TRUE(IsShallowCbor(Bytes({0x3b, 255, 255, 255, 255, 255, 255, 255, 255}), 0));
  EXPECT_TRUE(IsShallowCbor(Bytes({0xfb, 0x3f, 0xf0, 0, 0, 0, 0, 0, 0}), 0));       // 1.0
  EXPECT_TRUE(IsShallowCbor(Bytes({0xf6}), 0));                                     // null
  EXPECT_TRUE(IsShallowCbor(Bytes({0x62, 0x9f, 0xff}), 0));                         // Text may hold any byte.
  EXPECT_TRUE(IsShallowCbor(Bytes({0x58, 2, 0x81, 0x81}), 0));                      // So may bytes.
  EXPECT_TRUE(IsShallowCbor(Bytes({0x80}), 1));                                     // []
  EXPECT_TRUE(IsShallowCbor(Bytes({0xa1, 0x61, 'a', 0x82, 0x01, 0x81, 0x02}), 3));  // {"a": [1, [2]]}
}

TEST(CborShapeTest, RefusesWhatIsTooDeep) {
  EXPECT_FALSE(IsShallowCbor(Bytes({0x80}), 0));
  EXPECT_FALSE(IsShallowCbor(Bytes({0xa1, 0x61, 'a', 0x82, 0x01, 0x81, 0x02}), 2));
  EXPECT_TRUE(IsShallowCbor(Bytes({0x82, 0x81, 0x01, 0x81, 0x02}), 2));  // Beside each other is not in each other.
  EXPECT_FALSE(IsShallowCbor(std::string(1 << 20, '\x81'), 100));
}

TEST(CborShapeTest, RefusesWhatIsNotOneWholeItem) {
  const std::string whole = Bytes({0xa1, 0x61, 'a', 0x83, 0x19, 1, 0, 0x62, 'x', 'y', 0x81, 0x02});
  ASSERT_TRUE(IsShallowCbor(whole, 9));
  for (size_t length = 0; length < whole.size(); ++length)
    EXPECT_FALSE(IsShallowCbor(absl::string_view(whole).substr(0, length), 9)) << length;
  EXPECT_FALSE(IsShallowCbor(whole + '\0', 9));
}

TEST(CborShapeTest, RefusesUnknownLengthsTagsAndImpossibleCounts) {
  for (const int first : {0x1c, 0x5f, 0x7f, 0x9f, 0xbf, 0xff}) EXPECT_FALSE(IsShallowCbor(Bytes({first, 0xff}), 9));
  EXPECT_FALSE(IsShallowCbor(Bytes({0xc1, 0x00}), 9));
  for (const int first : {0x5b, 0x7b, 0x9b, 0xbb})
    EXPECT_FALSE(IsShallowCbor(Bytes({first, 255, 255, 255, 255, 255, 255, 255, 255, 0x00}), 9)) << first;
}

}  // namespace
}  // namespace metronome
