//! The settings of git's configuration that concern remotes, copied out of it: the library's own object
//! may not go from thread to thread.

use git2::Config;

/// Names, with section and key in lower case, and values; what overrules comes later.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Settings(Vec<(String, String)>);

impl Settings {
    /// All `http.*` and `credential.*`. What is no text is left out; a name without a value means true.
    pub(crate) fn of(config: &Config) -> Self {
        let mut found = Vec::new();
        if let Ok(mut entries) = config.entries(Some("^(http|credential)\\.")) {
            while let Some(Ok(entry)) = entries.next() {
                if let Ok(name) = entry.name() {
                    let value = if entry.has_value() { entry.value().ok() } else { Some("true") };
                    found
                        .extend(value.map(|value| (entry.level() as i32, name.to_owned(), value.to_owned())));
                }
            }
        }
        // The library begins with whichever file it likes.
        found.sort_by_key(|(level, ..)| *level);
        Self(found.into_iter().map(|(_, name, value)| (name, value)).collect())
    }

    /// All of them.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// All values of one name.
    pub(crate) fn values<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.iter().filter(move |(known, _)| *known == name).map(|(_, value)| value)
    }
}

#[cfg(test)]
mod tests {
    use git2::ConfigLevel;

    use super::*;

    #[test]
    fn what_overrules_comes_later() {
        let directory = tempfile::tempdir().unwrap();
        let mut config = Config::new().unwrap();
        for (level, value) in
            [(ConfigLevel::Local, "local"), (ConfigLevel::System, "system"), (ConfigLevel::Global, "global")]
        {
            let file = directory.path().join(value);
            std::fs::write(
                &file,
                format!("[credential]\n helper = {value}\n[http]\n sslVerify\n[user]\n name = x\n"),
            )
            .unwrap();
            config.add_file(&file, level, false).unwrap();
        }
        let settings = Settings::of(&config);
        assert_eq!(settings.values("credential.helper").collect::<Vec<_>>(), ["system", "global", "local"]);
        assert_eq!(settings.values("http.sslverify").collect::<Vec<_>>(), ["true"; 3]);
        assert_eq!(settings.iter().count(), 6);
    }
}
