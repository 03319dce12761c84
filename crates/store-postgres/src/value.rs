//! What is sent with a statement: values that own what they hold, so that they can wait in a queue.
//!
//! A value never shows itself, because the driver writes the values of a statement into its debug log.

use std::{error::Error, fmt};

use bytes::BytesMut;
use tokio_postgres::types::{IsNull, ToSql, Type};

/// One value, in one of the few types that the schema has.
#[derive(Clone, PartialEq)]
pub(crate) enum Value {
    Null,
    Truth(bool),
    Number(i64),
    Text(String),
    Bytes(Vec<u8>),
    Texts(Vec<String>),
    ManyBytes(Vec<Vec<u8>>),
}

impl Value {
    /// Whether the database takes it: its texts hold every character but NUL.
    pub(crate) fn is_storable(&self) -> bool {
        match self {
            Self::Text(text) => !text.contains('\0'),
            Self::Texts(texts) => texts.iter().all(|text| !text.contains('\0')),
            Self::Null | Self::Truth(_) | Self::Number(_) | Self::Bytes(_) | Self::ManyBytes(_) => true,
        }
    }
}

impl fmt::Debug for Value {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("..")
    }
}

impl ToSql for Value {
    fn to_sql(&self, of: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn Error + Sync + Send>> {
        match self {
            Self::Null => Ok(IsNull::Yes),
            Self::Truth(value) => value.to_sql_checked(of, out),
            Self::Number(value) => value.to_sql_checked(of, out),
            Self::Text(value) => value.to_sql_checked(of, out),
            Self::Bytes(value) => value.to_sql_checked(of, out),
            Self::Texts(value) => value.to_sql_checked(of, out),
            Self::ManyBytes(value) => value.to_sql_checked(of, out),
        }
    }

    /// Each variant checks the type itself.
    fn accepts(_: &Type) -> bool {
        true
    }

    fn to_sql_checked(&self, of: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn Error + Sync + Send>> {
        self.to_sql(of, out)
    }
}

impl From<bool> for Value {
    fn from(value: bool) -> Self {
        Self::Truth(value)
    }
}

impl From<i64> for Value {
    fn from(value: i64) -> Self {
        Self::Number(value)
    }
}

impl From<u32> for Value {
    fn from(value: u32) -> Self {
        Self::Number(value.into())
    }
}

impl From<u16> for Value {
    fn from(value: u16) -> Self {
        Self::Number(value.into())
    }
}

impl From<u8> for Value {
    fn from(value: u8) -> Self {
        Self::Number(value.into())
    }
}

/// A limit as SQL takes it.
impl From<usize> for Value {
    fn from(value: usize) -> Self {
        Self::Number(i64::try_from(value).unwrap_or(i64::MAX))
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
        Self::Bytes(value.to_vec())
    }
}

impl From<&Vec<u8>> for Value {
    fn from(value: &Vec<u8>) -> Self {
        Self::Bytes(value.clone())
    }
}

impl<const N: usize> From<&[u8; N]> for Value {
    fn from(value: &[u8; N]) -> Self {
        Self::Bytes(value.to_vec())
    }
}

impl<const N: usize> From<&[[u8; N]]> for Value {
    fn from(values: &[[u8; N]]) -> Self {
        Self::ManyBytes(values.iter().map(|value| value.to_vec()).collect())
    }
}

impl<T: Into<Self>> From<Option<T>> for Value {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}

/// Values, each made of something else.
macro_rules! values {
    ($($value:expr),* $(,)?) => { vec![$($crate::value::Value::from($value)),*] };
}

pub(crate) use values;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_shows_nothing() {
        assert_eq!(format!("{:?}", values!["secret", Some(7_i64), &[1_u8; 4]]), "[.., .., ..]");
    }

    #[test]
    fn a_text_with_nul_is_not_storable() {
        for (value, expected) in [("", true), ("a\u{1}b", true), ("\0", false), ("a\0b", false)] {
            assert_eq!(Value::from(value).is_storable(), expected, "{value:?}");
            assert_eq!(Value::Texts(vec!["a".into(), value.into()]).is_storable(), expected, "{value:?}");
        }
        assert!(Value::from(&[0_u8; 4]).is_storable());
    }
}
