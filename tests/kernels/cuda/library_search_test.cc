#include "kernels/cuda/library_search.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace metronome::cuda {
namespace {

namespace fs = std::filesystem;
using ::testing::Contains;
using ::testing::ElementsAre;

class LibrarySearchTest : public ::testing::Test {
 protected:
  LibrarySearchTest()
      : root_(fs::path(::testing::TempDir()) / ::testing::UnitTest::GetInstance()->current_test_info()->name()) {
    fs::remove_all(root_);
  }
  ~LibrarySearchTest() override { fs::remove_all(root_); }
  std::string Put(const std::string& path) {
    const fs::path file = root_ / path;
    fs::create_directories(file.parent_path());
    std::ofstream(file) << "x";
    return file.string();
  }

  fs::path root_;
};

TEST_F(LibrarySearchTest, LoaderThenToolkitThenPackagesInOrder) {
  const std::string newer = Put("env/lib/python3.12/site-packages/nvidia/cu13/lib/libx.so.13"),
                    older = Put("env/lib/python3.12/site-packages/nvidia/cublas/lib/libx.so.13"),
                    system = Put("usr/lib/python3/dist-packages/nvidia/cublas/lib/libx.so.13");
  Put("env/lib/python3.12/site-packages/nvidia/cublas/lib/libx.so.12");  // Another version.
  Put("env/lib/python2.7/site-packages/nvidia/cublas/lib/libx.so.13");
  Put("env/lib/python3.12/site-packages/other/cublas/lib/libx.so.13");
  const std::vector<std::string> roots = {(root_ / "env").string(), (root_ / "nothing").string(),
                                          (root_ / "usr").string()};
  EXPECT_THAT(CudaLibraryCandidates("libx.so.13", roots),
              ElementsAre("libx.so.13", "/usr/local/cuda/lib64/libx.so.13", newer, older, system));
}

TEST_F(LibrarySearchTest, RootsFollowTheEnvironment) {
  ASSERT_EQ(setenv("VIRTUAL_ENV", "/some/env", 1), 0);
  ASSERT_EQ(setenv("CONDA_PREFIX", "", 1), 0);
  EXPECT_EQ(PythonRoots().front(), "/some/env");
  EXPECT_THAT(PythonRoots(), ::testing::Not(Contains("")));
  unsetenv("VIRTUAL_ENV");
  EXPECT_THAT(PythonRoots(), ::testing::Not(Contains("/some/env")));
  EXPECT_THAT(PythonRoots(), Contains("/usr/local"));
}

}  // namespace
}  // namespace metronome::cuda
