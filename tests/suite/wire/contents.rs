//! Contents that Glance takes for disk images of their formats.

/// The smallest that is taken for a qcow2 image, with a virtual size of 1 MiB.
pub(super) fn qcow2() -> Vec<u8> {
    let mut bytes = vec![0; 1024];
    put(&mut bytes, 0, b"QFI\xfb\0\0\0\x03");
    put(&mut bytes, 24, &(1_u64 << 20).to_be_bytes());
    bytes
}

/// The same with a backing file.
pub(super) fn qcow2_on_another() -> Vec<u8> {
    let mut bytes = qcow2();
    bytes[15] = 9;
    bytes
}

/// A sparse VMDK, its kind of that name.
pub(super) fn vmdk(kind: &str) -> Vec<u8> {
    let mut bytes = vec![0; 2048];
    put(&mut bytes, 0, b"KDMV\x01");
    put(&mut bytes, 12, &100_u64.to_le_bytes());
    put(&mut bytes, 28, &1_u64.to_le_bytes());
    put(&mut bytes, 36, &1_u64.to_le_bytes());
    let text =
        format!("# Disk DescriptorFile\ncreateType=\"{kind}\"\nRW 100 SPARSE \"disk.vmdk\"\n");
    put(&mut bytes, 512, text.as_bytes());
    bytes
}

/// A CD with 20 blocks.
pub(super) fn iso() -> Vec<u8> {
    let mut bytes = vec![0; 40960];
    put(&mut bytes, 32768, b"\x01CD001");
    bytes[32768 + 80] = 20;
    bytes[32768 + 129] = 8;
    bytes
}

/// A fixed VHD without content.
pub(super) fn vhd() -> Vec<u8> {
    let mut bytes = vec![0; 608];
    put(&mut bytes, 0, b"conectix");
    bytes
}

/// The head of a VHDX.
pub(super) fn vhdx() -> Vec<u8> {
    let mut bytes = vec![0; 108];
    put(&mut bytes, 0, b"vhdxfile");
    bytes
}

/// A disk with a table of partitions: of none, or of one.
pub(super) fn partitioned(has_partition: bool) -> Vec<u8> {
    let mut bytes = vec![0; 1024];
    put(&mut bytes, 510, b"\x55\xaa");
    if has_partition {
        bytes[450] = 0x83;
    }
    bytes
}

fn put(bytes: &mut [u8], place: usize, what: &[u8]) {
    bytes[place..place + what.len()].copy_from_slice(what);
}
