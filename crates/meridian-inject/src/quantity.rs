//! Quantities of resources, as Kubernetes writes them: `100m`, `1.5`, `128Mi`, `1e3`.

const SUFFIXES: [&str; 16] = ["", "n", "u", "m", "k", "M", "G", "T", "P", "E", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei"];

/// Whether a text is a quantity that is not negative.
pub(crate) fn is_quantity(text: &str) -> bool {
    let text = text.strip_prefix('+').unwrap_or(text);
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, suffix) = text.split_at(end);
    let digits = number.bytes().filter(u8::is_ascii_digit).count();
    if digits == 0 || number.bytes().filter(|byte| *byte == b'.').count() > 1 {
        return false;
    }
    let exponent = suffix.strip_prefix(['e', 'E']);
    SUFFIXES.contains(&suffix) || exponent.is_some_and(|exponent| exponent.parse::<i16>().is_ok())
}

#[cfg(test)]
mod tests {
    use super::is_quantity;

    #[test]
    fn quantities_are_those_of_kubernetes() {
        for good in ["0", "100m", "1.5", ".5", "2.", "128Mi", "1e3", "1E3", "1E", "12e-3", "+1", "3Ei", "5n"] {
            assert!(is_quantity(good), "{good}");
        }
        for bad in ["", "m", ".", "1.2.3", "-1", "128mi", "128MB", "1 Gi", "1e", "1ee3", "1\n", "one", "0x10"] {
            assert!(!is_quantity(bad), "{bad}");
        }
    }
}
