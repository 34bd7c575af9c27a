#include "runtime/text/chat_template.h"

#include <filesystem>

#include "gmock/gmock.h"
#include "tests/runtime/text/fixtures.h"

namespace metronome {
namespace {

using ::testing::HasSubstr;

std::vector<ChatTurn> Turns(const nlohmann::json& messages) {
  std::vector<ChatTurn> turns;
  for (const auto& message : messages) turns.push_back({message[0], message[1]});
  return turns;
}

TEST(ChatTemplateTest, RendersAsTransformers) {
  const nlohmann::json chats = ReadJsonFixture("chats.json");
  ASSERT_GE(chats["cases"].size(), 100u);
  for (const auto& test : chats["cases"]) {
    const std::string name = test["template"];
    const auto chat_template = ChatTemplate::FromText(chats["templates"][name].get<std::string>());
    const auto text = chat_template->Render(Turns(test["messages"]),
                                            {.enable_thinking = test["enable_thinking"], .date = test["date"]});
    ASSERT_TRUE(text.ok()) << name << ": " << text.status();
    EXPECT_EQ(*text, test["text"]) << name << " " << test["messages"];
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

TEST(ChatTemplateTest, UnknownTemplatesAreUnimplementedNamingTheirMarkers) {
  const auto status = [](const std::string& jinja) {
    return ChatTemplate::FromText(jinja)->Render({{"user", "x"}}, {}).status();
  };
  const absl::Status mistral =
      status("{{ bos_token }}{% for m in messages %}[INST] {{ m['content'] }} [/INST]{% endfor %}");
  EXPECT_EQ(mistral.code(), absl::StatusCode::kUnimplemented);
  EXPECT_THAT(mistral.message(), HasSubstr("[INST]"));
  EXPECT_THAT(status("<|user|>\n{{ x }}<|end|>").message(), HasSubstr("<|user|> <|end|>"));
  EXPECT_THAT(status("plain text only").message(), HasSubstr("plain text only"));
}

// Templates of other models that use the same turn markers but would print something else.
TEST(ChatTemplateTest, VariantsThatPrintSomethingElseAreUnimplemented) {
  const std::string turn = "{{ '<|im_start|>' + m.role + '\\n' + m.content + '<|im_end|>\\n' }}";
  for (const std::string& jinja : {
           turn,                                                 // No system message, no thinking.
           turn + "{{ '<|im_start|>assistant\\n<think>\\n' }}",  // Opens thoughts always.
           turn + "{% if enable_thinking %}{{ '<think>\\n\\n</think>\\n\\n' }}{% else %}{{ '<think>\\n' }}{% endif %}",
           turn + "{{ bos_token }}{{ '<|im_start|>system\\nYou are X.<|im_end|>\\n' }}",
           turn + "{{ '<|im_start|>system\\nYou are X.<|im_end|>\\n' }}{{ '<|im_start|>system\\nYou are "
                  "Y.<|im_end|>\\n' }}",
           turn + "{{ '<|im_start|>system\\nBoxed \\\\boxed{}.<|im_end|>\\n' }}",
           std::string("{{ '<|start_header_id|>system<|end_header_id|>\\n\\nI am X<|eot_id|>' }}"),
           std::string("<|start_header_id|><|eot_id|>Cutting Knowledge Date: May 2025\\nToday Date: "),
           std::string("{{ '<start_of_turn>' + m.role }}"),
           std::string("{{ '<start_of_turn>system\\n' + x | trim + '<end_of_turn>' }}"),
           std::string("{% set prefix = system + '\\n' %}{{ '<start_of_turn>' + x | trim + '<end_of_turn>' }}"),
           std::string(
               "{% set prefix = system | trim + '\\n\\n' %}{{ '<start_of_turn>' + x | trim + '<end_of_turn>' }}"),
           std::string("{{ '<|turn>' + m.role }}"),
       }) {
    EXPECT_EQ(ChatTemplate::FromText(jinja)->Render({{"user", "x"}}, {}).status().code(),
              absl::StatusCode::kUnimplemented)
        << jinja;
  }
}

TEST(ChatTemplateTest, Gemma2TakesNoSystemMessage) {
  const auto chat_template = ChatTemplate::FromText(
      "{{ bos_token }}{{ raise_exception('System role not supported') }}{{ '<start_of_turn>' + role + '\\n' + "
      "message['content'] | trim + '<end_of_turn>\\n' }}");
  EXPECT_EQ(*chat_template->Render({{"user", "x"}}, {}),
            "<bos><start_of_turn>user\nx<end_of_turn>\n<start_of_turn>model\n");
  const absl::Status status = chat_template->Render({{"system", "s"}, {"user", "x"}}, {}).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(status.message(), HasSubstr("'system'"));
}

TEST(ChatTemplateTest, RejectsTurnsOutOfOrder) {
  const auto chat_template =
      ChatTemplate::FromText(ReadJsonFixture("chats.json")["templates"]["qwen3"].get<std::string>());
  const auto message = [&](const std::vector<ChatTurn>& turns) {
    const absl::Status status = chat_template->Render(turns, {}).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
    return std::string(status.message());
  };
  EXPECT_THAT(message({}), HasSubstr("no messages"));
  EXPECT_THAT(message({{"system", "s"}}), HasSubstr("system message only"));
  EXPECT_THAT(message({{"assistant", "a"}}), HasSubstr("message 0 has role 'assistant'"));
  EXPECT_THAT(message({{"user", "a"}, {"user", "b"}}), HasSubstr("message 1 has role 'user'"));
  EXPECT_THAT(message({{"user", "a"}, {"system", "b"}}), HasSubstr("message 1 has role 'system'"));
  EXPECT_THAT(message({{"tool", "a"}}), HasSubstr("'tool'"));
  EXPECT_THAT(message({{"user", "a"}, {"assistant", "b"}}), HasSubstr("not the user's"));
}

class ChatTemplateFilesTest : public ::testing::Test {
 protected:
  void SetUp() override { std::filesystem::create_directories(directory_); }
  void TearDown() override { std::filesystem::remove_all(directory_); }

  void Write(const std::string& name, const std::string& text) { std::ofstream(directory_ + "/" + name) << text; }
  absl::StatusOr<std::string> Render() const {
    auto chat_template = ChatTemplate::FromDirectory(directory_);
    if (!chat_template.ok()) return chat_template.status();
    if (*chat_template == nullptr) return absl::NotFoundError("none");
    return (*chat_template)->Render({{"user", "x"}}, {});
  }

  const std::string directory_ =
      ::testing::TempDir() + "/chat_" + ::testing::UnitTest::GetInstance()->current_test_info()->name();
};

constexpr char kGemma[] = "{{ bos_token }}{{ '<start_of_turn>' + m.content | trim + '<end_of_turn>' }}";

TEST_F(ChatTemplateFilesTest, NoTemplateIsNoError) {
  EXPECT_EQ(Render().status().code(), absl::StatusCode::kNotFound);
  Write("tokenizer_config.json", "{}");
  EXPECT_EQ(Render().status().code(), absl::StatusCode::kNotFound);
}

TEST_F(ChatTemplateFilesTest, NamedTemplatesUseTheDefault) {
  const nlohmann::json config = {
      {"chat_template",
       {{{"name", "tool_use"}, {"template", "<|user|>"}}, {{"name", "default"}, {"template", kGemma}}}}};
  Write("tokenizer_config.json", config.dump());
  EXPECT_THAT(*Render(), HasSubstr("<start_of_turn>user"));
}

TEST_F(ChatTemplateFilesTest, TheJinjaFileComesFirstAndTheProcessorsLast) {
  Write("chat_template.json", nlohmann::json{{"chat_template", kGemma}}.dump());
  EXPECT_THAT(*Render(), HasSubstr("<start_of_turn>user"));
  Write("chat_template.jinja", "{{ '<|turn>' + m.content | trim + '<turn|>\\n' }}");
  EXPECT_THAT(*Render(), HasSubstr("<|turn>user"));
}

TEST_F(ChatTemplateFilesTest, MalformedFilesAreInvalid) {
  for (const char* config : {"{", "[]", R"({"chat_template": 3})", R"({"chat_template": [3]})",
                             R"({"chat_template": [{"name": "default"}]})"}) {
    Write("tokenizer_config.json", config);
    EXPECT_EQ(Render().status().code(), absl::StatusCode::kInvalidArgument) << config;
  }
}

}  // namespace
}  // namespace metronome
