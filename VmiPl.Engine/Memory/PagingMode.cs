namespace VmiPl.Memory;

/// <summary>How an x86 processor translates virtual addresses (Intel SDM volume 3A, chapter 4).</summary>
public enum PagingMode
{
    /// <summary>CR0.PG = 0: virtual addresses are physical ones.</summary>
    None,
    /// <summary>32-bit paging: 2 levels of 4-byte entries, 4 KiB and (CR4.PSE) 4 MiB pages.</summary>
    Legacy32,
    /// <summary>PAE paging: 3 levels of 8-byte entries, 4 KiB and 2 MiB pages.</summary>
    Pae,
    /// <summary>4-level paging of long mode: 4 KiB, 2 MiB and 1 GiB pages.</summary>
    FourLevel,
    /// <summary>5-level paging of long mode (CR4.LA57).</summary>
    FiveLevel,
}
