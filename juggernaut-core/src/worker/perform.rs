//! The one place where effects are carried out.
//!
//! Intent, with a key minted by the runtime → do → record. An effect that was recorded is not repeated; one that was
//! only intended is repeated with the same key, and every adapter looks that key up on the far side first.

use super::context::Context;
use crate::base::change::Change;
use crate::base::effect::{Effect, EffectKey};
use crate::govern::approval::Approved;
use crate::port::code_host::{ChangeRef, CodeHost, Merge, OpenChange, Push};
use crate::port::store::{EffectStep, NewEvent};
use crate::{Error, Result};
use serde_json::{Value, json};

impl Context {
    /// Carries out an effect that may happen, once. The same `step` of the same task is the same effect.
    pub(crate) async fn perform(&self, step: &str, approved: &Approved) -> Result<Value> {
        let effect = approved.effect();
        let key = EffectKey::of_step(self.task().id(), step, effect.kind());
        let journal = self.engine.store.journal(self.task().id()).await?;
        match journal.into_iter().find(|entry| entry.key == key) {
            Some(entry) if entry.effect != *effect => {
                return Err(Error::conflict(format!("step {key} was intended with another effect")));
            }
            Some(entry) => {
                if let Some(result) = entry.result {
                    return Ok(result);
                }
            }
            None => {
                let (key, effect, approval) = (key.clone(), effect.clone(), approved.approval());
                self.write(|c| c.effects.push(EffectStep::Intended { key, effect, approval })).await?;
            }
        }
        self.guard.check()?;
        let (result, message) = carry_out(self.engine.host()?, effect, &key).await?;
        let event = NewEvent::new(effect.kind(), self.lease().worker.as_str(), message).with(result.clone());
        let step = EffectStep::Done { key, result: result.clone() };
        self.write(|c| {
            c.effects.push(step);
            c.events.push(event);
        })
        .await?;
        Ok(result)
    }
}

async fn carry_out(host: &dyn CodeHost, effect: &Effect, key: &EffectKey) -> Result<(Value, String)> {
    let shown = |change: &Change| json!({ "number": change.number, "url": change.url, "head": change.head });
    Ok(match effect {
        Effect::RunTask { .. } => return Err(Error::invalid("running a task is its handler's, not an outside act")),
        Effect::Push { branch, parent, message, edits } => {
            let push = Push {
                branch: branch.clone(),
                parent: parent.clone(),
                message: message.clone(),
                edits: edits.clone(),
                replaces: host.head(branch).await?,
                key: key.clone(),
            };
            let head = host.push(&push).await?;
            (json!({ "head": head }), format!("pushed {} to {branch}", head.short()))
        }
        Effect::OpenChange { branch, base, title, body } => {
            let open =
                OpenChange { branch: branch.clone(), base: base.clone(), title: title.clone(), body: body.clone() };
            let change = host.open_change(&open).await?;
            (shown(&change), format!("opened change #{} for {base}: {}", change.number, change.url))
        }
        Effect::Merge { number, head, base, message } => {
            let change = host.change(&ChangeRef::Number(*number)).await?;
            if change.is_none_or(|c| c.base != *base) {
                return Err(Error::conflict(format!("change #{number} is not for {base}")));
            }
            let merge = Merge { number: *number, head: head.clone(), message: message.clone(), key: key.clone() };
            let change = host.merge(&merge).await?;
            (shown(&change), format!("merged change #{number} into {base}"))
        }
    })
}
