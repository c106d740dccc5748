//! Whether a service is well.

use proscenium::SystemHandle;
use smol::net::TcpStream;

use super::settings::{CheckSettings, Settings};

/// Looks once. The error says what is wrong.
pub(super) async fn check(settings: &Settings, system: &SystemHandle) -> Result<(), String> {
    match &settings.check {
        None => Ok(()),
        Some(CheckSettings::Tcp(address)) => {
            let connecting = TcpStream::connect(address);
            match system.sleep(settings.patience).limit(connecting).await {
                Some(Ok(_)) => Ok(()),
                Some(Err(error)) => Err(format!("{address}: {error}")),
                None => Err(format!("{address}: no answer within {:?}", settings.patience)),
            }
        }
        Some(CheckSettings::Command(line)) => {
            let result = settings.line(line).timeout(settings.patience).run(system).await;
            let result = result.map_err(|error| error.to_string())?;
            result.success().map(drop).map_err(|failure| failure.to_string())
        }
    }
}
