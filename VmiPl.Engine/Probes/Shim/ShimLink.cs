using System.Collections.Concurrent;
using System.Net.Sockets;
using Microsoft.Win32.SafeHandles;
using VmiPl.Errors;
using VmiPl.Machines;
using VmiPl.Probes.Shim.Abi;

namespace VmiPl.Probes.Shim;

/// <summary>A shim that has said hello: the conversation, its ring, and the notices that wait. Dispose ends it, whereupon the shim puts the guest back.</summary>
internal sealed class ShimLink : IDisposable
{
    private readonly BlockingCollection<ShimMessage> _notices;
    private volatile VmiException? _end;
    private long _told;

    private ShimLink(Socket socket, VmiLimits limits)
    {
        _notices = new BlockingCollection<ShimMessage>(limits.MaxShimNotices);
        Connection = new ShimConnection(socket, limits, Enqueue, Ended);
    }

    /// <summary>The conversation.</summary>
    public ShimConnection Connection { get; }

    /// <summary>The records and counters.</summary>
    public ShimRing Ring { get; private set; } = null!;

    /// <summary>What the shim is and can do.</summary>
    public AbiWelcome Welcome { get; private set; }

    /// <summary>Why the conversation has ended by itself, or null.</summary>
    public VmiException? End => _end;

    /// <summary>How many notices have come.</summary>
    public long Told => Interlocked.Read(ref _told);

    /// <summary>Says hello over a socket, which it takes over. Throws <c>ShimUnavailable</c> where the shim cannot be used.</summary>
    public static ShimLink Open(VmiMachine machine, Socket socket, AbiPolicy policy, TimeSpan hold)
    {
        var link = new ShimLink(socket, machine.Limits);
        try
        {
            link.Greet(machine, policy, hold);
            return link;
        }
        catch (VmiException e)
        {
            link.Dispose();
            throw e.Code == VmiErrorCode.ShimUnavailable ? e : new VmiException(VmiErrorCode.ShimUnavailable, $"The shim in '{machine.Name}' can't be used: {e.Message}", machine.Name, e);
        }
        catch
        {
            link.Dispose();
            throw;
        }
    }

    /// <summary>The next notice, waited for; false where there is none in that time, the wait was ended, or the conversation is over.</summary>
    public bool TryTakeNotice(out ShimMessage notice, TimeSpan time, CancellationToken cancel)
    {
        try
        {
            return _notices.TryTake(out notice, (int)time.TotalMilliseconds, cancel);
        }
        catch (OperationCanceledException)
        {
            notice = default;
            return false;
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        Connection.Dispose();
        Ring?.Dispose();
        _notices.Dispose();
    }

    private void Greet(VmiMachine machine, AbiPolicy policy, TimeSpan hold)
    {
        int ringBytes = machine.Limits.ShimRingBytes;
        var hello = new AbiHello
        {
            Magic = AbiNumbers.ShimMagic, Abi = AbiNumbers.ShimAbi, Policy = policy, RingBytes = (uint)ringBytes, HoldMs = Milliseconds(hold),
            AnswerMs = Milliseconds(machine.Limits.ShimAnswerTime),
        };
        AbiWelcome welcome = Connection.Ask(AbiRequest.Hello, ShimProtocol.Bytes(hello)).As<AbiWelcome>();
        SafeFileHandle[] files = Connection.TakeFiles();
        try
        {
            if (welcome.Magic != AbiNumbers.ShimMagic || welcome.Abi != AbiNumbers.ShimAbi)
                throw new VmiException(VmiErrorCode.ShimUnavailable, $"The shim in '{machine.Name}' is of another version ({welcome.Abi}) than this module ({AbiNumbers.ShimAbi}).", machine.Name);
            Demand(AbiAbility.Run, "the process has no virtual machine of KVM");
            Demand(AbiAbility.Sync, "this host's KVM does not hand registers out (KVM_CAP_SYNC_REGS)");
            Demand(AbiAbility.Debug, "this host's KVM has no breakpoints (KVM_CAP_SET_GUEST_DEBUG)");
            if (files.Length != 2)
                throw ShimProtocol.Broken("no ring came with its welcome");
            // The ring owns the second.
            Ring = ShimRing.Open(files[0], files[1], ringBytes);
            files = [files[0]];
        }
        finally
        {
            foreach (SafeFileHandle file in files)
                file.Dispose();
        }
        Welcome = welcome;

        void Demand(AbiAbility ability, string missing)
        {
            if (!welcome.Abilities.HasFlag(ability))
                throw new VmiException(VmiErrorCode.ShimUnavailable, $"The shim can't work in '{machine.Name}': {missing}.", machine.Name);
        }
    }

    private static uint Milliseconds(TimeSpan time) => (uint)Math.Clamp(time.TotalMilliseconds, 1, int.MaxValue);

    private void Enqueue(ShimMessage notice)
    {
        if (!_notices.TryAdd(notice))
            throw ShimProtocol.Broken("more notices than there are vCPUs for");
        Interlocked.Increment(ref _told);
    }

    private void Ended(VmiException reason)
    {
        _end = reason;
        _notices.CompleteAdding();
    }
}
