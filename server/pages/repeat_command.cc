#include "server/pages/repeat_command.h"

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "server/pages/message_json.h"

namespace metronome::pages {
namespace {

bool NeedsNoQuotes(absl::string_view text) {
  if (text.empty() || text[0] == '-') return false;
  for (const char c : text) {
    if (!absl::ascii_isalnum(static_cast<unsigned char>(c)) && !absl::StrContains("-_./@+:,", absl::string_view(&c, 1)))
      return false;
  }
  return true;
}

class Command {
 public:
  void Text(absl::string_view flag, absl::string_view value) {
    if (!value.empty()) absl::StrAppend(&text_, " --", flag, " ", ShellWord(value));
  }
  template <typename Number>
  void Value(absl::string_view flag, Number value) {
    if (value != 0) absl::StrAppend(&text_, " --", flag, " ", value);
  }
  void Flag(absl::string_view flag, bool set) {
    if (set) absl::StrAppend(&text_, " --", flag);
  }
  const std::string& text() const { return text_; }

 private:
  std::string text_ = "bench-client run";
};

}  // namespace

std::string ShellWord(absl::string_view text) {
  if (NeedsNoQuotes(text)) return std::string(text);
  return absl::StrCat("'", absl::StrReplaceAll(text, {{"'", "'\\''"}}), "'");
}

std::string RepeatCommand(const v1::BenchmarkResult& result) {
  if (result.provenance() == "external") return "";
  const v1::BenchmarkSpec& spec = result.spec();
  Command command;
  command.Text("models", spec.model());
  command.Text("paths", spec.path());
  command.Flag("scaling", spec.scenario() == "scaling");
  command.Text("dtype", spec.dtype());
  if (spec.prompt().size() <= kMaxPromptBytes) command.Text("prompt", spec.prompt());
  command.Value("prompt-tokens", spec.prompt_tokens());
  command.Text("prefill-mode", spec.prefill_mode());
  command.Value("iters", spec.iters());
  if (spec.scenario() != "scaling") {
    command.Value("warmups", spec.warmups());
    command.Value("decode-tokens", spec.decode_tokens());
  }
  command.Value("search-iterations", spec.search_iterations());
  command.Value("max-cache-len", spec.max_cache_len());
  command.Value("layers", spec.layers());
  command.Value("seed", spec.seed());
  command.Text("weights", spec.weights());
  command.Value("temperature", spec.sampling().temperature());
  command.Value("top-k", spec.sampling().top_k());
  command.Value("top-p", spec.sampling().top_p());
  command.Value("min-p", spec.sampling().min_p());
  command.Value("repetition-penalty", spec.sampling().repetition_penalty());
  command.Flag("streamed", spec.streamed());
  return command.text();
}

}  // namespace metronome::pages
