using System.Collections.Concurrent;
using System.Collections.ObjectModel;
using System.Globalization;
using System.Management.Automation;
using System.Management.Automation.Host;
using System.Management.Automation.Internal;
using System.Security;

namespace VmiPl.Tests.Module;

/// <summary>A host that keeps what is shown as text.</summary>
internal sealed class TextHost : PSHost
{
    private readonly TextInterface _ui = new();

    /// <summary>What was shown, without colours.</summary>
    public string Text => _ui.Text;

    public override string Name => "Test";
    public override Version Version { get; } = new(1, 0);
    public override Guid InstanceId { get; } = Guid.NewGuid();
    public override CultureInfo CurrentCulture => CultureInfo.InvariantCulture;
    public override CultureInfo CurrentUICulture => CultureInfo.InvariantCulture;
    public override PSHostUserInterface UI => _ui;

    public override void EnterNestedPrompt()
    {
    }

    public override void ExitNestedPrompt()
    {
    }

    public override void NotifyBeginApplication()
    {
    }

    public override void NotifyEndApplication()
    {
    }

    public override void SetShouldExit(int exitCode)
    {
    }

    private sealed class TextInterface : PSHostUserInterface
    {
        private readonly ConcurrentQueue<string> _pieces = new();

        public string Text => new StringDecorated(string.Concat(_pieces)).ToString(OutputRendering.PlainText);

        public override PSHostRawUserInterface RawUI { get; } = new WideScreen();
        public override void Write(string value) => _pieces.Enqueue(value);
        public override void Write(ConsoleColor foregroundColor, ConsoleColor backgroundColor, string value) => _pieces.Enqueue(value);
        public override void WriteLine(string value) => _pieces.Enqueue(value + "\n");
        public override void WriteErrorLine(string value) => WriteLine(value);
        public override void WriteDebugLine(string message) => WriteLine(message);
        public override void WriteVerboseLine(string message) => WriteLine(message);
        public override void WriteWarningLine(string message) => WriteLine(message);

        public override void WriteProgress(long sourceId, ProgressRecord record)
        {
        }

        public override string ReadLine() => throw Nobody();
        public override SecureString ReadLineAsSecureString() => throw Nobody();
        public override Dictionary<string, PSObject> Prompt(string caption, string message, Collection<FieldDescription> descriptions) => throw Nobody();
        public override int PromptForChoice(string caption, string message, Collection<ChoiceDescription> choices, int defaultChoice) => throw Nobody();
        public override PSCredential PromptForCredential(string caption, string message, string userName, string targetName) => throw Nobody();
        public override PSCredential PromptForCredential(
            string caption, string message, string userName, string targetName, PSCredentialTypes allowedCredentialTypes, PSCredentialUIOptions options) => throw Nobody();

        private static InvalidOperationException Nobody() => new("Nobody can be asked in a test.");
    }

    private sealed class WideScreen : PSHostRawUserInterface
    {
        public override Size BufferSize { get; set; } = new(200, 50);
        public override Size WindowSize { get; set; } = new(200, 50);
        public override Size MaxPhysicalWindowSize => WindowSize;
        public override Size MaxWindowSize => WindowSize;
        public override ConsoleColor ForegroundColor { get; set; }
        public override ConsoleColor BackgroundColor { get; set; }
        public override Coordinates CursorPosition { get; set; }
        public override Coordinates WindowPosition { get; set; }
        public override int CursorSize { get; set; }
        public override bool KeyAvailable => false;
        public override string WindowTitle { get; set; } = "";

        public override void FlushInputBuffer()
        {
        }

        public override KeyInfo ReadKey(ReadKeyOptions options) => default;
        public override BufferCell[,] GetBufferContents(Rectangle rectangle) => new BufferCell[0, 0];

        public override void ScrollBufferContents(Rectangle source, Coordinates destination, Rectangle clip, BufferCell fill)
        {
        }

        public override void SetBufferContents(Coordinates origin, BufferCell[,] contents)
        {
        }

        public override void SetBufferContents(Rectangle rectangle, BufferCell fill)
        {
        }
    }
}
