#include "client/commands/chat.h"

#include <fstream>

#include "gmock/gmock.h"
#include "tests/temp_directory.h"

namespace metronome::client {
namespace {

using ::testing::HasSubstr;

TEST(ChatTest, APromptAndASystemMessageAreTwoMessages) {
  const auto chat = ChatOf({.system = "s", .user = "u"});

  ASSERT_TRUE(chat.ok()) << chat.status();
  ASSERT_EQ(chat->messages_size(), 2);
  EXPECT_EQ(chat->messages(0).role(), "system");
  EXPECT_EQ(chat->messages(1).content(), "u");
  EXPECT_TRUE(chat->variables_json().empty());
  EXPECT_FALSE(chat->has_enable_thinking());
}

TEST(ChatTest, VariablesAreJsonOrElseText) {
  const auto chat =
      ChatOf({.user = "u", .variables = {"enable_thinking=false", "date=1 May", "list=[1, \"a=b\"]", "x="}});

  ASSERT_TRUE(chat.ok()) << chat.status();
  EXPECT_EQ(chat->variables_json(), R"({"enable_thinking":false,"date":"1 May","list":[1,"a=b"],"x":""})");
}

TEST(ChatTest, FilesAreSentAsTheyAre) {
  const TempDirectory directory;
  const std::string messages = directory.path() + "/messages.json", tools = directory.path() + "/tools.json";
  std::ofstream(messages) << R"([{"role": "user", "content": "x"}])";
  std::ofstream(tools) << "[]";

  const auto chat = ChatOf({.messages_file = messages, .tools_file = tools});

  ASSERT_TRUE(chat.ok()) << chat.status();
  EXPECT_EQ(chat->messages_json(), R"([{"role": "user", "content": "x"}])");
  EXPECT_EQ(chat->tools_json(), "[]");
  EXPECT_EQ(chat->messages_size(), 0);
}

TEST(ChatTest, RejectsWhatSaysTwoThingsOrNone) {
  EXPECT_EQ(ChatOf({.user = "u", .messages_file = "x"}).status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(ChatOf({.user = "u", .variables = {"novalue"}}).status().message(), HasSubstr("novalue"));
  EXPECT_EQ(ChatOf({.user = "u", .tools_file = "/nowhere/tools.json"}).status().code(), absl::StatusCode::kNotFound);
}

}  // namespace
}  // namespace metronome::client
