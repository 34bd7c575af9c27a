#include "kernels/interface/backend_loader.h"

#include <fstream>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/temp_directory.h"

namespace metronome::kernels {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

TEST(BackendLoaderTest, LoadsTheFirstLibraryThatIsThere) {
  const auto backend = LoadBackend({"/nonexistent/libbackend.so", GOOD_BACKEND, FOREIGN_BACKEND});
  ASSERT_TRUE(backend.ok()) << backend.status();
  EXPECT_EQ((*backend)->name(), "cpu");
  const auto buffer = (*backend)->Allocate(100);
  ASSERT_TRUE(buffer.ok());
  EXPECT_TRUE((*backend)->FindKernel("neg").ok());
  EXPECT_EQ((*backend)->FindKernel("no such").status().code(), absl::StatusCode::kNotFound);
}

void ExpectRefused(const std::vector<std::string>& libraries, const testing::Matcher<std::string>& why) {
  const auto backend = LoadBackend(libraries);
  EXPECT_EQ(backend.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(backend.status().message()), why);
}

TEST(BackendLoaderTest, SaysWhatIsMissing) {
  ExpectRefused({"/nonexistent/a.so", "/nonexistent/b.so"},
                HasSubstr("there is no /nonexistent/a.so, nor /nonexistent/b.so"));
  ExpectRefused({FOREIGN_BACKEND}, AllOf(HasSubstr(FOREIGN_BACKEND), HasSubstr("another build")));
  const TempDirectory directory;
  directory.Write("text.so", "not a library");
  ExpectRefused({directory.File("text.so")}, AllOf(HasSubstr("cannot load"), HasSubstr("text.so")));
}

TEST(BackendLoaderTest, LooksBesideTheProgramAndInItsLibraries) {
  const std::vector<std::string> candidates = LibraryCandidates("libx.so");
  ASSERT_EQ(candidates.size(), 2u);
  EXPECT_THAT(candidates[0], HasSubstr("/libx.so"));
  EXPECT_THAT(candidates[1], HasSubstr("/lib/libx.so"));
}

}  // namespace
}  // namespace metronome::kernels
