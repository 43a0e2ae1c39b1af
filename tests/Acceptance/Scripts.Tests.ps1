#Requires -Version 7.6
#Requires -Modules @{ ModuleName = 'Pester'; ModuleVersion = '5.0' }
<#
    What a writer of VMI-PL scripts may rely on, checked in a real pwsh against a guest.
    Build first (./build.sh build); then: Invoke-Pester tests/Acceptance
#>
BeforeDiscovery {
    $script:Examples = Get-ChildItem (Join-Path $PSScriptRoot '../../Examples') -Filter *.vmipl
}

BeforeAll {
    $root = Resolve-Path (Join-Path $PSScriptRoot '../..')
    Import-Module (Join-Path $root 'out/VmiPl/VmiPl.psd1') -Force

    $assembly = Get-ChildItem (Join-Path $root 'tests/guests/bin/*/net10.0/TestGuests.dll') | Sort-Object LastWriteTime | Select-Object -Last 1
    Add-Type -Path $assembly.FullName
    $missing = [VmiPl.TestGuests.GuestRequirements]::Missing()
    if ($missing.Count -gt 0) { throw "A test guest needs: $($missing -join ', ')" }
    $script:Guest = [VmiPl.TestGuests.TestGuest]::Start([VmiPl.TestGuests.GuestOptions]::new())
}

AfterAll {
    if ($Guest) { $Guest.Dispose() }
    Remove-Module VmiPl
}

Describe 'Test-VmiScript' {
    It 'finds nothing wrong with the example <_.Name>' -ForEach $Examples {
        (Test-VmiScript -LiteralPath $_.FullName).IsValid | Should -BeTrue
    }

    It 'compiles the 64-bit example <_.Name> for a guest' -ForEach ($Examples | Where-Object Name -NotLike '*-32.vmipl') {
        (Test-VmiScript -LiteralPath $_.FullName -Machine $Guest.ProcessId).IsValid | Should -BeTrue
    }

    It 'gives every error its place, its id and a hint' {
        $report = 'OnResume{ ReadRegistr(EAX) ReadRegister(EAXX) }' | Test-VmiScript -ErrorAction SilentlyContinue -ErrorVariable problems
        $report.IsValid | Should -BeFalse
        $report.Diagnostics.Id | Should -Be @('VMI2001', 'VMI2015')
        $report.Diagnostics[0].Line, $report.Diagnostics[0].Column | Should -Be @(1, 11)
        $report.Diagnostics[0].Hint | Should -BeLike '*ReadRegister*'
        $problems | Should -HaveCount 2
        $problems[0].CategoryInfo.Category | Should -Be 'ParserError'
    }

    It 'looks symbols up in a guest' {
        $bad = 'ExecuteAt(no_such_symbol){ Pause }' | Test-VmiScript -Machine $Guest.ProcessId -ErrorAction SilentlyContinue
        $bad.Diagnostics.Id | Should -Be 'VMI3010'
    }

    It 'completes the paths of scripts' {
        Push-Location (Join-Path $PSScriptRoot '../../Examples')
        try {
            $found = (TabExpansion2 'Test-VmiScript ./key').CompletionMatches.ListItemText
            $found | Should -Contain 'keyboard.vmipl'
        } finally {
            Pop-Location
        }
    }

    It 'has a help page for the language' {
        Get-Help about_VmiPl_Language | Should -Match 'ExecuteAt'
    }
}
