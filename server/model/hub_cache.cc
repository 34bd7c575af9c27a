#include "server/model/hub_cache.h"

#include <algorithm>
#include <filesystem>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "runtime/files/regular_file.h"

namespace metronome::server {
namespace {

namespace fs = std::filesystem;

constexpr size_t kMaxNameLength = 96;
constexpr size_t kMaxRevisionLength = 200;
constexpr int64_t kMaxRefBytes = 4096;

bool IsWordCharacter(char c) { return absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '_'; }

bool IsName(absl::string_view name) {
  if (name.empty() || name.size() > kMaxNameLength) return false;
  for (const char c : name) {
    if (!IsWordCharacter(c) && c != '-' && c != '.') return false;
  }
  return IsWordCharacter(name.front()) && IsWordCharacter(name.back());
}

bool IsRepository(absl::string_view text) {
  const std::vector<absl::string_view> names = absl::StrSplit(text, '/');
  if (names.size() > 2 || !IsName(names.front()) || !IsName(names.back())) return false;
  return !absl::StrContains(text, "--") && !absl::StrContains(text, "..") && !absl::EndsWith(text, ".git");
}

// A relative path that stays where it starts.
bool IsRevision(absl::string_view text) {
  if (text.size() > kMaxRevisionLength || absl::StrContains(text, absl::string_view("\0", 1))) return false;
  for (const absl::string_view part : absl::StrSplit(text, '/')) {
    if (part.empty() || part == "." || part == "..") return false;
  }
  return true;
}

bool IsFile(const fs::path& path) {
  std::error_code error;
  return fs::is_regular_file(path, error);
}

// What a ref says; the revision itself where there is no such ref.
std::string Dereference(const fs::path& storage, const std::string& revision) {
  const absl::StatusOr<std::string> text = ReadRegularFile((storage / "refs" / revision).string(), kMaxRefBytes);
  return text.ok() ? *text : revision;
}

bool IsCommit(absl::string_view text) {
  return text.size() == 40 && std::all_of(text.begin(), text.end(), [](char c) {
           return absl::ascii_isxdigit(static_cast<unsigned char>(c)) &&
                  !absl::ascii_isupper(static_cast<unsigned char>(c));
         });
}

// transformers looks a revision up before it loads anything, and every lookup of a file goes through refs again.
std::string CommitOf(const fs::path& storage, const std::string& revision) {
  std::string commit = revision;
  if (!IsCommit(revision)) commit = std::string(absl::StripAsciiWhitespace(Dereference(storage, revision)));
  return IsRevision(commit) ? Dereference(storage, commit) : commit;
}

// By listing: a commit from a file may be any text, and is no path before it is found here.
bool IsEntry(const fs::path& directory, const std::string& name) {
  std::error_code error;
  for (fs::directory_iterator at(directory, error), end; !error && at != end; at.increment(error)) {
    if (at->path().filename() == name) return true;
  }
  return false;
}

}  // namespace

std::optional<HubId> HubId::Parse(absl::string_view text) {
  HubId id;
  const size_t at = text.find('@');
  if (at != absl::string_view::npos) id.revision = std::string(text.substr(at + 1));
  id.repository = std::string(text.substr(0, at));
  if (!IsRepository(id.repository) || !IsRevision(id.revision)) return std::nullopt;
  return id;
}

absl::StatusOr<HubSnapshot> HubSnapshot::Find(const std::string& cache_root, const HubId& id) {
  const fs::path storage =
      fs::path(cache_root) / absl::StrCat("models--", absl::StrReplaceAll(id.repository, {{"/", "--"}}));
  std::error_code error;
  if (!fs::is_directory(storage, error))
    return absl::NotFoundError(absl::StrCat("no ", id.repository, " in the HuggingFace cache ", cache_root));
  HubSnapshot snapshot;
  snapshot.commit_ = CommitOf(storage, id.revision);
  if (!IsEntry(storage / "snapshots", snapshot.commit_)) {
    return absl::NotFoundError(
        absl::StrCat("no snapshot of ", id.repository, "@", id.revision, " in the HuggingFace cache ", cache_root));
  }
  snapshot.storage_ = storage.string();
  snapshot.directory_ = (storage / "snapshots" / snapshot.commit_).string();
  snapshot.name_ = absl::StrCat(id.repository, "@", snapshot.commit_);
  return snapshot;
}

bool HubSnapshot::Has(const std::string& file) const {
  return !IsFile(fs::path(storage_) / ".no_exist" / commit_ / file) && IsFile(fs::path(directory_) / file);
}

bool HubSnapshot::has_unfinished_downloads() const {
  std::error_code error;
  for (fs::directory_iterator at(fs::path(storage_) / "blobs", error), end; !error && at != end; at.increment(error)) {
    if (at->path().extension() == ".incomplete") return true;
  }
  return false;
}

}  // namespace metronome::server
