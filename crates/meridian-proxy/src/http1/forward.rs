//! Forwarding a request: choosing an endpoint, trying, trying again, passing the response on.

use super::client::Interrupt;
use super::connection::{After, Connection, TimeLimits};
use super::exchange::{BodyEnd, HeadEvent, Passed, Upload};
use super::response::{PassOn, framing_bytes};
use super::retry::{Failure, backoff, is_retriable, needs_body};
use super::routed::Routed;
use crate::grpc;
use crate::outcome::{Ending, ResetReason, TransportFailure};
use crate::pool::{self, Acquire, AcquireError, ActiveRequest, Counted, NewConnection, UpstreamConnection};
use crate::snapshot::{ClusterChoice, ForwardPlan, RoutePlan};
use crate::worker::{Selection, WorkerCluster};
use meridian_http::{Framing, HeadLimits, KnownHeader, ResponseKind};
use meridian_ir::cluster::UpstreamProtocol;
use meridian_ir::hash_policy::RequestHash;
use meridian_ir::listener::Direction;
use meridian_ir::route::{Forward, RetryPolicy};
use std::rc::Rc;
use std::task::Poll;
use std::time::{Duration, Instant};

/// Body bytes that are kept to send a request again (Envoy's `per_connection_buffer_limit_bytes`). One whose body is
/// longer is not tried again once more than that was sent.
const MAX_REPLAY: usize = 1 << 20;

/// What a try came to.
enum Try {
    /// A response's head is there.
    Head(Attempt),
    /// There is none.
    Failed(Failure, Ending),
    /// It does not matter any more.
    Interrupted(Ending),
}

/// A try that is at an endpoint.
struct Attempt {
    connection: UpstreamConnection,
    active: ActiveRequest,
    _counted: Option<Counted>,
}

impl Connection {
    /// Forwards the request to one of the route's clusters.
    pub(super) async fn forward(
        &mut self,
        route: &RoutePlan,
        plan: &ForwardPlan,
        forward: &Forward,
        routed: &Routed<'_>,
    ) -> After {
        let wanted = forward.session.as_ref().and_then(|session| self.begin_session(session, plan));
        let Some(choice) = wanted.or_else(|| plan.pick(forward, self.worker.random())) else {
            return self.reply(Ending::ClusterNotFound(forward.cluster_not_found_status), routed).await;
        };
        let routed = routed.with_choice(choice);
        let Some(cluster) = self.worker.cluster(choice.cluster.index) else {
            return self.reply(Ending::ClusterNotFound(forward.cluster_not_found_status), &routed).await;
        };
        self.progress.cluster = Some(cluster.clone());
        if let Err(ending) = self.check_upgrade(self.speaks_http2(&cluster)) {
            return self.reply(ending, &routed).await;
        }
        self.limits = TimeLimits {
            timeout: forward.timeout,
            per_try: forward.retry.as_deref().and_then(|policy| policy.per_try_timeout),
        };
        self.hash(&cluster, forward);
        self.edit_for(route, choice, forward);
        if !plan.mirrors().is_empty() && !cluster.hosts().is_empty() {
            self.start_mirrors(plan, forward.timeout);
        }
        let attempt = match self.try_until_answered(&cluster, forward.retry.as_deref()).await {
            Ok(attempt) => attempt,
            Err(ending) => return self.reply(ending, &routed).await,
        };
        self.pass_on(attempt, &cluster, &routed).await
    }

    /// What decides about the endpoint where the cluster balances by hash; the request is hashed as it came.
    fn hash(&mut self, cluster: &WorkerCluster, forward: &Forward) {
        if cluster.plan.cluster.lb_policy.is_by_hash() && !forward.hash_policies.is_empty() {
            let request = self.request.view(self.client.input.message());
            let hash = RequestHash::of(&forward.hash_policies, &request, self.request.remote, self.info.local);
            self.progress.hash = Some(Box::new(hash));
        }
    }

