#ifndef METRONOME_TESTS_FUZZ_MUTATE_MESSAGE_H_
#define METRONOME_TESTS_FUZZ_MUTATE_MESSAGE_H_

#include <google/protobuf/message.h>

#include <functional>
#include <string>
#include <vector>

#include "tests/fuzz/mutate/random.h"

namespace metronome::fuzz {

// Changes some fields of a message, nested ones too: sets them to hostile values or to one of `words`, clears them,
// adds to repeated ones, and removes from them.
void MutateMessage(google::protobuf::Message& message, const std::vector<std::string>& words, Random& random);

// Has libprotobuf say nothing of texts that are not UTF-8, which mutations are full of. Returns true, for a static
// variable.
bool SilenceProtobuf();

// Calls `visit` on every text of a message that is set, nested ones too, and keeps what it makes of it.
void VisitTexts(google::protobuf::Message& message, const std::function<void(std::string&)>& visit);

}  // namespace metronome::fuzz

#endif  // METRONOME_TESTS_FUZZ_MUTATE_MESSAGE_H_
