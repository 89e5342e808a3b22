//! All endpoints of a cluster at one moment, prepared for choosing: priority levels, localities, rings and tables.

use super::maglev::Maglev;
use super::priority::{self, LevelHealth, LevelLoad, OVERPROVISIONING};
use super::ring_hash::Ring;
use super::{Share, Weights};
use crate::Name;
use crate::cluster::LbPolicy;
use crate::endpoint::LocalityWeight;
use std::cell::Cell;
use std::net::SocketAddr;

#[cfg(test)]
mod tests;

/// One endpoint as the balancer sees it.
#[derive(Debug, Clone, PartialEq)]
pub struct Candidate<'c> {
    /// Where it is; its text is what rings and tables hash.
    pub address: SocketAddr,
    /// Relative weight; zero counts as one.
    pub weight: u32,
    /// The part of the weight that it has while it warms up; one otherwise.
    pub factor: f64,
    /// Zero is used first.
    pub priority: u32,
    /// `region/zone/subzone`
    pub locality: &'c Name,
    /// Healthy, as far as the control plane and outlier detection know.
    pub is_healthy: bool,
}

/// What a cluster says of choosing.
#[derive(Debug, Clone, Copy)]
pub struct Settings<'s> {
    /// How an endpoint is chosen.
    pub policy: LbPolicy,
    /// See [`crate::Cluster::healthy_panic_percent`].
    pub panic_percent: u32,
    /// Weights of localities, where they are chosen before endpoints are.
    pub localities: Option<&'s [LocalityWeight]>,
}

/// What one choice depends on beside the endpoints.
pub struct Choice<'c, R, A> {
    /// Hash of the request, for the policies that use one; without it they choose at random.
    pub hash: Option<u64>,
    /// How often an endpoint was drawn for this request before that was not wanted.
    pub attempt: u32,
    /// Positions of the endpoints that the request was sent to before, where their priorities are to be avoided
    /// ([`crate::route::RetryPolicy::avoid_previous_priorities`]).
    pub tried: &'c [usize],
    /// Whose turn it is in round robin; counted up.
    pub turn: &'c Cell<u64>,
    /// Random numbers.
    pub random: R,
    /// Active requests of an endpoint, by its position.
    pub active: A,
}

/// Endpoints prepared for choosing. Immutable: when health or weights change, another is made.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Picture {
    policy: Option<LbPolicy>,
    levels: Vec<Level>,
    /// The level of each endpoint, where there are several.
    level_of: Vec<u32>,
}

/// How many tries pass until the priorities that were tried are left out, and again (`update_frequency`, Istio's).
const PRIORITY_UPDATE_FREQUENCY: usize = 2;

#[derive(Debug, Clone, PartialEq)]
struct Level {
    load: LevelLoad,
    /// Percent of what the level was made for that it can take.
    availability: u32,
    /// Of the groups.
    weights: Weights,
    groups: Vec<Group>,
}

/// Endpoints that are chosen among by the policy.
#[derive(Debug, Clone, PartialEq)]
enum Group {
    /// By weight; positions of the endpoints in the order of the weights. `None`: all of the cluster, in its order.
    Weighted(Weights, Option<Vec<u32>>),
    Ring(Ring),
    Maglev(Maglev),
}

