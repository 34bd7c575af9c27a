#ifndef METRONOME_SERVER_PAGES_MESSAGE_JSON_H_
#define METRONOME_SERVER_PAGES_MESSAGE_JSON_H_

#include <google/protobuf/message.h>

#include <nlohmann/json.hpp>

namespace metronome::pages {

// Texts that are longer in bytes are cut, and say how long they were.
inline constexpr size_t kMaxTextBytes = size_t{16} << 10;
inline constexpr size_t kMaxPromptBytes = size_t{2} << 10;  // Of a field named "prompt".

// The fields that are set, under their names in the protocol. Numbers are numbers where a double holds them exactly,
// and text where it does not; values that are not finite are null.
nlohmann::json MessageJson(const google::protobuf::Message& message);

// JSON of a document or of a part of it; bytes that are not UTF-8 are replaced.
std::string Dump(const nlohmann::json& json);

}  // namespace metronome::pages

#endif  // METRONOME_SERVER_PAGES_MESSAGE_JSON_H_
