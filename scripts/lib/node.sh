# shellcheck shell=bash
# Node, the npm packages and the compiled program, for the scripts beside this directory, which set `root` to the checkout.
# Sourced, not run.

: "${root:?}"

say() { echo "${0##*/}: $*" >&2; }
fail() {
  say "$1"
  exit 3
}

check_node() {
  local version major minor
  command -v node >/dev/null || fail 'Node is missing; install Node 20.19 or newer'
  version=$(node --version)
  IFS=. read -r major minor _ <<<"${version#v}"
  ((major > 20 || (major == 20 && minor >= 19))) || fail "Node is $version; 20.19 or newer is needed"
}

# The installed packages are those of the lock file: by the copy that install kept, or by npm's own note.
packages_current() {
  local modules=$root/node_modules
  if [[ -e $modules/.installed-lock.json ]]; then
    cmp -s "$root/package-lock.json" "$modules/.installed-lock.json"
  else
    [[ $modules/.package-lock.json -nt $root/package-lock.json ]]
  fi
}

# compiled_current DIRECTORY...: nothing in the directories is newer than what was compiled.
compiled_current() {
  [[ -e $root/dist/.compiled && -e $root/dist/bundle/cli/main.js ]] &&
    [[ -z $(cd "$root" && find "$@" scripts/bundling package-lock.json tsconfig.json -newer dist/.compiled -print -quit) ]]
}

# node_ready DIRECTORY...: the locked packages are installed and the sources compiled, each only where its inputs changed;
# the directories are those whose changes count. Two runs at once prepare once.
node_ready() {
  if packages_current && compiled_current "$@"; then return 0; fi
  check_node
  mkdir -p "$root/dist"
  (
    flock 9
    if ! packages_current; then
      say 'installing the npm packages'
      (cd "$root" && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error >&2)
      cp "$root/package-lock.json" "$root/node_modules/.installed-lock.json"
    fi
    if ! compiled_current "$@"; then
      say 'compiling'
      # What was compiled from a file that is gone would still run.
      find "$root/dist" -name '*.js' -delete
      rm -f "$root/dist/.tsbuildinfo"
      touch "$root/dist/.compiling"
      (cd "$root" && node node_modules/ts7/bin/tsc -p tsconfig.json >&2) || fail 'the engine does not compile'
      node "$root/dist/scripts/bundling/main.js" >&2 || fail 'the programs cannot be bundled'
      # As of before the compiler read them, so that an edit meanwhile counts.
      mv "$root/dist/.compiling" "$root/dist/.compiled"
    fi
  ) 9>"$root/dist/.lock"
}
