//! When a supervisor ends because its children have; pure.

use crate::child_spec::{ChildPolicy, ChildSpec, Restart};
use crate::children::{Child, ChildState, Children};
use crate::error::SpecError;

/// Whether a supervisor ends, with `Shutdown`, once significant children have ended by themselves and are not restarted;
/// OTP's `auto_shutdown`.
///
/// What the supervisor itself stops does not count.
///
/// # Examples
///
/// ```
/// use proscenium_runtime::{Context, Event, ExitReason, Restart};
/// use proscenium_runtime::testing::TestSystem;
/// use proscenium_supervisor::{AutoShutdown, ChildSpec, Supervisor, process};
///
/// TestSystem::new(1).run(|mut ctx: Context<()>| async move {
///     ctx.trap_exit(true);
///     let import = process(|_ctx: Context<()>| async {}); // Its work is done at once.
///     Supervisor::one_for_one()
///         .auto_shutdown(AutoShutdown::AnySignificant)
///         .child(ChildSpec::new("import", import).restart(Restart::Transient).significant(true))
///         .start_link(&mut ctx)
///         .await
///         .unwrap();
///     let Event::Exit(exit) = ctx.receive().await else { unreachable!("nobody sends a message") };
///     assert_eq!(exit.reason, ExitReason::Shutdown);
/// });
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AutoShutdown {
    /// It does not. The default.
    #[default]
    Never,
    /// It ends with the first of them.
    AnySignificant,
    /// It ends with the last of them.
    AllSignificant,
}

impl AutoShutdown {
    /// Whether the supervisor ends now that `ended`, which is not restarted, has.
    pub(crate) fn is_due(self, ended: ChildPolicy, children: &Children) -> bool {
        let counts = |(child, policy): &(&Child, ChildPolicy)| policy.significant && child.state != ChildState::Stopped;
        let mut others = children.with_policies().filter(counts);
        match self {
            AutoShutdown::Never => false,
            AutoShutdown::AnySignificant => ended.significant,
            AutoShutdown::AllSignificant => ended.significant && others.next().is_none(),
        }
    }

    /// Whether a supervisor may have such a child.
    pub(crate) fn check(self, spec: &ChildSpec) -> Result<(), SpecError> {
        let id = || spec.id.to_shared();
        match (self, spec.policy.restart) {
            _ if !spec.policy.significant => Ok(()),
            (AutoShutdown::Never, _) => Err(SpecError::SignificantInVain { id: id() }),
            (_, Restart::Permanent) => Err(SpecError::SignificantPermanent { id: id() }),
            _ => Ok(()),
        }
    }
}
