//! What the commands share that write objects.

use crate::discovery::Resource;
use crate::dry_run::{DryRun, Validate};
use crate::error::Result;
use crate::output::Output;
use crate::session::{Session, place_of};
use serde_json::Value;

/// How a command writes.
#[derive(Debug, Clone)]
pub(crate) struct Writing<'a> {
    pub(crate) manager: &'a str,
    pub(crate) dry_run: DryRun,
    pub(crate) validate: Option<Validate>,
    pub(crate) output: Option<&'a Output>,
}

impl Writing<'_> {
    /// The path of all objects of a kind, or of one, with the parameters of a write.
    pub(crate) fn target(&self, resource: &Resource, object: &Value, named: bool) -> crate::api::Target {
        let (namespace, name) = place_of(object);
        resource
            .target(namespace, named.then_some(name))
            .with("fieldManager", self.manager)
            .with("fieldValidation", self.validate.map_or("", Validate::parameter))
            .with("dryRun", self.dry_run.parameter())
    }

    /// Says what was done with an object, or prints it.
    ///
    /// # Errors
    /// Standard output cannot be written, or a template does not fit.
    pub(crate) fn tell(
        &self,
        session: &mut Session<'_>,
        resource: &Resource,
        object: &Value,
        done: &str,
    ) -> Result<()> {
        session.tell_warnings();
        if let Some(output) = self.output {
            let mut object = object.clone();
            crate::output::hide_managed_fields(&mut object);
            return session.io.out(&output.print(&object)?);
        }
        let name = place_of(object).1;
        session.io.line(&format!("{}/{name} {done}{}", resource.prefix(), self.dry_run.suffix()))
    }
}
