//! A callback that is pasted, because the browser runs on another machine (RFC 8252 §7.3).
//!
//! Terminals cut long lines; mail programs and chats wrap, quote and escape them. Any text is accepted in which the
//! callback of this sign-in can be found: the `state` proves that it is the right one.

#[cfg(any(test, feature = "fuzzing"))]
pub(crate) mod fuzzing;
mod spellings;

use std::fmt;
use std::io::{BufRead as _, IsTerminal as _, Read as _};
use std::path::Path;
use std::time::Duration;

use tokio::sync::mpsc;
use url::{Url, form_urlencoded};

use self::spellings::spellings;

/// What the callback has to be.
#[derive(Debug)]
pub(crate) struct Expected {
    redirect_uri: String,
    /// How the redirect URI may be written: without its scheme, with each name of this machine.
    addresses: Vec<String>,
    state: String,
    /// The only `iss` to accept, if not any.
    issuer: Option<String>,
}

/// Why no callback was found in the text. It never quotes the text, which may hold a code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Problem {
    NotTheAddress,
    Incomplete(&'static str),
    CutByTerminal(usize),
    /// A program has put an ellipsis in the place of a part.
    Shortened,
    OtherSignIn,
    OtherIssuer,
    Repeated,
}

impl Expected {
    pub(crate) fn new(redirect_uri: &str, state: &str, issuer: Option<&str>) -> Self {
        let (mut addresses, uri) = (Vec::new(), Url::parse(redirect_uri).ok());
        if let Some((uri, port)) = uri.as_ref().and_then(|uri| Some((uri, uri.port()?))) {
            addresses.extend(
                ["127.0.0.1", "localhost", "[::1]"].map(|host| format!("{host}:{port}{}?", uri.path())),
            );
        }
        Self {
            redirect_uri: redirect_uri.into(),
            addresses,
            state: state.into(),
            issuer: issuer.map(str::to_owned),
        }
    }

    pub(crate) fn redirect_uri(&self) -> &str {
        &self.redirect_uri
    }

    /// The callback in these lines, which may be one that was wrapped.
    pub(crate) fn find(&self, lines: &[String], from_terminal: bool) -> Result<String, Problem> {
        let found = self.find_in(&lines.iter().map(|line| trimmed(line)).collect::<Vec<_>>(), from_terminal);
        // A wrapped address in a table of several columns.
        found.or_else(|problem| {
            let columns = lines.iter().map(|line| line.matches(is_bar).count() + 1).max().unwrap_or_default();
            let column =
                |at: usize| lines.iter().map(move |line| line.split(is_bar).nth(at).unwrap_or_default());
            (0..columns.min(MOST_COLUMNS))
                .map(|at| column(at).map(trimmed).filter(|cell| !cell.is_empty()).collect::<Vec<_>>())
                .find_map(|cells| self.find_in(&cells, from_terminal).ok())
                .ok_or(problem)
        })
    }

    fn find_in(&self, lines: &[&str], from_terminal: bool) -> Result<String, Problem> {
        let (mut best, mut is_long) = (Problem::NotTheAddress, false);
        for start in (0..lines.len()).rev() {
            for end in ends(&lines[start..]) {
                let text = &lines[start..start + end];
                for spelling in spellings(text) {
                    match self.callback_in(&spelling) {
                        Ok(_) if from_terminal && is_cut(text) => return Err(cut(text)),
                        Ok(callback) => return Ok(callback),
                        Err(problem) if best == Problem::NotTheAddress => {
                            is_long = text.iter().any(|line| line.len() >= SHORTEST_LIMIT);
                            best = problem;
                        }
                        Err(_) => {}
                    }
                }
            }
        }
        match best {
            Problem::Incomplete(_) if is_long => Err(cut(lines)),
            problem => Err(problem),
        }
    }

    /// In a text with several addresses, the last one that is a callback, or else why the last one is none.
    fn callback_in(&self, text: &str) -> Result<String, Problem> {
        let mut last = None;
        for query in self.queries_in(text) {
            match self.callback_of(query) {
                Ok(callback) => return Ok(callback),
                Err(problem) => last = last.or(Some(problem)),
            }
        }
        match last {
            None if self.is_cut_before_query(text) => Err(Problem::Shortened),
            None => Err(Problem::NotTheAddress),
            Some(problem) => Err(problem),
        }
    }

    fn callback_of(&self, query: &str) -> Result<String, Problem> {
        let query = query.split('#').next().unwrap_or_default();
        let trimmed = query.trim_end_matches(CLOSING);
        // An address has ASCII alone (RFC 3986 §2), but a browser may show more of it, between two parameters.
        let at = trimmed.find(|c: char| !c.is_ascii()).filter(|at| !trimmed[*at..].contains('&'));
        let plain = trimmed[..at.unwrap_or(trimmed.len())].trim_end_matches(CLOSING);
        let all = [plain, trimmed, query];
        if all.iter().any(|query| is_shortened(query)) {
            return Err(Problem::Shortened);
        }
        let mut tried = all.into_iter().map(|query| self.check(query));
        let first = tried.next().unwrap_or(Err(Problem::NotTheAddress));
        first.or_else(|problem| tried.find_map(Result::ok).ok_or(problem))
    }

