#!/bin/sh
# Makes sure that a Chromium is there for the browser tests: an installed one, else Debian's package, else playwright's.
set -eu
python=$1
for name in chromium chromium-browser google-chrome; do
    if command -v "$name" >/dev/null 2>&1; then exit 0; fi
done
if command -v apt-get >/dev/null 2>&1 && [ "$(id -u)" = 0 ]; then
    echo "installing Debian's chromium for the browser tests"
    if apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq chromium fonts-dejavu-core >/dev/null; then
        exit 0
    fi
fi
exec "$python" -m playwright install chromium