    /// Changes the request as route and destination want it, in the order of Envoy's router: first the route's edits,
    /// then those of the destination, then the rewrites.
    fn edit_for(&mut self, route: &RoutePlan, choice: &ClusterChoice, forward: &Forward) {
        let name = &*route.route.name;
        self.edit_request(route.request_edits.as_deref(), name);
        self.edit_request(choice.request_edits.as_deref(), name);
        let buf = self.client.input.message();
        if let Some(millis) = self.expected_timeout(Duration::ZERO) {
            self.request.extra.add_number(KnownHeader::XEnvoyExpectedRqTimeoutMs, millis);
        }
        if let Some(host) = choice.host_rewrite.as_ref().or(forward.host_rewrite.as_ref()) {
            self.request.rewrite_host(buf, host);
        }
        if let Some(rewrite) = &forward.path_rewrite {
            self.request.rewrite_path(buf, |path, out| rewrite.apply(&route.route.matcher.path, path, out));
        }
    }

    /// What the endpoint is told of how long it may take: the limit of one try, or what is left of the whole request
    /// after `elapsed`, in milliseconds.
    fn expected_timeout(&self, elapsed: Duration) -> Option<u64> {
        let some = |limit: Option<Duration>| limit.filter(|limit| !limit.is_zero());
        let left = some(self.limits.timeout).map(|limit| limit.saturating_sub(elapsed).max(Duration::from_millis(1)));
        let limit = match (some(self.limits.per_try), left) {
            (Some(per_try), Some(left)) => per_try.min(left),
            (per_try, left) => per_try.or(left)?,
        };
        Some(u64::try_from(limit.as_millis()).unwrap_or(u64::MAX))
    }

    /// Tries until there is a response that goes to the client.
    async fn try_until_answered(
        &mut self,
        cluster: &Rc<WorkerCluster>,
        policy: Option<&RetryPolicy>,
    ) -> Result<Attempt, Ending> {
        if policy.is_some_and(|policy| needs_body(policy, self.is_grpc())) {
            self.client.input.keep(MAX_REPLAY);
        }
        let mut retrying: Option<Counted> = None;
        loop {
            let (failure, ending, attempt) = match self.try_once(cluster, policy).await {
                Try::Interrupted(ending) => return Err(ending),
                Try::Failed(failure, ending) => (failure, ending, None),
                Try::Head(attempt) => {
                    let fields = self.response.head.fields();
                    let is_refused =
                        fields.has(KnownHeader::XEnvoyOverloaded) || fields.has(KnownHeader::XEnvoyRatelimited);
                    let status = self.response.head.status();
                    let failure = Failure::Status { status, grpc: self.grpc_status(policy), is_refused };
                    (failure, Ending::ViaUpstream, Some(attempt))
                }
            };
            drop(retrying.take());
            self.deadlines.per_try = None;
            let again = policy.filter(|policy| is_retriable(policy, failure) && self.client.input.can_replay());
            let Some(policy) = again else {
                return attempt.ok_or(ending);
            };
            if self.progress.attempts > policy.attempts {
                self.progress.retries_exhausted = true;
                return attempt.ok_or(ending);
            }
            match Counted::retry(cluster) {
                Ok(counted) => retrying = counted,
                Err(_) => {
                    cluster.stats.retries_overflowed();
                    self.progress.retries_overflowed = true;
                    return attempt.ok_or(ending);
                }
            }
            drop(attempt);
            cluster.stats.retried();
            self.keep_upstream_bytes();
            self.response.reset();
            self.response_input.clear(&self.worker.buffers);
            self.pause(backoff(policy, self.progress.attempts, self.worker.random())).await?;
        }
    }

    /// `grpc-status` of a response that is only a head, where the policy asks for it.
    fn grpc_status(&self, policy: Option<&RetryPolicy>) -> Option<u16> {
        policy.filter(|policy| !policy.grpc_statuses.is_empty())?;
        let value = self.response.head.fields().get(KnownHeader::GrpcStatus, self.response_input.message())?;
        std::str::from_utf8(value).ok()?.parse().ok()
    }

