using System.Net.Sockets;
using System.Text;
using System.Text.Json;

namespace VmiPl.TestGuests;

/// <summary>What QEMU's monitor says of a guest that does not answer: the only trace that is left of it.</summary>
internal static class HangReport
{
    private static readonly TimeSpan _limit = TimeSpan.FromSeconds(10);

    /// <summary>Its state, interrupt controller and registers twice, so that one sees whether it moves; or why there are none.</summary>
    public static async Task<string> TakeAsync(string monitor)
    {
        using var limit = new CancellationTokenSource(_limit);
        using var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        try
        {
            await socket.ConnectAsync(new UnixDomainSocketEndPoint(monitor), limit.Token).ConfigureAwait(false);
            using var stream = new NetworkStream(socket);
            using var reader = new StreamReader(stream);
            var text = new StringBuilder();
            await AskAsync("""{"execute":"qmp_capabilities"}""").ConfigureAwait(false);
            foreach (var command in (string[])["info status", "info registers -a", "info pic", "info lapic", "info registers -a"])
                text.AppendLine(await AskAsync($$$"""{"execute":"human-monitor-command","arguments":{"command-line":"{{{command}}}"}}""").ConfigureAwait(false));
            return text.ToString();

            async Task<string> AskAsync(string request)
            {
                await stream.WriteAsync(Encoding.UTF8.GetBytes(request + "\n"), limit.Token).ConfigureAwait(false);
                while (await reader.ReadLineAsync(limit.Token).ConfigureAwait(false) is { } line)
                {
                    using var answer = JsonDocument.Parse(line);
                    if (answer.RootElement.TryGetProperty("return", out var result))
                        return result.ToString();
                }
                return "QEMU has hung up.";
            }
        }
        catch (Exception e) when (e is SocketException or IOException or OperationCanceledException or JsonException)
        {
            return $"Its monitor says nothing: {e.Message}";
        }
    }
}
