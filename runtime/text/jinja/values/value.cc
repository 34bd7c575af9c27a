#include "runtime/text/jinja/values/value.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "runtime/text/jinja/text/unicode.h"
#include "runtime/text/jinja/values/object.h"

namespace metronome::text::jinja {

Value Value::Text(std::string text) {
  auto body = std::make_shared<TextBody>();
  body->length = CodePointCount(text);
  body->bytes = std::move(text);
  return Value(std::shared_ptr<const TextBody>(std::move(body)));
}

absl::string_view Value::text() const { return text_body().bytes; }

const std::vector<Value>& Value::items() const {
  if (kind() == Kind::kTuple) return tuple().items;
  return std::get<std::shared_ptr<const ListBody>>(storage_)->items;
}

int Value::nesting() const {
  switch (kind()) {
    case Kind::kList:
      return std::get<std::shared_ptr<const ListBody>>(storage_)->nesting;
    case Kind::kTuple:
      return tuple().nesting;
    case Kind::kDict:
      return dict().nesting();
    case Kind::kObject:
      return object()->nesting();
    default:
      return 0;
  }
}

bool Value::IsSame(const Value& other) const {
  if (kind() != other.kind()) return false;
  switch (kind()) {
    case Kind::kText:
      return text() == other.text();
    case Kind::kFloat:
      return number() == other.number();
    default:
      return storage_ == other.storage_;
  }
}

std::string Value::TypeName() const {
  switch (kind()) {
    case Kind::kNone:
      return "NoneType";
    case Kind::kUndefined:
      return "Undefined";
    case Kind::kBool:
      return "bool";
    case Kind::kInt:
      return "int";
    case Kind::kFloat:
      return "float";
    case Kind::kText:
      return text_body().markup ? "Markup" : "str";
    case Kind::kList:
      return "list";
    case Kind::kTuple:
      return "tuple";
    case Kind::kDict:
      return "dict";
    case Kind::kObject:
      return std::string(object()->TypeName());
  }
  return "object";
}

std::string Value::TypeDescription() const { return is_none() ? "None" : absl::StrCat(TypeName(), " object"); }

const Value* Dict::Find(absl::string_view text) const {
  const auto found = texts_.find(text);
  return found == texts_.end() ? nullptr : &entries_[found->second].second;
}

const Value* Dict::FindHashed(const std::string& hash_key) const {
  const auto found = others_.find(hash_key);
  return found == others_.end() ? nullptr : &entries_[found->second].second;
}

void Dict::Set(absl::string_view text, Value value) {
  Put(texts_, text, Value::Text(std::string(text)), std::move(value));
}

void Dict::SetHashed(const std::string& hash_key, Value key, Value value) {
  Put(others_, hash_key, key, std::move(value));
}

void Dict::Put(absl::flat_hash_map<std::string, size_t>& index, absl::string_view name, const Value& key, Value value) {
  nesting_ = std::max({nesting_, key.nesting() + 1, value.nesting() + 1});
  const auto [slot, added] = index.try_emplace(name, entries_.size());
  if (added) {
    entries_.emplace_back(key, std::move(value));
  } else {
    entries_[slot->second].second = std::move(value);
  }
}

}  // namespace metronome::text::jinja
