namespace VmiPl.Language.Documentation;

/// <summary>What the help page says beside the tables.</summary>
internal static class LanguageGuide
{
    public static void Introduce(HelpPage page)
    {
        page.Line("A script names events of a guest, and says what to record when they happen. It is no general-purpose language: it declares.", 4);
        page.Gap();
        page.Code(
            """
            // every program that ends, and who runs then
            ends: ExecuteAt(do_exit){
                ReadRegister(CR3, #ends)
                ProcessList(PID, NAME, PATH, PGDP, #ends)
            }
            CaptureNetwork(00:16:35:AF:94:4B, "/tmp/frames.pcap")
            """, 8);
        page.Paragraph("Test-VmiScript says whether a script is right, all of its errors at once.");

        page.Heading("How it is written");
        page.Line("White space and line ends mean nothing; the order of probes is free. Keywords, registers and fields are taken in upper and lower case, symbols of the guest as they are written.", 4);
        page.Paragraph("Comments go from // to the end of the line or from /* to */.");
        page.Paragraph("Numbers are decimal, or hexadecimal behind 0x, of up to 64 bits.");
        page.Paragraph("An address is a number or a symbol of the guest's kernel, with numbers added or taken away: 0xffffffff82a00000, do_exit, do_exit+0x10. Get-VmiSymbol finds symbols.");
        page.Paragraph("Text in quotes ends on its line; \\\" is a quote in it and \\\\ a backslash.");

        page.Heading("Outputs");
        page.Line("Every data probe ends with an output, where its records go: a stream of the session (#name) or a file, in quotes where its path has spaces or other characters of the language. An output left out is the stream #default.", 4);

        page.Heading("Ids and labels");
        page.Line("Event probes count from 0 in the order written, stream probes go on from there. A label before a probe, as ends: above, stands wherever its id does. A label is no number and no word of the language.", 4);
    }

    public static void Events(HelpPage page)
    {
        page.Paragraph("In a Syscall probe the registers are those of the calling program at the moment of its call: RAX is the number, RDI RSI RDX R10 R8 R9 are the arguments; in a 32-bit program EAX, and EBX ECX EDX ESI EDI EBP. A Syscall with a name or a number costs nothing when other system calls run.");
    }

    public static void Data(HelpPage page)
    {
        page.Paragraph("An address that is not mapped gives a record with Error, which says the address, the size and the reason. The guest and all other probes go on. What could be read before that address is in the record.");
        page.Paragraph("ProcessList walks the kernel's task list. A process that somebody took out of that list is not in it: Get-VmiProcessList reads the table of process ids, too, and marks hidden ones.");
        page.Paragraph("WriteToMemoryAt writes all of its bytes or none of them.");
    }

    public static void Filters(HelpPage page)
    {
        page.Paragraph("RegisterHasValue(CR3, <value>) compares the page table's address alone where the value has no PCID bits (the low 12), so that a page directory (PGDP) can stand there.");
        page.Paragraph("A value that cannot be read makes a filter false, with a record that says so.");
    }

    public static void Reconfiguration(HelpPage page)
    {
        page.Paragraph("Reconfigure in an event probe or filter is done when that event happens. A script of Reconfigure blocks alone is a reconfiguration script: it is applied to probes that already run, and names them by their ids or labels. The other probes go on meanwhile.");
    }
}
