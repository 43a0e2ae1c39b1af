<#
.SYNOPSIS
    Logs one system call of a guest, with its caller's registers, for a number of calls; then says what that has cost.
.DESCRIPTION
    A runbook to read as much as to run. It changes nothing but the guest's pace: each call stops it for a moment.
.PARAMETER Machine
    The guest: a name as Get-VmiMachine shows it, or the process id of its QEMU.
.PARAMETER Call
    The system call, by name.
.PARAMETER Count
    How many calls to log.
.PARAMETER Seconds
    End earlier when there was none for so long.
.EXAMPLE
    ./Examples/syscall-log.ps1 web01 openat -Count 50
#>
param(
    [Parameter(Mandatory, Position = 0)]
    [string] $Machine,

    [Parameter(Position = 1)]
    [string] $Call = 'openat',

    [int] $Count = 100,

    [double] $Seconds = 30
)

if (-not (Get-Module VmiPl)) {
    Import-Module ([IO.Path]::Combine($PSScriptRoot, '..', 'out', 'VmiPl', 'VmiPl.psd1'))
}
$ErrorActionPreference = 'Stop'

$session = Start-VmiProbe $Machine -Name "$Call-log" -ScriptText "
calls: Syscall($Call){
    ReadRegister(RDI, #calls)
    ReadRegister(RSI, #calls)
    ReadRegister(RDX, #calls)
}
"
try {
    # One event's records have one time, and come one after the other.
    $registers = [ordered]@{}
    $session | Receive-VmiStream -Stream calls -Count (3 * $Count) -Timeout $Seconds | ForEach-Object {
        $registers[$_.Register] = '0x{0:x}' -f $_.Value
        if ($_.Register -eq 'RDX') {
            [pscustomobject]@{ Time = $_.Time; Vcpu = $_.Vcpu; Call = $Call; RDI = $registers.RDI; RSI = $registers.RSI; RDX = $registers.RDX }
            $registers.Clear()
        }
    }
    $probe = $session.Probes[0]
    "$($probe.Hits) calls seen, $($probe.Lost) records lost; the guest was held for $($probe.Time.TotalMilliseconds) ms in all." | Out-Host
} finally {
    $session | Stop-VmiProbe
}