    /// Waits before the next try.
    pub(super) async fn pause(&mut self, pause: Duration) -> Result<(), Ending> {
        if pause.is_zero() {
            return Ok(());
        }
        let until = Instant::now() + pause;
        let deadline = self.deadlines.earliest().map_or(until, |earliest| earliest.min(until));
        let waited =
            std::future::poll_fn(|cx| self.client.poll_interrupt(cx, Some(deadline), true, &self.worker.buffers));
        match waited.await {
            Interrupt::Deadline if deadline == until => Ok(()),
            Interrupt::Deadline => Err(self.too_late()),
            other => Err(other.ending()),
        }
    }

    /// The ending for the limit that has passed.
    pub(super) fn too_late(&self) -> Ending {
        match self.deadlines.passed(Instant::now()) {
            Passed::Stream => Ending::ResponseTimeout,
            Passed::PerTry => Ending::PerTryTimeout,
            Passed::Idle => Ending::StreamIdleTimeout { is_request_complete: self.upload.has_ended() },
        }
    }

    /// One try: an endpoint, a connection to it, the request on it, the head of the response.
    async fn try_once(&mut self, cluster: &Rc<WorkerCluster>, policy: Option<&RetryPolicy>) -> Try {
        let destination = match &cluster.plan.cluster.dynamic_forward {
            None => self.info.destination(),
            Some(forward) => match self.resolve(forward).await {
                Ok(destination) => Some(destination),
                Err(ending) => return Try::Interrupted(ending),
            },
        };
        let tried = |wanted: fn(&RetryPolicy) -> bool| match policy {
            Some(policy) if wanted(policy) => &self.progress.tried[..],
            _ => &[],
        };
        let (worker, is_first) = (self.worker.clone(), self.progress.attempts == 0);
        let selection = Selection {
            hash: self.progress.hash.as_ref().and_then(|hash| hash.hash),
            prefer: self.progress.session.as_ref().and_then(|session| session.wanted).filter(|_| is_first),
            avoid: tried(|policy| policy.avoid_previous_hosts),
            avoid_priorities_of: tried(|policy| policy.avoid_previous_priorities),
            destination,
        };
        let Some(host) = cluster.select(|| worker.random(), &selection) else {
            return Try::Interrupted(Ending::NoHealthyUpstream);
        };
        self.progress.tried.push(host.address);
        self.progress.attempts += 1;
        self.progress.host = Some(host.address);
        self.progress.endpoint = Some(host.clone());
        self.progress.local = None;
        self.progress.facts = None;
        let mut active = ActiveRequest::new(host.clone(), &cluster.stats);
        cluster.stats.request_started();
        self.progress.timeline.pool_ready = None;
        let authority = self.request.authority(self.client.input.message());
        let (is_http2, client) = (self.speaks_http2(cluster), self.info.addresses());
        let acquired = match Acquire::new(cluster, &host, authority, is_http2, client) {
            Ok(Acquire::Idle(connection)) => {
                self.progress.timeline.pool_ready = Some(Duration::ZERO);
                Ok(connection)
            }
            Ok(Acquire::New(new)) => match self.connect(new, cluster).await {
                Ok(connected) => connected,
                Err(ending) => return Try::Interrupted(ending),
            },
            Err(error) => Err(error),
        };
        let acquired = acquired.and_then(|connection| match Counted::request(cluster) {
            Ok(counted) => Ok((connection, counted)),
            Err(error) => {
                pool::put_back(cluster, &host, connection);
                Err(error)
            }
        });
        let (mut connection, counted) = match acquired {
            Ok(acquired) => acquired,
            Err(error) => return self.no_connection(error, cluster, &active),
        };
        active.connected();
        self.progress.local = connection.local();
        self.progress.facts = Some(connection.facts().clone());
        connection.set_scheme(self.request.scheme_name());
        self.progress.is_http2 = connection.is_http2();
        self.start_upload(connection.is_http2());
        let event = std::future::poll_fn(|cx| self.poll_head(cx, &mut connection)).await;
        match event {
            Ok(HeadEvent::Head) => {
                active.answered(self.status_of_endpoint());
                Try::Head(Attempt { connection, active, _counted: counted })
            }
            Ok(HeadEvent::Reset(reason)) => {
                active.failed();
                let failure = Failure::Reset { reason, has_sent: self.upload.has_written() };
                Try::Failed(failure, Ending::UpstreamReset(reason, None))
            }
            Err(Interrupt::Deadline) => self.timed_out(&active),
            Err(interrupt) => Try::Interrupted(interrupt.ending()),
        }
    }

