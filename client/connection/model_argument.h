#ifndef METRONOME_CLIENT_CONNECTION_MODEL_ARGUMENT_H_
#define METRONOME_CLIENT_CONNECTION_MODEL_ARGUMENT_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "client/connection/connection.h"

namespace metronome::client {

// A path as a daemon can use it, whose working directory is another: `text` made absolute where it names a directory
// here, or can name nothing but a path ("./x", "../x", "~/x"). Names of models and repositories stay as they are.
std::string AbsoluteIfPath(const std::string& text);

// The same of what names a model. A word that is both a directory here and a model of the daemon's catalogue is the
// model; "./" before it says otherwise. Errors of the RPC that asks for the catalogue.
absl::StatusOr<std::string> ModelArgument(Connection& connection, const std::string& text);

// The same of what names weights, where "auto" and "synthetic" are words of their own.
std::string WeightsArgument(const std::string& text);

// The options with all that a daemon started here must read for models and weights of these names: the directories, and
// where links in them lead, as those of a HuggingFace cache do. `named` may have names that are no paths.
ServerOptions WithModelRoots(ServerOptions server, const std::vector<std::string>& named);

}  // namespace metronome::client

#endif  // METRONOME_CLIENT_CONNECTION_MODEL_ARGUMENT_H_
