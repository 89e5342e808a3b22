//! The lab's certificate authority, and the roots that every host of the lab trusts.

use std::fs;
use std::path::{Path, PathBuf};

use crate::error::{Doing, Error};
use crate::plan::site::Site;
use crate::tool;

/// What `openssl req` needs to know, in place of the machine's own configuration.
const SETTINGS: &str = "[req]\ndistinguished_name = name\n[name]\n[authority]\nbasicConstraints = critical, CA:TRUE\n\
    keyUsage = critical, keyCertSign, cRLSign\nsubjectKeyIdentifier = hash\n[leaf]\nbasicConstraints = critical, CA:FALSE\n\
    subjectKeyIdentifier = hash\nauthorityKeyIdentifier = keyid\n";

/// Makes the authority of the lab at `site`: `ca/ca.crt` and `ca/ca.key`.
pub(crate) fn new_authority(site: &Site) -> Result<(), Error> {
    let folder = folder(site);
    fs::create_dir_all(&folder).doing("create", &folder)?;
    let settings = folder.join("openssl.cnf");
    fs::write(&settings, SETTINGS).doing("write", &settings)?;
    request(site, &["-extensions", "authority", "-subj", "/O=lab/CN=lab CA"], &folder.join("ca"))
}

/// Makes a certificate for `names` and returns it and its key.
pub(crate) fn issue(site: &Site, host: &str, names: &[String]) -> Result<(PathBuf, PathBuf), Error> {
    let authority = folder(site).join("ca");
    let (certificate, key) = pair(&authority);
    let alternatives: Vec<_> = names.iter().map(|name| format!("DNS:{name}")).collect();
    let alternatives = format!("subjectAltName={}", alternatives.join(","));
    let subject = format!("/CN={}", names.first().map_or(host, String::as_str));
    let words = [
        "-extensions",
        "leaf",
        "-CA",
        &text(&certificate),
        "-CAkey",
        &text(&key),
        "-subj",
        &subject,
        "-addext",
        &alternatives,
    ];
    let own = folder(site).join(host);
    request(site, &words, &own)?;
    Ok(pair(&own))
}

/// Copies the machine's TLS configuration to `into` and adds the authority to the roots there.
pub(crate) fn add_to_roots(site: &Site, into: &Path) -> Result<(), Error> {
    tool::run(tool::command(None, "cp").args(["-a", "/etc/ssl"]).arg(into))?;
    let roots = into.join("certs/ca-certificates.crt");
    let mut all = fs::read(&roots).unwrap_or_default();
    all.extend(fs::read(site.authority()).doing("read", &site.authority())?);
    fs::write(&roots, all).doing("write", &roots)
}

fn request(site: &Site, words: &[&str], output: &Path) -> Result<(), Error> {
    let (certificate, key) = pair(output);
    let mut command = tool::command(None, "openssl");
    command.args([
        "req",
        "-x509",
        "-sha256",
        "-nodes",
        "-days",
        "2",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:P-256",
    ]);
    command.args(words).arg("-config").arg(folder(site).join("openssl.cnf"));
    tool::run(command.arg("-keyout").arg(key).arg("-out").arg(certificate)).map(drop)
}

fn folder(site: &Site) -> PathBuf {
    site.folder.join("ca")
}

fn pair(stem: &Path) -> (PathBuf, PathBuf) {
    (PathBuf::from(format!("{}.crt", text(stem))), PathBuf::from(format!("{}.key", text(stem))))
}

fn text(path: &Path) -> String {
    path.display().to_string()
}
