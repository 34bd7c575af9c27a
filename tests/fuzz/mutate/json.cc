#include "tests/fuzz/mutate/json.h"

#include <nlohmann/json.hpp>

#include "tests/fuzz/fuzz_target.h"
#include "tests/fuzz/mutate/hostile_values.h"

namespace metronome::fuzz {
namespace {

// The order of keys counts in some files.
using Json = nlohmann::ordered_json;

void Collect(Json& json, int depth, std::vector<Json*>& nodes) {
  nodes.push_back(&json);
  if (depth == 0 || !json.is_structured()) return;
  for (Json& child : json) Collect(child, depth - 1, nodes);
}

Json Nested(Json json, size_t depth, bool object) {
  while (depth-- > 0) json = object ? Json{{"a", std::move(json)}} : Json::array({std::move(json)});
  return json;
}

Json Scalar(const std::vector<std::string>& words, Random& random) {
  switch (random.Below(6)) {
    case 0:
      return nullptr;
    case 1:
      return random.OneIn(2);
    case 2:
      return HostileInteger(random);
    case 3:
      return HostileDouble(random);
    default:
      return HostileString("", words, random);
  }
}

// Removes a member of an array or object, adds one, or gives one another key.
void ChangeMembers(Json& json, const Json& other, const std::vector<std::string>& words, Random& random) {
  if (json.is_array()) {
    if (json.empty() || random.OneIn(2)) return json.push_back(other);
    json.erase(random.Below(json.size()));
    return;
  }
  if (json.empty() || random.OneIn(3)) {
    json[HostileString("", words, random)] = other;
    return;
  }
  auto member = json.begin();
  std::advance(member, random.Below(json.size()));
  const std::string key = member.key();
  Json value = std::move(*member);
  json.erase(key);
  if (random.OneIn(2)) json[HostileString(key, words, random)] = std::move(value);
}

void MutateOnce(Json& json, const std::vector<std::string>& words, Random& random) {
  std::vector<Json*> nodes;
  Collect(json, 64, nodes);
  Json& node = *nodes[random.Below(nodes.size())];
  const Json other = *nodes[random.Below(nodes.size())];
  switch (random.Below(6)) {
    case 0:
      node = other;
      return;
    case 1:
    case 2:
      if (node.is_structured()) return ChangeMembers(node, other, words, random);
      node = Scalar(words, random);
      return;
    case 3:
      if (node.is_string()) {
        node = HostileString(node.get<std::string>(), words, random);
        return;
      }
      if (random.OneIn(4)) {
        node = Nested(other, random.Below(100), random.OneIn(2));
        return;
      }
      [[fallthrough]];
    default:
      node = Scalar(words, random);
  }
}

}  // namespace

std::string MutateBytes(const std::string& text) {
  std::string bytes = text;
  bytes.resize(text.size() + 64);
  bytes.resize(LLVMFuzzerMutate(reinterpret_cast<uint8_t*>(bytes.data()), text.size(), bytes.size()));
  return bytes;
}

std::string MutateJson(const std::string& text, const std::vector<std::string>& words, Random& random) {
  if (random.OneIn(4)) return MutateBytes(text);
  Json json = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (json.is_discarded()) return MutateBytes(text);
  do {
    MutateOnce(json, words, random);
  } while (random.OneIn(2));
  return json.dump(-1, ' ', false, Json::error_handler_t::ignore);
}

}  // namespace metronome::fuzz
