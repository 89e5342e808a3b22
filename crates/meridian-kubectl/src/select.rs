//! Which objects the words of a command mean: `vs`, `vs a b`, `vs/a gw/b`, `vs,gw`.

use crate::discovery::{Discovery, Resource};
use crate::error::{Result, message};

/// A kind, and the name of one object of it where there is one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Selected {
    pub(crate) resource: Resource,
    pub(crate) name: Option<String>,
}

/// Reads the words.
///
/// # Errors
/// A kind that the API does not have, or words that do not fit together.
pub(crate) fn select(discovery: &Discovery, words: &[String]) -> Result<Vec<Selected>> {
    let mut selected = Vec::new();
    let Some(first) = words.first() else {
        return message(
            "You must specify the type of resource, such as virtualservices; `meridian api-resources` lists those that \
             the API has",
        );
    };
    if words.iter().any(|word| word.contains('/')) {
        if let Some(word) = words.iter().find(|word| !word.contains('/')) {
            return message(format!(
                "there is no need to specify a resource type as a separate argument when passing arguments in \
                 resource/name form (found {word:?})"
            ));
        }
        for word in words {
            let (kind, name) = word.split_once('/').unwrap_or((word, ""));
            if kind.is_empty() || name.is_empty() || name.contains('/') {
                return message(format!(
                    "arguments in resource/name form must have a single resource and name (found {word:?})"
                ));
            }
            let resource = discovery.find(kind)?.clone();
            selected.push(Selected { resource, name: Some(name.to_owned()) });
        }
        return Ok(selected);
    }
    let mut resources: Vec<&Resource> = Vec::new();
    for kind in first.split(',').filter(|kind| !kind.is_empty()) {
        for resource in discovery.find_all(kind)? {
            if !resources.contains(&resource) {
                resources.push(resource);
            }
        }
    }
    for resource in resources {
        let names = &words[1..];
        if names.is_empty() {
            selected.push(Selected { resource: resource.clone(), name: None });
        }
        for name in names {
            selected.push(Selected { resource: resource.clone(), name: Some(name.clone()) });
        }
    }
    Ok(selected)
}
