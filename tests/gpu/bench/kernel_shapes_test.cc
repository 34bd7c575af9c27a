#include "tests/gpu/bench/kernel_shapes.h"

#include <fstream>
#include <sstream>
#include <string>

#include "gtest/gtest.h"
#include "tests/gpu/bench/predictions.h"

namespace metronome::testing {
namespace {

std::string Contents(const char* path) {
  std::ostringstream text;
  text << std::ifstream(path).rdbuf();
  return text.str();
}

// Renew it with: write_kernel_shapes tests/gpu/bench/kernel_shapes.inc
TEST(KernelShapesTest, TheTableIsWhatTheCompilersPlansLaunch) {
  const absl::StatusOr<std::string> table = KernelShapeTable();
  ASSERT_TRUE(table.ok()) << table.status();
  EXPECT_TRUE(Contents(KERNEL_SHAPES) == *table) << "write_kernel_shapes renews " << KERNEL_SHAPES;
}

// Renew them with: write_kernel_shapes predictions
TEST(KernelShapesTest, ThePredictionsOfTheReadmeFollowFromTheTable) {
  EXPECT_NE(Contents(README).find(PredictionTables()), std::string::npos) << PredictionTables();
}

}  // namespace
}  // namespace metronome::testing
