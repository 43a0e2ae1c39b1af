using System.Collections.Immutable;
using VmiPl.Compilation.Lowering;
using VmiPl.Compilation.Sites;
using VmiPl.Compilation.Targets;
using VmiPl.Language;
using VmiPl.Language.Model;
using VmiPl.Linux;

namespace VmiPl.Compilation;

/// <summary>Compiles checked scripts for a guest. Never throws for what a script says; what reading the guest throws passes through. Safe from
/// any thread.</summary>
public static class ScriptCompiler
{
    /// <summary>Compiles a script. Without a guest (null) it is checked as far as it can be, what is left open is said, and the programs are good for
    /// an estimate of their cost only. A script with errors is compiled all the same, to find more of them.</summary>
    public static CompiledScript Compile(VmiScript script, LinuxGuest? guest = null)
    {
        var diagnostics = new DiagnosticBag(script.Source);
        TargetKernel kernel = KernelOf(script, guest);
        var session = new Session(kernel, diagnostics, firstSchema: 0);
        ImmutableArray<CompiledProbe> probes = session.CompileProbes(script);
        return new CompiledScript
        {
            Script = script,
            Probes = probes,
            Schemas = [.. session.Schemas.Added],
            Diagnostics = Join(script, diagnostics),
            PointerSize = kernel.PointerSize,
            IsEstimate = guest is null,
        };
    }

    /// <summary>Compiles a reconfiguration script for the probes of a running session: ids and labels are theirs.</summary>
    public static CompiledReconfiguration CompileReconfiguration(VmiScript script, CompiledScript running, LinuxGuest guest)
    {
        var diagnostics = new DiagnosticBag(script.Source);
        if (!script.HasErrors && script.Reconfigurations.IsEmpty)
            diagnostics.Report(CompilationDiagnostics.NoReconfiguration, default, null);
        var session = new Session(KernelOf(running.Script, guest), diagnostics, running.Schemas.Length);
        (ImmutableDictionary<int, ImmutableArray<CompiledBody>> bodies, ImmutableArray<(int, int)> selections) = session.CompileReconfigurations(script, running);
        return new CompiledReconfiguration
        {
            NewBodies = bodies,
            Selections = selections,
            NewSchemas = [.. session.Schemas.Added],
            Diagnostics = Join(script, diagnostics),
        };
    }

    // The checker holds a Configuration's values to what a profile takes.
    private static TargetKernel KernelOf(VmiScript script, LinuxGuest? guest) =>
        guest is null ? TargetKernel.Assumed(script) : TargetKernel.Of(guest, script.Configuration);

    private static ImmutableArray<Diagnostic> Join(VmiScript script, DiagnosticBag diagnostics) =>
        [.. script.Diagnostics.Concat(diagnostics.ToSorted()).OrderBy(diagnostic => diagnostic.Span.Start)];

    /// <summary>One run of the compiler.</summary>
    private sealed class Session
    {
        private readonly TargetKernel _kernel;
        private readonly DiagnosticBag _diagnostics;
        private readonly OperandChecks _operands;
        private readonly SiteResolver _sites;
        private readonly BodyTable _table = new();
        private readonly Dictionary<int, (EventProbe Probe, ProbeSite Site, EventRegisters Registers)> _probes = [];
        private readonly Dictionary<int, List<CompiledBody>> _bodies = [];

        public Session(TargetKernel kernel, DiagnosticBag diagnostics, int firstSchema)
        {
            _kernel = kernel;
            _diagnostics = diagnostics;
            _operands = new OperandChecks(kernel, diagnostics);
            _sites = new SiteResolver(kernel, _operands, diagnostics);
            Schemas = new SchemaTable(firstSchema);
        }

        public SchemaTable Schemas { get; }

