#!/bin/sh
# The types of the page's modules, which stand in their JSDoc, checked by TypeScript.
set -eu
cd "$(dirname "$0")/.."
if ! command -v npx >/dev/null; then
    echo "no npm here: the page's types are not checked" >&2
    exit 1
fi
exec npx --yes --package typescript@7 tsc -p meshnode/web/jsconfig.json
