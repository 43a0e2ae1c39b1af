using System.Text.RegularExpressions;
using VmiPl.Memory;

namespace VmiPl.Tests.Repository;

/// <summary>Holds that the manifest is the only place of the version.</summary>
public sealed partial class VersionTests
{
    [Fact]
    public void The_assemblies_have_the_manifests_version()
    {
        string manifest = File.ReadAllText(Path.Combine(RepositoryFolder.Root, "VmiPl.psd1"));
        Match version = ManifestVersion().Match(manifest);

        Assert.True(version.Success, "VmiPl.psd1 has no ModuleVersion of three parts.");
        Assert.Equal(Version.Parse(version.Groups[1].Value + ".0"), typeof(AddressSpace).Assembly.GetName().Version);
    }

    [Fact]
    public void No_project_file_sets_a_version_of_its_own()
    {
        string[] setters =
        [..
            from path in RepositoryFolder.Files("", "*.csproj").Concat(RepositoryFolder.Files("", "*.props")).Concat(RepositoryFolder.Files("", "*.targets"))
            from line in File.ReadLines(path)
            where VersionProperty().IsMatch(line) && !line.Contains("VmiPl.psd1", StringComparison.Ordinal)
            select $"{Path.GetRelativePath(RepositoryFolder.Root, path)}: {line.Trim()}",
        ];
        Assert.True(setters.Length == 0, string.Join('\n', setters));
    }

    [GeneratedRegex(@"ModuleVersion\s*=\s*'(\d+\.\d+\.\d+)'")]
    private static partial Regex ManifestVersion();

    [GeneratedRegex(@"<(Version|VersionPrefix|VersionSuffix|AssemblyVersion|FileVersion|InformationalVersion|PackageVersion)>")]
    private static partial Regex VersionProperty();
}
