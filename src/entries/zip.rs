//! The door check of zips: lists one and holds every path, type and size in it to what may be unpacked,
//! in bounded memory.

mod names;

use std::fs::File;
use std::io::{self, Read, Write};

use flate2::read::DeflateDecoder;
use rawzip::{
    CompressionMethod, ErrorKind, FileReader, RECOMMENDED_BUFFER_SIZE, ZipArchive,
    ZipArchiveEntryWayfinder, ZipFileHeaderRecord,
};

use super::rejection::{Rejection, RejectionCode, clean};
use crate::domain::units::Bytes;
use names::Names;

/// Files and folders in a bundle.
pub const ENTRIES_MAX: usize = 4096;
/// All files of a bundle, unpacked.
pub const UNPACKED_MAX: Bytes = Bytes::from_mib(512);
/// Deflate can do a thousandfold, which code and weights never do.
const EXPANSION_MAX: u64 = 100;
/// A bundle of this size is never a bomb.
const HARMLESS: u64 = 1 << 20;
/// What a small file may take more when it is packed.
const PACKED_EXTRA: u64 = 64 << 10;

/// Tells the participant's fault from ours.
pub fn outcome<T>(result: Result<T, Stop>) -> io::Result<Result<T, Rejection>> {
    match result {
        Ok(value) => Ok(Ok(value)),
        Err(Stop::Rejected(rejection)) => Ok(Err(rejection)),
        Err(Stop::Io(error)) => Err(error),
    }
}

/// Why reading ended early: through the file's fault, or through ours.
pub enum Stop {
    Rejected(Rejection),
    Io(io::Error),
}

impl From<io::Error> for Stop {
    fn from(error: io::Error) -> Stop {
        Stop::Io(error)
    }
}

impl From<Rejection> for Stop {
    fn from(rejection: Rejection) -> Stop {
        Stop::Rejected(rejection)
    }
}

impl From<rawzip::Error> for Stop {
    fn from(error: rawzip::Error) -> Stop {
        let what = match error.kind() {
            ErrorKind::IO(error) if is_ours(error) => {
                return Stop::Io(io::Error::other(error.to_string()));
            }
            ErrorKind::MissingEndOfCentralDirectory => {
                "its table of contents, at its end, is missing"
            }
            ErrorKind::InvalidChecksum { .. } => "a file in it is not what its checksum says",
            ErrorKind::InvalidSize { .. } => "a file in it is not as long as it says",
            ErrorKind::IO(_) | ErrorKind::Eof => "it ends too early",
            _ => "its table of contents does not fit",
        };
        invalid(what).into()
    }
}

/// Whether the disk failed. A place beyond what any file can have, which a zip may name, is no valid
/// argument to the system.
fn is_ours(error: &io::Error) -> bool {
    !matches!(
        error.kind(),
        io::ErrorKind::UnexpectedEof | io::ErrorKind::InvalidInput
    )
}

fn invalid(what: &str) -> Rejection {
    RejectionCode::ZipInvalid.because(format!(
        "The file is no whole zip archive: {what}. It may have been cut off or damaged on its way; \
         zip the files again and upload it once more."
    ))
}

/// One file of a bundle.
pub struct Member {
    /// Below the bundle's top.
    pub path: String,
    pub size: u64,
    way: ZipArchiveEntryWayfinder,
    is_deflated: bool,
}

/// A zip whose list passed all checks.
pub struct Bundle {
    archive: ZipArchive<FileReader>,
    pub members: Vec<Member>,
}

impl Bundle {
    /// Reads its list, and refuses what must not be unpacked.
    pub fn open(file: File, size: Bytes) -> Result<Bundle, Stop> {
        let mut buffer = vec![0; RECOMMENDED_BUFFER_SIZE];
        let archive = ZipArchive::from_file(file, &mut buffer)?;
        if archive.entries_hint() > ENTRIES_MAX as u64 {
            return Err(too_many(archive.entries_hint()).into());
        }
        let unpacked_max = (size.as_u64() * EXPANSION_MAX).clamp(HARMLESS, UNPACKED_MAX.as_u64());
        let mut names = Names::default();
        let mut members = Vec::new();
        let (mut unpacked, mut packed) = (0u64, 0u64);
        let mut listed = 0;
        let mut entries = archive.entries(&mut buffer);
        while let Some(entry) = entries.next_entry()? {
            listed += 1;
            if listed > ENTRIES_MAX {
                return Err(too_many(listed as u64).into());
            }
            let path = names.add(entry.file_path().as_bytes(), is_folder(&entry))?;
            check_type(&entry, &path)?;
            unpacked = unpacked.saturating_add(entry.uncompressed_size_hint());
            if unpacked > unpacked_max {
                return Err(too_large(Bytes::new(unpacked_max)).into());
            }
            // What is stored as it is takes as much, and what deflates badly hardly more; the rest
            // would only keep the door busy.
            let unpacked_size = entry.uncompressed_size_hint();
            if entry.compressed_size_hint() > unpacked_size + unpacked_size / 64 + PACKED_EXTRA {
                return Err(invalid("a file in it is larger packed than unpacked").into());
            }
            // Files that share bytes would be read over and over.
            packed = packed.saturating_add(entry.compressed_size_hint());
            if packed > size.as_u64() {
                return Err(
                    invalid("its files are larger than the archive, so they overlap").into(),
                );
            }
            let is_deflated = check_method(&entry, &path)?;
            if !is_folder(&entry) && !names::is_litter(&path) {
                members.push(Member {
                    path,
                    size: entry.uncompressed_size_hint(),
                    way: entry.wayfinder(),
                    is_deflated,
                });
            }
        }
        names::unwrap(&mut members);
        Ok(Bundle { archive, members })
    }