    /// Whether the redirect URI itself was shortened.
    fn is_cut_before_query(&self, text: &str) -> bool {
        let origins = self.addresses.iter().filter_map(|address| address.split_inclusive('/').next());
        origins
            .flat_map(|origin| text.match_indices(origin))
            .any(|(at, _)| text[at..].split(ends_address).next().is_some_and(ends_in_ellipsis))
    }

    /// What follows the redirect URI, the last one first, or a query alone.
    fn queries_in<'a>(&self, text: &'a str) -> Vec<&'a str> {
        let mut found: Vec<usize> = self
            .addresses
            .iter()
            .flat_map(|address| text.rmatch_indices(address.as_str()).map(|(at, address)| at + address.len()))
            .collect();
        found.sort_unstable_by(|a, b| b.cmp(a));
        if found.is_empty() && !text.contains("://") {
            found.extend(text.find("state=").map(|state| {
                text[..state]
                    .rfind(ends_address)
                    .map_or(0, |at| at + text[at..].chars().next().map_or(1, char::len_utf8))
            }));
        }
        let (mut queries, mut last) = (Vec::new(), text.len());
        for at in found.into_iter().take(MOST_ADDRESSES) {
            let query = text[at..].split(ends_address).next().unwrap_or_default();
            // An address within another one is the inner one alone.
            if at + query.len() <= last {
                queries.push(query.trim_start_matches('?'));
                last = at;
            }
        }
        queries
    }

    fn check(&self, query: &str) -> Result<String, Problem> {
        let parameters: Vec<(String, String)> =
            form_urlencoded::parse(query.as_bytes()).into_owned().collect();
        let value =
            |name: &str| parameters.iter().find(|(other, _)| other == name).map(|(_, value)| value.as_str());
        match value("state") {
            None => return Err(Problem::Incomplete("state")),
            Some(state) if state == self.state => {}
            Some(state) if self.state.starts_with(state) => return Err(Problem::Incomplete("whole state")),
            Some(_) => return Err(Problem::OtherSignIn),
        }
        if parameters
            .iter()
            .enumerate()
            .any(|(at, (name, _))| parameters[..at].iter().any(|(other, _)| other == name))
        {
            return Err(Problem::Repeated);
        }
        match (value("iss"), self.issuer.as_deref()) {
            (None, _) | (_, None) => {}
            (Some(iss), Some(issuer)) if iss == issuer => {}
            (Some(iss), Some(issuer)) if issuer.starts_with(iss) => {
                return Err(Problem::Incomplete("whole iss"));
            }
            _ => return Err(Problem::OtherIssuer),
        }
        if ["code", "error"].iter().all(|name| value(name).is_none_or(str::is_empty)) {
            return Err(Problem::Incomplete("code"));
        }
        Ok(format!("{}?{query}", self.redirect_uri))
    }
}

/// How many of the lines may belong to one address, the likeliest number first: up to the shorter line that ends a
/// text of even width (the first line may have more before the address), then all, then fewer.
fn ends(lines: &[&str]) -> Vec<usize> {
    let is_even =
        |lines: &[&str]| lines.len() > 1 && lines.windows(2).all(|pair| pair[0].len() == pair[1].len());
    let shorter = (2..lines.len()).find(|at| lines[*at].len() < lines[at - 1].len());
    let last = shorter.filter(|at| is_even(&lines[..*at]) || is_even(&lines[1..*at]));
    last.map(|at| at + 1).into_iter().chain((1..=lines.len()).rev()).collect()
}

/// Whether a part of what counts was left out: at the end, or within a value.
fn is_shortened(query: &str) -> bool {
    let (mut says_error, mut within) = (false, false);
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        says_error |= name == "error" && !value.is_empty();
        within |= matches!(&*name, "code" | "state" | "iss") && value.contains(ELLIPSES);
    }
    within || (!says_error && ends_in_ellipsis(query))
}

fn ends_in_ellipsis(text: &str) -> bool {
    let end = text.trim_end_matches(|c| CLOSING.contains(&c) && c != '.');
    SHORTENED.iter().any(|ellipsis| end.ends_with(ellipsis))
}

/// Whether an address ends before this: white space, quotes, bars, and the punctuation of any script. An ellipsis is to
/// be seen.
fn ends_address(c: char) -> bool {
    if c.is_ascii() {
        return c.is_whitespace() || c.is_control() || "\"'<>`|^".contains(c);
    }
    !c.is_alphanumeric() && !ELLIPSES.contains(&c)
}

/// The lines of a table.
fn is_bar(c: char) -> bool {
    matches!(c, '|' | '\u{2502}' | '\u{2503}' | '\u{2551}')
}

/// Without the marks of a quotation or a table around it.
fn trimmed(line: &str) -> &str {
    line.trim_matches(|c: char| c.is_whitespace() || c == '>' || is_bar(c))
}

