use super::*;
use meridian_ir::tls::DownstreamTls;
use meridian_ir::{ProxyConfig, Secret};
use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Stdio};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// Runs openssl in `folder`; the test machine has it.
pub(super) fn openssl(folder: &Path, arguments: &str) {
    let output = Command::new("openssl").args(arguments.split(' ')).current_dir(folder).output().unwrap();
    assert!(output.status.success(), "openssl {arguments}: {}", String::from_utf8_lossy(&output.stderr));
}

fn read(folder: &Path, name: &str) -> Vec<u8> {
    std::fs::read(folder.join(name)).unwrap()
}

fn secret(name: &str, folder: &Path, certificate: &str, key: &str) -> (Name, Arc<Secret>) {
    let secret =
        Secret { name: name.into(), certificate_chain: read(folder, certificate), private_key: read(folder, key) };
    (name.into(), Arc::new(secret))
}

fn settings(certificates: &[&str]) -> DownstreamTls {
    DownstreamTls {
        certificates: certificates.iter().map(|name| Name::from(*name)).collect(),
        alpn: vec!["h2".into(), "http/1.1".into()],
        min_version: TlsVersion::Tls12,
        max_version: TlsVersion::Tls13,
        client_auth: meridian_ir::tls::ClientAuth::None,
        cipher_suites: Vec::new(),
    }
}

fn server_config(settings: &DownstreamTls, secrets: &BTreeMap<Name, Arc<Secret>>) -> Result<Arc<ServerTls>, TlsError> {
    let config = ProxyConfig { secrets: secrets.clone(), ..ProxyConfig::default() };
    server_tls(settings, Some(&SPOKEN), &mut TlsStore::default(), &config).map(Arc::new)
}

/// One handshake with `openssl s_client` and its output; the server says `hello` after it.
async fn s_client(config: Arc<ServerTls>, arguments: &str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let server = tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        let mut stream = accept(&config, stream).await.map_err(|failure| format!("{failure:?}"))?;
        let said = async {
            stream.write_all(b"hello\n").await?;
            stream.shutdown().await?;
            stream.read_to_end(&mut Vec::new()).await
        };
        said.await.map(|_| ()).map_err(|error| error.to_string())
    });
    let arguments = format!("s_client -connect {address} -servername a.example.com -ign_eof {arguments}");
    let client = tokio::task::spawn_blocking(move || {
        Command::new("openssl").args(arguments.split_whitespace()).stdin(Stdio::null()).output().unwrap()
    });
    let output = client.await.unwrap();
    let _client_may_be_refused = server.await.unwrap();
    [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).concat()
}

const RSA: &str = "req -x509 -newkey rsa:2048 -nodes -keyout rsa.key -out rsa.crt -subj /O=example/CN=rsa";

#[tokio::test]
async fn openssl_agrees_on_versions_suites_and_alpn() {
    let folder = tempfile::tempdir().unwrap();
    openssl(folder.path(), RSA);
    let secrets = BTreeMap::from([secret("kubernetes://a", folder.path(), "rsa.crt", "rsa.key")]);
    let config = server_config(&settings(&["kubernetes://a"]), &secrets).unwrap();
    for (arguments, expected) in [
        ("", &["TLSv1.3", "O = example, CN = rsa"][..]),
        ("-tls1_2", &["TLSv1.2"]),
        ("-tls1_2 -cipher ECDHE-RSA-AES128-GCM-SHA256", &["Cipher is ECDHE-RSA-AES128-GCM-SHA256"]),
        ("-tls1_2 -cipher ECDHE-RSA-AES256-GCM-SHA384", &["Cipher is ECDHE-RSA-AES256-GCM-SHA384"]),
        ("-alpn h2,http/1.1", &["ALPN protocol: h2"]),
        ("-alpn http/1.1", &["ALPN protocol: http/1.1"]),
        // As in BoringSSL, what is not known is not agreed on, and not refused.
        ("-alpn spdy/3", &["No ALPN negotiated", "hello"]),
        ("", &["Cipher is TLS_AES_128_GCM_SHA256"]),
        ("-tls1_1 -cipher ALL:@SECLEVEL=0", &["SSL alert number"]),
    ] {
        let output = s_client(config.clone(), arguments).await;
        for expected in expected {
            let loose = |text: &str| text.replace(' ', "");
            assert!(loose(&output).contains(&loose(expected)), "{arguments}: no {expected:?} in {output}");
        }
    }
}

#[tokio::test]
async fn keys_of_every_kind_and_certificates_without_a_name() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    openssl(path, RSA);
    openssl(path, "rsa -in rsa.key -traditional -out pkcs1.key");
    openssl(path, "ecparam -name prime256v1 -genkey -out sec1.key");
    openssl(path, "req -x509 -new -key sec1.key -out ec.crt -subj /CN=ec");
    // Version 1 with OpenSSL before 3.2: no extensions at all.
    openssl(path, "req -new -key rsa.key -subj /CN=v1 -out v1.csr");
    openssl(path, "x509 -req -in v1.csr -CA rsa.crt -CAkey rsa.key -set_serial 1 -out v1.crt");
    for (certificate, key, subject) in
        [("rsa.crt", "pkcs1.key", "CN=rsa"), ("ec.crt", "sec1.key", "CN=ec"), ("v1.crt", "rsa.key", "CN=v1")]
    {
        let secrets = BTreeMap::from([secret("a", path, certificate, key)]);
        let output = s_client(server_config(&settings(&["a"]), &secrets).unwrap(), "").await;
        assert!(output.replace(' ', "").contains(subject), "{certificate}: {output}");
        assert!(output.contains("hello"), "{output}");
    }
}

