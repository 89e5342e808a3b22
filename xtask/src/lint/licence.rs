//! SPDX licence expressions, as far as crates use them: `MIT OR (Apache-2.0 WITH LLVM-exception AND ISC)`, and the old `MIT/Apache-2.0`.

/// Whether `expression` can be met with licences that are `allowed`.
///
/// # Errors
/// When it is not an expression; the message says what was found.
pub(super) fn is_met(expression: &str, allowed: &impl Fn(&str) -> bool) -> Result<bool, String> {
    let spaced = expression.replace('(', " ( ").replace(')', " ) ").replace('/', " OR ");
    let words: Vec<_> = spaced.split_whitespace().collect();
    let mut words = words.as_slice();
    let met = any(&mut words, allowed)?;
    match words.first() {
        None => Ok(met),
        Some(word) => Err(format!("{word:?} in {expression:?}")),
    }
}

/// `a OR b`
fn any(words: &mut &[&str], allowed: &impl Fn(&str) -> bool) -> Result<bool, String> {
    let mut met = all(words, allowed)?;
    while take(words, "OR") {
        met |= all(words, allowed)?;
    }
    Ok(met)
}

/// `a AND b`, which binds closer than OR (SPDX annex D.4.5)
fn all(words: &mut &[&str], allowed: &impl Fn(&str) -> bool) -> Result<bool, String> {
    let mut met = one(words, allowed)?;
    while take(words, "AND") {
        met &= one(words, allowed)?;
    }
    Ok(met)
}

/// A licence, one `WITH` an exception, or an expression in parentheses.
fn one(words: &mut &[&str], allowed: &impl Fn(&str) -> bool) -> Result<bool, String> {
    if take(words, "(") {
        let met = any(words, allowed)?;
        return if take(words, ")") { Ok(met) } else { Err("a parenthesis is not closed".to_owned()) };
    }
    let (&licence, rest) = words.split_first().ok_or("the end where a licence was expected")?;
    if matches!(licence, "OR" | "AND" | "WITH" | ")") {
        return Err(format!("{licence:?} where a licence was expected"));
    }
    *words = rest;
    if !take(words, "WITH") {
        return Ok(allowed(licence));
    }
    let (exception, rest) = words.split_first().ok_or("the end where an exception was expected")?;
    *words = rest;
    // An exception only permits more.
    Ok(allowed(licence) || allowed(&format!("{licence} WITH {exception}")))
}

fn take(words: &mut &[&str], word: &str) -> bool {
    let Some((_, rest)) = words.split_first().filter(|(first, _)| **first == word) else { return false };
    *words = rest;
    true
}

#[cfg(test)]
mod tests {
    use super::is_met;

    #[test]
    fn expressions_are_met_by_what_is_allowed() {
        let allowed =
            |licence: &str| matches!(licence, "MIT" | "Apache-2.0" | "ISC" | "GPL-2.0 WITH Classpath-exception");
        for (expression, met) in [
            ("MIT", true),
            ("GPL-3.0", false),
            ("MIT OR GPL-3.0", true),
            ("MIT AND GPL-3.0", false),
            ("MIT/GPL-3.0", true),
            ("GPL-3.0 OR MIT AND GPL-3.0", false),
            ("GPL-3.0 OR MIT AND ISC", true),
            ("(GPL-3.0 OR MIT) AND ISC", true),
            ("(MIT OR ISC) AND (GPL-3.0)", false),
            ("Apache-2.0 WITH LLVM-exception", true),
            ("GPL-2.0 WITH Classpath-exception", true),
            ("GPL-2.0 WITH Other-exception OR GPL-3.0", false),
        ] {
            assert_eq!(is_met(expression, &allowed), Ok(met), "{expression}");
        }
    }

    #[test]
    fn what_is_no_expression_is_an_error() {
        for expression in ["", "MIT OR", "OR MIT", "(MIT", "MIT)", "MIT ISC", "MIT WITH"] {
            assert!(is_met(expression, &|_| true).is_err(), "{expression}");
        }
    }
}
