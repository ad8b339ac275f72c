//! Beginnings that make generated content pass for an image of its disk format, here and in any
//! other Glance that looks at what it is sent.

/// How much of generated content may be overwritten, in bytes.
const ROOM: usize = 40 << 10;

/// Writes the header of that format over the beginning of a content; `size` is the whole
/// content's, in bytes. A content too short for it is left as it is.
pub(super) fn disguise(content: &mut [u8], disk_format: &str, size: u64) {
    if content.len() < ROOM {
        return;
    }
    let mut put = |offset: usize, bytes: &[u8]| {
        content[offset..offset + bytes.len()].copy_from_slice(bytes);
    };
    match disk_format {
        "qcow2" => {
            put(0, &[0; 512]);
            put(0, b"QFI\xfb");
            put(4, &3_u32.to_be_bytes());
            put(24, &size.to_be_bytes());
        }
        "vmdk" => {
            put(0, &[0; 2048]);
            put(0, b"KDMV");
            put(4, &1_u32.to_le_bytes());
            put(12, &(size / 512).to_le_bytes());
            // Where the descriptor begins and how long it is, in sectors.
            put(28, &1_u64.to_le_bytes());
            put(36, &1_u64.to_le_bytes());
            put(
                512,
                b"# Disk DescriptorFile\ncreateType=\"monolithicSparse\"\n",
            );
        }
        "vhd" => {
            put(0, &[0; 512]);
            put(0, b"conectix");
            put(40, &size.to_be_bytes());
        }
        "vdi" => {
            put(0, &[0; 512]);
            put(0x40, &0xBEDA_107F_u32.to_le_bytes());
            put(0x170, &size.to_le_bytes());
        }
        "iso" => {
            const DESCRIPTOR: usize = 32 << 10;
            put(DESCRIPTOR, &[0; 2048]);
            put(DESCRIPTOR, b"\x01CD001\x01");
            let blocks = u32::try_from(size / 2048).unwrap_or(u32::MAX);
            put(DESCRIPTOR + 80, &blocks.to_le_bytes());
            put(DESCRIPTOR + 128, &2048_u16.to_le_bytes());
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::super::inspect::Inspector;
    use super::*;

    #[test]
    fn disguised_content_passes_the_inspection() {
        for format in ["raw", "qcow2", "vmdk", "vhd", "vdi", "iso", "ami"] {
            let mut content = vec![7; 64 << 10];
            disguise(&mut content, format, 64 << 10);
            let mut inspector = Inspector::default();
            inspector.feed(&content);
            let expected = if format == "ami" {
                None
            } else {
                Some(64 << 10)
            };
            assert_eq!(inspector.verdict(format), Ok(expected), "{format}");
        }
    }
}
