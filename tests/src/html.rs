//! As much of HTML as it takes to fill in a form.

use std::sync::LazyLock;

use regex::Regex;

/// One form of a page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Form {
    pub(crate) action: String,
    pub(crate) method: String,
    /// Fields with their present values; buttons are apart.
    pub(crate) fields: Vec<(String, String)>,
    /// Submit buttons that carry a name, with their values.
    pub(crate) buttons: Vec<(String, String)>,
}

impl Form {
    pub(crate) fn has(&self, name: &str) -> bool {
        self.fields.iter().any(|(known, _)| known == name)
    }

    pub(crate) fn set(&mut self, name: &str, value: &str) {
        for field in self.fields.iter_mut().filter(|(known, _)| known == name) {
            value.clone_into(&mut field.1);
        }
    }
}

/// All forms of a page, in order.
pub(crate) fn forms(html: &str) -> Vec<Form> {
    static TAG: LazyLock<Regex> = LazyLock::new(|| {
        Regex::new(r#"(?is)<(/?)(form|input|button|textarea)\b((?:"[^"]*"|'[^']*'|[^>"'])*)>"#)
            .expect("a constant")
    });
    static COMMENT: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"(?s)<!--.*?-->").expect("a constant"));
    let html = COMMENT.replace_all(html, "");
    let mut forms: Vec<Form> = Vec::new();
    let mut inside = false;
    for tag in TAG.captures_iter(&html) {
        let attributes = attributes(&tag[3]);
        let get =
            |name: &str| attributes.iter().find(|(known, _)| known == name).map(|(_, value)| value.clone());
        match (tag[1].is_empty(), tag[2].to_lowercase().as_str()) {
            (true, "form") => {
                inside = true;
                forms.push(Form {
                    action: get("action").unwrap_or_default(),
                    method: get("method").unwrap_or_else(|| "get".to_owned()).to_lowercase(),
                    fields: Vec::new(),
                    buttons: Vec::new(),
                });
            }
            (false, "form") => inside = false,
            (true, element) if inside => {
                let (Some(form), Some(name)) = (forms.last_mut(), get("name")) else { continue };
                let kind = get("type").unwrap_or_default().to_lowercase();
                let value = get("value").unwrap_or_default();
                let unchecked = ["checkbox", "radio"].contains(&kind.as_str()) && get("checked").is_none();
                if element == "button" || kind == "submit" {
                    form.buttons.push((name, value));
                } else if !unchecked {
                    form.fields.push((name, value));
                }
            }
            _ => {}
        }
    }
    forms
}

/// Where a page goes on by itself: `<meta http-equiv="refresh" content="0; url=…">`.
pub(crate) fn refresh(html: &str) -> Option<String> {
    let tag = Regex::new(r#"(?i)<meta http-equiv="refresh" content="0; url=([^"]*)">"#).ok()?;
    Some(unescape(&tag.captures(html)?[1]))
}

/// The text of the first element of that name, tags removed.
pub(crate) fn text_of(html: &str, element: &str) -> Option<String> {
    let found =
        Regex::new(&format!(r"(?is)<{element}\b[^>]*>(.*?)</{element}>")).ok()?.captures(html)?[1].to_owned();
    let without_tags = Regex::new("<[^>]*>").ok()?.replace_all(&found, "").into_owned();
    Some(unescape(without_tags.trim()))
}

fn attributes(text: &str) -> Vec<(String, String)> {
    static ATTRIBUTE: LazyLock<Regex> = LazyLock::new(|| {
        Regex::new(r#"(?s)([^\s=/"']+)(?:\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s"'>]+)))?"#).expect("a constant")
    });
    ATTRIBUTE
        .captures_iter(text)
        .map(|found| {
            let value = found.get(2).or(found.get(3)).or(found.get(4)).map_or("", |value| value.as_str());
            (found[1].to_lowercase(), unescape(value))
        })
        .collect()
}

/// Character references: those that templates write, and numbers.
fn unescape(text: &str) -> String {
    static REFERENCE: LazyLock<Regex> = LazyLock::new(|| {
        Regex::new(r"&(?:#x([0-9a-fA-F]{1,6})|#([0-9]{1,7})|(amp|lt|gt|quot|apos));").expect("a constant")
    });
    let replaced = REFERENCE.replace_all(text, |found: &regex::Captures<'_>| {
        let number = match (found.get(1), found.get(2)) {
            (Some(hex), _) => u32::from_str_radix(hex.as_str(), 16).ok(),
            (_, Some(decimal)) => decimal.as_str().parse().ok(),
            _ => None,
        };
        match (number.and_then(char::from_u32), found.get(3).map(|name| name.as_str())) {
            (Some(character), _) => character.to_string(),
            (None, Some("amp")) => "&".to_owned(),
            (None, Some("lt")) => "<".to_owned(),
            (None, Some("gt")) => ">".to_owned(),
            (None, Some("quot")) => "\"".to_owned(),
            (None, Some("apos")) => "'".to_owned(),
            _ => found[0].to_owned(),
        }
    });
    replaced.into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_is_read_with_its_hidden_fields_buttons_and_character_references() {
        let html = r#"<!-- <form action="/no"> --><form method="POST" action="/consent?a=1&amp;b=2">
            <input type=hidden name="csrf" value="x&#x2F;&quot;y" required><input name='username' value="">
            <input type="checkbox" name="remember" value="1">
            <button name="decision" value="allow" data-x="a > b">Allow</button><button type="submit">Go</button></form>
            <input name="outside">"#;
        assert_eq!(
            forms(html),
            [Form {
                action: "/consent?a=1&b=2".into(),
                method: "post".into(),
                fields: vec![("csrf".into(), "x/\"y".into()), ("username".into(), String::new())],
                buttons: vec![("decision".into(), "allow".into())],
            }]
        );
    }

    #[test]
    fn a_page_that_goes_on_by_itself_says_where() {
        let html = r#"<meta http-equiv="refresh" content="0; url=/next?a=1&#38;b=2">"#;
        assert_eq!(refresh(html).as_deref(), Some("/next?a=1&b=2"));
        assert_eq!(refresh("<meta charset=\"utf-8\">"), None);
    }

    #[test]
    fn the_text_of_a_heading_is_found_without_its_tags() {
        assert_eq!(text_of("<h1 class=a>Not <em>you</em>?</h1>", "h1").as_deref(), Some("Not you?"));
    }
}
