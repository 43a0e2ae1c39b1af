<#
.SYNOPSIS
    Builds, tests, shows and measures VmiPl.
.DESCRIPTION
    Runs in PowerShell 7.6 or, through build.sh, in the project's own host. That one has PowerShell's Core cmdlets only,
    so this script uses those, .NET and native programs, nothing else.
.PARAMETER Task
    Build  compiles everything and lays the module out in out/VmiPl.
    Test   builds and runs every test; the last line says "N passed, N failed, N skipped".
    Demo   builds, boots a small Linux guest and looks into it with Examples/first-look.ps1.
    Bench  builds and runs the benchmarks.
    Clean  removes what the others made.
    Syscalls  makes the lists of system calls anew from the newest kernel headers that Debian has.
    Lab    builds, and runs the command in Arguments where /dev/kvm is real (tests/guests/README.md), with this exit code.
    LanguageFiles  makes the help page about_VmiPl_Language and the editors' grammar anew from the language's tables.
.PARAMETER Configuration
    Release (what is shipped, the default) or Debug.
.PARAMETER Arguments
    Handed on: to the test programs (-class NAME, -method NAME …) or to the benchmarks; the lab's command.
.EXAMPLE
    ./build.ps1 -Task Test
.EXAMPLE
    ./build.sh test -class VmiPl.Tests.Repository.RoomOrderTests
#>
param(
    [Parameter(Position = 0)]
    [ValidateSet('Build', 'Test', 'Demo', 'Bench', 'Clean', 'Syscalls', 'Lab', 'LanguageFiles')]
    [string] $Task = 'Build',

    [ValidateSet('Release', 'Debug')]
    [string] $Configuration = 'Release',

    [Parameter(ValueFromRemainingArguments)]
    [string[]] $Arguments = @()
)

$ErrorActionPreference = 'Stop'
$PSNativeCommandUseErrorActionPreference = $false

$Root = $PSScriptRoot
$IsContinuousIntegration = $env:CI -eq 'true'

# No compiler or build server stays behind, and a machine without ICU will do.
$env:MSBUILDDISABLENODEREUSE = '1'
$env:DOTNET_CLI_USE_MSBUILD_SERVER = '0'
$env:UseSharedCompilation = 'false'
$env:DOTNET_SYSTEM_GLOBALIZATION_INVARIANT = '1'
$env:DOTNET_CLI_TELEMETRY_OPTOUT = '1'
$env:DOTNET_NOLOGO = '1'

# ---- small tools ----

function Write-Line([string] $Text = '') { $Host.UI.WriteLine($Text) }

function Write-Heading([string] $Text) { Write-Line "`n== $Text ==" }

# For what a person has to put right: the message alone, without the place in this script.
function Stop-Task([string] $Message) {
    $Host.UI.WriteErrorLine($Message)
    exit 1
}

function Show-Progress([string] $Activity, [string] $Status) {
    $Host.UI.WriteProgress(1, [Management.Automation.ProgressRecord]::new(1, $Activity, $Status))
}

function Hide-Progress {
    $record = [Management.Automation.ProgressRecord]::new(1, 'done', 'done')
    $record.RecordType = 'Completed'
    $Host.UI.WriteProgress(1, $record)
}

function Get-RootPath([string] $Path) { [IO.Path]::GetFullPath([IO.Path]::Combine($Root, $Path)) }

function Find-Program([string] $Name) {
    # A user's PATH may lack the folders where distributions keep some tools.
    $folders = "$($env:PATH):/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin:/usr/libexec".Split(':', [StringSplitOptions]::RemoveEmptyEntries)
    foreach ($folder in $folders) {
        $path = [IO.Path]::Combine($folder, $Name)
        if ([IO.File]::Exists($path)) { return $path }
    }
}

# Waits for a .NET task so that Ctrl-C gets through, with the seconds that have passed as progress.
function Wait-Task([Threading.Tasks.Task] $Work, [string] $Activity) {
    $watch = [Diagnostics.Stopwatch]::StartNew()
    while (-not ([Threading.Tasks.Task]::WaitAny(@($Work), 250) -eq 0)) {
        Show-Progress $Activity ('{0:0} s' -f $watch.Elapsed.TotalSeconds)
    }
    Hide-Progress
    $Work.GetAwaiter().GetResult()
}

# ---- what the test guests need ----

