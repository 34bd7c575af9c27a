#include "kernels/cuda/program/fused_kernels.h"

#include <filesystem>
#include <fstream>

#include "kernels/cuda/emulation/multiprocessor.h"
#include "kernels/cuda/program/nvrtc/nvrtc_compiler.h"
#include "tests/kernels/cuda/fakes/emulated_backend.h"
#include "tests/kernels/cuda/fakes/fake_driver.h"
#include "tests/kernels/cuda/fakes/fused_cases.h"
#include "tests/kernels/support/kernel_test.h"
#include "tests/temp_directory.h"

namespace metronome::testing {
namespace {

using kernels::cuda::emulation::Multiprocessor;
using kernels::cuda::emulation::ThreadOrder;

// "Compiles" to the source itself.
class EchoCompiler final : public kernels::cuda::CubinCompiler {
 public:
  explicit EchoCompiler(std::vector<std::string>& compiled) : compiled_(compiled) {}
  const std::string& version() const override { return version_; }
  const std::string& key() const override { return version_; }
  absl::StatusOr<Result> Compile(const std::string& source) override {
    compiled_.push_back(source);
    if (failing) return absl::InvalidArgumentError("fused.cu(3): error: planted");
    return Result{.cubin = source, .log = ""};
  }
  bool failing = false;
  std::string version_ = "echo 1";

 private:
  std::vector<std::string>& compiled_;
};

// A backend whose programs are compiled by an EchoCompiler and run by what the host's compiler made of them.
class FusedKernelsTest : public ::testing::Test {
 protected:
  struct Setup {
    std::optional<FileStore> cubins = std::nullopt;
    bool failing = false;
    std::string version = "echo 1";
    ThreadOrder order = ThreadOrder::kForward;
  };

  std::unique_ptr<kernels::Backend> NewBackend(const Setup& setup) {
    const auto fused = [this, setup](kernels::cuda::Driver& driver) {
      auto& fake = static_cast<FakeDriver&>(driver);
      fake.is_code = [](const std::string& cubin) { return cubin.find("#include") == 0; };
      fake.run_code = [this](const std::string& cubin, unsigned blocks, unsigned threads, const void* operands) {
        ++runs_;
        for (const HostKernel& host : HostKernels()) {
          if (host.source != cubin) continue;
          Multiprocessor::OfThisThread().RunGrid({blocks, 1, 1}, {threads, 1, 1}, 0, [&] {
            host.kernel(*static_cast<const kernels::cuda::FusedOperands*>(operands));
          });
          return;
        }
        ADD_FAILURE() << "nothing was built of\n" << cubin;
      };
      auto compiler = std::make_unique<EchoCompiler>(compiled_);
      compiler->failing = setup.failing;
      compiler->version_ = setup.version;
      kernels::cuda::FusedKernelsOptions options = {.log = [this](const std::string& line) { log_.push_back(line); }};
      options.compiler = std::move(compiler);
      options.cubins = setup.cubins;
      return std::make_unique<kernels::cuda::FusedKernels>(driver, std::move(options));
    };
    return CreateEmulatedBackend({.emulation = {.order = setup.order}, .fused = fused});
  }

  static std::vector<HostTensor> Run(kernels::Backend& backend, const FusedCase& fused) {
    std::vector<HostTensor> outputs = fused.NewOutputs();
    const absl::Status status = RunKernel(backend, "fused", fused.inputs, outputs, fused.attributes());
    EXPECT_TRUE(status.ok()) << status;
    for (const HostTensor& output : outputs) EXPECT_TRUE(output.GuardIntact());
    return outputs;
  }

  static void ExpectSame(const std::vector<HostTensor>& got, const std::vector<HostTensor>& want) {
    for (size_t i = 0; i < want.size(); ++i) EXPECT_TRUE(got[i].SameBytes(want[i])) << "output " << i;
  }

