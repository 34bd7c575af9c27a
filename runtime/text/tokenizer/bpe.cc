#include "runtime/text/tokenizer/bpe.h"

#include <algorithm>
#include <functional>
#include <numeric>
#include <queue>
#include <tuple>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/types/optional.h"
#include "kernels/base/status_macros.h"
#include "runtime/text/encoding/utf8.h"

namespace metronome::text {
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

// "a b", or ["a", "b"]. False for anything else.
bool ReadMerge(const nlohmann::json& json, absl::string_view& left, absl::string_view& right) {
  if (json.is_array()) {
    if (json.size() != 2 || !json[0].is_string() || !json[1].is_string()) return false;
    left = json[0].get_ref<const std::string&>();
    right = json[1].get_ref<const std::string&>();
    return true;
  }
  if (!json.is_string()) return false;
  const absl::string_view text = json.get_ref<const std::string&>();
  const size_t space = text.find(' ');
  if (space == absl::string_view::npos || text.find(' ', space + 1) != absl::string_view::npos) return false;
  left = text.substr(0, space);
  right = text.substr(space + 1);
  return true;
}

}  // namespace

absl::StatusOr<Bpe> Bpe::Parse(const JsonNode& node, const CancelToken& cancel) {
  // Files of before the type was written hold BPE too.
  if (!node["type"].is_null()) {
    ASSIGN_OR_RETURN(const std::string type, node.Type());
    if (type != "BPE") return node.Unsupported();
  }
  const nlohmann::json& dropout = node["dropout"].json();
  if (!dropout.is_null() && !(dropout.is_number() && dropout.get<double>() == 0))
    return absl::UnimplementedError(
        absl::StrCat(node["dropout"].path(), " is ", dropout.dump(), "; only none is supported"));
  Bpe bpe;
  ASSIGN_OR_RETURN(bpe.prefix_, node["continuing_subword_prefix"].Text(""));
  ASSIGN_OR_RETURN(bpe.suffix_, node["end_of_word_suffix"].Text(""));
  RETURN_IF_ERROR(bpe.ParseVocabulary(node["vocab"], cancel));
  RETURN_IF_ERROR(bpe.ParseMerges(node["merges"], cancel));
  RETURN_IF_ERROR(bpe.ParseUnknowns(node));
  ASSIGN_OR_RETURN(bpe.ignore_merges_, node["ignore_merges"].Bool(false));
  return bpe;
}

absl::Status Bpe::ParseVocabulary(const JsonNode& node, const CancelToken& cancel) {
  if (!node.json().is_object()) return node.Invalid(node.is_null() ? "is missing" : "is not an object");
  int32_t size = 0;
  for (const auto& [token, value] : node.json().items()) {
    RETURN_IF_ERROR(cancel.CheckSometimes());
    if (!value.is_number_unsigned() || value.get<uint64_t>() >= kMaxTokenIds) {
      return node.Invalid(
          absl::StrCat("gives token '", token, "' the id ", value.dump(), ", no integer below ", kMaxTokenIds));
    }
    size = std::max(size, value.get<int32_t>() + 1);
  }
  tokens_.resize(size);
  std::vector<bool> used(size);
  ids_.reserve(node.json().size());
  for (const auto& [token, value] : node.json().items()) {
    RETURN_IF_ERROR(cancel.CheckSometimes());
    const auto id = value.get<int32_t>();
    if (used[id]) return node.Invalid(absl::StrCat("gives id ", id, " to both '", tokens_[id], "' and '", token, "'"));
    used[id] = true;
    tokens_[id] = token;
    ids_.emplace(tokens_[id], id);
  }
  return absl::OkStatus();
}

absl::Status Bpe::ParseMerges(const JsonNode& node, const CancelToken& cancel) {
  if (!node.json().is_array()) return node.Invalid(node.is_null() ? "is missing" : "is not an array");
  merges_.reserve(node.json().size());
  int32_t rank = 0;
  std::string joined;
  for (const nlohmann::json& merge : node.json()) {
    RETURN_IF_ERROR(cancel.CheckSometimes());
    // Older files begin with the comment of a merges.txt.
    if (merge.is_string() && absl::StartsWith(merge.get_ref<const std::string&>(), "#version")) continue;
    absl::string_view left, right;
    if (!ReadMerge(merge, left, right)) return node.Invalid(absl::StrCat("[", rank, "] is no pair of tokens"));
    if (right.size() < prefix_.size())
      return node.Invalid(absl::StrCat("[", rank, "] has '", right, "', shorter than the prefix '", prefix_, "'"));
    // What continues a word loses the prefix that says so.
    joined = absl::StrCat(left, right.substr(prefix_.size()));
    for (const absl::string_view token : {left, right, absl::string_view(joined)}) {
      if (IdOf(token) < 0) {
        return node.Invalid(
            absl::StrCat("[", rank, "] joins '", left, "' and '", right, "', but the vocabulary lacks '", token, "'"));
      }
    }
    // The last of equal pairs counts, as in HuggingFace's map.
    merges_[PairKey(IdOf(left), IdOf(right))] = {rank++, IdOf(joined)};
  }
  return absl::OkStatus();
}

