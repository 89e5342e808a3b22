//! `envoy.type.v3.FractionalPercent`

use crate::message::Message;
use crate::read::{Node, ReadError};
use meridian_ir::fraction::Fraction;
use serde_json::Value;

/// So many of a million.
pub(crate) fn of_a_million(fraction: Fraction) -> Value {
    Message::new().with_number("numerator", fraction.millionths()).with("denominator", "MILLION").into()
}

/// So many of a million, or a hundred percent, as Istio says it where the user says nothing.
pub(crate) fn of_a_hundred_or_more(fraction: Fraction) -> Value {
    match fraction {
        Fraction::ALL => Message::new().with("numerator", 100).into(),
        other => of_a_million(other),
    }
}

/// A fraction of any denominator.
pub(crate) fn read(node: &Node<'_>) -> Result<Fraction, ReadError> {
    const DENOMINATORS: [(&str, u32); 3] = [("HUNDRED", 10_000), ("TEN_THOUSAND", 100), ("MILLION", 1)];
    node.message(|fraction| {
        let unit = fraction.choice("denominator", &DENOMINATORS, 10_000)?;
        let numerator = fraction.some("numerator", Node::u32)?.unwrap_or_default();
        Ok(Fraction::from_millionths(numerator.saturating_mul(unit)))
    })
}

/// The default of a fraction that could change at run time.
pub(crate) fn read_runtime(node: &Node<'_>) -> Result<Fraction, ReadError> {
    node.message(|runtime| Ok(runtime.some("defaultValue", read)?.unwrap_or_else(|| Fraction::from_millionths(0))))
}
