# shellcheck shell=bash
# Node, its packages and the compiled program, for the scripts beside this directory. Sourced from the checkout's root.

# Fails with what to do where Node is missing or too old.
node_present() {
  if ! command -v node >/dev/null || ! node -e '
    const [major, minor] = process.versions.node.split(".").map(Number);
    process.exit(major > 20 || (major === 20 && minor >= 19) ? 0 : 1)' 2>/dev/null; then
    echo "build-image needs Node.js 20.19 or newer, with npm: $(command -v node >/dev/null && node --version || echo none found)" >&2
    return 3
  fi
}

# node_ready: installs the locked packages and compiles, each only where its inputs changed. One at a time per checkout.
node_ready() {
  node_present
  mkdir -p node_modules
  exec 9>.build-image.lock
  flock 9
  if [[ ! -e node_modules/.installed || package-lock.json -nt node_modules/.installed ]]; then
    echo 'installing npm packages' >&2
    npm ci --ignore-scripts --no-audit --no-fund --loglevel=error >&2
    mkdir -p node_modules
    touch node_modules/.installed
  fi
  if [[ ! -e dist/.built || -n $(find engine test scripts tsconfig.json package-lock.json -newer dist/.built \
    \( -name '*.ts' -o -name 'tsconfig.json' -o -name package-lock.json -o -type d \) -print -quit) ]]; then
    echo 'compiling' >&2
    # Output of sources that are gone would still be run as tests.
    rm -rf dist
    node node_modules/ts7/bin/tsc -p tsconfig.json >&2
    touch dist/.built
  fi
  exec 9>&-
}
