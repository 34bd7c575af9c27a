#include "compiler/frontend/catalogue.h"

#include <string>

#include "absl/strings/str_cat.h"
#include "compiler/driver/compile.h"
#include "compiler/frontend/decoder.h"
#include "compiler/frontend/hf_config.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace metronome::compiler {
namespace {

int64_t ElementsOf(const runtime::PlanValue& value) { return runtime::EvaluateShape(value.shape, {}).elements(); }

// Published figures: KV bytes per token in bfloat16 over all layers.
struct Published {
  const char* key;
  int64_t kv_bytes_per_token;
  int windowed_layers;
  int64_t window;
};

constexpr Published kPublished[] = {
    {"llama-3-8b", 131072, 0, 0},    {"llama-3.2-1b", 32768, 0, 0},  {"qwen2.5-1.5b", 28672, 0, 0},
    {"qwen3-1.7b", 114688, 0, 0},    {"qwen3-4b", 147456, 0, 0},     {"gemma3-1b", 26624, 22, 512},
    {"gemma3-4b", 139264, 29, 1024}, {"qwen3-30b-a3b", 98304, 0, 0}, {"gemma4-26b-a4b", 225280, 25, 1024},
};

class CatalogueTest : public testing::TestWithParam<CatalogueEntry> {};

TEST_P(CatalogueTest, BuildsFromPrimitivesWithThePublishedParameterCount) {
  const absl::StatusOr<ModelConfig> config = ParseHfConfig(GetParam().config);
  ASSERT_TRUE(config.ok()) << config.status();
  const absl::StatusOr<Graph> graph = BuildDecoder(*config, kernels::DType::kBFloat16);
  ASSERT_TRUE(graph.ok()) << graph.status();
  for (NodeId id = 0; id < graph->size(); ++id) EXPECT_TRUE(kernels::IsPrimitive(graph->node(id).op));

  const absl::StatusOr<CompileResult> compiled = Compile(*graph, ExecutionPath::kEager);

  ASSERT_TRUE(compiled.ok()) << compiled.status();
  int64_t parameters = 0;
  for (const runtime::PlanValue& value : compiled->plans[0].plan.values) {
    if (value.storage == runtime::Storage::kWeight) parameters += ElementsOf(value);
  }
  EXPECT_EQ(parameters, GetParam().parameters);
}

// Fusion leaves, per layer, the attention projections in one call, gate and up in one, two products with their
// residual, attention, two RoPEs, norms and two cache writes; anything else would be a primitive that no rule
// recognised.
// Steps of that op in a call's program; 0 for a call that has none.
size_t CountSteps(const runtime::KernelCall& call, const std::string& op) {
  if (call.kernel != "fused") return 0;
  const std::string program(call.attributes.String("program")), step = absl::StrCat("= ", op, "(");
  size_t count = 0;
  for (size_t at = program.find(step); at != std::string::npos; at = program.find(step, at + 1)) ++count;
  return count;
}

TEST_P(CatalogueTest, RulesCoverEveryLayer) {
  for (kernels::DType dtype : {kernels::DType::kFloat32, kernels::DType::kBFloat16, kernels::DType::kFloat16}) {
    const absl::StatusOr<ModelConfig> config = ParseHfConfig(GetParam().config);
    ASSERT_TRUE(config.ok());
    const absl::StatusOr<Graph> graph = BuildDecoder(*config, dtype);
    ASSERT_TRUE(graph.ok());

    const absl::StatusOr<CompileResult> compiled = Compile(*graph, ExecutionPath::kCompiled);

    ASSERT_TRUE(compiled.ok()) << compiled.status();
    std::map<std::string, size_t> calls;
    size_t prologues = 0, fused_sums = 0, fused_reductions = 0;
    for (const runtime::KernelCall& call : compiled->plans[0].plan.calls) {
      ++calls[call.kernel];
      fused_sums += CountSteps(call, "add");
      fused_reductions += CountSteps(call, "reduce_sum");
      prologues += (call.attributes.Int("has_norm") != 0 ? 1 : 0) + (call.attributes.Int("has_head_norm") != 0 ? 2 : 0);
    }
    const size_t layers = config->layers.size();
    const size_t fused = config->value_norm ? 0 : layers;  // Layers whose values are cached as they are.
    EXPECT_EQ(calls["qkv_rope_cache"], fused);
    EXPECT_EQ(calls["linear_group"], layers - fused);
    const auto sparse = static_cast<size_t>(std::count_if(config->layers.begin(), config->layers.end(),
                                                          [](const LayerConfig& layer) { return layer.sparse; }));
    const size_t beside = config->experts_beside_mlp ? sparse : 0;  // Layers with an MLP and experts.
    EXPECT_EQ(calls["gated_linear"], layers - sparse + beside);
    EXPECT_EQ(calls["linear"], 2 * layers + beside + 1);  // The router, where there is no down projection.
    EXPECT_EQ(calls["top_k"], sparse);
    EXPECT_EQ(calls["gated_experts"], sparse);
    EXPECT_EQ(calls["expert_mix"], sparse);
    EXPECT_EQ(calls["gather"] + calls["embedding"], 1 + beside);  // The scales of experts.
    EXPECT_EQ(calls["argmax"], 1u);
    EXPECT_EQ(calls["attention"], layers);
    EXPECT_EQ(calls["rope"], 2 * (layers - fused));
    EXPECT_EQ(calls["gated_activation"], 0u);
    EXPECT_EQ(calls["cache_write"], 2 * (layers - fused));
    const size_t norms = 2 + (config->branch_norms ? 2 : 0) + (config->qk_norm ? 2 : 0) + (config->value_norm ? 1 : 0);
    EXPECT_EQ(calls["rms_norm"] + calls["add_rms_norm"] + prologues, norms * layers + 4 * beside + 1);
    EXPECT_EQ(calls["add"] + calls["add_rms_norm"] + fused_sums, config->branch_norms ? 2 * layers + beside : sparse);
    EXPECT_EQ(calls["add_rms_norm"], config->branch_norms ? layers + beside : 0);  // The other sum leaves the block.
    EXPECT_EQ(calls["matmul"] + calls["transpose"] + calls["select"] + calls["exp"] + calls["broadcast"], 0u);
    EXPECT_EQ(calls["softmax"], sparse);
    EXPECT_EQ(calls["reduce_sum"], 0u);
    EXPECT_EQ(fused_reductions, config->normalise_expert_weights ? sparse : 0);
  }
}

std::string TestName(absl::string_view key) {
  std::string name(key);
  for (char& c : name) c = std::isalnum(static_cast<unsigned char>(c)) ? c : '_';
  return name;
}

INSTANTIATE_TEST_SUITE_P(Models, CatalogueTest, testing::ValuesIn(ModelCatalogue()),
                         [](const auto& info) { return TestName(info.param.key); });

TEST(CatalogueFactsTest, CacheSizesAndWindowsAreThePublishedOnes) {
  for (const Published& published : kPublished) {
    const absl::StatusOr<ModelConfig> config = ParseHfConfig(FindModel(published.key)->config);
    ASSERT_TRUE(config.ok()) << published.key << config.status();
    const absl::StatusOr<Graph> graph = BuildDecoder(*config, kernels::DType::kBFloat16);
    ASSERT_TRUE(graph.ok());
    const absl::StatusOr<CompileResult> compiled = Compile(*graph, ExecutionPath::kCompiled);
    ASSERT_TRUE(compiled.ok());

    int64_t bytes = 0;
    for (const runtime::PlanValue& value : compiled->plans[0].plan.values) {
      if (value.storage == runtime::Storage::kState) bytes += ElementsOf(value) * 2;  // One position: seq 1, past 0.
    }
    int windowed = 0;
    for (const runtime::KernelCall& call : compiled->plans[0].plan.calls) {
      if (call.kernel != "attention" || call.attributes.Int("window") == 0) continue;
      EXPECT_EQ(call.attributes.Int("window"), published.window) << published.key;
      ++windowed;
    }
    EXPECT_EQ(bytes, published.kv_bytes_per_token) << published.key;
    EXPECT_EQ(windowed, published.windowed_layers) << published.key;
  }
}

TEST(CatalogueFactsTest, NineModelsAndTheirTinyVariants) {
  int full = 0, tiny = 0;
  for (const CatalogueEntry& entry : ModelCatalogue()) ++(entry.tiny ? tiny : full);

  EXPECT_EQ(full, 9);
  EXPECT_EQ(tiny, 6);
  EXPECT_EQ(FindModel("no-such-model"), nullptr);
}

}  // namespace
}  // namespace metronome::compiler