#[tokio::test]
async fn the_client_gets_a_certificate_that_it_can_verify() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    openssl(path, RSA);
    openssl(
        path,
        "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout ec.key -out ec.crt -subj /CN=ec",
    );
    let secrets = BTreeMap::from([secret("ec", path, "ec.crt", "ec.key"), secret("rsa", path, "rsa.crt", "rsa.key")]);
    let config = server_config(&settings(&["ec", "missing", "rsa"]), &secrets).unwrap();
    assert!(s_client(config.clone(), "").await.replace(' ', "").contains("CN=ec"));
    let output = s_client(config, "-sigalgs RSA-PSS+SHA256:RSA+SHA256").await;
    assert!(output.replace(' ', "").contains("CN=rsa"), "{output}");
}

#[tokio::test]
async fn versions_are_limited_as_configured() {
    let folder = tempfile::tempdir().unwrap();
    openssl(folder.path(), RSA);
    let secrets = BTreeMap::from([secret("a", folder.path(), "rsa.crt", "rsa.key")]);
    let only13 = DownstreamTls { min_version: TlsVersion::Tls13, ..settings(&["a"]) };
    let config = server_config(&only13, &secrets).unwrap();
    assert!(s_client(config.clone(), "-tls1_2").await.contains("alert protocol version"));
    assert!(s_client(config, "").await.contains("hello"));
    let none = DownstreamTls { max_version: TlsVersion::Tls12, ..only13 };
    assert_eq!(server_config(&none, &secrets).unwrap_err(), TlsError::Versions(TlsVersion::Tls13, TlsVersion::Tls12));
}

#[test]
fn unusable_secrets_are_told_apart_and_not_shown() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    openssl(path, RSA);
    openssl(path, "genrsa -out other.key 2048");
    openssl(path, "rsa -in rsa.key -aes128 -passout pass:secret -out encrypted.key");
    std::fs::write(path.join("garbage"), "-----BEGIN PRIVATE KEY-----\nnot base64!\n-----END PRIVATE KEY-----\n")
        .unwrap();
    for (certificate, key, message) in [
        ("rsa.crt", "other.key", "does not belong to the first certificate"),
        ("rsa.crt", "encrypted.key", "not an unencrypted PKCS#8, PKCS#1 or SEC1 key"),
        ("rsa.crt", "garbage", "a section is not base64"),
        ("rsa.key", "rsa.key", "nothing of the kind found"),
    ] {
        let secrets = BTreeMap::from([secret("a", path, certificate, key)]);
        let error = server_config(&settings(&["a"]), &secrets).unwrap_err().to_string();
        assert!(error.contains(message) && error.contains("secret a"), "{error}");
    }
    let error = server_config(&settings(&["kubernetes://gone"]), &BTreeMap::new()).unwrap_err();
    assert_eq!(error, TlsError::MissingSecret("kubernetes://gone".into()));
    assert_eq!(server_config(&settings(&[]), &BTreeMap::new()).unwrap_err(), TlsError::NoCertificate);
}

#[tokio::test]
async fn failed_handshakes_have_a_reason_without_blanks() {
    let folder = tempfile::tempdir().unwrap();
    openssl(folder.path(), RSA);
    let secrets = BTreeMap::from([secret("a", folder.path(), "rsa.crt", "rsa.key")]);
    let config = server_config(&settings(&["a"]), &secrets).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    client.write_all(b"GET / HTTP/1.1\r\n\r\n").await.unwrap();
    let failure = accept(&config, listener.accept().await.unwrap().0).await.unwrap_err().failure.unwrap();
    assert_eq!(
        failure.to_string(),
        "TLS_error:|268435703:SSL_routines:OPENSSL_internal:WRONG_VERSION_NUMBER:the_peer_does_not_speak_TLS:TLS_error_end"
    );
}

#[tokio::test]
async fn cipher_suites_are_limited_as_configured() {
    let folder = tempfile::tempdir().unwrap();
    openssl(folder.path(), RSA);
    let secrets = BTreeMap::from([secret("a", folder.path(), "rsa.crt", "rsa.key")]);
    let suites = ["ECDHE-RSA-CHACHA20-POLY1305", "ECDHE-RSA-AES256-GCM-SHA384"].map(Name::from);
    let limited = DownstreamTls { cipher_suites: suites.to_vec(), ..settings(&["a"]) };
    let config = server_config(&limited, &secrets).unwrap();
    for (arguments, expected) in [
        ("-tls1_2", "Cipher is ECDHE-RSA-CHACHA20-POLY1305"),
        ("-tls1_2 -cipher ECDHE-RSA-AES256-GCM-SHA384", "Cipher is ECDHE-RSA-AES256-GCM-SHA384"),
        ("-tls1_2 -cipher ECDHE-RSA-AES128-GCM-SHA256", "alert handshake failure"),
        ("", "Cipher is TLS_AES_128_GCM_SHA256"),
    ] {
        let output = s_client(config.clone(), arguments).await;
        assert!(output.contains(expected), "{arguments}: no {expected:?} in {output}");
    }
    let none =
        DownstreamTls { max_version: TlsVersion::Tls12, cipher_suites: vec!["AES128-SHA".into()], ..settings(&["a"]) };
    let error = server_config(&none, &secrets).unwrap_err();
    assert_eq!(error, TlsError::NoCipherSuite);
    assert!(error.to_string().contains("ECDHE-RSA-AES128-GCM-SHA256"), "{error}");
}

#[test]
fn all_supported_suites_are_known_by_their_names() {
    for name in meridian_ir::cipher_suites::SUPPORTED {
        let found = DEFAULT_PROVIDER.cipher_suites.iter().any(|suite| cipher_name(suite.suite()) == Some(name));
        assert!(found, "{name}");
    }
}
