#Requires -Version 7.6
#Requires -Modules @{ ModuleName = 'Pester'; ModuleVersion = '5.0' }
<#
    What a user of the module may rely on, checked in a real pwsh against a guest that tells the truth about itself.
    Build first (./build.sh build); then: Invoke-Pester tests/Acceptance
#>
BeforeDiscovery {
    $script:Cmdlets = @(
        'Connect-VmiMachine', 'Disconnect-VmiMachine', 'Export-VmiProfile', 'Get-VmiMachine', 'Get-VmiModule', 'Get-VmiProbe',
        'Get-VmiProcessList', 'Get-VmiProfile', 'Get-VmiRegister', 'Get-VmiStream', 'Get-VmiSymbol', 'Read-VmiMemory', 'Receive-VmiStream',
        'Resume-VmiMachine', 'Save-VmiMemory', 'Send-VmiRequest', 'Set-VmiProbe', 'Start-VmiMachine', 'Start-VmiProbe', 'Stop-VmiProbe',
        'Suspend-VmiMachine', 'Test-VmiScript', 'Write-VmiMemory'
    )
}

BeforeAll {
    $root = Resolve-Path (Join-Path $PSScriptRoot '../..')
    Import-Module (Join-Path $root 'out/VmiPl/VmiPl.psd1') -Force

    $assembly = Get-ChildItem (Join-Path $root 'tests/guests/bin/*/net10.0/TestGuests.dll') | Sort-Object LastWriteTime | Select-Object -Last 1
    Add-Type -Path $assembly.FullName
    $missing = [VmiPl.TestGuests.GuestRequirements]::Missing()
    if ($missing.Count -gt 0) { throw "A test guest needs: $($missing -join ', ')" }
    $script:Guest = [VmiPl.TestGuests.TestGuest]::Start([VmiPl.TestGuests.GuestOptions]::new())
    $script:Truth = $Guest.Snapshot($true)
}

AfterAll {
    if ($Guest) { $Guest.Dispose() }
    Remove-Module VmiPl
}

Describe 'The module' {
    It 'exports <_> with help for every parameter and two examples' -ForEach $Cmdlets {
        $help = Get-Help $_ -Full
        $help.description.Text | Should -Not -BeNullOrEmpty
        @($help.examples.example).Count | Should -BeGreaterOrEqual 2
        $own = (Get-Command $_).Parameters.Keys |
            Where-Object { $_ -notin [Management.Automation.PSCmdlet]::CommonParameters -and $_ -notin [Management.Automation.PSCmdlet]::OptionalCommonParameters }
        $documented = @($help.parameters.parameter.name)
        $own | Where-Object { $_ -notin $documented } | Should -BeNullOrEmpty
    }
}

Describe 'Get-VmiMachine' {
    It 'finds the guest with what it is made of' {
        $machine = Get-VmiMachine $Guest.Name
        $machine.ProcessId | Should -Be $Guest.ProcessId
        $machine.VcpuCount | Should -Be $Guest.Options.Vcpus
        $machine.MemoryBytes | Should -Be ($Guest.Options.MemoryMiB * 1MB)
        $machine.KernelRelease | Should -Be $Truth.Release
        "$($machine.State)" | Should -Be 'Running'
    }

    It 'takes wildcards, and says so where nothing answers to a name' {
        @(Get-VmiMachine "$($Guest.Name.Substring(0, 6))*").Name | Should -Contain $Guest.Name
        { Get-VmiMachine 'no-such-machine' -ErrorAction Stop } | Should -Throw '*no-such-machine*'
    }
}

Describe 'Start-VmiMachine' {
    BeforeAll {
        $script:Config = Join-Path $Guest.Folder 'acceptance 01.cfg'
        Set-Content $Config "[machine]`n  type = `"pc`"`n[memory]`n  size = `"16`""
    }

    It 'starts a machine from a file, which is found, and lives until it is ended' {
        $machine = Start-VmiMachine $Config -ArgumentList '-accel', 'tcg', '-nic', 'none', '-S'
        try {
            $machine.Name | Should -Be 'acceptance 01'
            "$($machine.State)" | Should -Be 'Paused'
            (Get-VmiMachine 'acceptance 01').ProcessId | Should -Be $machine.ProcessId
            "/proc/$($machine.ProcessId)/maps" | Should -FileContentMatch 'libvmi-shim'
        }
        finally {
            Stop-Process -Id $machine.ProcessId
        }
    }

    It 'gives QEMU''s own words where it can''t be started' {
        { Start-VmiMachine -ArgumentList '-no-such-option' -ErrorAction Stop } | Should -Throw '*-no-such-option: invalid option*'
        { Start-VmiMachine -ArgumentList '-S' -Qemu no-such-qemu -ErrorAction Stop } | Should -Throw '*no-such-qemu*'
    }

    It 'starts nothing with -WhatIf' {
        Start-VmiMachine $Config -WhatIf | Should -BeNullOrEmpty
    }
}

