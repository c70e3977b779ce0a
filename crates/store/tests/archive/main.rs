//! Sealed history: blocks, tiers and process tables in `history.db`.

mod cap;
mod crash;
mod damage;
mod events;
mod golden;
#[path = "../common/killed.rs"]
mod killed;
mod made;
mod model;
mod picked;
mod speed;
mod tables;
mod upkeep;
