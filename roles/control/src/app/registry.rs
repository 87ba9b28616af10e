//! Registries of images that an organization has credentials for.

use paddock_registry::{Credentials, ImageReference, RegistryHost};
use paddock_store::{RegistryChange, RegistryRecord};
use paddock_types::{OrganizationId, RegistryId};
use paddock_wire_control::{CreateDockerRegistry, UpdateDockerRegistry};

use super::{App, Error};
use crate::clock;

/// The most registries of one organization (`spec/control-plane.md` G.2).
const MOST_REGISTRIES: u64 = 100;

/// Adds a registry.
///
/// # Errors
/// 400 when the address is none, and when the organization has as many as it may have.
pub(crate) async fn create(
    app: &App,
    organization: OrganizationId,
    request: CreateDockerRegistry,
) -> Result<RegistryRecord, Error> {
    let (url, host) = address(&request.url)?;
    let (id, now) = (RegistryId::random(), clock::now());
    let record = RegistryRecord {
        id,
        organization,
        name: request.name,
        url,
        host,
        username: username(request.username)?,
        password: app.sealer.seal(&place(id), &request.password),
        project: request.project.unwrap_or_default(),
        created_at: now,
        updated_at: now,
    };
    if !app.store.insert_registry(record.clone(), MOST_REGISTRIES).await? {
        return Err(Error::Invalid(format!("registry quota exceeded: at most {MOST_REGISTRIES} registries")));
    }
    tracing::info!(registry.id = %id, organization.id = %organization, "a registry was added");
    Ok(record)
}

/// One registry.
///
/// # Errors
/// 404 when there is none.
pub(crate) async fn get(
    app: &App,
    organization: OrganizationId,
    text: &str,
) -> Result<RegistryRecord, Error> {
    let id = parse(text)?;
    app.store.load_registry(organization, id).await?.ok_or_else(|| not_found(text))
}

/// Changes a registry. Without a password the old one stays, and only for the host that it was given for.
///
/// # Errors
/// 404 when there is none; 400 when the address is none, or another one without a password.
pub(crate) async fn update(
    app: &App,
    organization: OrganizationId,
    text: &str,
    request: UpdateDockerRegistry,
) -> Result<RegistryRecord, Error> {
    let id = parse(text)?;
    let (url, host) = address(&request.url)?;
    let change = RegistryChange {
        name: request.name,
        url,
        host,
        username: username(request.username)?,
        password: request.password.map(|password| app.sealer.seal(&place(id), &password)),
        project: request.project.unwrap_or_default(),
        updated_at: clock::now(),
    };
    if let Some(changed) = app.store.update_registry(organization, id, change).await? {
        return Ok(changed);
    }
    get(app, organization, text).await?;
    Err(Error::Invalid("password must be given when the registry is another one".to_owned()))
}

/// Removes a registry. Snapshots that were made of its images stay.
///
/// # Errors
/// 404 when there is none.
pub(crate) async fn delete(app: &App, organization: OrganizationId, text: &str) -> Result<(), Error> {
    if !app.store.delete_registry(organization, parse(text)?).await? {
        return Err(not_found(text));
    }
    tracing::info!(registry.id = text, organization.id = %organization, "a registry was removed");
    Ok(())
}

/// What an organization says to the registry of an image, if it has anything to say. Of several registries with that host
/// the one whose project the image lies in comes first, then those without a project, then the one changed last.
///
/// # Errors
/// When the password cannot be read any more, because the key is another than the one it was kept with.
pub(crate) async fn registry_credentials_for(
    app: &App,
    organization: OrganizationId,
    image: &ImageReference,
) -> Result<Option<Credentials>, Error> {
    let host = image.registry().as_str().to_owned();
    let found = app.store.list_registries_of_host(organization, host).await?;
    // The list has the one changed last first, and the order of equals is kept.
    let Some(chosen) = found.into_iter().min_by_key(|one| rank(&one.project, image.repository())) else {
        return Ok(None);
    };
    match app.sealer.unseal(&place(chosen.id), &chosen.password) {
        Ok(password) => Ok(Some(Credentials { username: chosen.username, password })),
        Err(error) => {
            tracing::error!(registry.id = %chosen.id, error = %error, "the password of a registry cannot be read");
            Err(Error::Invalid(format!(
                "the password of registry {:?} cannot be read any more: set it again",
                chosen.name
            )))
        }
    }
}

/// How well a project fits a repository: the smaller, the better.
fn rank(project: &str, repository: &str) -> usize {
    let project = project.trim_matches('/');
    let lies_in = repository.strip_prefix(project).is_some_and(|rest| rest.starts_with('/'));
    match project {
        "" => usize::MAX - 1,
        project if lies_in => MOST_PROJECT.saturating_sub(project.len()),
        _ => usize::MAX,
    }
}

/// Longer than any project is.
const MOST_PROJECT: usize = 1 << 20;

/// The address as it is shown, and the host in it.
fn address(given: &str) -> Result<(String, String), Error> {
    let host = RegistryHost::from_url(given).map_err(|error| Error::Invalid(format!("url: {error}")))?;
    let lower = given.trim().to_ascii_lowercase();
    let start = ["https://", "http://"]
        .iter()
        .find(|scheme| lower.starts_with(**scheme))
        .map_or(0, |scheme| scheme.len());
    let shown = given.trim().get(start..).unwrap_or_default().trim_end_matches('/');
    if shown.contains(|letter: char| letter.is_control() || letter.is_whitespace()) {
        return Err(Error::Invalid("url must not contain blanks".to_owned()));
    }
    Ok((shown.to_owned(), host.as_str().to_owned()))
}

/// A colon would end it where it is sent.
fn username(given: String) -> Result<String, Error> {
    if given.contains(':') || given.contains(char::is_control) {
        return Err(Error::Invalid("username must not contain a colon or control characters".to_owned()));
    }
    Ok(given)
}

fn place(id: RegistryId) -> String {
    format!("docker_registry/{id}")
}

fn parse(text: &str) -> Result<RegistryId, Error> {
    text.parse().map_err(|_| not_found(text))
}

fn not_found(text: &str) -> Error {
    Error::NotFound(format!("registry {text} not found"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_shown_without_scheme_and_strokes() {
        for (given, shown, host) in [
            ("https://ghcr.io/", "ghcr.io", "ghcr.io"),
            ("http://Registry.Example.com:5000///", "Registry.Example.com:5000", "registry.example.com:5000"),
            ("https://index.docker.io/v1/", "index.docker.io/v1", "docker.io"),
            ("harbor.corp/project", "harbor.corp/project", "harbor.corp"),
        ] {
            let (is_shown, is_host) = address(given).map_err(|_| given).unwrap();
            assert_eq!((is_shown.as_str(), is_host.as_str()), (shown, host));
        }
        for given in ["", "https://", "a b", "x\ny", "user@host", "ghcr.io/a b"] {
            assert!(address(given).is_err(), "{given:?}");
        }
    }

    #[test]
    fn the_closest_project_comes_first() {
        let mut projects = ["other", "", "team", "team/deep", "tea"];
        projects.sort_by_key(|project| rank(project, "team/deep/app"));
        assert_eq!(projects[..3], ["team/deep", "team", ""]);
        assert_eq!(rank("team/deep/app", "team/deep/app"), usize::MAX);
    }
}
