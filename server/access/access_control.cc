#include "server/access/access_control.h"

#include <spdlog/spdlog.h>

#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace metronome::server {
namespace {

constexpr int64_t kLogIntervalNs = 1'000'000'000;

// The token of exactly one header "Bearer TOKEN" (RFC 6750); empty for anything else.
absl::string_view BearerToken(absl::Span<const absl::string_view> authorizations) {
  constexpr absl::string_view kScheme = "bearer ";
  if (authorizations.size() != 1 || !absl::StartsWithIgnoreCase(authorizations[0], kScheme)) return "";
  absl::string_view token = authorizations[0].substr(kScheme.size());
  while (absl::StartsWith(token, " ")) token.remove_prefix(1);
  return token;
}

std::vector<absl::string_view> AuthorizationsOf(const grpc::ServerContextBase& context) {
  std::vector<absl::string_view> values;
  const auto [begin, end] = context.client_metadata().equal_range("authorization");
  for (auto at = begin; at != end; ++at) values.emplace_back(at->second.data(), at->second.size());
  return values;
}

}  // namespace

void AccessControl::SetTokens(TokenSet tokens) {
  auto shared = std::make_shared<const TokenSet>(std::move(tokens));
  absl::MutexLock lock(&mutex_);
  tokens_ = std::move(shared);
}

std::shared_ptr<const TokenSet> AccessControl::Tokens() const {
  absl::MutexLock lock(&mutex_);
  return tokens_;
}

absl::Status AccessControl::Admit(absl::string_view path, absl::Span<const absl::string_view> authorizations) {
  const RpcAccess& rpc = FindRpcAccess(path);
  return rpc.needs_no_token ? absl::OkStatus() : Decide(rpc, rpc.roles, authorizations);
}

absl::Status AccessControl::RequireAdmin(absl::string_view path, const grpc::ServerContextBase& context) {
  return Decide(FindRpcAccess(path), Role::kAdmin, AuthorizationsOf(context));
}

std::string AccessControl::CallerName(const grpc::ServerContextBase& context) const {
  const std::shared_ptr<const TokenSet> tokens = Tokens();
  if (tokens == nullptr) return "";
  const TokenEntry* const entry = tokens->Find(BearerToken(AuthorizationsOf(context)));
  return entry == nullptr ? "" : entry->name;
}

absl::Status AccessControl::Decide(const RpcAccess& rpc, RoleSet needed,
                                   absl::Span<const absl::string_view> authorizations) {
  const std::shared_ptr<const TokenSet> tokens = Tokens();
  if (tokens == nullptr) return absl::OkStatus();
  const TokenEntry* const entry = tokens->Find(BearerToken(authorizations));
  if (entry != nullptr && entry->roles.Allows(needed)) return absl::OkStatus();
  const absl::Status denial = entry == nullptr ? absl::UnauthenticatedError("a valid token is needed")
                                               : absl::PermissionDeniedError("the token's roles do not allow this");
  Record(rpc, denial, entry == nullptr ? "no valid token" : absl::StrCat("token '", entry->name, "'"));
  return denial;
}

void AccessControl::Record(const RpcAccess& rpc, const absl::Status& denial, const std::string& caller) {
  const std::string code = absl::StatusCodeToString(denial.code());
  metrics_.CountDenial(rpc.name(), code);
  int64_t unlogged = 0;
  {
    absl::MutexLock lock(&mutex_);
    const int64_t now = clock_.MonotonicNs();
    if (logged_ns_.has_value() && now - *logged_ns_ < kLogIntervalNs) {
      ++unlogged_;
      return;
    }
    logged_ns_ = now;
    unlogged = std::exchange(unlogged_, 0);
  }
  spdlog::warn("denied {}: {}, {}{}", std::string(rpc.name()), code, caller,
               unlogged == 0 ? "" : absl::StrCat(" (and ", unlogged, " more calls since the last such line)"));
}

}  // namespace metronome::server
