//! A system's counts through the facade `metrics`, for Prometheus and its like. Of the feature `metrics`.
//!
//! Nothing is counted twice and nothing is recorded while messages travel: what the processes count anyway is looked at when
//! it is to be published.

use metrics::{Label, Unit, counter, describe_counter, describe_gauge, gauge};

use crate::dead_letters::DeadReason;
use crate::system::SystemHandle;

/// Tells the recorder what [`SystemHandle::publish_metrics`] publishes, for those that show it. Once, after the recorder was
/// installed, will do.
///
/// # Examples
///
/// ```
/// use metrics_util::debugging::DebuggingRecorder;
/// use proscenium_runtime::describe_metrics;
/// use proscenium_runtime::testing::TestSystem;
///
/// let recorder = DebuggingRecorder::new(); // In its place: the exporter of your choice.
/// let shown = recorder.snapshotter();
/// metrics::with_local_recorder(&recorder, || {
///     describe_metrics();
///     TestSystem::new(1).publish_metrics();
/// });
/// let described = |description: Option<_>| description.is_some();
/// assert!(shown.snapshot().into_vec().into_iter().all(|(_key, _unit, description, _value)| described(description)));
/// ```
pub fn describe_metrics() {
    describe_gauge!("proscenium_processes", Unit::Count, "Processes that there are.");
    describe_gauge!("proscenium_workers", Unit::Count, "How many processes run at a time.");
    describe_gauge!("proscenium_timers", Unit::Count, "Timers that are pending.");
    describe_gauge!("proscenium_messages_queued", Unit::Count, "Messages and news that wait in mailboxes.");
    describe_gauge!("proscenium_longest_queue", Unit::Count, "Messages and news that wait in the fullest mailbox.");
    describe_gauge!("proscenium_busy_seconds", Unit::Seconds, "How long processes have run while that was measured.");
    describe_counter!("proscenium_spawned_total", Unit::Count, "Processes that there have been.");
    describe_counter!("proscenium_ended_total", Unit::Count, "Processes that have ended, by kind of reason.");
    describe_counter!("proscenium_crashes_total", Unit::Count, "Crash reports.");
    describe_counter!("proscenium_restarts_total", Unit::Count, "Children that supervisors have started again.");
    describe_counter!("proscenium_messages_sent_total", Unit::Count, "Messages that processes have sent.");
    describe_counter!("proscenium_messages_received_total", Unit::Count, "Messages that processes have received.");
    describe_counter!("proscenium_dead_letters_total", Unit::Count, "Messages that reached nobody, by reason.");
}

impl SystemHandle {
    /// Publishes what the system has [counted](Self::counts) to the recorder that is installed for the crate `metrics`, each
    /// with the system's name as the label `system`. Call it as often as somebody looks: it looks at every process.
    ///
    /// | name | kind | what |
    /// |---|---|---|
    /// | `proscenium_processes` | gauge | processes that there are |
    /// | `proscenium_workers` | gauge | how many processes run at a time |
    /// | `proscenium_timers` | gauge | timers that are pending |
    /// | `proscenium_messages_queued` | gauge | messages and news that wait in mailboxes |
    /// | `proscenium_longest_queue` | gauge | messages and news that wait in the fullest mailbox |
    /// | `proscenium_busy_seconds` | gauge | how long processes have run [while that was measured](Self::measure_busy_time) |
    /// | `proscenium_spawned_total` | counter | processes that there have been |
    /// | `proscenium_ended_total` | counter | processes that have ended, with the label `reason`: an [`ExitKind`](crate::ExitKind) |
    /// | `proscenium_crashes_total` | counter | crash reports |
    /// | `proscenium_restarts_total` | counter | children that supervisors have started again |
    /// | `proscenium_messages_sent_total` | counter | messages that mailboxes have taken from processes |
    /// | `proscenium_messages_received_total` | counter | messages that processes have received |
    /// | `proscenium_dead_letters_total` | counter | messages that reached nobody, with the label `reason`: `no_process`, `exited`, `dropped_at_exit`, `mailbox_full`, `inactive_alias`, `expired` or `not_carried` |
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    /// use proscenium_runtime::{Context, describe_metrics, testing::TestSystem};
    ///
    /// /// Publishes every ten seconds.
    /// async fn publisher(mut ctx: Context<()>) {
    ///     describe_metrics();
    ///     ctx.send_interval(Duration::from_secs(10), || ());
    ///     loop {
    ///         ctx.receive_message().await;
    ///         ctx.system().publish_metrics();
    ///     }
    /// }
    ///
    /// let test = TestSystem::new(1);
    /// test.spawn(publisher);
    /// test.advance(Duration::from_secs(60));
    /// assert_eq!(test.counts().received, 6);
    /// ```
    pub fn publish_metrics(&self) {
        let counts = self.counts();
        let system = || vec![Label::new("system", self.name().to_owned())];
        let by_reason =
            |reason: String| vec![Label::new("system", self.name().to_owned()), Label::new("reason", reason)];

        gauge!("proscenium_processes", system()).set(counts.processes as f64);
        gauge!("proscenium_workers", system()).set(self.shared.scheduler.workers() as f64);
        gauge!("proscenium_timers", system()).set(counts.timers as f64);
        gauge!("proscenium_messages_queued", system()).set(counts.queued as f64);
        gauge!("proscenium_longest_queue", system()).set(counts.longest_queue as f64);
        gauge!("proscenium_busy_seconds", system()).set(counts.busy.as_secs_f64());
        counter!("proscenium_spawned_total", system()).absolute(counts.spawned);
        for (kind, count) in counts.ended {
            counter!("proscenium_ended_total", by_reason(kind.to_string())).absolute(count);
        }
        counter!("proscenium_crashes_total", system()).absolute(counts.crashes);
        counter!("proscenium_restarts_total", system()).absolute(counts.restarts);
        counter!("proscenium_messages_sent_total", system()).absolute(counts.sent);
        counter!("proscenium_messages_received_total", system()).absolute(counts.received);
        for (reason, count) in counts.dead_letters {
            counter!("proscenium_dead_letters_total", by_reason(label(reason).to_owned())).absolute(count);
        }
    }
}

fn label(reason: DeadReason) -> &'static str {
    match reason {
        DeadReason::NoProcess => "no_process",
        DeadReason::Exited => "exited",
        DeadReason::DroppedAtExit => "dropped_at_exit",
        DeadReason::MailboxFull => "mailbox_full",
        DeadReason::InactiveAlias => "inactive_alias",
        DeadReason::Expired => "expired",
        DeadReason::NotCarried => "not_carried",
    }
}
