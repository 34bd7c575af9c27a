#include <filesystem>
#include <set>

#include "gmock/gmock.h"
#include "tests/server/served_daemon.h"

namespace metronome::server {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

class ExplainTest : public ServedDaemon {
 protected:
  grpc::Status Explain(const v1::ExplainRequest& request, v1::ExplainResponse* response) {
    Context context;
    return inference_->Explain(&context, request, response);
  }
  static v1::ExplainRequest Request(int64_t tokens, int64_t past) {
    v1::ExplainRequest request;
    request.set_model("tiny-llama");
    request.set_tokens(tokens);
    request.set_past(past);
    return request;
  }
};

TEST_F(ExplainTest, EveryKernelOfTheStepIsAccountedFor) {
  v1::ModelInfo model;
  ASSERT_TRUE(Compile(TinyRequest(), &model).ok());
  for (const auto& [tokens, past] : {std::pair<int64_t, int64_t>{1, 0}, {1, 100}, {33, 5}}) {
    v1::ExplainResponse response;
    const grpc::Status status = Explain(Request(tokens, past), &response);
    ASSERT_TRUE(status.ok()) << status.error_message();

    int calls = 0;
    double attributed = 0;
    std::set<std::string> kernels;
    for (const v1::KernelUse& use : response.kernels()) {
      calls += use.calls();
      attributed += use.ms();
      kernels.insert(use.kernel());
      EXPECT_GT(use.ms(), 0) << use.kernel();
      EXPECT_GT(use.bytes(), 0) << use.kernel();
      EXPECT_GT(use.roofline(), 0) << use.kernel();
      EXPECT_EQ(use.operands().empty(), use.kernel() == "iota") << use.kernel();
      EXPECT_EQ(use.operands().find("; return t") != std::string::npos, use.kernel() == "fused") << use.operands();
    }
    EXPECT_EQ(calls, model.kernel_calls());
    EXPECT_THAT(kernels,
                testing::IsSupersetOf({"attention", "qkv_rope_cache", "gated_linear", "linear", "argmax", "fused"}));
    EXPECT_NEAR(response.unattributed_ms(), response.step_ms() - attributed, 1e-9);
    EXPECT_EQ(response.tokens(), tokens);
    EXPECT_EQ(response.past(), past);
    EXPECT_GT(response.read_bytes_per_second(), 1e8);
    EXPECT_GT(response.matmul_flops_per_second(), 1e8);
    EXPECT_EQ(response.model().plan_hash(), model.plan_hash());
  }
}

TEST_F(ExplainTest, SaysHowThePlanCameAbout) {
  v1::CompileRequest compile = TinyRequest();
  compile.set_search_iterations(20);
  ASSERT_TRUE(Compile(compile).ok());
  v1::ExplainRequest request = Request(40, 0);
  request.set_dumps(true);
  v1::ExplainResponse response;
  ASSERT_TRUE(Explain(request, &response).ok());

  EXPECT_EQ(response.bucket(), 64);
  EXPECT_EQ(response.rules_fired().at("attention-causal"), 3);
  int64_t instances = 0;
  for (const v1::Saturation& block : response.blocks()) {
    EXPECT_EQ(block.stop_reason(), "saturated");
    EXPECT_GT(block.nodes(), 0);
    instances += block.instances();
  }
  EXPECT_EQ(instances, 3 + 2);  // Three layers, what comes before and what comes after.
  EXPECT_THAT(response.searches(), Not(IsEmpty()));
  for (const v1::PlanSearch& search : response.searches()) {
    EXPECT_GT(search.default_ms(), 0);
    EXPECT_GT(search.best_ms(), 0);
    EXPECT_LE(search.best_ms(), search.default_ms());
    EXPECT_LE(search.trials_size(), search.budget());
  }
  EXPECT_THAT(response.graph_text(), HasSubstr("reduce_max"));
  EXPECT_THAT(response.graph_text(), Not(HasSubstr("argmax")));
  EXPECT_THAT(response.blocks_text(), HasSubstr("block 1, 3 times"));
  EXPECT_THAT(response.fused_text(), HasSubstr("attention"));
  EXPECT_THAT(response.plan_text(), HasSubstr("qkv_rope_cache"));
}

// The channel takes 4 MB, gRPC's default; the graph of six hundred layers alone has more than a megabyte of text.
TEST_F(ExplainTest, LongDumpsAreCutSoThatTheAnswerFitsAMessage) {
  std::filesystem::create_directory(directory_.File("deep"));
  directory_.Write("deep/config.json",
                   R"({"model_type": "qwen3", "vocab_size": 64, "hidden_size": 16, "intermediate_size": 16,
                       "num_hidden_layers": 600, "num_attention_heads": 2, "num_key_value_heads": 1, "head_dim": 8,
                       "max_position_embeddings": 64, "tie_word_embeddings": true})");
  v1::CompileRequest compile = TinyRequest(directory_.File("deep"));
  compile.set_weights("synthetic");
  for (const char* path : {"compiled", "eager"}) {
    compile.set_path(path);
    ASSERT_TRUE(Compile(compile).ok());
    v1::ExplainRequest request = Request(1, 0);
    request.set_model(directory_.File("deep"));
    request.set_dumps(true);
    v1::ExplainResponse response;

    const grpc::Status status = Explain(request, &response);

    ASSERT_TRUE(status.ok()) << path << ": " << status.error_message();
    constexpr size_t kMessageBytes = size_t{4} << 20, kDumpBytes = size_t{640} << 10;
    EXPECT_LT(response.ByteSizeLong(), kMessageBytes);
    EXPECT_LE(response.graph_text().size(), kDumpBytes);
    EXPECT_GT(response.graph_text().size(), kDumpBytes - 8);
    EXPECT_THAT(response.graph_text(), testing::EndsWith("..."));
    EXPECT_LE(response.plan_text().size(), kDumpBytes);
    EXPECT_GT(response.plan_text().size(), size_t{100'000});
  }
}

TEST_F(ExplainTest, AnEagerModelHasNothingRewritten) {
  v1::CompileRequest compile = TinyRequest();
  compile.set_path("eager");
  ASSERT_TRUE(Compile(compile).ok());
  v1::ExplainResponse response;
  ASSERT_TRUE(Explain(Request(1, 0), &response).ok());
  EXPECT_THAT(response.rules_fired(), IsEmpty());
  EXPECT_THAT(response.blocks(), IsEmpty());
  for (const v1::KernelUse& use : response.kernels()) EXPECT_NE(use.kernel(), "attention");
}

TEST_F(ExplainTest, LeavesOpenSessionsAsTheyWere) {
  ASSERT_TRUE(Compile(TinyRequest()).ok());
  const auto generate = [&](bool explain) {
    Context prefill_context, decode_context;
    v1::PrefillRequest prefill;
    prefill.set_model("tiny-llama");
    for (int32_t id : {5, 6, 7}) prefill.mutable_prompt()->mutable_tokens()->add_ids(id);
    v1::PrefillResponse prefilled;
    EXPECT_TRUE(inference_->Prefill(&prefill_context, prefill, &prefilled).ok());
    v1::ExplainResponse explained;
    if (explain) {
      EXPECT_TRUE(Explain(Request(9, 30), &explained).ok());
    }
    v1::DecodeRequest decode;
    decode.set_session(prefilled.session());
    decode.set_max_tokens(8);
    std::vector<v1::DecodeResponse> messages;
    EXPECT_TRUE(ReadAll(inference_->Decode(&decode_context, decode), &messages).ok());
    return messages.back().summary().digest();
  };
  EXPECT_EQ(generate(true), generate(false));
}

TEST_F(ExplainTest, RefusesWhatTheModelCannotRun) {
  v1::ExplainResponse response;
  EXPECT_EQ(Explain(Request(1, 0), &response).error_code(), grpc::StatusCode::FAILED_PRECONDITION);
  ASSERT_TRUE(Compile(TinyRequest()).ok());
  EXPECT_EQ(Explain(Request(-1, 0), &response).error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(Explain(Request(1, -1), &response).error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(Explain(Request(1025, 0), &response).error_code(), grpc::StatusCode::OUT_OF_RANGE);
  const grpc::Status full = Explain(Request(1, 2048), &response);
  EXPECT_EQ(full.error_code(), grpc::StatusCode::OUT_OF_RANGE);
  EXPECT_THAT(full.error_message(), HasSubstr("2048"));
}

}  // namespace
}  // namespace metronome::server
