#include "kernels/cuda/device/library_search.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace metronome::kernels::cuda {
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
  const std::vector<std::string> toolkits = {"/opt/cuda-13", "/usr/local/cuda"};
  EXPECT_THAT(
      CudaLibraryCandidates("libx.so.13", toolkits, roots),
      ElementsAre("libx.so.13", "/opt/cuda-13/lib64/libx.so.13", "/usr/local/cuda/lib64/libx.so.13",
                  "/usr/local/nvidia/lib64/libx.so.13", "/usr/local/nvidia/lib/libx.so.13", newer, older, system));
}

TEST_F(LibrarySearchTest, DriversAreAlsoLookedForWhereContainersMountThem) {
  EXPECT_THAT(
      DriverLibraryCandidates("libcuda.so.1"),
      ElementsAre("libcuda.so.1", "/usr/local/nvidia/lib64/libcuda.so.1", "/usr/local/nvidia/lib/libcuda.so.1"));
}

TEST_F(LibrarySearchTest, ToolkitsThatTheEnvironmentNamesComeFirst) {
  ASSERT_EQ(setenv("CUDA_HOME", "/some/cuda", 1), 0);
  ASSERT_EQ(setenv("CUDA_PATH", "", 1), 0);
  EXPECT_THAT(ToolkitRoots(), ElementsAre("/some/cuda", "/usr/local/cuda"));
  EXPECT_THAT(CudaLibraryCandidates("libx.so"), Contains("/some/cuda/lib64/libx.so"));
  unsetenv("CUDA_HOME");
  unsetenv("CUDA_PATH");
  EXPECT_THAT(ToolkitRoots(), ElementsAre("/usr/local/cuda"));
}

TEST_F(LibrarySearchTest, TheFirstThatLoadsIsTakenAndTheFirstReasonIsGiven) {
  const std::string damaged = Put("libdamaged.so");
  EXPECT_NE(LoadFirst({damaged, "libm.so.6"}).value(), nullptr);
  const absl::Status none = LoadFirst({damaged, "libnowhere.so"}).status();
  EXPECT_TRUE(absl::IsNotFound(none));
  EXPECT_THAT(std::string(none.message()), ::testing::HasSubstr("libdamaged.so"));
  EXPECT_THAT(std::string(none.message()), ::testing::Not(::testing::HasSubstr("libnowhere.so")));
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

TEST_F(LibrarySearchTest, TheFolderOfAPythonOnThePathIsARoot) {
  const char* const before = std::getenv("PATH");
  const std::string kept = before == nullptr ? "" : before;
  Put("env/bin/python3");
  const std::string root = (root_ / "env").string();
  ASSERT_EQ(setenv("PATH", absl::StrCat(kept, ":", root, "/bin:", root_.string()).c_str(), 1), 0);
  EXPECT_THAT(PythonRoots(), Contains(root));
  EXPECT_THAT(PythonRoots(), ::testing::Not(Contains(root_.parent_path().string())));
  setenv("PATH", kept.c_str(), 1);
}

}  // namespace
}  // namespace metronome::kernels::cuda
