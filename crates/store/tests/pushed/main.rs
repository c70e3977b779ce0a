//! What senders push: samples of any time and in any order.

mod cap;
mod crash;
mod damage;
mod golden;
#[path = "../common/killed.rs"]
mod killed;
mod made;
mod model;
mod size;
mod speed;
mod threads;
mod upkeep;
