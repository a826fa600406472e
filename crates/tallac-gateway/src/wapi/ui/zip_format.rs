//! The ZIP format as far as it is written here: entries one after the other, not compressed, with
//! checksums behind their content, so that nothing has to be known before it is sent (APPNOTE
//! 6.3.10). Sizes beyond 4 GiB are written in the ZIP64 way.

/// Checksums and sizes follow the content; names are UTF-8.
const FLAGS: u16 = 1 << 3 | 1 << 11;

/// Version of the format that a reader needs to know: 2.0, or 4.5 for ZIP64.
const VERSION: u16 = 20;
const VERSION_ZIP64: u16 = 45;

/// What stands for a number that is in a ZIP64 field.
const BEYOND: u32 = u32::MAX;

/// The first day that the format can say: 1 January 1980.
const DAY_ONE: u16 = (1 << 5) | 1;

/// Something that was packed, or will be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Entry {
    /// Its path, with slashes; one at the end of a folder's.
    pub(super) name: String,
    /// When it changed, in seconds of the clock.
    pub(super) modified: Option<i64>,
    /// Whether it may have 4 GiB or more.
    pub(super) is_large: bool,
}

/// What is known of an entry once it was packed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Packed {
    /// Checksum of the content.
    pub(super) crc: u32,
    /// Bytes of it.
    pub(super) size: u64,
}

/// What is written at the end.
#[derive(Debug, Default)]
pub(super) struct Archive {
    /// Bytes that were written so far.
    written: u64,
    /// Bytes of the list of entries, and how many there are in it.
    list: Vec<u8>,
    entries: u64,
    /// Where the entry begins that is being written.
    begun: u64,
}

impl Archive {
    /// How many entries there are.
    pub(super) const fn entries(&self) -> u64 {
        self.entries
    }

    /// What goes before the content of an entry.
    pub(super) fn begin(&mut self, entry: &Entry) -> Vec<u8> {
        self.begun = self.written;
        let (time, day) = dos_time(entry.modified);
        let mut out = Vec::with_capacity(64 + entry.name.len());
        put32(&mut out, 0x0403_4b50);
        put16(&mut out, if entry.is_large { VERSION_ZIP64 } else { VERSION });
        put16(&mut out, FLAGS);
        put16(&mut out, 0);
        put16(&mut out, time);
        put16(&mut out, day);
        put32(&mut out, 0);
        let size = if entry.is_large { BEYOND } else { 0 };
        put32(&mut out, size);
        put32(&mut out, size);
        put16(&mut out, name_len(&entry.name));
        put16(&mut out, if entry.is_large { 20 } else { 0 });
        out.extend_from_slice(entry.name.as_bytes());
        if entry.is_large {
            put16(&mut out, 1);
            put16(&mut out, 16);
            put64(&mut out, 0);
            put64(&mut out, 0);
        }
        self.written += out.len() as u64;
        out
    }

    /// What goes behind the content of an entry.
    pub(super) fn end(&mut self, entry: &Entry, packed: Packed) -> Vec<u8> {
        let Packed { crc, size } = packed;
        let mut out = Vec::with_capacity(24);
        put32(&mut out, 0x0807_4b50);
        put32(&mut out, crc);
        match entry.is_large {
            true => {
                put64(&mut out, size);
                put64(&mut out, size);
            }
            false => {
                put32(&mut out, short(size));
                put32(&mut out, short(size));
            }
        }
        self.written += size + out.len() as u64;
        self.add(entry, packed);
        out
    }

    fn add(&mut self, entry: &Entry, packed: Packed) {
        let (time, day) = dos_time(entry.modified);
        let mut more = Vec::new();
        let is_large = entry.is_large || packed.size >= BEYOND.into();
        if is_large {
            put64(&mut more, packed.size);
            put64(&mut more, packed.size);
        }
        if self.begun >= BEYOND.into() {
            put64(&mut more, self.begun);
        }
        let out = &mut self.list;
        put32(out, 0x0201_4b50);
        // Made on Unix, so that the modes below count.
        put16(out, 3 << 8 | VERSION_ZIP64);
        put16(out, if more.is_empty() { VERSION } else { VERSION_ZIP64 });
        put16(out, FLAGS);
        put16(out, 0);
        put16(out, time);
        put16(out, day);
        put32(out, packed.crc);
        let size = if is_large { BEYOND } else { short(packed.size) };
        put32(out, size);
        put32(out, size);
        put16(out, name_len(&entry.name));
        put16(out, if more.is_empty() { 0 } else { 4 + name_len_of(more.len()) });
        put16(out, 0);
        put16(out, 0);
        put16(out, 0);
        let is_folder = entry.name.ends_with('/');
        put32(out, if is_folder { 0o40755 << 16 | 1 << 4 } else { 0o100_644 << 16 });
        put32(out, short(self.begun));
        out.extend_from_slice(entry.name.as_bytes());
        if !more.is_empty() {
            put16(out, 1);
            put16(out, name_len_of(more.len()));
            out.extend_from_slice(&more);
        }
        self.entries += 1;
    }

