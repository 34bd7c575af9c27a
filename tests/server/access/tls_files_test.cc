#include "server/access/tls_files.h"

#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/server/access/certificates.h"
#include "tests/temp_directory.h"

namespace metronome::server {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

class TlsFilesTest : public testing::Test {
 protected:
  TlsFilesTest() : authority_("authority"), own_(authority_.Issue("server")) {}

  absl::StatusOr<TlsMaterial> Read(const std::string& certificate, const std::string& key, const std::string& ca = "") {
    TlsFiles files = {.certificate = directory_.Write("cert.pem", certificate),
                      .key = directory_.Write("key.pem", key)};
    if (!ca.empty()) files.client_ca = directory_.Write("ca.pem", ca);
    return ReadTlsFiles(files);
  }
  std::string Error(const std::string& certificate, const std::string& key, const std::string& ca = "") {
    return std::string(Read(certificate, key, ca).status().message());
  }

  const TempDirectory directory_;
  const CertificateAuthority authority_;
  const IssuedCertificate own_;
};

TEST_F(TlsFilesTest, GoodFilesAreReadAsTheyAre) {
  const absl::StatusOr<TlsMaterial> read =
      Read(own_.certificate + authority_.certificate(), own_.key, authority_.certificate());

  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(read->certificate, own_.certificate + authority_.certificate());
  EXPECT_EQ(read->key, own_.key);
  EXPECT_EQ(read->client_ca, authority_.certificate());
  EXPECT_GT(read->expires, absl::Now() + absl::Hours(24 * 364));
}

TEST_F(TlsFilesTest, FilesThatCannotBeReadAreNamed) {
  const std::string certificate = directory_.Write("cert.pem", own_.certificate);
  const absl::Status no_key = ReadTlsFiles({.certificate = certificate, .key = directory_.File("none")}).status();
  const absl::Status no_certificate = ReadTlsFiles({.certificate = directory_.path(), .key = certificate}).status();

  EXPECT_TRUE(absl::IsNotFound(no_key));
  EXPECT_THAT(std::string(no_key.message()), AllOf(HasSubstr("tls-key: "), HasSubstr("/none")));
  EXPECT_THAT(std::string(no_certificate.message()), AllOf(HasSubstr("tls-cert: "), HasSubstr("not a regular file")));
}

TEST_F(TlsFilesTest, AKeyOfAnotherCertificateIsRefused) {
  EXPECT_THAT(Error(own_.certificate, authority_.Issue("other").key),
              AllOf(HasSubstr("key.pem: not the key of the certificate in "), HasSubstr("cert.pem")));
}

TEST_F(TlsFilesTest, DamagedFilesAreNamedAndNotQuoted) {
  EXPECT_THAT(Error("", own_.key), HasSubstr("cert.pem: there is no certificate in PEM format"));
  EXPECT_THAT(Error(own_.key, own_.key), HasSubstr("cert.pem: there is no certificate"));
  EXPECT_THAT(Error(own_.certificate.substr(0, 200), own_.key), HasSubstr("certificate 1 is damaged"));
  EXPECT_THAT(Error(own_.certificate + authority_.certificate().substr(0, 200), own_.key),
              HasSubstr("certificate 2 is damaged"));
  const std::string half_key = Error(own_.certificate, own_.key.substr(0, 100));
  EXPECT_THAT(half_key, AllOf(HasSubstr("key.pem: there is no unencrypted private key"),
                              Not(HasSubstr(own_.key.substr(40, 20)))));
  EXPECT_THAT(Error(own_.certificate, own_.key, "x"), HasSubstr("tls-client-ca: "));
}

TEST_F(TlsFilesTest, AnEncryptedKeyIsRefusedWithoutAsking) {
  EXPECT_THAT(Error(own_.certificate, EncryptedKey(own_.key)), HasSubstr("there is no unencrypted private key"));
}

TEST_F(TlsFilesTest, DatesAreChecked) {
  const IssuedCertificate old = authority_.Issue("old", {.from = -absl::Hours(48), .until = -absl::Hours(1)});
  const IssuedCertificate early = authority_.Issue("early", {.from = absl::Hours(1), .until = absl::Hours(48)});

  EXPECT_THAT(Error(old.certificate, old.key), HasSubstr("expired at "));
  EXPECT_THAT(Error(early.certificate, early.key), HasSubstr("not valid before "));
}

}  // namespace
}  // namespace metronome::server
