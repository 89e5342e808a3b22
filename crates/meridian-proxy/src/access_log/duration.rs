//! Operators about time that passed.

use super::operator::number;
use crate::record::{Protocol, Record};
use meridian_ir::format::{Operator, Point, Unit};
use std::time::Duration;

/// Appends what `operator`, one of these, prints.
pub(super) fn duration(operator: &Operator, record: &Record<'_>, out: &mut Vec<u8>) -> Option<()> {
    let timeline = &record.timeline;
    let passed = match operator {
        Operator::Duration => timeline.total,
        Operator::RequestDuration => timeline.downstream_rx_end?,
        Operator::RequestTxDuration => timeline.upstream_tx_end?,
        Operator::ResponseDuration => timeline.upstream_rx_begin?,
        Operator::ResponseTxDuration => timeline.downstream_tx_end?.checked_sub(timeline.upstream_rx_begin?)?,
        Operator::UpstreamConnectionPoolReadyDuration => timeline.pool_ready?,
        Operator::DownstreamHandshakeDuration => record.downstream.handshake?,
        Operator::CommonDuration { start, end, unit } => {
            let between = point(record, *end)?.checked_sub(point(record, *start)?)?;
            let value = match unit {
                Unit::Milliseconds => between.as_millis(),
                Unit::Microseconds => between.as_micros(),
                Unit::Nanoseconds => between.as_nanos(),
            };
            return number(out, u64::try_from(value).unwrap_or(u64::MAX));
        }
        _ => return None,
    };
    number(out, u64::try_from(passed.as_millis()).unwrap_or(u64::MAX))
}

fn point(record: &Record<'_>, point: Point) -> Option<Duration> {
    let timeline = &record.timeline;
    let is_tcp = record.protocol == Protocol::Tcp;
    match point {
        Point::DownstreamRxBegin => Some(Duration::ZERO),
        Point::DownstreamRxEnd => timeline.downstream_rx_end,
        Point::UpstreamTxBegin => timeline.upstream_tx_begin,
        Point::UpstreamTxEnd => timeline.upstream_tx_end,
        Point::UpstreamRxBegin => timeline.upstream_rx_begin,
        Point::UpstreamRxEnd => timeline.upstream_rx_end,
        Point::DownstreamTxBegin => timeline.downstream_tx_begin,
        Point::DownstreamTxEnd => timeline.downstream_tx_end,
        Point::UpstreamConnectBegin => timeline.upstream_connect_begin,
        Point::UpstreamConnectEnd => timeline.upstream_connect_end,
        // Not measured.
        Point::UpstreamRxBodyBegin | Point::UpstreamHandshakeEnd => None,
        Point::DownstreamConnectionBegin => is_tcp.then_some(Duration::ZERO),
        Point::DownstreamConnectionEnd => is_tcp.then_some(timeline.total),
    }
}
