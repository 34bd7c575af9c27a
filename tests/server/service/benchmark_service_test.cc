// What measurements are made of and what their results say.
#include <filesystem>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "tests/server/served_benchmarks.h"

namespace metronome::server {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

class BenchmarkServiceTest : public ServedBenchmarks {};

TEST_F(BenchmarkServiceTest, ResultSaysWhatRanAndIsStoredAsReported) {
  const std::string run_id = StartRun();
  v1::BenchmarkResult result;
  const grpc::Status status = Measure(run_id, TinySpec(), &result);
  ASSERT_TRUE(status.ok()) << status.error_message();

  EXPECT_EQ(result.outcome(), "ok") << result.error_text();
  EXPECT_EQ(result.provenance(), "server");
  EXPECT_EQ(result.spec().path(), "compiled");
  EXPECT_EQ(result.ttft_ms().n(), 3);
  EXPECT_EQ(result.tpot_ms().n(), 3);
  EXPECT_EQ(result.step_ms().n(), 3 * 5);
  EXPECT_EQ(result.sampling_ms().n(), 3 * 5);
  EXPECT_LT(result.sampling_ms().median(), result.step_ms().median());
  EXPECT_EQ(result.samples_size(), 0);
  EXPECT_EQ(result.sample_count(), 3 + 3 + 2 * 3 * 5);
  EXPECT_EQ(SamplesOf(result).size(), size_t{3 + 3 + 2 * 3 * 5});
  EXPECT_EQ(result.model_layers(), 3);
  EXPECT_EQ(result.prompt_tokens(), 11);
  EXPECT_EQ(result.prompt_tokens_requested(), 11);
  EXPECT_EQ(result.kv_state(), "cold");
  EXPECT_EQ(result.weights_provenance(), "synthetic:5");
  EXPECT_EQ(result.weight_bytes(), 4 * 164'448);
  EXPECT_EQ(result.output_digest().size(), 16u);
  EXPECT_NE(result.output_digest(), "mixed");
  EXPECT_NEAR(result.decode_tokens_per_second(), 1e3 / result.tpot_ms().median(), 1e-6);
  EXPECT_NEAR(result.prefill_tokens_per_second(), 11e3 / result.ttft_ms().median(), 1e-6);
  EXPECT_GT(result.bandwidth_bytes_per_second(), 1e8);
  EXPECT_GE(result.step_bytes(), result.weight_bytes() * 9 / 10);
  EXPECT_GT(result.peak_memory_bytes(), result.weight_bytes());
  EXPECT_GT(result.memory_available_before_bytes(), 0);
  EXPECT_EQ(ServerInfo().models_size(), 0);

  ASSERT_TRUE(FinishRun(run_id).ok());
  const v1::Run run = GetRun(run_id);
  EXPECT_EQ(run.state(), "complete");
  EXPECT_EQ(run.caller().git_branch(), "feature/x");
  EXPECT_NE(run.server().cpu_model(), "");
  EXPECT_EQ(run.server().threads(), 2);
  ASSERT_EQ(run.results_size(), 1);
  EXPECT_EQ(run.results(0).SerializeAsString(), result.SerializeAsString());
}

// TPOT is (last - first) / (n - 1), which is the mean of the iteration's steps.
TEST_F(BenchmarkServiceTest, TimePerOutputTokenIsTheMeanOfItsSteps) {
  v1::BenchmarkResult result;
  ASSERT_TRUE(Measure(StartRun(), TinySpec(), &result).ok());
  std::map<int, double> steps, tpot;
  for (const v1::Sample& sample : SamplesOf(result)) {
    if (sample.metric() == "step_ms") steps[sample.index()] += sample.value() / 5;
    if (sample.metric() == "tpot_ms") tpot[sample.index()] = sample.value();
  }
  ASSERT_EQ(tpot.size(), 3u);
  for (const auto& [iteration, value] : tpot) EXPECT_NEAR(value, steps[iteration], 1e-6) << iteration;
}

TEST_F(BenchmarkServiceTest, DigestIsThatOfTheSameTokensThroughInference) {
  v1::BenchmarkResult result;
  ASSERT_TRUE(Measure(StartRun(), TinySpec(), &result).ok());
  v1::CompileRequest compile = TinyRequest("tiny-qwen3");
  compile.set_seed(5);
  ASSERT_TRUE(Compile(compile).ok());
  Context context;
  v1::GenerateRequest request;
  request.set_model("tiny-qwen3");
  request.mutable_prompt()->mutable_synthetic()->set_tokens(11);
  request.mutable_prompt()->mutable_synthetic()->set_seed(5);
  request.set_max_tokens(6);
  std::vector<v1::DecodeResponse> messages;
  ASSERT_TRUE(ReadAll(inference_->Generate(&context, request), &messages).ok());
  EXPECT_EQ(messages.back().summary().digest(), result.output_digest());
}

TEST_F(BenchmarkServiceTest, ScalingMeasuresPositionsUpToTheEndOfTheCache) {
  const std::string run_id = StartRun();
  v1::BenchmarkSpec spec;
  spec.set_model("tiny-gemma3");
  spec.set_scenario("scaling");
  spec.set_max_cache_len(2000);
  spec.set_prompt_tokens(7);
  spec.set_iters(4);
  v1::BenchmarkResult result;
  ASSERT_TRUE(Measure(run_id, spec, &result).ok());

  EXPECT_EQ(result.outcome(), "ok") << result.error_text();
  EXPECT_EQ(result.kv_state(), "random");
  std::vector<int64_t> positions;
  int64_t bytes = 0;
  for (const v1::PositionResult& at : result.positions()) {
    positions.push_back(at.position());
    EXPECT_EQ(at.step_ms().n(), 4);
    EXPECT_GT(at.step_ms().min(), 0);
    EXPECT_GT(at.step_bytes(), bytes);  // The global layer reads every position.
    bytes = at.step_bytes();
  }
  EXPECT_THAT(positions, testing::ElementsAre(1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 1993));
  EXPECT_EQ(result.step_bytes(), bytes);
  EXPECT_EQ(result.step_ms().n(), 0);
  EXPECT_EQ(result.ttft_ms().n(), 0);
  const v1::PositionResult& last = result.positions(11);
  EXPECT_NEAR(result.bandwidth_fraction(),
              static_cast<double>(bytes) / (last.step_ms().median() * 1e-3) / result.bandwidth_bytes_per_second(),
              1e-9);
  EXPECT_EQ(GetRun(run_id).results(0).SerializeAsString(), result.SerializeAsString());
}

TEST_F(BenchmarkServiceTest, ScalingGoesToTheModelsLimitAndSaysWhatItCannotUse) {
  const std::string run_id = StartRun();
  v1::BenchmarkSpec spec;
  spec.set_model("tiny-llama");
  spec.set_scenario("scaling");
  spec.set_iters(1);
  v1::BenchmarkResult result;
  ASSERT_TRUE(Measure(run_id, spec, &result).ok());
  ASSERT_GT(result.positions_size(), 0) << result.error_text();
  EXPECT_EQ(result.positions(result.positions_size() - 1).position(), 2047);  // max_position_embeddings 2048.

  spec.set_prompt_tokens(4000);  // Known to be too many only when the model's limit is.
  ASSERT_TRUE(Measure(run_id, spec, &result).ok());
  EXPECT_EQ(result.outcome(), "failed");
  EXPECT_EQ(result.error_kind(), "OUT_OF_RANGE");
  spec.set_prompt_tokens(1);
  for (const auto& spoil : std::vector<std::function<void(v1::BenchmarkSpec&)>>{
           [](auto& s) { s.set_decode_tokens(3); }, [](auto& s) { s.set_warmups(3); },
           [](auto& s) { s.mutable_sampling()->set_temperature(1); }, [](auto& s) { s.set_max_cache_len(1); }}) {
    v1::BenchmarkSpec bad = spec;
    spoil(bad);
    EXPECT_EQ(Measure(run_id, bad, &result).error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  }
}

TEST_F(BenchmarkServiceTest, ResultsOfTheFirstLayersSayOfHowMany) {
  const std::string run_id = StartRun();
  v1::BenchmarkSpec spec = TinySpec();
  spec.set_layers(2);
  v1::BenchmarkResult part, whole;
  ASSERT_TRUE(Measure(run_id, spec, &part).ok());
  ASSERT_TRUE(Measure(run_id, TinySpec(), &whole).ok());
  EXPECT_EQ(part.outcome(), "ok") << part.error_text();
  EXPECT_EQ(part.spec().layers(), 2);
  EXPECT_EQ(part.model_layers(), 3);
  EXPECT_LT(part.weight_bytes(), whole.weight_bytes());
  EXPECT_NE(part.plan_hash(), whole.plan_hash());
  EXPECT_EQ(GetRun(run_id).results(0).SerializeAsString(), part.SerializeAsString());
}

TEST_F(BenchmarkServiceTest, SampledTokensRepeatWithTheirSeed) {
  const std::string run_id = StartRun();
  v1::BenchmarkSpec spec = TinySpec();
  spec.mutable_sampling()->set_temperature(0.8);
  spec.mutable_sampling()->set_top_k(50);
  spec.mutable_sampling()->set_top_p(0.9);
  spec.mutable_sampling()->set_repetition_penalty(1.1);
  spec.set_decode_tokens(30);
  v1::BenchmarkResult sampled, again, other, greedy;
  ASSERT_TRUE(Measure(run_id, spec, &sampled).ok());
  ASSERT_TRUE(Measure(run_id, spec, &again).ok());
  spec.mutable_sampling()->set_seed(9);
  ASSERT_TRUE(Measure(run_id, spec, &other).ok());
  EXPECT_EQ(sampled.outcome(), "ok") << sampled.error_text();
  EXPECT_NE(sampled.output_digest(), "mixed");  // Each iteration starts from the seed.
  EXPECT_EQ(sampled.output_digest(), again.output_digest());
  EXPECT_NE(sampled.output_digest(), other.output_digest());
  EXPECT_EQ(GetRun(run_id).results(2).SerializeAsString(), other.SerializeAsString());
}

TEST_F(BenchmarkServiceTest, SequentialPrefillGivesTheSameTokens) {
  const std::string run = StartRun();
  v1::BenchmarkResult chunked, sequential;
  v1::BenchmarkSpec spec = TinySpec();
  ASSERT_TRUE(Measure(run, spec, &chunked).ok());
  spec.set_prefill_mode("sequential");
  ASSERT_TRUE(Measure(run, spec, &sequential).ok());
  EXPECT_EQ(sequential.outcome(), "ok");
  EXPECT_EQ(sequential.output_digest(), chunked.output_digest());
}

TEST_F(BenchmarkServiceTest, ModelDefaultsAreNotForBenchmarks) {
  v1::BenchmarkSpec spec = TinySpec();
  spec.mutable_sampling()->set_model_defaults(true);
  v1::BenchmarkResult result;
  const grpc::Status status = Measure(StartRun(), spec, &result);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_THAT(status.error_message(), HasSubstr("sampling.model_defaults is not for benchmarks"));
}

TEST_F(BenchmarkServiceTest, OneTokenHasNoTimePerOutputToken) {
  v1::BenchmarkSpec spec = TinySpec();
  spec.set_decode_tokens(1);
  v1::BenchmarkResult result;
  ASSERT_TRUE(Measure(StartRun(), spec, &result).ok());
  EXPECT_EQ(result.outcome(), "ok");
  EXPECT_EQ(result.ttft_ms().n(), 3);
  EXPECT_EQ(result.tpot_ms().n(), 0);
  EXPECT_EQ(result.decode_tokens_per_second(), 0);
}

TEST_F(BenchmarkServiceTest, ModelLoadedWithTheSameOptionsStays) {
  v1::CompileRequest compile = TinyRequest("tiny-qwen3");
  compile.set_seed(5);
  compile.set_max_cache_len(64);
  ASSERT_TRUE(Compile(compile).ok());
  const std::string session = OpenSession(TinyPrefill("tiny-qwen3"));
  v1::BenchmarkSpec spec = TinySpec();
  spec.set_max_cache_len(64);
  v1::BenchmarkResult result;
  ASSERT_TRUE(Measure(StartRun(), spec, &result).ok());
  EXPECT_EQ(result.outcome(), "ok") << result.error_text();
  std::vector<int32_t> ids;
  EXPECT_TRUE(Decode(session, 3, &ids).ok());
}

TEST_F(BenchmarkServiceTest, WhatCannotRunBecomesAResultToo) {
  const std::string run = StartRun();
  v1::BenchmarkSpec spec = TinySpec();
  v1::BenchmarkResult skipped, missing, beyond;
  std::filesystem::create_directory(directory_.File("mamba"));
  spec.set_model(directory_.File("mamba"));
  directory_.Write("mamba/config.json", R"({"model_type": "mamba"})");
  ASSERT_TRUE(Measure(run, spec, &skipped).ok());
  spec.set_model(directory_.File("nonexistent/model"));
  ASSERT_TRUE(Measure(run, spec, &missing).ok());
  spec = TinySpec();
  spec.set_prompt_tokens(3000);
  ASSERT_TRUE(Measure(run, spec, &beyond).ok());

  EXPECT_EQ(skipped.outcome(), "skipped");
  EXPECT_EQ(skipped.error_kind(), "UNIMPLEMENTED");
  EXPECT_EQ(missing.outcome(), "failed");
  EXPECT_EQ(missing.error_kind(), "NOT_FOUND");
  EXPECT_EQ(beyond.outcome(), "failed");
  EXPECT_EQ(beyond.error_kind(), "OUT_OF_RANGE");
  EXPECT_EQ(GetRun(run).results_size(), 3);
}

TEST_F(BenchmarkServiceTest, BadSpecsAreRefusedAndNotStored) {
  const std::string run = StartRun();
  const auto refuse = [&](const std::function<void(v1::BenchmarkSpec&)>& spoil, grpc::StatusCode code,
                          const testing::Matcher<std::string>& message) {
    v1::BenchmarkSpec spec = TinySpec();
    spoil(spec);
    v1::BenchmarkResult result;
    const grpc::Status status = Measure(run, spec, &result);
    EXPECT_EQ(status.error_code(), code) << status.error_message();
    EXPECT_THAT(status.error_message(), message);
  };
  const auto invalid = grpc::StatusCode::INVALID_ARGUMENT;
  refuse([](auto& s) { s.clear_model(); }, invalid, HasSubstr("model is empty"));
  refuse([](auto& s) { s.set_iters(-1); }, invalid, HasSubstr("iters is -1, not in [1, 100000]"));
  refuse([](auto& s) { s.set_warmups(-1); }, invalid, HasSubstr("warmups is -1"));
  refuse([](auto& s) { s.set_decode_tokens(-7); }, invalid, HasSubstr("decode_tokens is -7"));
  refuse([](auto& s) { s.set_prompt_tokens(-7); }, invalid, HasSubstr("prompt_tokens is -7"));
  refuse([](auto& s) { s.set_max_cache_len(-7); }, invalid, HasSubstr("max_cache_len is -7"));
  refuse([](auto& s) { s.set_path("scenic"); }, invalid, HasSubstr("'scenic'"));
  refuse([](auto& s) { s.set_prefill_mode("diagonal"); }, invalid, HasSubstr("'diagonal'"));
  refuse([](auto& s) { s.set_scenario("marathon"); }, grpc::StatusCode::UNIMPLEMENTED, HasSubstr("'marathon'"));
  refuse(
      [](auto& s) {
        s.set_iters(100000);
        s.set_decode_tokens(11);
      },
      invalid, AllOf(HasSubstr("iters * decode_tokens is 1100000"), HasSubstr("1000000]")));
  EXPECT_EQ(GetRun(run).results_size(), 0);
}

}  // namespace
}  // namespace metronome::server