    /// Whether an endpoint of `cluster` is spoken to in HTTP/2.
    pub(super) fn speaks_http2(&self, cluster: &WorkerCluster) -> bool {
        match cluster.plan.cluster.protocol {
            UpstreamProtocol::Http1 => false,
            UpstreamProtocol::Http2 => true,
            UpstreamProtocol::Downstream => self.client.is_stream(),
        }
    }

    /// What the answer says about its endpoint: its status, or what a gRPC status that comes instead of a response means.
    fn status_of_endpoint(&self) -> u16 {
        let status = self.response.head.status();
        let fields = self.response.head.fields();
        if !fields.has(KnownHeader::GrpcStatus) || !self.is_grpc() {
            return status;
        }
        let value = fields.get(KnownHeader::GrpcStatus, self.response_input.message()).unwrap_or_default();
        let number = std::str::from_utf8(value).ok().and_then(|value| value.parse().ok());
        number.map_or(status, grpc::http_of_status)
    }

    /// What a limit that has passed means for a try.
    fn timed_out(&self, active: &ActiveRequest) -> Try {
        let ending = self.too_late();
        if matches!(ending, Ending::PerTryTimeout | Ending::ResponseTimeout) {
            active.timed_out();
        }
        match ending {
            Ending::PerTryTimeout => Try::Failed(Failure::PerTryTimeout, ending),
            _ => Try::Interrupted(ending),
        }
    }

    fn no_connection(&mut self, error: AcquireError, cluster: &WorkerCluster, active: &ActiveRequest) -> Try {
        let host = active.host();
        let (reason, failure) = match error {
            AcquireError::Overflow => {
                cluster.stats.overflowed();
                // As in Envoy, no endpoint is told where none was asked.
                self.progress.host = None;
                (ResetReason::Overflow, None)
            }
            AcquireError::TimedOut => {
                cluster.stats.connect_timed_out();
                active.failed();
                host.stats(&cluster.stats).connect_failed();
                (ResetReason::ConnectionTimeout, None)
            }
            AcquireError::Connect(error) => {
                cluster.stats.connect_failed();
                active.failed();
                host.stats(&cluster.stats).connect_failed();
                let failure = TransportFailure::of(&error);
                (failure.reason(), Some(failure))
            }
        };
        self.progress.failure = failure;
        let ending = match reason {
            ResetReason::Overflow => Ending::Overflow,
            _ => Ending::UpstreamReset(reason, failure),
        };
        Try::Failed(Failure::Reset { reason, has_sent: false }, ending)
    }

    /// Makes a connection within the cluster's time, or less where the request has less left. The outer error ends the
    /// request.
    async fn connect(
        &mut self,
        new: NewConnection,
        cluster: &WorkerCluster,
    ) -> Result<Result<UpstreamConnection, AcquireError>, Ending> {
        let began = self.elapsed();
        let limit = self.request.started + began + cluster.plan.cluster.connect_timeout;
        let deadline = self.deadlines.earliest().map_or(limit, |earliest| earliest.min(limit));
        // In a box, so that requests that find a connection do not have its size.
        let mut connecting = Box::pin(new.connect());
        let interrupt = std::future::poll_fn(|cx| {
            if let Poll::Ready(connected) = connecting.as_mut().poll(cx) {
                return Poll::Ready(Ok(connected));
            }
            self.client.poll_interrupt(cx, Some(deadline), true, &self.worker.buffers).map(Err)
        });
        let interrupt = interrupt.await;
        if let Ok(Ok(_)) = &interrupt {
            let ready = self.elapsed();
            let timeline = &mut self.progress.timeline;
            (timeline.upstream_connect_begin, timeline.upstream_connect_end) = (Some(began), Some(ready));
            timeline.pool_ready = Some(ready.saturating_sub(began));
        }
        match interrupt {
            Ok(connected) => Ok(connected),
            Err(Interrupt::Deadline) if deadline == limit => Ok(Err(AcquireError::TimedOut)),
            Err(Interrupt::Deadline) => Err(self.too_late()),
            Err(other) => Err(other.ending()),
        }
    }