impl Picture {
    /// Prepares choosing among `candidates`, which are referred to by their positions.
    pub fn new(settings: &Settings<'_>, candidates: &[Candidate<'_>]) -> Self {
        // A level without endpoints changes nothing for the others, so that none is made for it.
        let mut levels: Vec<u32> = candidates.iter().map(|one| one.priority).collect();
        levels.sort_unstable();
        levels.dedup();
        let health: Vec<LevelHealth> = levels
            .iter()
            .map(|priority| {
                let of_level = || candidates.iter().filter(|one| one.priority == *priority);
                LevelHealth { total: of_level().count(), healthy: of_level().filter(|one| one.is_healthy).count() }
            })
            .collect();
        let loads = priority::loads(&health, settings.panic_percent);
        let level = |((priority, load), health): ((&u32, LevelLoad), &LevelHealth)| Level {
            availability: health.availability(),
            ..Level::new(settings, candidates, *priority, load)
        };
        let position = |one: &Candidate<'_>| levels.iter().position(|level| *level == one.priority).unwrap_or(0) as u32;
        let level_of = if levels.len() > 1 { candidates.iter().map(position).collect() } else { Vec::new() };
        let levels = levels.iter().zip(loads).zip(&health).map(level).collect();
        Self { policy: Some(settings.policy), levels, level_of }
    }

    /// The loads of the levels without those of the endpoints that were `tried`, divided by what is available; `None`
    /// when nothing is left out, or nothing left.
    fn loads_without(&self, tried: &[usize]) -> Option<Vec<u32>> {
        let tried = &tried[..tried.len() - tried.len() % PRIORITY_UPDATE_FREQUENCY];
        let is_left_out = |level: u32| tried.iter().any(|position| self.level_of.get(*position) == Some(&level));
        let mut loads: Vec<u32> = ((0u32..).zip(&self.levels))
            .map(|(index, level)| if is_left_out(index) { 0 } else { level.availability })
            .collect();
        let total: u32 = loads.iter().sum();
        if tried.is_empty() || total == 0 {
            return None;
        }
        loads.iter_mut().for_each(|load| *load = *load * 100 / total);
        // What rounding has left over.
        let left = 100 - loads.iter().sum::<u32>();
        if let Some(first) = loads.iter_mut().find(|load| **load > 0) {
            *first += left;
        }
        Some(loads)
    }

    /// The position of the endpoint to use; `None` when none may be used.
    pub fn choose<R: FnMut() -> u64, A: Fn(usize) -> u32>(&self, mut choice: Choice<'_, R, A>) -> Option<usize> {
        let by_hash = matches!(self.policy, Some(LbPolicy::RingHash { .. } | LbPolicy::Maglev { .. }));
        let number = match choice.hash {
            Some(hash) if by_hash => hash,
            _ => (choice.random)(),
        };
        let level = match &self.levels[..] {
            [only] => only,
            // A hashed request stays on its level; other numbers are for the choice within it, too.
            levels => {
                let drawn = if by_hash { number } else { (choice.random)() };
                levels.get(match self.loads_without(choice.tried) {
                    Some(loads) => priority::choose(loads, drawn),
                    None => priority::choose(levels.iter().map(|level| level.load.percent), drawn),
                })?
            }
        };
        let group = match &level.groups[..] {
            [only] => only,
            groups => groups.get(level.weights.random((choice.random)())?)?,
        };
        match group {
            Group::Ring(ring) => ring.choose(number, choice.attempt).map(|index| index as usize),
            Group::Maglev(table) => table.choose(number, choice.attempt).map(|index| index as usize),
            Group::Weighted(weights, members) => {
                let at = |position: usize| match members {
                    None => position,
                    Some(members) => members[position] as usize,
                };
                let position = match self.policy? {
                    LbPolicy::LeastRequest => weights.least_request(number, |position| (choice.active)(at(position))),
                    LbPolicy::RoundRobin => weights.round_robin(choice.turn.replace(choice.turn.get().wrapping_add(1))),
                    _ => weights.random(number),
                };
                position.map(at)
            }
        }
    }

    /// Whether some level uses endpoints that are not healthy (`lb_healthy_panic`).
    pub fn is_in_panic(&self) -> bool {
        self.levels.iter().any(|level| level.load.in_panic && level.load.percent > 0)
    }
}

