# shellcheck shell=bash
# Debian packages for the scripts beside this directory. Sourced, not run.

# Runs apt-get once more every few seconds while another process holds one of its locks: DPkg::Lock::Timeout covers the
# lock of dpkg alone, not those of the package lists and of the archive directory.
apt_get() {
  local log status deadline=$((SECONDS + 120))
  log=$(mktemp)
  while :; do
    status=0
    DEBIAN_FRONTEND=noninteractive apt-get -qq -o DPkg::Lock::Timeout=120 -o Dpkg::Use-Pty=0 "$@" \
      </dev/null >"$log" 2>&1 || status=$?
    if ((status == 0)) || ((SECONDS >= deadline)) || ! grep -q 'Could not get lock\|Unable to lock' "$log"; then break; fi
    sleep 2
  done
  if ((status != 0)); then cat "$log" >&2; fi
  rm -f "$log"
  return "$status"
}

# Whether the init system would start a service that a package brings.
services_may_start() {
  [[ ! -x /usr/sbin/policy-rc.d ]] || /usr/sbin/policy-rc.d "$1" start >/dev/null 2>&1
}

# apt_install PACKAGE...: installs what is missing, without recommended packages, and starts no service of theirs.
# Needs root. Lists that are absent or stale are fetched, then the installation is tried once more.
apt_install() {
  local package missing=() policy=/usr/sbin/policy-rc.d
  for package in "$@"; do
    [[ $(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null) == installed ]] || missing+=("$package")
  done
  if ((${#missing[@]} == 0)); then return 0; fi
  if ((EUID != 0)); then
    echo "these Debian packages are missing and only root can install them: apt-get install ${missing[*]}" >&2
    return 3
  fi
  echo "installing Debian packages: ${missing[*]}" >&2
  (
    if services_may_start "${missing[0]}"; then
      # A policy of the machine's own comes back when this subshell ends, however it ends.
      if [[ -e $policy ]]; then
        mv "$policy" "$policy.build-image"
        trap 'mv "$policy.build-image" "$policy"' EXIT
      else
        trap 'rm -f "$policy"' EXIT
      fi
      trap 'exit 130' INT TERM
      printf '#!/bin/sh\nexit 101\n' >"$policy"
      chmod 755 "$policy"
    fi
    if apt_get --no-install-recommends --simulate install "${missing[@]}" 2>/dev/null &&
      apt_get -y --no-install-recommends install "${missing[@]}" 2>/dev/null; then
      exit 0
    fi
    apt_get update && apt_get -y --no-install-recommends install "${missing[@]}"
  )
}
