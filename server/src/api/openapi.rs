//! The API's description (OpenAPI): `/v1/openapi.json`, and `server/openapi.json` in the repository.

use axum::Json;
use axum::response::IntoResponse;
use utoipa::openapi::security::{OpenIdConnect, SecurityScheme};
use utoipa::openapi::{Content, Ref, ResponseBuilder};
use utoipa::{Modify, OpenApi};

use super::notes;
use crate::access::Anonymous;
use crate::web::{Problem, Violation};

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

/// The description as it is committed in the repository.
pub fn text() -> String {
    ApiDescription::openapi().to_pretty_json().expect("a description is JSON") + "\n"
}

struct Security;

impl Modify for Security {
    fn modify(&self, openapi: &mut utoipa::openapi::OpenApi) {
        let components = openapi.components.get_or_insert_default();
        let scheme = OpenIdConnect::new("/.well-known/openid-configuration");
        components.add_security_scheme("oidc", SecurityScheme::OpenIdConnect(scheme));
        let operations = openapi.paths.paths.values_mut().flat_map(|item| {
            [&mut item.get, &mut item.post, &mut item.put, &mut item.delete].into_iter().flatten()
        });
        for operation in
            operations.filter(|operation| operation.tags.iter().flatten().any(|tag| tag == "notes"))
        {
            for (status, description) in REFUSALS {
                let content = Content::new(Some(Ref::from_schema_name("Problem")));
                let response = ResponseBuilder::new()
                    .description(description)
                    .content("application/problem+json", content);
                operation.responses.responses.insert(status.to_owned(), response.into());
            }
        }
    }
}

/// What every operation for a person may answer.
const REFUSALS: [(&str, &str); 3] = [
    (
        "401",
        "There is no good access token, or no good DPoP proof for a bound one; see WWW-Authenticate and DPoP-Nonce",
    ),
    ("403", "The token's scope or the person's role does not allow this; see WWW-Authenticate"),
    ("429", "Too many requests; see Retry-After"),
];
