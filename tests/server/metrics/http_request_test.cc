#include "server/metrics/http_request.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace metronome::server {
namespace {

TEST(HttpRequestTest, HeadsEndWithAnEmptyLine) {
  EXPECT_TRUE(HasHttpHead("GET / HTTP/1.1\r\n\r\n"));
  EXPECT_TRUE(HasHttpHead("GET / HTTP/1.1\nHost: x\n\n"));
  EXPECT_FALSE(HasHttpHead("GET / HTTP/1.1\r\nHost: x\r\n"));
  EXPECT_FALSE(HasHttpHead(""));
}

TEST(HttpRequestTest, PathsLoseSchemeHostAndQuery) {
  for (const char* target : {"/metrics", "/metrics?collect[]=a", "http://host:9464/metrics"}) {
    const auto request = ParseHttpRequest(std::string("GET ") + target + " HTTP/1.1\r\nHost: x\r\n\r\n");
    ASSERT_TRUE(request.ok()) << target;
    EXPECT_EQ(request->method, "GET");
    EXPECT_EQ(request->path, "/metrics");
  }
  EXPECT_EQ(ParseHttpRequest("HEAD http://host HTTP/1.0\n\n")->path, "/");
}

TEST(HttpRequestTest, RefusesWhatIsNoRequest) {
  for (const char* head : {"", "\r\n\r\n", "GET\r\n\r\n", "GET / HTTP/2.0\r\n\r\n", "GET  / HTTP/1.1\r\n\r\n",
                           "GET metrics HTTP/1.1\r\n\r\n", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"}) {
    EXPECT_EQ(ParseHttpRequest(head).status().code(), absl::StatusCode::kInvalidArgument) << head;
  }
}

}  // namespace
}  // namespace metronome::server
