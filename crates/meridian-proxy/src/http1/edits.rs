//! Applying the header edits of routes and destinations.

use super::connection::Connection;
use super::fields::remove;
use crate::access_log::header_value;
use crate::record::Record;
use crate::snapshot::{EditPlan, ValuePlan};

impl Connection {
    /// Edits the request, in Envoy's order: removals, then writes.
    pub(super) fn edit_request(&mut self, edits: Option<&EditPlan>, route_name: &str) {
        let Some(edits) = edits else { return };
        for name in &edits.remove {
            let buf = self.client.input.message();
            remove(self.request.head.fields_mut(), buf, &mut self.request.extra, name);
        }
        for write in &edits.write {
            let value = self.value(&write.value, route_name);
            let buf = self.client.input.message();
            let request = &mut self.request;
            if write.overwrite {
                remove(request.head.fields_mut(), buf, &mut request.extra, &write.name);
            }
            request.extra.add_with(write.name.known(), write.name.as_str(), |out| out.extend_from_slice(&value));
            self.scratch = value;
        }
    }

    /// Edits the response.
    pub(super) fn edit_response(&mut self, edits: Option<&EditPlan>, route_name: &str) {
        let Some(edits) = edits else { return };
        for name in &edits.remove {
            let buf = self.response_input.message();
            remove(self.response.head.fields_mut(), buf, &mut self.response.extra, name);
        }
        for write in &edits.write {
            let value = self.value(&write.value, route_name);
            let buf = self.response_input.message();
            let response = &mut self.response;
            if write.overwrite {
                remove(response.head.fields_mut(), buf, &mut response.extra, &write.name);
            }
            response.extra.add_with(write.name.known(), write.name.as_str(), |out| out.extend_from_slice(&value));
            self.scratch = value;
        }
    }

    /// The value in the scratch buffer, which is to be given back.
    fn value(&mut self, plan: &ValuePlan, route_name: &str) -> Vec<u8> {
        let mut value = std::mem::take(&mut self.scratch);
        value.clear();
        match plan {
            ValuePlan::Fixed(bytes) => value.extend_from_slice(bytes),
            ValuePlan::Format(format) => {
                let request = self.request.view(self.client.input.message());
                let response = self.response.view(self.response_input.message());
                let record = Record { request: &request, response: &response, ..self.record(route_name) };
                header_value(format, &record, &mut value);
            }
        }
        value
    }
}
