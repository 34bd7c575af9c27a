#include "client/connection/model_argument.h"

#include <cstdlib>
#include <filesystem>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "kernels/base/status_macros.h"

namespace metronome::client {
namespace {

namespace fs = std::filesystem;

// Text that is a path whether or not anything is there.
bool IsWrittenAsPath(const std::string& text) {
  return text == "." || text == ".." || absl::StartsWith(text, "./") || absl::StartsWith(text, "../");
}

// A shell expands "~" only where a word begins with it, so not in --weights=~/x.
std::string WithHome(const std::string& text) {
  const char* const home = std::getenv("HOME");
  const bool at_home = text == "~" || absl::StartsWith(text, "~/");
  return at_home && home != nullptr ? absl::StrCat(home, text.substr(1)) : text;
}

// A checkpoint has some hundred files, in a folder or two.
constexpr int kMaxEntries = 4096;
constexpr int kMaxDepth = 2;

void AddLinkTargets(const std::string& directory, std::vector<std::string>& roots) {
  std::error_code error;
  int entries = 0;
  fs::recursive_directory_iterator at(directory, fs::directory_options::skip_permission_denied, error);
  for (; !error && at != fs::recursive_directory_iterator() && ++entries <= kMaxEntries; at.increment(error)) {
    if (at.depth() >= kMaxDepth) at.disable_recursion_pending();
    std::error_code no_link;
    if (!at->is_symlink(no_link)) continue;
    const fs::path target = fs::canonical(at->path(), no_link);
    if (!no_link) roots.push_back(target.string());
  }
}

}  // namespace

std::string AbsoluteIfPath(const std::string& text) {
  const std::string path = WithHome(text);
  std::error_code error;
  if (text.empty() || absl::StartsWith(path, "/") || (!IsWrittenAsPath(path) && !fs::is_directory(path, error)))
    return path;
  std::string absolute = fs::absolute(path, error).lexically_normal().string();
  if (error) return path;
  if (absolute.size() > 1 && absolute.back() == '/') absolute.pop_back();
  return absolute;
}

absl::StatusOr<std::string> ModelArgument(Connection& connection, const std::string& text) {
  std::string path = AbsoluteIfPath(text);
  if (path == text || absl::StrContains(text, '/') || IsWrittenAsPath(text)) return path;
  grpc::ClientContext context;
  v1::ListModelsResponse response;
  RETURN_IF_ERROR(FromGrpcStatus(connection.inference().ListModels(&context, {}, &response)));
  for (const v1::CatalogueModel& model : response.models()) {
    if (model.key() == text) return text;
  }
  return path;
}

std::string WeightsArgument(const std::string& text) {
  return text == "auto" || text == "synthetic" ? text : AbsoluteIfPath(text);
}

ServerOptions WithModelRoots(ServerOptions server, const std::vector<std::string>& named) {
  for (const std::string& text : named) {
    const std::string path = AbsoluteIfPath(text);
    if (!absl::StartsWith(path, "/")) continue;
    server.model_roots.push_back(path);
    AddLinkTargets(path, server.model_roots);
  }
  return server;
}

}  // namespace metronome::client
