#include "runtime/text/chat/chat_template.h"

#include <filesystem>

#include "gmock/gmock.h"
#include "tests/runtime/text/fixtures.h"
#include "tests/runtime/text/jinja/fixture.h"

namespace metronome::text {
namespace {

using ::testing::HasSubstr;

std::vector<ChatTurn> Turns(const nlohmann::json& messages) {
  std::vector<ChatTurn> turns;
  for (const auto& message : messages) turns.push_back({message[0], message[1]});
  return turns;
}

absl::StatusOr<std::string> TextOf(const absl::StatusOr<RenderedChat>& chat) {
  if (!chat.ok()) return chat.status();
  return chat->text;
}

absl::StatusOr<std::string> Render(const ChatTemplate& chat_template, const ChatRequest& request) {
  return TextOf(chat_template.Render(request, jinja::FixtureOptions()));
}

TEST(ChatTemplateTest, RendersAsTransformers) {
  const nlohmann::json chats = ReadJsonFixture("chats.json");
  ASSERT_GE(chats["cases"].size(), 100u);
  for (const auto& test : chats["cases"]) {
    const std::string name = test["template"];
    const std::string bos = name.find("gemma") != std::string::npos ? "<bos>" : "<|begin_of_text|>";
    const auto chat_template =
        ChatTemplate::FromText(chats["templates"][name].get<std::string>(), {{"bos_token", bos}});
    const auto text = Render(*chat_template, {.turns = Turns(test["messages"]),
                                              .enable_thinking = test["enable_thinking"].get<bool>(),
                                              .variables_json = nlohmann::json{{"date_string", test["date"]}}.dump()});
    ASSERT_TRUE(text.ok()) << name << ": " << text.status();
    EXPECT_EQ(*text, test["text"]) << name << " " << test["messages"];
  }
}

// Every family's template on every chat: tools, tool calls, thoughts, several system turns, parts, continuations.
TEST(ChatTemplateTest, FamiliesRenderAsTransformers) {
  const nlohmann::ordered_json fixture = jinja::ReadChatFixture("chats.json");
  const std::map<std::string, std::string> tokens = fixture["tokens"];
  ASSERT_GE(fixture["cases"].size(), 500u);
  for (const auto& test : fixture["cases"]) {
    const std::string name = test[0];
    const auto& chat = fixture["chats"][test[1].get<size_t>()];
    const auto chat_template = ChatTemplate::FromText(fixture["templates"][name].get<std::string>(), tokens);
    ChatRequest request = {.messages_json = chat["messages"].dump()};
    if (chat.contains("tools")) request.tools_json = chat["tools"].dump();
    if (chat.contains("variables")) request.variables_json = chat["variables"].dump();
    jinja::ExpectOutcome(Render(*chat_template, request), test[2], absl::StrCat(name, " on ", chat.dump()));
  }
}

TEST(ChatTemplateTest, PromptsTokenizeWithTheirSpecialTokens) {
  const nlohmann::json chats = ReadJsonFixture("chats.json");
  std::map<std::string, std::unique_ptr<Tokenizer>> tokenizers;
  for (const auto& test : chats["cases"]) {
    const std::string fixture = chats["fixtures"][test["template"].get<std::string>()];
    if (tokenizers[fixture] == nullptr) tokenizers[fixture] = LoadFixture(fixture);
    const auto ids = tokenizers[fixture]->Encode(test["text"].get<std::string>(), /*add_special_tokens=*/false);
    ASSERT_TRUE(ids.ok()) << ids.status();
    EXPECT_EQ(*ids, test["ids"].get<Ids>()) << test["text"];
  }
}

std::string Family(const std::string& name) { return jinja::ReadChatFixture("chats.json")["templates"][name]; }

// Qwen 3's template distinguishes a variable that is false from one that is not there.
TEST(ChatTemplateTest, AnAbsentVariableIsNotFalse) {
  const auto qwen = ChatTemplate::FromText(Family("qwen3"), {});
  const std::string start = "<|im_start|>user\nq<|im_end|>\n<|im_start|>assistant\n";
  EXPECT_EQ(*Render(*qwen, {.turns = {{"user", "q"}}}), start);
  EXPECT_EQ(*Render(*qwen, {.turns = {{"user", "q"}}, .enable_thinking = true}), start);
  EXPECT_EQ(*Render(*qwen, {.turns = {{"user", "q"}}, .enable_thinking = false}), start + "<think>\n\n</think>\n\n");
  EXPECT_EQ(*Render(*qwen, {.turns = {{"user", "q"}}, .variables_json = R"({"enable_thinking": false})"}),
            start + "<think>\n\n</think>\n\n");
}

// A date that the template fixes does not follow the clock; one that it asks for does.
TEST(ChatTemplateTest, DatesAreTheTemplates) {
  const auto text = [](const std::string& name, const std::string& variables) {
    return *Render(*ChatTemplate::FromText(Family(name), {}), {.turns = {{"user", "q"}}, .variables_json = variables});
  };
  EXPECT_THAT(text("llama3.1", ""), HasSubstr("Today Date: 26 Jul 2024\n"));
  EXPECT_THAT(text("llama3.2", ""), HasSubstr("Today Date: 03 Feb 2025\n"));
  EXPECT_THAT(text("llama3.2", R"({"date_string": "1 May"})"), HasSubstr("Today Date: 1 May\n"));
}

TEST(ChatTemplateTest, AnOpenedThoughtIsPartOfThePrompt) {
  EXPECT_THAT(*Render(*ChatTemplate::FromText(Family("qwen3-open"), {}), {.turns = {{"user", "q"}}}),
              ::testing::EndsWith("<|im_start|>assistant\n<think>\n\n"));
}

TEST(ChatTemplateTest, WhatTheTemplateRefusesIsInItsOwnWords) {
  const absl::Status status =
      Render(*ChatTemplate::FromText(Family("gemma2"), {}), {.turns = {{"system", "s"}, {"user", "x"}}}).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(status.message(), "System role not supported");
}

TEST(ChatTemplateTest, ContentsAreThoseOfTheMessages) {
  const auto chat = ChatTemplate::FromText("x", {})->Render(
      {.messages_json = R"([{"role": "user", "content": "a"}, {"content": [{"text": "b"}, {"type": "image"}]}, {}])"},
      jinja::FixtureOptions());
  ASSERT_TRUE(chat.ok()) << chat.status();
  EXPECT_THAT(chat->contents, ::testing::ElementsAre("a", "b"));
}

TEST(ChatTemplateTest, RejectsArgumentsOfTheWrongKind) {
  const auto chat_template = ChatTemplate::FromText("{{ messages[0].content }}", {});
  const auto message = [&](const ChatRequest& request) {
    const absl::Status status = Render(*chat_template, request).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << status;
    return std::string(status.message());
  };
  const std::vector<ChatTurn> turn = {{"user", "x"}};
  EXPECT_THAT(message({}), HasSubstr("no messages"));
  EXPECT_THAT(message({.messages_json = "[]"}), HasSubstr("no messages"));
  EXPECT_THAT(message({.messages_json = "{}"}), HasSubstr("not an array"));
  EXPECT_THAT(message({.messages_json = "[1]"}), HasSubstr("message 0"));
  EXPECT_THAT(message({.messages_json = "[{]"}), HasSubstr("messages_json is not JSON"));
  EXPECT_THAT(message({.turns = turn, .messages_json = "[{}]"}), HasSubstr("both"));
  EXPECT_THAT(message({.turns = turn, .tools_json = "{}"}), HasSubstr("tools_json"));
  EXPECT_THAT(message({.turns = turn, .tools_json = "[1]"}), HasSubstr("tools_json"));
  EXPECT_THAT(message({.turns = turn, .variables_json = "[]"}), HasSubstr("variables_json"));
  EXPECT_THAT(message({.turns = turn, .variables_json = R"({"messages": []})"}), HasSubstr("'messages'"));
  EXPECT_THAT(message({.turns = turn, .enable_thinking = true, .variables_json = R"({"enable_thinking": false})"}),
              HasSubstr("twice"));
  EXPECT_THAT(message({.turns = {{"user", "\xff"}}}), HasSubstr("UTF-8"));
  EXPECT_THAT(message({.messages_json = std::string(500, '[') + std::string(500, ']')}), HasSubstr("deeper"));
  EXPECT_THAT(
      message({.turns = turn, .variables_json = R"({"continue_final_message": true, "add_generation_prompt": true})"}),
      HasSubstr("not compatible"));
}

class ChatTemplateFilesTest : public ::testing::Test {
 protected:
  void SetUp() override { std::filesystem::create_directories(directory_); }
  void TearDown() override { std::filesystem::remove_all(directory_); }

