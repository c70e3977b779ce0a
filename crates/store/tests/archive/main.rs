//! Sealed history: blocks, tiers and process tables in `history.db`.

mod cap;
mod crash;
mod damage;
mod golden;
mod made;
mod model;
mod speed;
mod tables;
mod upkeep;
