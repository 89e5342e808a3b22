//! Amounts of resources as Kubernetes stores them (`resource.Quantity`): `1000m` is `1`, and `1024Mi` is `1Gi`. What
//! looks canonical is kept as it was written, by the rule of thumb of `ParseQuantity`.

/// A billionth, in which is counted.
const NANO: i128 = 1_000_000_000;
/// A thousandth in billionths: lists of resources have nothing finer (`SetDefaults_ResourceList`).
const MILLI: i128 = NANO / 1000;
/// Numbers of more digits are never kept as they were written.
const MOST_DIGITS: usize = 18;

/// How an amount was written, and is written again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    /// `500m`, `2k`
    Decimal,
    /// `2e3`
    Exponent,
    /// `1Ki`
    Binary,
}

/// The unit of an amount.
#[derive(Debug, Clone, Copy)]
struct Unit {
    form: Form,
    /// The power of ten, or of two.
    exponent: i32,
}

/// An amount as it is stored; nothing where the text is none, or too large.
pub(super) fn canonical(text: &str) -> Option<String> {
    let digits_end = text.find(|c: char| !matches!(c, '0'..='9' | '.' | '+' | '-')).unwrap_or(text.len());
    let (number, suffix) = text.split_at(digits_end);
    let (negative, number) = match number.strip_prefix('-') {
        Some(number) => (true, number),
        None => (false, number.strip_prefix('+').unwrap_or(number)),
    };
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    let digits = format!("{whole}{fraction}");
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let unit = unit(suffix)?;
    if is_kept(whole, fraction, unit) {
        return Some(text.to_owned());
    }
    let (multiplier, divisor) = match (unit.form, unit.exponent) {
        (Form::Binary, exponent) => (power(2, exponent)?, 1),
        (_, exponent) if exponent < 0 => (1, power(10, -exponent)?),
        (_, exponent) => (power(10, exponent)?, 1),
    };
    let scaled = digits.parse::<i128>().ok()?.checked_mul(NANO)?.checked_mul(multiplier)?;
    let divisor = divisor.checked_mul(power(10, i32::try_from(fraction.len()).ok()?)?)?;
    let is_less_than_one = scaled / divisor < NANO;
    let divisor = divisor.checked_mul(MILLI)?;
    // What is finer is rounded up, so that who asks for a little gets a little.
    let nanos = (scaled / divisor + i128::from(scaled % divisor != 0)).checked_mul(MILLI)?;
    let form = if unit.form == Form::Binary && is_less_than_one { Form::Decimal } else { unit.form };
    let written = write(form, nanos)?;
    Some(if negative && nanos != 0 { format!("-{written}") } else { written })
}

/// Whether an amount stays as it was written.
fn is_kept(whole: &str, fraction: &str, unit: Unit) -> bool {
    let whole = whole.trim_start_matches('0');
    let whole = if whole.is_empty() { "0" } else { whole };
    let digits = format!("{whole}{fraction}");
    if unit.form == Form::Binary {
        let most = 14_i32.saturating_sub(unit.exponent * 3 / 10);
        let few = i32::try_from(whole.len()).is_ok_and(|length| length <= most);
        return fraction.is_empty() && few && whole.parse::<u64>().is_ok_and(|value| value % 8 != 0);
    }
    let scale = i32::try_from(fraction.len()).map_or(i32::MIN, |places| unit.exponent.saturating_sub(places));
    let looks_canonical = scale % 3 == 0 && !digits.ends_with("000") && !digits.starts_with('0');
    digits.len() <= MOST_DIGITS && scale >= -3 && looks_canonical
}

/// What a suffix says.
fn unit(suffix: &str) -> Option<Unit> {
    let exponent = |steps: usize, size: i32| i32::try_from(steps).ok().map(|steps| steps * size);
    if let Some(steps) = DECIMAL.iter().position(|known| *known == suffix) {
        return Some(Unit { form: Form::Decimal, exponent: exponent(steps, 3)? - 9 });
    }
    if let Some(steps) = BINARY.iter().position(|known| *known == suffix) {
        return Some(Unit { form: Form::Binary, exponent: exponent(steps, 10)? });
    }
    let exponent = suffix.strip_prefix(['e', 'E'])?.parse().ok()?;
    Some(Unit { form: Form::Exponent, exponent })
}

/// The suffixes of powers of 1024; the first has none, and is therefore never found.
const BINARY: [&str; 7] = ["-", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei"];

/// The suffixes of powers of 1000, from the finest.
const DECIMAL: [&str; 10] = ["n", "u", "m", "", "k", "M", "G", "T", "P", "E"];

fn power(base: i128, exponent: i32) -> Option<i128> {
    base.checked_pow(u32::try_from(exponent).ok()?)
}

/// The shortest way to write an amount without a fraction.
fn write(form: Form, nanos: i128) -> Option<String> {
    if nanos == 0 {
        return Some("0".to_owned());
    }
    if form == Form::Binary && nanos % NANO == 0 && nanos / NANO >= 1024 {
        let (mut number, mut step) = (nanos / NANO, 0);
        while number % 1024 == 0 && step + 1 < BINARY.len() {
            (number, step) = (number / 1024, step + 1);
        }
        let suffix = if step == 0 { "" } else { BINARY[step] };
        return Some(format!("{number}{suffix}"));
    }
    let (mut number, mut exponent) = (nanos, -9_i32);
    while number % 10 == 0 {
        (number, exponent) = (number / 10, exponent + 1);
    }
    while exponent % 3 != 0 {
        (number, exponent) = (number.checked_mul(10)?, exponent - 1);
    }
    match form {
        Form::Exponent if exponent == 0 => Some(number.to_string()),
        Form::Exponent => Some(format!("{number}e{exponent}")),
        Form::Decimal | Form::Binary => {
            let suffix = usize::try_from(exponent / 3 + 3).ok().and_then(|index| DECIMAL.get(index))?;
            Some(format!("{number}{suffix}"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::canonical;

    /// What kube-apiserver 1.36 makes of them.
    #[test]
    fn amounts_are_written_as_kubernetes_writes_them() {
        for (text, expected) in [
            ("0", "0"),
            ("1000m", "1"),
            ("0.5", "500m"),
            (".5", "500m"),
            ("1.", "1."),
            ("1500m", "1500m"),
            ("100", "100"),
            ("-0.5", "-500m"),
            ("1000", "1k"),
            ("1024", "1024"),
            ("1e3", "1e3"),
            ("1E3", "1E3"),
            ("1e-3", "1e-3"),
            ("1.500", "1.500"),
            ("007", "007"),
            ("12000m", "12"),
            ("12e2", "1200"),
            ("2E", "2E"),
            ("1024Mi", "1Gi"),
            ("1536Mi", "1536Mi"),
            ("1.5Gi", "1536Mi"),
            ("0.5Mi", "512Ki"),
            ("1Ki", "1Ki"),
            ("0.1Gi", "107374182400m"),
            ("0.5Ki", "512"),
            ("0.0001Ki", "103m"),
            ("0.1n", "1m"),
            ("1500u", "2m"),
            ("-1000m", "-1"),
            ("+2", "+2"),
            ("128Mi", "128Mi"),
            ("1000k", "1M"),
        ] {
            assert_eq!(canonical(text).as_deref(), Some(expected), "{text}");
        }
        for text in ["", "Mi", "1x", "1 Gi", "abc", "1e", "1.2.3", "--1"] {
            assert_eq!(canonical(text), None, "{text}");
        }
    }
}
