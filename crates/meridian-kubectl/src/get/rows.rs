//! `get` in rows.

use super::table::{Printer, of_objects};
use super::{GetArgs, Wanted, Wishes, sort};
use crate::api::{self, Api};
use crate::error::{Error, Result};
use crate::session::Session;
use crate::tabs;
use serde_json::Value;

pub(super) async fn run(args: &GetArgs, session: &mut Session<'_>, mut wishes: Wishes) -> Result<()> {
    let mut found: Vec<(usize, Value)> = Vec::new();
    for (index, wanted) in wishes.wanted.iter().enumerate() {
        match tables(args, &mut session.api, wanted).await {
            Ok(tables) => found.extend(tables.into_iter().map(|table| (index, table))),
            Err(error) if error.is_not_found() && args.ignore_not_found => {}
            Err(error) => wishes.errors.push(error),
        }
    }
    session.tell_warnings();
    let first = found.first().map(|(index, _)| wishes.wanted[*index].resource.qualified());
    let several = found.iter().any(|(index, _)| Some(wishes.wanted[*index].resource.qualified()) != first);
    let mut printed = false;
    let mut rest = &found[..];
    while let Some((index, _)) = rest.first() {
        let resource = &wishes.wanted[*index].resource;
        let end = rest.iter().position(|(index, _)| wishes.wanted[*index].resource != *resource).unwrap_or(rest.len());
        let mut printer = Printer::new(args, resource.namespaced, several);
        let text: String = rest[..end].iter().map(|(_, table)| printer.print(table, &resource.prefix())).collect();
        if !text.is_empty() {
            if printed && !args.no_headers {
                session.io.out("\n")?;
            }
            printed = true;
            session.io.out(&tabs::align(&text, tabs::TABLE))?;
        }
        rest = &rest[end..];
    }
    if !printed && wishes.errors.is_empty() && !args.ignore_not_found {
        let nothing = wishes.nothing(session, args);
        session.io.tell(&nothing);
    }
    Error::all(wishes.errors)
}

/// The pages of what is wanted; one table when they are to be ordered.
async fn tables(args: &GetArgs, api: &mut Api, wanted: &Wanted) -> Result<Vec<Value>> {
    let mut tables = Vec::new();
    let mut from = String::new();
    loop {
        let include = if args.sort_by.is_some() { "Object" } else { "" };
        let target = wanted.target(args).with("includeObject", include).with("continue", &from);
        let answer = api.get(&target, api::TABLE).await?;
        let table = if answer["kind"] == "Table" { answer } else { of_objects(&answer) };
        crate::json::text(&table, "/metadata/continue").clone_into(&mut from);
        tables.push(table);
        if from.is_empty() {
            break;
        }
    }
    if let Some(path) = &args.sort_by {
        let mut all = tables.swap_remove(0);
        let more = tables.iter_mut().filter_map(|table| table["rows"].as_array_mut()).flat_map(std::mem::take);
        let more: Vec<Value> = more.collect();
        if let Some(rows) = all["rows"].as_array_mut() {
            rows.extend(more);
            sort::by(rows, path, |row| &row["object"])?;
        }
        return Ok(vec![all]);
    }
    Ok(tables)
}
