#include "server/model/plan_cache.h"

#include <cstring>
#include <filesystem>
#include <set>
#include <utility>

#include "compiler/frontend/catalogue.h"
#include "compiler/frontend/decoder.h"
#include "compiler/frontend/hf_config.h"
#include "gmock/gmock.h"
#include "kernels/cpu/cpu_backend.h"
#include "server/model/cached_plans_codec.h"
#include "tests/forwarding_backend.h"
#include "tests/server/served_daemon.h"

namespace metronome::server {
namespace {

namespace fs = std::filesystem;

compiler::Graph TinyGraph(const char* model, kernels::DType dtype) {
  return compiler::BuildDecoder(compiler::ParseHfConfig(compiler::FindModel(model)->config).value(), dtype).value();
}

TEST(PlanCacheTest, GivesBackPlansAndReportExactly) {
  const TempDirectory directory;
  const compiler::Graph graph = TinyGraph("tiny-gemma3", kernels::DType::kBFloat16);
  const auto backend = kernels::CreateCpuBackend({.threads = 1}).value();
  compiler::CompileResult compiled = Compile(graph, compiler::ExecutionPath::kCompiled).value();
  compiled.plans.push_back({.seq = 16, .plan = Compile(graph, compiler::ExecutionPath::kEager)->plans[0].plan});
  compiled.report.searches.push_back(
      {.block = 1, .seq = 16, .past = 3, .budget = 9, .default_ms = 0.1, .best_ms = 0.3});
  compiled.report.searches[0].log.push_back({.number = 2, .outcome = "numeric", .detail = "why", .incumbent_ms = 1e-9});
  const std::string key = PlanCache::Key(*backend, graph, {});
  PlanCache::Open(directory.path(), 1 << 24)->Store(key, compiled.plans, compiled.report);

  const std::optional<CachedPlans> found = PlanCache::Open(directory.path(), 1 << 24)->Find(key);

  ASSERT_TRUE(found.has_value());
  EXPECT_EQ(runtime::Hash(found->plans), runtime::Hash(compiled.plans));
  EXPECT_EQ(EncodeCachedPlans(found->plans, found->report), EncodeCachedPlans(compiled.plans, compiled.report));
  EXPECT_EQ(found->report.rules_fired, compiled.report.rules_fired);
  EXPECT_EQ(found->report.searches[0].log[0].detail, "why");
  EXPECT_EQ(found->report.searches[0].default_ms, 0.1);
  EXPECT_FALSE(PlanCache::Open(directory.path(), 1 << 24)->Find(key + " ").has_value());
}

class RenamedBackend final : public ForwardingBackend {
 public:
  RenamedBackend(std::string runtime, std::string libraries)
      : ForwardingBackend(kernels::CreateCpuBackend({.threads = 1}).value()),
        runtime_(std::move(runtime)),
        libraries_(std::move(libraries)) {}
  kernels::DeviceInfo Describe() const override {
    kernels::DeviceInfo info = ForwardingBackend::Describe();
    info.runtime = runtime_;
    info.libraries = libraries_;
    return info;
  }

