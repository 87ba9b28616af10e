//! What a person sees who started the server.

use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;

use super::{Endpoints, FrontSays};

/// The key's file, and what was shown already.
pub(super) struct Banner {
    endpoints: Endpoints,
    credentials: PathBuf,
    shown: bool,
}

impl Banner {
    pub(super) fn new(endpoints: Endpoints, credentials: PathBuf) -> Self {
        Self { endpoints, credentials, shown: false }
    }

    pub(super) fn hear(&mut self, said: FrontSays) {
        match said {
            FrontSays::Key(key) => self.keep(&key),
            FrontSays::Serving if !self.shown => {
                self.shown = true;
                self.show();
            }
            FrontSays::Progress(step) => print(&format!("  … {step}\n")),
            FrontSays::Ready => print("  ready: sandboxes can be made.\n"),
            FrontSays::Serving => {}
        }
    }

    fn keep(&self, key: &str) {
        let making = self.credentials.with_extension("new");
        let _ = std::fs::remove_file(&making);
        let write = || -> std::io::Result<()> {
            let mut options = std::fs::OpenOptions::new();
            let mut file = options.write(true).create_new(true).mode(0o600).open(&making)?;
            writeln!(file, "{key}")?;
            file.sync_all()?;
            std::fs::rename(&making, &self.credentials)
        };
        if let Err(error) = write() {
            tracing::error!(%error, path = %self.credentials.display(), "could not keep the administrator's key");
        }
    }

    fn show(&self) {
        let key = std::fs::read_to_string(&self.credentials).unwrap_or_default();
        let Endpoints { api_url, proxy_url, .. } = &self.endpoints;
        print(&format!(
            "\n  paddock serves.\n\n    \
             API     {api_url}\n    \
             proxy   {proxy_url}\n    \
             key     {key}\n  \
             Try it from another shell:\n\n    \
             eval \"$(paddock env)\"\n    \
             pip install daytona\n    \
             python3 -c 'from daytona import Daytona; print(Daytona().create().process.exec(\"uname -a\").result)'\n\n"
        ));
    }
}

fn print(text: &str) {
    let mut out = std::io::stdout().lock();
    // Whoever closed our output does not want to read it.
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}
