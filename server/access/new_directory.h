#ifndef METRONOME_SERVER_ACCESS_NEW_DIRECTORY_H_
#define METRONOME_SERVER_ACCESS_NEW_DIRECTORY_H_

#include <string>
#include <vector>

#include "server/engine/engine.h"

namespace metronome::server {

// Whether loading this model from these weights (as in ModelRequest) would read a directory that no loaded model was
// read from: it is an admin's to choose which directories of the machine are looked into.
bool NamesNewDirectory(const std::string& model, const std::string& weights,
                       const std::vector<LoadedModelSnapshot>& loaded);

}  // namespace metronome::server

#endif  // METRONOME_SERVER_ACCESS_NEW_DIRECTORY_H_
