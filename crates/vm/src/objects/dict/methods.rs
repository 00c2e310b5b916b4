//! The methods and views of `dict`.
