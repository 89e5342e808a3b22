//! `get` in forms that show whole objects.

use super::{GetArgs, Wanted, Wishes, sort};
use crate::api::{self, Api};
use crate::error::{Error, Result};
use crate::output::{self, Output};
use crate::session::Session;
use serde_json::Value;

pub(super) async fn run(args: &GetArgs, session: &mut Session<'_>, mut wishes: Wishes, form: Output) -> Result<()> {
    let form = if args.no_headers { form.without_headers() } else { form };
    let mut objects = Vec::new();
    for wanted in &wishes.wanted {
        match fetch(args, &mut session.api, wanted).await {
            Ok(found) => objects.extend(found),
            Err(error) if error.is_not_found() && args.ignore_not_found => {}
            Err(error) => wishes.errors.push(error),
        }
    }
    session.tell_warnings();
    if !args.show_managed_fields {
        objects.iter_mut().for_each(output::hide_managed_fields);
    }
    if let Some(path) = &args.sort_by {
        sort::by(&mut objects, path, |object| object)?;
    }
    let one = matches!(&wishes.wanted[..], [wanted] if wanted.name.is_some());
    let nothing = objects.is_empty() && (one || !wishes.errors.is_empty() || args.ignore_not_found);
    if !nothing {
        let object = if one { objects.remove(0) } else { output::list(objects) };
        session.io.out(&form.print(&object)?)?;
    }
    Error::all(wishes.errors)
}

/// The objects that are wanted; items of lists say themselves what they are.
async fn fetch(args: &GetArgs, api: &mut Api, wanted: &Wanted) -> Result<Vec<Value>> {
    let mut objects = Vec::new();
    let mut from = String::new();
    loop {
        let mut answer = api.get(&wanted.target(args).with("continue", &from), api::JSON).await?;
        if wanted.name.is_some() {
            return Ok(vec![answer]);
        }
        let (api_version, kind) = (wanted.resource.api_version(), wanted.resource.kind.clone());
        for mut item in answer["items"].as_array_mut().map(std::mem::take).unwrap_or_default() {
            if let Some(fields) = item.as_object_mut() {
                fields.entry("apiVersion").or_insert_with(|| api_version.clone().into());
                fields.entry("kind").or_insert_with(|| kind.clone().into());
            }
            objects.push(item);
        }
        crate::json::text(&answer, "/metadata/continue").clone_into(&mut from);
        if from.is_empty() {
            return Ok(objects);
        }
    }
}
