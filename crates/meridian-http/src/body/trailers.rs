//! Trailer fields, for a reader who wants them.

use crate::field::Fields;
use crate::line::{Lines, parse_field};
use crate::{HeadError, KnownHeader};

/// The fields of a trailer section.
#[derive(Clone, Debug, Default)]
pub struct Trailers {
    fields: Fields,
}

impl Trailers {
    /// Reads a section that was put together from [`BodyEvent::Trailers`](super::BodyEvent::Trailers), names in place
    /// to lower case. Fields that must not be trailers (RFC 9110 section 6.5.1) are taken out, without any effect.
    ///
    /// # Errors
    /// A line that is no field line; none in a section that the decoder let through.
    pub fn parse(&mut self, section: &mut [u8]) -> Result<(), HeadError> {
        self.fields.clear();
        let mut lines = Lines::default();
        while let Some(line) = lines.next(section, usize::MAX)? {
            if line.is_bare_lf() {
                return Err(HeadError::BareLf);
            }
            let field = parse_field(section, line)?;
            if !is_forbidden(field.known()) {
                self.fields.push(field);
            }
        }
        Ok(())
    }

    /// The fields; positions are in the section.
    #[must_use]
    pub const fn fields(&self) -> &Fields {
        &self.fields
    }
}

/// Fields for framing, routing, authentication and request control, and those that describe the content.
const fn is_forbidden(known: KnownHeader) -> bool {
    use KnownHeader as K;
    matches!(
        known,
        K::ContentLength
            | K::TransferEncoding
            | K::Trailer
            | K::Connection
            | K::KeepAlive
            | K::ProxyConnection
            | K::Upgrade
            | K::Te
            | K::Host
            | K::Forwarded
            | K::XForwardedFor
            | K::XForwardedHost
            | K::XForwardedProto
            | K::XForwardedPort
            | K::XForwardedClientCert
            | K::Authorization
            | K::ProxyAuthorization
            | K::ProxyAuthenticate
            | K::WwwAuthenticate
            | K::Cookie
            | K::SetCookie
            | K::CacheControl
            | K::Expect
            | K::MaxForwards
            | K::Pragma
            | K::Range
            | K::IfMatch
            | K::IfNoneMatch
            | K::IfModifiedSince
            | K::IfUnmodifiedSince
            | K::IfRange
            | K::Age
            | K::Date
            | K::Expires
            | K::Location
            | K::RetryAfter
            | K::Vary
            | K::ContentEncoding
            | K::ContentType
            | K::ContentRange
    )
}
