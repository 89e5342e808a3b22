//! Request methods.

/// Declares the methods once: the enum, parsing and printing come from the same list.
macro_rules! methods {
    ($($variant:ident = $name:literal,)+) => {
        /// A request method. Methods are case-sensitive (RFC 9110 section 9.1).
        ///
        /// The list is the one that Envoy's HTTP/1.1 codec admits, and `QUERY`.
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
        pub enum Method {
            $(#[doc = concat!("`", $name, "`")] $variant,)+
            /// Another token; only with [`RequestOptions::allow_custom_methods`](crate::RequestOptions).
            #[default]
            Custom,
        }

        impl Method {
            /// The method with exactly this name, [`Method::Custom`] when none of the list has it.
            #[must_use]
            pub fn from_bytes(name: &[u8]) -> Self {
                // The match compiles to comparisons by length first; GET and POST need no more.
                match name {
                    b"GET" => Self::Get,
                    b"POST" => Self::Post,
                    $(name if name == $name.as_bytes() => Self::$variant,)+
                    _ => Self::Custom,
                }
            }

            /// The name as it is sent; empty for [`Method::Custom`], whose name is only in the request's bytes.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)+
                    Self::Custom => "",
                }
            }
        }
    };
}

methods! {
    Get = "GET",
    Head = "HEAD",
    Post = "POST",
    Put = "PUT",
    Delete = "DELETE",
    Connect = "CONNECT",
    Options = "OPTIONS",
    Trace = "TRACE",
    Patch = "PATCH",
    Acl = "ACL",
    Bind = "BIND",
    Checkout = "CHECKOUT",
    Copy = "COPY",
    Link = "LINK",
    Lock = "LOCK",
    Merge = "MERGE",
    MkActivity = "MKACTIVITY",
    MkCalendar = "MKCALENDAR",
    MkCol = "MKCOL",
    Move = "MOVE",
    MSearch = "MSEARCH",
    Notify = "NOTIFY",
    PropFind = "PROPFIND",
    PropPatch = "PROPPATCH",
    Purge = "PURGE",
    Query = "QUERY",
    Rebind = "REBIND",
    Report = "REPORT",
    Search = "SEARCH",
    Source = "SOURCE",
    Subscribe = "SUBSCRIBE",
    Unbind = "UNBIND",
    Unlink = "UNLINK",
    Unlock = "UNLOCK",
    Unsubscribe = "UNSUBSCRIBE",
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_exact() {
        for method in [Method::Get, Method::MSearch, Method::PropPatch, Method::Query, Method::Connect] {
            assert_eq!(Method::from_bytes(method.name().as_bytes()), method);
        }
        for other in ["get", "GETX", "", "M-SEARCH", "FOO"] {
            assert_eq!(Method::from_bytes(other.as_bytes()), Method::Custom, "{other}");
        }
    }
}