function Import-TestGuest {
    $null = [Reflection.Assembly]::LoadFrom((Get-RootPath "tests/guests/bin/$Configuration/net10.0/TestGuests.dll"))
}

# The words that run a program as root here without asking for a password; nothing where that is not possible.
function Get-RootPrefix {
    if ((& id -u) -eq '0') { return @('env') }
    $sudo = Find-Program 'sudo'
    if ($sudo) {
        $null = & $sudo -n true 2>&1
        if ($LASTEXITCODE -eq 0) { return @($sudo, '-n', 'env') }
    }
}

# Installs packages where the system's package manager is Debian's and may be used without asking; says whether it tried.
function Install-DebianPackage([string[]] $Packages) {
    $apt = Find-Program 'apt-get'
    $prefix = @(if ($Packages -and $apt) { Get-RootPrefix })
    if (-not $prefix) { return $false }
    Write-Line "Installing $($Packages -join ' ') …"
    $command, $words = $prefix + 'DEBIAN_FRONTEND=noninteractive', $apt, '-q', '-o', 'DPkg::Lock::Timeout=300'
    foreach ($step in @('update'), (@('install', '-y', '--no-install-recommends', '--no-upgrade') + $Packages)) {
        $output = @(& $command @words @step 2>&1)
        if ($LASTEXITCODE -ne 0) { $output | ForEach-Object { Write-Line "$_" } }
    }
    $true
}

# Brings in what the test guests need. Gives what is still missing and what to type, as text; nothing where all is there.
function Install-Requirement {
    Import-TestGuest
    $missing = @([VmiPl.TestGuests.GuestRequirements]::Missing($null, $true))
    $packages = @($missing | ForEach-Object { if ($_ -match '\(Debian: ([a-z0-9.+-]+)\)') { $Matches[1] } })
    if (Install-DebianPackage $packages) { $missing = @([VmiPl.TestGuests.GuestRequirements]::Missing($null, $true)) }
    if (-not $missing) { return }
    $how = if ($packages -and (Find-Program 'apt-get')) { "`nType: sudo apt-get install $($packages -join ' ')" }
    elseif ($packages) { "`nInstall them with this system's package manager (Fedora: dnf install qemu-system-x86 gcc glibc-devel xz)." }
    "The test guests need:`n  - $($missing -join "`n  - ")$how"
}

# libvirt's daemon is not put on a person's machine for the sake of one test; continuous integration has no such person.
function Install-Libvirt {
    if ($IsContinuousIntegration -and -not (Find-Program 'virsh')) {
        $null = Install-DebianPackage 'libvirt-daemon', 'libvirt-daemon-driver-qemu', 'libvirt-clients'
    }
}

# ---- tasks ----

function Invoke-DotnetBuild([string] $Project) {
    if (-not (Find-Program 'dotnet')) {
        Stop-Task 'VmiPl needs the .NET SDK 10: no dotnet was found. Get it from your distribution (package dotnet-sdk-10.0) or from https://dotnet.microsoft.com/download.'
    }
    # In a pipe, so that a stop of this script ends it; a program with the console to itself would run on.
    # A lock file that does not match is an error for continuous integration, and is brought up to date elsewhere.
    $options = @(if ($IsContinuousIntegration) { '-p:RestoreLockedMode=true' })
    & dotnet build (Get-RootPath $Project) --configuration $Configuration --verbosity minimal --tl:off -nologo @options |
        ForEach-Object { Write-Line $_ }
    if ($LASTEXITCODE -ne 0) { Stop-Task "The build failed (exit code $LASTEXITCODE)." }
}

function Invoke-Build {
    Write-Heading 'Build'
    Invoke-DotnetBuild 'VmiPl.slnx'
    $module = Get-RootPath 'out/VmiPl'
    foreach ($part in 'VmiPl.psd1', 'VmiPl.PowerShell.dll', 'Dependencies/VmiPl.Engine.dll') {
        if (-not [IO.File]::Exists([IO.Path]::Combine($module, $part))) { Stop-Task "The module in '$module' is not complete: $part is missing." }
    }
    Write-Line "The module is in $module"
}

function Get-Built([string] $Project) { Get-RootPath "tests/$Project/bin/$Configuration/net10.0/$Project.dll" }

# Runs one test program. Gives its counts; a program that ends without a report, or fails with no failed test in it, counts
# as one failure.
function Invoke-TestProgram([string] $Name) {
    Write-Heading $Name
    $report = Get-RootPath "out/TestResults/$Name.json"
    $null = [IO.Directory]::CreateDirectory([IO.Path]::GetDirectoryName($report))
    [IO.File]::Delete($report)
    & dotnet exec (Get-Built $Name) -noColor -noLogo -noAutoReporters -printMaxStringLength 2000 -result-ctrf $report -result-trx ([IO.Path]::ChangeExtension($report, 'trx')) @Arguments |
        ForEach-Object { Write-Line $_ }
    $code = $LASTEXITCODE
    $result = @{ Name = $Name; Passed = 0; Failed = 0; Failures = @(); Skips = @() }
    try {
        # A message with control characters in it is not always escaped as JSON wants it.
        $document = [Text.Json.JsonDocument]::Parse(([IO.File]::ReadAllText($report) -replace '[\x00-\x1f]', ' '))
        foreach ($test in $document.RootElement.GetProperty('results').GetProperty('tests').EnumerateArray()) {
            $title = $test.GetProperty('name').GetString()
            $message = [Text.Json.JsonElement]::new()
            $text = if ($test.TryGetProperty('message', [ref] $message)) { $message.GetString() } else { '' }
            switch ($test.GetProperty('status').GetString()) {
                'passed' { $result.Passed++ }
                'skipped' { $result.Skips += "$title`: $text" }
                'pending' { $result.Skips += "$title`: $text" }
                default { $result.Failed++; $result.Failures += "$title`n    $($text.Replace("`n", "`n    "))" }
            }
        }
    }
    catch {
        $result.Failed++
        $result.Failures += "$Name ended with exit code $code and left no readable report: $($_.Exception.Message)"
    }
    if ($code -ne 0 -and $result.Failed -eq 0) {
        $result.Failed++
        $result.Failures += "$Name ended with exit code $code though no test of it failed: see its output above."
    }
    $result
}

