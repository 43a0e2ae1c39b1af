using System.Net.Sockets;
using System.Text;

namespace VmiPl.TestGuests;

/// <summary>The conversation with the guest's agent over its second serial port: one line for one line.</summary>
internal sealed class ControlPort : IDisposable
{
    private readonly Socket _listener = new(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
    private readonly byte[] _buffer = new byte[4096];
    private readonly StringBuilder _line = new();
    private Socket? _peer;

    /// <summary>Listens where QEMU will connect to.</summary>
    public ControlPort(string path)
    {
        _listener.Bind(new UnixDomainSocketEndPoint(path));
        _listener.Listen(1);
    }

    /// <summary>Waits for QEMU's connection.</summary>
    public async Task AcceptAsync(CancellationToken cancel) => _peer = await _listener.AcceptAsync(cancel).ConfigureAwait(false);

    /// <summary>Sends a line and waits for the next one; null when QEMU has hung up.</summary>
    public async Task<string?> AskAsync(string line, CancellationToken cancel)
    {
        try
        {
            await _peer!.SendAsync(Encoding.UTF8.GetBytes(line + "\n"), cancel).ConfigureAwait(false);
            return await ReceiveAsync(cancel).ConfigureAwait(false);
        }
        catch (SocketException e) when (e.SocketErrorCode is SocketError.ConnectionReset or SocketError.Shutdown)
        {
            return null;
        }
    }

    /// <summary>The next line; null when QEMU has hung up.</summary>
    public async Task<string?> ReceiveAsync(CancellationToken cancel)
    {
        while (true)
        {
            var text = _line.ToString();
            if (text.IndexOf('\n', StringComparison.Ordinal) is >= 0 and var end)
            {
                _line.Remove(0, end + 1);
                return text[..end];
            }
            var count = await _peer!.ReceiveAsync(_buffer, cancel).ConfigureAwait(false);
            if (count == 0)
                return null;
            _line.Append(Encoding.UTF8.GetString(_buffer, 0, count));
        }
    }

    public void Dispose()
    {
        _peer?.Dispose();
        _listener.Dispose();
    }
}
