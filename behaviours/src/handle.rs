//! What clients hold of a server whose protocol is hidden behind methods.

/// A type around the address of such a server: made of the address, and as good as it wherever a process is named.
macro_rules! handle {
    ($(#[$doc:meta])* pub struct $handle:ident<$param:ident: $($bound:path $(,)?)+> = $message:ty;) => {
        $(#[$doc])*
        pub struct $handle<$param: $($bound +)+ 'static> {
            server: proscenium_runtime::Address<$message>,
        }

        impl<$param: $($bound +)+ 'static> $handle<$param> {
            /// Whoever has the name when it is used; so it survives a restart. Nobody need have it yet.
            pub fn named(system: &proscenium_runtime::SystemHandle, name: &str) -> Self {
                Self::from(system.named(name))
            }

            /// The server's address.
            pub fn address(&self) -> &proscenium_runtime::Address<$message> {
                &self.server
            }

            /// To look after the server: to suspend it, to see its state, to stop it.
            pub fn sys(&self) -> crate::sys::Sys {
                crate::sys::Sys::new(&self.server.system(), &self.server)
            }

            /// The server's pid; `None` if nobody has its name.
            pub fn pid(&self) -> Option<proscenium_runtime::Pid> {
                self.server.pid()
            }
        }

        impl<$param: $($bound +)+ 'static> From<proscenium_runtime::Address<$message>> for $handle<$param> {
            fn from(server: proscenium_runtime::Address<$message>) -> Self {
                $handle { server }
            }
        }

        impl<$param: $($bound +)+ 'static> From<&$handle<$param>> for proscenium_runtime::Recipient {
            fn from(handle: &$handle<$param>) -> Self {
                (&handle.server).into()
            }
        }

        impl<$param: $($bound +)+ 'static> Clone for $handle<$param> {
            fn clone(&self) -> Self {
                $handle { server: self.server.clone() }
            }
        }

        impl<$param: $($bound +)+ 'static> std::fmt::Debug for $handle<$param> {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                write!(f, concat!(stringify!($handle), "({})"), self.server)
            }
        }
    };
}

pub(crate) use handle;
