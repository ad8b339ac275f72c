//! Whether content is what `disk_format` says, as `oslo_utils.imageutils.format_inspector` sees it.
//!
//! `store` feeds it the beginning of an upload; `upload` asks for the verdict at the end.

/// How much of the beginning is looked at: an ISO's descriptor is farthest in.
const HEAD_BYTES: usize = (32 << 10) + (2 << 10);
/// Shorter heads are of no format at all.
const HEADER: usize = 512;

/// Formats that can be told by their content; only these must match.
const INSPECTABLE: [&str; 10] = [
    "raw", "qcow2", "vhd", "vhdx", "vmdk", "vdi", "qed", "iso", "gpt", "luks",
];

/// Collects the beginning of a stream and its length.
#[derive(Debug, Default)]
pub(super) struct Inspector {
    head: Vec<u8>,
    length: u64,
}

impl Inspector {
    /// Takes the next bytes of the stream.
    pub(super) fn feed(&mut self, bytes: &[u8]) {
        self.length += bytes.len() as u64;
        let missing = HEAD_BYTES - self.head.len();
        self.head
            .extend_from_slice(&bytes[..bytes.len().min(missing)]);
    }

    /// The virtual size in bytes where it can be told; why the content is refused otherwise.
    ///
    /// `disk_format` is the image's, whose container format is `bare`.
    pub(super) fn verdict(&self, disk_format: &str) -> Result<Option<u64>, String> {
        let mut formats = self.formats();
        if formats == ["iso", "gpt"] && disk_format != "raw" {
            formats.truncate(1);
        }
        let format = match formats.as_slice() {
            [] => "raw",
            [format] => format,
            many => return Err(format!("Multiple formats detected: {}", many.join(","))),
        };
        let size = if format == disk_format {
            self.virtual_size(format)
        } else if disk_format == "raw" {
            Some(self.length)
        } else if format == "raw" && !INSPECTABLE.contains(&disk_format) {
            None
        } else {
            return Err(format!(
                "Image disk_format {disk_format} does not match stream data {format}"
            ));
        };
        if !self.is_complete(format) {
            return Err("Incomplete file cannot be safety checked".to_owned());
        }
        let lenient = matches!(disk_format, "aki" | "ari") && format == "gpt";
        if self.is_safe(format) || lenient {
            Ok(size.filter(|size| *size > 0))
        } else {
            Err("Image failed safety checks".to_owned())
        }
    }

