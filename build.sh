#!/usr/bin/env bash
# The front door for a plain shell: finds or makes a PowerShell and passes its words on to build.ps1.
#
#   ./build.sh [build|test|demo|bench|clean|syscalls|lab|languagefiles] [arguments]
set -euo pipefail

root=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd -P)

fail() {
  printf '%s\n' "$@" >&2
  exit 1
}

# dotnet and NuGet keep their caches below HOME and refuse to work without one.
if [ -z "${HOME:-}" ] || ! [ -w "$HOME" ]; then
  HOME=$(getent passwd "$(id -u)" 2>/dev/null | cut -d: -f6 || true)
  if [ -z "$HOME" ] || ! [ -w "$HOME" ]; then
    HOME="$root/out/home"
    mkdir -p -- "$HOME"
  fi
  export HOME
fi

# Installers put dotnet into places that a bare PATH does not have.
for folder in "${DOTNET_ROOT:-}" "$HOME/.dotnet" /usr/share/dotnet /usr/lib/dotnet /usr/local/share/dotnet /opt/dotnet; do
  if ! command -v dotnet >/dev/null && [ -n "$folder" ] && [ -x "$folder/dotnet" ]; then
    export PATH="$folder:$PATH" DOTNET_ROOT="$folder"
  fi
done

export DOTNET_CLI_TELEMETRY_OPTOUT=1 DOTNET_NOLOGO=1
# The SDK needs no ICU library for what is done here, and a small machine may have none.
export DOTNET_SYSTEM_GLOBALIZATION_INVARIANT=1
# No compiler or build server stays behind.
export MSBUILDDISABLENODEREUSE=1 DOTNET_CLI_USE_MSBUILD_SERVER=0 UseSharedCompilation=false

command -v dotnet >/dev/null || fail \
  "VmiPl needs the .NET SDK 10: no 'dotnet' was found." \
  "Get it from your distribution (package dotnet-sdk-10.0) or from https://dotnet.microsoft.com/download, then run this again."
sdks=$(dotnet --list-sdks | cut -d' ' -f1 || true)
major=$(printf '%s\n' "$sdks" | cut -d. -f1 | sort -n | tail -n 1)
[ "${major:-0}" -ge 10 ] || fail \
  "VmiPl needs the .NET SDK 10; '$(command -v dotnet)' has: ${sdks:-no SDK at all (a runtime only)}." \
  "Get it from your distribution (package dotnet-sdk-10.0) or from https://dotnet.microsoft.com/download, then run this again."

# 7.6 is the first PowerShell on .NET 10, which the module is built for.
has_pwsh() {
  command -v pwsh >/dev/null && pwsh -NoProfile -NonInteractive -Command \
    'exit [int](($PSVersionTable.PSVersion.Major * 100 + $PSVersionTable.PSVersion.Minor) -lt 706)' >/dev/null 2>&1
}

if has_pwsh; then
  exec pwsh -NoProfile -NonInteractive -File "$root/build.ps1" "$@"
fi

# No PowerShell here: the project's own small host runs the same script.
host="$root/tests/PowerShellHost"
dll="$host/bin/Release/net10.0/PowerShellHost.dll"
newest=$(find "$host" "$root"/Directory.*.props "$root/VmiPl.psd1" -name bin -prune -o -name obj -prune -o -type f -newer "$dll" -print 2>/dev/null | head -n 1 || true)
if ! [ -f "$dll" ] || [ -n "$newest" ]; then
  echo "Building a PowerShell host (no pwsh 7.6 was found) …" >&2
  locked=()
  [ "${CI:-}" != true ] || locked=(-p:RestoreLockedMode=true)
  log=$(dotnet build "$host" --configuration Release --verbosity quiet -nologo "${locked[@]}" 2>&1) || fail "$log"
  touch -- "$dll"
fi
exec dotnet exec "$dll" "$root/build.ps1" "$@"
