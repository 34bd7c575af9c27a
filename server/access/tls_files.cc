#include "server/access/tls_files.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include <ctime>
#include <memory>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "kernels/base/status_macros.h"
#include "runtime/files/regular_file.h"

namespace metronome::server {
namespace {

constexpr int64_t kMaxFileBytes = int64_t{1} << 20;  // The certificates of all public authorities take 220 kB.

template <auto Free>
struct Deleter {
  template <typename T>
  void operator()(T* object) const {
    Free(object);
  }
};
using Bio = std::unique_ptr<BIO, Deleter<BIO_free_all>>;
using Certificate = std::unique_ptr<X509, Deleter<X509_free>>;
using Key = std::unique_ptr<EVP_PKEY, Deleter<EVP_PKEY_free>>;
using Context = std::unique_ptr<SSL_CTX, Deleter<SSL_CTX_free>>;

// OpenSSL's reason for what has just failed.
std::string Reason() {
  const char* const reason = ERR_reason_error_string(ERR_peek_last_error());
  return reason == nullptr ? "no reason given" : reason;
}

absl::Status Invalid(const std::string& path, absl::string_view why) {
  return absl::InvalidArgumentError(absl::StrCat(path, ": ", why));
}

// There is nobody to ask for the password of an encrypted file.
int NoPassword(char*, int, int, void*) { return -1; }

absl::StatusOr<std::vector<Certificate>> ParseCertificates(const std::string& path, const std::string& pem) {
  const Bio bio(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  std::vector<Certificate> certificates;
  ERR_clear_error();
  while (X509* certificate = PEM_read_bio_X509(bio.get(), nullptr, NoPassword, nullptr))
    certificates.emplace_back(certificate);
  const unsigned long end = ERR_peek_last_error();
  const bool ended = ERR_GET_LIB(end) == ERR_LIB_PEM && ERR_GET_REASON(end) == PEM_R_NO_START_LINE;
  if (!ended) return Invalid(path, absl::StrCat("certificate ", certificates.size() + 1, " is damaged: ", Reason()));
  if (certificates.empty()) return Invalid(path, "there is no certificate in PEM format");
  return certificates;
}

absl::StatusOr<Key> ParseKey(const std::string& path, const std::string& pem) {
  const Bio bio(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  ERR_clear_error();
  Key key(PEM_read_bio_PrivateKey(bio.get(), nullptr, NoPassword, nullptr));
  if (key == nullptr)
    return Invalid(path, absl::StrCat("there is no unencrypted private key in PEM format: ", Reason()));
  return key;
}

absl::Time ToTime(const ASN1_TIME* time) {
  std::tm parts = {};
  if (ASN1_TIME_to_tm(time, &parts) != 1) return absl::InfinitePast();
  return absl::FromTM(parts, absl::UTCTimeZone());
}

absl::Status CheckDates(const std::string& path, const X509& certificate) {
  const absl::Time from = ToTime(X509_get0_notBefore(&certificate)), until = ToTime(X509_get0_notAfter(&certificate));
  const absl::Time now = absl::Now();
  if (now > until) return absl::FailedPreconditionError(absl::StrCat(path, ": expired at ", absl::FormatTime(until)));
  if (now < from)
    return absl::FailedPreconditionError(absl::StrCat(path, ": not valid before ", absl::FormatTime(from)));
  return absl::OkStatus();
}

// OpenSSL's own opinion, as gRPC will hear it: a key of too few bits is refused too.
absl::Status CheckUsable(const TlsFiles& files, X509& certificate, EVP_PKEY& key) {
  const Context context(SSL_CTX_new(TLS_server_method()));
  if (context == nullptr) return absl::InternalError(absl::StrCat("no TLS context: ", Reason()));
  ERR_clear_error();
  if (SSL_CTX_use_certificate(context.get(), &certificate) != 1) return Invalid(files.certificate, Reason());
  if (X509_check_private_key(&certificate, &key) != 1)
    return Invalid(files.key, absl::StrCat("not the key of the certificate in ", files.certificate));
  if (SSL_CTX_use_PrivateKey(context.get(), &key) != 1) return Invalid(files.key, Reason());
  return absl::OkStatus();
}

absl::Status Named(absl::string_view flag, const absl::Status& status) {
  return absl::Status(status.code(), absl::StrCat(flag, ": ", status.message()));
}

}  // namespace

absl::StatusOr<TlsMaterial> ReadTlsFiles(const TlsFiles& files) {
  TlsMaterial material;
  const auto read = [](absl::string_view flag, const std::string& path, std::string& pem) {
    absl::StatusOr<std::string> text = ReadRegularFile(path, kMaxFileBytes);
    if (!text.ok()) return Named(flag, text.status());
    pem = *std::move(text);
    return absl::OkStatus();
  };
  RETURN_IF_ERROR(read("tls-cert", files.certificate, material.certificate));
  RETURN_IF_ERROR(read("tls-key", files.key, material.key));
  const absl::StatusOr<std::vector<Certificate>> chain = ParseCertificates(files.certificate, material.certificate);
  if (!chain.ok()) return Named("tls-cert", chain.status());
  const absl::StatusOr<Key> key = ParseKey(files.key, material.key);
  if (!key.ok()) return Named("tls-key", key.status());
  X509& certificate = *chain->front();
  if (const absl::Status dates = CheckDates(files.certificate, certificate); !dates.ok())
    return Named("tls-cert", dates);
  if (const absl::Status usable = CheckUsable(files, certificate, **key); !usable.ok())
    return Named("tls-cert, tls-key", usable);
  material.expires = ToTime(X509_get0_notAfter(&certificate));
  if (files.client_ca.empty()) return material;
  RETURN_IF_ERROR(read("tls-client-ca", files.client_ca, material.client_ca));
  const absl::Status authorities = ParseCertificates(files.client_ca, material.client_ca).status();
  if (!authorities.ok()) return Named("tls-client-ca", authorities);
  return material;
}

}  // namespace metronome::server
