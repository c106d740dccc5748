//! Random operations over a handful of processes, beside a plain model of what OTP says that happens.
//!
//! A seed that fails prints what happened, in order, and where it differs from the model; `PROSCENIUM_SEED` runs it alone.

mod actor;
mod model;
mod operations;
mod run;
mod words;

use model::Order;
use proscenium_runtime::testing::for_each_seed;
use run::Run;

#[test]
fn processes_that_act_one_at_a_time_fare_as_otp_says() {
    for_each_seed(5000, |test| Run::new(test, Order::Total).rounds(40, 1));
}

#[test]
fn processes_that_act_at_the_same_time_fare_as_otp_says() {
    for_each_seed(5000, |test| Run::new(test, Order::PerSource).rounds(12, 3));
}
