#include "server/pages/page.h"

#include <vector>

#include "absl/random/random.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "server/pages/page_assets.h"

namespace metronome::pages {
namespace {

// What scripts and styles of this page carry, and a script that came in by a name could not guess.
std::string NewNonce() {
  absl::BitGen random;
  return absl::StrCat(absl::Hex(absl::Uniform<uint64_t>(random), absl::kZeroPad16),
                      absl::Hex(absl::Uniform<uint64_t>(random), absl::kZeroPad16));
}

std::string Elements(absl::string_view tag, const std::string& nonce, const std::vector<absl::string_view>& contents) {
  std::string text;
  for (const absl::string_view content : contents)
    absl::StrAppend(&text, "<", tag, " nonce=\"", nonce, "\">\n", content, "</", tag, ">\n");
  return text;
}

}  // namespace

std::string EscapeForScript(absl::string_view json) {
  // U+2028 and U+2029 end lines in old JavaScript.
  return absl::StrReplaceAll(
      json,
      {{"<", "\\u003c"}, {">", "\\u003e"}, {"&", "\\u0026"}, {"\xe2\x80\xa8", "\\u2028"}, {"\xe2\x80\xa9", "\\u2029"}});
}

std::string Page(absl::string_view document, PageKind kind) {
  const std::string nonce = NewNonce();
  // One pass: what is put in is not looked at again.
  return absl::StrReplaceAll(PageTemplate(), {{"@CONNECT@", kind == PageKind::kServed ? "'self'" : "'none'"},
                                              {"@NONCE@", nonce},
                                              {"@STYLES@", Elements("style", nonce, PageStyles())},
                                              {"@SCRIPTS@", Elements("script", nonce, PageScripts())},
                                              {"@DOCUMENT@", EscapeForScript(document)}});
}

}  // namespace metronome::pages
