#!/bin/sh
# Installs what the tests use besides npm packages: strace (kills commands at a system call), SoftHSM and NSS (tokens),
# openssl, pkcs11-tool, and a compiler with the PKCS#11 headers for the fault shim. Does so only as root on a system with
# apt; says what it did.
set -u
wanted="strace softhsm2 opensc libnss3 libnss3-tools openssl gcc libc6-dev libp11-kit-dev"
missing=""
for package in $wanted; do
  dpkg -s "$package" >/dev/null 2>&1 || missing="$missing $package"
done
if [ -z "$missing" ]; then
  echo "setup-system: everything is there: $wanted"
  exit 0
fi
if ! command -v apt-get >/dev/null 2>&1; then
  echo "setup-system: no apt-get here; the tests that need$missing will say that they are left out"
  exit 0
fi
if [ "$(id -u)" != 0 ]; then
  echo "setup-system: not root; run as root to install$missing, or the tests that need them are left out"
  exit 0
fi
apt-get update -q >/dev/null && DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends $missing >/dev/null || {
  echo "setup-system: apt-get could not install$missing" >&2
  exit 1
}
echo "setup-system: installed$missing"
