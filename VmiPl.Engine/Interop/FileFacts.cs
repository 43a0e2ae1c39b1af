namespace VmiPl.Interop;

/// <summary>Which file an open file is: device numbers as <c>/proc/PID/maps</c> writes them, inode, size in bytes, time of
/// the last change in ns, and whether it is a regular file.</summary>
internal readonly record struct FileFacts(uint DeviceMajor, uint DeviceMinor, ulong Inode, ulong Size, long ModifiedNs, bool IsRegular);
