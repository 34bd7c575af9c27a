#include "runtime/text/jinja/text/json_form.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "kernels/base/status_macros.h"
#include "runtime/text/jinja/text/text_form.h"
#include "runtime/text/jinja/text/unicode.h"
#include "runtime/text/jinja/values/operators.h"
#include "runtime/text/jinja/values/sorting.h"

namespace metronome::text::jinja {
namespace {

std::string Escaped(char32_t c) {
  switch (c) {
    case '\n':
      return "\\n";
    case '\r':
      return "\\r";
    case '\t':
      return "\\t";
    case '\f':
      return "\\f";
    case '\b':
      return "\\b";
    case '"':
      return "\\\"";
    case '\\':
      return "\\\\";
    default:
      break;
  }
  const auto code = static_cast<uint32_t>(c);
  if (code < 0x10000) return absl::StrFormat("\\u%04x", code);
  const uint32_t rest = code - 0x10000;
  return absl::StrFormat("\\u%04x\\u%04x", 0xd800 + (rest >> 10), 0xdc00 + (rest & 0x3ff));
}

std::string Quoted(absl::string_view text, bool ensure_ascii) {
  std::string quoted = "\"";
  for (size_t from = 0; from < text.size();) {
    size_t to = from;
    const char32_t c = NextCodePoint(text, to);
    const bool escaped = c < 0x20 || c == '"' || c == '\\' || (ensure_ascii && c > '~');
    quoted += escaped ? Escaped(c) : std::string(text.substr(from, to - from));
    from = to;
  }
  return quoted + "\"";
}

std::string JsonFloat(double value) {
  if (std::isnan(value)) return "NaN";
  if (std::isinf(value)) return value > 0 ? "Infinity" : "-Infinity";
  return FormatFloat(value);
}

class JsonWriter {
 public:
  JsonWriter(Rendering& rendering, const JsonStyle& style) : rendering_(rendering), style_(style) {}

  absl::Status Write(const Value& value) {
    const Budget::Level level(rendering_.budget);
    RETURN_IF_ERROR(level.status());
    RETURN_IF_ERROR(rendering_.budget.Step());
    switch (value.kind()) {
      case Kind::kNone:
        return Append("null");
      case Kind::kBool:
        return Append(value.boolean() ? "true" : "false");
      case Kind::kInt:
        return Append(absl::StrCat(value.integer()));
      case Kind::kFloat:
        return Append(JsonFloat(value.number()));
      case Kind::kText:
        return Append(Quoted(value.text(), style_.ensure_ascii));
      case Kind::kList:
      case Kind::kTuple:
        return WriteItems(value.items());
      case Kind::kDict:
        return WriteDict(value);
      default:
        return TypeError(absl::StrCat("Object of type ", value.TypeName(), " is not JSON serializable"));
    }
  }

  std::string Take() { return std::move(text_); }

 private:
  absl::Status Append(absl::string_view piece) {
    RETURN_IF_ERROR(rendering_.budget.Allocate(static_cast<int64_t>(piece.size())));
    absl::StrAppend(&text_, piece);
    return absl::OkStatus();
  }

  absl::Status BreakLine(absl::string_view otherwise) {
    RETURN_IF_ERROR(Append(otherwise));
    if (!style_.indent.has_value()) return absl::OkStatus();
    RETURN_IF_ERROR(Append("\n"));
    for (int i = 0; i < depth_; ++i) RETURN_IF_ERROR(Append(*style_.indent));
    return absl::OkStatus();
  }

  absl::Status WriteItems(const std::vector<Value>& items) {
    if (items.empty()) return Append("[]");
    ++depth_;
    for (size_t i = 0; i < items.size(); ++i) {
      RETURN_IF_ERROR(BreakLine(i == 0 ? absl::string_view("[") : style_.item_separator));
      RETURN_IF_ERROR(Write(items[i]));
    }
    --depth_;
    RETURN_IF_ERROR(BreakLine(""));
    return Append("]");
  }

  absl::Status WriteDict(const Value& value) {
    std::vector<std::pair<Value, Value>> entries = value.dict().entries();
    if (entries.empty()) return Append("{}");
    RETURN_IF_ERROR(rendering_.budget.Step(static_cast<int64_t>(entries.size())));
    if (style_.sort_keys) {
      RETURN_IF_ERROR(
          StableSort(entries, [&](const auto& a, const auto& b) { return Less(rendering_, a.first, b.first); }));
    }
    ++depth_;
    for (size_t i = 0; i < entries.size(); ++i) {
      RETURN_IF_ERROR(BreakLine(i == 0 ? absl::string_view("{") : style_.item_separator));
      ASSIGN_OR_RETURN(const std::string key, KeyText(entries[i].first));
      RETURN_IF_ERROR(Append(Quoted(key, style_.ensure_ascii)));
      RETURN_IF_ERROR(Append(style_.key_separator));
      RETURN_IF_ERROR(Write(entries[i].second));
    }
    --depth_;
    RETURN_IF_ERROR(BreakLine(""));
    return Append("}");
  }

