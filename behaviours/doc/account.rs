// The account of `Actor`'s page, for the examples of others.

pub use proscenium_behaviours::{Actor, Handles};
use proscenium_behaviours::Dispatch;
use proscenium_runtime::{Context, ExitReason};

pub struct Account {
    pub cents: u64,
}

pub struct Deposit(pub u64);

#[derive(Debug, PartialEq)]
pub struct Balance(pub u64);

impl Actor for Account {
    type Args = ();

    async fn init(_args: (), _ctx: &mut Context<Dispatch<Self>>) -> Result<Self, ExitReason> {
        Ok(Account { cents: 0 })
    }
}

impl Handles<Deposit> for Account {
    type Reply = Balance;

    async fn handle(&mut self, deposit: Deposit, _ctx: &mut Context<Dispatch<Self>>) -> Result<Balance, ExitReason> {
        self.cents += deposit.0;
        Ok(Balance(self.cents))
    }
}
