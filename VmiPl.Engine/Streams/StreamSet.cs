using System.Collections.Immutable;
using VmiPl.Errors;
using VmiPl.Language.Model;
using VmiPl.Streams.Files;

namespace VmiPl.Streams;

/// <summary>All outputs of one session: its streams, and its files, each with a thread of its own that writes it. Owns them. Any thread may
/// write and read at any time; nothing that a consumer or a disk does reaches a writer, but for the bounded wait of
/// <see cref="FullPolicy.Block"/>.</summary>
public sealed class StreamSet : IDisposable
{
    private readonly Lock _adding = new();
    private volatile ImmutableDictionary<Output, RecordStream> _byOutput = ImmutableDictionary<Output, RecordStream>.Empty;
    private volatile ImmutableList<RecordStream> _streams = [];
    private volatile ImmutableList<FileOutput> _files = [];

    /// <summary>Opens all outputs. <paramref name="records"/> are those that data probes and the keyboard write to,
    /// <paramref name="frames"/> those of <c>CaptureNetwork</c>: a file of these is a pcap file whatever its name. There is always a stream
    /// <c>#default</c>. Throws, with nothing left open, <c>FileFailure</c> or <c>AccessDenied</c> where a file cannot be opened, and
    /// <c>InvalidArgument</c> where other records than frames would go to a pcap file.</summary>
    public StreamSet(IEnumerable<Output> records, IEnumerable<Output>? frames = null, StreamOptions? options = null)
    {
        Options = options ?? new StreamOptions();
        ArgumentOutOfRangeException.ThrowIfLessThan(Options.Capacity, 1);
        try
        {
            Output[] others = [Output.Default, .. records];
            Output[] captured = [.. frames ?? []];
            HashSet<string> pcaps = [.. captured.Where(o => o.IsFile).Select(PathOf)];
            foreach (Output output in others.Where(o => o.IsFile))
                PcapFile.RefuseRecords(PathOf(output), pcaps.Contains(PathOf(output)));
            foreach (Output output in others.Concat(captured))
                Add(output, pcaps);
            foreach (FileOutput file in _files)
                file.Start();
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <summary>How the outputs behave.</summary>
    public StreamOptions Options { get; }

    /// <summary>The streams that can be read, <c>#default</c> first.</summary>
    public IReadOnlyCollection<RecordStream> Streams => _streams;

    /// <summary>The files' queues, for their counts: their records are written, not to be read.</summary>
    public IEnumerable<RecordStream> Files => _files.Select(file => file.Queue);

    /// <summary>The stream of that name (without <c>#</c>), or null.</summary>
    public RecordStream? Find(string name) => _streams.Find(stream => stream.Name == name);

    /// <summary>Opens more outputs of data probes; those that are open already stay as they are. Throws as the constructor, and has then opened
    /// nothing.</summary>
    public void Add(IEnumerable<Output> records)
    {
        lock (_adding)
        {
            Output[] fresh = [.. records.Where(output => !_byOutput.ContainsKey(output)).Distinct()];
            ImmutableList<FileOutput> before = _files;
            try
            {
                foreach (Output output in fresh.Where(output => output.IsFile))
                    PcapFile.RefuseRecords(PathOf(output), hasFrames: before.Any(file => file.Queue.Name == PathOf(output) && file.IsPcap));
                foreach (Output output in fresh)
                    Add(output, []);
            }
            catch
            {
                foreach (FileOutput file in _files.Except(before))
                    file.Dispose();
                _files = before;
                _byOutput = _byOutput.RemoveRange(fresh);
                throw;
            }
            foreach (FileOutput file in _files.Except(before))
                file.Start();
        }
    }

    /// <summary>Gives a record to its output; one that the set was not made with counts as <c>#default</c>. Never throws.</summary>
    public void Write(Output output, VmiRecord record) => (_byOutput.GetValueOrDefault(output) ?? _streams[0]).Write(record);

    /// <summary>Tells of a loss before a probe's records came so far that their outputs are known: in all outputs that they may have been for, and counted once.
    /// Never throws.</summary>
    public void WriteLoss(IEnumerable<Output> outputs, LossRecord loss)
    {
        RecordStream[] streams = [.. outputs.Select(output => _byOutput.GetValueOrDefault(output) ?? _streams[0]).DefaultIfEmpty(_streams[0]).Distinct()];
        streams[0].Write(loss with { Stream = streams[0].Name });
        foreach (RecordStream stream in streams[1..])
            stream.Announce(loss with { Stream = stream.Name });
    }

    /// <summary>Records of one event or stream probe that no reader and no file will ever get.</summary>
    public long LostOf(int probeId) => All.Sum(stream => stream.LostOf(probeId));

    /// <summary>Ends all outputs: files are written to their end and closed, within <see cref="StreamOptions.BlockTimeout"/> each; readers
    /// may still take what waits. Later records are lost.</summary>
    public void Complete()
    {
        // Files first: what goes wrong at their end is told in #default.
        foreach (FileOutput file in _files)
            file.Dispose();
        foreach (RecordStream stream in All)
            stream.Complete();
    }

    /// <inheritdoc cref="Complete"/>
    public void Dispose() => Complete();

    private IEnumerable<RecordStream> All => _streams.Concat(Files);

    private string PathOf(Output output)
    {
        try
        {
            return Path.GetFullPath(output.Name, Path.GetFullPath(Options.BaseFolder ?? "."));
        }
        catch (ArgumentException e)
        {
            throw new VmiException(VmiErrorCode.InvalidArgument, $"'{output.Name}' is no path of a file: {e.Message}", output.Name, e);
        }
    }

    private void Add(Output output, HashSet<string> pcaps)
    {
        if (_byOutput.ContainsKey(output))
            return;
        if (!output.IsFile)
        {
            var stream = new RecordStream(output.Name, Options);
            _streams = _streams.Add(stream);
            _byOutput = _byOutput.Add(output, stream);
            return;
        }
        // One file may have two names, ./a and a: it is opened once.
        string path = PathOf(output);
        FileOutput? file = _files.Find(f => f.Queue.Name == path);
        if (file is null)
        {
            file = new FileOutput(path, RecordFormat.For(path, pcaps.Contains(path)), Options, _streams[0]);
            _files = _files.Add(file);
        }
        _byOutput = _byOutput.Add(output, file.Queue);
    }
}
