//! The built-in types and what carries them out. This list is the only place where they are registered.

use super::agent::Agent;
use super::context::Context;
use super::handler::{Ending, Work};
use super::planning::Planning;
use crate::base::change::Checks;
use crate::brain::tool::ToolSet;
use crate::task::TaskType;
use crate::task::evidence::{Demand, Facts, judge};
use crate::task::test_report::{self, TestCounts};
use crate::{Error, Result};
use async_trait::async_trait;
use std::sync::Arc;

/// What planning may choose from, each with a line for the model.
pub(crate) const PLANNABLE: [(&str, &str); 6] = [
    ("code", "changes source files or tests; done when the change is merged with green checks"),
    ("documentation", "writes or changes documents in the repository; done when merged"),
    ("test", "runs the repository's checks at the base branch; done when tests ran and none failed"),
    ("verification", "checks facts about the repository: files, their content, the checks"),
    ("research", "reads files and writes a summary that cites them"),
    ("analysis", "reads files and writes an assessment that cites them"),
];

/// The handlers of the built-in types that can work with the ports there are.
pub(crate) fn handlers(llm: bool, host: bool) -> Vec<Arc<dyn Work>> {
    let mut found: Vec<Arc<dyn Work>> = Vec::new();
    let mut agent = |name: &str, demand: Demand, tools: ToolSet| {
        if let Ok(task_type) = TaskType::new(name)
            && llm
            && host
        {
            found.push(Arc::new(Agent { task_type, demand, tools }));
        }
    };
    agent("code", Demand::MergedChange, ToolSet::Change);
    agent("documentation", Demand::Documents, ToolSet::Change);
    agent("verification", Demand::NamedChecks, ToolSet::Read);
    agent("research", Demand::Sources, ToolSet::Read);
    agent("analysis", Demand::Sources, ToolSet::Read);
    if let Ok(task_type) = TaskType::new("test")
        && host
    {
        found.push(Arc::new(TestRun { task_type }));
    }
    if let Ok(task_type) = TaskType::new("planning")
        && llm
    {
        found.push(Arc::new(Planning { task_type }));
    }
    found
}

/// Runs the repository's checks at the base branch and reads the counts out of what they print.
struct TestRun {
    task_type: TaskType,
}

#[async_trait]
impl Work for TestRun {
    fn task_type(&self) -> TaskType {
        self.task_type.clone()
    }

    async fn attempt(&self, context: &Context) -> Result<Ending> {
        let host = context.engine.host()?;
        let base = &host.repository().base;
        let Some(head) = host.head(base).await? else {
            return Err(Error::denied(format!("the base branch {base} does not exist in {}", host.repository().name)));
        };
        let checks = host.checks(&head).await?;
        let counts = counts(&checks);
        let facts = Facts::TestRun { checks, counts };
        Ok(match judge(&Demand::TestRun, facts, context.hearing(), context.now()) {
            Ok(verified) => Ending::Verified(Box::new(verified)),
            Err(refused) => context.refused(&refused).await?,
        })
    }
}

fn counts(checks: &Checks) -> Option<TestCounts> {
    let found: Vec<TestCounts> = checks.runs.iter().filter_map(|run| test_report::counts(&run.output)).collect();
    found.into_iter().reduce(TestCounts::plus)
}
