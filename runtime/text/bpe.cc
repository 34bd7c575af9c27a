#include "runtime/text/bpe.h"

#include <algorithm>
#include <queue>
#include <tuple>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_split.h"
#include "runtime/base/status_macros.h"
#include "runtime/text/utf8.h"

namespace metronome {
namespace {

uint64_t PairKey(int32_t left, int32_t right) {
  return static_cast<uint64_t>(left) << 32 | static_cast<uint32_t>(right);
}

// A merge that was possible when it was queued: the lowest rank first, then the leftmost.
struct Candidate {
  int32_t rank = 0;
  int32_t at = 0;
  int32_t id = 0;
  int32_t left = 0, right = 0;  // The ids it joins, to tell whether it still applies.
  friend bool operator<(const Candidate& a, const Candidate& b) {
    return std::tie(a.rank, a.at) > std::tie(b.rank, b.at);
  }
};

// "a b", or ["a", "b"].
bool ReadMerge(const nlohmann::json& json, std::string& left, std::string& right) {
  if (json.is_array() && json.size() == 2 && json[0].is_string() && json[1].is_string()) {
    left = json[0].get<std::string>();
    right = json[1].get<std::string>();
    return true;
  }
  if (!json.is_string()) return false;
  const std::vector<std::string> parts = absl::StrSplit(json.get<std::string>(), ' ');
  if (parts.size() != 2) return false;
  left = parts[0];
  right = parts[1];
  return true;
}

}  // namespace

absl::StatusOr<Bpe> Bpe::Parse(const JsonNode& node) {
  // Files of before the type was written hold BPE too.
  if (!node.Type().empty() && node.Type() != "BPE") return node.Unsupported();
  for (const char* key : {"continuing_subword_prefix", "end_of_word_suffix"}) {
    if (!node[key].Text().empty()) return absl::UnimplementedError(absl::StrCat(node[key].path(), " is not supported"));
  }
  Bpe bpe;
  RETURN_IF_ERROR(bpe.ParseVocabulary(node["vocab"]));
  RETURN_IF_ERROR(bpe.ParseMerges(node["merges"]));
  bpe.fuse_unknown_ = node["fuse_unk"].Bool(false);
  bpe.ignore_merges_ = node["ignore_merges"].Bool(false);
  if (node["unk_token"].json().is_string()) {
    const auto found = bpe.vocabulary_.find(node["unk_token"].Text());
    if (found != bpe.vocabulary_.end()) bpe.unknown_id_ = found->second;
  }
  bpe.byte_ids_.fill(-1);
  for (int byte = 0; node["byte_fallback"].Bool(false) && byte < 256; ++byte) {
    const auto found = bpe.vocabulary_.find(absl::StrFormat("<0x%02X>", byte));
    if (found != bpe.vocabulary_.end()) bpe.byte_ids_[byte] = found->second;
  }
  return bpe;
}

absl::Status Bpe::ParseVocabulary(const JsonNode& node) {
  if (!node.json().is_object()) return node.Invalid("is not an object");
  absl::flat_hash_set<int32_t> ids;
  for (const auto& [token, value] : node.json().items()) {
    const int32_t id = TokenIdOf(value);
    if (id < 0) return node.Invalid(absl::StrCat("gives token '", token, "' the id ", value.dump()));
    if (!ids.insert(id).second) return node.Invalid(absl::StrCat("gives id ", id, " twice, to '", token, "' last"));
    vocabulary_.emplace(token, id);
  }
  return absl::OkStatus();
}

absl::Status Bpe::ParseMerges(const JsonNode& node) {
  if (!node.json().is_array()) return node.Invalid("is not an array");
  int32_t rank = 0;
  for (const nlohmann::json& merge : node.json()) {
    std::string left, right;
    if (!ReadMerge(merge, left, right)) return node.Invalid(absl::StrCat("[", rank, "] is no pair of tokens"));
    const auto left_id = vocabulary_.find(left), right_id = vocabulary_.find(right),
               joined = vocabulary_.find(left + right);
    if (left_id == vocabulary_.end() || right_id == vocabulary_.end() || joined == vocabulary_.end()) {
      return node.Invalid(absl::StrCat("[", rank, "] joins '", left, "' and '", right,
                                       "', but the vocabulary lacks one of them or the result"));
    }
    merges_[PairKey(left_id->second, right_id->second)] = {
        rank++, joined->second};  // The last of equal pairs counts, as in HuggingFace's map.
  }
  return absl::OkStatus();
}

const Bpe::Merge* Bpe::FindMerge(int32_t left, int32_t right) const {
  const auto found = merges_.find(PairKey(left, right));
  return found == merges_.end() ? nullptr : &found->second;
}

std::vector<int32_t> Bpe::Characters(absl::string_view piece) const {
  std::vector<int32_t> ids;
  bool after_unknown = false;
  while (!piece.empty()) {
    const absl::string_view character = piece.substr(0, std::max<size_t>(Utf8CharacterSize(piece), 1));
    piece.remove_prefix(character.size());
    const auto found = vocabulary_.find(character);
    if (found != vocabulary_.end()) {
      ids.push_back(found->second);
      after_unknown = false;
      continue;
    }
    const auto byte_id = [&](char byte) { return byte_ids_[static_cast<unsigned char>(byte)]; };
    if (std::all_of(character.begin(), character.end(), [&](char byte) { return byte_id(byte) >= 0; })) {
      for (const char byte : character) ids.push_back(byte_id(byte));
      after_unknown = false;
    } else if (unknown_id_ >= 0 && !(fuse_unknown_ && after_unknown)) {
      ids.push_back(unknown_id_);
      after_unknown = true;
    }
  }
  return ids;
}

void Bpe::Encode(absl::string_view piece, std::vector<int32_t>& ids) const {
  if (ignore_merges_) {
    if (const auto whole = vocabulary_.find(piece); whole != vocabulary_.end()) {
      ids.push_back(whole->second);
      return;
    }
  }
  // A doubly linked list of symbols; a merged-away symbol has id -1.
  std::vector<int32_t> symbols = Characters(piece);
  const auto size = static_cast<int32_t>(symbols.size());
  std::vector<int32_t> previous(size), next(size);
  std::priority_queue<Candidate> queue;
  const auto consider = [&](int32_t at) {
    if (at < 0 || next[at] >= size) return;
    const int32_t left = symbols[at], right = symbols[next[at]];
    if (const Merge* merge = FindMerge(left, right)) queue.push({merge->rank, at, merge->id, left, right});
  };
  for (int32_t i = 0; i < size; ++i) {
    previous[i] = i - 1;
    next[i] = i + 1;
  }
  for (int32_t i = 0; i + 1 < size; ++i) consider(i);
  while (!queue.empty()) {
    const Candidate best = queue.top();
    queue.pop();
    const int32_t right = next[best.at];
    if (symbols[best.at] != best.left || right >= size || symbols[right] != best.right) continue;
    symbols[best.at] = best.id;
    symbols[right] = -1;
    next[best.at] = next[right];
    if (next[right] < size) previous[next[right]] = best.at;
    consider(previous[best.at]);
    consider(best.at);
  }
  for (int32_t at = 0; at < size; at = next[at]) ids.push_back(symbols[at]);
}

}  // namespace metronome
