//! The API's document, from the handlers themselves.

use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{ComponentsBuilder, InfoBuilder, OpenApi, OpenApiBuilder, SecurityRequirement};

use super::router::operations;

/// The document of the public API, without `/api` in its paths, as the reference has it.
pub fn document() -> OpenApi {
    let bearer = SecurityScheme::Http(HttpBuilder::new().scheme(HttpAuthScheme::Bearer).build());
    let base = OpenApiBuilder::new()
        .info(
            InfoBuilder::new()
                .title("paddock")
                .version("0.1")
                .description(Some("The control plane of paddock.")),
        )
        .components(Some(ComponentsBuilder::new().security_scheme("bearer", bearer).build()))
        .security(Some([SecurityRequirement::new("bearer", Vec::<String>::new())]))
        .build();
    let (_, operations) = operations().split_for_parts();
    base.merge_from(operations)
}
