#include "server/web/web_server.h"

#include <httplib.h>
#include <spdlog/spdlog.h>

#include <chrono>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "kernels/base/status_macros.h"
#include "server/pages/page.h"
#include "server/rpc/guard.h"
#include "server/web/connection_pool.h"

namespace metronome::server {
namespace {

constexpr size_t kThreads = 8, kRoom = 64;  // A browser opens six connections.
constexpr int kPatienceSeconds = 5;         // For a request to arrive, and for the next one on its connection.
constexpr char kReadRpc[] = "/metronome.v1.Benchmark/GetRun";

int HttpStatusOf(const absl::Status& status) {
  switch (status.code()) {
    case absl::StatusCode::kNotFound:
      return 404;
    case absl::StatusCode::kInvalidArgument:
      return 400;
    case absl::StatusCode::kUnauthenticated:
      return 401;
    case absl::StatusCode::kPermissionDenied:
      return 403;
    case absl::StatusCode::kUnavailable:
    case absl::StatusCode::kResourceExhausted:
      return 503;
    default:
      return 500;
  }
}

void Refuse(const absl::Status& status, httplib::Response& response) {
  response.status = HttpStatusOf(status);
  response.set_content(absl::StrCat(status.message(), "\n"), "text/plain; charset=utf-8");
}

// "Basic dXNlcjpUT0tFTg==" as "Bearer TOKEN": a browser asks for a name and a password, and the token is the password.
std::string AsBearer(const std::string& authorization) {
  absl::string_view rest = authorization;
  std::string pair;
  if (!absl::ConsumePrefix(&rest, "Basic ") || !absl::Base64Unescape(rest, &pair)) return authorization;
  const size_t colon = pair.find(':');
  return colon == pair.npos ? authorization : absl::StrCat("Bearer ", pair.substr(colon + 1));
}

// A page of another site must not read this one by giving its own name the address of this machine.
bool IsOwnName(absl::string_view host) {
  const size_t bracket = host.rfind(']');
  const size_t colon = host.rfind(':');
  if (colon != host.npos && (bracket == host.npos || colon > bracket)) host = host.substr(0, colon);
  return host == "localhost" || host == "127.0.0.1" || host == "[::1]" || absl::StartsWith(host, "127.");
}

using Documents = std::function<absl::StatusOr<PageDocument>(const httplib::Request&, const std::string& known_tag)>;

void Answer(const httplib::Request& request, httplib::Response& response, const Documents& documents, bool as_page) {
  const std::string known = as_page ? "" : request.get_header_value("If-None-Match");
  absl::StatusOr<PageDocument> document;
  const absl::Status status = Guarded("web", [&]() -> absl::Status {
    document = documents(request, known);
    return document.status();
  });
  if (!status.ok()) return Refuse(status, response);
  response.set_header("ETag", document->tag);
  if (!as_page && document->tag == known) {
    response.status = 304;
  } else if (as_page) {
    response.set_content(pages::Page(document->text, pages::PageKind::kServed), "text/html; charset=utf-8");
  } else {
    response.set_content(document->text, "application/json");
  }
}

}  // namespace

WebServer::WebServer(std::unique_ptr<RecordPages> pages, AccessControl& access, bool local)
    : pages_(std::move(pages)), access_(access), local_(local), server_(std::make_unique<httplib::Server>()) {
  server_->new_task_queue = [] { return new ConnectionPool(kThreads, kRoom); };
  // The library's own choice lets several processes share a port; the second must fail.
  server_->set_socket_options([](socket_t socket) {
    const int yes = 1;
    setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
  });
  server_->set_read_timeout(kPatienceSeconds);
  server_->set_write_timeout(kPatienceSeconds);
  server_->set_keep_alive_timeout(kPatienceSeconds);
  server_->set_payload_max_length(1);  // Nobody sends anything.
  server_->set_default_headers({{"X-Content-Type-Options", "nosniff"},
                                {"X-Frame-Options", "DENY"},
                                {"Referrer-Policy", "no-referrer"},
                                {"Cache-Control", "no-store"}});
  AddRoutes();
}

bool WebServer::LetIn(const httplib::Request& request, httplib::Response& response) const {
  if (local_ && !IsOwnName(request.get_header_value("Host"))) {
    response.status = 421;
    response.set_content("This daemon serves its own machine alone, as localhost or 127.0.0.1.\n", "text/plain");
    return false;
  }
  if (!access_.has_tokens()) return true;
  std::vector<std::string> bearers;
  const size_t count = request.get_header_value_count("Authorization");
  for (size_t i = 0; i < count; ++i) bearers.push_back(AsBearer(request.get_header_value("Authorization", i)));
  const std::vector<absl::string_view> views(bearers.begin(), bearers.end());
  const absl::Status status = access_.Admit(kReadRpc, views);
  if (status.ok()) return true;
  Refuse(status, response);
  if (response.status == 401)
    response.set_header("WWW-Authenticate", "Basic realm=\"Metronome: any name, and a token as the password\"");
  return false;
}

void WebServer::AddRoutes() {
  const Documents history = [this](const httplib::Request&, const std::string& known) {
    return pages_->Dashboard(known);
  };
  const Documents report = [this](const httplib::Request& request, const std::string& known) {
    return pages_->Report(request.matches[1], known);
  };
  const auto add = [this](const char* pattern, const Documents& documents, bool as_page) {
    server_->Get(pattern, [this, documents, as_page](const httplib::Request& request, httplib::Response& response) {
      if (LetIn(request, response)) Answer(request, response, documents, as_page);
    });
  };
  add("/", history, /*as_page=*/true);
  add(R"(/runs/([0-9A-Za-z.]{1,64}))", report, /*as_page=*/true);
  add("/documents/history", history, /*as_page=*/false);
  add(R"(/documents/runs/([0-9A-Za-z.]{1,64}))", report, /*as_page=*/false);
}

absl::StatusOr<std::unique_ptr<WebServer>> WebServer::Start(const ListenAddress& address,
                                                            std::unique_ptr<RecordPages> pages, AccessControl& access) {
  if (address.is_unix()) return absl::InvalidArgumentError("web_listen takes host:port, not a Unix socket");
  ASSIGN_OR_RETURN(const bool local, address.IsLocal());
  std::unique_ptr<WebServer> web(new WebServer(std::move(pages), access, local));
  const int port = address.port == 0 ? web->server_->bind_to_any_port(address.host)
                                     : (web->server_->bind_to_port(address.host, address.port) ? address.port : -1);
  if (port < 0) return WhyNotListening(address);
  web->port_ = port;
  web->thread_ = std::thread([server = web->server_.get(), &ended = web->ended_] {
    server->listen_after_bind();
    ended = true;
  });
  // A server that is told to stop before it listens would go on.
  while (!web->server_->is_running() && !web->ended_) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  return web;
}

WebServer::~WebServer() {
  if (!thread_.joinable()) return;
  server_->stop();
  thread_.join();
}

}  // namespace metronome::server