function Invoke-Test {
    Invoke-Build
    $missing = Install-Requirement
    if ($missing) { Write-Line "`nTests with a guest will be skipped.`n$missing" }
    Install-Libvirt
    $results = @('Engine.Tests', 'PowerShell.Tests' | ForEach-Object { Invoke-TestProgram $_ })

    $passed = 0; $failed = 0; $skipped = 0
    Write-Heading 'Result'
    foreach ($result in $results) {
        $passed += $result.Passed; $failed += $result.Failed; $skipped += $result.Skips.Count
        foreach ($skip in $result.Skips) { Write-Line "skipped: $skip" }
    }
    foreach ($result in $results) {
        foreach ($failure in $result.Failures) { Write-Line "FAILED: $failure" }
    }
    if ($passed + $failed -eq 0) { Write-Line 'No test ran.' }
    Write-Line "$passed passed, $failed failed, $skipped skipped"
    if ($failed -gt 0 -or $passed -eq 0) { exit 1 }
}

function Invoke-Demo {
    Invoke-Build
    $missing = Install-Requirement
    if ($missing) { Stop-Task $missing }

    Write-Heading 'A guest to look into'
    $options = [VmiPl.TestGuests.GuestOptions] @{
        Name          = 'vmipl-demo'
        QemuArguments = '-device virtio-net-pci,netdev=n -netdev user,id=n,restrict=on'
        Modules       = 'virtio_net atkbd'
    }
    $cancel = [Threading.CancellationTokenSource]::new()
    $booting = $null
    try {
        # In a task of its own, as making the kernel and the initramfs blocks; the delegate is a .NET method, not a script.
        $kernel = [Threading.Tasks.Task]::Run([Func[VmiPl.TestGuests.InstalledKernel]] $options.Kernel.Install)
        $booting = $kernel
        $null = Wait-Task $kernel "Getting the guest's kernel (once)"
        $booting = [VmiPl.TestGuests.TestGuest]::StartAsync($options, $cancel.Token)
        $guest = Wait-Task $booting 'Booting the guest'
        Write-Line "Booted '$($guest.Name)' as QEMU process $($guest.ProcessId)."

        & (Get-RootPath 'Examples/first-look.ps1') -Machine $guest.Name
    }
    finally {
        # Runs after Ctrl-C, too. A guest that is still booting is given up, and then ended like one that is up.
        $cancel.Cancel()
        try { $started = if ($booting) { $booting.GetAwaiter().GetResult() } } catch { $started = $null }
        if ($started -is [IDisposable]) { $started.Dispose() }
    }
    Write-Line 'The guest has been ended. Your own: ./Examples/first-look.ps1 -Machine NAME'
}

