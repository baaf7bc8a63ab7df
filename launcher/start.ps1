# Finds a Python for the action on Windows and hands over to main.py: start.sh for PowerShell 5.1.

# Under 'Stop', PowerShell 5.1 takes a native program's first line on stderr for an exception.
$ErrorActionPreference = 'Continue'

# DateTimeOffset has seconds since the epoch only from .NET 4.6 on; this works on any.
$epoch = New-Object DateTime 1970, 1, 1, 0, 0, 0, ([DateTimeKind]::Utc)
$env:FLOW_TELEMETRY_STARTED_AT = [string][long][Math]::Floor(([DateTime]::UtcNow - $epoch).TotalSeconds)

# An entry of PATH that is empty or relative is a folder of the workspace, where anyone whose code is in
# the checkout could put a python.exe that gets our secrets.
$absolute = '^"?([A-Za-z]:[\\/]|\\\\)'
$env:PATH = @($env:PATH -split ';' | Where-Object { $_ -match $absolute }) -join ';'

# A later value of an output replaces an earlier one. These stay if the program cannot set its own.
if ($env:GITHUB_OUTPUT) {
    # Not Out-File: in PowerShell 5.1 its UTF-8 begins with a byte order mark.
    [IO.File]::AppendAllText($env:GITHUB_OUTPUT, "spans=0`nstatus=skipped`n")
}

$main = Join-Path $PSScriptRoot 'main.py'
$probe = 'import sys; print(sys.version_info >= (3, 10))'
# For the switches see start.sh. `py -3` is the launcher that python.org's installer brings.
$isolated = @('-I', '-S', '-B', '-u', '-X', 'utf8')

foreach ($candidate in @(@('python'), @('python3'), @('py', '-3'))) {
    $command = Get-Command $candidate[0] -CommandType Application -ErrorAction SilentlyContinue |
        Select-Object -First 1
    if (-not $command) { continue }
    $before = @($candidate | Select-Object -Skip 1)
    # The Microsoft Store's stand-in for Python fails this, as does a Python that is too old or that
    # hangs, and a script in place of Python that runs nothing.
    $process = New-Object System.Diagnostics.Process
    $process.StartInfo.FileName = $command.Path
    $process.StartInfo.Arguments = ($before + @('-I', '-S', '-c', "`"$probe`"")) -join ' '
    $process.StartInfo.UseShellExecute = $false
    $process.StartInfo.RedirectStandardOutput = $true
    $process.StartInfo.RedirectStandardError = $true
    try {
        [void]$process.Start()
        if (-not $process.WaitForExit(3000)) {
            $process.Kill()
            continue
        }
        if ($process.StandardOutput.ReadToEnd().Trim() -ne 'True') { continue }
    } catch { continue }
    & $command.Path @before @isolated $main
    exit $LASTEXITCODE
}

$message = 'needs Python 3.10 or newer on PATH and found none; nothing was exported. ' +
    'Put actions/setup-python before this step.'
if ($env:FLOW_TELEMETRY_FAIL_ON_ERROR -eq 'true') {
    Write-Host "::error title=flow-telemetry::$message"
    exit 1
}
Write-Host "::warning title=flow-telemetry::$message"
exit 0
