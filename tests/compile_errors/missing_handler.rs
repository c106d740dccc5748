//! An actor is sent only what it handles.

use proscenium::prelude::*;
use proscenium::{Actor, ActorRef, Dispatch, Handles};

struct Account;

impl Actor for Account {
    type Args = ();

    async fn init(_args: (), _ctx: &mut Context<Dispatch<Self>>) -> Result<Self, ExitReason> {
        Ok(Account)
    }
}

struct Deposit(u32);

impl Handles<Deposit> for Account {
    type Reply = ();

    async fn handle(&mut self, _deposit: Deposit, _ctx: &mut Context<Dispatch<Self>>) -> Result<(), ExitReason> {
        Ok(())
    }
}

struct Close;

impl Handles<Close> for Account {
    type Reply = ();

    async fn handle(&mut self, _close: Close, _ctx: &mut Context<Dispatch<Self>>) -> Result<(), ExitReason> {
        Ok(())
    }
}

struct Withdraw(u32);

fn withdraw(account: &ActorRef<Account>) {
    account.cast(Withdraw(5));
}

fn main() {}
