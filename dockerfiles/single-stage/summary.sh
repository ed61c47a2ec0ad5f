#!/bin/sh
# summary FILE: the number of items in FILE and what they cost together.
set -eu
jq --raw-output --arg currency "${CURRENCY:-EUR}" \
    '"\(length) items, \(map(.price) | add) \($currency)"' "$1"
