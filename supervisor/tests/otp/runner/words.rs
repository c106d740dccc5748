//! Results and reasons as the oracle writes them.

use proscenium_runtime::{CallError, ExitReason, Pid, StartError};
use proscenium_supervisor::{
    ChildCount, ChildError, ChildInfo, ChildKind, ChildSpec, ChildState, DynamicChildInfo, DynamicCount, FailedToStart,
    Restart, Shutdown, SpecError,
};

pub(super) fn of_start<T>(started: Option<T>) -> String {
    let result = if started.is_some() { "ok" } else { "ok:ignored" };
    result.to_owned()
}

pub(super) fn listed(children: &[ChildInfo]) -> String {
    let child = |child: &ChildInfo| format!("{}:{}", child.id, of_state(child.state));
    children.iter().map(child).collect::<Vec<_>>().join(" ")
}

pub(super) fn of_state(state: ChildState) -> &'static str {
    match state {
        ChildState::Running(_) => "up",
        ChildState::Restarting => "restarting",
        ChildState::Stopped => "down",
    }
}

pub(super) fn specified(spec: &ChildSpec) -> String {
    let restart = match spec.restart_type() {
        Restart::Permanent => "permanent",
        Restart::Transient => "transient",
        Restart::Temporary => "temporary",
    };
    let shutdown = match spec.shutdown_type() {
        Shutdown::BrutalKill => "brutal_kill".to_owned(),
        Shutdown::Timeout(limit) => limit.as_millis().to_string(),
        Shutdown::Infinity => "infinity".to_owned(),
    };
    let kind = match spec.kind() {
        ChildKind::Worker => "worker",
        ChildKind::Supervisor => "supervisor",
    };
    format!("restart={restart} shutdown={shutdown} significant={} type={kind}", spec.is_significant())
}

/// The children of a pool, in no order: those that are restarted are nobody.
pub(super) fn listed_of_pool(children: &[DynamicChildInfo], id_of: impl Fn(Pid) -> String) -> String {
    let child = |child: &DynamicChildInfo| match child.state {
        ChildState::Running(pid) => format!("{}:up", id_of(pid)),
        ChildState::Restarting | ChildState::Stopped => "?:restarting".to_owned(),
    };
    let mut children: Vec<_> = children.iter().map(child).collect();
    children.sort();
    children.join(" ")
}

/// OTP counts the one template of a pool as its only spec.
pub(super) fn counted_in_pool(count: DynamicCount) -> String {
    format!("specs=1 active={} supervisors={} workers={}", count.active, count.supervisors, count.workers)
}

pub(super) fn counted(count: ChildCount) -> String {
    format!("specs={} active={} supervisors={} workers={}", count.specs, count.active, count.supervisors, count.workers)
}

pub(super) fn of_error(error: &ChildError) -> String {
    match error {
        ChildError::NotFound { .. } => "error:not_found".to_owned(),
        ChildError::Running { .. } => "error:running".to_owned(),
        ChildError::Restarting { .. } => "error:restarting".to_owned(),
        ChildError::AlreadyStarted { .. } => "error:already_started".to_owned(),
        ChildError::AlreadyPresent { .. } => "error:already_present".to_owned(),
        ChildError::Spec(_) => "error:bad_combination".to_owned(),
        ChildError::Start(failed) => format!("error:{}", of_start_error(&failed.error)),
        ChildError::Call(CallError::Down { reason: down, .. }) => format!("exit:{}", reason(down)),
        other => format!("error:{other}"),
    }
}

pub(super) fn of_start_error(error: &StartError) -> String {
    match error {
        StartError::Init(init) => reason(init),
        other => other.to_string(),
    }
}

pub(super) fn to_reason(text: &str) -> ExitReason {
    match text.split_once(':') {
        Some(("shutdown", why)) => ExitReason::shutdown_with(why),
        _ if text == "normal" => ExitReason::Normal,
        _ if text == "shutdown" => ExitReason::Shutdown,
        _ => ExitReason::error(text),
    }
}

/// A reason as the oracle writes it.
pub(super) fn reason(reason: &ExitReason) -> String {
    if let Some(FailedToStart { id, error }) = reason.downcast_ref() {
        return format!("shutdown(failed_to_start_child({id},{}))", of_start_error(error));
    }
    match reason {
        ExitReason::ShutdownWith(why) => format!("shutdown:{why}"),
        _ if reason.downcast_ref::<SpecError>().is_some() => "bad_combination".to_owned(),
        _ => reason.to_string(),
    }
}
