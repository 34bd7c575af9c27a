#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "client/pages/page_file.h"
#include "kernels/base/status_macros.h"

namespace metronome::client {
namespace {

namespace fs = std::filesystem;

constexpr int kWidth = 1280, kFirstHeight = 1000, kMaxHeight = 16000;
constexpr const char* kBrowsers[] = {"chromium", "chromium-browser", "google-chrome"};

absl::StatusOr<std::string> FindBrowser() {
  const char* path = std::getenv("PATH");
  for (const char* name : kBrowsers) {
    for (const absl::string_view directory : absl::StrSplit(path == nullptr ? "" : path, ':', absl::SkipEmpty())) {
      const std::string program = absl::StrCat(directory, "/", name);
      if (access(program.c_str(), X_OK) == 0) return program;
    }
  }
  return absl::FailedPreconditionError(
      "no Chromium on PATH, which draws the PNG (Debian: apt-get install chromium); the HTML file is written");
}

// A directory of its own, removed with it.
class Scratch {
 public:
  Scratch() {
    if (mkdtemp(directory_) == nullptr) directory_[0] = '\0';
  }
  ~Scratch() {
    std::error_code error;
    if (*directory_ != '\0') fs::remove_all(directory_, error);
  }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;
  std::string path() const { return directory_; }

 private:
  char directory_[32] = "/tmp/bench-client-XXXXXX";
};

// What the browser prints on standard output.
absl::StatusOr<std::string> RunBrowser(const std::string& program, std::vector<std::string> arguments) {
  int output[2];
  if (pipe2(output, O_CLOEXEC) != 0) return absl::ErrnoToStatus(errno, "cannot make a pipe");
  arguments.insert(arguments.begin(), program);
  std::vector<char*> argv;
  for (std::string& argument : arguments) argv.push_back(argument.data());
  argv.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, output[1], STDOUT_FILENO);
  posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
  posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  pid_t pid = 0;
  const int error = posix_spawn(&pid, program.c_str(), &actions, nullptr, argv.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  close(output[1]);
  std::string text;
  std::array<char, 65536> buffer;
  for (ssize_t n; error == 0 && (n = read(output[0], buffer.data(), buffer.size())) > 0;)
    text.append(buffer.data(), static_cast<size_t>(n));
  close(output[0]);
  if (error != 0) return absl::InternalError(absl::StrCat("cannot start ", program, ": ", std::strerror(error)));
  int status = 0;
  waitpid(pid, &status, 0);
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) return absl::InternalError(absl::StrCat(program, " failed"));
  return text;
}

// How high the page is once it is drawn, as it says of itself.
int HeightOf(absl::string_view dom) {
  constexpr absl::string_view kAttribute = "data-height=\"";
  const size_t begin = dom.find(kAttribute);
  int height = 0;
  if (begin == dom.npos) return kFirstHeight;
  const absl::string_view rest = dom.substr(begin + kAttribute.size());
  if (!absl::SimpleAtoi(rest.substr(0, rest.find('"')), &height)) return kFirstHeight;
  return std::clamp(height, kFirstHeight, kMaxHeight);
}

}  // namespace

absl::Status RenderPng(const std::string& html_path, const std::string& png_path) {
  ASSIGN_OR_RETURN(const std::string browser, FindBrowser());
  const Scratch scratch;
  if (scratch.path().empty()) return absl::InternalError("cannot make a temporary directory");
  // Chromium makes no sandbox as root, where containers and CI run it.
  std::vector<std::string> arguments = {"--headless=new",
                                        "--disable-gpu",
                                        "--disable-dev-shm-usage",
                                        "--disable-background-networking",
                                        "--hide-scrollbars",
                                        "--virtual-time-budget=3000",
                                        absl::StrCat("--user-data-dir=", scratch.path())};
  if (geteuid() == 0) arguments.push_back("--no-sandbox");
  const std::string url = absl::StrCat("file://", fs::absolute(html_path).string());
  const auto with = [&](int height, const std::string& action) {
    std::vector<std::string> all = arguments;
    all.insert(all.end(), {absl::StrCat("--window-size=", kWidth, ",", height), action, url});
    return all;
  };
  ASSIGN_OR_RETURN(const std::string dom, RunBrowser(browser, with(kFirstHeight, "--dump-dom")));
  const std::string picture = absl::StrCat(scratch.path(), "/page.png");
  RETURN_IF_ERROR(RunBrowser(browser, with(HeightOf(dom), absl::StrCat("--screenshot=", picture))).status());
  std::error_code error;
  if (!fs::exists(picture, error)) return absl::InternalError(absl::StrCat(browser, " drew nothing"));
  fs::copy_file(picture, png_path, fs::copy_options::overwrite_existing, error);
  if (error) return absl::ErrnoToStatus(error.value(), absl::StrCat("cannot write ", png_path));
  return absl::OkStatus();
}

}  // namespace metronome::client
