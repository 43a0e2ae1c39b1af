using VmiPl.Compilation.Sites;

namespace VmiPl.Commands.Scripts;

/// <summary>Says in words what is watched for a probe.</summary>
internal static class SiteText
{
    public static string Of(ProbeSite site) => site switch
    {
        ExecuteSite execute => $"breakpoint at {string.Join(", ", execute.Places)}",
        WatchSite watch => $"watchpoint, {(watch.OnRead ? "reads" : "writes")} of {watch.Length} bytes at {watch.Place}",
        ControlRegisterSite register => $"writes of CR{register.Register}",
        MsrSite { Msr: null } => "writes of any MSR",
        MsrSite register => $"writes of MSR 0x{register.Msr:x}",
        DescriptorRegisterSite table => table.IsInterruptTable ? "lidt" : "lgdt",
        DescriptorTableSite table => $"writes into the {(table.IsInterruptTable ? "IDT" : "GDT")}",
        InterruptSite interrupt => $"the guest's handler of vector {interrupt.Vector}",
        ResumeSite => "entries of the guest",
        RequestSite request => $"requests of id {request.Request}",
        _ => site.ToString(),
    };
}
