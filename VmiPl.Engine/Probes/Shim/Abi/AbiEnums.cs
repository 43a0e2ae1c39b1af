namespace VmiPl.Probes.Shim.Abi;

/// <summary>What a client asks of the shim: <c>enum vmi_request</c>.</summary>
internal enum AbiRequest : uint { Hello = 1, Memory = 2, Threads = 3, Load = 4, Unload = 5, Apply = 6, Run = 7, Continue = 8, End = 9 }

/// <summary>What the shim says unasked: <c>enum vmi_notice</c>.</summary>
internal enum AbiNotice : uint { Pause = 64, Call = 65, Memory = 66, Reset = 67, Held = 68, Still = 69, Pages = 70, Vcpus = 71 }

/// <summary>What happens to a record that the ring has no room for: <c>enum vmi_policy</c>.</summary>
internal enum AbiPolicy : uint { Drop = 0, Block = 1 }

/// <summary>What a shim can do where it is: <c>enum vmi_ability</c>.</summary>
[Flags]
internal enum AbiAbility : uint { Run = 1, Sync = 2, Debug = 4, BlockIrq = 8 }

/// <summary><c>enum vmi_probe_flag</c>.</summary>
[Flags]
internal enum AbiProbeFlag : uint { Enabled = 1, OnResume = 2 }

/// <summary>How a site is trapped: <c>enum vmi_trap</c>.</summary>
internal enum AbiTrap : byte { Execute = 0, Write = 1, Access = 2, Port = 3, Int3 = 4, Page = 5 }

/// <summary>How the trapped instruction is executed: <c>enum vmi_resume</c>.</summary>
internal enum AbiResume : byte { Skip = 0, Flag = 1, Step = 2, Push = 3, Move = 4, Load = 5, None = 6 }

/// <summary><c>enum vmi_site_flag</c>.</summary>
[Flags]
internal enum AbiSiteFlag : uint { MayFault = 1 }

/// <summary><c>enum vmi_use_flag</c>.</summary>
[Flags]
internal enum AbiUseFlag : uint { After = 1, Call = 2, Msr = 4, Writes = 8, Reads = 16 }

/// <summary>Where a written value comes from: <c>enum vmi_write</c>.</summary>
internal enum AbiWrite : byte { Register = 0, Status = 1, ClearTs = 2 }

/// <summary>What is said of a vCPU that was held: <c>enum vmi_answer</c>.</summary>
[Flags]
internal enum AbiAnswer : uint { Yes = 1, Always = 2 }

/// <summary><c>enum vmi_record_kind</c>.</summary>
internal enum AbiRecordKind : ushort { Data = 0, Loss = 1, Ended = 2, Pad = 3, Selected = 4, Kept = 5 }