absl::Status Bpe::ParseUnknowns(const JsonNode& node) {
  ASSIGN_OR_RETURN(fuse_unknown_, node["fuse_unk"].Bool(false));
  if (!node["unk_token"].is_null()) {
    ASSIGN_OR_RETURN(unknown_token_, node["unk_token"].Text());
    unknown_id_ = IdOf(unknown_token_);
  }
  byte_ids_.fill(-1);
  ASSIGN_OR_RETURN(const bool byte_fallback, node["byte_fallback"].Bool(false));
  for (int byte = 0; byte_fallback && byte < 256; ++byte) byte_ids_[byte] = IdOf(absl::StrFormat("<0x%02X>", byte));
  return absl::OkStatus();
}

int32_t Bpe::IdOf(absl::string_view token) const {
  const auto found = ids_.find(token);
  return found == ids_.end() ? -1 : found->second;
}

const Bpe::Merge* Bpe::FindMerge(int32_t left, int32_t right) const {
  const auto found = merges_.find(PairKey(left, right));
  return found == merges_.end() ? nullptr : &found->second;
}

absl::StatusOr<std::vector<int32_t>> Bpe::Characters(absl::string_view piece) const {
  std::vector<int32_t> symbols;
  symbols.reserve(piece.size());
  bool unknown = false;  // An unknown character waits to be written, since more may fuse with it.
  const auto write_unknown = [&] {
    if (unknown) symbols.push_back(unknown_id_);
    unknown = false;
  };
  const auto byte_id = [&](char byte) { return byte_ids_[static_cast<unsigned char>(byte)]; };
  std::string affixed;
  for (absl::string_view rest = piece; !rest.empty();) {
    absl::string_view character = rest.substr(0, std::max<size_t>(Utf8CharacterSize(rest), 1));
    const bool first = rest.size() == piece.size();
    rest.remove_prefix(character.size());
    if ((!first && !prefix_.empty()) || (rest.empty() && !suffix_.empty())) {
      affixed = absl::StrCat(first ? "" : prefix_, character, rest.empty() ? suffix_ : "");
      character = affixed;
    }
    if (const int32_t id = IdOf(character); id >= 0) {
      write_unknown();
      symbols.push_back(id);
    } else if (std::all_of(character.begin(), character.end(), [&](char byte) { return byte_id(byte) >= 0; })) {
      // Overtakes a waiting unknown, as in HuggingFace's order of things.
      for (const char byte : character) symbols.push_back(byte_id(byte));
    } else if (unknown_id_ >= 0) {
      if (!fuse_unknown_) write_unknown();
      unknown = true;
    } else if (!unknown_token_.empty()) {
      return absl::InvalidArgumentError(absl::StrCat("the tokenizer has no token for '", character,
                                                     "', and its unknown token '", unknown_token_,
                                                     "' is not in the vocabulary of its model"));
    }
  }
  write_unknown();
  return symbols;
}

absl::Status Bpe::Encode(absl::string_view piece, std::vector<int32_t>& ids) const {
  if (ignore_merges_) {
    if (const int32_t whole = IdOf(piece); whole >= 0) {
      ids.push_back(whole);
      return absl::OkStatus();
    }
  }
  ASSIGN_OR_RETURN(std::vector<int32_t> symbols, Characters(piece));
  MergeAll(symbols);
  ids.insert(ids.end(), symbols.begin(), symbols.end());
  return absl::OkStatus();
}

// The symbols are a doubly linked list while they merge; one that was merged into its left neighbour has id -1.
void Bpe::MergeAll(std::vector<int32_t>& symbols) const {
  const auto size = static_cast<int32_t>(symbols.size());
  std::vector<int32_t> previous(size), next(size);
  std::iota(previous.begin(), previous.end(), -1);
  std::iota(next.begin(), next.end(), 1);
  std::vector<Candidate> candidates;
  const auto candidate_at = [&](int32_t at) -> absl::optional<Candidate> {
    if (at < 0 || next[at] >= size) return absl::nullopt;
    const int32_t left = symbols[at], right = symbols[next[at]];
    const Merge* merge = FindMerge(left, right);
    if (merge == nullptr) return absl::nullopt;
    return Candidate{merge->rank, at, merge->id, left, right};
  };
  for (int32_t i = 0; i < size; ++i) {
    if (const auto candidate = candidate_at(i)) candidates.push_back(*candidate);
  }
  std::priority_queue<Candidate> queue(std::less<Candidate>(), std::move(candidates));
  while (!queue.empty()) {
    const Candidate best = queue.top();
    queue.pop();
    const int32_t right = next[best.at];
    if (symbols[best.at] != best.left || right >= size || symbols[right] != best.right) continue;
    symbols[best.at] = best.id;
    symbols[right] = -1;
    next[best.at] = next[right];
    if (next[right] < size) previous[next[right]] = best.at;
    for (const int32_t at : {previous[best.at], best.at}) {
      if (const auto candidate = candidate_at(at)) queue.push(*candidate);
    }
  }
  symbols.erase(std::remove(symbols.begin(), symbols.end(), -1), symbols.end());
}

}  // namespace metronome::text
