//! What a command works with: the API, its kinds, the namespace that is meant, and the streams.

use crate::api::Api;
use crate::connect::ConnectionArgs;
use crate::discovery::{Discovery, Resource};
use crate::error::{Result, object};
use crate::files::Document;
use crate::io::Io;
use crate::json;
use serde_json::Value;

/// A command's connection.
pub(crate) struct Session<'io> {
    pub(crate) api: Api,
    pub(crate) discovery: Discovery,
    /// The namespace that is meant when nothing else is said.
    pub(crate) namespace: String,
    /// Whether it was asked for by `-n`: then nothing of another one is meant.
    pub(crate) enforced: bool,
    pub(crate) io: &'io mut Io,
}

impl<'io> Session<'io> {
    /// Asks the API what it has. `namespace` is that of the kubeconfig.
    ///
    /// # Errors
    /// It cannot be reached.
    pub(crate) async fn open(
        connection: &ConnectionArgs,
        client: kube::Client,
        namespace: &str,
        io: &'io mut Io,
    ) -> Result<Self> {
        let mut api = Api::new(client);
        let discovery = Discovery::read(&mut api).await?;
        api.take_warnings();
        let enforced = connection.namespace.is_some();
        let namespace = connection.namespace.clone().unwrap_or_else(|| namespace.to_owned());
        Ok(Self { api, discovery, namespace, enforced, io })
    }

    /// Tells what the API has warned of.
    pub(crate) fn tell_warnings(&mut self) {
        for warning in self.api.take_warnings() {
            self.io.warn(&warning);
        }
    }

    /// Gives an object of a file the namespace that is meant, if it names none.
    ///
    /// # Errors
    /// It names another one than `-n`.
    pub(crate) fn place(&self, resource: &Resource, value: &mut Value) -> Result<()> {
        if !resource.namespaced {
            if let Some(metadata) = value.get_mut("metadata").and_then(Value::as_object_mut) {
                metadata.remove("namespace");
            }
            return Ok(());
        }
        let own = json::text(value, "/metadata/namespace");
        if own.is_empty() {
            let namespace = self.namespace.clone();
            if let Some(metadata) = json::child(value, "metadata") {
                metadata.insert("namespace".to_owned(), namespace.into());
            }
        } else if self.enforced && own != self.namespace {
            return object(format!(
                "the namespace from the provided object {own:?} does not match the namespace {:?}. You must pass \
                 '--namespace={own}' to perform this operation.",
                self.namespace
            ));
        }
        Ok(())
    }
}

impl Session<'_> {
    /// The kind, namespace and name of an object of a file.
    ///
    /// # Errors
    /// It does not say what it is, or is in another namespace than `-n`.
    pub(crate) fn wanted(&self, document: &Document) -> Result<(Resource, Option<String>, String)> {
        let resource = self.discovery.of_object(&document.value, &document.source)?.clone();
        let mut value = document.value.clone();
        self.place(&resource, &mut value)?;
        let (namespace, name) = place_of(&value);
        if name.is_empty() {
            return object("resource name may not be empty");
        }
        Ok((resource, namespace.map(str::to_owned), name.to_owned()))
    }
}

/// The namespace and the name of an object.
pub(crate) fn place_of(object: &Value) -> (Option<&str>, &str) {
    let namespace = json::text(object, "/metadata/namespace");
    (Some(namespace).filter(|namespace| !namespace.is_empty()), json::text(object, "/metadata/name"))
}