        public ImmutableArray<CompiledProbe> CompileProbes(VmiScript script)
        {
            foreach (EventProbe probe in script.EventProbes)
            {
                // A body is looked through for errors even where its event cannot be watched.
                (ProbeSite Site, EventRegisters Registers) found = _sites.Resolve(probe) ?? (new ResumeSite(), EventRegisters.OfVcpu);
                _probes[probe.Id] = (probe, found.Site, found.Registers);
                _table.Add(probe.Id, probe.Body);
            }
            CompileBodies(Target);
            return
            [
                .. script.EventProbes.Where(probe => _bodies.ContainsKey(probe.Id))
                    .Select(probe => new CompiledProbe(probe, _probes[probe.Id].Site, [.. _bodies[probe.Id]])),
            ];
        }

        public (ImmutableDictionary<int, ImmutableArray<CompiledBody>>, ImmutableArray<(int, int)>) CompileReconfigurations(VmiScript script, CompiledScript running)
        {
            foreach (CompiledProbe probe in running.Probes)
            {
                if (_sites.Resolve(probe.Probe) is not { } found)
                    continue;
                _probes[probe.Probe.Id] = (probe.Probe, found.Site, found.Registers);
                _table.Begin(probe.Probe.Id, probe.Bodies.Length);
            }
            var selections = ImmutableArray.CreateBuilder<(int, int)>();
            foreach (ReconfigureStatement statement in script.Reconfigurations)
            {
                if (Select(statement, Running) is { } selection)
                    selections.Add(selection);
            }
            CompileBodies(Running);
            return (_bodies.ToImmutableDictionary(pair => pair.Key, pair => pair.Value.ToImmutableArray()), selections.ToImmutable());

            int? Running(ReconfigureStatement statement) => RunningTarget(statement, running);
        }

        private void CompileBodies(Func<ReconfigureStatement, int?> target)
        {
            while (_table.TryTake(out (int Probe, ImmutableArray<Statement> Statements) next))
            {
                (EventProbe probe, _, EventRegisters registers) = _probes[next.Probe];
                var compiler = new BodyCompiler(_kernel, probe, registers, Schemas, _diagnostics, _operands, statement => Select(statement, target));
                if (compiler.Compile(next.Statements) is not { } body)
                    continue;
                if (!_bodies.TryGetValue(next.Probe, out List<CompiledBody>? bodies))
                    _bodies.Add(next.Probe, bodies = []);
                bodies.Add(body);
            }
        }

        /// <summary>Which body a <c>Reconfigure</c> puts into which probe; the body is compiled later.</summary>
        private (int Probe, int Body)? Select(ReconfigureStatement statement, Func<ReconfigureStatement, int?> target) =>
            target(statement) is not { } probe ? null
            : statement.Body is { } body ? (probe, _table.Add(probe, body))
            : (probe, 0);

        /// <summary>In the script itself ids and labels were checked already.</summary>
        private int? Target(ReconfigureStatement statement) => statement.Probe.Id is { } id && _probes.ContainsKey(id) ? id : null;

        private int? RunningTarget(ReconfigureStatement statement, CompiledScript running)
        {
            ProbeReference reference = statement.Probe;
            CompiledProbe? probe = reference.Id is { } id
                ? running.Probes.FirstOrDefault(candidate => candidate.Probe.Id == id)
                : running.Probes.FirstOrDefault(candidate => candidate.Probe.Label == reference.Label);
            if (probe is not null)
                return probe.Probe.Id;
            StreamProbe? stream = running.Script.StreamProbes.FirstOrDefault(
                candidate => reference.Id is { } number ? candidate.Id == number : candidate.Label == reference.Label);
            if (stream is not null)
                _diagnostics.Report(CompilationDiagnostics.RunningStreamProbe, reference.Span, null, reference.Label is null ? stream.Id : $"`{reference.Label}`");
            else if (reference.Id is { } missing)
                _diagnostics.Report(CompilationDiagnostics.NoRunningProbe, reference.Span, "Get-VmiProbe lists the ids", missing);
            else
                _diagnostics.Report(CompilationDiagnostics.NoRunningLabel, reference.Span, "Get-VmiProbe lists the labels", reference.Label);
            return null;
        }
    }
}
