//! What the control plane's loop has to do with whoever makes what Gateways need.

mod by_hand;

use super::kubernetes::Provisioner;
use super::{Input, Installation, LocalHandle, Provisioned};
use crate::cluster::Cluster;
use by_hand::ByHand;
use meridian_ir::Name;
use meridian_resources::{ObjectRef, Resource};
use meridian_translate::{ManagedGateway, ProxyNode};
use std::sync::Arc;
use tokio::sync::mpsc::{self, UnboundedReceiver, UnboundedSender};

/// Tells what is wanted, and hears what became of it. What waits on the way is no more than the objects that there are
/// and their changes, which the one who hears only takes in.
#[derive(Debug)]
pub(crate) struct Gateways {
    /// `None`: nobody makes anything, and proxies are started by hand.
    inputs: Option<UnboundedSender<Input>>,
    by_hand: Option<ByHand>,
    outputs: UnboundedReceiver<Provisioned>,
    /// Whether it was told that everything was told.
    in_step: bool,
}

impl Gateways {
    /// On a Kubernetes API objects are made, by a task of the current runtime; elsewhere it is up to whoever is at the
    /// other end of `local`.
    pub(crate) fn spawn(cluster: &Cluster, installation: Installation, local: Option<LocalHandle>) -> Gateways {
        if let Some(LocalHandle { inputs, outputs }) = local {
            return Gateways { inputs: Some(inputs), by_hand: None, outputs, in_step: false };
        }
        let (output, outputs) = mpsc::unbounded_channel();
        if !cluster.is_kubernetes() {
            return Gateways { inputs: None, by_hand: Some(ByHand::new(output)), outputs, in_step: false };
        }
        let (inputs, input) = mpsc::unbounded_channel();
        tokio::spawn(Provisioner::new(cluster.clone(), installation, output).run(input));
        Gateways { inputs: Some(inputs), by_hand: None, outputs, in_step: false }
    }

    /// Tells of an object that is there or different.
    pub(crate) fn put(&self, resource: &Resource) {
        if self.inputs.is_some() && Input::concerns(resource) {
            self.send(Input::Put(resource.clone()));
        }
    }

    /// Tells that an object is gone.
    pub(crate) fn forget(&self, object: &ObjectRef) {
        self.send(Input::Gone(object.clone()));
    }

    /// Tells what Gateways need, where that is different; the first time it is all of them, and all other objects have
    /// been told before.
    pub(crate) fn want(&mut self, wanted: Vec<(Name, Name, Option<Arc<ManagedGateway>>)>) {
        for (namespace, name, wanted) in wanted {
            if let Some(by_hand) = &mut self.by_hand {
                by_hand.want((namespace.clone(), name.clone()), wanted.is_some());
            }
            self.send(Input::Wanted(namespace, name, wanted));
        }
        if !std::mem::replace(&mut self.in_step, true) {
            self.send(Input::InStep);
        }
    }

    /// Tells which proxies there are.
    pub(crate) fn look_at(&mut self, proxies: &[ProxyNode]) {
        if let Some(by_hand) = &mut self.by_hand {
            by_hand.look_at(proxies);
        }
    }

    fn send(&self, input: Input) {
        if let Some(inputs) = &self.inputs {
            // An error means that the process ends.
            let _ = inputs.send(input);
        }
    }

    /// The next that is told of what became of a Gateway; never, where nobody makes anything.
    pub(crate) async fn next(&mut self) -> Provisioned {
        match self.outputs.recv().await {
            Some(provisioned) => provisioned,
            None => std::future::pending().await,
        }
    }

    /// The same, when it is there already.
    pub(crate) fn try_next(&mut self) -> Option<Provisioned> {
        self.outputs.try_recv().ok()
    }
}