impl Level {
    fn new(settings: &Settings<'_>, candidates: &[Candidate<'_>], priority: u32, load: LevelLoad) -> Self {
        let usable = |one: &Candidate<'_>| one.priority == priority && (one.is_healthy || load.in_panic);
        let members: Vec<u32> = (0u32..).zip(candidates).filter(|(_, one)| usable(one)).map(|(at, _)| at).collect();
        let weight_of = |locality: &Name| {
            let weights = settings.localities.unwrap_or_default();
            weights.iter().find(|one| one.priority == priority && one.locality == *locality).map_or(0, |one| one.weight)
        };
        let by_locality = settings.localities.is_some_and(|weights| weights.iter().any(|one| one.priority == priority));
        match settings.policy {
            LbPolicy::RingHash { minimum_size } => {
                let shares = shares(candidates, &members, priority, by_locality.then_some(&weight_of));
                Self::single(load, Group::Ring(Ring::new(&shares, minimum_size)))
            }
            LbPolicy::Maglev { table_size } => {
                let shares = shares(candidates, &members, priority, by_locality.then_some(&weight_of));
                Self::single(load, Group::Maglev(Maglev::new(&shares, table_size)))
            }
            _ if by_locality && !load.in_panic => Self::localities(candidates, &members, priority, load, &weight_of),
            _ => Self::single(load, weighted(candidates, members)),
        }
    }

    fn single(load: LevelLoad, group: Group) -> Self {
        Self { load, availability: 0, weights: Weights::new([1]), groups: vec![group] }
    }

    /// A group for each locality that has a weight, as far as its endpoints are healthy.
    fn localities(
        candidates: &[Candidate<'_>],
        members: &[u32],
        priority: u32,
        load: LevelLoad,
        weight_of: &dyn Fn(&Name) -> u32,
    ) -> Self {
        let (mut weights, mut groups) = (Vec::new(), Vec::new());
        for (locality, of_locality) in by_locality(candidates, members) {
            let on_level = |one: &&Candidate<'_>| one.priority == priority && one.locality == locality;
            let total = candidates.iter().filter(on_level).count().max(1) as u64;
            // In thousandths, so that rounding does not show.
            let available = (OVERPROVISIONING * 10 * of_locality.len() as u64 / total).min(1000);
            let effective = u64::from(weight_of(locality)) * available;
            if effective > 0 {
                weights.push(effective);
                groups.push(weighted(candidates, of_locality));
            }
        }
        if groups.is_empty() {
            return Self::single(load, weighted(candidates, members.to_vec()));
        }
        // Weights of localities may be as large as 32 bits: they are brought into them again.
        let shift = weights.iter().max().map_or(0, |max| (64 - max.leading_zeros()).saturating_sub(32));
        Self {
            load,
            availability: 0,
            weights: Weights::new(weights.iter().map(|weight| (weight >> shift) as u32)),
            groups,
        }
    }
}

/// Members by locality, in the order of its name.
fn by_locality<'c>(candidates: &[Candidate<'c>], members: &[u32]) -> Vec<(&'c Name, Vec<u32>)> {
    let mut groups: Vec<(&Name, Vec<u32>)> = Vec::new();
    for member in members {
        let locality = candidates[*member as usize].locality;
        match groups.iter_mut().find(|(known, _)| *known == locality) {
            Some((_, group)) => group.push(*member),
            None => groups.push((locality, vec![*member])),
        }
    }
    groups.sort_by(|a, b| a.0.cmp(b.0));
    groups
}

fn weighted(candidates: &[Candidate<'_>], members: Vec<u32>) -> Group {
    let one = |member: &u32| &candidates[*member as usize];
    let is_warming = members.iter().any(|member| one(member).factor < 1.0);
    // Fractions of weights are kept while endpoints warm up.
    let scale = if is_warming { 1000.0 } else { 1.0 };
    let weight = |member: &u32| {
        let Candidate { weight, factor, .. } = one(member);
        (f64::from((*weight).max(1)) * factor * scale).clamp(1.0, f64::from(u32::MAX)) as u32
    };
    let weights = Weights::new(members.iter().map(weight));
    let is_all = members.len() == candidates.len();
    Group::Weighted(weights, (!is_all).then_some(members))
}

/// The parts of one that `members` have by weight; by that of their locality first where `weight_of` is given. As in
/// Envoy, the parts of localities without a member are nobody's.
fn shares(
    candidates: &[Candidate<'_>],
    members: &[u32],
    priority: u32,
    weight_of: Option<&dyn Fn(&Name) -> u32>,
) -> Vec<Share> {
    let divide = |members: &[u32], whole: f64, shares: &mut Vec<Share>| {
        let weight = |member: &u32| candidates[*member as usize].weight.max(1);
        let sum: u64 = members.iter().map(|member| u64::from(weight(member))).sum();
        shares.extend(members.iter().map(|member| Share {
            index: *member,
            address: candidates[*member as usize].address,
            part: f64::from(weight(member)) * whole / sum as f64,
        }));
    };
    let mut shares = Vec::with_capacity(members.len());
    let Some(weight_of) = weight_of else {
        divide(members, 1.0, &mut shares);
        return shares;
    };
    let level: Vec<u32> =
        (0u32..).zip(candidates).filter(|(_, one)| one.priority == priority).map(|(at, _)| at).collect();
    let sum: u64 = by_locality(candidates, &level).iter().map(|(locality, _)| u64::from(weight_of(locality))).sum();
    let groups = by_locality(candidates, members);
    for (locality, members) in groups.iter().filter(|(locality, _)| weight_of(locality) > 0) {
        divide(members, f64::from(weight_of(locality)) / sum as f64, &mut shares);
    }
    shares
}
