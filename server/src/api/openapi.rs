//! The API's description (OpenAPI): `/v1/openapi.json`, and `server/openapi.json` in the repository.

use axum::Json;
use axum::response::IntoResponse;
use utoipa::openapi::security::{OpenIdConnect, SecurityScheme};
use utoipa::{Modify, OpenApi};

use super::notes;
use crate::access::Anonymous;
use crate::http::{Problem, Violation};

/// The description.
#[derive(Debug, OpenApi)]
#[openapi(
    info(title = "Moorline API", version = "1", description = "A person's notes. Errors are problem documents (RFC 9457)."),
    paths(notes::list, notes::create, notes::read, notes::replace, notes::delete, document),
    components(schemas(Problem, Violation)),
    modifiers(&Security),
    tags((name = "notes", description = "A person's own notes; nobody else's are ever shown.")),
)]
pub struct ApiDescription;

/// This description.
#[utoipa::path(
    get, path = "/v1/openapi.json", tag = "description", security(()),
    responses((status = 200, description = "An OpenAPI document"))
)]
pub(super) async fn document(_: Anonymous) -> impl IntoResponse {
    Json(ApiDescription::openapi())
}

struct Security;

impl Modify for Security {
    fn modify(&self, openapi: &mut utoipa::openapi::OpenApi) {
        let components = openapi.components.get_or_insert_default();
        let scheme = OpenIdConnect::new("/.well-known/openid-configuration");
        components.add_security_scheme("oidc", SecurityScheme::OpenIdConnect(scheme));
    }
}
