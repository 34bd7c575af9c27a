#include "server/pages/documents/report.h"

#include <gmock/gmock.h>

#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "server/pages/page.h"
#include "tests/server/pages/sample_runs.h"

namespace metronome::pages {
namespace {

using Json = nlohmann::json;

ReportSources SourcesOf(const v1::BenchmarkResult& result) {
  ReportSources sources;
  sources.run.set_run_id("20261120T101500.123456Z");
  sources.run.mutable_server()->set_cpu_model("AMD EPYC");
  *sources.run.add_results() = result;
  return sources;
}

TEST(ReportDocumentTest, HasTheWholeCellWithoutItsSamples) {
  v1::BenchmarkResult result = SampleResult("llama", "compiled", Around(10));
  result.set_plan_hash("abc");

  const Json document = Json::parse(ReportDocument(SourcesOf(result)));

  EXPECT_EQ(document["kind"], "report");
  EXPECT_EQ(document["title"], "Run 20261120T101500.123456Z");
  EXPECT_EQ(document["device"], "AMD EPYC");
  EXPECT_EQ(document["run"]["run_id"], "20261120T101500.123456Z");
  EXPECT_FALSE(document["run"].contains("results"));
  const Json& made = document["results"][0];
  EXPECT_EQ(made["cell"]["plan_hash"], "abc");
  EXPECT_EQ(made["cell"]["tpot_ms"]["median"], 10);
  EXPECT_FALSE(made["cell"].contains("samples"));
  EXPECT_EQ(made["iterations"]["tpot_ms"].size(), 9u);
  EXPECT_NEAR(made["intervals"]["tpot_ms"][0].get<double>(), 9.98, 0.02);
  EXPECT_NEAR(made["intervals"]["tpot_ms"][1].get<double>(), 10.02, 0.02);
}

TEST(ReportDocumentTest, NamesPartsOfModelsAndOtherPrograms) {
  v1::BenchmarkResult result = SampleResult("qwen3-30b-a3b", "hf_eager", Around(10));
  result.mutable_spec()->set_layers(8);
  result.set_model_layers(48);
  result.set_provenance("external");

  const Json document = Json::parse(ReportDocument(SourcesOf(result)));

  EXPECT_EQ(document["results"][0]["model"], "qwen3-30b-a3b [8 of 48 layers]");
  EXPECT_EQ(document["results"][0]["path"], "hf_eager (external)");
  EXPECT_FALSE(document["results"][0].contains("command"));
}

// 4 GB a step at 40 GB/s take 100 ms; of them 2 GB are weights that every token needs.
TEST(ReportDocumentTest, TheFloorIsWhatTheBytesTake) {
  v1::BenchmarkResult result = SampleResult("llama", "compiled", Around(120));
  result.set_bandwidth_bytes_per_second(40e9);
  result.set_step_bytes(4'000'000'000);
  result.set_weight_bytes(2'000'000'000);

  const Json document = Json::parse(ReportDocument(SourcesOf(result)));

  EXPECT_EQ(document["results"][0]["floor"], Json::parse(R"({"tpot_ms": 100.0, "ttft_ms": 50.0})"));
}

TEST(ReportDocumentTest, StagesOfTtftAreMedians) {
  v1::BenchmarkResult result = SampleResult("llama", "compiled", Around(10));
  AddSamples(result, "queue_ms", {1, 2, 9});
  AddSamples(result, "prefill_ms", {100, 110, 120});

  const Json document = Json::parse(ReportDocument(SourcesOf(result)));

  EXPECT_EQ(document["results"][0]["stages"],
            Json::parse(R"([{"name": "queue", "ms": 2.0}, {"name": "prefill", "ms": 110.0}])"));
}

TEST(ReportDocumentTest, ExplanationsLoseTheirDumps) {
  ReportSources sources = SourcesOf(SampleResult("llama", "compiled", Around(10)));
  v1::ExplainResponse& explanation = sources.explanations.emplace_back();
  explanation.mutable_model()->set_key("llama");
  explanation.mutable_model()->set_path("compiled");
  explanation.mutable_model()->set_dtype("bfloat16");
  explanation.set_plan_text("a long text");
  explanation.add_kernels()->set_kernel("linear");

  const Json document = Json::parse(ReportDocument(sources));

  EXPECT_EQ(document["explanations"][0]["label"], "llama, compiled, bfloat16");
  EXPECT_EQ(document["explanations"][0]["kernels"][0]["kernel"], "linear");
  EXPECT_FALSE(document["explanations"][0].contains("plan_text"));
}

// Each with as many steps as a timeline has points for.
TEST(ReportPageTest, TwoHundredResultsFitTwoMegabytes) {
  ReportSources sources;
  for (int i = 0; i < 200; ++i) {
    v1::BenchmarkResult result = SampleResult(absl::StrCat("model-", i / 4), "compiled", Around(10));
    for (int64_t position = 0; position < 500; ++position) {
      v1::Sample& sample = *result.add_samples();
      sample.set_metric("step_ms");
      sample.set_position(position);
      sample.set_value(1.0 + 1.0 / static_cast<double>(position + 3));
    }
    *sources.run.add_results() = result;
  }

  const std::string page = Page(ReportDocument(std::move(sources)), PageKind::kFile);

  EXPECT_LT(page.size(), 2'000'000u);
  EXPECT_GT(page.size(), 1'000'000u);
}

}  // namespace
}  // namespace metronome::pages
