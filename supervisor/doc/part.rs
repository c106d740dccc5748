// Applications that do nothing but run, for examples.

use proscenium_runtime::ExitReason;
use proscenium_supervisor::Supervisor;
use proscenium_supervisor::application::{AppContext, Application, ApplicationSpec};

#[derive(Clone)]
struct Part;

impl Application for Part {
    type Env = ();
    type Top = Supervisor;

    async fn start(&mut self, app: &AppContext<()>) -> Result<Supervisor, ExitReason> {
        Ok(Supervisor::one_for_one().name(app.name()))
    }
}

/// An application whose top supervisor has its name.
pub fn part(name: &str) -> ApplicationSpec {
    ApplicationSpec::new(name, Part)
}
