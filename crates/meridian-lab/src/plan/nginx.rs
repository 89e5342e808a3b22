//! The configuration of an nginx that answers every request with one page.

use std::path::Path;

/// An nginx to be configured.
#[derive(Debug, Clone, Copy)]
pub struct Nginx<'a> {
    /// The page; a line end is added.
    pub page: &'a str,
    /// Where it listens.
    pub port: u16,
    /// Certificate and key; plain HTTP without.
    pub tls: Option<(&'a Path, &'a Path)>,
    /// A plain port that answers 301 to HTTPS.
    pub redirect_http: Option<u16>,
    /// A folder of its own, for logs and temporary files.
    pub folder: &'a Path,
}

/// The text of `nginx.conf`.
#[must_use]
pub fn configuration(nginx: &Nginx<'_>) -> String {
    let Nginx { page, port, tls, redirect_http, folder } = *nginx;
    let folder = folder.display();
    let listen = match tls {
        Some((certificate, key)) => {
            format!(
                "listen {port} ssl;\n    ssl_certificate {};\n    ssl_certificate_key {};",
                certificate.display(),
                key.display()
            )
        }
        None => format!("listen {port};"),
    };
    let redirect = redirect_http
        .map_or(String::new(), |port| format!("  server {{ listen {port}; return 301 https://$host$request_uri; }}\n"));
    let temporary: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .iter()
        .map(|kind| format!("  {kind}_temp_path {folder}/temporary;\n"))
        .collect();
    format!(
        "daemon off;\nuser root;\nworker_processes 1;\npid {folder}/nginx.pid;\nerror_log {folder}/error.log;\nevents {{}}\nhttp {{\n\
         \x20 access_log {folder}/access.log;\n{temporary}  default_type text/html;\n  geo $dollar {{ default \"$\"; }}\n{redirect}\
         \x20 server {{\n    {listen}\n    location / {{ return 200 \"{}\\n\"; }}\n  }}\n}}\n",
        quoted(page)
    )
}

/// The page between double quotes; nginx has no escape for `$`, so a variable stands for it.
fn quoted(page: &str) -> String {
    page.replace('\\', "\\\\").replace('"', "\\\"").replace('$', "${dollar}")
}
