using VmiPl.Errors;
using VmiPl.Probes.Shim;
using VmiPl.Probes.Shim.Abi;

namespace VmiPl.Tests.Probes.Shim;

public sealed class ShimConnectionTests
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);
    private static readonly VmiLimits Patient = new() { ShimTimeout = Patience };

    private readonly TaskCompletionSource<VmiException> _ended = new(TaskCreationOptions.RunContinuationsAsynchronously);

    [Fact]
    public async Task Answers_find_those_who_asked()
    {
        using var shim = new FakeShim(1 << 16);
        // In pairs, the second first.
        var held = new List<ShimMessage>();
        shim.Instead = (self, message) =>
        {
            held.Add(message);
            if (held.Count == 2)
            {
                self.Answer(held[1], payload: [2]);
                self.Answer(held[0], payload: [1]);
                held.Clear();
            }
            return true;
        };
        using ShimConnection connection = Connect(shim);
        for (int i = 0; i < 50; i++)
        {
            ShimMessage[] answers = await Task.WhenAll(Task.Run(() => connection.Ask(AbiRequest.Run)), Task.Run(() => connection.Ask(AbiRequest.End)));
            Assert.Equal([1, 2], answers.Select(answer => (int)answer.Payload[0]).Order());
            Assert.Equal([(uint)AbiRequest.Run, (uint)AbiRequest.End], answers.Select(answer => answer.Head.Type));
        }
    }

    [Fact]
    public void A_refusal_comes_with_the_shims_words()
    {
        using var shim = new FakeShim(1 << 16) { Refuses = _ => "there is no such thing" };
        using ShimConnection connection = Connect(shim);
        VmiException refused = Assert.Throws<VmiException>(() => connection.Ask(AbiRequest.Run));
        Assert.Equal(VmiErrorCode.TrapRefused, refused.Code);
        Assert.Contains("there is no such thing", refused.Message, StringComparison.Ordinal);
        shim.Refuses = _ => null;
        connection.Ask(AbiRequest.Run);
    }

    [Fact]
    public async Task An_end_reaches_who_waits_and_who_asks_later()
    {
        using var shim = new FakeShim(1 << 16);
        shim.Instead = (self, _) =>
        {
            self.Close();
            return true;
        };
        using ShimConnection connection = Connect(shim);
        Assert.Equal(VmiErrorCode.ShimLost, Assert.Throws<VmiException>(() => connection.Ask(AbiRequest.Run)).Code);
        Assert.Equal(VmiErrorCode.ShimLost, Assert.Throws<VmiException>(() => connection.Ask(AbiRequest.Run)).Code);
        Assert.Equal(VmiErrorCode.ShimLost, (await _ended.Task.WaitAsync(Patience)).Code);
    }

    [Fact]
    public async Task An_answer_that_does_not_come_ends_the_connection()
    {
        using var shim = new FakeShim(1 << 16) { Instead = (_, _) => true };
        using ShimConnection connection = Connect(shim, new VmiLimits { ShimTimeout = TimeSpan.FromMilliseconds(100) });
        Assert.Equal(VmiErrorCode.Timeout, Assert.Throws<VmiException>(() => connection.Ask(AbiRequest.Apply)).Code);
        Assert.Equal(VmiErrorCode.Timeout, (await _ended.Task.WaitAsync(Patience)).Code);
        Assert.Equal(VmiErrorCode.Timeout, Assert.Throws<VmiException>(() => connection.Ask(AbiRequest.Apply)).Code);
    }

    public static TheoryData<string> Lies => ["an answer to nothing", "another type", "twice", "garbage", "too long", "files"];

    [Theory]
    [MemberData(nameof(Lies))]
    public async Task What_no_shim_sends_ends_the_connection(string lie)
    {
        using var shim = new FakeShim(1 << 16);
        shim.Instead = (self, message) =>
        {
            switch (lie)
            {
                case "an answer to nothing": self.Send(FakeShim.Message(1, 77, 0, [])); break;
                case "another type": self.Send(FakeShim.Message(message.Head.Type + 1, message.Head.Sequence, 0, [])); break;
                case "twice":
                    self.Answer(message);
                    self.Answer(message);
                    break;
                case "garbage": self.Send(new byte[64]); break;
                case "too long": self.Send(FakeShim.Message(message.Head.Type, message.Head.Sequence, 0, new byte[VmiLimits.Default.MaxShimMessageBytes])); break;
                default:
                    for (int i = 0; i < 3; i++)
                        self.Welcome(new ShimMessage(message.Head with { Sequence = 0 }, []));
                    break;
            }
            return true;
        };
        using ShimConnection connection = Connect(shim);
        try
        {
            connection.Ask(AbiRequest.Run);
        }
        catch (VmiException e)
        {
            Assert.Equal(VmiErrorCode.ShimLost, e.Code);
        }
        Assert.Equal(VmiErrorCode.ShimLost, (await _ended.Task.WaitAsync(Patience)).Code);
    }

    [Fact]
    public void Nobody_is_told_of_an_end_that_was_asked_for()
    {
        using var shim = new FakeShim(1 << 16);
        ShimConnection connection = Connect(shim);
        connection.Ask(AbiRequest.Run);
        connection.Dispose();
        Assert.False(_ended.Task.IsCompleted);
    }

    private ShimConnection Connect(FakeShim shim, VmiLimits? limits = null) => new(shim.Client, limits ?? Patient, _ => { }, _ended.SetResult);
}
