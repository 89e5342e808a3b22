//! `get --watch`: what there is, and then what changes.

use super::table::{Printer, of_objects};
use super::{GetArgs, Wishes};
use crate::api::{self, Target};
use crate::discovery::Resource;
use crate::error::{Error, Result, message};
use crate::output::{self, Output};
use crate::session::Session;
use crate::tabs::{self, Aligner};
use serde_json::Value;

pub(super) async fn run(args: &GetArgs, session: &mut Session<'_>, wishes: Wishes) -> Result<()> {
    Error::all(wishes.errors)?;
    let [wanted] = &wishes.wanted[..] else {
        return message("you may only specify a single resource type or name with --watch");
    };
    let name = wanted.name.as_deref().map(|name| format!("metadata.name={name}"));
    let target = |limit: &str| {
        wanted
            .resource
            .target(wanted.namespace.as_deref(), None)
            .with("labelSelector", args.selector.as_deref().unwrap_or_default())
            .with("fieldSelector", name.as_deref().or(args.field_selector.as_deref()).unwrap_or_default())
            .with("limit", limit)
    };
    let mut showing = Showing::new(args, &wanted.resource);
    if wanted.name.is_some() {
        // Of one object that does not exist, nothing is waited for.
        session.api.get(&wanted.target(args), api::JSON).await?;
    }
    let list = session.api.get(&target(""), showing.accept()).await?;
    session.tell_warnings();
    if !args.watch_only {
        showing.list(session, &list)?;
    }
    let version = crate::json::text(&list, "/metadata/resourceVersion").to_owned();
    follow(session, target("").with("watch", "true").with("resourceVersion", &version), &mut showing).await
}

async fn follow(session: &mut Session<'_>, target: Target, showing: &mut Showing<'_>) -> Result<()> {
    let mut watch = session.api.watch(&target, showing.accept()).await?;
    session.tell_warnings();
    while let Some(event) = watch.next().await? {
        if event["type"] != "BOOKMARK" {
            showing.object(session, &event["object"])?;
        }
    }
    Ok(())
}

/// How objects are shown that come one after the other.
struct Showing<'a> {
    args: &'a GetArgs,
    resource: &'a Resource,
    printer: Printer<'a>,
    aligner: Aligner,
    /// The form of documents, if they are not rows.
    form: Option<Output>,
}

impl<'a> Showing<'a> {
    fn new(args: &'a GetArgs, resource: &'a Resource) -> Self {
        let form = args.output.clone().filter(|form| *form != Output::Wide);
        let printer = Printer::new(args, resource.namespaced, false);
        let form = form.map(|form| if args.no_headers { form.without_headers() } else { form });
        Self { args, resource, printer, aligner: Aligner::remembering(tabs::TABLE), form }
    }

    fn accept(&self) -> &'static str {
        if self.form.is_some() { api::JSON } else { api::TABLE }
    }

    fn list(&mut self, session: &mut Session<'_>, list: &Value) -> Result<()> {
        if self.form.is_none() {
            let table = if list["kind"] == "Table" { list.clone() } else { of_objects(list) };
            return self.rows(session, &table);
        }
        for item in list["items"].as_array().into_iter().flatten() {
            self.object(session, item)?;
        }
        Ok(())
    }

    fn object(&mut self, session: &mut Session<'_>, object: &Value) -> Result<()> {
        let Some(form) = self.form.clone() else {
            let table = if object["kind"] == "Table" { object.clone() } else { of_objects(object) };
            return self.rows(session, &table);
        };
        let mut object = object.clone();
        if let Some(fields) = object.as_object_mut() {
            fields.entry("apiVersion").or_insert_with(|| self.resource.api_version().into());
            fields.entry("kind").or_insert_with(|| self.resource.kind.clone().into());
        }
        if !self.args.show_managed_fields {
            output::hide_managed_fields(&mut object);
        }
        if form == Output::Yaml {
            session.io.out("---\n")?;
        }
        let text = form.print(&object)?;
        self.form = Some(form.without_headers());
        session.io.out(&text)
    }

    fn rows(&mut self, session: &mut Session<'_>, table: &Value) -> Result<()> {
        let text = self.printer.print(table, &self.resource.prefix());
        session.io.out(&self.aligner.align(&text))
    }
}
