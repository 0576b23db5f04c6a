//! A callback that is pasted, because the browser runs on another machine (RFC 8252 §7.3).
//!
//! Terminals cut long lines; mail programs and chats wrap, quote and escape them. Any text is accepted in which the
//! callback of this sign-in can be found: the `state` proves that it is the right one.

#[cfg(any(test, feature = "fuzzing"))]
pub(crate) mod fuzzing;
mod spellings;

use std::fmt;
use std::io::{BufRead as _, Read as _};
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
    issuer: String,
}

/// Why no callback was found in the text. It never quotes the text, which may hold a code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Problem {
    NotTheAddress,
    Incomplete(&'static str),
    CutByTerminal(usize),
    OtherSignIn,
    OtherIssuer,
    Repeated,
}

impl Expected {
    pub(crate) fn new(redirect_uri: &str, state: &str, issuer: &str) -> Self {
        let (mut addresses, uri) = (Vec::new(), Url::parse(redirect_uri).ok());
        if let Some((uri, port)) = uri.as_ref().and_then(|uri| Some((uri, uri.port()?))) {
            addresses.extend(
                ["127.0.0.1", "localhost", "[::1]"].map(|host| format!("{host}:{port}{}?", uri.path())),
            );
        }
        Self { redirect_uri: redirect_uri.into(), addresses, state: state.into(), issuer: issuer.into() }
    }

    pub(crate) fn redirect_uri(&self) -> &str {
        &self.redirect_uri
    }

    /// The callback in these lines, which may be one that was wrapped.
    pub(crate) fn find(&self, lines: &[String], from_terminal: bool) -> Result<String, Problem> {
        let lines: Vec<&str> =
            lines.iter().map(|line| line.trim_matches(|c: char| c.is_whitespace() || c == '>')).collect();
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
            Problem::Incomplete(_) if is_long => Err(cut(&lines)),
            problem => Err(problem),
        }
    }

    fn callback_in(&self, text: &str) -> Result<String, Problem> {
        let query = self.query_in(text).ok_or(Problem::NotTheAddress)?;
        let query = query.split('#').next().unwrap_or_default();
        let trimmed = query.trim_end_matches(['.', ',', ';', ':', '!', ')', ']', '}', '*', '\\']);
        self.check(trimmed).or_else(|problem| self.check(query).map_err(|_| problem))
    }

    /// What follows the redirect URI, or a query alone.
    fn query_in<'a>(&self, text: &'a str) -> Option<&'a str> {
        let found = self
            .addresses
            .iter()
            .filter_map(|address| Some(text.rfind(address.as_str())? + address.len()))
            .max();
        let at = match found {
            Some(at) => at,
            None if text.contains("://") => return None,
            None => {
                let state = text.find("state=")?;
                text[..state]
                    .rfind(ends_address)
                    .map_or(0, |at| at + text[at..].chars().next().map_or(1, char::len_utf8))
            }
        };
        let query = text[at..].split(ends_address).next()?;
        Some(query.trim_start_matches('?'))
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
        match value("iss") {
            Some(iss) if iss == self.issuer => {}
            Some(iss) if self.issuer.starts_with(iss) => return Err(Problem::Incomplete("whole iss")),
            Some(_) => return Err(Problem::OtherIssuer),
            None => {}
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

fn ends_address(c: char) -> bool {
    c.is_whitespace() || c.is_control() || "\"'<>`|^\u{201c}\u{201d}\u{2018}\u{2019}\u{ab}\u{bb}".contains(c)
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

/// Waits for a callback on standard input. `complain` gets the reason whenever none is found. Never returns if there
/// is none.
pub(crate) async fn callback(expected: &Expected, from_terminal: bool, complain: impl Fn(&str)) -> String {
    let mut pasted = read_lines();
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
                expected.find(&lines, from_terminal).map_err(|problem| problem.to_string())
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
const QUIET: Duration = Duration::from_millis(300);
const MOST_LINES: usize = 64;
const LONGEST: usize = 64 * 1024;

#[cfg(test)]
mod tests;
