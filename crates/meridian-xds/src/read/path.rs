//! Where in a message something is.

use std::fmt;
use std::rc::Rc;

/// A path from a resource to one of its fields; steps are shared with the paths beside it.
#[derive(Debug, Clone)]
pub(crate) struct Path<'v>(Rc<Step<'v>>);

#[derive(Debug)]
enum Step<'v> {
    /// The resource.
    Root(String),
    /// A field, or a key of a map.
    Field(Path<'v>, &'v str),
    /// An element of a list.
    Element(Path<'v>, usize),
}

impl<'v> Path<'v> {
    pub(crate) fn root(label: &str) -> Self {
        Self(Rc::new(Step::Root(label.to_owned())))
    }

    pub(crate) fn field(&self, name: &'v str) -> Self {
        Self(Rc::new(Step::Field(self.clone(), name)))
    }

    pub(crate) fn element(&self, index: usize) -> Self {
        Self(Rc::new(Step::Element(self.clone(), index)))
    }
}

impl fmt::Display for Path<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &*self.0 {
            Step::Root(label) => f.write_str(label),
            Step::Field(parent, name) => {
                let separator = if matches!(*parent.0, Step::Root(_)) { ": " } else { "." };
                if name.contains(['.', ' ']) {
                    write!(f, "{parent}{separator}{name:?}")
                } else {
                    write!(f, "{parent}{separator}{name}")
                }
            }
            Step::Element(parent, index) => write!(f, "{parent}[{index}]"),
        }
    }
}
