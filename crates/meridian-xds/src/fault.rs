//! `envoy.extensions.filters.http.fault.v3.HTTPFault`

use crate::fraction;
use crate::message::{Message, duration};
use crate::read::{Fields, ReadError};
use crate::type_url;
use meridian_ir::fault::{AbortStatus, Fault, FaultAbort, FaultDelay};
use meridian_ir::fraction::Fraction;
use serde_json::Value;

/// Name of the filter, and key of its configuration in a route.
pub(crate) const FILTER: &str = "envoy.filters.http.fault";

/// The faults of a route.
pub(crate) fn fault(fault: &Fault) -> Value {
    Message::any(type_url::FAULT)
        .with_some("delay", fault.delay.as_ref().map(delay))
        .with_some("abort", fault.abort.as_ref().map(abort))
        .into()
}

fn delay(delay: &FaultDelay) -> Message {
    Message::new()
        .with("fixedDelay", duration(delay.duration))
        .with("percentage", fraction::of_a_million(delay.fraction))
}

fn abort(abort: &FaultAbort) -> Message {
    let message = match abort.status {
        AbortStatus::Http(status) => Message::new().with("httpStatus", status),
        AbortStatus::Grpc(status) => Message::new().with("grpcStatus", status),
    };
    message.with("percentage", fraction::of_a_million(abort.fraction))
}

/// Reads the faults that a route has in its `typedPerFilterConfig`.
pub(crate) fn read(per_filter: &Fields<'_>) -> Result<Option<Fault>, ReadError> {
    if per_filter.get(FILTER).is_none() {
        return Ok(None);
    }
    per_filter.any(FILTER, type_url::FAULT)?.message(|fault| {
        let delay = fault.some("delay", |node| node.message(read_delay))?;
        let abort = fault.some("abort", |node| node.message(read_abort))?;
        Ok(Some(Fault { delay, abort }))
    })
}

fn read_fraction(fields: &Fields<'_>) -> Result<Fraction, ReadError> {
    Ok(fields.some("percentage", fraction::read)?.unwrap_or_else(|| Fraction::from_millionths(0)))
}

fn read_delay(fields: &Fields<'_>) -> Result<FaultDelay, ReadError> {
    Ok(FaultDelay { duration: fields.need("fixedDelay")?.duration()?, fraction: read_fraction(fields)? })
}

fn read_abort(fields: &Fields<'_>) -> Result<FaultAbort, ReadError> {
    let status = match fields.get("httpStatus") {
        Some(status) => AbortStatus::Http(status.u16()?),
        None => AbortStatus::Grpc(fields.need("grpcStatus")?.u32()?),
    };
    Ok(FaultAbort { status, fraction: read_fraction(fields)? })
}
