<#
.SYNOPSIS
    A first look into a running Linux guest, from outside: nothing is installed in it, nothing prepared for it.
.DESCRIPTION
    A runbook to read as much as to run. Each step prints the command that it runs; type the same at a prompt after
    Import-Module ./out/VmiPl. Nothing here changes the guest.
.PARAMETER Machine
    The guest: a name as Get-VmiMachine shows it, or the process id of its QEMU. Left out, the machines are listed.
.EXAMPLE
    ./Examples/first-look.ps1 -Machine web01
#>
param(
    [Parameter(Position = 0)]
    [string] $Machine
)

# The module of this checkout, unless the session has one already.
if (-not (Get-Module VmiPl)) {
    Import-Module ([IO.Path]::Combine($PSScriptRoot, '..', 'out', 'VmiPl', 'VmiPl.psd1'))
}

# Says what a step is for, shows its command as one would type it, and runs it.
function Step([string] $Why, [scriptblock] $Command) {
    "`n# $Why`nPS> $("$Command".Trim().Replace('$Machine', $Machine))" | Out-Host
    & $Command | Out-Host
}

Step 'Which machines run on this host, and how can each be looked into?' {
    Get-VmiMachine
}

if (-not $Machine) {
    "`nName one of them: ./Examples/first-look.ps1 -Machine NAME" | Out-Host
    return
}

# From here on an error ends the runbook. Above it did not: of another user's machine one may see no more than that it is there.
$ErrorActionPreference = 'Stop'

Step "The guest's programs, read from its memory. The kernel's own threads are left out." {
    Get-VmiProcessList $Machine | Where-Object IsKernelThread -eq $false
}

Step 'They are objects, so any filter works: what runs from a path that no package would install to?' {
    Get-VmiProcessList $Machine | Where-Object Path -match '^/(tmp|dev/shm|mnt|home)/|\(deleted\)$|^/memfd:'
}

Step 'Where the kernel keeps things: symbols by name or by pattern.' {
    Get-VmiSymbol $Machine linux_banner, init_task, sys_call_table
}

Step 'Memory at a symbol, as text.' {
    Read-VmiMemory $Machine linux_banner -As String
}

Step 'The same place as bytes.' {
    Read-VmiMemory $Machine linux_banner -Length 64
}

Step 'What the vCPUs are at: their registers (a running vCPU is stopped for a moment to look).' {
    Get-VmiRegister $Machine
}

Step "The kernel's loaded modules." {
    Get-VmiModule $Machine
}
