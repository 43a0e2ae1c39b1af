#Requires -Version 7.6
#Requires -Modules @{ ModuleName = 'Pester'; ModuleVersion = '5.0' }
<#
    What a user of probe sessions may rely on, checked in a real pwsh against a guest that does known work on command.
    Build first (./build.sh build); then: Invoke-Pester tests/Acceptance
#>
BeforeAll {
    $root = Resolve-Path (Join-Path $PSScriptRoot '../..')
    Import-Module (Join-Path $root 'out/VmiPl/VmiPl.psd1') -Force

    $assembly = Get-ChildItem (Join-Path $root 'tests/guests/bin/*/net10.0/TestGuests.dll') | Sort-Object LastWriteTime | Select-Object -Last 1
    Add-Type -Path $assembly.FullName
    $missing = [VmiPl.TestGuests.GuestRequirements]::Missing()
    if ($missing.Count -gt 0) { throw "A test guest needs: $($missing -join ', ')" }
    $script:Guest = [VmiPl.TestGuests.TestGuest]::Start([VmiPl.TestGuests.GuestOptions]::new())
    $script:Exits = 'exits: ExecuteAt(do_exit){ ReadRegister(CR3, #exits) }'
    function Invoke-Guest([string] $Command) { $null = $Guest.CommandAsync($Command, [Threading.CancellationToken]::None).GetAwaiter().GetResult() }
}

AfterAll {
    if ($Guest) { $Guest.Dispose() }
    Remove-Module VmiPl
}

Describe 'A probe session' {
    AfterEach { Get-VmiProbe | Stop-VmiProbe }

    It 'gives its records in order, and goes on when Select-Object ends the pipeline' {
        Start-VmiProbe $Guest.Name -ScriptText $Exits | Out-Null
        Invoke-Guest 'spawn 10'
        $first = Receive-VmiStream -Wait -Stream exits | Select-Object -First 3
        $rest = Receive-VmiStream -Wait -Stream exits -Count 7
        @($first.Sequence) + @($rest.Sequence) | Should -Be (0..9)
        (Get-VmiProbe).State | Should -Be 'Running'
    }

    It 'stays listed when the pipeline that started it has ended' {
        Start-VmiProbe $Guest.Name -ScriptText $Exits | Receive-VmiStream -Timeout 0.2 | Out-Null
        (Get-VmiProbe $Guest.Name).State | Should -Be 'Running'
    }

    It 'exports what it records' {
        $file = Join-Path $TestDrive 'exits.csv'
        Start-VmiProbe $Guest.Name -ScriptText $Exits | Out-Null
        Invoke-Guest 'spawn 5'
        Receive-VmiStream -Wait -Stream exits -Count 5 | Export-Csv $file
        (Import-Csv $file).Register | Should -Be (@('CR3') * 5)
    }

    It 'is changed while it runs' {
        Start-VmiProbe $Guest.Name -ScriptText 'ends: ExecuteAt(do_exit){ }' | Set-VmiProbe -ScriptText 'Reconfigure(ends){ ReadRegister(CR3, #ends) }'
        Invoke-Guest 'spawn 2'
        @(Receive-VmiStream -Wait -Stream ends -Count 2).Register | Should -Be @('CR3', 'CR3')
    }

    It 'runs as a job' {
        $job = Start-VmiProbe $Guest.Name -ScriptText $Exits -AsJob
        Invoke-Guest 'spawn 3'
        $job | Stop-Job
        @($job | Receive-Job | Where-Object Register).Count | Should -BeGreaterOrEqual 3
        $job | Remove-Job
        Get-VmiProbe | Should -BeNullOrEmpty
    }

    It 'lists itself with its probes' {
        Start-VmiProbe $Guest.Name -ScriptText $Exits | Format-List | Out-String -Width 200 | Should -Match 'exits: ExecuteAt at do_exit'
    }
}
