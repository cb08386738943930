//! Who must say yes to exactly this act. An approval is bound to the hash of one effect: a changed byte asks again.

use crate::base::effect::Effect;
use crate::base::hash::Digest;
use crate::base::id::{ApprovalId, TaskId, WorkerId};
use crate::base::risk::Risk;
use crate::base::time::Time;
use serde::{Deserialize, Serialize};

/// What a person decided.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decision {
    /// Yes or no.
    pub approved: bool,
    /// Who.
    pub by: String,
    /// When.
    pub at: Time,
    /// Why, or a remark.
    pub note: String,
}

/// A request for approval, and its answer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Approval {
    /// Its id.
    pub id: ApprovalId,
    /// The task that waits.
    pub task_id: TaskId,
    /// The exact act.
    pub effect: Effect,
    /// The hash of the act.
    pub digest: Digest,
    /// How dangerous it is.
    pub risk: Risk,
    /// Why a person is asked.
    pub reason: String,
    /// The worker that asks.
    pub requested_by: WorkerId,
    /// When.
    pub requested_at: Time,
    /// The answer; none while it waits. Without an answer the task keeps waiting: silence is never consent.
    pub decision: Option<Decision>,
}

/// An effect that may be carried out. Only this module makes one, so nothing above the line happens without a yes.
#[derive(Debug, Clone, PartialEq)]
pub struct Approved {
    effect: Effect,
    by: Option<ApprovalId>,
}

impl Approved {
    /// The effect that may happen.
    #[must_use]
    pub const fn effect(&self) -> &Effect {
        &self.effect
    }
    /// The approval that allows it; none when it is below the line.
    #[must_use]
    pub const fn approval(&self) -> Option<ApprovalId> {
        self.by
    }
}

/// What [`judge`] found.
#[derive(Debug, Clone, PartialEq)]
pub enum Verdict {
    /// It may happen.
    Granted(Box<Approved>),
    /// A person must be asked.
    Ask {
        /// Why.
        reason: String,
    },
    /// A person was asked for exactly this and has not answered.
    Waiting(ApprovalId),
    /// A person said no to exactly this.
    Rejected {
        /// Who, and why.
        reason: String,
    },
}

/// The facts an approval is judged by.
#[derive(Debug)]
pub struct Question<'a> {
    /// The act.
    pub effect: &'a Effect,
    /// Its risk.
    pub risk: &'a Risk,
    /// Whoever enqueued the task wants a person asked, whatever the risk.
    pub demanded: bool,
    /// All requests of this task so far.
    pub approvals: &'a [Approval],
    /// Who wants to act: never the one who approves.
    pub executor: &'a WorkerId,
}

/// Decides whether an act may happen now.
///
/// # Errors
/// [`crate::Error::Invalid`] when the effect cannot be hashed.
pub fn judge(question: &Question<'_>) -> crate::Result<Verdict> {
    let Question { effect, risk, demanded, approvals, executor } = question;
    let digest = effect.digest()?;
    if !demanded && !risk.level.asks() {
        return Ok(Verdict::Granted(Box::new(Approved { effect: (*effect).clone(), by: None })));
    }
    // The newest request of exactly this act counts; who acts may not have answered it.
    let newest = approvals.iter().filter(|a| a.digest == digest).max_by_key(|a| (a.requested_at, a.id));
    let reason = || {
        let factors = risk.factors.join(", ");
        let wanted = if *demanded { "; approval is demanded for this task" } else { "" };
        format!("{} risk {:.2} ({factors}){wanted}", risk.level.as_str(), risk.score)
    };
    Ok(match newest {
        None => Verdict::Ask { reason: reason() },
        Some(Approval { id, decision: None, .. }) => Verdict::Waiting(*id),
        Some(Approval { decision: Some(d), .. }) if d.by == executor.as_str() => {
            Verdict::Ask { reason: format!("{}; {} cannot approve its own act", reason(), d.by) }
        }
        Some(Approval { decision: Some(d), .. }) if !d.approved => {
            Verdict::Rejected { reason: format!("rejected by {}: {}", d.by, d.note) }
        }
        Some(Approval { id, .. }) => Verdict::Granted(Box::new(Approved { effect: (*effect).clone(), by: Some(*id) })),
    })
}

#[cfg(test)]
mod tests;