  static absl::StatusOr<std::string> KeyText(const Value& key) {
    switch (key.kind()) {
      case Kind::kText:
        return std::string(key.text());
      case Kind::kNone:
        return std::string("null");
      case Kind::kBool:
        return std::string(key.boolean() ? "true" : "false");
      case Kind::kInt:
        return absl::StrCat(key.integer());
      case Kind::kFloat:
        return JsonFloat(key.number());
      default:
        return TypeError(absl::StrCat("keys must be str, int, float, bool or None, not ", key.TypeName()));
    }
  }

  Rendering& rendering_;
  const JsonStyle& style_;
  std::string text_;
  int depth_ = 0;
};

using OrderedJson = nlohmann::ordered_json;

constexpr int kMaxJsonNesting = 90;  // Messages and tools are put into lists and dicts of the template's own.

absl::StatusOr<Value> Convert(const OrderedJson& json, absl::string_view name, int depth) {
  if (depth > kMaxJsonNesting)
    return absl::InvalidArgumentError(absl::StrCat(name, " nests deeper than ", kMaxJsonNesting, " levels"));
  switch (json.type()) {
    case OrderedJson::value_t::boolean:
      return Value(json.get<bool>());
    case OrderedJson::value_t::number_integer:
      return Value(json.get<int64_t>());
    case OrderedJson::value_t::number_unsigned:
      if (json.get<uint64_t>() > static_cast<uint64_t>(std::numeric_limits<int64_t>::max())) return TooLarge();
      return Value(json.get<int64_t>());
    case OrderedJson::value_t::number_float:
      return Value(json.get<double>());
    case OrderedJson::value_t::string:
      return Value::Text(json.get<std::string>());
    case OrderedJson::value_t::array: {
      auto list = std::make_shared<ListBody>();
      for (const OrderedJson& item : json) {
        ASSIGN_OR_RETURN(list->items.emplace_back(), Convert(item, name, depth + 1));
        list->nesting = std::max(list->nesting, list->items.back().nesting() + 1);
      }
      return Value(std::shared_ptr<const ListBody>(std::move(list)));
    }
    case OrderedJson::value_t::object: {
      auto dict = std::make_shared<Dict>();
      for (const auto& [key, item] : json.items()) {
        ASSIGN_OR_RETURN(Value value, Convert(item, name, depth + 1));
        dict->Set(key, std::move(value));
      }
      return Value(std::shared_ptr<const Dict>(std::move(dict)));
    }
    default:
      return Value();
  }
}

// Whether the text has an integer that nlohmann would turn into a float.
class WideIntegers : public nlohmann::json_sax<OrderedJson> {
 public:
  bool found() const { return found_; }

  bool null() override { return true; }
  bool boolean(bool) override { return true; }
  bool number_integer(number_integer_t) override { return true; }
  bool number_unsigned(number_unsigned_t) override { return true; }
  bool number_float(number_float_t, const string_t& form) override {
    found_ = found_ || form.find_first_of(".eE") == string_t::npos;
    return true;
  }
  bool string(string_t&) override { return true; }
  bool binary(binary_t&) override { return true; }
  bool start_object(std::size_t) override { return true; }
  bool key(string_t&) override { return true; }
  bool end_object() override { return true; }
  bool start_array(std::size_t) override { return true; }
  bool end_array() override { return true; }
  bool parse_error(std::size_t, const std::string&, const nlohmann::json::exception&) override { return false; }

 private:
  bool found_ = false;
};

}  // namespace

absl::StatusOr<std::string> ToJson(Rendering& rendering, const Value& value, const JsonStyle& style) {
  JsonWriter writer(rendering, style);
  RETURN_IF_ERROR(writer.Write(value));
  return writer.Take();
}

absl::StatusOr<Value> FromJson(absl::string_view text, absl::string_view name) {
  try {
    WideIntegers wide;
    OrderedJson::sax_parse(text.begin(), text.end(), &wide);
    if (wide.found()) return absl::UnimplementedError(absl::StrCat(name, " has integers beyond 64 bits"));
    return Convert(OrderedJson::parse(text.begin(), text.end()), name, 0);
  } catch (const OrderedJson::parse_error& error) {
    return absl::InvalidArgumentError(absl::StrCat(name, " is not JSON from byte ", error.byte, ": ", error.what()));
  } catch (const OrderedJson::exception& error) {  // A number out of range.
    return absl::InvalidArgumentError(absl::StrCat(name, " is not JSON: ", error.what()));
  }
}

}  // namespace metronome::text::jinja
