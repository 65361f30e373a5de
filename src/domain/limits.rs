//! What a submission may use while it runs.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::units::Bytes;

/// The limits of one sandboxed run. The kernel enforces every one of them; none is advice.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Limits {
    /// Wall time from the go byte to the last process's end; the whole tree is killed then.
    #[serde(with = "whole_seconds", rename = "time_s")]
    pub time: Duration,
    /// Wall time until a function's code is imported and loaded; the limit of the whole run holds,
    /// too.
    #[serde(with = "whole_seconds", rename = "start_up_s")]
    pub start_up: Duration,
    /// Wall time of each call of a function but the first.
    #[serde(with = "seconds", rename = "batch_s")]
    pub batch: Option<Duration>,
    /// Memory of the whole tree, page cache and tmpfs included; there is no swap beyond it.
    #[serde(with = "mebibytes", rename = "memory_mib")]
    pub memory: Bytes,
    /// Processes and threads together.
    pub processes: u32,
    /// Size of the CPU set.
    pub cpus: u32,
    /// All that lies in the output folder at any moment.
    #[serde(with = "mebibytes", rename = "output_mib")]
    pub output: Bytes,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            time: Duration::from_secs(120),
            start_up: Duration::from_secs(60),
            batch: None,
            memory: Bytes::from_mib(2048),
            processes: 64,
            cpus: 1,
            output: Bytes::from_mib(64),
        }
    }
}

mod whole_seconds {
    use std::time::Duration;

    use serde::{Deserialize, Deserializer, Serializer};

    pub fn serialize<S: Serializer>(time: &Duration, s: S) -> Result<S::Ok, S::Error> {
        s.serialize_u64(time.as_secs())
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(d: D) -> Result<Duration, D::Error> {
        u64::deserialize(d).map(Duration::from_secs)
    }
}

mod seconds {
    use std::time::Duration;

    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub fn serialize<S: Serializer>(time: &Option<Duration>, s: S) -> Result<S::Ok, S::Error> {
        time.map(|time| time.as_secs_f64()).serialize(s)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(d: D) -> Result<Option<Duration>, D::Error> {
        let seconds = Option::<f64>::deserialize(d)?;
        // What is no time becomes none at all, which the rules of competitions refuse.
        Ok(seconds.map(|seconds| Duration::try_from_secs_f64(seconds).unwrap_or_default()))
    }
}

mod mebibytes {
    use serde::{Deserialize, Deserializer, Serializer};

    use super::Bytes;

    pub fn serialize<S: Serializer>(bytes: &Bytes, s: S) -> Result<S::Ok, S::Error> {
        s.serialize_u64(bytes.as_u64() >> 20)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(d: D) -> Result<Bytes, D::Error> {
        u64::deserialize(d).map(Bytes::from_mib)
    }
}
