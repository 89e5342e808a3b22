//! Choosing one of several: weighted clusters and endpoints.
