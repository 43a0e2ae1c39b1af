<#
.SYNOPSIS
    Prints how many records a second Receive-VmiStream hands out on one pipeline: a line for each round.
#>
param([string] $Module, [string] $Machine, [int] $Rounds = 3, [int] $Requests = 1200)

$ErrorActionPreference = 'Stop'
Import-Module $Module
$session = Start-VmiProbe $Machine -Capacity 10000000 -ScriptText 'OnExternalRequest(1){ ProcessList(PID, NAME, #list) }'
try {
    for ($round = 0; $round -lt $Rounds; $round++) {
        for ($i = 0; $i -lt $Requests; $i++) { $session | Send-VmiRequest -Id 1 }
        $waiting = ($session | Get-VmiStream | Where-Object Name -eq 'list').Waiting
        $watch = [Diagnostics.Stopwatch]::StartNew()
        $session | Receive-VmiStream -Stream list | Out-Null
        "$waiting $($watch.Elapsed.TotalSeconds)"
    }
} finally {
    $session | Stop-VmiProbe
}