 private:
  std::string runtime_, libraries_;
};

TEST(PlanCacheTest, WhateverMattersChangesTheKey) {
  const compiler::Graph graph = TinyGraph("tiny-llama", kernels::DType::kFloat32);
  const auto backend = kernels::CreateCpuBackend({.threads = 1}).value(),
             wider = kernels::CreateCpuBackend({.threads = 2}).value(),
             plain =
                 kernels::CreateCpuBackend({.threads = 1, .instruction_set = kernels::cpu::InstructionSet::kPortable})
                     .value();
  std::set<std::string> keys = {PlanCache::Key(*backend, graph, {})};
  const auto expect_new = [&](const std::string& key) { EXPECT_TRUE(keys.insert(key).second) << key; };
  expect_new(PlanCache::Key(*wider, graph, {}));
  expect_new(PlanCache::Key(*plain, graph, {}));
  kernels::cpu::CpuTuning tuning;
  for (const int64_t streams : {2, 8}) {
    tuning.Set(kernels::cpu::TunedForm::kProduct, kernels::DType::kFloat32, {{"tune_streams", streams}});
    expect_new(PlanCache::Key(*kernels::CreateCpuBackend({.threads = 1, .tuning = tuning}).value(), graph, {}));
  }
  expect_new(PlanCache::Key(RenamedBackend("13.0", ""), graph, {}));
  expect_new(PlanCache::Key(RenamedBackend("13.0", "cuBLASLt 13.1.0"), graph, {}));
  expect_new(PlanCache::Key(RenamedBackend("13.0", "cuBLASLt 13.2.0"), graph, {}));
  expect_new(PlanCache::Key(*backend, TinyGraph("tiny-llama", kernels::DType::kFloat16), {}));
  expect_new(PlanCache::Key(*backend, TinyGraph("tiny-qwen3", kernels::DType::kFloat32), {}));
  expect_new(PlanCache::Key(*backend, graph, {.budget = 7}));
  expect_new(PlanCache::Key(*backend, graph, {.seed = 7}));
  expect_new(PlanCache::Key(*backend, graph, {.trials = 7}));
  expect_new(PlanCache::Key(*backend, graph, {.keep_best = 7}));
  expect_new(PlanCache::Key(*backend, graph, {.max_seq = 7}));
  expect_new(PlanCache::Key(*backend, graph, {.max_past = 7}));
  EXPECT_FALSE(keys.insert(PlanCache::Key(*backend, TinyGraph("tiny-llama", kernels::DType::kFloat32), {})).second);
}

TEST(PlanCacheTest, BytesOfAnotherShapeAreRefused) {
  const runtime::PlanSet plans =
      Compile(TinyGraph("tiny-llama", kernels::DType::kFloat32), compiler::ExecutionPath::kCompiled)->plans;
  const std::string good = EncodeCachedPlans(plans, {});
  ASSERT_TRUE(DecodeCachedPlans(good).ok());
  for (size_t length = 0; length < good.size(); length += 101)
    EXPECT_FALSE(DecodeCachedPlans(absl::string_view(good).substr(0, length)).ok());
  EXPECT_FALSE(DecodeCachedPlans(EncodeCachedPlans({}, {})).ok());
  EXPECT_FALSE(DecodeCachedPlans(EncodeCachedPlans({plans[0], plans[0]}, {})).ok());
}

TEST(PlanCacheTest, EndlessNestingIsRefused) {
  for (const char first : {'\x81', '\x9f', '\x7f', '\x5f', '\xc1'})
    EXPECT_EQ(DecodeCachedPlans(std::string(1 << 20, first)).status().code(), absl::StatusCode::kInvalidArgument);
}

// Whole as entries of the store, but not what the cache wrote.
TEST(PlanCacheTest, EntriesThatAreNoPlansAreNotThere) {
  const TempDirectory directory;
  const std::string good = EncodeCachedPlans(
      Compile(TinyGraph("tiny-llama", kernels::DType::kFloat32), compiler::ExecutionPath::kCompiled)->plans, {});
  std::string damaged = good;
  const size_t at = damaged.find("version") + std::strlen("version");
  ASSERT_LT(at, damaged.size());
  damaged[at] = 23;
  const FileStore store = FileStore::Open(directory.path(), 1 << 24).value();
  const PlanCache cache = PlanCache::Open(directory.path(), 1 << 24).value();
  for (const std::string& bytes : {std::string(), std::string("plans"), good.substr(1), damaged}) {
    ASSERT_TRUE(store.Put("key", bytes).ok());
    EXPECT_FALSE(cache.Find("key").has_value());
  }
  ASSERT_TRUE(store.Put("key", good).ok());
  EXPECT_TRUE(cache.Find("key").has_value());
}

class CachedCompileTest : public ServedDaemon {
 protected:
  static v1::CompileRequest Request() {
    v1::CompileRequest request = TinyRequest();
    request.set_search_iterations(6);
    return request;
  }
  void Unload() {
    Context context;
    v1::UnloadRequest request;
    request.set_model("tiny-llama");
    v1::UnloadResponse response;
    ASSERT_TRUE(inference_->Unload(&context, request, &response).ok());
  }
};

TEST_F(CachedCompileTest, ASecondCompileFindsThePlan) {
  v1::ModelInfo first, second, other;
  ASSERT_TRUE(Compile(Request(), &first).ok());
  EXPECT_FALSE(first.plan_cached());
  Unload();
  ASSERT_TRUE(Compile(Request(), &second).ok());
  EXPECT_TRUE(second.plan_cached());
  EXPECT_EQ(second.plan_hash(), first.plan_hash());
  v1::CompileRequest request = Request();
  request.set_search_iterations(7);
  ASSERT_TRUE(Compile(request, &other).ok());
  EXPECT_FALSE(other.plan_cached());
}

TEST_F(CachedCompileTest, ADamagedCacheIsBuiltAnew) {
  ASSERT_TRUE(Compile(Request()).ok());
  Unload();
  int damaged = 0;
  for (const fs::directory_entry& entry : fs::directory_iterator(directory_.File("plans"))) {
    fs::resize_file(entry.path(), fs::file_size(entry.path()) / 2);
    ++damaged;
  }
  EXPECT_EQ(damaged, 1);
  v1::ModelInfo model;
  ASSERT_TRUE(Compile(Request(), &model).ok());
  EXPECT_FALSE(model.plan_cached());
  Unload();
  ASSERT_TRUE(Compile(Request(), &model).ok());
  EXPECT_TRUE(model.plan_cached());
}

TEST_F(CachedCompileTest, SearchOptionsAreChecked) {
  v1::CompileRequest request = Request();
  request.set_search_trials(-1);
  EXPECT_EQ(Compile(request).error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  request = Request();
  request.set_search_keep_best(100000);
  EXPECT_EQ(Compile(request).error_code(), grpc::StatusCode::INVALID_ARGUMENT);
}

}  // namespace
}  // namespace metronome::server
