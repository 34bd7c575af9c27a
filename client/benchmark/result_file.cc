#include "client/benchmark/result_file.h"

#include <google/protobuf/util/json_util.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "kernels/base/status_macros.h"

namespace metronome::client {
namespace {

using Json = nlohmann::json;

constexpr int kMaxDepth = 32;  // A run nests 6 levels.

class ResultReader {
 public:
  ResultReader(absl::string_view text, absl::string_view file) : text_(text), file_(file) {}

  absl::StatusOr<std::vector<PlacedResult>> Read() {
    for (size_t at = SkipSpace(0); at < text_.size(); at = SkipSpace(at)) {
      ASSIGN_OR_RETURN(const size_t end, ObjectEnd(at));
      RETURN_IF_ERROR(ReadObject(at, end));
      at = end;
    }
    if (results_.empty()) return Error(text_.size(), "there is no result");
    return std::move(results_);
  }

 private:
  std::string PlaceOf(size_t at) const {
    return absl::StrCat(file_, ":", 1 + std::count(text_.begin(), text_.begin() + std::min(at, text_.size()), '\n'));
  }
  absl::Status Error(size_t at, absl::string_view reason) const {
    return absl::InvalidArgumentError(absl::StrCat(PlaceOf(at), ": ", reason));
  }

  size_t SkipSpace(size_t at) const {
    while (at < text_.size() && absl::ascii_isspace(static_cast<unsigned char>(text_[at]))) ++at;
    return at;
  }

  // Past the bracket that closes the one at `begin`, or of the text where none does. Whether the brackets match is the
  // parser's business.
  absl::StatusOr<size_t> ObjectEnd(size_t begin) const {
    if (text_[begin] != '{') return Error(begin, "a result is a JSON object in { }");
    int depth = 0;
    bool quoted = false;
    for (size_t i = begin; i < text_.size(); ++i) {
      const char c = text_[i];
      if (quoted) {
        if (c == '\\') ++i;
        if (c == '"') quoted = false;
      } else if (c == '"') {
        quoted = true;
      } else if (c == '[' || c == '{') {
        if (++depth > kMaxDepth) return Error(i, absl::StrCat("nests deeper than ", kMaxDepth, " levels"));
      } else if ((c == ']' || c == '}') && --depth == 0) {
        return i + 1;
      }
    }
    return text_.size();
  }

  absl::Status ReadObject(size_t begin, size_t end) {
    Json json;
    try {
      json = Json::parse(text_.begin() + begin, text_.begin() + end);
    } catch (const Json::parse_error& error) {
      // Bytes count from 1, and the end of the text is one too. The text's own place is of this object alone.
      const absl::string_view what = error.what();
      const size_t place_end = what.find(": ");
      return Error(begin + error.byte - 1,
                   absl::StrCat("not JSON: ", what.substr(place_end == what.npos ? 0 : place_end + 2)));
    } catch (const Json::exception& error) {  // A number out of range.
      return Error(begin, absl::StrCat("not JSON: ", error.what()));
    }
    if (json.contains("results")) return ReadRun(begin, json);
    if (json.contains("peer"))
      return Error(begin, absl::StrCat("a measurement of ", json["peer"].dump(), ", not a result of a model"));
    return ParseAs(begin, json, &results_.emplace_back(PlacedResult{PlaceOf(begin), {}}).result);
  }

  absl::Status ReadRun(size_t begin, const Json& json) {
    v1::Run run;
    RETURN_IF_ERROR(ParseAs(begin, json, &run));
    const std::string origin = absl::StrCat("from run ", run.run_id().empty() ? "without a name" : run.run_id(),
                                            run.server().host().empty() ? "" : " on ", run.server().host(),
                                            run.server().gpu_name().empty() ? "" : ", ", run.server().gpu_name());
    for (int i = 0; i < run.results_size(); ++i) {
      v1::BenchmarkResult& result = *run.mutable_results(i);
      result.set_note(absl::StrCat(result.note(), result.note().empty() ? "" : "; ", origin));
      results_.push_back({absl::StrCat(PlaceOf(begin), ": results[", i, "]"), std::move(result)});
    }
    return absl::OkStatus();
  }

  absl::Status ParseAs(size_t begin, const Json& json, google::protobuf::Message* message) const {
    // Bytes that are not UTF-8 were an error of the parser's.
    const auto status = google::protobuf::util::JsonStringToMessage(json.dump(), message);
    if (status.ok()) return absl::OkStatus();
    return Error(begin, absl::StrCat("not a result: ", status.message().ToString()));
  }

  const absl::string_view text_;
  const absl::string_view file_;
  std::vector<PlacedResult> results_;
};

}  // namespace

absl::StatusOr<std::vector<PlacedResult>> ReadResults(absl::string_view text, absl::string_view file) {
  return ResultReader(text, file).Read();
}

}  // namespace metronome::client
