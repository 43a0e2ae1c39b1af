using VmiPl.Tests.Module;

namespace VmiPl.Tests.Cmdlets;

/// <summary>Runs every example of the help. They name a guest <c>web01</c>; the test's own takes its place.</summary>
public sealed class HelpExampleTests(GuestFixture fixture) : GuestTests(fixture)
{
    public static TheoryData<string, int> Examples
    {
        get
        {
            TheoryData<string, int> data = [];
            foreach (HelpCommand command in HelpFile.Read())
            {
                for (int i = 0; i < command.Examples.Count; i++)
                    data.Add(command.Name, i);
            }
            return data;
        }
    }

    [Theory, MemberData(nameof(Examples))]
    public void The_example_runs_without_an_error(string name, int index)
    {
        string script = HelpFile.Read().Single(command => command.Name == name).Examples[index]
            .Replace("web01", Guest.Name, StringComparison.Ordinal).Replace("web*", Guest.Name + "*", StringComparison.Ordinal);

        Assert.Empty(Session.Run(script).Errors);
    }
}
