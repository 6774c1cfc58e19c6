#!/bin/sh
# Fetches the files of the page of all addresses, exactly as the lock file names them, into api/static/vendor.
set -eu
cd "$(dirname "$0")"
# Without scripts: one of the packages would tell its makers that it was installed.
npm ci --no-audit --no-fund --loglevel=error --ignore-scripts
vendor=../static/vendor
mkdir -p "$vendor"
cp node_modules/swagger-ui-dist/swagger-ui-bundle.js node_modules/swagger-ui-dist/swagger-ui.css "$vendor/"
cp node_modules/swagger-ui-dist/LICENSE "$vendor/swagger-ui.LICENSE"
rm -rf node_modules
echo "Swagger UI is in api/static/vendor"
