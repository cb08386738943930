//! May it happen? How dangerous an act is, and who must say yes to exactly this one.

pub mod approval;
pub mod risk;
