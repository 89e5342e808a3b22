//! "Did you mean": the known name that is written most similarly.

/// The candidate within a small edit distance of `name`, the nearest first; `None` when nothing is similar.
pub(crate) fn closest<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let name = plain(name);
    let most = (name.chars().count() / 3).clamp(1, 3);
    let distances = candidates.into_iter().map(|known| (strsim::osa_distance(&name, &plain(known)), known));
    distances.filter(|(distance, _)| *distance <= most).min_by_key(|(distance, _)| *distance).map(|(_, known)| known)
}

/// Without regard to case, underscores and dashes: `virtual_service` is `virtualService`.
fn plain(text: &str) -> String {
    text.to_lowercase().chars().filter(|c| !matches!(c, '_' | '-')).collect()
}