function Invoke-Bench {
    Invoke-Build
    $missing = Install-Requirement
    if ($missing) { Stop-Task $missing }
    Write-Heading 'Bench'
    & dotnet exec (Get-Built 'Benchmarks') @Arguments | ForEach-Object { Write-Line $_ }
    if ($LASTEXITCODE -ne 0) { Stop-Task "The benchmarks ended with exit code $LASTEXITCODE." }
}

function Invoke-Clean {
    $projects = [IO.Directory]::GetFiles($Root, '*.csproj', 'AllDirectories') | ForEach-Object { [IO.Path]::GetDirectoryName($_) }
    $folders = @(Get-RootPath 'out') + @($projects | ForEach-Object { [IO.Path]::Combine($_, 'bin'); [IO.Path]::Combine($_, 'obj') })
    foreach ($folder in $folders) {
        # A host that runs this script keeps its files open; on Linux they can go all the same.
        if ([IO.Directory]::Exists($folder)) { [IO.Directory]::Delete($folder, $true) }
    }
}

# The lists are committed, so that a build needs no network; this makes them anew.
function Invoke-Syscalls {
    Invoke-DotnetBuild 'tests/guests/TestGuests.csproj'
    Import-TestGuest
    $folder = [IO.Directory]::CreateTempSubdirectory('vmipl-syscalls-').FullName
    try {
        $version = [VmiPl.TestGuests.KernelHeaders]::Fetch('sid', $folder)
        foreach ($list in @{ Header = 'unistd_64.h'; Name = 'syscalls-x86_64.txt' }, @{ Header = 'unistd_32.h'; Name = 'syscalls-i386.txt' }) {
            $text = [IO.File]::ReadAllText([IO.Path]::Combine($folder, $list.Header))
            $calls = [regex]::Matches($text, '(?m)^#define\s+__NR_(\w+)\s+(\d+)\s*$')
            if ($calls.Count -lt 300) { Stop-Task "$($list.Header) of linux-libc-dev $version is not of the form that is read here." }
            $lines = @("# asm/$($list.Header) of Linux $version (Debian's linux-libc-dev)") + @($calls | ForEach-Object { "$($_.Groups[2]) $($_.Groups[1])" })
            $path = Get-RootPath "VmiPl.Engine/Linux/Syscalls/$($list.Name)"
            [IO.File]::WriteAllText($path, ($lines -join "`n") + "`n")
            Write-Line "$path`: $($calls.Count) system calls of Linux $version"
        }
    }
    finally { [IO.Directory]::Delete($folder, $true) }
}

# The command may write to the lab's own layer and to out/, which stays.
function Invoke-Lab {
    if (-not $Arguments) { Stop-Task 'The lab needs a command, such as: ./build.sh lab ls -l /dev/kvm' }
    Invoke-Build
    $missing = Install-Requirement
    if ($missing) { Stop-Task $missing }
    Write-Heading 'Lab'
    exit [VmiPl.TestGuests.KvmLab]::Run($Arguments, (Get-RootPath 'out'))
}

# Committed, so that a change of the language shows what it changes there; a test compares them with the tables.
function Invoke-LanguageFiles {
    Invoke-DotnetBuild 'tests/Engine.Tests/Engine.Tests.csproj'
    $env:VMIPL_WRITE_LANGUAGE_FILES = '1'
    & dotnet exec (Get-Built 'Engine.Tests') -noColor -noLogo -class VmiPl.Tests.Language.LanguageFilesTests | ForEach-Object { Write-Line $_ }
    if ($LASTEXITCODE -ne 0) { Stop-Task "The files could not be made (exit code $LASTEXITCODE)." }
}

switch ($Task) {
    'Build' { Invoke-Build }
    'Test' { Invoke-Test }
    'Demo' { Invoke-Demo }
    'Bench' { Invoke-Bench }
    'Clean' { Invoke-Clean }
    'Syscalls' { Invoke-Syscalls }
    'Lab' { Invoke-Lab }
    'LanguageFiles' { Invoke-LanguageFiles }
}
