//! Groups of processes as programs see them.

use std::any::type_name;
use std::collections::BTreeMap;
use std::sync::Arc;

use crate::address::{Address, downcast};
use crate::changes::Changes;
use crate::context::Context;
use crate::groups::{GroupChange, GroupError, ScopeChange};
use crate::pid::{GroupName, Pid};
use crate::system::SystemHandle;

/// A set of groups, apart from those of other scopes; made by [`SystemHandle::groups`] and [`SystemHandle::scope`].
///
/// A group comes to be when the first process joins it and is gone when the last has left. Its members take messages of one
/// type: that of the first.
///
/// # Examples
///
/// ```
/// use proscenium_runtime::{Context, GroupError, System};
///
/// let outcome = System::new("radio").run(|mut ctx: Context<()>| async move {
///     let groups = ctx.system().groups();
///     let (ready, is_ready) = async_channel::unbounded();
///     let mut listeners = Vec::new();
///     for _ in 0..3 {
///         let ready = ready.clone();
///         listeners.push(ctx.spawn(|mut ctx: Context<&str>| async move {
///             let groups = ctx.system().groups();
///             groups.join(&ctx, "listeners").unwrap();
///             ready.send(()).await.unwrap();
///             assert_eq!(ctx.receive_message().await, "the news");
///         }));
///         is_ready.recv().await.unwrap();
///     }
///     assert_eq!(groups.broadcast("listeners", "the news"), Ok(3));
///     for listener in &listeners {
///         listener.exited().await;
///     }
///     assert_eq!(groups.members::<&str>("listeners"), Ok(vec![]));
/// });
/// assert_eq!(outcome, Ok(()));
/// ```
#[derive(Clone, Debug)]
pub struct Scope {
    name: Arc<str>,
    system: SystemHandle,
}

impl SystemHandle {
    /// The groups of the default scope.
    pub fn groups(&self) -> Scope {
        self.scope("")
    }

    /// The groups of a scope of its own.
    ///
    /// # Examples
    ///
    /// Groups of the same name in two scopes have nothing to do with each other:
    ///
    /// ```
    /// use proscenium_runtime::Context;
    /// use proscenium_runtime::testing::TestSystem;
    ///
    /// TestSystem::new(1).run(|ctx: Context<()>| async move {
    ///     let [choir, team] = ["choir", "team"].map(|name| ctx.system().scope(name));
    ///     choir.join(&ctx, "captains").unwrap();
    ///     assert_eq!(choir.members("captains"), Ok(vec![ctx.address()]));
    ///     assert_eq!(team.members::<()>("captains"), Ok(vec![]));
    /// });
    /// ```
    pub fn scope(&self, name: &str) -> Scope {
        Scope { name: name.into(), system: self.clone() }
    }
}

impl Scope {
    /// Makes the process of `ctx` a member of the group. It may join more than once, and must then leave as often.
    ///
    /// # Errors
    /// If the group's members take messages of another type, or the process has ended and left its context behind.
    pub fn join<M: Send + 'static>(&self, ctx: &Context<M>, group: &str) -> Result<(), GroupError> {
        let process: Arc<_> = ctx.process().clone();
        self.system.shared.groups.join(&self.group(group), &(process as Arc<_>))
    }

    /// Undoes one [`join`](Self::join). A process that ends leaves all its groups.
    ///
    /// # Errors
    /// If it is not a member.
    ///
    /// # Examples
    ///
    /// ```
    /// use proscenium_runtime::Context;
    /// use proscenium_runtime::testing::TestSystem;
    ///
    /// TestSystem::new(1).run(|ctx: Context<()>| async move {
    ///     let groups = ctx.system().groups();
    ///     groups.join(&ctx, "tenors").unwrap();
    ///     groups.join(&ctx, "tenors").unwrap();
    ///     groups.leave(&ctx, "tenors").unwrap();
    ///     assert_eq!(groups.members("tenors"), Ok(vec![ctx.address()])); // It has joined twice.
    ///     groups.leave(&ctx, "tenors").unwrap();
    ///     assert!(groups.leave(&ctx, "tenors").is_err());
    /// });
    /// ```
    pub fn leave<M: Send + 'static>(&self, ctx: &Context<M>, group: &str) -> Result<(), GroupError> {
        self.system.shared.groups.leave(&self.group(group), ctx.pid())
    }

    /// The group's members, in the order of their pids, each once.
    ///
    /// # Errors
    /// If they take messages of another type.
    pub fn members<M: Send + 'static>(&self, group: &str) -> Result<Vec<Address<M>>, GroupError> {
        let group = self.group(group);
        let members = self.system.shared.groups.members(&group);
        let addresses = members.into_iter().map(|process| downcast(process).map(Address::of));
        addresses.collect::<Result<_, _>>().map_err(|process| GroupError::OtherMessageType {
            group,
            wanted: type_name::<M>(),
            found: process.message_type(),
        })
    }

    /// Casts `message` to every member, and tells to how many.
    ///
    /// # Errors
    /// If they take messages of another type.
    pub fn broadcast<M: Clone + Send + 'static>(&self, group: &str, message: M) -> Result<usize, GroupError> {
        let members = self.members(group)?;
        members.iter().for_each(|member| member.cast(message.clone()));
        Ok(members.len())
    }

    /// The groups that have members, sorted.
    ///
    /// # Examples
    ///
    /// ```
    /// use proscenium_runtime::Context;
    /// use proscenium_runtime::testing::TestSystem;
    ///
    /// TestSystem::new(1).run(|ctx: Context<()>| async move {
    ///     let groups = ctx.system().groups();
    ///     groups.join(&ctx, "tenors").unwrap();
    ///     groups.join(&ctx, "basses").unwrap();
    ///     assert_eq!(groups.which_groups(), ["basses".into(), "tenors".into()]);
    /// });
    /// ```
    pub fn which_groups(&self) -> Vec<Arc<str>> {
        self.system.shared.groups.names(&self.name)
    }

    /// The group's members now, and every change from now on. Dropping those ends it.
    pub fn monitor(&self, group: &str) -> (Vec<Pid>, Changes<GroupChange>) {
        self.system.shared.groups.monitor(&self.group(group))
    }

    /// All groups that have members now, with them, and every change of any group from now on; OTP's `pg:monitor_scope`.
    /// Dropping the changes ends it.
    ///
    /// # Examples
    ///
    /// ```
    /// use proscenium_runtime::Context;
    /// use proscenium_runtime::testing::TestSystem;
    ///
    /// TestSystem::new(1).run(|ctx: Context<()>| async move {
    ///     let groups = ctx.system().groups();
    ///     groups.join(&ctx, "tenors").unwrap();
    ///     let (members, mut changes) = groups.monitor_all();
    ///     assert_eq!(members["tenors"], [ctx.pid()]);
    ///     groups.join(&ctx, "basses").unwrap();
    ///     assert_eq!(&*changes.recv().await.unwrap().group, "basses");
    /// });
    /// ```
    pub fn monitor_all(&self) -> (BTreeMap<Arc<str>, Vec<Pid>>, Changes<ScopeChange>) {
        self.system.shared.groups.monitor_scope(&self.name)
    }

    fn group(&self, name: &str) -> GroupName {
        GroupName { scope: self.name.clone(), name: name.into() }
    }
}