/// Whether the last line is as long as a terminal lets a line be.
fn is_cut(lines: &[&str]) -> bool {
    lines.last().is_some_and(|line| LIMITS.contains(&line.len()))
}

fn cut(lines: &[&str]) -> Problem {
    Problem::CutByTerminal(lines.iter().map(|line| line.len()).max().unwrap_or_default())
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotTheAddress => f.write_str("That is not the address that the browser ended at."),
            Self::Incomplete(what) => write!(
                f,
                "The address is not complete: it has no {what}. Paste the rest, or all of it again."
            ),
            Self::CutByTerminal(length) => write!(
                f,
                "The address was cut after {length} bytes: many terminals pass on no more than 4,095 or 1,024 \
                 bytes of a line. Save the address in a file and type @FILE here, or paste it in pieces of 1,000 \
                 characters, with Enter after each."
            ),
            Self::Shortened => f.write_str(
                "The address was cut: a program has put an ellipsis (...) in the place of a part. Copy the whole \
                 address from the browser's address bar, and paste it here.",
            ),
            Self::OtherSignIn => f.write_str(
                "That address answers another sign-in (its state is another). Paste the one of this sign-in.",
            ),
            Self::OtherIssuer => f.write_str(
                "That address names another issuer. Paste the one that the browser ended at, unchanged.",
            ),
            Self::Repeated => f.write_str(
                "A parameter of that address comes twice. Paste it once, as the browser shows it.",
            ),
        }
    }
}

/// Waits for a callback among the lines that are typed. `complain` gets the reason whenever none is found. Never
/// returns if there is none.
pub(crate) async fn callback(typed: &mut Typed, expected: &Expected, complain: impl Fn(&str)) -> String {
    let Typed { lines: pasted, from_terminal } = typed;
    let mut lines: Vec<String> = Vec::new();
    loop {
        let Some(line) = pasted.recv().await else { return std::future::pending().await };
        let mut burst = vec![line];
        // A wrapped address comes as several lines at once.
        while let Ok(Some(line)) = tokio::time::timeout(QUIET, pasted.recv()).await {
            burst.push(line);
        }
        burst.retain(|line| !line.trim().is_empty());
        let found = match &burst[..] {
            [] => continue,
            [line] if line.starts_with('@') => from_file(line, expected),
            _ => {
                lines.append(&mut burst);
                lines.drain(..lines.len().saturating_sub(MOST_LINES));
                expected.find(&lines, *from_terminal).map_err(|problem| problem.to_string())
            }
        };
        match found {
            Ok(callback) => return callback,
            Err(problem) => complain(&problem),
        }
    }
}

fn from_file(line: &str, expected: &Expected) -> Result<String, String> {
    let path = Path::new(line.trim_start_matches('@').trim());
    let text = std::fs::read(path).map_err(|error| format!("{} cannot be read: {error}.", path.display()))?;
    let text = String::from_utf8_lossy(&text[..text.len().min(LONGEST)]).into_owned();
    let lines: Vec<String> =
        text.lines().filter(|line| !line.trim().is_empty()).take(MOST_LINES).map(str::to_owned).collect();
    expected.find(&lines, false).map_err(|problem| problem.to_string())
}

/// The lines of standard input.
#[derive(Debug)]
pub(crate) struct Typed {
    lines: mpsc::UnboundedReceiver<String>,
    from_terminal: bool,
}

impl Typed {
    pub(crate) fn read() -> Self {
        Self { lines: read_lines(), from_terminal: std::io::stdin().is_terminal() }
    }
}

/// Reading a terminal cannot be interrupted, so a thread does it. It ends with the program.
fn read_lines() -> mpsc::UnboundedReceiver<String> {
    let (sender, receiver) = mpsc::unbounded_channel();
    std::thread::spawn(move || {
        let mut stdin = std::io::stdin().lock();
        loop {
            let mut line = Vec::new();
            match stdin.by_ref().take(LONGEST as u64).read_until(b'\n', &mut line) {
                Ok(length) if length > 0 => {}
                _ => return,
            }
            let line = String::from_utf8_lossy(&line).trim_end_matches(['\r', '\n']).to_owned();
            if sender.send(line).is_err() {
                return;
            }
        }
    });
    receiver
}

/// Linux, and macOS with and without the end of the line.
const LIMITS: [usize; 4] = [4095, 4096, 1023, 1024];
const SHORTEST_LIMIT: usize = 1023;
/// What a text may put behind an address.
const CLOSING: [char; 10] = ['.', ',', ';', ':', '!', ')', ']', '}', '*', '\\'];
const ELLIPSES: [char; 3] = ['\u{2026}', '\u{22ef}', '\u{2025}'];
/// How the end of a shortened address looks.
const SHORTENED: [&str; 7] = ["\u{2026}", "\u{22ef}", "\u{2025}", "...", "&hellip", "%E2%80%A6", "%e2%80%a6"];
const MOST_COLUMNS: usize = 8;
const MOST_ADDRESSES: usize = 8;
const QUIET: Duration = Duration::from_millis(300);
const MOST_LINES: usize = 64;
const LONGEST: usize = 64 * 1024;

#[cfg(test)]
mod tests;
