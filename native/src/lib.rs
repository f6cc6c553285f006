//! The packet path of meshnode in Rust: identical in behaviour to `meshproto.forwarding`.

pub mod congestion;
pub mod core;
pub mod counters;
#[cfg(target_os = "linux")]
pub mod engine;
pub mod errors;
pub mod ice;
pub mod srtp;
pub mod stun;
pub mod wire;

#[cfg(feature = "python")]
mod py;

#[cfg(feature = "python")]
use pyo3::prelude::*;

/// `meshnode._native`: the plane for Python, and the parts that tests compare.
#[cfg(feature = "python")]
#[pymodule]
fn _native(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add("__version__", env!("CARGO_PKG_VERSION"))?;
    #[cfg(target_os = "linux")]
    {
        py::plane::register(module)?;
        py::copying::register(module)?;
        py::links::register(module)?;
    }
    py::descriptor::register(module)?;
    py::congestion::register(module)?;
    py::forwarder::register(module)?;
    py::srtp::register(module)?;
    py::stun::register(module)?;
    py::ice::register(module)?;
    py::wire::register(module)
}
