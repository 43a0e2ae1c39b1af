using System.Net.Sockets;
using System.Runtime.InteropServices;
using Tmds.Linux;

namespace VmiPl.Interop;

/// <summary>Waiting for a socket or another file without a thread or a task for it (man 2 poll).</summary>
internal static unsafe class Readiness
{
    /// <summary>Waits until the socket can be read or has ended. False where the time (ms) is over or <paramref name="signal"/> was
    /// given first; a signal is not taken back.</summary>
    public static bool Wait(Socket socket, EventSignal? signal, int milliseconds) => Wait(socket.SafeHandle, signal, milliseconds);

    /// <summary>As the other, for any file that can be polled.</summary>
    public static bool Wait(SafeHandle file, EventSignal? signal, int milliseconds)
    {
        pollfd* wanted = stackalloc pollfd[2];
        wanted[0].fd = (int)file.DangerousGetHandle();
        wanted[0].events = LibC.POLLIN;
        wanted[1].fd = signal is null ? -1 : (int)signal.Handle.DangerousGetHandle();
        wanted[1].events = LibC.POLLIN;
        long deadline = Environment.TickCount64 + milliseconds;
        while (LibC.poll(wanted, 2, milliseconds) < 0)
        {
            // Interrupted by a signal of the process.
            milliseconds = (int)Math.Max(0, deadline - Environment.TickCount64);
            if (milliseconds == 0)
                return false;
        }
        return wanted[0].revents != 0;
    }
}
