//! What goes into a statement and what comes out.

use std::sync::Arc;

use super::StoreError;
use moorline_server_base::clock::Timestamp;

/// One parameter, or one column of a row.
#[derive(Clone, PartialEq)]
pub enum Value {
    /// Nothing.
    Null,
    /// A number, a truth value (0 or 1), or a time in milliseconds.
    Integer(i64),
    /// Text.
    Text(String),
    /// Bytes.
    Blob(Vec<u8>),
}

/// Values may be personal or secret: only their kind is printed.
impl std::fmt::Debug for Value {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.kind())
    }
}

impl Value {
    const fn kind(&self) -> &'static str {
        match self {
            Self::Null => "Null",
            Self::Integer(_) => "Integer",
            Self::Text(_) => "Text",
            Self::Blob(_) => "Blob",
        }
    }
}

impl Value {
    /// Appends the kind, the length and the bytes: no two lists of values give the same.
    pub(super) fn append_to(&self, bytes: &mut Vec<u8>) {
        let (kind, content): (u8, &[u8]) = match self {
            Self::Null => (0, &[]),
            Self::Integer(value) => (1, &value.to_be_bytes()),
            Self::Text(text) => (2, text.as_bytes()),
            Self::Blob(blob) => (3, blob),
        };
        bytes.push(kind);
        bytes.extend_from_slice(&(content.len() as u64).to_be_bytes());
        bytes.extend_from_slice(content);
    }
}

impl From<i64> for Value {
    fn from(value: i64) -> Self {
        Self::Integer(value)
    }
}

impl From<u32> for Value {
    fn from(value: u32) -> Self {
        Self::Integer(value.into())
    }
}

impl From<bool> for Value {
    fn from(value: bool) -> Self {
        Self::Integer(value.into())
    }
}

impl From<Timestamp> for Value {
    fn from(value: Timestamp) -> Self {
        Self::Integer(value.millis())
    }
}

impl From<&str> for Value {
    fn from(value: &str) -> Self {
        Self::Text(value.to_owned())
    }
}

impl From<&String> for Value {
    fn from(value: &String) -> Self {
        Self::Text(value.clone())
    }
}

impl From<String> for Value {
    fn from(value: String) -> Self {
        Self::Text(value)
    }
}

impl From<&[u8]> for Value {
    fn from(value: &[u8]) -> Self {
        Self::Blob(value.to_vec())
    }
}

impl<const N: usize> From<&[u8; N]> for Value {
    fn from(value: &[u8; N]) -> Self {
        Self::Blob(value.to_vec())
    }
}

impl<const N: usize> From<[u8; N]> for Value {
    fn from(value: [u8; N]) -> Self {
        Self::Blob(value.to_vec())
    }
}

impl From<Vec<u8>> for Value {
    fn from(value: Vec<u8>) -> Self {
        Self::Blob(value)
    }
}

impl<T: Into<Self>> From<Option<T>> for Value {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}

/// The names of a statement's columns, shared by its rows.
pub(super) type Columns = Arc<[Box<str>]>;

/// One row of an answer; its columns are asked for by name and type.
#[derive(Clone, Debug)]
pub struct Row {
    columns: Columns,
    values: Vec<Value>,
}

impl Row {
    pub(super) const fn new(columns: Columns, values: Vec<Value>) -> Self {
        Self { columns, values }
    }

    /// A number.
    ///
    /// # Errors
    /// [`StoreError::Defect`] when there is no such column or it holds something else; so do all these.
    pub fn integer(&self, column: &str) -> Result<i64, StoreError> {
        match self.value(column)? {
            Value::Integer(value) => Ok(*value),
            other => Err(mismatch(column, "Integer", other)),
        }
    }

    /// A number, or nothing.
    ///
    /// # Errors
    /// As [`Row::integer`].
    pub fn optional_integer(&self, column: &str) -> Result<Option<i64>, StoreError> {
        match self.value(column)? {
            Value::Null => Ok(None),
            _ => self.integer(column).map(Some),
        }
    }

    /// A truth value.
    ///
    /// # Errors
    /// As [`Row::integer`].
    pub fn boolean(&self, column: &str) -> Result<bool, StoreError> {
        Ok(self.integer(column)? != 0)
    }

    /// A time.
    ///
    /// # Errors
    /// As [`Row::integer`].
    pub fn timestamp(&self, column: &str) -> Result<Timestamp, StoreError> {
        self.integer(column).map(Timestamp::from_millis)
    }

    /// A time, or nothing.
    ///
    /// # Errors
    /// As [`Row::integer`].
    pub fn optional_timestamp(&self, column: &str) -> Result<Option<Timestamp>, StoreError> {
        Ok(self.optional_integer(column)?.map(Timestamp::from_millis))
    }

    /// Text.
    ///
    /// # Errors
    /// As [`Row::integer`].
    pub fn text(&self, column: &str) -> Result<&str, StoreError> {
        match self.value(column)? {
            Value::Text(value) => Ok(value),
            other => Err(mismatch(column, "Text", other)),
        }
    }

    /// Text, or nothing.
    ///
    /// # Errors
    /// As [`Row::integer`].
    pub fn optional_text(&self, column: &str) -> Result<Option<&str>, StoreError> {
        match self.value(column)? {
            Value::Null => Ok(None),
            _ => self.text(column).map(Some),
        }
    }

    /// Bytes.
    ///
    /// # Errors
    /// As [`Row::integer`].
    pub fn blob(&self, column: &str) -> Result<&[u8], StoreError> {
        match self.value(column)? {
            Value::Blob(value) => Ok(value),
            other => Err(mismatch(column, "Blob", other)),
        }
    }

    /// Bytes, or nothing.
    ///
    /// # Errors
    /// As [`Row::integer`].
    pub fn optional_blob(&self, column: &str) -> Result<Option<&[u8]>, StoreError> {
        match self.value(column)? {
            Value::Null => Ok(None),
            _ => self.blob(column).map(Some),
        }
    }

    pub(super) fn columns(&self) -> &[Box<str>] {
        &self.columns
    }

    pub(super) fn values(&self) -> &[Value] {
        &self.values
    }

    pub(super) fn value(&self, column: &str) -> Result<&Value, StoreError> {
        self.columns
            .iter()
            .position(|name| &**name == column)
            .map(|index| &self.values[index])
            .ok_or_else(|| StoreError::Defect(format!("no column {column}")))
    }
}

/// Postgres has no U+0000 in text. SQLite refuses it too, so that both engines answer alike.
pub(super) fn check_text(params: &[Value]) -> Result<(), StoreError> {
    let has_nul = |value: &Value| matches!(value, Value::Text(text) if text.contains('\0'));
    if params.iter().any(has_nul) { Err(StoreError::InvalidText) } else { Ok(()) }
}

fn mismatch(column: &str, wanted: &str, found: &Value) -> StoreError {
    StoreError::Defect(format!("column {column} is {}, not {wanted}", found.kind()))
}
