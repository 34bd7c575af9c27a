#include "kernels/interface/backend.h"

#include <algorithm>
#include <filesystem>
#include <fstream>

#include "kernels/catalogue/catalogue.h"
#include "kernels/cpu/cpu_backend.h"
#include "kernels/cpu/host/cgroup_memory.h"
#include "kernels/cpu/host/cpu_features.h"
#include "kernels/cpu/host/host_memory.h"
#include "tests/kernels/support/kernel_test.h"

namespace metronome::testing {
namespace {

TEST(CpuBackendTest, RejectsThreadsOutOfRange) {
  for (const int threads : {-1, 1025}) {
    const absl::Status status = kernels::CreateCpuBackend({.threads = threads}).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
    EXPECT_NE(status.message().find(std::to_string(threads)), std::string::npos) << status;
    EXPECT_NE(status.message().find("1024"), std::string::npos) << status;
  }
}

TEST(CpuBackendTest, RefusesInstructionsTheProcessorLacks) {
  if (kernels::cpu::DetectInstructionSet() == kernels::cpu::InstructionSet::kAvx512Bf16)
    GTEST_SKIP() << "this processor has them all";
  EXPECT_EQ(kernels::CreateCpuBackend({.instruction_set = kernels::cpu::InstructionSet::kAvx512Bf16}).status().code(),
            absl::StatusCode::kFailedPrecondition);
}

TEST(CpuBackendTest, DescribesWhatItUses) {
  const auto backend =
      kernels::CreateCpuBackend({.threads = 3, .instruction_set = kernels::cpu::InstructionSet::kPortable}).value();
  const kernels::DeviceInfo info = backend->Describe();
  EXPECT_EQ(backend->name(), "cpu");
  EXPECT_EQ(info.threads, 3);
  EXPECT_EQ(info.instruction_set, "portable");
  EXPECT_FALSE(info.name.empty());
  EXPECT_TRUE(backend->host_addressable());
  EXPECT_FALSE(backend->can_draw());
  EXPECT_EQ(backend->Draw({}).code(), absl::StatusCode::kUnimplemented);
  EXPECT_GT(backend->MemoryAvailableBytes(), 0);
  EXPECT_LE(backend->MemoryAvailableBytes(), info.memory_total_bytes);
}

class CatalogueOnCpuTest : public KernelTest {};
METRONOME_TEST_ALL_VARIANTS(CatalogueOnCpuTest);

TEST_P(CatalogueOnCpuTest, HasEveryKernelOfTheCatalogue) {
  for (const kernels::KernelSpec& spec : kernels::KernelCatalogue()) {
    const auto kernel = backend().FindKernel(spec.name);
    ASSERT_TRUE(kernel.ok()) << spec.name;
    EXPECT_EQ((*kernel)->name(), spec.name);
  }
  EXPECT_EQ(backend().FindKernel("convolution").status().code(), absl::StatusCode::kNotFound);
}

TEST(HostMemoryTest, AllocateGivesAlignedZeros) {
  for (const int64_t bytes : {int64_t{1}, int64_t{4096}, int64_t{3} << 20}) {
    const auto buffer = kernels::cpu::AllocateHostMemory(bytes).value();
    ASSERT_GE(buffer->size_bytes(), bytes);
    EXPECT_GE(buffer->committed_bytes(), bytes);
    EXPECT_EQ(reinterpret_cast<uintptr_t>(buffer->data()) % 256, 0u);
    auto* const data = static_cast<unsigned char*>(buffer->data());
    EXPECT_TRUE(std::all_of(data, data + bytes, [](unsigned char byte) { return byte == 0; }));
    data[bytes - 1] = 7;
    EXPECT_TRUE(buffer->Commit(bytes).ok());
    EXPECT_EQ(data[bytes - 1], 7);
  }
  EXPECT_TRUE(kernels::cpu::AllocateHostMemory(0).ok());
}

TEST(HostMemoryTest, RefusesWhatCannotBe) {
  EXPECT_EQ(kernels::cpu::AllocateHostMemory(-1).status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(kernels::cpu::ReserveHostMemory(-1).status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(kernels::cpu::ReserveHostMemory(INT64_MAX).status().code(), absl::StatusCode::kResourceExhausted);
  // More than the machine has, though the address space holds it.
  const int64_t bytes = 2 * kernels::cpu::HostMemoryTotalBytes();
  const absl::Status status = kernels::cpu::AllocateHostMemory(bytes).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_NE(status.message().find(std::to_string(bytes)), std::string::npos) << status;
}

// Where large pages are, memory that fills them begins with one and is backed by whole ones.
TEST(HostMemoryTest, LongRangesAreMadeOfLargePages) {
  constexpr int64_t kLarge = int64_t{2} << 20;
  const auto allocated = kernels::cpu::AllocateHostMemory(kLarge + 1).value();
  const auto reserved = kernels::cpu::ReserveHostMemory(3 * kLarge).value();
  EXPECT_EQ(reinterpret_cast<uintptr_t>(allocated->data()) % kLarge, 0u);
  EXPECT_EQ(reinterpret_cast<uintptr_t>(reserved->data()) % kLarge, 0u);

  ASSERT_TRUE(reserved->Commit(kLarge / 2).ok());
  EXPECT_EQ(reserved->committed_bytes(), kLarge / 2);  // A short one takes no more than it asked for.
  ASSERT_TRUE(reserved->Commit(kLarge + 1).ok());
  EXPECT_EQ(reserved->committed_bytes(), 2 * kLarge);
  ASSERT_TRUE(reserved->Commit(3 * kLarge).ok());
  EXPECT_EQ(reserved->committed_bytes(), 3 * kLarge);

  auto* const data = static_cast<unsigned char*>(reserved->data());
  EXPECT_TRUE(std::all_of(data, data + 3 * kLarge, [](unsigned char byte) { return byte == 0; }));
  std::fill(data, data + 3 * kLarge, 7);
}

TEST(HostMemoryTest, ReserveCommitsAPrefixAndKeepsContents) {
  const auto buffer = kernels::cpu::ReserveHostMemory(int64_t{1} << 40).value();
  EXPECT_EQ(buffer->committed_bytes(), 0);
  ASSERT_TRUE(buffer->Commit(5000).ok());
  EXPECT_GE(buffer->committed_bytes(), 5000);
  auto* const data = static_cast<unsigned char*>(buffer->data());
  data[4999] = 9;
  ASSERT_TRUE(buffer->Commit(1 << 20).ok());
  EXPECT_EQ(data[4999], 9);
  EXPECT_EQ(data[(1 << 20) - 1], 0);
  ASSERT_TRUE(buffer->Commit(10).ok());  // Never shrinks.
  EXPECT_GE(buffer->committed_bytes(), 1 << 20);
  EXPECT_EQ(buffer->Commit((int64_t{1} << 40) + (int64_t{1} << 30)).code(), absl::StatusCode::kOutOfRange);
  EXPECT_EQ(buffer->Commit(2 * kernels::cpu::HostMemoryTotalBytes()).code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(data[4999], 9);
}

TEST(HostMemoryDeathTest, ReservedMemoryFaultsBeyondTheCommittedPrefix) {
  const auto buffer = kernels::cpu::ReserveHostMemory(1 << 20).value();
  ASSERT_TRUE(buffer->Commit(1).ok());
  EXPECT_DEATH(static_cast<volatile unsigned char*>(buffer->data())[1 << 16] = 1, "");
}

// A directory that looks like the parts of /proc and /sys that describe control groups.
class CgroupMemoryTest : public ::testing::Test {
 protected:
  void SetUp() override {
    root_ = ::testing::TempDir() + "cgroup_" + ::testing::UnitTest::GetInstance()->current_test_info()->name();
    std::filesystem::remove_all(root_);
  }
  void TearDown() override { std::filesystem::remove_all(root_); }
  void Write(const std::string& path, const std::string& text) {
    const std::filesystem::path full = root_ + path;
    std::filesystem::create_directories(full.parent_path());
    std::ofstream(full) << text;
  }
  std::string root_;
};

TEST_F(CgroupMemoryTest, NoFilesMeanNoLimit) {
  EXPECT_EQ(kernels::cpu::ReadCgroupMemory(root_).limit, kernels::cpu::kUnlimitedBytes);
  EXPECT_EQ(kernels::cpu::ReadCgroupMemory(root_).available, kernels::cpu::kUnlimitedBytes);
}

TEST_F(CgroupMemoryTest, Version2TakesTheTightestAncestor) {
  Write("/proc/self/cgroup", "0::/system.slice/metronomed.service\n");
  Write("/sys/fs/cgroup/system.slice/metronomed.service/memory.max", "max\n");
  Write("/sys/fs/cgroup/system.slice/metronomed.service/memory.current", "123\n");
  Write("/sys/fs/cgroup/system.slice/memory.max", "1000\n");
  Write("/sys/fs/cgroup/system.slice/memory.current", "900\n");
  Write("/sys/fs/cgroup/system.slice/memory.stat", "anon 300\ninactive_file 200\nactive_file 400\n");
  Write("/sys/fs/cgroup/memory.max", "5000\n");
  Write("/sys/fs/cgroup/memory.current", "4900\n");

  const kernels::cpu::CgroupMemory memory = kernels::cpu::ReadCgroupMemory(root_);

  EXPECT_EQ(memory.limit, 1000);
  EXPECT_EQ(memory.available, 100);  // The root's room; the slice has 300, its inactive file pages included.
}

TEST_F(CgroupMemoryTest, Version1FallsBackToTheMountOfAContainer) {
  Write("/proc/self/cgroup", "5:cpu,cpuacct:/docker/abc\n4:memory:/docker/abc\n0::/\n");
  Write("/sys/fs/cgroup/memory/memory.limit_in_bytes", "2000\n");
  Write("/sys/fs/cgroup/memory/memory.usage_in_bytes", "2500\n");
  EXPECT_EQ(kernels::cpu::ReadCgroupMemory(root_).limit, 2000);
  EXPECT_EQ(kernels::cpu::ReadCgroupMemory(root_).available, 0);
}

TEST_F(CgroupMemoryTest, MalformedLinesAreIgnored) {
  Write("/proc/self/cgroup", "nonsense\n0:\n0::relative\n\n");
  Write("/sys/fs/cgroup/memory.max", "10\n");
  EXPECT_EQ(kernels::cpu::ReadCgroupMemory(root_).limit, kernels::cpu::kUnlimitedBytes);
}

}  // namespace
}  // namespace metronome::testing
