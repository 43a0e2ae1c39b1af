@{
    RootModule           = 'VmiPl.PowerShell.dll'
    ModuleVersion        = '0.1.0'
    GUID                 = '6e2bb1a3-2b1e-4d7f-9c8f-2f6f3a7b5d10'
    Author               = 'The VmiPl authors'
    CompanyName          = 'The VmiPl authors'
    Copyright            = '(c) The VmiPl authors. MIT licence.'
    Description          = 'Looks into running QEMU/KVM guests from outside: their processes, symbols, memory and registers.'
    PowerShellVersion    = '7.6'
    CompatiblePSEditions = @('Core')
    FormatsToProcess     = @('VmiPl.format.ps1xml')
    TypesToProcess       = @('VmiPl.types.ps1xml')
    FunctionsToExport    = @()
    VariablesToExport    = @()
    CmdletsToExport      = @(
        'Connect-VmiMachine'
        'Disconnect-VmiMachine'
        'Export-VmiProfile'
        'Get-VmiMachine'
        'Get-VmiModule'
        'Get-VmiProbe'
        'Get-VmiProcessList'
        'Get-VmiProfile'
        'Get-VmiRegister'
        'Get-VmiStream'
        'Get-VmiSymbol'
        'Read-VmiMemory'
        'Receive-VmiStream'
        'Resume-VmiMachine'
        'Save-VmiMemory'
        'Send-VmiRequest'
        'Set-VmiProbe'
        'Start-VmiMachine'
        'Start-VmiProbe'
        'Stop-VmiProbe'
        'Suspend-VmiMachine'
        'Test-VmiScript'
        'Write-VmiMemory'
    )
    AliasesToExport      = @('Get-VmiProcess')
    PrivateData          = @{
        PSData = @{
            Tags       = @('QEMU', 'KVM', 'VMI', 'Linux', 'Forensics', 'Memory')
            LicenseUri = 'https://opensource.org/license/mit'
        }
    }
}
