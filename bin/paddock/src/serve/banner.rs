//! What a person sees who started the server.

use std::io::Write;

use super::{Endpoints, FrontSays};

/// What to show, and whether it was shown already.
pub(super) struct Banner {
    endpoints: Endpoints,
    key: String,
    shown: bool,
}

impl Banner {
    pub(super) fn new(endpoints: Endpoints, key: String) -> Self {
        Self { endpoints, key, shown: false }
    }

    pub(super) fn hear(&mut self, said: FrontSays) {
        match said {
            FrontSays::Serving if !self.shown => {
                self.shown = true;
                self.show();
            }
            FrontSays::Progress(step) => print(&format!("  … {step}\n")),
            FrontSays::Ready => print("  ready: sandboxes can be made.\n"),
            FrontSays::Serving => {}
        }
    }

    fn show(&self) {
        let Self { endpoints: Endpoints { api_url, proxy_url, .. }, key, .. } = self;
        print(&format!(
            "\n  paddock serves.\n\n    \
             API     {api_url}\n    \
             proxy   {proxy_url}\n    \
             key     {key}\n\n  \
             Try it from another shell:\n\n    \
             eval \"$(paddock env)\"\n    \
             python3 -m venv ~/daytona && ~/daytona/bin/pip install daytona\n    \
             ~/daytona/bin/python -c 'from daytona import Daytona; print(Daytona().create().process.exec(\"uname -a\").result)'\n\n"
        ));
    }
}

fn print(text: &str) {
    let mut out = std::io::stdout().lock();
    // Whoever closed our output does not want to read it.
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}