    /// What goes behind everything.
    pub(super) fn finish(self) -> Vec<u8> {
        let (at, len, entries) = (self.written, self.list.len() as u64, self.entries);
        let mut out = self.list;
        let is_large = at >= BEYOND.into() || len >= BEYOND.into() || entries >= u16::MAX.into();
        if is_large {
            put32(&mut out, 0x0606_4b50);
            put64(&mut out, 44);
            put16(&mut out, VERSION_ZIP64);
            put16(&mut out, VERSION_ZIP64);
            put64(&mut out, 0);
            put64(&mut out, entries);
            put64(&mut out, entries);
            put64(&mut out, len);
            put64(&mut out, at);
            put32(&mut out, 0x0706_4b50);
            put32(&mut out, 0);
            put64(&mut out, at + len);
            put32(&mut out, 1);
        }
        put32(&mut out, 0x0605_4b50);
        put32(&mut out, 0);
        let count = if is_large { u16::MAX } else { u16::try_from(entries).unwrap_or(u16::MAX) };
        put16(&mut out, count);
        put16(&mut out, count);
        put32(&mut out, if is_large { BEYOND } else { short(len) });
        put32(&mut out, if is_large { BEYOND } else { short(at) });
        put16(&mut out, 0);
        out
    }
}

fn put16(out: &mut Vec<u8>, value: u16) {
    out.extend(value.to_le_bytes());
}

fn put32(out: &mut Vec<u8>, value: u32) {
    out.extend(value.to_le_bytes());
}

fn put64(out: &mut Vec<u8>, value: u64) {
    out.extend(value.to_le_bytes());
}

/// The number, or what stands for a larger one.
fn short(value: u64) -> u32 {
    u32::try_from(value).unwrap_or(BEYOND)
}

/// Names are cut before they come here.
fn name_len(name: &str) -> u16 {
    name_len_of(name.len())
}

fn name_len_of(len: usize) -> u16 {
    u16::try_from(len).unwrap_or(u16::MAX)
}

/// A time as the format has it: to two seconds, from 1980 to 2107.
fn dos_time(seconds: Option<i64>) -> (u16, u16) {
    let time = seconds.and_then(|seconds| jiff::Timestamp::from_second(seconds).ok());
    let Some(time) = time.map(|time| jiff::tz::Offset::UTC.to_datetime(time)) else {
        return (0, DAY_ONE);
    };
    let Some(year) = u16::try_from(time.year()).ok().and_then(|year| year.checked_sub(1980)) else {
        return (0, DAY_ONE);
    };
    let part = |part: i8| u16::from(part.unsigned_abs());
    let clock = part(time.hour()) << 11 | part(time.minute()) << 5 | (part(time.second()) / 2);
    (clock, year.min(127) << 9 | part(time.month()) << 5 | part(time.day()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn archive(entries: &[(&str, &[u8], bool)]) -> Vec<u8> {
        let (mut archive, mut out) = (Archive::default(), Vec::new());
        for (name, content, is_large) in entries {
            let modified = Some(1_700_000_000);
            let entry = Entry { name: (*name).to_owned(), modified, is_large: *is_large };
            out.extend(archive.begin(&entry));
            out.extend(*content);
            let packed = Packed { crc: crc32fast::hash(content), size: content.len() as u64 };
            out.extend(archive.end(&entry, packed));
        }
        out.extend(archive.finish());
        out
    }

    #[test]
    fn the_list_at_the_end_finds_every_entry() {
        let out = archive(&[("a/", b"", false), ("a/é.txt", b"hello", false), ("b", b"x", true)]);
        let end = out.len() - 22;
        assert_eq!(out[end..end + 4], 0x0605_4b50_u32.to_le_bytes());
        assert_eq!(out[end + 8], 3);
        let at = u32::from_le_bytes(out[end + 16..end + 20].try_into().unwrap()) as usize;
        let mut list = &out[at..end];
        let mut names = Vec::new();
        while list.len() > 46 {
            let begun = u32::from_le_bytes(list[42..46].try_into().unwrap()) as usize;
            assert_eq!(out[begun..begun + 4], 0x0403_4b50_u32.to_le_bytes());
            let len = usize::from(u16::from_le_bytes([list[28], list[29]]));
            let more = usize::from(u16::from_le_bytes([list[30], list[31]]));
            names.push(String::from_utf8(list[46..46 + len].to_vec()).unwrap());
            list = &list[46 + len + more..];
        }
        assert_eq!(names, ["a/", "a/é.txt", "b"]);
    }

    #[test]
    fn many_entries_are_counted_in_the_large_way() {
        let mut archive = Archive::default();
        let entry = Entry { name: "x".to_owned(), modified: None, is_large: false };
        for _ in 0..70_000 {
            archive.begin(&entry);
            archive.end(&entry, Packed::default());
        }
        let end = archive.finish();
        let large = &end[end.len() - 22 - 20 - 56..];
        assert_eq!(large[..4], 0x0606_4b50_u32.to_le_bytes());
        assert_eq!(large[24..32], 70_000_u64.to_le_bytes());
    }

    #[test]
    fn times_are_those_of_the_format() {
        assert_eq!(dos_time(None), (0, DAY_ONE));
        assert_eq!(dos_time(Some(0)), (0, DAY_ONE));
        // 2023-11-14 22:13:20
        assert_eq!(
            dos_time(Some(1_700_000_000)),
            (22 << 11 | 13 << 5 | 10, 43 << 9 | 11 << 5 | 14)
        );
    }
}