    /// Puts the head of the request into the upload leg, and its body behind it, from the beginning. `is_http2`: towards
    /// the endpoint.
    fn start_upload(&mut self, is_http2: bool) {
        if self.progress.attempts > 1 {
            self.client.input.replay();
            let received = self.progress.timeline.downstream_rx_end.unwrap_or_default().max(self.progress.delay);
            if let Some(millis) = self.expected_timeout(self.elapsed().saturating_sub(received)) {
                let name = KnownHeader::XEnvoyExpectedRqTimeoutMs;
                self.request.extra.remove_known(name);
                self.request.extra.add_number(name, millis);
            }
        }
        let framing = self.request.framing_upstream(is_http2);
        self.upload.reset();
        self.upload.begin_body(self.request.head.framing(), framing, &HeadLimits::default());
        if is_http2 || self.client.is_stream() {
            self.upload.keep_trailers();
        }
        self.upload_state = Upload::Sending;
        if self.info.direction == Direction::Outbound {
            // Towards the workload, the count is that of whoever called it.
            let name = KnownHeader::XEnvoyAttemptCount;
            self.request.head.fields_mut().remove_known(name);
            self.request.extra.remove_known(name);
            self.request.extra.add_number(name, u64::from(self.progress.attempts));
            self.tell_peer();
        }
        let buf = self.client.input.message();
        let upgrade = self.upgrade.map(|protocol| protocol.of(buf));
        self.request.write(buf, framing, upgrade, &mut self.upload.out);
        let out = &self.upload.out;
        self.progress.headers_sent = out.len().saturating_sub(framing_bytes(out)) as u32;
        if self.progress.timeline.upstream_tx_begin.is_none() && !self.upload.has_ended() {
            // Without a body the end is at hand: the clock is read once for both.
            self.progress.timeline.upstream_tx_begin = Some(self.elapsed());
        }
    }

    /// Tells endpoints of the mesh who asks. Others learn nothing.
    fn tell_peer(&mut self) {
        let Some(own) = &self.worker.peer else { return };
        let endpoint = self.progress.endpoint.as_ref();
        let is_in_mesh = endpoint.is_some_and(|endpoint| endpoint.mesh_tls || endpoint.workload.is_some());
        self.request.set_peer(is_in_mesh.then_some(own));
    }

    /// The same with responses: what the endpoint's proxy told is for this one only, and a client's proxy that has told
    /// who it is learns the same of this side.
    fn tell_peer_in_response(&mut self) {
        let Some(own) = &self.worker.peer else { return };
        let fields = self.response.head.fields_mut();
        fields.remove_known(KnownHeader::XEnvoyPeerMetadataId);
        fields.remove_known(KnownHeader::XEnvoyPeerMetadata);
        if self.request.has_peer() {
            self.response.extra.add(KnownHeader::XEnvoyPeerMetadataId, own.id.as_bytes());
            self.response.extra.add(KnownHeader::XEnvoyPeerMetadata, own.metadata.as_bytes());
        }
    }

