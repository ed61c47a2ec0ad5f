#!/bin/sh
# Starts the program beside this file. Node reads the certificates of NODE_EXTRA_CA_CERTS as it starts, which takes longer
# than most commands do: under the other name the program reads them where it speaks TLS.
set -eu
self=$0
if [ -h "$self" ]; then self=$(readlink -f "$self"); fi
if [ -n "${NODE_EXTRA_CA_CERTS-}" ]; then
  export BUILD_IMAGE_EXTRA_CA_CERTS="$NODE_EXTRA_CA_CERTS"
  unset NODE_EXTRA_CA_CERTS
fi
exec node "${self%/*}/main.js" "$@"
