//! Addresses that lead from page to page, and the mark of a name.

/// The address that goes on with a request.
pub(super) fn continue_url(request: &str) -> String {
    format!("/oauth/authorize/continue?{}", query(request))
}

/// `request=…`, encoded: the value is the browser's.
pub(super) fn query(request: &str) -> String {
    url::form_urlencoded::Serializer::new(String::new()).append_pair("request", request).finish()
}

/// The first letter, for the coloured mark.
pub(super) fn initial(name: &str) -> String {
    name.trim().chars().next().map(|first| first.to_uppercase().collect()).unwrap_or_default()
}
