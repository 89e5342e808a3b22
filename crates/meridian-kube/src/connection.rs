//! The way of a command to an API server.

use crate::error::{Error, whole_text};
use crate::kubeconfig;
use serde_json::Value;
use std::fmt;
use std::path::{Path, PathBuf};

/// A connection to an API server for a command: with certificates, tokens and programs that get credentials, as kubectl
/// has it. Cheap to clone.
#[derive(Clone)]
pub struct Connection {
    client: kube::Client,
    server: String,
    namespace: String,
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection").field("server", &self.server).field("namespace", &self.namespace).finish()
    }
}

/// Connects as a context of kubeconfigs says; the current one without a name. What an earlier file says counts more.
///
/// # Errors
/// [`Error::Config`] when they cannot be read or used. Nothing is asked of the server yet.
pub async fn connect(files: &[PathBuf], context: Option<&str>) -> Result<Connection, Error> {
    Connection::new(kubeconfig::read(files, context).await?)
}

/// Connects as kubectl would: by the kubeconfig that is named, else those of `$KUBECONFIG`, else `~/.kube/config`, else as
/// the pod that this process runs in.
///
/// # Errors
/// [`Error::Config`] when there is none of them, or the first that there is cannot be used. Nothing is asked of the
/// server yet.
pub async fn connect_as_kubectl(file: Option<&Path>, context: Option<&str>) -> Result<Connection, Error> {
    Connection::new(kubeconfig::as_kubectl(file, context).await?)
}

impl Connection {
    fn new(config: kube::Config) -> Result<Self, Error> {
        let server = config.cluster_url.to_string().trim_end_matches('/').to_owned();
        let namespace = config.default_namespace.clone();
        let client = kube::Client::try_from(config).map_err(|error| Error::Config(whole_text(&error)))?;
        Ok(Self { client, server, namespace })
    }

    /// The client beneath.
    #[must_use]
    pub fn client(&self) -> &kube::Client {
        &self.client
    }

    /// Where the API server is, as the kubeconfig says it, without a slash at its end.
    #[must_use]
    pub fn server(&self) -> &str {
        &self.server
    }

    /// The namespace of the context; `default` when it names none.
    #[must_use]
    pub fn namespace(&self) -> &str {
        &self.namespace
    }

    /// What the API server answers to a GET of a path, such as `/api/v1/pods`, as JSON.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn get(&self, path: &str) -> Result<Value, Error> {
        let request = http::Request::get(path)
            .header(http::header::ACCEPT, "application/json")
            .body(Vec::new())
            .map_err(|error| Error::Refused(format!("{path}: {error}")))?;
        Ok(self.client.request(request).await?)
    }

    /// What the API server answers to a GET of a path, as it is.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn text(&self, path: &str) -> Result<String, Error> {
        let request = http::Request::get(path).body(Vec::new());
        let request = request.map_err(|error| Error::Refused(format!("{path}: {error}")))?;
        Ok(self.client.request_text(request).await?)
    }

    /// Sends a request, with an object or without one, and returns the code and the object of the answer as they are;
    /// null when it is no JSON.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when there is no answer.
    pub async fn call(&self, method: &str, path: &str, body: Option<&Value>) -> Result<(u16, Value), Error> {
        let request = http::Request::builder()
            .method(method)
            .uri(path)
            .header(http::header::ACCEPT, "application/json")
            .header(http::header::CONTENT_TYPE, "application/json")
            .body(body.map(Value::to_string).unwrap_or_default().into_bytes().into())
            .map_err(|error| Error::Refused(format!("{method} {path}: {error}")))?;
        let answer = self.client.send(request).await?;
        let code = answer.status().as_u16();
        let body = answer.into_body().collect_bytes().await?;
        Ok((code, serde_json::from_slice(&body).unwrap_or_default()))
    }
}
