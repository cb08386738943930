//! One unit of work: what it is, what may happen to it, who may claim it, and what proves it done.

pub mod claim;
pub mod dependency;
pub mod evidence;
pub mod lifecycle;
pub mod offer;
pub mod retry;
pub mod test_report;
pub mod view;

mod model;
pub use model::{NewTask, Priority, Task, TaskType};
