#include "runtime/text/stages/post_processor.h"

#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "kernels/base/status_macros.h"

namespace metronome::text {
namespace {

// A part of the result: ids around the text, or ids alone in `before`.
struct Part {
  std::vector<int32_t> before, after;
  bool has_text = false;
};

absl::StatusOr<int32_t> BoundedId(const JsonNode& node, int64_t vocab_size) {
  ASSIGN_OR_RETURN(const int32_t id, node.TokenId());
  if (id >= vocab_size) return node.Invalid(absl::StrCat("is ", id, ", past the vocabulary of ", vocab_size));
  return id;
}

// A text is one part. A template leaves a part for each of its pieces, so that a template after it in a sequence finds
// the pair that HuggingFace takes two parts for.
class Processing {
 public:
  explicit Processing(int64_t vocab_size) : vocab_size_(vocab_size), parts_(1) { parts_[0].has_text = true; }

  absl::Status Add(const JsonNode& node);
  Surroundings Finish() const;

 private:
  absl::Status AddTemplate(const JsonNode& node);
  absl::Status AddPairProcessing(const JsonNode& node, bool separator_before_second);

  int64_t vocab_size_;
  std::vector<Part> parts_;
};

absl::Status Processing::AddTemplate(const JsonNode& node) {
  if (parts_.size() > 2)
    return absl::UnimplementedError(absl::StrCat(node.path(), " is a template for ", parts_.size(), " sequences"));
  const JsonNode pieces_node = node[parts_.size() == 1 ? "single" : "pair"];
  std::vector<Part> parts;
  bool has_text = false;
  ASSIGN_OR_RETURN(const std::vector<JsonNode> pieces, pieces_node.Elements());
  for (const JsonNode& piece : pieces) {
    if (!piece["Sequence"].is_null()) {
      const size_t index = piece["Sequence"]["id"].json() == "B" ? 1 : 0;
      if (index >= parts_.size()) return piece.Invalid("names a second sequence where there is one");
      if (has_text && parts_[index].has_text) return piece.Invalid("names the text again");
      has_text = has_text || parts_[index].has_text;
      parts.push_back(parts_[index]);
      continue;
    }
    ASSIGN_OR_RETURN(const std::string name, piece["SpecialToken"]["id"].Text());
    ASSIGN_OR_RETURN(const std::vector<JsonNode> ids, node["special_tokens"][name]["ids"].Elements());
    Part part;
    for (const JsonNode& element : ids) {
      ASSIGN_OR_RETURN(const int32_t id, BoundedId(element, vocab_size_));
      part.before.push_back(id);
    }
    parts.push_back(std::move(part));
  }
  if (!has_text) return pieces_node.Invalid("leaves the text out");
  parts_ = std::move(parts);
  return absl::OkStatus();
}

absl::Status Processing::AddPairProcessing(const JsonNode& node, bool separator_before_second) {
  int32_t ids[2];
  for (int i = 0; i < 2; ++i) {
    const JsonNode token = node[i == 0 ? "cls" : "sep"];
    ASSIGN_OR_RETURN(const std::vector<JsonNode> pair, token.Elements());
    if (pair.size() != 2) return token.Invalid("is no pair of a text and an id");
    ASSIGN_OR_RETURN(ids[i], BoundedId(pair[1], vocab_size_));
  }
  for (size_t i = 0; i < parts_.size(); ++i) {
    Part& part = parts_[i];
    if (i == 0) {
      part.before.insert(part.before.begin(), ids[0]);
    } else if (separator_before_second) {
      part.before.insert(part.before.begin(), ids[1]);
    }
    (part.has_text ? part.after : part.before).push_back(ids[1]);
  }
  return absl::OkStatus();
}

absl::Status Processing::Add(const JsonNode& node) {
  ASSIGN_OR_RETURN(const std::string type, node.Type());
  if (type == "ByteLevel") return absl::OkStatus();
  if (type == "TemplateProcessing") return AddTemplate(node);
  if (type == "BertProcessing") return AddPairProcessing(node, /*separator_before_second=*/false);
  if (type == "RobertaProcessing") return AddPairProcessing(node, /*separator_before_second=*/true);
  if (type != "Sequence") return node.Unsupported();
  ASSIGN_OR_RETURN(const std::vector<JsonNode> children, node["processors"].Elements());
  for (const JsonNode& child : children) RETURN_IF_ERROR(Add(child));
  return absl::OkStatus();
}

Surroundings Processing::Finish() const {
  Surroundings surroundings;
  bool after_text = false;
  for (const Part& part : parts_) {
    std::vector<int32_t>& before = after_text ? surroundings.suffix : surroundings.prefix;
    before.insert(before.end(), part.before.begin(), part.before.end());
    after_text = after_text || part.has_text;
    surroundings.suffix.insert(surroundings.suffix.end(), part.after.begin(), part.after.end());
  }
  return surroundings;
}

}  // namespace

absl::StatusOr<Surroundings> ParsePostProcessor(const JsonNode& node, int64_t vocab_size) {
  Processing processing(vocab_size);
  if (!node.is_null()) RETURN_IF_ERROR(processing.Add(node));
  return processing.Finish();
}

}  // namespace metronome::text
