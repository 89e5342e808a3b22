//! Envoy's names of the conditions under which a request is tried again.

use crate::route::RetryPolicy;

/// gRPC statuses that have such a name, with their numbers.
const GRPC: [(&str, u16); 5] =
    [("cancelled", 1), ("deadline-exceeded", 4), ("resource-exhausted", 8), ("internal", 13), ("unavailable", 14)];

impl RetryPolicy {
    /// Adds the condition of this name, such as `reset` or `unavailable`; false, and nothing is added, when there is
    /// none. Status codes have no names.
    pub fn retry_on(&mut self, condition: &str) -> bool {
        let switch = match condition {
            "connect-failure" => &mut self.on_connect_failure,
            "refused-stream" => &mut self.on_refused_stream,
            "reset" => &mut self.on_reset,
            "reset-before-request" => &mut self.on_reset_before_request,
            "5xx" => &mut self.on_5xx,
            "gateway-error" => &mut self.on_gateway_error,
            "retriable-4xx" => &mut self.on_retriable_4xx,
            grpc => {
                let status = GRPC.iter().find(|(name, _)| *name == grpc);
                self.grpc_statuses.extend(status.map(|(_, number)| *number));
                return status.is_some();
            }
        };
        *switch = true;
        true
    }
}