    fn formats(&self) -> Vec<&'static str> {
        let head = &self.head;
        let whole = head.len() >= HEADER;
        let mut formats = Vec::new();
        let mut check = |name, matches| {
            if matches {
                formats.push(name);
            }
        };
        check("qcow2", whole && head.starts_with(b"QFI\xfb"));
        check("qed", whole && head.starts_with(b"QED\0"));
        check("vhd", head.starts_with(b"conectix"));
        check("vhdx", head.starts_with(b"vhdxfile"));
        check("vmdk", self.is_vmdk());
        check("vdi", whole && self.little(0x40, 4) == Some(0xBEDA_107F));
        let volume = head
            .get((32 << 10) + 1..(32 << 10) + 6)
            .filter(|_| head.len() == HEAD_BYTES);
        check(
            "iso",
            volume.is_some_and(|id| matches!(id, b"CD001" | b"NSR02" | b"NSR03")),
        );
        let fat = whole && head[0x10] == 2 && head[0x15] == 0xF8;
        check("gpt", whole && self.little(510, 2) == Some(0xAA55) && !fat);
        check("luks", head.starts_with(b"LUKS\xba\xbe"));
        formats
    }

    fn is_vmdk(&self) -> bool {
        let sparse = self.head.starts_with(b"KDMV")
            && self
                .little(4, 4)
                .is_some_and(|version| (1..=3).contains(&version))
            && self.little(28, 8) == Some(1);
        let text = self.head.len() >= HEADER
            && self.head[..HEADER]
                .iter()
                .all(|byte| byte.is_ascii_graphic() || byte.is_ascii_whitespace())
            && self.vmdk_type().is_some();
        sparse || text
    }

    /// The `createType` of a VMDK's descriptor, in lower case.
    fn vmdk_type(&self) -> Option<String> {
        let start = if self.head.starts_with(b"KDMV") {
            HEADER
        } else {
            0
        };
        let descriptor = self.head.get(start..)?.split(|byte| *byte == 0).next()?;
        let text = String::from_utf8_lossy(descriptor).to_lowercase();
        let (_, rest) = text.split_once("createtype=\"")?;
        rest.split_once('"').map(|(kind, _)| kind.to_owned())
    }

    fn virtual_size(&self, format: &str) -> Option<u64> {
        match format {
            "qcow2" => self.big(24, 8),
            "vhd" => self.big(40, 8),
            "vmdk" => self
                .little(12, 8)
                .map(|sectors| sectors.saturating_mul(512)),
            "vdi" => self.little(0x170, 8),
            "iso" => {
                let block = self.little((32 << 10) + 128, 2)?;
                let blocks = self.little((32 << 10) + 80, 4)?;
                Some(block * blocks)
            }
            "vhdx" => None,
            _ => Some(self.length),
        }
    }

    /// Whether all is there that must be read of the format, beyond what it is known by.
    fn is_complete(&self, format: &str) -> bool {
        let needed = match format {
            "vhd" => HEADER as u64,
            "vhdx" => 256 << 10,
            "luks" => 592,
            _ => 0,
        };
        self.length >= needed
    }

    fn is_safe(&self, format: &str) -> bool {
        match format {
            "qcow2" => {
                let features = self.big(72, 8).unwrap_or_default();
                let known = match self.big(4, 4) {
                    Some(2) => true,
                    Some(3) => features & !0b1_1111 == 0 && features & 0b100 == 0,
                    _ => false,
                };
                known && self.big(8, 8) == Some(0)
            }
            "qed" => false,
            "vmdk" => matches!(
                self.vmdk_type().as_deref(),
                Some("monolithicsparse" | "streamoptimized")
            ),
            "gpt" => self.has_sound_partitions(),
            "luks" => self.big(6, 2) == Some(1),
            _ => true,
        }
    }

    fn has_sound_partitions(&self) -> bool {
        let mut used = Vec::new();
        let mut protective = false;
        for entry in 0..4 {
            let start = 446 + 16 * entry;
            let Some(fields) = self.head.get(start..start + 16) else {
                return false;
            };
            if !matches!(fields[0], 0x00 | 0x80) {
                return false;
            }
            if fields[4] != 0 {
                used.push(entry);
            }
            if fields[4] == 0xEE {
                protective = true;
                if fields[1..4] != [0, 2, 0] || fields[8..12] != [1, 0, 0, 0] {
                    return false;
                }
            }
        }
        if protective {
            used == [0]
        } else {
            !used.is_empty()
        }
    }

    fn big(&self, offset: usize, length: usize) -> Option<u64> {
        let bytes = self.head.get(offset..offset + length)?;
        Some(
            bytes
                .iter()
                .fold(0, |number, byte| (number << 8) | u64::from(*byte)),
        )
    }

    fn little(&self, offset: usize, length: usize) -> Option<u64> {
        let bytes = self.head.get(offset..offset + length)?;
        Some(
            bytes
                .iter()
                .rev()
                .fold(0, |number, byte| (number << 8) | u64::from(*byte)),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(content: &[u8], disk_format: &str) -> Result<Option<u64>, String> {
        let mut inspector = Inspector::default();
        for chunk in content.chunks(1000) {
            inspector.feed(chunk);
        }
        inspector.verdict(disk_format)
    }

    fn qcow2(virtual_size: u64) -> Vec<u8> {
        let mut header = vec![0; 1024];
        header[..4].copy_from_slice(b"QFI\xfb");
        header[7] = 3;
        header[24..32].copy_from_slice(&virtual_size.to_be_bytes());
        header
    }

    #[test]
    fn content_must_be_what_it_claims() {
        assert_eq!(verdict(&qcow2(1 << 20), "qcow2"), Ok(Some(1 << 20)));
        assert_eq!(verdict(b"hello", "raw"), Ok(Some(5)));
        assert_eq!(verdict(b"", "raw"), Ok(None));
        assert_eq!(verdict(b"hello", "ami"), Ok(None));
        assert_eq!(verdict(&qcow2(5), "raw"), Ok(Some(1024)));
        assert!(
            verdict(b"hello", "qcow2")
                .unwrap_err()
                .contains("stream data raw")
        );
        assert!(verdict(&qcow2(1), "ami").is_err());
        for format in ["vmdk", "iso", "vhd"] {
            assert!(verdict(b"hello", format).is_err(), "{format}");
        }
    }

    #[test]
    fn dangerous_content_is_refused() {
        let mut backed = qcow2(1);
        backed[15] = 1;
        assert_eq!(
            verdict(&backed, "qcow2").unwrap_err(),
            "Image failed safety checks"
        );
        let mut boot = vec![0; 1024];
        boot[510..512].copy_from_slice(&[0x55, 0xAA]);
        assert!(verdict(&boot, "raw").is_err());
        boot[450] = 0x83;
        assert_eq!(verdict(&boot, "raw"), Ok(Some(1024)));
        assert!(verdict(&boot, "ami").is_err());
    }

    #[test]
    fn an_iso_is_known_by_its_descriptor() {
        let mut iso = vec![0; 40 << 10];
        iso[32 << 10] = 1;
        iso[(32 << 10) + 1..(32 << 10) + 6].copy_from_slice(b"CD001");
        iso[(32 << 10) + 80] = 20;
        iso[(32 << 10) + 129] = 8;
        assert_eq!(verdict(&iso, "iso"), Ok(Some(40 << 10)));
    }
}
