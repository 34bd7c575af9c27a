#ifndef METRONOME_SERVER_MODEL_HUB_CACHE_ROOT_H_
#define METRONOME_SERVER_MODEL_HUB_CACHE_ROOT_H_

#include <functional>
#include <optional>
#include <string>

namespace metronome::server {

// The value of a variable; nullopt where it is not set, which is not the same as empty.
using Environment = std::function<std::optional<std::string>(const std::string& name)>;

Environment ProcessEnvironment();

// The current user's home directory: HOME, else what the system has. "~" where neither says.
std::string HomeDirectory(const Environment& environment);

// The directory that huggingface_hub keeps its cache in: HF_HUB_CACHE, HUGGINGFACE_HUB_CACHE, HF_HOME/hub,
// XDG_CACHE_HOME/huggingface/hub or ~/.cache/huggingface/hub, the first whose variable is set, with `~`, `~user`,
// `$NAME` and `${NAME}` replaced where huggingface_hub replaces them.
std::string HubCacheRoot(const Environment& environment);

}  // namespace metronome::server

#endif  // METRONOME_SERVER_MODEL_HUB_CACHE_ROOT_H_
