//! Objects from the command line.

use super::data::{DataArgs, bytes};
use crate::error::{Result, message};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use clap::Subcommand;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::path::PathBuf;

/// Options of `create namespace`
#[derive(clap::Args, Debug)]
pub(super) struct NamespaceArgs {
    /// Its name
    name: String,
}

impl NamespaceArgs {
    pub(super) fn object(&self) -> Value {
        json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": self.name}})
    }
}

/// Options of `create serviceaccount`
#[derive(clap::Args, Debug)]
pub(super) struct ServiceAccountArgs {
    /// Its name
    name: String,
}

impl ServiceAccountArgs {
    pub(super) fn object(&self) -> Value {
        json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": self.name}})
    }
}

/// Options of `create configmap`
#[derive(clap::Args, Debug)]
pub(super) struct ConfigMapArgs {
    /// Its name
    name: String,
    #[command(flatten)]
    data: DataArgs,
}

impl ConfigMapArgs {
    pub(super) fn object(&self) -> Result<Value> {
        let (mut data, mut binary) = (Map::new(), Map::new());
        for (key, value) in self.data.read()? {
            match String::from_utf8(value) {
                Ok(text) => data.insert(key, text.into()),
                Err(error) => binary.insert(key, STANDARD.encode(error.as_bytes()).into()),
            };
        }
        let mut object = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": self.name}});
        for (field, values) in [("data", data), ("binaryData", binary)] {
            if !values.is_empty() {
                object[field] = values.into();
            }
        }
        Ok(object)
    }
}

/// Options of `create secret`
#[derive(clap::Args, Debug)]
pub(super) struct SecretArgs {
    #[command(subcommand)]
    kind: SecretKind,
}

#[derive(Subcommand, Debug)]
enum SecretKind {
    /// From files, folders and literal values
    Generic {
        /// Its name
        name: String,
        /// Its type [default: Opaque]
        #[arg(long = "type", value_name = "TYPE")]
        type_: Option<String>,
        #[command(flatten)]
        data: DataArgs,
    },
    /// A certificate with its private key
    Tls {
        /// Its name
        name: String,
        /// The file of the certificate and its authorities, in PEM
        #[arg(long, value_name = "FILE")]
        cert: PathBuf,
        /// The file of the private key, in PEM
        #[arg(long, value_name = "FILE")]
        key: PathBuf,
    },
    /// The credentials of a registry of images
    DockerRegistry {
        /// Its name
        name: String,
        /// The registry
        #[arg(long, value_name = "URL", default_value = "https://index.docker.io/v1/")]
        docker_server: String,
        /// The user
        #[arg(long, value_name = "NAME")]
        docker_username: String,
        /// The password
        #[arg(long, value_name = "TEXT")]
        docker_password: String,
        /// The user's address
        #[arg(long, value_name = "ADDRESS", default_value = "")]
        docker_email: String,
    },
}

impl SecretArgs {
    pub(super) fn object(&self) -> Result<Value> {
        match &self.kind {
            SecretKind::Generic { name, type_, data } => Ok(secret(name, type_.as_deref(), data.read()?)),
            SecretKind::Tls { name, cert, key } => {
                let (cert, key) = (bytes(cert)?, bytes(key)?);
                if let Err(error) = meridian_tls::check_pair(&cert, &key) {
                    return message(format!("the certificate and the key cannot be used together: {error}"));
                }
                let data = BTreeMap::from([("tls.crt".to_owned(), cert), ("tls.key".to_owned(), key)]);
                Ok(secret(name, Some("kubernetes.io/tls"), data))
            }
            SecretKind::DockerRegistry { name, docker_server, docker_username, docker_password, docker_email } => {
                let auth = STANDARD.encode(format!("{docker_username}:{docker_password}"));
                // Fields in kubectl's order, which trees of JSON do not keep.
                let text = |value: &str| Value::from(value).to_string();
                let mut entry = format!("\"username\":{}", text(docker_username));
                entry.push_str(&format!(",\"password\":{}", text(docker_password)));
                if !docker_email.is_empty() {
                    entry.push_str(&format!(",\"email\":{}", text(docker_email)));
                }
                let server = text(docker_server);
                let config = format!("{{\"auths\":{{{server}:{{{entry},\"auth\":{}}}}}}}", text(&auth)).into_bytes();
                let data = BTreeMap::from([(".dockerconfigjson".to_owned(), config)]);
                Ok(secret(name, Some("kubernetes.io/dockerconfigjson"), data))
            }
        }
    }
}

fn secret(name: &str, type_: Option<&str>, data: BTreeMap<String, Vec<u8>>) -> Value {
    let mut object = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}});
    if let Some(type_) = type_ {
        object["type"] = type_.into();
    }
    if !data.is_empty() {
        let data = data.into_iter().map(|(key, value)| (key, STANDARD.encode(value).into()));
        object["data"] = Value::Object(data.collect());
    }
    object
}