    /// Passes the response on, to its end.
    async fn pass_on(&mut self, attempt: Attempt, cluster: &WorkerCluster, routed: &Routed<'_>) -> After {
        let name = routed.name;
        let Attempt { mut connection, active, _counted } = attempt;
        self.client.input.keep(0);
        let keeps = self.start_download(routed, connection.is_http2());
        if self.response.head.kind() == ResponseKind::Switch {
            self.begin_tunnel();
            let end = std::future::poll_fn(|cx| self.poll_tunnel(cx, &mut connection)).await;
            let ending = match end {
                Ok(()) => Ending::ViaUpstream,
                Err(Interrupt::Deadline) => self.too_late(),
                Err(interrupt) => interrupt.ending(),
            };
            self.log(name, ending);
            return After::Close;
        }
        let end = std::future::poll_fn(|cx| self.poll_relay(cx, &mut connection)).await;
        let elapsed = self.elapsed();
        self.progress.timeline.downstream_tx_end = Some(elapsed);
        let ending = match end {
            Ok(BodyEnd::Complete) => Ending::ViaUpstream,
            Ok(BodyEnd::Incomplete(reason)) => {
                active.failed();
                Ending::ResponseIncomplete(reason)
            }
            Err(Interrupt::Deadline) => self.too_late(),
            Err(interrupt) => interrupt.ending(),
        };
        if ending != Ending::ViaUpstream {
            self.log(name, ending);
            return After::Abort;
        }
        self.progress.timeline.upstream_rx_end = Some(elapsed);
        let is_clean = self.upload_state == Upload::Sent && self.response_input.unread().is_empty();
        if is_clean && self.response.head.is_reusable() {
            pool::release(cluster, active.host(), connection, self.request.started + elapsed);
        }
        self.log(name, ending);
        // A request that was answered before it had come whole leaves its rest on the connection.
        if keeps && self.upload_state == Upload::Sent { After::KeepAlive } else { After::Close }
    }

    /// Puts the head of the response into the download leg. Whether the client's connection is kept. `is_http2`: from the
    /// endpoint.
    fn start_download(&mut self, routed: &Routed<'_>, is_http2: bool) -> bool {
        let elapsed = self.head_at;
        let received = self.progress.timeline.downstream_rx_end.unwrap_or(elapsed).max(self.progress.delay);
        let service_time = elapsed.saturating_sub(received);
        self.response.set_router_fields(u64::try_from(service_time.as_millis()).unwrap_or(u64::MAX));
        for cookie in self.progress.hash.iter().flat_map(|hash| &hash.set_cookies) {
            self.response.extra.add(KnownHeader::SetCookie, cookie.as_bytes());
        }
        self.tell_session();
        self.tell_authorized();
        self.finish_response_fields(routed);
        self.tell_peer_in_response();
        let client = self.client_version();
        let is_stream = self.client.is_stream();
        let (from, to) = (self.response.head.framing(), self.response.framing_downstream(client, is_stream));
        // What came behind a request for another protocol was meant for that protocol, if it is refused.
        let is_refused = self.upgrade.is_some() && self.response.head.kind() != ResponseKind::Switch;
        let has_spoken = is_refused && !self.client.input.unread().is_empty();
        let keeps = self.keeps_alive() && to != Framing::UntilClose && !has_spoken;
        let connection = self.connection_field(keeps);
        let is_switch = self.response.head.kind() == ResponseKind::Switch;
        let buf = self.client.input.message();
        let date = *self.worker.date.borrow_mut().at(self.request.started_at + elapsed);
        let pass = PassOn {
            server: &self.http.plan().manager.server_header,
            date: &date,
            client,
            framing: to,
            upgrade: self.upgrade.filter(|_| is_switch).map(|protocol| protocol.of(buf)),
            connection,
        };
        self.download.reset();
        self.response.write(self.response_input.message(), &pass, &mut self.download.out);
        self.download.begin_body(from, to, &HeadLimits::default());
        // A client of HTTP/1.1 must have said that it reads trailers (RFC 9110 section 6.5.1).
        if is_stream || (is_http2 && self.request.head.fields().has(KnownHeader::Te)) {
            self.download.keep_trailers();
        }
        self.progress.timeline.downstream_tx_begin = Some(elapsed);
        keeps
    }
}

impl Interrupt {
    /// How a request ends that is interrupted so.
    pub(super) fn ending(self) -> Ending {
        match self {
            Self::ClientGone => Ending::ClientDisconnected,
            Self::BadBody(error) => Ending::BadBody(error),
            Self::Deadline => Ending::ResponseTimeout,
            Self::Stopped => Ending::LocalReset,
        }
    }
}