    /// Writes a file's bytes, which must be as many as were listed and of the right checksum.
    pub fn read(&self, member: &Member, into: &mut impl Write) -> Result<(), Stop> {
        let entry = self.archive.get_entry(member.way)?;
        let copied = if member.is_deflated {
            copy(
                entry.verifying_reader(DeflateDecoder::new(entry.reader())),
                member.size,
                into,
            )
        } else {
            copy(entry.verifying_reader(entry.reader()), member.size, into)
        };
        copied.map_err(|fault| match fault {
            CopyFault::Write(error) => Stop::Io(error),
            CopyFault::Read(error) => match error.raw_os_error() {
                Some(_) if is_ours(&error) => Stop::Io(error),
                Some(_) | None => invalid(&format!(
                    "`{}` in it is damaged, or not as long as it says",
                    clean(member.path.as_bytes())
                ))
                .into(),
            },
        })
    }
}

enum CopyFault {
    Read(io::Error),
    Write(io::Error),
}

/// Copies `size` bytes, and sees to it that they were all.
fn copy(mut from: impl Read, size: u64, into: &mut impl Write) -> Result<(), CopyFault> {
    let mut buffer = vec![0; 64 << 10];
    let mut total = 0;
    loop {
        let read = from.read(&mut buffer).map_err(CopyFault::Read)?;
        total += read as u64;
        if total > size || (read == 0 && total < size) {
            return Err(CopyFault::Read(io::ErrorKind::InvalidData.into()));
        }
        if read == 0 {
            return Ok(());
        }
        into.write_all(&buffer[..read]).map_err(CopyFault::Write)?;
    }
}

fn is_folder(entry: &ZipFileHeaderRecord<'_>) -> bool {
    entry.is_dir()
}

/// Only plain files and folders: a link would lead out of the bundle.
fn check_type(entry: &ZipFileHeaderRecord<'_>, path: &str) -> Result<(), Rejection> {
    const TYPE: u32 = 0o170_000;
    const FILE: u32 = 0o100_000;
    const FOLDER: u32 = 0o040_000;
    // The upper half is what Unix keeps; archives made elsewhere have zeros there.
    let kind = (entry.external_attributes() >> 16) & TYPE;
    if matches!(kind, 0 | FILE | FOLDER) {
        return Ok(());
    }
    Err(RejectionCode::ZipLink.because(format!(
        "`{}` in the zip is a link or a device. Only plain files and folders can be in it; put a copy \
         of the file in its place.",
        clean(path.as_bytes())
    )))
}

/// Whether it is deflated, else it is stored as it is.
fn check_method(entry: &ZipFileHeaderRecord<'_>, path: &str) -> Result<bool, Rejection> {
    if entry.flags().is_encrypted() || entry.flags().has_strong_encryption() {
        return Err(RejectionCode::ZipEncrypted.because(format!(
            "`{}` in the zip is encrypted. Zip the files again without a password.",
            clean(path.as_bytes())
        )));
    }
    match entry.compression_method() {
        CompressionMethod::STORE => Ok(false),
        CompressionMethod::DEFLATE => Ok(true),
        _ => Err(RejectionCode::ZipInvalid.because(format!(
            "`{}` in the zip is compressed in a way that is not supported. Zip the files with the \
             usual method, deflate.",
            clean(path.as_bytes())
        ))),
    }
}

fn too_many(entries: u64) -> Rejection {
    RejectionCode::ZipTooLarge.because(format!(
        "The zip lists {entries} files and folders or more; at most {ENTRIES_MAX} are taken. Pack many \
         small files into one, such as an .npz."
    ))
}

fn too_large(limit: Bytes) -> Rejection {
    RejectionCode::ZipTooLarge.because(format!(
        "Unpacked, the zip is larger than {limit}, which is the most for a file of its size. Leave out \
         what is not needed."
    ))
}
