use actix::prelude::*;

#[derive(Message)]
#[rtype(result = "()")]
struct Add(u64);

#[derive(Message)]
#[rtype(result = "u64")]
struct Get;

#[derive(Default)]
struct Counter {
    total: u64,
}

impl Actor for Counter {
    type Context = Context<Self>;
}

impl Supervised for Counter {
    fn restarting(&mut self, _ctx: &mut Context<Self>) {
        *self = Counter::default();
    }
}

impl Handler<Add> for Counter {
    type Result = ();

    fn handle(&mut self, Add(n): Add, ctx: &mut Context<Self>) {
        match self.total.checked_add(n) {
            Some(total) => self.total = total,
            None => ctx.stop(), // A panic would end its supervisor, too.
        }
    }
}

impl Handler<Get> for Counter {
    type Result = u64;

    fn handle(&mut self, _get: Get, _ctx: &mut Context<Self>) -> u64 {
        self.total
    }
}

#[actix::main]
async fn main() -> Result<(), MailboxError> {
    let counter = Supervisor::start(|_ctx| Counter::default());
    counter.do_send(Add(2));
    println!("{}", counter.send(Get).await?);
    counter.do_send(Add(u64::MAX));
    println!("{}", counter.send(Get).await?);
    Ok(())
}
