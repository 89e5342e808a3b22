//! A pod's annotations, from where the user has them.

use std::path::Path;

use anyhow::{Context, bail};
use meridian_resources::yaml;

/// The annotations of `given`: `NAME=VALUE`, or a YAML file.
///
/// # Errors
/// The file cannot be read, or has no annotations.
pub(crate) fn annotations(given: &str) -> anyhow::Result<Vec<(String, String)>> {
    if let Some((name, value)) = given.split_once('=').filter(|_| !Path::new(given).exists()) {
        return Ok(vec![(name.trim().to_owned(), value.to_owned())]);
    }
    let text = std::fs::read_to_string(given)
        .with_context(|| format!("{given:?} is neither NAME=VALUE nor a file that can be read"))?;
    in_yaml(&text, given)
}

/// The annotations of the first document of `text`: a Pod's, those of the template of a Deployment or the like, or a
/// plain mapping of names to values.
fn in_yaml(text: &str, file: &str) -> anyhow::Result<Vec<(String, String)>> {
    let Some(first) = yaml::values(text, file).into_iter().next() else { bail!("{file} is empty") };
    let value = first.map_err(|diagnostic| anyhow::anyhow!("{diagnostic}"))?;
    let places = ["/spec/template/metadata/annotations", "/metadata/annotations"];
    let found =
        if value.get("kind").is_some() { places.iter().find_map(|place| value.pointer(place)) } else { Some(&value) };
    // An object without annotations captures as a pod without annotations does.
    let Some(found) = found else { return Ok(Vec::new()) };
    let Some(members) = found.as_object() else { bail!("{file}: annotations are a mapping of names to text") };
    let texts = members.iter().map(|(name, value)| match value.as_str() {
        Some(text) => Ok((name.clone(), text.to_owned())),
        None => bail!("{file}: annotation {name} is {value}, not text; write it in quotes"),
    });
    texts.collect()
}

#[cfg(test)]
mod tests {
    use super::{annotations, in_yaml};

    #[test]
    fn annotations_are_found_wherever_they_stand() {
        let name = "traffic.sidecar.istio.io/excludeOutboundPorts";
        let own = vec![(name.to_owned(), "25,587".to_owned())];
        assert_eq!(annotations(&format!("{name}=25,587")).unwrap(), own);
        for text in [
            format!("{name}: 25,587\n"),
            format!("kind: Pod\nmetadata: {{annotations: {{{name}: '25,587'}}}}\n"),
            format!(
                "kind: Deployment\nmetadata: {{annotations: {{a: b}}}}\nspec: {{template: {{metadata: {{annotations: {{{name}: '25,587'}}}}}}}}\n"
            ),
        ] {
            assert_eq!(in_yaml(&text, "f").unwrap(), own, "{text}");
        }
        assert_eq!(in_yaml("kind: Pod\nmetadata: {name: a}\n", "f").unwrap(), []);
    }

    #[test]
    fn what_has_no_annotations_is_refused() {
        let error = annotations("/does/not/exist").unwrap_err().to_string();
        assert_eq!(error, "\"/does/not/exist\" is neither NAME=VALUE nor a file that can be read");
        let error = in_yaml("traffic.sidecar.istio.io/excludeOutboundPorts: 25\n", "f").unwrap_err().to_string();
        assert!(error.ends_with("is 25, not text; write it in quotes"), "{error}");
        assert!(in_yaml("- a\n", "f").is_err() && in_yaml("", "f").is_err());
    }
}
