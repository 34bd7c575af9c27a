#include "kernels/base/hash.h"

#include "gtest/gtest.h"

namespace metronome {
namespace {

// Published test vectors: results stored by one build are compared with those of another.
TEST(HashTest, Fnv1aGivesThePublishedValues) {
  EXPECT_EQ(Fnv1a(""), 0xcbf29ce484222325u);
  EXPECT_EQ(Fnv1a("a"), 0xaf63dc4c8601ec8cu);
  EXPECT_EQ(Fnv1a("foobar"), 0x85944171f73967e8u);
}

TEST(HashTest, SplitMix64GivesThePublishedSequence) {
  uint64_t state = 1234567;
  for (uint64_t expected : {6457827717110365317u, 3203168211198807973u, 9817491932198370423u, 4593380528125082431u,
                            16408922859458223821u}) {
    EXPECT_EQ(NextSplitMix64(state), expected);
  }
}

}  // namespace
}  // namespace metronome
