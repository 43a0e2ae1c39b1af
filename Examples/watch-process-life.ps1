<#
.SYNOPSIS
    Shows which programs a guest starts and which of its processes end, as it happens, from outside.
.DESCRIPTION
    A runbook to read as much as to run. The probes are taken out again when it ends, by Ctrl-C too. Each event stops the guest
    for a moment.
.PARAMETER Machine
    The guest: a name as Get-VmiMachine shows it, or the process id of its QEMU.
.PARAMETER Seconds
    End when nothing happened for so long; left out, it goes on until the guest ends.
.EXAMPLE
    ./Examples/watch-process-life.ps1 web01
#>
param(
    [Parameter(Mandatory, Position = 0)]
    [string] $Machine,

    [double] $Seconds
)

if (-not (Get-Module VmiPl)) {
    Import-Module ([IO.Path]::Combine($PSScriptRoot, '..', 'out', 'VmiPl', 'VmiPl.psd1'))
}
$ErrorActionPreference = 'Stop'

$until = if ($Seconds) { @{ Timeout = $Seconds } } else { @{ Wait = $true } }
$session = Start-VmiProbe $Machine -Name process-life -ScriptText @'
starts: Syscall(execve){
    ReadString(RDI, 256, #life)
}
ends: ExecuteAt(do_exit){
    ReadRegister(CR3, #life)
}
'@
try {
    # Which page directory belongs to which process is known from the guest's list; one that is not in it yet is looked up again.
    $names = @{}
    $session | Receive-VmiStream @until | ForEach-Object {
        if ($_.Label -eq 'starts') {
            [pscustomobject]@{ Time = $_.Time; What = 'start'; Process = $_.Text }
        } elseif ($_.Label -eq 'ends') {
            # Without the low twelve bits, and bit 12, which tells the user's half of isolated page tables.
            $directory = $_.PageDirectory -band (-bnot [ulong] 0x1000)
            if (-not $names.ContainsKey($directory)) {
                Get-VmiProcessList $Machine | Where-Object PageDirectory | ForEach-Object { $names[$_.PageDirectory] = "$($_.ProcessId) $($_.Name)" }
            }
            [pscustomobject]@{ Time = $_.Time; What = 'end'; Process = $names[$directory] }
            $names.Remove($directory)
        } else {
            $_
        }
    }
} finally {
    $session | Stop-VmiProbe
}
