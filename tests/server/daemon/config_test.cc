#include "server/daemon/config.h"

#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/temp_directory.h"

namespace metronome::server {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

absl::StatusOr<std::optional<DaemonConfig>> Parse(std::vector<std::string> flags) {
  std::vector<const char*> argv = {"metronomed"};
  for (const std::string& flag : flags) argv.push_back(flag.c_str());
  return ParseCommandLine(static_cast<int>(argv.size()), argv.data());
}

std::string ErrorOfFile(const std::string& path) {
  DaemonConfig config;
  const absl::Status status = ApplyConfigFile(path, config);
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << status;
  return std::string(status.message());
}

TEST(ConfigTest, ModelRootsAreAListThatTheFlagReplaces) {
  const TempDirectory directory;
  const std::string one = directory.Write("one.toml", "model_root = '/a'\n"),
                    two = directory.Write("two.toml", "model_root = ['/a', '/b']\n");
  EXPECT_EQ((*Parse({"--config", one}))->model_root, std::vector<std::string>{"/a"});
  EXPECT_EQ((*Parse({"--config", two}))->model_root, (std::vector<std::string>{"/a", "/b"}));
  EXPECT_EQ((*Parse({"--config", two, "--model-root", "/c", "--model-root", "/d"}))->model_root,
            (std::vector<std::string>{"/c", "/d"}));
  EXPECT_TRUE((*Parse({}))->model_root.empty());
  for (const char* bad : {"model_root = 7\n", "model_root = ['/a', 7]\n"})
    EXPECT_THAT(ErrorOfFile(directory.Write("bad.toml", bad)), HasSubstr("'model_root' is not an array of strings"));
}

TEST(ConfigTest, BucketEdgesAreListsOfNumbersThatTheFlagReplaces) {
  const TempDirectory directory;
  const std::string file = directory.Write("m.toml", "request_buckets = [0.5, 2]\ntoken_buckets = [0.1]\n");
  const DaemonConfig of_file = **Parse({"--config", file});
  EXPECT_EQ(EdgesOf(of_file).request, (std::vector<double>{.5, 2}));
  EXPECT_EQ(EdgesOf(of_file).token, std::vector<double>{.1});
  const DaemonConfig of_flags = **Parse({"--config", file, "--token-buckets", ".01,.2,3"});
  EXPECT_EQ(EdgesOf(of_flags).request, (std::vector<double>{.5, 2}));
  EXPECT_EQ(EdgesOf(of_flags).token, (std::vector<double>{.01, .2, 3}));
  EXPECT_EQ(EdgesOf(**Parse({})).request, BucketEdges::Default().request);
  EXPECT_EQ(EdgesOf(**Parse({})).token, BucketEdges::Default().token);
  for (const char* bad : {"token_buckets = 7\n", "token_buckets = [1, '2']\n", "token_buckets = '1,2'\n"})
    EXPECT_THAT(ErrorOfFile(directory.Write("bad.toml", bad)), HasSubstr("'token_buckets' is not an array of numbers"));
  const auto infinite = Parse({"--config", directory.Write("inf.toml", "request_buckets = [1, inf]\n")});
  EXPECT_EQ(infinite.status().code(), absl::StatusCode::kInvalidArgument);
}

TEST(ConfigTest, FlagsOverrideTheFileAndTheFileOverridesDefaults) {
  const TempDirectory directory;
  const std::string file = directory.Write("m.toml", "listen = \"127.0.0.1:7000\"\nqueue_limit = 7\nthreads = 3\n");

  const auto config = Parse({"--config", file, "--threads", "1"});

  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ((*config)->listen, "127.0.0.1:7000");
  EXPECT_EQ((*config)->queue_limit, 7);
  EXPECT_EQ((*config)->threads, 1);
  EXPECT_EQ((*config)->log_format, "text");
}

TEST(ConfigTest, EveryFlagHasAKeyInTheFile) {
  const TempDirectory directory;
  const std::string file =
      directory.Write("m.toml",
                      "listen = 'unix:/x'\nmetrics_listen = ''\ndb = '/y'\ncalibration = 'off'\nlog_format = "
                      "'json'\nlog_level = 'warn'\n"
                      "threads = 2\nqueue_limit = 3\nsession_idle_seconds = 4\ndrain_seconds = 5\nport_file = '/z'\n");
  DaemonConfig config;
  ASSERT_TRUE(ApplyConfigFile(file, config).ok());
  EXPECT_EQ(config.listen, "unix:/x");
  EXPECT_EQ(config.metrics_listen, "");
  EXPECT_EQ(config.db, "/y");
  EXPECT_EQ(config.calibration, "off");
  EXPECT_EQ(config.log_format, "json");
  EXPECT_EQ(config.log_level, "warn");
  EXPECT_EQ(config.threads, 2);
  EXPECT_EQ(config.queue_limit, 3);
  EXPECT_EQ(config.session_idle_seconds, 4);
  EXPECT_EQ(config.drain_seconds, 5);
  EXPECT_EQ(config.port_file, "/z");
}

TEST(ConfigTest, UnknownKeyIsNamedWithItsLine) {
  const TempDirectory directory;
  const std::string file = directory.Write("m.toml", "threads = 2\n\nthraeds = 3\n");
  const std::string error = ErrorOfFile(file);
  EXPECT_THAT(error, StartsWith(file + ":3:"));
  EXPECT_THAT(error, HasSubstr("unknown key 'thraeds'"));
}

TEST(ConfigTest, WrongTypeIsNamedWithItsLine) {
  const TempDirectory directory;
  const std::string file = directory.Write("m.toml", "# daemon\nthreads = \"two\"\n");
  const std::string error = ErrorOfFile(file);
  EXPECT_THAT(error, StartsWith(file + ":2:"));
  EXPECT_THAT(error, HasSubstr("'threads' is not an integer"));
}

TEST(ConfigTest, MalformedFileIsNamedWithItsLine) {
  const TempDirectory directory;
  const std::string file = directory.Write("m.toml", "listen = 'x'\nthreads = = 2\n");
  EXPECT_THAT(ErrorOfFile(file), StartsWith(file + ":2:"));
}

TEST(ConfigTest, BinaryFileIsRejected) {
  const TempDirectory directory;
  const std::string file = directory.Write("m.toml", std::string("\xff\xfe\x00\x01thr", 7));
  EXPECT_THAT(ErrorOfFile(file), StartsWith(file));
}

TEST(ConfigTest, WhatIsNoRegularFileIsRefused) {
  const TempDirectory directory;
  EXPECT_THAT(ErrorOfFile(directory.path()), HasSubstr("not a regular file"));
  EXPECT_THAT(ErrorOfFile("/dev/zero"), HasSubstr("not a regular file"));
  EXPECT_THAT(ErrorOfFile(directory.Write("large.toml", std::string((size_t{1} << 20) + 1, '\n'))), HasSubstr("over"));
}

// Each part is a table, and tables are freed by recursion.
TEST(ConfigTest, KeysOfManyPartsAreRefused) {
  const TempDirectory directory;
  std::string key = "a";
  for (int i = 0; i < 100'000; ++i) key += ".a";
  EXPECT_THAT(ErrorOfFile(directory.Write("m.toml", "threads = 1\n" + key + " = 1\n")),
              HasSubstr("m.toml:2: a key has more than 256 parts"));
  EXPECT_THAT(ErrorOfFile(directory.Write("t.toml", "[" + key + "]\n")), HasSubstr("t.toml:1"));
  EXPECT_THAT(ErrorOfFile(directory.Write("v.toml", "db = " + std::string(100'000, '['))),
              StartsWith(directory.path()));
}

TEST(ConfigTest, MissingFileIsNotFound) {
  const auto config = Parse({"--config", "/nonexistent/m.toml"});
  EXPECT_EQ(config.status().code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(std::string(config.status().message()), HasSubstr("/nonexistent/m.toml"));
}

struct BadFlag {
  const char* name;
  std::vector<std::string> flags;
  const char* message;
};

class BadFlagTest : public testing::TestWithParam<BadFlag> {};

TEST_P(BadFlagTest, IsInvalidAndNamed) {
  const auto config = Parse(GetParam().flags);
  ASSERT_FALSE(config.ok());
  EXPECT_EQ(config.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(config.status().message()), HasSubstr(GetParam().message));
}

INSTANTIATE_TEST_SUITE_P(
    ConfigTest, BadFlagTest,
    testing::Values(BadFlag{"unknown", {"--thraeds", "2"}, "--thraeds"},
                    BadFlag{"no_number", {"--threads", "two"}, "two"},
                    BadFlag{"negative", {"--threads=-1"}, "threads is -1, not in [0, 1024]"},
                    BadFlag{"too_many", {"--threads", "1025"}, "threads is 1025, not in [0, 1024]"},
                    BadFlag{"no_queue", {"--queue-limit", "0"}, "queue_limit is 0, not in [1, 1000000]"},
                    BadFlag{"no_idle", {"--session-idle-seconds", "0"}, "session_idle_seconds is 0"},
                    BadFlag{"drain", {"--drain-seconds", "3601"}, "drain_seconds is 3601, not in [0, 3600]"},
                    BadFlag{"format", {"--log-format", "xml"}, "log_format is 'xml', not text or json"},
                    BadFlag{"level", {"--log-level", "loud"}, "log_level is 'loud'"},
                    BadFlag{"listen", {"--listen", ""}, "listen is ''"},
                    BadFlag{"listen_port", {"--listen", "127.0.0.1:99999"}, "listen is '127.0.0.1:99999'"},
                    BadFlag{"listen_no_port", {"--listen", "127.0.0.1"}, "no port"},
                    BadFlag{"edges_descend", {"--token-buckets", "1,.5"}, "token_buckets has 0.5 after 1"},
                    BadFlag{"edge_negative", {"--request-buckets=-1,2"}, "request_buckets has -1 after 0"},
                    BadFlag{"edge_no_number", {"--request-buckets", "1,two"}, "two"},
                    BadFlag{"metrics_port", {"--metrics-listen", "127.0.0.1:x"}, "metrics_listen is '127.0.0.1:x'"},
                    BadFlag{"metrics_socket", {"--metrics-listen", "unix:/x"}, "metrics_listen is a Unix socket"}),
    [](const auto& info) { return info.param.name; });

}  // namespace
}  // namespace metronome::server
