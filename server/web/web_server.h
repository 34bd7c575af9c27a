#ifndef METRONOME_SERVER_WEB_WEB_SERVER_H_
#define METRONOME_SERVER_WEB_WEB_SERVER_H_

#include <atomic>
#include <memory>
#include <string>
#include <thread>

#include "absl/status/statusor.h"
#include "server/access/access_control.h"
#include "server/daemon/listen_address.h"
#include "server/web/record_pages.h"

namespace httplib {
class Server;
struct Request;
struct Response;
}  // namespace httplib

namespace metronome::server {

// Serves the pages over HTTP, to be read and nothing else: / is the dashboard, /runs/ID and /runs/latest are reports,
// and below /documents/ are the documents that they draw. Where the daemon wants tokens, one with the role `read` is
// wanted here too, as the password of HTTP's Basic authentication or as a Bearer.
class WebServer {
 public:
  // Borrows `access`. InvalidArgument for a Unix socket, FailedPrecondition saying why `address` cannot be listened on.
  static absl::StatusOr<std::unique_ptr<WebServer>> Start(const ListenAddress& address,
                                                          std::unique_ptr<RecordPages> pages, AccessControl& access);
  // Ends when what is being answered is.
  ~WebServer();
  WebServer(const WebServer&) = delete;
  WebServer& operator=(const WebServer&) = delete;

  int port() const { return port_; }

 private:
  WebServer(std::unique_ptr<RecordPages> pages, AccessControl& access, bool local);
  void AddRoutes();
  bool LetIn(const httplib::Request& request, httplib::Response& response) const;

  const std::unique_ptr<RecordPages> pages_;
  AccessControl& access_;
  const bool local_;  // Listens to this machine alone.
  std::unique_ptr<httplib::Server> server_;
  int port_ = 0;
  std::atomic<bool> ended_{false};
  std::thread thread_;
};

}  // namespace metronome::server

#endif  // METRONOME_SERVER_WEB_WEB_SERVER_H_
