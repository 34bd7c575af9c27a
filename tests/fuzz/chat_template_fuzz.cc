// A chat template in Jinja, messages, tools and variables in JSON: the parts of an input, with kSeparator between them.
#include <nlohmann/json.hpp>

#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "runtime/text/chat/chat_template.h"
#include "tests/fuzz/fuzz_target.h"
#include "tests/fuzz/mutate/hostile_values.h"
#include "tests/fuzz/mutate/json.h"

namespace metronome::fuzz {
namespace {

constexpr char kSeparator = '\x1e';
constexpr size_t kParts = 4;

std::vector<std::string> Parts(absl::string_view input) {
  std::vector<std::string> parts = absl::StrSplit(input, absl::MaxSplits(kSeparator, kParts - 1));
  parts.resize(kParts);
  return parts;
}

const std::vector<std::string>& Words() {
  static const auto& words = *new std::vector<std::string>{"{% for m in messages %}",
                                                           "{% endfor %}",
                                                           "{% if ",
                                                           "{% endif %}",
                                                           "{% set x = ",
                                                           " %}",
                                                           "{{ ",
                                                           " }}",
                                                           "| tojson",
                                                           "| join(',')",
                                                           "| replace('a','b')",
                                                           "namespace(a=1)",
                                                           "raise_exception('x')",
                                                           "strftime_now('%Y')",
                                                           "range(",
                                                           "loop.index",
                                                           "x.split(' ')",
                                                           "[::-1]",
                                                           " ** ",
                                                           " * ",
                                                           "{% macro f(a) %}",
                                                           "{% endmacro %}",
                                                           "f(f)",
                                                           "{% generation %}",
                                                           "| selectattr('role')",
                                                           "is defined",
                                                           "messages[0]['content']",
                                                           "| trim",
                                                           "'%s' % ",
                                                           "~",
                                                           "lipsum",
                                                           "{% call f() %}",
                                                           "{% endcall %}",
                                                           "{# ",
                                                           " #}",
                                                           "{%- raw %}",
                                                           "| indent(9999999)",
                                                           "| batch(3)",
                                                           "'a'.center(",
                                                           "| sort",
                                                           "| map(attribute='a.b')"};
  return words;
}

std::string MutateTemplate(std::string source, Random& random) {
  if (random.OneIn(3)) return MutateBytes(source);
  if (random.OneIn(3)) return HostileString(source, Words(), random);
  source.insert(random.Below(source.size() + 1), random.Pick(Words()));
  return source;
}

}  // namespace

std::vector<std::string> Seeds() {
  std::vector<std::string> seeds;
  const auto chats = nlohmann::json::parse(ReadGolden("chat_templates/chats.json"));
  size_t at = 0;
  for (const auto& [name, source] : chats["templates"].items())
    seeds.push_back(source.get<std::string>() + kSeparator + chats["chats"][at++ % 8]["messages"].dump() +
                    "\x1e\x1e{}");
  const auto expressions = nlohmann::json::parse(ReadGolden("chat_templates/expressions.json"));
  for (size_t i = 0; i < expressions["cases"].size(); i += 5) {
    seeds.push_back(expressions["cases"][i][0].get<std::string>() +
                    "\x1e[{\"role\":\"user\",\"content\":\"hi\"}]\x1e\x1e" + expressions["variables"].dump());
  }
  return seeds;
}

}  // namespace metronome::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace metronome;
  const auto parts = fuzz::Parts({reinterpret_cast<const char*>(data), size});
  const auto chat = text::ChatTemplate::FromText(parts[0], {{"bos_token", "<s>"}, {"eos_token", "</s>"}});
  // The limits are smaller than the server's, in proportion to what a run may take; all must hold.
  text::jinja::RenderOptions options;
  options.limits.steps = 100'000;
  options.limits.bytes = 1 << 24;
  options.limits.output_bytes = 1 << 20;
  const auto rendered = chat->Render(
      {.turns = {}, .messages_json = parts[1], .tools_json = parts[2], .variables_json = parts[3]}, options);
  if (rendered.ok()) {
    fuzz::Require(static_cast<int64_t>(rendered->text.size()) <= options.limits.output_bytes,
                  "more text than its limit");
  } else {
    fuzz::Require(rendered.status().code() != absl::StatusCode::kInternal, rendered.status().ToString());
  }
  return 0;
}

extern "C" size_t LLVMFuzzerCustomMutator(uint8_t* data, size_t size, size_t max_size, unsigned int seed) {
  using namespace metronome::fuzz;
  Random random(seed);
  std::vector<std::string> parts = Parts({reinterpret_cast<const char*>(data), size});
  const size_t at = random.OneIn(4) ? 1 + random.Below(kParts - 1) : 0;
  parts[at] = at == 0 ? MutateTemplate(parts[0], random) : MutateJson(parts[at], Words(), random);
  return Give(absl::StrJoin(parts, std::string(1, kSeparator)), data, max_size);
}
