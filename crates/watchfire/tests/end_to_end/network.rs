//! Hub and agents on hosts of their own, joined by a network that loses, delays
//! and cuts. Where this machine allows no such network, these tests say so and skip.

mod bad_minute;
mod loss;
mod storm;
mod verdicts;
mod world;

use self::world::{HUB, World};
