//! Mirrors of HTTP rules (`http[].mirror`, `http[].mirrors`).

use crate::istio::destination::{Collected, Scope};
use crate::istio::http_action::Place;
use meridian_ir::fraction::Fraction;
use meridian_ir::route::Mirror;
use meridian_resources::istio::virtual_service::HttpRoute;

/// Where copies of the requests of `rule` go. Without a percentage all are copied; a mirror of none is left out.
pub(crate) fn compile(
    scope: &mut Scope<'_>,
    rule: &HttpRoute,
    place: Place<'_>,
    collected: &mut Collected,
) -> Vec<Mirror> {
    let percent = match (rule.mirror_percentage, rule.mirror_percent) {
        (Some(percentage), _) => percentage.value,
        (None, Some(percent)) => percent.into(),
        (None, None) => 100.0,
    };
    let single = rule.mirror.iter().map(|destination| (&**destination, percent, "mirror".to_owned()));
    let several = rule.mirrors.iter().enumerate().map(|(index, mirror)| {
        let percent = mirror.percentage.map_or(100.0, |percentage| percentage.value);
        (&mirror.destination, percent, format!("mirrors[{index}].destination"))
    });
    (single.chain(several))
        .filter(|(_, percent, _)| *percent > 0.0)
        .map(|(destination, percent, field)| Mirror {
            cluster: scope.cluster(
                destination,
                place.namespace,
                place.server_port,
                &format!("{}.{field}", place.path),
                collected,
            ),
            fraction: Fraction::from_percent(percent),
        })
        .collect()
}