  int runs_ = 0;
  std::vector<std::string> compiled_, log_;
};

// The interpreter is compared with the primitives in fused_test.cc.
TEST_F(FusedKernelsTest, GeneratedKernelsComputeWhatTheInterpreterDoes) {
  const std::unique_ptr<kernels::Backend> interpreter = CreateEmulatedBackend({});
  const std::vector<FusedCase> cases = GeneratedFusedCases();
  for (const ThreadOrder order : {ThreadOrder::kForward, ThreadOrder::kReverse, ThreadOrder::kShuffled}) {
    const std::unique_ptr<kernels::Backend> backend = NewBackend({.order = order});
    for (size_t i = 0; i < cases.size() && !HasFailure(); ++i) {
      SCOPED_TRACE(std::to_string(i) + ": " + cases[i].program.ToString());
      ExpectSame(Run(*backend, cases[i]), Run(*interpreter, cases[i]));
    }
  }
  EXPECT_GT(runs_, 100);
  EXPECT_TRUE(log_.empty()) << log_[0];
}

TEST_F(FusedKernelsTest, AProgramIsCompiledOnceForEachKindOfWalk) {
  const std::unique_ptr<kernels::Backend> backend = NewBackend({});
  const std::vector<FusedCase> cases = GeneratedFusedCases();
  for (int i = 0; i < 3; ++i) Run(*backend, cases[0]);
  EXPECT_EQ(compiled_.size(), 1u);
  EXPECT_EQ(runs_, 3);
  Run(*backend, cases[2]);  // The same program; longer rows.
  EXPECT_EQ(compiled_.size(), 2u);
  EXPECT_GT(backend->CompileTimeNs(), 0);
}

TEST_F(FusedKernelsTest, WhatDoesNotCompileIsInterpretedAndSaidOnce) {
  const std::unique_ptr<kernels::Backend> backend = NewBackend({.failing = true}), plain = CreateEmulatedBackend({});
  const FusedCase fused = GeneratedFusedCases()[0];
  for (int i = 0; i < 3; ++i) ExpectSame(Run(*backend, fused), Run(*plain, fused));
  EXPECT_EQ(compiled_.size(), 1u);
  EXPECT_EQ(runs_, 0);
  ASSERT_EQ(log_.size(), 1u);
  EXPECT_NE(log_[0].find("planted"), std::string::npos);
  EXPECT_NE(log_[0].find(fused.program.ToString()), std::string::npos);
}

TEST_F(FusedKernelsTest, NothingIsCompiledWhileLaunchesAreRecorded) {
  const std::unique_ptr<kernels::Backend> backend = NewBackend({});
  const FusedCase fused = GeneratedFusedCases()[0];
  const auto record = [&] {
    std::vector<HostTensor> outputs = fused.NewOutputs();
    const std::vector<kernels::TensorView> inputs = fused.InputViews(), views = {outputs[0].View(), outputs[1].View()};
    const kernels::Attributes attributes = fused.attributes();
    EXPECT_TRUE(backend->BeginRecording(0).ok());
    EXPECT_TRUE(
        backend->Launch(**backend->FindKernel("fused"), {.inputs = inputs, .outputs = views, .attributes = &attributes})
            .ok());
    const auto recording = backend->EndRecording().value();
    EXPECT_TRUE(backend->Replay(*recording, 0).ok());
    return outputs;
  };
  const std::vector<HostTensor> interpreted = record();
  EXPECT_TRUE(compiled_.empty());
  EXPECT_EQ(runs_, 0);
  ExpectSame(interpreted, Run(*backend, fused));
  EXPECT_EQ(runs_, 1);
  ExpectSame(record(), interpreted);  // There by now, so it is recorded.
  EXPECT_EQ(runs_, 2);
}

TEST_F(FusedKernelsTest, CubinsAreKeptForTheNextProcess) {
  const TempDirectory directory;
  const Setup setup = {.cubins = FileStore::Open(directory.path(), 1 << 20).value()};
  const FusedCase fused = GeneratedFusedCases()[0];
  const std::vector<HostTensor> first = Run(*NewBackend(setup), fused);
  EXPECT_EQ(compiled_.size(), 1u);
  ExpectSame(Run(*NewBackend(setup), fused), first);
  EXPECT_EQ(compiled_.size(), 1u);
  EXPECT_EQ(runs_, 2);
  Run(*NewBackend({.cubins = setup.cubins, .version = "echo 2"}), fused);  // Another compiler's are not its own.
  EXPECT_EQ(compiled_.size(), 2u);
}

TEST_F(FusedKernelsTest, DamagedCubinsAreCompiledAnew) {
  const TempDirectory directory;
  const Setup setup = {.cubins = FileStore::Open(directory.path(), 1 << 20).value()};
  const FusedCase fused = GeneratedFusedCases()[0];
  Run(*NewBackend(setup), fused);
  for (const auto& entry : std::filesystem::recursive_directory_iterator(directory.path())) {
    if (entry.is_regular_file()) std::filesystem::resize_file(entry.path(), entry.file_size() / 2);
  }
  Run(*NewBackend(setup), fused);
  EXPECT_EQ(compiled_.size(), 2u);
  // Whole, but no code of this device.
  ASSERT_TRUE(setup.cubins->Put("echo 1\n" + compiled_[0], "nonsense").ok());
  Run(*NewBackend(setup), fused);
  EXPECT_EQ(compiled_.size(), 3u);
  ASSERT_EQ(log_.size(), 1u);
  EXPECT_NE(log_[0].find("a cached cubin is ignored"), std::string::npos) << log_[0];
}

TEST_F(FusedKernelsTest, TheStoreStaysWithinItsBound) {
  const TempDirectory directory;
  constexpr int64_t kBytes = 20000;
  const Setup setup = {.cubins = FileStore::Open(directory.path(), kBytes).value()};
  const std::unique_ptr<kernels::Backend> backend = NewBackend(setup);
  const std::vector<FusedCase> cases = GeneratedFusedCases();
  for (size_t i = 0; i < 14; ++i) Run(*backend, cases[i]);
  uintmax_t bytes = 0;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(directory.path())) {
    if (entry.is_regular_file()) bytes += entry.file_size();
  }
  EXPECT_GT(bytes, 0u);
  EXPECT_LE(bytes, static_cast<uintmax_t>(kBytes));
}

TEST_F(FusedKernelsTest, ALostDeviceIsAnErrorOfTheLaunch) {
  FakeDriver driver;
  kernels::cuda::FusedKernelsOptions options;
  options.compiler = std::make_unique<EchoCompiler>(compiled_);
  kernels::cuda::FusedKernels kernels(driver, std::move(options));
  const FusedCase fused = GeneratedFusedCases()[0];
  const std::vector<kernels::TensorView> inputs = fused.InputViews();
  const std::vector<HostTensor> tensors = fused.NewOutputs();
  const std::vector<kernels::TensorView> outputs = {tensors[0].View(), tensors[1].View()};
  const kernels::cuda::FusedArgs args =
      kernels::cuda::PrepareFused(fused.program, {.inputs = inputs, .outputs = outputs}).value();
  driver.Lose("cudaErrorIllegalAddress");
  EXPECT_EQ(kernels.Launch({}, fused.program, args).status().code(), absl::StatusCode::kInternal);
}

// The real compiler; it needs no device.
TEST(NvrtcTest, CompilesGeneratedKernelsWithoutAWarning) {
  if (const auto nvrtc = kernels::cuda::LoadNvrtc("sm_90"); !nvrtc.ok()) GTEST_SKIP() << nvrtc.status();
  const std::vector<FusedCase> cases = GeneratedFusedCases();
  for (const char* architecture : {"sm_80", "sm_90", "sm_100"}) {
    const std::unique_ptr<kernels::cuda::CubinCompiler> compiler = kernels::cuda::LoadNvrtc(architecture).value();
    for (size_t i = 0; i < cases.size(); i += architecture == std::string("sm_90") ? 1 : 6) {
      const std::string source = std::string(kernels::cuda::kFusedInclude) + SourceOf(cases[i], "metronome_fused");
      const auto compiled = compiler->Compile(source);
      ASSERT_TRUE(compiled.ok()) << architecture << "\n" << compiled.status() << "\n" << source;
      EXPECT_EQ(compiled->log, "") << source;
      EXPECT_EQ(compiled->cubin.substr(0, 4),
                "\x7f"
                "ELF");
      EXPECT_NE(compiled->cubin.find("metronome_fused"), std::string::npos);
    }
  }
}

TEST(NvrtcTest, SaysWhatIsWrongWithASource) {
  const auto nvrtc = kernels::cuda::LoadNvrtc("sm_90");
  if (!nvrtc.ok()) GTEST_SKIP() << nvrtc.status();
  const absl::Status status = (*nvrtc)->Compile("__global__ void k() { nonsense; }").status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_NE(status.message().find("nonsense"), std::string::npos) << status;
  EXPECT_EQ((*nvrtc)->version().rfind("NVRTC 13.", 0), 0u);
}

TEST(NvrtcTest, RefusesADeviceItDoesNotKnow) {
  if (const auto nvrtc = kernels::cuda::LoadNvrtc("sm_90"); !nvrtc.ok()) GTEST_SKIP() << nvrtc.status();
  const absl::Status status = kernels::cuda::LoadNvrtc("sm_123456").status();
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_NE(status.message().find("sm_123456"), std::string::npos) << status;
}

}  // namespace
}  // namespace metronome::testing
