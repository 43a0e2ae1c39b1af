using System.Globalization;
using System.Net.Sockets;
using Microsoft.Win32.SafeHandles;
using VmiPl.Errors;
using VmiPl.Interop;
using VmiPl.Probes.Shim.Abi;

namespace VmiPl.Probes.Shim;

/// <summary>A conversation with a shim. One thread of its own receives: answers go to those who wait for them, notices to a handler, on that thread.
/// When it ends, in whatever way, the shim puts the guest back as it was. Requests may be made from any thread, but not from the handler.</summary>
internal sealed class ShimConnection : IDisposable
{
    private const int Step = 200;

    private readonly Socket _socket;
    private readonly VmiLimits _limits;
    private readonly Action<ShimMessage> _notice;
    private readonly Action<VmiException> _ended;
    private readonly EventSignal _close = new();
    private readonly Lock _sending = new(), _waiting = new();
    private readonly Dictionary<uint, (AbiRequest Type, TaskCompletionSource<ShimMessage> Answer)> _pending = [];
    private readonly List<SafeFileHandle> _files = [];
    private readonly Thread _reader;
    private uint _sequence;
    private VmiException? _end;
    private volatile bool _closed;

    /// <summary>Takes over a connected socket. <paramref name="ended"/> is told, once, if it ends by itself; it and
    /// <paramref name="notice"/> must not throw but <see cref="VmiException"/>, which ends the connection.</summary>
    public ShimConnection(Socket socket, VmiLimits limits, Action<ShimMessage> notice, Action<VmiException> ended)
    {
        _socket = socket;
        _limits = limits;
        _notice = notice;
        _ended = ended;
        _socket.SendTimeout = (int)limits.ShimTimeout.TotalMilliseconds;
        _reader = new Thread(Receive) { Name = "VmiPl shim connection", IsBackground = true };
        _reader.Start();
    }

    /// <summary>Asks, and gives the answer's payload. Throws <c>TrapRefused</c> with the shim's own words where it refuses, <c>Timeout</c>, and
    /// <c>ShimLost</c> where the connection is gone.</summary>
    public ShimMessage Ask(AbiRequest type, params ReadOnlySpan<byte[]> payload)
    {
        ShimMessage message = AskAny(type, payload);
        if (message.Head.Status == 0)
            return message;
        string text = ShimProtocol.TextOf(message.Payload);
        throw new VmiException(VmiErrorCode.TrapRefused, text.Length > 0 ? $"The shim in QEMU refuses: {text}"
            : string.Create(CultureInfo.InvariantCulture, $"The shim in QEMU refuses ({type}): {Errno.Text(-message.Head.Status)}."));
    }

    /// <summary>As <see cref="Ask"/>, and gives a refusal, too.</summary>
    public ShimMessage AskAny(AbiRequest type, params ReadOnlySpan<byte[]> payload)
    {
        var answer = new TaskCompletionSource<ShimMessage>(TaskCreationOptions.RunContinuationsAsynchronously);
        lock (_sending)
        {
            byte[] request = ShimProtocol.Request(type, ++_sequence, payload);
            lock (_waiting)
            {
                if (_end is not null)
                    throw Lost(_end);
                _pending.Add(_sequence, (type, answer));
            }
            Send(request);
        }
        try
        {
            if (!answer.Task.Wait(_limits.ShimTimeout))
            {
                // What it does with the request from now on cannot be known: the guest is to be put back.
                var late = new VmiException(VmiErrorCode.Timeout, $"The shim in QEMU did not answer ({type}) within {_limits.ShimTimeout.TotalSeconds:0.#} s.");
                End(late);
                throw late;
            }
        }
        catch (AggregateException e) when (e.InnerException is VmiException inner)
        {
            throw Lost(inner);
        }
        return answer.Task.Result;
    }

    /// <summary>The files that came with an answer that has come; they are the caller's.</summary>
    public SafeFileHandle[] TakeFiles()
    {
        lock (_files)
        {
            SafeFileHandle[] files = [.. _files];
            _files.Clear();
            return files;
        }
    }

    /// <summary>Closes it, which nobody is told of. Must not be called by its own handlers.</summary>
    public void Dispose()
    {
        lock (_waiting)
        {
            if (_closed)
                return;
            _closed = true;
            _close.Set();
        }
        if (Thread.CurrentThread != _reader)
            _reader.Join();
        foreach (SafeFileHandle file in TakeFiles())
            file.Dispose();
        _close.Dispose();
    }

    private static VmiException Lost(VmiException reason) => new(reason.Code, reason.Message, reason.Target, reason);

    private void Send(ReadOnlySpan<byte> bytes)
    {
        try
        {
            while (!bytes.IsEmpty)
                bytes = bytes[_socket.Send(bytes)..];
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException)
        {
            var reason = new VmiException(VmiErrorCode.ShimLost, $"The shim in QEMU takes no requests any more: {e.Message}", null, e);
            End(reason);
            throw reason;
        }
    }

    /// <summary>Ends the conversation from any thread: the reader closes the socket and tells.</summary>
    private void End(VmiException reason)
    {
        lock (_waiting)
        {
            _end ??= reason;
            if (!_closed)
                _close.Set();
        }
    }

    private void Receive()
    {
        VmiException reason;
        try
        {
            var protocol = new ShimProtocol(_limits.MaxShimMessageBytes);
            byte[] buffer = new byte[16 * 1024];
            while (!_closed && _end is null)
            {
                if (Readiness.Wait(_socket, _close, Step))
                    Take(protocol, buffer);
            }
            reason = _end ?? new VmiException(VmiErrorCode.ShimLost, "The connection to the shim was closed.");
        }
        catch (VmiException e)
        {
            reason = e;
        }
        lock (_waiting)
            reason = _end ??= reason;
        _socket.Dispose();
        lock (_waiting)
        {
            foreach ((_, TaskCompletionSource<ShimMessage> answer) in _pending.Values)
                answer.TrySetException(reason);
            _pending.Clear();
        }
        if (!_closed)
            _ended(reason);
    }

    private void Take(ShimProtocol protocol, byte[] buffer)
    {
        int got;
        lock (_files)
        {
            got = FileDescriptors.Receive(_socket, buffer, _files);
            if (_files.Count > FileDescriptors.MostFiles)
                throw ShimProtocol.Broken("it sends more files than it was asked for");
        }
        if (got <= 0)
            throw new VmiException(VmiErrorCode.ShimLost, "The shim in QEMU has closed the connection.");
        protocol.Feed(buffer.AsSpan(0, got));
        while (protocol.TryTake(out ShimMessage message))
            Take(message);
    }

    private void Take(ShimMessage message)
    {
        if (message.IsNotice)
        {
            _notice(message);
            return;
        }
        TaskCompletionSource<ShimMessage> answer;
        lock (_waiting)
        {
            if (!_pending.TryGetValue(message.Head.Sequence, out (AbiRequest Type, TaskCompletionSource<ShimMessage> Answer) asked) || (uint)asked.Type != message.Head.Type)
                throw ShimProtocol.Broken("an answer to what was not asked");
            _pending.Remove(message.Head.Sequence);
            answer = asked.Answer;
        }
        answer.TrySetResult(message);
    }
}
