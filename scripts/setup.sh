#!/usr/bin/env bash
# Installs the Debian packages that are missing; without root, says exactly which. Usage:
# scripts/setup.sh [train], where `train` adds what training needs (libtorch, 934 MB installed).
set -euo pipefail
cd "$(dirname "$0")/.."

lists=(scripts/packages.txt)
[ "${1:-}" = train ] && lists+=(scripts/packages-train.txt)
missing=()
while read -r package; do
  [ -n "$package" ] || continue
  dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing+=("$package")
done < <(cat "${lists[@]}")
[ ${#missing[@]} -eq 0 ] && exit 0

if [ "$(id -u)" -ne 0 ]; then
  echo "syncopate: these Debian packages are missing; install them and run make again:" >&2
  echo "  sudo apt-get install ${missing[*]}" >&2
  exit 2
fi
echo "Installing ${#missing[@]} Debian packages: ${missing[*]}"
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq
apt-get install -y -qq --no-install-recommends "${missing[@]}" > /dev/null
