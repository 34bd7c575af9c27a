#include "server/pages/page.h"

#include <gmock/gmock.h>

#include "absl/strings/match.h"
#include "server/pages/page_assets.h"

namespace metronome::pages {
namespace {

using testing::HasSubstr;
using testing::Not;

TEST(PageAssetsTest, ArriveAsTheyAre) {
  EXPECT_THAT(std::string(PageTemplate()), testing::StartsWith("<!doctype html>"));
  ASSERT_GE(PageScripts().size(), 2u);
  EXPECT_THAT(std::string(PageScripts()[0]), HasSubstr("Chart.js"));
  EXPECT_TRUE(absl::StrContains(PageScripts()[1], "const Text = "));
  // Backslashes and semicolons are what CMake might touch.
  EXPECT_TRUE(absl::StrContains(PageScripts()[1], R"([\u0000-\u001f\u007f-\u009f)"));
}

TEST(PageAssetsTest, NoneEndsItsElement) {
  for (const absl::string_view script : PageScripts()) EXPECT_FALSE(absl::StrContains(script, "</script"));
  for (const absl::string_view style : PageStyles()) EXPECT_FALSE(absl::StrContains(style, "</style"));
}

TEST(PageTest, TheDocumentCannotLeaveItsElement) {
  const std::string page = Page(R"({"title": "</script><script>alert(1)</script><!--"})", PageKind::kFile);

  EXPECT_THAT(page, Not(HasSubstr("<script>alert")));
  EXPECT_THAT(page, HasSubstr(R"(\u003c/script\u003e\u003cscript\u003ealert(1))"));
}

TEST(PageTest, WhatADocumentSaysIsNotFilledIn) {
  EXPECT_THAT(Page(R"({"title": "@NONCE@@SCRIPTS@"})", PageKind::kFile), HasSubstr(R"({"title": "@NONCE@@SCRIPTS@"})"));
}

TEST(PageTest, AFileMayAskNobodyAndAServedPageItsServer) {
  EXPECT_THAT(Page("{}", PageKind::kFile), HasSubstr("connect-src 'none'"));
  EXPECT_THAT(Page("{}", PageKind::kServed), HasSubstr("connect-src 'self'"));
}

TEST(PageTest, EachPageHasANonceOfItsOwn) { EXPECT_NE(Page("{}", PageKind::kFile), Page("{}", PageKind::kFile)); }

TEST(EscapeForScriptTest, LeavesTheSameJson) {
  EXPECT_EQ(EscapeForScript("\"<a> & \xe2\x80\xa8\xe2\x80\xa9\""), R"("\u003ca\u003e \u0026 \u2028\u2029")");
}

}  // namespace
}  // namespace metronome::pages
