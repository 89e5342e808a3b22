//! The key beside the store, under which confidential bodies are encrypted.
//!
//! `store.key` has one line per key, `ID BASE64`: the first is in use, the others only open what was sealed before. The
//! identifier is made from the key, so that a key that was changed is noticed at once.

use std::fmt;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use aws_lc_rs::aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey};
use aws_lc_rs::digest;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

#[cfg(test)]
mod tests;

/// The file's name in the data folder.
pub(crate) const FILE: &str = "store.key";

/// How much longer than its text a sealed body is, in bytes.
pub(crate) const TAG: usize = 16;

const LENGTH: usize = 32;
const HEADER: &str =
    "# The key of this Meridian store. Without it the Secrets in the store are lost: keep a copy, and keep it secret.";

/// The keys of a store.
pub(crate) struct Keyring {
    keys: Vec<StoreKey>,
}

/// One key.
pub(crate) struct StoreKey {
    id: u64,
    bytes: [u8; LENGTH],
    cipher: RandomizedNonceKey,
}

/// Says which keys there are, never what they are.
impl fmt::Debug for Keyring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.keys.iter().map(|key| format!("{:016x}", key.id))).finish()
    }
}

impl StoreKey {
    fn new(bytes: [u8; LENGTH]) -> Result<StoreKey, &'static str> {
        let cipher = RandomizedNonceKey::new(&AES_256_GCM, &bytes).map_err(|_| "the cipher refuses the key")?;
        let mut id = [0; 8];
        let named = [&b"meridian store key "[..], &bytes[..]].concat();
        id.copy_from_slice(&digest::digest(&digest::SHA256, &named).as_ref()[..8]);
        Ok(StoreKey { id: u64::from_be_bytes(id), bytes, cipher })
    }

    /// A key that nobody knows.
    fn random() -> Result<StoreKey, &'static str> {
        let mut bytes = [0; LENGTH];
        aws_lc_rs::rand::fill(&mut bytes).map_err(|_| "the system gives no random numbers")?;
        StoreKey::new(bytes)
    }

    /// Decrypts in place; the length of the text, or nothing when it is not what was sealed.
    pub(crate) fn open(&self, nonce: [u8; NONCE_LEN], associated: &[u8], sealed: &mut [u8]) -> Option<usize> {
        let nonce = Nonce::assume_unique_for_key(nonce);
        self.cipher.open_in_place(nonce, Aad::from(associated), sealed).ok().map(|plain| plain.len())
    }
}

impl Keyring {
    /// One new key.
    ///
    /// # Errors
    /// The system gives no random numbers.
    pub(crate) fn generate() -> Result<Keyring, &'static str> {
        Ok(Keyring { keys: vec![StoreKey::random()?] })
    }

    /// A keyring that opens nothing, for reading what is not sealed.
    pub(crate) fn empty() -> Keyring {
        Keyring { keys: Vec::new() }
    }

    /// A new key in use, and the old ones for reading.
    ///
    /// # Errors
    /// As [`Keyring::generate`].
    pub(crate) fn rotated(self) -> Result<Keyring, &'static str> {
        let mut keys = vec![StoreKey::random()?];
        keys.extend(self.keys);
        Ok(Keyring { keys })
    }

    /// Whether there are keys beside the one in use.
    pub(crate) fn has_old(&self) -> bool {
        self.keys.len() > 1
    }

    /// Keeps only the key in use.
    pub(crate) fn forget_old(&mut self) {
        self.keys.truncate(1);
    }

    /// The identifier of the key in use; 0 when there is none.
    pub(crate) fn active(&self) -> u64 {
        self.keys.first().map_or(0, |key| key.id)
    }

    /// The key of that identifier.
    pub(crate) fn opener(&self, id: u64) -> Option<&StoreKey> {
        self.keys.iter().find(|key| key.id == id)
    }

    /// Encrypts in place, appends the tag, and returns the nonce.
    ///
    /// # Errors
    /// There is no key.
    pub(crate) fn seal(&self, associated: &[u8], body: &mut Vec<u8>) -> Result<[u8; NONCE_LEN], &'static str> {
        let key = self.keys.first().ok_or("there is no key to encrypt with")?;
        let nonce =
            key.cipher.seal_in_place_append_tag(Aad::from(associated), body).map_err(|_| "the cipher refuses")?;
        Ok(*nonce.as_ref())
    }

    /// Reads the key file of a folder; nothing when there is none. A file that others may read is closed to them.
    ///
    /// # Errors
    /// It cannot be read, or does not hold keys ([`io::ErrorKind::InvalidData`]). Says the line, never its content.
    pub(crate) fn read(dir: &Path) -> io::Result<Option<Keyring>> {
        let path = dir.join(FILE);
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(e) => return Err(e),
        };
        let mode = fs::metadata(&path)?.permissions().mode() & 0o777;
        if mode & 0o077 != 0 {
            fs::set_permissions(&path, fs::Permissions::from_mode(0o600))?;
            let (file, mode) = (path.display(), format!("{mode:04o}"));
            tracing::warn!(%file, mode, "others could read the store's key; its mode is 0600 now");
        }
        parse(&text).map(Some)
    }

    /// Writes the key file: a reader, or the next start after a loss of power, finds the old or the new one, whole.
    ///
    /// # Errors
    /// The disk's.
    pub(crate) fn write(&self, dir: &Path) -> io::Result<()> {
        let (path, new) = (path_in(dir), dir.join(format!("{FILE}.new")));
        let _ = fs::remove_file(&new);
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&new)?;
        let mut text = format!("{HEADER}\n");
        for key in &self.keys {
            text.push_str(&format!("{:016x} {}\n", key.id, STANDARD.encode(key.bytes)));
        }
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        fs::rename(&new, &path)?;
        File::open(dir)?.sync_all()
    }
}

/// Where the key of the store in `dir` is.
pub(crate) fn path_in(dir: &Path) -> PathBuf {
    dir.join(FILE)
}

fn parse(text: &str) -> io::Result<Keyring> {
    let mut keys = Vec::new();
    for (number, line) in text.lines().enumerate() {
        if line.starts_with('#') || line.trim().is_empty() {
            continue;
        }
        let wrong = |what: &str| io::Error::new(io::ErrorKind::InvalidData, format!("line {}: {what}", number + 1));
        let (id, key) = line.trim().split_once(' ').ok_or_else(|| wrong("it is not `ID KEY`"))?;
        let bytes = STANDARD.decode(key.trim()).map_err(|_| wrong("the key is not base64"))?;
        let bytes = <[u8; LENGTH]>::try_from(bytes).map_err(|_| wrong("the key does not have 32 bytes"))?;
        let key = StoreKey::new(bytes).map_err(wrong)?;
        if u64::from_str_radix(id, 16) != Ok(key.id) {
            return Err(wrong("the key is not the one that its identifier names"));
        }
        keys.push(key);
    }
    if keys.is_empty() {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "it holds no key"));
    }
    Ok(Keyring { keys })
}
