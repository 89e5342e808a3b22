//! Who reaches the API of `meridian up`, and what is never told.

use crate::support::Meridian;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

fn mode(path: &Path) -> u32 {
    std::fs::metadata(path).unwrap().permissions().mode() & 0o777
}

fn text(output: &std::process::Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

#[test]
fn what_lets_in_is_for_its_owner_and_never_in_the_log() {
    let meridian = Meridian::start(&["--log-level", "trace"]);
    for file in ["kubeconfig", "pki/ca.key", "pki/apiserver.key"] {
        assert_eq!(mode(&meridian.data.join(file)), 0o600, "{file}");
    }
    assert_eq!(mode(&meridian.data.join("pki")), 0o700);
    let said = meridian.kubectl(["create", "secret", "generic", "s", "--from-literal=password=hunter2-and-more"]);
    assert!(said.status.success(), "{}", text(&said));
    let patch = "{\"stringData\":{\"password\":\"hunter3-and-more\"}}";
    assert!(meridian.kubectl(["patch", "secret", "s", "-p", patch]).status.success());
    assert!(meridian.kubectl(["get", "secrets", "-A", "-o", "yaml"]).status.success());
    let token = text(&meridian.kubectl(["create", "token", "default"])).trim().to_owned();
    let asked = meridian.kubectl(["--token", &token, "auth", "whoami"]);
    assert!(asked.status.success(), "{}", text(&asked));
    let wrong = format!("{token}x");
    let mut lines = Command::new("curl");
    lines.args(["-sk", "-H", &format!("Authorization: Bearer {wrong}")]);
    let refused = lines.arg(format!("https://{}:16443/api/v1/secrets", meridian.address)).output().unwrap();
    assert!(text(&refused).contains("Unauthorized"), "{}", text(&refused));
    meridian.wait_for_log("a bearer token does not count");

    let log = meridian.log();
    let kubeconfig = std::fs::read_to_string(meridian.data.join("kubeconfig")).unwrap();
    let key = kubeconfig.lines().find_map(|line| line.trim().strip_prefix("client-key-data: ")).unwrap();
    // Base64 of the values, and the signature of the token, are as good as the things themselves.
    let signature = token.rsplit('.').next().unwrap();
    for secret in ["hunter2", "hunter3", "aHVudGVyMi1hbmQtbW9y", "aHVudGVyMy1hbmQtbW9y", signature, &key[..60]] {
        assert!(!log.contains(secret), "{secret} is in the log");
    }
    assert!(!log.contains("PRIVATE KEY"), "a key is in the log");
}

#[test]
fn a_colleague_gets_a_kubeconfig_of_their_own() {
    let meridian = Meridian::start(&[]);
    let file = meridian.data.join("ann");
    let made = Command::new(env!("CARGO_BIN_EXE_meridian"))
        .args(["kubeconfig", "--user", "ann", "--data"])
        .arg(&meridian.data)
        .arg("-o")
        .arg(&file)
        .output()
        .unwrap();
    assert!(made.status.success(), "{}", text(&made));
    assert_eq!(mode(&file), 0o600);
    let ann = |arguments: &[&str]| {
        text(&Command::new("kubectl").arg("--kubeconfig").arg(&file).args(arguments).output().unwrap())
    };
    assert!(ann(&["auth", "whoami", "-o", "jsonpath={.status.userInfo.username}"]).contains("ann"));
    let refused = ann(&["get", "secrets"]);
    assert!(refused.contains("User \"ann\" cannot list resource \"secrets\""), "{refused}");
    let token = Command::new(env!("CARGO_BIN_EXE_meridian"))
        .args(["kubeconfig", "--service-account", "default", "--data"])
        .arg(&meridian.data)
        .output()
        .unwrap();
    assert!(text(&token).contains("token: ey"), "{}", text(&token));
}

#[test]
fn the_port_is_none_for_plain_http() {
    let meridian = Meridian::start(&[]);
    let url = format!("http://{}:16443/api", meridian.address);
    let answer = Command::new("curl").args(["-s", "--http1.0", &url]).output().unwrap();
    assert_eq!(text(&answer), "Client sent an HTTP request to an HTTPS server.\n");
    let anonymous = Command::new("curl").args(["-sk", &url.replace("http://", "https://")]).output().unwrap();
    assert!(text(&anonymous).contains("User \\\"system:anonymous\\\" cannot get path"), "{}", text(&anonymous));
}
