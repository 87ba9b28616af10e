//! Values and rows that both engines understand: integers and texts, nothing else.

use std::error::Error as StdError;
use std::str::FromStr;

use bytes::BytesMut;
use paddock_types::Timestamp;
use tokio_postgres::types::{IsNull, ToSql, Type, to_sql_checked};

use crate::StoreError;

/// One value of a statement or a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Value {
    /// SQL's NULL.
    Null,
    /// A BIGINT.
    Int(i64),
    /// A TEXT.
    Text(String),
}

impl Value {
    /// The spelling of anything that has one: ids, enums, names.
    pub(crate) fn spelled(value: impl ToString) -> Self {
        Self::Text(value.to_string())
    }
}

impl From<i64> for Value {
    fn from(value: i64) -> Self {
        Self::Int(value)
    }
}

impl From<u32> for Value {
    fn from(value: u32) -> Self {
        Self::Int(value.into())
    }
}

impl From<bool> for Value {
    fn from(value: bool) -> Self {
        Self::Int(value.into())
    }
}

impl From<Timestamp> for Value {
    fn from(value: Timestamp) -> Self {
        Self::Int(value.0)
    }
}

impl From<&str> for Value {
    fn from(value: &str) -> Self {
        Self::Text(value.to_owned())
    }
}

impl From<String> for Value {
    fn from(value: String) -> Self {
        Self::Text(value)
    }
}

impl<T: Into<Self>> From<Option<T>> for Value {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}

/// A count that the engines keep signed. Saturates: no count of ours comes near 2^63.
pub(crate) fn unsigned(value: u64) -> Value {
    Value::Int(i64::try_from(value).unwrap_or(i64::MAX))
}

impl ToSql for Value {
    fn to_sql(&self, ty: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn StdError + Sync + Send>> {
        match self {
            Self::Null => Ok(IsNull::Yes),
            Self::Int(value) => value.to_sql(ty, out),
            Self::Text(value) => value.as_str().to_sql(ty, out),
        }
    }

    fn accepts(ty: &Type) -> bool {
        // INT4 is left out on purpose: a statement whose parameter PostgreSQL takes for one is
        // written so that it says BIGINT.
        matches!(*ty, Type::INT8 | Type::TEXT | Type::VARCHAR)
    }

    to_sql_checked!();
}

/// One row of an answer, read from left to right.
#[derive(Debug)]
pub(crate) struct Row {
    values: std::vec::IntoIter<Value>,
}

impl Row {
    pub(crate) fn new(values: Vec<Value>) -> Self {
        Self { values: values.into_iter() }
    }

    fn next(&mut self, column: &'static str) -> Result<Value, StoreError> {
        self.values.next().ok_or(StoreError::Corrupt { column })
    }

    /// The next column, an integer.
    pub(crate) fn int(&mut self, column: &'static str) -> Result<i64, StoreError> {
        match self.next(column)? {
            Value::Int(value) => Ok(value),
            Value::Null | Value::Text(_) => Err(StoreError::Corrupt { column }),
        }
    }

    /// The next column, an integer of a narrower or unsigned type.
    pub(crate) fn number<T: TryFrom<i64>>(&mut self, column: &'static str) -> Result<T, StoreError> {
        T::try_from(self.int(column)?).map_err(|_| StoreError::Corrupt { column })
    }

    /// The next column, an integer or NULL.
    pub(crate) fn optional_int(&mut self, column: &'static str) -> Result<Option<i64>, StoreError> {
        match self.next(column)? {
            Value::Null => Ok(None),
            Value::Int(value) => Ok(Some(value)),
            Value::Text(_) => Err(StoreError::Corrupt { column }),
        }
    }

    /// The next column, a truth value.
    pub(crate) fn flag(&mut self, column: &'static str) -> Result<bool, StoreError> {
        Ok(self.int(column)? != 0)
    }

    /// The next column, a time.
    pub(crate) fn time(&mut self, column: &'static str) -> Result<Timestamp, StoreError> {
        self.int(column).map(Timestamp)
    }

    /// The next column, a time or NULL.
    pub(crate) fn optional_time(&mut self, column: &'static str) -> Result<Option<Timestamp>, StoreError> {
        Ok(self.optional_int(column)?.map(Timestamp))
    }

    /// The next column, a text.
    pub(crate) fn text(&mut self, column: &'static str) -> Result<String, StoreError> {
        match self.next(column)? {
            Value::Text(value) => Ok(value),
            Value::Null | Value::Int(_) => Err(StoreError::Corrupt { column }),
        }
    }

    /// The next column, a text or NULL.
    pub(crate) fn optional_text(&mut self, column: &'static str) -> Result<Option<String>, StoreError> {
        match self.next(column)? {
            Value::Null => Ok(None),
            Value::Text(value) => Ok(Some(value)),
            Value::Int(_) => Err(StoreError::Corrupt { column }),
        }
    }

    /// The next column, a text that spells a value.
    pub(crate) fn parse<T: FromStr>(&mut self, column: &'static str) -> Result<T, StoreError> {
        self.text(column)?.parse().map_err(|_| StoreError::Corrupt { column })
    }

    /// The next column, a text that spells a value, or NULL.
    pub(crate) fn optional_parse<T: FromStr>(
        &mut self,
        column: &'static str,
    ) -> Result<Option<T>, StoreError> {
        match self.optional_text(column)? {
            None => Ok(None),
            Some(text) => text.parse().map(Some).map_err(|_| StoreError::Corrupt { column }),
        }
    }
}