Describe 'Get-VmiProcessList' {
    It 'gives the processes that the guest itself sees, field for field' {
        $seen = Get-VmiProcessList $Guest.Name | Sort-Object ProcessId
        $true_ = $Truth.Processes | Sort-Object Pid
        ($seen.ProcessId -join ' ') | Should -Be ($true_.Pid -join ' ')
        ($seen.ParentProcessId -join ' ') | Should -Be ($true_.ParentPid -join ' ')
        ($seen.UserId -join ' ') | Should -Be ($true_.Uid -join ' ')
        ($seen.ThreadCount -join ' ') | Should -Be ($true_.Threads -join ' ')
        ($seen.Name -join "`n") | Should -Be ($true_.Comm -join "`n")
        ($seen.Path -join "`n") | Should -Be ($true_.ExePath -join "`n")
    }

    It 'takes the machine from the pipeline and survives serialisation' {
        $list = Get-VmiMachine $Guest.Name | Get-VmiProcessList
        $again = [Management.Automation.PSSerializer]::Deserialize([Management.Automation.PSSerializer]::Serialize($list[0]))
        $again.ProcessId | Should -Be $list[0].ProcessId
        $again.Name | Should -Be $list[0].Name
    }

    It 'shows a table of its own' {
        (Get-VmiProcessList $Guest.Name | Out-String -Width 200) | Should -Match 'PID'
    }
}

Describe 'Get-VmiSymbol and Read-VmiMemory' {
    It 'gives the addresses that the guest itself knows' {
        $true_ = $Truth.Kallsyms | Where-Object Name -eq 'linux_banner' | Select-Object -First 1
        (Get-VmiSymbol $Guest.Name linux_banner).Address | Should -Be $true_.Address
    }

    It 'reads text at a symbol' {
        Read-VmiMemory $Guest.Name linux_banner -As String | Should -BeLike "Linux version $($Truth.Release) *"
    }

    It 'reads a process''s own memory' {
        $marker = Get-VmiProcessList $Guest.Name | Where-Object Name -eq 'marker'
        Read-VmiMemory $Guest.Name ([VmiPl.TestGuests.TestGuest]::MarkerAddress) -ProcessId $marker.ProcessId -As String |
            Should -Be ([VmiPl.TestGuests.TestGuest]::MarkerText)
    }

    It 'says what could not be read' {
        { Read-VmiMemory $Guest.Name 0x10 -ErrorAction Stop } | Should -Throw '*0x10*'
    }
}

Describe 'Suspend-VmiMachine and Resume-VmiMachine' {
    It 'pauses and goes on, and does neither with -WhatIf' {
        Suspend-VmiMachine $Guest.Name -WhatIf
        "$((Get-VmiMachine $Guest.Name).State)" | Should -Be 'Running'
        Suspend-VmiMachine $Guest.Name -Confirm:$false
        "$((Get-VmiMachine $Guest.Name).State)" | Should -Be 'Paused'
        Resume-VmiMachine $Guest.Name -Confirm:$false
        "$((Get-VmiMachine $Guest.Name).State)" | Should -Be 'Running'
    }
}

Describe 'Save-VmiMemory' {
    It 'writes a core that shows the same processes' {
        $file = Join-Path $Guest.Folder 'saved.core'
        Suspend-VmiMachine $Guest.Name -Confirm:$false
        try {
            $live = Get-VmiProcessList $Guest.Name
            Save-VmiMemory $Guest.Name $file -Confirm:$false
            $saved = Get-VmiProcessList (Connect-VmiMachine -Path $file)
            ($saved.ProcessId -join ' ') | Should -Be ($live.ProcessId -join ' ')
        }
        finally {
            Resume-VmiMachine $Guest.Name -Confirm:$false
        }
    }
}