  void Write(const std::string& name, const std::string& text) { std::ofstream(directory_ + "/" + name) << text; }
  absl::StatusOr<std::string> RenderFiles(const std::string& tools = "") const {
    auto chat_template = ChatTemplate::FromDirectory(directory_);
    if (!chat_template.ok()) return chat_template.status();
    if (*chat_template == nullptr) return absl::NotFoundError("none");
    return Render(**chat_template, {.turns = {{"user", "x"}}, .tools_json = tools});
  }

  const std::string directory_ =
      ::testing::TempDir() + "/chat_" + ::testing::UnitTest::GetInstance()->current_test_info()->name();
};

TEST_F(ChatTemplateFilesTest, NoTemplateIsNoError) {
  EXPECT_EQ(RenderFiles().status().code(), absl::StatusCode::kNotFound);
  Write("tokenizer_config.json", "{}");
  EXPECT_EQ(RenderFiles().status().code(), absl::StatusCode::kNotFound);
}

TEST_F(ChatTemplateFilesTest, NamedTemplatesAreChosenByTools) {
  const nlohmann::json config = {{"chat_template",
                                  {{{"name", "tool_use"}, {"template", "tools {{ tools | length }}"}},
                                   {{"name", "default"}, {"template", "plain"}}}}};
  Write("tokenizer_config.json", config.dump());
  EXPECT_EQ(*RenderFiles(), "plain");
  EXPECT_EQ(*RenderFiles("[]"), "tools 0");
}

TEST_F(ChatTemplateFilesTest, NamedTemplatesWithoutADefaultAreAnError) {
  Write("tokenizer_config.json", R"({"chat_template": [{"name": "rag", "template": "x"}]})");
  EXPECT_THAT(RenderFiles().status().message(), HasSubstr("default"));
}

TEST_F(ChatTemplateFilesTest, FilesComeBeforeTheConfigAndTheProcessorsLast) {
  Write("chat_template.json", R"({"chat_template": "processor"})");
  EXPECT_EQ(*RenderFiles(), "processor");
  Write("tokenizer_config.json", R"({"chat_template": "config"})");
  EXPECT_EQ(*RenderFiles(), "config");
  Write("chat_template.jinja", "{{ 'file' }}\r\n");
  EXPECT_EQ(*RenderFiles(), "file");
  std::filesystem::create_directories(directory_ + "/additional_chat_templates");
  Write("additional_chat_templates/tool_use.jinja", "with tools");
  EXPECT_EQ(*RenderFiles(), "file");
  EXPECT_EQ(*RenderFiles("[]"), "with tools");
}

TEST_F(ChatTemplateFilesTest, SpecialTokensAreVariables) {
  Write("special_tokens_map.json", R"({"eos_token": "<old>", "pad_token": {"content": "<p>"}})");
  Write("tokenizer_config.json", R"({"bos_token": {"content": "<b>"}, "eos_token": "<e>", "unk_token": null,
                                     "chat_template": "{{ bos_token }}{{ eos_token }}{{ pad_token }}{{ unk_token is defined }}"})");
  EXPECT_EQ(*RenderFiles(), "<b><e><p>False");
}

// A template with an error does not keep the model from being loaded.
TEST_F(ChatTemplateFilesTest, ATemplateWithAnErrorSaysSoWhenItIsUsed) {
  Write("chat_template.jinja", "{% if %}");
  ASSERT_TRUE(ChatTemplate::FromDirectory(directory_).ok());
  EXPECT_EQ(RenderFiles().status().code(), absl::StatusCode::kInvalidArgument);
}

TEST_F(ChatTemplateFilesTest, MalformedFilesAreInvalid) {
  for (const char* config : {"{", "[]", R"({"chat_template": 3})", R"({"chat_template": [3]})",
                             R"({"chat_template": [{"name": "default"}]})"}) {
    Write("tokenizer_config.json", config);
    EXPECT_EQ(RenderFiles().status().code(), absl::StatusCode::kInvalidArgument) << config;
  }
}

}  // namespace
}  // namespace metronome::text
