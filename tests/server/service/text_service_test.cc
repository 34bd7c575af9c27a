// Prompts as text and as chats: what a model with a tokenizer takes.
#include <filesystem>
#include <string>
#include <tuple>
#include <vector>

#include "gmock/gmock.h"
#include "tests/server/served_daemon.h"

namespace metronome::server {
namespace {

using ::testing::HasSubstr;

class TextServiceTest : public ServedDaemon {
 protected:
  // A HuggingFace directory with a tokenizer and no weights: those are synthetic.
  std::string MakeDirectory(const std::string& tokenizer) {
    const std::string directory = directory_.File(tokenizer);
    std::filesystem::copy(std::string(METRONOME_GOLDEN_DIR) + "/tokenizers/" + tokenizer, directory);
    directory_.Write(tokenizer + "/config.json",
                     R"({"model_type": "qwen3", "vocab_size": 1007, "hidden_size": 64, "intermediate_size": 96,
                         "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 16,
                         "max_position_embeddings": 512, "tie_word_embeddings": true})");
    return directory;
  }
  v1::ModelInfo CompileDirectory(const std::string& directory) {
    v1::CompileRequest request = TinyRequest(directory);
    request.set_weights("synthetic");
    v1::ModelInfo info;
    const grpc::Status status = Compile(request, &info);
    EXPECT_TRUE(status.ok()) << status.error_message();
    return info;
  }
};

TEST_F(TextServiceTest, TextPromptsAreTokenizedAndTokensGiveText) {
  const std::string directory = MakeDirectory("qwen");
  EXPECT_TRUE(CompileDirectory(directory).has_tokenizer());
  Context context;
  v1::GenerateRequest request;
  request.set_model(directory);
  request.mutable_prompt()->set_text("Explain what a neural network is.");
  request.set_max_tokens(40);
  std::vector<v1::DecodeResponse> messages;
  const grpc::Status status = ReadAll(inference_->Generate(&context, request), &messages);
  ASSERT_TRUE(status.ok()) << status.error_message();
  std::string text;
  for (const v1::DecodeResponse& message : messages) text += message.token().text();
  EXPECT_FALSE(text.empty());
}

TEST_F(TextServiceTest, BosIsCountedInWhatRanNotInWhatWasAsked) {
  const std::string directory = MakeDirectory("llama3");
  CompileDirectory(directory);
  v1::PrefillRequest request;
  request.set_model(directory);
  request.mutable_prompt()->set_text("Hello world");
  v1::PrefillResponse response;
  ASSERT_TRUE(Prefill(request, &response).ok());
  EXPECT_EQ(response.prompt_tokens(), response.prompt_tokens_requested() + 1);
}

TEST_F(TextServiceTest, EmptyTextIsInvalid) {
  const std::string directory = MakeDirectory("qwen");
  CompileDirectory(directory);
  v1::PrefillRequest request;
  request.set_model(directory);
  request.mutable_prompt()->set_text("");
  v1::PrefillResponse response;
  EXPECT_EQ(Prefill(request, &response).error_code(), grpc::StatusCode::INVALID_ARGUMENT);
}

// What the template prints, with the chat's tools and variables in it, is what runs.
TEST_F(TextServiceTest, ChatsRunAsTheirTemplateRendersThem) {
  const std::string directory = MakeDirectory("qwen");
  directory_.Write("qwen/chat_template.jinja",
                   "{{ tools[0].name }}{% for m in messages %}<{{ m.role }}>{{ m.content }}{% endfor %}"
                   "{% if enable_thinking is defined %} {{ enable_thinking }}{% endif %} {{ mood }}");
  CompileDirectory(directory);
  v1::PrefillRequest request;
  request.set_model(directory);
  request.mutable_prompt()->set_text("add<user>Hello<user>world False calm");
  v1::PrefillResponse as_text, as_chat;
  ASSERT_TRUE(Prefill(request, &as_text).ok());
  v1::Chat& chat = *request.mutable_prompt()->mutable_chat();
  chat.set_messages_json(R"([{"role": "user", "content": "Hello"}, {"role": "user", "content": "world"}])");
  chat.set_tools_json(R"([{"name": "add"}])");
  chat.set_variables_json(R"({"mood": "calm"})");
  chat.set_enable_thinking(false);

  const grpc::Status status = Prefill(request, &as_chat);

  ASSERT_TRUE(status.ok()) << status.error_message();
  EXPECT_EQ(as_chat.prompt_tokens(), as_text.prompt_tokens());
  EXPECT_EQ(as_chat.first_token().id(), as_text.first_token().id());
  EXPECT_LT(as_chat.prompt_tokens_requested(), as_chat.prompt_tokens());
}

TEST_F(TextServiceTest, WhatATemplateRefusesIsInvalidInItsOwnWords) {
  const std::string directory = MakeDirectory("qwen");
  directory_.Write("qwen/chat_template.jinja", "{{ raise_exception('Only ' ~ messages[0].role ~ 's!') }}");
  CompileDirectory(directory);
  v1::PrefillRequest request;
  request.set_model(directory);
  request.mutable_prompt()->mutable_chat()->add_messages()->set_role("user");
  v1::PrefillResponse response;

  const grpc::Status status = Prefill(request, &response);

  EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(status.error_message(), "Only users!");
}

TEST_F(TextServiceTest, ChatWithoutATemplateIsRefused) {
  const std::string directory = MakeDirectory("qwen");
  CompileDirectory(directory);
  v1::PrefillRequest request;
  request.set_model(directory);
  v1::ChatMessage& message = *request.mutable_prompt()->mutable_chat()->add_messages();
  message.set_role("user");
  message.set_content("Hi");
  v1::PrefillResponse response;
  const grpc::Status status = Prefill(request, &response);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::FAILED_PRECONDITION);
  EXPECT_THAT(status.error_message(), HasSubstr("no chat template"));
}

// A tokenizer that does not load leaves the model to ids and synthetic prompts.
TEST_F(TextServiceTest, TokenizerThatDoesNotLoadIsNamedByTextAlone) {
  const std::vector<std::tuple<std::string, std::string, grpc::StatusCode, std::string>> files = {
      {"qwen", R"({"model": {"type": "Unigram"}})", grpc::StatusCode::UNIMPLEMENTED, "model has type 'Unigram'"},
      {"gpt2", R"({"model": {"type": "BPE", "vocab": 7}})", grpc::StatusCode::INVALID_ARGUMENT, "model.vocab"}};
  for (const auto& [name, file, code, construct] : files) {
    const std::string directory = MakeDirectory(name);
    directory_.Write(name + "/tokenizer.json", file);
    v1::CompileRequest compile = TinyRequest(directory);
    compile.set_weights("synthetic");
    v1::ModelInfo info;
    ASSERT_TRUE(Compile(compile, &info).ok());
    EXPECT_FALSE(info.has_tokenizer());
    EXPECT_THAT(info.tokenizer_error(), HasSubstr(construct));

    v1::PrefillRequest request;
    request.set_model(directory);
    request.mutable_prompt()->mutable_synthetic()->set_tokens(5);
    v1::PrefillResponse response;
    EXPECT_TRUE(Prefill(request, &response).ok());
    request.mutable_prompt()->set_text("Hello");
    const grpc::Status status = Prefill(request, &response);
    EXPECT_EQ(status.error_code(), code) << status.error_message();
    EXPECT_THAT(status.error_message(), HasSubstr(construct));
  }
}

}  // namespace
}  // namespace metronome::server
