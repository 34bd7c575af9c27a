#ifndef METRONOME_SERVER_PAGES_LIVE_H_
#define METRONOME_SERVER_PAGES_LIVE_H_

#include <string>

namespace metronome::pages {

// A page that a daemon serves: where its document is, what names this version of it, and when to ask for the next.
struct Live {
  std::string document;  // A path of the same server.
  std::string tag;       // Its ETag.
  int seconds = 0;       // 0: it will not change any more.
};

}  // namespace metronome::pages

#endif  // METRONOME_SERVER_PAGES_LIVE_H_
